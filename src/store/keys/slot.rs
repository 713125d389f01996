//! One slot of the keyring, as bytes and as a state that only moves forward.

use crate::store::keys::VaultIdentity;
use crate::store::keys::seal::Wrapped;
use crate::store::page::{Pack, Unpack};

/// Bytes of a slot: a divisor of the sector, so that no slot is torn.
pub(super) const SLOT_BYTES: usize = 128;
const FIELD_BYTES: usize = SLOT_BYTES - 4;
const LIVE: u8 = 1;
const ERASED: u8 = 2;

/// Names what a slot is for: a keyed hash, so that the keyring tells no UID.
pub(crate) type KeyId = [u8; 16];

/// A slot in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LiveSlot {
    pub(super) id: KeyId,
    pub(super) wrapped: Wrapped,
}

/// What one copy says about a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Zeros.
    Free,
    /// A key.
    Live(LiveSlot),
    /// A tombstone.
    Erased,
    /// Neither: torn or damaged.
    Broken,
}

/// What is known about a slot from both copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// Never used.
    Free,
    /// It opens records.
    Live,
    /// Its key is gone for good.
    Erased,
    /// Both copies are damaged.
    Damaged,
}

fn checksum(identity: VaultIdentity, slot: u32, fields: &[u8]) -> u32 {
    let seed = crc32c::crc32c(&identity.0);
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &slot.to_le_bytes()), fields)
}

fn encode(identity: VaultIdentity, slot: u32, state: u8, live: Option<&LiveSlot>) -> Vec<u8> {
    let mut pack = Pack::default();
    if let Some(live) = live {
        pack = pack.bytes(&live.id).u32(u32::from(state));
        pack = pack.bytes(&live.wrapped.nonce).bytes(&live.wrapped.sealed);
    } else {
        pack = pack.bytes(&[0; 16]).u32(u32::from(state));
    }
    let mut bytes = pack.done();
    bytes.resize(FIELD_BYTES, 0);
    let crc = checksum(identity, slot, &bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// Encodes a slot in use.
pub(super) fn encode_live(identity: VaultIdentity, slot: u32, live: &LiveSlot) -> Vec<u8> {
    encode(identity, slot, LIVE, Some(live))
}

/// Encodes a tombstone: neither key nor name is left.
pub(super) fn encode_erased(identity: VaultIdentity, slot: u32) -> Vec<u8> {
    encode(identity, slot, ERASED, None)
}

/// Reads a slot; short bytes count as zeros that were never written.
pub(super) fn parse(identity: VaultIdentity, slot: u32, bytes: &[u8]) -> Found {
    if bytes.iter().all(|byte| *byte == 0) {
        return Found::Free;
    }
    let take = || {
        let mut all = Unpack(bytes);
        let fields = all.bytes(FIELD_BYTES)?;
        if all.u32()? != checksum(identity, slot, fields) {
            return None;
        }
        let mut fields = Unpack(fields);
        let (id, state) = (fields.array()?, fields.u32()?);
        let (nonce, sealed) = (fields.array()?, fields.array()?);
        match u8::try_from(state).ok()? {
            LIVE => Some(Found::Live(LiveSlot { id, wrapped: Wrapped { nonce, sealed } })),
            ERASED => Some(Found::Erased),
            _ => None,
        }
    };
    take().unwrap_or(Found::Broken)
}

/// The word of both copies: the later state wins. A slot that is broken in one copy and free in
/// the other was cut while it was made; nothing was acknowledged under it, and it is used up.
pub(super) fn merge(a: Found, b: Found) -> Found {
    match (a, b) {
        (Found::Erased, _) | (_, Found::Erased) => Found::Erased,
        (Found::Live(live), _) | (_, Found::Live(live)) => Found::Live(live),
        (Found::Free, Found::Free) => Found::Free,
        (Found::Broken, Found::Broken) => Found::Broken,
        (Found::Free | Found::Broken, Found::Free | Found::Broken) => Found::Erased,
    }
}
