//! Writing a record: begin, append, seal or roll back.
//!
//! # Invariants
//! - The trailer is written last, and one sync stands between it and the receipt (I2).
//! - After a failed write or sync the record is refused, its header is zeroed where the disk
//!   still lets us, and its slab is not leased again in this generation.

use std::io;
use std::sync::Arc;

use aead_stream::{EncryptorBE32, Nonce, StreamBE32};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::Payload;

use crate::base::digest::Digest;
use crate::base::ids::{Arrival, RecordNumber};
use crate::base::limits::{CHUNK_BYTES, TRAILER_BYTES_MAX};
use crate::base::plant::planted;
use crate::base::receipt::Receipt;
use crate::store::disk::DiskFile;
use crate::store::keys::{Key, KeyName, Ticket, draw_key, draw_nonce};
use crate::store::record::{Content, Location, Sealed};
use crate::store::vault::format::{
    Bound, Frame, FrameHead, HEADER_BYTES, Header, Kind, chunk_cipher, page_up, trailer_plain,
};
use crate::store::vault::slab::{Lease, Stand};
use crate::store::vault::{Inner, VaultError};

/// A record being written, alone in its slab. Dropping it rolls it back.
pub struct Writer {
    inner: Arc<Inner>,
    lease: Lease,
    file: Arc<dyn DiskFile>,
    header: Header,
    kind: Kind,
    object_key: Key,
    stream: Option<EncryptorBE32<XChaCha20Poly1305>>,
    /// Plain bytes of the chunk that is held back: it may be the last.
    held: Vec<u8>,
    /// Where the next frame goes.
    at: u64,
    sequence: u32,
    length: u64,
    hasher: blake3::Hasher,
    life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    Failed,
    Over,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("number", &self.header.number)
            .field("lease", &self.lease)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn begin(inner: &Arc<Inner>, kind: Kind) -> Result<Self, VaultError> {
        let (lease, number) = {
            let mut slabs = inner.slabs();
            let number = slabs.draw_number()?;
            (slabs.lease()?, number)
        };
        let object_key = draw_key(&mut **inner.rng());
        let header = Header { generation: lease.generation, number, kind: kind.number() };
        let file = inner.open_slab(lease.slab).inspect_err(|_| {
            inner.slabs().give_back(lease.slab, Stand::Failed, None);
        })?;
        let cipher = chunk_cipher(&object_key);
        let nonce = Nonce::<XChaCha20Poly1305, StreamBE32<XChaCha20Poly1305>>::default();
        let mut writer = Self {
            inner: Arc::clone(inner),
            lease,
            file,
            header,
            kind,
            object_key,
            stream: Some(EncryptorBE32::from_aead(cipher, &nonce)),
            held: Vec::new(),
            at: lease.at,
            sequence: 0,
            length: 0,
            hasher: blake3::Hasher::new(),
            life: Life::Open,
        };
        writer.write(&header.encode())?;
        Ok(writer)
    }

    /// Returns the record's number.
    pub fn number(&self) -> RecordNumber {
        self.header.number
    }

    /// Returns how many bytes were appended.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the BLAKE3 of the bytes appended so far.
    pub fn digest(&self) -> Digest {
        Digest(*self.hasher.finalize().as_bytes())
    }

