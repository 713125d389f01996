//! One test for each row of the table of odd and broken data sets, named after it.

use super::*;
use crate::dicom::facts::Missing;
use crate::dicom::header::Identity;
use crate::dicom::part10::FileMeta;

const SEQUENCE: Tag = Tag(0x0040_0275);
const PRIVATE: Tag = Tag(0x0041_1001);

#[test]
fn a_sound_data_set_walks_in_every_syntax_with_the_same_facts() {
    for encoding in ENCODINGS {
        let bytes = whole(encoding);
        let walk = walk(native(encoding), &bytes).unwrap();
        assert!(walk.oddities.is_empty(), "{encoding:?}: {:?}", walk.oddities);
        assert_eq!(walk.length, u64::try_from(bytes.len()).unwrap());
        let pixels = PixelData::Native { offset: walk.length - 8, length: 8 };
        assert_eq!(walk.pixel_data, Some(pixels));
        // Kept values are little endian whatever came.
        assert_eq!(walk.header.get(tags::ROWS).unwrap().value, [2, 0]);
        let identity = Identity::of(&walk.header).unwrap();
        assert_eq!(identity.sop_instance.as_str(), "1.2.3.4");
        assert_eq!(identity.patient.reveal("test").name, b"DOE^JANE");
    }
}

#[test]
fn a_deflated_data_set_walks_with_and_without_its_padding() {
    let syntax = native(Encoding::DeflatedLe);
    let plain = whole(Encoding::ExplicitLe);
    let expected = walk(native(Encoding::ExplicitLe), &plain).unwrap();
    let mut bytes = deflated(&plain);
    assert_eq!(walk(syntax, &bytes).unwrap(), expected);
    bytes.push(0);
    assert_eq!(walk(syntax, &bytes).unwrap(), expected);
    bytes.push(0);
    let error = walk(syntax, &bytes).unwrap_err();
    assert!(matches!(error, WalkError::TrailingGarbage(_)), "{error:?}");
    bytes.truncate(40);
    let error = walk(syntax, &bytes).unwrap_err();
    assert!(matches!(error, WalkError::DeflateCut(_)), "{error:?}");
    let error = walk(syntax, &plain).unwrap_err();
    assert!(matches!(error, WalkError::DeflateBroken(_)), "{error:?}");
}

#[test]
fn e3_no_sop_instance_uid_walks_but_names_no_instance() {
    let elements = Elements::new(Encoding::ExplicitLe)
        .text(tags::SOP_CLASS_UID, *b"UI", "1.2.840.10008.5.1.4.1.1.2")
        .text(tags::STUDY_INSTANCE_UID, *b"UI", "1.2.3");
    let walk = sound(Encoding::ExplicitLe, elements);
    assert_eq!(Identity::of(&walk.header), Err(Missing::SopInstance));
    assert_eq!(Missing::SopInstance.offending(), tags::SOP_INSTANCE_UID);
}

#[test]
fn e5_a_uid_of_65_characters_names_no_instance() {
    let elements = Elements::new(Encoding::ExplicitLe)
        .text(tags::SOP_CLASS_UID, *b"UI", "1.2.840.10008.5.1.4.1.1.2")
        .text(tags::SOP_INSTANCE_UID, *b"UI", &"1".repeat(65));
    let walk = sound(Encoding::ExplicitLe, elements);
    assert_eq!(Identity::of(&walk.header), Err(Missing::SopInstance));
}

#[test]
fn e6_uids_with_letters_or_leading_zeros_are_kept_and_flagged() {
    for odd in ["1.2.abc", "1.2.03"] {
        let elements = Elements::new(Encoding::ImplicitLe)
            .text(tags::SOP_CLASS_UID, *b"UI", "1.2")
            .text(tags::SOP_INSTANCE_UID, *b"UI", odd)
            .text(tags::STUDY_INSTANCE_UID, *b"UI", "1.2.3");
        let walk = sound(Encoding::ImplicitLe, elements);
        assert_eq!(walk.oddities, [Oddity::UidForm]);
        assert_eq!(Identity::of(&walk.header).unwrap().sop_instance.as_str(), odd);
    }
}

