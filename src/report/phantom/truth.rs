//! What is true of a phantom, for whoever compares marks with it.

use std::f64::consts::PI;

use serde::Serialize;

use crate::base::uid::Uid;
use crate::image::phantom::{Side, TrueNodule};

use super::PhantomSeries;

/// Cubic millimetres of a millilitre.
const MM3_PER_ML: f64 = 1000.0;

/// The truth about one phantom series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Truth {
    /// Version of this list; it rises when a field changes its meaning or goes.
    pub format: u32,
    /// Study Instance UID.
    pub study: Uid,
    /// Series Instance UID.
    pub series: Uid,
    /// Everything random came from it.
    pub seed: u64,
    /// Number of slices.
    pub slices: usize,
    /// From slice to slice, mm.
    pub slice_spacing_mm: f64,
    /// z of the lowest and of the highest slice, mm, LPS; the lungs reach from -140 to 140.
    pub covered_z_mm: [f64; 2],
    /// Patient Position (0018,5100).
    pub patient_position: &'static str,
    /// Image Orientation (Patient) (0020,0037).
    pub image_orientation_patient: [f64; 6],
    /// The nodules that are there.
    pub nodules: Vec<PlantedNodule>,
}

/// A nodule that is there: a solid ball.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlantedNodule {
    /// Centre, mm, LPS.
    pub centre_lps_mm: [f64; 3],
    /// Diameter, mm.
    pub diameter_mm: f64,
    /// Volume of the ball, mL.
    pub volume_ml: f64,
    /// The patient's side: `left` or `right`.
    pub side: &'static str,
    /// The pixel nearest to its centre.
    pub at: Place,
}

/// A pixel of the series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// SOP Instance UID.
    pub instance: Uid,
    /// Instance Number.
    pub instance_number: usize,
    /// Row, from 0.
    pub row: i64,
    /// Column, from 0.
    pub column: i64,
}

impl PhantomSeries<'_> {
    /// Returns the truth about this series.
    pub fn truth(&self) -> Truth {
        let settings = self.phantom.settings();
        let last = settings.slices.saturating_sub(1);
        let [from, to] = [0, last].map(|index| self.phantom.position(index)[2]);
        Truth {
            format: 1,
            study: self.study(),
            series: self.series(),
            seed: settings.seed,
            slices: settings.slices,
            slice_spacing_mm: settings.spacing,
            covered_z_mm: [from.min(to), from.max(to)],
            patient_position: settings.pose.patient_position(),
            image_orientation_patient: settings.pose.orientation(),
            nodules: self.phantom.nodules().iter().map(|nodule| self.planted(nodule)).collect(),
        }
    }

    fn planted(&self, nodule: &TrueNodule) -> PlantedNodule {
        PlantedNodule {
            centre_lps_mm: nodule.centre,
            diameter_mm: nodule.diameter,
            volume_ml: PI / 6.0 * nodule.diameter.powi(3) / MM3_PER_ML,
            side: match nodule.side {
                Side::Left => "left",
                Side::Right => "right",
            },
            at: self.place(nodule.centre),
        }
    }

    /// Finds the pixel nearest to a place of the patient, by the inverse of PS3.3 C.7.6.2.1.1.
    fn place(&self, patient: [f64; 3]) -> Place {
        let settings = self.phantom.settings();
        let far = |index: &usize| (self.phantom.position(*index)[2] - patient[2]).abs();
        let nearest = (0..settings.slices).min_by(|a, b| far(a).total_cmp(&far(b)));
        let index = nearest.unwrap_or(0);
        let [x, y, _] = self.phantom.position(index);
        let [along_x, _, _, _, along_y, _] = settings.pose.orientation();
        Place {
            instance: self.sop_instance(index),
            instance_number: index + 1,
            row: whole((patient[1] - y) * along_y / settings.pixel),
            column: whole((patient[0] - x) * along_x / settings.pixel),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a place within a matrix of 512 pixels")]
fn whole(pixels: f64) -> i64 {
    pixels.round() as i64
}
