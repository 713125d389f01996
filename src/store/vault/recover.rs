//! Reading the slabs at start: what is sealed, what is torn, what is damaged.
//!
//! | found at a 4 KiB boundary | behind it | what it is |
//! |---|---|---|
//! | a record that checks | – | sealed: the ledger learns of it |
//! | a record whose key slot was erased | – | erased: walked over |
//! | anything else | no header of this generation, no mark | the torn last: written over |
//! | anything else | such a header, or a mark | damage: told, kept, gone on behind it |
//! | a record whose key or seal does not check though its frames do | – | damage |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::fault::Fault;
use crate::base::ids::RecordNumber;
use crate::store::disk::DiskFile;
use crate::store::keys::SlotState;
use crate::store::page::PAGE_BYTES;
use crate::store::record::{Location, Sealed};
use crate::store::vault::format::{Bound, Header, Trailer, Unopened, page_up};
use crate::store::vault::reader::{Depth, read_header, walk};
use crate::store::vault::slab::{RECORDS_AT, Slab, Stand, read_heads, slab_name, slab_number};
use crate::store::vault::{Inner, LedgerStand, Vault, VaultError};

/// Bytes that the search for headers reads at a time.
const SEARCH_BYTES: usize = 1 << 20;

/// A place that does not check and was not simply torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The slab; it is kept as it is, neither leased nor recycled.
    pub slab: u32,
    /// Where in it.
    pub offset: u64,
    /// What does not check.
    pub what: &'static str,
}

/// A sealed record of a kind, or with a content, that this release does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Its number.
    pub number: RecordNumber,
    /// Its kind.
    pub kind: u8,
    /// The slab, pinned until the study is erased.
    pub slab: u32,
}

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records handed to the ledger.
    pub records: u64,
    /// Records that a power cut or a failure left unfinished: nobody was told that they are safe.
    pub torn: u32,
    /// Records without a key that were the last of their slab.
    pub keyless: u32,
    /// Records whose study was erased.
    pub erased: u64,
    /// Copies of records that were met before.
    pub twice: u64,
    /// Whether every record was read, rather than those behind the ledger's marks.
    pub read_all: bool,
    /// What is damaged; see [`Recovery::unmarked`].
    pub damaged: Vec<Damage>,
    /// What this release does not know; see [`Recovery::unmarked`].
    pub unknown: Vec<Unknown>,
    slots: BTreeSet<u32>,
    missing: BTreeSet<u32>,
}

impl Recovery {
    /// Returns the slabs whose marks the ledger must drop: they are damaged or hold what this
    /// release does not know, and only a slab that is read again at each start stays set aside.
    ///
    /// A missing slab keeps its mark: nothing else knows that it was there.
    pub fn unmarked(&self) -> BTreeSet<u32> {
        let damaged = self.damaged.iter().map(|damage| damage.slab);
        let unknown = self.unknown.iter().map(|unknown| unknown.slab);
        damaged.chain(unknown).filter(|slab| !self.missing.contains(slab)).collect()
    }

    /// Returns the fault to show, if any.
    pub fn fault(&self) -> Option<Fault> {
        (!self.damaged.is_empty()).then_some(Fault::VaultDamaged)
    }
}

/// Why nothing sealed was found at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bad {
    /// No header of this generation.
    Nothing,
    /// A header, but not all of its frames.
    Unfinished,
    /// All frames, but no key was ever put into its slot.
    Keyless,
}

enum Here {
    /// Something sealed up to this offset.
    Sealed(u64),
    Bad(Bad),
    /// Its frames check up to this offset, and something else does not.
    Damaged(u64, &'static str),
}

struct Scan<'a> {
    inner: &'a Inner,
    slab: u32,
    generation: u32,
    file: Arc<dyn DiskFile>,
    length: u64,
    report: &'a mut Recovery,
    seen: &'a mut BTreeSet<RecordNumber>,
    each: &'a mut dyn FnMut(Sealed),
    pins: BTreeSet<u32>,
    sound: Stand,
}

