//! The model's grid of cells on a volume, and the way back to source rows and columns.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cells come from the grid that was laid out here; scores lie in 0..=1"
)]

use crate::image::picture::Heatmap;
use crate::image::volume::Grid;
use crate::infer::postprocess::{CellSpacing, Scores};
use crate::model::manifest::Output;

/// Cells over the slices of a volume.
#[derive(Clone, Debug, PartialEq)]
pub struct CellGrid<'a> {
    grid: &'a Grid,
    rows: usize,
    columns: usize,
    stride_px: usize,
    centre_px: f64,
}

impl<'a> CellGrid<'a> {
    /// Lays the cells out as the manifest says; none where no window fits.
    pub fn of(grid: &'a Grid, output: &Output) -> Self {
        let [_, rows, columns] = grid.size;
        Self {
            grid,
            rows: output.cells(rows),
            columns: output.cells(columns),
            stride_px: output.stride_px,
            centre_px: output.centre_px,
        }
    }

    /// Returns slices, cell rows and cell columns.
    pub fn size(&self) -> [usize; 3] {
        [self.grid.size[0], self.rows, self.columns]
    }

    /// Returns the distances of cells.
    pub fn spacing(&self) -> CellSpacing {
        let [z, y, x] = self.grid.spacing;
        let stride = self.stride_px as f64;
        CellSpacing { mm: [z, y * stride, x * stride] }
    }

    /// Returns the voxels of a cell's tile: `stride_px` by `stride_px` around its centre.
    pub fn tile(&self, [z, i, j]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
        let from = (self.centre_px - self.stride_px as f64 / 2.0).round().max(0.0) as usize;
        let side = |cell: usize, most: usize| {
            let first = from + cell * self.stride_px;
            first.min(most)..(first + self.stride_px).min(most)
        };
        let columns = side(j, self.grid.size[2]);
        side(i, self.grid.size[1]).flat_map(move |y| columns.clone().map(move |x| [z, y, x]))
    }

    /// Returns the voxel place `[z, y, x]` of a place in cells.
    pub fn to_voxel(&self, [z, i, j]: [f64; 3]) -> [f64; 3] {
        let stride = self.stride_px as f64;
        [z, self.centre_px + i * stride, self.centre_px + j * stride]
    }

    /// Turns scores into a heatmap in source orientation, one layer a source slice.
    ///
    /// Source slices that are not in the volume have 0 throughout.
    pub fn heatmap(&self, scores: &Scores) -> Heatmap {
        let layers = self.grid.slices.iter().max().map_or(0, |last| *last as usize + 1);
        let plane = self.rows * self.columns;
        let mut bytes = vec![0; layers * plane];
        for (z, values) in scores.values().chunks_exact(plane.max(1)).enumerate() {
            let layer = self.grid.slices[z] as usize * plane;
            for (at, value) in values.iter().enumerate() {
                let row = turned(at / self.columns, self.rows, self.grid.flip_y);
                let column = turned(at % self.columns, self.columns, self.grid.flip_x);
                bytes[layer + row * self.columns + column] = (value * 255.0).round() as u8;
            }
        }
        let [_, rows, columns] = self.grid.size;
        let step = self.stride_px as f64;
        let first = |cells: usize, pixels: usize, flip: Flip| match flip {
            Flip::Kept => self.centre_px,
            Flip::Turned => {
                let last = self.centre_px + cells.saturating_sub(1) as f64 * step;
                pixels.saturating_sub(1) as f64 - last
            }
        };
        let count = |cells: usize| u32::try_from(cells).unwrap_or(u32::MAX);
        Heatmap {
            size: [count(layers), count(self.rows), count(self.columns)],
            first: [
                first(self.rows, rows, self.grid.flip_y.into()),
                first(self.columns, columns, self.grid.flip_x.into()),
            ],
            step: [step, step],
            scores: bytes,
        }
    }
}

/// Whether an axis of the volume runs against the source's.
#[derive(Clone, Copy)]
enum Flip {
    Kept,
    Turned,
}

impl From<bool> for Flip {
    fn from(flipped: bool) -> Self {
        if flipped { Self::Turned } else { Self::Kept }
    }
}

fn turned(at: usize, count: usize, flip: impl Into<Flip>) -> usize {
    match flip.into() {
        Flip::Kept => at,
        Flip::Turned => count - 1 - at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::volume::SourceVoxel;
    use crate::model::package::tests::lung_nodule;

    fn grid(flip_x: bool, flip_y: bool) -> Grid {
        Grid {
            size: [2, 64, 80],
            spacing: [2.5, 0.7, 0.7],
            origin: [0.0; 3],
            x_axis: [1.0, 0.0, 0.0],
            y_axis: [0.0, 1.0, 0.0],
            z_axis: [0.0, 0.0, 1.0],
            slices: vec![3, 1],
            flip_x,
            flip_y,
        }
    }

    #[test]
    fn a_tile_is_the_stride_around_its_centre() {
        let grid = grid(false, false);
        let cells = CellGrid::of(&grid, &lung_nodule().manifest().output);
        assert_eq!(cells.size(), [2, 3, 5]);
        let tile: Vec<_> = cells.tile([1, 0, 1]).collect();
        assert_eq!(tile.len(), 64);
        assert_eq!((tile[0], tile[63]), ([1, 20, 28], [1, 27, 35]));
    }

    #[test]
    fn the_heatmap_shows_a_score_where_its_cell_lies_in_the_source() {
        for (flip_x, flip_y) in [(false, false), (true, false), (false, true), (true, true)] {
            let grid = grid(flip_x, flip_y);
            let cells = CellGrid::of(&grid, &lung_nodule().manifest().output);
            let mut values = vec![0.0; 30];
            // Slice 0, row 2, column 1 of the cells.
            values[2 * 5 + 1] = 1.0;
            let scores = Scores::new(cells.size(), values).expect("the size");
            let map = cells.heatmap(&scores);
            assert_eq!(map.size, [4, 3, 5]);
            let at = map.scores.iter().position(|score| *score == 255).expect("the score");
            let (slice, row, column) = (at / 15, at % 15 / 5, at % 5);
            let voxel = cells.to_voxel([0.0, 2.0, 1.0]).map(|place| place as usize);
            let SourceVoxel { slice: want, row: y, column: x } =
                grid.to_source(voxel).expect("inside");
            assert_eq!(slice, want as usize);
            let place = |first: f64, step: f64, cell: usize| first + step * cell as f64;
            assert!((place(map.first[0], map.step[0], row) - f64::from(y)).abs() < 1e-9);
            assert!((place(map.first[1], map.step[1], column) - f64::from(x)).abs() < 1e-9);
        }
    }
}
