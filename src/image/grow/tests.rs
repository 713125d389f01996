//! Goal: an outline is the nodule, not what it hangs on, and what cannot be measured says why.
//! Method: drawn nodules with one neighbour each, phantoms, four readers of a real nodule.

use std::collections::BTreeSet;

use super::*;
use crate::image::phantom::{Phantom, PhantomSettings};
use crate::image::sample;
use crate::image::volume::Grid;

type Place = [f64; 3];

/// A lung of 110 mm in tissue, voxels of 1.25 × 0.7 × 0.7 mm, with `hu` drawn into it.
fn drawn(hu: impl Fn(Place) -> Option<i16>) -> Volume {
    let grid = Grid {
        size: [96, 180, 180],
        spacing: [1.25, 0.7, 0.7],
        origin: [0.0; 3],
        x_axis: [1.0, 0.0, 0.0],
        y_axis: [0.0, 1.0, 0.0],
        z_axis: [0.0, 0.0, 1.0],
        slices: (0..96).rev().collect(),
        flip_x: true,
        flip_y: false,
    };
    let mut values = Vec::with_capacity(grid.len());
    for n in 0..grid.len() {
        let at = grid.to_patient([n / (180 * 180), n / 180 % 180, n % 180].map(|n| n as f64));
        let lung = if ball(at, MIDDLE, 55.0) { -850 } else { 40 };
        values.push(hu(at).unwrap_or(lung));
    }
    Volume { grid, hu: values }
}

const MIDDLE: Place = [63.0, 63.0, 60.0];

fn ball(at: Place, centre: Place, radius: f64) -> bool {
    distance(at, centre) < radius
}

fn distance(a: Place, b: Place) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

fn grown(volume: &Volume, hit: Place) -> Extent {
    grow(volume, &LungMask::of(volume).unwrap(), hit)
}

fn measured(volume: &Volume, hit: Place) -> Measured {
    match grown(volume, hit) {
        Extent::Measured(measured) => measured,
        Extent::NotMeasured(why) => panic!("not measured: {why:?}"),
    }
}

/// Voxels of a mask, each once.
fn voxels(grid: &Grid, mask: &Mask) -> BTreeSet<[usize; 3]> {
    let pixels = mask.0.iter().flat_map(|run| {
        (run.first..run.first + run.count).map(|column| SourceVoxel {
            slice: run.slice,
            row: run.row,
            column,
        })
    });
    pixels.map(|at| grid.from_source(at).unwrap()).collect()
}

/// Dice of a mask against what `inside` says of every voxel of a box of 40 voxels around it.
fn dice(grid: &Grid, mask: &Mask, inside: impl Fn([usize; 3]) -> bool) -> f64 {
    let grown = voxels(grid, mask);
    let range = |i: usize| {
        let low = grown.iter().map(|at| at[i]).min().unwrap();
        let high = grown.iter().map(|at| at[i]).max().unwrap();
        low.saturating_sub(40)..(high + 40).min(grid.size[i])
    };
    let (mut both, mut truth) = (0_usize, 0_usize);
    for z in range(0) {
        for y in range(1) {
            for x in range(2) {
                let real = inside([z, y, x]);
                truth += usize::from(real);
                both += usize::from(real && grown.contains(&[z, y, x]));
            }
        }
    }
    2.0 * both as f64 / (grown.len() + truth) as f64
}

fn dice_of_ball(volume: &Volume, mask: &Mask, centre: Place, radius: f64) -> f64 {
    let grid = &volume.grid;
    dice(grid, mask, |at| ball(grid.to_patient(at.map(|n| n as f64)), centre, radius))
}

#[test]
fn a_ball_is_found_from_a_hit_beside_it() {
    let centre = [63.0, 63.0, 60.0];
    let volume = drawn(|at| ball(at, centre, 6.0).then_some(40));
    for hit in [centre, [68.0, 60.0, 60.0], [63.0, 58.0, 63.0]] {
        let found = measured(&volume, hit);
        assert!(0.98 < dice_of_ball(&volume, &found.mask, centre, 6.0));
        assert!((found.long_axis.0 - 12.0).abs() < 0.8, "{:?}", found.long_axis);
        assert!((found.volume.0 - 0.905).abs() < 0.05, "{:?}", found.volume);
        assert!((found.mean.0 - 40.0).abs() < 1e-3);
    }
}

