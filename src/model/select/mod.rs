//! Whether a package speaks for a series, and whether it can read it.
//!
//! The two are apart on purpose: a series that is claimed and cannot be read is answered with a
//! reason; one that is not claimed is none of the package's business.

use crate::dicom::header::SliceFacts;
use crate::image::geometry::{Coverage, GeometryRefusal};
use crate::model::manifest::{Claim, Manifest, Missing, SeriesRules};

/// Lengths are compared with this much room, mm: positions are written with few digits.
const TOLERANCE_MM: f64 = 0.01;

/// What decides about a series. Plain values, taken from its slices once.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesFacts {
    /// Modality (0008,0060).
    pub modality: String,
    /// Image Type (0008,0008).
    pub image_type: Vec<String>,
    /// Body Part Examined (0018,0015); empty where missing.
    pub body_part: String,
    /// Convolution Kernel (0018,1210); empty where missing.
    pub kernel: String,
    /// Slice Thickness (0018,0050), mm.
    pub thickness_mm: Option<f64>,
    /// The proven stack, or why there is none.
    pub stack: Result<StackFacts, GeometryRefusal>,
}

/// Numbers of a proven stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StackFacts {
    /// Slices.
    pub slices: usize,
    /// Rows and columns.
    pub matrix: [u16; 2],
    /// Mm between rows, between columns.
    pub pixel_spacing_mm: [f64; 2],
    /// Mm between slices.
    pub slice_spacing_mm: f64,
}

/// What a package says to a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Match {
    /// It does not speak for it.
    NotClaimed,
    /// It speaks for it, and can read it or not.
    Claimed(Result<(), Reason>),
}

/// Why a claimed series is not read.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Reason {
    /// No proven stack.
    #[error("the slices are no even stack")]
    Geometry(#[from] GeometryRefusal),
    /// Too few or too many slices.
    #[error("the model reads series of {least} to {most} slices, this one has {found}")]
    Slices {
        /// Slices of the series.
        found: usize,
        /// Fewest that it reads.
        least: u32,
        /// Most that it reads.
        most: u32,
    },
    /// Rows or columns.
    #[error("the model reads slices of {least} to {most} rows and columns")]
    Matrix {
        /// Fewest that it reads.
        least: u16,
        /// Most that it reads.
        most: u16,
    },
    /// Pixel Spacing.
    #[error("the model reads pixels of {least} to {most} mm, these are {found} mm")]
    PixelSpacing {
        /// The one out of range.
        found: f64,
        /// Smallest that it reads.
        least: f64,
        /// Largest that it reads.
        most: f64,
    },
    /// Distance of slices.
    #[error("the model reads slices {least} to {most} mm apart, these are {found} mm")]
    SliceSpacing {
        /// Distance in this series.
        found: f64,
        /// Smallest that it reads.
        least: f64,
        /// Largest that it reads.
        most: f64,
    },
    /// Slice Thickness.
    #[error("the model reads slices {least} to {most} mm thick")]
    Thickness {
        /// Thickness in this series; `None` where the slices do not say.
        found: Option<f64>,
        /// Thinnest that it reads.
        least: f64,
        /// Thickest that it reads.
        most: f64,
    },
    /// Convolution Kernel.
    #[error("the model does not read this convolution kernel")]
    Kernel,
}

impl Reason {
    /// Returns the reason as one word, as job records and refusal sheets name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Geometry(refusal) => geometry_word(refusal),
            Self::Slices { .. } => "slices",
            Self::Matrix { .. } => "matrix",
            Self::PixelSpacing { .. } => "pixel-spacing",
            Self::SliceSpacing { .. } => "slice-spacing",
            Self::Thickness { .. } => "slice-thickness",
            Self::Kernel => "kernel",
        }
    }
}

