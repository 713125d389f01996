//! Room for records: slabs made ahead, slabs used again, and what there is of both.

use std::sync::PoisonError;

use crate::store::keys::SlotState;
use crate::store::space::Space;
use crate::store::vault::slab::{
    RECORDS_AT, Slab, Stand, make_slab, read_heads, slab_name, write_heads,
};
use crate::store::vault::{Inner, Vault, VaultError};

/// One slab, for those who decide what may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlabSpace {
    /// Its number.
    pub slab: u32,
    /// How often it was used.
    pub generation: u32,
    /// Where its last record ends; the ledger's mark once it holds all rows.
    pub end: u64,
    /// Bytes of records in it.
    pub used_bytes: u64,
    /// What may be done with it.
    pub stand: Stand,
}

impl Vault {
    /// Makes slabs until as many are ready as the settings want, or the reserve is reached;
    /// returns how many are ready. Each is written full of zeros and synced, which takes as long
    /// as the disk is slow: call it at start and now and then, outside the sender's path.
    ///
    /// # Errors
    ///
    /// [`VaultError::Disk`], [`VaultError::Unready`].
    pub fn prepare(&self) -> Result<usize, VaultError> {
        let inner = &*self.inner;
        let _making = inner.making.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let (ready, number) = {
                let slabs = inner.slabs();
                if !slabs.recovered {
                    return Err(VaultError::Unready);
                }
                (slabs.ready(), slabs.next_slab)
            };
            let room = inner.keep_reserve(inner.settings.slab_bytes);
            match room {
                Err(VaultError::Full) => return Ok(ready),
                Err(error) => return Err(error),
                Ok(()) if inner.settings.slabs_ready <= ready => return Ok(ready),
                Ok(()) => inner.add_slab(number)?,
            }
        }
    }

    /// Uses a slab again: all its records are gone, its generation rises.
    ///
    /// `end` is the end of the slab up to which the caller decided that nothing is owed or kept:
    /// its ledger's mark.
    ///
    /// # Errors
    ///
    /// [`VaultError::Changed`] when the slab is leased or more was sealed in it: wait for the
    /// ledger and decide again. [`VaultError::Pinned`] for what is damaged or holds a live record
    /// of unknown kind. [`VaultError::Disk`]: the slab is set aside.
    pub fn recycle(&self, slab: u32, end: u64) -> Result<(), VaultError> {
        let inner = &*self.inner;
        inner.bar(slab, end)?;
        let done = inner.renew(slab);
        let mut slabs = inner.slabs();
        match &done {
            Ok(generation) => {
                if let Some(entry) = slabs.all.get_mut(&slab) {
                    entry.generation = *generation;
                    entry.pins.clear();
                }
                slabs.give_back(slab, Stand::Free, Some(RECORDS_AT));
            }
            Err(_) => slabs.give_back(slab, Stand::Failed, None),
        }
        done.map(|_| ())
    }

    /// Returns how many slabs can take a record now, or are taking one.
    pub fn slabs_ready(&self) -> usize {
        self.inner.slabs().ready()
    }

    /// Returns every slab.
    pub fn slabs(&self) -> Vec<SlabSpace> {
        let view = |(number, slab): (&u32, &Slab)| SlabSpace {
            slab: *number,
            generation: slab.generation,
            end: slab.end,
            used_bytes: slab.end.saturating_sub(RECORDS_AT),
            stand: slab.stand,
        };
        self.inner.slabs().all.iter().map(view).collect()
    }

    /// Returns how much room there is.
    ///
    /// # Errors
    ///
    /// [`VaultError::Disk`] when the disk cannot be measured.
    pub fn space(&self) -> Result<Space, VaultError> {
        let free = self.inner.disk.free_bytes();
        let mut space = Space {
            free_bytes: free.map_err(VaultError::disk("measured"))?,
            reserve_bytes: self.inner.settings.reserve_bytes,
            slab_bytes: self.inner.settings.slab_bytes,
            ready: self.inner.slabs().ready(),
            ..Space::default()
        };
        for slab in self.slabs() {
            space.slabs = space.slabs.saturating_add(1);
            space.used_bytes = space.used_bytes.saturating_add(slab.used_bytes);
            let count = match slab.stand {
                Stand::Free => continue,
                Stand::Leased => &mut space.leased,
                Stand::Failed => &mut space.failed,
                Stand::Quarantined => &mut space.quarantined,
            };
            *count = count.saturating_add(1);
        }
        Ok(space)
    }
}

impl Inner {
    fn add_slab(&self, number: u32) -> Result<(), VaultError> {
        let bytes = self.settings.slab_bytes;
        // The number is spent also when making fails: what is left may be anything.
        let next = number.checked_add(1).ok_or(VaultError::OutOfNumbers)?;
        self.slabs().next_slab = next;
        make_slab(&*self.disk, self.identity, number, bytes)?;
        let slab = Slab {
            generation: 1,
            end: RECORDS_AT,
            size: bytes,
            stand: Stand::Free,
            pins: std::collections::BTreeSet::new(),
        };
        self.slabs().all.insert(number, slab);
        Ok(())
    }

    /// Takes a slab out of use if it still is as the caller thinks.
    fn bar(&self, number: u32, end: u64) -> Result<(), VaultError> {
        let mut slabs = self.slabs();
        let changed = VaultError::Changed { slab: number };
        let Some(slab) = slabs.all.get_mut(&number) else {
            return Err(changed);
        };
        let pinned = |slot: &u32| self.ring.state(*slot) != SlotState::Erased;
        match slab.stand {
            Stand::Leased => return Err(changed),
            Stand::Quarantined => return Err(VaultError::Pinned { slab: number }),
            Stand::Free | Stand::Failed => {}
        }
        if slab.end != end {
            return Err(changed);
        }
        if slab.pins.iter().any(pinned) {
            return Err(VaultError::Pinned { slab: number });
        }
        slab.stand = Stand::Leased;
        Ok(())
    }

    /// Raises the generation, then cuts a grown file back: while the old generation stands, so do
    /// its records.
    fn renew(&self, slab: u32) -> Result<u32, VaultError> {
        let name = slab_name(slab);
        let file = self.disk.open(&name).map_err(VaultError::disk("opened"))?;
        let old = read_heads(&*file, self.identity, slab)?;
        let next = old.and_then(|generation| generation.checked_add(1));
        let next = next.ok_or(VaultError::Pinned { slab })?;
        write_heads(&*file, self.identity, slab, next)?;
        let failed = VaultError::disk("cut back");
        if self.settings.slab_bytes < file.length().map_err(&failed)? {
            file.set_length(self.settings.slab_bytes).map_err(&failed)?;
            file.sync_data().map_err(&failed)?;
        }
        Ok(next)
    }
}
