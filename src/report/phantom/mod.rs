//! The phantom as DICOM: CT images that say of themselves that they are none of a patient.

mod truth;

use crate::base::digest::Digest;
use crate::base::time::Stamp;
use crate::base::uid::Uid;
use crate::dicom::element::Elements;
use crate::dicom::header::Tag;
use crate::dicom::part10::FileMeta;
use crate::dicom::syntax::{EXPLICIT_LE, Encoding};
use crate::dicom::tags;
use crate::image::phantom::{INTERCEPT, Phantom, PhantomSlice};

pub use truth::{Place, PlantedNodule, Truth};

use super::common::fixed_uid;

/// Version of what the phantom's instances look like. It rises with every change of their bytes,
/// the drawn ones included, so that other bytes never come under a UID that was used.
const PHANTOM_FORMAT: &str = "2";
/// CT Image Storage.
const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";

const INSTANCE_CREATION_DATE: Tag = Tag(0x0008_0012);
const INSTANCE_CREATION_TIME: Tag = Tag(0x0008_0013);
const SERIES_DATE: Tag = Tag(0x0008_0021);
const ACQUISITION_DATE: Tag = Tag(0x0008_0022);
const CONTENT_DATE: Tag = Tag(0x0008_0023);
const STUDY_TIME: Tag = Tag(0x0008_0030);
const SERIES_TIME: Tag = Tag(0x0008_0031);
const ACQUISITION_TIME: Tag = Tag(0x0008_0032);
const CONTENT_TIME: Tag = Tag(0x0008_0033);
const MANUFACTURER: Tag = Tag(0x0008_0070);
const REFERRING_PHYSICIAN: Tag = Tag(0x0008_0090);
const SERIES_DESCRIPTION: Tag = Tag(0x0008_103e);
const MANUFACTURERS_MODEL: Tag = Tag(0x0008_1090);
const BIRTH_DATE: Tag = Tag(0x0010_0030);
const SEX: Tag = Tag(0x0010_0040);
const QUALITY_CONTROL_SUBJECT: Tag = Tag(0x0010_0200);
const KVP: Tag = Tag(0x0018_0060);
const SPACING_BETWEEN_SLICES: Tag = Tag(0x0018_0088);
const SOFTWARE_VERSIONS: Tag = Tag(0x0018_1020);
const STUDY_ID: Tag = Tag(0x0020_0010);
const SERIES_NUMBER: Tag = Tag(0x0020_0011);
const POSITION_REFERENCE: Tag = Tag(0x0020_1040);
const SLICE_LOCATION: Tag = Tag(0x0020_1041);
const IMAGE_COMMENTS: Tag = Tag(0x0020_4000);
const QUALITY_CONTROL_IMAGE: Tag = Tag(0x0028_0300);
const BURNED_IN_ANNOTATION: Tag = Tag(0x0028_0301);
const WINDOW_CENTER: Tag = Tag(0x0028_1050);
const WINDOW_WIDTH: Tag = Tag(0x0028_1051);
const RESCALE_TYPE: Tag = Tag(0x0028_1054);
const WINDOW_EXPLANATION: Tag = Tag(0x0028_1055);
const LOSSY_IMAGE_COMPRESSION: Tag = Tag(0x0028_2110);

/// One slice as an instance of a CT Image (PS3.3 A.3): every Type 1 and Type 2 attribute of its
/// mandatory modules, and three marks that no patient is in it: Patient's Name, Quality Control
/// Subject (0010,0200) and Quality Control Image (0028,0300).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhantomImage {
    /// SOP Class UID: CT Image Storage.
    pub sop_class: Uid,
    /// SOP Instance UID.
    pub sop_instance: Uid,
    /// The data set, explicit VR little endian.
    pub bytes: Vec<u8>,
}

impl PhantomImage {
    /// Returns the instance as a file (PS3.10 7.1).
    pub fn file(&self) -> Vec<u8> {
        let meta = FileMeta {
            sop_class: self.sop_class.clone(),
            sop_instance: self.sop_instance.clone(),
            transfer_syntax: fixed_uid(EXPLICIT_LE),
            source: None,
        };
        let mut file = meta.to_bytes();
        file.extend_from_slice(&self.bytes);
        file
    }
}

