//! Reading: takes the jobs that were decided, has the worker read them, and keeps what it wrote.
//!
//! # Invariants
//!
//! - A set of documents is owed once all of it is sealed; cut in between, the same job gives the
//!   same bytes under the same UIDs again. Where it cannot (the reader died meanwhile), another
//!   job that says why takes its place: no set mixes two outcomes.
//! - What kills the worker twice is set aside and answered for; nothing else waits for it longer
//!   than the worker may take.
//! - Decoders and networks run in the worker alone; documents are built here, from checked values.

mod desk;
mod documents;
mod kept;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use smol::unblock;

use crate::flow::reasons::Reason;
use crate::infer::finding::Reading;
use crate::infer::reading::Progress;
use crate::model::package::Package;
use crate::node::analyse;
use crate::node::bell::{Bell, Ear};
use crate::node::reading::{SharedReading, Standing};
use crate::node::worker::{Answer, Refused, SlicesError, Worker, WorkerError};
use crate::report;
use crate::store::ledger::{AfterDeath, KeptObject, KnownJob, LedgerError};

pub use desk::{Anew, Desk, Next, Todo};
pub use documents::{Identities, WriteError};
pub use kept::KeptError;

use kept::Kept;

/// How long reading rests when the box itself is in the way: no worker starts, the disk fails.
const PAUSE: Duration = Duration::from_secs(30);
/// How often jobs are looked for without a bell.
const LOOK: Duration = Duration::from_mins(1);

/// What reading needs.
#[derive(Clone)]
pub struct Reader {
    /// Where it takes jobs and hands in documents.
    pub desk: Desk,
    /// Who reads.
    pub worker: Worker,
    /// What lamp and page see of it.
    pub standing: SharedReading,
    /// Rung when documents are owed.
    pub bells: Vec<Bell>,
}

