//! Transfer syntaxes: how a data set is encoded, and whether its pixels are.

use crate::base::uid::Uid;

/// Implicit VR Little Endian.
pub const IMPLICIT_LE: &str = "1.2.840.10008.1.2";
/// Explicit VR Little Endian.
pub const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
/// Explicit VR Big Endian, retired.
pub const EXPLICIT_BE: &str = "1.2.840.10008.1.2.2";
/// Deflated Explicit VR Little Endian.
pub const DEFLATED_LE: &str = "1.2.840.10008.1.2.1.99";

/// How the elements of a data set are written (PS3.5 7 and Annex A).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Implicit VR, little endian.
    ImplicitLe,
    /// Explicit VR, little endian.
    ExplicitLe,
    /// Explicit VR, big endian.
    ExplicitBe,
    /// Explicit VR, little endian, the whole data set deflated (RFC 1951).
    DeflatedLe,
}

impl Encoding {
    /// Returns whether numbers are big endian.
    pub fn is_big(self) -> bool {
        self == Self::ExplicitBe
    }
}

/// What a transfer syntax says about a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferSyntax {
    /// How elements are written.
    pub encoding: Encoding,
    /// Whether Pixel Data holds native values rather than compressed fragments.
    pub native_pixels: bool,
}

impl TransferSyntax {
    /// Looks a transfer syntax up.
    ///
    /// An unknown one of the standard's root is explicit VR little endian with encapsulated
    /// pixels (PS3.5 A.4). Private ones are `None`: their encoding cannot be known.
    pub fn lookup(uid: &Uid) -> Option<Self> {
        let native = |encoding| Some(Self { encoding, native_pixels: true });
        match uid.as_str() {
            IMPLICIT_LE => native(Encoding::ImplicitLe),
            EXPLICIT_LE => native(Encoding::ExplicitLe),
            EXPLICIT_BE => native(Encoding::ExplicitBe),
            DEFLATED_LE => native(Encoding::DeflatedLe),
            other if other.starts_with("1.2.840.10008.1.2.") => {
                Some(Self { encoding: Encoding::ExplicitLe, native_pixels: false })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(uid: &str) -> Option<TransferSyntax> {
        TransferSyntax::lookup(&Uid::parse(uid.as_bytes()).unwrap())
    }

    #[test]
    fn standard_syntaxes_are_known_and_private_ones_are_not() {
        assert_eq!(lookup(IMPLICIT_LE).unwrap().encoding, Encoding::ImplicitLe);
        assert!(lookup(EXPLICIT_BE).unwrap().native_pixels);
        assert!(!lookup("1.2.840.10008.1.2.4.90").unwrap().native_pixels);
        assert!(!lookup("1.2.840.10008.1.2.4.999").unwrap().native_pixels);
        assert_eq!(lookup("1.2.840.113619.5.2"), None);
    }
}
