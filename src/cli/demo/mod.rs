//! `scanpost demo`: a study's whole road on this machine, with the power cut on the way.
//!
//! Everything on loopback in a scratch folder: a scanner sends, the box is killed half-way and
//! starts again, the scanner sends the rest, the study is read, the archive comes back and gets
//! all of it. DCMTK's storescu and Orthanc play scanner and archive where they are installed.

mod archive;
mod clinic;
mod http;
mod line;
mod scanner;
mod verdict;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_signal::{Signal, Signals};
use serde_json::Value;
use smol::stream::StreamExt;

use crate::base::time::{Clock, Instant};
use crate::board::clock::BoardClock;
use crate::board::entropy::KernelRng;
use crate::cli::Done;
use crate::cli::terminal::{self, Failure};

use archive::Archive;
use clinic::Clinic;
use scanner::Scanner;

/// Slices of the phantom: as few as the package reads.
const SLICES: usize = 48;
/// How long one step may take on a slow board; the whole takes under two minutes on a desk.
const PATIENCE: Duration = Duration::from_mins(10);
/// Where the package lies, unless told: in the sources, or where an image puts it.
const PACKAGES: [&str; 2] = ["models/lung-nodule", "/usr/share/scanpost/models/lung-nodule"];

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Your own study, as a folder with DICOM files; left out: a phantom.
    study: Option<PathBuf>,
    /// Leave box and archive running, and everything in the folder.
    #[arg(long)]
    keep: bool,
    /// The folder to work in; it must not exist yet. Left out: one under the temporary folder.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The model package that reads.
    #[arg(long, value_name = "DIR")]
    package: Option<PathBuf>,
    /// Play scanner and archive by ourselves, even where DCMTK and Orthanc are installed.
    #[arg(long)]
    alone: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What the demo tells on the way: a tick and the time since the step before.
pub(super) struct Story {
    clock: BoardClock,
    last: Instant,
    /// Set by SIGTERM and SIGINT: whoever was started must be ended first.
    stopped: Arc<AtomicBool>,
}

impl Story {
    fn new() -> Result<Self, Failure> {
        let clock = BoardClock::new(&mut KernelRng);
        let last = clock.now();
        let stopped = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&stopped);
        let mut signals = Signals::new([Signal::Term, Signal::Int])
            .map_err(|error| Failure::because("signals cannot be heard", &error))?;
        std::thread::spawn(move || {
            while smol::block_on(signals.next()).is_some() {
                heard.store(true, Ordering::Relaxed);
            }
        });
        Ok(Self { clock, last, stopped })
    }

    /// Tells that a step is done.
    fn tick(&mut self, what: &str) {
        let now = self.clock.now();
        let seconds = now.since(self.last).as_secs_f64();
        self.last = now;
        terminal::say(&format!("  ✓ {seconds:6.1} s  {what}"));
    }

    /// Asks until there is an answer.
    ///
    /// # Errors
    ///
    /// When there is none in [`PATIENCE`].
    fn wait<T>(
        &self,
        what: &str,
        mut ask: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let end = self.clock.now().after(PATIENCE);
        while self.clock.now() < end {
            if self.stopped.load(Ordering::Relaxed) {
                return Err(Failure::Refused("it was told to stop".to_owned()));
            }
            if let Some(found) = ask()? {
                return Ok(found);
            }
            pause();
        }
        Err(Failure::Refused(format!("{what}: not in {} s", PATIENCE.as_secs())))
    }
}

/// Lets others work before asking again.
#[expect(clippy::disallowed_methods, reason = "the demo is a script: it asks and waits")]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

pub(super) fn run(verb: &Demo) -> Done {
    let mut story = Story::new()?;
    let package = package(verb.package.as_deref())?;
    let folder = folder(verb.folder.as_deref())?;
    terminal::say(&format!("Scanpost demo in {}", folder.display()));
    let (files, truth) = if let Some(study) = &verb.study {
        (scanner::files(study)?, None)
    } else {
        let (files, truth) = scanner::phantom(&folder, SLICES)?;
        story.tick(&format!("a phantom of {} slices is drawn", files.len()));
        (files, Some(truth))
    };
    let archive = Archive::prepare(&folder, verb.alone)?;
    let scanner = Scanner::find(verb.alone || verb.study.is_some());
    terminal::say(&format!("  scanner: {}; archive: {}", scanner.name(), archive.name()));
    let clinic = Clinic::build(&folder, &package, archive.peer())?;
    story.tick("the model package is verified and installed, the box set up");
    let outcome = Play { story, clinic, archive, scanner, files, truth }.play(&folder, verb)?;
    if verb.json {
        terminal::answer(&outcome.json())?;
    }
    outcome.judge()
}

