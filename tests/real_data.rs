//! Every real instance under `SCANPOST_DATA` walks to its end, and its facts are the ones that
//! pydicom reads (`pixel-reference.json`). Skipped, loudly, where the data is absent.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scanpost::base::oddity::Oddity;
use scanpost::dicom::header::{Identity, SliceFacts};
use scanpost::dicom::part10::read_head;
use scanpost::dicom::syntax::TransferSyntax;
use scanpost::dicom::tags::{PATIENT_NAME, SPECIFIC_CHARACTER_SET};
use scanpost::dicom::walker::{Keep, PixelData, Walk, Walker};

fn data() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let path = std::env::var_os("SCANPOST_DATA").map_or_else(|| default.into(), PathBuf::from);
    path.join("pixel-reference.json").exists().then_some(path)
}

fn walk(path: &Path) -> (Walk, TransferSyntax) {
    let file = std::fs::read(path).unwrap();
    let head = read_head(&file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let syntax = TransferSyntax::lookup(&head.transfer_syntax).unwrap();
    let mut walker = Walker::new(syntax, Keep::Routing);
    for piece in file[head.data_set_offset..].chunks(16_370) {
        walker.feed(piece).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let walk = walker.finish().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let identity = Identity::of(&walk.header).unwrap();
    assert_eq!(Some(&identity.sop_class), head.sop_class.as_ref());
    assert_eq!(Some(&identity.sop_instance), head.sop_instance.as_ref());
    (walk, syntax)
}

#[test]
fn every_instance_walks_to_its_end_with_the_facts_of_the_reference() {
    let Some(data) = data() else {
        println!("SKIPPED: no SCANPOST_DATA, real instances were not walked");
        return;
    };
    let text = std::fs::read_to_string(data.join("pixel-reference.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut oddities: BTreeMap<Oddity, usize> = BTreeMap::new();
    let mut walked = 0;
    for (name, expected) in reference.as_object().unwrap() {
        let (walk, syntax) = walk(&data.join(name));
        let identity = Identity::of(&walk.header).unwrap();
        let facts = SliceFacts::of(&walk.header, walk.pixel_data.as_ref());
        walked += 1;
        for oddity in &walk.oddities {
            *oddities.entry(*oddity).or_default() += 1;
        }
        assert_eq!(identity.sop_class.as_str(), expected["sop"], "{name}");
        assert_eq!(identity.modality, expected["modality"], "{name}");
        let shown = |tag| walk.header.text(tag).unwrap_or_default();
        let (patient, charset) = (shown(PATIENT_NAME), shown(SPECIFIC_CHARACTER_SET));
        assert_eq!(charset.text, expected["charset"], "{name}");
        let expected_name = expected["patient_name"].as_str().unwrap().trim();
        assert!(patient.text == expected_name && !patient.guessed, "{name}");
        let shape: Vec<u64> = expected["shape"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_u64)
            .collect();
        if let [frames @ .., rows, columns] = shape.as_slice() {
            assert_eq!(facts.rows.map(u64::from), Some(*rows), "{name}");
            assert_eq!(facts.columns.map(u64::from), Some(*columns), "{name}");
            if let [frames] = frames {
                assert_eq!(facts.frames.map(u64::from), Some(*frames), "{name}");
            }
            let bytes =
                shape.iter().product::<u64>() * u64::from(facts.bits_allocated.unwrap()) / 8;
            match walk.pixel_data {
                Some(PixelData::Native { length, .. }) => assert!(bytes <= length, "{name}"),
                Some(PixelData::Fragments { count, .. }) => {
                    assert!(!syntax.native_pixels && 1 < count, "{name}");
                }
                None => panic!("{name}: no pixels"),
            }
        }
    }
    println!("{walked} instances walked; oddities: {oddities:?}");
    assert!(500 < walked);
}
