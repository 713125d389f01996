//! For tests only: the public sample series, read by a small reader that trusts its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::dicom::header::SliceFacts;
use crate::image::frame::{ByteOrder, Frame};
use crate::image::geometry::Coverage;
use crate::image::phantom::{Phantom, PhantomSlice};
use crate::image::volume::{Builder, Volume};

/// One instance of the samples.
pub(crate) struct Sample {
    pub(crate) facts: SliceFacts,
    pub(crate) order: ByteOrder,
    pub(crate) pixels: Vec<u8>,
    pub(crate) syntax: String,
}

impl Sample {
    pub(crate) fn frame(&self) -> Frame {
        Frame::decode(&self.facts, self.order, &self.pixels).unwrap()
    }
}

/// Returns where the samples are, or says loudly that they are not there.
#[expect(clippy::disallowed_methods, reason = "a test is told where its data lie")]
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub(crate) fn data() -> Option<PathBuf> {
    let root = std::env::var("SCANPOST_DATA").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    if root.is_dir() {
        return Some(root);
    }
    eprintln!("SKIPPED, NOTHING WAS TESTED: no sample data at SCANPOST_DATA ({root:?})");
    None
}

/// Reads every `.dcm` of a folder, sorted by name.
pub(crate) fn series(folder: &str) -> Option<Vec<Sample>> {
    let mut files: Vec<_> = std::fs::read_dir(data()?.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "dcm"))
        .collect();
    files.sort();
    Some(files.iter().map(|path| read(path)).collect())
}

/// Reads one file.
pub(crate) fn read(path: &Path) -> Sample {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[128..132], b"DICM");
    // File Meta Information Group Length comes first and is explicit little endian.
    let meta = 144 + u32::from_le_bytes(bytes[140..144].try_into().unwrap()) as usize;
    let mut head = BTreeMap::new();
    walk(&bytes[144..meta], Syntax::EXPLICIT, &mut head);
    let syntax = text(&head, 0x0002_0010);
    let mut rest = bytes[meta..].to_vec();
    if syntax == "1.2.840.10008.1.2.1.99" {
        let mut inflated = Vec::new();
        let mut reader = flate2::read::DeflateDecoder::new(&rest[..]);
        std::io::Read::read_to_end(&mut reader, &mut inflated).unwrap();
        rest = inflated;
    }
    let how =
        Syntax { explicit: syntax != "1.2.840.10008.1.2", big: syntax == "1.2.840.10008.1.2.2" };
    let mut found = BTreeMap::new();
    walk(&rest, how, &mut found);
    Sample {
        facts: facts(&found, how),
        order: if how.big { ByteOrder::BigEndian } else { ByteOrder::LittleEndian },
        pixels: found.remove(&0x7fe0_0010).unwrap_or_default(),
        syntax,
    }
}

#[derive(Clone, Copy)]
struct Syntax {
    explicit: bool,
    big: bool,
}

impl Syntax {
    const EXPLICIT: Self = Self { explicit: true, big: false };

    fn u16(self, bytes: &[u8]) -> u16 {
        let two = [bytes[0], bytes[1]];
        if self.big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }
    }

    fn u32(self, bytes: &[u8]) -> u32 {
        let four = bytes[..4].try_into().unwrap();
        if self.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    }
}

type Found = BTreeMap<u32, Vec<u8>>;

/// Walks elements until the bytes or the item end; returns how many bytes it took.
fn walk(bytes: &[u8], how: Syntax, found: &mut Found) -> usize {
    let mut at = 0;
    while at + 8 <= bytes.len() {
        let group = u32::from(how.u16(&bytes[at..]));
        let tag = group << 16 | u32::from(how.u16(&bytes[at + 2..]));
        if tag == 0xfffe_e00d {
            return at + 8;
        }
        let long = matches!(
            &bytes[at + 4..at + 6],
            b"OB" | b"OW" | b"OF" | b"SQ" | b"UT" | b"UN" | b"OD" | b"OL" | b"UC" | b"UR"
        );
        let (start, length) = match (how.explicit, long) {
            (true, true) => (at + 12, how.u32(&bytes[at + 8..])),
            (true, false) => (at + 8, u32::from(how.u16(&bytes[at + 6..]))),
            (false, _) => (at + 8, how.u32(&bytes[at + 4..])),
        };
        if length == u32::MAX {
            at = start + items(&bytes[start..], how);
            continue;
        }
        let end = (start + length as usize).min(bytes.len());
        found.entry(tag).or_insert_with(|| bytes[start..end].to_vec());
        at = end;
    }
    bytes.len()
}

