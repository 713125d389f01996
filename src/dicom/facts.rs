//! From kept elements to facts: who and what an instance is, and where its pixels lie.

use crate::base::fault::Fault;
use crate::base::phi::Phi;
use crate::dicom::header::{Header, Identity, Patient, SliceFacts, Tag};
use crate::dicom::tags;
use crate::dicom::walker::PixelData;

/// A UID without which no instance can be named (E3): refuse with C000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// SOP Class UID (0008,0016) is missing, empty or no UID.
    #[error("no SOP Class UID")]
    SopClass,
    /// SOP Instance UID (0008,0018) is missing, empty or no UID.
    #[error("no SOP Instance UID")]
    SopInstance,
}

impl Missing {
    /// Returns the element to name in Offending Element (0000,0901).
    pub fn offending(self) -> Tag {
        match self {
            Self::SopClass => tags::SOP_CLASS_UID,
            Self::SopInstance => tags::SOP_INSTANCE_UID,
        }
    }

    /// Returns the fault of the catalogue that this is.
    pub fn fault(self) -> Fault {
        Fault::ObjectRefused
    }
}

impl Identity {
    /// Takes the identity from the kept elements. UIDs come without their padding (E8).
    ///
    /// # Errors
    ///
    /// The UID that is missing, empty or none.
    pub fn of(header: &Header) -> Result<Self, Missing> {
        let bytes = |tag| header.bytes(tag).unwrap_or_default().to_vec();
        Ok(Self {
            sop_class: header.uid(tags::SOP_CLASS_UID).ok_or(Missing::SopClass)?,
            sop_instance: header.uid(tags::SOP_INSTANCE_UID).ok_or(Missing::SopInstance)?,
            study: header.uid(tags::STUDY_INSTANCE_UID),
            series: header.uid(tags::SERIES_INSTANCE_UID),
            modality: header.code(tags::MODALITY),
            patient: Phi::new(Patient {
                name: bytes(tags::PATIENT_NAME),
                id: bytes(tags::PATIENT_ID),
                accession: bytes(tags::ACCESSION_NUMBER),
                study_date: bytes(tags::STUDY_DATE),
                study_description: bytes(tags::STUDY_DESCRIPTION),
                character_set: bytes(tags::SPECIFIC_CHARACTER_SET),
            }),
        })
    }
}

