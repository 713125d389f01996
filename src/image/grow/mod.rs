//! The outline of a nodule around a hit, and what it measures.
//!
//! A threshold half-way between the nodule and the lung around it sets the edge, where scanners
//! blur both alike. What hangs on by less than a fixed part of the nodule's own width (vessels,
//! strands) is cut by an opening; the chest wall is cut by the closed lung mask.

use crate::base::units::{Hu, Ml, Mm};
use crate::image::extent::{Extent, Mask, Measured, NotMeasured, Run};
use crate::image::mask::LungMask;
use crate::image::volume::{SourceVoxel, Volume};

mod measure;
mod region;

/// The core is looked for this far from the hit, mm: a score map with a cell of 8 pixels is off
/// by up to 4 of them each way, and smoothing moves its peak as much again.
pub const SEARCH_MM: f64 = 8.0;
/// A nodule that reaches this far from its core is none: nodules are at most 30 mm wide.
pub const REACH_MM: f64 = 25.0;
/// Solid tissue has at least this CT number: half-way between lung and soft tissue.
pub const SOLID_HU_MIN: i16 = -400;
/// Ground glass has at least this CT number: more than lung (−850) with its noise.
pub const GLASS_HU_MIN: i16 = -700;
/// A mean under this is no solid nodule.
pub const MEAN_HU_MIN: f64 = -300.0;
/// Cores denser than this count as this: calcium must not move the edge inwards.
pub const CORE_HU_MAX: f64 = 100.0;
/// The opening's radius as a part of the largest ball inside: vessels that feed a nodule are
/// thinner than that, lobes of it are not.
pub const OPENING_PART: f64 = 0.4;
/// Bounds of the opening's radius, mm: one pixel; the widest vessel of the outer lung.
pub const OPENING_MM: [f64; 2] = [0.8, 2.5];
/// More of the surface than this at the wall is pleura, not a nodule at it: a hemisphere on the
/// wall has 0.33 there.
pub const WALL_PART_MAX: f64 = 0.5;

/// Grows the outline around `hit`, patient coordinates in mm (LPS).
///
/// Cost: a box of about 50 mm, that is a few milliseconds.
pub fn grow(volume: &Volume, lungs: &LungMask, hit: [f64; 3]) -> Extent {
    match measure(volume, lungs, hit) {
        Ok(measured) => Extent::Measured(measured),
        Err(why) => Extent::NotMeasured(why),
    }
}

fn measure(volume: &Volume, lungs: &LungMask, hit: [f64; 3]) -> Result<Measured, NotMeasured> {
    let at = volume.grid.to_voxel(hit);
    let region = region::Region::around(volume, lungs, at)?;
    if region.at_reach() {
        return Err(NotMeasured::Leaks);
    }
    if WALL_PART_MAX < region.wall_part() {
        return Err(NotMeasured::AlongPleura);
    }
    let voxels = region.voxels();
    let mean = mean(volume, &voxels);
    if mean < MEAN_HU_MIN {
        return Err(NotMeasured::NotSolid);
    }
    let (long_axis, ends) = measure::long_axis(&volume.grid, &voxels).ok_or(NotMeasured::NoCore)?;
    let source = |voxel| volume.grid.to_source(voxel).ok_or(NotMeasured::NoCore);
    #[expect(clippy::cast_possible_truncation, reason = "a CT number")]
    Ok(Measured {
        long_axis: Mm(long_axis),
        long_axis_ends: [source(ends[0])?, source(ends[1])?],
        volume: Ml(voxels.len() as f64 * volume.grid.voxel_mm3() / 1000.0),
        mean: Hu(mean as f32),
        mask: measure::runs(&volume.grid, &voxels),
    })
}

fn mean(volume: &Volume, voxels: &[[usize; 3]]) -> f64 {
    let sum: f64 = voxels.iter().map(|at| f64::from(volume.at(*at))).sum();
    sum / voxels.len().max(1) as f64
}

#[cfg(test)]
mod tests;