    /// Appends bytes of the object.
    ///
    /// # Errors
    ///
    /// [`VaultError::Full`] when the slab would have to grow into the reserve,
    /// [`VaultError::Disk`]; after an error only rolling back is left.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        self.hasher.update(bytes);
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.held.len() == CHUNK_BYTES {
                self.write_chunk()?;
            }
            let room = CHUNK_BYTES.saturating_sub(self.held.len()).min(rest.len());
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.held.extend_from_slice(now);
            rest = later;
        }
        Ok(())
    }

    /// Seals the chunk that is held back, of which more bytes prove that it is not the last.
    fn write_chunk(&mut self) -> Result<(), VaultError> {
        let context = self.header.context(self.inner.identity, Frame::Chunk);
        let stream = self.stream.as_mut().ok_or(VaultError::Failed)?;
        let payload = Payload { msg: &self.held, aad: &context };
        let sealed = stream.encrypt_next(payload);
        let sealed = sealed.map_err(|_opaque| VaultError::OutOfNumbers)?;
        self.held.clear();
        self.write_frame(Frame::Chunk, &sealed)
    }

    fn write_last_chunk(&mut self) -> Result<(), VaultError> {
        let context = self.header.context(self.inner.identity, Frame::LastChunk);
        let stream = self.stream.take().ok_or(VaultError::Failed)?;
        let payload = Payload { msg: &self.held, aad: &context };
        let sealed = stream.encrypt_last(payload);
        let sealed = sealed.map_err(|_opaque| VaultError::OutOfNumbers)?;
        self.held.clear();
        self.write_frame(Frame::LastChunk, &sealed)
    }

    fn write_frame(&mut self, frame: Frame, body: &[u8]) -> Result<(), VaultError> {
        let head = FrameHead::of(self.header.number, frame, self.sequence, body);
        let mut bytes = head.ok_or(VaultError::OutOfNumbers)?.encode();
        bytes.extend_from_slice(body);
        let next = self.sequence.checked_add(1);
        self.sequence = next.ok_or(VaultError::OutOfNumbers)?;
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        if self.life != Life::Open {
            return Err(VaultError::Failed);
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let end = self.at.saturating_add(length);
        if self.lease.size < end {
            self.inner.keep_reserve(length)?;
        }
        if let Err(source) = self.file.write_all_at(bytes, self.at) {
            self.fail();
            return Err(VaultError::Disk { doing: "written", source });
        }
        self.at = end;
        Ok(())
    }

    /// Refuses the record for good after the disk failed it.
    fn fail(&mut self) {
        self.life = Life::Failed;
        let zeros = vec![0; usize::try_from(HEADER_BYTES).unwrap_or(0)];
        // Best effort: nobody relies on it. Should the whole record survive, recovery finds an
        // instance that was refused; its sender keeps it and sends it again.
        let zeroed = self.file.write_all_at(&zeros, self.lease.at);
        let synced = zeroed.and_then(|()| self.file.sync_data());
        tracing::warn!(
            slab = self.lease.slab,
            zeroed = synced.is_ok(),
            "a record failed; its slab is set aside"
        );
    }

    fn seal(
        mut self,
        name: KeyName<'_>,
        content: Content,
        tell: &dyn Fn(&Sealed),
    ) -> Result<(Receipt, Sealed), VaultError> {
        self.check(&content)?;
        let inner = Arc::clone(&self.inner);
        let ticket = inner.ring.enter(name, &inner.rng)?;
        let sealed = self.finish(&ticket, content, tell);
        let arrival = sealed.as_ref().ok().map(|(_, sealed)| sealed.arrival);
        inner.ring.leave(ticket.slot, arrival);
        sealed
    }

    /// A content that speaks of other bytes than those in the record is never sealed.
    fn check(&self, content: &Content) -> Result<(), VaultError> {
        let says = match content {
            Content::Object(object) => (object.length, object.digest),
            Content::Result(result) => (result.length, result.digest),
            Content::Again(_) | Content::Job(_) => (0, Digest::of(&[])),
        };
        if Kind::of(content) != self.kind || says != (self.length, self.digest()) {
            return Err(VaultError::Disagrees);
        }
        Ok(())
    }

    fn finish(
        &mut self,
        ticket: &Ticket,
        content: Content,
        tell: &dyn Fn(&Sealed),
    ) -> Result<(Receipt, Sealed), VaultError> {
        self.write_last_chunk()?;
        let arrival = self.inner.slabs().draw_arrival()?;
        self.write_trailer(ticket, arrival, &content)?;
        if let Err(source) = make_durable(&*self.file) {
            self.fail();
            return Err(VaultError::Disk { doing: "synced", source });
        }
        let number = self.header.number;
        let end = page_up(self.at);
        self.life = Life::Over;
        let sealed = Sealed {
            number,
            arrival,
            location: Location {
                slab: self.lease.slab,
                generation: self.lease.generation,
                offset: self.lease.at,
            },
            end,
            content,
        };
        // Still alone in the slab: nothing behind this record can be told of before it.
        tell(&sealed);
        self.inner.slabs().give_back(self.lease.slab, Stand::Free, Some(end));
        Ok((Receipt::after_sync(number), sealed))
    }

    fn write_trailer(
        &mut self,
        ticket: &Ticket,
        arrival: Arrival,
        content: &Content,
    ) -> Result<(), VaultError> {
        let plain = trailer_plain(arrival, content).ok_or(VaultError::Disagrees)?;
        let nonce = draw_nonce(&mut **self.inner.rng());
        let bound = Bound { identity: self.inner.identity, header: &self.header };
        let keys = (ticket.slot, &ticket.key);
        let body = bound.seal_trailer(keys, nonce, &self.object_key, &plain);
        let body = body.filter(|body| body.len() <= TRAILER_BYTES_MAX);
        let body = body.ok_or(VaultError::ContentTooLong { bytes: plain.len() })?;
        self.write_frame(Frame::Trailer, &body)
    }

    /// Gives the slab back with nothing of this record in it.
    fn rewind(&mut self) -> Result<(), VaultError> {
        let mut stand = Stand::Free;
        let mut result = Ok(());
        if self.life == Life::Failed {
            stand = Stand::Failed;
        } else if self.lease.size < self.at {
            let cut = self.file.set_length(self.lease.size.max(self.lease.at));
            result = cut.and_then(|()| self.file.sync_data());
            if result.is_err() {
                stand = Stand::Failed;
            }
        }
        self.life = Life::Over;
        self.inner.slabs().give_back(self.lease.slab, stand, None);
        result.map_err(VaultError::disk("cut back"))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.life != Life::Over
            && let Err(error) = self.rewind()
        {
            tracing::warn!(error = %error, "a record could not be rolled back cleanly");
        }
    }
}

