//! Reading a record back: nothing is handed out that was not authenticated first.

use std::fmt;
use std::sync::Arc;

use aead_stream::{DecryptorBE32, Nonce, StreamBE32};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::Payload;

use crate::base::digest::Digest;
use crate::base::ids::{Arrival, RecordNumber};
use crate::store::disk::DiskFile;
use crate::store::keys::VaultIdentity;
use crate::store::page::{BadBlock, SECTOR_BYTES};
use crate::store::record::{Content, Location};
use crate::store::vault::format::{
    Bound, FRAME_HEAD_BYTES, Frame, FrameHead, HEADER_BYTES, Header, Unopened, chunk_cipher,
};
use crate::store::vault::{Inner, VaultError};

/// How much of a record a walk reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// The heads of its frames and the trailer.
    Heads,
    /// Every byte, against the CRCs.
    Whole,
}

/// Where a record's trailer stands.
#[derive(Debug)]
pub(super) struct Trail {
    pub(super) body: Vec<u8>,
    /// Offset just behind the trailer.
    pub(super) end: u64,
}

/// Reads the header at `offset`; `None` where none stands that this program could have written.
pub(super) fn read_header(file: &dyn DiskFile, offset: u64) -> Result<Option<Header>, VaultError> {
    let mut sector = [0; SECTOR_BYTES];
    let read = file.read_at(&mut sector, offset);
    let read = read.map_err(VaultError::disk("read"))?;
    match Header::parse(sector.get(..read).unwrap_or_default()) {
        Ok(header) => Ok(Some(header)),
        Err(BadBlock::Unreadable) => Ok(None),
        Err(BadBlock::Version(found)) => Err(VaultError::Version { found }),
    }
}

/// Reads the head of the frame at `at`.
fn read_head(file: &dyn DiskFile, at: u64) -> Result<Option<FrameHead>, VaultError> {
    let mut bytes = [0; FRAME_HEAD_BYTES];
    let read = file.read_at(&mut bytes, at);
    let read = read.map_err(VaultError::disk("read"))?;
    Ok(bytes.get(..read).and_then(FrameHead::parse))
}

/// Reads the body behind a head into `body`; `false` when it does not fit the head.
fn read_body(
    file: &dyn DiskFile,
    (at, head): (u64, &FrameHead),
    number: RecordNumber,
    body: &mut Vec<u8>,
) -> Result<bool, VaultError> {
    body.clear();
    body.resize(usize::try_from(head.length).unwrap_or(0), 0);
    let read = file.read_at(body, behind_head(at));
    let read = read.map_err(VaultError::disk("read"))?;
    body.truncate(read);
    Ok(head.fits(number, body))
}

fn behind_head(at: u64) -> u64 {
    at.saturating_add(u64::try_from(FRAME_HEAD_BYTES).unwrap_or(0))
}

/// Walks the frames of the record at `offset` to its trailer; `None` when a frame is missing,
/// out of order, or does not fit the record.
pub(super) fn walk(
    file: &dyn DiskFile,
    offset: u64,
    number: RecordNumber,
    depth: Depth,
) -> Result<Option<Trail>, VaultError> {
    let mut at = offset.saturating_add(HEADER_BYTES);
    let mut body = Vec::new();
    let mut sequence = 0_u32;
    let mut last_seen = false;
    loop {
        let Some(head) = read_head(file, at)? else {
            return Ok(None);
        };
        let in_order = head.sequence == sequence && (head.frame == Frame::Trailer) == last_seen;
        if !in_order {
            return Ok(None);
        }
        let is_trailer = head.frame == Frame::Trailer;
        if (is_trailer || depth == Depth::Whole)
            && !read_body(file, (at, &head), number, &mut body)?
        {
            return Ok(None);
        }
        at = behind_head(at).saturating_add(u64::from(head.length));
        if is_trailer {
            return Ok(Some(Trail { body, end: at }));
        }
        last_seen = head.frame == Frame::LastChunk;
        sequence = sequence.saturating_add(1);
    }
}

/// How far the chunks have been read.
enum Stream {
    Reading(DecryptorBE32<XChaCha20Poly1305>),
    /// The last chunk was authenticated.
    Ended,
    /// Something did not check: there is no end to tell of.
    Broken,
}

/// An open record: its content, and its bytes chunk by chunk.
pub struct RecordReader {
    identity: VaultIdentity,
    file: Arc<dyn DiskFile>,
    header: Header,
    arrival: Arrival,
    content: Content,
    stream: Stream,
    at: u64,
    sequence: u32,
    body: Vec<u8>,
}

impl fmt::Debug for RecordReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordReader")
            .field("number", &self.header.number)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

