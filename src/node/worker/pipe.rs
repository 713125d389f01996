//! Frames over the pipes of a process, without blocking: what the box sends, and what it believes
//! of what comes back.

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::process::{ChildStdin, ChildStdout};

use crate::base::limits::WORKER_CHUNK_BYTES_MAX;
use crate::infer::finding::Reading;
use crate::infer::golden::Agreement;
use crate::infer::reading::Progress;
use crate::node::worker::Answer;
use crate::node::worker::check::{self, Asked, Lie};
use crate::node::worker::frame::{FrameError, HEAD_BYTES, Head, Kind};
use crate::node::worker::message::{Hello, VERSION, Verified, from_bytes};
use crate::node::worker::sandbox::{Landlock, Seccomp};
use crate::node::worker::session::Ended;

/// The pipe to the worker. Dropping it tells the worker that no more comes.
pub(super) struct To(ChildStdin);

impl To {
    pub(super) fn new(pipe: ChildStdin) -> Self {
        Self(pipe)
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// [`FrameError::Length`]; [`FrameError::Pipe`] once the worker does not read any more.
    pub(super) async fn frame(&mut self, kind: Kind, payload: &[u8]) -> Result<(), FrameError> {
        let pipe = |source| FrameError::Pipe { source };
        let head = Head::of(kind, payload)?;
        self.0.write_all(&head.bytes()).await.map_err(pipe)?;
        self.0.write_all(payload).await.map_err(pipe)
    }

    /// Sends raw bytes in as many frames as they need; none for no bytes.
    ///
    /// # Errors
    /// As [`To::frame`].
    pub(super) async fn data(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        for chunk in bytes.chunks(WORKER_CHUNK_BYTES_MAX) {
            self.frame(Kind::Data, chunk).await?;
        }
        Ok(())
    }
}

/// The pipe from the worker.
pub(super) struct From(ChildStdout);

impl From {
    pub(super) fn new(pipe: ChildStdout) -> Self {
        Self(pipe)
    }

    /// Waits until the worker has said what holds it.
    ///
    /// # Errors
    /// Why it must not get a byte of a study.
    pub(super) async fn hello(&mut self) -> Result<(), &'static str> {
        const OTHER: &str = "it is another version of this program";
        let (kind, payload) =
            self.frame().await.map_err(|_gone| "it ended before it was confined")?;
        let hello: Hello = match from_bytes(&payload) {
            Ok(hello) if kind == Kind::Hello => hello,
            Ok(_) | Err(_) => return Err(OTHER),
        };
        if hello.version != VERSION {
            return Err(OTHER);
        }
        if hello.sandbox.seccomp == Seccomp::Missing {
            return Err("this kernel filters no system calls");
        }
        if hello.sandbox.landlock != Landlock::Full {
            let landlock = hello.sandbox.landlock;
            tracing::debug!(?landlock, "the kernel confines the worker in part");
        }
        Ok(())
    }

    /// Hears the answer to a series to its end, or why the package does not run; what it returns
    /// was checked.
    ///
    /// # Errors
    /// [`Ended::Frame`] and [`Ended::Lied`].
    pub(super) async fn answer(
        &mut self,
        asked: Asked<'_>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Result<Answer, String>, Ended> {
        let mut done = 0;
        let answer = loop {
            let (kind, payload) = self.frame().await?;
            match kind {
                Kind::Progress => {
                    let step = step(&payload, done, asked.facts.len())?;
                    done = step.done;
                    progress(step);
                }
                Kind::Read => break Ok(self.reading(from_bytes(&payload)?, asked).await?),
                Kind::NotRead => break Ok(Answer::NotRead(from_bytes(&payload)?)),
                Kind::Bad => break Err(plain(&payload)),
                Kind::Hello
                | Kind::Task
                | Kind::Data
                | Kind::Facts
                | Kind::Instance
                | Kind::End
                | Kind::Golden => return Err(FrameError::Order.into()),
            }
        };
        self.end().await?;
        Ok(answer)
    }

