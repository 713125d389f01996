//! Studies while they are gathered, jobs, results, and studies that kill their reader.

use super::*;
use crate::base::ids::StudyRow;

fn only_study(ledger: &Ledger) -> StudyRow {
    ledger.view().study(&uid("1.1"), &PlainSeal).unwrap().unwrap()
}

fn next(ledger: &Ledger) -> Option<JobToDo> {
    ledger.next_job(&PlainSeal).unwrap()
}

fn open_studies(ledger: &Ledger) -> Vec<OpenStudy> {
    ledger.view().open_studies(&PlainSeal).unwrap()
}

#[test]
fn an_open_study_tells_all_that_its_timers_need() {
    let mut ledger = ledger();
    apply(
        &mut ledger,
        &[an_object(7, "1.1", "1.1.7"), an_object(3, "1.1", "1.1.3"), an_object(5, "1.1", "1.1.5")],
    );
    let study = only_study(&ledger);
    for s in [20, 30] {
        ledger.note_association_released(study, "CT1", at(s)).unwrap();
    }
    let [open] = &open_studies(&ledger)[..] else {
        panic!("one study");
    };
    assert_eq!(open.label.reveal("test"), "1.1");
    assert_eq!((open.objects, open.first, open.last), (3, at(3), at(7)));
    assert_eq!(open.last_arrival, Arrival(7));
    let release = Release { caller: "CT1".into(), at: at(30) };
    assert_eq!(open.releases, [release]);
}

#[test]
fn a_late_slice_opens_a_whole_study_again_and_a_copy_does_not() {
    let mut ledger = ledger();
    apply(&mut ledger, &[an_object(1, "1.1", "1.1.1"), an_object(2, "1.1", "1.1.2")]);
    let study = only_study(&ledger);
    ledger.set_whole(study, quiet(), at(90)).unwrap();
    assert!(open_studies(&ledger).is_empty());
    apply(&mut ledger, &[an_object(3, "1.1", "1.1.1"), sealed(4, Content::Again(again(2, 95)))]);
    assert!(open_studies(&ledger).is_empty());
    apply(&mut ledger, &[an_object(5, "1.1", "1.1.5")]);
    assert_eq!(open_studies(&ledger)[0].whole_before, Some(Arrival(2)));
}

#[test]
fn a_job_waits_with_its_sources_in_slice_order_until_its_set_is_complete() {
    let mut ledger = ledger();
    let record = job("1.1", &[2, 1, 40]);
    apply(
        &mut ledger,
        &[
            an_object(1, "1.1", "1.1.1"),
            an_object(2, "1.1", "1.1.2"),
            sealed(3, Content::Job(Box::new(record.clone()))),
        ],
    );
    let todo = next(&ledger).unwrap();
    assert_eq!((&todo.job.study, &todo.job.series), (&record.study, &record.series));
    assert_eq!((todo.job.decided, todo.job.state), (at(100), JobState::Decided));
    let [Source::Kept(first), Source::Kept(second), Source::Missing(missing)] = &todo.sources[..]
    else {
        panic!("two are kept, one is missing: {:?}", todo.sources);
    };
    assert_eq!((first.number, second.number, *missing), (number(2), number(1), number(40)));
    ledger.job_started(todo.job.job, at(101)).unwrap();
    assert!(next(&ledger).is_none());
    let before = owed(&ledger, "PACS").len();
    apply(&mut ledger, &[sealed(4, Content::Result(Box::new(result(3, "1.1", 0, 2))))]);
    assert_eq!(owed(&ledger, "PACS").len(), before, "half a set is not owed");
    apply(&mut ledger, &[sealed(5, Content::Result(Box::new(result(3, "1.1", 1, 2))))]);
    assert_eq!(owed(&ledger, "PACS").len(), before + 2);
    let jobs = ledger.view().jobs_of(only_study(&ledger), &PlainSeal).unwrap();
    assert_eq!(jobs[0].state, JobState::Done);
}

#[test]
fn a_document_that_was_sealed_twice_goes_once_and_is_not_owed_again() {
    let mut ledger = ledger();
    let twin = |sequence| sealed(sequence, Content::Result(Box::new(result(1, "1.1", 0, 1))));
    apply(&mut ledger, &[sealed(1, Content::Job(Box::new(job("1.1", &[])))), twin(3)]);
    let delivery = owed(&ledger, "PACS")[0].delivery;
    accept(&mut ledger, delivery);
    apply(&mut ledger, &[twin(2), twin(4)]);
    assert!(owed(&ledger, "PACS").is_empty());
}

#[test]
fn a_silent_refusal_is_finished_and_one_that_is_told_waits_for_its_document() {
    let mut ledger = ledger();
    let refusal = |routes: &[&str]| {
        let mut record = job("1.1", &[]);
        record.refusal = Some("gaps".into());
        record.routes = routes.iter().map(|name| (*name).to_owned()).collect();
        Content::Job(Box::new(record))
    };
    apply(&mut ledger, &[sealed(1, refusal(&[]))]);
    assert!(next(&ledger).is_none());
    apply(&mut ledger, &[sealed(2, refusal(&["PACS"]))]);
    assert_eq!(next(&ledger).unwrap().job.refusal.as_deref(), Some("gaps"));
    apply(&mut ledger, &[sealed(3, Content::Result(Box::new(result(2, "1.1", 0, 1))))]);
    assert!(next(&ledger).is_none());
    assert_eq!(ledger.view().snapshot_counts().unwrap().jobs_refused, 2);
}

