//! That a study is whole, and what its timeline says of it.

use rusqlite::{Connection, params};

use super::{Ledger, LedgerError, column, during};
use crate::base::ids::{Arrival, StudyRow};
use crate::base::time::Stamp;

impl Ledger {
    /// Notes that an association which brought parts of `study` was released.
    ///
    /// # Errors
    ///
    /// Fails for a study that does not exist, and when SQLite cannot commit.
    pub fn note_association_released(
        &mut self,
        study: StudyRow,
        caller: &str,
        at: Stamp,
    ) -> Result<(), LedgerError> {
        let [boot, monotonic, wall, offset, synced] = column::stamp(&at);
        self.write("note a release", |tables| {
            tables
                .prepare_cached(
                    "INSERT INTO releases (study, caller, at_boot, at_monotonic, at_wall,
                         at_offset, at_synced) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (study, caller) DO UPDATE SET at_boot = ?3, at_monotonic = ?4,
                         at_wall = ?5, at_offset = ?6, at_synced = ?7",
                )
                .and_then(|mut insert| {
                    insert.execute(params![study.0, caller, boot, monotonic, wall, offset, synced])
                })
                .map_err(during("note a release"))?;
            Ok(())
        })
    }

    /// Calls a study whole. What stands in the timeline already is not said again.
    ///
    /// # Errors
    ///
    /// [`LedgerError::NoSuch`] for a study that does not exist or was erased; fails when SQLite
    /// cannot commit.
    pub fn set_whole(
        &mut self,
        study: StudyRow,
        whole: Whole<'_>,
        at: Stamp,
    ) -> Result<(), LedgerError> {
        let Whole { up_to, reason, not_read } = whole;
        self.write("call a study whole", |tables| {
            let changed = tables
                .prepare_cached(
                    "UPDATE studies SET whole_reason = ?3,
                         whole_arrival = max(coalesce(whole_arrival, ?2), ?2)
                     WHERE row = ?1 AND erased = 0",
                )
                .and_then(|mut update| {
                    update.execute(params![study.0, column::arrival(up_to), reason])
                })
                .map_err(during("call a study whole"))?;
            if changed == 0 {
                return Err(LedgerError::NoSuch { what: "study" });
            }
            note_event(tables, study, &at, ("whole", reason)).map_err(during("note an event"))?;
            not_read
                .iter()
                .try_for_each(|not_read| note_not_read(tables, study, not_read, &at))
                .map_err(during("note an event"))
        })
    }
}

/// That a study is whole.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// With everything up to here.
    pub up_to: Arrival,
    /// A word of `flow::gather`.
    pub reason: &'a str,
    /// Which of its series nobody reads.
    pub not_read: &'a [NotRead],
}

/// What of a study is not read, and why: a line of its timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRead {
    /// Which series, counted from 1 in the order of their first instances.
    pub series: usize,
    /// The reason's word.
    pub word: &'static str,
}

/// Adds a line to a study's timeline: a kind, and words of ours.
pub(super) fn note_event(
    tables: &Connection,
    study: StudyRow,
    at: &Stamp,
    (kind, words): (&str, &str),
) -> rusqlite::Result<()> {
    let [boot, monotonic, wall, offset, synced] = column::stamp(at);
    tables
        .prepare_cached(
            "INSERT INTO events (study, at_boot, at_monotonic, at_wall, at_offset, at_synced,
                 kind, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![study.0, boot, monotonic, wall, offset, synced, kind, words])?;
    Ok(())
}

/// Adds `2 localizer` for series 2, unless it stands there.
fn note_not_read(
    tables: &Connection,
    study: StudyRow,
    not_read: &NotRead,
    at: &Stamp,
) -> rusqlite::Result<()> {
    let words = format!("{} {}", not_read.series, not_read.word);
    let is_there = tables
        .prepare_cached(
            "SELECT 1 FROM events WHERE study = ?1 AND kind = 'not read' AND words = ?2",
        )?
        .exists(params![study.0, words])?;
    if is_there { Ok(()) } else { note_event(tables, study, at, ("not read", &words)) }
}