/// Steps over the items of a sequence, or the fragments of pixels, of undefined length.
fn items(bytes: &[u8], how: Syntax) -> usize {
    let mut at = 0;
    loop {
        let (element, length) = (how.u16(&bytes[at + 2..]), how.u32(&bytes[at + 4..]));
        at += 8;
        match (element, length) {
            (0xe0dd, _) => return at,
            (_, u32::MAX) => at += walk(&bytes[at..], how, &mut Found::new()),
            (_, length) => at += length as usize,
        }
    }
}

fn text(found: &Found, tag: u32) -> String {
    let bytes = found.get(&tag).map_or(&[][..], Vec::as_slice);
    String::from_utf8_lossy(bytes).trim_matches(['\0', ' ']).to_owned()
}

fn numbers<const N: usize>(found: &Found, tag: u32) -> Option<[f64; N]> {
    let values: Result<Vec<f64>, _> =
        text(found, tag).split('\\').map(|value| value.trim().parse()).collect();
    values.ok()?.try_into().ok()
}

fn facts(found: &Found, how: Syntax) -> SliceFacts {
    let short = |tag: u32| {
        let bytes = found.get(&tag).filter(|bytes| 2 <= bytes.len())?;
        Some(how.u16(bytes))
    };
    let whole = |tag: u32| text(found, tag).parse().ok();
    let one = |tag: u32| numbers::<1>(found, tag).map(|number| number[0]);
    SliceFacts {
        rows: short(0x0028_0010),
        columns: short(0x0028_0011),
        position: numbers(found, 0x0020_0032),
        orientation: numbers(found, 0x0020_0037),
        pixel_spacing: numbers(found, 0x0028_0030),
        thickness: one(0x0018_0050),
        image_type: text(found, 0x0008_0008)
            .split('\\')
            .map(|value| value.trim().to_owned())
            .collect(),
        frames: text(found, 0x0028_0008).parse().ok(),
        instance_number: whole(0x0020_0013),
        acquisition_number: whole(0x0020_0012),
        kernel: text(found, 0x0018_1210),
        samples_per_pixel: short(0x0028_0002),
        photometric: text(found, 0x0028_0004),
        bits_allocated: short(0x0028_0100),
        bits_stored: short(0x0028_0101),
        high_bit: short(0x0028_0102),
        pixel_representation: short(0x0028_0103),
        rescale_slope: one(0x0028_1053),
        rescale_intercept: one(0x0028_1052),
        patient_position: text(found, 0x0018_5100),
        ..SliceFacts::default()
    }
}

/// Builds the volume of a phantom by the way that a study goes.
pub(crate) fn volume_of(phantom: &Phantom) -> Volume {
    let slices: Vec<_> = (0..phantom.settings().slices).map(|index| phantom.slice(index)).collect();
    let facts: Vec<_> = slices.iter().map(PhantomSlice::facts).collect();
    let coverage = Coverage::of(&facts);
    let mut builder = Builder::new(&coverage, &facts).unwrap();
    for (z, source) in builder.sources().into_iter().enumerate() {
        let pixels = slices[source].pixel_data();
        let frame = Frame::decode(&facts[source], ByteOrder::LittleEndian, &pixels).unwrap();
        builder.put(z, &frame).unwrap();
    }
    builder.finish().unwrap()
}

/// Builds the volume of a sample series.
pub(crate) fn volume(folder: &str) -> Option<Volume> {
    let samples = series(folder)?;
    let facts: Vec<_> = samples.iter().map(|sample| sample.facts.clone()).collect();
    let frames: Vec<_> = samples.iter().map(Sample::frame).collect();
    Some(Volume::build(&Coverage::of(&facts), &facts, &frames).unwrap())
}
