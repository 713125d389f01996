//! What a worker answered, held against what it was asked: it may have been taken over.
//!
//! Sizes are checked before raw bytes are read ([`sizes`]), everything else behind them
//! ([`content`]).

use crate::base::limits::WORKER_ANSWER_BYTES_MAX;
use crate::dicom::header::SliceFacts;
use crate::image::volume::SourceVoxel;
use crate::infer::finding::{Extent, Mark, Mask, Measured, Reading, Run};
use crate::model::package::Package;

/// Pictures that a reading may have.
const PICTURES_MAX: usize = 32;
/// Pixels of a side of a picture.
const SIDE_PX_MAX: u32 = 4096;

/// What cannot be in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lie {
    /// Another package than the one that was sent.
    #[error("it names another package")]
    Package,
    /// More slices than were sent, or none.
    #[error("it names slices that there are not")]
    Slices,
    /// The map does not fit the matrix.
    #[error("its map does not fit the slices")]
    Map,
    /// Pictures that are too many, too large or of slices that there are not.
    #[error("its pictures do not fit the slices")]
    Pictures,
    /// Marks that are too many, out of order, under the threshold or outside the slices.
    #[error("its marks do not fit the slices")]
    Marks,
    /// An outline that is none or lies outside the slices.
    #[error("an outline does not fit the slices")]
    Outline,
    /// More bytes in all than any reading has.
    #[error("it is longer than any answer")]
    Length,
    /// It counts slices backwards or more than there are.
    #[error("its progress goes nowhere")]
    Progress,
}

/// What was asked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The package that was sent.
    pub(super) package: &'a Package,
    /// The facts of all instances that were sent.
    pub(super) facts: &'a [SliceFacts],
}

/// Returns how many raw bytes follow: those of the map, then those of each picture.
///
/// # Errors
/// [`Lie`] where the sizes are not possible for what was asked.
pub(super) fn sizes(reading: &Reading, asked: Asked<'_>) -> Result<Vec<usize>, Lie> {
    let [slices, rows, columns] = reading.heatmap.size;
    let fits = |count: u32, most: usize| usize::try_from(count).is_ok_and(|count| count <= most);
    let side = |of: fn(&SliceFacts) -> Option<u16>| {
        usize::from(asked.facts.iter().filter_map(of).max().unwrap_or(0))
    };
    let is_small = fits(slices, asked.facts.len())
        && fits(rows, side(|facts| facts.rows))
        && fits(columns, side(|facts| facts.columns));
    let empty = reading.heatmap.scores.is_empty();
    let map = product(&[slices, rows, columns]).filter(|_| is_small && empty).ok_or(Lie::Map)?;
    if PICTURES_MAX < reading.pictures.len() {
        return Err(Lie::Pictures);
    }
    let mut sizes = vec![map];
    for picture in &reading.pictures {
        let is_small = picture.width <= SIDE_PX_MAX && picture.height <= SIDE_PX_MAX;
        let size = product(&[picture.width, picture.height, 3]);
        let size = size.filter(|size| is_small && 0 < *size && picture.rgb.is_empty());
        sizes.push(size.ok_or(Lie::Pictures)?);
    }
    let total = sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size));
    if WORKER_ANSWER_BYTES_MAX < total {
        return Err(Lie::Length);
    }
    Ok(sizes)
}

/// Checks everything but raw bytes.
///
/// # Errors
/// [`Lie`] names the first thing that cannot be.
pub(super) fn content(reading: &Reading, asked: Asked<'_>) -> Result<(), Lie> {
    let manifest = asked.package.manifest();
    let is_ours = reading.package == manifest.name
        && reading.version == manifest.version
        && reading.package_digest == asked.package.digest();
    if !is_ours {
        return Err(Lie::Package);
    }
    let read = usize::try_from(reading.slices_read).unwrap_or(usize::MAX);
    if read == 0 || asked.facts.len() < read || reading.heatmap.size[0] != reading.slices_read {
        return Err(Lie::Slices);
    }
    let map = &reading.heatmap;
    if !map.first.iter().chain(&map.step).all(|place| place.is_finite()) {
        return Err(Lie::Map);
    }
    let threshold = reading.threshold.get();
    let point = &manifest.operating_point;
    let scores = reading.marks.iter().map(|mark| mark.score.get());
    let is_sorted = reading.marks.is_sorted_by(|a, b| b.score <= a.score);
    let few = reading.marks.len() <= point.marks_max;
    let is_point = threshold.to_bits() == point.threshold.to_bits();
    if !(few && is_sorted && is_point && scores.clone().all(|score| threshold <= score)) {
        return Err(Lie::Marks);
    }
    reading.marks.iter().try_for_each(|mark| check_mark(mark, asked.facts))?;
    let shows = |index: &u32| fits_in(*index, reading.marks.len());
    let sound = |picture: &crate::infer::finding::Picture| {
        fits_in(picture.slice, asked.facts.len()) && picture.marks.iter().all(shows)
    };
    if reading.pictures.iter().all(sound) { Ok(()) } else { Err(Lie::Pictures) }
}

fn check_mark(mark: &Mark, facts: &[SliceFacts]) -> Result<(), Lie> {
    if !is_inside(mark.at, facts) || !mark.centre.iter().all(|mm| mm.is_finite()) {
        return Err(Lie::Marks);
    }
    match &mark.extent {
        Extent::NotMeasured(_) => Ok(()),
        Extent::Measured(measured) if is_sound(measured, facts) => Ok(()),
        Extent::Measured(_) => Err(Lie::Outline),
    }
}

fn is_sound(measured: &Measured, facts: &[SliceFacts]) -> bool {
    let lengths = [measured.long_axis.0, measured.volume.0];
    let [a, b] = measured.long_axis_ends;
    lengths.iter().all(|length| length.is_finite() && 0.0 <= *length)
        && measured.mean.0.is_finite()
        && is_inside(a, facts)
        && is_inside(b, facts)
        && a.slice == b.slice
        && is_mask(&measured.mask, facts)
}

/// Runs are sorted, do not overlap, have at least one pixel and lie inside their slice.
fn is_mask(mask: &Mask, facts: &[SliceFacts]) -> bool {
    let behind = |run: &Run| run.first.checked_add(run.count);
    let inside = |run: &Run| {
        let last = behind(run).and_then(|behind| behind.checked_sub(1));
        let (slice, row) = (run.slice, run.row);
        0 < run.count
            && last.is_some_and(|column| is_inside(SourceVoxel { slice, row, column }, facts))
    };
    let apart = |a: &Run, b: &Run| {
        let (line, next) = ((a.slice, a.row), (b.slice, b.row));
        line < next || line == next && behind(a).is_some_and(|end| end <= b.first)
    };
    !mask.0.is_empty() && mask.0.iter().all(inside) && mask.0.is_sorted_by(apart)
}

fn is_inside(at: SourceVoxel, facts: &[SliceFacts]) -> bool {
    let slice = usize::try_from(at.slice).ok().and_then(|slice| facts.get(slice));
    let [rows, columns] = slice
        .map_or([None, None], |facts| [facts.rows, facts.columns])
        .map(Option::unwrap_or_default);
    at.row < u32::from(rows) && at.column < u32::from(columns)
}

fn fits_in(index: u32, count: usize) -> bool {
    usize::try_from(index).is_ok_and(|index| index < count)
}

fn product(sizes: &[u32]) -> Option<usize> {
    sizes
        .iter()
        .try_fold(1_usize, |product, size| product.checked_mul(usize::try_from(*size).ok()?))
}

#[cfg(test)]
mod tests;
