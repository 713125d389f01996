//! Where the lungs are: the region in which a lung model may look and an outline may grow.
//!
//! Works on cells of two by two pixels, since a chest CT of 133 slices then costs under two
//! seconds on a slow core and no nodule that matters is narrower than a cell.
#![expect(
    clippy::indexing_slicing,
    reason = "every buffer is as long as its own size says; neighbours are checked"
)]

use crate::image::volume::Volume;

/// Cells under this CT number are air: half-way between lung (−850) and soft tissue (40).
pub const AIR_HU_MAX: i32 = -400;
/// Less air inside the body than this is no lung, mL: bowel, sinuses; one lobe has more.
pub const LUNG_ML_MIN: f64 = 200.0;
/// The second lung has at least this part of the first one's air; else it is bowel or trachea.
pub const SECOND_LUNG_MIN: f64 = 0.1;
/// Bays of the pleura narrower than twice this are lung: what hangs at the wall, and vessels.
/// A wider disc would swallow ribs and the hilum.
pub const CLOSING_MM: f64 = 10.0;
/// Islands of up to this area in a slice are lung: a nodule of 35 mm, but not the heart.
pub const ISLAND_MM2_MAX: f64 = 1000.0;
/// Edge of a cell, in pixels.
const CELL: usize = 2;

/// Why there is no lung mask.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoLungs {
    /// Too little air inside the body.
    #[error("only {ml:.0} mL of air inside the body, which is no lung")]
    LittleAir {
        /// Of the largest connected part.
        ml: f64,
    },
}

/// The lungs with what lies in them: vessels, nodules, and nodules that hang at the wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LungMask {
    /// Cells: `[z, y, x]`; z counts the volume's slices.
    size: [usize; 3],
    /// Voxels of the volume.
    full: [usize; 3],
    inside: Vec<bool>,
}

impl LungMask {
    /// Finds the lungs of a chest CT.
    ///
    /// Air that reaches the edge of its slice is outside; of the rest the two largest connected
    /// parts are lungs (one, where the airways join them), closed and filled slice by slice.
    ///
    /// # Errors
    /// [`NoLungs`] where the body holds too little air.
    pub fn of(volume: &Volume) -> Result<Self, NoLungs> {
        let [slices, rows, columns] = volume.grid.size;
        let size = [slices, rows.div_ceil(CELL), columns.div_ceil(CELL)];
        let mut air = air(volume, size);
        let plane = size[1] * size[2];
        if plane == 0 {
            return Err(NoLungs::LittleAir { ml: 0.0 });
        }
        let mut stack = Vec::new();
        for slice in air.chunks_exact_mut(plane) {
            drain_outside(slice, size[1], size[2], &mut stack);
        }
        let cell = [volume.grid.spacing[1] * CELL as f64, volume.grid.spacing[2] * CELL as f64];
        let cell_ml = volume.grid.spacing[0] * cell[0] * cell[1] / 1000.0;
        let mut inside = largest_two(&air, size, cell_ml)?;
        for slice in inside.chunks_exact_mut(plane) {
            close(slice, [size[1], size[2]], cell);
        }
        Ok(Self { size, full: volume.grid.size, inside })
    }

    /// Returns whether voxel `[z, y, x]` of the volume lies inside; `false` out of range.
    pub fn contains(&self, at: [usize; 3]) -> bool {
        let [z, y, x] = at;
        if self.full[0] <= z || self.full[1] <= y || self.full[2] <= x {
            return false;
        }
        self.inside[(z * self.size[1] + y / CELL) * self.size[2] + x / CELL]
    }

    /// Returns how many voxels of the volume lie inside, to a cell.
    pub fn voxels(&self) -> usize {
        self.inside.iter().filter(|inside| **inside).count() * CELL * CELL
    }
}

