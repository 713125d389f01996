//! Goal: whatever the scanner sent, the volume is the same patient, and every voxel finds its
//! source pixel again. Method: one phantom in every pose; every flip of a small stack.

use proptest::prelude::*;

use super::*;
use crate::image::phantom::{Phantom, PhantomSettings, Pose};
use crate::image::sample;

/// 3 slices of 2 rows by 4 columns; the stored value names slice, row and column.
fn small(flips: [bool; 3], arrival: [usize; 3]) -> (Vec<SliceFacts>, Vec<Frame>) {
    let sign = |flip| if flip { -1.0 } else { 1.0 };
    let [x, y, up] = flips.map(sign);
    arrival
        .iter()
        .map(|n| {
            let facts = SliceFacts {
                rows: Some(2),
                columns: Some(4),
                position: Some([10.0, -20.0, up * *n as f64 * 2.5]),
                orientation: Some([x, 0.0, 0.0, 0.0, y, 0.0]),
                pixel_spacing: Some([0.5, 0.7]),
                rescale_slope: Some(1.0),
                rescale_intercept: Some(-1000.0),
                ..SliceFacts::default()
            };
            let base = 100 * i32::try_from(*n).unwrap();
            let values = (0..8).map(|n| base + n / 4 * 10 + n % 4).collect();
            let frame = Frame { rows: 2, columns: 4, values };
            (facts, frame)
        })
        .unzip()
}

fn flips() -> impl Strategy<Value = [bool; 3]> {
    prop::array::uniform3(any::<bool>())
}

/// The patient coordinates of a source pixel as PS3.3 equation C.7.6.2.1-1 gives them.
fn by_the_standard(facts: &SliceFacts, row: u32, column: u32) -> [f64; 3] {
    let (p, o) = (facts.position.unwrap(), facts.orientation.unwrap());
    let [down, right] = facts.pixel_spacing.unwrap();
    [0, 1, 2].map(|i| p[i] + o[i] * right * f64::from(column) + o[i + 3] * down * f64::from(row))
}

proptest! {
    #[test]
    fn every_voxel_knows_its_source_pixel_and_its_place(
        flips in flips(),
        arrival in Just([0, 1, 2]).prop_shuffle(),
    ) {
        let (facts, frames) = small(flips, arrival);
        let volume = Volume::build(&Coverage::of(&facts), &facts, &frames).unwrap();
        let grid = &volume.grid;
        prop_assert_eq!(grid.size, [3, 2, 4]);
        for axis in [(grid.x_axis, 0), (grid.y_axis, 1), (grid.z_axis, 2)] {
            prop_assert!(axis.0[axis.1] > 0.999);
        }
        for (z, y, x) in (0..24).map(|n| (n / 8, n / 4 % 2, n % 4)) {
            let source = grid.to_source([z, y, x]).unwrap();
            prop_assert_eq!(grid.from_source(source), Some([z, y, x]));
            let facts = &facts[source.slice as usize];
            let frame = &frames[source.slice as usize];
            let value = frame.values[(source.row * 4 + source.column) as usize];
            prop_assert_eq!(i32::from(volume.at([z, y, x])), value - 1000);
            let want = by_the_standard(facts, source.row, source.column);
            let got = grid.to_patient([z, y, x].map(|n| n as f64));
            for i in 0..3 {
                prop_assert!((want[i] - got[i]).abs() < 1e-9, "{:?} is {:?}", want, got);
            }
        }
        prop_assert_eq!(grid.to_source([0, 2, 0]), None);
        prop_assert_eq!(grid.to_source([0, 0, 4]), None);
        prop_assert_eq!(grid.to_source([3, 0, 0]), None);
    }

    #[test]
    fn patient_and_voxel_coordinates_are_inverse_even_on_leaning_axes(
        at in prop::array::uniform3(-50.0..50.0_f64),
        lean in -0.08..0.08_f64,
    ) {
        let (facts, frames) = small([false; 3], [0, 1, 2]);
        let mut volume = Volume::build(&Coverage::of(&facts), &facts, &frames).unwrap();
        volume.grid.x_axis = [lean.cos(), lean.sin(), 0.0];
        volume.grid.z_axis = [0.0, lean.sin(), lean.cos()];
        let back = volume.grid.to_voxel(volume.grid.to_patient(at));
        for i in 0..3 {
            prop_assert!((at[i] - back[i]).abs() < 1e-9);
        }
    }
}

