//! Why bytes are no data set, and what the sender is told.

use crate::base::fault::Fault;
use crate::base::limits::{ELEMENTS_MAX, NESTING_MAX};
use crate::dicom::header::Tag;

/// Where a walk broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The element that was being read; `None` before the first or between two.
    pub tag: Option<Tag>,
    /// Bytes of the data set (once inflated) before that place.
    pub offset: u64,
}

/// Why bytes are no data set of the syntax that was agreed on. All of them mean: refuse (C000).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// No byte at all.
    #[error("data set is empty")]
    Empty,
    /// The bytes end inside an element, an item or a sequence of defined length.
    #[error("data set ends inside {tag} at {offset}", tag = Named(.0.tag), offset = .0.offset)]
    Truncated(Place),
    /// Behind an element of the top level stands what is none.
    #[error("no element at {offset}", offset = .0.offset)]
    TrailingGarbage(Place),
    /// Inside an item stands what is no element.
    #[error("no element in an item, at {offset}", offset = .0.offset)]
    NotAnElement(Place),
    /// A part-10 file came: preamble, `DICM` and file meta.
    #[error("a file was sent instead of a data set")]
    FileInsteadOfDataSet,
    /// The first element is written in another syntax.
    #[error("{tag} is not in the transfer syntax agreed on", tag = Named(.0.tag))]
    WrongEncoding(Place),
    /// Sequences within sequences beyond the limit.
    #[error("{tag} is nested deeper than {NESTING_MAX}", tag = Named(.0.tag))]
    TooDeep(Place),
    /// More elements and items than the limit.
    #[error("more than {ELEMENTS_MAX} elements")]
    TooManyElements(Place),
    /// An element passes the end of the item or sequence around it.
    #[error(
        "{tag} passes the end of its item at {offset}",
        tag = Named(.0.tag),
        offset = .0.offset
    )]
    LengthBeyondContainer(Place),
    /// Undefined length where PS3.5 7.1.1 allows none.
    #[error("{tag} has undefined length at {offset}", tag = Named(.0.tag), offset = .0.offset)]
    UndefinedLength(Place),
    /// A delimiter or item where none may stand, or something else where one must.
    #[error("{tag} where it may not be, at {offset}", tag = Named(.0.tag), offset = .0.offset)]
    BadDelimiter(Place),
    /// The delimiter of an item or a sequence of undefined length does not come.
    #[error("{tag} has no delimiter at {offset}", tag = Named(.0.tag), offset = .0.offset)]
    MissingDelimiter(Place),
    /// The object, or one element of it, is larger than the limit.
    #[error("object larger than limit")]
    TooLarge(Place),
    /// The deflated stream is damaged.
    #[error("deflated stream is broken")]
    DeflateBroken(Place),
    /// The deflated stream ends too early.
    #[error("deflated stream is cut off")]
    DeflateCut(Place),
    /// The deflated stream grows beyond all measure.
    #[error("deflated stream grows too much")]
    DeflateBomb(Place),
}

impl WalkError {
    /// Returns the element to name in Offending Element (0000,0901).
    pub fn offending(&self) -> Option<Tag> {
        self.place().tag
    }

    /// Returns where it was.
    pub fn place(&self) -> Place {
        match self {
            Self::Empty | Self::FileInsteadOfDataSet => Place { tag: None, offset: 0 },
            Self::Truncated(place)
            | Self::TrailingGarbage(place)
            | Self::NotAnElement(place)
            | Self::WrongEncoding(place)
            | Self::TooDeep(place)
            | Self::TooManyElements(place)
            | Self::LengthBeyondContainer(place)
            | Self::UndefinedLength(place)
            | Self::BadDelimiter(place)
            | Self::MissingDelimiter(place)
            | Self::TooLarge(place)
            | Self::DeflateBroken(place)
            | Self::DeflateCut(place)
            | Self::DeflateBomb(place) => *place,
        }
    }

    /// Returns the text for Error Comment (0000,0902): at most 64 characters of ASCII, with tag
    /// and offset but without a value.
    pub fn comment(&self) -> String {
        let mut text = self.to_string();
        text.retain(|c| c.is_ascii() && !c.is_ascii_control());
        text.truncate(64);
        text
    }

    /// Returns the fault of the catalogue that this is.
    pub fn fault(&self) -> Fault {
        Fault::ObjectRefused
    }
}

/// A tag in a sentence.
struct Named(Option<Tag>);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(tag) => write!(f, "{tag:?}"),
            None => f.write_str("an element"),
        }
    }
}