/// The one place where a record becomes safe. What happened before is on the disk once this
/// returns success, and not a moment earlier.
fn make_durable(file: &dyn DiskFile) -> io::Result<()> {
    if planted!(AcknowledgeBeforeSync) {
        return Ok(());
    }
    file.sync_data()
}

impl super::Vault {
    /// Leases a slab and begins a record in it.
    ///
    /// # Errors
    ///
    /// [`VaultError::NoSlab`], [`VaultError::Unready`], [`VaultError::Disk`].
    pub fn begin(&self, kind: Kind) -> Result<Writer, VaultError> {
        Writer::begin(&self.inner, kind)
    }

    /// Seals a record under the key of `name`, syncs it, and returns the proof.
    ///
    /// The content must name the length and digest of what was appended ([`Writer::length`],
    /// [`Writer::digest`]); records of other kinds have no bytes. Blocks for one sync, and for
    /// four more when the study is new. No lock is held meanwhile.
    ///
    /// # Errors
    ///
    /// Any: the record is then rolled back or refused, and nothing of it is promised.
    pub fn seal(
        &self,
        writer: Writer,
        name: KeyName<'_>,
        content: Content,
    ) -> Result<(Receipt, Sealed), VaultError> {
        writer.seal(name, content, &|_| {})
    }

    /// As [`Vault::seal`](super::Vault::seal), and tells of the record while its slab is still
    /// leased: whoever hears it hears the records of a slab in their order, which is what the
    /// ledger's marks need. `tell` must not block.
    ///
    /// # Errors
    ///
    /// As there; then nothing was told.
    pub fn seal_and_tell(
        &self,
        writer: Writer,
        name: KeyName<'_>,
        content: Content,
        tell: &dyn Fn(&Sealed),
    ) -> Result<Receipt, VaultError> {
        writer.seal(name, content, tell).map(|(receipt, _)| receipt)
    }

    /// Gives a record up; its place is written again under a new number and key.
    ///
    /// # Errors
    ///
    /// [`VaultError::Disk`] when a grown slab could not be cut back; it is then set aside.
    pub fn roll_back(&self, mut writer: Writer) -> Result<(), VaultError> {
        writer.rewind()
    }
}
