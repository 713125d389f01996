//! The steps of the element machine: what a header means where it stands.

use super::{Container, Head, Kind, Machine};
use crate::base::limits::{
    ELEMENTS_MAX, KEPT_BYTES_MAX, KEPT_VALUE_BYTES_MAX, NESTING_MAX, OBJECT_BYTES_MAX,
};
use crate::base::oddity::Oddity;
use crate::dicom::header::{Element, Tag};
use crate::dicom::syntax::Encoding;
use crate::dicom::tags;
use crate::dicom::vr::{self, Expected};
use crate::dicom::walker::error::{Place, WalkError};
use crate::dicom::walker::{Keep, PixelData};

/// The length that means: until a delimiter.
const UNDEFINED: u32 = u32::MAX;
/// Bytes that a kept element costs besides its value: its place in the map.
const KEPT_OVERHEAD: usize = 64;

impl Head {
    fn place(&self) -> Place {
        Place { tag: Some(self.tag), offset: self.start }
    }
}

impl Machine {
    /// Returns how many bytes the header has whose beginning is in `pending`.
    pub(super) fn header_bytes(&self) -> usize {
        let is_long = self.pending_tag().is_some_and(|tag| self.is_explicit(tag))
            && self.letters().is_some_and(vr::has_long_length);
        if is_long { 12 } else { 8 }
    }

    /// Returns the tag at the start of `pending`.
    pub(super) fn tag_as(&self, encoding: Encoding) -> Option<Tag> {
        let [a, b, c, d] = *self.pending.first_chunk::<4>()?;
        let in_order = if encoding.is_big() { [a, b, c, d] } else { [b, a, d, c] };
        Some(Tag(u32::from_be_bytes(in_order)))
    }

    /// Takes the header that is complete in `pending`.
    pub(super) fn take_header(&mut self) -> Result<(), WalkError> {
        let head = self.parse();
        let size = u64::try_from(self.pending.len()).unwrap_or(0);
        self.check_letters(&head)?;
        self.pending.clear();
        self.current = Some(head.tag);
        self.fits(&head, size)?;
        self.offset += size;
        match self.top.kind {
            Kind::Elements => self.begin_in_elements(head),
            Kind::Sequence => self.begin_in_sequence(head),
            Kind::Fragments => self.begin_in_fragments(head),
        }?;
        if self.remaining == 0 {
            return self.end_value();
        }
        Ok(())
    }

    /// Takes bytes of a value, at most what remains of it.
    pub(super) fn take_value(&mut self, bytes: &[u8]) -> Result<(), WalkError> {
        if let Some(kept) = &mut self.kept {
            kept.value.extend_from_slice(bytes);
        }
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(count);
        self.remaining = self.remaining.saturating_sub(count);
        if self.remaining == 0 {
            return self.end_value();
        }
        Ok(())
    }

    fn end_value(&mut self) -> Result<(), WalkError> {
        if let (Some(mut kept), Some(tag)) = (self.kept.take(), self.current) {
            if self.top.encoding.is_big() {
                vr::swap_words(kept.vr, &mut kept.value);
            }
            self.kept_bytes += kept.value.len() + KEPT_OVERHEAD;
            self.header.keep(tag, kept);
        }
        self.current = None;
        self.close_ended()
    }

    fn letters(&self) -> Option<[u8; 2]> {
        self.pending.get(4..)?.first_chunk::<2>().copied()
    }

    /// Returns whether an element of this tag has letters here; items and delimiters have none.
    fn is_explicit(&self, tag: Tag) -> bool {
        let is_element = self.top.kind == Kind::Elements && tag.group() != 0xfffe;
        is_element && self.top.encoding != Encoding::ImplicitLe
    }

