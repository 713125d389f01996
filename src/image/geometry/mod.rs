//! Whether the slices of a series are one even stack, and what stands against it.
//!
//! Nothing is repaired here: a stack is proven from Image Position and Orientation (Patient) or
//! refused with the reason. Numbers in names of files or Instance Number order nothing.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "indices were taken from the same facts; counts of gaps are small"
)]

use serde::{Deserialize, Serialize};

use crate::dicom::header::SliceFacts;

/// A distance of this many medians between neighbours means that a slice is missing: half of
/// one is the farthest that rounding and table feed can explain.
pub const GAP_FACTOR: f64 = 1.5;
/// Angle, in degrees, between the stack and the normal of its slices up to which shear is under
/// one pixel over a chest (300 mm · tan 0.5° = 2.6 mm at the last slice, corrected for by the
/// grid's own z axis).
pub const TILT_MAX_DEG: f64 = 0.5;
/// Angle, in degrees, up to which image axes still carry the name of a patient axis. The grid
/// keeps the true axes, so no coordinate is wrong within it.
pub const OBLIQUE_MAX_DEG: f64 = 5.0;
/// How far a slice may lie from its place on an even grid, in spacings.
pub const UNEVEN_MAX: f64 = 0.1;
/// Slices nearer than this, mm, are at one place: positions are written with 1 µm or better.
pub const DUPLICATE_MM: f64 = 0.01;
/// Fewer slices prove no spacing.
pub const SLICES_MIN: usize = 3;
/// Direction cosines of one stack agree within this: text of 6 digits is far better.
const COSINE_TOLERANCE: f64 = 1e-3;
/// Lengths of one stack (pixel spacing, thickness) agree within this, mm.
const LENGTH_TOLERANCE_MM: f64 = 1e-3;

/// Why slices are no stack that can be read.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
pub enum GeometryRefusal {
    /// No slice has position, orientation, spacing and matrix.
    #[error("none of {instances} instances says where it lies in the patient")]
    Unplaced {
        /// How many instances there are.
        instances: usize,
    },
    /// Too few slices.
    #[error("{slices} slices are no stack")]
    TooFew {
        /// How many there are.
        slices: usize,
    },
    /// Slices differ in matrix, spacing, kernel or the like.
    #[error("the slices fall into {groups} groups that differ in matrix, spacing or kernel")]
    Mixed {
        /// How many groups.
        groups: usize,
    },
    /// Two or more slices at one place.
    #[error("{slices} slices lie where another one lies")]
    Duplicates {
        /// How many are too many.
        slices: usize,
    },
    /// Slices are missing.
    #[error("{gaps} gaps among the slices")]
    Gaps {
        /// How many places lack slices.
        gaps: usize,
    },
    /// The stack leans against its slices (gantry tilt).
    #[error("the stack is tilted by {degrees:.1} degrees")]
    Tilted {
        /// Angle between stack and normal.
        degrees: f64,
    },
    /// Distances vary.
    #[error("a slice lies {worst_mm:.2} mm from its place in an even stack")]
    Uneven {
        /// The farthest.
        worst_mm: f64,
    },
    /// A slice is displaced in its plane.
    #[error("a slice is displaced by {worst_mm:.2} mm in its plane")]
    Shifted {
        /// The farthest.
        worst_mm: f64,
    },
    /// The stack is not axial, or its rows do not run left-right.
    #[error("the slices are not axial")]
    NotAxial,
    /// CT numbers cannot be had.
    #[error("rescale slope or intercept is missing or no number")]
    Unscaled,
    /// A frame does not fit its facts, or there are more or fewer than slices.
    #[error("the frames do not fit the slices")]
    Frames,
}

/// Where slices are missing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The gap follows this place of [`Coverage::order`].
    pub after: usize,
    /// Its width, mm.
    pub mm: f64,
    /// How many slices would fill it.
    pub missing: usize,
}

/// The distances of neighbouring slices along the normal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spacing {
    /// Median, mm.
    pub median: f64,
    /// How far the worst slice lies from its place on an even grid, mm.
    pub worst: f64,
    /// Whether that is within [`UNEVEN_MAX`] of the median.
    pub even: bool,
}

