//! The slots of a keyring in memory, and the bytes of a copy.

use std::collections::BTreeMap;

use crate::base::fault::Fault;
use crate::base::ids::Arrival;
use crate::store::disk::{Disk, open_if_there, read_whole};
use crate::store::keys::copies::settle;
use crate::store::keys::seal::unwrap;
use crate::store::keys::slot::{
    Found, KeyId, SLOT_BYTES, encode_erased, encode_live, merge, parse,
};
use crate::store::keys::{KeyError, Secrets, VaultIdentity, unless_version};
use crate::store::page::{PAGE_BYTES, Pack, block, open_block};

const MAGIC: [u8; 8] = *b"SPKEYRNG";
/// Bytes of a copy that is read whole: 8 million studies.
const RING_BYTES_MAX: u64 = 1 << 30;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) found: Found,
    /// Seals under way.
    pub(super) inside: u32,
    /// The last record that was sealed or read under it in this life of the process.
    pub(super) last: Option<Arrival>,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) entries: BTreeMap<u32, Entry>,
    /// Live slots of a name, the one for new seals last.
    pub(super) by_id: BTreeMap<KeyId, Vec<u32>>,
    pub(super) next: u32,
}

/// What a key's wrap is bound to: another vault, slot or name does not open it.
pub(super) fn context(identity: VaultIdentity, slot: u32, id: &KeyId) -> Vec<u8> {
    Pack::default().bytes(&identity.0).u32(slot).bytes(id).done()
}

pub(super) fn slot_offset(slot: u32) -> u64 {
    let bytes = u64::try_from(SLOT_BYTES).unwrap_or(0);
    u64::try_from(PAGE_BYTES).unwrap_or(0).saturating_add(bytes.saturating_mul(u64::from(slot)))
}

impl Table {
    pub(super) fn insert(&mut self, slot: u32, found: Found) {
        let entry = Entry { found, inside: 0, last: None };
        if let Found::Live(live) = &entry.found {
            self.by_id.entry(live.id).or_default().push(slot);
        }
        self.entries.insert(slot, entry);
        self.next = self.next.max(slot.saturating_add(1));
    }

    pub(super) fn bury(&mut self, slot: u32) {
        if let Some(entry) = self.entries.get_mut(&slot) {
            entry.found = Found::Erased;
        }
        for slots in self.by_id.values_mut() {
            slots.retain(|other| *other != slot);
        }
        self.by_id.retain(|_, slots| !slots.is_empty());
    }
}

/// Reads one copy; `None` where it is missing, damaged in its head, or another vault's.
pub(super) fn read_ring(
    disk: &dyn Disk,
    name: &str,
    identity: VaultIdentity,
) -> Result<Option<Vec<u8>>, KeyError> {
    let failed = KeyError::disk("read");
    let Some(file) = open_if_there(disk, name).map_err(&failed)? else {
        return Ok(None);
    };
    settle(&*file).map_err(&failed)?;
    let bytes = read_whole(&*file, RING_BYTES_MAX).map_err(&failed)?;
    let head = open_block(MAGIC, bytes.get(..PAGE_BYTES).unwrap_or_default());
    match head.map(|mut fields| fields.array()) {
        Ok(found) => Ok((found == Some(identity.0)).then_some(bytes)),
        Err(bad) => unless_version(bad).map(|()| None),
    }
}

pub(super) fn merge_rings(
    identity: VaultIdentity,
    secrets: &Secrets,
    [a, b]: &[Option<Vec<u8>>; 2],
) -> (Table, Option<Fault>) {
    // A copy that is missing as a whole says nothing about any slot: the other speaks for both.
    let [a, b] = [a.as_ref().or(b.as_ref()), b.as_ref().or(a.as_ref())]
        .map(|copy| copy.and_then(|copy| copy.get(PAGE_BYTES..)).unwrap_or_default());
    let count = a.len().max(b.len()).div_ceil(SLOT_BYTES);
    let (mut table, mut fault) = (Table::default(), None);
    for slot in 0..u32::try_from(count).unwrap_or(u32::MAX) {
        let found = [a, b].map(|copy| {
            let start = usize::try_from(slot).unwrap_or(usize::MAX).saturating_mul(SLOT_BYTES);
            let rest = copy.get(start..).unwrap_or_default();
            parse(identity, slot, rest.get(..SLOT_BYTES).unwrap_or(rest))
        });
        let opens = |found: Found| match found {
            Found::Live(live) => {
                unwrap(&secrets.ring, &context(identity, slot, &live.id), &live.wrapped)
                    .map_or(Found::Broken, |_| found)
            }
            Found::Free | Found::Erased | Found::Broken => found,
        };
        let [one, other] = found.map(opens);
        match merge(one, other) {
            Found::Free => {}
            word @ (Found::Live(_) | Found::Erased | Found::Broken) => {
                if word == Found::Broken {
                    fault = Some(Fault::VaultDamaged);
                }
                table.insert(slot, word);
            }
        }
    }
    (table, fault)
}

/// The bytes of a copy: whole pages.
pub(super) fn image(identity: VaultIdentity, table: &Table) -> Vec<u8> {
    let mut bytes = block(MAGIC, &identity.0, PAGE_BYTES);
    for slot in 0..table.next {
        bytes.extend(match table.entries.get(&slot).map(|entry| entry.found) {
            Some(Found::Live(live)) => encode_live(identity, slot, &live),
            Some(Found::Erased) => encode_erased(identity, slot),
            Some(Found::Broken) => vec![u8::MAX; SLOT_BYTES],
            None | Some(Found::Free) => vec![0; SLOT_BYTES],
        });
    }
    bytes.resize(bytes.len().next_multiple_of(PAGE_BYTES), 0);
    bytes
}
