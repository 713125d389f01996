//! Goal: a stack is proven or refused for the right reason. Method: drawn series, each with one
//! thing wrong; the sample series.

use proptest::prelude::*;

use super::*;
use crate::base::rng::SplitMix;
use crate::image::sample;

/// An axial slice at `z`.
fn slice(z: f64) -> SliceFacts {
    SliceFacts {
        rows: Some(4),
        columns: Some(5),
        position: Some([-10.0, -20.0, z]),
        orientation: Some([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        pixel_spacing: Some([0.7, 0.7]),
        thickness: Some(2.5),
        image_type: ["ORIGINAL", "PRIMARY", "AXIAL"].map(String::from).to_vec(),
        ..SliceFacts::default()
    }
}

fn series() -> Vec<SliceFacts> {
    (0..10).map(|n| slice(f64::from(n) * 2.5)).collect()
}

fn refusal(facts: &[SliceFacts]) -> GeometryRefusal {
    Coverage::of(facts).verdict.unwrap_err()
}

#[test]
fn slices_are_ordered_by_place_whatever_their_numbers() {
    let mut facts = series();
    for (n, slice) in (0..).zip(&mut facts) {
        slice.instance_number = Some(100 - n * 7 % 10);
    }
    facts.swap(2, 7);
    let coverage = Coverage::of(&facts);
    assert_eq!(coverage.order, [0, 1, 7, 3, 4, 5, 6, 2, 8, 9]);
    let stack = coverage.verdict.unwrap();
    assert!((stack.spacing() - 2.5).abs() < 1e-9);
    assert_eq!(stack.plane(), Plane::Axial);
}

#[test]
fn a_missing_slice_is_a_gap() {
    let mut facts = series();
    facts.remove(4);
    let coverage = Coverage::of(&facts);
    assert_eq!(coverage.verdict, Err(GeometryRefusal::Gaps { gaps: 1 }));
    assert_eq!(coverage.gaps.len(), 1);
    assert_eq!((coverage.gaps[0].after, coverage.gaps[0].missing), (3, 1));
}

#[test]
fn two_slices_at_one_place_are_refused_and_named() {
    let mut facts = series();
    facts.push(slice(5.0));
    let coverage = Coverage::of(&facts);
    assert_eq!(coverage.duplicates, [10]);
    assert_eq!(coverage.verdict, Err(GeometryRefusal::Duplicates { slices: 1 }));
}

#[test]
fn acquisitions_over_each_other_are_groups_and_side_by_side_are_one_stack() {
    let mut facts = series();
    for (n, slice) in (0..).zip(&mut facts) {
        slice.acquisition_number = Some(n / 5);
    }
    assert!(Coverage::of(&facts).verdict.is_ok());
    let mut second = series();
    for slice in &mut second {
        slice.acquisition_number = Some(9);
    }
    facts = series();
    facts.extend(second);
    let coverage = Coverage::of(&facts);
    assert_eq!(coverage.groups.len(), 2);
    assert_eq!(coverage.verdict, Err(GeometryRefusal::Mixed { groups: 2 }));
}

#[test]
fn a_localizer_is_left_out_by_its_type_or_its_orientation() {
    let mut facts = series();
    let mut named = slice(40.0);
    named.image_type[2] = "LOCALIZER".to_owned();
    let mut turned = slice(40.0);
    turned.orientation = Some([1.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
    facts.insert(0, named);
    facts.push(turned);
    let coverage = Coverage::of(&facts);
    assert_eq!(coverage.localizers, [0, 11]);
    assert_eq!(coverage.order.len(), 10);
    assert!(coverage.verdict.is_ok());
}

#[test]
fn an_instance_without_a_place_is_left_out_and_alone_refused() {
    let mut facts = series();
    facts.push(SliceFacts::default());
    let mut several = slice(100.0);
    several.frames = Some(6);
    facts.push(several);
    let coverage = Coverage::of(&facts);
    assert_eq!(coverage.unplaced, [10, 11]);
    assert!(coverage.verdict.is_ok());
    assert_eq!(refusal(&[SliceFacts::default()]), GeometryRefusal::Unplaced { instances: 1 });
    assert_eq!(refusal(&[]), GeometryRefusal::Unplaced { instances: 0 });
}

#[test]
fn too_few_slices_are_no_stack() {
    assert_eq!(refusal(&[slice(0.0)]), GeometryRefusal::TooFew { slices: 1 });
    assert_eq!(refusal(&series()[..2]), GeometryRefusal::TooFew { slices: 2 });
}

#[test]
fn tilt_is_measured_and_refused_above_half_a_degree() {
    let tilted = |degrees: f64| {
        let mut facts = series();
        for slice in &mut facts {
            let position = slice.position.as_mut().unwrap();
            position[1] += position[2] * degrees.to_radians().tan();
        }
        Coverage::of(&facts)
    };
    assert!(tilted(0.4).verdict.is_ok());
    let coverage = tilted(15.0);
    assert!((coverage.tilt_deg - 15.0).abs() < 1e-6);
    assert!(matches!(coverage.verdict, Err(GeometryRefusal::Tilted { .. })));
}

#[test]
fn an_uneven_stack_and_a_displaced_slice_are_refused() {
    let mut facts = series();
    facts[4].position.as_mut().unwrap()[2] += 0.2;
    assert!(Coverage::of(&facts).verdict.is_ok(), "within 10 %");
    facts[4].position.as_mut().unwrap()[2] += 0.3;
    assert!(matches!(refusal(&facts), GeometryRefusal::Uneven { .. }));
    facts = series();
    facts[4].position.as_mut().unwrap()[0] += 2.0;
    assert!(matches!(refusal(&facts), GeometryRefusal::Shifted { .. }));
}

#[test]
fn whatever_differs_within_one_orientation_makes_groups() {
    type Change = fn(&mut SliceFacts);
    let changes: [Change; 5] = [
        |slice| slice.rows = Some(5),
        |slice| slice.pixel_spacing = Some([0.7, 0.8]),
        |slice| slice.thickness = Some(5.0),
        |slice| slice.kernel = "BONE".to_owned(),
        |slice| slice.thickness = None,
    ];
    for change in changes {
        let mut facts = series();
        for slice in &mut facts[6..] {
            change(slice);
        }
        let coverage = Coverage::of(&facts);
        assert_eq!(coverage.groups, [vec![0, 1, 2, 3, 4, 5], vec![6, 7, 8, 9]]);
        assert_eq!(coverage.verdict, Err(GeometryRefusal::Mixed { groups: 2 }));
    }
}

#[test]
fn cosines_and_lengths_of_nonsense_place_nothing() {
    type Change = fn(&mut SliceFacts);
    let changes: [Change; 5] = [
        |slice| slice.orientation = Some([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
        |slice| slice.orientation = Some([2.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        |slice| slice.orientation = Some([f64::NAN, 0.0, 0.0, 0.0, 1.0, 0.0]),
        |slice| slice.pixel_spacing = Some([0.0, 0.7]),
        |slice| slice.position = Some([f64::INFINITY, 0.0, 0.0]),
    ];
    for change in changes {
        let mut facts = series();
        facts.iter_mut().for_each(change);
        assert_eq!(refusal(&facts), GeometryRefusal::Unplaced { instances: 10 });
    }
}

proptest! {
    #[test]
    fn the_order_of_arrival_changes_neither_stack_nor_verdict(seed in any::<u64>()) {
        let facts = series();
        let mut shuffled: Vec<usize> = (0..facts.len()).collect();
        let mut rng = SplitMix::new(seed);
        for n in (1..shuffled.len()).rev() {
            let other = usize::try_from(rng.next_u64() % (n as u64 + 1)).unwrap();
            shuffled.swap(n, other);
        }
        let arrived: Vec<_> = shuffled.iter().map(|n| facts[*n].clone()).collect();
        let coverage = Coverage::of(&arrived);
        let order: Vec<usize> = coverage.order.iter().map(|n| shuffled[*n]).collect();
        prop_assert_eq!(order, (0..10).collect::<Vec<_>>());
        prop_assert_eq!(coverage.verdict, Coverage::of(&facts).verdict);
    }

    #[test]
    fn no_numbers_make_it_fall_over(
        numbers in prop::collection::vec(prop::array::uniform12(any::<f64>()), 0..5),
    ) {
        let facts: Vec<SliceFacts> = numbers
            .iter()
            .map(|n| SliceFacts {
                position: Some([n[0], n[1], n[2]]),
                orientation: Some([n[3], n[4], n[5], n[6], n[7], n[8]]),
                pixel_spacing: Some([n[9], n[10]]),
                thickness: Some(n[11]),
                ..slice(0.0)
            })
            .collect();
        let near: Vec<SliceFacts> = numbers.iter().map(|n| slice(n[0])).collect();
        prop_assert!(Coverage::of(&facts).verdict.is_err());
        prop_assert_eq!(Coverage::of(&near).unplaced.len(), 0);
    }
}

#[test]
fn the_sample_series_are_judged_as_a_person_would() {
    let of = |folder: &str| {
        let samples = sample::series(folder)?;
        let facts: Vec<_> = samples.into_iter().map(|sample| sample.facts).collect();
        Some(Coverage::of(&facts))
    };
    let Some(chest) = of("ct-chest-lidc0001-ge") else {
        return;
    };
    let stack = chest.verdict.unwrap();
    assert_eq!((stack.slices, stack.plane()), (133, Plane::Axial));
    assert!((stack.spacing() - 2.5).abs() < 1e-6);
    let head = of("ct-head-ge-hispeed").unwrap();
    assert!((head.tilt_deg - 18.5).abs() < 0.1, "{}", head.tilt_deg);
    assert!(head.verdict.is_err());
    let sagittal = of("mr-t1-sag-siemens-prisma").unwrap().verdict.unwrap();
    assert_eq!((sagittal.slices, sagittal.plane()), (35, Plane::Other));
}
