//! Slabs: files of fixed size, full of zeros or of older records, leased to one record at a time.
//!
//! | stand | what holds | who leaves it |
//! |---|---|---|
//! | free | all records before `end` are acknowledged or gone | `lease`, `recycle` |
//! | leased | one record is being written behind `end` | sealing, rolling back, a failure |
//! | failed | a write or sync failed: nothing more is put there | `recycle` |
//! | quarantined | a head or a sealed record does not check | nobody |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::ids::{Arrival, RecordNumber};
use crate::store::disk::{Disk, DiskFile};
use crate::store::keys::VaultIdentity;
use crate::store::page::{BadBlock, PAGE_BYTES, Pack, block, open_block};
use crate::store::vault::VaultError;

const MAGIC: [u8; 8] = *b"SPSLAB\0\0";
/// Where the first record begins: behind the two heads.
pub(super) const RECORDS_AT: u64 = 8192;
/// Zeros are written in pieces of this size.
const ZERO_BYTES: usize = 1 << 20;

/// Returns the name of a slab's file.
pub(super) fn slab_name(slab: u32) -> String {
    format!("slab-{slab:08x}")
}

/// Returns the number in the name of a slab's file.
pub(super) fn slab_number(name: &str) -> Option<u32> {
    let slab = u32::from_str_radix(name.strip_prefix("slab-")?, 16).ok()?;
    (slab_name(slab) == name).then_some(slab)
}

/// What may be done with a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Nobody holds it.
    Free,
    /// A record is being written, or it is being recycled.
    Leased,
    /// A write or sync failed: nothing more is put there before it is recycled.
    Failed,
    /// Something in it does not check: kept as it is.
    Quarantined,
}

/// A slab as the vault knows it.
#[derive(Clone, Debug)]
pub(super) struct Slab {
    pub(super) generation: u32,
    /// Offset behind the last acknowledged record; where the next one goes.
    pub(super) end: u64,
    /// Bytes of the file, when it has not grown.
    pub(super) size: u64,
    pub(super) stand: Stand,
    /// Key slots of its records of unknown kind: a slab with such takes no more records, or the
    /// ledger would have a mark behind them and the next start not see them.
    pub(super) pins: BTreeSet<u32>,
}

/// All slabs, and the numbers that are drawn under the same lock.
#[derive(Debug, Default)]
pub(super) struct Slabs {
    pub(super) all: BTreeMap<u32, Slab>,
    pub(super) next_slab: u32,
    pub(super) start: u32,
    next_record: u32,
    next_arrival: u32,
    /// Whether recovery is through: nothing is leased before.
    pub(super) recovered: bool,
}

/// A slab in the hands of one writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) slab: u32,
    pub(super) generation: u32,
    pub(super) at: u64,
    pub(super) size: u64,
}

impl Slab {
    /// Whether another record would have a sixteenth of the slab to itself.
    pub(super) fn has_room(&self) -> bool {
        self.end.saturating_add(self.size / 16) <= self.size
    }

    fn is_leasable(&self) -> bool {
        self.stand == Stand::Free && self.pins.is_empty() && self.has_room()
    }
}

impl Slabs {
    /// Leases the fullest slab that has room: a study's records stay together, and empty slabs
    /// stay for associations that come at the same time.
    pub(super) fn lease(&mut self) -> Result<Lease, VaultError> {
        if !self.recovered {
            return Err(VaultError::Unready);
        }
        let candidates = self.all.iter().filter(|(_, slab)| slab.is_leasable());
        let best = candidates.max_by_key(|(number, slab)| (slab.end, std::cmp::Reverse(**number)));
        let number = *best.ok_or(VaultError::NoSlab)?.0;
        let slab = self.all.get_mut(&number).ok_or(VaultError::NoSlab)?;
        slab.stand = Stand::Leased;
        Ok(Lease { slab: number, generation: slab.generation, at: slab.end, size: slab.size })
    }

    /// Gives a leased slab back.
    pub(super) fn give_back(&mut self, number: u32, stand: Stand, end: Option<u64>) {
        if let Some(slab) = self.all.get_mut(&number) {
            slab.stand = stand;
            slab.end = end.unwrap_or(slab.end);
        }
    }

    /// How many slabs can take a record now or do so already.
    pub(super) fn ready(&self) -> usize {
        let in_use = |slab: &&Slab| slab.stand == Stand::Leased || slab.is_leasable();
        self.all.values().filter(in_use).count()
    }

