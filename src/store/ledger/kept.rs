//! What is kept, study by study, for whoever makes room; and studies whose keys are gone.

use rusqlite::Row;

use super::{LedgerError, View, column, during};
use crate::base::digest::Digest;
use crate::base::ids::{Arrival, StudyRow};
use crate::base::time::WallTime;

/// A kept study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptStudy {
    /// The study.
    pub study: StudyRow,
    /// Look-up key of its label.
    pub key: Digest,
    /// Deliveries that are not done, parked ones included.
    pub owed: u64,
    /// Jobs that are not finished, and one while the study is not whole.
    pub unread: u64,
    /// When something of it last arrived, was written or was delivered.
    pub last: WallTime,
    /// Bytes of its records.
    pub bytes: u64,
    /// Its newest record.
    pub newest: Arrival,
}

const KEPT: &str = "
    SELECT s.row, s.key,
        (SELECT count(*) FROM deliveries d WHERE d.study = s.row
            AND d.state IN ('queued', 'sent', 'parked')),
        (SELECT count(*) FROM jobs j WHERE j.study = s.row
            AND j.state IN ('decided', 'running', 'quarantined')
            AND NOT EXISTS (SELECT 1 FROM jobs n WHERE n.supersedes = j.number))
            + (coalesce(s.whole_arrival, -1) <
                coalesce((SELECT max(arrival) FROM objects o WHERE o.study = s.row), -1)),
        max(coalesce((SELECT max(c.received_wall) FROM copies c JOIN records r
                ON r.number = c.number WHERE r.study = s.row), 0),
            coalesce((SELECT max(d.changed_wall) FROM deliveries d WHERE d.study = s.row), 0),
            coalesce((SELECT max(t.written_wall) FROM results t WHERE t.study = s.row), 0)),
        (SELECT coalesce(sum(end - offset), 0) FROM records r WHERE r.study = s.row),
        (SELECT coalesce(max(arrival), 0) FROM records r WHERE r.study = s.row)
    FROM studies s WHERE s.erased = 0 ORDER BY s.row";

impl View<'_> {
    /// Lists every kept study.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn kept_studies(self) -> Result<Vec<KeptStudy>, LedgerError> {
        let read = |row: &Row<'_>| {
            Ok(KeptStudy {
                study: StudyRow(row.get(0)?),
                key: column::read_digest(row, 1)?,
                owed: column::read_u64(row, 2)?,
                unread: column::read_u64(row, 3)?,
                last: WallTime(row.get(4)?),
                bytes: column::read_u64(row, 5)?,
                newest: column::read_arrival(row, 6)?,
            })
        };
        self.tables
            .prepare_cached(KEPT)
            .and_then(|mut query| query.query_map([], read)?.collect())
            .map_err(during("list kept studies"))
    }

    /// Lists every kept study with its sealed label, for whoever asks whether its key is gone.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn sealed_labels(self) -> Result<Vec<(StudyRow, Vec<u8>)>, LedgerError> {
        self.tables
            .prepare_cached("SELECT row, uid FROM studies WHERE erased = 0 ORDER BY row")
            .and_then(|mut query| {
                let read = |row: &Row<'_>| Ok((StudyRow(row.get(0)?), row.get(1)?));
                query.query_map([], read)?.collect()
            })
            .map_err(during("list studies"))
    }
}
