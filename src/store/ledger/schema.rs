//! The tables of the ledger, as numbered migrations that only add.
//!
//! # Invariants
//!
//! - A migration adds tables, columns with a default, and indexes; it never changes what a
//!   statement of the release before means. What is no longer used goes one release later.
//! - So a program that knows version n works on n and on n + 1: a box that fell back to its
//!   former system keeps its ledger. n + 2 is refused.
//! - Statements name their columns; nothing counts on how many there are.
//!
//! What identifies a patient is sealed (a BLOB that only the vault's keys open) or a keyed hash
//! (`…key`). Times are five columns: `_boot`, `_monotonic` (ns), `_wall` (ms), `_offset` (s) and
//! `_synced`. Record numbers are [`crate::base::ids::RecordNumber::to_u64`]; urgency is 0 high,
//! 1 normal, 2 low; class is 0 result, 1 bulk.

use rusqlite::{Connection, TransactionBehavior};

use super::{LedgerError, during};

/// `SPLG`: tells a ledger from another program's database.
pub(super) const APPLICATION_ID: i64 = 0x5350_4c47;

/// Migration i brings version i to i + 1.
pub(super) const MIGRATIONS: &[&str] = &[FIRST];

const FIRST: &str = "
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    vault BLOB NOT NULL, box BLOB NOT NULL,
    start_counter INTEGER NOT NULL, rebuilding INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE marks (
    slab INTEGER PRIMARY KEY, generation INTEGER NOT NULL, offset INTEGER NOT NULL) STRICT;

CREATE TABLE studies (
    row INTEGER PRIMARY KEY, key BLOB NOT NULL, uid BLOB,
    whole_arrival INTEGER, whole_reason TEXT,
    deaths INTEGER NOT NULL DEFAULT 0, quarantined INTEGER NOT NULL DEFAULT 0,
    erased INTEGER NOT NULL DEFAULT 0,
    CHECK ((uid IS NULL) = (erased = 1))) STRICT;
CREATE UNIQUE INDEX studies_key ON studies (key) WHERE erased = 0;
CREATE TABLE series (
    row INTEGER PRIMARY KEY, study INTEGER NOT NULL REFERENCES studies (row),
    key BLOB NOT NULL, uid BLOB, UNIQUE (study, key)) STRICT;
CREATE TABLE releases (
    study INTEGER NOT NULL REFERENCES studies (row), caller TEXT NOT NULL,
    at_boot INTEGER NOT NULL, at_monotonic INTEGER NOT NULL, at_wall INTEGER NOT NULL,
    at_offset INTEGER NOT NULL, at_synced INTEGER NOT NULL,
    PRIMARY KEY (study, caller)) STRICT, WITHOUT ROWID;

CREATE TABLE records (
    number INTEGER PRIMARY KEY, arrival INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('object', 'again', 'job', 'result')),
    study INTEGER REFERENCES studies (row),
    slab INTEGER NOT NULL, generation INTEGER NOT NULL, offset INTEGER NOT NULL,
    end INTEGER NOT NULL, released INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX records_slab ON records (slab) WHERE released = 0;
CREATE INDEX records_study ON records (study);

CREATE TABLE objects (
    row INTEGER PRIMARY KEY, study INTEGER NOT NULL REFERENCES studies (row),
    series INTEGER NOT NULL REFERENCES series (row),
    instance_key BLOB NOT NULL, content_key BLOB NOT NULL,
    sop_class TEXT NOT NULL, modality TEXT NOT NULL, transfer_syntax TEXT NOT NULL,
    length INTEGER NOT NULL, sealed BLOB,
    number INTEGER NOT NULL, arrival INTEGER NOT NULL, urgency INTEGER NOT NULL,
    unreadable TEXT, version INTEGER NOT NULL DEFAULT 0, erased INTEGER NOT NULL DEFAULT 0,
    CHECK ((sealed IS NULL) = (erased = 1))) STRICT;
CREATE UNIQUE INDEX objects_content ON objects (instance_key, content_key) WHERE erased = 0;
CREATE INDEX objects_study ON objects (study, arrival);
CREATE INDEX objects_series ON objects (series);
CREATE TABLE copies (
    number INTEGER PRIMARY KEY REFERENCES records (number),
    object INTEGER REFERENCES objects (row), of_record INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('object', 'again')),
    arrival INTEGER NOT NULL, calling TEXT NOT NULL, called TEXT, peer TEXT NOT NULL,
    urgency INTEGER, unreadable TEXT, routes TEXT NOT NULL, config BLOB,
    received_boot INTEGER NOT NULL, received_monotonic INTEGER NOT NULL,
    received_wall INTEGER NOT NULL, received_offset INTEGER NOT NULL,
    received_synced INTEGER NOT NULL) STRICT;
CREATE INDEX copies_object ON copies (object, arrival);
CREATE INDEX copies_received ON copies (received_wall);
CREATE INDEX copies_waiting ON copies (of_record) WHERE object IS NULL;

CREATE TABLE jobs (
    row INTEGER PRIMARY KEY, number INTEGER NOT NULL UNIQUE REFERENCES records (number),
    arrival INTEGER NOT NULL,
    study INTEGER NOT NULL REFERENCES studies (row),
    series INTEGER NOT NULL REFERENCES series (row),
    package TEXT NOT NULL, package_digest BLOB NOT NULL, settings BLOB NOT NULL,
    engine INTEGER NOT NULL, revision INTEGER NOT NULL, supersedes INTEGER, withdrawn INTEGER,
    refusal TEXT, urgency INTEGER NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('decided', 'running', 'done', 'refused', 'quarantined')),
    sources TEXT NOT NULL, routes TEXT NOT NULL,
    decided_boot INTEGER NOT NULL, decided_monotonic INTEGER NOT NULL,
    decided_wall INTEGER NOT NULL, decided_offset INTEGER NOT NULL,
    decided_synced INTEGER NOT NULL) STRICT;
