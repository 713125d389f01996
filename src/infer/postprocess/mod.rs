//! From scores on a grid of cells to hits: smoothing, threshold, grouping, non-maximum.
//!
//! The rules are those of `manifest::OperatingPoint`. Everything runs in one fixed order, so the
//! same scores give the same hits, bit by bit.
#![expect(
    clippy::indexing_slicing,
    reason = "`Scores::new` checked that there is one score for each cell of its size"
)]

use crate::model::manifest::OperatingPoint;

/// Scores in 0..=1 on cells `[slice, row, column]`, column fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    size: [usize; 3],
    values: Vec<f32>,
}

/// How cells lie in the patient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellSpacing {
    /// Mm from cell to cell: slices, rows, columns.
    pub mm: [f64; 3],
}

/// One place where scores pass the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The highest smoothed score of the place.
    pub score: f32,
    /// Its centre in cells, `[slice, row, column]`: the mean of its cells, weighted by score.
    pub centre: [f64; 3],
}

/// Returns `1 / (1 + exp(−logit))`.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

impl Scores {
    /// Takes scores of `size` cells; `None` if there are more or fewer.
    pub fn new(size: [usize; 3], values: Vec<f32>) -> Option<Self> {
        (values.len() == size.iter().product::<usize>()).then_some(Self { size, values })
    }

    /// Returns slices, rows and columns.
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Returns all scores, column fastest.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Smooths over rows, columns and slices, as the operating point says.
    #[must_use]
    pub fn smoothed(self, point: &OperatingPoint, spacing: CellSpacing) -> Self {
        let slices = triangle(spacing, point.slice_reach_mm);
        let rows = self.along(1, &point.cell_kernel);
        let columns = rows.along(2, &point.cell_kernel);
        columns.along(0, &slices)
    }

    /// Sets every cell to 0 that is not in the region; `region` has one entry a cell.
    pub fn restrict(&mut self, region: &[bool]) {
        for (value, inside) in self.values.iter_mut().zip(region) {
            if !inside {
                *value = 0.0;
            }
        }
    }

    /// Finds the hits, the highest score first; of equal ones the first in order of cells.
    pub fn hits(&self, point: &OperatingPoint, spacing: CellSpacing) -> Vec<Hit> {
        let is_hit = |index: &usize| point.threshold <= self.values[*index];
        let mut peaks: Vec<usize> = (0..self.values.len()).filter(is_hit).collect();
        peaks.retain(|index| self.is_peak(*index));
        peaks.sort_by(|a, b| self.values[*b].total_cmp(&self.values[*a]).then(a.cmp(b)));
        let mut taken = vec![false; self.values.len()];
        let mut kept: Vec<[usize; 3]> = Vec::new();
        let mut hits = Vec::new();
        for index in peaks {
            let at = self.place(index);
            let near = |other: &[usize; 3]| spacing.distance(at, *other) < point.mark_distance_mm;
            if kept.iter().any(near) {
                continue;
            }
            if hits.len() == point.marks_max {
                break;
            }
            kept.push(at);
            hits.push(Hit {
                score: self.values[index],
                centre: self.centre(at, point, spacing, &mut taken),
            });
        }
        hits
    }

    /// The mean of the cells that are joined to `peak` by hits and nearer than the least distance
    /// of marks, weighted by score. Cells of a higher hit are not used again.
    fn centre(
        &self,
        peak: [usize; 3],
        point: &OperatingPoint,
        spacing: CellSpacing,
        taken: &mut [bool],
    ) -> [f64; 3] {
        let mut sum = [0.0; 3];
        let mut weights = 0.0;
        let mut open = vec![peak];
        taken[self.index(peak)] = true;
        while let Some(at) = open.pop() {
            let weight = f64::from(self.values[self.index(at)]);
            weights += weight;
            for (sum, place) in sum.iter_mut().zip(at) {
                *sum += weight * place as f64;
            }
            for next in self.neighbours(at) {
                let index = self.index(next);
                let near = spacing.distance(peak, next) < point.mark_distance_mm;
                if near && !taken[index] && point.threshold <= self.values[index] {
                    taken[index] = true;
                    open.push(next);
                }
            }
        }
        // The threshold is above 0, so the peak alone has a weight above 0.
        sum.map(|sum| sum / weights)
    }

    /// Whether no neighbour is higher, and no equal one comes first.
    fn is_peak(&self, index: usize) -> bool {
        let score = self.values[index];
        self.neighbours(self.place(index)).all(|next| {
            let other = self.index(next);
            self.values[other] < score || (self.values[other] <= score && index < other)
        })
    }

    /// The up to 26 cells around one.
    fn neighbours(&self, at: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
        let [z, y, x] = [0, 1, 2].map(|i| at[i].saturating_sub(1)..(at[i] + 2).min(self.size[i]));
        z.flat_map(move |z| {
            let x = x.clone();
            y.clone().flat_map(move |y| x.clone().map(move |x| [z, y, x]))
        })
        .filter(move |next| *next != at)
    }

    /// Weighs along one axis; at the borders the weights inside are scaled to sum 1.
    fn along(&self, axis: usize, kernel: &[f32]) -> Self {
        let reach = kernel.len() / 2;
        let stride: usize = self.size[axis + 1..].iter().product();
        let weigh = |index: usize| {
            let place = self.place(index)[axis];
            let mut sum = 0.0;
            let mut weights = 0.0;
            for (step, weight) in kernel.iter().enumerate() {
                let other = (place + step).checked_sub(reach);
                if let Some(other) = other.filter(|other| *other < self.size[axis]) {
                    sum += weight * self.values[index + other * stride - place * stride];
                    weights += weight;
                }
            }
            sum / weights
        };
        Self { size: self.size, values: (0..self.values.len()).map(weigh).collect() }
    }

    fn place(&self, index: usize) -> [usize; 3] {
        let [_, rows, columns] = self.size;
        [index / columns / rows, index / columns % rows, index % columns]
    }

    fn index(&self, [z, y, x]: [usize; 3]) -> usize {
        (z * self.size[1] + y) * self.size[2] + x
    }
}

impl CellSpacing {
    fn distance(&self, a: [usize; 3], b: [usize; 3]) -> f64 {
        let square = |i: usize| (a[i].abs_diff(b[i]) as f64 * self.mm[i]).powi(2);
        (square(0) + square(1) + square(2)).sqrt()
    }
}

/// Returns how many slices on each side weigh in when a map is smoothed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped before the cast"
)]
pub fn reach(spacing: CellSpacing, reach_mm: f64) -> usize {
    /// 50 mm of slices of 0.1 mm.
    const SIDE_MAX: f64 = 500.0;
    (reach_mm / spacing.mm[0]).floor().clamp(0.0, SIDE_MAX) as usize
}

/// Weights `1 − |dz| / reach` of the slices nearer than `reach_mm`; the middle one has 1.
#[expect(clippy::cast_possible_truncation, reason = "weights in 0..=1")]
fn triangle(spacing: CellSpacing, reach_mm: f64) -> Vec<f32> {
    let side = reach(spacing, reach_mm);
    let weight = |step: usize| {
        let away = step.abs_diff(side) as f64 * spacing.mm[0];
        (1.0 - away / reach_mm).max(0.0) as f32
    };
    (0..=2 * side).map(weight).collect()
}

#[cfg(test)]
mod tests;
