//! The same facts as JSON, for machines that read no DICOM: no name, no id of the patient.

use serde::Serialize;

use crate::base::REGULATORY;
use crate::base::uid::Uid;
use crate::image::volume::SourceVoxel;
use crate::infer::finding::{Extent, Mark};

use super::codes::Codes;
use super::common::{Context, Planned};
use super::notice;
use super::{Outcome, ReportError};

/// Version of the schema; it rises when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Body<'a> {
    schema: &'static str,
    schema_version: u32,
    regulatory: &'static str,
    outcome: &'static str,
    summary: String,
    job: Job,
    package: Package<'a>,
    codes: &'a Codes,
    device: Device<'a>,
    source: Sources<'a>,
    threshold: Option<f32>,
    slices_read: Option<u32>,
    marks: Vec<MarkOut>,
    documents: Vec<DocumentOut<'a>>,
}

#[derive(Serialize)]
struct Job {
    record: String,
    supersedes: Option<String>,
    revision: u32,
    decided: String,
    utc_offset: String,
    clock_synchronized: bool,
}

#[derive(Serialize)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    maker: &'a str,
    blake3: String,
}

#[derive(Serialize)]
struct Device<'a> {
    manufacturer: &'a str,
    model: &'a str,
    serial: &'a str,
    software_version: &'a str,
    uid: Uid,
}

#[derive(Serialize)]
struct Sources<'a> {
    study: &'a Uid,
    series: &'a Uid,
    /// In the order of the job: `slice` counts in it.
    instances: Vec<&'a Uid>,
}

#[derive(Serialize)]
struct MarkOut {
    name: String,
    tracking_uid: Uid,
    model_score_uncalibrated: f32,
    centre_lps_mm: [f64; 3],
    at: Place,
    extent: ExtentOut,
}

/// Rows and columns count from 0; `instance` is what the slice is called.
#[derive(Serialize)]
struct Place {
    slice: u32,
    row: u32,
    column: u32,
    instance: Option<Uid>,
    instance_number: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum ExtentOut {
    Measured {
        segment: Option<u16>,
        long_axis_mm: f64,
        long_axis_ends: [Place; 2],
        volume_ml: f64,
        mean_hu: f32,
        pixels: u64,
    },
    NotMeasured {
        why: &'static str,
    },
}

#[derive(Serialize)]
struct DocumentOut<'a> {
    kind: &'static str,
    ordinal: u32,
    sop_class: &'a Option<Uid>,
    sop_instance: &'a Uid,
    series: &'a Uid,
}

/// Writes the JSON document.
///
/// # Errors
///
/// [`ReportError::Json`] if serde cannot.
pub(super) fn write(context: &Context<'_>, plan: &[Planned]) -> Result<Vec<u8>, ReportError> {
    let job = context.job;
    let reading = context.reading();
    let body = Body {
        schema: "scanpost.result",
        schema_version: SCHEMA_VERSION,
        regulatory: REGULATORY,
        outcome: match context.outcome {
            Outcome::Read(_) => "read",
            Outcome::NotRead { .. } => "not_read",
        },
        summary: notice::summary(context),
        job: Job {
            record: job.job.to_string(),
            supersedes: job.supersedes.map(|earlier| earlier.job.to_string()),
            revision: job.revision,
            decided: job.decided.text(),
            utc_offset: job.decided.utc_offset_text(),
            clock_synchronized: job.decided.synced,
        },
        package: Package {
            name: &job.package.name,
            version: &job.package.version,
            maker: &job.package.maker,
            blake3: job.package.digest.to_string(),
        },
        codes: &job.codes,
        device: Device {
            manufacturer: &job.device.manufacturer,
            model: &job.device.model,
            serial: &job.device.serial,
            software_version: &job.device.software_version,
            uid: context.uids.device(),
        },
        source: Sources {
            study: &context.study,
            series: &context.uids.source_series,
            instances: context.references.iter().map(|r| &r.instance).collect(),
        },
        threshold: reading.map(|reading| reading.threshold.get()),
        slices_read: reading.map(|reading| reading.slices_read),
        marks: marks(context),
        documents: plan.iter().map(document).collect(),
    };
    serde_json::to_vec_pretty(&body).map_err(|source| ReportError::Json { source })
}

fn document(planned: &Planned) -> DocumentOut<'_> {
    DocumentOut {
        kind: planned.kind.name(),
        ordinal: planned.ordinal,
        sop_class: &planned.class,
        sop_instance: &planned.instance,
        series: &planned.series,
    }
}

fn marks(context: &Context<'_>) -> Vec<MarkOut> {
    let segments = context.segments();
    let number = |index| {
        let mut numbers = segments.iter().filter(|segment| segment.index == index);
        numbers.next().map(|segment| segment.number)
    };
    let marks = context.marks().iter().enumerate();
    marks
        .map(|(index, mark)| MarkOut {
            name: notice::mark_name(index),
            tracking_uid: context.tracking(index),
            model_score_uncalibrated: mark.score.get(),
            centre_lps_mm: mark.centre,
            at: place(context, mark.at),
            extent: extent(context, mark, number(index)),
        })
        .collect()
}

fn extent(context: &Context<'_>, mark: &Mark, segment: Option<u16>) -> ExtentOut {
    match &mark.extent {
        Extent::Measured(measured) => ExtentOut::Measured {
            segment,
            long_axis_mm: measured.long_axis.0,
            long_axis_ends: measured.long_axis_ends.map(|end| place(context, end)),
            volume_ml: measured.volume.0,
            mean_hu: measured.mean.0,
            pixels: measured.mask.0.iter().map(|run| u64::from(run.count)).sum(),
        },
        Extent::NotMeasured(why) => ExtentOut::NotMeasured { why: notice::not_measured(*why) },
    }
}

fn place(context: &Context<'_>, at: SourceVoxel) -> Place {
    Place {
        slice: at.slice,
        row: at.row,
        column: at.column,
        instance: context.reference(at.slice).map(|reference| reference.instance.clone()),
        instance_number: context.instance_number(at.slice),
    }
}