impl SliceFacts {
    /// Takes the facts of one image from the kept elements and the place of its pixels.
    pub fn of(header: &Header, pixel_data: Option<&PixelData>) -> Self {
        let number = |tag| header.exactly::<1>(tag).map(|[number]| number);
        let integer = |tag| header.integer(tag).and_then(|value| value.try_into().ok());
        Self {
            rows: header.u16(tags::ROWS),
            columns: header.u16(tags::COLUMNS),
            position: header.exactly(tags::IMAGE_POSITION_PATIENT),
            orientation: header.exactly(tags::IMAGE_ORIENTATION_PATIENT),
            pixel_spacing: header.exactly(tags::PIXEL_SPACING),
            thickness: number(tags::SLICE_THICKNESS),
            frame_of_reference: header.uid(tags::FRAME_OF_REFERENCE_UID),
            image_type: header.codes(tags::IMAGE_TYPE),
            frames: header
                .integer(tags::NUMBER_OF_FRAMES)
                .and_then(|frames| frames.try_into().ok()),
            instance_number: integer(tags::INSTANCE_NUMBER),
            acquisition_number: integer(tags::ACQUISITION_NUMBER),
            kernel: header.code(tags::CONVOLUTION_KERNEL),
            samples_per_pixel: header.u16(tags::SAMPLES_PER_PIXEL),
            photometric: header.code(tags::PHOTOMETRIC_INTERPRETATION),
            bits_allocated: header.u16(tags::BITS_ALLOCATED),
            bits_stored: header.u16(tags::BITS_STORED),
            high_bit: header.u16(tags::HIGH_BIT),
            pixel_representation: header.u16(tags::PIXEL_REPRESENTATION),
            rescale_slope: number(tags::RESCALE_SLOPE),
            rescale_intercept: number(tags::RESCALE_INTERCEPT),
            body_part: header.code(tags::BODY_PART_EXAMINED),
            patient_position: header.code(tags::PATIENT_POSITION),
            conversion_type: header.code(tags::CONVERSION_TYPE),
            pixel_bytes: match pixel_data {
                Some(PixelData::Native { length, .. }) => Some(*length),
                Some(PixelData::Fragments { .. }) | None => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::element::Elements;
    use crate::dicom::syntax::{Encoding, TransferSyntax};
    use crate::dicom::walker::{Keep, Walker};

    fn facts(encoding: Encoding, elements: Elements) -> SliceFacts {
        let native_pixels = true;
        let syntax = TransferSyntax { encoding, native_pixels };
        let mut walker = Walker::new(syntax, Keep::Routing);
        walker.feed(&elements.into_bytes()).unwrap();
        let walk = walker.finish().unwrap();
        SliceFacts::of(&walk.header, walk.pixel_data.as_ref())
    }

    #[test]
    fn every_fact_is_taken_from_its_own_element_in_every_syntax() {
        for encoding in [Encoding::ImplicitLe, Encoding::ExplicitLe, Encoding::ExplicitBe] {
            let elements = Elements::new(encoding)
                .text(tags::IMAGE_TYPE, *b"CS", "ORIGINAL\\PRIMARY\\AXIAL")
                .text(tags::CONVERSION_TYPE, *b"CS", "WSD")
                .text(tags::BODY_PART_EXAMINED, *b"CS", "CHEST")
                .text(tags::SLICE_THICKNESS, *b"DS", "2.5")
                .text(tags::CONVOLUTION_KERNEL, *b"SH", "B30f\\X")
                .text(tags::PATIENT_POSITION, *b"CS", "HFS")
                .text(tags::ACQUISITION_NUMBER, *b"IS", "3")
                .text(tags::INSTANCE_NUMBER, *b"IS", "-7")
                .text(tags::IMAGE_POSITION_PATIENT, *b"DS", "-1\\2\\3.5")
                .text(tags::IMAGE_ORIENTATION_PATIENT, *b"DS", "1\\0\\0\\0\\1\\0")
                .text(tags::FRAME_OF_REFERENCE_UID, *b"UI", "1.9")
                .us(tags::SAMPLES_PER_PIXEL, 1)
                .text(tags::PHOTOMETRIC_INTERPRETATION, *b"CS", "MONOCHROME2")
                .text(tags::NUMBER_OF_FRAMES, *b"IS", "2")
                .us(tags::ROWS, 4)
                .us(tags::COLUMNS, 3)
                .text(tags::PIXEL_SPACING, *b"DS", "0.7\\0.8")
                .us(tags::BITS_ALLOCATED, 16)
                .us(tags::BITS_STORED, 12)
                .us(tags::PIXEL_REPRESENTATION, 0)
                .text(tags::RESCALE_INTERCEPT, *b"DS", "-1024")
                .text(tags::RESCALE_SLOPE, *b"DS", "1")
                .put(tags::PIXEL_DATA, *b"OW", &[0; 48]);
            let expected = SliceFacts {
                rows: Some(4),
                columns: Some(3),
                position: Some([-1.0, 2.0, 3.5]),
                orientation: Some([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
                pixel_spacing: Some([0.7, 0.8]),
                thickness: Some(2.5),
                frame_of_reference: crate::base::uid::Uid::parse(b"1.9").ok(),
                image_type: ["ORIGINAL", "PRIMARY", "AXIAL"].map(String::from).into(),
                frames: Some(2),
                instance_number: Some(-7),
                acquisition_number: Some(3),
                kernel: "B30f".to_owned(),
                samples_per_pixel: Some(1),
                photometric: "MONOCHROME2".to_owned(),
                bits_allocated: Some(16),
                bits_stored: Some(12),
                high_bit: None,
                pixel_representation: Some(0),
                rescale_slope: Some(1.0),
                rescale_intercept: Some(-1024.0),
                body_part: "CHEST".to_owned(),
                patient_position: "HFS".to_owned(),
                conversion_type: "WSD".to_owned(),
                pixel_bytes: Some(48),
            };
            assert_eq!(facts(encoding, elements), expected, "{encoding:?}");
        }
    }

    #[test]
    fn what_is_no_number_or_has_too_many_values_is_missing() {
        let elements = Elements::new(Encoding::ExplicitLe)
            .text(tags::SLICE_THICKNESS, *b"DS", "1\\2")
            .text(tags::IMAGE_POSITION_PATIENT, *b"DS", "1\\2")
            .text(tags::IMAGE_ORIENTATION_PATIENT, *b"DS", "1\\0\\0\\0\\NaN\\0")
            .text(tags::NUMBER_OF_FRAMES, *b"IS", "-1")
            .text(tags::RESCALE_SLOPE, *b"DS", "");
        assert_eq!(facts(Encoding::ExplicitLe, elements), SliceFacts::default());
    }
}
