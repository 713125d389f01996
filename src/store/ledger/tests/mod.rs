//! Tests of the ledger: its rules as sentences, on records made by hand.
//!
//! The seal of these tests is no cipher: it only keeps plain text from standing in the file, and
//! gives the same bytes each time, so that whole ledgers compare.

mod apply;
mod deliveries;
mod file;
mod order;
mod reading;
mod rebuild;
mod views;

use std::path::Path;

use super::*;
use crate::base::aet::AeTitle;
use crate::base::digest::Digest;
use crate::base::ids::{Arrival, DeliveryRow, RecordNumber};
use crate::base::phi::Phi;
use crate::base::time::{Instant, Stamp, WallTime};
use crate::base::uid::Uid;
use crate::dicom::header::{Identity, Patient, SliceFacts};
use crate::store::record::{
    AgainRecord, Content, JobRecord, Location, ObjectRecord, ResultRecord, Sealed, Urgency,
};

/// Turns every byte round with one of the study's key.
struct PlainSeal;

impl ColumnSeal for PlainSeal {
    fn seal(&self, study: &Digest, plain: &[u8]) -> Vec<u8> {
        let mut sealed = study.0.to_vec();
        sealed.extend(plain.iter().zip(study.0.iter().cycle()).map(|(a, b)| a ^ b ^ 0x80));
        sealed
    }

    fn open(&self, study: &Digest, sealed: &[u8]) -> Option<Vec<u8>> {
        let (key, body) = sealed.split_at_checked(32)?;
        let turned = body.iter().zip(study.0.iter().cycle());
        (key == study.0).then(|| turned.map(|(a, b)| a ^ b ^ 0x80).collect())
    }

    fn look_up(&self, bytes: &[u8]) -> Digest {
        Digest::of_parts(&[b"look-up key of a test", bytes])
    }
}

fn uid(text: &str) -> Uid {
    Uid::parse(text.as_bytes()).unwrap()
}

fn aet(text: &str) -> AeTitle {
    AeTitle::parse(text.as_bytes()).unwrap()
}

/// A stamp `s` seconds after the start of a boot.
fn at(s: u64) -> Stamp {
    Stamp {
        boot: u64::MAX - 7,
        monotonic: Instant::from_nanos(s * 1_000_000_000),
        wall: WallTime(1_795_530_000_000 + i64::try_from(s).unwrap() * 1000),
        utc_offset_s: 3600,
        synced: true,
    }
}

fn number(sequence: u32) -> RecordNumber {
    RecordNumber { start: 1, sequence }
}

/// Wraps a content as record `sequence`, which is its place in the order of arrival too.
fn sealed(sequence: u32, content: Content) -> Sealed {
    Sealed {
        number: number(sequence),
        arrival: Arrival(u64::from(sequence)),
        location: Location {
            slab: sequence % 3,
            generation: 1,
            offset: u64::from(sequence) * 8192,
        },
        end: u64::from(sequence) * 8192 + 4096,
        content,
    }
}

fn object(study: &str, instance: &str, bytes: &str, received: u64) -> ObjectRecord {
    ObjectRecord {
        identity: Identity {
            sop_class: uid("1.2.840.10008.5.1.4.1.1.2"),
            sop_instance: uid(instance),
            study: Some(uid(study)),
            series: Some(uid(&format!("{study}.1"))),
            modality: "CT".into(),
            patient: Phi::new(Patient {
                name: b"SYNTHETIC^PATIENT".to_vec(),
                id: b"SYN-4711".to_vec(),
                accession: b"ACC-0815".to_vec(),
                study_description: b"CHEST OF NOBODY".to_vec(),
                ..Patient::default()
            }),
        },
        facts: SliceFacts {
            rows: Some(512),
            position: Some([0.0, -1.5, 12.25]),
            frame_of_reference: Some(uid("1.2.9")),
            ..SliceFacts::default()
        },
        transfer_syntax: uid("1.2.840.10008.1.2.1"),
        length: 526_000,
        digest: Digest::of(bytes.as_bytes()),
        calling: aet("CT1"),
        called: aet("SCANPOST"),
        peer: "10.0.0.21".into(),
        received: at(received),
        unreadable: None,
        oddities: vec!["odd length".into()],
        routes: vec!["PACS".into()],
        urgency: Urgency::Normal,
        config: Digest::of(b"config"),
    }
}

fn again(of: u32, received: u64) -> AgainRecord {
    AgainRecord {
        of: number(of),
        calling: aet("CT1"),
        peer: "10.0.0.21".into(),
        received: at(received),
        routes: vec!["PACS".into()],
    }
}

fn job(study: &str, sources: &[u32]) -> JobRecord {
    JobRecord {
        study: uid(study),
        series: uid(&format!("{study}.1")),
        sources: sources.iter().copied().map(number).collect(),
        package: "nodules 1.0".into(),
        package_digest: Digest::of(b"package"),
        settings: Digest::of(b"settings"),
        engine: 1,
        decided: at(100),
        revision: 0,
        supersedes: None,
        refusal: None,
        routes: vec!["PACS".into()],
        urgency: Urgency::Normal,
    }
}

/// Whole by silence, up to the second record.
fn quiet() -> Whole<'static> {
    Whole { up_to: Arrival(2), reason: "quiet", not_read: &[] }
}

