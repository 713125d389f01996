//! The reader's desk: jobs are taken from the ledger, documents are handed in to vault and ledger.
//!
//! No task and no process: the simulator reads at the same desk. Everything blocks.

use std::sync::Arc;

use crate::base::time::Stamp;
use crate::flow::reasons::Reason;
use crate::infer::finding::Reading;
use crate::model::package::Package;
use crate::node::deliver::Stores;
use crate::node::read::ReadError;
use crate::node::read::documents::{self, Identities, WriteError};
use crate::node::read::kept::{Kept, KeptError};
use crate::node::receive::Books;
use crate::node::seal::Seal;
use crate::node::shelf::Shelf;
use crate::report::{Document, Source};
use crate::store::ledger::{
    self, AfterDeath, Documents, JobState, JobToDo, KeptObject, KnownJob, LedgerError,
};

/// Where jobs are taken and documents handed in.
#[derive(Clone)]
pub struct Desk {
    /// The stores.
    pub stores: Stores,
    /// Where sealed results are booked.
    pub books: Arc<Books>,
    /// The installed packages.
    pub shelf: Arc<Shelf>,
    /// Who this box is, for the documents.
    pub identities: Identities,
}

/// What lies on the desk.
pub enum Next {
    /// No job.
    Nothing,
    /// A job that ended unread and without documents: its package or an instance is gone.
    Refused,
    /// A job to do.
    Todo(Box<Todo>),
}

/// A job with everything that reading it needs.
pub struct Todo {
    /// The job.
    pub job: KnownJob,
    /// Its package.
    pub package: Arc<Package>,
    /// Its instances, in slice order.
    pub objects: Vec<KeptObject>,
    /// Why nobody is to look: only the documents that say so are to be written.
    pub against: Option<Reason>,
}

/// Whether another job took a job's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    /// It did: nothing more is to be written for this one.
    Yes,
    /// It did not.
    No,
}

impl Desk {
    /// Looks at the next job. It stays the next one until [`Desk::begin`] or its documents, and
    /// is so again when the reader asks without having ended it: it failed, or it panicked.
    ///
    /// # Errors
    ///
    /// [`ReadError::Ledger`].
    pub fn next_job(&self) -> Result<Next, ReadError> {
        let next = {
            let mut ledger = self.stores.ledger();
            ledger.put_back_jobs()?;
            ledger.next_job(&Seal(&self.stores.vault))?
        };
        let Some(todo) = next else { return Ok(Next::Nothing) };
        let objects = kept(&todo);
        let job = todo.job;
        let Some(package) = self.package(&job) else {
            tracing::error!(job = %job.number, package = %job.package, "its package is gone");
            self.refuse(&job, Reason::NoModel)?;
            return Ok(Next::Refused);
        };
        let Some(objects) = objects else {
            self.refuse(&job, Reason::NotDecoded)?;
            return Ok(Next::Refused);
        };
        let against = against(&job);
        Ok(Next::Todo(Box::new(Todo { job, package, objects, against })))
    }

    /// Lets a job that was begun wait again; where that fails, too, [`Desk::next_job`] does it.
    pub fn put_back(&self) {
        if let Err(error) = self.stores.ledger().put_back_jobs() {
            tracing::error!(%error, "a job that was begun is not put back yet");
        }
    }

    /// Finds the package of a job. Right after a start nobody has looked at the shelf yet.
    fn package(&self, job: &KnownJob) -> Option<Arc<Package>> {
        self.shelf.find(&job.package_digest).or_else(|| {
            self.shelf.look();
            self.shelf.find(&job.package_digest)
        })
    }

    /// Notes that the reader has the job.
    ///
    /// # Errors
    ///
    /// When the ledger cannot commit.
    pub fn begin(&self, job: &KnownJob) -> Result<Stamp, LedgerError> {
        let at = self.stores.clock.stamp();
        self.stores.ledger().job_started(job.job, at)?;
        Ok(at)
    }

