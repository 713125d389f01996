//! Records as bytes: header, frames of sealed chunks, trailer; format version 1.
//!
//! ```text
//! 4 KiB boundary
//! | header 512 B: generation, number, kind, CRC
//! | frame head 16 B: kind, length, sequence, CRC | sealed chunk of 64 KiB    … any number
//! | frame head       kind 2                      | sealed last chunk         … exactly one
//! | frame head       kind 3                      | key slot, wrapped object key, sealed content
//! next 4 KiB boundary
//! ```
//!
//! # Invariants
//! - A frame's CRC covers the record number: frames of an older record never fit a new header.
//! - Seals are bound to {format version, vault, record number, record kind, frame kind}, never to
//!   slab or offset: a copy keeps its number under a new header.

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::KeyInit;

use crate::base::ids::{Arrival, RecordNumber};
use crate::base::limits::{CHUNK_BYTES, TRAILER_BYTES_MAX};
use crate::store::keys::{
    Key, KeyError, Keyring, NONCE_BYTES, VaultIdentity, WRAPPED_BYTES, Wrapped, derive, open, seal,
    unwrap, wrap,
};
use crate::store::page::{
    BadBlock, FORMAT_VERSION, PAGE_BYTES, Pack, SECTOR_BYTES, Unpack, block, open_block,
};
use crate::store::record::Content;

const MAGIC: [u8; 8] = *b"SPRECORD";
/// Bytes of a record's header; the first frame follows.
pub(super) const HEADER_BYTES: u64 = 512;
/// Bytes of a frame's head.
pub(super) const FRAME_HEAD_BYTES: usize = 16;
/// Bytes of the tag behind each sealed text.
const TAG_BYTES: usize = 16;
/// Bytes of the longest frame body.
const BODY_BYTES_MAX: usize =
    if CHUNK_BYTES < TRAILER_BYTES_MAX { TRAILER_BYTES_MAX } else { CHUNK_BYTES + TAG_BYTES };

const _: () = assert!(HEADER_BYTES == 512 && SECTOR_BYTES == 512);

/// How many kinds this release knows. A ledger's mark that was written by a release that knew
/// fewer must be dropped: the slab is read again.
pub const KINDS_KNOWN: u8 = 4;

/// The kind of a record. Numbers 5, 6 and 7 are kept for `feedback`, `approval`, `withdrawal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An instance as received.
    Object,
    /// The same instance came again.
    Again,
    /// A decision to read or to refuse.
    Job,
    /// A document of ours.
    Result,
}

impl Kind {
    /// Returns the kind of a content.
    pub fn of(content: &Content) -> Self {
        match content {
            Content::Object(_) => Self::Object,
            Content::Again(_) => Self::Again,
            Content::Job(_) => Self::Job,
            Content::Result(_) => Self::Result,
        }
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Object => 1,
            Self::Again => 2,
            Self::Job => 3,
            Self::Result => 4,
        }
    }
}

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Chunk,
    LastChunk,
    Trailer,
}

impl Frame {
    fn number(self) -> u8 {
        match self {
            Self::Chunk => 1,
            Self::LastChunk => 2,
            Self::Trailer => 3,
        }
    }

    fn of(number: u8) -> Option<Self> {
        [Self::Chunk, Self::LastChunk, Self::Trailer]
            .into_iter()
            .find(|frame| frame.number() == number)
    }
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) generation: u32,
    pub(super) number: RecordNumber,
    /// As a number, so that a kind of a later release can be walked over.
    pub(super) kind: u8,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let fields = Pack::default()
            .u32(self.generation)
            .u32(self.number.start)
            .u32(self.number.sequence)
            .u8(self.kind)
            .done();
        block(MAGIC, &fields, SECTOR_BYTES)
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, BadBlock> {
        let mut fields = open_block(MAGIC, bytes)?;
        let mut take = || {
            Some(Self {
                generation: fields.u32()?,
                number: RecordNumber { start: fields.u32()?, sequence: fields.u32()? },
                kind: fields.u8()?,
            })
        };
        take().ok_or(BadBlock::Unreadable)
    }

    /// What a seal in this record is bound to.
    pub(super) fn context(&self, identity: VaultIdentity, frame: Frame) -> Vec<u8> {
        Pack::default()
            .u32(FORMAT_VERSION)
            .bytes(&identity.0)
            .u32(self.number.start)
            .u32(self.number.sequence)
            .u8(self.kind)
            .u8(frame.number())
            .done()
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) frame: Frame,
    /// Bytes of the body.
    pub(super) length: u32,
    /// Counts up from 0 within the record.
    pub(super) sequence: u32,
    crc: u32,
}

impl FrameHead {
    /// Makes the head that fits `body`; `None` for a body that is too long.
    pub(super) fn of(
        number: RecordNumber,
        frame: Frame,
        sequence: u32,
        body: &[u8],
    ) -> Option<Self> {
        let length = u32::try_from(body.len()).ok()?;
        let mut head = Self { frame, length, sequence, crc: 0 };
        head.crc = head.checksum(number, body);
        (body.len() <= BODY_BYTES_MAX).then_some(head)
    }

