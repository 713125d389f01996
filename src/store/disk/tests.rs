//! The disk in memory loses what it should, and the real one keeps its files to itself.

use super::memory::{Failure, Lasting, Loss, MemoryDisk, Step, Trouble};
use super::*;
use crate::base::rng::SplitMix;

fn crash(disk: &MemoryDisk, loss: Loss) {
    disk.crash(&mut SplitMix::new(5), loss);
}

fn synced(bytes: &[u8]) -> (MemoryDisk, Arc<dyn DiskFile>) {
    let disk = MemoryDisk::new(1 << 20);
    let file = disk.create("a").unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir().unwrap();
    (disk, file)
}

#[test]
fn a_power_cut_takes_what_was_not_synced_and_nothing_else() {
    let (disk, file) = synced(&[1; 2000]);
    file.write_all_at(&[2; 3000], 1000).unwrap();
    assert_eq!(disk.bytes("a").len(), 4000);
    crash(&disk, Loss::Everything);
    assert_eq!(disk.bytes("a"), [1; 2000]);
    assert!(file.read_at(&mut [0], 0).is_err(), "a file outlived the power cut");
}

#[test]
fn a_torn_write_is_torn_at_sectors() {
    let (disk, file) = synced(&vec![1; 64 * 512]);
    file.write_all_at(&vec![2; 64 * 512], 0).unwrap();
    crash(&disk, Loss::Some);
    let bytes = disk.bytes("a");
    let new = bytes.chunks(512).filter(|sector| sector.iter().all(|byte| *byte == 2)).count();
    let old = bytes.chunks(512).filter(|sector| sector.iter().all(|byte| *byte == 1)).count();
    assert_eq!(new + old, 64);
    assert!(0 < new && 0 < old);
}

#[test]
fn a_name_is_safe_behind_the_sync_of_its_directory() {
    let (disk, _) = synced(b"old");
    let fresh = disk.create("b").unwrap();
    fresh.write_all_at(b"new", 0).unwrap();
    fresh.sync_data().unwrap();
    disk.rename("b", "a").unwrap();
    crash(&disk, Loss::Everything);
    assert_eq!(disk.bytes("a"), b"old");
    assert_eq!(disk.list().unwrap(), ["a"]);
    replace(&disk, "a", b"new").unwrap();
    crash(&disk, Loss::Everything);
    assert_eq!(disk.bytes("a"), b"new");
}

#[test]
fn what_a_failed_sync_dropped_no_later_sync_brings_back() {
    let (disk, file) = synced(&[1; 512]);
    disk.plan(Trouble {
        step: Step::Sync,
        after: 0,
        failure: Failure::Error,
        lasting: Lasting::Once,
    });
    file.write_all_at(&[2; 512], 0).unwrap();
    assert!(file.sync_data().is_err());
    assert!(file.sync_data().is_ok());
    assert_eq!(disk.bytes("a"), [2; 512], "the cache still shows it");
    file.forget().unwrap();
    assert_eq!(disk.bytes("a"), [1; 512]);
}

#[test]
fn a_full_disk_says_so() {
    let disk = MemoryDisk::new(1000);
    let file = disk.create("a").unwrap();
    let error = file.write_all_at(&[0; 1001], 0).unwrap_err();
    assert!(is_full(&error));
    file.write_all_at(&[0; 1000], 0).unwrap();
    assert_eq!(disk.free_bytes().unwrap(), 0);
    file.write_all_at(&[1; 1000], 0).unwrap();
}

#[test]
fn the_nth_write_fails_once_or_for_ever() {
    for lasting in [Lasting::Once, Lasting::Forever] {
        let (disk, file) = synced(b"");
        disk.plan(Trouble { step: Step::Write, after: 1, failure: Failure::Full, lasting });
        let told: Vec<_> = (0..4).map(|_| file.write_all_at(b"x", 0).is_ok()).collect();
        let later = lasting == Lasting::Once;
        assert_eq!(told, [true, false, later, later]);
    }
}

#[test]
fn real_files_are_for_the_owner_alone_and_one_process() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vault");
    let disk = RealDisk::open(&path).unwrap();
    let again = RealDisk::open(&path).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::WouldBlock);
    let file = disk.create("a").unwrap();
    assert_eq!(disk.create("a").err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    file.write_all_at(b"bytes", 3).unwrap();
    file.sync_data().unwrap();
    file.forget().unwrap();
    disk.sync_dir().unwrap();
    let mut buffer = [9; 10];
    assert_eq!(file.read_at(&mut buffer, 2).unwrap(), 6);
    assert_eq!(buffer[..6], *b"\0bytes");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path.join("a")) & 0o777, 0o600);
    assert_eq!(mode(&path) & 0o777, 0o700);
    file.set_length(1).unwrap();
    assert_eq!(file.length().unwrap(), 1);
    disk.rename("a", "b").unwrap();
    assert_eq!(disk.list().unwrap(), ["b"]);
    disk.remove("b").unwrap();
    assert_eq!(disk.open("b").err().unwrap().kind(), io::ErrorKind::NotFound);
    assert!(0 < disk.free_bytes().unwrap());
}
