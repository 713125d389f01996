//! The start of the process: is this the ledger of this vault, and is it the newest?

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::deliveries::note_destinations;
use super::{Ledger, LedgerError, View, column, during, objects, results, schema};
use crate::base::ids::{ObjectRow, RecordNumber};

/// What the ledger is compared with at the start.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The vault's identity.
    pub vault: &'a [u8],
    /// The box id.
    pub box_id: &'a [u8],
    /// The highest start counter seen outside the ledger: in the copies beside the keyring and
    /// in record numbers.
    pub highest_seen: u32,
    /// The destinations that the settings name.
    pub destinations: &'a [String],
}

/// What the start found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// The start counter from now on; synced here, to be written beside the keyring next.
    pub counter: u32,
    /// Whether the ledger can be believed.
    pub condition: Condition,
}

/// Whether the ledger can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A new box: no ledger, and no start before this one.
    Fresh,
    /// It is the ledger of this vault and of its last start: read on from its marks.
    Sound,
    /// There is a vault, but the ledger is new.
    Lost,
    /// The ledger is older than the vault: somebody put a copy back.
    Restored,
    /// Ledger and vault come from different boxes; the ledger was emptied.
    Swapped,
    /// A rebuild did not come to its end.
    Unfinished,
}

impl Condition {
    /// Returns whether every record must be read again, and [`Ledger::finish_rebuild`] called.
    pub fn needs_rebuild(self) -> bool {
        !matches!(self, Self::Fresh | Self::Sound)
    }
}

/// Up to where the ledger holds what a slab's records say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The slab.
    pub slab: u32,
    /// Its generation.
    pub generation: u32,
    /// Offset behind the last record that is in.
    pub offset: u64,
}

impl View<'_> {
    /// Returns the start counter of the last start; 0 for a new ledger.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn start_counter(&self) -> Result<u32, LedgerError> {
        self.tables
            .query_row("SELECT start_counter FROM meta", [], |row| row.get(0))
            .optional()
            .map(Option::unwrap_or_default)
            .map_err(during("read the start counter"))
    }
}

impl Ledger {
    /// Begins a start of the process: raises the start counter, drops the marks where the ledger
    /// cannot be believed, and puts back what was under way when the last one ended: deliveries
    /// `sent` are queued again, jobs `running` decided.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot commit.
    pub fn start(&mut self, start: &Start<'_>) -> Result<Started, LedgerError> {
        self.write("start", |tables| begin(tables, start).map_err(during("start")))
    }

    /// Lists the marks, by slab.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn marks(&self) -> Result<Vec<Mark>, LedgerError> {
        self.connection
            .prepare_cached("SELECT slab, generation, offset FROM marks ORDER BY slab")
            .and_then(|mut query| {
                let read = |row: &rusqlite::Row<'_>| {
                    Ok(Mark {
                        slab: row.get(0)?,
                        generation: row.get(1)?,
                        offset: column::read_u64(row, 2)?,
                    })
                };
                query.query_map([], read)?.collect()
            })
            .map_err(during("list marks"))
    }

    /// Drops the marks, so that every record is read again. [`Ledger::start`] does it by itself
    /// where it must.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot commit.
    pub fn begin_rebuild(&mut self) -> Result<(), LedgerError> {
        self.write("begin a rebuild", |tables| {
            tables
                .execute_batch("DELETE FROM marks; UPDATE meta SET rebuilding = 1;")
                .map_err(during("begin a rebuild"))
        })
    }

    /// Ends a rebuild: rows whose record is not among `seen` go, but for records of this start
    /// and of erased studies. Returns how many went. Call it only when every slab read clean.
    ///
    /// # Errors
    ///
    /// [`LedgerError::NotStarted`] before [`Ledger::start`]; fails when SQLite cannot commit.
    pub fn finish_rebuild(&mut self, seen: &BTreeSet<RecordNumber>) -> Result<usize, LedgerError> {
        self.write("finish a rebuild", |tables| {
            let counter: Option<u32> = tables
                .query_row("SELECT start_counter FROM meta", [], |row| row.get(0))
                .optional()
                .map_err(during("read the start counter"))?;
            let counter = counter.ok_or(LedgerError::NotStarted)?;
            forget_all(tables, seen, counter).map_err(during("forget rows without record"))
        })
    }
}

fn begin(tables: &Connection, start: &Start<'_>) -> rusqlite::Result<Started> {
    let found = tables
        .query_row("SELECT vault, box, start_counter, rebuilding FROM meta", [], |row| {
            let vault: Vec<u8> = row.get(0)?;
            let box_id: Vec<u8> = row.get(1)?;
            let rebuilding: i64 = row.get(3)?;
            Ok((vault, box_id, row.get::<_, u32>(2)?, rebuilding != 0))
        })
        .optional()?;
    let (condition, counter) = match &found {
        None if start.highest_seen == 0 => (Condition::Fresh, 0),
        None => (Condition::Lost, 0),
        Some((vault, box_id, ..)) if vault != start.vault || box_id != start.box_id => {
            (Condition::Swapped, 0)
        }
        Some((_, _, counter, _)) if *counter < start.highest_seen => {
            (Condition::Restored, *counter)
        }
        Some((_, _, counter, true)) => (Condition::Unfinished, *counter),
        Some((_, _, counter, false)) => (Condition::Sound, *counter),
    };
    if condition == Condition::Swapped {
        for table in schema::TABLES {
            tables.execute(&format!("DELETE FROM {table}"), [])?;
        }
    }
    let counter = counter.max(start.highest_seen).saturating_add(1);
    tables.execute(
        "INSERT INTO meta (one, vault, box, start_counter, rebuilding) VALUES (1, ?1, ?2, ?3, ?4)
         ON CONFLICT (one) DO UPDATE
         SET start_counter = excluded.start_counter, rebuilding = excluded.rebuilding",
        params![start.vault, start.box_id, counter, i64::from(condition.needs_rebuild())],
    )?;
    if condition.needs_rebuild() {
        tables.execute("DELETE FROM marks", [])?;
    }
    note_destinations(tables, start.destinations)?;
    // Whether the destination took what was under way is not known: it knows the UID.
    tables.execute("UPDATE deliveries SET state = 'queued' WHERE state = 'sent'", [])?;
    tables.execute("UPDATE jobs SET state = 'decided' WHERE state = 'running'", [])?;
    Ok(Started { counter, condition })
}