#[test]
fn e8_a_uid_padded_with_a_blank_is_compared_without_it() {
    let elements = Elements::new(Encoding::ExplicitLe)
        .text(tags::SOP_CLASS_UID, *b"UI", "1.2 ")
        .text(tags::SOP_INSTANCE_UID, *b"UI", " 1.2.3 ");
    let walk = sound(Encoding::ExplicitLe, elements);
    let identity = Identity::of(&walk.header).unwrap();
    assert_eq!(identity.sop_class.as_str(), "1.2");
    assert_eq!(identity.sop_instance.as_str(), "1.2.3");
}

#[test]
fn e9_an_empty_study_instance_uid_is_kept_and_flagged() {
    let elements = Elements::new(Encoding::ExplicitLe)
        .text(tags::SOP_CLASS_UID, *b"UI", "1.2")
        .text(tags::SOP_INSTANCE_UID, *b"UI", "1.2.3")
        .text(tags::STUDY_INSTANCE_UID, *b"UI", "");
    let walk = sound(Encoding::ExplicitLe, elements);
    assert_eq!(walk.oddities, [Oddity::NoStudy]);
    assert_eq!(Identity::of(&walk.header).unwrap().study, None);
}

#[test]
fn e12_a_data_set_cut_inside_an_element_is_refused_by_its_tag() {
    for encoding in ENCODINGS {
        let bytes = whole(encoding);
        let error = walk(native(encoding), &bytes[..bytes.len() - 1]).unwrap_err();
        assert!(matches!(error, WalkError::Truncated(_)), "{error:?}");
        assert_eq!(error.offending(), Some(tags::PIXEL_DATA));
        let comment = error.comment();
        assert!(comment.contains("(7FE0,0010)"), "{comment}");
    }
}

#[test]
fn e13_trailing_zeros_and_garbage_are_refused() {
    for encoding in ENCODINGS {
        for count in 1..40 {
            let error = refused(encoding, begun(encoding).raw(&vec![0; count]));
            assert!(matches!(error, WalkError::TrailingGarbage(_)), "{count}: {error:?}");
        }
        let error = refused(encoding, begun(encoding).raw(b"garbage, and more of it"));
        assert_ne!(error.comment(), "");
        let error = refused(encoding, begun(encoding).raw(&[0xff; 24]));
        assert!(matches!(error, WalkError::TrailingGarbage(_)), "{error:?}");
    }
}

#[test]
fn e14_data_set_trailing_padding_is_accepted() {
    for encoding in ENCODINGS {
        let elements = begun(encoding).put(Tag(0xfffc_fffc), *b"OB", &[0; 126]);
        assert!(sound(encoding, elements).oddities.is_empty());
    }
}

#[test]
fn e15_group_lengths_and_group_0002_are_accepted_and_flagged() {
    let elements = Elements::new(Encoding::ExplicitLe)
        .put(Tag(0x0002_0000), *b"UL", &[4, 0, 0, 0])
        .text(Tag(0x0002_0003), *b"UI", "9.9")
        .put(Tag(0x0008_0000), *b"UN", &[4, 0, 0, 0])
        .text(tags::SOP_CLASS_UID, *b"UI", "1.2")
        .text(tags::SOP_INSTANCE_UID, *b"UI", "1.2.3")
        .text(tags::STUDY_INSTANCE_UID, *b"UI", "1.2.3");
    let walk = sound(Encoding::ExplicitLe, elements);
    assert_eq!(walk.oddities, [Oddity::GroupLength, Oddity::MetaGroup]);
    assert_eq!(Identity::of(&walk.header).unwrap().sop_instance.as_str(), "1.2.3");
}

