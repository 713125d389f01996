//! The audit file under power cuts, failures and changes by hand.

use proptest::prelude::*;

use super::*;
use crate::base::rng::{Rng, SplitMix};
use crate::base::secret::Secret;
use crate::store::disk::memory::{Failure, Lasting, Loss, MemoryDisk, Step, Trouble};

fn open(disk: &MemoryDisk) -> (Audit, AuditOpened) {
    let seed = Secret::new([5; 32]);
    Audit::open(Arc::new(disk.clone()), &seed, Stamp::default()).unwrap()
}

fn entry(detail: &str) -> Entry<'_> {
    Entry {
        at: Stamp::default(),
        actor: "nurse",
        action: "approve",
        subject: Some(Digest::of(b"patient")),
        detail,
    }
}

fn disk() -> MemoryDisk {
    MemoryDisk::new(1 << 20)
}

/// Ten lines, signed; then three that are synced and not signed.
fn written() -> MemoryDisk {
    let disk = disk();
    let (audit, _) = open(&disk);
    for n in 0..10 {
        audit.write(&entry(&format!("line {n}")), Urge::Later).unwrap();
    }
    audit.sign(Stamp::default()).unwrap();
    for n in 10..13 {
        audit.write(&entry(&format!("line {n}")), Urge::BeforeTheAct).unwrap();
    }
    disk
}

const FILE: &str = "audit-00000001.jsonl";

#[test]
fn an_untouched_file_goes_on_with_its_numbers() {
    let disk = written();
    let before = disk.bytes(FILE);
    let (audit, opened) = open(&disk);
    assert_eq!(opened, AuditOpened::default());
    assert!(disk.bytes(FILE).starts_with(&before));
    let n = audit.write(&entry("more"), Urge::Later).unwrap();
    assert_eq!(n, audit.head().0);
    assert_eq!(u64::try_from(audit.tail(usize::MAX).unwrap().len()).unwrap(), n);
    assert_eq!(audit.tail(1).unwrap().len(), 1);
}

#[test]
fn a_line_before_its_act_survives_every_power_cut() {
    for seed in 0..20 {
        for loss in [Loss::Everything, Loss::Some] {
            let disk = written();
            let (audit, _) = open(&disk);
            audit.write(&entry("the act"), Urge::BeforeTheAct).unwrap();
            audit.write(&entry("something"), Urge::Later).unwrap();
            disk.crash(&mut SplitMix::new(seed), loss);
            let (audit, opened) = open(&disk);
            assert_eq!(opened.fault, None);
            let lines = audit.tail(usize::MAX).unwrap();
            assert!(lines.iter().any(|line| line.contains("the act")));
        }
    }
}

#[test]
fn a_torn_tail_is_cut_and_the_cut_is_the_next_line() {
    let disk = written();
    let whole = disk.bytes(FILE).len();
    let torn = disk.open(FILE).unwrap();
    torn.write_all_at(b"{\"n\":15,\"at\":", u64::try_from(whole).unwrap()).unwrap();
    let (audit, opened) = open(&disk);
    assert_eq!((opened.cut_bytes, opened.fault), (13, None));
    let lines = audit.tail(2).unwrap();
    assert!(lines[0].contains("\"cut\"") && lines[0].contains("13 bytes"));
    assert!(lines[1].contains(chain::SIGNED));
}

#[test]
fn a_file_cut_before_its_signed_head_is_kept_and_told() {
    let disk = written();
    disk.open(FILE).unwrap().set_length(700).unwrap();
    let kept = disk.bytes(FILE);
    let (audit, opened) = open(&disk);
    assert_eq!(opened.fault, Some(Fault::AuditDamaged));
    assert_eq!(disk.bytes(FILE), kept);
    let lines = audit.tail(10).unwrap();
    assert!(lines[0].contains("damage") && lines[0].contains(&Digest::of(&kept).to_string()));
}

#[test]
fn a_file_that_vanished_is_told() {
    let disk = written();
    disk.remove(FILE).unwrap();
    let (audit, opened) = open(&disk);
    assert_eq!(opened.fault, Some(Fault::AuditDamaged));
    assert!(audit.tail(1).is_ok() && !disk.bytes("audit-00000002.jsonl").is_empty());
}

