//! Goal: a package answers for its own kind of series only, and names what it cannot read.
//! Method: one good series, then one thing wrong at a time.

use super::*;
use crate::model::package::tests::lung_nodule;

fn chest() -> SeriesFacts {
    SeriesFacts {
        modality: "CT".into(),
        image_type: ["ORIGINAL", "PRIMARY", "AXIAL"].map(String::from).into(),
        body_part: "CHEST".into(),
        kernel: "STANDARD".into(),
        thickness_mm: Some(2.5),
        stack: Ok(StackFacts {
            slices: 133,
            matrix: [512, 512],
            pixel_spacing_mm: [0.703_125, 0.703_125],
            slice_spacing_mm: 2.500_001,
        }),
    }
}

fn ask(change: impl Fn(&mut SeriesFacts)) -> Match {
    let mut facts = chest();
    change(&mut facts);
    select(lung_nodule().manifest(), &facts)
}

fn ask_stack(change: impl Fn(&mut StackFacts)) -> &'static str {
    let answer = ask(|facts| {
        if let Ok(stack) = &mut facts.stack {
            change(stack);
        }
    });
    match answer {
        Match::Claimed(Err(reason)) => reason.word(),
        Match::NotClaimed | Match::Claimed(Ok(())) => panic!("{answer:?}"),
    }
}

#[test]
fn a_thin_axial_chest_ct_is_read() {
    assert_eq!(ask(|_| ()), Match::Claimed(Ok(())));
    let lower = ask(|facts| facts.body_part = "Chest ".into());
    assert_eq!(lower, Match::Claimed(Ok(())));
}

#[test]
fn no_knee_gets_a_letter_about_lungs() {
    assert_eq!(ask(|facts| facts.body_part = "KNEE".into()), Match::NotClaimed);
    assert_eq!(ask(|facts| facts.body_part = String::new()), Match::NotClaimed);
    assert_eq!(ask(|facts| facts.modality = "MR".into()), Match::NotClaimed);
    assert_eq!(ask(|facts| facts.image_type[2] = "LOCALIZER".into()), Match::NotClaimed);
    assert_eq!(ask(|facts| facts.image_type.push("LOCALIZER".into())), Match::NotClaimed);
    let tilted_knee = ask(|facts| {
        facts.body_part = "KNEE".into();
        facts.stack = Err(GeometryRefusal::NotAxial);
    });
    assert_eq!(tilted_knee, Match::NotClaimed);
}

#[test]
fn a_missing_body_part_is_claimed_where_the_manifest_says_so() {
    let mut manifest = lung_nodule().manifest().clone();
    manifest.claim.body_part_missing = Missing::Claim;
    let mut facts = chest();
    facts.body_part = "  ".into();
    assert_eq!(select(&manifest, &facts), Match::Claimed(Ok(())));
}

#[test]
fn what_cannot_be_read_is_named_in_one_word() {
    assert_eq!(ask_stack(|stack| stack.slices = 39), "slices");
    assert_eq!(ask_stack(|stack| stack.slices = 1201), "slices");
    assert_eq!(ask_stack(|stack| stack.matrix = [512, 256]), "matrix");
    assert_eq!(ask_stack(|stack| stack.pixel_spacing_mm[1] = 1.2), "pixel-spacing");
    assert_eq!(ask_stack(|stack| stack.slice_spacing_mm = 5.0), "slice-spacing");
    assert_eq!(ask_stack(|stack| stack.slice_spacing_mm = f64::NAN), "slice-spacing");
    for thickness in [None, Some(5.0)] {
        let answer = ask(|facts| facts.thickness_mm = thickness);
        let Match::Claimed(Err(reason)) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(reason.word(), "slice-thickness");
    }
    let gaps = ask(|facts| facts.stack = Err(GeometryRefusal::Gaps { gaps: 1 }));
    let want = Reason::Geometry(GeometryRefusal::Gaps { gaps: 1 });
    assert_eq!(gaps, Match::Claimed(Err(want)));
    assert_eq!(want.word(), "gaps");
}

#[test]
fn a_kernel_that_the_manifest_rules_out_is_not_read() {
    let mut manifest = lung_nodule().manifest().clone();
    manifest.series.kernel_without = vec!["BONE".into()];
    let mut facts = chest();
    assert_eq!(select(&manifest, &facts), Match::Claimed(Ok(())));
    facts.kernel = "bone".into();
    assert_eq!(select(&manifest, &facts), Match::Claimed(Err(Reason::Kernel)));
}

#[test]
fn an_empty_series_is_claimed_by_nobody() {
    let facts = SeriesFacts::of("CT", &[], &Coverage::of(&[]));
    assert_eq!(select(lung_nodule().manifest(), &facts), Match::NotClaimed);
}
