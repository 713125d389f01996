//! Numbers that name things, each a type of its own so that none stands in for another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A record of the vault: which start of the process drew it, and the how-manieth it was.
///
/// Drawn once and never again, in every life of this vault. A copy of a record keeps its number.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct RecordNumber {
    /// The start counter of the process that drew it.
    pub start: u32,
    /// Counts up from 0 within one start.
    pub sequence: u32,
}

impl RecordNumber {
    /// Returns the number as one integer that sorts the same way; the ledger keeps it so.
    pub fn to_u64(self) -> u64 {
        (u64::from(self.start) << 32) | u64::from(self.sequence)
    }

    /// Returns the number that [`RecordNumber::to_u64`] made `value` of.
    #[expect(clippy::cast_possible_truncation, reason = "the halves are taken on purpose")]
    pub fn from_u64(value: u64) -> Self {
        Self { start: (value >> 32) as u32, sequence: value as u32 }
    }
}

impl fmt::Display for RecordNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.start, self.sequence)
    }
}

/// The place of a record in the order of arrival: drawn when it is sealed, rising for ever.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Arrival(pub u64);

macro_rules! row {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row!(
    /// A study in the ledger. Row numbers do not survive the loss of the ledger.
    StudyRow
);
row!(
    /// A series of a study in the ledger.
    SeriesRow
);
row!(
    /// A kept instance in the ledger, ours or a scanner's.
    ObjectRow
);
row!(
    /// One instance owed to one destination.
    DeliveryRow
);
row!(
    /// A decision to read a series with a model, or to say why not.
    JobRow
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_numbers_sort_as_integers_do() {
        let early = RecordNumber { start: 1, sequence: u32::MAX };
        let late = RecordNumber { start: 2, sequence: 0 };
        assert!(early < late && early.to_u64() < late.to_u64());
        assert_eq!(RecordNumber::from_u64(early.to_u64()), early);
    }
}
