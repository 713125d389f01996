//! What a reading found, in the source's own slices, rows and columns.

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::units::{Hu, Ml, Mm, Probability};
use crate::image::volume::SourceVoxel;

/// All that one job's worker hands back. Plain values: the main process checks and writes it up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Name of the package, as in its manifest.
    pub package: String,
    /// Version of the package.
    pub version: String,
    /// Digest of the package.
    pub package_digest: Digest,
    /// The operating point: marks have at least this score.
    pub threshold: Probability,
    /// Marks, the highest score first.
    pub marks: Vec<Mark>,
    /// The score map that the marks came from.
    pub heatmap: Heatmap,
    /// Key slices with outline and heatmap, without words.
    pub pictures: Vec<Picture>,
    /// How many source slices were read.
    pub slices_read: u32,
}

/// One place that the model points at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The model's score, uncalibrated.
    pub score: Probability,
    /// Centre in the patient, mm, LPS: of the outline where there is one, else of the hit.
    pub centre: [f64; 3],
    /// The same in source pixels.
    pub at: SourceVoxel,
    /// Its size, or why there is none.
    pub extent: Extent,
}

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

/// Smoothed scores on the model's grid of cells, in source orientation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Heatmap {
    /// Cells: slices, rows, columns. Slices are source slices in job order.
    pub size: [u32; 3],
    /// Row and column (source pixels) of the centre of cell `[_, 0, 0]`.
    pub first: [f64; 2],
    /// Source pixels from cell to cell, by rows and by columns.
    pub step: [f64; 2],
    /// Scores in 1/255, slice by slice, column fastest; 0 also outside the searched region.
    pub scores: Vec<u8>,
}

/// One rendered key slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Source slice that it shows.
    pub slice: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green, blue, 8 bit each, top row first.
    pub rgb: Vec<u8>,
    /// Marks (index into `Reading::marks`) that it shows.
    pub marks: Vec<u32>,
}
