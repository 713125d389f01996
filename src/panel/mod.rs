//! What the front panel shows. It reads a snapshot and asks nothing of anyone.
//!
//! Lamps and page speak from the one [`snapshot::Snapshot`], so that they cannot disagree. No
//! allocation: the panel must work when nothing else does.

pub mod lamp;
pub mod pattern;
pub mod snapshot;