    /// Draws a record number; never the same again.
    pub(super) fn draw_number(&mut self) -> Result<RecordNumber, VaultError> {
        let sequence = self.next_record;
        self.next_record = sequence.checked_add(1).ok_or(VaultError::OutOfNumbers)?;
        Ok(RecordNumber { start: self.start, sequence })
    }

    /// Draws a place in the order of arrival. The start counter is its high half, so that it
    /// rises for ever without being stored.
    pub(super) fn draw_arrival(&mut self) -> Result<Arrival, VaultError> {
        let sequence = self.next_arrival;
        self.next_arrival = sequence.checked_add(1).ok_or(VaultError::OutOfNumbers)?;
        Ok(Arrival(u64::from(self.start) << 32 | u64::from(sequence)))
    }
}

fn head(identity: VaultIdentity, slab: u32, generation: u32) -> Vec<u8> {
    let fields = Pack::default().bytes(&identity.0).u32(slab).u32(generation);
    block(MAGIC, &fields.done(), PAGE_BYTES)
}

fn page_offset(page: usize) -> u64 {
    u64::try_from(page.saturating_mul(PAGE_BYTES)).unwrap_or(u64::MAX)
}

/// Writes head A, syncs, head B, syncs.
pub(super) fn write_heads(
    file: &dyn DiskFile,
    identity: VaultIdentity,
    slab: u32,
    generation: u32,
) -> Result<(), VaultError> {
    let failed = VaultError::disk("headed");
    let page = head(identity, slab, generation);
    for copy in 0..2 {
        file.write_all_at(&page, page_offset(copy)).map_err(&failed)?;
        file.sync_data().map_err(&failed)?;
    }
    Ok(())
}

/// Reads both heads; the higher generation wins, and the other head is mended. `None` when
/// neither is a head of this slab in this vault.
pub(super) fn read_heads(
    file: &dyn DiskFile,
    identity: VaultIdentity,
    slab: u32,
) -> Result<Option<u32>, VaultError> {
    let mut generations = [None; 2];
    for (copy, generation) in generations.iter_mut().enumerate() {
        let mut page = vec![0; PAGE_BYTES];
        let read = file.read_at(&mut page, page_offset(copy));
        let read = read.map_err(VaultError::disk("read"))?;
        match open_block(MAGIC, page.get(..read).unwrap_or_default()) {
            Ok(mut fields) => {
                let ours = fields.array() == Some(identity.0) && fields.u32() == Some(slab);
                *generation = fields.u32().filter(|_| ours);
            }
            Err(BadBlock::Unreadable) => {}
            Err(BadBlock::Version(found)) => return Err(VaultError::Version { found }),
        }
    }
    let [a, b] = generations;
    let newest = a.max(b);
    if let Some(generation) = newest
        && a != b
    {
        let failed = VaultError::disk("mended");
        let stale = usize::from(a == newest);
        let page = head(identity, slab, generation);
        file.write_all_at(&page, page_offset(stale)).map_err(&failed)?;
        file.sync_data().map_err(&failed)?;
    }
    Ok(newest)
}

/// Makes a slab full of zeros. It has its name only once all of it is on the disk: what a power
/// cut leaves half made is no slab.
pub(super) fn make_slab(
    disk: &dyn Disk,
    identity: VaultIdentity,
    slab: u32,
    bytes: u64,
) -> Result<(), VaultError> {
    let failed = VaultError::disk("made");
    let (name, fresh) = (slab_name(slab), format!("{}.new", slab_name(slab)));
    let file: Arc<dyn DiskFile> = disk.create(&fresh).map_err(&failed)?;
    let zeros = vec![0; ZERO_BYTES];
    let mut at = 0_u64;
    while at < bytes {
        let left = usize::try_from(bytes.saturating_sub(at)).unwrap_or(ZERO_BYTES);
        let piece = zeros.get(..left).unwrap_or(&zeros);
        file.write_all_at(piece, at).map_err(&failed)?;
        at = at.saturating_add(u64::try_from(piece.len()).unwrap_or(bytes));
    }
    file.sync_data().map_err(&failed)?;
    write_heads(&*file, identity, slab, 1)?;
    disk.rename(&fresh, &name).map_err(&failed)?;
    disk.sync_dir().map_err(&failed)
}
