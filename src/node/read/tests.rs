//! Goal: every job ends in documents or says why not, once, whatever is in the way.
//! Method: the real stores in memory, chest CTs of few bytes, and a program in the worker's place
//! that answers, refuses and dies as a test wants.

use std::collections::BTreeSet;

use super::*;
use crate::base::uid::Uid;
use crate::image::geometry::GeometryRefusal;
use crate::node::results::JobResult;
use crate::node::seal::Seal;
use crate::node::shelf::Shelf;
use crate::node::tests::stand_in::{self, StandIn, reading, without_marks};
use crate::node::tests::{Clinic, FOUND_BY_THE_READER, POSTING, chest, chest_of, slice};
use crate::report::notice::not_processed;
use crate::store::disk::Disk;
use crate::store::disk::memory::{Failure, Lasting, Step, Trouble};
use crate::store::ledger::JobState;

/// Settings under which nothing of a result leaves.
const SILENT: &str = "danger_any_caller = true\n[destinations.PACS]\nae = \"PACS\"\n\
    host = \"pacs\"\nport = 104\n";

/// A clinic with one whole chest CT, and a stand-in that reads it.
fn with_a_job(settings: &str) -> (Clinic, StandIn, Reader) {
    let mut clinic = Clinic::with(settings);
    clinic.receive_all(chest(1));
    assert_eq!(clinic.settle().jobs, 1);
    let stand_in = StandIn::new();
    stand_in.reads(&reading(&clinic.packages[0], 60));
    let reader = clinic.reader(stand_in.worker());
    (clinic, stand_in, reader)
}

fn kinds(result: &JobResult) -> Vec<&str> {
    result.documents.iter().map(|document| document.kind.as_str()).collect()
}