/// An even stack of equal slices: holding one means that position, spacing and tilt were proven.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// How many slices.
    pub slices: usize,
    /// Rows and columns of each.
    pub matrix: [u16; 2],
    /// Mm between rows, between columns.
    pub pixel_spacing: [f64; 2],
    /// Image Position (Patient) of the first slice of the order, mm, LPS.
    pub first: [f64; 3],
    /// From each slice to the next, mm, LPS.
    pub step: [f64; 3],
    /// Direction of rising columns, unit vector.
    pub row_axis: [f64; 3],
    /// Direction of rising rows, unit vector.
    pub column_axis: [f64; 3],
}

/// How the slices of a stack lie in the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plane {
    /// Across the body, rows left-right, columns front-back.
    Axial,
    /// Any other: coronal, sagittal, oblique, or an axial one turned by 90 degrees.
    Other,
}

/// What can be said of the slices of one series from their facts alone.
///
/// Indices point into the facts that were given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The slices of the largest group, sorted along their normal, one per place.
    pub order: Vec<usize>,
    /// Slices of that group at a place that another one has.
    pub duplicates: Vec<usize>,
    /// Where slices are missing.
    pub gaps: Vec<Gap>,
    /// Distances; `None` under two slices.
    pub spacing: Option<Spacing>,
    /// Angle between the stack and the normal, degrees.
    pub tilt_deg: f64,
    /// Left out: Image Type says LOCALIZER, or the orientation is another one.
    pub localizers: Vec<usize>,
    /// Left out: no position, orientation, spacing or matrix, or several frames.
    pub unplaced: Vec<usize>,
    /// What the rest falls into, the largest first: each agrees in matrix, orientation, pixel
    /// spacing, thickness, kernel and frame of reference, and, where that tells slices of one
    /// place apart, in acquisition.
    pub groups: Vec<Vec<usize>>,
    /// The stack of the largest group, or why there is none.
    pub verdict: Result<Stack, GeometryRefusal>,
}

/// A slice whose place is known.
#[derive(Clone, Copy)]
struct Placed {
    index: usize,
    position: [f64; 3],
    row_axis: [f64; 3],
    column_axis: [f64; 3],
    normal: [f64; 3],
    pixel_spacing: [f64; 2],
    matrix: [u16; 2],
}

impl Coverage {
    /// Looks at all instances of one series, in any order.
    pub fn of(facts: &[SliceFacts]) -> Self {
        let mut localizers = Vec::new();
        let mut unplaced = Vec::new();
        let mut groups: Vec<Vec<Placed>> = Vec::new();
        for (index, slice) in facts.iter().enumerate() {
            if is_localizer(slice) {
                localizers.push(index);
            } else if let Some(placed) = Placed::of(index, slice) {
                let same = groups
                    .iter_mut()
                    .find(|group| alike(&placed, slice, &group[0], &facts[group[0].index]));
                match same {
                    Some(group) => group.push(placed),
                    None => groups.push(vec![placed]),
                }
            } else {
                unplaced.push(index);
            }
        }
        let mut groups: Vec<_> =
            groups.into_iter().flat_map(|group| by_acquisition(group, facts)).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        if let Some(main) = groups.first().map(|group| group[0]) {
            groups.retain(|group| {
                let same = same_orientation(&group[0], &main);
                if !same {
                    localizers.extend(group.iter().map(|slice| slice.index));
                }
                same
            });
        }
        localizers.sort_unstable();
        let mut coverage = Self {
            order: Vec::new(),
            duplicates: Vec::new(),
            gaps: Vec::new(),
            spacing: None,
            tilt_deg: 0.0,
            localizers,
            unplaced,
            groups: groups
                .iter()
                .map(|group| group.iter().map(|slice| slice.index).collect())
                .collect(),
            verdict: Err(GeometryRefusal::Unplaced { instances: facts.len() }),
        };
        if let Some(main) = groups.into_iter().next() {
            coverage.measure(main, facts);
        }
        coverage
    }

