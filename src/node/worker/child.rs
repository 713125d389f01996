//! The worker itself: confines itself, takes one job from standard input, answers, ends.
//!
//! ```text
//! hook, limits, Landlock, seccomp ─▶ Hello ─▶ Task, parts, facts ─▶ instance by instance into
//! the volume ─▶ Progress … ─▶ Read │ NotRead │ Golden │ Bad
//! ```
//! A refusal is answered as soon as it is known: the box then stops sending.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read, Write};

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::base::limits::{PACKAGE_BYTES_MAX, STUDY_INSTANCES_MAX, WORKER_MEMORY_BYTES};
use crate::base::limits::{PACKAGE_PART_BYTES_MAX, WORKER_CHUNK_BYTES_MAX, WORKER_RESERVE_BYTES};
use crate::dicom::header::SliceFacts;
use crate::image::geometry::Coverage;
use crate::image::volume::{Builder, Volume};
use crate::infer::budget::Budget;
use crate::infer::finding::Reading;
use crate::infer::golden;
use crate::infer::reading::{self, Progress, ReadError};
use crate::infer::tract::{self, Tract};
use crate::model::package::Package;
use crate::node::worker::decode::Decoder;
use crate::node::worker::frame::{self, FrameError, Kind};
use crate::node::worker::message::{
    self, Hello, Refused, Task, VERSION, Verified, What, from_bytes, to_bytes,
};
use crate::node::worker::sandbox::{self, SandboxError, Seccomp};

/// Parts of a package that a task may name: more than any package may have.
const PARTS_MAX: usize = 256;

/// Why a worker ended without an answer.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It could not confine itself.
    #[error("the worker cannot be confined")]
    Sandbox {
        /// Why.
        #[from]
        source: SandboxError,
    },
    /// It could not tie its life to the box's.
    #[error("the worker cannot be tied to the box")]
    Alone {
        /// Why.
        source: io::Error,
    },
    /// The kernel has no seccomp.
    #[error(
        "the worker takes no work: this kernel filters no system calls (CONFIG_SECCOMP_FILTER)"
    )]
    Unfiltered,
    /// The conversation broke off.
    #[error("the worker was not told its job")]
    Frame {
        /// Where.
        #[from]
        source: FrameError,
    },
}

/// The job went no further; what is to be answered.
enum Stop {
    Refused(Refused),
    Bad(String),
    Broken(FrameError),
}

/// Does one job: standard input to standard output.
///
/// # Errors
/// [`ChildError`], where nothing could be answered.
pub fn run() -> Result<(), ChildError> {
    std::panic::set_hook(Box::new(|panic| {
        if let Some(place) = panic.location() {
            // The message may hold what was in the data.
            let said = writeln!(io::stderr(), "panicked at {}:{}", place.file(), place.line());
            drop(said);
        }
    }));
    // A box that is killed takes its worker along: two must not read beside each other after its
    // next start. One that died before this line leaves no input, which ends the worker as well.
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| ChildError::Alone { source: error.into() })?;
    tract::prepare();
    let sandbox = sandbox::enter()?;
    let mut output = BufWriter::new(io::stdout().lock());
    let hello = to_bytes(&Hello { version: VERSION, sandbox })?;
    frame::write(&mut output, Kind::Hello, &hello)?;
    flush(&mut output)?;
    if sandbox.seccomp == Seccomp::Missing {
        return Err(ChildError::Unfiltered);
    }
    match answer(&mut io::stdin().lock(), &mut output) {
        Ok(()) => {}
        Err(Stop::Broken(source)) => return Err(source.into()),
        Err(Stop::Refused(refused)) => {
            frame::write(&mut output, Kind::NotRead, &to_bytes(&refused)?)?;
        }
        Err(Stop::Bad(text)) => frame::write(&mut output, Kind::Bad, cut(&text).as_bytes())?,
    }
    frame::write(&mut output, Kind::End, &[])?;
    Ok(flush(&mut output)?)
}

fn flush(output: &mut dyn Write) -> Result<(), FrameError> {
    output.flush().map_err(|source| FrameError::Pipe { source })
}

/// Takes the job and answers it, but for the closing frame.
fn answer(input: &mut dyn Read, output: &mut dyn Write) -> Result<(), Stop> {
    let task: Task = expect(input, Kind::Task)?;
    let package = package(input, &task)?;
    match task.what {
        What::Golden => {
            let agreed = golden::check(&package, &Tract).map_err(|error| Stop::bad(&error))?;
            let values = u64::try_from(agreed.values).unwrap_or(u64::MAX);
            let verified = Verified { worst: agreed.worst, values };
            Ok(frame::write(output, Kind::Golden, &to_bytes(&verified)?)?)
        }
        What::Read => {
            let facts = facts(input, &task)?;
            let volume = volume(input, &facts, &package)?;
            let mut broken = None;
            let mut progress = |progress: Progress| {
                if let Err(error) = report(output, progress) {
                    broken.get_or_insert(error);
                }
            };
            let reading = reading::read(&volume, &package, &Tract, &mut progress);
            match broken {
                Some(error) => Err(error.into()),
                None => Ok(send(output, reading.map_err(refusal)?)?),
            }
        }
    }
}

