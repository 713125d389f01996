//! The segmentation (PS3.3 A.51): one segment per measured mark, on the source's own pixels.
//!
//! # Invariants
//!
//! - Every source slice has a frame, also where nothing is marked: viewers that count frames
//!   would otherwise shift the overlay.
//! - Position, orientation and spacing are the source's bytes.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use crate::infer::finding::{Mask, Run};

use super::ReportError;
use super::codes;
use super::common::{Context, Planned, Reference, Segment};
use super::dataset::{DataSet, kept};
use super::modules::copy;
use super::notice;

/// Bytes of frames up to which every segment has a frame for every slice: 4 marks of a CT with
/// 1,000 slices. Above it only the first segment has them all; the others have those they need.
const WHOLE_BYTES_MAX: u64 = 128 << 20;

/// Bytes of frames in all: 10,000 slices of 512 by 512 need 328 MB; above it memory is at risk.
const FRAMES_BYTES_MAX: u64 = 512 << 20;

/// Lightness, a, b of the outline (PS3.3 C.10.7.1.1): sRGB red, which no CT window shows.
const COLOUR: [u16; 3] = [34_891, 53_479, 50_166];

/// One frame: a segment on a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    /// Index of the segment.
    segment: usize,
    /// The source slice.
    slice: u32,
}

/// Rows and columns of every source.
#[derive(Clone, Copy, Debug)]
struct Matrix {
    rows: u16,
    columns: u16,
}

impl Matrix {
    fn pixels(self) -> u64 {
        u64::from(self.rows) * u64::from(self.columns)
    }
}

/// Writes the segmentation.
///
/// # Errors
///
/// [`ReportError::Missing`] where a source lacks a place in the patient or differs in its
/// matrix, [`ReportError::TooMany`] where the frames would not fit in memory.
pub(super) fn write(context: &Context<'_>, planned: &Planned) -> Result<Vec<u8>, ReportError> {
    let matrix = matrix(context)?;
    let segments = context.segments();
    let masks: Vec<&Mask> = segments.iter().map(|s| &s.measured.mask).collect();
    let slices = u32::try_from(context.sources.len())
        .map_err(|_beyond| ReportError::TooMany { what: "slices" })?;
    let frames = frames(&masks, slices, matrix.pixels(), WHOLE_BYTES_MAX);
    let mut set = context.instance(planned);
    set.text(tags::IMAGE_TYPE, "DERIVED\\PRIMARY");
    set.text(tags::CONTENT_LABEL, "AI_MARKS");
    set.text(tags::CONTENT_DESCRIPTION, "AI marks, not for diagnosis; outlines grown around hits");
    set.empty(tags::CONTENT_CREATOR_NAME);
    set.text(tags::SEGMENTATION_TYPE, "BINARY");
    set.text(tags::SEGMENTS_OVERLAP, overlap(&segments));
    if let Some(first) = context.sources.first() {
        set.bytes(
            tags::POSITION_REFERENCE_INDICATOR,
            first.value(tags::POSITION_REFERENCE_INDICATOR).unwrap_or_default(),
        );
        copy(&mut set, first, &[tags::FRAME_OF_REFERENCE_UID, tags::BODY_PART_EXAMINED]);
    }
    let items = segments.iter().map(|segment| describe(context, segment));
    set.items(tags::SEGMENT_SEQUENCE, items.collect());
    set.item(tags::REFERENCED_SERIES_SEQUENCE, referenced_series(context));
    dimensions(&mut set, context);
    functional_groups(&mut set, context, &frames)?;
    pixels(&mut set, &masks, &frames, matrix)?;
    context.lossy(&mut set);
    set.encode()
}

fn missing(index: usize, tag: Tag) -> ReportError {
    ReportError::Missing { index, tag: kept(tag) }
}

fn matrix(context: &Context<'_>) -> Result<Matrix, ReportError> {
    let mut all = None;
    for (index, source) in context.sources.iter().enumerate() {
        let side = |tag| source.u16(tag).ok_or_else(|| missing(index, tag));
        let this = (side(tags::ROWS)?, side(tags::COLUMNS)?);
        if *all.get_or_insert(this) != this {
            return Err(missing(index, tags::ROWS));
        }
        for tag in [tags::IMAGE_POSITION_PATIENT, tags::IMAGE_ORIENTATION_PATIENT] {
            source.filled(tag).ok_or_else(|| missing(index, tag))?;
        }
        let tag = tags::PIXEL_SPACING;
        source.filled(tag).ok_or_else(|| missing(index, tag))?;
    }
    let (rows, columns) = all.ok_or(ReportError::NoSource)?;
    Ok(Matrix { rows, columns })
}