#[test]
fn e17_a_file_instead_of_a_data_set_is_refused_in_every_syntax() {
    let uid = |text: &str| crate::base::uid::Uid::parse(text.as_bytes()).unwrap();
    let meta = FileMeta {
        sop_class: uid("1.2"),
        sop_instance: uid("1.2.3"),
        transfer_syntax: uid("1.2.840.10008.1.2.1"),
        source: None,
    };
    let mut file = meta.to_bytes();
    file.extend_from_slice(&whole(Encoding::ExplicitLe));
    for encoding in ENCODINGS.into_iter().chain([Encoding::DeflatedLe]) {
        let error = walk(native(encoding), &file).unwrap_err();
        assert_eq!(error, WalkError::FileInsteadOfDataSet, "{encoding:?}");
    }
    let error = walk(compressed(), &file[..132]).unwrap_err();
    assert_eq!(error.comment(), "a file was sent instead of a data set");
    // The preamble may hold anything, a TIFF header for one.
    file[..8].copy_from_slice(b"II*\0\x08\0\0\0");
    let error = walk(native(Encoding::ImplicitLe), &file).unwrap_err();
    assert_eq!(error, WalkError::FileInsteadOfDataSet);
}

#[test]
fn e18_elements_out_of_order_are_accepted_and_flagged() {
    let elements = Elements::new(Encoding::ExplicitLe)
        .text(tags::STUDY_INSTANCE_UID, *b"UI", "1.2.3")
        .text(tags::SOP_INSTANCE_UID, *b"UI", "1.2.3")
        .text(tags::SOP_CLASS_UID, *b"UI", "1.2");
    let walk = sound(Encoding::ExplicitLe, elements);
    assert_eq!(walk.oddities, [Oddity::OutOfOrder]);
    assert!(Identity::of(&walk.header).is_ok());
    // The same tag again, near or far: the first one counts.
    let elements = begun(Encoding::ExplicitLe).us(tags::COLUMNS, 2).us(tags::COLUMNS, 3);
    let walk = sound(Encoding::ExplicitLe, elements);
    assert_eq!(walk.oddities, [Oddity::Repeated]);
    assert_eq!(walk.header.u16(tags::COLUMNS), Some(2));
    let elements = begun(Encoding::ExplicitLe).text(tags::MODALITY, *b"CS", "MR");
    let walk = sound(Encoding::ExplicitLe, elements);
    assert_eq!(walk.oddities, [Oddity::OutOfOrder, Oddity::Repeated]);
    assert_eq!(walk.header.code(tags::MODALITY), "CT");
}

#[test]
fn e19_bytes_of_another_syntax_are_refused_at_their_first_element() {
    for sent in ENCODINGS {
        for agreed in ENCODINGS {
            let walked = walk(native(agreed), &whole(sent));
            if sent == agreed {
                assert!(walked.is_ok());
                continue;
            }
            let error = walked.unwrap_err();
            assert!(matches!(error, WalkError::WrongEncoding(_)), "{sent:?}: {error:?}");
        }
    }
}

#[test]
fn e20_odd_lengths_are_accepted_and_flagged() {
    for encoding in ENCODINGS {
        let elements = begun(encoding)
            .head(Tag(0x0028_0301), *b"CS", 3)
            .raw(b"YES")
            .head(Tag(0x0028_2110), *b"CS", 1)
            .raw(b"0");
        assert_eq!(sound(encoding, elements).oddities, [Oddity::OddLength]);
    }
    let ragged = begun(Encoding::ExplicitLe).put(tags::PIXEL_SPACING, *b"FD", &[0; 12]);
    let oddities = sound(Encoding::ExplicitLe, ragged).oddities;
    assert_eq!(oddities, [Oddity::RaggedValue, Oddity::WrongVr]);
}

#[test]
fn e21_an_empty_data_set_is_refused() {
    for encoding in ENCODINGS {
        assert_eq!(walk(native(encoding), &[]), Err(WalkError::Empty));
    }
    let nothing = deflated(&[]);
    assert_eq!(walk(native(Encoding::DeflatedLe), &nothing), Err(WalkError::Empty));
}

