//! Booking: the ledger learns of sealed records, in batches behind the vault.
//!
//! Between seal and batch an instance is in neither the ledger nor forgotten: the books know it,
//! and after a power cut the vault's recovery tells of it again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::digest::Digest;
use crate::base::ids::RecordNumber;
use crate::base::time::Stamp;
use crate::base::uid::Uid;
use crate::node::bell::Bell;
use crate::node::deliver::Stores;
use crate::node::seal::Seal;
use crate::store::ledger::{Applied, LedgerError};
use crate::store::record::{Content, Location, ObjectRecord, Sealed};

/// Records that one transaction takes in: a commit costs a sync, whatever its size.
const BATCH: usize = 256;

/// Where the first record of an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its number.
    pub number: RecordNumber,
    /// Its place.
    pub location: Location,
}

/// What makes two objects the same: syntax and bytes. The UIDs are among the bytes.
type Sameness = (Uid, Digest);

/// Sealed records that the ledger does not hold yet, and goodbyes that it has not heard.
#[derive(Debug)]
pub struct Books {
    fresh: Mutex<Fresh>,
    /// Held while a batch is booked: who books beside another would count it twice.
    booking: Mutex<()>,
    bell: Bell,
}

/// The orderly end of an association that brought parts of studies.
#[derive(Clone, Debug)]
pub struct Goodbye {
    /// Labels of the studies.
    pub studies: Vec<String>,
    /// Who.
    pub calling: String,
    /// When.
    pub at: Stamp,
}

#[derive(Debug, Default)]
struct Fresh {
    waiting: Vec<Sealed>,
    goodbyes: Vec<Goodbye>,
    same: BTreeMap<Sameness, Standing>,
}

impl Books {
    /// Begins with nothing to book; `bell` rings whenever there is something.
    pub fn new(bell: Bell) -> Self {
        Self { fresh: Mutex::default(), booking: Mutex::default(), bell }
    }

    fn fresh(&self) -> MutexGuard<'_, Fresh> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a sealed record; never blocks on the disk.
    pub fn add(&self, sealed: Sealed) {
        let mut fresh = self.fresh();
        if let Content::Object(object) = &sealed.content {
            let standing = Standing { number: sealed.number, location: sealed.location };
            fresh.same.entry(sameness(object)).or_insert(standing);
        }
        fresh.waiting.push(sealed);
        drop(fresh);
        self.bell.ring();
    }

    /// Takes a goodbye; the ledger hears of it behind the records that came before.
    pub fn say_goodbye(&self, goodbye: Goodbye) {
        self.fresh().goodbyes.push(goodbye);
        self.bell.ring();
    }

    /// Finds the first record with the same syntax and bytes, booked or not.
    ///
    /// A ledger that cannot be read finds nothing: the instance is then kept twice, and counts
    /// as one and an `again` once both are booked.
    pub fn find_same(&self, stores: &Stores, object: &ObjectRecord) -> Option<Standing> {
        if let Some(standing) = self.fresh().same.get(&sameness(object)) {
            return Some(*standing);
        }
        let seal = Seal(&stores.vault);
        let ledger = stores.ledger();
        let versions = ledger.view().versions(&object.identity.sop_instance, &seal).ok()?;
        let same = versions.into_iter().find(|kept| {
            kept.digest == object.digest && kept.transfer_syntax == object.transfer_syntax
        })?;
        Some(Standing { number: same.number, location: same.location })
    }

    /// Books what waits, one batch; returns what the ledger took, `None` when nothing waited.
    ///
    /// # Errors
    ///
    /// When the ledger cannot commit: the batch waits on.
    pub fn book(&self, stores: &Stores) -> Result<Option<Applied>, LedgerError> {
        let booking = self.booking.lock().unwrap_or_else(PoisonError::into_inner);
        let applied = self.book_records(stores)?;
        if applied.is_some() {
            return Ok(applied);
        }
        let goodbyes = std::mem::take(&mut self.fresh().goodbyes);
        let is_new = !goodbyes.is_empty();
        let told = goodbyes.iter().try_for_each(|goodbye| hear(stores, goodbye));
        drop(booking);
        // A goodbye that is not heard costs a longer wait, nothing else: it is not said again.
        told.map(|()| is_new.then(Applied::default))
    }

    fn book_records(&self, stores: &Stores) -> Result<Option<Applied>, LedgerError> {
        let batch: Vec<Sealed> = {
            let fresh = self.fresh();
            // In the order of sealing, so that the marks of each slab rise.
            fresh.waiting.iter().take(BATCH).cloned().collect()
        };
        if batch.is_empty() {
            return Ok(None);
        }
        let applied = stores.ledger().apply(&batch, &Seal(&stores.vault))?;
        let mut fresh = self.fresh();
        for sealed in fresh.waiting.drain(..batch.len()).collect::<Vec<_>>() {
            if let Content::Object(object) = &sealed.content {
                let key = sameness(object);
                if fresh.same.get(&key).is_some_and(|known| known.number == sealed.number) {
                    fresh.same.remove(&key);
                }
            }
        }
        Ok(Some(applied))
    }
}

fn hear(stores: &Stores, goodbye: &Goodbye) -> Result<(), LedgerError> {
    let mut ledger = stores.ledger();
    for label in &goodbye.studies {
        if let Some(study) = ledger.view().labelled(label, &Seal(&stores.vault))? {
            ledger.note_association_released(study, &goodbye.calling, goodbye.at)?;
        }
    }
    Ok(())
}

fn sameness(object: &ObjectRecord) -> Sameness {
    (object.transfer_syntax.clone(), object.digest)
}