/// Lists the frames, by segment and then by slice. Where all of them together would take more
/// than `bytes_max`, only the first segment has a frame for every slice.
fn frames(masks: &[&Mask], slices: u32, frame_bits: u64, bytes_max: u64) -> Vec<Frame> {
    let all = (masks.len() as u64).saturating_mul(u64::from(slices)).saturating_mul(frame_bits);
    let is_whole = all.div_ceil(8) <= bytes_max;
    let mut frames = Vec::new();
    for (segment, mask) in masks.iter().enumerate() {
        for slice in 0..slices {
            let holds = |run: &Run| run.slice == slice;
            if segment == 0 || is_whole || mask.0.iter().any(holds) {
                frames.push(Frame { segment, slice });
            }
        }
    }
    frames
}

/// Returns Segments Overlap (0062,0013).
fn overlap(segments: &[Segment<'_>]) -> &'static str {
    let mut runs: Vec<Run> = Vec::new();
    for segment in segments {
        runs.extend(&segment.measured.mask.0);
    }
    runs.sort();
    let meets = |pair: &[Run]| match pair {
        [a, b] => a.slice == b.slice && a.row == b.row && b.first < a.first + a.count,
        _ => false,
    };
    if runs.windows(2).any(meets) { "YES" } else { "NO" }
}

/// Returns the item of the Segment Sequence (PS3.3 C.8.20.4).
fn describe(context: &Context<'_>, segment: &Segment<'_>) -> DataSet {
    let package = &context.job.package;
    let mut algorithm = DataSet::default();
    algorithm.item(tags::ALGORITHM_FAMILY_CODE_SEQUENCE, codes::ARTIFICIAL_INTELLIGENCE.item());
    algorithm.text(tags::ALGORITHM_NAME, &package.name);
    algorithm.text(tags::ALGORITHM_VERSION, &package.version);
    algorithm.text(tags::ALGORITHM_SOURCE, &package.maker);
    algorithm
        .text(tags::ALGORITHM_PARAMETERS, &format!("BLAKE3 of the package: {}", package.digest));
    let name = notice::mark_name(segment.index);
    let mut item = DataSet::default();
    item.u16s(tags::SEGMENT_NUMBER, &[segment.number]);
    item.text(tags::SEGMENT_LABEL, &name);
    if let Some(mark) = context.marks().get(segment.index) {
        item.text(tags::SEGMENT_DESCRIPTION, &notice::mark_line(segment.index, mark));
    }
    item.text(tags::SEGMENT_ALGORITHM_TYPE, "AUTOMATIC");
    item.text(tags::SEGMENT_ALGORITHM_NAME, &context.package_label());
    item.item(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, algorithm);
    item.item(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, codes::ABNORMAL_STRUCTURE.item());
    item.item(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, context.job.codes.finding.item());
    item.item(tags::ANATOMIC_REGION_SEQUENCE, context.job.codes.site.item());
    item.u16s(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &COLOUR);
    item.text(tags::TRACKING_ID, &name);
    item.uid(tags::TRACKING_UID, &context.tracking(segment.index));
    item
}

fn referenced_series(context: &Context<'_>) -> DataSet {
    let mut series = DataSet::default();
    series.uid(tags::SERIES_INSTANCE_UID, &context.uids.source_series);
    let instances = context.references.iter().map(Reference::item);
    series.items(tags::REFERENCED_INSTANCE_SEQUENCE, instances.collect());
    series
}

/// Frames are indexed by segment and by position (PS3.3 C.7.6.17).
fn dimensions(set: &mut DataSet, context: &Context<'_>) {
    let organization = context.uids.dimensions();
    let index = |pointer, group, label: &str| {
        let mut item = DataSet::default();
        item.uid(tags::DIMENSION_ORGANIZATION_UID, &organization);
        item.pointer(tags::DIMENSION_INDEX_POINTER, pointer);
        item.pointer(tags::FUNCTIONAL_GROUP_POINTER, group);
        item.text(tags::DIMENSION_DESCRIPTION_LABEL, label);
        item
    };
    let mut item = DataSet::default();
    item.uid(tags::DIMENSION_ORGANIZATION_UID, &organization);
    set.item(tags::DIMENSION_ORGANIZATION_SEQUENCE, item);
    set.items(
        tags::DIMENSION_INDEX_SEQUENCE,
        vec![
            index(
                tags::REFERENCED_SEGMENT_NUMBER,
                tags::SEGMENT_IDENTIFICATION_SEQUENCE,
                "Segment Number",
            ),
            index(
                tags::IMAGE_POSITION_PATIENT,
                tags::PLANE_POSITION_SEQUENCE,
                "Image Position Patient",
            ),
        ],
    );
}

/// Orientation and spacing go to the shared groups where all sources have the same bytes.
fn functional_groups(
    set: &mut DataSet,
    context: &Context<'_>,
    frames: &[Frame],
) -> Result<(), ReportError> {
    const ORIENTATION: &[Tag] = &[tags::IMAGE_ORIENTATION_PATIENT];
    const MEASURES: &[Tag] =
        &[tags::PIXEL_SPACING, tags::SLICE_THICKNESS, tags::SPACING_BETWEEN_SLICES];
    let groups = [
        (tags::PLANE_ORIENTATION_SEQUENCE, ORIENTATION),
        (tags::PIXEL_MEASURES_SEQUENCE, MEASURES),
    ];
    let is_shared = |wanted: &[Tag]| {
        let first = context.sources.first();
        wanted.iter().all(|tag| {
            let value = first.and_then(|source| source.value(*tag));
            context.sources.iter().all(|source| source.value(*tag) == value)
        })
    };
    let mut shared = DataSet::default();
    let mut own = Vec::new();
    for (sequence, wanted) in groups {
        match context.sources.first() {
            Some(first) if is_shared(wanted) => {
                let mut item = DataSet::default();
                copy(&mut item, first, wanted);
                shared.item(sequence, item);
            }
            _ => own.push((sequence, wanted)),
        }
    }
    set.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared);
    let mut items = Vec::with_capacity(frames.len());
    for frame in frames {
        let mut item = frame_groups(context, *frame)?;
        for (sequence, wanted) in &own {
            if let Some(source) = context.source(frame.slice) {
                let mut group = DataSet::default();
                copy(&mut group, source, wanted);
                item.item(*sequence, group);
            }
        }
        items.push(item);
    }
    set.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, items);
    Ok(())
}

