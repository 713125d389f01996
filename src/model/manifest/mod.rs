//! `model.toml` of a package, format 1: everything the box must know about a network, as data.
//!
//! Numbers of a network (window, stride, threshold) stand here and nowhere else: no code of the
//! box knows one. Unknown keys are refused, so that a manifest of tomorrow is not half obeyed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::model::rules;

/// The one format that this version of the box reads.
pub const FORMAT: u32 = 1;
/// Bytes of a manifest: ours has under 8 KiB, nearly all of it words.
const MANIFEST_BYTES_MAX: usize = 64 * 1024;

/// A manifest whose every number was found in its range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format: [`FORMAT`].
    pub format: u32,
    /// Name: lower-case letters, digits and hyphens, 1 to 64.
    pub name: String,
    /// Version: letters, digits, dots and hyphens, 1 to 16 (it becomes a DICOM SH).
    pub version: String,
    /// A title for people.
    pub title: String,
    /// Who made it.
    pub maker: String,
    /// What it may be used for.
    pub intended_use: String,
    /// What it must not be used for.
    pub not_intended_use: String,
    /// Licence of the weights, as SPDX spells it.
    pub licence: String,
    /// Whose series it is for.
    pub claim: Claim,
    /// Which of those it can read.
    pub series: SeriesRules,
    /// What goes into the network.
    pub input: Input,
    /// What comes out.
    pub output: Output,
    /// From scores to marks.
    pub operating_point: OperatingPoint,
    /// Codes of finding, site and examination.
    pub codes: Codes,
    /// A case that must come out as written.
    pub golden: Golden,
    /// Memory that the network takes.
    pub memory: Memory,
    /// Names of the parts.
    pub parts: Parts,
    /// BLAKE3 of every part but the manifest, by path.
    pub files: BTreeMap<String, Digest>,
}

/// Series that the package speaks for: an unread one of these is answered with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Modality (0008,0060).
    pub modality: String,
    /// Values that Image Type (0008,0008) must have.
    pub image_type_with: Vec<String>,
    /// Values that Image Type must not have.
    pub image_type_without: Vec<String>,
    /// Body Part Examined (0018,0015): one of these.
    pub body_part: Vec<String>,
    /// What a series without Body Part Examined is.
    pub body_part_missing: Missing,
}

/// What a missing attribute means to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The series is claimed.
    Claim,
    /// The series is left alone.
    Leave,
}

/// What a claimed series must be like. A range is `[least, most]`, both allowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesRules {
    /// Slices.
    pub slices: [u32; 2],
    /// Rows (0028,0010) and Columns (0028,0011).
    pub matrix: [u16; 2],
    /// Pixel Spacing (0028,0030), mm.
    pub pixel_spacing_mm: [f64; 2],
    /// Distance of slice centres, mm.
    pub slice_spacing_mm: [f64; 2],
    /// Slice Thickness (0018,0050), mm.
    pub thickness_mm: [f64; 2],
    /// Convolution Kernels (0018,1210) that it was never shown or fails on.
    pub kernel_without: Vec<String>,
}

/// What goes into the network: one slice, `[1, 1, rows, columns]`, patient axes, native pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Name of the graph's input.
    pub name: String,
    /// Order of the axes.
    pub axes: Axes,
    /// Unit of the values before the window.
    pub unit: Unit,
    /// Direction of rows and columns.
    pub orientation: Orientation,
    /// The window `[low, high]` in `unit`: `t = clip((v − low) / (high − low), 0, 1)`.
    pub window: [f32; 2],
    /// Then `x = (t − shift) · gain`.
    pub shift: f32,
    /// See `shift`.
    pub gain: f32,
}

/// Order of the axes of input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Axes {
    /// Batch, channel, row, column; batch and channel are 1.
    #[serde(rename = "NCHW")]
    Nchw,
}

/// Unit of a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Hounsfield units.
    #[serde(rename = "HU")]
    Hu,
}

/// Direction of rows and columns of a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Orientation {
    /// Columns rise to the patient's left, rows to the back, whatever the scanner sent.
    #[serde(rename = "LPS")]
    Lps,
}

/// What comes out: `[1, 1, cell rows, cell columns]`.
///
/// Cell `i` sees the pixels from `i · stride_px` on, `window_px` of them; along an axis of `n`
/// pixels there are `(n − window_px) / stride_px + 1` cells, rounded down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Name of the graph's output.
    pub name: String,
    /// What its numbers are.
    pub kind: OutputKind,
    /// What turns them into scores.
    pub activation: Activation,
    /// Pixels from cell to cell.
    pub stride_px: usize,
    /// Pixels that a cell sees, along each axis.
    pub window_px: usize,
    /// Pixel that the centre of cell 0 lies on.
    pub centre_px: f64,
    /// From scores to probabilities.
    pub calibration: Calibration,
}

/// What the numbers of an output are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputKind {
    /// One logit per cell of a coarse grid: where, not how large.
    CellLogits,
}

