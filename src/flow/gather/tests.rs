//! Goal: every series becomes whole once per revision, when the table says so. Method: the table
//! row by row, then random histories against the invariants.

use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1000 * MS)
}

const STUDY: StudyRow = StudyRow(1);
const SERIES: SeriesRow = SeriesRow(1);

fn settings() -> config::Gather {
    config::Config::parse("").unwrap().gather
}

/// A machine with one series of one study, and short names for what happens to it.
struct One {
    gather: Gather,
    arrivals: u64,
}

impl One {
    fn new() -> Self {
        Self { gather: Gather::new(settings()), arrivals: 0 }
    }

    fn arrive(&mut self, seconds: u64) {
        self.arrivals += 1;
        let arrival = Arrival(self.arrivals);
        self.gather.arrived(at(seconds), STUDY, SERIES, arrival);
    }

    fn say(&mut self, complete: Complete) {
        let (slices, up_to) = (9, Arrival(self.arrivals));
        let fact = Coverage { slices, complete };
        self.gather.coverage(STUDY, SERIES, up_to, fact);
    }

    /// Steps second by second; returns when it became whole, and why.
    fn run(&mut self, from: u64, to: u64) -> Option<(u64, Whole)> {
        for second in from..=to {
            let whole = self.gather.due(at(second)).pop();
            if let Some(whole) = whole {
                return Some((second, whole));
            }
        }
        None
    }
}

#[test]
fn every_row_of_the_table_holds() {
    let rows = [
        (Some(Complete::Even), true, 10, Why::Released),
        (Some(Complete::Even), false, 60, Why::Quiet),
        (Some(Complete::Gap), true, 900, Why::Incomplete),
        (Some(Complete::Gap), false, 900, Why::Incomplete),
        (Some(Complete::Unknown), true, 60, Why::Quiet),
        (Some(Complete::Unknown), false, 60, Why::Quiet),
        (None, true, 60, Why::Quiet),
        (None, false, 60, Why::Quiet),
    ];
    for (complete, released, seconds, why) in rows {
        let mut one = One::new();
        one.arrive(5);
        if let Some(complete) = complete {
            one.say(complete);
        }
        if released {
            one.gather.released(STUDY);
        }
        let (second, whole) = one.run(5, 2000).unwrap();
        assert_eq!((second, whole.why), (5 + seconds, why), "{complete:?}");
        assert_eq!(one.gather.deadline(), None);
    }
}

#[test]
fn a_release_counts_only_until_the_next_slice() {
    let mut one = One::new();
    for second in 0..5 {
        one.arrive(second);
        one.gather.released(STUDY);
    }
    one.arrive(5);
    one.say(Complete::Even);
    assert_eq!(one.run(5, 64), None);
    assert_eq!(one.run(65, 65).unwrap().1.why, Why::Quiet);
}

#[test]
fn a_release_of_another_study_is_no_evidence() {
    let mut one = One::new();
    one.arrive(0);
    one.say(Complete::Even);
    one.gather.released(StudyRow(2));
    assert_eq!(one.run(0, 59), None);
}

#[test]
fn an_instance_told_twice_does_not_begin_the_silence_again() {
    let mut one = One::new();
    one.arrive(0);
    one.gather.arrived(at(50), STUDY, SERIES, Arrival(1));
    assert_eq!(one.run(0, 2000).unwrap().0, 60);
    one.gather.arrived(at(70), STUDY, SERIES, Arrival(1));
    assert_eq!(one.gather.deadline(), None);
}

#[test]
fn a_late_slice_makes_it_whole_once_more() {
    let mut one = One::new();
    one.arrive(0);
    assert_eq!(one.run(0, 60).unwrap().1.up_to, Arrival(1));
    one.arrive(500);
    let (second, whole) = one.run(500, 2000).unwrap();
    assert_eq!((second, whole.up_to), (560, Arrival(2)));
}

#[test]
fn a_gap_that_fills_up_is_whole_and_not_incomplete() {
    let mut one = One::new();
    one.arrive(0);
    one.say(Complete::Gap);
    one.arrive(600);
    one.say(Complete::Even);
    let (second, whole) = one.run(600, 3000).unwrap();
    assert_eq!((second, whole.why), (660, Why::Quiet));
}