#[test]
fn the_long_axis_lies_in_one_slice_and_is_as_long_as_its_ends_are_apart() {
    let volume = drawn(|at| {
        let way = [0, 1, 2].map(|i| at[i] - MIDDLE[i]);
        let length = (way[0] + way[1]).abs() / 2.0_f64.sqrt();
        let across = (way[0] - way[1]) / 2.0_f64.sqrt();
        (length / 10.0).hypot(across.hypot(way[2]) / 5.0).lt(&1.0).then_some(40)
    });
    let found = measured(&volume, MIDDLE);
    let [a, b] = found.long_axis_ends;
    assert_eq!(a.slice, b.slice);
    let apart = (f64::from(a.row.abs_diff(b.row)) * 0.7)
        .hypot(f64::from(a.column.abs_diff(b.column)) * 0.7);
    assert!((apart - found.long_axis.0).abs() < 1e-9);
    assert!((found.long_axis.0 - 20.0).abs() < 1.2, "{:?}", found.long_axis);
    let ends = voxels(&volume.grid, &found.mask);
    assert!([a, b].iter().all(|end| ends.contains(&volume.grid.from_source(*end).unwrap())));
}

#[test]
fn runs_are_sorted_and_do_not_touch() {
    let volume = drawn(|at| ball(at, MIDDLE, 6.0).then_some(40));
    let runs = measured(&volume, MIDDLE).mask.0;
    for pair in runs.windows(2) {
        let same = (pair[0].slice, pair[0].row) == (pair[1].slice, pair[1].row);
        assert!(pair[0] < pair[1]);
        assert!(!same || pair[0].first + pair[0].count < pair[1].first);
    }
}

#[test]
fn vessels_that_feed_a_nodule_are_cut_off() {
    let tube = |at: Place| (at[1] - 63.0).hypot(at[2] - 60.0) < 1.8;
    let volume = drawn(|at| (ball(at, MIDDLE, 7.0) || tube(at)).then_some(40));
    let found = measured(&volume, MIDDLE);
    let dice = dice_of_ball(&volume, &found.mask, MIDDLE, 7.0);
    assert!(0.95 < dice, "{dice}");
    assert!(found.long_axis.0 < 16.0, "{:?}", found.long_axis);
}

#[test]
fn a_nodule_at_the_wall_is_cut_from_the_wall() {
    let centre = [63.0, 63.0 + 50.0, 60.0];
    let volume = drawn(|at| ball(at, centre, 7.0).then_some(40));
    let found = measured(&volume, centre);
    let grid = &volume.grid;
    let dice = dice(grid, &found.mask, |at| {
        let at = grid.to_patient(at.map(|n| n as f64));
        ball(at, centre, 7.0) && ball(at, MIDDLE, 55.0)
    });
    assert!(0.85 < dice, "{dice}");
}

#[test]
fn what_cannot_be_measured_says_why() {
    let nothing = drawn(|_| None);
    assert_eq!(grown(&nothing, MIDDLE), Extent::NotMeasured(NotMeasured::NoCore));
    let glass = drawn(|at| ball(at, MIDDLE, 7.0).then_some(-550));
    assert_eq!(grown(&glass, MIDDLE), Extent::NotMeasured(NotMeasured::NotSolid));
    let thin = drawn(|at| ball(at, MIDDLE, 7.0).then_some(-380));
    assert_eq!(grown(&thin, MIDDLE), Extent::NotMeasured(NotMeasured::NotSolid));
    // As wide as the lung, so that the mask cannot close over it: a trunk of vessels.
    let trunk = drawn(|at| ((at[1] - 63.0).hypot(at[2] - 60.0) < 6.0).then_some(40));
    assert_eq!(grown(&trunk, MIDDLE), Extent::NotMeasured(NotMeasured::Leaks));
    let sheet = drawn(|at| (51.5 <= distance(at, MIDDLE) && 63.0 < at[1]).then_some(40));
    let beside = [63.0, 63.0 + 53.0, 60.0];
    assert!(matches!(grown(&sheet, beside), Extent::NotMeasured(_)));
}

#[test]
fn hits_outside_or_of_nonsense_have_no_core() {
    let volume = drawn(|_| None);
    for hit in [[1e9, 0.0, 0.0], [-1e9; 3], [f64::NAN; 3], [63.0, 63.0, -500.0]] {
        assert_eq!(grown(&volume, hit), Extent::NotMeasured(NotMeasured::NoCore));
    }
}

