//! How much memory a reading takes, known before it starts.

use crate::model::manifest::Manifest;

/// Bytes per voxel of the CT numbers.
const VOLUME_BYTES_PER_VOXEL: u64 = 2;
/// Bytes per voxel while the lung mask is found: it works on cells of 2 x 2 voxels with a mark,
/// a label and a queue of places for each.
const MASK_BYTES_PER_VOXEL: u64 = 8;
/// Bytes per cell of score maps: raw, smoothed, and one between, f32; taken, u8.
const SCORE_BYTES_PER_CELL: u64 = 13;
/// Bytes per pixel of a slice for the network's input, f32.
const INPUT_BYTES_PER_PX: u64 = 4;

/// Bytes of a reading by what takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// CT numbers.
    pub volume: u64,
    /// The search for the lungs.
    pub mask: u64,
    /// The network with its input, by the manifest's own figures.
    pub network: u64,
    /// Score maps.
    pub scores: u64,
}

/// A series is too large for this box.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("reading this series takes {need} bytes, the reader may have {limit}")]
pub struct BudgetError {
    /// Bytes needed.
    pub need: u64,
    /// Bytes that there are.
    pub limit: u64,
}

impl Budget {
    /// Reckons for a volume of `[slices, rows, columns]`.
    pub fn of(size: [usize; 3], manifest: &Manifest) -> Self {
        let bytes = |count: usize, each: u64| (count as u64).saturating_mul(each);
        let [slices, rows, columns] = size;
        let plane = rows.saturating_mul(columns);
        let voxels = plane.saturating_mul(slices);
        let output = &manifest.output;
        let cells = output.cells(rows).saturating_mul(output.cells(columns));
        let memory = manifest.memory;
        let each = memory.bytes_per_px.saturating_add(INPUT_BYTES_PER_PX);
        Self {
            volume: bytes(voxels, VOLUME_BYTES_PER_VOXEL),
            mask: bytes(voxels, MASK_BYTES_PER_VOXEL),
            network: bytes(plane, each).saturating_add(memory.fixed_bytes),
            scores: bytes(cells.saturating_mul(slices), SCORE_BYTES_PER_CELL),
        }
    }

    /// Returns the most that is taken at one time: mask and network do not overlap.
    pub fn peak(&self) -> u64 {
        let both = self.volume.saturating_add(self.scores);
        both.saturating_add(self.mask.max(self.network))
    }

    /// Checks that the peak stays within `limit` bytes.
    ///
    /// # Errors
    /// [`BudgetError`] with both numbers.
    pub fn check(&self, limit: u64) -> Result<(), BudgetError> {
        let need = self.peak();
        if need <= limit { Ok(()) } else { Err(BudgetError { need, limit }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::package::tests::lung_nodule;

    #[test]
    fn a_chest_fits_and_an_absurd_series_is_refused_before_it_starts() {
        let package = lung_nodule();
        let chest = Budget::of([600, 512, 512], package.manifest());
        assert_eq!(chest.check(crate::base::limits::WORKER_MEMORY_BYTES), Ok(()));
        assert_eq!(chest.volume, 600 * 512 * 512 * 2);
        let absurd = Budget::of([usize::MAX, 512, 512], package.manifest());
        assert!(absurd.check(crate::base::limits::WORKER_MEMORY_BYTES).is_err());
        let need = chest.peak();
        assert_eq!(chest.check(need), Ok(()));
        let limit = need - 1;
        assert_eq!(chest.check(limit), Err(BudgetError { need, limit }));
    }
}
