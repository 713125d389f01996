//! The tags that Scanpost's own code names, each once.

use crate::dicom::header::Tag;

/// Specific Character Set.
pub const SPECIFIC_CHARACTER_SET: Tag = Tag(0x0008_0005);
/// Image Type.
pub const IMAGE_TYPE: Tag = Tag(0x0008_0008);
/// SOP Class UID.
pub const SOP_CLASS_UID: Tag = Tag(0x0008_0016);
/// SOP Instance UID.
pub const SOP_INSTANCE_UID: Tag = Tag(0x0008_0018);
/// Study Date.
pub const STUDY_DATE: Tag = Tag(0x0008_0020);
/// Accession Number.
pub const ACCESSION_NUMBER: Tag = Tag(0x0008_0050);
/// Modality.
pub const MODALITY: Tag = Tag(0x0008_0060);
/// Conversion Type.
pub const CONVERSION_TYPE: Tag = Tag(0x0008_0064);
/// Study Description.
pub const STUDY_DESCRIPTION: Tag = Tag(0x0008_1030);
/// Patient's Name.
pub const PATIENT_NAME: Tag = Tag(0x0010_0010);
/// Patient ID.
pub const PATIENT_ID: Tag = Tag(0x0010_0020);
/// Body Part Examined.
pub const BODY_PART_EXAMINED: Tag = Tag(0x0018_0015);
/// Slice Thickness.
pub const SLICE_THICKNESS: Tag = Tag(0x0018_0050);
/// Convolution Kernel.
pub const CONVOLUTION_KERNEL: Tag = Tag(0x0018_1210);
/// Patient Position.
pub const PATIENT_POSITION: Tag = Tag(0x0018_5100);
/// Study Instance UID.
pub const STUDY_INSTANCE_UID: Tag = Tag(0x0020_000d);
/// Series Instance UID.
pub const SERIES_INSTANCE_UID: Tag = Tag(0x0020_000e);
/// Acquisition Number.
pub const ACQUISITION_NUMBER: Tag = Tag(0x0020_0012);
/// Instance Number.
pub const INSTANCE_NUMBER: Tag = Tag(0x0020_0013);
/// Image Position (Patient).
pub const IMAGE_POSITION_PATIENT: Tag = Tag(0x0020_0032);
/// Image Orientation (Patient).
pub const IMAGE_ORIENTATION_PATIENT: Tag = Tag(0x0020_0037);
/// Frame of Reference UID.
pub const FRAME_OF_REFERENCE_UID: Tag = Tag(0x0020_0052);
/// Samples per Pixel.
pub const SAMPLES_PER_PIXEL: Tag = Tag(0x0028_0002);
/// Photometric Interpretation.
pub const PHOTOMETRIC_INTERPRETATION: Tag = Tag(0x0028_0004);
/// Number of Frames.
pub const NUMBER_OF_FRAMES: Tag = Tag(0x0028_0008);
/// Rows.
pub const ROWS: Tag = Tag(0x0028_0010);
/// Columns.
pub const COLUMNS: Tag = Tag(0x0028_0011);
/// Pixel Spacing.
pub const PIXEL_SPACING: Tag = Tag(0x0028_0030);
/// Bits Allocated.
pub const BITS_ALLOCATED: Tag = Tag(0x0028_0100);
/// Bits Stored.
pub const BITS_STORED: Tag = Tag(0x0028_0101);
/// High Bit.
pub const HIGH_BIT: Tag = Tag(0x0028_0102);
/// Pixel Representation.
pub const PIXEL_REPRESENTATION: Tag = Tag(0x0028_0103);
/// Rescale Intercept.
pub const RESCALE_INTERCEPT: Tag = Tag(0x0028_1052);
/// Rescale Slope.
pub const RESCALE_SLOPE: Tag = Tag(0x0028_1053);
/// Pixel Data.
pub const PIXEL_DATA: Tag = Tag(0x7fe0_0010);

/// Item.
pub const ITEM: Tag = Tag(0xfffe_e000);
/// Item Delimitation Item.
pub const ITEM_DELIMITER: Tag = Tag(0xfffe_e00d);
/// Sequence Delimitation Item.
pub const SEQUENCE_DELIMITER: Tag = Tag(0xfffe_e0dd);

/// What `Identity` and `SliceFacts` are made of, in rising order.
pub const ROUTING: [Tag; 34] = [
    SPECIFIC_CHARACTER_SET,
    IMAGE_TYPE,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_DATE,
    ACCESSION_NUMBER,
    MODALITY,
    CONVERSION_TYPE,
    STUDY_DESCRIPTION,
    PATIENT_NAME,
    PATIENT_ID,
    BODY_PART_EXAMINED,
    SLICE_THICKNESS,
    CONVOLUTION_KERNEL,
    PATIENT_POSITION,
    STUDY_INSTANCE_UID,
    SERIES_INSTANCE_UID,
    ACQUISITION_NUMBER,
    INSTANCE_NUMBER,
    IMAGE_POSITION_PATIENT,
    IMAGE_ORIENTATION_PATIENT,
    FRAME_OF_REFERENCE_UID,
    SAMPLES_PER_PIXEL,
    PHOTOMETRIC_INTERPRETATION,
    NUMBER_OF_FRAMES,
    ROWS,
    COLUMNS,
    PIXEL_SPACING,
    BITS_ALLOCATED,
    BITS_STORED,
    HIGH_BIT,
    PIXEL_REPRESENTATION,
    RESCALE_INTERCEPT,
    RESCALE_SLOPE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routing_tags_rise_so_that_they_can_be_searched() {
        assert!(ROUTING.is_sorted());
    }
}
