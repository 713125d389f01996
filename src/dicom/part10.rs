//! The head of part-10 files: read with patience, written as PS3.10 wants.

use crate::base::aet::AeTitle;
use crate::base::limits::FILE_META_BYTES_MAX;
use crate::base::uid::Uid;
use crate::dicom::element::Elements;
use crate::dicom::header::Tag;
use crate::dicom::implementation::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION};
use crate::dicom::syntax::Encoding;
use crate::dicom::vr;

/// Bytes before the file meta: preamble and `DICM`.
const PREFIX_BYTES: usize = 132;
const GROUP_LENGTH: Tag = Tag(0x0002_0000);
const VERSION: Tag = Tag(0x0002_0001);
const SOP_CLASS: Tag = Tag(0x0002_0002);
const SOP_INSTANCE: Tag = Tag(0x0002_0003);
const TRANSFER_SYNTAX: Tag = Tag(0x0002_0010);
const CLASS_TAG: Tag = Tag(0x0002_0012);
const VERSION_TAG: Tag = Tag(0x0002_0013);
const SOURCE_AE_TITLE: Tag = Tag(0x0002_0016);

/// What the head of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHead {
    /// Transfer Syntax UID (0002,0010).
    pub transfer_syntax: Uid,
    /// Media Storage SOP Class UID (0002,0002), if it is a UID.
    pub sop_class: Option<Uid>,
    /// Media Storage SOP Instance UID (0002,0003), if it is a UID.
    pub sop_instance: Option<Uid>,
    /// Where the data set begins, in bytes from the start of the file.
    pub data_set_offset: usize,
}

/// Why a file's head cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// No `DICM` behind the preamble: nothing is guessed (H34).
    #[error("no part-10 file: DICM is missing")]
    NotPart10,
    /// The bytes end within the head. A caller that gave a prefix gives a longer one.
    #[error("file ends within its meta information")]
    Truncated,
    /// The head is larger than any real one.
    #[error("file meta information has more than {FILE_META_BYTES_MAX} bytes")]
    TooLong,
    /// Something in group 0002 is no element.
    #[error("file meta information is broken at byte {0}")]
    Broken(usize),
    /// No Transfer Syntax UID: the data set cannot be read.
    #[error("file meta information names no transfer syntax")]
    NoTransferSyntax,
}

/// Reads the head of a file, of which `bytes` are the first, at least
/// [`FILE_META_BYTES_MAX`] of them or all.
///
/// Values are taken only where they are needed: an over-long Source Application Entity Title or
/// a wrong group length refuses nothing.
///
/// # Errors
///
/// The first thing that keeps the data set from being found.
pub fn read_head(bytes: &[u8]) -> Result<FileHead, HeadError> {
    match bytes.get(128..PREFIX_BYTES) {
        Some(b"DICM") => {}
        _ => return Err(HeadError::NotPart10),
    }
    let (mut syntax, mut sop_class, mut sop_instance) = (None, None, None);
    let mut offset = PREFIX_BYTES;
    let mut announced_end = None;
    while Some(offset) != announced_end {
        let Some(MetaElement { tag, value, end }) = element(bytes, offset)? else {
            let is_cut = announced_end.is_some_and(|end| bytes.len() == offset && offset < end);
            if is_cut {
                return Err(HeadError::Truncated);
            }
            break;
        };
        match tag {
            GROUP_LENGTH => {
                let length = value.first_chunk().map(|word| u32::from_le_bytes(*word));
                let length = length.and_then(|length| usize::try_from(length).ok());
                announced_end = length.and_then(|length| end.checked_add(length));
            }
            TRANSFER_SYNTAX => syntax = Uid::parse(value).ok(),
            SOP_CLASS => sop_class = Uid::parse(value).ok(),
            SOP_INSTANCE => sop_instance = Uid::parse(value).ok(),
            _ => {}
        }
        if FILE_META_BYTES_MAX < end {
            return Err(HeadError::TooLong);
        }
        offset = end;
    }
    Ok(FileHead {
        transfer_syntax: syntax.ok_or(HeadError::NoTransferSyntax)?,
        sop_class,
        sop_instance,
        data_set_offset: offset,
    })
}

struct MetaElement<'a> {
    tag: Tag,
    value: &'a [u8],
    /// Offset behind it, from the start of the file.
    end: usize,
}

