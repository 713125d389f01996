//! Goal: the files of a phantom say where its anatomy is, whatever the pose. Method: data sets are
//! read back by the walker, pixels by their own Image Position and Orientation (Patient).
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "places within the matrix; numbers that are exact by rule"
)]

use super::*;
use crate::base::time::{Instant, WallTime};
use crate::dicom::header::SliceFacts;
use crate::dicom::syntax::TransferSyntax;
use crate::dicom::walker::{Keep, PixelData, Walk, Walker};
use crate::image::geometry::{Coverage, Plane};
use crate::image::phantom::{PhantomSettings, Pose, Side, Sides};

fn at() -> Stamp {
    Stamp {
        boot: 1,
        monotonic: Instant::from_nanos(0),
        wall: WallTime(1_795_530_127_250),
        utc_offset_s: 0,
        synced: true,
    }
}

fn walk(bytes: &[u8]) -> Walk {
    let syntax = TransferSyntax { encoding: Encoding::ExplicitLe, native_pixels: true };
    let mut walker = Walker::new(syntax, Keep::TopLevel);
    walker.feed(bytes).unwrap();
    walker.finish().unwrap()
}

/// A slice as somebody else reads it: facts, and CT numbers.
struct ReadBack {
    facts: SliceFacts,
    hu: Vec<i32>,
}

fn read(image: &PhantomImage) -> ReadBack {
    let walk = walk(&image.bytes);
    let facts = SliceFacts::of(&walk.header, walk.pixel_data.as_ref());
    let Some(PixelData::Native { offset, length }) = walk.pixel_data else {
        panic!("native pixels");
    };
    let [from, count] = [offset, length].map(|bytes| usize::try_from(bytes).unwrap());
    let hu = image.bytes[from..from + count]
        .chunks_exact(2)
        .map(|pair| i32::from(u16::from_le_bytes([pair[0], pair[1]])) - 1024)
        .collect();
    ReadBack { facts, hu }
}

fn settings(pose: Pose, side: Side) -> PhantomSettings {
    let sides = Sides::Only(side);
    PhantomSettings { pose, nodules: vec![12.0], sides, ..PhantomSettings::chest(9) }
}

fn series(settings: PhantomSettings) -> (Phantom, Vec<ReadBack>) {
    let phantom = Phantom::new(settings);
    let series = PhantomSeries::new(&phantom, at());
    let slices = (0..phantom.settings().slices).map(|index| read(&series.image(index))).collect();
    (phantom, slices)
}

/// The CT number of the pixel nearest to a place, by C.7.6.2.1.1 turned round.
fn hu_at(slices: &[ReadBack], patient: [f64; 3]) -> i32 {
    let far = |slice: &ReadBack| (slice.facts.position.unwrap()[2] - patient[2]).abs();
    let slice = slices.iter().min_by(|a, b| far(a).total_cmp(&far(b))).unwrap();
    let (position, cosines) = (slice.facts.position.unwrap(), slice.facts.orientation.unwrap());
    let pixel = slice.facts.pixel_spacing.unwrap()[0];
    let along = |axis: &[f64]| {
        let way: f64 = (0..3).map(|i| (patient[i] - position[i]) * axis[i]).sum();
        (way / pixel).round() as usize
    };
    let (column, row) = (along(&cosines[..3]), along(&cosines[3..]));
    slice.hu[row * usize::from(slice.facts.columns.unwrap()) + column]
}

/// Places all over the covered chest; none halfway between two pixels.
fn places(nodule: [f64; 3]) -> Vec<[f64; 3]> {
    let [x, y, z] = nodule;
    let mut places = vec![nodule, [x + 3.0, y, z], [x, y - 3.0, z], [-x, y, z]];
    for level in [-7.6, 0.1, 9.9] {
        for n in 0..40 {
            places.push([f64::from(n) * 7.1 - 140.25, f64::from(n % 9) * 23.3 - 90.15, level]);
        }
    }
    places
}

fn differences(a: &[ReadBack], b: &[ReadBack], places: &[[f64; 3]]) -> usize {
    places.iter().filter(|place| hu_at(a, **place) != hu_at(b, **place)).count()
}

#[test]
fn an_image_walks_without_oddity_and_says_what_was_drawn() {
    for pose in Pose::ALL {
        let phantom = Phantom::new(PhantomSettings { pose, ..PhantomSettings::chest(3) });
        let image = PhantomSeries::new(&phantom, at()).image(1);
        let walk = walk(&image.bytes);
        assert!(walk.oddities.is_empty(), "{:?}", walk.oddities);
        let mut facts = SliceFacts::of(&walk.header, walk.pixel_data.as_ref());
        assert!(facts.frame_of_reference.take().is_some());
        assert_eq!(facts, phantom.slice(1).facts(), "{pose:?}");
        for mark in [QUALITY_CONTROL_IMAGE, QUALITY_CONTROL_SUBJECT] {
            assert_eq!(walk.header.code(mark), "YES");
        }
        assert_eq!(walk.header.bytes(tags::PATIENT_NAME), Some(&b"PHANTOM^SCANPOST"[..]));
    }
}

