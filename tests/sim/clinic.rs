//! What the clinic of the simulator is made of: its clock, its wire, its studies, its settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
const STUDIES: u64 = 3;
const SLICES: u64 = 4;
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

/// The one clock of a run, moved by its events. The boot is drawn anew at each start.
pub struct SimClock {
    now: AtomicU64,
    boot: AtomicU64,
}

impl SimClock {
    /// Starts a minute after the machine.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { now: AtomicU64::new(60 * S), boot: AtomicU64::new(1) })
    }

    /// Moves on to `now`.
    pub fn set(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
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
        Stamp { boot, monotonic, wall: WallTime(ms), ..Stamp::default() }
    }
}

/// One data set: an instance in one version.
#[derive(Clone)]
pub struct Content {
    pub study: u64,
    pub instance: Uid,
    /// 0 for the first under its UID.
    pub version: u64,
    pub bytes: Vec<u8>,
}

/// What the scanner has: contents, and the order in which it sends them, some twice.
pub struct Plan {
    pub contents: Vec<Content>,
    pub sending: Vec<usize>,
}

pub fn pair() -> Pair {
    let uid = |text: &str| Uid::parse(text.as_bytes()).expect("a UID");
    Pair { class: uid(CT), transfer_syntax: uid(EXPLICIT_LE) }
}

fn content(study: u64, slice: u64, version: u64) -> Content {
    let uid = |rest: String| format!("1.2.3.{rest}");
    let instance = uid(format!("{study}.1.{slice}"));
    let pixels = u8::try_from(16 * study + 4 * slice + version).expect("small numbers");
    let bytes = Elements::new(Encoding::ExplicitLe)
        .text(tags::SOP_CLASS_UID, *b"UI", CT)
        .text(tags::SOP_INSTANCE_UID, *b"UI", &instance)
        .text(tags::STUDY_INSTANCE_UID, *b"UI", &uid(study.to_string()))
        .text(tags::SERIES_INSTANCE_UID, *b"UI", &uid(format!("{study}.1")))
        .put(tags::PIXEL_DATA, *b"OB", &[pixels; 40])
        .into_bytes();
    let instance = Uid::parse(instance.as_bytes()).expect("a UID");
    Content { study, instance, version, bytes }
}

/// Makes the scanner's day: studies in their order, then and between some slices once more,
/// with the same bytes or with others.
pub fn plan(rng: &mut SplitMix) -> Plan {
    let mut plan = Plan { contents: Vec::new(), sending: Vec::new() };
    for study in 1..=STUDIES {
        for slice in 1..=SLICES {
            plan.sending.push(plan.contents.len());
            plan.contents.push(content(study, slice, 0));
            let earlier = plan.sending[below(rng, plan.sending.len())];
            if rng.below(6) == 0 {
                plan.sending.push(earlier);
            }
            let Content { study, instance, .. } = plan.contents[earlier].clone();
            let is_new =
                plan.contents.iter().filter(|known| known.instance == instance).count() == 1;
            if rng.below(6) == 0 && is_new {
                let slice = instance.as_str().rsplit('.').next().and_then(|n| n.parse().ok());
                plan.sending.push(plan.contents.len());
                plan.contents.push(content(study, slice.expect("a slice"), 1));
            }
        }
    }
    plan
}

/// Draws an index below `length`.
pub fn below(rng: &mut SplitMix, length: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(length).expect("short"))).expect("an index")
}

pub fn config() -> Arc<Config> {
    let mut text = "[callers.CT1]\nae = \"CT1\"\n".to_owned();
    for name in ARCHIVES {
        let lines = format!("[destinations.{name}]\nae = \"{name}\"\nhost = \"x\"\nport = 104\n");
        text.push_str(&lines);
    }
    Arc::new(Config::parse(&text).expect("the settings are right"))
}