/// Returns the element at `offset`; `None` where group 0002 is over.
fn element(bytes: &[u8], offset: usize) -> Result<Option<MetaElement<'_>>, HeadError> {
    let rest = bytes.get(offset..).unwrap_or_default();
    match rest {
        [2, 0, ..] => {}
        [_] => return Err(HeadError::Truncated),
        _ => return Ok(None),
    }
    let [g0, g1, e0, e1, a, b, l0, l1] = *rest.first_chunk().ok_or(HeadError::Truncated)?;
    let vr = [a, b];
    if !vr.iter().all(u8::is_ascii_uppercase) {
        return Err(HeadError::Broken(offset));
    }
    let (head, length) = if vr::has_long_length(vr) {
        let word = rest.get(8..).and_then(|rest| rest.first_chunk());
        let word = word.ok_or(HeadError::Truncated)?;
        (12, usize::try_from(u32::from_le_bytes(*word)).unwrap_or(usize::MAX))
    } else {
        (8, usize::from(u16::from_le_bytes([l0, l1])))
    };
    if FILE_META_BYTES_MAX < length {
        return Err(HeadError::TooLong);
    }
    let value = rest.get(head..head + length).ok_or(HeadError::Truncated)?;
    let tag = Tag(u32::from_be_bytes([g1, g0, e1, e0]));
    let end = offset + head + length;
    Ok(Some(MetaElement { tag, value, end }))
}

/// What an exported file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMeta {
    /// SOP Class UID of the data set.
    pub sop_class: Uid,
    /// SOP Instance UID of the data set.
    pub sop_instance: Uid,
    /// The syntax that the data set is in.
    pub transfer_syntax: Uid,
    /// Who sent it to us.
    pub source: Option<AeTitle>,
}

impl FileMeta {
    /// Returns preamble, `DICM` and file meta; the data set follows byte for byte (PS3.10 7.1).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut group = Elements::new(Encoding::ExplicitLe)
            .put(VERSION, *b"OB", &[0, 1])
            .text(SOP_CLASS, *b"UI", self.sop_class.as_str())
            .text(SOP_INSTANCE, *b"UI", self.sop_instance.as_str())
            .text(TRANSFER_SYNTAX, *b"UI", self.transfer_syntax.as_str())
            .text(CLASS_TAG, *b"UI", IMPLEMENTATION_CLASS)
            .text(VERSION_TAG, *b"SH", IMPLEMENTATION_VERSION);
        if let Some(source) = &self.source {
            group = group.text(SOURCE_AE_TITLE, *b"AE", source.as_str());
        }
        let group = group.into_bytes();
        let length = u32::try_from(group.len()).unwrap_or(u32::MAX);
        Elements::new(Encoding::ExplicitLe)
            .raw(&[0; 128])
            .raw(b"DICM")
            .put(GROUP_LENGTH, *b"UL", &length.to_le_bytes())
            .raw(&group)
            .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::parse(text.as_bytes()).unwrap()
    }

    fn meta() -> FileMeta {
        FileMeta {
            sop_class: uid("1.2.840.10008.5.1.4.1.1.2"),
            sop_instance: uid("1.2.3"),
            transfer_syntax: uid("1.2.840.10008.1.2.1"),
            source: Some(AeTitle::parse(b"CT1").unwrap()),
        }
    }

    #[test]
    fn what_we_write_we_read_and_the_data_set_begins_behind_it() {
        let mut file = meta().to_bytes();
        let expected = FileHead {
            transfer_syntax: meta().transfer_syntax,
            sop_class: Some(meta().sop_class),
            sop_instance: Some(meta().sop_instance),
            data_set_offset: file.len(),
        };
        assert_eq!(read_head(&file).unwrap(), expected);
        // A deflated data set may begin like group 0002: the group length tells.
        file.extend_from_slice(&[2, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(read_head(&file).unwrap(), expected);
    }

    #[test]
    fn an_over_long_ae_title_and_a_wrong_group_length_refuse_nothing() {
        let file = Elements::new(Encoding::ExplicitLe)
            .raw(&[0; 128])
            .raw(b"DICM")
            .put(GROUP_LENGTH, *b"UL", &[7, 0, 0, 0])
            .text(TRANSFER_SYNTAX, *b"UI", "1.2.840.10008.1.2")
            .text(SOURCE_AE_TITLE, *b"AE", "AN_AE_OF_18_LETTER")
            .us(Tag(0x0008_0005), 1)
            .into_bytes();
        let head = read_head(&file).unwrap();
        assert_eq!(head.transfer_syntax.as_str(), "1.2.840.10008.1.2");
        assert_eq!(head.data_set_offset, file.len() - 10);
    }

    #[test]
    fn every_truncation_of_the_head_is_refused() {
        let file = meta().to_bytes();
        for length in 0..file.len() {
            assert!(read_head(&file[..length]).is_err(), "{length}");
        }
        assert_eq!(read_head(b"ISO_IR 100"), Err(HeadError::NotPart10));
    }
}
