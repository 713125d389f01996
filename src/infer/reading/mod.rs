//! One reading: a volume and a package in, marks, heatmap and pictures out.
//!
//! # Invariants
//! - I8: the same volume, package and engine give the same bits. Slices, cells and marks are
//!   taken in one fixed order, and nothing runs beside anything.

use crate::base::limits::WORKER_MEMORY_BYTES;
use crate::base::units::Probability;
use crate::image::extent::{Extent, Measured};
use crate::image::grow;
use crate::image::mask::{LungMask, NoLungs};
use crate::image::volume::{Grid, SourceVoxel, Volume};
use crate::infer::budget::{Budget, BudgetError};
use crate::infer::cells::CellGrid;
use crate::infer::engine::{Engine, EngineError};
use crate::infer::finding::{Mark, Reading};
use crate::infer::pictures::pictures;
use crate::infer::postprocess::{Scores, reach, sigmoid};
use crate::infer::preprocess;
use crate::model::contract::{self, ContractError};
use crate::model::manifest::{Activation, Measure, Region};
use crate::model::package::Package;

/// How far a reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Slices that the network has seen.
    pub done: usize,
    /// Slices in all.
    pub of: usize,
}

/// Why a volume was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It would take more memory than the reader may have.
    #[error("the series is too large for this box")]
    Budget {
        /// Both numbers.
        #[from]
        source: BudgetError,
    },
    /// The searched region is not there.
    #[error("no lungs were found in the series")]
    Region {
        /// What was found instead.
        #[from]
        source: NoLungs,
    },
    /// The network does not load or run.
    #[error("the network of the package failed")]
    Engine {
        /// Why.
        #[from]
        source: EngineError,
    },
    /// The graph is not what the manifest says.
    #[error("graph and manifest disagree for slices of this size")]
    Contract {
        /// Where.
        #[from]
        source: ContractError,
    },
}

impl ReadError {
    /// Returns the reason as one word, as job records and refusal sheets name it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Budget { .. } => "too-large",
            Self::Region { .. } => "no-lungs",
            Self::Engine { .. } => "network-failed",
            Self::Contract { .. } => "contract",
        }
    }
}

/// Reads `volume` with `package`; calls `progress` after each slice.
///
/// Cost: one run of the network a slice, then milliseconds a mark. Memory: [`Budget`].
///
/// # Errors
/// [`ReadError`]; a volume without findings is no error but a reading without marks.
pub fn read(
    volume: &Volume,
    package: &Package,
    engine: &dyn Engine,
    progress: &mut dyn FnMut(Progress),
) -> Result<Reading, ReadError> {
    let manifest = package.manifest();
    let grid = &volume.grid;
    Budget::of(grid.size, manifest).check(WORKER_MEMORY_BYTES)?;
    let lungs = match manifest.operating_point.region {
        Region::Lung => LungMask::of(volume)?,
    };
    let cells = CellGrid::of(grid, &manifest.output);
    let point = &manifest.operating_point;
    let region = region(&cells, &lungs, point.region_px_min);
    let wanted = wanted(&region, cells.size(), reach(cells.spacing(), point.slice_reach_mm));
    let scores = scores(volume, package, engine, &mut Wanted { wanted, progress })?;
    let mut scores = scores.smoothed(point, cells.spacing());
    scores.restrict(&region);
    let hits = scores.hits(point, cells.spacing());
    let marks = hits.iter().filter_map(|hit| {
        let at = grid.to_patient(cells.to_voxel(hit.centre));
        let extent = match point.measure {
            Measure::SolidNodule => grow::grow(volume, &lungs, at),
        };
        mark(grid, hit.score, at, extent)
    });
    let marks: Vec<Mark> = marks.collect();
    let heatmap = cells.heatmap(&scores);
    // The manifest's own check holds it in 0..=1.
    let threshold = Probability::new(point.threshold).unwrap_or_default();
    Ok(Reading {
        package: manifest.name.clone(),
        version: manifest.version.clone(),
        package_digest: package.digest(),
        threshold,
        pictures: pictures(volume, &marks, &heatmap, threshold),
        marks,
        heatmap,
        slices_read: u32::try_from(grid.size[0]).unwrap_or(u32::MAX),
    })
}