fn frame_groups(context: &Context<'_>, frame: Frame) -> Result<DataSet, ReportError> {
    let (source, reference) = context
        .source(frame.slice)
        .zip(context.reference(frame.slice))
        .ok_or(ReportError::NoSource)?;
    let number = u16::try_from(frame.segment + 1)
        .map_err(|_beyond| ReportError::TooMany { what: "marks" })?;

    let mut image = reference.item();
    image.item(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, codes::SOURCE_IMAGE.item());
    image.text(tags::SPATIAL_LOCATIONS_PRESERVED, "YES");
    let mut derivation = DataSet::default();
    derivation.item(tags::DERIVATION_CODE_SEQUENCE, codes::SEGMENTATION.item());
    derivation.item(tags::SOURCE_IMAGE_SEQUENCE, image);

    let mut content = DataSet::default();
    content.u32s(tags::DIMENSION_INDEX_VALUES, &[u32::from(number), frame.slice + 1]);
    let mut position = DataSet::default();
    copy(&mut position, source, &[tags::IMAGE_POSITION_PATIENT]);
    let mut segment = DataSet::default();
    segment.u16s(tags::REFERENCED_SEGMENT_NUMBER, &[number]);

    let mut item = DataSet::default();
    item.item(tags::DERIVATION_IMAGE_SEQUENCE, derivation);
    item.item(tags::FRAME_CONTENT_SEQUENCE, content);
    item.item(tags::PLANE_POSITION_SEQUENCE, position);
    item.item(tags::SEGMENT_IDENTIFICATION_SEQUENCE, segment);
    Ok(item)
}

fn pixels(
    set: &mut DataSet,
    masks: &[&Mask],
    frames: &[Frame],
    matrix: Matrix,
) -> Result<(), ReportError> {
    let filled: Vec<(&Mask, u32)> =
        frames.iter().filter_map(|frame| Some((*masks.get(frame.segment)?, frame.slice))).collect();
    set.u16s(tags::SAMPLES_PER_PIXEL, &[1]);
    set.text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2");
    set.text(tags::NUMBER_OF_FRAMES, &frames.len().to_string());
    set.u16s(tags::ROWS, &[matrix.rows]);
    set.u16s(tags::COLUMNS, &[matrix.columns]);
    set.u16s(tags::BITS_ALLOCATED, &[1]);
    set.u16s(tags::BITS_STORED, &[1]);
    set.u16s(tags::HIGH_BIT, &[0]);
    set.u16s(tags::PIXEL_REPRESENTATION, &[0]);
    set.owned(tags::PIXEL_DATA, pack(&filled, matrix)?);
    Ok(())
}

