//! Walks one data set as it streams in: strict about its structure, tolerant of its taste.
//!
//! The walker keeps the few values that routing and geometry need and skips the rest. It decides
//! one thing: whether the bytes can be walked to their end in the syntax that was agreed on.
//! What cannot is refused while the sender still has it; what can but is odd is kept and flagged.
//!
//! # Invariants
//!
//! - No recursion and no allocation by a declared length: nesting is a bounded stack, a kept
//!   value grows as its bytes come.
//! - The same bytes give the same answer however they are cut.
//! - The first error stays: every later call repeats it.

mod error;
mod inflate;
mod machine;
#[cfg(test)]
mod tests;

pub use error::{Place, WalkError};

use self::inflate::Inflater;
use self::machine::Machine;
use crate::base::limits::OBJECT_BYTES_MAX;
use crate::base::oddity::Oddity;
use crate::dicom::header::Header;
use crate::dicom::syntax::{Encoding, TransferSyntax};

/// Bytes at the start that tell a file from a data set: preamble, `DICM`, group 0002.
const HEAD_BYTES: usize = 134;

/// Which values of the top level a walk keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Only what `Identity` and `SliceFacts` are made of.
    Routing,
    /// Every element of the top level that is no sequence, no pixels and within the limits.
    TopLevel,
}

/// Where the pixels of a data set lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelData {
    /// Native values.
    Native {
        /// Bytes of the (inflated) data set before the value.
        offset: u64,
        /// Bytes of the value.
        length: u64,
    },
    /// Encapsulated fragments; the first one is the Basic Offset Table.
    Fragments {
        /// Bytes of the data set before the first item.
        offset: u64,
        /// Bytes from there to behind the sequence delimiter.
        length: u64,
        /// Items, the Basic Offset Table included.
        count: u64,
    },
}

/// What a walk to the end of a data set found.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// The kept elements.
    pub header: Header,
    /// What is odd, each kind once, in the order of [`Oddity`].
    pub oddities: Vec<Oddity>,
    /// The first Pixel Data (7FE0,0010) of the top level.
    pub pixel_data: Option<PixelData>,
    /// Bytes of the data set, once inflated.
    pub length: u64,
}

/// Takes a data set piece by piece.
pub struct Walker {
    head: Vec<u8>,
    received: u64,
    inflater: Option<Inflater>,
    machine: Machine,
    failed: Option<WalkError>,
}

impl Walker {
    /// Begins a data set of this syntax.
    pub fn new(syntax: TransferSyntax, keep: Keep) -> Self {
        Self {
            head: Vec::new(),
            received: 0,
            inflater: (syntax.encoding == Encoding::DeflatedLe).then(Inflater::new),
            machine: Machine::new(syntax, keep),
            failed: None,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// The reason why the bytes so far are no beginning of a data set.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), WalkError> {
        self.and_remember(|walker| walker.take(bytes))
    }

    /// Ends the data set.
    ///
    /// # Errors
    ///
    /// The reason why the bytes are no data set.
    pub fn finish(mut self) -> Result<Walk, WalkError> {
        self.and_remember(Self::end)?;
        Ok(self.machine.into_walk())
    }

    /// Returns the bytes of memory that the walk holds at this moment.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.head.capacity() + self.machine.held()
    }

    fn and_remember(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<(), WalkError>,
    ) -> Result<(), WalkError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        act(self).inspect_err(|error| self.failed = Some(*error))
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), WalkError> {
        let room = OBJECT_BYTES_MAX.saturating_sub(self.received);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let (allowed, beyond) = bytes.split_at(room.min(bytes.len()));
        self.take_allowed(allowed)?;
        if beyond.is_empty() {
            return Ok(());
        }
        Err(WalkError::TooLarge(self.machine.place()))
    }

    /// Nothing is parsed before the head is whole: a preamble is no element, and says so best.
    fn take_allowed(&mut self, mut bytes: &[u8]) -> Result<(), WalkError> {
        self.received += u64::try_from(bytes.len()).unwrap_or(0);
        let missing = HEAD_BYTES.saturating_sub(self.head.len());
        if 0 < missing {
            let (head, rest) = bytes.split_at(missing.min(bytes.len()));
            self.head.extend_from_slice(head);
            if self.head.len() < HEAD_BYTES {
                return Ok(());
            }
            self.pass_head()?;
            bytes = rest;
        }
        self.pass(bytes)
    }

    fn end(&mut self) -> Result<(), WalkError> {
        if self.received == 0 {
            return Err(WalkError::Empty);
        }
        if self.head.len() < HEAD_BYTES {
            self.pass_head()?;
        }
        if let Some(inflater) = &mut self.inflater {
            inflater.finish(&mut self.machine)?;
        }
        self.machine.end()
    }

    fn pass_head(&mut self) -> Result<(), WalkError> {
        let behind = self.head.get(128..).unwrap_or_default();
        let group = behind.strip_prefix(b"DICM");
        if group.is_some_and(|group| [2, 0].starts_with(group)) {
            return Err(WalkError::FileInsteadOfDataSet);
        }
        let head = std::mem::take(&mut self.head);
        let passed = self.pass(&head);
        self.head = head;
        passed
    }

    fn pass(&mut self, bytes: &[u8]) -> Result<(), WalkError> {
        match &mut self.inflater {
            Some(inflater) => inflater.feed(bytes, &mut self.machine),
            None => self.machine.feed(bytes),
        }
    }
}
