//! Goal: the reader finds what is there, says so twice alike, and refuses with a word.
//! Method: a phantom whose nodules are known, in every pose; the real chest of the samples. Where
//! the network itself does not matter, a tiny one stands in that answers to bright balls.

use super::*;
use crate::image::geometry::Coverage;
use crate::image::phantom::{Phantom, PhantomSettings, Pose};
use crate::image::sample;
use crate::infer::engine::Network;
use crate::infer::tract::Tract;
use crate::model::contract::{GraphFacts, PortFacts};
use crate::model::package::tests::lung_nodule;

/// The consensus nodule of LIDC-IDRI-0001, LPS, mm (sample data's own README).
const NODULE: [f64; 3] = [56.208, 86.343, -115.868];

/// A stand-in: a cell's logit tells how much of its middle is soft tissue with lung around it.
struct Bright;

struct BrightNetwork {
    facts: GraphFacts,
    plane: [usize; 2],
}

impl Engine for Bright {
    fn load(&self, _: &[u8], plane: [usize; 2]) -> Result<Box<dyn Network>, EngineError> {
        let port = |name: &str, shape: [usize; 2]| PortFacts {
            name: name.into(),
            kind: "f32".into(),
            shape: vec![1, 1, shape[0], shape[1]],
        };
        let cells = plane.map(|side| side / 8 - 5);
        let facts =
            GraphFacts { inputs: vec![port("patch", plane)], outputs: vec![port("logit", cells)] };
        Ok(Box::new(BrightNetwork { facts, plane }))
    }
}

impl Network for BrightNetwork {
    fn facts(&self) -> &GraphFacts {
        &self.facts
    }

    fn run(&mut self, input: &[f32]) -> Result<Vec<f32>, EngineError> {
        let [rows, columns] = self.plane;
        let mean = |y: usize, x: usize, half: usize| {
            let lines = (y - half..y + half).map(|y| &input[y * columns + x - half..][..2 * half]);
            lines.flatten().sum::<f32>() / (4 * half * half) as f32
        };
        let cell = |i: usize, j: usize| {
            let (y, x) = (24 + 8 * i, 24 + 8 * j);
            // Lung is about −0.3, soft tissue 0.95.
            20.0 * (mean(y, x, 4) - 0.4) - 40.0 * (mean(y, x, 22) - 0.1).max(0.0)
        };
        let (rows, columns) = (rows / 8 - 5, columns / 8 - 5);
        Ok((0..rows * columns).map(|at| cell(at / columns, at % columns)).collect())
    }
}

fn phantom(pose: Pose) -> (Phantom, Volume) {
    let phantom = Phantom::new(PhantomSettings { slices: 20, pose, ..PhantomSettings::default() });
    let volume = sample::volume_of(&phantom);
    (phantom, volume)
}

fn read_with(volume: &Volume, engine: &dyn Engine) -> Reading {
    read(volume, &lung_nodule(), engine, &mut |_| ()).expect("a reading")
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn nearest(reading: &Reading, to: [f64; 3]) -> f64 {
    let away = reading.marks.iter().map(|mark| distance(mark.centre, to));
    away.fold(f64::INFINITY, f64::min)
}

#[test]
fn the_phantoms_nodules_are_marked_by_the_real_network() {
    let (phantom, volume) = phantom(Pose::Hfs);
    let mut steps = Vec::new();
    let reading = read(&volume, &lung_nodule(), &Tract, &mut |step| {
        steps.push(step.done);
    });
    let reading = reading.expect("a reading");
    assert_eq!(steps, (1..=20).collect::<Vec<_>>());
    for nodule in phantom.nodules() {
        let away = nearest(&reading, nodule.centre);
        assert!(away < 5.0, "{nodule:?} {away}");
    }
    assert!(reading.marks.is_sorted_by(|a, b| b.score <= a.score));
    assert_eq!(reading.heatmap.size, [20, 59, 59]);
    assert!(!reading.pictures.is_empty());
    for picture in &reading.pictures {
        assert!(!picture.marks.is_empty());
    }
}

#[test]
fn the_same_patient_has_the_same_marks_in_every_pose() {
    let (truth, volume) = phantom(Pose::Hfs);
    let reading = read_with(&volume, &Bright);
    let mut found = truth.nodules().to_vec();
    found.retain(|nodule| nearest(&reading, nodule.centre) < 5.0);
    // The stand-in is no network: it must see the large ones, that is all.
    assert!(2 <= found.len(), "{found:?}");
    for pose in Pose::ALL.into_iter().filter(|pose| *pose != Pose::Hfs) {
        let (_, volume) = phantom(pose);
        let other = read_with(&volume, &Bright);
        assert_eq!(other.marks.len(), reading.marks.len(), "{pose:?}");
        for nodule in &found {
            assert!(nearest(&other, nodule.centre) < 5.0, "{pose:?} {nodule:?}");
        }
        for mark in &other.marks {
            let at = volume.grid.from_source(mark.at).expect("inside");
            let back = volume.grid.to_patient(at.map(|place| place as f64));
            assert!(distance(back, mark.centre) < 2.0, "{pose:?}");
        }
    }
}

#[test]
fn two_readings_are_the_same_bits() {
    let (_, volume) = phantom(Pose::Ffs);
    assert_eq!(read_with(&volume, &Bright), read_with(&volume, &Bright));
}

#[test]
fn slices_far_from_the_lungs_are_not_run_and_change_nothing() {
    let region = [false, false, false, true, false, false, false];
    let want = [false, true, true, true, true, true, false];
    assert_eq!(wanted(&region, [7, 1, 1], 2), want);
    assert_eq!(wanted(&region, [7, 1, 1], 0), region);
    assert_eq!(wanted(&[], [0, 1, 1], 2), Vec::<bool>::new());
}

#[test]
fn a_series_without_lungs_is_refused_with_a_word() {
    let (_, mut volume) = phantom(Pose::Hfs);
    volume.hu.fill(40);
    let error = read(&volume, &lung_nodule(), &Bright, &mut |_| ()).expect_err("no lungs");
    assert_eq!(error.word(), "no-lungs");
}

/// The slices of the samples' chest within 30 mm of its nodule: all of them take minutes here.
fn chest_around_the_nodule() -> Option<Volume> {
    let mut samples = sample::series("ct-chest-lidc0001-ge")?;
    samples.retain(|sample| {
        let position = sample.facts.position;
        position.is_some_and(|[_, _, z]| (z - NODULE[2]).abs() < 30.0)
    });
    let facts: Vec<_> = samples.iter().map(|sample| sample.facts.clone()).collect();
    let frames: Vec<_> = samples.iter().map(sample::Sample::frame).collect();
    Some(Volume::build(&Coverage::of(&facts), &facts, &frames).expect("an even stack"))
}

#[test]
fn the_first_mark_on_a_real_chest_is_its_nodule() {
    let Some(volume) = chest_around_the_nodule() else {
        return;
    };
    let reading = read_with(&volume, &Tract);
    let first = reading.marks.first().expect("a mark");
    assert!(distance(first.centre, NODULE) < 5.0, "{:?}", first.centre);
    let Extent::Measured(found) = &first.extent else {
        panic!("{:?}", first.extent);
    };
    // The consensus diameter is 23.35 mm; a longest axis is longer than the mean of four readers.
    assert!((20.0..30.0).contains(&found.long_axis.0), "{:?}", found.long_axis);
}