#[test]
fn e22_undefined_lengths_and_un_sequences_are_walked() {
    for encoding in ENCODINGS {
        let elements = begun(encoding)
            .open_sequence(SEQUENCE)
            .open_item()
            .open_sequence(Tag(0x0040_a730))
            .mark(tags::ITEM, 0)
            .close_sequence()
            .close_item()
            .close_sequence();
        assert!(sound(encoding, elements).oddities.is_empty(), "{encoding:?}");
    }
    for encoding in [Encoding::ExplicitLe, Encoding::ExplicitBe] {
        let inside = Elements::new(Encoding::ImplicitLe)
            .open_item()
            .text(Tag(0x0041_0010), *b"LO", "MAKER")
            .open_sequence(PRIVATE)
            .close_sequence()
            .close_item()
            .close_sequence();
        let elements = begun(encoding)
            .head(PRIVATE, *b"UN", u32::MAX)
            .raw(&inside.into_bytes())
            .put(Tag(0x0043_1001), *b"US", &[1, 0]);
        assert!(sound(encoding, elements).oddities.is_empty(), "{encoding:?}");
    }
    let elements = begun(Encoding::ExplicitLe).head(Tag(0x0028_3006), *b"OW", u32::MAX);
    let error = refused(Encoding::ExplicitLe, elements);
    assert!(matches!(error, WalkError::UndefinedLength(_)), "{error:?}");
}

#[test]
fn e23_missing_delimiters_at_the_end_are_refused() {
    for encoding in ENCODINGS {
        let open = || begun(encoding).open_sequence(SEQUENCE);
        for elements in [open(), open().open_item(), open().open_item().close_item()] {
            let error = refused(encoding, elements);
            assert!(matches!(error, WalkError::MissingDelimiter(_)), "{error:?}");
        }
    }
    let bytes = begun(Encoding::ExplicitLe)
        .head(tags::PIXEL_DATA, *b"OB", u32::MAX)
        .mark(tags::ITEM, 0)
        .mark(tags::ITEM, 4)
        .raw(&[0xff, 0xd8, 0xff, 0xd9]);
    let error = walk(compressed(), &bytes.into_bytes()).unwrap_err();
    assert!(matches!(error, WalkError::MissingDelimiter(_)), "{error:?}");
    assert_eq!(error.offending(), Some(tags::PIXEL_DATA));
    // Inside a sequence of defined length the end is known at once.
    let inner =
        begun(Encoding::ExplicitLe).head(SEQUENCE, *b"SQ", 8).open_item().us(tags::COLUMNS, 2);
    let error = refused(Encoding::ExplicitLe, inner);
    assert!(matches!(error, WalkError::MissingDelimiter(_)), "{error:?}");
}

#[test]
fn e24_wrong_vrs_and_unknown_letters_are_read_by_the_letters_sent() {
    let elements = Elements::new(Encoding::ExplicitBe)
        .text(tags::SOP_CLASS_UID, *b"UI", "1.2")
        .text(tags::SOP_INSTANCE_UID, *b"UI", "1.2.3")
        .text(tags::STUDY_INSTANCE_UID, *b"UI", "1.2.3")
        .put(tags::ROWS, *b"SS", &[0, 2])
        .put(tags::PIXEL_SPACING, *b"FD", &[0; 16])
        .put(PRIVATE, *b"??", b"ab")
        .put(Tag(0x0041_1002), *b"ZZ", b"ab");
    let walk = sound(Encoding::ExplicitBe, elements);
    assert_eq!(walk.oddities, [Oddity::UnknownVr, Oddity::WrongVr]);
    assert_eq!(walk.header.u16(tags::ROWS), Some(512));
    let error =
        refused(Encoding::ExplicitLe, begun(Encoding::ExplicitLe).put(PRIVATE, *b"a1", b""));
    assert!(matches!(error, WalkError::TrailingGarbage(_)), "{error:?}");
}

