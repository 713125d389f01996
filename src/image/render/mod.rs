//! Pictures of key slices: grey image, score map laid over it, outlines around marks.
//!
//! Rows and columns run as in the source, so that a picture looks like the slice beside it in a
//! viewer. Words are not drawn here.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "buffers are as long as the picture; colours are mixtures of bytes"
)]

use crate::image::extent::Mask;
use crate::image::picture::{Heatmap, Picture};
use crate::image::resample::{area_mean, bilinear};
use crate::image::volume::Volume;
use crate::image::window::Window;

/// Colour of outlines: seen on grey and on amber alike.
const OUTLINE: [u8; 3] = [0, 220, 255];
/// Colours of the score map, from its floor to 1.
const AMBER: [[f64; 3]; 2] = [[255.0, 120.0, 0.0], [255.0, 226.0, 90.0]];
/// How much of the image a score of 1 hides.
const OPACITY_MAX: f64 = 0.55;
/// Widest picture, pixels: a source has 65,535 columns at most, no viewer that many.
const WIDTH_MAX: usize = 2048;

/// Why a picture could not be written.
#[derive(Debug, thiserror::Error)]
#[error("a picture of {width} by {height} could not be written as PNG")]
pub struct PngRefusal {
    width: u32,
    height: u32,
    #[source]
    source: png::EncodingError,
}

/// One mark to draw.
#[derive(Clone, Copy, Debug)]
pub struct Outlined<'a> {
    /// Index of the mark in its reading.
    pub mark: u32,
    /// What is inside.
    pub mask: &'a Mask,
}

/// What to show.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Source slice.
    pub slice: u32,
    /// CT numbers from black to white.
    pub window: Window,
    /// Width of the picture, pixels; the source's columns at most are used.
    pub width: u32,
    /// Outlines; those that do not meet the slice are not drawn and not listed.
    pub outlines: &'a [Outlined<'a>],
    /// Scores, and the least one that is shown (1/255).
    pub heat: Option<(&'a Heatmap, u8)>,
}

/// Draws one slice; `None` where the volume has no such slice or the width is 0.
///
/// The height follows from the pixel spacing: pixels of the picture are square.
pub fn key_slice(volume: &Volume, scene: &Scene<'_>) -> Option<Picture> {
    let grid = &volume.grid;
    let z = grid.slices.iter().position(|slice| *slice == scene.slice)?;
    let [_, rows, columns] = grid.size;
    let width = usize::try_from(scene.width).ok()?.min(columns).min(WIDTH_MAX);
    let shape = rows as f64 * grid.spacing[1] / (columns as f64 * grid.spacing[2]);
    // A spacing of nonsense must not make a picture of gigabytes.
    let height = (width as f64 * shape).round().clamp(1.0, WIDTH_MAX as f64) as usize;
    let plane = source_plane(volume, z);
    let grey = area_mean(&plane, [rows, columns], [height, width])?;
    let mut picture = Picture {
        slice: scene.slice,
        width: u32::try_from(width).ok()?,
        height: u32::try_from(height).ok()?,
        rgb: grey.iter().flat_map(|hu| [scene.window.grey(*hu); 3]).collect(),
        marks: Vec::new(),
    };
    let canvas = Scale {
        size: [height, width],
        step: [rows as f64 / height as f64, columns as f64 / width as f64],
    };
    if let Some((heat, floor)) = scene.heat {
        lay_over(&mut picture, canvas, heat, floor);
    }
    for outlined in scene.outlines {
        if outline(&mut picture, canvas, outlined.mask) {
            picture.marks.push(outlined.mark);
        }
    }
    Some(picture)
}

/// Writes a picture as PNG, 8 bit RGB, always the same bytes.
///
/// # Errors
/// [`PngRefusal`] where `rgb` is not `3 * width * height` long, or a side is 0.
pub fn png(rgb: &[u8], width: u32, height: u32) -> Result<Vec<u8>, PngRefusal> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut writer| {
            writer.write_image_data(rgb)?;
            writer.finish()
        })
        .map_err(|source| PngRefusal { width, height, source })?;
    Ok(bytes)
}

