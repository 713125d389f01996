//! Writes elements one by one: for phantoms and tests. Our documents are written elsewhere.

use crate::dicom::header::Tag;
use crate::dicom::syntax::Encoding;
use crate::dicom::tags;
use crate::dicom::vr;

/// A data set that is being written, element by element, in the order of the calls.
///
/// Nothing is sorted and nothing checked: a test writes what a bad sender would.
pub struct Elements {
    encoding: Encoding,
    bytes: Vec<u8>,
}

impl Elements {
    /// Begins a data set. Of a deflated one this is the part before deflating.
    pub fn new(encoding: Encoding) -> Self {
        Self { encoding, bytes: Vec::new() }
    }

    /// Writes an element; `value` is little endian and padded here, with NUL for UI, OB and UN
    /// and blank for texts.
    #[must_use]
    pub fn put(mut self, tag: Tag, vr: [u8; 2], value: &[u8]) -> Self {
        let mut value = value.to_vec();
        if !value.len().is_multiple_of(2) {
            value.push(if matches!(&vr, b"UI" | b"OB" | b"UN") { 0 } else { b' ' });
        }
        if self.encoding.is_big() {
            vr::swap_words(vr, &mut value);
        }
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self = self.head(tag, vr, length);
        self.bytes.extend_from_slice(&value);
        self
    }

    /// Writes an element of text.
    #[must_use]
    pub fn text(self, tag: Tag, vr: [u8; 2], value: &str) -> Self {
        self.put(tag, vr, value.as_bytes())
    }

    /// Writes an element of one number of 16 bits.
    #[must_use]
    pub fn us(self, tag: Tag, value: u16) -> Self {
        self.put(tag, *b"US", &value.to_le_bytes())
    }

    /// Writes the header of an element of any length, without its value.
    #[must_use]
    pub fn head(mut self, tag: Tag, vr: [u8; 2], length: u32) -> Self {
        self.tag(tag);
        if self.encoding == Encoding::ImplicitLe {
            self.long(length);
            return self;
        }
        self.bytes.extend_from_slice(&vr);
        if vr::has_long_length(vr) {
            self.bytes.extend_from_slice(&[0, 0]);
            self.long(length);
            return self;
        }
        let short = u16::try_from(length).unwrap_or(u16::MAX);
        let is_big = self.encoding.is_big();
        let bytes = if is_big { short.to_be_bytes() } else { short.to_le_bytes() };
        self.bytes.extend_from_slice(&bytes);
        self
    }

    /// Writes the header of an item, or a delimiter: tag and length, without VR.
    #[must_use]
    pub fn mark(mut self, tag: Tag, length: u32) -> Self {
        self.tag(tag);
        self.long(length);
        self
    }

    /// Begins a sequence of undefined length.
    #[must_use]
    pub fn open_sequence(self, tag: Tag) -> Self {
        self.head(tag, *b"SQ", u32::MAX)
    }

    /// Begins an item of undefined length.
    #[must_use]
    pub fn open_item(self) -> Self {
        self.mark(tags::ITEM, u32::MAX)
    }

    /// Ends an item of undefined length.
    #[must_use]
    pub fn close_item(self) -> Self {
        self.mark(tags::ITEM_DELIMITER, 0)
    }

    /// Ends a sequence of undefined length, or fragments.
    #[must_use]
    pub fn close_sequence(self) -> Self {
        self.mark(tags::SEQUENCE_DELIMITER, 0)
    }

    /// Writes bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Returns what was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn tag(&mut self, tag: Tag) {
        let [g0, g1, e0, e1] = tag.0.to_be_bytes();
        let is_big = self.encoding.is_big();
        let bytes = if is_big { [g0, g1, e0, e1] } else { [g1, g0, e1, e0] };
        self.bytes.extend_from_slice(&bytes);
    }

    fn long(&mut self, length: u32) {
        let is_big = self.encoding.is_big();
        let bytes = if is_big { length.to_be_bytes() } else { length.to_le_bytes() };
        self.bytes.extend_from_slice(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_element_has_the_bytes_of_ps3_5_in_each_syntax() {
        let rows = |encoding| Elements::new(encoding).us(tags::ROWS, 512).into_bytes();
        assert_eq!(rows(Encoding::ImplicitLe), [0x28, 0, 0x10, 0, 2, 0, 0, 0, 0, 2]);
        assert_eq!(rows(Encoding::ExplicitLe), *b"\x28\0\x10\0US\x02\0\0\x02");
        assert_eq!(rows(Encoding::ExplicitBe), *b"\0\x28\0\x10US\0\x02\x02\0");
        let unknown = Elements::new(Encoding::ExplicitLe).put(Tag(0x0009_1001), *b"UN", b"x");
        assert_eq!(unknown.into_bytes(), *b"\x09\0\x01\x10UN\0\0\x02\0\0\0x\0");
    }
}
