//! What we trust of an instance's data set, taken once by the walker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::phi::Phi;
use crate::base::uid::Uid;

/// An attribute's tag: group in the high half, element in the low.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag(pub u32);

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
/// Values are patient data: there is no `Debug` that shows them.
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
}
