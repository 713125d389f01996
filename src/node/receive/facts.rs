//! Carries what the walker found over to `flow`, which knows no data sets.

use crate::base::oddity::Oddity;
use crate::dicom::dimse::Priority;
use crate::dicom::header::{Identity, SliceFacts, Tag};
use crate::dicom::status::{Refusal, Status};
use crate::dicom::tags;
use crate::dicom::walker::{Walk, WalkError};
use crate::flow::admit::{Broken, Names};
use crate::store::vault::KeyName;

/// Returns the reason of a broken walk in `flow`'s words.
pub(super) fn broken(error: WalkError) -> Broken {
    let tag = error.offending().map_or(0, |tag| tag.0);
    match error {
        WalkError::Empty => Broken::Empty,
        WalkError::FileInsteadOfDataSet => Broken::IsFile,
        WalkError::Truncated(_) | WalkError::LengthBeyondContainer(_) => Broken::Truncated(tag),
        WalkError::MissingDelimiter(_) => Broken::Unclosed(tag),
        WalkError::TrailingGarbage(_)
        | WalkError::NotAnElement(_)
        | WalkError::WrongEncoding(_)
        | WalkError::UndefinedLength(_)
        | WalkError::BadDelimiter(_) => Broken::Garbage(tag),
        WalkError::TooDeep(_) => Broken::TooDeep(tag),
        WalkError::TooManyElements(_) => Broken::TooManyElements(tag),
        WalkError::TooLarge(_) => Broken::TooLarge,
        WalkError::DeflateBroken(_) | WalkError::DeflateCut(_) | WalkError::DeflateBomb(_) => {
            Broken::NotInflated
        }
    }
}

/// Returns what was odd on the way, and a missing name of the series.
pub(super) fn oddities(walk: &Walk) -> Vec<Oddity> {
    let mut found: Vec<Oddity> = walk.oddities.clone();
    if walk.header.uid(tags::SERIES_INSTANCE_UID).is_none() {
        found.push(Oddity::NoSeries);
    }
    found
}

/// Returns class and instance as the data set has them.
pub(super) fn names(walk: &Walk) -> Names {
    Names {
        class: walk.header.uid(tags::SOP_CLASS_UID),
        instance: walk.header.uid(tags::SOP_INSTANCE_UID),
    }
}

/// Returns identity and slice facts; `None` for a data set that does not name itself.
pub(super) fn identity(walk: &Walk) -> Option<(Identity, SliceFacts)> {
    let identity = Identity::of(&walk.header).ok()?;
    Some((identity, SliceFacts::of(&walk.header, walk.pixel_data.as_ref())))
}

/// Returns the value of Priority (0000,0700) that `flow::route` reads (PS3.7 9.3.1.1).
pub(super) fn priority(priority: Priority) -> u16 {
    match priority {
        Priority::Medium => 0,
        Priority::High => 1,
        Priority::Low => 2,
    }
}

/// Makes a refusal for the wire.
pub(super) fn refusal(status: u16, comment: &str, offending: u32) -> Refusal {
    let refusal = Refusal::new(Status(status), comment);
    if offending == 0 { refusal } else { refusal.blaming(Tag(offending)) }
}

/// Returns the key that an object's study label stands for.
pub(super) fn key_name(label: &str) -> KeyName<'_> {
    KeyName::Label(label)
}
