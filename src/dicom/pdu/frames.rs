//! Cuts the byte stream of an association into PDUs, and P-DATA into pieces as they arrive.
//!
//! # Invariants
//!
//! - A P-DATA-TF is never waited for: its bytes go on as soon as they are here.
//! - What is held back is one header, one small PDU or one association PDU within its limit, and
//!   what the owner has not asked for yet.

use crate::base::limits::{ASSOCIATE_BYTES_MAX, PDU_BYTES_GRACE};
use crate::dicom::pdu::{PDV_HEADER_BYTES, Part, Place, kind};

/// Bytes of A-ASSOCIATE-RJ, A-RELEASE and A-ABORT: 4 by the standard; more is not tested.
const SMALL_BYTES_MAX: u32 = 1024;

/// What the stream holds next.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A PDU begins. Its owner may call [`Frames::skip`] or [`Frames::lose`].
    Header(Header),
    /// The body of a PDU other than P-DATA-TF.
    Body {
        /// PDU type.
        kind: u8,
        /// The body.
        bytes: Vec<u8>,
    },
    /// A part of a PDV.
    Piece(Piece),
}

/// The first six bytes of a PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The bytes: type, reserved, length.
    pub raw: [u8; 6],
}

/// A part of a PDV.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// Presentation context ID.
    pub context: u8,
    /// Command or data set.
    pub part: Part,
    /// With the first piece of a PDV: the bytes of its fragment.
    pub opens: Option<u32>,
    /// The bytes; may be empty.
    pub bytes: Vec<u8>,
    /// `Last` with the last piece of a last fragment: the part of the message is complete.
    pub place: Place,
}

/// Why the stream cannot be cut any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A PDU is longer than its kind may be here.
    #[error("PDU of type {kind:#04x} has {length} bytes")]
    TooLong {
        /// PDU type.
        kind: u8,
        /// Length it claims.
        length: u32,
    },
    /// A PDV is shorter than its header or reaches beyond its PDU.
    #[error("presentation data value does not fit into its PDU")]
    BadValue,
}

/// The cutter.
#[derive(Debug)]
pub struct Frames {
    buffer: Vec<u8>,
    start: usize,
    at: At,
    data_max: u32,
}

#[derive(Clone, Copy, Debug)]
enum At {
    Header,
    Body { kind: u8, length: u32 },
    Data { left: u32 },
    Value(Value),
    Skip { left: u32 },
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct Value {
    context: u8,
    control: u8,
    opens: Option<u32>,
    /// Bytes left of the fragment.
    left: u32,
    /// Bytes left of the PDU behind the fragment.
    behind: u32,
}

impl Header {
    /// Returns the PDU type.
    pub fn kind(self) -> u8 {
        let [kind, ..] = self.raw;
        kind
    }

