//! The start: which ledger is believed, and what a ledger that was lost or put back becomes.

use std::collections::BTreeSet;

use super::*;

fn records() -> Vec<Sealed> {
    vec![
        an_object(1, "1.1", "1.1.1"),
        an_object(2, "1.1", "1.1.2"),
        sealed(3, Content::Object(Box::new(object("1.1", "1.1.1", "other", 3)))),
        sealed(4, Content::Again(again(2, 4))),
        sealed(5, Content::Job(Box::new(job("1.1", &[1, 2])))),
        sealed(6, Content::Result(Box::new(result(5, "1.1", 0, 1)))),
        an_object(7, "1.2", "1.2.1"),
    ]
}

fn numbers(records: &[Sealed]) -> BTreeSet<RecordNumber> {
    records.iter().map(|sealed| sealed.number).collect()
}

#[test]
fn the_start_counter_rises_above_the_highest_seen_anywhere() {
    let mut ledger = ledger();
    let second = start(&mut ledger, 1);
    assert_eq!((second.counter, second.condition), (2, Condition::Sound));
    let ahead = start(&mut ledger, 1);
    assert_eq!((ahead.counter, ahead.condition), (3, Condition::Sound), "the copies lag");
    let behind = start(&mut ledger, 9);
    assert_eq!((behind.counter, behind.condition), (10, Condition::Restored));
}

#[test]
fn a_new_ledger_beside_an_old_vault_is_a_lost_one() {
    let mut ledger = Ledger::in_memory().unwrap();
    let started = start(&mut ledger, 4);
    assert_eq!((started.counter, started.condition), (5, Condition::Lost));
}

#[test]
fn a_rebuild_that_was_cut_off_begins_again() {
    let mut ledger = ledger();
    apply(&mut ledger, &records());
    ledger.begin_rebuild().unwrap();
    apply(&mut ledger, &records()[..3]);
    assert_eq!(start(&mut ledger, 1).condition, Condition::Unfinished);
    assert!(ledger.marks().unwrap().is_empty());
    apply(&mut ledger, &records());
    assert_eq!(ledger.finish_rebuild(&numbers(&records())).unwrap(), 0);
    assert_eq!(start(&mut ledger, 2).condition, Condition::Sound);
}

#[test]
fn a_slab_that_is_damaged_has_its_rows_and_no_mark() {
    let mut ledger = ledger();
    apply(&mut ledger, &records());
    let slab = records()[0].location.slab;
    assert!(ledger.marks().unwrap().iter().any(|mark| mark.slab == slab));
    let before = ledger.view().snapshot_counts().unwrap().objects;
    let more = [an_object(8, "1.2", "1.2.2")];
    ledger.apply_unmarked(&more, &BTreeSet::from([slab]), &PlainSeal).unwrap();
    assert!(ledger.marks().unwrap().iter().all(|mark| mark.slab != slab));
    assert!(!ledger.marks().unwrap().is_empty(), "the others keep theirs");
    assert_eq!(ledger.view().snapshot_counts().unwrap().objects, before + 1);
}

#[test]
fn a_ledger_of_another_vault_is_emptied() {
    let mut ledger = ledger();
    apply(&mut ledger, &records());
    let started = ledger
        .start(&Start {
            vault: b"another vault",
            box_id: b"box",
            highest_seen: 3,
            destinations: &[],
        })
        .unwrap();
    assert_eq!((started.counter, started.condition), (4, Condition::Swapped));
    assert!(dump(&ledger).is_empty());
}

#[test]
fn what_was_under_way_when_the_power_went_is_taken_up_again() {
    let mut ledger = ledger();
    apply(&mut ledger, &records()[..5]);
    ledger.attempted(owed(&ledger, "PACS")[0].delivery, at(1)).unwrap();
    let todo = ledger.next_job(&PlainSeal).unwrap().unwrap();
    ledger.job_started(todo.job.job, at(1)).unwrap();
    assert_eq!(start(&mut ledger, 1).condition, Condition::Sound);
    assert_eq!(order(&ledger), [1, 2, 3], "the version stands behind the first");
    assert!(ledger.next_job(&PlainSeal).unwrap().is_some());
}

#[test]
fn a_lost_ledger_comes_back_with_the_same_rows_and_everything_owed() {
    let mut ledger = ledger();
    apply(&mut ledger, &records());
    let expected = dump(&ledger);
    while let Some(row) = owed(&ledger, "PACS").first() {
        ledger.attempted(row.delivery, at(9)).unwrap();
        accept(&mut ledger, row.delivery);
    }
    assert_ne!(dump(&ledger), expected);
    let mut rebuilt = Ledger::in_memory().unwrap();
    assert!(start(&mut rebuilt, 1).condition.needs_rebuild());
    for sealed in records().iter().rev() {
        apply(&mut rebuilt, std::slice::from_ref(sealed));
    }
    assert_eq!(rebuilt.finish_rebuild(&numbers(&records())).unwrap(), 0);
    assert_eq!(dump(&rebuilt), expected);
}

#[test]
fn a_ledger_that_was_put_back_loses_the_rows_whose_records_are_gone() {
    for gone in 1..=7 {
        let mut left = records();
        left.retain(|sealed| sealed.number != number(gone));
        let mut expected = ledger();
        apply(&mut expected, &left);
        let mut ledger = ledger();
        apply(&mut ledger, &records());
        assert_eq!(start(&mut ledger, 5).condition, Condition::Restored);
        apply(&mut ledger, &left);
        assert_eq!(ledger.finish_rebuild(&numbers(&left)).unwrap(), 1);
        let told = difference(&dump(&ledger), &dump(&expected));
        assert!(told.is_empty(), "without record {gone}: {told:#?}");
    }
}

#[test]
fn records_of_this_start_are_not_forgotten_by_its_own_rebuild() {
    let mut ledger = ledger();
    let started = start(&mut ledger, 5);
    assert_eq!(started.condition, Condition::Restored);
    let mut arriving = an_object(1, "1.1", "1.1.1");
    arriving.number.start = started.counter;
    apply(&mut ledger, &[arriving]);
    assert_eq!(ledger.finish_rebuild(&BTreeSet::new()).unwrap(), 0);
    assert_eq!(owed(&ledger, "PACS").len(), 1);
}

#[test]
fn a_rebuild_cannot_end_before_the_start() {
    let mut ledger = Ledger::in_memory().unwrap();
    let error = ledger.finish_rebuild(&BTreeSet::new()).unwrap_err();
    assert!(matches!(error, LedgerError::NotStarted));
}
