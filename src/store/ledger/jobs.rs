//! Readings: which is next, how it ended, and studies that kill their reader.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::seal::{ColumnSeal, from_json, open_text};
use super::whole::note_event;
use super::{KeptObject, Ledger, LedgerError, Moved, View, column, during};
use crate::base::digest::Digest;
use crate::base::ids::{JobRow, RecordNumber, StudyRow};
use crate::base::limits::WORKER_DEATHS_MAX;
use crate::base::time::Stamp;
use crate::base::uid::Uid;
use crate::store::record::Urgency;

/// How far a job came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Its record is sealed; it waits for the worker.
    Decided,
    /// The worker has it.
    Running,
    /// Its results are sealed.
    Done,
    /// It cannot be read; a refusal's document, where one is owed, is sealed.
    Refused,
    /// Its study killed the worker too often.
    Quarantined,
}

/// A job as the ledger holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownJob {
    /// The job.
    pub job: JobRow,
    /// Its record.
    pub number: RecordNumber,
    /// The study's row.
    pub study_row: StudyRow,
    /// The study.
    pub study: Uid,
    /// The series that it looks at.
    pub series: Uid,
    /// Name and version of the package.
    pub package: String,
    /// Digest of the package.
    pub package_digest: Digest,
    /// Digest of the settings that change a reading.
    pub settings: Digest,
    /// Revision of the engine and of the result format.
    pub engine: u32,
    /// Counts up per study, series and package.
    pub revision: u32,
    /// The job that it replaces.
    pub supersedes: Option<RecordNumber>,
    /// Why the series cannot be read; `None` to read it.
    pub refusal: Option<String>,
    /// The records that it looks at, in slice order.
    pub sources: Vec<RecordNumber>,
    /// Names of the destinations that results go to.
    pub routes: Vec<String>,
    /// How urgent.
    pub urgency: Urgency,
    /// When it was decided.
    pub decided: Stamp,
    /// How far it came.
    pub state: JobState,
}

/// One instance that a job looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// It is kept.
    Kept(Box<KeptObject>),
    /// The ledger has no instance for this record: the job cannot be read.
    Missing(RecordNumber),
}

/// The next job, with what it looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct JobToDo {
    /// The job. With a `refusal` only the document that says so is to be written.
    pub job: KnownJob,
    /// Its instances, in slice order.
    pub sources: Vec<Source>,
}

/// What follows the death of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDeath {
    /// The job waits again.
    TryAgain,
    /// The study is not read any more.
    Quarantined,
}

/// Whether documents of a job are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Documents {
    /// None.
    None,
    /// Some or all.
    Some,
}

const JOBS: &str = "
    SELECT j.row, j.number, j.study, s.key, s.uid, e.uid, j.package, j.package_digest,
        j.settings, j.engine, j.revision, j.supersedes, j.refusal, j.sources, j.routes,
        j.urgency, iif(s.quarantined = 1 AND j.state = 'decided', 'quarantined', j.state),
        j.decided_boot, j.decided_monotonic, j.decided_wall,
        j.decided_offset, j.decided_synced
    FROM jobs j JOIN studies s ON s.row = j.study JOIN series e ON e.row = j.series
    WHERE s.erased = 0 AND";

impl Ledger {
    /// Returns the job to do next, the most urgent first, then by arrival. It stays the next one
    /// until [`Ledger::job_started`]. Jobs that another one supersedes are left out.
    ///
    /// A job of a quarantined study comes with [`JobState::Quarantined`]: only the documents that
    /// say so are to be written.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read or a sealed column does not open.
    pub fn next_job(&self, seal: &dyn ColumnSeal) -> Result<Option<JobToDo>, LedgerError> {
        let view = self.view();
        let next = "j.state IN ('decided', 'quarantined') AND j.withdrawn IS NULL
            AND ?1 = 0 AND NOT EXISTS (SELECT 1 FROM jobs n WHERE n.supersedes = j.number)
            ORDER BY j.urgency, j.arrival, j.number LIMIT 1";
        let Some(job) = view.jobs(next, 0, seal)?.pop() else {
            return Ok(None);
        };
        let sources = job
            .sources
            .iter()
            .map(|number| {
                let kept = view.object_of_record(*number, seal)?;
                Ok(kept.map_or(Source::Missing(*number), |kept| Source::Kept(Box::new(kept))))
            })
            .collect::<Result<_, LedgerError>>()?;
        Ok(Some(JobToDo { job, sources }))
    }

