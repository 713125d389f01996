//! A clinic in memory for the tests of this room: real stores on a disk in memory, a clock that is
//! set by hand, chest CTs as a scanner sends them, and a program in the worker's place.

mod page;
pub(crate) mod stand_in;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use crate::base::aet::AeTitle;
use crate::base::digest::Digest;
use crate::base::phi::Phi;
use crate::base::rng::SplitMix;
use crate::base::secret::Secret;
use crate::base::time::{Clock, Instant, Stamp, WallTime};
use crate::base::uid::Uid;
use crate::base::urgency::Urgency;
use crate::config::Config;
use crate::dicom::element::Elements;
use crate::dicom::header::{Identity, Patient, SliceFacts};
use crate::dicom::syntax::{EXPLICIT_LE, Encoding};
use crate::dicom::tags;
use crate::flow::reasons::Reason;
use crate::model::package::Package;
use crate::model::package::tests::lung_nodule;
use crate::node::analyse::{Analyst, Step};
use crate::node::bell::bell;
use crate::node::deliver::Stores;
use crate::node::open::{Means, assemble};
use crate::node::receive::Books;
use crate::node::seal::Seal;
use crate::store::disk::memory::MemoryDisk;
use crate::store::keys::FileKey;
use crate::store::ledger::{Event, KnownJob, Ledger, study_label};
use crate::store::record::{Content, ObjectRecord};
use crate::store::vault::{KeyName, Kind, VaultSettings};

/// Reasons that the reader alone can find: `node::read` reaches each, `node::analyse` all others.
pub(crate) const FOUND_BY_THE_READER: [Reason; 6] = [
    Reason::NotDecoded,
    Reason::NoRescale,
    Reason::NoRegion,
    Reason::TooLarge,
    Reason::ModelFailed,
    Reason::Quarantined,
];

/// Settings under which results leave.
pub(crate) const POSTING: &str = "danger_any_caller = true\n[destinations.PACS]\nae = \"PACS\"\n\
    host = \"pacs\"\nport = 104\n[models]\ndanger_post_unapproved_results = true\n";

const VAULT: VaultSettings =
    VaultSettings { slab_bytes: 1 << 20, reserve_bytes: 16 << 10, slabs_ready: 6 };

/// A clock that only a test moves.
pub(crate) struct Hand(Mutex<Stamp>);

impl Clock for Hand {
    fn now(&self) -> Instant {
        self.stamp().monotonic
    }

    fn stamp(&self) -> Stamp {
        *self.0.lock().unwrap()
    }
}

pub(crate) struct Clinic {
    pub(crate) disk: MemoryDisk,
    pub(crate) clock: Arc<Hand>,
    pub(crate) config: Arc<Config>,
    pub(crate) stores: Stores,
    pub(crate) books: Arc<Books>,
    pub(crate) packages: Vec<Arc<Package>>,
    /// The state folder, for what cannot be in memory.
    pub(crate) state: TempDir,
    analyst: Analyst,
    instances: u32,
}

pub(crate) fn uid(text: &str) -> Uid {
    Uid::parse(text.as_bytes()).unwrap()
}

fn start() -> Stamp {
    Stamp {
        boot: 1,
        monotonic: Instant::from_nanos(1_000_000_000),
        wall: WallTime(1_795_530_127_250),
        utc_offset_s: 0,
        synced: true,
    }
}

fn stores(disk: &MemoryDisk, ledger: Ledger, clock: &Arc<Hand>) -> Stores {
    let means = Means {
        provider: &FileKey::of(Secret::new([7; 32])),
        settings: VAULT,
        rng: Box::new(SplitMix::new(1)),
        clock: Arc::<Hand>::clone(clock),
        destinations: vec!["PACS".to_owned()],
        audit: Arc::new(MemoryDisk::new(1 << 20)),
    };
    let stores = assemble(Arc::new(disk.clone()), ledger, means).unwrap().stores;
    stores.vault.prepare().unwrap();
    stores
}

impl Clinic {
    /// One that posts what it reads, with its ledger in memory.
    pub(crate) fn new() -> Self {
        Self::with(POSTING)
    }

    /// One with these settings.
    pub(crate) fn with(settings: &str) -> Self {
        Self::on(settings, |_| Ledger::in_memory().unwrap())
    }

    /// One whose ledger others can open, too.
    pub(crate) fn on_file(settings: &str) -> Self {
        Self::on(settings, |state| Ledger::open(&state.path().join("ledger.sqlite")).unwrap())
    }

