//! What came of a study's jobs, for page and command line: read back from the vault.

use serde_json::Value;

use crate::base::ids::StudyRow;
use crate::flow::reasons::Reason;
use crate::node::deliver::Stores;
use crate::node::seal::Seal;
use crate::store::ledger::{JobState, KeptDocument, KnownJob, LedgerError, View};

/// Bytes of a document that is shown: a Secondary Capture has under 1 MB.
const SHOWN_BYTES_MAX: u64 = 16 << 20;

/// A job and what came of it.
#[derive(Clone, Debug)]
pub struct JobResult {
    /// The job.
    pub job: KnownJob,
    /// Whether a later one replaces it.
    pub is_superseded: bool,
    /// Its documents, once all are there.
    pub documents: Vec<KeptDocument>,
}

impl JobResult {
    /// Returns how far it is, in words for people.
    pub fn words(&self) -> String {
        let because = |word: &str| {
            match Reason::of_word(word) {
                Some(reason) => format!("not read: {reason}"),
                None => format!("not read: {word}"),
            }
        };
        match (&self.job.refusal, self.job.state) {
            (Some(word), _) => because(word),
            (None, JobState::Quarantined) => because(Reason::Quarantined.word()),
            (None, JobState::Decided) => "waits to be read".to_owned(),
            (None, JobState::Running) => "is being read".to_owned(),
            (None, JobState::Done | JobState::Refused) => "read".to_owned(),
        }
    }

    /// Returns the JSON document, parsed.
    pub fn json(&self, stores: &Stores) -> Option<Value> {
        let document = self.documents.iter().find(|document| document.kind == "json")?;
        serde_json::from_slice(&bytes(stores, document)?).ok()
    }

    /// Returns the captures in their order.
    pub fn captures(&self) -> impl Iterator<Item = &KeptDocument> {
        self.documents.iter().filter(|document| document.kind == "capture")
    }
}

/// Lists the jobs of a study, in the order of their decision.
///
/// # Errors
///
/// When the ledger cannot be read.
pub fn of_study(
    view: View<'_>,
    stores: &Stores,
    study: StudyRow,
) -> Result<Vec<JobResult>, LedgerError> {
    let jobs = view.jobs_of(study, &Seal(&stores.vault))?;
    let replaced: Vec<_> = jobs.iter().filter_map(|job| job.supersedes).collect();
    jobs.into_iter()
        .map(|job| {
            let documents = view.documents(job.number)?;
            Ok(JobResult { is_superseded: replaced.contains(&job.number), documents, job })
        })
        .collect()
}

/// Reads a document from the vault; `None` when it is too large to show or cannot be read.
pub fn bytes(stores: &Stores, document: &KeptDocument) -> Option<Vec<u8>> {
    if SHOWN_BYTES_MAX < document.length {
        return None;
    }
    let read = || {
        let mut reader = stores.vault.read(document.location, document.number)?;
        let (mut all, mut chunk) = (Vec::new(), Vec::new());
        while reader.next_chunk(&mut chunk)? {
            all.append(&mut chunk);
        }
        Ok::<_, crate::store::vault::VaultError>(all)
    };
    read().inspect_err(|error| tracing::error!(%error, "a document cannot be shown")).ok()
}
