//! Erasing never overtakes the ledger, and is final.

use super::*;
use crate::store::disk::memory::{Failure, Lasting, Loss, Step, Trouble};

fn erase(node: &TestBox, study: &str, seen: Option<Arrival>) -> Result<usize, VaultError> {
    node.vault.erase(KeyName::Study(&uid(study)), seen)
}

fn is_changed(result: Result<usize, VaultError>) -> bool {
    matches!(result, Err(VaultError::Key(KeyError::Changed)))
}

#[test]
fn an_erased_study_cannot_be_read_and_its_neighbours_can() {
    let node = fresh();
    let sealed: Vec<_> = ["1.1", "1.2", "1.1", "1.2"]
        .iter()
        .map(|study| node.store(study, study.as_bytes()).unwrap().1)
        .collect();
    assert_eq!(erase(&node, "1.2", Some(sealed[3].arrival)).unwrap(), 1);
    assert!(node.read(&sealed[1]).unwrap_err().is_erased());
    let place = (sealed[1].location, sealed[1].number);
    assert!(!node.vault.holds(place, 3, &Digest::of(b"1.2")).unwrap());
    let node = node.restart();
    assert_eq!((node.recovery.records, node.recovery.erased), (2, 2));
    assert_eq!(node.recovery.damaged, []);
    assert_eq!(node.read(&sealed[2]).unwrap(), b"1.1");
    assert!(node.read(&sealed[3]).unwrap_err().is_erased());
    assert_eq!(erase(&node, "1.2", None).unwrap(), 0);
}

#[test]
fn erasing_waits_for_what_the_ledger_does_not_know_yet() {
    let node = fresh();
    let (_, first) = node.store("1.2", b"first").unwrap();
    let (_, second) = node.store("1.2", b"second").unwrap();
    assert!(is_changed(erase(&node, "1.2", None)));
    assert!(is_changed(erase(&node, "1.2", Some(first.arrival))));
    assert_eq!(node.read(&second).unwrap(), b"second");
    let node = node.restart();
    assert!(
        is_changed(erase(&node, "1.2", Some(first.arrival))),
        "recovery forgot the last record"
    );
    erase(&node, "1.2", Some(second.arrival)).unwrap();
}

#[test]
fn erasing_waits_for_a_seal_that_is_under_way() {
    let node = fresh();
    let (_, first) = node.store("1.2", b"first").unwrap();
    let name = uid("1.2");
    let inner = &node.vault.inner;
    let ticket = inner.ring.enter(KeyName::Study(&name), &inner.rng).unwrap();
    assert!(is_changed(erase(&node, "1.2", Some(first.arrival))));
    inner.ring.leave(ticket.slot, None);
    erase(&node, "1.2", Some(first.arrival)).unwrap();
}

#[test]
fn a_late_slice_in_flight_takes_a_new_slot_and_survives_the_erasure() {
    let node = fresh();
    let (_, first) = node.store("1.2", b"first").unwrap();
    let mut late = node.vault.begin(Kind::Object).unwrap();
    late.append(b"late").unwrap();
    erase(&node, "1.2", Some(first.arrival)).unwrap();
    let content = object("1.2", &late);
    let (_, late) = node.vault.seal(late, KeyName::Study(&uid("1.2")), content).unwrap();
    assert_eq!(node.read(&late).unwrap(), b"late");
    let node = node.restart();
    assert_eq!(node.read(&late).unwrap(), b"late");
    assert!(node.read(&first).unwrap_err().is_erased());
    assert_eq!(node.recovery.records, 1);
}

