//! Readings as a worker that went wrong might hand them back.

use proptest::prelude::*;

use scanpost::base::units::{Ml, Mm};
use scanpost::image::volume::SourceVoxel;
use scanpost::infer::finding::{Extent, Mask, Picture, Reading, Run};
use scanpost::report::{Kind, Outcome, write};

use crate::fixture::{COLUMNS, ROWS, job, reading, sources};
use crate::{pixels_of, reader};

/// Mostly small numbers, sometimes the largest.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![9 => 0..6u32, 5 => 0..14u32, 1 => Just(u32::MAX), 1 => any::<u32>()]
}

fn voxel() -> impl Strategy<Value = SourceVoxel> {
    [number(), number(), number()].prop_map(|[slice, row, column]| SourceVoxel {
        slice,
        row,
        column,
    })
}

fn size() -> impl Strategy<Value = f64> {
    prop_oneof![6 => 0.0..100.0, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(-1.0)]
}

fn run() -> impl Strategy<Value = Run> {
    [number(), number(), number(), number()].prop_map(|[slice, row, first, count]| Run {
        slice,
        row,
        first,
        count,
    })
}

/// One thing of a sound reading that went wrong, or did not.
#[derive(Clone, Debug)]
enum Change {
    Run(Run),
    At(SourceVoxel),
    Ends([SourceVoxel; 2]),
    Sizes([f64; 3]),
    Picture(Picture),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        run().prop_map(Change::Run),
        voxel().prop_map(Change::At),
        [voxel(), voxel()].prop_map(Change::Ends),
        [size(), size(), size()].prop_map(Change::Sizes),
        picture().prop_map(Change::Picture),
    ]
}

impl Change {
    fn apply(&self, reading: &mut Reading) {
        let mark = &mut reading.marks[0];
        let Extent::Measured(measured) = &mut mark.extent else {
            return;
        };
        match self.clone() {
            Self::Run(run) => measured.mask.0.push(run),
            Self::At(at) => mark.at = at,
            Self::Ends(ends) => measured.long_axis_ends = ends,
            Self::Sizes([length, volume, z]) => {
                measured.long_axis = Mm(length);
                measured.volume = Ml(volume);
                mark.centre[2] = z;
            }
            Self::Picture(picture) => reading.pictures[0] = picture,
        }
    }

    /// Whether the reading may still be written up, by other words than the writer's.
    fn is_sound(&self) -> bool {
        let inside = |slice: u32, row: u32, first: u32, count: u32| {
            let end = u64::from(first) + u64::from(count);
            slice < 5 && row < u32::from(ROWS) && 0 < count && end <= u64::from(COLUMNS)
        };
        let pixel = |at: &SourceVoxel| inside(at.slice, at.row, at.column, 1);
        match self {
            Self::Run(run) => inside(run.slice, run.row, run.first, run.count),
            Self::At(at) => pixel(at),
            Self::Ends([from, to]) => pixel(from) && pixel(to) && from.slice == to.slice,
            Self::Sizes([length, volume, z]) => {
                0.0 <= *length && 0.0 <= *volume && (length + volume + z).is_finite()
            }
            Self::Picture(picture) => {
                let pixels = u64::from(picture.width) * u64::from(picture.height);
                let fits = pixels.checked_mul(3) == u64::try_from(picture.rgb.len()).ok();
                fits && 0 < pixels && picture.slice < 5 && picture.marks.iter().all(|m| *m < 3)
            }
        }
    }
}

fn picture() -> impl Strategy<Value = Picture> {
    let marks = proptest::collection::vec(number(), 0..3);
    let bytes = prop_oneof![3 => Just(None), 1 => (0..40usize).prop_map(Some)];
    (number(), number(), number(), bytes, marks).prop_map(|(slice, width, height, bytes, marks)| {
        // Mostly as many bytes as the sides ask for, unless they ask for too many.
        let asked = (u64::from(width) * u64::from(height)).saturating_mul(3);
        let asked = usize::try_from(asked.min(600)).unwrap_or(0);
        Picture { slice, width, height, rgb: vec![7; bytes.unwrap_or(asked)], marks }
    })
}

/// Runs inside the sources, none twice in a place.
fn sound_mask() -> impl Strategy<Value = Mask> {
    let pixels = 5 * usize::from(ROWS) * usize::from(COLUMNS);
    proptest::collection::vec(any::<bool>(), pixels).prop_map(|marked| {
        let mut mask = Mask::default();
        let columns = u32::from(COLUMNS);
        for (at, _) in (0u32..).zip(marked).filter(|(_, marked)| *marked) {
            let row = at / columns;
            mask.0.push(Run {
                slice: row / u32::from(ROWS),
                row: row % u32::from(ROWS),
                first: at % columns,
                count: 1,
            });
        }
        mask
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_reading_is_written_up_exactly_when_it_fits(change in change()) {
        let mut changed = reading();
        change.apply(&mut changed);
        let written = write(Outcome::Read(&changed), &sources(), &job());
        prop_assert_eq!(written.is_ok(), change.is_sound());
        for document in written.iter().flatten().filter(|d| d.kind != Kind::Json) {
            prop_assert!(!reader::read(&document.bytes).is_empty());
        }
    }

    #[test]
    fn any_mask_comes_back_from_the_segmentation(mask in sound_mask()) {
        let mut one = reading();
        one.marks.truncate(1);
        one.pictures.clear();
        let size = [5, usize::from(ROWS), usize::from(COLUMNS)];
        let expected = pixels_of(&mask.0, size);
        if let Extent::Measured(measured) = &mut one.marks[0].extent {
            measured.mask = mask;
        }
        let documents = write(Outcome::Read(&one), &sources(), &job()).unwrap();
        let seg = reader::read(&documents[1].bytes);
        let bits = reader::bytes(&seg, 0x7fe0_0010);
        let found: Vec<u8> = (0..expected.len()).map(|at| bits[at / 8] >> (at % 8) & 1).collect();
        prop_assert_eq!(found, expected);
    }
}