    /// Fills in order, distances and verdict from the largest group.
    fn measure(&mut self, mut main: Vec<Placed>, facts: &[SliceFacts]) {
        let normal = main[0].normal;
        main.sort_by(|a, b| {
            dot(a.position, normal)
                .total_cmp(&dot(b.position, normal))
                .then_with(|| number(facts, a.index).cmp(&number(facts, b.index)))
        });
        let mut stack: Vec<Placed> = Vec::with_capacity(main.len());
        for slice in main {
            let twin = stack.last().is_some_and(|last| {
                dot(sub(slice.position, last.position), normal) <= DUPLICATE_MM
            });
            if twin {
                self.duplicates.push(slice.index);
            } else {
                stack.push(slice);
            }
        }
        self.order = stack.iter().map(|slice| slice.index).collect();
        let Some(stack) = self.distances(&stack, normal) else {
            self.verdict = Err(GeometryRefusal::TooFew { slices: stack.len() });
            return;
        };
        self.verdict = self.judge(stack);
    }

    /// Measures gaps, spacing and tilt; returns the stack and how far the worst slice is off in
    /// its plane. `None` under two slices.
    fn distances(&mut self, slices: &[Placed], normal: [f64; 3]) -> Option<(Stack, f64)> {
        let (first, last) = (slices.first()?, slices.last()?);
        let along: Vec<f64> = slices
            .windows(2)
            .map(|pair| dot(sub(pair[1].position, pair[0].position), normal))
            .collect();
        let mut sorted = along.clone();
        sorted.sort_by(f64::total_cmp);
        let median = *sorted.get(sorted.len() / 2)?;
        for (after, mm) in along.iter().enumerate() {
            if GAP_FACTOR * median < *mm {
                self.gaps.push(Gap {
                    after,
                    mm: *mm,
                    missing: ((mm / median).round() as usize).saturating_sub(1),
                });
            }
        }
        let way = sub(last.position, first.position);
        let step = way.map(|mm| mm / along.len() as f64);
        self.tilt_deg = length(cross(way, normal)).atan2(dot(way, normal)).to_degrees();
        let (mut worst, mut shift) = (0.0_f64, 0.0_f64);
        for (k, slice) in slices.iter().enumerate() {
            let place = [0, 1, 2].map(|i| first.position[i] + step[i] * k as f64);
            let off = sub(slice.position, place);
            let up = dot(off, normal);
            worst = worst.max(up.abs());
            shift = shift.max(length([0, 1, 2].map(|i| off[i] - up * normal[i])));
        }
        self.spacing = Some(Spacing { median, worst, even: worst <= UNEVEN_MAX * median });
        let stack = Stack {
            slices: slices.len(),
            matrix: first.matrix,
            pixel_spacing: first.pixel_spacing,
            first: first.position,
            step,
            row_axis: first.row_axis,
            column_axis: first.column_axis,
        };
        Some((stack, shift))
    }

    /// Decides, the most telling reason first.
    fn judge(&self, (stack, shift): (Stack, f64)) -> Result<Stack, GeometryRefusal> {
        if 1 < self.groups.len() {
            return Err(GeometryRefusal::Mixed { groups: self.groups.len() });
        }
        if !self.duplicates.is_empty() {
            return Err(GeometryRefusal::Duplicates { slices: self.duplicates.len() });
        }
        if stack.slices < SLICES_MIN {
            return Err(GeometryRefusal::TooFew { slices: stack.slices });
        }
        if TILT_MAX_DEG < self.tilt_deg {
            return Err(GeometryRefusal::Tilted { degrees: self.tilt_deg });
        }
        if !self.gaps.is_empty() {
            return Err(GeometryRefusal::Gaps { gaps: self.gaps.len() });
        }
        if let Some(spacing) = self.spacing.filter(|spacing| !spacing.even) {
            return Err(GeometryRefusal::Uneven { worst_mm: spacing.worst });
        }
        let pixel = stack.pixel_spacing[0].min(stack.pixel_spacing[1]);
        if pixel / 2.0 < shift {
            return Err(GeometryRefusal::Shifted { worst_mm: shift });
        }
        Ok(stack)
    }
}

