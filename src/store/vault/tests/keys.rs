//! Root key, start counter and keyring: torn, lost, exchanged, rotated.

use super::*;
use crate::base::fault::Fault;
use crate::store::disk::memory::{Failure, Lasting, Loss, Step, Trouble};
use crate::store::page::PAGE_BYTES;

const SLOT: usize = 128;

fn open_by(disk: &MemoryDisk, provider: &dyn KeyProvider) -> Result<(Vault, Opened), VaultError> {
    let rng = Box::new(SplitMix::new(disk.changes()));
    Vault::open(Arc::new(disk.clone()), provider, settings(), rng, 0)
}

fn everything(disk: &MemoryDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list().unwrap();
    names.into_iter().map(|name| (name.clone(), disk.bytes(&name))).collect()
}

fn spoil(disk: &MemoryDisk, name: &str) {
    disk.tamper(name, 0, &[0xff; PAGE_BYTES]);
}

#[test]
fn one_torn_copy_of_root_start_or_keyring_is_mended_by_the_other() {
    for name in ["root.a", "root.b", "start.a", "start.b", "keyring.a", "keyring.b"] {
        for gone in [false, true] {
            let node = fresh();
            let (_, sealed) = node.store("1.2", b"kept").unwrap();
            if gone {
                node.disk.remove(name).unwrap();
            } else {
                spoil(&node.disk, name);
            }
            let before = node.opened.start;
            let node = node.restart();
            assert!(before < node.opened.start, "{name}");
            assert_eq!(node.read(&sealed).unwrap(), b"kept");
            let other = match name.split_once('.') {
                Some((stem, "a")) => format!("{stem}.b"),
                Some((stem, _)) => format!("{stem}.a"),
                None => unreachable!(),
            };
            assert_eq!(node.disk.bytes(name), node.disk.bytes(&other), "{name} was not mended");
        }
    }
}

#[test]
fn slabs_without_root_start_or_keyring_are_left_as_they_are() {
    for stem in ["root", "start", "keyring"] {
        for gone in [false, true] {
            let node = fresh();
            node.store("1.2", b"kept").unwrap();
            for copy in ["a", "b"] {
                let name = format!("{stem}.{copy}");
                if gone {
                    node.disk.remove(&name).unwrap();
                } else {
                    spoil(&node.disk, &name);
                }
            }
            let before = everything(&node.disk);
            let error = open_by(&node.disk, &provider()).unwrap_err();
            assert!(matches!(error, VaultError::Key(KeyError::Missing { .. })), "{stem}");
            assert_eq!(error.fault(), Fault::KeyMissing);
            assert_eq!(everything(&node.disk), before, "{stem}");
        }
    }
}

#[test]
fn a_wrong_provider_key_opens_nothing_and_changes_nothing() {
    let node = fresh();
    let before = everything(&node.disk);
    let other = FileKey::of(Secret::new([8; 32]));
    let error = open_by(&node.disk, &other).unwrap_err();
    assert_eq!(error.fault(), Fault::KeyMissing);
    assert_eq!(everything(&node.disk), before);
}

#[test]
fn after_a_rotation_only_the_new_key_opens_and_look_ups_still_match() {
    let node = fresh();
    let (_, sealed) = node.store("1.2", b"kept").unwrap();
    let hash = node.vault.keyed_hash(b"patient");
    let new = FileKey::of(Secret::new([8; 32]));
    node.vault.rotate(&provider(), &new).unwrap();
    assert!(open_by(&node.disk, &provider()).is_err());
    let (vault, _) = open_by(&node.disk, &new).unwrap();
    vault.recover(&BTreeMap::new(), &mut |_| {}).unwrap();
    assert_eq!(vault.keyed_hash(b"patient"), hash);
    let reader = vault.read(sealed.location, sealed.number).unwrap();
    assert_eq!(reader.measure().unwrap().0, 4);
    assert_ne!(fresh().vault.keyed_hash(b"patient"), Digest([0; 32]));
}

