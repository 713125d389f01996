//! What goes into the acceptor and what comes out of it.

use crate::base::aet::{AeTitle, AeTitleError};
use crate::base::limits::PDU_BYTES_MAX;
use crate::base::receipt::Receipt;
use crate::base::uid::Uid;
use crate::dicom::context::Slips;
use crate::dicom::dimse::{CommandError, Priority};
use crate::dicom::pdu::associate::AssociateError;
use crate::dicom::pdu::frames::FrameError;
use crate::dicom::pdu::{Abort, Rejection};
use crate::dicom::status::Refusal;

/// What a site may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptorSettings {
    /// Bytes of the P-DATA-TF PDUs that we announce, and send at most.
    pub max_pdu: u32,
}

impl Default for AcceptorSettings {
    fn default() -> Self {
        Self { max_pdu: PDU_BYTES_MAX }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes came from the peer.
    Received(&'a [u8]),
    /// The association of [`Action::Indicate`] is wanted.
    Accept,
    /// The association of [`Action::Indicate`] is not wanted.
    Reject(Rejection),
    /// The object of [`Action::End`] is safe.
    Stored(Receipt),
    /// The object of [`Action::Begin`] or [`Action::End`] is not kept.
    Refused(Refusal),
    /// The peer closed the connection, or it broke.
    Closed,
    /// [`Acceptor::deadline`](super::Acceptor::deadline) has passed.
    Timeout,
    /// The box stops: the object at hand is finished, nothing new is begun.
    Shutdown,
}

/// What the driver does, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Decide about this association; answer with `Accept` or `Reject` at once.
    Indicate(Box<AssociationRequest>),
    /// Write these bytes to the peer.
    Send(Vec<u8>),
    /// An object begins.
    Begin(Box<StoreRequest>),
    /// Bytes of its data set, never empty.
    Data(Vec<u8>),
    /// Its data set is complete; answer with `Stored` or `Refused`.
    End,
    /// The object will not be completed: roll it back.
    Drop(DropReason),
    /// Close the connection; nothing follows.
    Close,
    /// Something for the log; no patient data.
    Note(Oddity),
}

/// Who asks for an association, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssociationRequest {
    /// Calling AE title.
    pub calling: AeTitle,
    /// Called AE title.
    pub called: AeTitle,
    /// Implementation Class UID.
    pub implementation_class: Option<Uid>,
    /// Implementation Version Name.
    pub implementation_version: Option<String>,
    /// Presentation contexts that we would answer.
    pub proposed: usize,
    /// Those of them that we would accept.
    pub accepted: usize,
    /// What the accepted contexts are good for.
    pub purpose: Purpose,
    /// Whether the peer named a user; we neither check nor keep it.
    pub user: User,
}

/// What the accepted contexts are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// None was accepted.
    Nothing,
    /// C-ECHO only: to be accepted also when there is no room for objects.
    Verification,
    /// Objects.
    Storage,
}

/// Whether a user identity came with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// None.
    Absent,
    /// One, of this type (PS3.7 D.3.3.7).
    Named(u8),
}

/// A C-STORE request whose data set begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreRequest {
    /// Message ID.
    pub message_id: u16,
    /// Presentation context ID.
    pub context: u8,
    /// Affected SOP Class UID of the command.
    pub sop_class: Uid,
    /// Affected SOP Instance UID of the command.
    pub sop_instance: Uid,
    /// Transfer syntax of the data set: the one agreed on.
    pub transfer_syntax: Uid,
    /// Priority.
    pub priority: Priority,
    /// Move Originator AE Title and Message ID, where a C-MOVE caused the request.
    pub move_originator: Option<(AeTitle, u16)>,
}

/// Why an object was not completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The peer released in mid-object.
    Released,
    /// The peer aborted.
    Aborted,
    /// The connection went.
    Closed,
    /// Too few bytes for too long.
    TooSlow,
    /// The peer broke the protocol.
    Protocol,
    /// The box stops, and the object would not end.
    Shutdown,
}

/// What is worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// The association was rejected without asking the driver.
    Rejected(Rejection),
    /// The calling AE title is none.
    CallingTitle(AeTitleError),
    /// The called AE title is none.
    CalledTitle(AeTitleError),
    /// Context IDs against the standard, let pass.
    Contexts(Slips),
    /// Items of the request that were unknown, malformed or repeated.
    IgnoredItems(u32),
    /// The request cannot be read.
    Associate(AssociateError),
    /// PDUs cannot be cut out of the stream.
    Frame(FrameError),
    /// A TLS client called the plain port.
    TlsHello,
    /// A browser called.
    HttpRequest,
    /// A PDU of this type is unknown, or comes out of turn.
    Pdu(u8),
    /// A fragment of odd length, let pass; told once.
    OddFragment,
    /// Too many empty fragments in a row.
    EmptyFragments,
    /// A command set that cannot be answered.
    Command(CommandError),
    /// A command set over the limit.
    CommandTooLong,
    /// The group length of a command set is wrong, let pass; told once.
    GroupLength,
    /// The command names another class than its context, let pass.
    ClassOfContext,
    /// Fragments where none may be.
    FragmentOutOfTurn,
    /// A fragment on this context, which was not agreed on or is not the message's.
    FragmentContext(u8),
    /// A command that only an acceptor sends.
    Response,
    /// The peer announced a data set, and none or too much came.
    Drained,
    /// The object was refused, and its rest is too long to be read away.
    RefusedTooLong,
    /// The peer released in mid-object.
    ReleasedAmid,
    /// The peer aborted.
    PeerAborted(Abort),
    /// The box stops.
    Shutdown,
    /// Nothing was heard for too long.
    Idle,
    /// Too few bytes for too long.
    TooSlow,
    /// The driver fed an input that this state does not have; it was ignored.
    OutOfTurn,
}