/// Takes the parts of the package and checks it as a whole.
fn package(input: &mut dyn Read, task: &Task) -> Result<Package, Stop> {
    if PARTS_MAX < task.parts.len() {
        return Err(Stop::Broken(FrameError::Order));
    }
    let mut files = BTreeMap::new();
    let mut total = 0_u64;
    for part in &task.parts {
        total = total.saturating_add(part.bytes);
        if PACKAGE_PART_BYTES_MAX < part.bytes || PACKAGE_BYTES_MAX < total {
            return Err(Stop::Bad(format!("the package has more than {PACKAGE_BYTES_MAX} bytes")));
        }
        let wanted = usize::try_from(part.bytes).map_err(|_huge| FrameError::Order)?;
        let mut bytes = Vec::new();
        while bytes.len() < wanted {
            let chunk = data(input)?;
            if chunk.is_empty() || wanted.saturating_sub(bytes.len()) < chunk.len() {
                return Err(Stop::Broken(FrameError::Order));
            }
            bytes.extend_from_slice(&chunk);
        }
        files.insert(part.name.clone(), bytes);
    }
    Package::parse(&files).map_err(|error| Stop::bad(&error))
}

fn facts(input: &mut dyn Read, task: &Task) -> Result<Vec<SliceFacts>, Stop> {
    let count = usize::try_from(task.instances).unwrap_or(usize::MAX);
    if STUDY_INSTANCES_MAX < count {
        return Err(Stop::Refused(Refused::TooLarge));
    }
    (0..count).map(|_| Ok(expect(input, Kind::Facts)?)).collect()
}

/// Takes the instances one by one; one data set and the volume are in memory at a time.
fn volume(input: &mut dyn Read, facts: &[SliceFacts], package: &Package) -> Result<Volume, Stop> {
    let coverage = Coverage::of(facts);
    let stack = coverage.verdict.map_err(Refused::Geometry)?;
    let [rows, columns] = stack.matrix.map(usize::from);
    let limit = WORKER_MEMORY_BYTES.saturating_sub(WORKER_RESERVE_BYTES);
    let budget = Budget::of([stack.slices, rows, columns], package.manifest());
    budget.check(limit).map_err(|_needed| Refused::TooLarge)?;
    let mut builder = Builder::new(&coverage, facts).map_err(Refused::Geometry)?;
    let places: BTreeMap<usize, usize> =
        builder.sources().into_iter().enumerate().map(|(z, source)| (source, z)).collect();
    for (index, expected) in facts.iter().enumerate() {
        let (kind, syntax) = frame::read(input)?;
        if kind != Kind::Instance {
            return Err(Stop::Broken(FrameError::Order));
        }
        let Some(z) = places.get(&index) else {
            while instance_data(input)?.is_some() {}
            continue;
        };
        let mut decoder = Decoder::new(&syntax)?;
        while let Some(chunk) = instance_data(input)? {
            decoder.feed(&chunk)?;
        }
        builder.put(*z, &decoder.finish(expected)?).map_err(Refused::Geometry)?;
    }
    Ok(builder.finish().map_err(Refused::Geometry)?)
}

/// Reads the next frame, which must be of this kind.
fn expect<T: serde::de::DeserializeOwned>(
    input: &mut dyn Read,
    wanted: Kind,
) -> Result<T, FrameError> {
    let (kind, payload) = frame::read(input)?;
    if kind != wanted {
        return Err(FrameError::Order);
    }
    from_bytes(&payload)
}

fn data(input: &mut dyn Read) -> Result<Vec<u8>, FrameError> {
    match frame::read(input)? {
        (Kind::Data, chunk) => Ok(chunk),
        _ => Err(FrameError::Order),
    }
}

/// Returns the next chunk of an instance; `None` at its end.
fn instance_data(input: &mut dyn Read) -> Result<Option<Vec<u8>>, FrameError> {
    match frame::read(input)? {
        (Kind::Data, chunk) => Ok(Some(chunk)),
        (Kind::End, _) => Ok(None),
        _ => Err(FrameError::Order),
    }
}

fn report(output: &mut dyn Write, progress: Progress) -> Result<(), FrameError> {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
    let payload = [number(progress.done), number(progress.of)].concat();
    frame::write(output, Kind::Progress, &payload)?;
    flush(output)
}

/// Sends a reading: all but its raw bytes as JSON, then those of the map, then of each picture.
fn send(output: &mut dyn Write, mut reading: Reading) -> Result<(), FrameError> {
    let map = std::mem::take(&mut reading.heatmap.scores);
    let mut raw = vec![map];
    raw.extend(reading.pictures.iter_mut().map(|picture| std::mem::take(&mut picture.rgb)));
    frame::write(output, Kind::Read, &to_bytes(&reading)?)?;
    for chunk in raw.iter().flat_map(|bytes| bytes.chunks(WORKER_CHUNK_BYTES_MAX)) {
        frame::write(output, Kind::Data, chunk)?;
    }
    Ok(())
}

fn refusal(error: ReadError) -> Refused {
    match error {
        ReadError::Budget { .. } => Refused::TooLarge,
        ReadError::Region { .. } => Refused::NoRegion,
        ReadError::Engine { .. } | ReadError::Contract { .. } => Refused::ModelFailed,
    }
}

/// Cuts a text to what a frame takes, between characters.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(message::BAD_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default()
}

impl Stop {
    /// Writes an error with its causes.
    fn bad(error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        Self::Bad(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
    }
}

impl From<FrameError> for Stop {
    fn from(error: FrameError) -> Self {
        Self::Broken(error)
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}