    /// Notes that the worker has the job.
    ///
    /// # Errors
    ///
    /// Fails for a job that does not exist, and when SQLite cannot commit.
    pub fn job_started(&mut self, job: JobRow, at: Stamp) -> Result<Moved, LedgerError> {
        self.job_step(job, (&["decided"], "running"), ("reading", ""), at)
    }

    /// Notes in the timeline that the worker has read the job; its documents are still to come.
    ///
    /// # Errors
    ///
    /// As [`Ledger::job_started`].
    pub fn note_read(&mut self, job: JobRow, package: &str, at: Stamp) -> Result<(), LedgerError> {
        self.write("note a reading", |tables| {
            let (study, _) = find(tables, job)?;
            note_event(tables, study, &at, ("read", package)).map_err(during("note an event"))
        })
    }

    /// Puts back what the reader had when it gave up: who asks for work has none. Returns how
    /// many jobs wait again.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot commit.
    pub fn put_back_jobs(&mut self) -> Result<usize, LedgerError> {
        self.write("put jobs back", |tables| {
            tables
                .execute("UPDATE jobs SET state = 'decided' WHERE state = 'running'", [])
                .map_err(during("put jobs back"))
        })
    }

    /// Notes that the job is done. The last record of its result set does so by itself.
    ///
    /// # Errors
    ///
    /// As [`Ledger::job_started`].
    pub fn job_done(&mut self, job: JobRow, at: Stamp) -> Result<Moved, LedgerError> {
        self.job_step(job, (&["decided", "running"], "done"), ("read", ""), at)
    }

    /// Notes that the job cannot be read, with the reason's word.
    ///
    /// # Errors
    ///
    /// As [`Ledger::job_started`].
    pub fn job_refused(
        &mut self,
        job: JobRow,
        reason: &str,
        at: Stamp,
    ) -> Result<Moved, LedgerError> {
        let step = (["decided", "running", "quarantined"].as_slice(), "refused");
        self.job_step(job, step, ("refused", reason), at)
    }

    /// Notes that the worker died of the job. At [`WORKER_DEATHS_MAX`] deaths its study is
    /// quarantined, with all its unfinished jobs.
    ///
    /// # Errors
    ///
    /// As [`Ledger::job_started`].
    pub fn job_died(&mut self, job: JobRow, at: Stamp) -> Result<AfterDeath, LedgerError> {
        self.write("note a death", |tables| {
            let (study, _) = find(tables, job)?;
            died(tables, job, study, &at).map_err(during("note a death"))
        })
    }

    fn job_step(
        &mut self,
        job: JobRow,
        (from, to): (&[&str], &str),
        event: (&str, &str),
        at: Stamp,
    ) -> Result<Moved, LedgerError> {
        self.write("move a job", |tables| {
            let (study, state) = find(tables, job)?;
            if !from.contains(&state.as_str()) {
                return Ok(Moved::Unchanged);
            }
            tables
                .prepare_cached(
                    "UPDATE jobs SET state = ?2, refusal = iif(?3 = '', refusal, ?3)
                     WHERE row = ?1",
                )
                .and_then(|mut update| update.execute(params![job.0, to, event.1]))
                .map_err(during("move a job"))?;
            note_event(tables, study, &at, event).map_err(during("note an event"))?;
            Ok(Moved::Yes)
        })
    }
}

fn find(tables: &Connection, job: JobRow) -> Result<(StudyRow, String), LedgerError> {
    tables
        .prepare_cached("SELECT study, state FROM jobs WHERE row = ?1")
        .and_then(|mut query| {
            query.query_row([job.0], |row| Ok((StudyRow(row.get(0)?), row.get(1)?))).optional()
        })
        .map_err(during("find a job"))?
        .ok_or(LedgerError::NoSuch { what: "job" })
}

