//! Taking sealed records in: on the road and after a loss, the same rows.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::seal::ColumnSeal;
use super::{Ledger, LedgerError, column, during, objects, results};
use crate::base::digest::Digest;
use crate::base::ids::StudyRow;
use crate::store::record::{Content, Sealed};

/// What [`Ledger::apply`] took in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Records that the ledger did not hold.
    pub new: usize,
    /// Records that it held already.
    pub known: usize,
    /// Studies that new records belong to.
    pub studies: BTreeSet<StudyRow>,
}

/// The tables and the seal: what every step of an apply needs.
pub(super) struct Rows<'a> {
    pub(super) tables: &'a Connection,
    pub(super) seal: &'a dyn ColumnSeal,
}

impl Ledger {
    /// Takes a batch of records in, in one transaction.
    ///
    /// A record that is known changes nothing but its place, which follows the disk. Marks rise
    /// to the end of each record: the records of one slab must come in its order from call to
    /// call (within a call any order will do), or one that is left out by a power cut between
    /// two calls is not read again.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot commit; then no row of the batch exists and no mark moved.
    pub fn apply(
        &mut self,
        batch: &[Sealed],
        seal: &dyn ColumnSeal,
    ) -> Result<Applied, LedgerError> {
        self.apply_unmarked(batch, &BTreeSet::new(), seal)
    }

    /// As [`Ledger::apply`], and drops the marks of the slabs `unmarked` in the same transaction:
    /// what is damaged or unknown in them is found again at each start only where they are read
    /// from their head. Call it at least once where there are such slabs, with no record even.
    ///
    /// # Errors
    ///
    /// As [`Ledger::apply`].
    pub fn apply_unmarked(
        &mut self,
        batch: &[Sealed],
        unmarked: &BTreeSet<u32>,
        seal: &dyn ColumnSeal,
    ) -> Result<Applied, LedgerError> {
        self.write("apply records", |tables| {
            let rows = Rows { tables, seal };
            let mut applied = Applied::default();
            for sealed in batch {
                rows.take(sealed, &mut applied).map_err(during("apply a record"))?;
            }
            for slab in unmarked {
                rows.drop_mark(*slab).map_err(during("drop a mark"))?;
            }
            Ok(applied)
        })
    }
}

impl Rows<'_> {
    fn take(&self, sealed: &Sealed, applied: &mut Applied) -> rusqlite::Result<()> {
        self.raise_mark(sealed)?;
        if self.is_known(sealed)? {
            applied.known += 1;
            return Ok(());
        }
        self.insert_record(sealed)?;
        applied.new += 1;
        let study = match &sealed.content {
            Content::Object(record) => Some(objects::take(self, sealed, record)?),
            Content::Again(record) => objects::take_again(self, sealed, record)?,
            Content::Job(record) => Some(results::take_job(self, sealed, record)?),
            Content::Result(record) => Some(results::take(self, sealed, record)?),
        };
        applied.studies.extend(study);
        Ok(())
    }

    fn raise_mark(&self, sealed: &Sealed) -> rusqlite::Result<()> {
        let mut statement = self.tables.prepare_cached(
            "INSERT INTO marks (slab, generation, offset) VALUES (?1, ?2, ?3)
             ON CONFLICT (slab) DO UPDATE
             SET generation = excluded.generation, offset = excluded.offset
             WHERE (marks.generation, marks.offset) < (excluded.generation, excluded.offset)",
        )?;
        let location = sealed.location;
        statement.execute(params![location.slab, location.generation, sealed.end.cast_signed()])?;
        Ok(())
    }

    fn drop_mark(&self, slab: u32) -> rusqlite::Result<()> {
        self.tables.prepare_cached("DELETE FROM marks WHERE slab = ?1")?.execute([slab])?;
        Ok(())
    }

    /// Returns whether the record's row is there, and lets its place follow the disk.
    fn is_known(&self, sealed: &Sealed) -> rusqlite::Result<bool> {
        let location = sealed.location;
        let changed = self
            .tables
            .prepare_cached(
                "UPDATE records SET slab = ?2, generation = ?3, offset = ?4, end = ?5
                 WHERE number = ?1",
            )?
            .execute(params![
                column::number(sealed.number),
                location.slab,
                location.generation,
                location.offset.cast_signed(),
                sealed.end.cast_signed()
            ])?;
        Ok(0 < changed)
    }

    fn insert_record(&self, sealed: &Sealed) -> rusqlite::Result<()> {
        let location = sealed.location;
        let kind = match sealed.content {
            Content::Object(_) => "object",
            Content::Again(_) => "again",
            Content::Job(_) => "job",
            Content::Result(_) => "result",
        };
        self.tables
            .prepare_cached(
                "INSERT INTO records (number, arrival, kind, slab, generation, offset, end)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                column::number(sealed.number),
                column::arrival(sealed.arrival),
                kind,
                location.slab,
                location.generation,
                location.offset.cast_signed(),
                sealed.end.cast_signed()
            ])?;
        Ok(())
    }

    /// Says which study a record belongs to.
    pub(super) fn assign(&self, number: i64, study: StudyRow) -> rusqlite::Result<()> {
        self.tables
            .prepare_cached("UPDATE records SET study = ?2 WHERE number = ?1")?
            .execute(params![number, study.0])?;
        Ok(())
    }

    /// Finds or makes the row of the study with this label.
    pub(super) fn study(&self, label: &str) -> rusqlite::Result<(StudyRow, Digest)> {
        let key = self.seal.look_up(label.as_bytes());
        let found = self
            .tables
            .prepare_cached("SELECT row FROM studies WHERE key = ?1 AND erased = 0")?
            .query_row([key.0], |row| row.get(0))
            .optional()?;
        if let Some(row) = found {
            return Ok((StudyRow(row), key));
        }
        self.tables
            .prepare_cached("INSERT INTO studies (key, uid) VALUES (?1, ?2)")?
            .execute(params![key.0, self.seal.seal(&key, label.as_bytes())])?;
        Ok((StudyRow(self.tables.last_insert_rowid()), key))
    }

    /// Finds or makes the row of a series of `study`.
    pub(super) fn series(&self, study: (StudyRow, Digest), label: &str) -> rusqlite::Result<i64> {
        let key = self.seal.look_up(label.as_bytes());
        let found = self
            .tables
            .prepare_cached("SELECT row FROM series WHERE study = ?1 AND key = ?2")?
            .query_row(params![study.0.0, key.0], |row| row.get(0))
            .optional()?;
        if let Some(row) = found {
            return Ok(row);
        }
        self.tables
            .prepare_cached("INSERT INTO series (study, key, uid) VALUES (?1, ?2, ?3)")?
            .execute(params![study.0.0, key.0, self.seal.seal(&study.1, label.as_bytes())])?;
        Ok(self.tables.last_insert_rowid())
    }
}