#[test]
fn another_key_does_not_sign_for_ours() {
    let disk = written();
    let seed = Secret::new([6; 32]);
    let forged = disk.bytes(FILE);
    let key = SigningKey::from_bytes(seed.reveal("test")).verifying_key();
    assert_eq!(verify(1, &forged, &key).unsigned, 16);
    let ours = SigningKey::from_bytes(&[5; 32]).verifying_key();
    assert_eq!(verify(1, &forged, &ours).unsigned, 3);
}

#[test]
fn after_a_failed_sync_the_act_is_refused_and_a_new_file_begins() {
    let disk = written();
    let (audit, _) = open(&disk);
    disk.plan(Trouble {
        step: Step::Sync,
        after: 0,
        failure: Failure::Error,
        lasting: Lasting::Once,
    });
    let refused = audit.write(&entry("refused act"), Urge::BeforeTheAct);
    assert_eq!(refused.unwrap_err().fault(), Fault::DiskError);
    audit.write(&entry("next act"), Urge::BeforeTheAct).unwrap();
    disk.crash(&mut SplitMix::new(1), Loss::Everything);
    let (audit, opened) = open(&disk);
    assert_eq!(opened.fault, None);
    let lines = audit.tail(usize::MAX).unwrap();
    assert!(lines[0].contains("failure of the disk"));
    assert!(lines.iter().any(|line| line.contains("next act")));
}

#[test]
fn every_power_cut_at_every_step_leaves_a_file_that_opens_without_alarm() {
    let steps = {
        let disk = disk();
        let (audit, _) = open(&disk);
        audit.write(&entry("one"), Urge::BeforeTheAct).unwrap();
        audit.sign(Stamp::default()).unwrap();
        disk.changes()
    };
    for step in 0..steps {
        for (seed, loss) in [(1, Loss::Everything), (2, Loss::Some), (3, Loss::Some)] {
            let disk = disk();
            disk.plan(Trouble {
                step: Step::Change,
                after: step,
                failure: Failure::PowerCut,
                lasting: Lasting::Forever,
            });
            let seed_key = Secret::new([5; 32]);
            let run = || {
                let shared = Arc::new(disk.clone());
                let (audit, _) = Audit::open(shared, &seed_key, Stamp::default())?;
                audit.write(&entry("one"), Urge::BeforeTheAct)?;
                audit.sign(Stamp::default())
            };
            assert!(run().is_err(), "step {step}");
            disk.crash(&mut SplitMix::new(seed), loss);
            let (_, opened) = open(&disk);
            assert_eq!(opened.fault, None, "step {step}, {loss:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_flip_delete_or_swap_before_the_signed_head_is_damage(
        place in 0_usize..10, kind in 0_u8..4, seed in any::<u64>(),
    ) {
        let disk = written();
        let bytes = disk.bytes(FILE);
        let mut lines: Vec<Vec<u8>> =
            bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        match kind {
            0 => {
                let mut rng = SplitMix::new(seed);
                let at = usize::try_from(rng.below(lines[place].len() as u64)).unwrap();
                lines[place][at] ^= 1 << rng.below(8);
            }
            1 => drop(lines.remove(place)),
            2 => lines.swap(place, place + 1),
            _ => {
                let copy = lines[place].clone();
                lines.insert(place, copy);
            }
        }
        let changed = lines.concat();
        disk.open(FILE).unwrap().set_length(0).unwrap();
        disk.tamper(FILE, 0, &changed);
        let (_, opened) = open(&disk);
        prop_assert_eq!(opened.fault, Some(Fault::AuditDamaged));
        prop_assert_eq!(disk.bytes(FILE), changed);
    }
}

#[test]
fn a_file_that_has_grown_large_is_followed_by_one_that_names_its_digest() {
    let disk = disk();
    let (audit, _) = open(&disk);
    let detail = "x".repeat(900);
    let mut last = 0;
    for _ in 0..100 {
        let n = audit.write(&entry(&detail), Urge::Later).unwrap();
        assert!(last < n);
        last = n;
    }
    let digest = Digest::of(&disk.bytes(FILE)).to_string();
    let lines = audit.tail(usize::MAX).unwrap();
    assert!(lines[0].contains("begin") && lines[0].contains(&digest));
    audit.flush().unwrap();
    disk.crash(&mut SplitMix::new(1), Loss::Everything);
    let (audit, opened) = open(&disk);
    assert_eq!(opened, AuditOpened::default());
    assert!(last < audit.head().0);
    assert!(audit.write(&entry(&"x".repeat(1025)), Urge::Later).is_err());
}
