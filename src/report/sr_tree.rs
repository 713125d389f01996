//! Content items of a structured report (PS3.3 C.17.3), and the tree of TID 1500.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use crate::base::uid::Uid;
use crate::image::volume::SourceVoxel;
use crate::infer::finding::Mark;

use super::codes::{self, Code};
use super::common::{Context, Planned, Reference, Segment};
use super::dataset::DataSet;
use super::notice;

/// How a content item relates to its parent.
#[derive(Clone, Copy)]
enum Relation {
    Contains,
    Context,
    Modifies,
    SelectedFrom,
}

/// Returns the elements of the root: the container and all below it.
///
/// Template: TID 1500. The container of measurements is there whatever the outcome: a viewer
/// must be able to tell "nothing marked" from "no report".
pub(super) fn root(context: &Context<'_>, segmentation: Option<&Planned>) -> DataSet {
    let mut root = DataSet::default();
    root.text(tags::VALUE_TYPE, "CONTAINER");
    root.item(tags::CONCEPT_NAME_CODE_SEQUENCE, codes::MEASUREMENT_REPORT.item());
    root.text(tags::CONTINUITY_OF_CONTENT, "SEPARATE");
    root.item(tags::CONTENT_TEMPLATE_SEQUENCE, template("1500"));
    let mut children = vec![code(Relation::Modifies, &codes::LANGUAGE, &codes::ENGLISH)];
    children.extend(observer(context));
    children.push(code(
        Relation::Modifies,
        &codes::PROCEDURE_REPORTED,
        &context.job.codes.procedure,
    ));
    let mut groups: Vec<DataSet> = context
        .marks()
        .iter()
        .enumerate()
        .map(|(index, mark)| group(context, index, mark, segmentation))
        .collect();
    if groups.is_empty() {
        // An empty container has no Content Sequence, and readers trip over that.
        let summary = notice::summary(context);
        groups.push(text(Relation::Contains, &codes::COMMENT, &summary));
    }
    children.push(container(&codes::IMAGING_MEASUREMENTS, groups));
    children.push(words(context));
    root.items(tags::CONTENT_SEQUENCE, children);
    root
}

/// TID 1002 and 1004: the box observes, nobody else.
fn observer(context: &Context<'_>) -> Vec<DataSet> {
    let device = &context.job.device;
    let mut items = vec![
        code(Relation::Context, &codes::OBSERVER_TYPE, &codes::DEVICE),
        uid(Relation::Context, &codes::DEVICE_UID, &context.uids.device()),
        text(Relation::Context, &codes::DEVICE_NAME, &context.package_label()),
    ];
    let named = [
        (&codes::DEVICE_MANUFACTURER, &device.manufacturer),
        (&codes::DEVICE_MODEL, &device.model),
        (&codes::DEVICE_SERIAL, &device.serial),
    ];
    items.extend(named.map(|(name, value)| text(Relation::Context, name, value)));
    items
}

/// TID 4019: what read.
fn algorithm(context: &Context<'_>) -> Vec<DataSet> {
    let package = &context.job.package;
    let mut items = vec![
        code(Relation::Modifies, &codes::ALGORITHM_FAMILY, &codes::ARTIFICIAL_INTELLIGENCE),
        text(Relation::Modifies, &codes::ALGORITHM_NAME, &package.name),
        text(Relation::Modifies, &codes::ALGORITHM_VERSION, &package.version),
        text(Relation::Modifies, &codes::ALGORITHM_MANUFACTURER, &package.maker),
    ];
    let mut parameters = vec![format!("BLAKE3 of the package: {}", package.digest)];
    if let Some(reading) = context.reading() {
        parameters.push(format!("threshold: {:.3}", reading.threshold.get()));
    }
    let parameters = parameters
        .iter()
        .map(|value| text(Relation::Modifies, &codes::ALGORITHM_PARAMETERS, value));
    items.extend(parameters);
    items
}

/// The honest words, with what made them.
fn words(context: &Context<'_>) -> DataSet {
    let mut children = algorithm(context);
    let lines = notice::lines(context);
    let lines = lines.iter().map(|line| text(Relation::Contains, &codes::COMMENT, line));
    children.extend(lines);
    container(&codes::QUALITATIVE_EVALUATIONS, children)
}

/// TID 1411 for a mark with an outline, TID 1410 for one without.
fn group(
    context: &Context<'_>,
    index: usize,
    mark: &Mark,
    segmentation: Option<&Planned>,
) -> DataSet {
    let codes_of = &context.job.codes;
    let mut children = vec![
        text(Relation::Context, &codes::TRACKING_IDENTIFIER, &notice::mark_name(index)),
        uid(Relation::Context, &codes::TRACKING_UID, &context.tracking(index)),
        code(Relation::Contains, &codes::FINDING_CATEGORY, &codes::ABNORMAL_STRUCTURE),
        code(Relation::Contains, &codes::FINDING, &codes_of.finding),
        code(Relation::Modifies, &codes::FINDING_SITE, &codes_of.site),
    ];
    children.extend(algorithm(context));
    let segment =
        context.segments().into_iter().find(|segment| segment.index == index).zip(segmentation);
    let template_id = if let Some((segment, planned)) = segment {
        children.extend(measurements(context, &segment, planned));
        "1411"
    } else {
        children.extend(coordinates(context, &codes::IMAGE_REGION, &[mark.at]));
        "1410"
    };
    children.push(number(&codes::MODEL_SCORE, &notice::score(mark), &codes::UNITY));
    children.push(text(Relation::Contains, &codes::COMMENT, &notice::mark_line(index, mark)));
    let mut group = container(&codes::MEASUREMENT_GROUP, children);
    group.item(tags::CONTENT_TEMPLATE_SEQUENCE, template(template_id));
    group
}