/// Cells whose mean is air.
fn air(volume: &Volume, size: [usize; 3]) -> Vec<bool> {
    let [_, rows, columns] = volume.grid.size;
    let mut sums = vec![0_i32; size[2]];
    let mut air = Vec::with_capacity(size.iter().product());
    for slice in volume.hu.chunks_exact((rows * columns).max(1)) {
        for lines in slice.chunks(columns * CELL) {
            sums.fill(0);
            for line in lines.chunks_exact(columns) {
                for (sum, pixels) in sums.iter_mut().zip(line.chunks(CELL)) {
                    *sum += pixels.iter().map(|hu| i32::from(*hu)).sum::<i32>();
                }
            }
            // The last column may be half a cell: it counts as the pixels that it has.
            let high = i32::try_from(lines.len() / columns).unwrap_or(1);
            for (x, sum) in sums.iter().enumerate() {
                let wide = if columns < (x + 1) * CELL { 1 } else { 2 };
                air.push(*sum < AIR_HU_MAX * high * wide);
            }
        }
    }
    air
}

/// Clears the air that reaches the edge of its slice.
fn drain_outside(slice: &mut [bool], rows: usize, columns: usize, stack: &mut Vec<usize>) {
    stack.clear();
    let edge = (0..columns)
        .flat_map(|x| [x, (rows - 1) * columns + x])
        .chain((0..rows).flat_map(|y| [y * columns, y * columns + columns - 1]));
    for at in edge {
        if slice[at] {
            slice[at] = false;
            stack.push(at);
        }
    }
    while let Some(at) = stack.pop() {
        for next in neighbours(at, rows, columns).into_iter().flatten() {
            if slice[next] {
                slice[next] = false;
                stack.push(next);
            }
        }
    }
}

/// The four neighbours of a cell in its slice.
fn neighbours(at: usize, rows: usize, columns: usize) -> [Option<usize>; 4] {
    let (y, x) = (at / columns, at % columns);
    [
        (0 < y).then(|| at - columns),
        (y + 1 < rows).then(|| at + columns),
        (0 < x).then(|| at - 1),
        (x + 1 < columns).then(|| at + 1),
    ]
}

/// Keeps the largest connected part, and the second where it is large enough.
fn largest_two(air: &[bool], size: [usize; 3], cell_ml: f64) -> Result<Vec<bool>, NoLungs> {
    let [_, rows, columns] = size;
    let plane = rows * columns;
    let mut part = vec![0_u32; air.len()];
    let mut counts = vec![0_usize];
    let mut stack = Vec::new();
    for start in 0..air.len() {
        if !air[start] || part[start] != 0 {
            continue;
        }
        let Ok(name) = u32::try_from(counts.len()) else {
            break;
        };
        let mut count = 0;
        part[start] = name;
        stack.push(start);
        while let Some(at) = stack.pop() {
            count += 1;
            let base = at - at % plane;
            let flat = neighbours(at % plane, rows, columns).map(|next| next.map(|n| base + n));
            let up = at + plane;
            let above = (up < air.len()).then_some(up);
            for next in flat.into_iter().chain([above, at.checked_sub(plane)]).flatten() {
                if air[next] && part[next] == 0 {
                    part[next] = name;
                    stack.push(next);
                }
            }
        }
        counts.push(count);
    }
    let mut names: Vec<usize> = (1..counts.len()).collect();
    names.sort_by_key(|name| std::cmp::Reverse(counts[*name]));
    let largest = names.first().map_or(0, |name| counts[*name]);
    let ml = largest as f64 * cell_ml;
    if ml < LUNG_ML_MIN {
        return Err(NoLungs::LittleAir { ml });
    }
    let mut keep = vec![false; counts.len()];
    for name in names.into_iter().take(2) {
        keep[name] = SECOND_LUNG_MIN * largest as f64 <= counts[name] as f64;
    }
    Ok(part.into_iter().map(|name| usize::try_from(name).is_ok_and(|name| keep[name])).collect())
}

/// Closes one slice with a disc of [`CLOSING_MM`] and fills its small islands.
fn close(slice: &mut [bool], [rows, columns]: [usize; 2], cell: [f64; 2]) {
    let Some(frame) = Window::around(slice, rows, columns, cell) else {
        return;
    };
    let inner: Vec<bool> = frame.cells(columns).map(|at| slice[at]).collect();
    let size = frame.size();
    let near = distance(&inner, size, cell);
    let outside: Vec<bool> = near.iter().map(|mm| CLOSING_MM < f64::from(*mm)).collect();
    let depth = distance(&outside, size, cell);
    let mut closed: Vec<bool> = inner
        .iter()
        .zip(&depth)
        .map(|(inside, mm)| *inside || CLOSING_MM < f64::from(*mm))
        .collect();
    fill_islands(&mut closed, size, ISLAND_MM2_MAX / (cell[0] * cell[1]));
    for (at, inside) in frame.cells(columns).zip(closed) {
        slice[at] = inside;
    }
}

