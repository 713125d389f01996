//! What is owed to whom, in which order, and how far it came.

use rusqlite::{Connection, OptionalExtension, params};

use super::seal::ColumnSeal;
use super::{Ledger, LedgerError, column, during};
use crate::base::digest::Digest;
use crate::base::ids::{Arrival, DeliveryRow, ObjectRow, RecordNumber, StudyRow};
use crate::base::time::Stamp;
use crate::base::uid::Uid;
use crate::store::record::{Location, Urgency};

/// What a delivery brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// An instance as received.
    Object(ObjectRow),
    /// A document of ours, by its row.
    Result(i64),
}

/// A delivery that waits to be sent, with all that sending needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Owed {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// What it brings.
    pub thing: Thing,
    /// The study, for the log and the timeline.
    pub study: StudyRow,
    /// The record that holds the bytes.
    pub number: RecordNumber,
    /// Where that stands.
    pub location: Location,
    /// SOP Class UID; `None` for a document that is no instance.
    pub sop_class: Option<Uid>,
    /// SOP Instance UID.
    pub sop_instance: Uid,
    /// Transfer syntax of the data set.
    pub transfer_syntax: Uid,
    /// Its place in the order in which a study's instances leave.
    pub arrival: Arrival,
    /// Bytes of the data set.
    pub length: u64,
    /// BLAKE3 of the data set.
    pub digest: Digest,
    /// How urgent.
    pub urgency: Urgency,
    /// Attempts so far, in this and former starts.
    pub attempts: u32,
}

/// What a destination answered, or why there was no answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// DIMSE status or the like.
    pub status: Option<u16>,
    /// The peer's words; kept sealed, for a peer may quote the patient.
    pub words: &'a str,
    /// When.
    pub at: Stamp,
}

/// Whether a step found the delivery in a state that allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The state changed.
    Yes,
    /// It was there already, or somewhere this step does not lead from; nothing changed.
    Unchanged,
}

/// What to send once more.
#[derive(Clone, Copy, Debug)]
pub enum Resend<'a> {
    /// One delivery, unless it is owed anyway.
    Delivery(DeliveryRow),
    /// All of a study.
    Study(StudyRow),
    /// What is parked for a destination.
    Parked(&'a str),
}

/// How much is owed to one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct OwedCount {
    /// Its name.
    pub destination: String,
    /// Whether the settings name it; what is owed to others counts as parked.
    pub known: Known,
    /// Deliveries that wait or are under way.
    pub owed: u64,
    /// Deliveries that were set aside.
    pub parked: u64,
    /// Deliveries that it took.
    pub done: u64,
    /// Since when the oldest one is owed.
    pub oldest: Option<Stamp>,
}

/// Whether the settings name a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// They do.
    Yes,
    /// They do not: nothing is sent, nothing is lost.
    No,
}

impl Ledger {
    /// Notes that an attempt begins.
    ///
    /// # Errors
    ///
    /// Fails for a delivery that does not exist, and when SQLite cannot commit.
    pub fn attempted(&mut self, delivery: DeliveryRow, at: Stamp) -> Result<Moved, LedgerError> {
        self.write("note an attempt", |tables| {
            let step = Step { from: &["queued"], to: "sent", at };
            let moved = step.take(tables, delivery)?;
            if moved == Moved::Yes {
                count_attempt(tables, delivery).map_err(during("count an attempt"))?;
            }
            Ok(moved)
        })
    }

    /// Notes that the destination took it, with its words if it said any (a warning status).
    ///
    /// # Errors
    ///
    /// As [`Ledger::attempted`].
    pub fn accepted(
        &mut self,
        delivery: DeliveryRow,
        answer: &Answer<'_>,
        seal: &dyn ColumnSeal,
    ) -> Result<Moved, LedgerError> {
        let step = ("accepted", ["queued", "sent"].as_slice());
        self.answered(delivery, step, answer, seal)
    }

