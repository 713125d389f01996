//! Goal: stored values are those that pydicom reads, and what cannot be read is refused.
//! Method: the digests of the sample files; small frames for each rule.

use std::fmt::Write;

use proptest::prelude::*;
use sha2::Digest;

use super::*;
use crate::image::sample;

/// 1 row of 2 columns, 16 bits, 12 stored, unsigned.
fn facts() -> SliceFacts {
    SliceFacts {
        rows: Some(1),
        columns: Some(2),
        samples_per_pixel: Some(1),
        photometric: "MONOCHROME2".to_owned(),
        bits_allocated: Some(16),
        bits_stored: Some(12),
        pixel_representation: Some(0),
        ..SliceFacts::default()
    }
}

fn decode(change: impl Fn(&mut SliceFacts), bytes: &[u8]) -> Result<Vec<i32>, FrameRefusal> {
    let mut facts = facts();
    change(&mut facts);
    Frame::decode(&facts, ByteOrder::LittleEndian, bytes).map(|frame| frame.values)
}

#[test]
fn overlay_bits_are_cut_off() {
    assert_eq!(decode(|_| {}, &[0x34, 0xf2, 0xff, 0x8f]), Ok(vec![0x234, 0xfff]));
}

#[test]
fn the_sign_is_the_highest_stored_bit() {
    let signed = |facts: &mut SliceFacts| facts.pixel_representation = Some(1);
    assert_eq!(decode(signed, &[0x00, 0x08, 0xff, 0xf7]), Ok(vec![-2048, 2047]));
}

#[test]
fn a_high_bit_above_bits_stored_shifts() {
    let high = |facts: &mut SliceFacts| facts.high_bit = Some(15);
    assert_eq!(decode(high, &[0x4f, 0x12, 0, 0x80]), Ok(vec![0x124, 0x800]));
}

#[test]
fn big_endian_words_are_swapped_and_bytes_refused() {
    let mut facts = facts();
    let frame = Frame::decode(&facts, ByteOrder::BigEndian, &[0x02, 0x34, 0, 1]).unwrap();
    assert_eq!(frame.values, [0x234, 1]);
    facts.bits_allocated = Some(8);
    facts.bits_stored = Some(8);
    assert_eq!(
        Frame::decode(&facts, ByteOrder::BigEndian, &[1, 2]),
        Err(FrameRefusal::BigEndianBytes)
    );
    let frame = Frame::decode(&facts, ByteOrder::LittleEndian, &[1, 255]).unwrap();
    assert_eq!(frame.values, [1, 255]);
}

#[test]
fn excess_padding_is_ignored_and_missing_bytes_are_refused() {
    assert_eq!(decode(|_| {}, &[1, 0, 2, 0, 9, 9, 9]), Ok(vec![1, 2]));
    for length in 0..4 {
        assert_eq!(
            decode(|_| {}, &[0; 4][..length]),
            Err(FrameRefusal::Short { got: length, needed: 4 })
        );
    }
}

#[test]
fn what_is_no_monochrome_frame_is_refused() {
    type Change = fn(&mut SliceFacts);
    let cases: [(Change, FrameRefusal); 9] = [
        (|f| f.rows = None, FrameRefusal::Missing("rows")),
        (|f| f.columns = Some(0), FrameRefusal::Empty { rows: 1, columns: 0 }),
        (|f| f.samples_per_pixel = Some(3), FrameRefusal::NotMonochrome),
        (|f| f.photometric = "PALETTE COLOR".to_owned(), FrameRefusal::NotMonochrome),
        (|f| f.frames = Some(2), FrameRefusal::Frames(2)),
        (|f| f.bits_allocated = Some(32), FrameRefusal::BitsAllocated(32)),
        (|f| f.bits_stored = Some(17), FrameRefusal::Bits { allocated: 16, stored: 17, high: 16 }),
        (|f| f.high_bit = Some(10), FrameRefusal::Bits { allocated: 16, stored: 12, high: 10 }),
        (|f| f.pixel_representation = Some(2), FrameRefusal::Representation(2)),
    ];
    for (change, why) in cases {
        assert_eq!(decode(change, &[0; 4]), Err(why));
    }
}

#[test]
fn ct_numbers_are_rounded_and_clamped() {
    let frame = Frame { rows: 1, columns: 4, values: vec![0, 3, -3, 65535] };
    assert_eq!(frame.hu(0.5, -1024.0), [-1024, -1022, -1025, 31744]);
    assert_eq!(frame.hu(1.0, 0.0)[3], i16::MAX);
    assert_eq!(frame.hu(-1.0, 0.0)[3], i16::MIN);
}

proptest! {
    #[test]
    fn no_header_and_no_bytes_make_it_fall_over(
        numbers in prop::array::uniform8(prop::option::of(any::<u16>())),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        big in any::<bool>(),
    ) {
        let facts = SliceFacts {
            rows: numbers[0].map(|n| n % 9),
            columns: numbers[1].map(|n| n % 9),
            bits_allocated: numbers[2].map(|n| (n % 3) * 8),
            bits_stored: numbers[3].map(|n| n % 20),
            high_bit: numbers[4].map(|n| n % 20),
            pixel_representation: numbers[5].map(|n| n % 3),
            ..facts()
        };
        let order = if big { ByteOrder::BigEndian } else { ByteOrder::LittleEndian };
        if let Ok(frame) = Frame::decode(&facts, order, &bytes) {
            let stored = facts.bits_stored.unwrap();
            prop_assert_eq!(frame.values.len(), usize::from(frame.rows * frame.columns));
            for value in frame.values {
                prop_assert!(value < 1 << stored && -(1 << (stored - 1)) <= value);
            }
        }
    }
}

#[test]
fn stored_values_of_every_uncompressed_sample_are_those_of_pydicom() {
    let Some(root) = sample::data() else { return };
    let text = std::fs::read_to_string(root.join("pixel-reference.json")).unwrap();
    let reference: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).unwrap();
    let (mut equal, mut multi) = (0, 0);
    for (name, want) in reference {
        let native = [
            "1.2.840.10008.1.2",
            "1.2.840.10008.1.2.1",
            "1.2.840.10008.1.2.2",
            "1.2.840.10008.1.2.1.99",
        ];
        if !native.contains(&want["ts"].as_str().unwrap()) {
            continue;
        }
        let sample = sample::read(&root.join(&name));
        assert_eq!(sample.syntax, want["ts"].as_str().unwrap());
        if sample.facts.frames.is_some_and(|frames| frames != 1) {
            let refused = Frame::decode(&sample.facts, sample.order, &sample.pixels);
            assert!(matches!(refused, Err(FrameRefusal::Frames(_))), "{name}");
            multi += 1;
            continue;
        }
        let frame = sample.frame();
        assert_eq!(digest(&sample, &frame), want["pixels_sha256"].as_str().unwrap(), "{name}");
        equal += 1;
    }
    assert!(500 < equal && multi == 5, "{equal} equal, {multi} of several frames");
}

/// SHA-256 of the values, as wide as they are allocated, little endian.
fn digest(sample: &sample::Sample, frame: &Frame) -> String {
    let wide = usize::from(sample.facts.bits_allocated.unwrap() / 8);
    let bytes: Vec<u8> =
        frame.values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(wide)).collect();
    let mut text = String::new();
    for byte in sha2::Sha256::digest(bytes) {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}
