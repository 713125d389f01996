//! A small writer of data sets, explicit VR little endian, that leaves bytes as they are.
//!
//! dicom-object writes text through the character set that it believes in and re-prints
//! numbers; patient names and positions must leave as they came. So values are bytes here, and
//! only element headers come from dicom-encoding. Lengths are always explicit.

use std::collections::BTreeMap;

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::header::DataElementHeader;
use dicom_core::{Length, Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;
use dicom_encoding::encode::Encode;
use dicom_encoding::encode::explicit_le::ExplicitVRLittleEndianEncoder;

use crate::base::uid::Uid;
use crate::dicom::header::Tag as KeptTag;

use super::ReportError;

/// Characters of one value that our texts may have, PS3.5 Table 6.2-1; other VRs have no limit
/// that our texts come near to.
const LIMITS: [(VR, usize); 5] =
    [(VR::SH, 16), (VR::LO, 64), (VR::UI, 64), (VR::ST, 1024), (VR::LT, 10_240)];

/// A data set or an item: elements in the order of their tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DataSet {
    elements: BTreeMap<Tag, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Bytes(Vec<u8>),
    Items(Vec<DataSet>),
}

impl DataSet {
    /// Puts a value as it is; an odd one is padded when it is written.
    pub(super) fn bytes(&mut self, tag: Tag, bytes: &[u8]) {
        self.elements.insert(tag, Value::Bytes(bytes.to_vec()));
    }

    /// Puts a large value without copying it.
    pub(super) fn owned(&mut self, tag: Tag, bytes: Vec<u8>) {
        self.elements.insert(tag, Value::Bytes(bytes));
    }

    /// Puts text of ours as ASCII, cut at what its VR allows.
    pub(super) fn text(&mut self, tag: Tag, text: &str) {
        let limit = LIMITS.iter().find(|(vr, _)| *vr == vr_of(tag));
        let limit = limit.map_or(usize::MAX, |(_, characters)| *characters);
        let separates = matches!(vr_of(tag), VR::CS | VR::DS | VR::IS);
        let ascii: Vec<u8> = text
            .chars()
            .map(|c| match u8::try_from(c) {
                Ok(b'\\') if separates => b'\\',
                Ok(b'\\') => b'/',
                Ok(b'\n') => b'\n',
                Ok(byte @ b' '..=b'~') => byte,
                _ => b'?',
            })
            .take(limit)
            .collect();
        self.owned(tag, ascii);
    }

    /// Puts several texts of ours as the values of one element.
    pub(super) fn texts(&mut self, tag: Tag, texts: &[&str]) {
        let mut all = Vec::new();
        for text in texts {
            let mut one = Self::default();
            one.text(tag, text);
            if !all.is_empty() {
                all.push(b'\\');
            }
            if let Some(Value::Bytes(bytes)) = one.elements.remove(&tag) {
                all.extend(bytes);
            }
        }
        self.owned(tag, all);
    }

    /// Puts an element without value.
    pub(super) fn empty(&mut self, tag: Tag) {
        let value =
            if vr_of(tag) == VR::SQ { Value::Items(Vec::new()) } else { Value::Bytes(Vec::new()) };
        self.elements.insert(tag, value);
    }

    /// Puts a UID.
    pub(super) fn uid(&mut self, tag: Tag, uid: &Uid) {
        self.bytes(tag, uid.as_str().as_bytes());
    }

