//! Reading: from a volume and a model package to marks, masks and heatmaps. Worker only.

pub mod budget;
pub mod cells;
pub mod engine;
pub mod finding;
pub mod golden;
pub mod pictures;
pub mod postprocess;
pub mod preprocess;
pub mod reading;
pub mod tract;

/// Revision of what a reading comes to: it rises when the same volume and package give other bits.
pub const ENGINE_REVISION: u32 = 1;
