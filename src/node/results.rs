//! What came of a study's jobs, for page and command line: read back from the vault.

use serde_json::Value;

use crate::base::ids::StudyRow;
use crate::dicom::syntax::{Encoding, TransferSyntax};
use crate::dicom::tags;
use crate::dicom::walker::{Keep, PixelData, Walker};
use crate::flow::reasons::Reason;
use crate::node::deliver::Stores;
use crate::node::seal::Seal;
use crate::report::notice::MODEL_SCORE;
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
        let because = |word: &str| match Reason::of_word(word) {
            Some(reason) => format!("not read: {reason}"),
            None => format!("not read: {word}"),
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

/// Turns a capture of ours into a PNG.
pub fn png(data_set: &[u8]) -> Option<Vec<u8>> {
    let syntax = TransferSyntax { encoding: Encoding::ExplicitLe, native_pixels: true };
    let mut walker = Walker::new(syntax, Keep::TopLevel);
    walker.feed(data_set).ok()?;
    let walk = walker.finish().ok()?;
    let (rows, columns) = (walk.header.u16(tags::ROWS)?, walk.header.u16(tags::COLUMNS)?);
    let Some(PixelData::Native { offset, .. }) = walk.pixel_data else { return None };
    let start = usize::try_from(offset).ok()?;
    let length = usize::from(rows).checked_mul(usize::from(columns))?.checked_mul(3)?;
    let pixels = data_set.get(start..start.checked_add(length)?)?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, columns.into(), rows.into());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels)).ok()?;
    Some(file)
}

/// Describes the marks of a JSON document, one line each.
pub fn marks(document: &Value) -> Vec<String> {
    let marks = document.get("marks").and_then(Value::as_array);
    marks.into_iter().flatten().filter_map(mark).collect()
}

fn mark(mark: &Value) -> Option<String> {
    let name = mark.get("name")?.as_str()?;
    let score = mark.get("model_score_uncalibrated")?.as_f64()?;
    let image = match mark.pointer("/at/instance_number").and_then(Value::as_str) {
        Some(number) => format!("image {number}"),
        None => format!("slice {}", mark.pointer("/at/slice")?.as_u64()?.saturating_add(1)),
    };
    let size = match mark.pointer("/extent/state")?.as_str()? {
        "measured" => format!(
            "long axis {:.1} mm, volume {:.2} mL",
            mark.pointer("/extent/long_axis_mm")?.as_f64()?,
            mark.pointer("/extent/volume_ml")?.as_f64()?
        ),
        _ => mark.pointer("/extent/why")?.as_str()?.to_owned(),
    };
    Some(format!("{name}, {image}: {size}; {MODEL_SCORE} {score:.3}"))
}
