//! The outline of one mark in the source's own slices, rows and columns, and what it measures.

use serde::{Deserialize, Serialize};

use crate::base::units::{Hu, Ml, Mm};
use crate::image::volume::SourceVoxel;

/// The size of a mark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Extent {
    /// Grown around the hit and found plausible.
    Measured(Measured),
    /// Why it was not measured, in words for a reader.
    NotMeasured(NotMeasured),
}

/// Why a mark has no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotMeasured {
    /// Growth ran out of the allowed ball.
    Leaks,
    /// Growth spread along the pleura.
    AlongPleura,
    /// The mean is under −300 HU: no solid core.
    NotSolid,
    /// Nothing dense enough at the hit.
    NoCore,
}

/// A grown outline and what it measures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Longest diameter in one source slice, mm.
    pub long_axis: Mm,
    /// Ends of that diameter; both lie in the same slice.
    pub long_axis_ends: [SourceVoxel; 2],
    /// Volume: voxels times voxel volume, mL.
    pub volume: Ml,
    /// Mean CT number inside.
    pub mean: Hu,
    /// The voxels inside, in source slices.
    pub mask: Mask,
}

/// A set of source pixels as runs along rows; sorted by slice, row, first column; no overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask(pub Vec<Run>);

/// Neighbouring pixels of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Run {
    /// Source slice.
    pub slice: u32,
    /// Row.
    pub row: u32,
    /// First column.
    pub first: u32,
    /// Number of columns, at least 1.
    pub count: u32,
}
