//! DIMSE statuses (PS3.7 Annex C, PS3.4 Table B.2-1) and the refusals that carry them.

use std::fmt;

use crate::dicom::header::Tag;

/// Characters of Error Comment (0000,0902): VR LO.
pub const COMMENT_CHARS_MAX: usize = 64;

/// A DIMSE status as it travels in Status (0000,0900).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u16);

impl Status {
    /// Done. To a C-STORE it says that the object survives a power cut (I2).
    pub const SUCCESS: Self = Self(0x0000);
    /// Invalid SOP instance: its UID breaks the rules for UIDs.
    pub const INVALID_INSTANCE: Self = Self(0x0117);
    /// SOP class not supported. PS3.2 prints 0112 for it, PS3.7 0122.
    pub const CLASS_NOT_SUPPORTED: Self = Self(0x0122);
    /// Not authorized.
    pub const NOT_AUTHORIZED: Self = Self(0x0124);
    /// Unrecognized operation.
    pub const UNRECOGNIZED_OPERATION: Self = Self(0x0211);
    /// Refused: out of resources. The sender may try again.
    pub const OUT_OF_RESOURCES: Self = Self(0xA700);
    /// Command and data set disagree on class or instance.
    pub const DATA_SET_MISMATCH: Self = Self(0xA900);
    /// Cannot understand.
    pub const CANNOT_UNDERSTAND: Self = Self(0xC000);
    /// Warning: attributes were coerced; the object is stored.
    pub const COERCED: Self = Self(0xB000);
    /// Warning: elements were discarded; the object is stored.
    pub const ELEMENTS_DISCARDED: Self = Self(0xB006);
    /// Warning: the data set does not match its class; the object is stored.
    pub const CLASS_MISMATCH: Self = Self(0xB007);

    /// Returns whether this is 0000.
    pub fn is_success(self) -> bool {
        self == Self::SUCCESS
    }

    /// Returns whether the object is stored although the peer has something to say (Bxxx).
    pub fn is_warning(self) -> bool {
        self.0 & 0xf000 == 0xb000
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A status other than success with the words that go with it.
///
/// The comment is cut to 64 printable ASCII characters when it is written to the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What travels in (0000,0900); never success, which costs a receipt.
    pub status: Status,
    /// What an operator reads: Error Comment (0000,0902). No patient data.
    pub comment: String,
    /// The attribute to blame: Offending Element (0000,0901).
    pub offending: Option<Tag>,
}

impl Refusal {
    /// Makes a refusal that blames no element.
    pub fn new(status: Status, comment: &str) -> Self {
        Self { status, comment: ascii(comment), offending: None }
    }

    /// Names the element to blame.
    #[must_use]
    pub fn blaming(self, tag: Tag) -> Self {
        Self { offending: Some(tag), ..self }
    }
}

/// Returns `text` as an Error Comment can hold it: 64 printable ASCII characters, no backslash.
pub(crate) fn ascii(text: &str) -> String {
    let fits = |c: char| (c.is_ascii_graphic() || c == ' ') && c != '\\';
    text.chars().map(|c| if fits(c) { c } else { '?' }).take(COMMENT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_0000_is_success_and_only_b_is_a_warning() {
        for code in 0..=u16::MAX {
            assert_eq!(Status(code).is_success(), code == 0);
            assert_eq!(Status(code).is_warning(), (0xb000..=0xbfff).contains(&code));
        }
    }

    #[test]
    fn a_comment_is_cut_to_what_the_element_holds() {
        let refusal = Refusal::new(Status::CANNOT_UNDERSTAND, &"é\\\n".repeat(40));
        assert_eq!(refusal.comment, "?".repeat(64));
    }
}