/// Makes instances of the slices of one phantom.
///
/// UIDs are hashes of the settings, the date, the number and our version: the same phantom at the
/// same time has the same bytes, other bytes have other UIDs.
pub struct PhantomSeries<'a> {
    phantom: &'a Phantom,
    at: Stamp,
}

impl<'a> PhantomSeries<'a> {
    /// A series of `phantom`, scanned at `at`.
    pub fn new(phantom: &'a Phantom, at: Stamp) -> Self {
        Self { phantom, at }
    }

    /// Study Instance UID.
    pub fn study(&self) -> Uid {
        self.uid("study", 0)
    }

    /// Series Instance UID.
    pub fn series(&self) -> Uid {
        self.uid("series", 0)
    }

    fn sop_instance(&self, index: usize) -> Uid {
        self.uid("instance", index)
    }

    fn uid(&self, what: &str, number: usize) -> Uid {
        let settings = format!("{:?}", self.phantom.settings());
        let date = format!("{}{}", self.at.da(), self.at.tm());
        let version = env!("CARGO_PKG_VERSION");
        let number = number.to_string();
        let parts = ["phantom", PHANTOM_FORMAT, version, what, &settings, &date, &number];
        Digest::of_parts(&parts.map(str::as_bytes)).uid()
    }

    /// Draws slice `index` of the order of scanning, from 0.
    pub fn image(&self, index: usize) -> PhantomImage {
        let slice = self.phantom.slice(index);
        let sop_instance = self.sop_instance(index);
        let elements = Elements::new(Encoding::ExplicitLe);
        let elements = self.identity(elements, &sop_instance);
        let elements = self.places(elements, &slice);
        let bytes = pixels(elements, &slice).into_bytes();
        PhantomImage { sop_class: fixed_uid(CT_IMAGE), sop_instance, bytes }
    }

    /// Groups 0008 to 0018: patient, study, series, equipment, acquisition.
    fn identity(&self, elements: Elements, sop_instance: &Uid) -> Elements {
        let settings = self.phantom.settings();
        let (date, time) = (self.at.da(), self.at.tm());
        elements
            .text(tags::IMAGE_TYPE, *b"CS", "ORIGINAL\\PRIMARY\\AXIAL")
            .text(INSTANCE_CREATION_DATE, *b"DA", &date)
            .text(INSTANCE_CREATION_TIME, *b"TM", &time)
            .text(tags::SOP_CLASS_UID, *b"UI", CT_IMAGE)
            .text(tags::SOP_INSTANCE_UID, *b"UI", sop_instance.as_str())
            .text(tags::STUDY_DATE, *b"DA", &date)
            .text(SERIES_DATE, *b"DA", &date)
            .text(ACQUISITION_DATE, *b"DA", &date)
            .text(CONTENT_DATE, *b"DA", &date)
            .text(STUDY_TIME, *b"TM", &time)
            .text(SERIES_TIME, *b"TM", &time)
            .text(ACQUISITION_TIME, *b"TM", &time)
            .text(CONTENT_TIME, *b"TM", &time)
            .text(tags::ACCESSION_NUMBER, *b"SH", "")
            .text(tags::MODALITY, *b"CS", "CT")
            .text(MANUFACTURER, *b"LO", "Scanpost")
            .text(REFERRING_PHYSICIAN, *b"PN", "")
            .text(tags::STUDY_DESCRIPTION, *b"LO", "Phantom chest")
            .text(SERIES_DESCRIPTION, *b"LO", "Phantom, no patient")
            .text(MANUFACTURERS_MODEL, *b"LO", "Phantom")
            .text(tags::PATIENT_NAME, *b"PN", "PHANTOM^SCANPOST")
            .text(tags::PATIENT_ID, *b"LO", &format!("PHANTOM-{}", settings.seed))
            .text(BIRTH_DATE, *b"DA", "")
            .text(SEX, *b"CS", "")
            .text(QUALITY_CONTROL_SUBJECT, *b"CS", "YES")
            .text(tags::BODY_PART_EXAMINED, *b"CS", "CHEST")
            .text(tags::SLICE_THICKNESS, *b"DS", &decimal(settings.spacing))
            .text(KVP, *b"DS", "120")
            .text(SPACING_BETWEEN_SLICES, *b"DS", &decimal(settings.spacing))
            .text(SOFTWARE_VERSIONS, *b"LO", env!("CARGO_PKG_VERSION"))
            .text(tags::CONVOLUTION_KERNEL, *b"SH", "STANDARD")
            .text(tags::PATIENT_POSITION, *b"CS", settings.pose.patient_position())
    }