/// Packs frames as bits (PS3.5 8.1.1, 8.2): the first pixel in the lowest bit, rows and frames
/// following each other without alignment.
fn pack(frames: &[(&Mask, u32)], matrix: Matrix) -> Result<Vec<u8>, ReportError> {
    let too_many = || ReportError::TooMany { what: "pixels" };
    let row = u64::from(matrix.columns);
    let frame = matrix.pixels();
    let bytes = (frames.len() as u64).checked_mul(frame).ok_or_else(too_many)?.div_ceil(8);
    if FRAMES_BYTES_MAX < bytes {
        return Err(too_many());
    }
    let length = bytes.next_multiple_of(2);
    let mut bits = vec![0u8; usize::try_from(length).map_err(|_beyond| too_many())?];
    for (start, (mask, slice)) in (0u64..).map(|n| n * frame).zip(frames) {
        for run in mask.0.iter().filter(|run| run.slice == *slice) {
            let first = start + u64::from(run.row) * row + u64::from(run.first);
            for at in first..first + u64::from(run.count) {
                let byte = usize::try_from(at / 8).ok().and_then(|at| bits.get_mut(at));
                if let Some(byte) = byte {
                    *byte |= 1 << (at % 8);
                }
            }
        }
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpack(bits: &[u8], pixels: usize) -> Vec<bool> {
        (0..pixels).map(|at| bits[at / 8] & (1 << (at % 8)) != 0).collect()
    }

    proptest! {
        #[test]
        fn a_mask_survives_packing_at_any_matrix(
            rows in 1u16..9,
            columns in 1u16..20,
            seed in proptest::collection::vec(any::<bool>(), 3 * 8 * 19),
        ) {
            let (r, c) = (usize::from(rows), usize::from(columns));
            let marked = |slice: usize, row: usize, column: usize| {
                seed[(slice * 8 + row) * 19 + column]
            };
            let mut mask = Mask::default();
            let mut expected = Vec::new();
            for slice in 0..3 {
                for row in 0..r {
                    for column in 0..c {
                        expected.push(marked(slice, row, column));
                        if marked(slice, row, column) {
                            mask.0.push(Run {
                                slice: u32::try_from(slice).unwrap(),
                                row: u32::try_from(row).unwrap(),
                                first: u32::try_from(column).unwrap(),
                                count: 1,
                            });
                        }
                    }
                }
            }
            let frames = [(&mask, 0), (&mask, 1), (&mask, 2)];
            let bits = pack(&frames, Matrix { rows, columns }).unwrap();
            prop_assert_eq!(bits.len() % 2, 0);
            prop_assert_eq!(bits.len(), (3 * r * c).div_ceil(8).next_multiple_of(2));
            prop_assert_eq!(unpack(&bits, 3 * r * c), expected);
        }
    }

    #[test]
    fn above_the_bound_only_the_first_segment_has_a_frame_for_every_slice() {
        let on = |slice| {
            let row = 0;
            let (first, count) = (0, 1);
            Mask(vec![Run { slice, row, first, count }])
        };
        let (a, b) = (on(2), on(1));
        let listed = |bytes_max| -> Vec<_> {
            let frames = frames(&[&a, &b], 3, 9, bytes_max);
            frames.iter().map(|f| (f.segment, f.slice)).collect()
        };
        let whole = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)];
        assert_eq!(listed(7), whole);
        assert_eq!(listed(6), [(0, 0), (0, 1), (0, 2), (1, 1)]);
    }

    #[test]
    fn a_frame_may_start_inside_a_byte() {
        let run = |slice, row, first, count| Run { slice, row, first, count };
        let mask = Mask(vec![run(0, 2, 2, 1), run(1, 0, 0, 2)]);
        let matrix = Matrix { rows: 3, columns: 3 };
        let bits = pack(&[(&mask, 0), (&mask, 1)], matrix).unwrap();
        assert_eq!(bits, [0, 0b111, 0, 0]);
    }
}
