//! Goal: the phantom is what it says, for ever and in every pose. Method: pixels at known places.

use super::*;

fn phantom(pose: Pose) -> Phantom {
    Phantom::new(PhantomSettings { slices: 20, pose, ..PhantomSettings::default() })
}

/// The CT number nearest to a place of the patient, through the slice's own geometry.
fn at(phantom: &Phantom, patient: [f64; 3]) -> i16 {
    let slices = phantom.settings().slices;
    let far = |index: &usize| (phantom.slice(*index).position[2] - patient[2]).abs();
    let index = (0..slices).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap();
    let slice = phantom.slice(index);
    let pixel = |axis: usize, cosine: f64| {
        let way = (patient[axis] - slice.position[axis]) * cosine;
        (way / slice.pixel_spacing[axis]).round() as usize
    };
    let (column, row) = (pixel(0, slice.orientation[0]), pixel(1, slice.orientation[4]));
    slice.hu[row * usize::from(slice.columns) + column]
}

#[test]
fn the_same_seed_draws_the_same_slice_and_another_seed_another_one() {
    let draw = |seed| {
        let settings = PhantomSettings { seed, ..PhantomSettings::default() };
        Phantom::new(settings).slice(60).hu
    };
    assert!(draw(1) == draw(1));
    assert!(draw(1) != draw(2));
}

#[test]
fn twenty_slices_hold_every_default_nodule_on_alternating_sides() {
    for seed in 0..20 {
        let phantom =
            Phantom::new(PhantomSettings { slices: 20, seed, ..PhantomSettings::default() });
        let sides: Vec<_> = phantom.nodules().iter().map(|nodule| nodule.side).collect();
        assert_eq!(sides, [Side::Left, Side::Right, Side::Left, Side::Right]);
        for nodule in phantom.nodules() {
            assert_eq!(nodule.side == Side::Left, 0.0 < nodule.centre[0]);
        }
    }
}

#[test]
fn nodules_are_where_the_truth_says_in_every_pose() {
    for pose in Pose::ALL {
        let phantom = phantom(pose);
        for nodule in phantom.nodules() {
            let hu = at(&phantom, nodule.centre);
            assert!(-60 < hu, "{pose:?}: {hu} HU in {nodule:?}");
        }
        assert!(at(&phantom, [0.0, -150.0, 0.0]) < -900, "{pose:?}: air");
        assert!(100 < at(&phantom, [0.0, 78.0, 0.0]), "{pose:?}: spine at the back");
    }
}

#[test]
fn pixel_data_holds_the_ct_numbers() {
    let slice = phantom(Pose::Hfs).slice(3);
    let facts = slice.facts();
    let order = crate::image::frame::ByteOrder::LittleEndian;
    let frame = crate::image::frame::Frame::decode(&facts, order, &slice.pixel_data()).unwrap();
    assert!(frame.hu(1.0, INTERCEPT) == slice.hu);
}