fn forget_all(
    tables: &Connection,
    seen: &BTreeSet<RecordNumber>,
    counter: u32,
) -> rusqlite::Result<usize> {
    let ghosts = tables
        .prepare("SELECT number, kind FROM records WHERE released = 0 ORDER BY number")?
        .query_map([], |row| Ok((column::read_number(row, 0)?, row.get::<_, String>(1)?)))?
        .filter(|row| match row {
            Ok((number, _)) => number.start < counter && !seen.contains(number),
            Err(_) => true,
        })
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (number, kind) in &ghosts {
        let number = column::number(*number);
        match kind.as_str() {
            "job" => {
                tables.execute("DELETE FROM jobs WHERE number = ?1", [number])?;
            }
            "result" => forget_result(tables, number)?,
            _ => forget_copy(tables, number)?,
        }
        tables.execute("DELETE FROM records WHERE number = ?1", [number])?;
    }
    tables.execute_batch(
        "DELETE FROM series WHERE row NOT IN (SELECT series FROM objects)
             AND row NOT IN (SELECT series FROM jobs);
         DELETE FROM events WHERE study NOT IN
             (SELECT study FROM records WHERE study IS NOT NULL);
         DELETE FROM releases WHERE study NOT IN
             (SELECT study FROM records WHERE study IS NOT NULL);
         DELETE FROM studies WHERE row NOT IN
             (SELECT study FROM records WHERE study IS NOT NULL);
         UPDATE meta SET rebuilding = 0;",
    )?;
    Ok(ghosts.len())
}

/// Forgets one copy, and its object with the last of them.
fn forget_copy(tables: &Connection, number: i64) -> rusqlite::Result<()> {
    let object: Option<i64> = tables
        .query_row("SELECT object FROM copies WHERE number = ?1", [number], |row| row.get(0))
        .optional()?
        .flatten();
    tables.execute("DELETE FROM copies WHERE number = ?1", [number])?;
    let Some(object) = object else {
        return Ok(());
    };
    let left: i64 = tables.query_row(
        "SELECT count(*) FROM copies WHERE object = ?1 AND kind = 'object'",
        [object],
        |row| row.get(0),
    )?;
    if 0 < left {
        objects::refresh(tables, ObjectRow(object))?;
        return objects::number_versions(tables, ObjectRow(object));
    }
    let other: Option<i64> = tables
        .query_row(
            "SELECT o.row FROM objects o JOIN objects gone ON gone.row = ?1
             WHERE o.instance_key = gone.instance_key AND o.row <> ?1 AND o.erased = 0",
            [object],
            |row| row.get(0),
        )
        .optional()?;
    tables.execute("DELETE FROM deliveries WHERE object = ?1", [object])?;
    // What repeats it waits for it, as if it had not come yet.
    tables.execute(
        "UPDATE records SET study = NULL
         WHERE number IN (SELECT number FROM copies WHERE object = ?1)",
        [object],
    )?;
    tables.execute("UPDATE copies SET object = NULL WHERE object = ?1", [object])?;
    tables.execute("DELETE FROM objects WHERE row = ?1", [object])?;
    match other {
        Some(other) => objects::number_versions(tables, ObjectRow(other)),
        None => Ok(()),
    }
}

/// Forgets one record of a document; a twin takes its deliveries over.
fn forget_result(tables: &Connection, number: i64) -> rusqlite::Result<()> {
    let twin: Option<i64> = tables
        .query_row(
            "SELECT t.row FROM results t JOIN results gone ON gone.number = ?1
             WHERE t.job = gone.job AND t.ordinal = gone.ordinal AND t.row <> gone.row
             ORDER BY t.arrival LIMIT 1",
            [number],
            |row| row.get(0),
        )
        .optional()?;
    let of = "result = (SELECT row FROM results WHERE number = ?1)";
    match twin {
        Some(twin) => tables
            .execute(&format!("UPDATE deliveries SET result = ?2 WHERE {of}"), [number, twin])?,
        None => tables.execute(&format!("DELETE FROM deliveries WHERE {of}"), [number])?,
    };
    let job: i64 = tables.query_row(
        "DELETE FROM results WHERE number = ?1 RETURNING job",
        [number],
        |row| row.get(0),
    )?;
    // Without its documents the job is not done; with a twin's it is at once.
    tables.execute(
        "UPDATE jobs SET state = 'decided' WHERE number = ?1
             AND (state = 'done' OR (state = 'refused' AND routes <> '[]'))",
        [job],
    )?;
    results::settle(tables, job)
}
