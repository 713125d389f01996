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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::dicom::element::Elements;
    use crate::dicom::header::Tag;

    /// A capture of 3 rows and 2 columns, as ours are laid out.
    fn capture(rows: u16, columns: u16, pixels: &[u8]) -> Vec<u8> {
        Elements::new(Encoding::ExplicitLe)
            .us(tags::SAMPLES_PER_PIXEL, 3)
            .text(tags::PHOTOMETRIC_INTERPRETATION, *b"CS", "RGB")
            .us(Tag(0x0028_0006), 0)
            .us(tags::ROWS, rows)
            .us(tags::COLUMNS, columns)
            .us(tags::BITS_ALLOCATED, 8)
            .put(tags::PIXEL_DATA, *b"OB", pixels)
            .into_bytes()
    }

    fn decoded(png: &[u8]) -> ([u32; 2], Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
        ([info.height, info.width], pixels)
    }

    #[test]
    fn a_capture_becomes_a_picture_of_the_very_same_pixels() {
        let pixels: Vec<u8> = (0..18).collect();
        let (size, shown) = decoded(&png(&capture(3, 2, &pixels)).unwrap());
        assert_eq!((size, shown), ([3, 2], pixels));
    }

    #[test]
    fn a_capture_that_is_cut_or_lies_about_its_size_is_no_picture() {
        let whole = capture(3, 2, &[9; 18]);
        for end in 0..whole.len() {
            assert!(png(&whole[..end]).is_none(), "{end} of {} bytes", whole.len());
        }
        for (rows, columns) in [(3, 3), (4, 2), (0, 2), (3, 0), (0, 0), (u16::MAX, u16::MAX)] {
            assert!(png(&capture(rows, columns, &[9; 18])).is_none(), "{rows} by {columns}");
        }
        assert!(png(&Elements::new(Encoding::ExplicitLe).us(tags::ROWS, 3).into_bytes()).is_none());
    }

    fn document() -> Value {
        let at = json!({"slice": 20, "row": 1, "column": 2, "instance": null});
        let measured = json!({"state": "measured", "long_axis_mm": 7.04, "volume_ml": 0.254});
        let not = json!({"state": "not_measured", "why": "not measured: no solid core"});
        let mark = |name: &str, score: f64, extent: &Value| {
            let called = "model_score_uncalibrated";
            json!({"name": name, called: score, "at": at, "extent": extent})
        };
        json!({"marks": [mark("AI mark 1", 0.9751, &measured), mark("AI mark 2", 0.5, &not)]})
    }

    #[test]
    fn a_mark_is_a_line_with_its_slice_counted_from_one() {
        let expected = [
            "AI mark 1, slice 21: long axis 7.0 mm, volume 0.25 mL; \
             model score (uncalibrated) 0.975",
            "AI mark 2, slice 21: not measured: no solid core; model score (uncalibrated) 0.500",
        ];
        assert_eq!(marks(&document()), expected);
    }

    #[test]
    fn a_mark_that_lacks_something_is_left_out_and_the_others_stay() {
        for path in ["name", "model_score_uncalibrated", "at", "extent"] {
            let mut document = document();
            document["marks"][0].as_object_mut().unwrap().remove(path);
            assert_eq!(marks(&document).len(), 1, "{path}");
        }
        for other in [json!(null), json!({}), json!([]), json!({"marks": 7}), json!({"marks": [7]})]
        {
            assert!(marks(&other).is_empty(), "{other}");
        }
        let mut last = document();
        last["marks"][0]["at"]["slice"] = json!(u64::MAX);
        assert_eq!(marks(&last).len(), 2, "no sum overflows");
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_picture_panic(bytes: Vec<u8>) {
            let _picture = png(&bytes);
        }

        #[test]
        fn no_damage_makes_a_picture_panic(at in 0_usize..120, byte: u8) {
            let mut damaged = capture(3, 2, &[9; 18]);
            let at = at % damaged.len();
            damaged[at] = byte;
            let _picture = png(&damaged);
        }
    }
}
