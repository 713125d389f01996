//! The set of voxels that belongs to a nodule, found in a box around it.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the box was clipped to the grid and every place stays inside the box"
)]

use super::{
    CORE_HU_MAX, GLASS_HU_MIN, LungMask, NotMeasured, OPENING_MM, OPENING_PART, REACH_MM,
    SEARCH_MM, SOLID_HU_MIN, Volume,
};

/// Lung where none is near enough to be measured, HU.
const LUNG_HU: f64 = -850.0;
/// Voxels under this CT number tell how dense the lung around is.
const LUNG_HU_MAX: i16 = -600;
/// What a step away from the hit costs, mm of core radius: of two cores the near one is meant.
const FAR_COST: f64 = 0.25;

/// A part of the volume, and what of it is nodule.
pub(super) struct Region {
    /// First voxel of the box in the volume.
    low: [usize; 3],
    /// Voxels of the box: `[z, y, x]`.
    size: [usize; 3],
    spacing: [f64; 3],
    /// CT numbers of the box.
    hu: Vec<i16>,
    /// Lung, vessels and nodules.
    lung: Vec<bool>,
    /// Where the core is, in the box.
    core: [usize; 3],
    /// What was grown.
    inside: Vec<bool>,
}

impl Region {
    /// Grows from the core nearest to `at`, a place in voxels.
    pub(super) fn around(
        volume: &Volume,
        lungs: &LungMask,
        at: [f64; 3],
    ) -> Result<Self, NotMeasured> {
        let mut region = Self::cut(volume, lungs, at)?;
        let hit = [0, 1, 2].map(|i| at[i] - region.low[i] as f64);
        region.core = region.find_core(hit)?;
        let edge = region.edge();
        let reach = REACH_MM * REACH_MM;
        let solid: Vec<bool> = (0..region.hu.len())
            .map(|i| {
                let place = region.place(i);
                region.lung[i]
                    && edge <= f64::from(region.hu[i])
                    && region.mm2(place, region.core.map(|n| n as f64)) <= reach
            })
            .collect();
        region.inside = region.open(&solid)?;
        Ok(region)
    }

    /// Returns the voxels inside, in the volume.
    pub(super) fn voxels(&self) -> Vec<[usize; 3]> {
        (0..self.inside.len())
            .filter(|i| self.inside[*i])
            .map(|i| {
                let place = self.place(i);
                [0, 1, 2].map(|axis| self.low[axis] + place[axis])
            })
            .collect()
    }

    /// Returns whether growth came to the end of what it may reach.
    pub(super) fn at_reach(&self) -> bool {
        let step = self.spacing[1].max(self.spacing[2]);
        let limit = (REACH_MM - step) * (REACH_MM - step);
        let core = self.core.map(|n| n as f64);
        (0..self.inside.len()).any(|i| self.inside[i] && limit <= self.mm2(self.place(i), core))
    }

    /// Returns which part of the surface, counted in voxel faces by their area, is wall.
    pub(super) fn wall_part(&self) -> f64 {
        let area = [
            self.spacing[1] * self.spacing[2],
            self.spacing[0] * self.spacing[2],
            self.spacing[0] * self.spacing[1],
        ];
        let (mut wall, mut all) = (0.0, 0.0);
        for i in (0..self.inside.len()).filter(|i| self.inside[*i]) {
            for (axis, next) in self.faces(i) {
                if self.inside[next] {
                    continue;
                }
                all += area[axis];
                if !self.lung[next] {
                    wall += area[axis];
                }
            }
        }
        if 0.0 < all { wall / all } else { 0.0 }
    }

