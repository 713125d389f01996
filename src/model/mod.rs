//! What a model package says of itself, checked: manifest, parts, contract with its graph, claims.

pub mod card;
pub mod contract;
pub mod manifest;
pub mod package;
mod rules;
pub mod select;
