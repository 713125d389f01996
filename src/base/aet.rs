//! Application entity titles.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An application entity title (PS3.5 Table 6.2-1, VR AE), without its padding.
///
/// Holding one means: 1 to 16 characters of the G0 set without control characters and backslash.
/// Case counts (PS3.8 9.3.2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AeTitle(String);

/// Why a text is no AE title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AeTitleError {
    /// Nothing is left once the padding is gone.
    #[error("AE title is blank")]
    Blank,
    /// More than 16 characters.
    #[error("AE title has {length} characters, at most 16 are allowed")]
    TooLong {
        /// Length found.
        length: usize,
    },
    /// A control character, a backslash or a byte outside ASCII.
    #[error("AE title has the byte {byte:#04x}")]
    BadByte {
        /// The first such byte.
        byte: u8,
    },
}

impl AeTitle {
    /// Parses a title as it stands in a PDU or in config; blanks and NUL around it are cut.
    ///
    /// # Errors
    ///
    /// The first rule of the type that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, AeTitleError> {
        let is_padding = |byte: &u8| matches!(byte, 0 | b' ');
        let end = bytes.iter().rposition(|byte| !is_padding(byte)).map_or(0, |last| last + 1);
        let start = bytes.iter().position(|byte| !is_padding(byte)).unwrap_or(end);
        let core = bytes.get(start..end).unwrap_or_default();
        if core.is_empty() {
            return Err(AeTitleError::Blank);
        }
        if 16 < core.len() {
            return Err(AeTitleError::TooLong { length: core.len() });
        }
        let is_bad = |byte: &u8| !(b' '..=b'~').contains(byte) || *byte == b'\\';
        match core.iter().copied().find(|byte| is_bad(byte)) {
            Some(byte) => Err(AeTitleError::BadByte { byte }),
            None => Ok(Self(core.iter().copied().map(char::from).collect())),
        }
    }

    /// Returns the title without padding.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for AeTitle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AeTitle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?.as_bytes()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_nul_around_a_title_do_not_count_but_case_does() {
        let plain = AeTitle::parse(b"SCANPOST").unwrap();
        assert_eq!(AeTitle::parse(b" SCANPOST\0\0").unwrap(), plain);
        assert_ne!(AeTitle::parse(b"scanpost").unwrap(), plain);
    }

    #[test]
    fn titles_that_could_spoil_a_log_are_refused() {
        assert_eq!(AeTitle::parse(b"CT\x1b[2J"), Err(AeTitleError::BadByte { byte: 0x1b }));
        assert_eq!(AeTitle::parse(b"CT\\1"), Err(AeTitleError::BadByte { byte: b'\\' }));
        assert_eq!(AeTitle::parse(b"CT\xe9"), Err(AeTitleError::BadByte { byte: 0xe9 }));
        assert_eq!(AeTitle::parse(b"    \0"), Err(AeTitleError::Blank));
        assert_eq!(AeTitle::parse(&[b'A'; 17]), Err(AeTitleError::TooLong { length: 17 }));
    }
}
