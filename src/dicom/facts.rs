//! From kept elements to facts: who and what an instance is, and where its pixels lie.

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
