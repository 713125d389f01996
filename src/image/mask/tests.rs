//! Goal: the mask holds lung with what is in it, on both sides, and nothing outside. Method: a
//! phantom whose lungs are known, drawn cavities, the sample chest.

use proptest::prelude::*;

use super::*;
use crate::image::phantom::{Phantom, PhantomSettings, Pose};
use crate::image::sample;
use crate::image::volume::Grid;

/// A cube of 100 mm, tissue but for what `air` says, voxels of 2 mm.
fn drawn(air: impl Fn([f64; 3]) -> bool) -> Volume {
    let grid = Grid {
        size: [50, 64, 64],
        spacing: [2.0, 2.0, 2.0],
        origin: [0.0; 3],
        x_axis: [1.0, 0.0, 0.0],
        y_axis: [0.0, 1.0, 0.0],
        z_axis: [0.0, 0.0, 1.0],
        slices: (0..50).collect(),
        flip_x: false,
        flip_y: false,
    };
    let mut hu = Vec::new();
    for z in 0..50 {
        for y in 0..64 {
            for x in 0..64 {
                let at = [z, y, x].map(|n| f64::from(n) * 2.0);
                hu.push(if air(at) { -850 } else { 40 });
            }
        }
    }
    Volume { grid, hu }
}

fn ball(at: [f64; 3], centre: [f64; 3], radius: f64) -> bool {
    let square: f64 = (0..3).map(|i| (at[i] - centre[i]).powi(2)).sum();
    square < radius * radius
}

#[test]
fn air_outside_the_body_is_no_lung() {
    let volume = drawn(|at| at[2] < 30.0 || ball(at, [50.0, 64.0, 80.0], 40.0));
    let lungs = LungMask::of(&volume).unwrap();
    assert!(lungs.contains([25, 32, 40]));
    assert!(!lungs.contains([25, 32, 5]));
}

#[test]
fn too_little_air_is_no_lung() {
    let volume = drawn(|at| ball(at, [50.0, 64.0, 64.0], 30.0));
    let NoLungs::LittleAir { ml } = LungMask::of(&volume).unwrap_err();
    assert!((ml - 113.0).abs() < 6.0, "a ball of 30 mm has 113 mL, not {ml}");
}

#[test]
fn a_nodule_inside_and_one_at_the_wall_belong_to_the_lung_and_the_wall_does_not() {
    let lung = |at| ball(at, [50.0, 64.0, 64.0], 46.0);
    let inner = [50.0, 64.0, 60.0];
    let hanging = [50.0, 64.0, 102.0];
    let volume = drawn(|at| lung(at) && !ball(at, inner, 14.0) && !ball(at, hanging, 8.0));
    let lungs = LungMask::of(&volume).unwrap();
    assert!(lungs.contains([25, 32, 30]), "inside");
    assert!(lungs.contains([25, 32, 50]), "at the wall");
    assert!(!lungs.contains([25, 32, 58]), "the wall");
}

#[test]
fn a_heart_between_lungs_is_not_filled() {
    let shell = |at| ball(at, [50.0, 64.0, 64.0], 56.0);
    let heart = [50.0, 64.0, 64.0];
    let volume = drawn(|at| shell(at) && !ball(at, heart, 32.0));
    let lungs = LungMask::of(&volume).unwrap();
    assert!(!lungs.contains([25, 32, 32]));
}

#[test]
fn a_small_second_cavity_is_no_lung_and_a_large_one_is() {
    let with = |radius| {
        drawn(move |at| ball(at, [50.0, 64.0, 40.0], 36.0) || ball(at, [50.0, 64.0, 102.0], radius))
    };
    assert!(!LungMask::of(&with(14.0)).unwrap().contains([25, 32, 51]));
    assert!(LungMask::of(&with(20.0)).unwrap().contains([25, 32, 51]));
}

#[test]
fn an_empty_volume_has_no_lung() {
    let mut volume = drawn(|_| true);
    volume.grid.size = [0, 0, 0];
    volume.hu.clear();
    assert!(LungMask::of(&volume).is_err());
}

#[test]
fn voxels_out_of_range_are_outside() {
    let lungs = LungMask::of(&drawn(|at| ball(at, [50.0, 64.0, 64.0], 46.0))).unwrap();
    for outside in [[50, 0, 0], [0, 64, 0], [0, 0, 64]] {
        assert!(!lungs.contains(outside));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn every_nodule_lies_inside_on_its_own_side(
        seed in 0_u64..1000, pose in prop::sample::select(Pose::ALL.to_vec()),
    ) {
        let phantom = Phantom::new(PhantomSettings {
            slices: 24, spacing: 5.0, seed, pose, ..PhantomSettings::default()
        });
        let volume = sample::volume_of(&phantom);
        let lungs = LungMask::of(&volume).unwrap();
        for nodule in phantom.nodules() {
            let at = volume.grid.nearest(volume.grid.to_voxel(nodule.centre)).unwrap();
            prop_assert!(lungs.contains(at), "{nodule:?}");
            let mirrored = [-nodule.centre[0], nodule.centre[1], nodule.centre[2]];
            let other = volume.grid.to_voxel(mirrored)[2];
            let left = nodule.side == crate::image::phantom::Side::Left;
            prop_assert_eq!(left, other < at[2] as f64, "x runs to the left");
        }
        for wall in [[0.0, -95.0, 0.0], [0.0, 0.0, 0.0], [0.0, 78.0, 0.0], [170.0, 0.0, 0.0]] {
            let at = volume.grid.nearest(volume.grid.to_voxel(wall)).unwrap();
            prop_assert!(!lungs.contains(at), "{wall:?}");
        }
    }
}

#[test]
fn the_sample_chest_has_lungs_of_a_persons_size() {
    let Some(volume) = sample::volume("ct-chest-lidc0001-ge") else {
        return;
    };
    let lungs = LungMask::of(&volume).unwrap();
    let litres = lungs.voxels() as f64 * volume.grid.voxel_mm3() / 1e6;
    assert!((3.0..5.0).contains(&litres), "{litres} L");
    // The readers' nodule, and the trunk of the spine.
    let contains = |patient| {
        let at = volume.grid.nearest(volume.grid.to_voxel(patient)).unwrap();
        lungs.contains(at)
    };
    assert!(contains([56.208, 86.343, -115.868]));
    assert!(!contains([14.0, 85.0, -115.868]));
}
