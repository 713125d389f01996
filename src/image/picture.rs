//! Score maps and rendered slices as plain values, as they leave the worker.

use serde::{Deserialize, Serialize};

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