    /// Notes that the destination committed to keeping it (PS3.4 J).
    ///
    /// # Errors
    ///
    /// As [`Ledger::attempted`].
    pub fn committed(&mut self, delivery: DeliveryRow, at: Stamp) -> Result<Moved, LedgerError> {
        self.write("note a commitment", |tables| {
            let step = Step { from: &["queued", "sent", "accepted"], to: "committed", at };
            step.take(tables, delivery)
        })
    }

    /// Notes a failure that another attempt may mend, a refused commitment among them.
    ///
    /// # Errors
    ///
    /// As [`Ledger::attempted`].
    pub fn failed(
        &mut self,
        delivery: DeliveryRow,
        answer: &Answer<'_>,
        seal: &dyn ColumnSeal,
    ) -> Result<Moved, LedgerError> {
        let step = ("queued", ["queued", "sent", "accepted"].as_slice());
        self.answered(delivery, step, answer, seal)
    }

    /// Sets a delivery aside until a person acts: the destination refuses it for good.
    ///
    /// # Errors
    ///
    /// As [`Ledger::attempted`].
    pub fn park(
        &mut self,
        delivery: DeliveryRow,
        answer: &Answer<'_>,
        seal: &dyn ColumnSeal,
    ) -> Result<Moved, LedgerError> {
        let step = ("parked", ["queued", "sent"].as_slice());
        self.answered(delivery, step, answer, seal)
    }

    /// Gives a delivery up because a person said so; it no longer keeps its study.
    ///
    /// # Errors
    ///
    /// As [`Ledger::attempted`].
    pub fn release(&mut self, delivery: DeliveryRow, at: Stamp) -> Result<Moved, LedgerError> {
        self.write("release a delivery", |tables| {
            let step = Step { from: &["parked", "queued"], to: "released", at };
            step.take(tables, delivery)
        })
    }

    /// Owes again what is not owed any more; returns how many deliveries. Their order stays.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot commit.
    pub fn resend(&mut self, what: Resend<'_>, at: Stamp) -> Result<usize, LedgerError> {
        self.write("owe again", |tables| resend(tables, what, &at).map_err(during("owe again")))
    }

    /// Says which destinations the settings name. What is owed to others stays and is not sent.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot commit.
    pub fn set_destinations(&mut self, names: &[String]) -> Result<(), LedgerError> {
        self.write("note destinations", |tables| {
            note_destinations(tables, names).map_err(during("note destinations"))
        })
    }

    /// As [`super::View::owed`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn owed(
        &self,
        destination: &str,
        limit: usize,
        seal: &dyn ColumnSeal,
    ) -> Result<Vec<Owed>, LedgerError> {
        self.view().owed(destination, limit, seal)
    }

    /// As [`super::View::owed_counts`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn owed_counts(&self) -> Result<Vec<OwedCount>, LedgerError> {
        self.view().owed_counts()
    }

    fn answered(
        &mut self,
        delivery: DeliveryRow,
        (to, from): (&str, &[&str]),
        answer: &Answer<'_>,
        seal: &dyn ColumnSeal,
    ) -> Result<Moved, LedgerError> {
        self.write("note an answer", |tables| {
            let at = answer.at;
            let moved = Step { from, to, at }.take(tables, delivery)?;
            if moved == Moved::Yes {
                note_answer(tables, delivery, answer, seal).map_err(during("note an answer"))?;
            }
            Ok(moved)
        })
    }
}

/// A change of state: where it may start and where it leads.
struct Step<'a> {
    from: &'a [&'a str],
    to: &'a str,
    at: Stamp,
}

