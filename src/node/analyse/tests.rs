//! Goal: every study becomes whole, gets its jobs once, and says why where it is not read.
//! Method: the real stores in memory, a clock that is set by hand, series made of facts alone.

use super::*;
use crate::base::time::Clock;
use crate::dicom::header::SliceFacts;
use crate::flow::reasons::Reason;
use crate::model::package::tests::repacked;
use crate::node::tests::{Clinic, FOUND_BY_THE_READER, chest, slice, uid};
use crate::store::ledger::{AfterDeath, JobState};
use crate::store::record::ObjectRecord;

/// JPEG Baseline.
const JPEG: &str = "1.2.840.10008.1.2.4.50";

#[test]
fn i3_a_whole_chest_gets_one_job_with_its_slices_in_order_along_the_body() {
    let mut clinic = Clinic::new();
    let mut objects = chest(1);
    objects.reverse();
    objects.swap(3, 40);
    clinic.receive_all(objects);
    assert_eq!(clinic.step().whole, 0);
    assert_eq!(clinic.settle(), Step { next: None, whole: 1, jobs: 1 });
    let [job] = &clinic.jobs()[..] else { panic!("one job") };
    assert_eq!((job.revision, job.supersedes, job.refusal.as_deref()), (0, None, None));
    assert_eq!(job.routes, ["PACS"]);
    let positions: Vec<f64> = job
        .sources
        .iter()
        .map(|number| {
            let seal = Seal(&clinic.stores.vault);
            let ledger = clinic.stores.ledger();
            let object = ledger.view().object_of_record(*number, &seal).unwrap().unwrap();
            object.facts.position.unwrap()[2]
        })
        .collect();
    assert_eq!(positions.len(), 60);
    assert!(positions.is_sorted() || positions.iter().rev().is_sorted());
    assert!(clinic.not_read().is_empty());
}

#[test]
fn nothing_is_decided_twice_not_even_after_the_ledger_was_lost() {
    let mut clinic = Clinic::new();
    clinic.receive_all(chest(1));
    clinic.settle();
    assert_eq!(clinic.settle(), Step::default());
    clinic.lose_ledger();
    assert_eq!(clinic.settle(), Step { next: None, whole: 1, jobs: 0 });
    assert_eq!(clinic.jobs().len(), 1);
}

#[test]
fn a_late_slice_makes_the_next_revision_which_names_the_one_it_replaces() {
    let mut clinic = Clinic::new();
    clinic.receive_all(chest(1));
    clinic.settle();
    clinic.receive(slice(1, 60));
    assert_eq!(clinic.settle().jobs, 1);
    let jobs = clinic.jobs();
    let revisions: Vec<_> = jobs.iter().map(|job| (job.revision, job.supersedes)).collect();
    assert_eq!(revisions, [(0, None), (1, Some(jobs[0].number))]);
    assert_eq!(jobs[1].sources.len(), 61);
}

#[test]
fn a_corrected_copy_of_an_image_takes_the_place_of_the_first() {
    let mut clinic = Clinic::new();
    clinic.receive_all(chest(1));
    clinic.receive(slice(1, 7));
    assert_eq!(clinic.settle().jobs, 1);
    let [job] = &clinic.jobs()[..] else { panic!("one job") };
    let newest = job.sources.iter().max().unwrap();
    assert_eq!((job.sources.len(), newest.sequence >= 60), (60, true));
}

#[test]
fn of_two_series_the_finer_is_read_and_the_other_says_so() {
    let mut clinic = Clinic::new();
    let mut fine = chest(2);
    for (index, object) in fine.iter_mut().enumerate() {
        object.facts.position = Some([-170.0, -170.0, index as f64]);
        object.facts.thickness = Some(1.0);
    }
    clinic.receive_all(chest(1));
    clinic.receive_all(fine);
    assert_eq!(clinic.settle(), Step { next: None, whole: 1, jobs: 1 });
    assert_eq!(clinic.jobs()[0].series, uid("1.2.1.2"));
    assert_eq!(clinic.not_read(), ["1 other_series"]);
}

#[test]
fn a_goodbye_shortens_the_wait_and_only_a_goodbye_behind_the_last_slice() {
    for (says_goodbye, seconds) in [(true, 10), (false, 60)] {
        let mut clinic = Clinic::new();
        clinic.receive_all(chest(1));
        if says_goodbye {
            let goodbye = crate::node::receive::Goodbye {
                studies: vec!["1.2.1".to_owned(), "1.2.77".to_owned()],
                calling: "CT1".to_owned(),
                at: clinic.clock.stamp(),
            };
            clinic.books.say_goodbye(goodbye);
            clinic.books.book(&clinic.stores).unwrap();
        }
        let whole: usize = (0..seconds)
            .map(|_| {
                let whole = clinic.step().whole;
                clinic.wait(1);
                whole
            })
            .sum();
        assert_eq!((whole, clinic.step().whole), (0, 1), "{seconds}");
    }
}

/// How a test reaches a reason: what it changes in a chest CT.
type Change = fn(&mut Vec<ObjectRecord>);

fn each(objects: &mut [ObjectRecord], change: impl Fn(&mut SliceFacts)) {
    for object in objects {
        change(&mut object.facts);
    }
}

