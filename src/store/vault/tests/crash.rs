//! The power is cut before every single write, sync and change of names of a whole life.
//!
//! What was acknowledged must be there, whole and readable; what was not may be there whole or
//! not at all; nothing of it is damage; and the next start works as if nothing had happened.

use super::*;
use crate::store::disk::memory::{Failure, Lasting, Loss, Step, Trouble};

/// What the senders were told.
#[derive(Default)]
struct Told {
    safe: Vec<(Sealed, Vec<u8>)>,
    sent: Vec<Vec<u8>>,
    /// Studies whose erasure was decided; their records may be there or not.
    doomed: Vec<&'static str>,
    /// Slabs whose recycling was decided.
    given_up: Vec<u32>,
    starts: Vec<u32>,
}

impl Told {
    fn store(&mut self, node: &TestBox, study: &str, length: usize) -> Result<(), VaultError> {
        let bytes = pattern(self.sent.len() as u64 + 1, length);
        self.sent.push(bytes.clone());
        let (_, sealed) = node.store(study, &bytes)?;
        self.safe.push((sealed, bytes));
        Ok(())
    }
}

/// Small slabs: a life is lived some hundred times.
const SMALL: u64 = 64 * 1024;

fn start(disk: &MemoryDisk, ledger: &TestLedger) -> Result<TestBox, VaultError> {
    let settings = VaultSettings { slab_bytes: SMALL, ..settings() };
    start_with(disk, ledger, settings)
}

fn study_of(sealed: &Sealed) -> &str {
    let Content::Object(object) = &sealed.content else {
        panic!("only objects live here");
    };
    object.identity.study.as_ref().unwrap().as_str()
}

/// A life with all that changes the disk: two studies, a rewind, a record that outgrows its slab,
/// a restart, an erasure, a slab used again.
fn live(disk: &MemoryDisk, told: &mut Told) -> Result<(), VaultError> {
    let node = start(disk, &TestLedger::default())?;
    told.starts.push(node.opened.start);
    told.store(&node, "1.1", 1000)?;
    told.store(&node, "1.2", 20_000)?;
    let mut rewound = node.vault.begin(Kind::Object)?;
    rewound.append(&pattern(99, 70_000))?;
    node.vault.roll_back(rewound)?;
    told.store(&node, "1.1", 75_000)?;
    let ledger = TestLedger { start: node.opened.start, marks: BTreeMap::new() };
    drop(node);
    let node = start(disk, &ledger)?;
    told.starts.push(node.opened.start);
    told.store(&node, "1.3", 5000)?;
    told.doomed.push("1.2");
    let newest = node.found.iter().map(|sealed| sealed.arrival).max();
    node.vault.erase(KeyName::Study(&uid("1.2")), newest)?;
    let full = node.vault.slabs().into_iter().find(|slab| SMALL < slab.end);
    let full = full.unwrap();
    told.given_up.push(full.slab);
    node.vault.recycle(full.slab, full.end)?;
    told.store(&node, "1.4", 6000)?;
    told.store(&node, "1.2", 40)
}

fn steps() -> u64 {
    let disk = new_disk();
    live(&disk, &mut Told::default()).unwrap();
    disk.changes()
}

fn check(disk: &MemoryDisk, told: &Told, what: &str) {
    let node = start(disk, &TestLedger::default()).unwrap_or_else(|e| panic!("{what}: {e:?}"));
    assert_eq!(node.recovery.damaged, [], "{what}");
    assert_eq!(node.recovery.keyless, 0, "{what}");
    let next = node.opened.start;
    assert!(told.starts.iter().all(|start| *start < next), "{what}");
    for (sealed, bytes) in &told.safe {
        let doomed = told.doomed.contains(&study_of(sealed))
            || told.given_up.contains(&sealed.location.slab);
        match node.found(sealed.number) {
            Some(found) => {
                assert_eq!(found, sealed, "{what}");
                assert_eq!(node.read(found).unwrap(), *bytes, "{what}");
            }
            None => assert!(doomed, "{what}: {:?} was told safe and is gone", sealed.number),
        }
    }
    for found in &node.found {
        let bytes = node.read(found).unwrap();
        assert!(told.sent.contains(&bytes), "{what}: {:?} was never sent", found.number);
    }
    node.vault.retire_keys(&node.recovery).unwrap();
    let (_, sealed) = node.store("1.9", b"after the cut").unwrap();
    assert_eq!(node.read(&sealed).unwrap(), b"after the cut", "{what}");
    let before: Vec<_> = node.found.iter().map(|sealed| sealed.number).collect();
    assert!(!before.contains(&sealed.number), "{what}: a number was drawn twice");
    drop(node);
    let again = start(disk, &TestLedger::default()).unwrap();
    for (number, bytes) in before.iter().map(|number| (number, again.found(*number))) {
        assert!(bytes.is_some(), "{what}: {number} vanished at the second start");
    }
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_that_was_told_safe() {
    for step in 0..steps() {
        for (seed, loss) in [(1, Loss::Everything), (2, Loss::Some)] {
            let disk = new_disk();
            disk.plan(Trouble {
                step: Step::Change,
                after: step,
                failure: Failure::PowerCut,
                lasting: Lasting::Forever,
            });
            let mut told = Told::default();
            assert!(live(&disk, &mut told).is_err(), "step {step}");
            disk.crash(&mut SplitMix::new(seed * 1000 + step), loss);
            check(&disk, &told, &format!("step {step}, {loss:?}"));
        }
    }
}

#[test]
fn a_process_that_dies_at_any_step_loses_nothing_that_was_told_safe() {
    for step in 0..steps() {
        let disk = new_disk();
        disk.plan(Trouble {
            step: Step::Change,
            after: step,
            failure: Failure::PowerCut,
            lasting: Lasting::Forever,
        });
        let mut told = Told::default();
        assert!(live(&disk, &mut told).is_err(), "step {step}");
        disk.heal();
        check(&disk, &told, &format!("step {step}"));
    }
}

#[test]
fn the_harness_finds_a_sync_that_is_left_out() {
    // The disk says yes to every sync of a file and does nothing: records told safe are lost.
    let disk = new_disk();
    let mut told = Told::default();
    disk.ignore_syncs();
    let node = start(&disk, &TestLedger::default()).unwrap();
    told.store(&node, "1.1", 1000).unwrap();
    drop(node);
    disk.crash(&mut SplitMix::new(1), Loss::Everything);
    let node = start(&disk, &TestLedger::default());
    assert!(node.is_err() || node.unwrap().found.is_empty());
}