    /// Puts US values.
    pub(super) fn u16s(&mut self, tag: Tag, values: &[u16]) {
        self.owned(tag, values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }

    /// Puts UL values.
    pub(super) fn u32s(&mut self, tag: Tag, values: &[u32]) {
        self.owned(tag, values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }

    /// Puts FL values.
    pub(super) fn f32s(&mut self, tag: Tag, values: &[f32]) {
        self.owned(tag, values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }

    /// Puts a tag as value (VR AT).
    pub(super) fn pointer(&mut self, tag: Tag, to: Tag) {
        self.u16s(tag, &[to.group(), to.element()]);
    }

    /// Puts a sequence.
    pub(super) fn items(&mut self, tag: Tag, items: Vec<Self>) {
        self.elements.insert(tag, Value::Items(items));
    }

    /// Puts a sequence of one item.
    pub(super) fn item(&mut self, tag: Tag, item: Self) {
        self.items(tag, vec![item]);
    }

    /// Takes over the elements of another data set.
    pub(super) fn merge(&mut self, other: Self) {
        self.elements.extend(other.elements);
    }

    /// Returns the encoded data set.
    ///
    /// # Errors
    ///
    /// [`ReportError::TooLong`] for a value that its length field cannot tell.
    pub(super) fn encode(&self) -> Result<Vec<u8>, ReportError> {
        let mut out = Vec::new();
        self.encode_into(&mut out)?;
        Ok(out)
    }

    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), ReportError> {
        for (tag, value) in &self.elements {
            match value {
                Value::Bytes(bytes) => {
                    put_header(out, *tag, vr_of(*tag), bytes.len() + bytes.len() % 2)?;
                    out.extend_from_slice(bytes);
                    if !bytes.len().is_multiple_of(2) {
                        out.push(padding(vr_of(*tag)));
                    }
                }
                Value::Items(items) => {
                    let mut content = Vec::new();
                    for item in items {
                        let inner = item.encode()?;
                        put_item(&mut content, *tag, inner.len())?;
                        content.extend_from_slice(&inner);
                    }
                    put_header(out, *tag, VR::SQ, content.len())?;
                    out.extend_from_slice(&content);
                }
            }
        }
        Ok(())
    }
}

/// Returns the tag as headers write it.
pub(super) fn kept(tag: Tag) -> KeptTag {
    KeptTag(u32::from(tag.group()) << 16 | u32::from(tag.element()))
}

/// Returns the VR of PS3.6. Where it leaves a choice, ours is the one for pixels of 8 bits or
/// less and for unsigned numbers.
fn vr_of(tag: Tag) -> VR {
    match tag {
        dicom_dictionary_std::tags::PIXEL_DATA => VR::OB,
        _ => StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr().relaxed()),
    }
}

fn padding(vr: VR) -> u8 {
    if matches!(vr, VR::UI | VR::OB | VR::UN) { 0 } else { b' ' }
}

fn put_header(out: &mut Vec<u8>, tag: Tag, vr: VR, length: usize) -> Result<(), ReportError> {
    let too_long = || ReportError::TooLong { tag: kept(tag) };
    // The odd maximum means "undefined" in long form; short form ends at 16 bits.
    let longest = if matches!(vr, VR::OB | VR::SQ | VR::UC | VR::UN | VR::UT) {
        u32::MAX - 1
    } else {
        u32::from(u16::MAX) - 1
    };
    let length = u32::try_from(length).map_err(|_beyond| too_long())?;
    if longest < length {
        return Err(too_long());
    }
    let header = DataElementHeader::new(tag, vr, Length(length));
    ExplicitVRLittleEndianEncoder::default()
        .encode_element_header(out, header)
        .map(|_written| ())
        .map_err(|source| ReportError::Encode { tag: kept(tag), source: Box::new(source) })
}

fn put_item(out: &mut Vec<u8>, tag: Tag, length: usize) -> Result<(), ReportError> {
    let length =
        u32::try_from(length).map_err(|_beyond| ReportError::TooLong { tag: kept(tag) })?;
    ExplicitVRLittleEndianEncoder::default()
        .encode_item_header(out, length)
        .map_err(|source| ReportError::Encode { tag: kept(tag), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use dicom_dictionary_std::tags;

    use super::*;

    #[test]
    fn copied_bytes_leave_as_they_came_in_any_character_set() {
        let mut set = DataSet::default();
        set.bytes(tags::PATIENT_NAME, b"\x1b$B;3ED\x1b(B^\xff ");
        let bytes = set.encode().unwrap();
        assert_eq!(&bytes[..8], b"\x10\0\x10\0PN\x0e\0");
        assert_eq!(&bytes[8..], b"\x1b$B;3ED\x1b(B^\xff  ");
    }

    #[test]
    fn text_of_ours_is_ascii_and_fits_its_vr() {
        let mut set = DataSet::default();
        set.text(tags::SERIES_DESCRIPTION, &"µ\\".repeat(40));
        assert_eq!(&set.encode().unwrap()[8..], "?/".repeat(32).as_bytes());
    }

    #[test]
    fn a_sequence_has_explicit_lengths_and_may_be_empty() {
        let mut inner = DataSet::default();
        inner.u16s(tags::ROWS, &[512]);
        let mut set = DataSet::default();
        set.item(tags::SOURCE_IMAGE_SEQUENCE, inner);
        let expected = b"\x08\0\x12\x21SQ\0\0\x12\0\0\0\xfe\xff\0\xe0\x0a\0\0\0\
            \x28\0\x10\0US\x02\0\0\x02";
        assert_eq!(set.encode().unwrap(), expected);
        set.empty(tags::SOURCE_IMAGE_SEQUENCE);
        assert_eq!(set.encode().unwrap(), b"\x08\0\x12\x21SQ\0\0\0\0\0\0");
    }

    #[test]
    fn a_value_that_its_length_field_cannot_tell_is_refused() {
        let mut set = DataSet::default();
        set.bytes(tags::PATIENT_ID, &vec![b'1'; 65_535]);
        assert!(matches!(set.encode(), Err(ReportError::TooLong { .. })));
        set.bytes(tags::PATIENT_ID, &vec![b'1'; 65_534]);
        assert_eq!(set.encode().unwrap().len(), 65_542);
    }
}
