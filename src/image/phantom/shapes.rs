//! Soft-edged shapes and the slice that they are painted on.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "spans are clipped to the matrix before they index"
)]

use super::{MATRIX, TrueNodule};
use crate::base::rng::SplitMix;

/// Width of an edge, mm: what a standard kernel blurs.
const EDGE_MM: f32 = 1.0;
/// Levels within the slice's thickness that small shapes are averaged over.
const LEVELS: [f32; 3] = [-1.0 / 3.0, 0.0, 1.0 / 3.0];
/// CT number of nodules.
const NODULE_HU: f32 = 40.0;

/// What is painted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// An ellipsoid along the axes; a half axis may be infinite.
    Ellipsoid { centre: [f32; 3], half: [f32; 3], hu: f32 },
    /// A rib cage: the shell between two ellipses, where the wave along z is high.
    Ribs { centre: [f32; 2], half: [f32; 2], hu: f32 },
    /// A tube that narrows from one end to the other.
    Tube { ends: [[f32; 3]; 2], radius: [f32; 2], hu: f32 },
}

impl Shape {
    pub(super) fn ball(nodule: &TrueNodule) -> Self {
        let radius = nodule.diameter as f32 / 2.0;
        Self::Ellipsoid {
            centre: nodule.centre.map(|mm| mm as f32),
            half: [radius; 3],
            hu: NODULE_HU,
        }
    }
}

/// One slice of CT numbers in patient axes, x to the left, y to the back.
pub(super) struct Canvas {
    pub(super) hu: Vec<f32>,
    pixel: f32,
    z: f32,
    thickness: f32,
}

impl Canvas {
    pub(super) fn new(pixel: f64, z: f64, thickness: f64) -> Self {
        Self {
            hu: vec![-1000.0; MATRIX * MATRIX],
            pixel: pixel as f32,
            z: z as f32,
            thickness: thickness as f32,
        }
    }

    pub(super) fn paint(&mut self, shape: &Shape) {
        match *shape {
            Shape::Ellipsoid { centre, half, hu } if half[2] < 30.0 => {
                self.small_ball(centre, half[0], hu);
            }
            Shape::Ellipsoid { centre, half, hu } => self.ellipsoid(centre, half, hu),
            Shape::Ribs { centre, half, hu } => self.ribs(centre, half, hu),
            Shape::Tube { ends, radius, hu } => self.tube(ends, radius, hu),
        }
    }

    /// Gives air-filled lung its gradient (denser where the patient lies on it).
    pub(super) fn lung_texture(&mut self) {
        for (row, line) in self.hu.chunks_exact_mut(MATRIX).enumerate() {
            let y = (row as f32 - 255.5) * self.pixel;
            for hu in line {
                if -950.0 < *hu && *hu < -700.0 {
                    *hu += 0.25 * y;
                }
            }
        }
    }

    /// Adds noise of standard deviation `sigma`, correlated over two pixels as a kernel leaves it.
    pub(super) fn noise(&mut self, sigma: f32, rng: &mut SplitMix) {
        // The sum of four 16-bit draws has variance 4/12 of 65536²; the weights 1 2 1 and 1 1
        // have energy 6 · 2.
        let scale = sigma / (65536.0 * (4.0_f32 / 12.0).sqrt() * 12.0_f32.sqrt());
        let mut before = [0.0_f32; MATRIX];
        let mut draws = [0.0_f32; MATRIX + 2];
        for row in 0..=MATRIX {
            for draw in &mut draws {
                let word = rng.next_u64();
                let sum =
                    (word & 0xffff) + (word >> 16 & 0xffff) + (word >> 32 & 0xffff) + (word >> 48);
                *draw = sum as f32 - 131_070.0;
            }
            for x in 0..MATRIX {
                let now = draws[x] + 2.0 * draws[x + 1] + draws[x + 2];
                if 0 < row {
                    self.hu[(row - 1) * MATRIX + x] += (now + before[x]) * scale;
                }
                before[x] = now;
            }
        }
    }

    fn ellipsoid(&mut self, centre: [f32; 3], half: [f32; 3], hu: f32) {
        let up = (self.z - centre[2]) / half[2];
        let rest = 1.0 - up * up;
        let narrow = half[0].min(half[1]);
        let soft = EDGE_MM / 2.0 / narrow;
        if rest < -4.0 * soft {
            return;
        }
        let [rows, columns] = [1, 0].map(|i| {
            let reach = half[i] * rest.max(0.0).sqrt() + 2.0 * EDGE_MM + half[i] * soft;
            self.span(centre[i], reach)
        });
        let (inner, outer) = ((1.0 - soft).powi(2), (1.0 + soft).powi(2));
        for row in rows {
            let v = (self.mm(row) - centre[1]) / half[1];
            let base = up * up + v * v;
            if outer < base {
                continue;
            }
            for column in columns.clone() {
                let u = (self.mm(column) - centre[0]) / half[0];
                let q = base + u * u;
                if outer <= q {
                    continue;
                }
                let at = row * MATRIX + column;
                if q <= inner {
                    self.hu[at] = hu;
                } else {
                    let alpha = 0.5 + (1.0 - q.sqrt()) / (2.0 * soft);
                    self.hu[at] += (hu - self.hu[at]) * alpha;
                }
            }
        }
    }