#[test]
fn h22_what_only_the_dictionary_calls_a_sequence_may_be_a_plain_value() {
    for text in ["ANON", "ANONYMIZED", "12345678"] {
        let elements = begun(Encoding::ImplicitLe).text(SEQUENCE, *b"LO", text).text(
            Tag(0x0040_1001),
            *b"SH",
            "X",
        );
        let walk = sound(Encoding::ImplicitLe, elements);
        assert_eq!(walk.oddities, [Oddity::NoSequence], "{text}");
    }
    let letters = begun(Encoding::ExplicitLe).text(SEQUENCE, *b"LO", "ANONYMIZED");
    assert_eq!(sound(Encoding::ExplicitLe, letters).oddities, [Oddity::WrongVr]);
    let sent = begun(Encoding::ExplicitLe).text(SEQUENCE, *b"SQ", "ANONYMIZED");
    let error = refused(Encoding::ExplicitLe, sent);
    assert!(matches!(error, WalkError::BadDelimiter(_)), "{error:?}");
}

#[test]
fn h24_elements_behind_pixel_data_and_excess_padding_are_walked() {
    let elements = begun(Encoding::ExplicitLe).put(tags::PIXEL_DATA, *b"OW", &[0; 64]).put(
        Tag(0xfffa_fffa),
        *b"UN",
        b"signature",
    );
    let walk = sound(Encoding::ExplicitLe, elements);
    assert!(matches!(walk.pixel_data, Some(PixelData::Native { length: 64, .. })));
}

#[test]
fn h25_a_delimiter_of_length_ffffffff_counts_as_empty_and_any_other_is_refused() {
    for encoding in ENCODINGS {
        let open = || begun(encoding).open_sequence(SEQUENCE).open_item().close_item();
        let elements = open().mark(tags::SEQUENCE_DELIMITER, u32::MAX);
        assert_eq!(sound(encoding, elements).oddities, [Oddity::DelimiterLength]);
        let error = refused(encoding, open().mark(tags::SEQUENCE_DELIMITER, 4).raw(&[0; 4]));
        assert!(matches!(error, WalkError::BadDelimiter(_)), "{error:?}");
    }
}

#[test]
fn fragments_are_counted_and_measured_and_flagged_where_the_syntax_has_none() {
    let fragments = || {
        begun(Encoding::ExplicitLe)
            .head(tags::PIXEL_DATA, *b"OB", u32::MAX)
            .mark(tags::ITEM, 0)
            .mark(tags::ITEM, 4)
            .raw(&[0xff, 0xd8, 0xff, 0xd9])
            .close_sequence()
    };
    let offset = begun(Encoding::ExplicitLe).into_bytes().len() + 12;
    let expected = PixelData::Fragments {
        offset: u64::try_from(offset).unwrap(),
        length: 8 + 8 + 4 + 8,
        count: 2,
    };
    let encapsulated = walk(compressed(), &fragments().into_bytes()).unwrap();
    assert_eq!(encapsulated.pixel_data, Some(expected));
    assert!(encapsulated.oddities.is_empty());
    let walked = sound(Encoding::ExplicitLe, fragments());
    assert_eq!(walked.oddities, [Oddity::FragmentsInNative]);
    let walked = walk(compressed(), &whole(Encoding::ExplicitLe)).unwrap();
    assert_eq!(walked.oddities, [Oddity::NativeInEncapsulated]);
}

#[test]
fn delimiters_and_items_where_none_may_stand_are_refused() {
    let encoding = Encoding::ExplicitLe;
    let open = || begun(encoding).open_sequence(SEQUENCE);
    for elements in [
        begun(encoding).close_item(),
        begun(encoding).close_sequence(),
        begun(encoding).open_item(),
        open().close_item(),
        open().us(tags::COLUMNS, 2),
        open().open_item().close_sequence(),
        open().open_item().open_item(),
        begun(encoding).head(SEQUENCE, *b"SQ", 8).close_sequence(),
    ] {
        let error = refused(encoding, elements);
        assert!(matches!(error, WalkError::BadDelimiter(_)), "{error:?}");
    }
    let garbage = open().open_item().raw(&[0; 16]);
    let error = refused(encoding, garbage);
    assert!(matches!(error, WalkError::NotAnElement(_)), "{error:?}");
}
