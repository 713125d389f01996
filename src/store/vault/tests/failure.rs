//! Writes and syncs that fail, disks that fill up.

use super::*;
use crate::base::fault::Fault;
use crate::store::disk::memory::{Failure, Lasting, Loss, Step, Trouble};

fn fail(disk: &MemoryDisk, step: Step, after: u64, lasting: Lasting) {
    disk.plan(Trouble { step, after, failure: Failure::Error, lasting });
}

fn stand(node: &TestBox, slab: u32) -> Stand {
    let slabs = node.vault.slabs();
    slabs.iter().find(|space| space.slab == slab).unwrap().stand
}

#[test]
fn i2_after_a_failed_sync_the_object_is_refused_and_its_slab_is_not_leased_again() {
    let node = fresh();
    let (_, first) = node.store("1.2", b"first").unwrap();
    fail(&node.disk, Step::Sync, 0, Lasting::Once);
    let refused = node.store("1.2", b"second").unwrap_err();
    assert_eq!(refused.fault(), Fault::DiskError);
    let slab = first.location.slab;
    assert_eq!(stand(&node, slab), Stand::Failed);
    let place = usize::try_from(first.end).unwrap();
    let bytes = node.disk.bytes(&slab_name(slab));
    assert_eq!(bytes[place..place + 512], [0; 512], "the header was not zeroed");
    assert!(bytes[place + 512..place + 600].iter().any(|byte| *byte != 0));
    let (_, third) = node.store("1.2", b"third").unwrap();
    assert_ne!(third.location.slab, slab);
    assert_eq!(node.read(&first).unwrap(), b"first");
    let node = node.restart();
    let numbers: Vec<_> = node.found.iter().map(|sealed| sealed.number).collect();
    assert_eq!(numbers, [first.number, third.number]);
    assert_eq!(node.recovery.damaged, []);
}

#[test]
fn a_sync_that_failed_is_never_made_good_by_a_second_one() {
    // The disk drops what it could not sync; the record stays readable in memory. Were the slab
    // leased again, its next sync would succeed and cover nothing of it.
    let node = fresh();
    // Two syncs make the key of the new study safe, the third is the record's.
    fail(&node.disk, Step::Sync, 2, Lasting::Once);
    node.store("1.2", b"refused").unwrap_err();
    let (_, kept) = node.store("1.2", b"kept").unwrap();
    node.disk.crash(&mut SplitMix::new(1), Loss::Everything);
    let node = start(&node.disk, &TestLedger::default()).unwrap();
    assert_eq!(node.read(&kept).unwrap(), b"kept");
    assert_eq!(node.recovery.records, 1);
}

#[test]
fn a_failure_at_any_write_or_sync_of_an_object_refuses_it_and_nothing_else() {
    for lasting in [Lasting::Once, Lasting::Forever] {
        for step in [Step::Write, Step::Sync] {
            for after in 0..30 {
                let node = fresh();
                let (_, first) = node.store("1.1", b"first").unwrap();
                let changes = node.disk.changes();
                fail(&node.disk, step, after, lasting);
                let told = node.store("1.2", &pattern(7, 200_000));
                let met = told.is_err();
                node.disk.heal();
                assert!(met || node.disk.changes() - changes < 30);
                let second = node.store("1.3", b"afterwards").unwrap().1;
                node.disk.crash(&mut SplitMix::new(after), Loss::Some);
                let node = start(&node.disk, &TestLedger::default()).unwrap();
                assert_eq!(node.recovery.damaged, [], "{step:?} {after} {lasting:?}");
                assert_eq!(node.read(&first).unwrap(), b"first");
                assert_eq!(node.read(&second).unwrap(), b"afterwards");
                if let Ok((_, sealed)) = told {
                    assert_eq!(node.read(&sealed).unwrap(), pattern(7, 200_000));
                }
            }
        }
    }
}

