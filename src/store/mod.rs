//! What must survive: the vault of sealed records, the keys, the audit file and the ledger.

pub mod audit;
pub mod disk;
pub mod folder;
pub mod keys;
pub mod ledger;
mod page;
pub mod record;
pub mod space;
pub mod vault;