CREATE INDEX jobs_study ON jobs (study);
CREATE INDEX jobs_waiting ON jobs (urgency, arrival) WHERE state = 'decided';
CREATE TABLE results (
    row INTEGER PRIMARY KEY, number INTEGER NOT NULL UNIQUE REFERENCES records (number),
    arrival INTEGER NOT NULL, job INTEGER NOT NULL,
    study INTEGER NOT NULL REFERENCES studies (row),
    instance_key BLOB NOT NULL, document TEXT NOT NULL, ordinal INTEGER NOT NULL,
    set_size INTEGER NOT NULL, sop_class TEXT, transfer_syntax TEXT NOT NULL,
    length INTEGER NOT NULL, urgency INTEGER NOT NULL, routes TEXT NOT NULL, sealed BLOB,
    written_boot INTEGER NOT NULL, written_monotonic INTEGER NOT NULL,
    written_wall INTEGER NOT NULL, written_offset INTEGER NOT NULL,
    written_synced INTEGER NOT NULL) STRICT;
CREATE INDEX results_job ON results (job, ordinal);
CREATE INDEX results_study ON results (study);

CREATE TABLE destinations (
    row INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    known INTEGER NOT NULL DEFAULT 0, turns INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE deliveries (
    row INTEGER PRIMARY KEY,
    object INTEGER REFERENCES objects (row), result INTEGER REFERENCES results (row),
    destination INTEGER NOT NULL REFERENCES destinations (row),
    study INTEGER NOT NULL REFERENCES studies (row), instance_key BLOB NOT NULL,
    class INTEGER NOT NULL, urgency INTEGER NOT NULL, order_no INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'sent', 'accepted', 'committed', 'parked', 'released')),
    owed_again INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
    status INTEGER, words BLOB,
    owed_boot INTEGER NOT NULL, owed_monotonic INTEGER NOT NULL, owed_wall INTEGER NOT NULL,
    owed_offset INTEGER NOT NULL, owed_synced INTEGER NOT NULL,
    changed_boot INTEGER, changed_monotonic INTEGER, changed_wall INTEGER,
    changed_offset INTEGER, changed_synced INTEGER,
    CHECK ((object IS NULL) <> (result IS NULL)),
    UNIQUE (object, destination), UNIQUE (result, destination)) STRICT;
CREATE INDEX deliveries_next ON deliveries (destination, urgency, class, order_no)
    WHERE state = 'queued';
CREATE INDEX deliveries_oldest ON deliveries (destination, order_no) WHERE state = 'queued';
CREATE INDEX deliveries_instance ON deliveries (instance_key, destination);
CREATE INDEX deliveries_study ON deliveries (study, state);
CREATE INDEX deliveries_state ON deliveries (state, destination);

CREATE TABLE packages (
    row INTEGER PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    installed_boot INTEGER NOT NULL, installed_monotonic INTEGER NOT NULL,
    installed_wall INTEGER NOT NULL, installed_offset INTEGER NOT NULL,
    installed_synced INTEGER NOT NULL) STRICT;
CREATE TABLE package_callers (
    package INTEGER NOT NULL REFERENCES packages (row), caller TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('silent', 'posted')),
    since_boot INTEGER NOT NULL, since_monotonic INTEGER NOT NULL,
    since_wall INTEGER NOT NULL, since_offset INTEGER NOT NULL, since_synced INTEGER NOT NULL,
    PRIMARY KEY (package, caller)) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    row INTEGER PRIMARY KEY, study INTEGER NOT NULL REFERENCES studies (row),
    at_boot INTEGER NOT NULL, at_monotonic INTEGER NOT NULL, at_wall INTEGER NOT NULL,
    at_offset INTEGER NOT NULL, at_synced INTEGER NOT NULL,
    kind TEXT NOT NULL, words TEXT NOT NULL) STRICT;
CREATE INDEX events_study ON events (study);
";

/// Every table that a rebuild from nothing empties, those that refer to others first.
pub(super) const TABLES: &[&str] = &[
    "events",
    "releases",
    "deliveries",
    "results",
    "jobs",
    "copies",
    "objects",
    "series",
    "records",
    "studies",
    "destinations",
    "marks",
    "meta",
];

/// Brings the schema up to the newest version that `migrations` knows, one transaction a step.
///
/// # Errors
///
/// [`LedgerError::Foreign`] for another program's database, [`LedgerError::TooNew`] for a schema
/// more than one version ahead, and whatever SQLite says.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), LedgerError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let mut version = check(connection, known)?;
    while let Some(step) = usize::try_from(version).ok().and_then(|at| migrations.get(at)) {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(during("begin a migration"))?;
        transaction.execute_batch(step).map_err(during("migrate"))?;
        version += 1;
        transaction
            .pragma_update(None, "user_version", version)
            .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION_ID))
            .map_err(during("number the schema"))?;
        transaction.commit().map_err(during("commit a migration"))?;
    }
    Ok(())
}

/// Returns the schema's version, if a program that knows `known` may work on it.
///
/// # Errors
///
/// As [`migrate`].
pub(super) fn check(connection: &Connection, known: i64) -> Result<i64, LedgerError> {
    let read = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(during("read the schema's version"))
    };
    let (version, application) = (read("user_version")?, read("application_id")?);
    let is_blank = version == 0 && application == 0;
    if application != APPLICATION_ID && !is_blank {
        return Err(LedgerError::Foreign);
    }
    if known + 1 < version {
        return Err(LedgerError::TooNew { found: version, known });
    }
    Ok(version)
}
