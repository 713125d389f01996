//! What may go, and making the ledger forget it.

use rusqlite::{Connection, params};

use super::whole::note_event;
use super::{Ledger, LedgerError, View, during};
use crate::base::ids::StudyRow;
use crate::base::time::Stamp;

/// Whether a slab may be written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recycling {
    /// No record in it is kept.
    Free,
    /// So many records in it are kept.
    Held {
        /// How many.
        records: u64,
    },
}

/// What still keeps a study.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Deliveries that wait, are under way or were set aside.
    pub deliveries: u64,
    /// Jobs that are not finished; what was replaced before its turn is.
    pub jobs: u64,
}

impl Ledger {
    /// Forgets a study whose key is gone: its sealed columns go, its keyed hashes stay, its
    /// records no longer hold their slabs. Instances that come later begin it anew.
    ///
    /// The caller bars sealing in the study and waits until every record of it is applied.
    ///
    /// # Errors
    ///
    /// [`LedgerError::StillOwed`] while anything of it is owed (I5); nothing changes then. Fails
    /// when SQLite cannot commit.
    pub fn erase_study(
        &mut self,
        study: StudyRow,
        why: &str,
        at: Stamp,
    ) -> Result<(), LedgerError> {
        self.write("erase a study", |tables| {
            let holding = holding(tables, study).map_err(during("look what is owed"))?;
            if holding != Holding::default() {
                return Err(LedgerError::StillOwed);
            }
            erase(tables, study).map_err(during("erase a study"))?;
            note_event(tables, study, &at, ("erased", why)).map_err(during("note an event"))
        })
    }
}

impl View<'_> {
    /// Returns whether no record in `slab` is kept. Ask again with sealing there barred and every
    /// sealed record applied before acting on it.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn can_recycle(self, slab: u32) -> Result<Recycling, LedgerError> {
        let records: i64 = self
            .tables
            .prepare_cached("SELECT count(*) FROM records WHERE slab = ?1 AND released = 0")
            .and_then(|mut query| query.query_row([slab], |row| row.get(0)))
            .map_err(during("look into a slab"))?;
        Ok(match records.cast_unsigned() {
            0 => Recycling::Free,
            records => Recycling::Held { records },
        })
    }

    /// Returns what still keeps a study.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn owed_in_study(self, study: StudyRow) -> Result<Holding, LedgerError> {
        holding(self.tables, study).map_err(during("look what is owed"))
    }
}

fn holding(tables: &Connection, study: StudyRow) -> rusqlite::Result<Holding> {
    tables
        .prepare_cached(
            "SELECT (SELECT count(*) FROM deliveries WHERE study = ?1
                         AND state IN ('queued', 'sent', 'parked')),
                     (SELECT count(*) FROM jobs j WHERE study = ?1
                         AND state IN ('decided', 'running', 'quarantined')
                         AND NOT EXISTS (SELECT 1 FROM jobs n WHERE n.supersedes = j.number))",
        )?
        .query_row([study.0], |row| {
            Ok(Holding {
                deliveries: row.get::<_, i64>(0)?.cast_unsigned(),
                jobs: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        })
}

fn erase(tables: &Connection, study: StudyRow) -> rusqlite::Result<()> {
    for change in [
        "UPDATE studies SET uid = NULL, erased = 1 WHERE row = ?1",
        "UPDATE series SET uid = NULL WHERE study = ?1",
        "UPDATE objects SET sealed = NULL, erased = 1 WHERE study = ?1",
        "UPDATE results SET sealed = NULL WHERE study = ?1",
        "UPDATE deliveries SET words = NULL WHERE study = ?1",
        "UPDATE records SET released = 1 WHERE study = ?1",
    ] {
        tables.execute(change, params![study.0])?;
    }
    Ok(())
}
