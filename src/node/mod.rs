//! The running box: its loops, the order of start and stop, and what it says about itself.
//!
//! | loop | waits for | does |
//! |---|---|---|
//! | listen | connections | hands objects to `receive` |
//! | book | the book bell | records into the ledger, then rings for posting |
//! | analyse | the book bell, its deadline | finds studies whole, decides who reads them |
//! | read | a bell, a minute | has jobs read by the worker, seals the documents |
//! | prepare | the low bell, a minute | erases what may go, makes slabs ready, sets the door |
//! | post, one a destination | its bell, its deadline, bytes | posts what is owed |
//! | control | lines on the socket | answers from the ledger |
//! | page | requests on loopback | answers from the ledger |
//! | audit | a few seconds | writes what the others noted |
//! | lamp | a second | shows the snapshot on the console |
//!
//! Stop: no new associations, the object under way is finished, couriers let go, what was sealed
//! is booked.

pub mod analyse;
pub mod audit;
pub mod bell;
pub mod control;
pub mod deliver;
pub mod open;
pub mod packages;
pub mod post;
pub mod read;
pub mod reading;
pub mod receive;
pub mod results;
pub mod run;
pub mod seal;
pub mod settings;
pub mod shelf;
pub mod status;
pub mod supervise;
pub mod tidy;
#[cfg(test)]
mod tests;
mod timeline;
pub mod worker;
