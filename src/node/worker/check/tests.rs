//! Goal: whatever a worker says that cannot be true of what was sent is found, and named.
//! Method: one reading that is true, and one change at a time.

use super::*;
use crate::base::units::{Hu, Ml, Mm, Probability};
use crate::image::extent::NotMeasured;
use crate::image::picture::{Heatmap, Picture};
use crate::model::package::tests::lung_nodule;

const ROWS: u16 = 60;
const COLUMNS: u16 = 80;

fn facts() -> Vec<SliceFacts> {
    let slice = SliceFacts { rows: Some(ROWS), columns: Some(COLUMNS), ..SliceFacts::default() };
    vec![slice; 3]
}

fn mark(score: f32, extent: Extent) -> Mark {
    Mark {
        score: Probability::new(score).expect("a score"),
        centre: [1.0, 2.0, 3.0],
        at: SourceVoxel { slice: 2, row: 59, column: 79 },
        extent,
    }
}

fn run(slice: u32, row: u32, first: u32, count: u32) -> Run {
    Run { slice, row, first, count }
}

/// A true reading, its raw bytes apart.
fn reading() -> Reading {
    let at = SourceVoxel { slice: 1, row: 2, column: 3 };
    let measured = Measured {
        long_axis: Mm(4.0),
        long_axis_ends: [at, at],
        volume: Ml(0.1),
        mean: Hu(30.0),
        mask: Mask(vec![run(1, 2, 3, 4), run(1, 2, 7, 1), run(1, 3, 0, 80), run(2, 0, 0, 1)]),
    };
    let package = lung_nodule();
    let picture = Picture { slice: 2, width: 8, height: 4, rgb: Vec::new(), marks: vec![0, 1] };
    Reading {
        package: package.manifest().name.clone(),
        version: package.manifest().version.clone(),
        package_digest: package.digest(),
        threshold: Probability::new(0.5).expect("a score"),
        marks: vec![
            mark(0.9, Extent::Measured(measured)),
            mark(0.5, Extent::NotMeasured(NotMeasured::Leaks)),
        ],
        heatmap: Heatmap {
            size: [3, 2, 5],
            first: [24.0, 24.0],
            step: [8.0, 8.0],
            scores: Vec::new(),
        },
        pictures: vec![picture],
        slices_read: 3,
    }
}

fn look(change: &dyn Fn(&mut Reading)) -> Result<Vec<usize>, Lie> {
    let (package, facts) = (lung_nodule(), facts());
    let asked = Asked { package: &package, facts: &facts };
    let mut reading = reading();
    change(&mut reading);
    content(&reading, asked)?;
    sizes(&reading, asked)
}

fn measured(change: &dyn Fn(&mut Measured)) -> Result<Vec<usize>, Lie> {
    look(&|reading| match &mut reading.marks[0].extent {
        Extent::Measured(measured) => change(measured),
        Extent::NotMeasured(_) => panic!("it is measured"),
    })
}

#[test]
fn a_true_reading_passes_and_tells_how_many_raw_bytes_follow() {
    assert_eq!(look(&|_| ()), Ok(vec![30, 96]));
    assert_eq!(look(&|reading| reading.pictures.clear()), Ok(vec![30]));
}

#[test]
fn another_package_is_found() {
    for change in [
        (|reading| reading.package.push('x')) as fn(&mut Reading),
        |reading| reading.version.push('x'),
        |reading| reading.package_digest.0[31] ^= 1,
    ] {
        assert_eq!(look(&change), Err(Lie::Package));
    }
}

#[test]
fn slices_that_there_are_not_are_found() {
    for slices in [0, 2, 4, u32::MAX] {
        assert_eq!(look(&|reading| reading.slices_read = slices), Err(Lie::Slices), "{slices}");
    }
    let more = look(&|reading| {
        reading.slices_read = 4;
        reading.heatmap.size[0] = 4;
    });
    assert_eq!(more, Err(Lie::Slices));
}

#[test]
fn a_map_that_does_not_fit_is_found() {
    for change in [
        (|reading| reading.heatmap.size[1] = 61) as fn(&mut Reading),
        |reading| reading.heatmap.size[2] = u32::MAX,
        |reading| reading.heatmap.first[0] = f64::NAN,
        |reading| reading.heatmap.step[1] = f64::INFINITY,
        |reading| reading.heatmap.scores = vec![1],
    ] {
        assert_eq!(look(&change), Err(Lie::Map));
    }
}

#[test]
fn pictures_that_do_not_fit_are_found() {
    for change in [
        (|reading| reading.pictures[0].slice = 3) as fn(&mut Reading),
        |reading| reading.pictures[0].marks = vec![2],
        |reading| reading.pictures[0].width = 0,
        |reading| reading.pictures[0].height = 4097,
        |reading| reading.pictures[0].rgb = vec![1],
        |reading| reading.pictures = vec![reading.pictures[0].clone(); PICTURES_MAX + 1],
    ] {
        assert_eq!(look(&change), Err(Lie::Pictures));
    }
    let large = look(&|reading| {
        (reading.pictures[0].width, reading.pictures[0].height) = (4096, 4096);
        reading.pictures = vec![reading.pictures[0].clone(); 3];
    });
    assert_eq!(large, Err(Lie::Length));
}

#[test]
fn marks_that_do_not_fit_are_found() {
    for change in [
        (|reading| reading.marks.swap(0, 1)) as fn(&mut Reading),
        |reading| reading.threshold = Probability::new(0.4).expect("a score"),
        |reading| reading.marks[1].score = Probability::new(0.49).expect("a score"),
        |reading| reading.marks[0].centre[2] = f64::NAN,
        |reading| reading.marks[0].at.slice = 3,
        |reading| reading.marks[0].at.row = 60,
        |reading| reading.marks[0].at.column = 80,
        |reading| reading.marks = vec![reading.marks[1].clone(); 101],
    ] {
        assert_eq!(look(&change), Err(Lie::Marks));
    }
}

#[test]
fn outlines_that_are_none_or_lie_outside_are_found() {
    for change in [
        (|found| found.long_axis.0 = f64::NAN) as fn(&mut Measured),
        |found| found.volume.0 = -0.1,
        |found| found.mean.0 = f32::INFINITY,
        |found| found.long_axis_ends[0].row = 60,
        |found| found.long_axis_ends[1].slice = 2,
        |found| found.mask.0.clear(),
        |found| found.mask.0[0].count = 0,
        |found| found.mask.0[0].count = 5,
        |found| found.mask.0[2].count = 81,
        |found| found.mask.0[2].first = u32::MAX,
        |found| found.mask.0[3].slice = 3,
        |found| found.mask.0[3].row = 60,
        |found| found.mask.0.swap(0, 1),
        |found| found.mask.0.swap(2, 3),
        |found| found.mask.0[1] = found.mask.0[0],
    ] {
        assert_eq!(measured(&change), Err(Lie::Outline));
    }
}
