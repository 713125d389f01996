//! The key slices of a reading: one for each slice that a mark has its middle in.

use std::collections::BTreeSet;

use crate::base::units::Probability;
use crate::image::extent::Extent;
use crate::image::picture::{Heatmap, Picture};
use crate::image::render::{Outlined, Scene, key_slice};
use crate::image::volume::Volume;
use crate::image::window::Window;
use crate::infer::finding::Mark;

/// Pictures at most: a reader looks at ten; each has under 1 MB.
const PICTURES_MAX: usize = 10;
/// Width of a picture, pixels: the matrix of nearly every CT.
const WIDTH_PX: u32 = 512;

/// Draws the slices of the first marks, in the marks' order, each once.
pub fn pictures(
    volume: &Volume,
    marks: &[Mark],
    heatmap: &Heatmap,
    threshold: Probability,
) -> Vec<Picture> {
    let outlines: Vec<Outlined<'_>> = (0..)
        .zip(marks)
        .filter_map(|(mark, found)| match &found.extent {
            Extent::Measured(measured) => Some(Outlined { mark, mask: &measured.mask }),
            Extent::NotMeasured(_) => None,
        })
        .collect();
    let mut drawn = BTreeSet::new();
    let mut pictures = Vec::new();
    for slice in marks.iter().map(|mark| mark.at.slice) {
        if pictures.len() == PICTURES_MAX {
            break;
        }
        if !drawn.insert(slice) {
            continue;
        }
        let scene = Scene {
            slice,
            window: Window::LUNG,
            width: WIDTH_PX,
            outlines: &outlines,
            heat: Some((heatmap, shown_from(threshold))),
        };
        if let Some(mut picture) = key_slice(volume, &scene) {
            name_marks(&mut picture, marks);
            pictures.push(picture);
        }
    }
    pictures
}

/// A mark without outline is in its slice's picture as well: its scores are.
fn name_marks(picture: &mut Picture, marks: &[Mark]) {
    for (index, mark) in (0..).zip(marks) {
        if mark.at.slice == picture.slice && !picture.marks.contains(&index) {
            picture.marks.push(index);
        }
    }
    picture.marks.sort_unstable();
}

/// The least byte of a heatmap that reaches the threshold.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a probability times 255"
)]
fn shown_from(threshold: Probability) -> u8 {
    (threshold.get() * 255.0).floor() as u8
}
