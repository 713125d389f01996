//! The element machine: one header or one stretch of value at a time, containers on a stack.
//!
//! | state | holds | left by |
//! |---|---|---|
//! | header | up to 12 bytes of it in `pending` | the last of them: see [`Machine::begin`] |
//! | value | `remaining` bytes to skip or to keep | the last of them |
//!
//! A container is the data set, an item, a sequence or the fragments of pixel data. One of
//! defined length ends at its offset, one of undefined length at its delimiter, the data set at
//! the end of the bytes.

use std::collections::BTreeSet;

use crate::base::limits::OBJECT_BYTES_MAX;
use crate::base::oddity::Oddity;
use crate::dicom::header::{Element, Header, Tag};
use crate::dicom::syntax::{Encoding, TransferSyntax};
use crate::dicom::tags;
use crate::dicom::walker::error::{Place, WalkError};
use crate::dicom::walker::{Keep, PixelData, Walk};

mod step;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The data set itself or an item: elements follow.
    Elements,
    /// A sequence: items follow.
    Sequence,
    /// Encapsulated pixel data: items of plain bytes follow.
    Fragments,
}

#[derive(Clone, Copy, Debug)]
struct Container {
    kind: Kind,
    /// What opened it.
    tag: Tag,
    encoding: Encoding,
    /// Offset of its first byte.
    start: u64,
    /// Where it ends, if its length was defined.
    end: Option<u64>,
    /// Where the innermost container of defined length around it, or itself, ends.
    limit: u64,
    /// The last tag that was read in it.
    last: Option<Tag>,
}

/// The fields of one element, item or delimiter.
#[derive(Clone, Copy, Debug)]
struct Head {
    tag: Tag,
    /// As sent, or as the dictionary says where the syntax is implicit.
    vr: [u8; 2],
    length: u32,
    /// Offset of its first byte.
    start: u64,
}

/// The walk of one (inflated) data set.
pub(super) struct Machine {
    syntax: TransferSyntax,
    keep: Keep,
    offset: u64,
    pending: Vec<u8>,
    /// Bytes of the value that are still to come.
    remaining: u64,
    current: Option<Tag>,
    kept: Option<Element>,
    kept_bytes: usize,
    /// Never empty: the data set stays at its bottom.
    stack: Vec<Container>,
    top: Container,
    elements: u64,
    header: Header,
    oddities: BTreeSet<Oddity>,
    pixel_data: Option<PixelData>,
}

impl Machine {
    pub(super) fn new(syntax: TransferSyntax, keep: Keep) -> Self {
        let data_set = Container {
            kind: Kind::Elements,
            tag: Tag(0),
            encoding: syntax.encoding,
            start: 0,
            end: None,
            limit: OBJECT_BYTES_MAX,
            last: None,
        };
        Self {
            syntax,
            keep,
            offset: 0,
            pending: Vec::with_capacity(12),
            remaining: 0,
            current: None,
            kept: None,
            kept_bytes: 0,
            stack: Vec::new(),
            top: data_set,
            elements: 0,
            header: Header::default(),
            oddities: BTreeSet::new(),
            pixel_data: None,
        }
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), WalkError> {
        while !bytes.is_empty() {
            let wanted = match self.remaining {
                0 => self.header_bytes().saturating_sub(self.pending.len()),
                remaining => usize::try_from(remaining).unwrap_or(usize::MAX),
            };
            let (now, later) = bytes.split_at(wanted.min(bytes.len()));
            bytes = later;
            if 0 < self.remaining {
                self.take_value(now)?;
            } else {
                self.pending.extend_from_slice(now);
                if self.header_bytes() <= self.pending.len() {
                    self.take_header()?;
                }
            }
        }
        Ok(())
    }

    /// Checks that the bytes may end here.
    pub(super) fn end(&mut self) -> Result<(), WalkError> {
        let place = self.place();
        if !self.pending.is_empty() || 0 < self.remaining {
            let is_padding = self.remaining == 0 && self.pending.iter().all(|byte| *byte == 0);
            if is_padding && self.is_data_set() {
                return Err(WalkError::TrailingGarbage(place));
            }
            return Err(WalkError::Truncated(place));
        }
        if self.is_data_set() {
            return match self.elements {
                0 => Err(WalkError::Empty),
                _ => Ok(()),
            };
        }
        match self.top.end {
            Some(_) => Err(WalkError::Truncated(place)),
            None => Err(WalkError::MissingDelimiter(place)),
        }
    }

    pub(super) fn into_walk(mut self) -> Walk {
        if self.header.uid(tags::STUDY_INSTANCE_UID).is_none() {
            self.oddities.insert(Oddity::NoStudy);
        }
        let uids = [
            tags::SOP_CLASS_UID,
            tags::SOP_INSTANCE_UID,
            tags::STUDY_INSTANCE_UID,
            tags::SERIES_INSTANCE_UID,
        ];
        let mut found = uids.iter().filter_map(|tag| self.header.uid(*tag));
        if !found.all(|uid| uid.is_conformant()) {
            self.oddities.insert(Oddity::UidForm);
        }
        Walk {
            header: self.header,
            oddities: self.oddities.into_iter().collect(),
            pixel_data: self.pixel_data,
            length: self.offset,
        }
    }

    /// Returns where the walk is: in a value, in a header, or else in a container.
    pub(super) fn place(&self) -> Place {
        let container = (!self.is_data_set()).then_some(self.top.tag);
        Place {
            tag: self.current.or_else(|| self.pending_tag()).or(container),
            offset: self.offset + u64::try_from(self.pending.len()).unwrap_or(0),
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let value = self.kept.as_ref().map_or(0, |kept| kept.value.capacity());
        let kept: usize = self
            .header
            .iter()
            .map(|(_, element)| element.value.capacity() + size_of::<Element>())
            .sum();
        kept + value + self.stack.capacity() * size_of::<Container>()
    }

    /// Returns whether no item and no sequence is open.
    fn is_data_set(&self) -> bool {
        self.stack.is_empty()
    }

    fn is_implicit(&self) -> bool {
        self.top.encoding == Encoding::ImplicitLe
    }

    fn pending_tag(&self) -> Option<Tag> {
        self.tag_as(self.top.encoding)
    }
}
