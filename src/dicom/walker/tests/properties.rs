//! Every cut, every split and any bytes.

use proptest::prelude::*;

use super::*;

/// Small data sets of every syntax, one of them with everything that nests.
fn samples() -> Vec<(TransferSyntax, Vec<u8>)> {
    let fragments = begun(Encoding::ExplicitLe)
        .head(tags::PIXEL_DATA, *b"OB", u32::MAX)
        .mark(tags::ITEM, 0)
        .mark(tags::ITEM, 4)
        .raw(&[0xff, 0xd8, 0xff, 0xd9])
        .close_sequence();
    let defined = begun(Encoding::ExplicitLe)
        .head(Tag(0x0040_0275), *b"SQ", 26)
        .mark(tags::ITEM, 18)
        .head(Tag(0x0040_a730), *b"UN", u32::MAX)
        .raw(&[])
        .into_bytes();
    let plain = whole(Encoding::ExplicitLe);
    let mut samples: Vec<_> = ENCODINGS.map(|e| (native(e), whole(e))).into();
    samples.push((compressed(), fragments.into_bytes()));
    samples.push((native(Encoding::DeflatedLe), deflated(&plain)));
    samples.push((native(Encoding::ExplicitLe), defined));
    samples
}

#[test]
fn every_truncation_is_refused_or_ends_behind_an_element_of_the_top_level() {
    for (syntax, bytes) in samples() {
        let mut ends = 0;
        for length in 0..bytes.len() {
            if let Ok(walk) = walk(syntax, &bytes[..length]) {
                assert_eq!(walk.length, u64::try_from(length).unwrap());
                ends += 1;
            }
        }
        // Nothing in the format tells a shorter data set from a cut one at such a place.
        assert!(ends <= 10, "{syntax:?}: {ends}");
        if syntax.encoding == Encoding::DeflatedLe {
            assert_eq!(ends, 0, "a deflated stream tells its own end");
        }
    }
}

fn in_pieces(
    syntax: TransferSyntax,
    bytes: &[u8],
    sizes: &[usize],
) -> (Result<Walk, WalkError>, usize) {
    let mut walker = Walker::new(syntax, Keep::TopLevel);
    let mut rest = bytes;
    let mut most = 0;
    for size in sizes.iter().cycle() {
        let (now, later) = rest.split_at((*size).min(rest.len()));
        if let Err(error) = walker.feed(now) {
            return (Err(error), most);
        }
        most = most.max(walker.held());
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    (walker.finish(), most)
}

fn any_syntax() -> impl Strategy<Value = TransferSyntax> {
    let encoding = prop_oneof![
        Just(Encoding::ImplicitLe),
        Just(Encoding::ExplicitLe),
        Just(Encoding::ExplicitBe),
        Just(Encoding::DeflatedLe),
    ];
    (encoding, any::<bool>())
        .prop_map(|(encoding, native_pixels)| TransferSyntax { encoding, native_pixels })
}

/// Pieces that look like elements, items and delimiters, so that walks get somewhere.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\x08\0\x05\0CS\x02\0AB".to_vec()),
        Just(b"\x08\0\x05\0\x02\0\0\0AB".to_vec()),
        Just(b"\x40\0\x75\x02SQ\0\0\xff\xff\xff\xff".to_vec()),
        Just(b"\x40\0\x75\x02\xff\xff\xff\xff".to_vec()),
        Just(b"\xfe\xff\0\xe0\xff\xff\xff\xff".to_vec()),
        Just(b"\xfe\xff\0\xe0\x0a\0\0\0".to_vec()),
        Just(b"\xfe\xff\x0d\xe0\0\0\0\0".to_vec()),
        Just(b"\xfe\xff\xdd\xe0\0\0\0\0".to_vec()),
        Just(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff".to_vec()),
        Just(b"\x41\0\x01\x10UN\0\0\xff\xff\xff\xff".to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn every_split_gives_the_same_walk(
        index in 0..6usize,
        sizes in prop::collection::vec(1..40usize, 1..8),
    ) {
        let samples = samples();
        let (syntax, bytes) = &samples[index];
        let at_once = in_pieces(*syntax, bytes, &[bytes.len()]).0;
        prop_assert_eq!(in_pieces(*syntax, bytes, &sizes).0, at_once);
    }

    #[test]
    fn any_bytes_get_one_answer_however_they_are_cut_and_little_memory(
        syntax in any_syntax(),
        bytes in prop_oneof![plausible(), prop::collection::vec(any::<u8>(), 0..600)],
        deflate in any::<bool>(),
        sizes in prop::collection::vec(1..200usize, 1..8),
    ) {
        let bytes = if deflate { deflated(&bytes) } else { bytes };
        let (whole, _) = in_pieces(syntax, &bytes, &[bytes.len().max(1)]);
        let (cut, most) = in_pieces(syntax, &bytes, &sizes);
        prop_assert!(most < 1 << 20);
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn one_changed_byte_never_panics_and_is_answered(
        index in 0..6usize,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let (syntax, mut bytes) = samples().swap_remove(index);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Err(error) = walk(syntax, &bytes) {
            prop_assert!(error.comment().len() <= 64);
        }
    }
}