#[test]
fn the_most_urgent_job_is_next_and_a_superseded_one_is_left_out() {
    let mut ledger = ledger();
    let mut urgent = job("1.2", &[]);
    urgent.urgency = Urgency::High;
    let mut newer = job("1.1", &[]);
    newer.supersedes = Some(number(1));
    apply(
        &mut ledger,
        &[
            sealed(1, Content::Job(Box::new(job("1.1", &[])))),
            sealed(2, Content::Job(Box::new(urgent))),
            sealed(3, Content::Job(Box::new(newer))),
        ],
    );
    for expected in [2, 3] {
        let todo = next(&ledger).unwrap();
        assert_eq!(todo.job.number, number(expected));
        ledger.job_done(todo.job.job, at(1)).unwrap();
    }
    assert!(next(&ledger).is_none());
}

#[test]
fn a_study_that_kills_its_worker_twice_is_only_answered_for_and_still_posted() {
    let mut ledger = ledger();
    apply(
        &mut ledger,
        &[an_object(1, "1.1", "1.1.1"), sealed(2, Content::Job(Box::new(job("1.1", &[1]))))],
    );
    for expected in [AfterDeath::TryAgain, AfterDeath::Quarantined] {
        let todo = next(&ledger).unwrap();
        ledger.job_started(todo.job.job, at(1)).unwrap();
        assert_eq!(ledger.job_died(todo.job.job, at(2)).unwrap(), expected);
    }
    for number in [2, 3] {
        let todo = next(&ledger).unwrap();
        assert_eq!(todo.job.state, JobState::Quarantined, "only a document is owed");
        ledger.job_refused(todo.job.job, "quarantined", at(3)).unwrap();
        if number == 2 {
            apply(&mut ledger, &[sealed(3, Content::Job(Box::new(job("1.1", &[1]))))]);
        }
    }
    assert!(next(&ledger).is_none());
    assert_eq!(order(&ledger), [1]);
    let problem = ledger.view().problems().unwrap().remove(0);
    assert_eq!(problem.fault, crate::base::fault::Fault::StudyQuarantined);
}

#[test]
fn a_refusal_after_a_look_at_the_pixels_is_told_with_its_reason() {
    let mut ledger = ledger();
    apply(&mut ledger, &[sealed(1, Content::Job(Box::new(job("1.1", &[]))))]);
    let todo = next(&ledger).unwrap();
    ledger.job_started(todo.job.job, at(1)).unwrap();
    ledger.job_refused(todo.job.job, "tilted", at(2)).unwrap();
    let known = ledger.view().jobs_of(todo.job.study_row, &PlainSeal).unwrap().remove(0);
    assert_eq!((known.state, known.refusal.as_deref()), (JobState::Refused, Some("tilted")));
    let twice = ledger.job_refused(todo.job.job, "other", at(3)).unwrap();
    assert_eq!(twice, Moved::Unchanged);
}

#[test]
fn a_job_that_the_reader_gave_up_is_the_next_one_again() {
    let mut ledger = ledger();
    apply(&mut ledger, &[sealed(1, Content::Job(Box::new(job("1.1", &[]))))]);
    let todo = next(&ledger).unwrap();
    ledger.job_started(todo.job.job, at(1)).unwrap();
    assert!(next(&ledger).is_none());
    assert_eq!(ledger.put_back_jobs().unwrap(), 1);
    assert_eq!(next(&ledger).unwrap().job.number, number(1));
    ledger.job_done(todo.job.job, at(2)).unwrap();
    assert_eq!(ledger.put_back_jobs().unwrap(), 0);
}

#[test]
fn a_job_that_was_replaced_before_its_turn_keeps_nothing_and_a_quarantined_one_does() {
    let mut ledger = ledger();
    let mut newer = job("1.1", &[]);
    newer.supersedes = Some(number(1));
    let decisions = [
        sealed(1, Content::Job(Box::new(job("1.1", &[])))),
        sealed(2, Content::Job(Box::new(newer))),
    ];
    apply(&mut ledger, &decisions);
    let todo = next(&ledger).unwrap();
    let jobs = |ledger: &Ledger| {
        let waiting = ledger.view().snapshot_counts().unwrap().jobs_decided;
        (waiting, ledger.view().owed_in_study(todo.job.study_row).unwrap().jobs)
    };
    assert_eq!(jobs(&ledger), (1, 1));
    for _ in 0..2 {
        ledger.job_started(todo.job.job, at(1)).unwrap();
        ledger.job_died(todo.job.job, at(2)).unwrap();
    }
    assert_eq!(jobs(&ledger), (0, 1), "its answer is owed");
    ledger.job_refused(todo.job.job, "quarantined", at(3)).unwrap();
    assert_eq!(jobs(&ledger), (0, 0));
}