    fn small_ball(&mut self, centre: [f32; 3], radius: f32, hu: f32) {
        let reach = radius + EDGE_MM;
        if reach + self.thickness / 2.0 < (self.z - centre[2]).abs() {
            return;
        }
        let (rows, columns) = (self.span(centre[1], reach), self.span(centre[0], reach));
        for row in rows {
            let v = self.mm(row) - centre[1];
            for column in columns.clone() {
                let u = self.mm(column) - centre[0];
                let alpha = self.mean_over_thickness(|z| {
                    let w = z - centre[2];
                    radius - (u * u + v * v + w * w).sqrt()
                });
                let at = row * MATRIX + column;
                self.hu[at] += (hu - self.hu[at]) * alpha;
            }
        }
    }

    fn tube(&mut self, ends: [[f32; 3]; 2], radius: [f32; 2], hu: f32) {
        let [head, tail] = ends;
        let wide = radius[0].max(radius[1]) + EDGE_MM;
        let thick = wide + self.thickness / 2.0;
        if self.z < head[2].min(tail[2]) - thick || head[2].max(tail[2]) + thick < self.z {
            return;
        }
        let way = [tail[0] - head[0], tail[1] - head[1], tail[2] - head[2]];
        let square = (way[0] * way[0] + way[1] * way[1] + way[2] * way[2]).max(1e-6);
        // Only the part of the tube near this level: long steep tubes touch few pixels.
        let part = |z: f32| {
            if way[2].abs() < 1e-3 { None } else { Some(((z - head[2]) / way[2]).clamp(0.0, 1.0)) }
        };
        let (from, to) = match (part(self.z - thick), part(self.z + thick)) {
            (Some(low), Some(high)) => (low.min(high), low.max(high)),
            _ => (0.0, 1.0),
        };
        let [rows, columns] = [1, 0].map(|i| {
            let (p, q) = (head[i] + from * way[i], head[i] + to * way[i]);
            self.span(f32::midpoint(p, q), (p - q).abs() / 2.0 + wide)
        });
        for row in rows {
            let v = self.mm(row) - head[1];
            for column in columns.clone() {
                let u = self.mm(column) - head[0];
                let alpha = self.mean_over_thickness(|z| {
                    let w = z - head[2];
                    let along = ((u * way[0] + v * way[1] + w * way[2]) / square).clamp(0.0, 1.0);
                    let off = [u - along * way[0], v - along * way[1], w - along * way[2]];
                    radius[0] + along * (radius[1] - radius[0])
                        - (off[0] * off[0] + off[1] * off[1] + off[2] * off[2]).sqrt()
                });
                let at = row * MATRIX + column;
                self.hu[at] += (hu - self.hu[at]) * alpha;
            }
        }
    }

    fn ribs(&mut self, centre: [f32; 2], half: [f32; 2], hu: f32) {
        let [rows, columns] = [1, 0].map(|i| self.span(centre[i], half[i] * 1.05));
        for row in rows {
            let v = (self.mm(row) - centre[1]) / half[1];
            for column in columns.clone() {
                let u = (self.mm(column) - centre[0]) / half[0];
                let q = u * u + v * v;
                if !(0.88..1.04).contains(&q) {
                    continue;
                }
                // A rib falls from the spine to the front: 60 mm from y = 1 to y = −1.
                let wave = ((self.z + 30.0 * v) * (std::f32::consts::TAU / 26.0)).cos();
                let depth = 1.0 - ((q - 0.96) / 0.08).abs();
                let alpha = ((wave - 0.2) * 3.0).clamp(0.0, 1.0) * (depth * 3.0).clamp(0.0, 1.0);
                let at = row * MATRIX + column;
                self.hu[at] += (hu - self.hu[at]) * alpha;
            }
        }
    }

    /// Cover of a pixel by a shape whose depth under its surface, mm, is `depth` at a level.
    fn mean_over_thickness(&self, depth: impl Fn(f32) -> f32) -> f32 {
        let cover =
            |level: &f32| (0.5 + depth(self.z + level * self.thickness) / EDGE_MM).clamp(0.0, 1.0);
        LEVELS.iter().map(cover).sum::<f32>() / LEVELS.len() as f32
    }

    /// The pixels within `reach` of a place, mm.
    fn span(&self, centre: f32, reach: f32) -> std::ops::Range<usize> {
        let place = |mm: f32| (mm / self.pixel + 255.5).clamp(0.0, MATRIX as f32);
        place(centre - reach).floor() as usize
            ..(place(centre + reach).ceil() as usize + 1).min(MATRIX)
    }

    fn mm(&self, pixel: usize) -> f32 {
        (pixel as f32 - 255.5) * self.pixel
    }
}
