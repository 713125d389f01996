//! Decoding and inference in a child process that has given up files, sockets and processes.
//!
//! One process does one job. It is this binary, executed again with the verb `worker`; plain
//! bytes go in by its standard input, marks, masks and pictures come back, and nothing of what it
//! answers is believed unchecked. What it dies of counts against the study, never against the box.
//!
//! # Invariants
//! - Not one byte of a study leaves for a worker that has not said that system calls are filtered.
//! - Everything that comes back is bounded before it is kept and checked before it is handed on.
//! - When a call returns, its process is over.

mod check;
pub mod child;
mod decode;
mod frame;
mod message;
mod pipe;
pub mod sandbox;
mod session;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::limits::WORKER_TIME;
use crate::base::uid::Uid;
use crate::dicom::header::SliceFacts;
use crate::infer::finding::Reading;
use crate::infer::golden::Agreement;
use crate::infer::reading::Progress;
use crate::model::package::Package;

pub use check::Lie;
pub use frame::FrameError;
pub use message::Refused;

/// The running binary, even when an update has put another one in its place.
const SELF: &str = "/proc/self/exe";

/// Hands over the instances of one job, in the job's order. Methods block; they are called on the
/// pool of blocking threads.
pub trait Slices: Send {
    /// Returns the facts of all instances, as the ledger has them, in the order of the job.
    fn facts(&self) -> &[SliceFacts];

    /// Begins the next instance; returns its transfer syntax. `None` behind the last.
    ///
    /// # Errors
    /// What keeps it from being handed over.
    fn begin(&mut self) -> Result<Option<Uid>, SlicesError>;

    /// Appends the next bytes of the data set, as they were kept, to `chunk`; false once there
    /// are no more.
    ///
    /// # Errors
    /// What keeps it from being handed over.
    fn chunk(&mut self, chunk: &mut Vec<u8>) -> Result<bool, SlicesError>;
}

/// Why the instances of a job could not be handed over.
#[derive(Debug, thiserror::Error)]
pub enum SlicesError {
    /// There are fewer instances than facts.
    #[error("an instance of the series is missing")]
    Missing,
    /// The store failed.
    #[error("an instance of the series cannot be read")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What came of a reading.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was read.
    Read(Box<Reading>),
    /// It was not, and the worker says why.
    NotRead(Refused),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The worker died over the job. Counts as a death of the study.
    #[error("the reader died")]
    Died(#[from] Died),
    /// The instances could not be handed over. Not the study's fault, nor the worker's.
    #[error("the reader could not be given the series")]
    Slices(#[from] SlicesError),
    /// No worker could be started, or it could not confine itself. Not the study's fault.
    #[error("no reader could be started")]
    Start(#[source] io::Error),
    /// The package does not run here; the text says why.
    #[error("{0}")]
    Bad(String),
}

/// How a worker died.
#[derive(Debug, thiserror::Error)]
pub enum Died {
    /// By a signal.
    #[error("it was ended by signal {signal}{words}")]
    Signal {
        /// The signal's number.
        signal: i32,
        /// Its last words.
        words: LastWords,
    },
    /// It ended by itself, without an answer.
    #[error("it ended with code {code}{words}")]
    Exit {
        /// Its exit code.
        code: i32,
        /// Its last words.
        words: LastWords,
    },
    /// It took too long and was killed.
    #[error("it was not done after {} s and was killed", limit.as_secs())]
    TooSlow {
        /// The time that it had.
        limit: Duration,
    },
    /// Its answer cannot be true.
    #[error("its answer cannot be")]
    Lied(#[from] Lie),
    /// Its answer cannot be read.
    #[error("its answer cannot be read")]
    Garbled(#[source] FrameError),
}

/// Where a worker panicked, or that memory ran out; nothing else of what it wrote is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastWords(Option<String>);

impl LastWords {
    /// Bytes of standard error that are looked at.
    const BYTES_MAX: usize = 4096;
    /// Characters that are kept: a path and two numbers.
    const KEPT: usize = 160;

    /// Takes the first line that is of a known form.
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let plain = |c: char| c.is_ascii_alphanumeric() || " ._-/:".contains(c);
        let known = |line: &&str| {
            let is_known = line.starts_with("panicked at ")
                || line.starts_with("memory allocation of ") && line.ends_with(" bytes failed");
            is_known && line.chars().all(plain)
        };
        Self(text.lines().find(known).map(|line| line.chars().take(Self::KEPT).collect()))
    }
}

impl fmt::Display for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |words| write!(f, " ({words})"))
    }
}

/// Starts workers. Keeps nothing; any number may be at work.
#[derive(Clone, Debug)]
pub struct Worker {
    program: PathBuf,
    limit: Duration,
}

impl Default for Worker {
    fn default() -> Self {
        Self::of(PathBuf::from(SELF))
    }
}

impl Worker {
    /// Uses another binary than the running one.
    pub fn of(program: PathBuf) -> Self {
        Self { program, limit: WORKER_TIME }
    }

    /// Gives a job this much time, from the moment that its process is confined to its end.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Reads a series with a package; hands `slices` back, however far they were taken.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub async fn read(
        &self,
        package: &Package,
        slices: Box<dyn Slices>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(Answer, Box<dyn Slices>), WorkerError> {
        session::read(self, package, slices, progress).await
    }

    /// Checks a package, given as its parts by relative path, and runs its golden case.
    ///
    /// # Errors
    /// [`WorkerError`]; [`WorkerError::Bad`] says what is wrong with the package.
    pub async fn golden(
        &self,
        parts: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Agreement, WorkerError> {
        session::golden(self, parts).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::package::tests::lung_nodule;

    struct Nothing;

    impl Slices for Nothing {
        fn facts(&self) -> &[SliceFacts] {
            &[]
        }

        fn begin(&mut self) -> Result<Option<Uid>, SlicesError> {
            Ok(None)
        }

        fn chunk(&mut self, _: &mut Vec<u8>) -> Result<bool, SlicesError> {
            Ok(false)
        }
    }

    /// Compiles only where the futures may go from thread to thread, as the executor wants.
    #[test]
    fn its_futures_may_go_from_thread_to_thread() {
        fn send<T: Send>(future: T) -> T {
            future
        }
        let (worker, package) = (Worker::default(), lung_nodule());
        drop(send(worker.golden(package.parts())));
        drop(send(worker.read(&package, Box::new(Nothing), &mut |_| ())));
    }

    #[test]
    fn last_words_are_a_place_or_a_number_and_nothing_that_was_in_the_data() {
        let kept = |text: &str| LastWords::of(text.as_bytes()).to_string();
        assert_eq!(kept("noise\npanicked at src/a.rs:7\nmore"), " (panicked at src/a.rs:7)");
        let memory = "memory allocation of 16 bytes failed";
        assert_eq!(kept(memory), format!(" ({memory})"));
        for other in ["", "DOE^JANE", "panicked at \u{1b}[2J", "panicked at a.rs:1 DOE^JANE"] {
            assert_eq!(kept(other), "", "{other:?}");
        }
        let long = kept(&format!("panicked at {}", "a".repeat(1000)));
        assert!(long.len() < 200, "{long}");
    }
}
