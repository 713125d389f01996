//! Goal: hits lie where scores were put, once each, and borders do not drain them.

use proptest::prelude::*;

use super::*;
use crate::model::package::tests::lung_nodule;

const SPACING: CellSpacing = CellSpacing { mm: [2.5, 5.6, 5.6] };

fn point() -> OperatingPoint {
    lung_nodule().manifest().operating_point.clone()
}

fn scores(size: [usize; 3], marks: &[([usize; 3], f32)]) -> Scores {
    let mut scores = Scores::new(size, vec![0.0; size.iter().product()]).expect("the size");
    for (at, value) in marks {
        let index = scores.index(*at);
        scores.values[index] = *value;
    }
    scores
}

#[test]
fn a_map_of_another_length_is_no_map() {
    assert_eq!(Scores::new([2, 2, 2], vec![0.0; 7]), None);
}

#[test]
fn a_sigmoid_is_a_half_at_0_and_stays_in_0_to_1() {
    assert!((sigmoid(0.0) - 0.5).abs() < 1e-7);
    for logit in [-1e30, -100.0, 100.0, 1e30] {
        assert!((0.0..=1.0).contains(&sigmoid(logit)));
    }
}

#[test]
fn smoothing_keeps_a_constant_map_also_at_its_borders() {
    let flat = Scores::new([4, 5, 6], vec![0.75; 120]).expect("the size");
    let smoothed = flat.smoothed(&point(), SPACING);
    assert!(smoothed.values.iter().all(|score| (score - 0.75).abs() < 1e-6));
}

#[test]
fn smoothing_spreads_one_cell_as_the_manifest_says() {
    let smoothed = scores([5, 5, 5], &[([2, 2, 2], 1.0)]).smoothed(&point(), SPACING);
    let at = |place| smoothed.values[smoothed.index(place)];
    // Rows and columns 1/4, 1/2, 1/4; slices 2.5 mm apart within a reach of 5 mm the same.
    for (place, want) in [
        ([2, 2, 2], 0.125),
        ([2, 2, 3], 0.0625),
        ([2, 3, 3], 0.031_25),
        ([1, 2, 2], 0.0625),
        ([0, 2, 2], 0.0),
    ] {
        assert!((at(place) - want).abs() < 1e-6, "{place:?} {}", at(place));
    }
}

#[test]
fn slices_farther_apart_than_the_reach_are_not_mixed() {
    let thick = CellSpacing { mm: [5.0, 5.6, 5.6] };
    let smoothed = scores([3, 3, 3], &[([1, 1, 1], 1.0)]).smoothed(&point(), thick);
    assert!(smoothed.values[smoothed.index([0, 1, 1])] < 1e-6);
}

#[test]
fn two_places_are_two_hits_and_the_higher_comes_first() {
    let marks = [([1, 1, 1], 0.8), ([1, 8, 8], 0.9), ([1, 8, 9], 0.7)];
    let hits = scores([3, 10, 10], &marks).hits(&point(), SPACING);
    assert_eq!(hits.len(), 2);
    assert!((hits[0].score - 0.9).abs() < 1e-6 && (hits[1].score - 0.8).abs() < 1e-6);
    let want = (8.0 * 0.9 + 9.0 * 0.7) / 1.6;
    assert!((hits[0].centre[2] - want).abs() < 1e-6, "{:?}", hits[0].centre);
}

#[test]
fn a_score_at_the_threshold_is_a_hit_and_one_below_is_none() {
    let hits = |score| scores([1, 3, 3], &[([0, 1, 1], score)]).hits(&point(), SPACING).len();
    assert_eq!(hits(0.5), 1);
    assert_eq!(hits(0.499_999), 0);
}

#[test]
fn a_plateau_is_one_hit() {
    let marks = [([0, 1, 1], 0.75), ([0, 1, 2], 0.75), ([0, 2, 1], 0.75)];
    assert_eq!(scores([1, 4, 4], &marks).hits(&point(), SPACING).len(), 1);
}

#[test]
fn marks_keep_their_distance_and_their_number() {
    // Two cells of 5.6 mm are 11.2 mm, three 16.8 mm.
    let near = scores([1, 3, 9], &[([0, 1, 1], 0.9), ([0, 1, 3], 0.8)]);
    assert_eq!(near.hits(&point(), SPACING).len(), 1);
    let apart = scores([1, 3, 9], &[([0, 1, 1], 0.9), ([0, 1, 4], 0.8)]);
    assert_eq!(apart.hits(&point(), SPACING).len(), 2);
    let mut one = point();
    one.marks_max = 1;
    assert_eq!(apart.hits(&one, SPACING).len(), 1);
}

#[test]
fn what_is_restricted_away_is_no_hit() {
    let mut map = scores([1, 3, 9], &[([0, 1, 1], 0.9), ([0, 1, 7], 0.8)]);
    let region: Vec<bool> = (0..27).map(|index| index % 9 < 4).collect();
    map.restrict(&region);
    assert_eq!(map.hits(&point(), SPACING).len(), 1);
}

proptest! {
    #[test]
    fn hits_are_in_the_grid_apart_and_sorted(values in prop::collection::vec(0.0_f32..1.0, 96)) {
        let map = Scores::new([2, 6, 8], values).expect("the size");
        let hits = map.hits(&point(), SPACING);
        prop_assert_eq!(&hits, &map.clone().hits(&point(), SPACING));
        for pair in hits.windows(2) {
            prop_assert!(pair[1].score <= pair[0].score);
        }
        for hit in &hits {
            prop_assert!(0.5 <= hit.score);
            for (place, most) in hit.centre.into_iter().zip([1.0, 5.0, 7.0]) {
                prop_assert!((0.0..=most).contains(&place));
            }
        }
    }
}