#[test]
fn nodules_of_phantoms_measure_what_they_are() {
    for seed in 0..2 {
        let phantom =
            Phantom::new(PhantomSettings { slices: 40, seed, ..PhantomSettings::default() });
        let volume = sample::volume_of(&phantom);
        let lungs = LungMask::of(&volume).unwrap();
        assert_eq!(phantom.nodules().len(), 4);
        for nodule in phantom.nodules() {
            let hit = [0, 1, 2].map(|i| nodule.centre[i] + [2.0, -2.0, 1.5][i]);
            let Extent::Measured(found) = grow(&volume, &lungs, hit) else {
                panic!("{nodule:?} of phantom {seed} was not measured")
            };
            let ratio = found.long_axis.0 / nodule.diameter;
            assert!((0.85..1.15).contains(&ratio), "{nodule:?} measures {ratio}");
            let dice = dice_of_ball(&volume, &found.mask, nodule.centre, nodule.diameter / 2.0);
            assert!(0.85 < dice, "{nodule:?}: {dice}");
        }
    }
}

/// LUNA16's consensus centre of the nodule of LIDC-IDRI-0001, mm, LPS.
const CONSENSUS: [f64; 3] = [56.208, 86.343, -115.868];

#[test]
fn the_outline_of_a_real_nodule_is_that_of_most_readers() {
    let Some(volume) = sample::volume("ct-chest-lidc0001-ge") else {
        return;
    };
    let grid = &volume.grid;
    let readers = readers(grid);
    assert_eq!(readers.len(), 4);
    let votes = |at: [usize; 3]| readers.iter().filter(|r| r.contains(&at)).count();
    let found = measured(&volume, CONSENSUS);
    let dice = dice(grid, &found.mask, |at| 3 <= votes(at));
    assert!(0.9 < dice, "{dice}");
    let most: Vec<_> = readers[0]
        .union(&readers[1])
        .chain(&readers[2])
        .copied()
        .filter(|at| 3 <= votes(*at))
        .collect();
    let (longest, _) = measure::long_axis(grid, &most).unwrap();
    let ratio = found.long_axis.0 / longest;
    assert!((0.85..1.15).contains(&ratio), "{ratio} of {longest} mm");
}

/// What each reader drew, without the line itself: LIDC's outlines run outside the nodule.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "voxels of the outline"
)]
fn readers(grid: &Grid) -> Vec<BTreeSet<[usize; 3]>> {
    let path = sample::data().unwrap().join("ct-chest-lidc0001-ge/069.xml");
    let text = std::fs::read_to_string(path).unwrap();
    let sessions = text.split("<readingSession>").skip(1);
    let mut readers = Vec::new();
    // The readers marked other places, too: an outline of this nodule is one around its centre.
    let centre = grid.to_voxel(CONSENSUS).map(|at| at.round() as usize);
    for session in sessions {
        for nodule in session.split("<unblindedReadNodule>").skip(1) {
            // What follows the last nodule of a session are loci of things that are none.
            let nodule = nodule.split("</unblindedReadNodule>").next().unwrap();
            let mut inside = BTreeSet::new();
            for roi in nodule.split("<roi>").skip(1) {
                let z = grid.to_voxel([0.0, 0.0, numbers(roi, "imageZposition")[0]])[0];
                let line: Vec<_> =
                    numbers(roi, "xCoord").into_iter().zip(numbers(roi, "yCoord")).collect();
                fill(&line, z.round() as usize, &mut inside);
            }
            if inside.contains(&centre) {
                readers.push(inside);
            }
        }
    }
    readers
}

fn numbers(text: &str, name: &str) -> Vec<f64> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    text.split(&open)
        .skip(1)
        .map(|rest| rest.split(&close).next().unwrap().trim().parse().unwrap())
        .collect()
}

/// Adds the pixels whose centre lies inside a closed line of pixels and not on it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels of the outline"
)]
fn fill(line: &[(f64, f64)], z: usize, inside: &mut BTreeSet<[usize; 3]>) {
    let edges: Vec<_> = line.iter().zip(line.iter().cycle().skip(1)).collect();
    let range = |of: fn(&(f64, f64)) -> f64| {
        let low = line.iter().map(of).fold(f64::INFINITY, f64::min);
        let high = line.iter().map(of).fold(0.0, f64::max);
        low as usize..high as usize + 1
    };
    for y in range(|at| at.1) {
        for x in range(|at| at.0) {
            let (px, py) = (x as f64, y as f64);
            let mut crossings = 0;
            for ((ax, ay), (bx, by)) in &edges {
                if (*ay <= py) != (*by <= py) {
                    let at = ax + (py - ay) / (by - ay) * (bx - ax);
                    crossings += usize::from(px < at);
                }
            }
            if crossings % 2 == 1 && !line.contains(&(px, py)) {
                inside.insert([z, y, x]);
            }
        }
    }
}
