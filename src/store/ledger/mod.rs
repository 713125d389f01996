//! The ledger: what the box knows of studies, deliveries and jobs, in one SQLite file.
//!
//! The vault's records are the promise; the ledger follows them and can be made again from them.
//! What it alone knows is how far deliveries came: that is why it syncs every commit.
//!
//! # Invariants
//!
//! - One [`Ledger`] is one connection and the only writer; observers open a [`Reader`].
//! - Every change is one `BEGIN IMMEDIATE` transaction.
//! - [`Ledger::apply`] is idempotent by record number and gives the same rows in any batching,
//!   order and repetition: rows are a function of the set of records, but for what deliveries,
//!   jobs and studies went through since.
//! - Nothing that identifies a patient stands in clear (I10).
//!
//! ```text
//! queued ─attempted→ sent ─accepted→ accepted ─committed→ committed
//!   ↑  ↖──failed───── │ ──park→ parked ─release→ released
//!   └── again, resend, start (sent only) ── from accepted, committed, parked, released
//! ```

mod apply;
mod column;
mod deliveries;
mod erase;
mod gather;
mod jobs;
mod kept;
mod objects;
mod owed;
mod packages;
mod pragmas;
mod results;
mod schema;
mod seal;
mod shown;
mod start;
mod timeline;
mod views;
mod whole;

#[cfg(test)]
mod tests;

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub use apply::Applied;
pub use deliveries::{Answer, Known, Moved, Owed, OwedCount, Resend, Thing};
pub use erase::{Holding, Recycling};
pub use gather::{KeptObject, OpenSeries, OpenStudy, Quarantine, Release, SeriesObjects, Standing};
pub use jobs::{AfterDeath, Documents, JobState, JobToDo, KnownJob, Source};
pub use kept::KeptStudy;
pub use packages::{PackageRow, Posting};
pub use seal::{ColumnSeal, study_label};
pub use shown::KeptDocument;
pub use start::{Condition, Mark, Start, Started};
pub use timeline::Event;
pub use views::{Counts, Filter, Problem, StudySummary, View};
pub use whole::{NotRead, Whole};

/// What can go wrong with the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// SQLite refused; the source says why.
    #[error("ledger could not {doing}")]
    Sqlite {
        /// The operation, as a verb phrase.
        doing: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// A pragma did not take: what is written may not survive.
    #[error("ledger's pragma {name} reads back as {found:?}")]
    Pragma {
        /// Which.
        name: &'static str,
        /// What was read back.
        found: Value,
    },
    /// The file is a database of another program.
    #[error("file is no ledger")]
    Foreign,
    /// The schema is more than one version ahead of this program.
    #[error("ledger has schema {found}, this program works up to {}", known + 1)]
    TooNew {
        /// The version found.
        found: i64,
        /// The version that this program makes.
        known: i64,
    },
    /// A sealed column does not open: its key is gone, or it was changed.
    #[error("sealed column does not open")]
    Unopened,
    /// A column does not hold what was written there.
    #[error("column does not parse")]
    Json {
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The row does not exist, or is not in a state that allows this.
    #[error("ledger has no such {what}")]
    NoSuch {
        /// What was asked for.
        what: &'static str,
    },
    /// Something of the study is owed, or a job of it is not finished.
    #[error("study is still owed")]
    StillOwed,
    /// `start` was not called before.
    #[error("ledger was not started")]
    NotStarted,
    /// SQLite finds the file damaged: it must be made again from the vault.
    #[error("ledger is damaged")]
    Damaged,
}

fn during(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> LedgerError {
    move |source| LedgerError::Sqlite { doing, source }
}

/// An open ledger: the one writer.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
}

/// An observer's connection: it can only read, and never blocks the writer.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

/// Statements that stay prepared: more than there are.
const STATEMENTS: usize = 160;

impl Ledger {
    /// Opens the ledger at `path`, makes it if need be, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot open or migrate the file, when a pragma does not take, and for
    /// files that are no ledger of this program's or the next version.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(during("open"))?;
        Self::prepare(connection, pragmas::Kind::Writer)
    }

    /// Opens a ledger that lives in memory: for the simulator.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`].
    pub fn in_memory() -> Result<Self, LedgerError> {
        let connection = Connection::open_in_memory().map_err(during("open"))?;
        Self::prepare(connection, pragmas::Kind::Memory)
    }

    fn prepare(mut connection: Connection, kind: pragmas::Kind) -> Result<Self, LedgerError> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        pragmas::set(&connection, kind)?;
        schema::migrate(&mut connection, schema::MIGRATIONS)?;
        Ok(Self { connection })
    }

    /// Opens an observer's connection to the ledger at `path`.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`]; also when there is no ledger yet.
    pub fn open_reader(path: &Path) -> Result<Reader, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(during("open"))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        pragmas::set(&connection, pragmas::Kind::Reader)?;
        let known = i64::try_from(schema::MIGRATIONS.len()).unwrap_or(i64::MAX);
        schema::check(&connection, known)?;
        Ok(Reader { connection })
    }

    /// Returns what observers may ask.
    pub fn view(&self) -> View<'_> {
        View::new(&self.connection)
    }

    /// Lets SQLite look for damage; seconds on a large ledger.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Damaged`] when it finds any.
    pub fn check(&self) -> Result<(), LedgerError> {
        let verdict: String = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(during("check itself"))?;
        if verdict == "ok" { Ok(()) } else { Err(LedgerError::Damaged) }
    }

    /// Moves the log into the file and cuts it to nothing; for idle times.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot; a busy observer only leaves more in the log.
    pub fn checkpoint(&mut self) -> Result<(), LedgerError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(during("checkpoint"))
    }

    /// Runs `change` in one transaction.
    fn write<T>(
        &mut self,
        doing: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(during("begin"))?;
        let value = change(&transaction)?;
        transaction.commit().map_err(during(doing))?;
        Ok(value)
    }
}

impl Reader {
    /// Returns what observers may ask.
    pub fn view(&self) -> View<'_> {
        View::new(&self.connection)
    }
}
