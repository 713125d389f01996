//! Every limit of the walker, from both sides.

use super::*;
use crate::base::limits::{ELEMENTS_MAX, KEPT_BYTES_MAX, KEPT_VALUE_BYTES_MAX, NESTING_MAX};

const SEQUENCE: Tag = Tag(0x0040_0275);

fn nested(encoding: Encoding, depth: usize) -> Elements {
    let opened = (0..depth)
        .fold(begun(encoding), |elements, _| elements.open_sequence(SEQUENCE).open_item());
    (0..depth).fold(opened, |elements, _| elements.close_item().close_sequence())
}

#[test]
fn nesting_is_walked_up_to_its_limit_and_refused_above() {
    for encoding in ENCODINGS {
        assert!(sound(encoding, nested(encoding, NESTING_MAX)).oddities.is_empty());
        let error = refused(encoding, nested(encoding, NESTING_MAX + 1));
        assert!(matches!(error, WalkError::TooDeep(_)), "{error:?}");
        assert_eq!(error.offending(), Some(SEQUENCE));
    }
    let error = refused(Encoding::ImplicitLe, nested(Encoding::ImplicitLe, 100_000));
    assert!(matches!(error, WalkError::TooDeep(_)), "{error:?}");
}

#[test]
fn a_length_beyond_its_item_or_sequence_is_refused() {
    for encoding in ENCODINGS {
        let in_item = begun(encoding).open_sequence(SEQUENCE).mark(tags::ITEM, 10).put(
            Tag(0x0040_0007),
            *b"LO",
            b"longer than that",
        );
        let error = refused(encoding, in_item);
        assert!(matches!(error, WalkError::LengthBeyondContainer(_)), "{error:?}");
        let in_sequence =
            begun(encoding).head(SEQUENCE, *b"SQ", 8).mark(tags::ITEM, 2).raw(&[0; 2]);
        let error = refused(encoding, in_sequence);
        assert!(matches!(error, WalkError::LengthBeyondContainer(_)), "{error:?}");
        let behind_an_inner_open_item = begun(encoding)
            .head(SEQUENCE, *b"SQ", 30)
            .open_item()
            .text(Tag(0x0040_0007), *b"LO", "longer than the 30 bytes around");
        let error = refused(encoding, behind_an_inner_open_item);
        assert!(matches!(error, WalkError::LengthBeyondContainer(_)), "{error:?}");
        let header_over_the_end =
            begun(encoding).open_sequence(SEQUENCE).mark(tags::ITEM, 4).us(tags::COLUMNS, 2);
        let error = refused(encoding, header_over_the_end);
        assert!(matches!(error, WalkError::LengthBeyondContainer(_)), "{error:?}");
    }
}

#[test]
fn elements_are_walked_up_to_their_limit_and_refused_above() {
    let empty = Elements::new(Encoding::ImplicitLe)
        .text(Tag(0x0009_1001), *b"UN", "")
        .into_bytes()
        .repeat(1000);
    let mut walker = Walker::new(native(Encoding::ImplicitLe), Keep::TopLevel);
    for _ in 0..ELEMENTS_MAX / 1000 {
        walker.feed(&empty).unwrap();
    }
    assert!(walker.held() < 4096);
    let error = walker.feed(&empty).unwrap_err();
    assert!(matches!(error, WalkError::TooManyElements(_)), "{error:?}");
}

#[test]
fn a_value_larger_than_any_object_is_refused_before_it_comes() {
    let elements = begun(Encoding::ImplicitLe).head(tags::PIXEL_DATA, *b"OW", 0xffff_fffe);
    let error = refused(Encoding::ImplicitLe, elements);
    assert!(matches!(error, WalkError::TooLarge(_)), "{error:?}");
}

#[test]
fn a_value_that_is_too_large_to_keep_is_skipped_and_flagged_if_it_was_wanted() {
    for (size, kept) in [(KEPT_VALUE_BYTES_MAX, true), (KEPT_VALUE_BYTES_MAX + 2, false)] {
        let elements = begun(Encoding::ImplicitLe).text(
            tags::FRAME_OF_REFERENCE_UID,
            *b"UI",
            &"1".repeat(size),
        );
        let walk = walk(native(Encoding::ImplicitLe), &elements.into_bytes()).unwrap();
        assert_eq!(walk.header.get(tags::FRAME_OF_REFERENCE_UID).is_some(), kept);
        assert_eq!(walk.oddities.contains(&Oddity::NotKept), !kept);
    }
}

