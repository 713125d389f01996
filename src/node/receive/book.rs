//! Booking: the ledger learns of sealed records, in batches behind the vault.
//!
//! Between seal and batch an instance is in neither the ledger nor forgotten: the books know it,
//! and after a power cut the vault's recovery tells of it again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::digest::Digest;
use crate::base::ids::RecordNumber;
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

/// Sealed records that the ledger does not hold yet.
#[derive(Debug)]
pub struct Books {
    fresh: Mutex<Fresh>,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Fresh {
    waiting: Vec<Sealed>,
    same: BTreeMap<Sameness, Standing>,
}

impl Books {
    /// Begins with nothing to book; `bell` rings whenever there is something.
    pub fn new(bell: Bell) -> Self {
        Self { fresh: Mutex::default(), bell }
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

fn sameness(object: &ObjectRecord) -> Sameness {
    (object.transfer_syntax.clone(), object.digest)
}