impl Step<'_> {
    fn take(&self, tables: &Connection, delivery: DeliveryRow) -> Result<Moved, LedgerError> {
        let state: String = tables
            .prepare_cached("SELECT state FROM deliveries WHERE row = ?1")
            .and_then(|mut query| query.query_row([delivery.0], |row| row.get(0)).optional())
            .map_err(during("find a delivery"))?
            .ok_or(LedgerError::NoSuch { what: "delivery" })?;
        if !self.from.contains(&state.as_str()) {
            return Ok(Moved::Unchanged);
        }
        let [boot, monotonic, wall, offset, synced] = column::stamp(&self.at);
        tables
            .prepare_cached(
                "UPDATE deliveries SET state = ?2, changed_boot = ?3, changed_monotonic = ?4,
                     changed_wall = ?5, changed_offset = ?6, changed_synced = ?7
                 WHERE row = ?1",
            )
            .and_then(|mut update| {
                update.execute(params![delivery.0, self.to, boot, monotonic, wall, offset, synced])
            })
            .map_err(during("move a delivery"))?;
        Ok(Moved::Yes)
    }
}

fn count_attempt(tables: &Connection, delivery: DeliveryRow) -> rusqlite::Result<()> {
    tables
        .prepare_cached("UPDATE deliveries SET attempts = attempts + 1 WHERE row = ?1")?
        .execute([delivery.0])?;
    tables
        .prepare_cached(
            "UPDATE destinations SET turns = turns + 1
             WHERE row = (SELECT destination FROM deliveries WHERE row = ?1)",
        )?
        .execute([delivery.0])?;
    Ok(())
}

fn note_answer(
    tables: &Connection,
    delivery: DeliveryRow,
    answer: &Answer<'_>,
    seal: &dyn ColumnSeal,
) -> rusqlite::Result<()> {
    let key = tables
        .prepare_cached(
            "SELECT studies.key FROM deliveries JOIN studies ON studies.row = study
             WHERE deliveries.row = ?1",
        )?
        .query_row([delivery.0], |row| column::read_digest(row, 0))?;
    let words = (!answer.words.is_empty()).then(|| seal.seal(&key, answer.words.as_bytes()));
    tables
        .prepare_cached("UPDATE deliveries SET status = ?2, words = ?3 WHERE row = ?1")?
        .execute(params![delivery.0, answer.status, words])?;
    Ok(())
}

fn resend(tables: &Connection, what: Resend<'_>, at: &Stamp) -> rusqlite::Result<usize> {
    let [boot, monotonic, wall, offset, synced] = column::stamp(at);
    let (which, of): (&str, &dyn rusqlite::ToSql) = match &what {
        Resend::Delivery(delivery) => ("row = ?6 AND state NOT IN ('queued', 'sent')", &delivery.0),
        Resend::Study(study) => ("study = ?6 AND state NOT IN ('queued', 'sent')", &study.0),
        Resend::Parked(name) => (
            "destination = (SELECT row FROM destinations WHERE name = ?6) AND state = 'parked'",
            name,
        ),
    };
    tables
        .prepare_cached(&format!(
            "UPDATE deliveries SET state = 'queued', owed_again = owed_again + 1, attempts = 0,
                 status = NULL, words = NULL, owed_boot = ?1, owed_monotonic = ?2,
                 owed_wall = ?3, owed_offset = ?4, owed_synced = ?5
             WHERE {which}"
        ))?
        .execute(params![boot, monotonic, wall, offset, synced, of])
}

pub(super) fn note_destinations(tables: &Connection, names: &[String]) -> rusqlite::Result<()> {
    tables.execute("UPDATE destinations SET known = 0", [])?;
    for name in names {
        tables
            .prepare_cached(
                "INSERT INTO destinations (name, known) VALUES (?1, 1)
                 ON CONFLICT (name) DO UPDATE SET known = 1",
            )?
            .execute([name])?;
    }
    Ok(())
}

/// Why and what somebody is owed.
pub(super) struct Debt {
    pub(super) thing: Thing,
    pub(super) study: StudyRow,
    pub(super) instance_key: Digest,
    pub(super) urgency: i64,
    pub(super) order_no: i64,
    pub(super) since: Stamp,
}

