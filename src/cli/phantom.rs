//! `scanpost phantom`: a chest CT that never was, for demos, tests and the first try of a line.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use crate::base::time::{Clock, Instant, Stamp, WallTime};
use crate::board::clock::BoardClock;
use crate::board::entropy::KernelRng;
use crate::cli::Done;
use crate::cli::terminal::{self, Failure};
use crate::image::phantom::{Phantom, PhantomSettings, Pose, Side, Sides};
use crate::report::phantom::PhantomSeries;

/// Time between two lines of progress; who is done before sees none.
const PROGRESS: Duration = Duration::from_secs(1);
/// Slices at most: what four digits of a file's name can number.
const SLICES_MAX: u64 = 9999;
/// When every phantom was scanned, 2026-01-01 12:00 UTC: the same words give the same bytes.
const SCANNED: Stamp = Stamp {
    boot: 0,
    monotonic: Instant::from_nanos(0),
    wall: WallTime(1_767_268_800_000),
    utc_offset_s: 0,
    synced: true,
};

#[derive(Debug, clap::Args)]
pub(super) struct Draw {
    /// The folder to write into: new or empty.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of slices, 2.5 mm apart: 20 hold all nodules, 113 the whole lungs; thinner beyond
    /// 133.
    #[arg(long, default_value_t = 133, value_parser = slices)]
    slices: u64,
    /// Another number, another phantom.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How the patient lies and how rows run.
    #[arg(long, value_enum, ignore_case = true, default_value_t = Position::Hfs)]
    position: Position,
    /// Rows from the back to the front; of a patient who lies head first, supine.
    #[arg(long)]
    flip_rows: bool,
    /// Plant one nodule of 16 mm on this side of the patient, or four on both.
    #[arg(long, value_enum, default_value_t = Planted::All)]
    nodule: Planted,
    /// Print the truth as JSON.
    #[arg(long)]
    json: bool,
}

/// How the phantom lies.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Position {
    /// Head first, supine.
    Hfs,
    /// Feet first, supine.
    Ffs,
    /// Head first, prone.
    Hfp,
    /// Head first, supine, with rows from the back to the front.
    FlippedRows,
}

/// Where nodules are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Planted {
    Left,
    Right,
    All,
}

fn slices(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| (1..=SLICES_MAX).contains(count));
    count.ok_or_else(|| format!("1 to {SLICES_MAX}"))
}

pub(super) fn run(verb: &Draw) -> Done {
    let settings = settings(verb)?;
    make_folder(&verb.out)?;
    let phantom = Phantom::new(settings);
    let series = PhantomSeries::new(&phantom, SCANNED);
    let slices = phantom.settings().slices;
    let clock = BoardClock::new(&mut KernelRng);
    let mut told = clock.now();
    for index in 0..slices {
        let path = verb.out.join(format!("IM{:04}.dcm", index + 1));
        write(&path, &series.image(index).file())?;
        if PROGRESS <= clock.now().since(told) {
            told = clock.now();
            terminal::say(&format!("{} of {slices}", index + 1));
        }
    }
    let truth = series.truth();
    let json = serde_json::to_value(&truth)
        .map_err(|error| Failure::Bug(format!("the truth is no JSON: {error}")))?;
    // Last: a folder with the truth in it is whole.
    write(&verb.out.join("truth.json"), format!("{json:#}\n").as_bytes())?;
    if verb.json {
        terminal::answer(&json)?;
    }
    let (nodules, [from, to]) = (truth.nodules.len(), truth.covered_z_mm);
    let out = verb.out.display();
    terminal::say(&format!("{slices} slices, z {from} to {to} mm, {nodules} nodules: {out}"));
    Ok(())
}

fn settings(verb: &Draw) -> Result<PhantomSettings, Failure> {
    let pose = match (verb.position, verb.flip_rows) {
        (Position::Hfs, false) => Pose::Hfs,
        (Position::Ffs, false) => Pose::Ffs,
        (Position::Hfp, false) => Pose::Hfp,
        (Position::FlippedRows, _) | (Position::Hfs, true) => Pose::FlippedRows,
        (Position::Ffs | Position::Hfp, true) => {
            let text = "--flip-rows goes with --position hfs alone";
            return Err(Failure::Refused(text.to_owned()));
        }
    };
    let slices = usize::try_from(verb.slices).unwrap_or(usize::MAX);
    let all = PhantomSettings { seed: verb.seed, pose, ..PhantomSettings::chest(slices) };
    let only =
        |side| PhantomSettings { nodules: vec![16.0], sides: Sides::Only(side), ..all.clone() };
    Ok(match verb.nodule {
        Planted::Left => only(Side::Left),
        Planted::Right => only(Side::Right),
        Planted::All => all,
    })
}

/// Makes the folder, or finds it empty.
fn make_folder(path: &Path) -> Done {
    let unusable = |error: std::io::Error| {
        Failure::because(&format!("{} cannot be used", path.display()), &error)
    };
    std::fs::create_dir_all(path).map_err(unusable)?;
    if std::fs::read_dir(path).map_err(unusable)?.next().is_some() {
        let text = format!("{} is not empty: name a new folder", path.display());
        return Err(Failure::Refused(text));
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Done {
    File::create(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Failure::because(&format!("{} is not written", path.display()), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(out: &Path) -> Draw {
        Draw {
            out: out.to_owned(),
            slices: 3,
            seed: 1,
            position: Position::Ffs,
            flip_rows: false,
            nodule: Planted::Right,
            json: false,
        }
    }

    #[test]
    fn the_same_words_write_the_same_files() {
        let folders = [0, 1].map(|_| tempfile::tempdir().unwrap());
        for folder in &folders {
            run(&verb(folder.path())).unwrap();
        }
        for name in ["IM0001.dcm", "IM0002.dcm", "IM0003.dcm", "truth.json"] {
            let [a, b] = [0, 1].map(|n| std::fs::read(folders[n].path().join(name)).unwrap());
            assert!(a == b, "{name}");
        }
        let truth = std::fs::read(folders[0].path().join("truth.json")).unwrap();
        let truth: serde_json::Value = serde_json::from_slice(&truth).unwrap();
        assert_eq!(truth["nodules"][0]["side"], "right");
        assert_eq!(truth["nodules"][1], serde_json::Value::Null);
    }

    #[test]
    fn a_folder_with_anything_in_it_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("holiday.jpg")).unwrap();
        let refused = run(&verb(folder.path())).unwrap_err();
        assert!(refused.to_string().contains("is not empty"), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn flipped_rows_go_with_head_first_supine_alone() {
        let folder = tempfile::tempdir().unwrap();
        let flipped = Draw { flip_rows: true, ..verb(folder.path()) };
        assert!(matches!(settings(&flipped), Err(Failure::Refused(_))));
        let flipped = Draw { position: Position::Hfs, ..flipped };
        assert_eq!(settings(&flipped).unwrap().pose, Pose::FlippedRows);
    }
}