impl SeriesFacts {
    /// Takes the facts of a series: `slices` are all its instances, `coverage` is theirs.
    ///
    /// What slices may differ in is taken from the first one of the proven order.
    pub fn of(modality: &str, slices: &[SliceFacts], coverage: &Coverage) -> Self {
        let first = coverage.order.first().copied().unwrap_or(0);
        let none = SliceFacts::default();
        let first = slices.get(first).unwrap_or(&none);
        Self {
            modality: modality.to_owned(),
            image_type: first.image_type.clone(),
            body_part: first.body_part.clone(),
            kernel: first.kernel.clone(),
            thickness_mm: first.thickness,
            stack: coverage.verdict.map(|stack| StackFacts {
                slices: stack.slices,
                matrix: stack.matrix,
                pixel_spacing_mm: stack.pixel_spacing,
                slice_spacing_mm: stack.spacing(),
            }),
        }
    }
}

/// Holds a series against the manifest.
pub fn select(manifest: &Manifest, facts: &SeriesFacts) -> Match {
    if claims(&manifest.claim, facts) {
        Match::Claimed(readable(&manifest.series, facts))
    } else {
        Match::NotClaimed
    }
}

fn claims(claim: &Claim, facts: &SeriesFacts) -> bool {
    let has = |value: &String| is_one_of(value, &facts.image_type);
    let body_part = match facts.body_part.trim() {
        "" => claim.body_part_missing == Missing::Claim,
        part => is_one_of(part, &claim.body_part),
    };
    facts.modality == claim.modality
        && claim.image_type_with.iter().all(has)
        && !claim.image_type_without.iter().any(has)
        && body_part
}

fn readable(rules: &SeriesRules, facts: &SeriesFacts) -> Result<(), Reason> {
    let stack = facts.stack?;
    let [least, most] = rules.slices;
    let found = stack.slices;
    if !u32::try_from(found).is_ok_and(|found| least <= found && found <= most) {
        return Err(Reason::Slices { found, least, most });
    }
    let [least, most] = rules.matrix;
    if !stack.matrix.iter().all(|side| (least..=most).contains(side)) {
        return Err(Reason::Matrix { least, most });
    }
    let [least, most] = rules.pixel_spacing_mm;
    let mut spacings = stack.pixel_spacing_mm.into_iter();
    if let Some(found) = spacings.find(|mm| !is_within(*mm, rules.pixel_spacing_mm)) {
        return Err(Reason::PixelSpacing { found, least, most });
    }
    let [least, most] = rules.slice_spacing_mm;
    let found = stack.slice_spacing_mm;
    if !is_within(found, rules.slice_spacing_mm) {
        return Err(Reason::SliceSpacing { found, least, most });
    }
    let [least, most] = rules.thickness_mm;
    let found = facts.thickness_mm;
    if !found.is_some_and(|mm| is_within(mm, rules.thickness_mm)) {
        return Err(Reason::Thickness { found, least, most });
    }
    if is_one_of(&facts.kernel, &rules.kernel_without) {
        return Err(Reason::Kernel);
    }
    Ok(())
}

/// NaN is within nothing.
fn is_within(mm: f64, [least, most]: [f64; 2]) -> bool {
    least - TOLERANCE_MM <= mm && mm <= most + TOLERANCE_MM
}

fn is_one_of(value: &str, list: &[String]) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(value.trim()))
}

fn geometry_word(refusal: GeometryRefusal) -> &'static str {
    match refusal {
        GeometryRefusal::Unplaced { .. } => "unplaced",
        GeometryRefusal::TooFew { .. } => "too-few-slices",
        GeometryRefusal::Mixed { .. } => "mixed",
        GeometryRefusal::Duplicates { .. } => "duplicates",
        GeometryRefusal::Gaps { .. } => "gaps",
        GeometryRefusal::Tilted { .. } => "tilted",
        GeometryRefusal::Uneven { .. } => "uneven",
        GeometryRefusal::Shifted { .. } => "shifted",
        GeometryRefusal::NotAxial => "not-axial",
        GeometryRefusal::Unscaled => "unscaled",
        GeometryRefusal::Frames => "frames",
    }
}

#[cfg(test)]
mod tests;
