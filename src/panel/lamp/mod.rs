//! From a snapshot to four lamps and one sentence, as one pure table.
//!
//! | place | speaks about | yellow means |
//! |---|---|---|
//! | `heart` | the box as a whole | winks: see the other lamp; steady: somebody should come |
//! | `scanner` | what comes in | a stranger was refused |
//! | `reader` | the models | nothing is read, studies still go out |
//! | `archive` | what goes out | it is not reached, or refuses |
//!
//! # Invariants
//!
//! - Red if and only if a fault of severity `Warning` holds: acknowledging has stopped, or data
//!   is at risk.
//! - The heart is green if and only if the box runs and all is well (I7). A board with one lamp
//!   has the heart only, so it does not stay green over another lamp's trouble.
//! - The lamps speak about the box and its neighbours, never about a patient.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::Duration;

use crate::base::fault::{Blame, Fault, Severity};
use crate::panel::pattern::{Colour, Lamp, Rhythm};
use crate::panel::snapshot::{
    Activity, Away, Backlog, Locate, Outgoing, Reader, Snapshot, Stage, Stranger,
};

/// A destination that is away for less is on its way back: nobody needs to know.
pub const AWAY_SHOWN: Duration = Duration::from_mins(2);
/// A destination that is away for longer does not come back by itself.
pub const AWAY_TOLD: Duration = Duration::from_mins(30);
/// How long a refused stranger is shown: as long as somebody stands at the scanner and tries.
pub const STRANGER_SHOWN: Duration = Duration::from_mins(1);

/// The sentence of the panel.
pub type Sentence = heapless::String<200>;

/// The four lamps and what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    /// The box.
    pub heart: Lamp,
    /// What comes in.
    pub scanner: Lamp,
    /// The models.
    pub reader: Lamp,
    /// What goes out.
    pub archive: Lamp,
    /// The same in words.
    pub sentence: Sentence,
}

impl Panel {
    /// Returns the lamps from left to right, with the words that stand under them.
    pub fn lamps(&self) -> [(&'static str, Lamp); 4] {
        [
            ("BOX", self.heart),
            ("SCANNER", self.scanner),
            ("AI", self.reader),
            ("PACS", self.archive),
        ]
    }
}

/// Chooses lamps and sentence: the worst fact wins.
pub fn panel(snapshot: &Snapshot) -> Panel {
    if snapshot.locate == Locate::On {
        let runs = |place| Lamp { colour: Colour::White, rhythm: Rhythm::Runs(place) };
        return Panel {
            heart: runs(0),
            scanner: runs(1),
            reader: runs(2),
            archive: runs(3),
            sentence: said(format_args!("I am here.")),
        };
    }
    Panel {
        heart: heart(snapshot),
        scanner: scanner(snapshot),
        reader: reader(snapshot),
        archive: archive(snapshot),
        sentence: sentence(snapshot),
    }
}

/// Returns whether all is well: the box runs, no fault that somebody should know of holds, every
/// destination answers or was silent for under [`AWAY_SHOWN`], and reading is not off.
pub fn is_well(snapshot: &Snapshot) -> bool {
    snapshot.stage == Stage::Running && trouble(snapshot).is_none()
}

/// The worst that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Red.
    Danger(Fault),
    /// Yellow and steady: a fault of the box, its settings or a refusing archive.
    Fault(Fault),
    /// Yellow and steady: an archive that does not come back by itself.
    Lost(Away),
    /// Yellow and winking: it may come back.
    Away(Option<Away>),
    /// Yellow and winking: the reader was in trouble.
    Model(Fault),
    /// Yellow and winking: nothing is read.
    ReadingOff,
}

fn trouble(snapshot: &Snapshot) -> Option<Trouble> {
    let faults = snapshot.faults;
    let severe = |severity: Severity| faults.iter().filter(move |it| it.severity() == severity);
    if let Some(fault) = severe(Severity::Warning).next() {
        return Some(Trouble::Danger(fault));
    }
    let cautions = || severe(Severity::Caution);
    let steady =
        cautions().find(|fault| fault.blame() != Blame::Model && *fault != Fault::DestinationAway);
    if let Some(fault) = steady {
        return Some(Trouble::Fault(fault));
    }
    if let Some(away) = snapshot.outgoing.away
        && AWAY_SHOWN <= away.lasting
    {
        let lost = AWAY_TOLD <= away.lasting || away.backlog == Backlog::OverLimit;
        return Some(if lost { Trouble::Lost(away) } else { Trouble::Away(Some(away)) });
    }
    if faults.has(Fault::DestinationAway) {
        return Some(Trouble::Away(None));
    }
    if let Some(fault) = cautions().find(|fault| fault.blame() == Blame::Model) {
        return Some(Trouble::Model(fault));
    }
    (snapshot.reader == Reader::Off).then_some(Trouble::ReadingOff)
}

