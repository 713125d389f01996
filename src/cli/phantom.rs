//! `scanpost phantom`: a chest CT that never was, for demos, tests and the first try of a line.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::base::time::Clock;
use crate::board::clock::BoardClock;
use crate::board::entropy::KernelRng;
use crate::cli::Done;
use crate::cli::terminal::{self, Failure};
use crate::dicom::part10::FileMeta;
use crate::dicom::syntax::EXPLICIT_LE;
use crate::image::phantom::{Phantom, PhantomSettings, Pose, Side};
use crate::report::phantom::{PhantomImage, PhantomSeries};

/// Slices between two lines of progress.
const PROGRESS: usize = 50;
/// Slices at most: a body of 2.5 mm slices ends before.
const SLICES_MAX: u64 = 1200;

#[derive(Debug, clap::Args)]
pub(super) struct Draw {
    /// The folder to write into: new or empty.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of slices; 20 hold all nodules.
    #[arg(long, default_value_t = 133, value_parser = slices)]
    slices: u64,
    /// Another number, another phantom.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How the patient lies and how rows run.
    #[arg(long, value_enum, default_value_t = Position::Hfs)]
    position: Position,
    /// Plant one nodule of 16 mm on this side of the patient instead of four.
    #[arg(long, value_enum)]
    nodule: Option<Only>,
    /// Print the truth as JSON, too.
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

/// The one side with a nodule.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    Left,
    Right,
}

fn slices(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| (1..=SLICES_MAX).contains(count));
    count.ok_or_else(|| format!("1 to {SLICES_MAX}"))
}

pub(super) fn run(verb: &Draw) -> Done {
    make_folder(&verb.out)?;
    let slices = usize::try_from(verb.slices).unwrap_or(usize::MAX);
    let phantom = Phantom::new(settings(verb, slices));
    let clock = BoardClock::new(&mut KernelRng);
    let series = PhantomSeries::new(&phantom, clock.stamp());
    for index in 0..slices {
        let path = verb.out.join(format!("IM{:04}.dcm", index + 1));
        write(&path, &file(&series.image(index))?)?;
        if (index + 1) % PROGRESS == 0 {
            terminal::say(&format!("{} of {slices}", index + 1));
        }
    }
    let truth = truth(&phantom, &series);
    write(&verb.out.join("truth.json"), format!("{truth:#}\n").as_bytes())?;
    if verb.json {
        terminal::answer(&truth)?;
    }
    let nodules = phantom.nodules().len();
    terminal::say(&format!("{slices} slices, {nodules} nodules: {}", verb.out.display()));
    Ok(())
}

fn settings(verb: &Draw, slices: usize) -> PhantomSettings {
    let pose = match verb.position {
        Position::Hfs => Pose::Hfs,
        Position::Ffs => Pose::Ffs,
        Position::Hfp => Pose::Hfp,
        Position::FlippedRows => Pose::FlippedRows,
    };
    let all = PhantomSettings { slices, seed: verb.seed, pose, ..PhantomSettings::default() };
    let Some(only) = verb.nodule else { return all };
    // Nodules are planted in turns, the first one on the left; one of no size leaves no trace.
    let nodules = match only {
        Only::Left => vec![16.0],
        Only::Right => vec![0.0, 16.0],
    };
    PhantomSettings { nodules, ..all }
}

fn file(image: &PhantomImage) -> Result<Vec<u8>, Failure> {
    let transfer_syntax = crate::base::uid::Uid::parse(EXPLICIT_LE.as_bytes())
        .map_err(|error| Failure::Bug(error.to_string()))?;
    let meta = FileMeta {
        sop_class: image.sop_class.clone(),
        sop_instance: image.sop_instance.clone(),
        transfer_syntax,
        source: None,
    };
    let mut file = meta.to_bytes();
    file.extend_from_slice(&image.bytes);
    Ok(file)
}

fn truth(phantom: &Phantom, series: &PhantomSeries<'_>) -> Value {
    let there = phantom.nodules().iter().filter(|nodule| 0.0 < nodule.diameter);
    let nodules: Vec<Value> = there
        .map(|nodule| {
            let radius = nodule.diameter / 2.0;
            json!({
                "centre_lps_mm": nodule.centre,
                "diameter_mm": nodule.diameter,
                "volume_ml": 4.0 / 3.0 * std::f64::consts::PI * radius.powi(3) / 1000.0,
                "side": match nodule.side { Side::Left => "left", Side::Right => "right" },
            })
        })
        .collect();
    json!({
        "format": 1,
        "study": series.study().as_str(),
        "seed": phantom.settings().seed,
        "nodules": nodules,
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
