//! Goal: a worker gives what this process would give, is held from outside by what it says, and
//! whatever becomes of it, the box lives and says whose fault it was.
//!
//! Method: real processes. Workers that misbehave are scripts in the worker's place; what a
//! confined process can do is tried by this test binary, executed again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    reason = "a test may panic and lays out its own files"
)]

mod fixture;
mod graph;
mod inside;
mod outside;
mod strangers;

use fixture::{case, package, parts, worker};
use scanpost::image::phantom::Pose;
use scanpost::infer::reading;
use scanpost::infer::tract::Tract;
use scanpost::node::worker::{Answer, Died, Refused, Slices, Worker, WorkerError};

/// Slices of a series with marks; each costs half a second in each process.
const SLICES: usize = 8;

/// Reads in a worker; returns what it said.
fn read(worker: &Worker, series: fixture::Series) -> Result<Answer, WorkerError> {
    let boxed: Box<dyn Slices> = Box::new(series);
    let read = smol::block_on(worker.read(&package(), boxed, &mut |_| ()));
    read.map(|(answer, _)| answer)
}

#[test]
fn a_worker_reads_what_this_process_reads_to_the_bit() {
    let case = case(SLICES, Pose::Ffs);
    let mut here = Vec::new();
    let volume = case.volume();
    let expected = reading::read(&volume, &package(), &Tract, &mut |step| here.push(step));
    let expected = expected.expect("a reading");
    assert!(!expected.marks.is_empty(), "there is something to compare");
    let mut there = Vec::new();
    let series: Box<dyn Slices> = Box::new(case.series);
    let read = smol::block_on(worker().read(&package(), series, &mut |step| there.push(step)));
    let (answer, _) = read.expect("an answer");
    assert_eq!(answer, Answer::Read(Box::new(expected)));
    assert_eq!(there, here);
}

#[test]
fn the_golden_case_passes_and_a_package_that_is_not_whole_is_bad_with_its_reason() {
    let agreement = smol::block_on(worker().golden(&parts())).expect("the golden case");
    assert_eq!(agreement.values, 121);
    let mut parts = parts();
    parts.get_mut("model.onnx").expect("a graph")[1000] ^= 1;
    let error = smol::block_on(worker().golden(&parts)).expect_err("not whole");
    let WorkerError::Bad(text) = error else { panic!("{error:?}") };
    assert!(text.contains("model.onnx has BLAKE3"), "{text}");
}

#[test]
fn an_instance_that_is_cut_or_garbage_or_another_is_not_decoded_and_kills_nobody() {
    let whole = case(3, Pose::Hfs).series;
    let not_decoded = |change: &dyn Fn(&mut fixture::Series)| {
        let mut series = whole.clone();
        change(&mut series);
        match read(&worker(), series) {
            Ok(Answer::NotRead(refused)) => refused,
            other => panic!("{other:?}"),
        }
    };
    let cut = not_decoded(&|series| series.instances[1].bytes.truncate(200_000));
    let garbage = not_decoded(&|series| series.instances[1].bytes = vec![0xa5; 100_000]);
    let empty = not_decoded(&|series| series.instances[1].bytes.clear());
    let other = not_decoded(&|series| series.instances.swap(0, 1));
    let compressed = not_decoded(&|series| series.instances[2].syntax = "1.2.840.10008.1.2.4.90");
    for refused in [cut, garbage, empty, other, compressed] {
        assert_eq!(refused, Refused::NotDecoded);
    }
    let gap = not_decoded(&|series| {
        series.facts[2].position.as_mut().expect("a place")[2] -= 40.0;
    });
    assert!(matches!(gap, Refused::Geometry(_)), "{gap:?}");
}

#[test]
fn a_series_without_lungs_is_not_read_and_says_so() {
    let answer = read(&worker(), fixture::without_lungs(3).series);
    assert!(matches!(answer, Ok(Answer::NotRead(Refused::NoRegion))), "{answer:?}");
}

#[test]
fn a_series_that_no_memory_holds_is_refused_and_comes_back() {
    let mut series = case(3, Pose::Hfs).series;
    let [first, second] = [0, 1].map(|index: usize| series.facts[index].position.expect("a place"));
    let step = second[2] - first[2];
    series.facts = (0..1500)
        .map(|index| {
            let mut facts = series.facts[0].clone();
            let place = [first[0], first[1], first[2] + step * f64::from(index)];
            facts.position = Some(place);
            facts
        })
        .collect();
    let series: Box<dyn Slices> = Box::new(series);
    let read = smol::block_on(worker().read(&package(), series, &mut |_| ()));
    let (answer, series) = read.expect("an answer");
    assert_eq!(answer, Answer::NotRead(Refused::TooLarge));
    assert_eq!(series.facts().len(), 1500, "the series comes back");
}

#[test]
fn a_graph_that_wants_all_memory_is_bad_or_dies_and_the_box_lives() {
    let package = graph::with_graph(&graph::greedy());
    match smol::block_on(worker().golden(&package)) {
        Err(WorkerError::Bad(text)) => assert!(text.contains("panicked"), "{text}"),
        Err(WorkerError::Died(Died::Signal { .. } | Died::Exit { .. })) => {}
        other => panic!("{other:?}"),
    }
}
