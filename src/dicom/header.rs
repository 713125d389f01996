//! What we trust of an instance's data set, taken once by the walker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::phi::Phi;
use crate::base::uid::Uid;
use crate::dicom::tags;
use crate::dicom::text::{self, Shown};
use crate::dicom::vr::Expected;

/// An attribute's tag: group in the high half, element in the low.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag(pub u32);

impl Tag {
    /// Returns the group number.
    pub fn group(self) -> u16 {
        let [a, b, _, _] = self.0.to_be_bytes();
        u16::from_be_bytes([a, b])
    }

    /// Returns the element number.
    pub fn element(self) -> u16 {
        let [_, _, a, b] = self.0.to_be_bytes();
        u16::from_be_bytes([a, b])
    }
}

impl std::fmt::Debug for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({:04X},{:04X})", self.0 >> 16, self.0 & 0xffff)
    }
}

/// One kept element of the top level of a data set.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    /// The value representation as it was sent; `UN` where the syntax is implicit and the
    /// dictionary does not know the tag.
    pub vr: [u8; 2],
    /// The value, little endian, padding included.
    pub value: Vec<u8>,
}

/// The kept elements of a data set's top level, in the order of their tags.
///
/// Values are patient data: `Debug` shows tags and lengths only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Header {
    elements: BTreeMap<Tag, Element>,
}

/// Who and what an instance is, as the data set says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// SOP Class UID (0008,0016).
    pub sop_class: Uid,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: Uid,
    /// Study Instance UID (0020,000D), unless empty or no UID.
    pub study: Option<Uid>,
    /// Series Instance UID (0020,000E), unless empty or no UID.
    pub series: Option<Uid>,
    /// Modality (0008,0060), trimmed; empty where missing.
    pub modality: String,
    /// What names the patient.
    pub patient: Phi<Patient>,
}

/// The identifying texts, as bytes of the declared character set.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patient {
    /// Patient's Name (0010,0010).
    pub name: Vec<u8>,
    /// Patient ID (0010,0020).
    pub id: Vec<u8>,
    /// Accession Number (0008,0050).
    pub accession: Vec<u8>,
    /// Study Date (0008,0020).
    pub study_date: Vec<u8>,
    /// Study Description (0008,1030).
    pub study_description: Vec<u8>,
    /// Specific Character Set (0008,0005).
    pub character_set: Vec<u8>,
}

/// What the walker keeps of one image for the geometry of its series (PS3.3 C.7.6.2, C.7.6.3).
///
/// `None` means missing or not a number; the decision what that means is `image::geometry`'s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SliceFacts {
    /// Rows (0028,0010).
    pub rows: Option<u16>,
    /// Columns (0028,0011).
    pub columns: Option<u16>,
    /// Image Position (Patient) (0020,0032), mm, LPS.
    pub position: Option<[f64; 3]>,
    /// Image Orientation (Patient) (0020,0037): row cosines, then column cosines.
    pub orientation: Option<[f64; 6]>,
    /// Pixel Spacing (0028,0030), mm: between rows, between columns.
    pub pixel_spacing: Option<[f64; 2]>,
    /// Slice Thickness (0018,0050), mm.
    pub thickness: Option<f64>,
    /// Frame of Reference UID (0020,0052).
    pub frame_of_reference: Option<Uid>,
    /// Image Type (0008,0008), each value trimmed.
    pub image_type: Vec<String>,
    /// Number of Frames (0028,0008).
    pub frames: Option<u32>,
    /// Instance Number (0020,0013).
    pub instance_number: Option<i32>,
    /// Acquisition Number (0020,0012).
    pub acquisition_number: Option<i32>,
    /// Convolution Kernel (0018,1210), first value.
    pub kernel: String,
    /// Samples per Pixel (0028,0002).
    pub samples_per_pixel: Option<u16>,
    /// Photometric Interpretation (0028,0004).
    pub photometric: String,
    /// Bits Allocated (0028,0100).
    pub bits_allocated: Option<u16>,
    /// Bits Stored (0028,0101).
    pub bits_stored: Option<u16>,
    /// High Bit (0028,0102); missing means Bits Stored less one (PS3.5 8.1.1).
    #[serde(default)]
    pub high_bit: Option<u16>,
    /// Pixel Representation (0028,0103): 1 is signed.
    pub pixel_representation: Option<u16>,
    /// Rescale Slope (0028,1053).
    pub rescale_slope: Option<f64>,
    /// Rescale Intercept (0028,1052).
    pub rescale_intercept: Option<f64>,
    /// Body Part Examined (0018,0015).
    pub body_part: String,
    /// Patient Position (0018,5100): HFS, FFS …; a hint for people, geometry comes from LPS.
    pub patient_position: String,
    /// Burned-in or derived pictures: Conversion Type (0008,0064).
    pub conversion_type: String,
    /// Length of Pixel Data (7FE0,0010) in bytes; `None` for fragments or none.
    pub pixel_bytes: Option<u64>,
}