#[test]
fn an_answer_about_fewer_slices_than_have_come_is_ignored() {
    let mut one = One::new();
    one.arrive(0);
    let fact = Coverage { slices: 1, complete: Complete::Even };
    one.arrive(1);
    one.gather.coverage(STUDY, SERIES, Arrival(1), fact);
    assert_eq!(one.run(0, 100).unwrap().1.coverage, None);
}

#[test]
fn after_a_boot_the_full_silence_begins_again_for_what_came_late() {
    let mut gather = Gather::new(settings());
    gather.was_whole(STUDY, SERIES, Arrival(7));
    gather.arrived(at(3), STUDY, SERIES, Arrival(7));
    assert_eq!(gather.deadline(), None);
    gather.arrived(at(3), STUDY, SERIES, Arrival(8));
    assert!(gather.due(at(62)).is_empty());
    let wholes = gather.due(at(63));
    assert_eq!((wholes.len(), wholes[0].up_to), (1, Arrival(8)));
}

#[test]
fn geometry_is_asked_once_per_silence() {
    let mut one = One::new();
    for second in 0..5 {
        one.arrive(second);
        assert!(one.gather.looks(at(second)).is_empty());
    }
    assert_eq!(one.gather.deadline(), Some(at(14)));
    assert_eq!(one.gather.looks(at(14)), [(STUDY, SERIES)]);
    assert!(one.gather.looks(at(15)).is_empty());
    assert_eq!(one.gather.deadline(), Some(at(64)));
    one.arrive(20);
    assert_eq!(one.gather.looks(at(30)).len(), 1);
}

#[test]
fn an_erased_study_is_forgotten() {
    let mut one = One::new();
    one.arrive(0);
    one.gather.forget(STUDY);
    assert!(!one.gather.is_open(STUDY) && one.gather.open() == 0);
    assert_eq!(one.run(0, 100), None);
}

/// What can happen to one of six series.
#[derive(Clone, Debug)]
enum Happens {
    Arrive(u8),
    Release(u8),
    Say(u8, Complete),
}

fn happens() -> impl Strategy<Value = Happens> {
    let complete = prop_oneof![Just(Complete::Even), Just(Complete::Gap), Just(Complete::Unknown)];
    prop_oneof![
        4 => (0_u8..6).prop_map(Happens::Arrive),
        1 => (0_u8..2).prop_map(Happens::Release),
        2 => ((0_u8..6), complete).prop_map(|(series, complete)| Happens::Say(series, complete)),
    ]
}

proptest! {
    #[test]
    fn every_arrival_is_in_exactly_one_whole_and_deadlines_lead_somewhere(
        history in prop::collection::vec((happens(), 0_u64..200), 1..80)
    ) {
        let mut gather = Gather::new(settings());
        let study = |series: u8| StudyRow(i64::from(series % 2));
        let name = |series: u8| SeriesRow(i64::from(series));
        let (mut now, mut count) = (0, 0);
        let mut last = BTreeMap::new();
        let mut wholes: Vec<Whole> = Vec::new();
        let mut wakes = 0;
        let end = (Happens::Release(0), 100_000);
        for (event, pause) in history.iter().chain([&end]) {
            match event {
                Happens::Arrive(series) => {
                    count += 1;
                    last.insert(name(*series), Arrival(count));
                    gather.arrived(at(now), study(*series), name(*series), Arrival(count));
                }
                Happens::Release(series) => gather.released(study(*series)),
                Happens::Say(series, complete) => {
                    let fact = Coverage { slices: 1, complete: *complete };
                    gather.coverage(study(*series), name(*series), Arrival(count), fact);
                }
            }
            let until = at(now + pause);
            gather.looks(at(now));
            wholes.extend(gather.due(at(now)));
            while let Some(deadline) = gather.deadline().filter(|deadline| *deadline <= until) {
                wakes += 1;
                gather.looks(deadline);
                wholes.extend(gather.due(deadline));
                prop_assert!(gather.deadline().is_none_or(|next| deadline < next));
            }
            now += pause;
        }
        prop_assert!(wakes <= 4 * history.len(), "{wakes} wakes");
        prop_assert_eq!(gather.open(), 0);
        for (series, arrival) in last {
            let of: Vec<_> = wholes.iter().filter(|whole| whole.series == series).collect();
            prop_assert_eq!(of.last().unwrap().up_to, arrival);
            prop_assert!(of.is_sorted_by(|a, b| a.up_to < b.up_to));
        }
    }
}
