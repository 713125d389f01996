//! Keys that cannot be printed and leave no copy behind.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret value. `Debug` prints ‹secret›; the bytes are overwritten when it goes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value; `why` says what for, for the reviewer.
    pub fn reveal(&self, why: &'static str) -> &T {
        debug_assert!(!why.is_empty());
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹secret›")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_secret() {
        assert_eq!(format!("{:?}", Secret::new([7_u8; 32])), "‹secret›");
    }
}
