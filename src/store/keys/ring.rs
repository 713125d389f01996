//! The keyring: one slot a study, in two copies, with the bars that keep erasing behind sealing.
//!
//! A seal enters a slot and leaves it when its sync came back. Erasing refuses while a seal is
//! inside, or when one has left that the caller does not know of: the caller's ledger must hold
//! it first, and the decision is made again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::digest::Digest;
use crate::base::fault::Fault;
use crate::base::ids::Arrival;
use crate::base::rng::Rng;
use crate::base::uid::Uid;
use crate::store::disk::{Disk, DiskFile, replace};
use crate::store::keys::copies::open_file;
use crate::store::keys::seal::{draw_key, draw_nonce, unwrap, wrap};
use crate::store::keys::slot::{Found, KeyId, LiveSlot, SlotState, encode_erased, encode_live};
use crate::store::keys::table::{
    Entry, Table, context, image, merge_rings, read_ring, slot_offset,
};
use crate::store::keys::{Key, KeyError, Secrets, VaultIdentity};
use crate::store::page::PAGE_BYTES;

const NAMES: [&str; 2] = ["keyring.a", "keyring.b"];
/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName<'a> {
    /// Records without a study: slot 0, never erased.
    Box,
    /// A study by its Study Instance UID.
    Study(&'a Uid),
    /// A study by its label: its UID, or what the ledger calls the instances without one that a
    /// caller sent on one day.
    Label(&'a str),
    /// A study by the keyed hash of its label, which is all that the ledger has in clear.
    Hashed(&'a Digest),
}

/// A seal that is under way in a slot. Give it back by [`Keyring::leave`].
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) slot: u32,
    pub(crate) key: Key,
}

struct Files {
    copies: [Arc<dyn DiskFile>; 2],
    /// A write or sync failed: the files are written anew from the table before the next use.
    suspect: bool,
}

/// The keyring of one vault.
pub(crate) struct Keyring {
    disk: Arc<dyn Disk>,
    identity: VaultIdentity,
    secrets: Arc<Secrets>,
    table: Mutex<Table>,
    /// Held across writes and syncs; taken before `table`, never inside it.
    files: Mutex<Files>,
}

impl KeyName<'_> {
    fn id(self, secrets: &Secrets) -> KeyId {
        let digest = match self {
            Self::Box => return [0; 16],
            Self::Study(uid) => secrets.keyed_hash(uid.as_str().as_bytes()),
            Self::Label(label) => secrets.keyed_hash(label.as_bytes()),
            Self::Hashed(digest) => *digest,
        };
        let [half, _] = split(digest.0);
        half
    }
}

fn split(bytes: [u8; 32]) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    for (half, part) in halves.iter_mut().zip(bytes.chunks_exact(16)) {
        half.copy_from_slice(part);
    }
    halves
}