#[test]
fn a_rotation_cut_at_any_step_leaves_a_vault_that_one_of_the_two_keys_opens() {
    let new = FileKey::of(Secret::new([8; 32]));
    for step in 0..12 {
        for loss in [Loss::Everything, Loss::Some] {
            let node = fresh();
            node.disk.plan(Trouble {
                step: Step::Change,
                after: step,
                failure: Failure::PowerCut,
                lasting: Lasting::Forever,
            });
            let rotated = node.vault.rotate(&provider(), &new);
            node.disk.crash(&mut SplitMix::new(step), loss);
            let by_new = open_by(&node.disk, &new);
            if rotated.is_ok() {
                assert!(by_new.is_ok());
            }
            // A start mends both copies: ask for the old key on the disk as it was.
            assert!(by_new.is_ok() || open_by(&node.disk, &provider()).is_ok(), "step {step}");
        }
    }
}

#[test]
fn a_slot_torn_in_one_copy_is_mended_and_in_both_it_is_told() {
    let place = PAGE_BYTES + SLOT;
    for torn in [&["a"][..], &["b"], &["a", "b"]] {
        let node = fresh();
        let (_, first) = node.store("1.2", b"kept").unwrap();
        let (_, second) = node.store("1.3", b"other").unwrap();
        for copy in torn {
            node.disk.tamper(&format!("keyring.{copy}"), place + 40, &[0xee; 8]);
        }
        let node = node.restart();
        assert_eq!(node.read(&second).unwrap(), b"other");
        if torn.len() == 1 {
            assert_eq!(node.opened.faults, []);
            assert_eq!(node.read(&first).unwrap(), b"kept");
            assert_eq!(node.disk.bytes("keyring.a"), node.disk.bytes("keyring.b"));
        } else {
            assert_eq!(node.opened.faults, [Fault::VaultDamaged]);
            assert_eq!(node.recovery.damaged[0].what, "a key is damaged");
        }
    }
}

#[test]
fn a_slot_put_in_the_place_of_another_opens_nothing() {
    let node = fresh();
    node.store("1.2", b"one").unwrap();
    let (_, second) = node.store("1.3", b"two").unwrap();
    let ring = node.disk.bytes("keyring.a");
    let slot = |n: usize| ring[PAGE_BYTES + n * SLOT..PAGE_BYTES + (n + 1) * SLOT].to_vec();
    for copy in ["keyring.a", "keyring.b"] {
        node.disk.tamper(copy, PAGE_BYTES + 2 * SLOT, &slot(1));
    }
    let node = node.restart();
    assert_eq!(node.opened.faults, [Fault::VaultDamaged]);
    assert!(node.read(&second).is_err());
}

#[test]
fn a_record_without_its_key_is_dropped_as_the_last_and_is_damage_elsewhere() {
    for last in [true, false] {
        let node = fresh();
        node.store("1.1", b"before").unwrap();
        let (_, keyless) = node.store("1.2", b"keyless").unwrap();
        if !last {
            node.store("1.1", b"behind").unwrap();
        }
        for copy in ["keyring.a", "keyring.b"] {
            node.disk.tamper(copy, PAGE_BYTES + 2 * SLOT, &[0; SLOT]);
        }
        let node = node.restart();
        assert_eq!(node.found(keyless.number), None);
        let (keyless_count, damage) = if last { (1, 0) } else { (0, 1) };
        assert_eq!(node.recovery.keyless, keyless_count);
        assert_eq!(node.recovery.damaged.len(), damage);
        let retired = node.vault.retire_keys(&node.recovery).unwrap();
        assert_eq!(retired, 0, "keys are only retired when all slabs read clean");
    }
}

#[test]
fn a_key_without_a_record_becomes_a_tombstone_only_when_every_record_was_read() {
    let node = fresh();
    node.store("1.1", b"kept").unwrap();
    // The power went between the key of a new study and its first record.
    let ticket = node.vault.inner.ring.enter(KeyName::Study(&uid("1.2")), &node.vault.inner.rng);
    assert_eq!(ticket.unwrap().slot, 2);
    let (_, sealed) = node.store("1.1", b"more").unwrap();
    let ledger = TestLedger {
        start: node.opened.start,
        marks: BTreeMap::from([(sealed.location.slab, (1, sealed.end))]),
    };
    let disk = node.disk.clone();
    drop(node);
    let partly = start(&disk, &ledger).unwrap();
    assert!(!partly.recovery.read_all);
    assert_eq!(partly.vault.retire_keys(&partly.recovery).unwrap(), 0);
    let node = partly.restart();
    assert_eq!(node.vault.retire_keys(&node.recovery).unwrap(), 1);
    let node = node.restart();
    assert_eq!(node.recovery.records, 2);
    assert_eq!(node.vault.retire_keys(&node.recovery).unwrap(), 0);
}

