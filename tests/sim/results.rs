//! What the simulated reader writes, and what is remembered of it for the verdict.

use std::collections::BTreeMap;

use scanpost::base::digest::Digest;
use scanpost::base::ids::RecordNumber;
use scanpost::base::uid::Uid;
use scanpost::dicom::element::Elements;
use scanpost::dicom::syntax::{EXPLICIT_LE, Encoding};
use scanpost::dicom::tags;
use scanpost::flow::reasons::Reason;
use scanpost::node::read::{Identities, Todo};
use scanpost::report::uids::Uids;
use scanpost::report::{Document, Kind};

/// The outcome of a reading in one word.
pub fn word(refusal: Option<Reason>) -> &'static str {
    refusal.map_or("read", Reason::word)
}

/// What one run did in analysis and reading.
#[derive(Default)]
pub struct Results {
    /// Studies that became whole, once each time.
    pub whole: u64,
    /// Jobs decided.
    pub jobs: u64,
    /// Documents sealed in sets that came to their end.
    pub documents: u64,
    /// Deaths of the reader.
    pub deaths: u64,
    /// Deaths by ledger and study: the ledger counts them.
    pub deaths_of: BTreeMap<(u32, Uid), u32>,
    /// Which job read these instances with this package.
    begun: BTreeMap<(String, Vec<RecordNumber>), RecordNumber>,
    /// Jobs whose documents were all sealed.
    done: BTreeMap<RecordNumber, &'static str>,
    /// What went wrong, to be told at the end.
    pub wrong: Option<String>,
}

impl Results {
    /// The reader begins with a job.
    pub fn begin(&mut self, todo: &Todo) {
        let job = todo.job.number;
        if let Some(outcome) = self.done.get(&job) {
            self.blame(format!("I3: job {job} is read again, it was done: {outcome}"));
        }
        let mut sources = todo.job.sources.clone();
        sources.sort_unstable();
        let key = (todo.job.package.clone(), sources);
        let first = *self.begun.entry(key).or_insert(job);
        if first != job {
            self.blame(format!("I3: job {job} reads what job {first} has read"));
        }
    }

    /// The reader died of a study for this ledger.
    pub fn died(&mut self, epoch: u32, study: &Uid) {
        self.deaths += 1;
        let deaths = self.deaths_of.entry((epoch, study.clone())).or_default();
        *deaths += 1;
        let deaths = *deaths;
        if 2 < deaths {
            self.blame(format!("study {study} killed the reader {deaths} times"));
        }
    }

    /// Whether a ledger of the run set this study aside.
    pub fn is_quarantined(&self, study: &Uid) -> bool {
        self.deaths_of.iter().any(|((_, of), deaths)| of == study && 2 <= *deaths)
    }

    /// All documents of a job are sealed.
    pub fn handed_in(&mut self, job: RecordNumber, documents: usize, outcome: &'static str) {
        self.documents += u64::try_from(documents).expect("few");
        self.done.insert(job, outcome);
    }

    /// Remembers the first thing that went wrong.
    pub fn blame(&mut self, wrong: String) {
        self.wrong.get_or_insert(wrong);
    }
}

/// The documents of a job: as `report` makes them in number and name, small in content.
pub fn documents(todo: &Todo, who: Identities, refusal: Option<Reason>) -> Vec<Document> {
    let job = &todo.job;
    let uids = Uids {
        box_id: who.box_id,
        vault_identity: who.vault,
        job: job.number,
        package: job.package_digest,
        source_series: job.series.clone(),
    };
    // Odd jobs have a picture more: sets differ in size.
    let pictures = if refusal.is_none() && job.number.sequence % 2 == 1 { 2 } else { 1 };
    let mut kinds = vec![(Kind::Sr, Some("1.2.840.10008.5.1.4.1.1.88.33"))];
    kinds.extend(vec![(Kind::Capture, Some("1.2.840.10008.5.1.4.1.1.7")); pictures]);
    kinds.push((Kind::Json, None));
    let of: Vec<Digest> = todo.objects.iter().map(|object| object.digest).collect();
    let words = format!("{:?} {} {:?} {of:?}", job.number, word(refusal), job.decided);
    let told = Digest::of(words.as_bytes());
    let fixed = |text: &str| Uid::parse(text.as_bytes()).expect("a UID");
    (0..)
        .zip(kinds)
        .map(|(ordinal, (kind, class))| {
            let (instance, series) = (uids.instance(kind, ordinal), uids.series(kind));
            let bytes = Elements::new(Encoding::ExplicitLe)
                .text(tags::SOP_CLASS_UID, *b"UI", class.unwrap_or_default())
                .text(tags::SOP_INSTANCE_UID, *b"UI", instance.as_str())
                .text(tags::STUDY_INSTANCE_UID, *b"UI", job.study.as_str())
                .text(tags::SERIES_INSTANCE_UID, *b"UI", series.as_str())
                .put(tags::PIXEL_DATA, *b"OB", &told.0)
                .into_bytes();
            Document {
                kind,
                ordinal,
                sop_class: class.map(fixed),
                sop_instance: instance,
                series,
                transfer_syntax: fixed(EXPLICIT_LE),
                bytes,
            }
        })
        .collect()
}
