//! PDUs of the upper layer (PS3.8 9.3): codes, small PDUs, and P-DATA as it is written.
//!
//! Types and writer of the association PDUs are `dicom_ul`'s; its reader refuses a whole request
//! for things that PS3.8 says to ignore and waits for whole P-DATA PDUs, so reading is ours.

pub mod associate;
pub mod frames;

use dicom_ul::pdu::{Pdu, write_pdu};

use crate::dicom::association::Event;

/// The one application context of DICOM (PS3.7 A.2.1).
pub const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
/// Bytes that a PDV has before its fragment: length, context ID, control header.
pub const PDV_HEADER_BYTES: usize = 6;

/// PDU types (PS3.8 9.3.1).
pub(crate) mod kind {
    pub(crate) const ASSOCIATE_RQ: u8 = 1;
    pub(crate) const ASSOCIATE_AC: u8 = 2;
    pub(crate) const ASSOCIATE_RJ: u8 = 3;
    pub(crate) const DATA: u8 = 4;
    pub(crate) const RELEASE_RQ: u8 = 5;
    pub(crate) const RELEASE_RP: u8 = 6;
    pub(crate) const ABORT: u8 = 7;
}

/// The three codes of an A-ASSOCIATE-RJ (PS3.8 9.3.4), as they travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// 1 permanent, 2 transient.
    pub result: u8,
    /// 1 service user, 2 service provider (ACSE), 3 service provider (presentation).
    pub source: u8,
    /// Reason, by source.
    pub reason: u8,
}

impl Rejection {
    /// Permanent, by the user, no reason given: for what no other code fits.
    pub const NO_REASON: Self = Self::new(1, 1, 1);
    /// Permanent, by the user: the application context is not DICOM's.
    pub const APPLICATION_CONTEXT: Self = Self::new(1, 1, 2);
    /// Permanent, by the user: the calling AE title is not recognized.
    pub const CALLING_UNKNOWN: Self = Self::new(1, 1, 3);
    /// Permanent, by the user: the called AE title is not recognized.
    pub const CALLED_UNKNOWN: Self = Self::new(1, 1, 7);
    /// Permanent, by the provider: no reason given.
    pub const NOTHING_PROPOSED: Self = Self::new(1, 2, 1);
    /// Permanent, by the provider: protocol version not supported.
    pub const PROTOCOL_VERSION: Self = Self::new(1, 2, 2);
    /// Transient: temporary congestion. The disk failed, the store is locked, we shut down.
    pub const CONGESTION: Self = Self::new(2, 3, 1);
    /// Transient: local limit exceeded. The disk is full, too many associations.
    pub const LOCAL_LIMIT: Self = Self::new(2, 3, 2);

    /// Names the three codes.
    pub const fn new(result: u8, source: u8, reason: u8) -> Self {
        Self { result, source, reason }
    }

    /// Returns whether the rejecting side says that trying later may help.
    pub fn is_transient(self) -> bool {
        self.result == 2
    }

    /// Writes the PDU.
    pub fn encode(self) -> Vec<u8> {
        small(kind::ASSOCIATE_RJ, [0, self.result, self.source, self.reason])
    }

    /// Reads the body of the PDU; reserved codes are kept as they are.
    pub fn read(body: &[u8]) -> Option<Self> {
        let [_, result, source, reason] = *body.first_chunk()?;
        Some(Self::new(result, source, reason))
    }
}

/// The two codes of an A-ABORT (PS3.8 9.3.8), as they travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort {
    /// 0 service user, 2 service provider.
    pub source: u8,
    /// Reason; 0 for the service user.
    pub reason: u8,
}

impl Abort {
    /// By the user.
    pub const USER: Self = Self::new(0, 0);
    /// By the provider: not specified.
    pub const NOT_SPECIFIED: Self = Self::new(2, 0);
    /// By the provider: unrecognized PDU.
    pub const UNRECOGNIZED_PDU: Self = Self::new(2, 1);
    /// By the provider: unexpected PDU.
    pub const UNEXPECTED_PDU: Self = Self::new(2, 2);
    /// By the provider: invalid PDU parameter value.
    pub const INVALID_PARAMETER: Self = Self::new(2, 6);

