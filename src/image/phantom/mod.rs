//! A chest CT that never was: lungs, vessels and nodules whose places are known exactly.
//!
//! One anatomy in patient axes, drawn slice by slice in the way a scanner would have sent it. The
//! same settings give the same pixels for ever; the pose changes how slices are laid out, never
//! what lies where in the patient.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "every place is clipped to the fixed matrix; values are clamped to what 12 bits hold"
)]

mod anatomy;
mod shapes;
mod vessels;

use crate::base::rng::SplitMix;
use crate::dicom::header::SliceFacts;
use shapes::{Canvas, Shape};

/// Rows and columns of every slice.
pub const MATRIX: usize = 512;
/// Stored value of 0 HU, with slope 1.
pub const INTERCEPT: f64 = -1024.0;
/// CT numbers that are drawn: what 12 stored bits hold over the intercept.
const HU_RANGE: [f32; 2] = [-1024.0, 3071.0];

/// How the patient lay and how the scanner laid the pixels out.
///
/// A gantry has one view of what lies in it: from its front, columns to the viewer's right, rows
/// down with gravity. Patient Position names the end of the patient that points at the front and
/// whether the face looks up (PS3.3 C.7.3.1.1.2); from that follow the directions of columns and
/// rows in the patient, which Image Orientation (Patient) states (C.7.6.2.1.1, x to the left, y to
/// the back). Position itself is a note for people: whoever computes takes the orientation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pose {
    /// Head first, supine: the viewer looks from the feet up, so columns run to the left; rows run
    /// to the back, slices from the head down. `1\0\0\0\1\0`.
    Hfs,
    /// Feet first, supine: the viewer looks from the head down, so columns run to the right; rows
    /// run to the back, slices towards the head. `-1\0\0\0\1\0`.
    Ffs,
    /// Head first, prone: seen from the feet the left is on the viewer's left, so columns run to
    /// the right; down is the front. `-1\0\0\0\-1\0`.
    Hfp,
    /// Head first, supine, rows written from the back to the front. `1\0\0\0\-1\0`.
    FlippedRows,
}

impl Pose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hfs, Self::Ffs, Self::Hfp, Self::FlippedRows];

    /// Returns Patient Position (0018,5100).
    pub fn patient_position(self) -> &'static str {
        match self {
            Self::Hfs | Self::FlippedRows => "HFS",
            Self::Ffs => "FFS",
            Self::Hfp => "HFP",
        }
    }

    /// Returns Image Orientation (Patient): row cosines, then column cosines.
    pub fn orientation(self) -> [f64; 6] {
        let [flip_x, flip_y, _] = self.flips();
        [sign(flip_x), 0.0, 0.0, 0.0, sign(flip_y), 0.0]
    }

    /// Whether columns run to the right, rows to the front, slices towards the head.
    fn flips(self) -> [bool; 3] {
        match self {
            Self::Hfs => [false, false, false],
            Self::Ffs => [true, false, true],
            Self::Hfp => [true, true, false],
            Self::FlippedRows => [false, true, false],
        }
    }
}

/// Which lungs have nodules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// Both, in turns; the first one is in the left lung.
    InTurns,
    /// One alone.
    Only(Side),
}

impl Sides {
    /// Returns the lung of the nodule at `index`.
    fn of(self, index: usize) -> Side {
        match self {
            Self::Only(side) => side,
            Self::InTurns if index.is_multiple_of(2) => Side::Left,
            Self::InTurns => Side::Right,
        }
    }
}

/// What to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct PhantomSettings {
    /// Number of slices, at least 1; 20 of 2.5 mm hold all default nodules.
    pub slices: usize,
    /// Everything random comes from it.
    pub seed: u64,
    /// From slice to slice, and the thickness of each, mm.
    pub spacing: f64,
    /// From pixel to pixel, mm; under 0.66 the arms' sides are cut off.
    pub pixel: f64,
    /// Diameters of the nodules, mm.
    pub nodules: Vec<f64>,
    /// Which lungs they are in.
    pub sides: Sides,
    /// Standard deviation of the noise, HU.
    pub noise: f32,
    /// How the slices are laid out.
    pub pose: Pose,
}