#[test]
fn an_object_grows_its_slab_up_to_the_reserve_and_is_refused_there() {
    let node = fresh();
    let free = node.vault.space().unwrap().free_bytes;
    node.disk.set_capacity((64 << 20) - free + settings().reserve_bytes + 100_000);
    let (_, small) = node.store("1.2", &pattern(1, 200_000)).unwrap();
    let refused = node.store("1.2", &pattern(2, 600_000)).unwrap_err();
    assert!(matches!(refused, VaultError::Full));
    assert_eq!(refused.fault(), Fault::DiskFull);
    let (_, grown) = node.store("1.2", &pattern(3, 130_000)).unwrap();
    assert!(SLAB < grown.end);
    assert!(settings().reserve_bytes <= node.vault.space().unwrap().free_bytes);
    let node = node.restart();
    assert_eq!(node.read(&small).unwrap(), pattern(1, 200_000));
    assert_eq!(node.read(&grown).unwrap(), pattern(3, 130_000));
}

#[test]
fn without_a_free_slab_an_object_is_refused_until_one_is_prepared() {
    let node = fresh();
    let writers: Vec<_> = (0..2).map(|_| node.vault.begin(Kind::Object).unwrap()).collect();
    let refused = node.vault.begin(Kind::Object).unwrap_err();
    assert!(matches!(refused, VaultError::NoSlab));
    assert_eq!(refused.fault(), Fault::DiskFull);
    drop(writers);
    node.store("1.2", b"fits again").unwrap();
}

#[test]
fn a_full_disk_is_no_failure_of_preparing_and_the_reserve_stays() {
    let disk = MemoryDisk::new(640_000);
    let node = start(&disk, &TestLedger::default()).unwrap();
    let space = node.vault.space().unwrap();
    assert_eq!((space.slabs, space.ready), (2, 2));
    let disk = MemoryDisk::new(400_000);
    let node = start(&disk, &TestLedger::default()).unwrap();
    let space = node.vault.space().unwrap();
    assert_eq!(space.slabs, 1);
    assert!(space.reserve_bytes <= space.free_bytes);
}

#[test]
fn a_slab_that_cannot_be_read_is_damage_and_the_others_are_used() {
    let node = fresh();
    let (_, kept) = node.store("1.2", b"kept").unwrap();
    let disk = node.disk.clone();
    drop(node);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let rng = Box::new(SplitMix::new(77));
    let (vault, _) = Vault::open(shared, &provider(), settings(), rng, 0).unwrap();
    fail(&disk, Step::Read, 0, Lasting::Once);
    let mut found = Vec::new();
    let recovery = vault.recover(&BTreeMap::new(), &mut |sealed| found.push(sealed)).unwrap();
    assert_eq!(recovery.fault(), Some(Fault::VaultDamaged));
    assert_eq!(recovery.damaged[0].slab, kept.location.slab);
    assert_eq!(found, []);
    assert!(vault.begin(Kind::Object).is_ok());
}

#[test]
fn what_stands_only_in_the_memory_of_a_dead_process_is_not_taken_for_safe() {
    // The sync of a whole record fails and the disk then refuses everything, so that not even its
    // header can be zeroed. The process dies, the machine does not: the next one could read the
    // record, as long as the power stays.
    let node = fresh();
    node.store("1.2", b"first").unwrap();
    fail(&node.disk, Step::Sync, 0, Lasting::Forever);
    // Header, last chunk and trailer are written; the zeros do not get through.
    node.disk.plan(Trouble {
        step: Step::Write,
        after: 3,
        failure: Failure::PowerCut,
        lasting: Lasting::Forever,
    });
    node.store("1.2", b"refused").unwrap_err();
    node.disk.heal();
    let node = node.restart();
    let first: Vec<_> = node.found.iter().map(|sealed| sealed.number).collect();
    node.disk.crash(&mut SplitMix::new(3), Loss::Everything);
    let node = start(&node.disk, &TestLedger::default()).unwrap();
    let second: Vec<_> = node.found.iter().map(|sealed| sealed.number).collect();
    assert_eq!(first, second);
    assert_eq!(first.len(), 1);
}
