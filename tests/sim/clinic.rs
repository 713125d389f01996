//! What the clinic of the simulator is made of: its clock, its wire, its studies, its settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use scanpost::base::ids::RecordNumber;
use scanpost::base::rng::{Rng, SplitMix};
use scanpost::base::time::{Clock, Instant, Stamp, WallTime};
use scanpost::base::uid::Uid;
use scanpost::config::Config;
use scanpost::dicom::element::Elements;
use scanpost::dicom::requestor::Pair;
use scanpost::dicom::syntax::{EXPLICIT_LE, Encoding};
use scanpost::dicom::tags;

/// A millisecond in nanoseconds.
pub const MS: u64 = 1_000_000;
/// A second in nanoseconds.
pub const S: u64 = 1000 * MS;
/// The archives, by their names in the settings.
pub const ARCHIVES: [&str; 2] = ["A", "B"];
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

/// The one clock of a run, moved by its events. The boot is drawn anew at each start.
pub struct SimClock {
    now: AtomicU64,
    boot: AtomicU64,
    /// How far the wall clock is off, in milliseconds.
    wall: AtomicI64,
}

impl SimClock {
    /// Starts a minute after the machine.
    pub fn new() -> Arc<Self> {
        let (now, boot) = (AtomicU64::new(60 * S), AtomicU64::new(1));
        Arc::new(Self { now, boot, wall: AtomicI64::new(0) })
    }

    /// Moves on to `now`.
    pub fn set(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
    }

    /// Has the wall clock jump, forwards or backwards; the monotonic one never does.
    pub fn jump(&self, to: i64) {
        self.wall.store(to, Ordering::Relaxed);
    }

    /// Counts another start of the machine.
    pub fn next_boot(&self) {
        self.boot.fetch_add(1, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.now.load(Ordering::Relaxed))
    }

    fn stamp(&self) -> Stamp {
        let monotonic = self.now();
        let ms = i64::try_from(monotonic.as_nanos() / MS).unwrap_or(0);
        let boot = self.boot.load(Ordering::Relaxed);
        let wall = WallTime(ms.saturating_add(self.wall.load(Ordering::Relaxed)));
        Stamp { boot, monotonic, wall, ..Stamp::default() }
    }
}

/// One data set: an instance in one version, or a document of the box.
#[derive(Clone)]
pub struct Content {
    /// Number of its study; 0 for documents.
    pub study: u64,
    pub instance: Uid,
    /// 0 for the first under its UID.
    pub version: u64,
    pub bytes: Vec<u8>,
    /// The job and the outcome that a document of the box tells of.
    pub document: Option<(RecordNumber, &'static str)>,
}

/// What the slices of a study are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An even stack.
    Even,
    /// An even stack, whose last slice comes late.
    Late,
    /// A slice in the middle never comes.
    Gap,
    /// It comes late.
    Filled,
    /// Slices that say nothing of where they lie.
    Bare,
    /// An even stack, and a localizer in a series of its own.
    Localizer,
}

/// What the reader makes of a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    Reads,
    /// It says that there is nothing to read.
    Blank,
    /// It dies of it.
    Kills,
}

/// A study of the plan.
#[derive(Clone, Debug)]
pub struct Study {
    pub uid: Uid,
    pub shape: Shape,
    pub temper: Temper,
    /// Slices of the stack.
    pub slices: usize,
}

/// A turn of the scanner: what it sends, and how long it is silent before.
#[derive(Clone, Copy)]
pub struct Turn {
    pub content: usize,
    pub wait: u64,
}

/// What the scanner has: contents, and the order in which it sends them, some twice.
pub struct Plan {
    pub studies: Vec<Study>,
    pub contents: Vec<Content>,
    pub sending: Vec<Turn>,
}

pub fn pair() -> Pair {
    let uid = |text: &str| Uid::parse(text.as_bytes()).expect("a UID");
    Pair { class: uid(CT), transfer_syntax: uid(EXPLICIT_LE) }
}

/// A slice of the plan: which study, which series of it, which place in the stack.
#[derive(Clone, Copy)]
struct Slice {
    study: u64,
    shape: Shape,
    series: u64,
    number: u64,
}