fn all_bytes(clinic: &Clinic, result: &JobResult) -> Vec<Vec<u8>> {
    let documents = result.documents.iter();
    documents.map(|document| stand_in::bytes(&clinic.stores, document)).collect()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// SOP Instance UIDs of ours that are owed; fails where one is owed twice.
fn owed(clinic: &Clinic) -> BTreeSet<Uid> {
    let owed = clinic.owed_results();
    let uids: BTreeSet<_> = owed.iter().map(|owed| owed.sop_instance.clone()).collect();
    assert_eq!(uids.len(), owed.len(), "something is owed twice");
    uids
}

/// Kinds of what happened to the first study, but for what was received and decided, sorted.
fn happened(clinic: &Clinic) -> Vec<String> {
    let before = ["received", "whole", "decided", "owed"];
    let events = clinic.events_of(1).into_iter().map(|event| event.kind);
    let mut kinds: Vec<_> = events.filter(|kind| !before.contains(&kind.as_str())).collect();
    // The clock stands still: their order is the table's.
    kinds.sort();
    kinds
}

#[test]
fn a_read_job_gives_report_segmentation_captures_and_json_and_owes_all_but_the_json() {
    let (clinic, _stand_in, reader) = with_a_job(POSTING);
    assert!(owed(&clinic).is_empty());
    assert!(clinic.read(&reader).unwrap());
    let [result] = &clinic.results_of(1)[..] else { panic!("one job") };
    assert_eq!(kinds(result), ["sr", "seg", "capture", "capture", "json"]);
    assert_eq!((result.words().as_str(), result.job.state), ("read", JobState::Done));
    let bytes = all_bytes(&clinic, result);
    for document in &bytes[..4] {
        assert!(has(document, "PATIENT7") && has(document, "1.2.1"), "it says whose it is");
    }
    assert!(!has(&bytes[4], "PATIENT7"), "JSON names nobody");
    let uids = owed(&clinic);
    assert_eq!(uids.len(), 4);
    for document in &bytes[..4] {
        assert!(uids.iter().any(|uid| has(document, uid.as_str())));
    }
    let owed: Vec<_> = clinic.owed_results().into_iter().map(|owed| owed.sop_class).collect();
    assert!(owed.iter().all(Option::is_some), "JSON is never owed");
    assert!(!clinic.read(&reader).unwrap(), "there is no other job");
    assert_eq!(happened(&clinic), ["read", "reading", "written"]);
    assert_eq!(*reader.standing.lock().unwrap(), Standing::default());
}

#[test]
fn a_reading_without_a_mark_has_no_segmentation_and_one_capture_that_says_so() {
    let (clinic, stand_in, reader) = with_a_job(POSTING);
    stand_in.reads(&without_marks(&clinic.packages[0], 60));
    assert!(clinic.read(&reader).unwrap());
    let result = &clinic.results_of(1)[0];
    assert_eq!(kinds(result), ["sr", "capture", "json"]);
    let json = result.json(&clinic.stores).unwrap();
    let summary = json["summary"].as_str().unwrap();
    assert!(summary.contains("does not mean that no"), "{summary}");
}

#[test]
fn i4_a_silent_package_reads_and_keeps_its_documents_and_nothing_new_leaves() {
    let (clinic, _stand_in, reader) = with_a_job(SILENT);
    assert!(clinic.read(&reader).unwrap());
    let result = &clinic.results_of(1)[0];
    assert_eq!(kinds(result), ["sr", "seg", "capture", "capture", "json"]);
    assert!(result.job.routes.is_empty());
    assert!(owed(&clinic).is_empty());
    let counts = clinic.stores.ledger().owed_counts().unwrap();
    assert_eq!(counts[0].owed, 60, "the study itself is posted");
}

#[test]
fn a_set_that_was_cut_is_owed_by_nobody_until_the_next_try_gives_the_same_bytes() {
    let (clinic, _stand_in, reader) = with_a_job(POSTING);
    let syncs = clinic.disk.syncs();
    clinic.read(&reader).unwrap();
    let syncs = clinic.disk.syncs() - syncs;
    assert!(5 <= syncs, "each document is synced");
    let undisturbed = all_bytes(&clinic, &clinic.results_of(1)[0]);
    for after in 0..syncs {
        let (clinic, stand_in, reader) = with_a_job(POSTING);
        clinic.stores.vault.prepare().unwrap();
        let (step, failure, lasting) = (Step::Sync, Failure::Error, Lasting::Once);
        clinic.disk.plan(Trouble { step, after, failure, lasting });
        let cut = smol::block_on(reader.next());
        assert!(matches!(cut, Err(ReadError::Write(_))), "{after}: {cut:?}");
        assert!(owed(&clinic).is_empty(), "{after}: half a set is owed");
        assert!(clinic.results_of(1)[0].documents.is_empty(), "{after}: half a set is shown");
        clinic.disk.heal();
        assert!(clinic.read(&reader).unwrap(), "{after}: the job is gone");
        let again = all_bytes(&clinic, &clinic.results_of(1)[0]);
        assert!(again == undisturbed, "{after}: other bytes");
        assert_eq!((owed(&clinic).len(), stand_in.starts()), (4, 2), "{after}");
        assert!(!happened(&clinic).contains(&"reader died".to_owned()));
    }
}

#[test]
fn a_study_that_kills_its_reader_twice_is_answered_for_and_others_are_read() {
    let (mut clinic, stand_in, reader) = with_a_job(POSTING);
    clinic.receive_all(chest_of(2));
    assert_eq!(clinic.settle().jobs, 1);
    stand_in.ends("", 9);
    assert!(clinic.read(&reader).unwrap());
    assert_eq!(clinic.jobs()[0].state, JobState::Decided, "once is no habit");
    assert!(clinic.read(&reader).unwrap());
    assert_eq!(stand_in.starts(), 2);
    says(&clinic, Reason::Quarantined);
    assert_eq!(happened(&clinic).iter().filter(|kind| *kind == "reader died").count(), 2);
    let counts = clinic.stores.ledger().owed_counts().unwrap();
    assert_eq!(counts[0].owed, 60 + 60 + 2, "both studies are forwarded, and the answer");
    stand_in.reads(&reading(&clinic.packages[0], 60));
    assert!(clinic.read(&reader).unwrap());
    let [other] = &clinic.results_of(2)[..] else { panic!("one job") };
    assert_eq!((kinds(other).len(), other.job.state), (5, JobState::Done));
    assert!(!clinic.read(&reader).unwrap());
    assert_eq!(stand_in.starts(), 3, "what was set aside is not tried again");
}

#[test]
fn a_worker_that_cannot_be_started_is_no_death_and_the_job_stays_the_next_one() {
    let (clinic, stand_in, reader) = with_a_job(POSTING);
    let nobody = clinic.reader(Worker::of("/nowhere".into()));
    for _ in 0..3 {
        let error = clinic.read(&nobody).unwrap_err();
        assert!(matches!(error, ReadError::Worker(WorkerError::Start(_))), "{error:?}");
        assert_eq!(clinic.jobs()[0].state, JobState::Decided);
    }
    assert!(!happened(&clinic).contains(&"reader died".to_owned()));
    assert!(clinic.read(&reader).unwrap());
    assert_eq!((clinic.jobs()[0].state, stand_in.starts()), (JobState::Done, 1));
}

#[test]
fn a_job_that_waited_over_a_restart_is_read_though_nobody_has_looked_at_the_shelf() {
    let (clinic, stand_in, _) = with_a_job(POSTING);
    let reader = clinic.reader_with(stand_in.worker(), clinic.shelf());
    assert!(clinic.read(&reader).unwrap());
    assert_eq!(clinic.jobs()[0].state, JobState::Done);
}

#[test]
fn without_its_package_a_job_ends_and_the_timeline_says_why() {
    let (clinic, stand_in, _) = with_a_job(POSTING);
    let empty = Shelf::new(clinic.state.path().join("nothing here"));
    let reader = clinic.reader_with(stand_in.worker(), empty);
    assert!(clinic.read(&reader).unwrap());
    let result = &clinic.results_of(1)[0];
    assert_eq!((result.job.state, result.documents.len()), (JobState::Refused, 0));
    assert_eq!(result.words(), format!("not read: {}", Reason::NoModel.sentence()));
    assert!(told(&clinic, Reason::NoModel));
    assert!(!clinic.read(&reader).unwrap());
}

/// Whether the timeline says the sentence.
fn told(clinic: &Clinic, reason: Reason) -> bool {
    let events = clinic.events_of(1);
    events.iter().any(|e| crate::node::timeline::sentence(e).contains(reason.sentence()))
}

/// The study has documents that say why it was not read, they are owed, and the timeline says it.
fn says(clinic: &Clinic, reason: Reason) {
    let result = &clinic.results_of(1)[0];
    assert_eq!(result.words(), format!("not read: {}", reason.sentence()));
    assert_eq!(result.job.state, JobState::Refused, "{reason:?}");
    assert_eq!(kinds(result), ["sr", "capture", "json"], "{reason:?}");
    let sentence = not_processed(&reason.clause());
    for document in all_bytes(clinic, result) {
        assert!(has(&document, &sentence), "{reason:?} is not in a document");
    }
    assert_eq!(owed(clinic).len(), 2, "{reason:?}");
    assert!(told(clinic, reason), "{reason:?} is not in the timeline");
}

#[test]
fn every_reason_that_the_reader_alone_can_find_reaches_documents_and_timeline() {
    let mut missing = BTreeSet::from(FOUND_BY_THE_READER);
    // Deaths have a test of their own, which looks at the same places.
    missing.remove(&Reason::Quarantined);
    let met = [
        (Refused::NotDecoded, Reason::NotDecoded),
        (Refused::NoPixels, Reason::NoPixels),
        (Refused::BadPixels, Reason::BadPixels),
        (Refused::Geometry(GeometryRefusal::Unscaled), Reason::NoRescale),
        (Refused::Geometry(GeometryRefusal::Gaps { gaps: 1 }), Reason::Gap),
        (Refused::NoRegion, Reason::NoRegion),
        (Refused::TooLarge, Reason::TooLarge),
        (Refused::ModelFailed, Reason::ModelFailed),
    ];
    for (refused, reason) in met {
        let (clinic, stand_in, reader) = with_a_job(POSTING);
        stand_in.refuses(&serde_json::to_string(&refused).unwrap());
        assert!(clinic.read(&reader).unwrap());
        says(&clinic, reason);
        missing.remove(&reason);
    }
    assert!(missing.is_empty(), "no test reaches {missing:?}");
}

#[test]
fn a_package_that_does_not_run_here_failed_and_killed_nobody() {
    let (clinic, stand_in, reader) = with_a_job(POSTING);
    stand_in.cannot_run_it();
    assert!(clinic.read(&reader).unwrap());
    says(&clinic, Reason::ModelFailed);
    assert!(!happened(&clinic).contains(&"reader died".to_owned()));
}

/// Spoils what the vault holds of the `index`-th source of the job.
fn spoil(clinic: &Clinic, index: usize) {
    let number = clinic.jobs()[0].sources[index];
    let seal = Seal(&clinic.stores.vault);
    let found = clinic.stores.ledger().view().object_of_record(number, &seal).unwrap();
    let place = usize::try_from(found.unwrap().location.offset).unwrap();
    let names = clinic.disk.list().unwrap().into_iter();
    // Behind the header of 512 bytes, in the first chunk, in whichever slab the record stands.
    names
        .filter(|name| name.starts_with("slab"))
        .for_each(|name| clinic.disk.tamper(&name, place + 600, &[0xff; 64]));
}

#[test]
fn a_series_of_which_the_vault_has_lost_an_image_is_not_decoded() {
    let (clinic, _stand_in, reader) = with_a_job(POSTING);
    spoil(&clinic, 30);
    assert!(clinic.read(&reader).unwrap());
    says(&clinic, Reason::NotDecoded);
}

#[test]
fn where_no_document_can_be_written_the_timeline_still_says_the_true_reason() {
    let (clinic, _stand_in, reader) = with_a_job(POSTING);
    spoil(&clinic, 0);
    assert!(clinic.read(&reader).unwrap());
    let result = &clinic.results_of(1)[0];
    assert_eq!((result.job.state, result.documents.len()), (JobState::Refused, 0));
    assert_eq!(result.job.refusal.as_deref(), Some(Reason::NotDecoded.word()));
    assert!(told(&clinic, Reason::NotDecoded));
}

#[test]
fn a_late_slice_gives_a_report_that_names_its_predecessor() {
    let (mut clinic, stand_in, reader) = with_a_job(POSTING);
    assert!(clinic.read(&reader).unwrap());
    clinic.receive(slice(1, 60));
    assert_eq!(clinic.settle().jobs, 1);
    stand_in.reads(&reading(&clinic.packages[0], 61));
    assert!(clinic.read(&reader).unwrap());
    let [first, second] = &clinic.results_of(1)[..] else { panic!("two jobs") };
    assert_eq!((first.is_superseded, second.is_superseded), (true, false));
    let [first_json, second_json] = [first, second].map(|job| job.json(&clinic.stores).unwrap());
    let report = first_json["documents"][0]["sop_instance"].as_str().unwrap();
    let of = |result: &JobResult| all_bytes(&clinic, result).swap_remove(0);
    // Predecessor Documents Sequence (0040,A360), PS3.3 C.17.2.
    let predecessors = [0x40, 0x00, 0x60, 0xa3];
    let names = |bytes: &[u8]| bytes.windows(4).any(|window| window == predecessors);
    assert!(names(&of(second)) && has(&of(second), report));
    assert!(!names(&of(first)));
    assert_eq!(second_json["job"]["supersedes"], first_json["job"]["record"]);
    assert_eq!(owed(&clinic).len(), 8);
}
