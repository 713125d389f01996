//! Value representations: how long their headers are, what their units are, what a tag's own is.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;

use crate::dicom::header::Tag;

/// Returns whether an explicit element of this VR has a length of 32 bits (PS3.5 7.1.2).
pub fn has_long_length(vr: [u8; 2]) -> bool {
    matches!(
        &vr,
        b"OB"
            | b"OD"
            | b"OF"
            | b"OL"
            | b"OV"
            | b"OW"
            | b"SQ"
            | b"SV"
            | b"UC"
            | b"UN"
            | b"UR"
            | b"UT"
            | b"UV"
    )
}

/// Returns whether PS3.5 6.2 knows this VR.
pub fn is_known(vr: [u8; 2]) -> bool {
    has_long_length(vr)
        || matches!(
            &vr,
            b"AE"
                | b"AS"
                | b"AT"
                | b"CS"
                | b"DA"
                | b"DS"
                | b"DT"
                | b"FD"
                | b"FL"
                | b"IS"
                | b"LO"
                | b"LT"
                | b"PN"
                | b"SH"
                | b"SL"
                | b"SS"
                | b"ST"
                | b"TM"
                | b"UI"
                | b"UL"
                | b"US"
        )
}

/// Returns the bytes that a value of this VR is swapped by between big and little endian; 1 where
/// order does not matter.
pub fn word_bytes(vr: [u8; 2]) -> usize {
    match &vr {
        b"AT" | b"OW" | b"SS" | b"US" => 2,
        b"FL" | b"OF" | b"OL" | b"SL" | b"UL" => 4,
        b"FD" | b"OD" | b"OV" | b"SV" | b"UV" => 8,
        _ => 1,
    }
}

/// Returns the bytes of which the length of a value must be a multiple.
pub fn unit_bytes(vr: [u8; 2]) -> u64 {
    match (&vr, word_bytes(vr)) {
        (b"AT", _) | (_, 4) => 4,
        (_, 8) => 8,
        (_, 2) => 2,
        _ => 1,
    }
}

/// Turns a value's words around, from big to little endian or back; a ragged rest stays.
pub fn swap_words(vr: [u8; 2], value: &mut [u8]) {
    let size = word_bytes(vr);
    if 1 < size {
        for word in value.chunks_exact_mut(size) {
            word.reverse();
        }
    }
}

/// What the dictionary says of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Private, or of no edition that we know.
    Unknown,
    /// Exactly this VR.
    One([u8; 2]),
    /// US or SS, and OW for the data of look-up tables.
    Number,
    /// OB or OW.
    Bytes,
}

impl Expected {
    /// Looks a tag up; group lengths, private creators and repeating groups included.
    pub fn of(tag: Tag) -> Self {
        let tag = dicom_core::Tag(tag.group(), tag.element());
        match StandardDataDictionary.by_tag(tag).map(DataDictionaryEntry::vr) {
            Some(VirtualVr::Exact(vr)) => Self::One(vr.to_bytes()),
            Some(VirtualVr::Xs | VirtualVr::Lt) => Self::Number,
            Some(VirtualVr::Ox | VirtualVr::Px) => Self::Bytes,
            None | Some(_) => Self::Unknown,
        }
    }

    /// Returns the VR that an element of implicit VR has (PS3.5 A.1).
    pub fn implicit(self) -> [u8; 2] {
        match self {
            Self::Unknown => *b"UN",
            Self::One(vr) => vr,
            Self::Number => *b"US",
            Self::Bytes => *b"OW",
        }
    }

    /// Returns whether an explicit VR may stand here. UN may always (PS3.5 6.2.2).
    pub fn allows(self, vr: [u8; 2]) -> bool {
        vr == *b"UN"
            || match self {
                Self::Unknown => true,
                Self::One(expected) => vr == expected,
                Self::Number => matches!(&vr, b"US" | b"SS" | b"OW"),
                Self::Bytes => matches!(&vr, b"OB" | b"OW"),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_knows_common_repeating_private_and_group_length_tags() {
        assert_eq!(Expected::of(Tag(0x0010_0010)), Expected::One(*b"PN"));
        assert_eq!(Expected::of(Tag(0x0028_0106)), Expected::Number);
        assert_eq!(Expected::of(Tag(0x7fe0_0010)), Expected::Bytes);
        assert_eq!(Expected::of(Tag(0x6002_3000)), Expected::Bytes);
        assert_eq!(Expected::of(Tag(0x0029_0010)), Expected::One(*b"LO"));
        assert_eq!(Expected::of(Tag(0x0010_0000)), Expected::One(*b"UL"));
        assert_eq!(Expected::of(Tag(0x0029_1010)), Expected::Unknown);
    }

    #[test]
    fn swapping_twice_is_nothing_and_a_ragged_rest_stays() {
        let mut value = [1, 2, 3, 4, 5];
        swap_words(*b"US", &mut value);
        assert_eq!(value, [2, 1, 4, 3, 5]);
        swap_words(*b"US", &mut value);
        assert_eq!(value, [1, 2, 3, 4, 5]);
        swap_words(*b"PN", &mut value);
        assert_eq!(value, [1, 2, 3, 4, 5]);
    }
}
