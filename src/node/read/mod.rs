//! Reading: takes the jobs that were decided, has the worker read them, and keeps what it wrote.
//!
//! # Invariants
//!
//! - A set of documents is owed once all of it is sealed; cut in between, the same job gives the
//!   same bytes under the same UIDs again.
//! - What kills the worker twice is set aside and answered for; nothing else waits for it longer
//!   than the worker may take.
//! - Decoders and networks run in the worker alone; documents are built here, from checked values.

mod documents;
mod kept;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use smol::unblock;

use crate::base::time::Stamp;
use crate::flow::reasons::Reason;
use crate::infer::finding::Reading;
use crate::infer::reading::Progress;
use crate::model::package::Package;
use crate::node::analyse;
use crate::node::bell::{Bell, Ear};
use crate::node::deliver::Stores;
use crate::node::reading::{SharedReading, Standing};
use crate::node::receive::Books;
use crate::node::seal::Seal;
use crate::node::shelf::Shelf;
use crate::node::worker::{Answer, Refused, SlicesError, Worker, WorkerError};
use crate::report;
use crate::store::ledger::{
    AfterDeath, JobState, JobToDo, KeptObject, KnownJob, LedgerError, Source,
};

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
    /// The stores.
    pub stores: Stores,
    /// Where sealed results are booked.
    pub books: Arc<Books>,
    /// The installed packages.
    pub shelf: Arc<Shelf>,
    /// Who reads.
    pub worker: Worker,
    /// Who this box is, for the documents.
    pub identities: Identities,
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
                // What failed may have been the ledger, so that the job was not put back either.
                reader.put_back().await;
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
            self.put_back().await;
        }
        done
    }

    async fn work(&self) -> Result<bool, ReadError> {
        let stores = self.stores.clone();
        let next = unblock(move || stores.ledger().next_job(&Seal(&stores.vault))).await?;
        let Some(todo) = next else { return Ok(false) };
        let job = todo.job.clone();
        let Some(package) = self.package(&job).await else {
            tracing::error!(job = %job.number, package = %job.package, "its package is gone");
            self.refuse(&job, Reason::NoModel).await?;
            return Ok(true);
        };
        let Some(objects) = kept(&todo) else {
            self.refuse(&job, Reason::NotDecoded).await?;
            return Ok(true);
        };
        let ended = match reason(&job) {
            Some(reason) => Ended::NotRead(reason),
            None => self.ask(&job, &package, objects.clone()).await?,
        };
        let outcome = match ended {
            Ended::Again => return Ok(true),
            Ended::Read(reading, sources) => (Ok(reading), sources),
            Ended::NotRead(reason) => (Err(reason), self.sources(objects).await?),
        };
        self.write(job, package, outcome).await?;
        Ok(true)
    }

    /// Finds the package of a job. Right after a start nobody has looked at the shelf yet.
    async fn package(&self, job: &KnownJob) -> Option<Arc<Package>> {
        if let Some(package) = self.shelf.find(&job.package_digest) {
            return Some(package);
        }
        let (shelf, digest) = (Arc::clone(&self.shelf), job.package_digest);
        unblock(move || {
            shelf.look();
            shelf.find(&digest)
        })
        .await
    }

    /// Lets a job that was begun wait again.
    async fn put_back(&self) {
        let stores = self.stores.clone();
        let back = unblock(move || stores.ledger().jobs_put_back()).await;
        if let Err(error) = back {
            tracing::error!(%error, "a job that was begun is not put back yet");
        }
    }

    /// Has the worker read a job.
    async fn ask(
        &self,
        job: &KnownJob,
        package: &Package,
        objects: Vec<KeptObject>,
    ) -> Result<Ended, ReadError> {
        let slices = Kept::new(self.stores.clone(), objects);
        let sources = slices.sources();
        let at = self.now();
        self.stores.ledger().job_started(job.job, at)?;
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
                self.stores.ledger().note_read(job.job, &job.package, self.now())?;
                Ok(Ended::Read(reading, sources.take()))
            }
            Ok((Answer::NotRead(refused), _)) => Ok(Ended::NotRead(refusal(refused))),
            Err(WorkerError::Died(died)) => {
                tracing::error!(job = %job.number, %died, "the reader died");
                let after = self.stores.ledger().job_died(job.job, self.now())?;
                Ok(match after {
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

    /// Reads what documents repeat of instances that nobody decodes; none for what is lost.
    async fn sources(&self, objects: Vec<KeptObject>) -> Result<Vec<report::Source>, ReadError> {
        let mut slices = Kept::new(self.stores.clone(), objects);
        let sources = slices.sources();
        match unblock(move || slices.drain()).await {
            Err(KeptError::Vault(error)) if !error.is_lasting() => {
                Err(ReadError::Kept(KeptError::Vault(error)))
            }
            Ok(()) | Err(_) => Ok(sources.take()),
        }
    }

    /// Writes, seals and books the documents of a job.
    async fn write(
        &self,
        job: KnownJob,
        package: Arc<Package>,
        (ended, sources): (Result<Box<Reading>, Reason>, Vec<report::Source>),
    ) -> Result<(), ReadError> {
        let (reader, known) = (self.clone(), job.clone());
        // What the timeline says where not even a document can say it.
        let untold = ended.as_ref().err().copied().unwrap_or(Reason::ModelFailed);
        tracing::info!(job = %job.number, "writing");
        let written = unblock(move || {
            let outcome = ended.as_deref().map_err(|reason| *reason);
            documents::write(&reader, &known, &package, (outcome, &sources))
        })
        .await;
        match written {
            Ok(count) => tracing::info!(job = %job.number, documents = count, "written"),
            Err(WriteError::Report(error)) => {
                tracing::error!(job = %job.number, %error, "no document can be written");
                self.refuse(&job, untold).await?;
            }
            Err(error) => return Err(error.into()),
        }
        self.bells.iter().for_each(Bell::ring);
        Ok(())
    }

    /// Ends a job without documents: the timeline alone says why.
    async fn refuse(&self, job: &KnownJob, reason: Reason) -> Result<(), ReadError> {
        let (stores, row, at) = (self.stores.clone(), job.job, self.now());
        unblock(move || stores.ledger().job_refused(row, reason.word(), at)).await?;
        Ok(())
    }

    fn stand(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    fn now(&self) -> Stamp {
        self.stores.clock.stamp()
    }
}

fn pauses(error: &ReadError) {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "reading pauses");
}

/// Why a job is not to be read, before anybody looks.
fn reason(job: &KnownJob) -> Option<Reason> {
    let word = job.refusal.as_deref();
    let planned = word.map(|word| Reason::of_word(word).unwrap_or(Reason::ModelFailed));
    planned.or((job.state == JobState::Quarantined).then_some(Reason::Quarantined))
}

/// The instances of a job; `None` when one is gone.
fn kept(todo: &JobToDo) -> Option<Vec<KeptObject>> {
    let each = todo.sources.iter().map(|source| match source {
        Source::Kept(object) => Some((**object).clone()),
        Source::Missing(_) => None,
    });
    each.collect()
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