/// Why a job could not be finished now; it stays the next one.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The ledger failed.
    #[error("jobs could not be looked up or written down")]
    Ledger(#[from] LedgerError),
    /// No worker could be started.
    #[error("the reader could not be started")]
    Worker(#[from] WorkerError),
    /// The documents could not be kept.
    #[error("results could not be kept")]
    Write(#[from] WriteError),
    /// The vault cannot give the instances now.
    #[error("the store cannot give the images now")]
    Kept(#[source] KeptError),
}

/// How a job ended.
enum Ended {
    Read(Box<Reading>, Vec<report::Source>),
    NotRead(Reason),
    /// The worker died; the job waits again.
    Again,
}

/// Reads until the task is dropped.
pub async fn read(reader: Reader, ear: Arc<Ear>) {
    loop {
        match reader.next().await {
            Ok(true) => {}
            Ok(false) => {
                let looked = async {
                    smol::Timer::after(LOOK).await;
                };
                smol::future::or(ear.heard(), looked).await;
            }
            Err(error) => {
                pauses(&error);
                smol::Timer::after(PAUSE).await;
            }
        }
    }
}

impl Reader {
    /// Does the next job; false where there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: nothing is lost, the job stays the next one.
    pub async fn next(&self) -> Result<bool, ReadError> {
        let done = self.work().await;
        if done.is_err() {
            let desk = self.desk.clone();
            unblock(move || desk.put_back()).await;
        }
        done
    }

    async fn work(&self) -> Result<bool, ReadError> {
        let desk = self.desk.clone();
        let Todo { job, package, objects, against } = match unblock(move || desk.next_job()).await?
        {
            Next::Nothing => return Ok(false),
            Next::Refused => return Ok(true),
            Next::Todo(todo) => *todo,
        };
        let ended = match against {
            Some(reason) => Ended::NotRead(reason),
            None => self.ask(&job, &package, objects.clone()).await?,
        };
        let outcome = match ended {
            Ended::Again => return Ok(true),
            Ended::Read(reading, sources) => (Ok(reading), sources),
            Ended::NotRead(reason) => match self.not_read(&job, objects, reason).await? {
                Some(sources) => (Err(reason), sources),
                None => return Ok(true),
            },
        };
        self.write(job, package, outcome).await?;
        Ok(true)
    }

    /// Has the worker read a job.
    async fn ask(
        &self,
        job: &KnownJob,
        package: &Package,
        objects: Vec<KeptObject>,
    ) -> Result<Ended, ReadError> {
        let slices = Kept::new(self.desk.stores.clone(), objects);
        let sources = slices.sources();
        let at = self.desk.begin(job)?;
        tracing::info!(job = %job.number, package = %job.package, "reading");
        self.stand(Standing { busy: Some(at.monotonic), slices: None });
        let reader = self.clone();
        let mut progress = move |Progress { done, of }: Progress| {
            reader.stand(Standing { busy: Some(at.monotonic), slices: Some((done, of)) });
        };
        let answer = self.worker.read(package, Box::new(slices), &mut progress).await;
        self.stand(Standing::default());
        match answer {
            Ok((Answer::Read(reading), _)) => {
                self.desk.note_read(job)?;
                Ok(Ended::Read(reading, sources.take()))
            }
            Ok((Answer::NotRead(refused), _)) => Ok(Ended::NotRead(refusal(refused))),
            Err(WorkerError::Died(died)) => {
                tracing::error!(job = %job.number, %died, "the reader died");
                Ok(match self.desk.died(job)? {
                    AfterDeath::TryAgain => Ended::Again,
                    AfterDeath::Quarantined => Ended::NotRead(Reason::Quarantined),
                })
            }
            Err(WorkerError::Bad(why)) => {
                tracing::error!(job = %job.number, %why, "the package does not run");
                Ok(Ended::NotRead(Reason::ModelFailed))
            }
            Err(WorkerError::Slices(error)) if is_lost(&error) => {
                tracing::error!(job = %job.number, "an instance of the series is lost");
                Ok(Ended::NotRead(Reason::NotDecoded))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Looks what the documents about a job that is not read can say; `None` where another job
    /// took its place.
    async fn not_read(
        &self,
        job: &KnownJob,
        objects: Vec<KeptObject>,
        reason: Reason,
    ) -> Result<Option<Vec<report::Source>>, ReadError> {
        let (desk, job) = (self.desk.clone(), job.clone());
        unblock(move || match desk.decide_anew(&job, reason)? {
            Anew::Yes => Ok(None),
            Anew::No => desk.sources(objects).map(Some),
        })
        .await
    }

    /// Writes, seals and books the documents of a job.
    async fn write(
        &self,
        job: KnownJob,
        package: Arc<Package>,
        (ended, sources): (Result<Box<Reading>, Reason>, Vec<report::Source>),
    ) -> Result<(), ReadError> {
        tracing::info!(job = %job.number, "writing");
        let (desk, number) = (self.desk.clone(), job.number);
        let count = unblock(move || {
            let ended = ended.as_deref().map_err(|reason| *reason);
            desk.write((&job, &package), (ended, &sources))
        })
        .await?;
        tracing::info!(job = %number, documents = count, "written");
        self.bells.iter().for_each(Bell::ring);
        Ok(())
    }

    fn stand(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

fn pauses(error: &ReadError) {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "reading pauses");
}

/// Whether waiting cannot bring the instances back.
fn is_lost(error: &SlicesError) -> bool {
    match error {
        SlicesError::Missing => true,
        SlicesError::Source(source) => match source.downcast_ref::<KeptError>() {
            Some(KeptError::Vault(error)) => error.is_lasting(),
            Some(KeptError::Walk) | None => true,
        },
    }
}

/// Says why the worker did not read, in the words of the table.
fn refusal(refused: Refused) -> Reason {
    match refused {
        Refused::NotDecoded => Reason::NotDecoded,
        Refused::NoPixels => Reason::NoPixels,
        Refused::BadPixels => Reason::BadPixels,
        Refused::Geometry(refusal) => analyse::geometry(refusal),
        Refused::NoRegion => Reason::NoRegion,
        Refused::TooLarge => Reason::TooLarge,
        Refused::ModelFailed => Reason::ModelFailed,
    }
}
