//! A series as one volume in patient axes, and the way back to its slices.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays of three axes; buffers are as long as the grid says"
)]

use crate::dicom::header::SliceFacts;
use crate::image::frame::Frame;
use crate::image::geometry::{Coverage, GeometryRefusal, Plane, Stack};

/// Where a voxel of the volume lies among the source slices.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct SourceVoxel {
    /// Which source slice, counted in the order of the sources of the job.
    pub slice: u32,
    /// Row of the source image, from 0 at its top.
    pub row: u32,
    /// Column of the source image, from 0 at its left.
    pub column: u32,
}

/// The place of every voxel in the patient (PS3.3 C.7.6.2.1.1).
///
/// Axes are patient axes whatever the scanner sent: x towards the left, y towards the back, z
/// towards the head (LPS), each within what `geometry` allows; the axes below are the true ones.
/// `flip_x` and `flip_y` tell that the source's columns or rows run the other way.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Voxels: `[z, y, x]`.
    pub size: [usize; 3],
    /// Distance of voxel centres, mm: `[z, y, x]`.
    pub spacing: [f64; 3],
    /// Patient coordinates of the centre of voxel `[0, 0, 0]`, mm, LPS.
    pub origin: [f64; 3],
    /// Direction of rising x index, unit vector in LPS.
    pub x_axis: [f64; 3],
    /// Direction of rising y index, unit vector in LPS.
    pub y_axis: [f64; 3],
    /// Direction of rising z index, unit vector in LPS.
    pub z_axis: [f64; 3],
    /// Source slice (index into the sources of the job) of each z.
    pub slices: Vec<u32>,
    /// Whether x runs against the source's columns.
    pub flip_x: bool,
    /// Whether y runs against the source's rows.
    pub flip_y: bool,
}

/// CT numbers on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Where they are.
    pub grid: Grid,
    /// HU, rounded to the nearest integer and clamped to i16; shape `[z, y, x]`, x fastest.
    pub hu: Vec<i16>,
}

impl Grid {
    /// Returns the patient coordinates (mm, LPS) of a place given in voxels, `[z, y, x]`.
    pub fn to_patient(&self, at: [f64; 3]) -> [f64; 3] {
        let [z, y, x] = [at[0] * self.spacing[0], at[1] * self.spacing[1], at[2] * self.spacing[2]];
        [0, 1, 2]
            .map(|i| self.origin[i] + x * self.x_axis[i] + y * self.y_axis[i] + z * self.z_axis[i])
    }

    /// Returns the source slice, row and column of voxel `[z, y, x]`; `None` outside.
    pub fn to_source(&self, at: [usize; 3]) -> Option<SourceVoxel> {
        let [z, y, x] = at;
        let [_, rows, columns] = self.size;
        if rows <= y || columns <= x {
            return None;
        }
        let row = if self.flip_y { rows - 1 - y } else { y };
        let column = if self.flip_x { columns - 1 - x } else { x };
        Some(SourceVoxel {
            slice: *self.slices.get(z)?,
            row: u32::try_from(row).ok()?,
            column: u32::try_from(column).ok()?,
        })
    }

    /// Returns the index of voxel `[z, y, x]` in an array of this grid.
    pub fn index(&self, at: [usize; 3]) -> usize {
        (at[0] * self.size[1] + at[1]) * self.size[2] + at[2]
    }

