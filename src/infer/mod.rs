//! Reading: from a volume and a model package to marks, masks and heatmaps. Worker only.

pub mod finding;
