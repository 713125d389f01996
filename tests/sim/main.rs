//! A whole clinic in one thread from one seed: scanner, box and archives on a clock, wires and a
//! disk that fail.
//!
//! Goal: whatever the scanner was told is safe reaches every archive, through power cuts, broken
//! lines, refusals, a full disk, a lost ledger. Method: the production parts on simulated edges;
//! then the world heals and is compared with what was sent. A failure names its seed, and the
//! seed is the whole of what it takes to see it again.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may"
)]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::wildcard_enum_match_arm,
    clippy::allow_attributes,
    reason = "the modules of a test are read as a whole"
)]

mod archive;
mod clinic;
mod station;
mod world;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use archive::Archive;
use world::World;

const SEEDS: u64 = 500;

/// Runs one seed and says what is wrong, if anything.
fn check(seed: u64, is_sick: bool) -> Result<World, String> {
    let run = AssertUnwindSafe(|| {
        let mut world = World::new(seed, is_sick);
        world.run().and_then(|()| verdict(&world)).map(|()| world)
    });
    let run = catch_unwind(run).unwrap_or_else(|_| Err("a part panicked, see above".to_owned()));
    run.map_err(|wrong| format!("seed {seed}: {wrong}"))
}

fn verdict(world: &World) -> Result<(), String> {
    for (name, archive) in clinic::ARCHIVES.iter().zip(&world.archives) {
        let lost: Vec<_> =
            world.told.iter().filter(|content| archive.counts[**content] == 0).collect();
        if !lost.is_empty() {
            return Err(format!("I1: told safe, and not at {name}: {lost:?}"));
        }
        if archive.strange {
            return Err(format!("{name} got bytes that nobody sent"));
        }
        if let Some(content) =
            (0..archive.counts.len()).find(|at| archive.allowed[*at] < archive.counts[*at])
        {
            let (came, may) = (archive.counts[content], archive.allowed[content]);
            return Err(format!("I2: {content} came {came} times to {name}, may {may}"));
        }
        in_order(world, archive).map_err(|wrong| format!("{wrong} at {name}"))?;
    }
    if !world.is_scanner_done() {
        return Err("the scanner still waits for an answer".to_owned());
    }
    Ok(())
}

/// First arrivals are in the order of sealing within a study, but for instances that were in
/// trouble; and versions are in theirs always.
fn in_order(world: &World, archive: &Archive) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let firsts = archive.arrivals.iter().copied().filter(|content| seen.insert(*content));
    let firsts: Vec<usize> = firsts.collect();
    let place = |content: usize| world.order.iter().position(|sealed| *sealed == content);
    let troubled = archive.troubles.iter().filter(|(_, count)| 1 < **count);
    let excused: BTreeSet<_> =
        troubled.filter_map(|(delivery, _)| archive.owners.get(delivery)).collect();
    for (at, later) in firsts.iter().enumerate() {
        for earlier in &firsts[..at] {
            let (one, two) = (&world.plan.contents[*earlier], &world.plan.contents[*later]);
            if one.instance == two.instance && two.version < one.version {
                return Err(format!("version {later} came behind its successor {earlier}"));
            }
            let counts = |content: &clinic::Content, index: &usize| {
                content.version == 0
                    && !excused.contains(&content.instance)
                    && !world.unsure.contains(index)
            };
            let compare = one.study == two.study && counts(one, earlier) && counts(two, later);
            if compare && place(*later) < place(*earlier) {
                return Err(format!("{earlier} came before {later}"));
            }
        }
    }
    Ok(())
}

#[test]
fn i1_nothing_is_lost_and_nothing_comes_twice_while_nothing_fails() {
    for seed in 0..20 {
        let world = check(seed, false).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(!world.told.is_empty(), "seed {seed}: something was sent");
    }
}

/// Runs half of the seeds in each of two threads; a run itself is one thread.
#[test]
fn i1_nothing_told_safe_is_lost() {
    let half = |rest: u64| {
        let mut sums = (0, 0, 0);
        for seed in (rest..SEEDS).step_by(2) {
            let world = check(seed, true).unwrap_or_else(|wrong| panic!("{wrong}"));
            sums = (sums.0 + world.events, sums.1 + world.cuts, sums.2 + world.lost_ledgers());
        }
        sums
    };
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        (half(0), other.join().expect("see above for the seed"))
    });
    let (events, cuts, ledgers) = (one.0 + two.0, one.1 + two.1, one.2 + two.2);
    println!("{SEEDS} seeds, {events} events, {cuts} power cuts, {ledgers} ledgers lost");
    assert!(SEEDS < cuts && SEEDS / 10 < ledgers, "the faults do happen");
}

#[test]
fn i9_nothing_spins_and_the_healed_clinic_comes_to_rest() {
    for seed in 0..20 {
        let world = check(seed, true).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(world.is_at_rest(), "seed {seed}: hours later something still happens");
    }
}

#[test]
fn i8_the_same_seed_gives_the_same_run() {
    for seed in [7, 8, 9] {
        let digest = || check(seed, true).map(|world| world.digest());
        assert_eq!(digest(), digest(), "seed {seed}");
    }
}

/// A check that finds no planted fault finds no real one.
#[cfg(feature = "planted-faults")]
#[test]
fn each_planted_fault_is_found() {
    use scanpost::base::plant::{Plant, plant_in_thread};

    for (fault, name) in Plant::ALL {
        plant_in_thread(Some(fault));
        let found = (0..SEEDS).find_map(|seed| check(seed, true).err());
        plant_in_thread(None);
        let found = found.unwrap_or_else(|| panic!("{name} is not found"));
        assert!(!found.contains("spins"), "{name} is found by what it does: {found}");
        println!("{name}: {found}");
    }
}
