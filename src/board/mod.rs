//! The machine under the box: its clocks, its randomness, its lamps.

pub mod clock;
pub mod entropy;
