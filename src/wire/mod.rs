//! Sockets: listening, dialling, and the drivers that move bytes between them and the machines.

pub mod link;
pub mod listen;
pub mod scp;
