//! The ledger as a file: what stands in it, what survives, and versions of its schema.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    (folder, path)
}

/// All bytes of the ledger's files: itself, its log and the log's index.
fn bytes(folder: &TempDir) -> Vec<u8> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// What must never stand in clear: texts of a patient and UIDs of a study.
const IDENTIFYING: [&str; 8] = [
    "SYNTHETIC^PATIENT",
    "SYN-4711",
    "ACC-0815",
    "CHEST OF NOBODY",
    "1.2.333.4444",
    "1.2.333.5555",
    "2.25.777",
    "QUOTED^PATIENT",
];

fn fill(ledger: &mut Ledger) {
    let record = object("1.2.333.4444", "1.2.333.5555", "bytes", 1);
    let mut document = result(2, "1.2.333.4444", 0, 1);
    document.sop_instance = uid("2.25.777");
    apply(
        ledger,
        &[
            sealed(1, Content::Object(Box::new(record))),
            sealed(2, Content::Job(Box::new(job("1.2.333.4444", &[1])))),
            sealed(3, Content::Result(Box::new(document))),
            sealed(4, Content::Again(again(1, 9))),
        ],
    );
    let words = Answer { status: Some(0xc000), words: "QUOTED^PATIENT is unknown", at: at(9) };
    let row = owed(ledger, "PACS")[0].delivery;
    ledger.failed(row, &words, &PlainSeal).unwrap();
}

#[test]
fn no_name_and_no_uid_stands_in_clear_in_the_file_or_its_log() {
    let (folder, path) = place();
    let mut ledger = open(&path);
    start(&mut ledger, 0);
    fill(&mut ledger);
    for moment in ["in the log", "in the file"] {
        let bytes = bytes(&folder);
        assert!(holds(&bytes, "CT1"), "the search finds what stands there");
        for text in IDENTIFYING {
            assert!(!holds(&bytes, text), "{text} stands {moment}");
        }
        ledger.checkpoint().unwrap();
    }
}

#[test]
fn erasing_a_study_leaves_no_sealed_byte_of_it_but_its_keyed_hash() {
    let (folder, path) = place();
    let mut ledger = open(&path);
    start(&mut ledger, 0);
    fill(&mut ledger);
    let key = PlainSeal.look_up(b"1.2.333.4444");
    let sealed_uid = PlainSeal.seal(&key, b"1.2.333.5555");
    let tail = &sealed_uid[32..];
    let record = object("1.2.333.4444", "1.2.333.5555", "bytes", 1);
    let study = ledger.view().study(&uid("1.2.333.4444"), &PlainSeal).unwrap().unwrap();
    let error = ledger.erase_study(study, "retention", at(99)).unwrap_err();
    assert!(matches!(error, LedgerError::StillOwed), "I5");
    for row in owed(&ledger, "PACS") {
        accept(&mut ledger, row.delivery);
    }
    ledger.erase_study(study, "retention", at(99)).unwrap();
    ledger.checkpoint().unwrap();
    let bytes = bytes(&folder);
    assert!(bytes.windows(32).any(|window| window == key.0));
    assert!(!bytes.windows(tail.len()).any(|window| window == tail));
    assert_eq!(ledger.view().can_recycle(1).unwrap(), Recycling::Free);
    assert_eq!(ledger.view().study(&uid("1.2.333.4444"), &PlainSeal).unwrap(), None);
    assert!(ledger.view().series_objects(study, &PlainSeal).unwrap().is_empty());
    let anew = Content::Object(Box::new(record));
    apply(&mut ledger, &[sealed(9, anew)]);
    assert_eq!(order(&ledger), [9], "an instance that comes later begins anew");
}

#[test]
fn a_process_that_dies_within_a_transaction_leaves_what_was_committed() {
    let (_folder, path) = place();
    let mut ledger = open(&path);
    start(&mut ledger, 0);
    apply(&mut ledger, &[an_object(1, "1.1", "1.1.1")]);
    let before = dump(&ledger);
    ledger.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    ledger.connection.execute_batch("DELETE FROM deliveries; DELETE FROM marks").unwrap();
    assert_ne!(dump(&ledger), before);
    // A dead process closes nothing: its connection is left as it is, and the files are taken
    // as another one finds them.
    let copy = tempfile::tempdir().unwrap();
    for name in ["ledger", "ledger-wal"] {
        std::fs::copy(path.with_file_name(name), copy.path().join(name)).unwrap();
    }
    let found = open(&copy.path().join("ledger"));
    assert_eq!(dump(&found), before);
    found.check().unwrap();
}