#[test]
fn a_ledger_behind_was_restored_and_its_marks_count_for_nothing() {
    let node = fresh();
    let (_, sealed) = node.store("1.2", b"kept").unwrap();
    let marks = BTreeMap::from([(sealed.location.slab, (1, sealed.end))]);
    let disk = node.disk.clone();
    let first = node.opened.start;
    drop(node);
    let ledger = TestLedger { start: first, marks };
    let node = start(&disk, &ledger).unwrap();
    assert_eq!((node.opened.ledger, node.recovery.records), (LedgerStand::InStep, 0));
    let second = node.opened.start;
    drop(node);
    let restored = start(&disk, &ledger).unwrap();
    assert_eq!(restored.opened.ledger, LedgerStand::Behind);
    assert_eq!((restored.recovery.records, restored.recovery.read_all), (1, true));
    assert!(second < restored.opened.start);
    drop(restored);
    // A ledger ahead: the copies were written before the power failed, or the vault is older.
    let ahead = TestLedger { start: 100, ..ledger };
    assert_eq!(start(&disk, &ahead).unwrap().opened.start, 101);
}

#[test]
fn another_disk_is_another_vault_and_reads_nothing_of_the_first() {
    let disk = MemoryDisk::new(64 << 20);
    let rng = Box::new(SplitMix::new(4711));
    let (_, other) = Vault::open(Arc::new(disk), &provider(), settings(), rng, 0).unwrap();
    let node = fresh();
    assert_ne!(node.opened.identity, other.identity);
    assert_ne!(node.opened.box_id, other.box_id);
}

#[test]
fn a_slab_of_another_vault_is_damage_and_never_used() {
    let node = fresh();
    node.store("1.2", b"kept").unwrap();
    let foreign = {
        let disk = new_disk();
        let rng = Box::new(SplitMix::new(4711));
        let (vault, _) =
            Vault::open(Arc::new(disk.clone()), &provider(), settings(), rng, 0).unwrap();
        vault.recover(&BTreeMap::new(), &mut |_| {}).unwrap();
        vault.prepare().unwrap();
        disk.bytes("slab-00000001")
    };
    node.disk.tamper("slab-00000002", 0, &foreign);
    let node = node.restart();
    assert_eq!(node.recovery.damaged.len(), 1);
    assert_eq!(node.recovery.records, 1);
}

#[test]
fn a_column_opens_at_its_place_until_its_study_is_erased() {
    let node = fresh();
    let (_, sealed) = node.store("1.2", b"kept").unwrap();
    let study = uid("1.2");
    let column =
        node.vault.seal_column(KeyName::Study(&study), "study|1|name", b"DOE^JANE").unwrap();
    assert!(!column.windows(4).any(|part| part == b"JANE"));
    let open = |place| node.vault.open_column(place, &column);
    assert_eq!(open("study|1|name").unwrap().as_deref(), Some(&b"DOE^JANE"[..]));
    assert_eq!(open("study|2|name").unwrap(), None);
    assert_eq!(node.vault.open_column("study|1|name", &column[..20]).unwrap(), None);
    node.vault.erase(KeyName::Study(&study), Some(sealed.arrival)).unwrap();
    assert!(open("study|1|name").unwrap_err().is_erased());
}

#[test]
fn a_key_file_that_others_may_read_is_refused_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("provider.key");
    let made = FileKey::create(&path, &mut SplitMix::new(1)).unwrap();
    assert_eq!(FileKey::open(&path).unwrap().id(), made.id());
    assert!(FileKey::create(&path, &mut SplitMix::new(2)).is_err(), "a key was overwritten");
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = FileKey::open(&path).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    for length in [31, 33] {
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(length).unwrap();
        assert!(FileKey::open(&path).is_err());
    }
}