    fn on(settings: &str, ledger: impl FnOnce(&TempDir) -> Ledger) -> Self {
        let state = tempfile::tempdir().unwrap();
        let settings = format!("state = \"{}\"\n{settings}", state.path().display());
        let config = Arc::new(Config::parse(&settings).unwrap());
        let disk = MemoryDisk::new(256 << 20);
        let clock = Arc::new(Hand(Mutex::new(start())));
        let stores = stores(&disk, ledger(&state), &clock);
        let books = Arc::new(Books::new(bell().0));
        let analyst = Analyst::new(Arc::clone(&config), stores.clone(), Arc::clone(&books));
        let packages = vec![Arc::new(lung_nodule())];
        Self { disk, clock, config, stores, books, packages, state, analyst, instances: 0 }
    }

    /// The box loses its ledger and starts again.
    pub(crate) fn lose_ledger(&mut self) {
        self.stores = stores(&self.disk, Ledger::in_memory().unwrap(), &self.clock);
        self.books = Arc::new(Books::new(bell().0));
        let (config, books) = (Arc::clone(&self.config), Arc::clone(&self.books));
        self.analyst = Analyst::new(config, self.stores.clone(), books);
    }

    pub(crate) fn wait(&self, seconds: u64) {
        let mut stamp = self.clock.0.lock().unwrap();
        stamp.monotonic = stamp.monotonic.after(Duration::from_secs(seconds));
        stamp.wall.0 += i64::try_from(seconds * 1000).unwrap();
    }

    pub(crate) fn step(&mut self) -> Step {
        self.analyst.step(&self.packages).unwrap()
    }

    /// Steps until nothing is open any more.
    pub(crate) fn settle(&mut self) -> Step {
        let mut all = Step::default();
        for _ in 0..200 {
            let step = self.step();
            all.whole += step.whole;
            all.jobs += step.jobs;
            if step.next.is_none() {
                return all;
            }
            self.wait(10);
        }
        panic!("a study never becomes whole");
    }

    pub(crate) fn receive(&mut self, object: ObjectRecord) {
        if self.instances.is_multiple_of(40) {
            self.stores.vault.prepare().unwrap();
        }
        self.instances += 1;
        let bytes = data_set(&object, self.instances);
        let mut writer = self.stores.vault.begin(Kind::Object).unwrap();
        writer.append(&bytes).unwrap();
        let length = u64::try_from(bytes.len()).unwrap();
        let object = ObjectRecord { length, digest: Digest::of(&bytes), ..object };
        let label = study_label(&object);
        let tell = |sealed: &_| self.books.add(Clone::clone(sealed));
        let content = Content::Object(Box::new(object));
        self.stores.vault.seal_and_tell(writer, KeyName::Label(&label), content, &tell).unwrap();
        while self.books.book(&self.stores).unwrap().is_some() {}
    }

    pub(crate) fn receive_all(&mut self, objects: Vec<ObjectRecord>) {
        for object in objects {
            self.receive(object);
        }
    }

    /// The jobs of study `1.2.N`.
    pub(crate) fn jobs_of(&self, number: u32) -> Vec<KnownJob> {
        let seal = Seal(&self.stores.vault);
        let ledger = self.stores.ledger();
        let study = ledger.view().study(&uid(&format!("1.2.{number}")), &seal).unwrap().unwrap();
        ledger.view().jobs_of(study, &seal).unwrap()
    }

    /// The jobs of the first study.
    pub(crate) fn jobs(&self) -> Vec<KnownJob> {
        self.jobs_of(1)
    }

    /// What happened to study `1.2.N`.
    pub(crate) fn events_of(&self, number: u32) -> Vec<Event> {
        let seal = Seal(&self.stores.vault);
        let ledger = self.stores.ledger();
        let study = ledger.view().study(&uid(&format!("1.2.{number}")), &seal).unwrap().unwrap();
        ledger.view().timeline(study).unwrap()
    }

    /// The lines of the first study's timeline that say what is not read.
    pub(crate) fn not_read(&self) -> Vec<String> {
        let events = self.events_of(1).into_iter();
        events.filter(|event| event.kind == "not read").map(|event| event.words).collect()
    }
}

/// Slice `index` of a chest CT of study `1.2.1` that the lung package reads.
pub(crate) fn slice(series: u32, index: u32) -> ObjectRecord {
    slice_of(1, series, index)
}

