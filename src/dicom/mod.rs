//! The protocol and the data set: PDUs, associations, commands, elements. No sockets, no files.

pub mod element;
pub mod facts;
pub mod header;
pub mod part10;
pub mod syntax;
pub mod tags;
pub mod text;
pub mod vr;
pub mod walker;
