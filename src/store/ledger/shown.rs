//! Documents of ours as page and command line show them.

use rusqlite::Row;

use super::{LedgerError, View, column, during};
use crate::base::ids::RecordNumber;
use crate::store::record::Location;

/// A sealed document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDocument {
    /// Its record.
    pub number: RecordNumber,
    /// Where the record stands.
    pub location: Location,
    /// `sr`, `seg`, `capture` or `json`.
    pub kind: String,
    /// Place within its set.
    pub ordinal: u32,
    /// Bytes of the document.
    pub length: u64,
}

impl View<'_> {
    /// Lists the documents of the job whose record is `job`, by their place, each once; none
    /// before the set is whole.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn documents(self, job: RecordNumber) -> Result<Vec<KeptDocument>, LedgerError> {
        let read = |row: &Row<'_>| {
            let document = KeptDocument {
                number: column::read_number(row, 0)?,
                location: column::read_location(row, 1)?,
                kind: row.get(4)?,
                ordinal: row.get(5)?,
                length: column::read_u64(row, 6)?,
            };
            Ok((document, row.get::<_, u32>(7)?))
        };
        let found: Vec<(KeptDocument, u32)> = self
            .tables
            .prepare_cached(
                "SELECT t.number, r.slab, r.generation, r.offset, t.document, t.ordinal,
                     t.length, t.set_size
                 FROM results t JOIN records r ON r.number = t.number
                 WHERE t.job = ?1 AND t.sealed IS NOT NULL
                 ORDER BY t.ordinal, t.arrival, t.number",
            )
            .and_then(|mut query| query.query_map([column::number(job)], read)?.collect())
            .map_err(during("list documents"))?;
        let size = found.iter().map(|(_, size)| *size).max();
        let mut documents: Vec<KeptDocument> = found.into_iter().map(|(each, _)| each).collect();
        documents.dedup_by_key(|document| document.ordinal);
        let is_whole = size.is_some_and(|size| usize::try_from(size) == Ok(documents.len()));
        Ok(if is_whole { documents } else { Vec::new() })
    }
}