impl Header {
    /// Keeps an element; a second one of the same tag is ignored.
    pub fn keep(&mut self, tag: Tag, element: Element) {
        self.elements.entry(tag).or_insert(element);
    }

    /// Returns the element of `tag`.
    pub fn get(&self, tag: Tag) -> Option<&Element> {
        self.elements.get(&tag)
    }

    /// Returns the elements in the order of their tags.
    pub fn iter(&self) -> impl Iterator<Item = (Tag, &Element)> {
        self.elements.iter().map(|(tag, element)| (*tag, element))
    }

    /// Returns the value of `tag` without the blanks and NULs around it; `None` where it is
    /// missing or nothing is left.
    pub fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        let value = trim(&self.get(tag)?.value);
        (!value.is_empty()).then_some(value)
    }

    /// Returns the value of `tag` as a text for display, in the declared character set.
    pub fn text(&self, tag: Tag) -> Option<Shown> {
        let declared = self.bytes(tags::SPECIFIC_CHARACTER_SET).unwrap_or_default();
        Some(text::decode(self.bytes(tag)?, declared))
    }

    /// Returns the values of a code string, each trimmed, printable ASCII only; none if missing.
    pub fn codes(&self, tag: Tag) -> Vec<String> {
        let values = self.bytes(tag).map(|bytes| bytes.split(|b| *b == b'\\'));
        values.into_iter().flatten().map(printable).collect()
    }

    /// Returns the first value of a code string; empty if missing.
    pub fn code(&self, tag: Tag) -> String {
        self.codes(tag).into_iter().next().unwrap_or_default()
    }

    /// Returns the UID of `tag`; `None` if it is missing, empty or no UID.
    pub fn uid(&self, tag: Tag) -> Option<Uid> {
        Uid::parse(&self.get(tag)?.value).ok()
    }

    /// Returns the first value of `tag` as a number of 16 bits, whichever integer VR it has.
    pub fn u16(&self, tag: Tag) -> Option<u16> {
        u16::try_from(self.integer(tag)?).ok()
    }

    /// Returns the first value of `tag` as an integer: IS, or binary of the VR sent.
    pub fn integer(&self, tag: Tag) -> Option<i64> {
        let (vr, value) = self.typed(tag)?;
        match &vr {
            b"US" => Some(u16::from_le_bytes(*value.first_chunk()?).into()),
            b"SS" => Some(i16::from_le_bytes(*value.first_chunk()?).into()),
            b"UL" => Some(u32::from_le_bytes(*value.first_chunk()?).into()),
            b"SL" => Some(i32::from_le_bytes(*value.first_chunk()?).into()),
            b"IS" | b"DS" => {
                let first = value.split(|b| *b == b'\\').next()?;
                std::str::from_utf8(trim(first)).ok()?.parse().ok()
            }
            _ => None,
        }
    }

    /// Returns the values of `tag` as numbers: DS, IS, FD or FL.
    ///
    /// Empty if one of them is missing, no number, infinite or not a number.
    pub fn decimals(&self, tag: Tag) -> Vec<f64> {
        let Some((vr, value)) = self.typed(tag) else {
            return Vec::new();
        };
        let numbers: Option<Vec<f64>> = match &vr {
            b"FD" => words(value).map(|word| Some(f64::from_le_bytes(word))).collect(),
            b"FL" => words(value).map(|word| Some(f32::from_le_bytes(word).into())).collect(),
            b"DS" | b"IS" => value.split(|b| *b == b'\\').map(decimal).collect(),
            _ => None,
        };
        let numbers = numbers.unwrap_or_default();
        if numbers.iter().all(|number| number.is_finite()) { numbers } else { Vec::new() }
    }

    /// Returns VR and value; what came as UN is what the dictionary says (PS3.5 6.2.2).
    fn typed(&self, tag: Tag) -> Option<([u8; 2], &[u8])> {
        let element = self.get(tag)?;
        let vr = match &element.vr {
            b"UN" => Expected::of(tag).implicit(),
            vr => *vr,
        };
        Some((vr, &element.value))
    }

    /// Returns the values of `tag` if they are exactly `N` numbers.
    pub fn exactly<const N: usize>(&self, tag: Tag) -> Option<[f64; N]> {
        self.decimals(tag).try_into().ok()
    }
}

impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let vr = printable(&self.vr);
        write!(f, "{vr} of {} bytes", self.value.len())
    }
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(&self.elements).finish()
    }
}

/// Cuts the padding of text values: blanks and NULs on both sides (PS3.5 6.2).
pub fn trim(bytes: &[u8]) -> &[u8] {
    let is_padding = |byte: &u8| matches!(byte, 0 | b' ');
    let start = bytes.iter().position(|byte| !is_padding(byte));
    let end = bytes.iter().rposition(|byte| !is_padding(byte));
    match (start, end) {
        (Some(start), Some(end)) => bytes.get(start..=end).unwrap_or_default(),
        _ => &[],
    }
}

fn printable(bytes: &[u8]) -> String {
    let shown = trim(bytes).iter().filter(|byte| (b' '..=b'~').contains(byte));
    shown.copied().map(char::from).collect()
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.chunks_exact(N).filter_map(|word| word.try_into().ok())
}

fn decimal(bytes: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(trim(bytes)).ok()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: Tag = Tag(0x0020_0032);

    fn header(vr: [u8; 2], value: &[u8]) -> Header {
        let mut header = Header::default();
        let value = value.to_vec();
        header.keep(TAG, Element { vr, value });
        header
    }

    #[test]
    fn decimals_are_read_and_anything_that_is_no_number_spoils_them_all() {
        let read = |text: &str| header(*b"DS", text.as_bytes()).decimals(TAG);
        assert_eq!(read("-1.5\\+2e1 \\ .5 "), [-1.5, 20.0, 0.5]);
        for bad in ["1\\\\2", "1\\NaN", "inf", "1,5", "", "1\\x", "1e999"] {
            assert!(read(bad).is_empty(), "{bad}");
        }
        assert_eq!(header(*b"FD", &1.25f64.to_le_bytes()).decimals(TAG), [1.25]);
        assert!(header(*b"FD", &f64::NAN.to_le_bytes()).decimals(TAG).is_empty());
        assert_eq!(header(*b"DS", b"1\\2").exactly::<3>(TAG), None);
    }

    #[test]
    fn integers_are_read_by_the_vr_that_was_sent() {
        assert_eq!(header(*b"US", &[0, 2]).u16(TAG), Some(512));
        assert_eq!(header(*b"SS", &[0, 2]).u16(TAG), Some(512));
        assert_eq!(header(*b"SS", &[255, 255]).u16(TAG), None);
        assert_eq!(header(*b"US", &[1]).u16(TAG), None);
        assert_eq!(header(*b"IS", b"-12 ").integer(TAG), Some(-12));
        assert_eq!(header(*b"IS", b"99999999999999999999").integer(TAG), None);
        assert_eq!(header(*b"LO", b"12").integer(TAG), None);
        // UN is what the dictionary says: Image Position (Patient) is DS.
        assert_eq!(header(*b"UN", b"12").integer(TAG), Some(12));
        assert_eq!(header(*b"UN", b"1.5\\2 ").decimals(TAG), [1.5, 2.0]);
    }

    #[test]
    fn codes_are_trimmed_and_cannot_spoil_a_log() {
        let header = header(*b"CS", b"ORIGINAL\\ PRIMARY \\AX\x1b[2JIAL\0");
        assert_eq!(header.codes(TAG), ["ORIGINAL", "PRIMARY", "AX[2JIAL"]);
        assert_eq!(header.code(Tag(1)), "");
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", header(*b"PN", b"DOE^JANE"));
        assert_eq!(shown, "{(0020,0032): PN of 8 bytes}");
    }
}
