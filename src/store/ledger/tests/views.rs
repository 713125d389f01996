//! What observers see.

use super::*;

fn filled() -> Ledger {
    let mut ledger = ledger();
    let mut broken = object("1.2", "1.2.1", "", 1000);
    broken.unreadable = Some("truncated pixels".into());
    let mut refused = job("1.1", &[]);
    refused.refusal = Some("gaps".into());
    refused.routes.clear();
    let mut knee = object("1.3", "1.3.1", "", 2000);
    knee.routes.clear();
    apply(
        &mut ledger,
        &[
            an_object(1, "1.1", "1.1.1"),
            an_object(2, "1.1", "1.1.2"),
            sealed(3, Content::Again(again(1, 40))),
            sealed(4, Content::Job(Box::new(refused))),
            sealed(5, Content::Object(Box::new(broken))),
            sealed(6, Content::Object(Box::new(knee))),
        ],
    );
    ledger
}

fn listed(ledger: &Ledger, filter: Filter) -> Vec<String> {
    let studies = ledger.view().studies(filter, 10, &PlainSeal).unwrap();
    let labels = studies.iter().map(|study| study.label.reveal("test").clone());
    labels.collect()
}

#[test]
fn studies_are_listed_newest_first_by_what_is_asked() {
    let ledger = filled();
    assert_eq!(listed(&ledger, Filter::All), ["1.3", "1.2", "1.1"]);
    assert_eq!(listed(&ledger, Filter::Owed), ["1.2", "1.1"]);
    assert_eq!(listed(&ledger, Filter::Refused), ["1.2", "1.1"]);
    assert_eq!(listed(&ledger, Filter::Since(at(40).wall)), ["1.3", "1.2", "1.1"]);
    assert_eq!(listed(&ledger, Filter::Since(at(41).wall)), ["1.3", "1.2"]);
    let first = ledger.view().studies(Filter::All, 1, &PlainSeal).unwrap();
    assert_eq!(first.len(), 1);
}

#[test]
fn a_study_shows_its_patient_its_numbers_and_why_it_was_not_read() {
    let ledger = filled();
    let studies = ledger.view().studies(Filter::All, 10, &PlainSeal).unwrap();
    let study = &studies[2];
    assert_eq!(study.patient.reveal("test").name, b"SYNTHETIC^PATIENT");
    assert_eq!((study.modality.as_str(), study.calling.as_str()), ("CT", "CT1"));
    assert_eq!((study.objects, study.series, study.owed), (2, 1, 2));
    assert_eq!(study.refusals, ["gaps"]);
    assert!(!format!("{study:?}").contains("SYNTHETIC"));
}

#[test]
fn counts_say_how_much_there_is_of_what() {
    let counts = filled().view().snapshot_counts().unwrap();
    let expected = Counts {
        studies: 3,
        objects: 4,
        unreadable: 1,
        owed: 3,
        jobs_refused: 1,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}

#[test]
fn the_timeline_tells_the_road_of_a_study() {
    let mut ledger = ledger();
    apply(&mut ledger, &[an_object(1, "1.1", "1.1.1"), an_object(2, "1.1", "1.1.2")]);
    let study = ledger.view().study(&uid("1.1"), &PlainSeal).unwrap().unwrap();
    ledger.set_whole(study, quiet(), at(90)).unwrap();
    apply(&mut ledger, &[sealed(3, Content::Job(Box::new(job("1.1", &[1, 2]))))]);
    let todo = ledger.next_job(&PlainSeal).unwrap().unwrap();
    ledger.job_started(todo.job.job, at(101)).unwrap();
    apply(&mut ledger, &[sealed(4, Content::Result(Box::new(result(3, "1.1", 0, 1))))]);
    for row in owed(&ledger, "PACS") {
        accept(&mut ledger, row.delivery);
    }
    let events = ledger.view().timeline(study).unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| format!("{} {} {}", event.kind, event.words, event.count))
        .collect();
    assert_eq!(
        told,
        [
            "received CT1 2",
            "whole quiet 1",
            "decided nodules 1.0 1",
            "reading  1",
            "written nodules 1.0 1",
            "owed PACS 3",
            "delivered PACS 3",
        ]
    );
    assert_eq!(events[0].at, at(2), "the last of them");
}

#[test]
fn every_package_is_silent_until_somebody_lets_it_post_for_a_caller() {
    let mut ledger = ledger();
    let package = PackageRow {
        name: "nodules".into(),
        version: "1.0".into(),
        digest: Digest::of(b"package"),
        installed: at(1),
    };
    let error = ledger.set_posting(&package.digest, "CT1", Posting::Posted, at(2)).unwrap_err();
    assert!(matches!(error, LedgerError::NoSuch { what: "package" }));
    ledger.note_package(&package).unwrap();
    ledger.note_package(&package).unwrap();
    assert_eq!(ledger.view().packages().unwrap(), std::slice::from_ref(&package));
    let posting = |ledger: &Ledger, caller| ledger.view().posting(&package.digest, caller).unwrap();
    assert_eq!(posting(&ledger, "CT1"), Posting::Silent);
    ledger.set_posting(&package.digest, "CT1", Posting::Posted, at(2)).unwrap();
    assert_eq!(posting(&ledger, "CT1"), Posting::Posted);
    assert_eq!(posting(&ledger, "CT2"), Posting::Silent);
    ledger.set_posting(&package.digest, "CT1", Posting::Silent, at(3)).unwrap();
    assert_eq!(posting(&ledger, "CT1"), Posting::Silent);
}