    /// Returns the length of the body in bytes.
    pub fn length(self) -> u32 {
        let [_, _, length @ ..] = self.raw;
        u32::from_be_bytes(length)
    }
}

impl Frames {
    /// Starts before the first PDU; P-DATA-TF may have `data_max` bytes and a little grace.
    pub fn new(data_max: u32) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            at: At::Header,
            data_max: data_max.saturating_add(PDU_BYTES_GRACE),
        }
    }

    /// Takes bytes from the peer.
    pub fn push(&mut self, bytes: &[u8]) {
        if matches!(self.at, At::Lost) {
            return;
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Reads past the rest of the PDU whose header was just returned.
    pub fn skip(&mut self) {
        self.at = match self.at {
            At::Body { length, .. } => At::Skip { left: length },
            At::Data { left } => At::Skip { left },
            At::Value(value) => At::Skip { left: value.left.saturating_add(value.behind) },
            At::Header | At::Skip { .. } | At::Lost => self.at,
        };
    }

    /// Gives the stream up: nothing more comes out of it.
    pub fn lose(&mut self) {
        self.at = At::Lost;
        self.buffer = Vec::new();
        self.start = 0;
    }

    /// Returns whether the peer has begun a PDU and not ended it.
    pub fn is_amid(&self) -> bool {
        match self.at {
            At::Lost => false,
            At::Header => self.start < self.buffer.len(),
            At::Body { .. } | At::Data { .. } | At::Value(_) | At::Skip { .. } => true,
        }
    }

    /// Returns the next frame, or `None` until more bytes come.
    ///
    /// # Errors
    ///
    /// [`FrameError`]; the owner aborts and calls [`Frames::lose`].
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            match self.at {
                At::Lost => return Ok(None),
                At::Header => return Ok(self.header().map(Frame::Header)),
                At::Body { kind, length } => return self.body(kind, length),
                At::Skip { left: 0 } | At::Data { left: 0 } => self.at = At::Header,
                At::Skip { left } => {
                    let skipped = self.take_some(left).len();
                    if skipped == 0 {
                        return Ok(None);
                    }
                    self.at = At::Skip {
                        left: left.saturating_sub(u32::try_from(skipped).unwrap_or(left)),
                    };
                }
                At::Data { left } => {
                    let Some(value) = self.value(left)? else {
                        return Ok(None);
                    };
                    self.at = At::Value(value);
                }
                At::Value(value) => {
                    let piece = self.piece(value);
                    return Ok(piece.map(Frame::Piece));
                }
            }
        }
    }

    fn header(&mut self) -> Option<Header> {
        let raw = *self.rest().first_chunk()?;
        self.start += raw.len();
        let header = Header { raw };
        self.at = match header.kind() {
            kind::DATA => At::Data { left: header.length() },
            kind => At::Body { kind, length: header.length() },
        };
        Some(header)
    }

    fn body(&mut self, kind: u8, length: u32) -> Result<Option<Frame>, FrameError> {
        let limit = match kind {
            kind::ASSOCIATE_RQ | kind::ASSOCIATE_AC => {
                u32::try_from(ASSOCIATE_BYTES_MAX).unwrap_or(u32::MAX)
            }
            _ => SMALL_BYTES_MAX,
        };
        if limit < length {
            return Err(FrameError::TooLong { kind, length });
        }
        let bytes = usize::try_from(length).ok().and_then(|length| self.rest().get(..length));
        let Some(bytes) = bytes.map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.start += bytes.len();
        self.at = At::Header;
        Ok(Some(Frame::Body { kind, bytes }))
    }

    /// Reads the header of a PDV in a P-DATA-TF that has `left` bytes left.
    fn value(&mut self, left: u32) -> Result<Option<Value>, FrameError> {
        if self.data_max < left {
            let kind = kind::DATA;
            return Err(FrameError::TooLong { kind, length: left });
        }
        let Some([l0, l1, l2, l3, context, control]) = self.rest().first_chunk().copied() else {
            // A PDV header that cannot fit any more is known to be wrong before it is here.
            let fits = u32::try_from(PDV_HEADER_BYTES).is_ok_and(|header| header <= left);
            return if fits { Ok(None) } else { Err(FrameError::BadValue) };
        };
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let behind = left.checked_sub(4).and_then(|left| left.checked_sub(length));
        let (Some(fragment), Some(behind)) = (length.checked_sub(2), behind) else {
            return Err(FrameError::BadValue);
        };
        self.start += PDV_HEADER_BYTES;
        Ok(Some(Value { context, control, opens: Some(fragment), left: fragment, behind }))
    }

    fn piece(&mut self, value: Value) -> Option<Piece> {
        let bytes = self.take_some(value.left).to_vec();
        if bytes.is_empty() && value.left != 0 {
            return None;
        }
        let taken = u32::try_from(bytes.len()).unwrap_or(value.left);
        let left = value.left.saturating_sub(taken);
        self.at = match left {
            0 => At::Data { left: value.behind },
            left => At::Value(Value { left, opens: None, ..value }),
        };
        let part = match value.control & 1 {
            0 => Part::DataSet,
            _ => Part::Command,
        };
        let place = match value.control & 2 {
            2 if left == 0 => Place::Last,
            _ => Place::Inner,
        };
        Some(Piece { context: value.context, part, opens: value.opens, bytes, place })
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Takes what is here, at most `limit` bytes.
    fn take_some(&mut self, limit: u32) -> &[u8] {
        let here = self.buffer.len().saturating_sub(self.start);
        let count = usize::try_from(limit).unwrap_or(usize::MAX).min(here);
        let start = self.start;
        self.start += count;
        self.buffer.get(start..self.start).unwrap_or_default()
    }
}
