//! The proof that something is safe.

use crate::base::ids::RecordNumber;

/// Holding one means: the record is sealed and its slab's `fdatasync` returned success (I2).
///
/// Not `Clone`: one synced record pays for one success. Only `store::vault` makes one, which
/// `tests/architecture.rs` holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    number: RecordNumber,
}

impl Receipt {
    /// Makes the receipt of `number`. Call it only behind a sync that succeeded.
    pub fn after_sync(number: RecordNumber) -> Self {
        Self { number }
    }

    /// Returns the record that is safe.
    pub fn number(&self) -> RecordNumber {
        self.number
    }
}