fn heart(snapshot: &Snapshot) -> Lamp {
    match (trouble(snapshot), snapshot.stage) {
        (Some(Trouble::Danger(_)), _) => Lamp::steady(Colour::Red),
        (_, Stage::Starting | Stage::NotSetUp | Stage::Stopping) | (None, Stage::Updating) => {
            Lamp::breathe(Colour::Blue)
        }
        (Some(Trouble::Fault(_) | Trouble::Lost(_)), _) => Lamp::steady(Colour::Yellow),
        (Some(Trouble::Away(_) | Trouble::Model(_) | Trouble::ReadingOff), _) => {
            Lamp::winks(Colour::Yellow, 2)
        }
        (None, Stage::Running) => Lamp::steady(Colour::Green),
    }
}

fn scanner(snapshot: &Snapshot) -> Lamp {
    if stops_acknowledging(snapshot) {
        return Lamp::steady(Colour::Red);
    }
    match snapshot.stage {
        Stage::Starting | Stage::Stopping => Lamp::OFF,
        Stage::NotSetUp => Lamp::winks(Colour::Blue, 1),
        Stage::Running | Stage::Updating => {
            if stranger(snapshot).is_some() {
                Lamp::winks(Colour::Yellow, 3)
            } else if is_receiving(snapshot) {
                Lamp::winks(Colour::Blue, 1)
            } else {
                Lamp::OFF
            }
        }
    }
}

fn reader(snapshot: &Snapshot) -> Lamp {
    let danger = matches!(trouble(snapshot), Some(Trouble::Danger(_)));
    if danger || !works(snapshot) {
        return Lamp::OFF;
    }
    let ill = |fault: Fault| fault.blame() == Blame::Model && Severity::Note < fault.severity();
    if snapshot.reader == Reader::Off || snapshot.faults.iter().any(ill) {
        return Lamp::winks(Colour::Yellow, 2);
    }
    match snapshot.reader {
        Reader::Posting(load) | Reader::Silent(load) if load.reading == Activity::Busy => {
            Lamp::breathe(Colour::Blue)
        }
        Reader::Silent(_) => Lamp::winks(Colour::White, 1),
        Reader::Posting(_) | Reader::None | Reader::Off => Lamp::OFF,
    }
}

fn archive(snapshot: &Snapshot) -> Lamp {
    if !works(snapshot) {
        return Lamp::OFF;
    }
    let Outgoing { sending, away, .. } = snapshot.outgoing;
    let ill = [Fault::DestinationAway, Fault::DestinationRefuses, Fault::DestinationUnknown];
    let is_away = away.is_some_and(|away| AWAY_SHOWN <= away.lasting);
    if is_away || ill.iter().any(|fault| snapshot.faults.has(*fault)) {
        Lamp::winks(Colour::Yellow, 2)
    } else if sending == Activity::Busy {
        Lamp::winks(Colour::Blue, 1)
    } else {
        Lamp::OFF
    }
}

/// Whether the box is up as far as its neighbours are concerned.
fn works(snapshot: &Snapshot) -> bool {
    matches!(snapshot.stage, Stage::Running | Stage::Updating)
}

/// Whether a scanner that sends now is told to keep its images.
fn stops_acknowledging(snapshot: &Snapshot) -> bool {
    let stops = [Fault::DiskFull, Fault::DiskError, Fault::KeyMissing];
    stops.iter().any(|fault| snapshot.faults.has(*fault))
}

fn is_receiving(snapshot: &Snapshot) -> bool {
    0 < snapshot.scanner.associations && 0 < snapshot.scanner.images
}

fn stranger(snapshot: &Snapshot) -> Option<Stranger> {
    let stranger = snapshot.scanner.stranger;
    stranger.filter(|stranger| stranger.ago < STRANGER_SHOWN)
}

