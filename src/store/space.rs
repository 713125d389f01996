//! How much room there is, and whether another object may come.

/// The room in the vault and on its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Bytes that the disk still gives.
    pub free_bytes: u64,
    /// Bytes of it that are kept for ledger, audit and logs.
    pub reserve_bytes: u64,
    /// Bytes of one slab.
    pub slab_bytes: u64,
    /// Bytes of records, dead ones included.
    pub used_bytes: u64,
    /// Slabs there are.
    pub slabs: usize,
    /// Slabs that can take a record, or are taking one.
    pub ready: usize,
    /// Slabs that a record is being written to.
    pub leased: usize,
    /// Slabs set aside after a failed write.
    pub failed: usize,
    /// Slabs set aside because something in them does not check.
    pub quarantined: usize,
}

impl Space {
    /// Returns the bytes that records can still take without recycling anything, reserve kept.
    pub fn open_bytes(&self) -> u64 {
        let slabs = u64::try_from(self.ready).unwrap_or(u64::MAX);
        let inside = slabs.saturating_mul(self.slab_bytes);
        inside.saturating_add(self.free_bytes.saturating_sub(self.reserve_bytes))
    }

    /// Returns how many more slabs fit without touching the reserve.
    pub fn slabs_to_come(&self) -> u64 {
        let spare = self.free_bytes.saturating_sub(self.reserve_bytes);
        spare.checked_div(self.slab_bytes).unwrap_or(0)
    }

    /// Returns whether another association may be offered storage. When not, it is answered that
    /// the box is out of resources for now, and nothing is lost.
    pub fn accepts(&self) -> bool {
        self.leased < self.ready || 0 < self.slabs_to_come()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_takes_objects_while_a_slab_is_ready_and_no_longer() {
        let full = Space {
            free_bytes: 10,
            reserve_bytes: 10,
            slab_bytes: 4,
            ready: 2,
            leased: 1,
            ..Space::default()
        };
        assert!(full.accepts());
        assert!(!Space { leased: 2, ..full }.accepts());
        let spare = Space { leased: 2, free_bytes: 14, ..full };
        assert_eq!((spare.accepts(), spare.slabs_to_come()), (true, 1));
    }
}
