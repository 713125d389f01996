//! A series as one volume in patient axes, and the way back to its slices.

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
/// towards the head (LPS), each within the tilt that `geometry` allows. `flip_x` and `flip_y`
/// tell that the source's columns or rows run the other way.
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
