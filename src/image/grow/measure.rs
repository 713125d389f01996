//! Length and runs of a set of voxels.
#![expect(clippy::indexing_slicing, reason = "arrays of three axes")]

use std::collections::BTreeMap;

use super::{Mask, Run, SourceVoxel};
use crate::image::volume::Grid;

/// Returns the longest distance, mm, between two voxel centres of one slice, and the two voxels;
/// `None` of nothing.
///
/// The true edges lie up to half a pixel further out at either end; the number is that of the
/// line between the two ends, so that a viewer that measures the line reads the same.
pub(super) fn long_axis(grid: &Grid, voxels: &[[usize; 3]]) -> Option<(f64, [[usize; 3]; 2])> {
    // The farthest pair lies on ends of rows: the others need not be compared.
    let mut rows = BTreeMap::<[usize; 2], [usize; 2]>::new();
    for [z, y, x] in voxels {
        let ends = rows.entry([*z, *y]).or_insert([*x, *x]);
        *ends = [ends[0].min(*x), ends[1].max(*x)];
    }
    let ends: Vec<[usize; 3]> =
        rows.iter().flat_map(|([z, y], x)| [[*z, *y, x[0]], [*z, *y, x[1]]]).collect();
    let mut best = None;
    for (i, a) in ends.iter().enumerate() {
        for b in ends[i..].iter().take_while(|b| b[0] == a[0]) {
            let mm = (a[1].abs_diff(b[1]) as f64 * grid.spacing[1])
                .hypot(a[2].abs_diff(b[2]) as f64 * grid.spacing[2]);
            if best.is_none_or(|(longest, _)| longest < mm) {
                best = Some((mm, [*a, *b]));
            }
        }
    }
    best
}

/// Returns the voxels as runs along source rows, sorted.
pub(super) fn runs(grid: &Grid, voxels: &[[usize; 3]]) -> Mask {
    let mut sources: Vec<SourceVoxel> =
        voxels.iter().filter_map(|voxel| grid.to_source(*voxel)).collect();
    sources.sort_unstable();
    let mut runs: Vec<Run> = Vec::new();
    for SourceVoxel { slice, row, column } in sources {
        match runs.last_mut() {
            Some(run)
                if run.slice == slice && run.row == row && run.first + run.count == column =>
            {
                run.count += 1;
            }
            _ => runs.push(Run { slice, row, first: column, count: 1 }),
        }
    }
    Mask(runs)
}
