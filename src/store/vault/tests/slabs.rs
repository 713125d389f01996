//! Leases, marks, growing, rewinding and using slabs again.

use super::*;
use crate::store::disk::RealDisk;
use crate::store::disk::memory::{Failure, Lasting, Step, Trouble};
use crate::store::vault::slab::slab_name;

fn space_of(node: &TestBox, slab: u32) -> SlabSpace {
    let slabs = node.vault.slabs();
    *slabs.iter().find(|space| space.slab == slab).unwrap()
}

#[test]
fn each_slab_has_its_own_mark_because_slabs_fill_at_the_same_time() {
    let node = fresh();
    let mut one = node.vault.begin(Kind::Object).unwrap();
    let mut two = node.vault.begin(Kind::Object).unwrap();
    assert!(one.number() < two.number());
    one.append(b"one").unwrap();
    two.append(b"two").unwrap();
    let study = uid("1.2");
    // The one that began later is sealed first: numbers and order of arrival disagree.
    let content = object("1.2", &two);
    let (_, two) = node.vault.seal(two, KeyName::Study(&study), content).unwrap();
    let content = object("1.2", &one);
    let (_, one) = node.vault.seal(one, KeyName::Study(&study), content).unwrap();
    assert_ne!(one.location.slab, two.location.slab);
    assert!(two.arrival < one.arrival && one.number < two.number);
    for (start_known, known, missing) in [(1, &one, &two), (2, &two, &one)] {
        let ledger = TestLedger {
            start: start_known,
            marks: BTreeMap::from([(known.location.slab, (1, known.end))]),
        };
        let node = start(&node.disk, &ledger).unwrap();
        assert_eq!(node.found, std::slice::from_ref(missing));
        assert_eq!(node.recovery.damaged, []);
    }
}

#[test]
fn a_mark_of_an_older_generation_does_not_hide_newer_records() {
    let node = fresh();
    let (_, old) = node.store("1.2", b"old").unwrap();
    let mark = (old.location.slab, (1, old.end));
    node.vault.recycle(old.location.slab, old.end).unwrap();
    let (_, new) = node.store("1.2", b"new").unwrap();
    assert_eq!(new.location.slab, old.location.slab);
    let ledger = TestLedger { start: node.opened.start, marks: BTreeMap::from([mark]) };
    let node = start(&node.disk, &ledger).unwrap();
    assert_eq!(node.found, [new]);
    assert_eq!(node.recovery.damaged, []);
}

#[test]
fn the_order_of_arrival_rises_over_restarts() {
    let mut node = fresh();
    let mut last = Arrival(0);
    for _ in 0..3 {
        for _ in 0..3 {
            let (_, sealed) = node.store("1.2", b"bytes").unwrap();
            assert!(last < sealed.arrival);
            last = sealed.arrival;
        }
        node = node.restart();
    }
}

#[test]
fn a_rewound_place_is_written_again_under_a_new_number() {
    let node = fresh();
    let mut writer = node.vault.begin(Kind::Object).unwrap();
    writer.append(&pattern(1, 100_000)).unwrap();
    let rewound = writer.number();
    node.vault.roll_back(writer).unwrap();
    let (_, sealed) = node.store("1.2", b"short").unwrap();
    assert!(rewound < sealed.number);
    assert_eq!((sealed.location.slab, sealed.location.offset), (1, slab::RECORDS_AT));
    let node = node.restart();
    assert_eq!(node.found, [sealed]);
    assert_eq!((node.recovery.torn, node.recovery.damaged.len()), (0, 0));
}

#[test]
fn a_slab_grown_by_a_record_that_was_given_up_is_cut_back() {
    let node = fresh();
    let mut writer = node.vault.begin(Kind::Object).unwrap();
    writer.append(&pattern(1, 400_000)).unwrap();
    let name = slab_name(1);
    assert!(SLAB < node.disk.bytes(&name).len() as u64);
    drop(writer);
    assert_eq!(node.disk.bytes(&name).len() as u64, SLAB);
    let (_, grown) = node.store("1.2", &pattern(2, 400_000)).unwrap();
    let size = node.disk.bytes(&name).len() as u64;
    node.vault.recycle(1, grown.end).unwrap();
    assert!(SLAB < size);
    assert_eq!(node.disk.bytes(&name).len() as u64, SLAB);
}