impl Stack {
    /// Returns the distance from slice to slice, mm.
    pub fn spacing(&self) -> f64 {
        length(self.step)
    }

    /// Tells how the slices lie in the patient, within [`OBLIQUE_MAX_DEG`].
    pub fn plane(&self) -> Plane {
        let limit = OBLIQUE_MAX_DEG.to_radians().cos();
        let across = limit <= self.row_axis[0].abs() && limit <= self.column_axis[1].abs();
        if across { Plane::Axial } else { Plane::Other }
    }
}

impl Placed {
    fn of(index: usize, facts: &SliceFacts) -> Option<Self> {
        let position = facts.position?;
        let orientation = facts.orientation?;
        let pixel_spacing = facts.pixel_spacing?;
        let matrix = [facts.rows?, facts.columns?];
        let row_axis = [orientation[0], orientation[1], orientation[2]];
        let column_axis = [orientation[3], orientation[4], orientation[5]];
        let unit = |axis| (length(axis) - 1.0).abs() <= COSINE_TOLERANCE;
        let sound = position.iter().all(|mm| mm.is_finite())
            && unit(row_axis)
            && unit(column_axis)
            && dot(row_axis, column_axis).abs() <= COSINE_TOLERANCE
            && pixel_spacing.iter().all(|mm| mm.is_finite() && 0.0 < *mm)
            && matrix.iter().all(|pixels| 0 < *pixels)
            && facts.frames.unwrap_or(1) == 1;
        let scaled = |axis: [f64; 3]| axis.map(|cosine| cosine / length(axis));
        sound.then(|| Self {
            index,
            position,
            row_axis: scaled(row_axis),
            column_axis: scaled(column_axis),
            normal: scaled(cross(row_axis, column_axis)),
            pixel_spacing,
            matrix,
        })
    }
}

fn is_localizer(facts: &SliceFacts) -> bool {
    facts.image_type.iter().any(|value| value.eq_ignore_ascii_case("LOCALIZER"))
}

fn same_orientation(a: &Placed, b: &Placed) -> bool {
    let near = |a: [f64; 3], b: [f64; 3]| {
        sub(a, b).iter().all(|difference| difference.abs() <= COSINE_TOLERANCE)
    };
    near(a.row_axis, b.row_axis) && near(a.column_axis, b.column_axis)
}

/// Tells whether two slices may belong to one stack, place apart.
fn alike(a: &Placed, a_facts: &SliceFacts, b: &Placed, b_facts: &SliceFacts) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= LENGTH_TOLERANCE_MM;
    let thickness = match (a_facts.thickness, b_facts.thickness) {
        (Some(a), Some(b)) => near(a, b),
        (None, None) => true,
        _ => false,
    };
    a.matrix == b.matrix
        && same_orientation(a, b)
        && near(a.pixel_spacing[0], b.pixel_spacing[0])
        && near(a.pixel_spacing[1], b.pixel_spacing[1])
        && thickness
        && a_facts.kernel == b_facts.kernel
        && a_facts.frame_of_reference == b_facts.frame_of_reference
}

/// Splits by Acquisition Number where slices share a place and the numbers differ.
///
/// Scanners also count acquisitions within one run of the table: the number alone splits nothing.
fn by_acquisition(group: Vec<Placed>, facts: &[SliceFacts]) -> Vec<Vec<Placed>> {
    let mut along: Vec<f64> =
        group.iter().map(|slice| dot(slice.position, group[0].normal)).collect();
    along.sort_by(f64::total_cmp);
    if !along.windows(2).any(|pair| pair[1] - pair[0] <= DUPLICATE_MM) {
        return vec![group];
    }
    let mut parts = std::collections::BTreeMap::<Option<i32>, Vec<Placed>>::new();
    for slice in group {
        parts.entry(facts[slice.index].acquisition_number).or_default().push(slice);
    }
    parts.into_values().collect()
}

fn number(facts: &[SliceFacts], index: usize) -> (Option<i32>, usize) {
    (facts[index].instance_number, index)
}

fn sub(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn length(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests;
