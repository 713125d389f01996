//! The protocol and the data set: PDUs, associations, commands, elements. No sockets, no files.

pub mod header;
pub mod syntax;