#[test]
fn a_batch_that_cannot_be_applied_leaves_nothing_and_moves_no_mark() {
    let mut ledger = ledger();
    let before = dump(&ledger);
    ledger
        .connection
        .execute_batch(
            "CREATE TEMP TRIGGER cut BEFORE INSERT ON deliveries WHEN new.order_no = 2
             BEGIN SELECT raise(ABORT, 'cut'); END",
        )
        .unwrap();
    let batch = [an_object(1, "1.1", "1.1.1"), an_object(2, "1.1", "1.1.2")];
    assert!(ledger.apply(&batch, &PlainSeal).is_err());
    assert_eq!(dump(&ledger), before);
}

#[test]
fn an_observer_reads_beside_the_writer_and_cannot_write() {
    let (_folder, path) = place();
    assert!(Ledger::open_reader(&path).is_err(), "nothing to observe yet");
    let mut ledger = open(&path);
    let reader = Ledger::open_reader(&path).unwrap();
    start(&mut ledger, 0);
    apply(&mut ledger, &[an_object(1, "1.1", "1.1.1")]);
    assert_eq!(reader.view().snapshot_counts().unwrap().objects, 1);
    let change = reader.connection.execute("DELETE FROM marks", []);
    assert!(change.is_err());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "makes a file that is no ledger of ours")]
fn what_is_no_ledger_is_refused_and_left_alone() {
    let (_folder, path) = place();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE t (a); PRAGMA application_id = 7").unwrap();
    drop(other);
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Foreign)));
}

/// A release that adds: a table, a column with a default, an index.
const NEXT: &str = "
    CREATE TABLE feedback (row INTEGER PRIMARY KEY, words BLOB) STRICT;
    ALTER TABLE deliveries ADD COLUMN channel TEXT NOT NULL DEFAULT 'dicom';
    ALTER TABLE objects ADD COLUMN body_part TEXT;
    CREATE INDEX deliveries_channel ON deliveries (channel);";

#[test]
fn this_program_works_on_the_next_version_of_the_schema_but_not_on_the_one_after() {
    let (_folder, path) = place();
    let mut ledger = open(&path);
    start(&mut ledger, 0);
    apply(&mut ledger, &[an_object(11, "1.1", "1.1.1")]);
    let next: Vec<&str> = schema::MIGRATIONS.iter().copied().chain([NEXT]).collect();
    schema::migrate(&mut ledger.connection, &next).unwrap();
    drop(ledger);
    let mut ledger = open(&path);
    fill(&mut ledger);
    for row in owed(&ledger, "PACS") {
        accept(&mut ledger, row.delivery);
    }
    assert_eq!(ledger.view().snapshot_counts().unwrap().objects, 2);
    assert!(Ledger::open_reader(&path).is_ok());
    let later: Vec<&str> =
        next.iter().copied().chain(["CREATE TABLE late (a ANY) STRICT"]).collect();
    schema::migrate(&mut ledger.connection, &later).unwrap();
    drop(ledger);
    let error = Ledger::open(&path).unwrap_err();
    assert!(matches!(error, LedgerError::TooNew { .. }), "{error}");
    assert!(Ledger::open_reader(&path).is_err());
}

#[test]
fn the_next_program_opens_this_ledger_with_its_rows() {
    let mut ledger = ledger();
    fill(&mut ledger);
    let before = dump(&ledger);
    let next: Vec<&str> = schema::MIGRATIONS.iter().copied().chain([NEXT]).collect();
    schema::migrate(&mut ledger.connection, &next).unwrap();
    assert_eq!(dump(&ledger), before);
    let version = schema::check(&ledger.connection, 2).unwrap();
    assert_eq!(version, 2);
}

#[test]
fn every_table_is_strict() {
    let ledger = ledger();
    let loose: i64 = ledger
        .connection
        .query_row(
            "SELECT count(*) FROM pragma_table_list
             WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(loose, 0);
}
