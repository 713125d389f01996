//! The box's side of one job: starts the process, talks to it, ends it, judges how it ended.
//!
//! Two things run side by side, since pipes are short: what is sent, and what comes back. A worker
//! that refuses early stops reading; the box hears why and stops sending.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use smol::Timer;
use smol::future::{or, try_zip};
use smol::io::AsyncReadExt;
use smol::process::{Child, ChildStdin, ChildStdout, Command};

use crate::dicom::header::SliceFacts;
use crate::infer::golden::Agreement;
use crate::infer::reading::Progress;
use crate::model::package::Package;
use crate::node::worker::check::{Asked, Lie};
use crate::node::worker::frame::{FrameError, Kind};
use crate::node::worker::message::{Part, Task, What, to_bytes};
use crate::node::worker::pipe::{From, To};
use crate::node::worker::{Answer, Died, LastWords, Slices, SlicesError, Worker, WorkerError};

/// How long a process may take until it is confined and says so: milliseconds, unless the box is
/// starved. One that does not get there has not seen the study.
const READY: Duration = Duration::from_secs(30);

type Parts = BTreeMap<String, Vec<u8>>;

/// Why a talk ended without an answer.
pub(super) enum Ended {
    /// The instances did not come.
    Slices(SlicesError),
    /// What came is no answer.
    Frame(FrameError),
    /// What came cannot be true.
    Lied(Lie),
}

