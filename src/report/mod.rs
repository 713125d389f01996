//! Results as documents: segmentation, structured report, captures and JSON, from checked values.
//!
//! # Invariants
//!
//! - The same reading, sources and job give the same bytes: UIDs, dates and times come from the
//!   job, never from a clock.
//! - What names the patient and the study is copied as bytes, together with the character set
//!   that those bytes are in. Text of ours is ASCII, which every such set holds.
//! - Every instance says that it is research, and what made it.

mod capture;
pub mod codes;
mod common;
mod dataset;
mod json;
mod modules;
pub mod notice;
pub mod phantom;
mod seg;
mod sr;
mod sr_tree;
pub mod uids;

use crate::base::digest::Digest;
use crate::base::ids::RecordNumber;
use crate::base::time::Stamp;
use crate::base::uid::Uid;
use crate::dicom::header::{Header, Tag};
use crate::infer::finding::Reading;

use codes::Codes;
use common::Context;

/// One instance that the job looked at.
pub struct Source {
    /// All elements of its top level that are neither sequence nor pixels; values little endian
    /// whatever the syntax.
    pub header: Header,
    /// The transfer syntax that it came in.
    pub transfer_syntax: Uid,
}

/// Everything about the job that its documents say.
#[derive(Clone, Debug, PartialEq)]
pub struct JobFacts {
    /// Number of the job's record.
    pub job: RecordNumber,
    /// The job that this one replaces.
    pub supersedes: Option<Superseded>,
    /// The box.
    pub box_id: [u8; 16],
    /// The vault that holds the job's record.
    pub vault_identity: [u8; 16],
    /// When it was decided: all dates and times of ours.
    pub decided: Stamp,
    /// Counts up per study, series and package.
    pub revision: u32,
    /// What read, or would have read.
    pub package: Package,
    /// What the package looks for, and where.
    pub codes: Codes,
    /// The box as equipment.
    pub device: Device,
}

/// The job that another one replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// Number of its record.
    pub job: RecordNumber,
    /// Digest of the package that it read with.
    pub package_digest: Digest,
}

/// The model package, as its manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Digest of the whole.
    pub digest: Digest,
    /// Who made it.
    pub maker: String,
}

/// The box as equipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Manufacturer (0008,0070).
    pub manufacturer: String,
    /// Manufacturer's Model Name (0008,1090).
    pub model: String,
    /// Device Serial Number (0018,1000).
    pub serial: String,
    /// Software Versions (0018,1020).
    pub software_version: String,
}

/// How the job ended.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// It was read.
    Read(&'a Reading),
    /// It could not be read.
    NotRead {
        /// What follows "Not processed because"; for example `slices are missing`.
        reason: &'a str,
    },
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Segmentation.
    Seg,
    /// Structured report.
    Sr,
    /// Secondary Capture.
    Capture,
    /// The same facts as JSON; no DICOM instance.
    Json,
}

/// One finished document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: Kind,
    /// Place within the set, from 0 without a gap.
    pub ordinal: u32,
    /// SOP Class UID; `None` for JSON.
    pub sop_class: Option<Uid>,
    /// SOP Instance UID; JSON has one as its name only.
    pub sop_instance: Uid,
    /// Series Instance UID.
    pub series: Uid,
    /// Transfer syntax: always explicit VR little endian; says nothing for JSON.
    pub transfer_syntax: Uid,
    /// The data set without file meta information, or the JSON text.
    pub bytes: Vec<u8>,
}

/// Why no document could be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is no source instance to take the patient from.
    #[error("a result needs at least one source instance")]
    NoSource,
    /// Sources of several studies or series.
    #[error("source {index} belongs to another study or series than the first")]
    MixedSources {
        /// Which source.
        index: usize,
    },
    /// A source lacks what the document has to repeat.
    #[error("source {index} has no usable {tag:?}")]
    Missing {
        /// Which source.
        index: usize,
        /// The attribute.
        tag: Tag,
    },
    /// A value does not fit its element.
    #[error("the value of {tag:?} is too long for its element")]
    TooLong {
        /// The element.
        tag: Tag,
    },
    /// The reading comes from another package than the job names.
    #[error("the reading comes from another package than the job")]
    OtherPackage,
    /// A mark or its outline lies outside its source image.
    #[error("mark {mark} lies outside its source image")]
    Outside {
        /// Index of the mark.
        mark: usize,
    },
    /// A picture whose pixels do not fit its size, or that shows no source slice or mark of ours.
    #[error("picture {picture} does not fit its size or its sources")]
    Picture {
        /// Index of the picture.
        picture: usize,
    },
    /// More marks, pictures or pixels than a document can hold.
    #[error("the reading holds more {what} than a document can")]
    TooMany {
        /// Of what.
        what: &'static str,
    },
    /// The built-in font does not parse.
    #[error("the built-in font cannot be used")]
    Font {
        /// Why.
        source: ab_glyph::InvalidFont,
    },
    /// The JSON text could not be made.
    #[error("the JSON document could not be written")]
    Json {
        /// Why.
        source: serde_json::Error,
    },
    /// An element header could not be encoded.
    #[error("the element {tag:?} could not be encoded")]
    Encode {
        /// The element.
        tag: Tag,
        /// Why.
        source: Box<dicom_encoding::encode::Error>,
    },
}

impl Kind {
    /// Returns the name by which records, UIDs and pages know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seg => "seg",
            Self::Sr => "sr",
            Self::Capture => "capture",
            Self::Json => "json",
        }
    }
}

/// Writes all documents of a job, in the order of their ordinals.
///
/// The structured report comes first, so that its UID follows from the job alone; then the
/// segmentation where a mark was measured, one capture per picture (or one that says why there
/// is none), and the JSON document.
///
/// `sources` are the instances of the job in its order, slice after slice along the patient;
/// marks, masks and pictures count in it.
///
/// # Errors
///
/// Where the sources or the reading cannot be written as they are: see [`ReportError`]. Nothing
/// is written then, for a set is whole or it is not owed.
pub fn write(
    outcome: Outcome<'_>,
    sources: &[Source],
    job: &JobFacts,
) -> Result<Vec<Document>, ReportError> {
    let context = Context::new(outcome, sources, job)?;
    let plan = context.plan();
    let mut documents = Vec::with_capacity(plan.len());
    for planned in &plan {
        let bytes = match planned.kind {
            Kind::Sr => sr::write(&context, planned, &plan)?,
            Kind::Seg => seg::write(&context, planned)?,
            Kind::Capture => capture::write(&context, planned)?,
            Kind::Json => json::write(&context, &plan)?,
        };
        documents.push(planned.document(bytes));
    }
    Ok(documents)
}
