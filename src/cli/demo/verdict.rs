//! Whether the demo went as it must: every planted nodule marked, every image there once.

use serde_json::{Value, json};

use crate::cli::Done;
use crate::cli::demo::archive::Documents;
use crate::cli::terminal::{self, Failure};

/// Nodules of at least this diameter, mm, must be marked.
const DIAMETER_MIN: f64 = 8.0;

/// A nodule that was planted.
#[derive(Clone, Debug, PartialEq)]
struct Planted {
    centre: [f64; 3],
    diameter: f64,
    /// Distance of the nearest mark from the centre, mm; `None` where there is no mark.
    nearest: Option<f64>,
}

/// What came of the demo.
#[derive(Debug)]
pub(super) struct Outcome {
    summary: String,
    marks: Vec<(String, f64, [f64; 3])>,
    planted: Option<Vec<Planted>>,
    documents: Documents,
    images: usize,
}

impl Planted {
    fn is_marked(&self) -> bool {
        self.nearest.is_some_and(|distance| distance <= self.diameter / 2.0)
    }

    fn is_wanted(&self) -> bool {
        DIAMETER_MIN <= self.diameter
    }
}

impl Outcome {
    /// Compares the result, as the box wrote it, with the truth of the phantom.
    pub(super) fn of(result: &Value, truth: Option<&Value>, documents: &Documents) -> Self {
        let marks = list(result, "marks").filter_map(mark).collect::<Vec<_>>();
        let planted = truth.map(|truth| {
            let nodules = list(truth, "nodules").filter_map(|nodule| {
                let centre = triple(nodule.get("centre_lps_mm")?)?;
                let diameter = nodule.get("diameter_mm")?.as_f64()?;
                let away = marks.iter().map(|(_, _, at)| distance(*at, centre));
                Some(Planted { centre, diameter, nearest: away.min_by(f64::total_cmp) })
            });
            nodules.collect()
        });
        let summary = result.get("summary").and_then(Value::as_str).unwrap_or_default();
        let images = list(result.pointer("/source").unwrap_or(&Value::Null), "instances").count();
        Self { summary: summary.to_owned(), marks, planted, documents: *documents, images }
    }

    /// Tells people, mark by mark.
    pub(super) fn tell(&self, sent: usize) {
        terminal::say(&format!("  {} of {sent} images were read. {}", self.images, self.summary));
        for nodule in self.planted.iter().flatten() {
            let [x, y, z] = nodule.centre;
            let found = match nodule.nearest {
                Some(mm) if nodule.is_marked() => format!("marked, {mm:.1} mm from its centre"),
                _ => "MISSED".to_owned(),
            };
            let size = nodule.diameter;
            terminal::say(&format!(
                "    planted nodule of {size:.0} mm at ({x:.0}, {y:.0}, {z:.0}): {found}"
            ));
        }
        for (name, score, [x, y, z]) in self.extra() {
            terminal::say(&format!(
                "    {name}, model score (uncalibrated) {score:.3}, at ({x:.0}, {y:.0}, {z:.0})"
            ));
        }
    }

    /// Marks that no planted nodule explains.
    fn extra(&self) -> impl Iterator<Item = &(String, f64, [f64; 3])> {
        self.marks.iter().filter(|(_, _, at)| {
            let mut planted = self.planted.iter().flatten();
            !planted.any(|nodule| distance(*at, nodule.centre) <= nodule.diameter / 2.0)
        })
    }

    /// The same for programs.
    pub(super) fn json(&self) -> Value {
        let mark = |mark: &(String, f64, [f64; 3])| {
            let (name, score, at) = mark;
            json!({"name": name, "score": score, "centre_lps_mm": at})
        };
        json!({
            "format": 1,
            "summary": self.summary,
            "images": self.documents.images,
            "documents": self.documents.results,
            "missed": self.missed(),
            "marks": self.marks.iter().map(mark).collect::<Vec<_>>(),
            "extra": self.extra().map(mark).collect::<Vec<_>>(),
        })
    }

    fn missed(&self) -> usize {
        let planted = self.planted.iter().flatten();
        planted.filter(|nodule| nodule.is_wanted() && !nodule.is_marked()).count()
    }

    /// Whether all is well.
    ///
    /// # Errors
    ///
    /// A nodule that was missed, or a phantom without any.
    pub(super) fn judge(&self) -> Done {
        if self.planted.as_ref().is_some_and(|all| !all.iter().any(Planted::is_wanted)) {
            return Err(Failure::Bug("the phantom has no nodule".to_owned()));
        }
        match self.missed() {
            0 => Ok(()),
            missed => Err(Failure::Refused(format!("{missed} planted nodules were missed"))),
        }
    }
}

fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn mark(mark: &Value) -> Option<(String, f64, [f64; 3])> {
    let name = mark.get("name")?.as_str()?.to_owned();
    let score = mark.get("model_score_uncalibrated")?.as_f64()?;
    Some((name, score, triple(mark.get("centre_lps_mm")?)?))
}

fn triple(value: &Value) -> Option<[f64; 3]> {
    let numbers: Option<Vec<f64>> = value.as_array()?.iter().map(Value::as_f64).collect();
    numbers?.try_into().ok()
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(marks: &[[f64; 3]]) -> Outcome {
        let mark = |at: &[f64; 3]| {
            let score = 0.7;
            json!({"name": "mark", "model_score_uncalibrated": score, "centre_lps_mm": at})
        };
        let marks: Vec<Value> = marks.iter().map(mark).collect();
        let truth = json!({"nodules": [
            {"centre_lps_mm": [0, 0, 0], "diameter_mm": 8},
            {"centre_lps_mm": [50, 0, 0], "diameter_mm": 20},
            {"centre_lps_mm": [0, 90, 0], "diameter_mm": 5},
        ]});
        Outcome::of(&json!({"marks": marks}), Some(&truth), &Documents::default())
    }

    #[test]
    fn every_large_nodule_must_be_marked_within_its_radius() {
        assert!(outcome(&[[3.9, 0.0, 0.0], [50.0, 9.9, 0.0]]).judge().is_ok());
        assert!(outcome(&[[4.1, 0.0, 0.0], [50.0, 9.9, 0.0]]).judge().is_err());
        assert!(outcome(&[[3.9, 0.0, 0.0]]).judge().is_err());
    }

    #[test]
    fn marks_that_no_nodule_explains_are_extra_and_no_failure() {
        let outcome = outcome(&[[0.0; 3], [50.0, 0.0, 0.0], [-80.0, 0.0, 0.0]]);
        assert!(outcome.judge().is_ok());
        assert_eq!(outcome.extra().count(), 1);
    }

    #[test]
    fn a_phantom_without_a_nodule_proves_nothing() {
        let truth = json!({"nodules": []});
        let nothing = Outcome::of(&json!({"marks": []}), Some(&truth), &Documents::default());
        assert!(nothing.judge().is_err());
    }
}