#[test]
fn a_tombstone_in_one_copy_is_enough() {
    for step in 0..4 {
        let node = fresh();
        let (_, sealed) = node.store("1.2", b"first").unwrap();
        let before = node.disk.bytes("keyring.a");
        node.disk.plan(Trouble {
            step: Step::Change,
            after: step,
            failure: Failure::PowerCut,
            lasting: Lasting::Forever,
        });
        assert!(erase(&node, "1.2", Some(sealed.arrival)).is_err());
        node.disk.crash(&mut SplitMix::new(step), Loss::Everything);
        let begun = node.disk.bytes("keyring.a") != before;
        assert_eq!(begun, 2 <= step);
        let node = start(&node.disk, &TestLedger::default()).unwrap();
        assert_eq!(node.recovery.erased, u64::from(begun));
        assert_eq!(node.disk.bytes("keyring.a"), node.disk.bytes("keyring.b"));
    }
}

#[test]
fn after_a_failed_erasure_the_next_call_finishes_it() {
    for step in [Step::Write, Step::Sync] {
        for after in 0..2 {
            let node = fresh();
            let (_, sealed) = node.store("1.2", b"first").unwrap();
            let (_, other) = node.store("1.3", b"other").unwrap();
            node.disk.plan(Trouble {
                step,
                after,
                failure: Failure::Error,
                lasting: Lasting::Once,
            });
            assert!(erase(&node, "1.2", Some(sealed.arrival)).is_err());
            erase(&node, "1.2", Some(sealed.arrival)).unwrap();
            node.disk.crash(&mut SplitMix::new(1), Loss::Everything);
            let node = start(&node.disk, &TestLedger::default()).unwrap();
            assert!(node.read(&sealed).unwrap_err().is_erased());
            assert_eq!(node.read(&other).unwrap(), b"other");
        }
    }
}

#[test]
fn no_acknowledged_record_is_lost_to_an_erasure_that_did_not_see_it() {
    // Four associations store into one study while it is erased again and again by somebody who
    // knows some of the records: those may go, every other must be readable in the end.
    let node = fresh();
    let seen = Mutex::new(Vec::<Sealed>::new());
    let gone = Mutex::new(None::<Arrival>);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (node, seen) = (&node, &seen);
            scope.spawn(move || {
                for n in 0..20 {
                    // Two slabs for four: those who find none try again.
                    if let Ok((_, sealed)) = node.store("1.2", &pattern(thread * 100 + n, 300)) {
                        seen.lock().unwrap().push(sealed);
                    }
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..200 {
                let known = seen.lock().unwrap().iter().map(|sealed| sealed.arrival).max();
                if erase(&node, "1.2", known).is_ok() {
                    let mut gone = gone.lock().unwrap();
                    *gone = (*gone).max(known);
                }
                std::thread::yield_now();
            }
        });
    });
    let gone = gone.into_inner().unwrap();
    for sealed in seen.into_inner().unwrap() {
        let read = node.read(&sealed);
        assert!(read.is_ok() || Some(sealed.arrival) <= gone, "{:?}", sealed.arrival);
    }
}

#[test]
fn the_key_of_records_without_a_study_is_never_erased() {
    let node = fresh();
    assert_eq!(node.vault.erase(KeyName::Box, None).unwrap(), 0);
    let mut writer = node.vault.begin(Kind::Object).unwrap();
    writer.append(b"of the box").unwrap();
    let content = object("1.2", &writer);
    let (_, sealed) = node.vault.seal(writer, KeyName::Box, content).unwrap();
    assert_eq!(node.restart().read(&sealed).unwrap(), b"of the box");
}

#[test]
fn instances_without_a_study_share_a_key_a_caller_and_day() {
    let node = fresh();
    let ring = &node.vault.inner.ring;
    let slot = |caller: &str, day: u32| {
        let label = format!("no study, {caller}, {day}");
        ring.enter(KeyName::Label(&label), &node.vault.inner.rng).unwrap().slot
    };
    let first = slot("CT1", 20_261_124);
    assert_eq!(slot("CT1", 20_261_124), first);
    assert_ne!(slot("CT2", 20_261_124), first);
    assert_ne!(slot("CT1", 20_261_125), first);
}
