//! Sending order, states of a delivery, and destinations that come and go.

use proptest::prelude::*;

use super::*;
use crate::base::ids::StudyRow;

fn with(sequence: u32, change: impl FnOnce(&mut ObjectRecord)) -> Sealed {
    let mut record = object("1.1", &format!("1.1.{sequence}"), "", u64::from(sequence));
    change(&mut record);
    sealed(sequence, Content::Object(Box::new(record)))
}

fn answer(status: u16, words: &'static str) -> Answer<'static> {
    Answer { status: Some(status), words, at: at(700) }
}

#[test]
fn urgent_goes_first_then_results_then_bulk_in_order_of_arrival() {
    let mut ledger = ledger();
    apply(
        &mut ledger,
        &[
            with(5, |_| ()),
            with(1, |_| ()),
            with(3, |record| record.urgency = Urgency::Low),
            with(4, |record| record.urgency = Urgency::High),
            sealed(2, Content::Job(Box::new(job("1.1", &[1])))),
            sealed(7, Content::Result(Box::new(result(2, "1.1", 1, 2)))),
            sealed(6, Content::Result(Box::new(result(2, "1.1", 0, 2)))),
        ],
    );
    assert_eq!(order(&ledger), [4, 6, 7, 1, 5, 3]);
}

#[test]
fn what_is_least_urgent_goes_within_eight_attempts_of_an_endless_rush() {
    let mut ledger = ledger();
    apply(&mut ledger, &[with(0, |record| record.urgency = Urgency::Low)]);
    for attempt in 1..=8 {
        let rush = with(attempt, |record| record.urgency = Urgency::High);
        apply(&mut ledger, &[rush]);
        let next = ledger.owed("PACS", 1, &PlainSeal).unwrap().remove(0);
        ledger.attempted(next.delivery, at(1)).unwrap();
        accept(&mut ledger, next.delivery);
        if next.number.sequence == 0 {
            return;
        }
    }
    panic!("it starves");
}

#[test]
fn a_delivery_goes_from_queued_to_sent_to_accepted_to_committed() {
    let mut ledger = ledger();
    apply(&mut ledger, &[with(1, |_| ())]);
    let row = owed(&ledger, "PACS")[0].delivery;
    assert_eq!(ledger.attempted(row, at(1)).unwrap(), Moved::Yes);
    assert_eq!(ledger.attempted(row, at(1)).unwrap(), Moved::Unchanged);
    let count = &ledger.owed_counts().unwrap()[1];
    assert_eq!((count.destination.as_str(), count.owed), ("PACS", 1));
    assert_eq!(count.oldest, Some(at(1)));
    accept(&mut ledger, row);
    assert_eq!(ledger.committed(row, at(2)).unwrap(), Moved::Yes);
    let late = ledger.accepted(row, &ok(at(3)), &PlainSeal).unwrap();
    assert_eq!(late, Moved::Unchanged, "a late answer undoes nothing");
    let late = ledger.failed(row, &ok(at(3)), &PlainSeal).unwrap();
    assert_eq!(late, Moved::Unchanged);
    let count = &ledger.owed_counts().unwrap()[1];
    assert_eq!((count.owed, count.done, count.oldest), (0, 1, None));
}

#[test]
fn a_failure_puts_it_back_and_its_attempts_are_counted() {
    let mut ledger = ledger();
    apply(&mut ledger, &[with(1, |_| ())]);
    let row = owed(&ledger, "PACS")[0].delivery;
    for attempts in 1..4 {
        ledger.attempted(row, at(1)).unwrap();
        assert!(owed(&ledger, "PACS").is_empty());
        let away = answer(0xa700, "out of resources");
        ledger.failed(row, &away, &PlainSeal).unwrap();
        assert_eq!(owed(&ledger, "PACS")[0].attempts, attempts);
    }
}

#[test]
fn what_is_parked_waits_for_a_person_and_still_keeps_its_study() {
    let mut ledger = ledger();
    apply(&mut ledger, &[with(1, |_| ()), with(2, |_| ())]);
    let study = ledger.view().study(&uid("1.1"), &PlainSeal).unwrap().unwrap();
    let rows = owed(&ledger, "PACS");
    for row in &rows {
        let no = answer(0xc000, "PATIENT^NAME is not known here");
        ledger.park(row.delivery, &no, &PlainSeal).unwrap();
    }
    assert!(owed(&ledger, "PACS").is_empty());
    assert_eq!(ledger.view().owed_in_study(study).unwrap().deliveries, 2);
    let problem = ledger.view().problems().unwrap().remove(0);
    assert_eq!((problem.count, problem.detail.as_str()), (2, "PACS"));
    assert_eq!(ledger.resend(Resend::Parked("PACS"), at(9)).unwrap(), 2);
    assert_eq!(order(&ledger), [1, 2]);
    ledger.release(rows[0].delivery, at(9)).unwrap();
    assert_eq!(order(&ledger), [2]);
    assert_eq!(ledger.view().owed_in_study(study).unwrap().deliveries, 1);
}

#[test]
fn a_study_is_resent_in_its_order_and_nothing_owed_is_owed_twice() {
    let mut ledger = ledger();
    apply(&mut ledger, &[with(1, |_| ()), with(2, |_| ()), with(3, |_| ())]);
    let rows = owed(&ledger, "PACS");
    accept(&mut ledger, rows[2].delivery);
    accept(&mut ledger, rows[0].delivery);
    let study: StudyRow = rows[0].study;
    assert_eq!(ledger.resend(Resend::Study(study), at(9)).unwrap(), 2);
    assert_eq!(order(&ledger), [1, 2, 3]);
    let one = Resend::Delivery(rows[0].delivery);
    assert_eq!(ledger.resend(one, at(9)).unwrap(), 0);
}

#[test]
fn nothing_goes_to_a_destination_that_the_settings_do_not_name_until_they_do() {
    let mut ledger = ledger();
    apply(&mut ledger, &[with(1, |record| record.routes = vec!["GONE".into()])]);
    assert!(owed(&ledger, "GONE").is_empty());
    let counts = ledger.view().snapshot_counts().unwrap();
    assert_eq!((counts.owed, counts.parked), (0, 1));
    let problem = ledger.view().problems().unwrap().remove(0);
    let fault = crate::base::fault::Fault::DestinationUnknown;
    assert_eq!((problem.fault, problem.detail.as_str()), (fault, "GONE"));
    ledger.set_destinations(&["GONE".into()]).unwrap();
    assert_eq!(owed(&ledger, "GONE").len(), 1);
    assert!(ledger.view().problems().unwrap().is_empty());
}

#[test]
fn a_delivery_that_does_not_exist_is_an_error() {
    let mut ledger = ledger();
    let error = ledger.attempted(DeliveryRow(7), at(1)).unwrap_err();
    assert!(matches!(error, LedgerError::NoSuch { what: "delivery" }));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn slices_of_a_study_go_as_they_came_and_all_go_whatever_fails(
        failures in prop::collection::vec(any::<bool>(), 60), limit in 1..5_usize
    ) {
        let mut ledger = ledger();
        let studies = ["1.1", "1.2", "1.3"];
        for sequence in 0..12_u32 {
            let study = studies[sequence as usize % 3];
            apply(&mut ledger, &[with(sequence, |record| {
                record.identity.study = Some(uid(study));
                record.urgency = [Urgency::High, Urgency::Normal, Urgency::Low]
                    [sequence as usize % 3];
            })]);
        }
        let mut sent: Vec<u32> = Vec::new();
        let mut failures = failures.into_iter();
        loop {
            let next = ledger.owed("PACS", limit, &PlainSeal).unwrap();
            let Some(first) = next.first() else { break };
            ledger.attempted(first.delivery, at(1)).unwrap();
            if failures.next() == Some(true) {
                ledger.failed(first.delivery, &answer(0xa700, ""), &PlainSeal).unwrap();
            } else {
                accept(&mut ledger, first.delivery);
                sent.push(first.number.sequence);
            }
        }
        prop_assert_eq!(sent.len(), 12);
        for study in 0..3 {
            let slices: Vec<u32> = sent.iter().copied().filter(|at| at % 3 == study).collect();
            prop_assert!(slices.is_sorted(), "{:?}", slices);
        }
    }
}
