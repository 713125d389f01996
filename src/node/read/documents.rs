//! From a job's end to sealed documents: what they are to say is put together here, `report`
//! writes it, the vault keeps it.

use crate::base::digest::Digest;
use crate::flow::reasons::Reason;
use crate::infer::finding::Reading;
use crate::model::manifest::{Code, Manifest};
use crate::model::package::Package;
use crate::node::deliver::Stores;
use crate::node::read::desk::Desk;
use crate::node::seal::Seal;
use crate::report::codes::{self, Codes};
use crate::report::{self, Device, Document, JobFacts, Outcome, ReportError, Source, Superseded};
use crate::store::ledger::{KnownJob, LedgerError};
use crate::store::record::{Content, JobRecord, ResultRecord};
use crate::store::vault::{KeyName, Kind, VaultError};

/// Who this box is.
#[derive(Clone, Copy, Debug)]
pub struct Identities {
    /// The box.
    pub box_id: [u8; 16],
    /// The vault.
    pub vault: [u8; 16],
}

/// Why documents were not kept.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// They cannot be written from what there is.
    #[error("the documents could not be written")]
    Report(#[from] ReportError),
    /// The vault did not take them.
    #[error("a document could not be kept")]
    Vault(#[from] VaultError),
    /// The ledger failed.
    #[error("the documents could not be booked")]
    Ledger(#[from] LedgerError),
}

/// Writes the documents of a job.
///
/// # Errors
///
/// [`WriteError::Report`] when they cannot be written from what there is.
pub(super) fn write(
    desk: &Desk,
    (job, package): (&KnownJob, &Package),
    (ended, sources): (Result<&Reading, Reason>, &[Source]),
) -> Result<Vec<Document>, WriteError> {
    let clause = ended.err().map(Reason::clause);
    let outcome = match (&ended, &clause) {
        (Ok(reading), _) => Outcome::Read(reading),
        (Err(_), Some(reason)) => Outcome::NotRead { reason },
        (Err(reason), None) => Outcome::NotRead { reason: reason.sentence() },
    };
    let facts = facts(desk, job, package.manifest(), package.digest())?;
    Ok(report::write(outcome, sources, &facts)?)
}

/// Seals the documents of a job; the books hear of them.
///
/// # Errors
///
/// [`WriteError::Vault`]. What was sealed before is sealed again by the next try.
pub(super) fn hand_in(
    desk: &Desk,
    job: &KnownJob,
    documents: &[Document],
    refusal: Option<Reason>,
) -> Result<(), WriteError> {
    let refusal = refusal.filter(|_| job.refusal.is_none());
    for document in documents {
        let size = documents.len();
        seal(desk, document, record(desk, job, (document, size), refusal))?;
    }
    Ok(())
}

fn facts(
    desk: &Desk,
    job: &KnownJob,
    manifest: &Manifest,
    digest: Digest,
) -> Result<JobFacts, LedgerError> {
    let [a, b, c, d, ..] = desk.identities.box_id;
    let serial = format!("{:08x}", u32::from_be_bytes([a, b, c, d]));
    Ok(JobFacts {
        job: job.number,
        supersedes: superseded(&desk.stores, job)?,
        box_id: desk.identities.box_id,
        vault_identity: desk.identities.vault,
        decided: job.decided,
        revision: job.revision,
        package: report::Package {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest,
            maker: manifest.maker.clone(),
        },
        codes: Codes {
            finding: code(&manifest.codes.finding),
            site: code(&manifest.codes.site),
            procedure: code(&manifest.codes.procedure),
        },
        device: Device {
            manufacturer: "Scanpost".to_owned(),
            model: "Scanpost box".to_owned(),
            serial,
            software_version: format!("scanpost {}", env!("CARGO_PKG_VERSION")),
        },
    })
}

fn superseded(stores: &Stores, job: &KnownJob) -> Result<Option<Superseded>, LedgerError> {
    let Some(number) = job.supersedes else { return Ok(None) };
    let known = stores.ledger().view().jobs_of(job.study_row, &Seal(&stores.vault))?;
    let earlier = known.into_iter().find(|earlier| earlier.number == number);
    Ok(earlier.map(|earlier| Superseded { job: number, package_digest: earlier.package_digest }))
}

fn code(code: &Code) -> codes::Code {
    codes::Code::new(&code.value, &code.scheme, &code.meaning)
}

fn record(
    desk: &Desk,
    job: &KnownJob,
    (document, size): (&Document, usize),
    refusal: Option<Reason>,
) -> ResultRecord {
    ResultRecord {
        job: job.number,
        study: job.study.clone(),
        document: document.kind.name().to_owned(),
        ordinal: document.ordinal,
        set_size: u32::try_from(size).unwrap_or(u32::MAX),
        sop_class: document.sop_class.clone(),
        sop_instance: document.sop_instance.clone(),
        series: document.series.clone(),
        transfer_syntax: document.transfer_syntax.clone(),
        length: u64::try_from(document.bytes.len()).unwrap_or(u64::MAX),
        digest: Digest::of(&document.bytes),
        written: desk.stores.clock.stamp(),
        // What is no instance goes by another road, once there is one.
        routes: if document.sop_class.is_some() { job.routes.clone() } else { Vec::new() },
        urgency: job.urgency,
        refusal: refusal.map(|reason| reason.word().to_owned()),
    }
}

/// Seals the decision that `job` is not to be read, in its place; the books hear of it.
///
/// # Errors
///
/// [`WriteError::Vault`].
pub(super) fn seal_job(desk: &Desk, job: &KnownJob, refusal: Reason) -> Result<(), WriteError> {
    let vault = &desk.stores.vault;
    let record = JobRecord {
        study: job.study.clone(),
        series: job.series.clone(),
        sources: job.sources.clone(),
        package: job.package.clone(),
        package_digest: job.package_digest,
        settings: job.settings,
        engine: job.engine,
        decided: desk.stores.clock.stamp(),
        revision: job.revision.saturating_add(1),
        supersedes: Some(job.number),
        refusal: Some(refusal.word().to_owned()),
        routes: job.routes.clone(),
        urgency: job.urgency,
    };
    let writer = vault.begin(Kind::Job)?;
    let tell = |sealed: &_| desk.books.add(Clone::clone(sealed));
    let content = Content::Job(Box::new(record));
    vault.seal_and_tell(writer, KeyName::Label(job.study.as_str()), content, &tell)?;
    Ok(())
}

fn seal(desk: &Desk, document: &Document, record: ResultRecord) -> Result<(), VaultError> {
    let vault = &desk.stores.vault;
    let study = record.study.clone();
    let mut writer = vault.begin(Kind::Result)?;
    if let Err(error) = writer.append(&document.bytes) {
        vault.roll_back(writer)?;
        return Err(error);
    }
    let tell = |sealed: &_| desk.books.add(Clone::clone(sealed));
    let content = Content::Result(Box::new(record));
    vault.seal_and_tell(writer, KeyName::Label(study.as_str()), content, &tell)?;
    Ok(())
}