    /// Notes that the reader is through with the job; its documents are still to come.
    ///
    /// # Errors
    ///
    /// When the ledger cannot commit.
    pub fn note_read(&self, job: &KnownJob) -> Result<(), LedgerError> {
        let at = self.stores.clock.stamp();
        self.stores.ledger().note_read(job.job, &job.package, at)
    }

    /// Notes that the reader died of the job.
    ///
    /// # Errors
    ///
    /// When the ledger cannot commit.
    pub fn died(&self, job: &KnownJob) -> Result<AfterDeath, LedgerError> {
        self.stores.ledger().job_died(job.job, self.stores.clock.stamp())
    }

    /// Decides anew where a job cannot be read after all and documents that say otherwise are
    /// sealed, which a power failure kept from becoming a set: the UIDs of a job are used up by
    /// what it said first. A job that was decided so is the next one, and this one is over.
    ///
    /// # Errors
    ///
    /// When the decision cannot be kept.
    pub fn decide_anew(&self, job: &KnownJob, refusal: Reason) -> Result<Anew, WriteError> {
        let sealed = self.stores.ledger().view().has_documents(job.number)?;
        if job.refusal.is_some() || sealed == Documents::None {
            return Ok(Anew::No);
        }
        documents::seal_job(self, job, refusal)?;
        while self.books.book(&self.stores)?.is_some() {}
        Ok(Anew::Yes)
    }

    /// Reads what documents repeat of instances that nobody decodes; none for what is lost.
    ///
    /// # Errors
    ///
    /// [`ReadError::Kept`] when the vault may give them later.
    pub fn sources(&self, objects: Vec<KeptObject>) -> Result<Vec<Source>, ReadError> {
        let mut slices = Kept::new(self.stores.clone(), objects);
        let sources = slices.sources();
        match slices.drain() {
            Err(KeptError::Vault(error)) if !error.is_lasting() => {
                Err(ReadError::Kept(KeptError::Vault(error)))
            }
            Ok(()) | Err(_) => Ok(sources.take()),
        }
    }

    /// Writes and hands in the documents of a job; returns how many. Where none can be written
    /// the timeline alone says why.
    ///
    /// # Errors
    ///
    /// As [`Desk::hand_in`].
    pub fn write(
        &self,
        (job, package): (&KnownJob, &Package),
        (ended, sources): (Result<&Reading, Reason>, &[Source]),
    ) -> Result<usize, WriteError> {
        match documents::write(self, (job, package), (ended, sources)) {
            Ok(documents) => self.hand_in(job, &documents, ended.err()),
            Err(WriteError::Report(error)) => {
                tracing::error!(job = %job.number, %error, "no document can be written");
                // The timeline says what the documents would have said.
                self.refuse(job, ended.err().unwrap_or(Reason::ModelFailed))?;
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// Seals the documents of a job and books them; returns how many. `refusal` says why it was
    /// not read.
    ///
    /// # Errors
    ///
    /// [`WriteError`]. What was sealed before is sealed again by the next try, under the same UIDs.
    pub fn hand_in(
        &self,
        job: &KnownJob,
        documents: &[Document],
        refusal: Option<Reason>,
    ) -> Result<usize, WriteError> {
        documents::hand_in(self, job, documents, refusal)?;
        while self.books.book(&self.stores)?.is_some() {}
        Ok(documents.len())
    }

    fn refuse(&self, job: &KnownJob, reason: Reason) -> Result<(), LedgerError> {
        let at = self.stores.clock.stamp();
        self.stores.ledger().job_refused(job.job, reason.word(), at)?;
        Ok(())
    }
}

/// Why a job is not to be read, before anybody looks.
fn against(job: &KnownJob) -> Option<Reason> {
    let word = job.refusal.as_deref();
    let planned = word.map(|word| Reason::of_word(word).unwrap_or(Reason::ModelFailed));
    planned.or((job.state == JobState::Quarantined).then_some(Reason::Quarantined))
}

/// The instances of a job; `None` when one is gone.
fn kept(todo: &JobToDo) -> Option<Vec<KeptObject>> {
    let each = todo.sources.iter().map(|source| match source {
        ledger::Source::Kept(object) => Some((**object).clone()),
        ledger::Source::Missing(_) => None,
    });
    each.collect()
}
