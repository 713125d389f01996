//! The protocol and the data set: PDUs, associations, commands, elements. No sockets, no files.

pub mod acceptor;
pub mod association;
pub mod context;
pub mod dimse;
pub mod header;
pub mod pdu;
#[cfg(test)]
mod peer;
pub mod requestor;
pub mod status;
pub mod syntax;