#[test]
fn a_file_is_read_by_dicom_object() {
    let phantom = Phantom::new(PhantomSettings::chest(1));
    let image = PhantomSeries::new(&phantom, at()).image(0);
    let read = dicom_object::from_reader(&image.file()[..]).unwrap();
    assert_eq!(read.meta().media_storage_sop_instance_uid(), image.sop_instance.as_str());
    let element = read.element_by_name("PixelData").unwrap();
    assert_eq!(element.vr(), dicom_core::VR::OW);
    assert_eq!(element.to_bytes().unwrap().len(), 2 * 512 * 512);
}

#[test]
fn the_same_place_has_the_same_ct_number_in_every_pose_and_the_nodule_its_side() {
    for side in [Side::Left, Side::Right] {
        let (truth, usual) = series(settings(Pose::Hfs, side));
        let [nodule] = truth.nodules() else { panic!("one nodule") };
        assert_eq!(nodule.side == Side::Left, 0.0 < nodule.centre[0]);
        assert!(-60 < hu_at(&usual, nodule.centre));
        let places = places(nodule.centre);
        for pose in Pose::ALL {
            let (_, slices) = series(settings(pose, side));
            let facts: Vec<_> = slices.iter().map(|slice| slice.facts.clone()).collect();
            let stack = Coverage::of(&facts).verdict.unwrap();
            assert_eq!((stack.slices, stack.plane()), (9, Plane::Axial), "{pose:?}");
            assert_eq!(differences(&usual, &slices, &places), 0, "{pose:?}");
        }
    }
}

#[test]
fn a_wrong_sign_of_an_axis_or_a_wrong_corner_is_seen() {
    let (truth, usual) = series(settings(Pose::Hfs, Side::Left));
    let places = places(truth.nodules()[0].centre);
    for pose in Pose::ALL {
        for (cosine, corner) in [(0, 0), (4, 1)] {
            let (_, mut slices) = series(settings(pose, Side::Left));
            for slice in &mut slices {
                // The mirrored corner goes with the mirrored axis: still a lawful image.
                slice.facts.orientation.as_mut().unwrap()[cosine] *= -1.0;
                slice.facts.position.as_mut().unwrap()[corner] *= -1.0;
            }
            let seen = differences(&usual, &slices, &places);
            assert!(places.len() / 4 < seen, "{pose:?}: {seen}");
        }
    }
}

#[test]
fn the_truth_points_at_pixels_within_the_nodules() {
    for pose in Pose::ALL {
        let phantom = Phantom::new(PhantomSettings { pose, ..PhantomSettings::chest(20) });
        let series = PhantomSeries::new(&phantom, at());
        let truth = series.truth();
        assert_eq!(truth.nodules.len(), 4);
        assert_eq!(truth.covered_z_mm, [-23.75, 23.75]);
        for nodule in truth.nodules {
            let image = series.image(nodule.at.instance_number - 1);
            assert_eq!(image.sop_instance, nodule.at.instance);
            let [row, column] =
                [nodule.at.row, nodule.at.column].map(|n| usize::try_from(n).unwrap());
            assert!(-60 < read(&image).hu[row * 512 + column], "{pose:?} {nodule:?}");
            let ball = 4.0 / 3.0 * std::f64::consts::PI * (nodule.diameter_mm / 2.0).powi(3);
            assert!((nodule.volume_ml * 1000.0 - ball).abs() < 1e-9);
        }
    }
}

#[test]
fn the_same_phantom_has_the_same_bytes_and_other_bytes_have_another_uid() {
    let instance = |settings: PhantomSettings, at: Stamp| {
        let phantom = Phantom::new(settings);
        PhantomSeries::new(&phantom, at).image(0)
    };
    let usual = PhantomSettings::chest(2);
    let first = instance(usual.clone(), at());
    assert_eq!(first, instance(usual.clone(), at()));
    let phantom = Phantom::new(usual.clone());
    let mut uids = vec![
        first.sop_instance.clone(),
        PhantomSeries::new(&phantom, at()).image(1).sop_instance,
        instance(usual.clone(), Stamp { wall: WallTime(0), ..at() }).sop_instance,
    ];
    for other in [
        PhantomSettings { seed: 9, ..usual.clone() },
        PhantomSettings { pose: Pose::Ffs, ..usual.clone() },
        PhantomSettings { pose: Pose::FlippedRows, ..usual.clone() },
        PhantomSettings { sides: Sides::Only(Side::Left), ..usual.clone() },
        PhantomSettings::chest(3),
    ] {
        uids.push(instance(other, at()).sop_instance);
    }
    let count = uids.len();
    assert!(uids.iter().all(|uid| uid.is_conformant() && uid.as_str().starts_with("2.25.")));
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), count);
}

#[test]
fn many_slices_share_the_length_of_the_chest_and_few_keep_their_distance() {
    for (slices, spacing) in [(1, 2.5), (20, 2.5), (133, 2.5), (331, 1.0), (1200, 0.275)] {
        assert_eq!(PhantomSettings::chest(slices).spacing, spacing, "{slices}");
    }
}

#[test]
fn numbers_are_short_and_exact() {
    let texts = [-1024.0, 0.7, -0.0, 178.85, 2.5].map(decimal);
    assert_eq!(texts, ["-1024", "0.7", "0", "178.85", "2.5"]);
}
