//! DICOM unique identifiers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base::limits::UID_BYTES_MAX;

/// A DICOM UID (PS3.5 Section 9), without its padding.
///
/// Holding one means: 1 to 64 printable ASCII characters without blank and backslash. Scanners
/// send UIDs with letters and with leading zeros; they are kept as they came, and
/// [`Uid::is_conformant`] tells. Nothing may make a file name of one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(String);

/// Why a text is no UID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UidError {
    /// Nothing is left once the padding is gone.
    #[error("UID is empty")]
    Empty,
    /// The text is longer than PS3.5 9.1 allows.
    #[error("UID has {length} bytes, at most {UID_BYTES_MAX} are allowed")]
    TooLong {
        /// Length found, in bytes.
        length: usize,
    },
    /// The text has a byte that no UID can have.
    #[error("UID has the byte {byte:#04x}")]
    BadByte {
        /// The first such byte.
        byte: u8,
    },
}

impl Uid {
    /// Parses a UID as it stands in a data element or a PDU item; NUL and blank padding is cut.
    ///
    /// # Errors
    ///
    /// The first rule of the type that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, UidError> {
        let is_padding = |byte: &u8| matches!(byte, 0 | b' ');
        let end = bytes.iter().rposition(|byte| !is_padding(byte)).map_or(0, |last| last + 1);
        let start = bytes.iter().position(|byte| !is_padding(byte)).unwrap_or(end);
        let core = bytes.get(start..end).unwrap_or_default();
        if core.is_empty() {
            return Err(UidError::Empty);
        }
        if UID_BYTES_MAX < core.len() {
            return Err(UidError::TooLong { length: core.len() });
        }
        match core.iter().find(|byte| !byte.is_ascii_graphic() || **byte == b'\\') {
            Some(byte) => Err(UidError::BadByte { byte: *byte }),
            None => Ok(Self(core.iter().copied().map(char::from).collect())),
        }
    }

    /// Makes a UID under `2.25.` from 128 bits (PS3.5 B.2), marked as a version 8 UUID.
    pub fn from_hash(bits: [u8; 16]) -> Self {
        let mut bits = bits;
        bits[6] = (bits[6] & 0x0f) | 0x80;
        bits[8] = (bits[8] & 0x3f) | 0x80;
        Self(format!("2.25.{}", u128::from_be_bytes(bits)))
    }

    /// Returns the identifier without padding.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether PS3.5 9.1 holds: digits and dots only, no empty component, no leading zero.
    pub fn is_conformant(&self) -> bool {
        self.0.split('.').all(|component| {
            !component.is_empty()
                && component.bytes().all(|byte| byte.is_ascii_digit())
                && (component == "0" || !component.starts_with('0'))
        })
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Uid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?.as_bytes()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_cuts_nul_and_blank_padding_on_both_sides() {
        assert_eq!(Uid::parse(b" 1.2.840.10008.1.1\0").unwrap().as_str(), "1.2.840.10008.1.1");
        assert_eq!(Uid::parse(b"1.2 ").unwrap(), Uid::parse(b"1.2").unwrap());
    }

    #[test]
    fn parse_refuses_what_no_uid_can_be() {
        assert_eq!(Uid::parse(b"\0 "), Err(UidError::Empty));
        assert_eq!(Uid::parse(&[b'1'; 65]), Err(UidError::TooLong { length: 65 }));
        assert_eq!(Uid::parse(b"1.2\\3"), Err(UidError::BadByte { byte: b'\\' }));
        assert_eq!(Uid::parse(b"1.\x002"), Err(UidError::BadByte { byte: 0 }));
    }

    #[test]
    fn odd_uids_of_real_scanners_are_kept_and_flagged() {
        assert!(!Uid::parse(b"1.2.03").unwrap().is_conformant());
        assert!(!Uid::parse(b"1.2.abc").unwrap().is_conformant());
        assert!(Uid::parse(b"1.2.0.3").unwrap().is_conformant());
    }

    #[test]
    fn a_hashed_uid_is_a_conformant_uuid_of_at_most_44_characters() {
        for byte in [0, 0x7f, 0xff] {
            let uid = Uid::from_hash([byte; 16]);
            assert!(uid.is_conformant() && uid.as_str().len() <= 44, "{uid}");
        }
    }
}