/// Owes an object to `name`: anew, or again where it was done. What is owed anyway only learns
/// of an earlier reason; what is parked stays so.
pub(super) fn owe(tables: &Connection, debt: &Debt, name: &str) -> rusqlite::Result<()> {
    let Thing::Object(object) = debt.thing else {
        return Ok(());
    };
    let destination = destination(tables, name)?;
    let found = tables
        .prepare_cached(
            "SELECT row, state, order_no, owed_again FROM deliveries
             WHERE object = ?1 AND destination = ?2",
        )?
        .query_row([object.0, destination], |row| {
            let state: String = row.get(1)?;
            Ok((row.get(0)?, state, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((row, state, order_no, owed_again)) = found else {
        return insert(tables, debt, destination);
    };
    let (row, order_no, owed_again): (i64, i64, i64) = (row, order_no, owed_again);
    let is_done = matches!(state.as_str(), "accepted" | "committed" | "released");
    let is_earlier = owed_again == 0 && debt.order_no < order_no;
    if !is_done && !is_earlier {
        return Ok(());
    }
    let [boot, monotonic, wall, offset, synced] = column::stamp(&debt.since);
    let times =
        params![row, debt.order_no, boot, monotonic, wall, offset, synced, i64::from(is_done)];
    tables
        .prepare_cached(
            "UPDATE deliveries SET order_no = ?2, owed_boot = ?3, owed_monotonic = ?4,
                 owed_wall = ?5, owed_offset = ?6, owed_synced = ?7,
                 owed_again = owed_again + ?8,
                 attempts = iif(?8, 0, attempts), state = iif(?8, 'queued', state)
             WHERE row = ?1",
        )?
        .execute(times)?;
    Ok(())
}

/// Owes a document of ours to `name` unless one record of `(job, ordinal)` is owed there already;
/// that delivery then brings this record, the first.
pub(super) fn owe_once(
    tables: &Connection,
    debt: &Debt,
    (job, ordinal): (i64, i64),
    name: &str,
) -> rusqlite::Result<()> {
    let Thing::Result(result) = debt.thing else {
        return Ok(());
    };
    let destination = destination(tables, name)?;
    let changed = tables
        .prepare_cached(
            "UPDATE deliveries SET result = ?1, order_no = ?2 WHERE destination = ?3 AND result IN
                 (SELECT row FROM results WHERE job = ?4 AND ordinal = ?5)",
        )?
        .execute([result, debt.order_no, destination, job, ordinal])?;
    if changed == 0 {
        insert(tables, debt, destination)?;
    }
    Ok(())
}

fn insert(tables: &Connection, debt: &Debt, destination: i64) -> rusqlite::Result<()> {
    let (object, result, class) = match debt.thing {
        Thing::Object(object) => (Some(object.0), None, 1),
        Thing::Result(result) => (None, Some(result), 0),
    };
    let [boot, monotonic, wall, offset, synced] = column::stamp(&debt.since);
    tables
        .prepare_cached(
            "INSERT INTO deliveries (object, result, destination, study, instance_key, class,
                 urgency, order_no, state, owed_boot, owed_monotonic, owed_wall, owed_offset,
                 owed_synced)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'queued', ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            object,
            result,
            destination,
            debt.study.0,
            debt.instance_key.0,
            class,
            debt.urgency,
            debt.order_no,
            boot,
            monotonic,
            wall,
            offset,
            synced
        ])?;
    Ok(())
}

fn destination(tables: &Connection, name: &str) -> rusqlite::Result<i64> {
    let found = tables
        .prepare_cached("SELECT row FROM destinations WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    if let Some(row) = found {
        return Ok(row);
    }
    tables.prepare_cached("INSERT INTO destinations (name) VALUES (?1)")?.execute([name])?;
    Ok(tables.last_insert_rowid())
}
