//! What a reading found, in the source's own slices, rows and columns.

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::units::Probability;
use crate::image::volume::SourceVoxel;

pub use crate::image::extent::{Extent, Mask, Measured, NotMeasured, Run};
pub use crate::image::picture::{Heatmap, Picture};

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