/// Reads a series.
pub(super) async fn read(
    worker: &Worker,
    package: &Package,
    slices: Box<dyn Slices>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(Answer, Box<dyn Slices>), WorkerError> {
    let facts = slices.facts().to_vec();
    let task = task(What::Read, package.parts(), facts.len());
    let (child, to, mut from) = start(worker).await?;
    let asked = Asked { package, facts: &facts };
    let talk = async move {
        let sending = send_series(to, &task, asked, slices);
        let (slices, answer) = try_zip(sending, from.answer(asked, progress)).await?;
        Ok(answer.map(|answer| (answer, slices)))
    };
    run(child, worker.limit, talk).await?.map_err(WorkerError::Bad)
}

/// Runs the golden case of a package.
pub(super) async fn golden(worker: &Worker, parts: &Parts) -> Result<Agreement, WorkerError> {
    let task = task(What::Golden, parts, 0);
    let (child, to, mut from) = start(worker).await?;
    let talk = async move {
        let (_, agreement) = try_zip(send_package(to, &task, parts), from.agreement()).await?;
        Ok(agreement)
    };
    run(child, worker.limit, talk).await?.map_err(WorkerError::Bad)
}

fn task(what: What, parts: &Parts, instances: usize) -> Task {
    let bytes = |part: &Vec<u8>| u64::try_from(part.len()).unwrap_or(u64::MAX);
    let parts = parts.iter().map(|(name, part)| Part { name: name.clone(), bytes: bytes(part) });
    let instances = u32::try_from(instances).unwrap_or(u32::MAX);
    Task { what, parts: parts.collect(), instances }
}

/// Starts a process and waits until it is confined.
async fn start(worker: &Worker) -> Result<(Child, To, From), WorkerError> {
    let (mut child, to, mut from) = spawn(worker).map_err(WorkerError::Start)?;
    let late = async {
        Timer::after(READY).await;
        Err("it does not say that it is confined")
    };
    let Err(why) = or(from.hello(), late).await else { return Ok((child, to, from)) };
    // Pipes first: a process that waits for them ends by itself and says why.
    drop((to, from));
    let ended = async { child.status().await.is_ok() };
    let patience = async {
        Timer::after(Duration::from_secs(1)).await;
        false
    };
    if !or(ended, patience).await {
        kill(&mut child);
        child.status().await.map_err(WorkerError::Start)?;
    }
    let words = last_words(&mut child).await;
    Err(WorkerError::Start(io::Error::other(format!("{why}{words}"))))
}

/// Starts the process: no environment, no folder of its own, three pipes.
fn spawn(worker: &Worker) -> io::Result<(Child, To, From)> {
    let mut child = Command::new(&worker.program)
        .arg("worker")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pipes: Option<(ChildStdin, ChildStdout)> = child.stdin.take().zip(child.stdout.take());
    let (to, from) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((child, To::new(to), From::new(from)))
}

/// Sends task and package; hands the pipe back.
async fn send_package(mut to: To, task: &Task, parts: &Parts) -> Result<Option<To>, Ended> {
    let sent = async {
        to.frame(Kind::Task, &to_bytes(task)?).await?;
        for part in parts.values() {
            to.data(part).await?;
        }
        Ok(())
    };
    let is_open = open(sent.await)?;
    Ok(is_open.then_some(to))
}

/// Sends everything about a series; hands the instances back.
async fn send_series(
    to: To,
    task: &Task,
    asked: Asked<'_>,
    slices: Box<dyn Slices>,
) -> Result<Box<dyn Slices>, Ended> {
    let Some(mut to) = send_package(to, task, asked.package.parts()).await? else {
        return Ok(slices);
    };
    if !open(send_facts(&mut to, asked.facts).await)? {
        return Ok(slices);
    }
    let mut at = At { slices, chunk: Vec::new() };
    for _ in asked.facts {
        let (next, begun) = smol::unblock(move || at.begin()).await;
        at = next;
        let syntax = begun.map_err(Ended::Slices)?;
        let mut sent = to.frame(Kind::Instance, syntax.as_bytes()).await;
        let mut is_more = true;
        while is_more && sent.is_ok() {
            let (next, more) = smol::unblock(move || at.chunk()).await;
            at = next;
            is_more = more.map_err(Ended::Slices)?;
            sent = to.data(&at.chunk).await;
        }
        if sent.is_ok() {
            sent = to.frame(Kind::End, &[]).await;
        }
        if !open(sent)? {
            break;
        }
    }
    Ok(at.slices)
}

async fn send_facts(to: &mut To, facts: &[SliceFacts]) -> Result<(), FrameError> {
    for facts in facts {
        to.frame(Kind::Facts, &to_bytes(facts)?).await?;
    }
    Ok(())
}

/// Tells whether the worker still listens. A pipe that it closed is no error here: what it
/// answers, or how it ends, tells why.
fn open(sent: Result<(), FrameError>) -> Result<bool, Ended> {
    match sent {
        Ok(()) => Ok(true),
        Err(FrameError::Pipe { .. }) => Ok(false),
        Err(error) => Err(Ended::Frame(error)),
    }
}

/// The instances on their way to a blocking thread and back.
struct At {
    slices: Box<dyn Slices>,
    chunk: Vec<u8>,
}

impl At {
    /// Bytes that are gathered before they are sent.
    const GATHERED: usize = 512 * 1024;

    fn begin(mut self) -> (Self, Result<String, SlicesError>) {
        let begun = self.slices.begin();
        let begun = begun.and_then(|syntax| syntax.ok_or(SlicesError::Missing));
        (self, begun.map(|syntax| syntax.as_str().to_owned()))
    }

    /// Fills the chunk; false once there is no more.
    fn chunk(mut self) -> (Self, Result<bool, SlicesError>) {
        self.chunk.clear();
        let mut more = Ok(true);
        while matches!(more, Ok(true)) && self.chunk.len() < Self::GATHERED {
            more = self.slices.chunk(&mut self.chunk);
        }
        (self, more)
    }
}

/// Lets a process talk and ends it, all within the limit.
async fn run<T>(
    mut child: Child,
    limit: Duration,
    talk: impl Future<Output = Result<T, Ended>>,
) -> Result<T, WorkerError> {
    let late = async {
        Timer::after(limit).await;
        None
    };
    let spoken = async {
        let spoken = talk.await;
        if spoken.as_ref().err().is_some_and(must_be_killed) {
            kill(&mut child);
        }
        // Both its pipes are closed: it has nothing left to live for.
        Some((spoken, child.status().await))
    };
    let Some((spoken, status)) = or(spoken, late).await else {
        kill(&mut child);
        // Killed, it ends whatever it was doing.
        child.status().await.map_err(WorkerError::Start)?;
        return Err(Died::TooSlow { limit }.into());
    };
    let status = status.map_err(WorkerError::Start)?;
    let words = last_words(&mut child).await;
    judge(spoken, status, words)
}

/// Tells whether a process has to be made to end.
fn must_be_killed(ended: &Ended) -> bool {
    match ended {
        Ended::Frame(error) => !is_end(error),
        Ended::Slices(_) | Ended::Lied(_) => true,
    }
}

/// Tells whether the pipe just ended. The worker is then ending by itself, and how it does so is
/// worth knowing.
fn is_end(error: &FrameError) -> bool {
    matches!(error, FrameError::Gone | FrameError::Cut | FrameError::Pipe { .. })
}

fn kill(child: &mut Child) {
    // It can only fail for a process that is over.
    let killed = child.kill();
    drop(killed);
}

/// Reads what the dead process left in its standard error.
async fn last_words(child: &mut Child) -> LastWords {
    let mut bytes = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let most = u64::try_from(LastWords::BYTES_MAX).unwrap_or(u64::MAX);
        let read = stderr.take(most).read_to_end(&mut bytes).await;
        // What was read until then is kept.
        drop(read);
    }
    LastWords::of(&bytes)
}

fn judge<T>(
    spoken: Result<T, Ended>,
    status: ExitStatus,
    words: LastWords,
) -> Result<T, WorkerError> {
    let died = |words| match (status.signal(), status.code()) {
        (Some(signal), _) => Died::Signal { signal, words },
        (None, code) => Died::Exit { code: code.unwrap_or(-1), words },
    };
    match spoken {
        Ok(answer) if status.success() => Ok(answer),
        Err(Ended::Slices(error)) => Err(error.into()),
        Err(Ended::Lied(lie)) => Err(Died::Lied(lie).into()),
        Err(Ended::Frame(error)) if !is_end(&error) || status.success() => {
            Err(Died::Garbled(error).into())
        }
        Ok(_) | Err(Ended::Frame(_)) => Err(died(words).into()),
    }
}

impl std::convert::From<FrameError> for Ended {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl std::convert::From<Lie> for Ended {
    fn from(lie: Lie) -> Self {
        Self::Lied(lie)
    }
}
