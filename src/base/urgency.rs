//! How urgent something is for reading and posting.

use serde::{Deserialize, Serialize};

/// How urgent an instance is for posting; `High` goes first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// C-STORE Priority HIGH, or the caller's rule.
    High,
    /// Everything else.
    #[default]
    Normal,
    /// C-STORE Priority LOW.
    Low,
}