    /// Cuts the box that search and reach need out of the volume.
    fn cut(volume: &Volume, lungs: &LungMask, at: [f64; 3]) -> Result<Self, NotMeasured> {
        let grid = &volume.grid;
        let (mut low, mut size) = ([0; 3], [0; 3]);
        for i in 0..3 {
            let radius = (SEARCH_MM + REACH_MM) / grid.spacing[i];
            if !at[i].is_finite() {
                return Err(NotMeasured::NoCore);
            }
            let most = grid.size[i] as f64 - 1.0;
            low[i] = (at[i] - radius).floor().clamp(0.0, most.max(0.0)) as usize;
            let high = (at[i] + radius).ceil().clamp(-1.0, most) + 1.0;
            size[i] = (high as usize).saturating_sub(low[i]);
        }
        let count = size.iter().product();
        let (mut hu, mut lung) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for z in 0..size[0] {
            for y in 0..size[1] {
                for x in 0..size[2] {
                    let voxel = [low[0] + z, low[1] + y, low[2] + x];
                    hu.push(volume.at(voxel));
                    lung.push(lungs.contains(voxel));
                }
            }
        }
        Ok(Self { low, size, spacing: grid.spacing, hu, lung, core: [0; 3], inside: Vec::new() })
    }

    /// Finds the middle of the thickest solid part near the hit.
    fn find_core(&self, hit: [f64; 3]) -> Result<[usize; 3], NotMeasured> {
        let solid: Vec<bool> =
            (0..self.hu.len()).map(|i| self.lung[i] && SOLID_HU_MIN <= self.hu[i]).collect();
        let depth = self.depth(&solid);
        let near = |i: &usize| self.mm2(self.place(*i), hit) <= SEARCH_MM * SEARCH_MM;
        let score =
            |i: usize| f64::from(depth[i]).sqrt() - FAR_COST * self.mm2(self.place(i), hit).sqrt();
        let core = (0..solid.len())
            .filter(|i| solid[*i] && near(i))
            .max_by(|a, b| score(*a).total_cmp(&score(*b)));
        // One solid voxel may be noise: the nine around it must agree.
        if let Some(core) = core.filter(|i| f64::from(SOLID_HU_MIN) <= self.local_mean(*i)) {
            return Ok(self.place(core));
        }
        let glass = (0..self.hu.len())
            .any(|i| self.lung[i] && near(&i) && f64::from(GLASS_HU_MIN) <= self.local_mean(i));
        Err(if glass { NotMeasured::NotSolid } else { NotMeasured::NoCore })
    }

    /// Half-way between the core and the lung around it.
    fn edge(&self) -> f64 {
        let core = self.local_mean(self.index(self.core)).min(CORE_HU_MAX);
        let mut lung: Vec<i16> = (0..self.hu.len())
            .filter(|i| self.lung[*i] && self.hu[*i] < LUNG_HU_MAX)
            .map(|i| self.hu[i])
            .collect();
        lung.sort_unstable();
        let lung = lung.get(lung.len() / 2).map_or(LUNG_HU, |hu| f64::from(*hu));
        f64::midpoint(core, lung)
    }

    /// Opens `solid` with a ball and keeps the part around the core.
    fn open(&self, solid: &[bool]) -> Result<Vec<bool>, NotMeasured> {
        let depth = self.depth(solid);
        let core = self.index(self.core);
        if !solid[core] {
            return Err(NotMeasured::NoCore);
        }
        let inner = f64::from(depth[core]).sqrt();
        let radius = (OPENING_PART * inner).clamp(OPENING_MM[0], OPENING_MM[1]);
        // A core of one voxel's depth has no inner part left: it is kept by its own depth.
        let radius = radius.min(inner * 0.99);
        let limit = (radius * radius) as f32;
        let eroded: Vec<bool> = depth.iter().map(|mm2| limit < *mm2).collect();
        let kernel = self.connected(&eroded, core);
        let near = self.squared_distance(&kernel);
        let opened: Vec<bool> = (0..solid.len()).map(|i| solid[i] && near[i] <= limit).collect();
        Ok(self.connected(&opened, core))
    }

    /// The part of `set` that hangs together with `start` by faces.
    fn connected(&self, set: &[bool], start: usize) -> Vec<bool> {
        let mut part = vec![false; set.len()];
        let mut stack = vec![start];
        part[start] = true;
        while let Some(at) = stack.pop() {
            for (_, next) in self.faces(at) {
                if set[next] && !part[next] {
                    part[next] = true;
                    stack.push(next);
                }
            }
        }
        part
    }