impl Vault {
    /// Reads the records that the ledger may not know, slab by slab, and makes the vault ready.
    /// Call it once, before anything else.
    ///
    /// `marks` are the ledger's, one a slab: the slab's generation and the offset ([`Sealed::end`])
    /// up to which it holds the rows. Slabs without one, with one of an older generation, and all
    /// slabs when the ledger was [`LedgerStand::Behind`], are read from their head. Within a slab
    /// records come in the order of arrival, between slabs they do not: sort by
    /// [`Sealed::arrival`].
    ///
    /// # Errors
    ///
    /// [`VaultError::Version`] for a slab of another release, [`VaultError::Disk`] when keys or
    /// directory cannot be written. A slab that cannot be read is damage and no error.
    pub fn recover(
        &self,
        marks: &BTreeMap<u32, (u32, u64)>,
        each: &mut dyn FnMut(Sealed),
    ) -> Result<Recovery, VaultError> {
        let inner = &*self.inner;
        inner.note_start()?;
        let none = BTreeMap::new();
        let marks = match inner.ledger {
            LedgerStand::InStep => marks,
            LedgerStand::Behind => &none,
        };
        let mut report = Recovery { read_all: marks.is_empty(), ..Recovery::default() };
        let mut all = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for number in inner.list_slabs()? {
            let mark = marks.get(&number).copied();
            let slab = inner.recover_slab((number, mark), &mut report, &mut seen, each)?;
            all.insert(number, slab);
        }
        for (slab, (_, offset)) in marks.iter().filter(|(slab, _)| !all.contains_key(slab)) {
            let what = "the slab is missing";
            tracing::error!(slab, what, "the store is damaged");
            report.damaged.push(Damage { slab: *slab, offset: *offset, what });
            report.missing.insert(*slab);
        }
        let highest = all.keys().chain(marks.keys()).max().copied().unwrap_or(0);
        let mut slabs = inner.slabs();
        slabs.all = all;
        slabs.next_slab = highest.saturating_add(1);
        slabs.start = inner.start;
        slabs.recovered = true;
        Ok(report)
    }

    /// Erases keys under which nothing was ever sealed: their studies were cut at the very first
    /// instance. Does so only when `recovery` read every slab and found all of it clean.
    ///
    /// # Errors
    ///
    /// [`VaultError::Key`].
    pub fn retire_keys(&self, recovery: &Recovery) -> Result<usize, VaultError> {
        let clean = recovery.damaged.is_empty() && recovery.keyless == 0;
        if !(recovery.read_all && clean) {
            return Ok(0);
        }
        Ok(self.inner.ring.retire(&recovery.slots)?)
    }
}

impl Inner {
    /// Lists the slabs and removes what a power cut left half made.
    fn list_slabs(&self) -> Result<BTreeSet<u32>, VaultError> {
        let names = self.disk.list().map_err(VaultError::disk("listed"))?;
        for name in &names {
            let unfinished = name.strip_suffix(".new").and_then(slab_number);
            if unfinished.is_some() {
                self.disk.remove(name).map_err(VaultError::disk("tidied"))?;
            }
        }
        Ok(names.iter().filter_map(|name| slab_number(name)).collect())
    }

    fn recover_slab(
        &self,
        (slab, mark): (u32, Option<(u32, u64)>),
        report: &mut Recovery,
        seen: &mut BTreeSet<RecordNumber>,
        each: &mut dyn FnMut(Sealed),
    ) -> Result<Slab, VaultError> {
        match self.scan_slab((slab, mark), report, seen, each) {
            Ok(found) => Ok(found),
            Err(error @ VaultError::Version { .. }) => Err(error),
            Err(error) => {
                tracing::error!(slab, error = %error, "a slab cannot be read");
                report.damaged.push(Damage { slab, offset: 0, what: "the slab cannot be read" });
                Ok(quarantined())
            }
        }
    }

    fn scan_slab(
        &self,
        (slab, mark): (u32, Option<(u32, u64)>),
        report: &mut Recovery,
        seen: &mut BTreeSet<RecordNumber>,
        each: &mut dyn FnMut(Sealed),
    ) -> Result<Slab, VaultError> {
        let name = slab_name(slab);
        let file = self.disk.open(&name).map_err(VaultError::disk("opened"))?;
        // Bytes that a dead process wrote may stand in memory only.
        file.sync_data().map_err(VaultError::disk("synced"))?;
        file.forget().map_err(VaultError::disk("read"))?;
        let length = file.length().map_err(VaultError::disk("measured"))?;
        let Some(generation) = read_heads(&*file, self.identity, slab)? else {
            report.damaged.push(Damage { slab, offset: 0, what: "neither head can be read" });
            return Ok(quarantined());
        };
        let mut scan = Scan {
            inner: self,
            slab,
            generation,
            file,
            length,
            report,
            seen,
            each,
            pins: BTreeSet::new(),
            sound: Stand::Free,
        };
        let mark = scan.believed(mark);
        let end = scan.records(mark)?;
        Ok(scan.settle(end))
    }
}

fn quarantined() -> Slab {
    Slab { generation: 0, end: 0, size: 0, stand: Stand::Quarantined, pins: BTreeSet::new() }
}