/// Pixels of the picture and how many source pixels each covers.
#[derive(Clone, Copy)]
struct Scale {
    size: [usize; 2],
    step: [f64; 2],
}

impl Scale {
    /// The source row and column under the centre of a picture's pixel.
    fn source(self, row: usize, column: usize) -> [f64; 2] {
        [(row as f64 + 0.5) * self.step[0] - 0.5, (column as f64 + 0.5) * self.step[1] - 0.5]
    }
}

/// The slice as the source has it.
fn source_plane(volume: &Volume, z: usize) -> Vec<i16> {
    let grid = &volume.grid;
    let [_, rows, columns] = grid.size;
    let start = grid.index([z, 0, 0]);
    let mut plane = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let y = if grid.flip_y { rows - 1 - row } else { row };
        let line = &volume.hu[start + y * columns..start + (y + 1) * columns];
        if grid.flip_x {
            plane.extend(line.iter().rev());
        } else {
            plane.extend_from_slice(line);
        }
    }
    plane
}

/// Mixes the scores in, the higher the stronger.
fn lay_over(picture: &mut Picture, scale: Scale, heat: &Heatmap, floor: u8) {
    let [_, rows, columns] = heat.size.map(|n| usize::try_from(n).unwrap_or(0));
    let Ok(slice) = usize::try_from(picture.slice) else {
        return;
    };
    let plane = rows * columns;
    let Some(scores) = heat.scores.get(slice * plane..(slice + 1) * plane) else {
        return;
    };
    if !heat.step.iter().all(|step| 0.0 < *step) {
        return;
    }
    let floor = f64::from(floor) / 255.0;
    for row in 0..scale.size[0] {
        for column in 0..scale.size[1] {
            let at = scale.source(row, column);
            let cell = [0, 1].map(|i| (at[i] - heat.first[i]) / heat.step[i]);
            let score = bilinear(scores, [rows, columns], cell) / 255.0;
            if score < floor || score <= 0.0 {
                continue;
            }
            let warmth = (score - floor) / (1.0 - floor).max(1e-6);
            let alpha = OPACITY_MAX * score;
            let start = 3 * (row * scale.size[1] + column);
            for (i, byte) in picture.rgb[start..start + 3].iter_mut().enumerate() {
                let colour = AMBER[0][i] + (AMBER[1][i] - AMBER[0][i]) * warmth;
                *byte = (f64::from(*byte) * (1.0 - alpha) + colour * alpha).round() as u8;
            }
        }
    }
}

/// Draws a line around the mask, outside it, so that what it encloses stays visible; returns
/// whether the mask meets the slice.
fn outline(picture: &mut Picture, scale: Scale, mask: &Mask) -> bool {
    let [height, width] = scale.size;
    let mut inside = vec![false; height * width];
    let mut met = false;
    for run in mask.0.iter().filter(|run| run.slice == picture.slice) {
        // Every picture pixel that the run touches: thin masks must not fall between pixels.
        let end = f64::from(run.first) + f64::from(run.count);
        let rows = touched(f64::from(run.row), f64::from(run.row) + 1.0, scale.step[0], height);
        for row in rows {
            for column in touched(f64::from(run.first), end, scale.step[1], width) {
                inside[row * width + column] = true;
                met = true;
            }
        }
    }
    for row in 0..height {
        for column in 0..width {
            let at = row * width + column;
            let beside = (0 < row && inside[at - width])
                || (row + 1 < height && inside[at + width])
                || (0 < column && inside[at - 1])
                || (column + 1 < width && inside[at + 1]);
            if beside && !inside[at] {
                picture.rgb[3 * at..3 * at + 3].copy_from_slice(&OUTLINE);
            }
        }
    }
    met
}

/// The picture's pixels that the source pixels from `first` up to `end` touch.
fn touched(first: f64, end: f64, step: f64, size: usize) -> std::ops::Range<usize> {
    let low = (first / step).floor() as usize;
    low.min(size)..((end / step).ceil() as usize).min(size)
}

#[cfg(test)]
mod tests;
