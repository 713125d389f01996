//! A whole clinic in one thread from one seed: scanner, box and archives on a clock, wires and a
//! disk that fail.
//!
//! Goal: whatever the scanner was told is safe reaches every archive, and every whole study is read
//! once and its results arrive, through power cuts, broken lines, refusals, a full disk, a lost
//! ledger and a reader that dies. Method: the production parts on simulated edges;
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
    clippy::unwrap_in_result,
    clippy::wildcard_enum_match_arm,
    clippy::allow_attributes,
    reason = "the modules of a test are read as a whole"
)]

mod archive;
mod clinic;
mod results;
mod shelf;
mod station;
mod verdict;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use verdict::verdict;
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

#[test]
fn i1_nothing_is_lost_and_nothing_comes_twice_while_nothing_fails() {
    for seed in 0..20 {
        let world = check(seed, false).unwrap_or_else(|wrong| panic!("{wrong}"));
        let told = (world.told.is_empty(), world.results.documents);
        assert!(!told.0 && 0 < told.1, "seed {seed}: something was sent and read");
    }
}

/// What many runs came to.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    events: u64,
    cuts: u64,
    ledgers: u64,
    whole: u64,
    jobs: u64,
    documents: u64,
    deaths: u64,
    resent: usize,
}

impl Totals {
    fn of(world: &World) -> Self {
        let results = &world.results;
        Self {
            events: world.events,
            cuts: world.cuts,
            ledgers: world.lost_ledgers(),
            whole: results.whole,
            jobs: results.jobs,
            documents: results.documents,
            deaths: results.deaths,
            resent: world.resent,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            events: self.events + other.events,
            cuts: self.cuts + other.cuts,
            ledgers: self.ledgers + other.ledgers,
            whole: self.whole + other.whole,
            jobs: self.jobs + other.jobs,
            documents: self.documents + other.documents,
            deaths: self.deaths + other.deaths,
            resent: self.resent + other.resent,
        }
    }
}

/// Runs half of the seeds in each of two threads; a run itself is one thread.
#[test]
fn i1_i3_nothing_told_safe_is_lost_and_every_study_is_read_once() {
    let half = |rest: u64| {
        let mut totals = Totals::default();
        for seed in (rest..SEEDS).step_by(2) {
            let world = check(seed, true).unwrap_or_else(|wrong| panic!("{wrong}"));
            totals = totals.and(Totals::of(&world));
        }
        totals
    };
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        (half(0), other.join().expect("see above for the seed"))
    });
    let totals = one.and(two);
    println!("{SEEDS} seeds: {totals:?}");
    let Totals { events, cuts, ledgers, whole, jobs, documents, deaths, resent } = totals;
    assert!(0 < resent, "nothing was ever parked: {totals:?}");
    for (count, least) in [
        (events, 100 * SEEDS),
        (cuts, SEEDS),
        (ledgers, SEEDS / 10),
        (whole, 2 * SEEDS),
        (jobs, 2 * SEEDS),
        (documents, 2 * SEEDS),
        (deaths, SEEDS / 10),
    ] {
        assert!(least < count, "a vacuous run: {totals:?}");
    }
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