    /// Returns what the provider says to a PDU that is unknown or out of turn.
    pub(crate) fn of(event: Event) -> Self {
        if event == Event::InvalidPdu { Self::UNRECOGNIZED_PDU } else { Self::UNEXPECTED_PDU }
    }

    /// Names the two codes.
    pub const fn new(source: u8, reason: u8) -> Self {
        Self { source, reason }
    }

    /// Writes the PDU.
    pub fn encode(self) -> Vec<u8> {
        small(kind::ABORT, [0, 0, self.source, self.reason])
    }

    /// Reads the body of the PDU; a short one says nothing and is an abort all the same.
    pub fn read(body: &[u8]) -> Self {
        match body.first_chunk() {
            Some([_, _, source, reason]) => Self::new(*source, *reason),
            None => Self::NOT_SPECIFIED,
        }
    }
}

/// Writes an A-RELEASE-RQ.
pub fn release_rq() -> Vec<u8> {
    small(kind::RELEASE_RQ, [0; 4])
}

/// Writes an A-RELEASE-RP.
pub fn release_rp() -> Vec<u8> {
    small(kind::RELEASE_RP, [0; 4])
}

/// Whether a PDV holds command or data set, by bit 0 of its control header (PS3.8 E.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Message Command information.
    Command,
    /// Message Data Set information.
    DataSet,
}

/// Whether a PDV is its message part's last, by bit 1 of its control header (PS3.8 E.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// More fragments follow.
    Inner,
    /// The last one.
    Last,
}

/// Returns the bytes of a fragment towards a peer that announced `max_length`, or `None` when no
/// fragment of two bytes fits.
///
/// Missing or 0 is unlimited (PS3.8 D.1): then, and above it, our own `limit` counts. Even, for
/// PS3.8 E.1 forbids odd fragments and some peers abort on them.
pub fn fragment_bytes(max_length: Option<u32>, limit: u32) -> Option<usize> {
    let announced = max_length.filter(|length| *length != 0).unwrap_or(limit);
    let room = usize::try_from(announced.min(limit)).ok()?;
    let fragment = room.checked_sub(PDV_HEADER_BYTES)? & !1;
    (fragment != 0).then_some(fragment)
}

/// Writes one P-DATA-TF with one PDV. `fragment` is never longer than [`fragment_bytes`].
pub fn write_data(out: &mut Vec<u8>, context: u8, part: Part, place: Place, fragment: &[u8]) {
    let length = u32::try_from(fragment.len() + 2).unwrap_or(u32::MAX);
    let control = u8::from(part == Part::Command) | (u8::from(place == Place::Last) << 1);
    out.extend_from_slice(&[kind::DATA, 0]);
    out.extend_from_slice(&length.saturating_add(4).to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[context, control]);
    out.extend_from_slice(fragment);
}

/// Writes a command set as P-DATA-TF PDUs of fragments of at most `fragment_bytes`.
pub fn write_command(context: u8, command: &[u8], fragment_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chunks = command.chunks(fragment_bytes.max(2)).peekable();
    while let Some(chunk) = chunks.next() {
        let place = match chunks.peek() {
            Some(_) => Place::Inner,
            None => Place::Last,
        };
        write_data(&mut out, context, Part::Command, place, chunk);
    }
    out
}

/// Writes an association PDU of ours with `dicom_ul`; empty if it could not, which only items
/// over 64 KiB could cause and none of ours are.
pub(crate) fn encode(pdu: &Pdu) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = write_pdu(&mut bytes, pdu);
    debug_assert!(written.is_ok(), "a PDU of ours can be written");
    if written.is_err() {
        bytes.clear();
    }
    bytes
}

fn small(kind: u8, body: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 0, 0, 0, 4];
    bytes.extend_from_slice(&body);
    bytes
}

#[cfg(test)]
mod tests;