fn sentence(snapshot: &Snapshot) -> Sentence {
    match (trouble(snapshot), snapshot.stage) {
        (Some(Trouble::Danger(fault)), _) => {
            said(format_args!("{}: {}", fault.code(), fault.sentence()))
        }
        (_, Stage::Starting) => said(format_args!("Starting.")),
        (_, Stage::NotSetUp) => said(format_args!("Waiting to be set up.")),
        (_, Stage::Stopping) => said(format_args!("Stopping. Everything is kept.")),
        (Some(Trouble::Fault(fault) | Trouble::Model(fault)), _) => {
            said(format_args!("{}: {}", fault.code(), fault.sentence()))
        }
        (Some(Trouble::Lost(away)), _) => not_reached(snapshot, away, "Tell IT."),
        (Some(Trouble::Away(Some(away))), _) => not_reached(snapshot, away, "Nothing to do yet."),
        (Some(Trouble::Away(None)), _) => said(format_args!(
            "An archive is not reached. {} kept safe. Nothing to do yet.",
            studies(snapshot.outgoing.studies)
        )),
        (Some(Trouble::ReadingOff), _) => {
            said(format_args!("Reading is off: studies still go to the archive."))
        }
        (None, Stage::Updating) => said(format_args!("Updating, do not unplug.")),
        (None, Stage::Running) => at_work(snapshot),
    }
}

fn not_reached(snapshot: &Snapshot, away: Away, advice: &str) -> Sentence {
    let ae = away.ae.as_str();
    let kept = studies(snapshot.outgoing.studies);
    match away.since {
        Some(minute) => said(format_args!(
            "{ae} is not reached since {:02}:{:02}. {kept} kept safe. {advice}",
            minute / 60,
            minute % 60
        )),
        None => said(format_args!(
            "{ae} is not reached for {} minutes. {kept} kept safe. {advice}",
            away.lasting.as_secs() / 60
        )),
    }
}

fn at_work(snapshot: &Snapshot) -> Sentence {
    let (scanner, outgoing) = (snapshot.scanner, snapshot.outgoing);
    if let Some(stranger) = stranger(snapshot) {
        let ae = stranger.ae.as_str();
        return said(format_args!("A device \"{ae}\" asks for access and was refused."));
    }
    if is_receiving(snapshot) {
        return said(format_args!("Receiving: {} so far.", images(scanner.images.into())));
    }
    if let Reader::Posting(load) | Reader::Silent(load) = snapshot.reader
        && load.reading == Activity::Busy
    {
        return match load.waiting {
            0 => said(format_args!("Reading a series.")),
            waiting => said(format_args!("Reading a series; {waiting} wait.")),
        };
    }
    if 0 < outgoing.instances {
        let (images, studies) = (images(outgoing.instances), studies(outgoing.studies));
        return match outgoing.sending {
            Activity::Busy => said(format_args!("Sending {images} of {studies}.")),
            Activity::Idle => said(format_args!("{images} of {studies} wait to be sent.")),
        };
    }
    ready(snapshot)
}

fn ready(snapshot: &Snapshot) -> Sentence {
    let mut text = said(format_args!("Ready."));
    let today = snapshot.studies_today;
    if 0 < today {
        let open = today.saturating_sub(snapshot.done_today);
        let more = match open {
            0 => said(format_args!(" {} today, all delivered.", studies(today))),
            open => said(format_args!(" {} today, {open} still here only.", studies(today))),
        };
        add(&mut text, &more);
    }
    if 0 < snapshot.outgoing.parked {
        let parked = images(snapshot.outgoing.parked);
        add(&mut text, &said(format_args!(" {parked} set aside.")));
    }
    if matches!(snapshot.reader, Reader::Silent(_)) {
        add(&mut text, " Models read silently.");
    }
    text
}

fn studies(count: u32) -> Sentence {
    match count {
        1 => said(format_args!("1 study")),
        count => said(format_args!("{count} studies")),
    }
}

fn images(count: u64) -> Sentence {
    match count {
        1 => said(format_args!("1 image")),
        count => said(format_args!("{count} images")),
    }
}

/// Writes a sentence. One that does not fit is cut by what it is made of; none is, by test.
fn said(text: std::fmt::Arguments<'_>) -> Sentence {
    let mut sentence = Sentence::new();
    let written = sentence.write_fmt(text);
    debug_assert!(written.is_ok());
    sentence
}

fn add(text: &mut Sentence, more: &str) {
    let written = text.push_str(more);
    debug_assert!(written.is_ok());
}