    fn parse(&self) -> Head {
        let tag = self.tag_as(self.top.encoding).unwrap_or(Tag(0));
        let rest = self.pending.get(4..).unwrap_or_default();
        let (vr, length) = if self.is_explicit(tag) {
            let short = rest.get(2..).and_then(|rest| rest.first_chunk::<2>());
            let short = short.map(|[a, b]| [*a, *b, 0, 0]);
            let long = rest.get(4..).and_then(|rest| rest.first_chunk::<4>());
            (self.letters(), long.copied().or(short))
        } else {
            let vr = Expected::of(tag).implicit();
            (Some(vr), rest.first_chunk::<4>().copied())
        };
        let length = length.unwrap_or_default();
        let is_short = self.pending.len() < 12 && self.is_explicit(tag);
        Head {
            tag,
            vr: vr.unwrap_or_default(),
            length: match (self.top.encoding.is_big(), is_short) {
                (true, true) => u32::from_be_bytes(length) >> 16,
                (true, false) => u32::from_be_bytes(length),
                (false, _) => u32::from_le_bytes(length),
            },
            start: self.offset,
        }
    }

    /// Refuses what cannot be an element, and a first element of another syntax (E19).
    fn check_letters(&self, head: &Head) -> Result<(), WalkError> {
        if self.elements == 0 && self.is_of_another_syntax() {
            return Err(WalkError::WrongEncoding(head.place()));
        }
        if self.top.kind != Kind::Elements || head.tag.group() == 0xfffe {
            return Ok(());
        }
        let is_vr = head.vr == *b"??" || head.vr.iter().all(u8::is_ascii_uppercase);
        let is_group = !matches!(head.tag.group(), 0 | 0xffff);
        match (is_vr && is_group, self.is_data_set(), self.elements) {
            (true, _, _) => Ok(()),
            (false, true, 0) if is_group => Err(WalkError::WrongEncoding(head.place())),
            (false, true, _) => Err(WalkError::TrailingGarbage(head.place())),
            (false, false, _) => Err(WalkError::NotAnElement(head.place())),
        }
    }

    /// Returns whether the first bytes are a well-known element, letters included, of a syntax
    /// that is not ours. In ours they would be a value of 16 KiB and more under that very tag.
    fn is_of_another_syntax(&self) -> bool {
        let spells = |encoding| match (self.tag_as(encoding), self.letters()) {
            (Some(tag), Some(letters)) => Expected::of(tag) == Expected::One(letters),
            _ => false,
        };
        match self.top.encoding {
            Encoding::ImplicitLe => spells(Encoding::ExplicitLe) || spells(Encoding::ExplicitBe),
            Encoding::ExplicitBe => !spells(Encoding::ExplicitBe) && spells(Encoding::ExplicitLe),
            Encoding::ExplicitLe | Encoding::DeflatedLe => {
                !spells(Encoding::ExplicitLe) && spells(Encoding::ExplicitBe)
            }
        }
    }

    /// Checks that `bytes` more fit into what is open.
    fn fits(&self, head: &Head, bytes: u64) -> Result<(), WalkError> {
        match self.offset.checked_add(bytes) {
            Some(end) if end <= self.top.limit => Ok(()),
            _ if self.top.limit < OBJECT_BYTES_MAX => {
                Err(WalkError::LengthBeyondContainer(head.place()))
            }
            _ => Err(WalkError::TooLarge(head.place())),
        }
    }

    fn begin_in_elements(&mut self, head: Head) -> Result<(), WalkError> {
        let is_open_item = !self.is_data_set() && self.top.end.is_none();
        if head.tag == tags::ITEM_DELIMITER && is_open_item {
            self.check_delimiter(&head)?;
            self.close();
            return Ok(());
        }
        if head.tag.group() == 0xfffe {
            return Err(WalkError::BadDelimiter(head.place()));
        }
        self.count(&head)?;
        self.note_order(head.tag);
        self.begin_element(head)
    }

    fn begin_element(&mut self, head: Head) -> Result<(), WalkError> {
        if !self.is_implicit() {
            self.note_vr(&head);
        }
        if head.length == UNDEFINED {
            return self.begin_undefined(head);
        }
        self.fits(&head, u64::from(head.length))?;
        self.note_length(&head);
        if head.vr == *b"SQ" && self.is_implicit() && matches!(head.length, 1..8) {
            // Only the dictionary said that this is a sequence: there is no room for an item.
            self.oddities.insert(Oddity::NoSequence);
        } else if head.vr == *b"SQ" {
            let end = self.offset.saturating_add(u64::from(head.length));
            return self.open(Kind::Sequence, self.top.encoding, &head, Some(end));
        }
        if head.tag == tags::PIXEL_DATA && self.is_data_set() {
            self.note_native(head.length);
        }
        self.remaining = u64::from(head.length);
        self.choose(&head);
        Ok(())
    }

