//! One file of the disk in memory: what readers see, and what the platter has.

use std::collections::BTreeMap;

use crate::base::rng::Rng;
use crate::store::disk::memory::Loss;
use crate::store::page::SECTOR_BYTES;

type Sector = [u8; SECTOR_BYTES];

/// The bytes that readers see, and how the platter differs.
#[derive(Default)]
pub(super) struct Node {
    pub(super) bytes: Vec<u8>,
    synced_length: usize,
    /// What the platter has in sectors that were written since the last sync.
    unsynced: BTreeMap<usize, Sector>,
    /// What the platter has in sectors that a failed sync dropped.
    dropped: BTreeMap<usize, Sector>,
}

impl Node {
    fn sector(&self, index: usize) -> Sector {
        let mut sector = [0; SECTOR_BYTES];
        let start = index.saturating_mul(SECTOR_BYTES);
        let there = self.bytes.get(start..).unwrap_or_default();
        for (place, byte) in sector.iter_mut().zip(there) {
            *place = *byte;
        }
        sector
    }

    /// Remembers what the platter has in `range` before it changes.
    fn touch(&mut self, start: usize, end: usize) {
        for index in start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            if !self.unsynced.contains_key(&index) {
                let old = self.dropped.remove(&index);
                let old = old.unwrap_or_else(|| self.sector(index));
                self.unsynced.insert(index, old);
            }
        }
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset.saturating_add(bytes.len());
        if self.bytes.len() < end {
            self.set_length(end);
        }
        self.touch(offset, end);
        if let Some(place) = self.bytes.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
    }

    pub(super) fn set_length(&mut self, length: usize) {
        if length < self.bytes.len() {
            self.touch(length, self.bytes.len());
        }
        self.bytes.resize(length, 0);
    }

    pub(super) fn sync(&mut self) {
        self.unsynced.clear();
        self.synced_length = self.bytes.len();
    }

    pub(super) fn fail_sync(&mut self) {
        self.dropped.append(&mut self.unsynced);
    }

    fn restore(&mut self, index: usize, old: &Sector) {
        let start = index.saturating_mul(SECTOR_BYTES);
        if let Some(place) = self.bytes.get_mut(start..) {
            for (byte, old) in place.iter_mut().zip(old) {
                *byte = *old;
            }
        }
    }

    pub(super) fn forget(&mut self) {
        for (index, old) in std::mem::take(&mut self.dropped) {
            self.restore(index, &old);
        }
    }

    pub(super) fn crash(&mut self, rng: &mut dyn Rng, loss: Loss) {
        let keeps = |rng: &mut dyn Rng| loss == Loss::Some && rng.below(2) == 1;
        if self.bytes.len() != self.synced_length && !keeps(rng) {
            // Sectors that a shorter file had come back with their old bytes.
            self.bytes.resize(self.synced_length, 0);
        }
        self.forget();
        for (index, old) in std::mem::take(&mut self.unsynced) {
            if !keeps(rng) {
                self.restore(index, &old);
            }
        }
        self.synced_length = self.bytes.len();
    }
}