impl Default for PhantomSettings {
    /// The coverage and spacing of a screening CT: 133 slices of 2.5 mm.
    fn default() -> Self {
        Self {
            slices: 133,
            seed: 1,
            spacing: 2.5,
            pixel: 0.7,
            nodules: vec![8.0, 12.0, 16.0, 20.0],
            sides: Sides::InTurns,
            noise: 18.0,
            pose: Pose::Hfs,
        }
    }
}

impl PhantomSettings {
    /// A chest of `slices` slices.
    ///
    /// Up to 133 of them lie 2.5 mm apart round the middle of the lungs, and 113 hold the whole
    /// lungs: wider ones would be left alone by who reads slices of at most 2.5 mm. More of them
    /// cover the same 330 mm in thinner slices.
    pub fn chest(slices: usize) -> Self {
        let usual = Self::default();
        let ways = slices.saturating_sub(1).max(1) as f64;
        let whole = usual.spacing * (usual.slices as f64 - 1.0);
        // Whole micrometres: positions are then exact in the digits that a file has.
        let spacing = ((whole / ways * 1000.0).round() / 1000.0).min(usual.spacing);
        Self { slices, spacing, ..usual }
    }
}

/// The patient's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Positive x.
    Left,
    /// Negative x.
    Right,
}

/// A nodule that is there: a solid ball.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueNodule {
    /// Centre, mm, LPS.
    pub centre: [f64; 3],
    /// Diameter, mm.
    pub diameter: f64,
    /// Which lung.
    pub side: Side,
}

/// One drawn slice, pixels and geometry as a scanner would send them.
#[derive(Clone, Debug, PartialEq)]
pub struct PhantomSlice {
    /// CT numbers, row by row.
    pub hu: Vec<i16>,
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
    /// Image Position (Patient), mm, LPS.
    pub position: [f64; 3],
    /// Image Orientation (Patient): row cosines, then column cosines.
    pub orientation: [f64; 6],
    /// Pixel Spacing, mm.
    pub pixel_spacing: [f64; 2],
    /// Slice Thickness, mm.
    pub thickness: f64,
    /// Instance Number, from 1 in the order of scanning.
    pub instance_number: i32,
    /// Patient Position.
    pub patient_position: &'static str,
}

/// The anatomy of one phantom, ready to be drawn slice by slice.
#[derive(Clone, Debug)]
pub struct Phantom {
    settings: PhantomSettings,
    nodules: Vec<TrueNodule>,
    organs: Vec<Shape>,
    details: Vec<Shape>,
}

impl Phantom {
    /// Lays the anatomy out.
    ///
    /// A nodule that finds no room in the covered part of its lung is left out:
    /// [`Phantom::nodules`] tells the truth.
    pub fn new(settings: PhantomSettings) -> Self {
        let mut rng = SplitMix::new(settings.seed);
        let half = settings.spacing * settings.slices.saturating_sub(1) as f64 / 2.0;
        let nodules = anatomy::place_nodules(&settings, half, &mut rng);
        let mut details = vessels::tree(&nodules, &mut rng);
        details.extend(nodules.iter().map(Shape::ball));
        Self { organs: anatomy::organs(), settings, nodules, details }
    }

    /// Returns what it was made with.
    pub fn settings(&self) -> &PhantomSettings {
        &self.settings
    }

    /// Returns the nodules that are there.
    pub fn nodules(&self) -> &[TrueNodule] {
        &self.nodules
    }

    /// Returns Image Position (Patient) of slice `index` of the order of scanning, mm, LPS.
    pub fn position(&self, index: usize) -> [f64; 3] {
        let PhantomSettings { slices, spacing, pixel, pose, .. } = self.settings;
        let corner = (MATRIX as f64 - 1.0) / 2.0 * pixel;
        let [flip_x, flip_y, _] = pose.flips();
        let z = (self.level(index) - (slices as f64 - 1.0) / 2.0) * spacing;
        [-sign(flip_x) * corner, -sign(flip_y) * corner, z]
    }

