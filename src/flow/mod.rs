//! Decisions about studies: who may send, where it goes, when it is whole, who reads it, when it
//! leaves and when it may go.
//!
//! Everything here is pure and decides on facts that others found out: plain values, never
//! pixels, PDUs or rows. Machines take `now` and say when they want to be called again.

pub mod admit;
pub mod gather;
pub mod outbox;
pub mod plan;
pub mod reasons;
pub mod retain;
pub mod route;
pub mod shadow;