#[test]
fn keeping_the_top_level_stops_at_its_limit_and_never_crowds_out_what_routing_wants() {
    let mut elements = Elements::new(Encoding::ExplicitLe);
    for element in 0x1001..0x1401 {
        elements = elements.put(Tag(0x0009_0000 + element), *b"LO", &[b'x'; 4096]);
    }
    let bytes = elements.raw(&whole(Encoding::ExplicitLe)).into_bytes();
    let mut walker = Walker::new(native(Encoding::ExplicitLe), Keep::TopLevel);
    let mut most = 0;
    for piece in bytes.chunks(1000) {
        walker.feed(piece).unwrap();
        most = most.max(walker.held());
    }
    assert!(most < KEPT_BYTES_MAX, "{most}");
    let walk = walker.finish().unwrap();
    assert_eq!(walk.header.u16(tags::ROWS), Some(2));
    assert!(100 < walk.header.iter().count());
    assert_eq!(walk.oddities, [Oddity::OutOfOrder]);
}

#[test]
fn the_top_level_is_kept_without_pixels_sequences_and_what_lies_in_them() {
    let mut walker = Walker::new(native(Encoding::ExplicitLe), Keep::TopLevel);
    walker.feed(&whole(Encoding::ExplicitLe)).unwrap();
    let header = walker.finish().unwrap().header;
    let kept: Vec<Tag> = header.iter().map(|(tag, _)| tag).collect();
    assert_eq!(kept.len(), 9);
    assert_eq!(kept.last(), Some(&tags::COLUMNS));
}

#[test]
fn a_bomb_is_refused_and_a_black_picture_is_not() {
    use std::io::Write;
    let black = |pixels: usize| {
        let head = begun(Encoding::ExplicitLe)
            .head(tags::PIXEL_DATA, *b"OW", u32::try_from(pixels).unwrap())
            .into_bytes();
        let level = flate2::Compression::default();
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(&head).unwrap();
        let zeros = vec![0; 1 << 20];
        for _ in 0..pixels >> 20 {
            encoder.write_all(&zeros).unwrap();
        }
        encoder.finish().unwrap()
    };
    let syntax = native(Encoding::DeflatedLe);
    assert!(walk(syntax, &black(4 << 20)).is_ok());
    let bomb = black(128 << 20);
    let error = walk(syntax, &bomb).unwrap_err();
    assert!(matches!(error, WalkError::DeflateBomb(_)), "{error:?}");
    // However it is cut, it is noticed at the same byte.
    let mut walker = Walker::new(syntax, Keep::Routing);
    let fed = bomb.chunks(1).try_for_each(|piece| walker.feed(piece));
    assert_eq!(fed, Err(error));
}

#[test]
fn every_comment_fits_error_comment_and_is_ascii() {
    let place = Place { tag: Some(Tag(0x7fe0_0010)), offset: u64::MAX };
    let all = [
        WalkError::Empty,
        WalkError::Truncated(place),
        WalkError::TrailingGarbage(place),
        WalkError::NotAnElement(place),
        WalkError::FileInsteadOfDataSet,
        WalkError::WrongEncoding(place),
        WalkError::TooDeep(place),
        WalkError::TooManyElements(place),
        WalkError::LengthBeyondContainer(place),
        WalkError::UndefinedLength(place),
        WalkError::BadDelimiter(place),
        WalkError::MissingDelimiter(place),
        WalkError::TooLarge(place),
        WalkError::DeflateBroken(place),
        WalkError::DeflateCut(place),
        WalkError::DeflateBomb(place),
    ];
    for error in all {
        assert_eq!(error.comment(), error.to_string(), "cut or not ASCII");
        assert!(error.comment().len() <= 64);
    }
}

#[test]
fn the_first_error_stays() {
    let mut walker = Walker::new(native(Encoding::ExplicitLe), Keep::Routing);
    let error = walker.feed(&[0; 200]).unwrap_err();
    assert_eq!(walker.feed(&whole(Encoding::ExplicitLe)), Err(error));
    assert_eq!(walker.finish(), Err(error));
}
