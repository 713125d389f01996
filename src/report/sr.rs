//! The structured report as a document (PS3.3 A.35.3, Comprehensive SR): flags and evidence.

use dicom_dictionary_std::tags;

use super::common::{Context, Planned, Reference, sop_class};
use super::dataset::DataSet;
use super::sr_tree;
use super::uids::Uids;
use super::{Kind, Outcome, ReportError, Superseded};

/// Writes the report: never verified, never final.
///
/// # Errors
///
/// Those of encoding.
pub(super) fn write(
    context: &Context<'_>,
    planned: &Planned,
    plan: &[Planned],
) -> Result<Vec<u8>, ReportError> {
    let segmentation = plan.iter().find(|other| other.kind == Kind::Seg);
    let mut set = context.instance(planned);
    set.merge(sr_tree::root(context, segmentation));
    set.empty(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE);
    set.empty(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE);
    let completion = match context.outcome {
        Outcome::Read(_) => "COMPLETE",
        Outcome::NotRead { .. } => "PARTIAL",
    };
    set.text(tags::COMPLETION_FLAG, completion);
    set.text(tags::VERIFICATION_FLAG, "UNVERIFIED");
    set.text(tags::PRELIMINARY_FLAG, "PRELIMINARY");
    set.item(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, evidence(context, segmentation));
    if let Some(earlier) = context.job.supersedes {
        set.item(tags::PREDECESSOR_DOCUMENTS_SEQUENCE, predecessor(context, earlier));
    }
    set.encode()
}

/// Every instance that was looked at, and the segmentation that the report refers to.
fn evidence(context: &Context<'_>, segmentation: Option<&Planned>) -> DataSet {
    let sources = context.references.iter().map(Reference::item).collect();
    let mut series = vec![of_series(&context.uids.source_series, sources)];
    if let Some(planned) = segmentation {
        series.extend(planned.class.clone().map(|class| {
            let reference = Reference { class, instance: planned.instance.clone() };
            of_series(&planned.series, vec![reference.item()])
        }));
    }
    of_study(context, series)
}

/// The report of the job that this one replaces; its names follow from that job alone.
fn predecessor(context: &Context<'_>, earlier: Superseded) -> DataSet {
    let uids = Uids { job: earlier.job, package: earlier.package_digest, ..context.uids.clone() };
    let reference =
        sop_class(Kind::Sr).map(|class| Reference { class, instance: uids.instance(Kind::Sr, 0) });
    let items = reference.iter().map(Reference::item).collect();
    of_study(context, vec![of_series(&uids.series(Kind::Sr), items)])
}

fn of_series(series: &crate::base::uid::Uid, references: Vec<DataSet>) -> DataSet {
    let mut item = DataSet::default();
    item.uid(tags::SERIES_INSTANCE_UID, series);
    item.items(tags::REFERENCED_SOP_SEQUENCE, references);
    item
}

fn of_study(context: &Context<'_>, series: Vec<DataSet>) -> DataSet {
    let mut item = DataSet::default();
    item.uid(tags::STUDY_INSTANCE_UID, &context.study);
    item.items(tags::REFERENCED_SERIES_SEQUENCE, series);
    item
}