    fn begin_undefined(&mut self, head: Head) -> Result<(), WalkError> {
        if head.tag == tags::PIXEL_DATA && head.vr != *b"SQ" {
            if self.syntax.native_pixels {
                self.oddities.insert(Oddity::FragmentsInNative);
            }
            if self.is_data_set() && self.pixel_data.is_none() {
                self.pixel_data =
                    Some(PixelData::Fragments { offset: self.offset, length: 0, count: 0 });
            }
            return self.open(Kind::Fragments, self.top.encoding, &head, None);
        }
        // UN of undefined length holds a sequence of implicit VR (PS3.5 6.2.2), and so does
        // everything of undefined length where no VR is written.
        match &head.vr {
            b"SQ" => self.open(Kind::Sequence, self.top.encoding, &head, None),
            b"UN" => self.open(Kind::Sequence, Encoding::ImplicitLe, &head, None),
            _ if self.is_implicit() => self.open(Kind::Sequence, Encoding::ImplicitLe, &head, None),
            _ => Err(WalkError::UndefinedLength(head.place())),
        }
    }

    fn begin_in_sequence(&mut self, head: Head) -> Result<(), WalkError> {
        match head.tag {
            tags::ITEM => {
                self.count(&head)?;
                self.top.last = Some(head.tag);
                let end = if head.length == UNDEFINED {
                    None
                } else {
                    self.fits(&head, u64::from(head.length))?;
                    self.note_length(&head);
                    Some(self.offset.saturating_add(u64::from(head.length)))
                };
                self.open(Kind::Elements, self.top.encoding, &head, end)
            }
            tags::SEQUENCE_DELIMITER if self.top.end.is_none() => {
                self.check_delimiter(&head)?;
                self.close();
                Ok(())
            }
            _ => match self.top.end {
                // Only the dictionary said that this is a sequence: its value is something else.
                Some(end) if self.is_implicit() && self.top.last.is_none() => {
                    self.oddities.insert(Oddity::NoSequence);
                    self.current = Some(self.top.tag);
                    self.close();
                    self.remaining = end.saturating_sub(self.offset);
                    Ok(())
                }
                _ => Err(WalkError::BadDelimiter(head.place())),
            },
        }
    }

    fn begin_in_fragments(&mut self, head: Head) -> Result<(), WalkError> {
        match head.tag {
            tags::ITEM if head.length == UNDEFINED => Err(WalkError::UndefinedLength(head.place())),
            tags::ITEM => {
                self.count(&head)?;
                self.fits(&head, u64::from(head.length))?;
                self.note_length(&head);
                self.note_fragment(1);
                self.remaining = u64::from(head.length);
                Ok(())
            }
            tags::SEQUENCE_DELIMITER => {
                self.check_delimiter(&head)?;
                self.note_fragment(0);
                self.close();
                Ok(())
            }
            _ => Err(WalkError::BadDelimiter(head.place())),
        }
    }

    fn open(
        &mut self,
        kind: Kind,
        encoding: Encoding,
        head: &Head,
        end: Option<u64>,
    ) -> Result<(), WalkError> {
        // Items and sequences alternate on the stack.
        if kind != Kind::Elements && NESTING_MAX * 2 <= self.stack.len() {
            return Err(WalkError::TooDeep(head.place()));
        }
        let inner = Container {
            kind,
            tag: head.tag,
            encoding,
            start: self.offset,
            end,
            limit: end.unwrap_or(self.top.limit),
            last: None,
        };
        self.stack.push(std::mem::replace(&mut self.top, inner));
        Ok(())
    }

    fn close(&mut self) {
        if let Some(outer) = self.stack.pop() {
            self.top = outer;
        }
    }