    /// Squared distance, mm², of each voxel of `set` to the nearest voxel outside it.
    fn depth(&self, set: &[bool]) -> Vec<f32> {
        let outside: Vec<bool> = set.iter().map(|inside| !inside).collect();
        self.squared_distance(&outside)
    }

    /// Squared distance, mm², of every voxel to the nearest one of `set`, exact.
    ///
    /// Source: Felzenszwalb and Huttenlocher, Distance Transforms of Sampled Functions, 2012.
    fn squared_distance(&self, set: &[bool]) -> Vec<f32> {
        let mut mm2: Vec<f32> =
            set.iter().map(|inside| if *inside { 0.0 } else { f32::INFINITY }).collect();
        let strides = [self.size[1] * self.size[2], self.size[2], 1];
        let mut line = Vec::new();
        for (axis, stride) in strides.into_iter().enumerate() {
            for start in (0..mm2.len()).filter(|i| self.place(*i)[axis] == 0) {
                let places = (0..self.size[axis]).map(|n| start + n * stride);
                line.clear();
                line.extend(places.clone().map(|i| f64::from(mm2[i])));
                let lower = lower_envelope(&line, self.spacing[axis]);
                for (i, value) in places.zip(lower) {
                    mm2[i] = value as f32;
                }
            }
        }
        mm2
    }

    /// Mean of the voxel and its eight neighbours in the slice.
    fn local_mean(&self, i: usize) -> f64 {
        let [z, y, x] = self.place(i);
        let (mut sum, mut count) = (0.0, 0.0);
        for y in y.saturating_sub(1)..(y + 2).min(self.size[1]) {
            for x in x.saturating_sub(1)..(x + 2).min(self.size[2]) {
                sum += f64::from(self.hu[self.index([z, y, x])]);
                count += 1.0;
            }
        }
        sum / count
    }

    /// The neighbours by faces, with the axis that leads to each.
    fn faces(&self, i: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let place = self.place(i);
        let size = self.size;
        let strides = [size[1] * size[2], size[2], 1];
        (0..3).flat_map(move |axis| {
            let back = (0 < place[axis]).then(|| (axis, i - strides[axis]));
            let on = (place[axis] + 1 < size[axis]).then(|| (axis, i + strides[axis]));
            [back, on].into_iter().flatten()
        })
    }

    fn place(&self, i: usize) -> [usize; 3] {
        let [_, rows, columns] = self.size;
        [i / (rows * columns), i / columns % rows, i % columns]
    }

    fn index(&self, at: [usize; 3]) -> usize {
        (at[0] * self.size[1] + at[1]) * self.size[2] + at[2]
    }

    /// Squared distance, mm², between a voxel and a place.
    fn mm2(&self, voxel: [usize; 3], place: [f64; 3]) -> f64 {
        (0..3).map(|i| ((voxel[i] as f64 - place[i]) * self.spacing[i]).powi(2)).sum()
    }
}

/// One pass of the distance transform: `min over q of (p − q)² · mm² + line[q]` for every p.
fn lower_envelope(line: &[f64], mm: f64) -> Vec<f64> {
    let mut roots: Vec<(usize, f64)> = Vec::new();
    let cross = |q: usize, p: usize| {
        let at = |n: usize| line[n] / (mm * mm) + (n * n) as f64;
        (at(q) - at(p)) / (2.0 * (q as f64 - p as f64))
    };
    for q in (0..line.len()).filter(|q| line[*q].is_finite()) {
        let mut from = f64::NEG_INFINITY;
        while let Some((p, since)) = roots.last() {
            from = cross(q, *p);
            if *since < from {
                break;
            }
            roots.pop();
            from = f64::NEG_INFINITY;
        }
        roots.push((q, from));
    }
    let mut current = 0;
    (0..line.len())
        .map(|p| {
            while roots.get(current + 1).is_some_and(|next| next.1 < p as f64) {
                current += 1;
            }
            roots
                .get(current)
                .map_or(f64::INFINITY, |(q, _)| ((p as f64 - *q as f64) * mm).powi(2) + line[*q])
        })
        .collect()
}
