//! What observers ask: counts, lists of studies, and what is wrong.

use rusqlite::{Connection, Row, params};

use super::deliveries::Known;
use super::gather::{Quarantine, read_quarantine};
use super::objects::ObjectSecret;
use super::seal::{ColumnSeal, open_json, open_text};
use super::{LedgerError, column, during};
use crate::base::digest::Digest;
use crate::base::fault::Fault;
use crate::base::ids::StudyRow;
use crate::base::phi::Phi;
use crate::base::time::{Stamp, WallTime};
use crate::dicom::header::Patient;

/// What may be asked of a ledger without changing it, by its writer or by an observer.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(super) tables: &'a Connection,
}

/// How much there is of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Studies that are kept.
    pub studies: u64,
    /// Instances that are kept, each version counted.
    pub objects: u64,
    /// Instances that no decoder may see.
    pub unreadable: u64,
    /// Deliveries that wait or are under way to destinations that the settings name.
    pub owed: u64,
    /// Deliveries that were set aside, or go to destinations that the settings do not name.
    pub parked: u64,
    /// Jobs that wait.
    pub jobs_decided: u64,
    /// Jobs that the worker has.
    pub jobs_running: u64,
    /// Jobs that are done.
    pub jobs_done: u64,
    /// Jobs that could not be read.
    pub jobs_refused: u64,
    /// Studies that killed their worker too often.
    pub quarantined: u64,
}

/// Which studies to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All that are kept.
    All,
    /// Those that something came for since this time.
    Since(WallTime),
    /// Those of which something is owed or parked.
    Owed,
    /// Those with a refusal, quarantined or unreadable.
    Refused,
}

/// A study as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct StudySummary {
    /// The study.
    pub study: StudyRow,
    /// Its label: the Study Instance UID where it has one.
    pub label: Phi<String>,
    /// What names the patient, as its first instance says.
    pub patient: Phi<Patient>,
    /// Modality of its first instance.
    pub modality: String,
    /// Who sent its first instance.
    pub calling: String,
    /// When its first instance was complete.
    pub first: Stamp,
    /// Instances, each version counted.
    pub objects: u64,
    /// Series.
    pub series: u64,
    /// Instances that came under the UID of another one.
    pub replaced: u64,
    /// Deliveries that wait or are under way.
    pub owed: u64,
    /// Deliveries that were set aside.
    pub parked: u64,
    /// Deliveries that were taken.
    pub delivered: u64,
    /// Jobs that are not finished.
    pub jobs_waiting: u64,
    /// Jobs that are done.
    pub jobs_done: u64,
    /// Words of the reasons why jobs could not be read.
    pub refusals: Vec<String>,
    /// Why it was called whole; `None` while it is gathered for the first time.
    pub whole: Option<String>,
    /// Whether it may be read.
    pub standing: Quarantine,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What.
    pub fault: Fault,
    /// How many things it holds up.
    pub count: u64,
    /// The destination that it is about, or nothing.
    pub detail: String,
    /// Since when, where that is known.
    pub since: Option<Stamp>,
}

const STUDIES: &str = "
    SELECT s.row, s.key, s.uid, o.sealed, o.modality, c.calling,
        c.received_boot, c.received_monotonic, c.received_wall, c.received_offset,
        c.received_synced,
        (SELECT count(*) FROM objects x WHERE x.study = s.row),
        (SELECT count(DISTINCT x.series) FROM objects x WHERE x.study = s.row),
        (SELECT count(*) FROM objects x WHERE x.study = s.row AND 0 < x.version),
        (SELECT count(*) FROM deliveries d WHERE d.study = s.row
            AND d.state IN ('queued', 'sent')),
        (SELECT count(*) FROM deliveries d WHERE d.study = s.row AND d.state = 'parked'),
        (SELECT count(*) FROM deliveries d WHERE d.study = s.row
            AND d.state IN ('accepted', 'committed')),
        (SELECT count(*) FROM jobs j WHERE j.study = s.row
            AND j.state IN ('decided', 'running')
            AND NOT EXISTS (SELECT 1 FROM jobs n WHERE n.supersedes = j.number)),
        (SELECT count(*) FROM jobs j WHERE j.study = s.row AND j.state = 'done'),
        (SELECT json_group_array(j.refusal) FROM jobs j WHERE j.study = s.row
            AND j.refusal IS NOT NULL),
        s.whole_reason, s.quarantined
    FROM studies s
    JOIN objects o ON o.row = (SELECT x.row FROM objects x WHERE x.study = s.row
        ORDER BY x.arrival, x.number LIMIT 1)
    JOIN copies c ON c.number = o.number
    WHERE s.erased = 0 AND";

const COUNTS: &str = "
    SELECT (SELECT count(*) FROM studies WHERE erased = 0),
        (SELECT count(*) FROM objects WHERE erased = 0),
        (SELECT count(*) FROM objects WHERE erased = 0 AND unreadable IS NOT NULL),
        (SELECT count(*) FROM jobs j WHERE state = 'decided'
            AND NOT EXISTS (SELECT 1 FROM jobs n WHERE n.supersedes = j.number)),
        (SELECT count(*) FROM jobs WHERE state = 'running'),
        (SELECT count(*) FROM jobs WHERE state = 'done'),
        (SELECT count(*) FROM jobs WHERE state = 'refused'),
        (SELECT count(*) FROM studies WHERE erased = 0 AND quarantined = 1)";