/// Reasons that planning finds, each with a series that it finds it in.
fn planned() -> Vec<(Reason, Change)> {
    vec![
        (Reason::Compressed, |all| all.iter_mut().for_each(|o| o.transfer_syntax = uid(JPEG))),
        (Reason::OddDataSet, |all| all[5].unreadable = Some("odd_data_set".to_owned())),
        (Reason::NoStudy, |all| all[5].unreadable = Some("no_study".to_owned())),
        (Reason::NoPixels, |all| all[5].facts.pixel_bytes = Some(512 * 512 * 2 - 1)),
        (Reason::BadPixels, |all| all[5].facts.bits_allocated = Some(12)),
        (Reason::Localizer, |all| each(all, |f| f.image_type[2] = "LOCALIZER".to_owned())),
        (Reason::Derived, |all| each(all, |f| f.image_type[1] = "SECONDARY".to_owned())),
        (Reason::NotImages, |all| each(all, |f| (f.rows, f.pixel_bytes) = (None, None))),
        (Reason::MultiFrame, |all| all[5].facts.frames = Some(30)),
        (Reason::Colour, |all| all[5].facts.samples_per_pixel = Some(3)),
        (Reason::NoGeometry, |all| each(all, |f| f.position = None)),
        (Reason::Gap, |all| drop(all.drain(20..22))),
        (Reason::UnevenSpacing, |all| all[20].facts.position = Some([-170.0, -170.0, 40.7])),
        (Reason::Tilt, |all| {
            for (index, object) in all.iter_mut().enumerate() {
                let z = 2.0 * index as f64;
                object.facts.position = Some([-170.0, -170.0 + z / 4.0, z]);
            }
        }),
        (Reason::Duplicates, |all| {
            let mut twice = slice(1, 900);
            twice.facts.position = all[3].facts.position;
            all.push(twice);
        }),
        (Reason::Mixed, |all| all[30..].iter_mut().for_each(|o| o.facts.kernel = "B70".into())),
        (Reason::TooFewSlices, |all| all.truncate(12)),
        (Reason::TooManySlices, |all| {
            *all = (0..101).map(|index| slice(1, index)).collect();
        }),
        (Reason::Matrix, |all| {
            each(all, |f| {
                (f.rows, f.columns, f.pixel_bytes) = (Some(256), Some(256), Some(256 * 256 * 2));
            });
        }),
        (Reason::PixelSpacing, |all| each(all, |f| f.pixel_spacing = Some([1.5, 1.5]))),
        (Reason::SliceSpacing, |all| {
            for (index, object) in all.iter_mut().enumerate() {
                object.facts.position = Some([-170.0, -170.0, index as f64 * 5.0]);
            }
        }),
        (Reason::Thickness, |all| each(all, |f| f.thickness = Some(5.0))),
        (Reason::Kernel, |all| each(all, |f| f.kernel = "BONE".to_owned())),
        (Reason::WrongModality, |all| {
            for object in all {
                object.identity.modality = "MR".into();
            }
        }),
        (Reason::WrongRegion, |all| each(all, |f| f.body_part = "KNEE".to_owned())),
    ]
}

/// Reasons that tests above and below reach in their own way.
const ELSEWHERE: [Reason; 2] = [Reason::OtherSeries, Reason::NoModel];

#[test]
fn every_sentence_that_planning_says_is_reached() {
    let mut missing: BTreeSet<Reason> = Reason::ALL.iter().copied().collect();
    let elsewhere = ELSEWHERE.iter().chain(&FOUND_BY_THE_READER);
    elsewhere.for_each(|reason| assert!(missing.remove(reason), "{reason:?} stands twice"));
    let parts = repacked(|parts| {
        let manifest = parts.get_mut("model.toml").unwrap();
        let text = String::from_utf8(manifest.clone()).unwrap();
        let text = text.replace("kernel_without = []", "kernel_without = [\"BONE\"]");
        *manifest = text.replace("slices = [40, 1200]", "slices = [40, 100]").into();
    });
    let narrow = Arc::new(Package::parse(&parts).unwrap());
    for (reason, change) in planned() {
        let mut clinic = Clinic::new();
        clinic.packages = vec![Arc::clone(&narrow)];
        let mut objects = chest(1);
        change(&mut objects);
        clinic.receive_all(objects);
        assert_eq!(clinic.settle().whole, 1, "{reason:?}");
        let told: Vec<Option<String>> = clinic.jobs().into_iter().map(|job| job.refusal).collect();
        let is_told = told == [Some(reason.word().to_owned())];
        let is_noted = clinic.not_read() == [format!("1 {}", reason.word())];
        assert!(is_told ^ is_noted, "{reason:?}: {told:?} {:?}", clinic.not_read());
        missing.remove(&reason);
    }
    assert!(missing.is_empty(), "no test reaches {missing:?}");
}

#[test]
fn without_a_package_the_timeline_says_so() {
    let mut clinic = Clinic::new();
    clinic.packages.clear();
    clinic.receive_all(chest(1));
    clinic.settle();
    assert_eq!((clinic.jobs().len(), clinic.not_read()), (0, vec!["1 no_model".to_owned()]));
}

#[test]
fn a_quarantined_study_is_answered_for_and_not_read_again_when_a_slice_comes_late() {
    let mut clinic = Clinic::new();
    clinic.receive_all(chest(1));
    clinic.settle();
    let at = clinic.clock.stamp();
    let job = clinic.jobs()[0].job;
    let mut ledger = clinic.stores.ledger();
    for expected in [AfterDeath::TryAgain, AfterDeath::Quarantined] {
        ledger.job_started(job, at).unwrap();
        assert_eq!(ledger.job_died(job, at).unwrap(), expected);
    }
    let next = ledger.next_job(&Seal(&clinic.stores.vault)).unwrap().unwrap();
    assert_eq!((next.job.job, next.job.state), (job, JobState::Quarantined));
    drop(ledger);
    clinic.receive(slice(1, 60));
    clinic.settle();
    let refusal = clinic.jobs()[1].refusal.clone();
    assert_eq!(refusal.as_deref(), Some("quarantined"));
}
