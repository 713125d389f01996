//! Reading: from a volume and a model package to marks, masks and heatmaps. Worker only.

pub mod engine;
pub mod finding;
pub mod golden;
pub mod preprocess;
pub mod tract;
