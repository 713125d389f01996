//! What becomes of an object once its data set has ended.

use crate::base::oddity::{Decoders, Oddity};
use crate::base::uid::Uid;
use crate::flow::reasons::Reason;

/// A class and an instance, as far as they could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// SOP Class UID.
    pub class: Option<Uid>,
    /// SOP Instance UID.
    pub instance: Option<Uid>,
}

/// What is known of an object when its data set has ended.
#[derive(Clone, Debug)]
pub struct ObjectFacts<'a> {
    /// Affected SOP Class and Instance UID of the command set; `None` where missing or no UID.
    pub command: Names,
    /// SOP Class and Instance UID of the data set.
    pub data_set: Names,
    /// How the walk through the data set ended: `None` at its end, as it should.
    pub broken: Option<Broken>,
    /// What was odd on the way.
    pub oddities: &'a [Oddity],
}

/// Why a data set was not walked to its end, with the tag where it stopped (0 where none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The command set said that none follows, or it has no byte.
    Empty,
    /// A preamble and DICM: a file.
    IsFile,
    /// It ends inside an element.
    Truncated(u32),
    /// It ends inside a sequence: a delimiter is missing.
    Unclosed(u32),
    /// What follows is no element in the syntax agreed on: garbage, or another syntax.
    Garbage(u32),
    /// Sequences are nested too deeply.
    TooDeep(u32),
    /// Too many elements.
    TooManyElements(u32),
    /// A deflated data set that cannot be inflated, or inflates beyond measure.
    NotInflated,
    /// More bytes than one object may have.
    TooLarge,
    /// The disk has no room for it.
    NoRoom,
    /// The disk failed under it.
    DiskFailed,
}

/// Returns why no decoder may see an object with this oddity; `None` for what harms nobody.
pub fn unreadable(odd: Oddity) -> Option<Reason> {
    match (odd, odd.decoders()) {
        (Oddity::NoStudy | Oddity::NoSeries, _) => Some(Reason::NoStudy),
        (_, Decoders::Barred) => Some(Reason::OddDataSet),
        (_, Decoders::Allowed) => None,
    }
}

/// An Error Comment (0000,0902), VR LO: at most 64 characters of ASCII, no backslash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment(String);

impl Comment {
    /// Cuts `text` to what an Error Comment may hold.
    pub fn new(text: &str) -> Self {
        let fits = |c: &char| (' '..='~').contains(c) && *c != '\\';
        Self(text.chars().filter(fits).take(64).collect())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What becomes of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is kept and forwarded untouched.
    Keep {
        /// Why no decoder may see it.
        unreadable: Option<Reason>,
        /// Words of its oddities, each once, in the order of [`Oddity::ALL`].
        oddities: Vec<String>,
    },
    /// It is refused; the sender still has it and hears why.
    Refuse {
        /// Status (0000,0900) of the C-STORE-RSP.
        status: u16,
        /// Error Comment (0000,0902).
        comment: Comment,
        /// Offending Element (0000,0901); 0 for none.
        offending: u32,
    },
}

const CLASS: u32 = 0x0008_0016;
const INSTANCE: u32 = 0x0008_0018;

/// Refused: out of resources; the sender should try again.
const OUT_OF_RESOURCES: u16 = 0xa700;
/// Data set does not match SOP class.
const MISMATCH: u16 = 0xa900;
/// Cannot understand.
const NOT_UNDERSTOOD: u16 = 0xc000;
/// Invalid SOP instance: the command's UID is none (PS3.7 9.1.1.1.9).
const INVALID_INSTANCE: u16 = 0x0117;

/// Decides what becomes of an object.
///
/// In order: a command set without its UIDs, a data set that is none, one that does not name
/// itself, one that names itself otherwise than the command; everything else is kept.
pub fn judge(facts: &ObjectFacts<'_>) -> Verdict {
    let (Some(class), Some(instance)) = (&facts.command.class, &facts.command.instance) else {
        let words = "the command names no valid SOP class and instance";
        return refuse(INVALID_INSTANCE, words, 0);
    };
    if let Some(broken) = facts.broken {
        return broken_data_set(broken);
    }
    match (&facts.data_set.class, &facts.data_set.instance) {
        (None, _) => refuse(NOT_UNDERSTOOD, "the data set has no SOP Class UID", CLASS),
        (_, None) => {
            let words = "the data set has no SOP Instance UID";
            refuse(NOT_UNDERSTOOD, words, INSTANCE)
        }
        (Some(other), _) if other != class => {
            let words = "SOP class differs between command and data set";
            refuse(MISMATCH, words, CLASS)
        }
        (_, Some(other)) if other != instance => {
            let words = "SOP instance differs between command and data set";
            refuse(MISMATCH, words, INSTANCE)
        }
        (Some(_), Some(_)) => keep(facts.oddities),
    }
}

fn broken_data_set(broken: Broken) -> Verdict {
    let at = |words: &str, tag: u32| {
        let (group, element) = (tag >> 16, tag & 0xffff);
        let words = format!("{words} at ({group:04X},{element:04X})");
        refuse(NOT_UNDERSTOOD, &words, tag)
    };
    match broken {
        Broken::Empty => refuse(NOT_UNDERSTOOD, "there is no data set", 0),
        Broken::IsFile => {
            let words = "a file was sent instead of a data set";
            refuse(NOT_UNDERSTOOD, words, 0)
        }
        Broken::Truncated(tag) => at("the data set ends too early,", tag),
        Broken::Unclosed(tag) => at("a delimiter is missing in the sequence", tag),
        Broken::Garbage(tag) => at("this is no element in the syntax agreed on,", tag),
        Broken::TooDeep(tag) => at("sequences are nested too deeply", tag),
        Broken::TooManyElements(tag) => at("there are too many elements,", tag),
        Broken::NotInflated => {
            let words = "the deflated data set cannot be inflated";
            refuse(NOT_UNDERSTOOD, words, 0)
        }
        // A700 would ask for another try, and none can help.
        Broken::TooLarge => refuse(NOT_UNDERSTOOD, "object larger than limit", 0),
        Broken::NoRoom => refuse(OUT_OF_RESOURCES, "box is full, keep the images", 0),
        Broken::DiskFailed => {
            let words = "box could not store it, keep the images";
            refuse(OUT_OF_RESOURCES, words, 0)
        }
    }
}

fn keep(oddities: &[Oddity]) -> Verdict {
    let here = Oddity::ALL.iter().copied().filter(|odd| oddities.contains(odd));
    let here: Vec<Oddity> = here.collect();
    // The lack of a name is the gravest: nothing can be gathered of it.
    let unreadable = || here.iter().filter_map(|odd| unreadable(*odd));
    Verdict::Keep {
        unreadable: unreadable()
            .find(|reason| *reason == Reason::NoStudy)
            .or_else(|| unreadable().next()),
        oddities: here.iter().map(|odd| odd.word().to_owned()).collect(),
    }
}

fn refuse(status: u16, words: &str, offending: u32) -> Verdict {
    Verdict::Refuse { status, comment: Comment::new(words), offending }
}
