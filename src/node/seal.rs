//! The vault's keys as the ledger wants them: to seal columns, to find without reading.

use crate::base::digest::Digest;
use crate::store::ledger::ColumnSeal;
use crate::store::vault::{KeyName, Vault};

/// What the seal of a column is bound to beside its study.
const PLACE: &str = "ledger";

/// Returns whether the key of a sealed column was erased; a column that does not open for any
/// other reason was not.
pub(super) fn is_erased(vault: &Vault, sealed: &[u8]) -> bool {
    vault.open_column(PLACE, sealed).is_err_and(|error| error.is_erased())
}

/// Lends the vault's keys to the ledger.
pub struct Seal<'a>(pub &'a Vault);

impl ColumnSeal for Seal<'_> {
    /// A column whose study has no key any more is sealed to nothing: it opens as gone, as all
    /// others of that study do.
    fn seal(&self, study: &Digest, plain: &[u8]) -> Vec<u8> {
        self.0.seal_column(KeyName::Hashed(study), PLACE, plain).unwrap_or_else(|error| {
            tracing::error!(%error, "a column could not be sealed and is left empty");
            Vec::new()
        })
    }

    fn open(&self, _study: &Digest, sealed: &[u8]) -> Option<Vec<u8>> {
        self.0.open_column(PLACE, sealed).ok().flatten()
    }

    fn look_up(&self, bytes: &[u8]) -> Digest {
        self.0.keyed_hash(bytes)
    }
}