    fn checksum(&self, number: RecordNumber, body: &[u8]) -> u32 {
        let fields = Pack::default()
            .u64(number.to_u64())
            .u8(self.frame.number())
            .u32(self.length)
            .u32(self.sequence)
            .done();
        crc32c::crc32c_append(crc32c::crc32c(&fields), body)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        Pack::default()
            .u32(u32::from(self.frame.number()))
            .u32(self.length)
            .u32(self.sequence)
            .u32(self.crc)
            .done()
    }

    /// Reads a head; `None` for what no frame begins with.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Unpack(bytes);
        let head = Self {
            frame: Frame::of(u8::try_from(fields.u32()?).ok()?)?,
            length: fields.u32()?,
            sequence: fields.u32()?,
            crc: fields.u32()?,
        };
        let length = usize::try_from(head.length).ok()?;
        (length <= BODY_BYTES_MAX).then_some(head)
    }

    /// Returns whether `body` belongs to this head and both to the record.
    pub(super) fn fits(&self, number: RecordNumber, body: &[u8]) -> bool {
        u32::try_from(body.len()) == Ok(self.length) && self.checksum(number, body) == self.crc
    }
}

/// The cipher of a record's chunks.
pub(super) fn chunk_cipher(object_key: &Key) -> XChaCha20Poly1305 {
    let key = derive("scanpost vault 1: chunks of an object", object_key);
    XChaCha20Poly1305::new(key.reveal("to seal or open chunks").into())
}

/// What a trailer says once it is open.
#[derive(Debug)]
pub(super) struct Trailer {
    pub(super) slot: u32,
    pub(super) object_key: Key,
    pub(super) arrival: Arrival,
    /// `None` for a content that this release does not know.
    pub(super) content: Option<Content>,
}

/// Who seals a trailer, and for which record.
#[derive(Clone, Copy)]
pub(super) struct Bound<'a> {
    pub(super) identity: VaultIdentity,
    pub(super) header: &'a Header,
}

impl Bound<'_> {
    fn context(&self) -> Vec<u8> {
        self.header.context(self.identity, Frame::Trailer)
    }

    /// Makes the body of a trailer: in clear the slot and the wrapped object key, sealed the
    /// place in the order of arrival and the content as JSON. `None` when a cipher refuses.
    pub(super) fn seal_trailer(
        &self,
        (slot, study_key): (u32, &Key),
        nonce: [u8; NONCE_BYTES],
        object_key: &Key,
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        let context = self.context();
        let wrapped = wrap(&object_wrap(study_key), nonce, &context, object_key)?;
        // The trailer's key seals this one text and no other, so that its nonce may stand still.
        let sealed = seal(&trailer_key(object_key), [0; NONCE_BYTES], &context, plain)?;
        let body =
            Pack::default().u32(slot).bytes(&wrapped.nonce).bytes(&wrapped.sealed).bytes(&sealed);
        Some(body.done())
    }

    /// Opens the body of a trailer by the keyring.
    pub(super) fn open_trailer(&self, body: &[u8], ring: &Keyring) -> Result<Trailer, Unopened> {
        let mut fields = Unpack(body);
        let mut clear = || {
            let slot = fields.u32()?;
            let nonce = fields.array::<NONCE_BYTES>()?;
            let sealed = fields.array::<WRAPPED_BYTES>()?;
            Some((slot, Wrapped { nonce, sealed }))
        };
        let (slot, wrapped) = clear().ok_or(Unopened::Broken)?;
        let study_key = ring.key(slot).map_err(|error| Unopened::NoKey { slot, error })?;
        let context = self.context();
        let object_key = unwrap(&object_wrap(&study_key), &context, &wrapped);
        let object_key = object_key.ok_or(Unopened::Broken)?;
        let plain = open(&trailer_key(&object_key), [0; NONCE_BYTES], &context, fields.0);
        let plain = plain.ok_or(Unopened::Broken)?;
        let mut plain = Unpack(&plain);
        let arrival = Arrival(plain.u64().ok_or(Unopened::Broken)?);
        let content = serde_json::from_slice(plain.0).ok();
        Ok(Trailer { slot, object_key, arrival, content })
    }
}

/// The text that a trailer seals; `None` when the content cannot be encoded.
pub(super) fn trailer_plain(arrival: Arrival, content: &Content) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(content).ok()?;
    Some(Pack::default().u64(arrival.0).bytes(&json).done())
}

/// Why a trailer does not open.
#[derive(Debug)]
pub(super) enum Unopened {
    /// Its slot has no key.
    NoKey { slot: u32, error: KeyError },
    /// A seal does not check.
    Broken,
}

fn object_wrap(study_key: &Key) -> Key {
    derive("scanpost vault 1: wraps object keys", study_key)
}

fn trailer_key(object_key: &Key) -> Key {
    derive("scanpost vault 1: trailer of an object", object_key)
}

/// The key of a study's columns in the ledger.
pub(super) fn column_key(study_key: &Key) -> Key {
    derive("scanpost vault 1: ledger columns", study_key)
}

/// Moves an offset up to the next 4 KiB boundary.
pub(super) fn page_up(offset: u64) -> u64 {
    offset.next_multiple_of(u64::try_from(PAGE_BYTES).unwrap_or(1))
}
