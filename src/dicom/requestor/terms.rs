//! What goes into the requestor and what comes out of it.

use crate::base::aet::AeTitle;
use crate::base::limits::{CONTEXTS_MAX, PDU_BYTES_MAX};
use crate::base::uid::Uid;
use crate::dicom::dimse::{CommandError, Priority};
use crate::dicom::header::Tag;
use crate::dicom::pdu::associate::AssociateError;
use crate::dicom::pdu::frames::FrameError;
use crate::dicom::pdu::{Abort, Rejection};
use crate::dicom::status::Status;

/// Who calls whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestorSettings {
    /// Calling AE title.
    pub calling: AeTitle,
    /// Called AE title.
    pub called: AeTitle,
    /// Bytes of the P-DATA-TF PDUs that we announce, and send at most.
    pub max_pdu: u32,
}

impl RequestorSettings {
    /// Calls `called` as `calling` with the usual PDU size.
    pub fn new(calling: AeTitle, called: AeTitle) -> Self {
        Self { calling, called, max_pdu: PDU_BYTES_MAX }
    }
}

/// A presentation context to be had: exactly one transfer syntax, or the peer would choose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// SOP class.
    pub class: Uid,
    /// Transfer syntax.
    pub transfer_syntax: Uid,
}

/// Why no association can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an association takes 1 to {CONTEXTS_MAX} contexts, not {count}")]
pub struct PairsError {
    /// Different pairs given.
    pub count: usize,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The connection stands.
    Connected,
    /// Bytes came from the peer.
    Received(&'a [u8]),
    /// Send a C-ECHO.
    Echo,
    /// Send an object; its data set is asked for by [`Action::WantData`].
    Store(StoreOrder),
    /// The next bytes of the data set that was asked for.
    Data(&'a [u8], Rest),
    /// Release the association; between messages only.
    Release,
    /// Break the association off.
    Abort,
    /// The peer closed the connection, or it broke or never stood.
    Closed,
    /// [`Requestor::deadline`](super::Requestor::deadline) has passed.
    Timeout,
}

/// Whether a data set goes on behind the bytes given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It does.
    More,
    /// These are the last.
    Last,
}

/// An object to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOrder {
    /// Class and transfer syntax: one of the pairs of the association.
    pub pair: Pair,
    /// SOP Instance UID, as in the data set.
    pub sop_instance: Uid,
    /// Priority.
    pub priority: Priority,
}

/// What the driver does, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write these bytes to the peer.
    Send(Vec<u8>),
    /// The association stands; these pairs were refused.
    Established(Vec<RefusedPair>),
    /// Feed [`Input::Data`], once what was to be sent is written.
    WantData,
    /// The message that was out ended so.
    Outcome(Outcome),
    /// The association ended so; close once the peer has or at the deadline.
    Ended(Outcome),
    /// Close the connection; nothing follows.
    Close,
    /// Something for the log; no patient data.
    Note(Oddity),
}

/// A pair that cannot be sent on this association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedPair {
    /// The pair.
    pub pair: Pair,
    /// Why.
    pub verdict: Verdict,
}

/// Why a pair cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The peer refused it with this result: 1 user, 2 no reason, 3 abstract syntax, 4 transfer
    /// syntaxes (PS3.8 9.3.3.2).
    Refused(u8),
    /// The peer did not answer it.
    Unanswered,
    /// The peer accepted it with a transfer syntax that was not proposed.
    OtherSyntax,
    /// It was not proposed.
    NotProposed,
}

/// How a message or an association ended, in the peer's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer answered: success, warning or refusal.
    Answered(Answer),
    /// There is no context for it.
    NoContext(Verdict),
    /// The peer rejected the association.
    Rejected(Rejection),
    /// The peer aborted.
    Aborted(Abort),
    /// The peer released although a message was out, or before we did.
    ReleasedByPeer,
    /// Released as we wished.
    Released,
    /// The connection never stood, or went.
    Closed,
    /// No answer in time.
    Silent,
    /// The peer broke the protocol.
    Broken(Oddity),
    /// The driver broke off.
    GivenUp,
}

/// What a response says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: Status,
    /// Error Comment: the peer's words, which may name a patient.
    pub comment: String,
    /// Offending Element.
    pub offending: Vec<Tag>,
}

/// What is worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// The A-ASSOCIATE-AC cannot be read.
    Associate(AssociateError),
    /// Items of the A-ASSOCIATE-AC that were unknown, malformed or repeated.
    IgnoredItems(u32),
    /// The peer's maximum length leaves no room for a fragment.
    NoFragmentFits,
    /// PDUs cannot be cut out of the stream.
    Frame(FrameError),
    /// An A-ASSOCIATE-RJ is too short.
    ShortRejection,
    /// A PDU of this type is unknown, or comes out of turn.
    Pdu(u8),
    /// A command set that cannot be read.
    Command(CommandError),
    /// A command set or an unwanted data set over the limit.
    TooLong,
    /// A response to another message, of another service, or on another instance.
    AnswerToAnother,
    /// A success before the data set was complete.
    EarlySuccess,
    /// The peer asked us for something; it was told that this is not served.
    Request,
    /// A data set came from the peer, and was let pass.
    DataSet,
    /// The data set has an odd number of bytes: its last fragment is odd, which PS3.8 E.1
    /// forbids and some peers abort on.
    OddDataSet,
    /// The driver fed an input that this state does not have; it was ignored.
    OutOfTurn,
}