fn result(job: u32, study: &str, ordinal: u32, set_size: u32) -> ResultRecord {
    ResultRecord {
        job: number(job),
        study: uid(study),
        document: "sr".into(),
        ordinal,
        set_size,
        sop_class: Some(uid("1.2.840.10008.5.1.4.1.1.88.33")),
        sop_instance: uid(&format!("2.25.{job}{ordinal}")),
        series: uid(&format!("2.25.{job}")),
        transfer_syntax: uid("1.2.840.10008.1.2.1"),
        length: 9000,
        digest: Digest::of(&ordinal.to_le_bytes()),
        written: at(120),
        routes: vec!["PACS".into()],
        urgency: Urgency::Normal,
        refusal: None,
    }
}

fn an_object(sequence: u32, study: &str, instance: &str) -> Sealed {
    let record = object(study, instance, instance, u64::from(sequence));
    sealed(sequence, Content::Object(Box::new(record)))
}

fn start(ledger: &mut Ledger, highest_seen: u32) -> Started {
    ledger
        .start(&Start {
            vault: b"vault",
            box_id: b"box",
            highest_seen,
            destinations: &["PACS".into(), "ARCHIVE".into()],
        })
        .unwrap()
}

/// An empty ledger that was started and knows PACS and ARCHIVE.
fn ledger() -> Ledger {
    let mut ledger = Ledger::in_memory().unwrap();
    assert_eq!(start(&mut ledger, 0).condition, Condition::Fresh);
    ledger
}

fn apply(ledger: &mut Ledger, batch: &[Sealed]) -> Applied {
    ledger.apply(batch, &PlainSeal).unwrap()
}

fn owed(ledger: &Ledger, destination: &str) -> Vec<Owed> {
    ledger.owed(destination, 1000, &PlainSeal).unwrap()
}

/// The record sequences of what is owed to PACS, in sending order.
fn order(ledger: &Ledger) -> Vec<u32> {
    let owed = owed(ledger, "PACS");
    owed.iter().map(|owed| owed.number.sequence).collect()
}

fn ok(at: Stamp) -> Answer<'static> {
    Answer { status: Some(0), words: "", at }
}

fn accept(ledger: &mut Ledger, delivery: DeliveryRow) {
    let moved = ledger.accepted(delivery, &ok(at(500)), &PlainSeal).unwrap();
    assert_eq!(moved, Moved::Yes);
}

const DUMP: [&str; 9] = [
    "SELECT 'mark', * FROM marks",
    "SELECT 'study', key, uid, erased FROM studies",
    "SELECT 'series', s.key, e.key, e.uid FROM series e JOIN studies s ON s.row = e.study",
    "SELECT 'record', r.number, r.arrival, r.kind, s.key, slab, generation, offset, end, released
     FROM records r LEFT JOIN studies s ON s.row = r.study",
    "SELECT 'object', s.key, e.key, instance_key, content_key, sop_class, modality,
         transfer_syntax, length, sealed, number, arrival, urgency, unreadable, version, o.erased
     FROM objects o JOIN studies s ON s.row = o.study JOIN series e ON e.row = o.series",
    "SELECT 'copy', o.content_key, c.number, of_record, kind, c.arrival, calling, called, peer,
         c.urgency, c.unreadable, routes, config, received_boot, received_monotonic,
         received_wall, received_offset, received_synced
     FROM copies c LEFT JOIN objects o ON o.row = c.object",
    "SELECT 'job', j.number, arrival, s.key, e.key, package, package_digest, settings, engine,
         revision, supersedes, withdrawn, refusal, urgency, state, sources, routes, decided_boot,
         decided_monotonic, decided_wall, decided_offset, decided_synced
     FROM jobs j JOIN studies s ON s.row = j.study JOIN series e ON e.row = j.series",
    "SELECT 'result', number, arrival, job, s.key, instance_key, document, ordinal, set_size,
         sop_class, transfer_syntax, length, urgency, routes, sealed, written_boot,
         written_monotonic, written_wall, written_offset, written_synced
     FROM results t JOIN studies s ON s.row = t.study",
    "SELECT 'delivery', o.content_key, t.number, p.name, s.key, d.instance_key, class, d.urgency,
         order_no, state, owed_again, attempts, status, words, owed_boot, owed_monotonic,
         owed_wall, owed_offset, owed_synced
     FROM deliveries d JOIN destinations p ON p.row = d.destination
         JOIN studies s ON s.row = d.study
         LEFT JOIN objects o ON o.row = d.object LEFT JOIN results t ON t.row = d.result",
];

/// All rows that records make, named by their natural keys, one a line.
fn dump(ledger: &Ledger) -> Vec<String> {
    let mut lines = Vec::new();
    for query in DUMP {
        let mut statement = ledger.connection.prepare(query).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let line: Vec<String> =
                (0..columns).map(|at| format!("{:?}", row.get::<_, Value>(at).unwrap())).collect();
            lines.push(line.join(" "));
        }
    }
    lines.sort();
    lines
}

/// Says what only one of two dumps has.
fn difference(found: &[String], expected: &[String]) -> Vec<String> {
    let only = |sign, here: &[String], there: &[String]| {
        let here = here.iter().filter(|line| !there.contains(line));
        here.map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    let mut told = [only('+', found, expected), only('-', expected, found)].concat();
    if told.is_empty() && found != expected {
        told.push("a line stands twice".to_owned());
    }
    told
}

fn open(path: &Path) -> Ledger {
    Ledger::open(path).unwrap()
}
