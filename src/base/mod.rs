//! The vocabulary that every layer shares: no I/O, no clock, no policy.

pub mod aet;
pub mod digest;
pub mod fault;
pub mod ids;
pub mod limits;
pub mod oddity;
pub mod phi;
pub mod plant;
pub mod receipt;
pub mod rng;
pub mod secret;
pub mod time;
pub mod uid;
pub mod units;
pub mod urgency;

/// The one regulatory sentence; every result, page and picture says it in these words.
pub const REGULATORY: &str = "Investigational AI result. Not for diagnosis.";
