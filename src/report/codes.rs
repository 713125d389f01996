//! Coded concepts (PS3.16) that our documents use.

use std::borrow::Cow;

use dicom_dictionary_std::tags;
use serde::{Deserialize, Serialize};

use super::dataset::DataSet;

/// A coded concept: PS3.3 8.8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Code Value.
    pub value: Cow<'static, str>,
    /// Coding Scheme Designator.
    pub scheme: Cow<'static, str>,
    /// Code Meaning.
    pub meaning: Cow<'static, str>,
}

/// What a package looks for, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codes {
    /// The finding: segment type and "Finding" of the report, for example nodule.
    pub finding: Code,
    /// Where it lies, for example lung.
    pub site: Code,
    /// The procedure that the sources come from, for example CT Chest.
    pub procedure: Code,
}

impl Code {
    /// Makes a code of fixed texts.
    pub const fn fixed(value: &'static str, scheme: &'static str, meaning: &'static str) -> Self {
        Self {
            value: Cow::Borrowed(value),
            scheme: Cow::Borrowed(scheme),
            meaning: Cow::Borrowed(meaning),
        }
    }

    /// Makes a code of texts, as a package's manifest has them.
    pub fn new(value: &str, scheme: &str, meaning: &str) -> Self {
        Self {
            value: Cow::Owned(value.to_owned()),
            scheme: Cow::Owned(scheme.to_owned()),
            meaning: Cow::Owned(meaning.to_owned()),
        }
    }

    /// Returns the item of a code sequence. A value over 16 characters is a Long Code Value.
    pub(super) fn item(&self) -> DataSet {
        let mut item = DataSet::default();
        let tag = if self.value.len() <= 16 { tags::CODE_VALUE } else { tags::LONG_CODE_VALUE };
        item.text(tag, &self.value);
        item.text(tags::CODING_SCHEME_DESIGNATOR, &self.scheme);
        item.text(tags::CODE_MEANING, &self.meaning);
        item
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal $scheme:literal $meaning:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code::fixed($value, $scheme, $meaning);)*
    };
}

codes! {
    /// Finding of the lung nodule package.
    NODULE = "27925004" "SCT" "Nodule";
    /// Site of the lung nodule package.
    LUNG = "39607008" "SCT" "Lung";
    /// CID 100: CT of the chest.
    CT_CHEST = "24627-2" "LN" "CT Chest";
    /// CID 7150: category of every finding that we outline.
    ABNORMAL_STRUCTURE = "49755003" "SCT" "Morphologically Abnormal Structure";
    /// CID 7162: family of every algorithm that we run.
    ARTIFICIAL_INTELLIGENCE = "123110" "DCM" "Artificial Intelligence";
    /// CID 7005: the scanner.
    ACQUISITION_EQUIPMENT = "109101" "DCM" "Acquisition Equipment";
    /// CID 7005: the box.
    PROCESSING_EQUIPMENT = "109102" "DCM" "Processing Equipment";
    /// CID 7203: how the frames were derived.
    SEGMENTATION = "113076" "DCM" "Segmentation";
    /// CID 7202: what the source image was for.
    SOURCE_IMAGE = "121322" "DCM" "Source image for image processing operation";
    /// TID 1500: the report.
    MEASUREMENT_REPORT = "126000" "DCM" "Imaging Measurement Report";
    /// TID 1204: its language.
    LANGUAGE = "121049" "DCM" "Language of Content Item and Descendants";
    /// CID 5000: English.
    ENGLISH = "en" "RFC5646" "English";
    /// TID 1002: what observes.
    OBSERVER_TYPE = "121005" "DCM" "Observer Type";
    /// CID 270: a device.
    DEVICE = "121007" "DCM" "Device";
    /// TID 1004.
    DEVICE_UID = "121012" "DCM" "Device Observer UID";
    /// TID 1004.
    DEVICE_NAME = "121013" "DCM" "Device Observer Name";
    /// TID 1004.
    DEVICE_MANUFACTURER = "121014" "DCM" "Device Observer Manufacturer";
    /// TID 1004.
    DEVICE_MODEL = "121015" "DCM" "Device Observer Model Name";
    /// TID 1004.
    DEVICE_SERIAL = "121016" "DCM" "Device Observer Serial Number";
    /// TID 1500.
    PROCEDURE_REPORTED = "121058" "DCM" "Procedure reported";
    /// TID 1500.
    IMAGING_MEASUREMENTS = "126010" "DCM" "Imaging Measurements";
    /// TID 1500: texts that are no measurement.
    QUALITATIVE_EVALUATIONS = "C0034375" "UMLS" "Qualitative Evaluations";
    /// TID 1410, 1411.
    MEASUREMENT_GROUP = "125007" "DCM" "Measurement Group";
    /// TID 4108.
    TRACKING_IDENTIFIER = "112039" "DCM" "Tracking Identifier";
    /// TID 4108.
    TRACKING_UID = "112040" "DCM" "Tracking Unique Identifier";
    /// TID 1411.
    FINDING_CATEGORY = "276214006" "SCT" "Finding category";
    /// TID 1411.
    FINDING = "121071" "DCM" "Finding";
    /// TID 1419.
    FINDING_SITE = "363698007" "SCT" "Finding Site";
    /// TID 4019.
    ALGORITHM_FAMILY = "111000" "DCM" "Algorithm Family";
    /// TID 4019.
    ALGORITHM_NAME = "111001" "DCM" "Algorithm Name";
    /// TID 4019.
    ALGORITHM_VERSION = "111003" "DCM" "Algorithm Version";
    /// TID 4019.
    ALGORITHM_PARAMETERS = "111002" "DCM" "Algorithm Parameters";
    /// TID 4019.
    ALGORITHM_MANUFACTURER = "122405" "DCM" "Algorithm Manufacturer";
    /// TID 1410: the place of a mark without outline.
    IMAGE_REGION = "111030" "DCM" "Image Region";
    /// TID 300: the line that a length was measured along.
    PATH = "121055" "DCM" "Path";
    /// TID 1411.
    REFERENCED_SEGMENT = "121191" "DCM" "Referenced Segment";
    /// TID 1411.
    SOURCE_SERIES = "121232" "DCM" "Source series for segmentation";
    /// CID 7470.
    LONG_AXIS = "103339001" "SCT" "Long Axis";
    /// CID 7469.
    VOLUME = "118565006" "SCT" "Volume";
    /// Free text.
    COMMENT = "121106" "DCM" "Comment";
    /// Ours: PS3.16 has no concept for a number that is no probability.
    MODEL_SCORE = "model-score" "99SCANPOST" "Model score (uncalibrated)";
    /// UCUM: millimetre.
    MILLIMETRE = "mm" "UCUM" "mm";
    /// UCUM: millilitre.
    MILLILITRE = "mL" "UCUM" "mL";
    /// UCUM: no unit.
    UNITY = "1" "UCUM" "no units";
}
