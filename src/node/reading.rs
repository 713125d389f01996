//! How the reader is doing, as lamp and page see it.

use std::sync::{Arc, Mutex};

use crate::base::time::Instant;

/// What the reader does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Since when it reads; `None` while it is idle.
    pub busy: Option<Instant>,
    /// Slices done, of how many.
    pub slices: Option<(usize, usize)>,
}

/// Where the reader leaves its standing.
pub type SharedReading = Arc<Mutex<Standing>>;