/// Which cells lie in the searched region.
fn region(cells: &CellGrid<'_>, lungs: &LungMask, px_min: usize) -> Vec<bool> {
    let [slices, rows, columns] = cells.size();
    let all =
        (0..slices * rows * columns).map(|i| [i / columns / rows, i / columns % rows, i % columns]);
    all.map(|cell| {
        let inside = cells.tile(cell).filter(|voxel| lungs.contains(*voxel));
        px_min <= inside.take(px_min).count()
    })
    .collect()
}

/// Which slices the network must see: those within the smoothing's reach of the region. The rest
/// can change no score inside it; in a CT from neck to hip they are most.
fn wanted(region: &[bool], [slices, rows, columns]: [usize; 3], reach: usize) -> Vec<bool> {
    let layers = region.chunks_exact((rows * columns).max(1));
    let inside: Vec<bool> = layers.map(|layer| layer.contains(&true)).collect();
    let near = |z: usize| {
        let near = inside.iter().skip(z.saturating_sub(reach)).take(z.min(reach) + 1 + reach);
        near.copied().any(|inside| inside)
    };
    (0..slices).map(near).collect()
}

/// The slices that the network must see, and who hears of each.
struct Wanted<'a> {
    wanted: Vec<bool>,
    progress: &'a mut dyn FnMut(Progress),
}

/// Runs the network over the wanted slices, from the feet up; the others have score 0.
fn scores(
    volume: &Volume,
    package: &Package,
    engine: &dyn Engine,
    wanted: &mut Wanted<'_>,
) -> Result<Scores, ReadError> {
    let manifest = package.manifest();
    let [of, rows, columns] = volume.grid.size;
    let mut network = engine.load(package.graph(), [rows, columns])?;
    contract::check(manifest, network.facts(), [rows, columns])?;
    let score = match manifest.output.activation {
        Activation::Sigmoid => sigmoid,
    };
    let output = &manifest.output;
    let size = [of, output.cells(rows), output.cells(columns)];
    let plane = size[1] * size[2];
    let mut input = Vec::with_capacity(rows * columns);
    let mut values = Vec::with_capacity(of * plane);
    let slices = volume.hu.chunks_exact((rows * columns).max(1));
    for (z, (slice, wants)) in slices.zip(&wanted.wanted).enumerate() {
        if *wants {
            preprocess::fill(&mut input, slice, &manifest.input);
            values.extend(network.run(&input)?.into_iter().map(score));
        } else {
            values.extend(std::iter::repeat_n(0.0, plane));
        }
        (wanted.progress)(Progress { done: z + 1, of });
    }
    Scores::new(size, values).ok_or_else(|| EngineError::Values.into())
}

/// Puts a mark at the middle of its outline, or at the hit where there is none; `None` if that
/// lies outside the volume.
fn mark(grid: &Grid, score: f32, hit: [f64; 3], extent: Extent) -> Option<Mark> {
    let centre = match &extent {
        Extent::Measured(measured) => middle(grid, measured).unwrap_or(hit),
        Extent::NotMeasured(_) => hit,
    };
    let at = grid.nearest(grid.to_voxel(centre))?;
    Some(Mark { score: Probability::new(score)?, centre, at: grid.to_source(at)?, extent })
}

/// The mean of the voxels of an outline, patient coordinates.
fn middle(grid: &Grid, measured: &Measured) -> Option<[f64; 3]> {
    let mut sum = [0.0; 3];
    let mut count = 0.0;
    for run in &measured.mask.0 {
        let last = run.first.checked_add(run.count)?.checked_sub(1)?;
        let voxel = |column| {
            let (slice, row) = (run.slice, run.row);
            grid.from_source(SourceVoxel { slice, row, column })
        };
        let (from, to) = (voxel(run.first)?, voxel(last)?);
        let weight = f64::from(run.count);
        count += weight;
        for ((sum, from), to) in sum.iter_mut().zip(from).zip(to) {
            *sum += weight * (from + to) as f64 / 2.0;
        }
    }
    (0.0 < count).then(|| grid.to_patient(sum.map(|sum| sum / count)))
}

#[cfg(test)]
mod tests;