    /// Leaves every container whose defined length ends here.
    fn close_ended(&mut self) -> Result<(), WalkError> {
        while !self.is_data_set() {
            if self.top.end == Some(self.offset) {
                self.close();
            } else if self.top.limit <= self.offset {
                return Err(WalkError::MissingDelimiter(self.place()));
            } else {
                break;
            }
        }
        Ok(())
    }

    fn check_delimiter(&mut self, head: &Head) -> Result<(), WalkError> {
        match head.length {
            0 => Ok(()),
            UNDEFINED => {
                self.oddities.insert(Oddity::DelimiterLength);
                Ok(())
            }
            _ => Err(WalkError::BadDelimiter(head.place())),
        }
    }

    fn count(&mut self, head: &Head) -> Result<(), WalkError> {
        self.elements += 1;
        if ELEMENTS_MAX < self.elements {
            return Err(WalkError::TooManyElements(head.place()));
        }
        Ok(())
    }

    fn note_order(&mut self, tag: Tag) {
        match self.top.last.map(|last| tag.cmp(&last)) {
            Some(std::cmp::Ordering::Less) => self.oddities.insert(Oddity::OutOfOrder),
            Some(std::cmp::Ordering::Equal) => self.oddities.insert(Oddity::Repeated),
            _ => false,
        };
        self.top.last = Some(tag);
        if tag.element() == 0 {
            self.oddities.insert(Oddity::GroupLength);
        }
        if tag.group() == 2 {
            self.oddities.insert(Oddity::MetaGroup);
        }
    }

    fn note_vr(&mut self, head: &Head) {
        if !vr::is_known(head.vr) {
            self.oddities.insert(Oddity::UnknownVr);
        } else if !Expected::of(head.tag).allows(head.vr) {
            self.oddities.insert(Oddity::WrongVr);
        }
    }

    fn note_length(&mut self, head: &Head) {
        if head.length & 1 != 0 {
            self.oddities.insert(Oddity::OddLength);
        }
        if u64::from(head.length) % vr::unit_bytes(head.vr) != 0 {
            self.oddities.insert(Oddity::RaggedValue);
        }
    }

    fn note_native(&mut self, length: u32) {
        if !self.syntax.native_pixels && 0 < length {
            self.oddities.insert(Oddity::NativeInEncapsulated);
        }
        let found = PixelData::Native { offset: self.offset, length: u64::from(length) };
        self.pixel_data.get_or_insert(found);
    }

    /// Counts `more` fragments of the pixel data that is being walked, if it is the one we report.
    fn note_fragment(&mut self, more: u64) {
        let start = self.top.start;
        let grown = self.offset.saturating_sub(start);
        match &mut self.pixel_data {
            Some(PixelData::Fragments { offset, length, count }) if *offset == start => {
                *count += more;
                *length = grown;
            }
            _ => {}
        }
    }

    /// Decides whether the value that begins is kept.
    fn choose(&mut self, head: &Head) {
        let is_routing = tags::ROUTING.binary_search(&head.tag).is_ok();
        let is_wanted = match self.keep {
            Keep::Routing => is_routing,
            Keep::TopLevel => {
                let is_pixels = head.tag.group() == 0x7fe0;
                !is_pixels && head.tag.group() != 2 && head.tag.element() != 0
            }
        };
        if !is_wanted || !self.is_data_set() {
            return;
        }
        if self.header.get(head.tag).is_some() {
            self.oddities.insert(Oddity::Repeated);
            return;
        }
        // The values that routing wants may come late: others may not fill the room.
        let room = if is_routing { KEPT_BYTES_MAX } else { KEPT_BYTES_MAX / 2 };
        let length = usize::try_from(head.length).unwrap_or(usize::MAX);
        let total = self.kept_bytes.saturating_add(length).saturating_add(KEPT_OVERHEAD);
        if length <= KEPT_VALUE_BYTES_MAX && total <= room {
            self.kept = Some(Element { vr: head.vr, value: Vec::new() });
        } else if is_routing {
            self.oddities.insert(Oddity::NotKept);
        }
    }
}
