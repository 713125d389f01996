//! What the walker accepts without an oddity that bars decoders, dicom-object reads as the same
//! instance: two parsers that see two objects in one data set would be a way to smuggle.

use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::entries;
use proptest::prelude::*;

use scanpost::base::oddity::Decoders;
use scanpost::dicom::element::Elements;
use scanpost::dicom::header::Tag;
use scanpost::dicom::syntax::{Encoding, TransferSyntax};
use scanpost::dicom::tags;
use scanpost::dicom::walker::{Keep, Walk, Walker};

const ENCODINGS: [Encoding; 3] = [Encoding::ImplicitLe, Encoding::ExplicitLe, Encoding::ExplicitBe];

fn walk(encoding: Encoding, bytes: &[u8]) -> Option<Walk> {
    let syntax = TransferSyntax { encoding, native_pixels: true };
    let mut walker = Walker::new(syntax, Keep::Routing);
    walker.feed(bytes).ok()?;
    walker.finish().ok()
}

fn instance(encoding: Encoding) -> Vec<u8> {
    Elements::new(encoding)
        .text(tags::SOP_CLASS_UID, *b"UI", "1.2.840.10008.5.1.4.1.1.2")
        .text(tags::SOP_INSTANCE_UID, *b"UI", "1.2.3.4")
        .text(tags::MODALITY, *b"CS", "CT")
        .head(Tag(0x0008_1140), *b"SQ", 26)
        .mark(tags::ITEM, 18)
        .text(Tag(0x0008_1155), *b"UI", "1.2.3.4.5")
        .text(tags::PATIENT_NAME, *b"PN", "DOE^JANE")
        .text(tags::STUDY_INSTANCE_UID, *b"UI", "1.2.3")
        .us(tags::ROWS, 1)
        .us(tags::COLUMNS, 4)
        .open_sequence(Tag(0x0040_0275))
        .open_item()
        .text(tags::STUDY_INSTANCE_UID, *b"UI", "6.6.6")
        .close_item()
        .close_sequence()
        .put(tags::PIXEL_DATA, *b"OW", &[1, 0, 2, 0, 3, 0, 4, 0])
        .into_bytes()
}

fn read(encoding: Encoding, bytes: &[u8]) -> Result<InMemDicomObject, String> {
    let syntax = match encoding {
        Encoding::ImplicitLe => entries::IMPLICIT_VR_LITTLE_ENDIAN.erased(),
        Encoding::ExplicitBe => entries::EXPLICIT_VR_BIG_ENDIAN.erased(),
        Encoding::ExplicitLe | Encoding::DeflatedLe => entries::EXPLICIT_VR_LITTLE_ENDIAN.erased(),
    };
    InMemDicomObject::read_dataset_with_ts(bytes, &syntax)
        .map_err(|error| format!("{error:?}").chars().take(300).collect())
}

/// Compares what both say of the UIDs that name the instance.
fn agree(encoding: Encoding, bytes: &[u8]) -> Result<bool, TestCaseError> {
    let Some(walk) = walk(encoding, bytes) else {
        return Ok(false);
    };
    if walk.oddities.iter().any(|odd| odd.decoders() == Decoders::Barred) {
        return Ok(false);
    }
    let object = read(encoding, bytes)
        .map_err(|error| TestCaseError::fail(format!("{encoding:?}: {error}")))?;
    for tag in
        [tags::SOP_CLASS_UID, tags::SOP_INSTANCE_UID, tags::STUDY_INSTANCE_UID, tags::MODALITY]
    {
        let theirs = object
            .element(dicom_core::Tag(tag.group(), tag.element()))
            .ok()
            .and_then(|element| element.to_str().ok())
            .map(|text| text.trim_matches(|c| c == '\0' || c == ' ').to_owned())
            .filter(|text| !text.is_empty());
        let ours =
            walk.header.bytes(tag).map(|bytes| bytes.iter().map(|b| char::from(*b)).collect());
        prop_assert_eq!(ours, theirs, "{:?} in {:?}", tag, encoding);
    }
    Ok(true)
}

#[test]
fn a_sound_instance_is_the_same_for_both() {
    for encoding in ENCODINGS {
        let bytes = instance(encoding);
        assert!(agree(encoding, &bytes).unwrap(), "{encoding:?} did not walk");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn a_damaged_instance_is_refused_flagged_or_the_same_for_both(
        encoding in prop::sample::select(ENCODINGS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), byte()), 1..4),
    ) {
        let mut bytes = instance(encoding);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        agree(encoding, &bytes)?;
    }
}

/// Bytes that mean something in a header come up more often than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        prop::sample::select(vec![0, 1, 2, 4, 8, 0x0d, 0x10, 0xdd, 0xe0, 0xfe, 0xff]),
        prop::sample::select(b"UNSQOBWLAT?".to_vec()),
    ]
}
