//! Scanpost: keeps every study, reads it on the spot, and posts both when the line allows.
//!
//! The order below is the reading order and the layer order: a module may use what stands above
//! it, never what stands below. `tests/architecture.rs` holds it.

pub mod base;
pub mod config;
pub mod dicom;
pub mod image;
pub mod model;
pub mod infer;
pub mod report;
pub mod flow;
pub mod panel;
pub mod store;
pub mod wire;
pub mod board;
pub mod web;
pub mod node;
pub mod cli;