fn died(
    tables: &Connection,
    job: JobRow,
    study: StudyRow,
    at: &Stamp,
) -> rusqlite::Result<AfterDeath> {
    let deaths: u32 = tables.query_row(
        "UPDATE studies SET deaths = deaths + 1 WHERE row = ?1 RETURNING deaths",
        [study.0],
        |row| row.get(0),
    )?;
    note_event(tables, study, at, ("reader died", ""))?;
    if deaths < WORKER_DEATHS_MAX {
        tables.execute(
            "UPDATE jobs SET state = 'decided' WHERE row = ?1 AND state = 'running'",
            [job.0],
        )?;
        return Ok(AfterDeath::TryAgain);
    }
    tables.execute(
        "UPDATE jobs SET state = 'quarantined'
         WHERE study = ?1 AND state IN ('decided', 'running')",
        [study.0],
    )?;
    tables.execute("UPDATE studies SET quarantined = 1 WHERE row = ?1", [study.0])?;
    note_event(tables, study, at, ("quarantined", ""))?;
    Ok(AfterDeath::Quarantined)
}

impl View<'_> {
    /// Lists every job of a study, in order of arrival: what planning compares with, so that
    /// nothing is read twice.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read or a sealed column does not open.
    pub fn jobs_of(
        self,
        study: StudyRow,
        seal: &dyn ColumnSeal,
    ) -> Result<Vec<KnownJob>, LedgerError> {
        self.jobs("j.study = ?1 ORDER BY j.arrival, j.number", study.0, seal)
    }

    /// Returns whether a document of the job whose record is `job` is sealed, its set whole or not.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn has_documents(self, job: RecordNumber) -> Result<Documents, LedgerError> {
        let found = self
            .tables
            .prepare_cached("SELECT 1 FROM results WHERE job = ?1")
            .and_then(|mut query| query.exists([column::number(job)]))
            .map_err(during("look for documents"))?;
        Ok(if found { Documents::Some } else { Documents::None })
    }

    fn jobs(
        self,
        of: &str,
        value: i64,
        seal: &dyn ColumnSeal,
    ) -> Result<Vec<KnownJob>, LedgerError> {
        let raws: Vec<RawJob> = self
            .tables
            .prepare_cached(&format!("{JOBS} {of}"))
            .and_then(|mut query| query.query_map([value], read)?.collect())
            .map_err(during("list jobs"))?;
        raws.into_iter().map(|raw| open(raw, seal)).collect()
    }
}

/// A row of [`JOBS`] before its sealed columns are opened.
struct RawJob {
    job: KnownJob,
    key: Digest,
    study: Vec<u8>,
    series: Vec<u8>,
}

fn read(row: &Row<'_>) -> rusqlite::Result<RawJob> {
    let supersedes: Option<i64> = row.get(11)?;
    let state: String = row.get(16)?;
    let job = KnownJob {
        job: JobRow(row.get(0)?),
        number: column::read_number(row, 1)?,
        study_row: StudyRow(row.get(2)?),
        // Filled in when the sealed columns are opened.
        study: Uid::from_hash([0; 16]),
        series: Uid::from_hash([0; 16]),
        package: row.get(6)?,
        package_digest: column::read_digest(row, 7)?,
        settings: column::read_digest(row, 8)?,
        engine: row.get(9)?,
        revision: row.get(10)?,
        supersedes: supersedes.map(|number| RecordNumber::from_u64(number.cast_unsigned())),
        refusal: row.get(12)?,
        sources: from_json(&row.get::<_, String>(13)?)?,
        routes: from_json(&row.get::<_, String>(14)?)?,
        urgency: column::read_urgency(row, 15)?,
        state: match state.as_str() {
            "running" => JobState::Running,
            "done" => JobState::Done,
            "refused" => JobState::Refused,
            "quarantined" => JobState::Quarantined,
            _ => JobState::Decided,
        },
        decided: column::read_stamp(row, 17)?,
    };
    Ok(RawJob { job, key: column::read_digest(row, 3)?, study: row.get(4)?, series: row.get(5)? })
}

fn open(raw: RawJob, seal: &dyn ColumnSeal) -> Result<KnownJob, LedgerError> {
    let text = |sealed: &[u8]| open_text(seal, &raw.key, sealed).ok_or(LedgerError::Unopened);
    let uid = |text: String| column::parse_uid(&text).map_err(during("parse a UID"));
    let mut job = raw.job;
    job.study = uid(text(&raw.study)?)?;
    job.series = uid(text(&raw.series)?)?;
    Ok(job)
}
