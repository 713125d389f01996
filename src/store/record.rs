//! What the records of the vault say: the sealed content of their trailers.
//!
//! A trailer holds all that is needed to make the ledger's rows again, routes included. The same
//! types feed the ledger on the live road and after its loss, so that both give the same rows.
//! Encoded as JSON inside the seal: fields are only ever added, each with a default.

use serde::{Deserialize, Serialize};

use crate::base::aet::AeTitle;
use crate::base::digest::Digest;
use crate::base::ids::{Arrival, RecordNumber};
use crate::base::time::Stamp;
use crate::base::uid::Uid;
pub use crate::base::urgency::Urgency;
use crate::dicom::header::{Identity, SliceFacts};

/// Where a sealed record stands. It may move when a slab is copied forward; its number stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The slab.
    pub slab: u32,
    /// The slab's generation when the record was written.
    pub generation: u32,
    /// Offset of the record's header in the slab, in bytes; a multiple of 4 KiB.
    pub offset: u64,
}

/// A record that is safe, as the ledger learns of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// Its number.
    pub number: RecordNumber,
    /// Its place in the order of arrival.
    pub arrival: Arrival,
    /// Where it stands.
    pub location: Location,
    /// Offset just behind it: the slab's mark once the ledger holds the row.
    pub end: u64,
    /// What it says.
    pub content: Content,
}

/// The content by kind of record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// An instance as received.
    Object(Box<ObjectRecord>),
    /// The same instance came again, with the same syntax and bytes.
    Again(AgainRecord),
    /// A decision to read or to refuse.
    Job(Box<JobRecord>),
    /// A document of ours.
    Result(Box<ResultRecord>),
}

/// An instance as received.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// Who and what it is.
    pub identity: Identity,
    /// Geometry and encoding of its pixels.
    pub facts: SliceFacts,
    /// The transfer syntax agreed on: the one the bytes are in.
    pub transfer_syntax: Uid,
    /// Bytes of the data set.
    pub length: u64,
    /// BLAKE3 of the data set.
    pub digest: Digest,
    /// Who sent it.
    pub calling: AeTitle,
    /// Whom they called.
    pub called: AeTitle,
    /// The address it came from.
    pub peer: String,
    /// When it was complete.
    pub received: Stamp,
    /// Why no decoder may see it, in one word of `flow::admit`'s table; `None` when sound.
    pub unreadable: Option<String>,
    /// Oddities that are kept and shown.
    #[serde(default)]
    pub oddities: Vec<String>,
    /// Names of the destinations it is owed to, decided at arrival.
    pub routes: Vec<String>,
    /// How urgent.
    #[serde(default)]
    pub urgency: Urgency,
    /// Digest of the settings that decided the routes.
    pub config: Digest,
}

/// The same instance came again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgainRecord {
    /// The record that holds the bytes.
    pub of: RecordNumber,
    /// Who sent it.
    pub calling: AeTitle,
    /// The address it came from.
    pub peer: String,
    /// When it was complete.
    pub received: Stamp,
    /// Names of the destinations that it is owed to by today's settings.
    pub routes: Vec<String>,
}

/// A decision to read a series with a package, or to say why not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The study.
    pub study: Uid,
    /// The series that it looks at.
    pub series: Uid,
    /// The records of the instances that it looks at, in slice order.
    pub sources: Vec<RecordNumber>,
    /// Name and version of the package.
    pub package: String,
    /// Digest of the package.
    pub package_digest: Digest,
    /// Digest of the settings that change a reading.
    pub settings: Digest,
    /// Revision of the engine and of the result format.
    pub engine: u32,
    /// When it was decided: dates and times of the results.
    pub decided: Stamp,
    /// Counts up per study, series and package.
    pub revision: u32,
    /// The job that this one replaces.
    pub supersedes: Option<RecordNumber>,
    /// Why the series cannot be read, in one word of the table of reasons; `None` to read it.
    pub refusal: Option<String>,
    /// Names of the destinations that results go to; none while the package is silent.
    pub routes: Vec<String>,
    /// How urgent.
    #[serde(default)]
    pub urgency: Urgency,
}

/// A document of ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultRecord {
    /// The job that it answers.
    pub job: RecordNumber,
    /// The study.
    pub study: Uid,
    /// Kind of document: `seg`, `sr`, `capture`, `json`.
    pub document: String,
    /// Place within the set, from 0.
    pub ordinal: u32,
    /// Documents in the set: an incomplete set is not owed.
    pub set_size: u32,
    /// SOP Class UID; `None` for what is no instance (JSON).
    pub sop_class: Option<Uid>,
    /// SOP Instance UID.
    pub sop_instance: Uid,
    /// Series Instance UID.
    pub series: Uid,
    /// Transfer syntax of the data set.
    pub transfer_syntax: Uid,
    /// Bytes of the document.
    pub length: u64,
    /// BLAKE3 of the document.
    pub digest: Digest,
    /// When it was written.
    pub written: Stamp,
    /// Names of the destinations it is owed to.
    pub routes: Vec<String>,
    /// How urgent.
    #[serde(default)]
    pub urgency: Urgency,
    /// Why the series was not read after all, in one word of the table of reasons; `None` for
    /// what was read, and where the job says it already.
    #[serde(default)]
    pub refusal: Option<String>,
}