/// Before its sealed columns are opened.
struct Raw {
    summary: StudySummary,
    key: Digest,
    uid: Vec<u8>,
    sealed: Vec<u8>,
}

impl<'a> View<'a> {
    pub(super) fn new(tables: &'a Connection) -> Self {
        Self { tables }
    }

    /// Counts everything.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn snapshot_counts(self) -> Result<Counts, LedgerError> {
        let mut counts = self
            .tables
            .prepare_cached(COUNTS)
            .and_then(|mut query| {
                query.query_row([], |row| {
                    Ok(Counts {
                        studies: column::read_u64(row, 0)?,
                        objects: column::read_u64(row, 1)?,
                        unreadable: column::read_u64(row, 2)?,
                        jobs_decided: column::read_u64(row, 3)?,
                        jobs_running: column::read_u64(row, 4)?,
                        jobs_done: column::read_u64(row, 5)?,
                        jobs_refused: column::read_u64(row, 6)?,
                        quarantined: column::read_u64(row, 7)?,
                        ..Counts::default()
                    })
                })
            })
            .map_err(during("count"))?;
        for count in self.owed_counts()? {
            counts.parked += count.parked;
            match count.known {
                Known::Yes => counts.owed += count.owed,
                Known::No => counts.parked += count.owed,
            }
        }
        Ok(counts)
    }

    /// Lists at most `limit` studies, the one that began last first.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read or a sealed column does not open.
    pub fn studies(
        self,
        filter: Filter,
        limit: usize,
        seal: &dyn ColumnSeal,
    ) -> Result<Vec<StudySummary>, LedgerError> {
        let (which, since) = match filter {
            Filter::All => ("?2 = 0", 0),
            Filter::Since(WallTime(since)) => (
                "s.row IN (SELECT r.study FROM copies x JOIN records r ON r.number = x.number
                     WHERE ?2 <= x.received_wall)",
                since,
            ),
            Filter::Owed => (
                "?2 = 0 AND EXISTS (SELECT 1 FROM deliveries d WHERE d.study = s.row
                     AND d.state IN ('queued', 'sent', 'parked'))",
                0,
            ),
            Filter::Refused => (
                "?2 = 0 AND (s.quarantined = 1
                     OR EXISTS (SELECT 1 FROM jobs j WHERE j.study = s.row
                         AND j.refusal IS NOT NULL)
                     OR EXISTS (SELECT 1 FROM objects x WHERE x.study = s.row
                         AND x.unreadable IS NOT NULL))",
                0,
            ),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let raws: Vec<Raw> = self
            .tables
            .prepare_cached(&format!("{STUDIES} {which} ORDER BY o.arrival DESC LIMIT ?1"))
            .and_then(|mut query| query.query_map(params![limit, since], read)?.collect())
            .map_err(during("list studies"))?;
        raws.into_iter().map(|raw| open(raw, seal)).collect()
    }

    /// Lists what is wrong, by destination where it is about one.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn problems(self) -> Result<Vec<Problem>, LedgerError> {
        let mut problems = Vec::new();
        let mut note = |fault, count, detail: &str, since| {
            if 0 < count {
                problems.push(Problem { fault, count, detail: detail.to_owned(), since });
            }
        };
        for count in self.owed_counts()? {
            let name = count.destination.as_str();
            if count.known == Known::No {
                note(Fault::DestinationUnknown, count.owed, name, count.oldest);
            }
            note(Fault::DestinationRefuses, count.parked, name, None);
        }
        let (quarantined, died) = self
            .tables
            .prepare_cached(
                "SELECT count(*) FILTER (WHERE quarantined = 1),
                     count(*) FILTER (WHERE quarantined = 0 AND 0 < deaths)
                 FROM studies WHERE erased = 0",
            )
            .and_then(|mut query| {
                query
                    .query_row([], |row| Ok((column::read_u64(row, 0)?, column::read_u64(row, 1)?)))
            })
            .map_err(during("look for problems"))?;
        note(Fault::StudyQuarantined, quarantined, "", None);
        note(Fault::WorkerDied, died, "", None);
        Ok(problems)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let refusals: String = row.get(19)?;
    let summary = StudySummary {
        study: StudyRow(row.get(0)?),
        label: Phi::default(),
        patient: Phi::default(),
        modality: row.get(4)?,
        calling: row.get(5)?,
        first: column::read_stamp(row, 6)?,
        objects: column::read_u64(row, 11)?,
        series: column::read_u64(row, 12)?,
        replaced: column::read_u64(row, 13)?,
        owed: column::read_u64(row, 14)?,
        parked: column::read_u64(row, 15)?,
        delivered: column::read_u64(row, 16)?,
        jobs_waiting: column::read_u64(row, 17)?,
        jobs_done: column::read_u64(row, 18)?,
        refusals: super::seal::from_json(&refusals)?,
        whole: row.get(20)?,
        standing: read_quarantine(row, 21)?,
    };
    Ok(Raw { summary, key: column::read_digest(row, 1)?, uid: row.get(2)?, sealed: row.get(3)? })
}

fn open(raw: Raw, seal: &dyn ColumnSeal) -> Result<StudySummary, LedgerError> {
    let mut summary = raw.summary;
    let label = open_text(seal, &raw.key, &raw.uid).ok_or(LedgerError::Unopened)?;
    let secret: ObjectSecret = open_json(seal, &raw.key, &raw.sealed)?;
    summary.label = Phi::new(label);
    summary.patient = secret.identity.patient;
    Ok(summary)
}