    /// Returns how many voxels there are.
    pub fn len(&self) -> usize {
        self.size.iter().product()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A volume that is filled slice by slice, so that no two copies of a study are in memory.
#[derive(Clone, Debug)]
pub struct Builder {
    volume: Volume,
    /// Rescale slope and intercept of each z.
    rescale: Vec<[f64; 2]>,
    filled: Vec<bool>,
}

impl Volume {
    /// Builds the volume of `coverage`; `frames[i]` belongs to `facts[i]`, localizers included.
    ///
    /// # Errors
    /// The coverage's own refusal; [`GeometryRefusal::NotAxial`], [`GeometryRefusal::Unscaled`],
    /// [`GeometryRefusal::Frames`].
    pub fn build(
        coverage: &Coverage,
        facts: &[SliceFacts],
        frames: &[Frame],
    ) -> Result<Self, GeometryRefusal> {
        let mut builder = Builder::new(coverage, facts)?;
        for (z, source) in builder.sources().into_iter().enumerate() {
            builder.put(z, frames.get(source).ok_or(GeometryRefusal::Frames)?)?;
        }
        builder.finish()
    }

    /// Returns the CT number of voxel `[z, y, x]`; it must lie inside.
    pub fn at(&self, at: [usize; 3]) -> i16 {
        self.hu[self.grid.index(at)]
    }
}

impl Builder {
    /// Lays the grid out; 2 bytes a voxel are allocated here and nowhere else.
    ///
    /// # Errors
    /// As [`Volume::build`], but for frames.
    pub fn new(coverage: &Coverage, facts: &[SliceFacts]) -> Result<Self, GeometryRefusal> {
        let stack = coverage.verdict?;
        let grid = Grid::of(&stack, &coverage.order)?;
        let rescale = grid
            .slices
            .iter()
            .map(|source| {
                let slice = facts.get(usize::try_from(*source).ok()?)?;
                let pair = [slice.rescale_slope?, slice.rescale_intercept?];
                let sound = pair.iter().all(|number| number.is_finite()) && pair[0] != 0.0;
                sound.then_some(pair)
            })
            .collect::<Option<Vec<_>>>()
            .ok_or(GeometryRefusal::Unscaled)?;
        Ok(Self {
            filled: vec![false; grid.size[0]],
            volume: Volume { hu: vec![0; grid.len()], grid },
            rescale,
        })
    }

    /// Returns which source slice each z wants, z rising.
    pub fn sources(&self) -> Vec<usize> {
        let index = |source: &u32| usize::try_from(*source).unwrap_or(usize::MAX);
        self.volume.grid.slices.iter().map(index).collect()
    }

    /// Puts the frame of slice `z` in.
    ///
    /// # Errors
    /// [`GeometryRefusal::Frames`] where it is not as large as the grid, or there is no such z.
    pub fn put(&mut self, z: usize, frame: &Frame) -> Result<(), GeometryRefusal> {
        let grid = &self.volume.grid;
        let [_, rows, columns] = grid.size;
        let rescale = self.rescale.get(z).ok_or(GeometryRefusal::Frames)?;
        let fits = usize::from(frame.rows) == rows
            && usize::from(frame.columns) == columns
            && frame.values.len() == rows * columns;
        if !fits {
            return Err(GeometryRefusal::Frames);
        }
        let hu = frame.hu(rescale[0], rescale[1]);
        let start = grid.index([z, 0, 0]);
        let target = &mut self.volume.hu[start..start + rows * columns];
        for (row, source) in hu.chunks_exact(columns).enumerate() {
            let y = if grid.flip_y { rows - 1 - row } else { row };
            let line = &mut target[y * columns..(y + 1) * columns];
            line.copy_from_slice(source);
            if grid.flip_x {
                line.reverse();
            }
        }
        self.filled[z] = true;
        Ok(())
    }

    /// Hands the volume over.
    ///
    /// # Errors
    /// [`GeometryRefusal::Frames`] where a slice was not put in.
    pub fn finish(self) -> Result<Volume, GeometryRefusal> {
        if self.filled.iter().all(|filled| *filled) {
            Ok(self.volume)
        } else {
            Err(GeometryRefusal::Frames)
        }
    }
}

impl Grid {
    /// Turns a proven stack into patient axes: the order is turned round where it runs towards
    /// the feet, columns and rows are flipped where they run right or forward.
    fn of(stack: &Stack, order: &[usize]) -> Result<Self, GeometryRefusal> {
        if stack.plane() != Plane::Axial || order.len() != stack.slices {
            return Err(GeometryRefusal::NotAxial);
        }
        let mut slices = order
            .iter()
            .map(|index| u32::try_from(*index).ok())
            .collect::<Option<Vec<_>>>()
            .ok_or(GeometryRefusal::Frames)?;
        let [rows, columns] = stack.matrix.map(usize::from);
        let spacing = [stack.spacing(), stack.pixel_spacing[0], stack.pixel_spacing[1]];
        let mut origin = stack.first;
        // Turns `axis` round where it runs against its patient axis, and moves the origin to
        // the other end of the `count` voxels.
        let mut turn = |axis: [f64; 3], towards: usize, count: usize, mm: f64| {
            let flip = axis[towards] < 0.0;
            if flip {
                let way = mm * (count - 1) as f64;
                origin = [0, 1, 2].map(|i| origin[i] + way * axis[i]);
            }
            (axis.map(|cosine| if flip { -cosine } else { cosine }), flip)
        };
        let up = stack.step.map(|mm| mm / spacing[0]);
        let (z_axis, flip_z) = turn(up, 2, slices.len(), spacing[0]);
        let (y_axis, flip_y) = turn(stack.column_axis, 1, rows, spacing[1]);
        let (x_axis, flip_x) = turn(stack.row_axis, 0, columns, spacing[2]);
        if flip_z {
            slices.reverse();
        }
        Ok(Self {
            size: [slices.len(), rows, columns],
            spacing,
            origin,
            x_axis,
            y_axis,
            z_axis,
            slices,
            flip_x,
            flip_y,
        })
    }

    /// Returns the place, in voxels `[z, y, x]`, of patient coordinates (mm, LPS): the inverse of
    /// [`Grid::to_patient`]. The axes are within `geometry`'s tilt of a right angle, so three
    /// projections are not exact: one linear system is solved instead.
    pub fn to_voxel(&self, patient: [f64; 3]) -> [f64; 3] {
        let way = [0, 1, 2].map(|i| patient[i] - self.origin[i]);
        let volume = triple(self.x_axis, self.y_axis, self.z_axis);
        [
            triple(self.x_axis, self.y_axis, way) / volume / self.spacing[0],
            triple(self.x_axis, way, self.z_axis) / volume / self.spacing[1],
            triple(way, self.y_axis, self.z_axis) / volume / self.spacing[2],
        ]
    }

    /// Returns the voxel `[z, y, x]` whose centre is nearest to a place in voxels; `None` outside.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the comparison just before it bounds the index"
    )]
    pub fn nearest(&self, at: [f64; 3]) -> Option<[usize; 3]> {
        let mut voxel = [0; 3];
        for (i, place) in voxel.iter_mut().enumerate() {
            let index = at[i].round();
            // NaN fails both comparisons.
            if !(0.0 <= index && index < self.size[i] as f64) {
                return None;
            }
            *place = index as usize;
        }
        Some(voxel)
    }

    /// Returns the voxel `[z, y, x]` of a source pixel: the inverse of [`Grid::to_source`].
    pub fn from_source(&self, at: SourceVoxel) -> Option<[usize; 3]> {
        let [_, rows, columns] = self.size;
        let (row, column) = (usize::try_from(at.row).ok()?, usize::try_from(at.column).ok()?);
        if rows <= row || columns <= column {
            return None;
        }
        let z = self.slices.iter().position(|slice| *slice == at.slice)?;
        let y = if self.flip_y { rows - 1 - row } else { row };
        let x = if self.flip_x { columns - 1 - column } else { column };
        Some([z, y, x])
    }

    /// Returns the volume of one voxel, mm³.
    pub fn voxel_mm3(&self) -> f64 {
        self.spacing.iter().product()
    }
}

/// The volume that three edges span.
fn triple(a: [f64; 3], b: [f64; 3], c: [f64; 3]) -> f64 {
    a[0] * (b[1] * c[2] - b[2] * c[1])
        + a[1] * (b[2] * c[0] - b[0] * c[2])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
}

#[cfg(test)]
mod tests;