impl RecordReader {
    pub(super) fn open(
        inner: &Inner,
        location: Location,
        number: RecordNumber,
    ) -> Result<Self, VaultError> {
        let gone = VaultError::Gone { number };
        // What stands in a slab from an older generation has been given up.
        if inner.generation(location.slab) != Some(location.generation) {
            return Err(gone);
        }
        let file = inner.open_slab(location.slab)?;
        let header = read_header(&*file, location.offset)?;
        let header = header.ok_or(damaged(number, "header"))?;
        if header.number != number || header.generation != location.generation {
            return Err(gone);
        }
        let trail = walk(&*file, location.offset, number, Depth::Heads)?;
        let trail = trail.ok_or(damaged(number, "frames"))?;
        let bound = Bound { identity: inner.identity, header: &header };
        let trailer = match bound.open_trailer(&trail.body, &inner.ring) {
            Ok(trailer) => trailer,
            Err(Unopened::NoKey { error, .. }) => return Err(VaultError::Key(error)),
            Err(Unopened::Broken) => return Err(damaged(number, "trailer")),
        };
        let kind = header.kind;
        let content = trailer.content;
        let content = content.ok_or(VaultError::UnknownKind { number, kind })?;
        let cipher = chunk_cipher(&trailer.object_key);
        let nonce = Nonce::<XChaCha20Poly1305, StreamBE32<XChaCha20Poly1305>>::default();
        Ok(Self {
            identity: inner.identity,
            file,
            header,
            arrival: trailer.arrival,
            content,
            stream: Stream::Reading(DecryptorBE32::from_aead(cipher, &nonce)),
            at: location.offset.saturating_add(HEADER_BYTES),
            sequence: 0,
            body: Vec::new(),
        })
    }

    /// Returns what the record says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Returns its place in the order of arrival.
    pub fn arrival(&self) -> Arrival {
        self.arrival
    }

    /// Puts the next at most 64 KiB into `chunk`; `false`, with `chunk` empty, behind the last.
    ///
    /// `false` also proves that the bytes handed out are all there were.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`] when a chunk is missing, out of order, changed, or of another
    /// record; nothing of it is handed out.
    pub fn next_chunk(&mut self, chunk: &mut Vec<u8>) -> Result<bool, VaultError> {
        chunk.clear();
        let number = self.header.number;
        let stream = match std::mem::replace(&mut self.stream, Stream::Broken) {
            Stream::Reading(stream) => stream,
            Stream::Ended => {
                self.stream = Stream::Ended;
                return Ok(false);
            }
            Stream::Broken => return Err(damaged(number, "chunk")),
        };
        let head = read_head(&*self.file, self.at)?.ok_or(damaged(number, "frame"))?;
        let place = (self.at, &head);
        let fits = read_body(&*self.file, place, number, &mut self.body)?;
        if !fits || head.sequence != self.sequence {
            return Err(damaged(number, "frame"));
        }
        let plain = self.open_chunk(stream, head.frame);
        chunk.extend_from_slice(&plain.ok_or(damaged(number, "chunk"))?);
        self.at = behind_head(self.at).saturating_add(u64::from(head.length));
        self.sequence = self.sequence.saturating_add(1);
        // An empty object is one empty last chunk.
        Ok(!chunk.is_empty() || matches!(self.stream, Stream::Reading(_)))
    }

    fn open_chunk(
        &mut self,
        mut stream: DecryptorBE32<XChaCha20Poly1305>,
        frame: Frame,
    ) -> Option<Vec<u8>> {
        let context = self.header.context(self.identity, frame);
        let payload = Payload { msg: &self.body, aad: &context };
        match frame {
            Frame::Chunk => {
                let plain = stream.decrypt_next(payload).ok()?;
                self.stream = Stream::Reading(stream);
                Some(plain)
            }
            Frame::LastChunk => {
                let plain = stream.decrypt_last(payload).ok()?;
                self.stream = Stream::Ended;
                Some(plain)
            }
            Frame::Trailer => None,
        }
    }

    /// Reads to the end and returns length and digest of what was there.
    ///
    /// # Errors
    ///
    /// Those of [`RecordReader::next_chunk`].
    pub fn measure(mut self) -> Result<(u64, Digest), VaultError> {
        let mut hasher = blake3::Hasher::new();
        let mut length = 0_u64;
        let mut chunk = Vec::new();
        while self.next_chunk(&mut chunk)? {
            hasher.update(&chunk);
            length = length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        }
        Ok((length, Digest(*hasher.finalize().as_bytes())))
    }
}

fn damaged(number: RecordNumber, what: &'static str) -> VaultError {
    VaultError::Damaged { number, what }
}

impl super::Vault {
    /// Opens a record.
    ///
    /// # Errors
    ///
    /// [`VaultError::Gone`] when another stands there, [`VaultError::Damaged`], an erased key
    /// ([`VaultError::is_erased`]), [`VaultError::Disk`].
    pub fn read(
        &self,
        location: Location,
        number: RecordNumber,
    ) -> Result<RecordReader, VaultError> {
        RecordReader::open(&self.inner, location, number)
    }

    /// Returns whether the record is live, was just read from its beginning to its end, and holds
    /// `length` bytes with this digest: then, and only then, an `again` may stand for the bytes.
    ///
    /// A record that is gone, erased or damaged does not hold them.
    ///
    /// # Errors
    ///
    /// [`VaultError::Disk`] and other trouble that says nothing about the record.
    pub fn holds(
        &self,
        (location, number): (Location, RecordNumber),
        length: u64,
        digest: &Digest,
    ) -> Result<bool, VaultError> {
        let measured = self.read(location, number).and_then(RecordReader::measure);
        match measured {
            Ok(found) => Ok(found == (length, *digest)),
            Err(VaultError::Gone { .. } | VaultError::Damaged { .. }) => Ok(false),
            Err(error) if error.is_erased() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