/// What turns an output into a score in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `1 / (1 + exp(−x))`.
    Sigmoid,
}

/// How scores become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Calibration {
    /// Not at all: every text says "score (uncalibrated)".
    None,
}

/// From scores to marks.
///
/// Scores are smoothed by `cell_kernel` along cell rows and cell columns, then over slices by
/// triangular weights `1 − |dz| / slice_reach_mm` (mm between slice centres, weights above 0);
/// at the borders of the grid the weights that remain are scaled to sum 1. A cell may be a hit
/// if at least `region_px_min` pixels of its stride tile, the `stride_px²` pixels around its
/// centre, lie in the region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoint {
    /// Where marks may lie.
    pub region: Region,
    /// Pixels of a cell's stride tile that must lie in the region.
    pub region_px_min: usize,
    /// Weights over neighbouring cells, odd in number, symmetric, with sum 1.
    pub cell_kernel: Vec<f32>,
    /// Half the base of the triangle over slices, mm.
    pub slice_reach_mm: f64,
    /// Hits have at least this smoothed score.
    pub threshold: f32,
    /// Two marks are at least this far apart, mm.
    pub mark_distance_mm: f64,
    /// Marks at most; the highest scores stay.
    pub marks_max: usize,
    /// How a mark is measured.
    pub measure: Measure,
}

/// Where marks may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Region {
    /// Inside the lungs as `image::mask` finds them.
    Lung,
}

/// How a mark is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// As `image::grow` grows solid nodules.
    SolidNodule,
}

/// Codes of finding, site and examination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    /// What a mark is.
    pub finding: Code,
    /// Where it is.
    pub site: Code,
    /// The examination that it looks at, as CID 100 or LOINC name it.
    pub procedure: Code,
}

/// A coded concept (PS3.3 Section 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// Code Value (0008,0100).
    pub value: String,
    /// Coding Scheme Designator (0008,0102).
    pub scheme: String,
    /// Code Meaning (0008,0104).
    pub meaning: String,
}

/// A case that must come out as written, run whenever the package is verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Path of one slice, HU as little-endian i16, row by row.
    pub slice: String,
    /// Its rows and columns.
    pub slice_px: [usize; 2],
    /// Path of the output that it must give, little-endian f32, row by row.
    pub output: String,
    /// How far a value may lie from it.
    pub tolerance: f32,
}

/// Memory that the network takes while it runs, as measured by the maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Bytes for weights and code.
    pub fixed_bytes: u64,
    /// Bytes for each pixel of a slice.
    pub bytes_per_px: u64,
}

/// Paths of the parts that have a meaning to the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// The graph with its weights, ONNX.
    pub graph: String,
    /// The model card.
    pub card: String,
    /// Whom to name.
    pub notice: String,
}

/// Why a manifest was refused, and what its maker has to change.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is too long.
    #[error("model.toml has {bytes} bytes: keep it under {MANIFEST_BYTES_MAX}")]
    Size {
        /// Its bytes.
        bytes: usize,
    },
    /// It is not text.
    #[error("model.toml is not UTF-8: save it as UTF-8")]
    Utf8 {
        /// Where it stops being text.
        source: std::str::Utf8Error,
    },
    /// It does not parse, lacks a key or has one too many.
    #[error("model.toml cannot be read: correct the place named by the cause")]
    Toml {
        /// What and where.
        source: Box<toml::de::Error>,
    },
    /// Another format.
    #[error("model.toml is of format {found}, this box reads {FORMAT}: update the box or repack")]
    Format {
        /// The format that it names.
        found: u32,
    },
    /// A value outside its range.
    #[error("{key} in model.toml: {want}")]
    Range {
        /// The key.
        key: &'static str,
        /// What it has to be.
        want: &'static str,
    },
}

impl Manifest {
    /// Parses and checks a manifest.
    ///
    /// # Errors
    /// [`ManifestError`] for what is no format-1 manifest or has a number outside its range.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if MANIFEST_BYTES_MAX < bytes.len() {
            return Err(ManifestError::Size { bytes: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|source| ManifestError::Utf8 { source })?;
        let toml = |source| ManifestError::Toml { source: Box::new(source) };
        // The format first: a later one may have keys that this one does not know.
        let FormatOnly { format } = toml::from_str(text).map_err(toml)?;
        if format != FORMAT {
            return Err(ManifestError::Format { found: format });
        }
        let manifest: Self = toml::from_str(text).map_err(toml)?;
        rules::check(&manifest)?;
        Ok(manifest)
    }
}

impl Output {
    /// Returns how many cells there are along an axis of `pixels`; 0 where no window fits.
    pub fn cells(&self, pixels: usize) -> usize {
        match pixels.checked_sub(self.window_px) {
            Some(room) => room / self.stride_px.max(1) + 1,
            None => 0,
        }
    }
}

/// The one key that every format has.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

#[cfg(test)]
mod tests;