#[test]
fn one_patient_in_every_pose_gives_one_volume() {
    let build = |pose| {
        let phantom = Phantom::new(PhantomSettings {
            slices: 4,
            spacing: 10.0,
            pose,
            ..PhantomSettings::default()
        });
        sample::volume_of(&phantom)
    };
    let first = build(Pose::Hfs);
    for pose in Pose::ALL {
        let volume = build(pose);
        assert!(volume.hu == first.hu, "{pose:?} shows another patient");
        for i in 0..3 {
            let way = volume.grid.origin[i] - first.grid.origin[i];
            assert!(way.abs() < 1e-9, "{pose:?} lies elsewhere");
        }
    }
}

#[test]
fn what_is_not_axial_or_has_no_ct_numbers_is_refused() {
    let (facts, frames) = small([false; 3], [0, 1, 2]);
    let build = |change: fn(usize, &mut SliceFacts)| {
        let mut facts = facts.clone();
        facts.iter_mut().enumerate().for_each(|(n, slice)| change(n, slice));
        Volume::build(&Coverage::of(&facts), &facts, &frames).unwrap_err()
    };
    let sagittal = build(|n, slice| {
        slice.orientation = Some([0.0, 1.0, 0.0, 0.0, 0.0, -1.0]);
        slice.position = Some([n as f64, 0.0, 0.0]);
    });
    assert_eq!(sagittal, GeometryRefusal::NotAxial);
    let sideways = build(|_, slice| slice.orientation = Some([0.0, 1.0, 0.0, -1.0, 0.0, 0.0]));
    assert_eq!(sideways, GeometryRefusal::NotAxial);
    assert_eq!(build(|_, slice| slice.rescale_slope = None), GeometryRefusal::Unscaled);
    assert_eq!(build(|_, slice| slice.rescale_slope = Some(0.0)), GeometryRefusal::Unscaled);
    assert_eq!(
        build(|n, slice| slice.position = Some([0.0, 0.0, (n * n) as f64])),
        Coverage::of(&{
            let mut facts = facts.clone();
            for (n, slice) in facts.iter_mut().enumerate() {
                slice.position = Some([0.0, 0.0, (n * n) as f64]);
            }
            facts
        })
        .verdict
        .unwrap_err()
    );
}

#[test]
fn frames_that_do_not_fit_or_are_missing_are_refused() {
    let (facts, mut frames) = small([false; 3], [0, 1, 2]);
    let coverage = Coverage::of(&facts);
    let mut builder = Builder::new(&coverage, &facts).unwrap();
    assert_eq!(builder.put(3, &frames[0]), Err(GeometryRefusal::Frames));
    builder.put(0, &frames[0]).unwrap();
    assert_eq!(builder.finish().unwrap_err(), GeometryRefusal::Frames);
    assert_eq!(Volume::build(&coverage, &facts, &frames[..2]), Err(GeometryRefusal::Frames));
    frames[1].values.pop();
    assert_eq!(Volume::build(&coverage, &facts, &frames), Err(GeometryRefusal::Frames));
}

#[test]
fn a_place_outside_has_no_voxel() {
    let (facts, frames) = small([false; 3], [0, 1, 2]);
    let volume = Volume::build(&Coverage::of(&facts), &facts, &frames).unwrap();
    let grid = &volume.grid;
    assert_eq!(grid.nearest([2.4, 0.6, 3.4]), Some([2, 1, 3]));
    for outside in [[2.6, 0.0, 0.0], [-0.6, 0.0, 0.0], [0.0, f64::NAN, 0.0]] {
        assert_eq!(grid.nearest(outside), None);
    }
}
