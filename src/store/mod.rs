//! What must survive: the vault of sealed records, the keys, the audit file and the ledger.

pub mod ledger;
pub mod record;
