//! Patient data that cannot be printed by accident.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that identifies a patient. `Debug` prints ‹phi›; there is no `Display`.
///
/// It serializes as what it holds: only sealed records, sealed columns and the worker's pipe may
/// serialize one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value; `why` says where it goes, for the reviewer.
    pub fn reveal(&self, why: &'static str) -> &T {
        debug_assert!(!why.is_empty());
        &self.0
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹phi›")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_patient() {
        let name = Phi::new("DOE^JANE".to_owned());
        assert_eq!(format!("{name:?}"), "‹phi›");
        assert_eq!(name.reveal("test"), "DOE^JANE");
    }
}