    /// Counts slices from the feet, whatever the order of scanning.
    fn level(&self, index: usize) -> f64 {
        let [_, _, upwards] = self.settings.pose.flips();
        if upwards { index as f64 } else { self.settings.slices as f64 - 1.0 - index as f64 }
    }

    /// Draws slice `index` of the order of scanning, from 0; past the end there is only air
    /// around the feet or the head, which is drawn as well.
    ///
    /// Cost: under 20 ms in a build without optimization of its own.
    pub fn slice(&self, index: usize) -> PhantomSlice {
        let PhantomSettings { spacing, pixel, pose, .. } = self.settings;
        let [flip_x, flip_y, _] = pose.flips();
        let position = self.position(index);
        let mut hu = self.draw(position[2], self.level(index));
        if flip_y {
            let lines: Vec<&[i16]> = hu.chunks_exact(MATRIX).rev().collect();
            hu = lines.concat();
        }
        if flip_x {
            hu.chunks_exact_mut(MATRIX).for_each(<[i16]>::reverse);
        }
        PhantomSlice {
            hu,
            rows: MATRIX as u16,
            columns: MATRIX as u16,
            position,
            orientation: pose.orientation(),
            pixel_spacing: [pixel, pixel],
            thickness: spacing,
            instance_number: i32::try_from(index + 1).unwrap_or(i32::MAX),
            patient_position: pose.patient_position(),
        }
    }

    /// Draws the anatomy at `z` with columns to the left and rows to the back.
    fn draw(&self, z: f64, level: f64) -> Vec<i16> {
        let mut canvas = Canvas::new(self.settings.pixel, z, self.settings.spacing);
        for shape in &self.organs {
            canvas.paint(shape);
        }
        canvas.lung_texture();
        for shape in &self.details {
            canvas.paint(shape);
        }
        // The noise belongs to the place, not to the order of drawing: every pose sees the same.
        let mut rng = SplitMix::new(self.settings.seed ^ (level.to_bits().rotate_left(17)));
        canvas.noise(self.settings.noise, &mut rng);
        canvas.hu.iter().map(|hu| hu.clamp(HU_RANGE[0], HU_RANGE[1]) as i16).collect()
    }
}

impl PhantomSlice {
    /// Returns the facts that a walker would keep of this slice, written as a CT Image.
    pub fn facts(&self) -> SliceFacts {
        SliceFacts {
            rows: Some(self.rows),
            columns: Some(self.columns),
            position: Some(self.position),
            orientation: Some(self.orientation),
            pixel_spacing: Some(self.pixel_spacing),
            thickness: Some(self.thickness),
            image_type: ["ORIGINAL", "PRIMARY", "AXIAL"].map(String::from).to_vec(),
            instance_number: Some(self.instance_number),
            acquisition_number: Some(1),
            kernel: "STANDARD".to_owned(),
            samples_per_pixel: Some(1),
            photometric: "MONOCHROME2".to_owned(),
            bits_allocated: Some(16),
            bits_stored: Some(12),
            high_bit: Some(11),
            pixel_representation: Some(0),
            rescale_slope: Some(1.0),
            rescale_intercept: Some(INTERCEPT),
            body_part: "CHEST".to_owned(),
            patient_position: self.patient_position.to_owned(),
            pixel_bytes: Some(2 * self.hu.len() as u64),
            ..SliceFacts::default()
        }
    }

    /// Returns native Pixel Data, little endian, as [`PhantomSlice::facts`] describes it.
    pub fn pixel_data(&self) -> Vec<u8> {
        self.hu
            .iter()
            .flat_map(|hu| ((i32::from(*hu) - INTERCEPT as i32) as u16).to_le_bytes())
            .collect()
    }
}

fn sign(flip: bool) -> f64 {
    if flip { -1.0 } else { 1.0 }
}

#[cfg(test)]
mod tests;