/// What a mark with an outline has: its segment, the line of its long axis, the numbers.
fn measurements(context: &Context<'_>, segment: &Segment<'_>, planned: &Planned) -> Vec<DataSet> {
    let measured = segment.measured;
    let mut items = vec![
        referenced_segment(planned, segment.number),
        uid(Relation::Contains, &codes::SOURCE_SERIES, &context.uids.source_series),
    ];
    items.extend(coordinates(context, &codes::PATH, &measured.long_axis_ends));
    items.push(number(
        &codes::LONG_AXIS,
        &format!("{:.2}", measured.long_axis.0),
        &codes::MILLIMETRE,
    ));
    items.push(number(&codes::VOLUME, &format!("{:.3}", measured.volume.0), &codes::MILLILITRE));
    items
}

fn referenced_segment(planned: &Planned, number: u16) -> DataSet {
    let mut reference = DataSet::default();
    if let Some(class) = &planned.class {
        reference = Reference { class: class.clone(), instance: planned.instance.clone() }.item();
    }
    reference.u16s(tags::REFERENCED_SEGMENT_NUMBER, &[number]);
    let mut item = named(Relation::Contains, "IMAGE", &codes::REFERENCED_SEGMENT);
    item.item(tags::REFERENCED_SOP_SEQUENCE, reference);
    item
}

/// SCOORD (PS3.3 C.18.6) on the image of the first point; the centre of the first pixel is
/// 0.5\0.5. One point is a POINT, two are a POLYLINE.
fn coordinates(context: &Context<'_>, name: &Code, points: &[SourceVoxel]) -> Option<DataSet> {
    let reference = context.reference(points.first()?.slice)?;
    let mut image = DataSet::default();
    image.text(tags::RELATIONSHIP_TYPE, Relation::SelectedFrom.name());
    image.text(tags::VALUE_TYPE, "IMAGE");
    image.item(tags::REFERENCED_SOP_SEQUENCE, reference.item());
    let graphic = if points.len() == 1 { "POINT" } else { "POLYLINE" };
    let data: Vec<f32> =
        points.iter().flat_map(|at| [at.column as f32 + 0.5, at.row as f32 + 0.5]).collect();
    let mut item = named(Relation::Contains, "SCOORD", name);
    item.text(tags::GRAPHIC_TYPE, graphic);
    item.f32s(tags::GRAPHIC_DATA, &data);
    item.item(tags::CONTENT_SEQUENCE, image);
    Some(item)
}

impl Relation {
    fn name(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::Context => "HAS OBS CONTEXT",
            Self::Modifies => "HAS CONCEPT MOD",
            Self::SelectedFrom => "SELECTED FROM",
        }
    }
}

fn template(id: &str) -> DataSet {
    let mut item = DataSet::default();
    item.text(tags::MAPPING_RESOURCE, "DCMR");
    item.text(tags::TEMPLATE_IDENTIFIER, id);
    item
}

fn named(relation: Relation, value_type: &str, name: &Code) -> DataSet {
    let mut item = DataSet::default();
    item.text(tags::RELATIONSHIP_TYPE, relation.name());
    item.text(tags::VALUE_TYPE, value_type);
    item.item(tags::CONCEPT_NAME_CODE_SEQUENCE, name.item());
    item
}

fn value(relation: Relation, kind: &str, name: &Code, put: (Tag, &str)) -> DataSet {
    let mut item = named(relation, kind, name);
    item.text(put.0, put.1);
    item
}

fn container(name: &Code, children: Vec<DataSet>) -> DataSet {
    let mut item = named(Relation::Contains, "CONTAINER", name);
    item.text(tags::CONTINUITY_OF_CONTENT, "SEPARATE");
    if !children.is_empty() {
        item.items(tags::CONTENT_SEQUENCE, children);
    }
    item
}

fn code(relation: Relation, name: &Code, value: &Code) -> DataSet {
    let mut item = named(relation, "CODE", name);
    item.item(tags::CONCEPT_CODE_SEQUENCE, value.item());
    item
}

fn text(relation: Relation, name: &Code, words: &str) -> DataSet {
    value(relation, "TEXT", name, (tags::TEXT_VALUE, words))
}

fn uid(relation: Relation, name: &Code, uid: &Uid) -> DataSet {
    value(relation, "UIDREF", name, (tags::UID, uid.as_str()))
}

fn number(name: &Code, digits: &str, unit: &Code) -> DataSet {
    let mut measured = DataSet::default();
    measured.text(tags::NUMERIC_VALUE, digits);
    measured.item(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, unit.item());
    let mut item = named(Relation::Contains, "NUM", name);
    item.item(tags::MEASURED_VALUE_SEQUENCE, measured);
    item
}