    /// Hears how the golden case came out, or why the package does not run.
    ///
    /// # Errors
    /// [`Ended::Frame`].
    pub(super) async fn agreement(&mut self) -> Result<Result<Agreement, String>, Ended> {
        let (kind, payload) = self.frame().await?;
        let agreement = match kind {
            Kind::Golden => {
                let verified: Verified = from_bytes(&payload)?;
                let values = usize::try_from(verified.values).map_err(|_huge| FrameError::Order)?;
                Ok(Agreement { worst: verified.worst, values })
            }
            Kind::Bad => Err(plain(&payload)),
            Kind::Hello
            | Kind::Task
            | Kind::Data
            | Kind::Facts
            | Kind::Instance
            | Kind::End
            | Kind::Progress
            | Kind::Read
            | Kind::NotRead => return Err(FrameError::Order.into()),
        };
        self.end().await?;
        Ok(agreement)
    }

    /// Takes the raw bytes of a reading, which come behind it, and checks it as a whole.
    async fn reading(&mut self, mut reading: Reading, asked: Asked<'_>) -> Result<Answer, Ended> {
        check::content(&reading, asked)?;
        let mut sizes = check::sizes(&reading, asked)?.into_iter();
        let pictures = reading.pictures.iter_mut().map(|picture| &mut picture.rgb);
        for raw in std::iter::once(&mut reading.heatmap.scores).chain(pictures) {
            *raw = self.data(sizes.next().unwrap_or(0)).await?;
        }
        Ok(Answer::Read(Box::new(reading)))
    }

    /// Reads raw bytes, exactly `size` of them.
    async fn data(&mut self, size: usize) -> Result<Vec<u8>, Ended> {
        let mut bytes = Vec::new();
        while bytes.len() < size {
            let (kind, chunk) = self.frame().await?;
            let room = size.saturating_sub(bytes.len());
            if kind != Kind::Data || chunk.is_empty() || room < chunk.len() {
                return Err(FrameError::Order.into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Reads the closing frame and the end of the pipe.
    async fn end(&mut self) -> Result<(), Ended> {
        match self.frame().await? {
            (Kind::End, _) => match self.frame().await {
                Err(FrameError::Gone) => Ok(()),
                Ok(_) | Err(_) => Err(FrameError::Order.into()),
            },
            _ => Err(FrameError::Order.into()),
        }
    }

    async fn frame(&mut self) -> Result<(Kind, Vec<u8>), FrameError> {
        let pipe = |source| FrameError::Pipe { source };
        let head = read_up_to(&mut self.0, HEAD_BYTES).await.map_err(pipe)?;
        let head = match <[u8; HEAD_BYTES]>::try_from(head.as_slice()) {
            Ok(head) => Head::parse(head)?,
            Err(_) if head.is_empty() => return Err(FrameError::Gone),
            Err(_) => return Err(FrameError::Cut),
        };
        let payload = read_up_to(&mut self.0, head.length).await.map_err(pipe)?;
        if payload.len() < head.length {
            return Err(FrameError::Cut);
        }
        Ok((head.kind, payload))
    }
}

/// Reads `count` bytes, or fewer where the pipe ends.
async fn read_up_to(pipe: &mut ChildStdout, count: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    pipe.take(count).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Reads a progress frame; slices only ever count up, to as many as were sent.
fn step(payload: &[u8], before: usize, instances: usize) -> Result<Progress, Lie> {
    let number = |bytes: &[u8]| {
        let word = bytes.first_chunk::<4>().map(|word| u32::from_le_bytes(*word));
        word.and_then(|number| usize::try_from(number).ok())
    };
    let (done, of) = payload.split_at(payload.len().min(4));
    match (number(done), number(of)) {
        (Some(done), Some(of)) if before < done && done <= of && of <= instances => {
            Ok(Progress { done, of })
        }
        _ => Err(Lie::Progress),
    }
}

/// Text of a worker, without what could steer a terminal.
fn plain(payload: &[u8]) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    String::from_utf8_lossy(payload).chars().map(plain).collect()
}
