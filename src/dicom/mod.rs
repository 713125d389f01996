//! The protocol and the data set: PDUs, associations, commands, elements. No sockets, no files.

pub mod tags;
pub mod vr;
pub mod syntax;
pub mod element;
pub mod header;
pub mod text;
pub mod walker;
pub mod facts;
pub mod implementation;
pub mod part10;
pub mod status;
pub mod dimse;
pub mod pdu;
pub mod association;
pub mod context;
pub mod acceptor;
pub mod requestor;
#[cfg(test)]
mod peer;