impl Scan<'_> {
    fn damage(&mut self, offset: u64, what: &'static str) {
        let slab = self.slab;
        tracing::error!(slab, offset, what, "the store is damaged");
        self.sound = Stand::Quarantined;
        self.report.damaged.push(Damage { slab, offset, what });
    }

    /// Returns the offset of a mark that speaks of this generation.
    fn believed(&mut self, mark: Option<(u32, u64)>) -> Option<u64> {
        let (generation, offset) = mark?;
        if self.generation < generation {
            self.damage(0, "the slab is older than the ledger's mark");
        }
        let fits =
            generation == self.generation && RECORDS_AT <= offset && offset == page_up(offset);
        fits.then_some(offset)
    }

    /// Reads the records from the mark on, or all; returns where the next one goes.
    fn records(&mut self, mark: Option<u64>) -> Result<u64, VaultError> {
        // A mark behind the file's end speaks of records that are gone: look what is left.
        let start = mark.filter(|mark| *mark <= page_up(self.length));
        let mut at = start.unwrap_or(RECORDS_AT);
        self.report.read_all &= at == RECORDS_AT;
        loop {
            match self.here(at)? {
                Here::Sealed(end) => at = page_up(end),
                Here::Damaged(end, what) => {
                    self.damage(at, what);
                    at = page_up(end);
                }
                Here::Bad(bad) => {
                    let further = self.next_header(at)?;
                    let missing = mark.filter(|mark| at < *mark);
                    let Some(next) = further.or(missing) else {
                        self.count(bad);
                        return Ok(at);
                    };
                    self.damage(at, "a record is missing");
                    at = next;
                    if further.is_none() {
                        return Ok(at);
                    }
                }
            }
        }
    }

    fn count(&mut self, bad: Bad) {
        match bad {
            Bad::Nothing => {}
            Bad::Unfinished => self.report.torn = self.report.torn.saturating_add(1),
            Bad::Keyless => self.report.keyless = self.report.keyless.saturating_add(1),
        }
    }

    fn here(&mut self, at: u64) -> Result<Here, VaultError> {
        let header = read_header(&*self.file, at)?;
        let Some(header) = header.filter(|header| header.generation == self.generation) else {
            return Ok(Here::Bad(Bad::Nothing));
        };
        let Some(trail) = walk(&*self.file, at, header.number, Depth::Whole)? else {
            return Ok(Here::Bad(Bad::Unfinished));
        };
        let bound = Bound { identity: self.inner.identity, header: &header };
        match bound.open_trailer(&trail.body, &self.inner.ring) {
            Ok(trailer) => {
                self.hand_over((at, page_up(trail.end)), &header, trailer);
                Ok(Here::Sealed(trail.end))
            }
            Err(Unopened::Broken) => Ok(Here::Damaged(trail.end, "a seal does not check")),
            Err(Unopened::NoKey { slot, .. }) => match self.inner.ring.state(slot) {
                SlotState::Erased => {
                    self.report.erased = self.report.erased.saturating_add(1);
                    Ok(Here::Sealed(trail.end))
                }
                SlotState::Free => Ok(Here::Bad(Bad::Keyless)),
                SlotState::Live | SlotState::Damaged => {
                    Ok(Here::Damaged(trail.end, "a key is damaged"))
                }
            },
        }
    }

    fn hand_over(&mut self, (at, end): (u64, u64), header: &Header, trailer: Trailer) {
        let (number, kind, slab) = (header.number, header.kind, self.slab);
        self.report.slots.insert(trailer.slot);
        self.inner.ring.saw(trailer.slot, trailer.arrival);
        if !self.seen.insert(number) {
            self.report.twice = self.report.twice.saturating_add(1);
            return;
        }
        let Some(content) = trailer.content else {
            self.pins.insert(trailer.slot);
            self.report.unknown.push(Unknown { number, kind, slab });
            return;
        };
        self.report.records = self.report.records.saturating_add(1);
        let location = Location { slab, generation: self.generation, offset: at };
        (self.each)(Sealed { number, arrival: trailer.arrival, location, end, content });
    }

    /// Searches every 4 KiB boundary behind `at` for a header of this generation.
    fn next_header(&self, at: u64) -> Result<Option<u64>, VaultError> {
        let page = u64::try_from(PAGE_BYTES).unwrap_or(1);
        let mut from = at.saturating_add(page);
        let mut buffer = vec![0; SEARCH_BYTES];
        while from < self.length {
            let read = self.file.read_at(&mut buffer, from);
            let read = read.map_err(VaultError::disk("read"))?;
            let pages = buffer.get(..read).unwrap_or_default().chunks(PAGE_BYTES);
            let mut place = from;
            for bytes in pages {
                let header = Header::parse(bytes).ok();
                if header.is_some_and(|header| header.generation == self.generation) {
                    return Ok(Some(place));
                }
                place = place.saturating_add(page);
            }
            from = from.saturating_add(u64::try_from(SEARCH_BYTES).unwrap_or(page));
        }
        Ok(None)
    }

    /// Cuts a grown slab back to what is sealed in it.
    fn settle(self, end: u64) -> Slab {
        let size = self.length.min(self.inner.settings.slab_bytes);
        let keep = size.max(end);
        let mut stand = self.sound;
        if keep < self.length && stand == Stand::Free {
            let cut = self.file.set_length(keep);
            if cut.and_then(|()| self.file.sync_data()).is_err() {
                stand = Stand::Failed;
            }
        }
        Slab { generation: self.generation, end, size, stand, pins: self.pins }
    }
}
