//! From a job's end to sealed documents: what they are to say is put together here, `report`
//! writes it, the vault keeps it.

use crate::base::digest::Digest;
use crate::flow::reasons::Reason;
use crate::infer::finding::Reading;
use crate::model::manifest::{Code, Manifest};
use crate::model::package::Package;
use crate::node::deliver::Stores;
use crate::node::read::Reader;
use crate::node::seal::Seal;
use crate::report::codes::{self, Codes};
use crate::report::{self, Device, Document, JobFacts, Outcome, ReportError, Source, Superseded};
use crate::store::ledger::{KnownJob, LedgerError};
use crate::store::record::{Content, ResultRecord};
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

/// Writes and seals the documents of a job, and books them; returns how many.
///
/// # Errors
///
/// [`WriteError`]. What was sealed before is sealed again by the next try, under the same UIDs.
pub(super) fn write(
    reader: &Reader,
    job: &KnownJob,
    package: &Package,
    (ended, sources): (Result<&Reading, Reason>, &[Source]),
) -> Result<usize, WriteError> {
    let clause = ended.as_ref().err().map(|reason| reason.clause());
    let outcome = match (&ended, &clause) {
        (Ok(reading), _) => Outcome::Read(reading),
        (Err(_), Some(reason)) => Outcome::NotRead { reason },
        (Err(reason), None) => Outcome::NotRead { reason: reason.sentence() },
    };
    let facts = facts(reader, job, package.manifest(), package.digest())?;
    let documents = report::write(outcome, sources, &facts)?;
    let refusal = ended.err().filter(|_| job.refusal.is_none());
    for document in &documents {
        let size = documents.len();
        seal(reader, document, record(reader, job, (document, size), refusal))?;
    }
    while reader.books.book(&reader.stores)?.is_some() {}
    Ok(documents.len())
}

fn facts(
    reader: &Reader,
    job: &KnownJob,
    manifest: &Manifest,
    digest: Digest,
) -> Result<JobFacts, LedgerError> {
    let [a, b, c, d, ..] = reader.identities.box_id;
    let serial = format!("{:08x}", u32::from_be_bytes([a, b, c, d]));
    Ok(JobFacts {
        job: job.number,
        supersedes: superseded(&reader.stores, job)?,
        box_id: reader.identities.box_id,
        vault_identity: reader.identities.vault,
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
    reader: &Reader,
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
        written: reader.stores.clock.stamp(),
        // What is no instance goes by another road, once there is one.
        routes: if document.sop_class.is_some() { job.routes.clone() } else { Vec::new() },
        urgency: job.urgency,
        refusal: refusal.map(|reason| reason.word().to_owned()),
    }
}

fn seal(reader: &Reader, document: &Document, record: ResultRecord) -> Result<(), VaultError> {
    let vault = &reader.stores.vault;
    let study = record.study.clone();
    let mut writer = vault.begin(Kind::Result)?;
    if let Err(error) = writer.append(&document.bytes) {
        vault.roll_back(writer)?;
        return Err(error);
    }
    let tell = |sealed: &_| reader.books.add(Clone::clone(sealed));
    let content = Content::Result(Box::new(record));
    vault.seal_and_tell(writer, KeyName::Label(study.as_str()), content, &tell)?;
    Ok(())
}