    /// Group 0020: relationship and place.
    fn places(&self, elements: Elements, slice: &PhantomSlice) -> Elements {
        let texts = |numbers: &[f64]| {
            let texts: Vec<String> = numbers.iter().map(|number| decimal(*number)).collect();
            texts.join("\\")
        };
        elements
            .text(tags::STUDY_INSTANCE_UID, *b"UI", self.study().as_str())
            .text(tags::SERIES_INSTANCE_UID, *b"UI", self.series().as_str())
            .text(STUDY_ID, *b"SH", "1")
            .text(SERIES_NUMBER, *b"IS", "1")
            .text(tags::ACQUISITION_NUMBER, *b"IS", "1")
            .text(tags::INSTANCE_NUMBER, *b"IS", &slice.instance_number.to_string())
            .text(tags::IMAGE_POSITION_PATIENT, *b"DS", &texts(&slice.position))
            .text(tags::IMAGE_ORIENTATION_PATIENT, *b"DS", &texts(&slice.orientation))
            .text(tags::FRAME_OF_REFERENCE_UID, *b"UI", self.uid("frame of reference", 0).as_str())
            .text(POSITION_REFERENCE, *b"LO", "")
            .text(SLICE_LOCATION, *b"DS", &decimal(slice.position[2]))
            .text(IMAGE_COMMENTS, *b"LT", "Drawn, not scanned: a phantom, no patient.")
    }
}

/// Groups 0028 and 7FE0.
fn pixels(elements: Elements, slice: &PhantomSlice) -> Elements {
    let [row, column] = slice.pixel_spacing.map(decimal);
    elements
        .us(tags::SAMPLES_PER_PIXEL, 1)
        .text(tags::PHOTOMETRIC_INTERPRETATION, *b"CS", "MONOCHROME2")
        .us(tags::ROWS, slice.rows)
        .us(tags::COLUMNS, slice.columns)
        .text(tags::PIXEL_SPACING, *b"DS", &format!("{row}\\{column}"))
        .us(tags::BITS_ALLOCATED, 16)
        .us(tags::BITS_STORED, 12)
        .us(tags::HIGH_BIT, 11)
        .us(tags::PIXEL_REPRESENTATION, 0)
        .text(QUALITY_CONTROL_IMAGE, *b"CS", "YES")
        .text(BURNED_IN_ANNOTATION, *b"CS", "NO")
        .text(WINDOW_CENTER, *b"DS", "-600\\40")
        .text(WINDOW_WIDTH, *b"DS", "1500\\400")
        .text(tags::RESCALE_INTERCEPT, *b"DS", &decimal(INTERCEPT))
        .text(tags::RESCALE_SLOPE, *b"DS", "1")
        .text(RESCALE_TYPE, *b"LO", "HU")
        .text(WINDOW_EXPLANATION, *b"LO", "LUNG\\MEDIASTINUM")
        .text(LOSSY_IMAGE_COMPRESSION, *b"CS", "00")
        .put(tags::PIXEL_DATA, *b"OW", &slice.pixel_data())
}

/// A number as DS: the phantom's have few digits, far below the 16 characters that fit.
fn decimal(number: f64) -> String {
    let text = format!("{number:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
