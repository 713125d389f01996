//! The instances of a job on their way from the vault to the reader; what the documents repeat of
//! them is taken in passing.

use std::sync::{Arc, Mutex, PoisonError};

use crate::base::uid::Uid;
use crate::dicom::header::SliceFacts;
use crate::dicom::syntax::TransferSyntax;
use crate::dicom::walker::{Keep, Walker};
use crate::node::deliver::Stores;
use crate::node::worker::{Slices, SlicesError};
use crate::report::Source;
use crate::store::ledger::KeptObject;
use crate::store::vault::{RecordReader, VaultError};

/// Why an instance that is kept cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The vault cannot give its bytes.
    #[error("the vault cannot give an instance")]
    Vault(#[from] VaultError),
    /// Its data set does not walk, though it did when it was received.
    #[error("an instance does not walk")]
    Walk,
}

/// The instances of a job, read one after the other.
pub(super) struct Kept {
    stores: Stores,
    objects: Vec<KeptObject>,
    facts: Vec<SliceFacts>,
    next: usize,
    open: Option<(RecordReader, Walker, Uid)>,
    sources: Sources,
}

/// What the documents repeat of the instances that were read to their end, in the job's order.
#[derive(Clone, Default)]
pub(super) struct Sources(Arc<Mutex<Vec<Source>>>);

impl Sources {
    /// Takes them.
    pub(super) fn take(&self) -> Vec<Source> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    /// Will read `objects` in their order.
    pub(super) fn new(stores: Stores, objects: Vec<KeptObject>) -> Self {
        let facts = objects.iter().map(|object| object.facts.clone()).collect();
        Self { stores, objects, facts, next: 0, open: None, sources: Sources::default() }
    }

    /// Where the sources will be.
    pub(super) fn sources(&self) -> Sources {
        self.sources.clone()
    }

    /// Reads to the end, for documents that say why nothing was read.
    ///
    /// # Errors
    ///
    /// [`KeptError`].
    pub(super) fn drain(&mut self) -> Result<(), KeptError> {
        let mut chunk = Vec::new();
        while self.open_next()?.is_some() {
            while self.next_chunk(&mut chunk)? {
                chunk.clear();
            }
        }
        Ok(())
    }

    fn open_next(&mut self) -> Result<Option<Uid>, KeptError> {
        let Some(object) = self.objects.get(self.next) else { return Ok(None) };
        self.next = self.next.saturating_add(1);
        let reader = self.stores.vault.read(object.location, object.number)?;
        let syntax = TransferSyntax::lookup(&object.transfer_syntax).ok_or(KeptError::Walk)?;
        let walker = Walker::new(syntax, Keep::TopLevel);
        let name = object.transfer_syntax.clone();
        self.open = Some((reader, walker, name.clone()));
        Ok(Some(name))
    }

    /// Appends the next piece of the open instance; false behind its last.
    fn next_chunk(&mut self, chunk: &mut Vec<u8>) -> Result<bool, KeptError> {
        let Some((reader, walker, _)) = &mut self.open else { return Ok(false) };
        let mut piece = Vec::new();
        if reader.next_chunk(&mut piece)? {
            walker.feed(&piece).map_err(|_walked_before| KeptError::Walk)?;
            chunk.append(&mut piece);
            return Ok(true);
        }
        if let Some((_, walker, transfer_syntax)) = self.open.take() {
            let walk = walker.finish().map_err(|_walked_before| KeptError::Walk)?;
            let source = Source { header: walk.header, transfer_syntax };
            self.sources.0.lock().unwrap_or_else(PoisonError::into_inner).push(source);
        }
        Ok(false)
    }
}

impl Slices for Kept {
    fn facts(&self) -> &[SliceFacts] {
        &self.facts
    }

    fn begin(&mut self) -> Result<Option<Uid>, SlicesError> {
        self.open_next().map_err(|error| SlicesError::Source(Box::new(error)))
    }

    fn chunk(&mut self, chunk: &mut Vec<u8>) -> Result<bool, SlicesError> {
        self.next_chunk(chunk).map_err(|error| SlicesError::Source(Box::new(error)))
    }
}