/// The same of study `1.2.N`.
pub(crate) fn slice_of(study: u32, series: u32, index: u32) -> ObjectRecord {
    let facts = SliceFacts {
        rows: Some(512),
        columns: Some(512),
        position: Some([-170.0, -170.0, 2.0 * f64::from(index)]),
        orientation: Some([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        pixel_spacing: Some([0.7, 0.7]),
        thickness: Some(2.0),
        frame_of_reference: Some(uid("1.2.9")),
        image_type: ["ORIGINAL", "PRIMARY", "AXIAL"].map(str::to_owned).to_vec(),
        frames: None,
        samples_per_pixel: Some(1),
        photometric: "MONOCHROME2".to_owned(),
        bits_allocated: Some(16),
        bits_stored: Some(12),
        pixel_representation: Some(0),
        rescale_slope: Some(1.0),
        rescale_intercept: Some(-1024.0),
        body_part: "CHEST".to_owned(),
        pixel_bytes: Some(512 * 512 * 2),
        ..SliceFacts::default()
    };
    let patient = Patient {
        name: b"DOE^JANE".to_vec(),
        id: b"PATIENT7".to_vec(),
        accession: Vec::new(),
        study_date: Vec::new(),
        study_description: Vec::new(),
        character_set: Vec::new(),
    };
    ObjectRecord {
        identity: Identity {
            sop_class: uid("1.2.840.10008.5.1.4.1.1.2"),
            sop_instance: uid(&format!("1.2.{study}.{series}.{}", index + 1)),
            study: Some(uid(&format!("1.2.{study}"))),
            series: Some(uid(&format!("1.2.{study}.{series}"))),
            modality: "CT".to_owned(),
            patient: Phi::new(patient),
        },
        facts,
        transfer_syntax: uid(EXPLICIT_LE),
        length: 0,
        digest: Digest::of(b""),
        calling: AeTitle::parse(b"CT1").unwrap(),
        called: AeTitle::parse(b"SCANPOST").unwrap(),
        peer: "10.0.0.1".to_owned(),
        received: start(),
        unreadable: None,
        oddities: Vec::new(),
        routes: vec!["PACS".to_owned()],
        urgency: Urgency::Normal,
        config: Digest::of(b"settings"),
    }
}

/// A chest CT of study `1.2.1`.
pub(crate) fn chest(series: u32) -> Vec<ObjectRecord> {
    (0..60).map(|index| slice(series, index)).collect()
}

/// A chest CT of study `1.2.N`.
pub(crate) fn chest_of(study: u32) -> Vec<ObjectRecord> {
    (0..60).map(|index| slice_of(study, 1, index)).collect()
}

/// What documents repeat of an instance, and where it lies. Of the pixels there are only a few:
/// nobody decodes them here. `number` makes the bytes others than those of every other instance.
fn data_set(object: &ObjectRecord, number: u32) -> Vec<u8> {
    let ObjectRecord { identity, facts, .. } = object;
    let patient = identity.patient.reveal("a test writes its own patient");
    let decimals = |numbers: &[f64]| {
        let texts: Vec<_> = numbers.iter().map(ToString::to_string).collect();
        texts.join("\\")
    };
    let text = |uid: &Option<Uid>| uid.as_ref().map(Uid::as_str).unwrap_or_default().to_owned();
    Elements::new(Encoding::ExplicitLe)
        .text(tags::SOP_CLASS_UID, *b"UI", identity.sop_class.as_str())
        .text(tags::SOP_INSTANCE_UID, *b"UI", identity.sop_instance.as_str())
        .text(tags::MODALITY, *b"CS", &identity.modality)
        .put(tags::PATIENT_NAME, *b"PN", &patient.name)
        .put(tags::PATIENT_ID, *b"LO", &patient.id)
        .text(tags::BODY_PART_EXAMINED, *b"CS", &facts.body_part)
        .text(tags::SLICE_THICKNESS, *b"DS", "2")
        .text(tags::STUDY_INSTANCE_UID, *b"UI", &text(&identity.study))
        .text(tags::SERIES_INSTANCE_UID, *b"UI", &text(&identity.series))
        .text(tags::INSTANCE_NUMBER, *b"IS", &number.to_string())
        .text(tags::IMAGE_POSITION_PATIENT, *b"DS", &decimals(&facts.position.unwrap_or_default()))
        .text(tags::IMAGE_ORIENTATION_PATIENT, *b"DS", "1\\0\\0\\0\\1\\0")
        .text(tags::FRAME_OF_REFERENCE_UID, *b"UI", &text(&facts.frame_of_reference))
        .us(tags::SAMPLES_PER_PIXEL, 1)
        .text(tags::PHOTOMETRIC_INTERPRETATION, *b"CS", "MONOCHROME2")
        .us(tags::ROWS, facts.rows.unwrap_or_default())
        .us(tags::COLUMNS, facts.columns.unwrap_or_default())
        .text(tags::PIXEL_SPACING, *b"DS", "0.7\\0.7")
        .us(tags::BITS_ALLOCATED, 16)
        .us(tags::BITS_STORED, 12)
        .us(tags::HIGH_BIT, 11)
        .us(tags::PIXEL_REPRESENTATION, 0)
        .put(tags::PIXEL_DATA, *b"OW", &[0; 8])
        .into_bytes()
}
