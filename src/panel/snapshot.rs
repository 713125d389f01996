//! Everything that lamps and page need to know, taken at one moment and copied.

use std::time::Duration;

use crate::base::aet::AeTitle;
use crate::base::fault::Fault;

/// How the box is doing at one moment. Holds no patient data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// How far the box is.
    pub stage: Stage,
    /// What is wrong now.
    pub faults: Faults,
    /// What comes in.
    pub scanner: Incoming,
    /// Who reads.
    pub reader: Reader,
    /// What is owed.
    pub outgoing: Outgoing,
    /// Studies that began to arrive today.
    pub studies_today: u32,
    /// Those of them that nobody is owed any more.
    pub done_today: u32,
    /// Whether somebody looks for the box.
    pub locate: Locate,
}

/// How far the box is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Not yet taking anything.
    #[default]
    Starting,
    /// It has no caller and no destination yet.
    NotSetUp,
    /// At work.
    Running,
    /// At work, while a new release is written.
    Updating,
    /// Finishing what it holds; nothing new is taken.
    Stopping,
}

/// What comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Associations that store now.
    pub associations: u32,
    /// Images that those brought so far.
    pub images: u32,
    /// The last stranger that was refused.
    pub stranger: Option<Stranger>,
}

/// A device that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// What it calls itself.
    pub ae: Label,
    /// How long ago.
    pub ago: Duration,
}

/// Who reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    /// No package is installed: the box only forwards, as it was meant to.
    #[default]
    None,
    /// Something stands against reading: heat, an expired package, a switch.
    Off,
    /// Ready, and results may leave.
    Posting(Load),
    /// Ready, in silent trial.
    Silent(Load),
}

/// What the reader has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Whether a series is being read.
    pub reading: Activity,
    /// Series that wait.
    pub waiting: u32,
}

/// Whether something goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// No.
    #[default]
    Idle,
    /// Yes.
    Busy,
}

/// What is owed to all destinations together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// Whether an object is being sent.
    pub sending: Activity,
    /// Instances that are owed.
    pub instances: u64,
    /// Studies with something owed.
    pub studies: u32,
    /// Instances that were set aside for a person.
    pub parked: u64,
    /// The destination that does not answer for the longest time.
    pub away: Option<Away>,
}

/// A destination that does not answer, with something owed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// Its AE title.
    pub ae: Label,
    /// For how long.
    pub lasting: Duration,
    /// Since what time of day, in minutes after local midnight; `None` with no clock to tell.
    pub since: Option<u16>,
    /// Whether what waits takes so much room that it cannot go on like this.
    pub backlog: Backlog,
}

/// Whether a backlog is a worry by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backlog {
    /// There is room for days.
    #[default]
    Fits,
    /// It will fill the box.
    OverLimit,
}

/// Whether somebody looks for the box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locate {
    /// Nobody does.
    #[default]
    Off,
    /// Somebody pressed the button: all lamps run.
    On,
}

/// A text of at most 16 printable ASCII characters that is copied with its holder.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Label {
    bytes: [u8; 16],
    length: u8,
}

impl Label {
    /// Makes a label of an AE title, which always fits.
    pub fn of(ae: &AeTitle) -> Self {
        let mut label = Self::default();
        for (place, byte) in label.bytes.iter_mut().zip(ae.as_str().bytes()) {
            *place = byte;
            label.length += 1;
        }
        label
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        let used = self.bytes.get(..usize::from(self.length));
        used.and_then(|used| std::str::from_utf8(used).ok()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u64);

impl Faults {
    /// No fault.
    pub const NONE: Self = Self(0);

    /// Returns the set with `fault` in it.
    #[must_use]
    pub fn with(self, fault: Fault) -> Self {
        Self(self.0 | bit(fault))
    }

    /// Returns whether `fault` is in it.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & bit(fault) != 0
    }

    /// Returns those in it, in the order of the catalogue.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.iter().copied().filter(move |fault| self.has(*fault))
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        faults.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The place of a fault in the catalogue, as a bit.
fn bit(fault: Fault) -> u64 {
    let place = Fault::ALL.iter().position(|other| *other == fault);
    let place = place.and_then(|place| u32::try_from(place).ok());
    place.and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_each_fault_of_the_catalogue_for_itself() {
        assert!(Fault::ALL.len() <= 64);
        for fault in Fault::ALL {
            let one = Faults::NONE.with(*fault);
            assert_eq!(one.iter().collect::<Vec<_>>(), [*fault]);
        }
        let all: Faults = Fault::ALL.iter().copied().collect();
        assert_eq!(all.iter().count(), Fault::ALL.len());
    }

    #[test]
    fn a_label_holds_every_title() {
        for title in ["A", "SIXTEEN_LETTERS_"] {
            let ae = AeTitle::parse(title.as_bytes()).unwrap();
            assert_eq!(Label::of(&ae).as_str(), title);
        }
    }
}