impl Keyring {
    /// Makes both copies, with slot 0 for records without a study. What stood there is replaced.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        identity: VaultIdentity,
        secrets: Arc<Secrets>,
        rng: &mut dyn Rng,
    ) -> Result<Self, KeyError> {
        let mut table = Table::default();
        let live = make_live(&secrets, identity, (0, [0; 16]), rng)?;
        table.insert(0, Found::Live(live));
        let image = image(identity, &table);
        for name in NAMES {
            replace(&*disk, name, &image).map_err(KeyError::disk("written"))?;
        }
        Self::assemble(disk, identity, secrets, table)
    }

    /// Reads both copies, takes the later state of every slot, and mends what differs.
    ///
    /// Also returns a fault when a slot is damaged in both.
    pub(crate) fn load(
        disk: Arc<dyn Disk>,
        identity: VaultIdentity,
        secrets: Arc<Secrets>,
    ) -> Result<(Self, Option<Fault>), KeyError> {
        let [a, b] = NAMES.map(|name| read_ring(&*disk, name, identity));
        let copies = [a?, b?];
        if copies.iter().all(Option::is_none) {
            return Err(KeyError::Missing { what: "keyring" });
        }
        let (table, fault) = merge_rings(identity, &secrets, &copies);
        let image = image(identity, &table);
        if fault.is_none() {
            for (name, copy) in NAMES.iter().zip(&copies) {
                if copy.as_ref() != Some(&image) {
                    replace(&*disk, name, &image).map_err(KeyError::disk("mended"))?;
                }
            }
        }
        Ok((Self::assemble(disk, identity, secrets, table)?, fault))
    }

    fn assemble(
        disk: Arc<dyn Disk>,
        identity: VaultIdentity,
        secrets: Arc<Secrets>,
        table: Table,
    ) -> Result<Self, KeyError> {
        let [a, b] = NAMES.map(|name| open_file(&*disk, name));
        let files = Files { copies: [a?, b?], suspect: false };
        Ok(Self { disk, identity, secrets, table: Mutex::new(table), files: Mutex::new(files) })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is known about a slot.
    pub(crate) fn state(&self, slot: u32) -> SlotState {
        match self.table().entries.get(&slot).map(|entry| entry.found) {
            None | Some(Found::Free) => SlotState::Free,
            Some(Found::Live(_)) => SlotState::Live,
            Some(Found::Erased) => SlotState::Erased,
            Some(Found::Broken) => SlotState::Damaged,
        }
    }

    /// Returns the key of a slot.
    pub(crate) fn key(&self, slot: u32) -> Result<Key, KeyError> {
        let found = self.table().entries.get(&slot).map(|entry| entry.found);
        match found {
            None | Some(Found::Free) => Err(KeyError::Free { slot }),
            Some(Found::Erased) => Err(KeyError::Erased { slot }),
            Some(Found::Broken) => Err(KeyError::Damaged { slot }),
            Some(Found::Live(live)) => {
                let context = context(self.identity, slot, &live.id);
                unwrap(&self.secrets.ring, &context, &live.wrapped)
                    .ok_or(KeyError::Damaged { slot })
            }
        }
    }

    /// Enters the slot of `name` for a seal; makes one, synced in both copies, where there is none.
    pub(crate) fn enter(
        &self,
        name: KeyName<'_>,
        rng: &Mutex<Box<dyn Rng>>,
    ) -> Result<Ticket, KeyError> {
        let id = name.id(&self.secrets);
        let slot = match self.enter_known(&id) {
            Some(slot) => slot,
            None => self.make(id, rng)?,
        };
        match self.key(slot) {
            Ok(key) => Ok(Ticket { slot, key }),
            Err(error) => {
                self.leave(slot, None);
                Err(error)
            }
        }
    }

    fn enter_known(&self, id: &KeyId) -> Option<u32> {
        let mut table = self.table();
        let slot = *table.by_id.get(id)?.last()?;
        let entry = table.entries.get_mut(&slot)?;
        entry.inside = entry.inside.saturating_add(1);
        Some(slot)
    }

    /// Leaves a slot; `sealed` is the record's place in the order of arrival if it is safe.
    pub(crate) fn leave(&self, slot: u32, sealed: Option<Arrival>) {
        if let Some(entry) = self.table().entries.get_mut(&slot) {
            entry.inside = entry.inside.saturating_sub(1);
            entry.last = entry.last.max(sealed);
        }
    }

    /// Notes a record that recovery read under a slot.
    pub(crate) fn saw(&self, slot: u32, arrival: Arrival) {
        if let Some(entry) = self.table().entries.get_mut(&slot) {
            entry.last = entry.last.max(Some(arrival));
        }
    }

    fn make(&self, id: KeyId, rng: &Mutex<Box<dyn Rng>>) -> Result<u32, KeyError> {
        let mut files = self.files();
        // Another association may have made it while this one waited for the files.
        if let Some(slot) = self.enter_known(&id) {
            return Ok(slot);
        }
        let slot = self.table().next;
        let live = {
            let mut rng = rng.lock().unwrap_or_else(PoisonError::into_inner);
            make_live(&self.secrets, self.identity, (slot, id), &mut **rng)?
        };
        let mut bytes = encode_live(self.identity, slot, &live);
        if slot_offset(slot).is_multiple_of(u64::try_from(PAGE_BYTES).unwrap_or(1)) {
            // The first of a page brings the rest of it, all free.
            bytes.resize(PAGE_BYTES, 0);
        }
        if slot == u32::MAX {
            return Err(KeyError::Unmakeable);
        }
        let written = self.put(&mut files, &[(slot, bytes)]);
        let mut table = self.table();
        // A slot is used once, also when it could not be written.
        let found = written.as_ref().map_or(Found::Erased, |()| Found::Live(live));
        table.insert(slot, found);
        written?;
        if let Some(entry) = table.entries.get_mut(&slot) {
            entry.inside = 1;
        }
        Ok(slot)
    }

    /// Writes slots into copy A, syncs, then into copy B, syncs.
    fn put(&self, files: &mut Files, slots: &[(u32, Vec<u8>)]) -> Result<(), KeyError> {
        let failed = KeyError::disk("written");
        if files.suspect {
            self.rewrite(files)?;
        }
        for copy in &files.copies {
            let mut done = Ok(());
            for (slot, bytes) in slots {
                done = done.and_then(|()| copy.write_all_at(bytes, slot_offset(*slot)));
            }
            if let Err(error) = done.and_then(|()| copy.sync_data()) {
                files.suspect = true;
                return Err(failed(error));
            }
        }
        Ok(())
    }

    /// Writes both copies anew from memory: a file whose sync failed is never synced again.
    fn rewrite(&self, files: &mut Files) -> Result<(), KeyError> {
        let image = image(self.identity, &self.table());
        for (name, copy) in NAMES.iter().zip(&mut files.copies) {
            replace(&*self.disk, name, &image).map_err(KeyError::disk("written anew"))?;
            *copy = open_file(&*self.disk, name)?;
        }
        files.suspect = false;
        Ok(())
    }

    /// Erases the keys of `name`; returns the slots. `seen` is the newest record of it that the
    /// caller decided on.
    ///
    /// From here on a seal takes a new slot. After an error the keys may be gone or not: call
    /// again until it succeeds.
    pub(crate) fn erase(
        &self,
        name: KeyName<'_>,
        seen: Option<Arrival>,
    ) -> Result<Vec<u32>, KeyError> {
        if name == KeyName::Box {
            return Ok(Vec::new());
        }
        let id = name.id(&self.secrets);
        let mut files = self.files();
        let slots = {
            let mut table = self.table();
            let slots = table.by_id.get(&id).cloned().unwrap_or_default();
            for entry in slots.iter().filter_map(|slot| table.entries.get(slot)) {
                if 0 < entry.inside || seen < entry.last {
                    return Err(KeyError::Changed);
                }
            }
            for slot in &slots {
                table.bury(*slot);
            }
            slots
        };
        if !slots.is_empty() || files.suspect {
            self.write_tombstones(&mut files, &slots)?;
        }
        Ok(slots)
    }

    fn write_tombstones(&self, files: &mut Files, slots: &[u32]) -> Result<(), KeyError> {
        let tomb = |slot: &u32| (*slot, encode_erased(self.identity, *slot));
        let tombs: Vec<_> = slots.iter().map(tomb).collect();
        self.put(files, &tombs)
    }

    /// Erases live slots, slot 0 aside, that are not among `used`. Only after every slab read
    /// clean; returns how many.
    pub(crate) fn retire(&self, used: &BTreeSet<u32>) -> Result<usize, KeyError> {
        let mut files = self.files();
        let slots: Vec<u32> = {
            let mut table = self.table();
            let idle = |(slot, entry): (&u32, &Entry)| {
                let live = matches!(entry.found, Found::Live(_)) && entry.inside == 0;
                let idle = live && entry.last.is_none() && *slot != 0 && !used.contains(slot);
                idle.then_some(*slot)
            };
            let slots: Vec<u32> = table.entries.iter().filter_map(idle).collect();
            for slot in &slots {
                table.bury(*slot);
            }
            slots
        };
        if !slots.is_empty() {
            self.write_tombstones(&mut files, &slots)?;
        }
        Ok(slots.len())
    }
}

fn make_live(
    secrets: &Secrets,
    identity: VaultIdentity,
    (slot, id): (u32, KeyId),
    rng: &mut dyn Rng,
) -> Result<LiveSlot, KeyError> {
    let (key, nonce) = (draw_key(rng), draw_nonce(rng));
    let wrapped = wrap(&secrets.ring, nonce, &context(identity, slot, &id), &key);
    let wrapped = wrapped.ok_or(KeyError::Unmakeable)?;
    Ok(LiveSlot { id, wrapped })
}