/// The part of a slice that a closing can change.
struct Window {
    y: [usize; 2],
    x: [usize; 2],
}

impl Window {
    fn around(slice: &[bool], rows: usize, columns: usize, cell: [f64; 2]) -> Option<Self> {
        let (mut y, mut x) = ([rows, 0], [columns, 0]);
        for (row, line) in slice.chunks_exact(columns).enumerate() {
            let Some(first) = line.iter().position(|inside| *inside) else {
                continue;
            };
            let last = line.iter().rposition(|inside| *inside).unwrap_or(first);
            y = [y[0].min(row), row + 1];
            x = [x[0].min(first), x[1].max(last + 1)];
        }
        let mut margin = cell.map(|mm| (1_u8..64).find(|n| CLOSING_MM < f64::from(*n) * mm));
        let margin = margin.each_mut().map(|n| n.map_or(64, usize::from) + 1);
        (y[0] < y[1]).then(|| Self {
            y: [y[0].saturating_sub(margin[0]), (y[1] + margin[0]).min(rows)],
            x: [x[0].saturating_sub(margin[1]), (x[1] + margin[1]).min(columns)],
        })
    }

    fn size(&self) -> [usize; 2] {
        [self.y[1] - self.y[0], self.x[1] - self.x[0]]
    }

    fn cells(&self, columns: usize) -> impl Iterator<Item = usize> {
        let x = self.x;
        (self.y[0]..self.y[1]).flat_map(move |y| (x[0]..x[1]).map(move |x| y * columns + x))
    }
}

/// Distance, mm, of every cell to the nearest `true` one along steps to eight neighbours: at most
/// 8 % too long (a chamfer), which a closing forgives.
fn distance(set: &[bool], [rows, columns]: [usize; 2], cell: [f64; 2]) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "millimetres")]
    let [down, right, slant] = [cell[0] as f32, cell[1] as f32, cell[0].hypot(cell[1]) as f32];
    let mut mm: Vec<f32> =
        set.iter().map(|inside| if *inside { 0.0 } else { f32::INFINITY }).collect();
    let mut sweep = |y: usize, x: usize, other: Option<usize>, mirrored: bool| {
        let at = y * columns + x;
        let mut best = mm[at];
        let side = if mirrored { (x + 1 < columns).then_some(at + 1) } else { at.checked_sub(1) };
        if let Some(side) = side.filter(|_| mirrored || 0 < x) {
            best = best.min(mm[side] + right);
        }
        if let Some(row) = other {
            let line = row * columns;
            best = best.min(mm[line + x] + down);
            if 0 < x {
                best = best.min(mm[line + x - 1] + slant);
            }
            if x + 1 < columns {
                best = best.min(mm[line + x + 1] + slant);
            }
        }
        mm[at] = best;
    };
    for y in 0..rows {
        for x in 0..columns {
            sweep(y, x, y.checked_sub(1), false);
        }
    }
    for y in (0..rows).rev() {
        for x in (0..columns).rev() {
            sweep(y, x, (y + 1 < rows).then_some(y + 1), true);
        }
    }
    mm
}

/// Sets what is surrounded in this slice and has at most `most` cells.
fn fill_islands(set: &mut [bool], [rows, columns]: [usize; 2], most: f64) {
    let mut seen = set.to_vec();
    let mut island = Vec::new();
    for start in 0..set.len() {
        if seen[start] {
            continue;
        }
        island.clear();
        island.push(start);
        seen[start] = true;
        let mut surrounded = true;
        let mut next_up = 0;
        while let Some(at) = island.get(next_up).copied() {
            next_up += 1;
            for next in neighbours(at, rows, columns) {
                match next {
                    None => surrounded = false,
                    Some(next) if !seen[next] => {
                        seen[next] = true;
                        island.push(next);
                    }
                    Some(_) => {}
                }
            }
        }
        if surrounded && island.len() as f64 <= most {
            for at in &island {
                set[*at] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