/// The package: the one that was named, or the first of those that are there.
fn package(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let candidates = match named {
        Some(path) => vec![path.to_owned()],
        None => PACKAGES.map(PathBuf::from).to_vec(),
    };
    let found = candidates.into_iter().find(|path| path.exists());
    found.ok_or_else(|| {
        Failure::Refused("no model package is here: name its folder by --package".to_owned())
    })
}

/// Makes the scratch folder.
fn folder(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = match named {
        Some(path) => path.to_owned(),
        None => std::env::temp_dir().join(format!("scanpost-demo-{}", std::process::id())),
    };
    std::fs::create_dir(&folder)
        .and_then(|()| folder.canonicalize())
        .map_err(|error| Failure::because(&format!("{} is not made", folder.display()), &error))
}

/// Everybody on stage.
struct Play {
    story: Story,
    clinic: Clinic,
    archive: Archive,
    scanner: Scanner,
    files: Vec<PathBuf>,
    truth: Option<Value>,
}

impl Play {
    fn play(mut self, folder: &Path, verb: &Demo) -> Result<verdict::Outcome, Failure> {
        self.clinic.start(&self.story)?;
        self.story.tick("the box runs; the archive is away");
        let accepted = self.send_and_cut()?;
        self.clinic.start(&self.story)?;
        let kept = self.clinic.instances()?;
        if kept < accepted {
            return Err(Failure::Refused(format!(
                "{accepted} images were acknowledged, {kept} are there after the cut"
            )));
        }
        self.story.tick(&format!(
            "the box was killed with {accepted} of {} images acknowledged: all of them are there",
            self.files.len()
        ));
        let rest = self.files.get(accepted..).unwrap_or_default();
        let sent = self.scanner.send(self.clinic.port(), rest)?;
        if sent != rest.len() {
            let of = rest.len();
            return Err(Failure::Refused(format!("{sent} of the other {of} were acknowledged")));
        }
        self.story.tick(&format!("the scanner sent the other {}", rest.len()));
        let result = self.result()?;
        self.archive.start(&self.story)?;
        self.story.tick("the archive is back");
        self.story.wait("everything in the archive", || self.clinic.nothing_owed())?;
        let results = folder.join("results");
        let documents = self.archive.collect(&results)?;
        self.story.tick(&format!(
            "the archive has {} images, once each, and {} documents",
            documents.images, documents.results
        ));
        let picture = self.clinic.picture(&results)?;
        let outcome = verdict::Outcome::of(&result, self.truth.as_ref(), &documents);
        outcome.tell(self.files.len());
        terminal::say(&format!("  documents: {}", results.display()));
        if let Some(picture) = picture {
            terminal::say(&format!("  picture:   {}", picture.display()));
        }
        if verb.keep {
            terminal::say(&format!("  page:      http://localhost:{}/", self.clinic.page()));
            let running = [self.clinic.keep(), self.archive.keep()].into_iter().flatten();
            let running: Vec<String> = running.map(|process| process.to_string()).collect();
            terminal::say(&format!("  box and archive run on; to end: kill {}", running.join(" ")));
        } else {
            self.clinic.clear()?;
        }
        Ok(outcome)
    }

    /// Sends through a line that kills the box half-way; returns how many images were
    /// acknowledged.
    fn send_and_cut(&mut self) -> Result<usize, Failure> {
        let half = scanner::bytes(&self.files)? / 2;
        let line = line::Line::through(self.clinic.port(), half)?;
        let kill = self.clinic.killer();
        let port = line.port();
        let cutting = std::thread::spawn(move || line.carry(&kill));
        let accepted = self.scanner.send(port, &self.files)?;
        let carried = cutting.join().map_err(|_panic| Failure::Bug("the line broke".to_owned()))?;
        carried.map_err(|error| Failure::because("the line to the box", &error))?;
        self.clinic.bury()?;
        Ok(accepted)
    }

    /// Waits for the result of the study; returns it as the box has it.
    fn result(&mut self) -> Result<Value, Failure> {
        self.story.wait("the study to be whole", || self.clinic.event("whole"))?;
        self.story.tick("the study is whole");
        let result = self.story.wait("a result", || self.clinic.result())?;
        self.story.tick("it is read and written up");
        Ok(result)
    }
}