impl Slice {
    fn content(self, version: u64) -> Content {
        let Self { study, shape, series, number } = self;
        let uid = |rest: String| format!("1.2.3.{rest}");
        let instance = uid(format!("{study}.{series}.{number}"));
        let kind = if series == 1 { "AXIAL" } else { "LOCALIZER" };
        let mut elements = Elements::new(Encoding::ExplicitLe)
            .text(tags::IMAGE_TYPE, *b"CS", &format!("ORIGINAL\\PRIMARY\\{kind}"))
            .text(tags::SOP_CLASS_UID, *b"UI", CT)
            .text(tags::SOP_INSTANCE_UID, *b"UI", &instance)
            .text(tags::MODALITY, *b"CS", "CT")
            .text(tags::BODY_PART_EXAMINED, *b"CS", "CHEST")
            .text(tags::SLICE_THICKNESS, *b"DS", "2")
            .text(tags::STUDY_INSTANCE_UID, *b"UI", &uid(study.to_string()))
            .text(tags::SERIES_INSTANCE_UID, *b"UI", &uid(format!("{study}.{series}")));
        if shape != Shape::Bare {
            let place = format!("-2\\-2\\{}", 2 * number);
            elements = elements
                .text(tags::IMAGE_POSITION_PATIENT, *b"DS", &place)
                .text(tags::IMAGE_ORIENTATION_PATIENT, *b"DS", "1\\0\\0\\0\\1\\0")
                .text(tags::FRAME_OF_REFERENCE_UID, *b"UI", &uid(format!("{study}.9")));
        }
        let pixels: Vec<u8> = [study, series, number, version]
            .iter()
            .cycle()
            .take(36)
            .map(|number| u8::try_from(*number).expect("small numbers"))
            .collect();
        let bytes = elements
            .us(tags::SAMPLES_PER_PIXEL, 1)
            .text(tags::PHOTOMETRIC_INTERPRETATION, *b"CS", "MONOCHROME2")
            .us(tags::ROWS, 6)
            .us(tags::COLUMNS, 6)
            .text(tags::PIXEL_SPACING, *b"DS", "0.7\\0.7")
            .us(tags::BITS_ALLOCATED, 8)
            .us(tags::BITS_STORED, 8)
            .us(tags::PIXEL_REPRESENTATION, 0)
            .text(tags::RESCALE_INTERCEPT, *b"DS", "-1024")
            .text(tags::RESCALE_SLOPE, *b"DS", "1")
            .put(tags::PIXEL_DATA, *b"OB", &pixels)
            .into_bytes();
        let instance = Uid::parse(instance.as_bytes()).expect("a UID");
        Content { study, instance, version, bytes, document: None }
    }
}

/// Makes the scanner's day: studies in their order, then and between some slices once more,
/// with the same bytes or with others, and at the end the slices that are late.
pub fn plan(rng: &mut SplitMix) -> Plan {
    let mut plan = Plan { studies: Vec::new(), contents: Vec::new(), sending: Vec::new() };
    let (mut slices, mut late) = (Vec::new(), Vec::new());
    for study in 1..=1 + rng.below(3) {
        let (prompt, behind) = plan.study(rng, study);
        late.extend(behind);
        for slice in prompt {
            plan.send(slice, 0, &mut slices);
            let earlier = plan.sending[below(rng, plan.sending.len())].content;
            if rng.below(6) == 0 {
                plan.sending.push(Turn { content: earlier, wait: 0 });
            }
            let instance = plan.contents[earlier].instance.clone();
            let is_new =
                plan.contents.iter().filter(|known| known.instance == instance).count() == 1;
            if rng.below(6) == 0 && is_new {
                let slice: Slice = slices[earlier];
                plan.sending.push(Turn { content: plan.contents.len(), wait: 0 });
                plan.contents.push(slice.content(1));
                slices.push(slice);
            }
        }
    }
    for slice in late {
        plan.send(slice, (5 + rng.below(150)) * S, &mut slices);
    }
    plan
}

impl Plan {
    /// Draws a study; returns its slices, those that come at once and the one that is late.
    fn study(&mut self, rng: &mut SplitMix, study: u64) -> (Vec<Slice>, Option<Slice>) {
        let shapes =
            [Shape::Even, Shape::Late, Shape::Gap, Shape::Filled, Shape::Bare, Shape::Localizer];
        let shape = shapes[below(rng, shapes.len())];
        let tempers = [Temper::Reads, Temper::Reads, Temper::Reads, Temper::Blank, Temper::Kills];
        let temper = tempers[below(rng, tempers.len())];
        let slice = |number| Slice { study, shape, series: 1, number };
        let (mut numbers, late): (Vec<u64>, _) = match shape {
            Shape::Even | Shape::Localizer | Shape::Bare => {
                ((1..=3 + rng.below(2)).collect(), None)
            }
            Shape::Late => ((1..=4).collect(), Some(5)),
            Shape::Gap => (vec![1, 2, 4, 5], None),
            Shape::Filled => (vec![1, 2, 4, 5], Some(3)),
        };
        if rng.below(3) == 0 {
            numbers.reverse();
        }
        let uid = Uid::parse(format!("1.2.3.{study}").as_bytes()).expect("a UID");
        let slices = numbers.len() + usize::from(late.is_some());
        self.studies.push(Study { uid, shape, temper, slices });
        let mut prompt: Vec<Slice> = numbers.into_iter().map(slice).collect();
        if shape == Shape::Localizer {
            prompt.insert(0, Slice { series: 2, ..slice(1) });
        }
        (prompt, late.map(slice))
    }

    fn send(&mut self, slice: Slice, wait: u64, slices: &mut Vec<Slice>) {
        self.sending.push(Turn { content: self.contents.len(), wait });
        self.contents.push(slice.content(0));
        slices.push(slice);
    }
}

/// Draws an index below `length`.
pub fn below(rng: &mut SplitMix, length: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(length).expect("short"))).expect("an index")
}

/// Archive A takes results, archive B takes what the scanner sent alone.
pub fn config() -> Arc<Config> {
    let mut text = "[callers.CT1]\nae = \"CT1\"\n".to_owned();
    for (name, takes) in ARCHIVES.into_iter().zip([true, false]) {
        let lines = format!(
            "[destinations.{name}]\nae = \"{name}\"\nhost = \"x\"\nport = 104\n\
             results = {takes}\n"
        );
        text.push_str(&lines);
    }
    text.push_str("[gather]\nquiet_s = 20\nreleased_quiet_s = 5\nincomplete_s = 100\n");
    text.push_str("[models]\ndanger_post_unapproved_results = true\n");
    Arc::new(Config::parse(&text).expect("the settings are right"))
}