#[test]
fn a_slab_in_use_or_changed_is_not_recycled() {
    let node = fresh();
    let (_, first) = node.store("1.2", b"first").unwrap();
    let slab = first.location.slab;
    let writer = node.vault.begin(Kind::Object).unwrap();
    assert!(matches!(node.vault.recycle(slab, first.end), Err(VaultError::Changed { .. })));
    drop(writer);
    let (_, second) = node.store("1.2", b"second").unwrap();
    assert!(matches!(node.vault.recycle(slab, first.end), Err(VaultError::Changed { .. })));
    assert_eq!(node.read(&second).unwrap(), b"second");
    node.vault.recycle(slab, second.end).unwrap();
    assert_eq!(space_of(&node, slab).generation, 2);
    assert!(matches!(node.vault.recycle(99, 0), Err(VaultError::Changed { slab: 99 })));
}

#[test]
fn a_failed_slab_is_used_again_in_its_next_generation() {
    let node = fresh();
    node.disk.plan(Trouble {
        step: Step::Write,
        after: 0,
        failure: Failure::Error,
        lasting: Lasting::Once,
    });
    assert!(node.store("1.2", b"refused").is_err());
    let failed = node.vault.slabs().into_iter().find(|space| space.stand == Stand::Failed);
    let failed = failed.unwrap();
    assert_eq!(node.vault.space().unwrap().failed, 1);
    node.vault.recycle(failed.slab, failed.end).unwrap();
    assert_eq!(space_of(&node, failed.slab).stand, Stand::Free);
}

#[test]
fn a_full_slab_is_left_and_new_ones_are_prepared() {
    let node = fresh();
    let mut slabs = std::collections::BTreeSet::new();
    for seed in 0..8 {
        let (_, sealed) = node.store("1.2", &pattern(seed, 100_000)).unwrap();
        slabs.insert(sealed.location.slab);
        assert_eq!(node.vault.prepare().unwrap(), 2);
    }
    assert!(2 < slabs.len());
    assert_eq!(node.restart().recovery.records, 8);
}

#[test]
fn nothing_is_leased_before_recovery() {
    let node = fresh();
    let disk: Arc<dyn Disk> = Arc::new(node.disk.clone());
    let rng = Box::new(SplitMix::new(1));
    let (vault, _) = Vault::open(disk, &provider(), settings(), rng, 0).unwrap();
    assert!(matches!(vault.begin(Kind::Object), Err(VaultError::Unready)));
    assert!(matches!(vault.prepare(), Err(VaultError::Unready)));
}

#[test]
fn one_object_costs_one_sync_once_its_study_is_known() {
    let node = fresh();
    node.store("1.2", b"first").unwrap();
    let before = node.disk.syncs();
    for seed in 0..10 {
        node.store("1.2", &pattern(seed, 5000)).unwrap();
    }
    assert_eq!(node.disk.syncs() - before, 10);
}

#[test]
fn a_record_is_told_of_before_another_can_follow_it_in_its_slab() {
    let node = fresh();
    let mut writer = node.vault.begin(Kind::Object).unwrap();
    writer.append(b"pixels").unwrap();
    let content = object("1.2", &writer);
    let leased = std::cell::Cell::new(0);
    let count = |_: &Sealed| leased.set(node.vault.space().unwrap().leased);
    let name = KeyName::Label("1.2");
    let receipt = node.vault.seal_and_tell(writer, name, content, &count).unwrap();
    assert_eq!(leased.get(), 1, "the ledger's mark could pass {}", receipt.number());
    assert_eq!(node.vault.space().unwrap().leased, 0);
}

#[test]
fn the_vault_works_on_a_real_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vault");
    let mut kept = Vec::new();
    for turn in 0..3_u32 {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(&path).unwrap());
        assert!(RealDisk::open(&path).is_err(), "two processes in one vault");
        let rng = Box::new(SplitMix::new(u64::from(turn)));
        let settings = VaultSettings { reserve_bytes: 0, ..settings() };
        let (vault, opened) = Vault::open(disk, &provider(), settings, rng, turn).unwrap();
        assert_eq!((opened.start, opened.created), (turn + 1, turn == 0));
        let mut found = Vec::new();
        let recovery = vault.recover(&BTreeMap::new(), &mut |sealed| found.push(sealed)).unwrap();
        assert_eq!((found.len(), recovery.damaged.len()), (kept.len(), 0));
        vault.prepare().unwrap();
        for (sealed, length) in &kept {
            let sealed: &Sealed = sealed;
            let reader = vault.read(sealed.location, sealed.number).unwrap();
            assert_eq!(reader.measure().unwrap().0, *length);
        }
        let mut writer = vault.begin(Kind::Object).unwrap();
        writer.append(&pattern(7, 150_000)).unwrap();
        let content = object("1.2", &writer);
        let (_, sealed) = vault.seal(writer, KeyName::Study(&uid("1.2")), content).unwrap();
        kept.push((sealed, 150_000));
    }
}
