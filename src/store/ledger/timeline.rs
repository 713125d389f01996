//! The timeline of a study: what happened to it, made from the rows when somebody looks.

use rusqlite::Row;

use super::{LedgerError, View, column, during};
use crate::base::ids::StudyRow;
use crate::base::time::Stamp;

/// A line of a study's timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When; of several alike, when the last happened.
    pub at: Stamp,
    /// `received`, `received again`, `whole`, `decided`, `refused`, `reading`, `read`, `written`,
    /// `owed`, `delivered`, `parked`, `reader died`, `quarantined`, `erased`, `not read`.
    pub kind: String,
    /// Who, whereto or why: a caller, a destination, a package or a word of a reason.
    pub words: String,
    /// How many alike.
    pub count: u64,
}

/// Each gives five columns of a stamp, kind, words and count. The stamp is the last one's: with
/// one `max()`, SQLite takes the other columns from its row.
const SOURCES: [&str; 5] = [
    "SELECT c.received_boot, c.received_monotonic, c.received_wall, c.received_offset,
         c.received_synced, iif(c.kind = 'object', 'received', 'received again'), c.calling,
         count(*), max(c.arrival)
     FROM copies c JOIN records r ON r.number = c.number
     WHERE r.study = ?1 GROUP BY c.kind, c.calling",
    "SELECT decided_boot, decided_monotonic, decided_wall, decided_offset, decided_synced,
         iif(refusal IS NULL, 'decided', 'refused'),
         package || coalesce(': ' || refusal, ''), 1
     FROM jobs WHERE study = ?1",
    "SELECT t.written_boot, t.written_monotonic, t.written_wall, t.written_offset,
         t.written_synced, 'written', coalesce(j.package, ''), count(DISTINCT t.ordinal),
         max(t.arrival)
     FROM results t LEFT JOIN jobs j ON j.number = t.job WHERE t.study = ?1 GROUP BY t.job",
    "SELECT d.owed_boot, d.owed_monotonic, d.owed_wall, d.owed_offset, d.owed_synced, 'owed',
         p.name, count(*), max(d.order_no)
     FROM deliveries d JOIN destinations p ON p.row = d.destination
     WHERE d.study = ?1 GROUP BY d.destination",
    "SELECT d.changed_boot, d.changed_monotonic, d.changed_wall, d.changed_offset,
         d.changed_synced, iif(d.state = 'parked', 'parked', 'delivered'), p.name, count(*),
         max(d.changed_wall)
     FROM deliveries d JOIN destinations p ON p.row = d.destination
     WHERE d.study = ?1 AND d.state IN ('accepted', 'committed', 'parked')
     GROUP BY d.destination, d.state = 'parked'",
];

const EVENTS: &str = "
    SELECT at_boot, at_monotonic, at_wall, at_offset, at_synced, kind, words, 1
    FROM events WHERE study = ?1 ORDER BY row";

impl View<'_> {
    /// Returns what happened to a study, by wall clock; what a clock that was set meanwhile
    /// tells wrongly stays in the order of the road.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn timeline(self, study: StudyRow) -> Result<Vec<Event>, LedgerError> {
        let mut events = Vec::new();
        for source in SOURCES.iter().chain([&EVENTS]) {
            let found: Vec<Event> = self
                .tables
                .prepare_cached(source)
                .and_then(|mut query| query.query_map([study.0], read)?.collect())
                .map_err(during("read a timeline"))?;
            events.extend(found);
        }
        events.sort_by_key(|event| event.at.wall);
        Ok(events)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        at: column::read_stamp(row, 0)?,
        kind: row.get(5)?,
        words: row.get(6)?,
        count: column::read_u64(row, 7)?,
    })
}
