//! Who can open the store: a provider's key wraps the root key, the root key wraps one key a study.
//!
//! # Invariants
//! - Root key, start counter and keyring stand in two copies each; one is written and synced
//!   before the other is touched, so that a power cut leaves one whole.
//! - The root key never changes; a rotation wraps it anew. Look-ups survive it.
//! - A slot of the keyring is used once: free, live, erased, in this order only.

use std::io;

use crate::base::fault::Fault;
use crate::store::disk::is_full;
use crate::store::page::BadBlock;

mod copies;
mod file;
mod ring;
mod root;
mod seal;
mod slot;
mod start;
mod table;

pub use file::FileKey;
pub use ring::KeyName;
pub(crate) use ring::{Keyring, Ticket};
pub use root::{BoxId, VaultIdentity};
pub(crate) use root::{ROOT_NAMES, Root, Secrets, load_root, new_root, rotate_root, write_root};
pub use seal::Key;
pub(crate) use seal::{
    NONCE_BYTES, WRAPPED_BYTES, Wrapped, derive, draw_key, draw_nonce, open, seal, unwrap, wrap,
};
pub(crate) use slot::SlotState;
pub(crate) use start::{load_start, write_start};

/// Holds the one key that wraps the root key: a file, later OTP, a TPM, a server in the clinic.
pub trait KeyProvider: Send + Sync {
    /// Names provider and key in at most 64 bytes of ASCII, such as `file:3f2a90c1`.
    fn id(&self) -> String;

    /// Says in one sentence what the custody protects against; shown on the page.
    fn custody(&self) -> &'static str;

    /// Wraps the root key, bound to `context`. At most 256 bytes.
    ///
    /// # Errors
    ///
    /// The provider's.
    fn wrap(&self, nonce: [u8; 24], context: &[u8], root: &Key) -> Result<Vec<u8>, ProviderError>;

    /// Unwraps what [`KeyProvider::wrap`] made with the same key, nonce and context.
    ///
    /// # Errors
    ///
    /// [`ProviderError::WrongKey`] for anything else; the provider's.
    fn unwrap(&self, nonce: [u8; 24], context: &[u8], wrapped: &[u8])
    -> Result<Key, ProviderError>;
}

/// Why a provider has no key for us.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Its key is not the one that wrapped the root key.
    #[error("the provider's key does not open the root key")]
    WrongKey,
    /// The key file cannot be read.
    #[error("key file could not be {doing}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read the key file.
    #[error("key file has mode {mode:o}: give it to the owner alone (chmod 600)")]
    Loose {
        /// The mode found.
        mode: u32,
    },
    /// The key file does not hold a key.
    #[error("key file has {length} bytes, a key has 32")]
    Length {
        /// Bytes found.
        length: usize,
    },
}

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The disk failed.
    #[error("keys could not be {doing}")]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Slabs stand without a part of the keys: nothing is created, nothing is overwritten.
    #[error("the store is there but its {what} is missing or damaged: restore it from a backup")]
    Missing {
        /// The part.
        what: &'static str,
    },
    /// The provider could not help.
    #[error("root key could not be opened")]
    Provider(#[source] ProviderError),
    /// Written by another release.
    #[error("keys have format version {found}: start the release that wrote them")]
    Version {
        /// The version found.
        found: u32,
    },
    /// Both copies of a slot are damaged.
    #[error("key slot {slot} is damaged")]
    Damaged {
        /// The slot.
        slot: u32,
    },
    /// The study was erased.
    #[error("key slot {slot} was erased")]
    Erased {
        /// The slot.
        slot: u32,
    },
    /// No key was ever put there.
    #[error("key slot {slot} is free")]
    Free {
        /// The slot.
        slot: u32,
    },
    /// Something was sealed under the key since the caller decided.
    #[error("the study has changed: decide again")]
    Changed,
    /// The cipher refused, or no slot number is left.
    #[error("key could not be made")]
    Unmakeable,
}

impl KeyError {
    /// Returns the fault that people see.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Disk { source, .. } if is_full(source) => Fault::DiskFull,
            Self::Disk { .. } => Fault::DiskError,
            Self::Missing { .. } | Self::Provider(_) => Fault::KeyMissing,
            Self::Version { .. } | Self::Damaged { .. } | Self::Unmakeable => Fault::VaultDamaged,
            Self::Erased { .. } | Self::Free { .. } | Self::Changed => Fault::LedgerError,
        }
    }

    pub(crate) fn disk(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Disk { doing, source }
    }
}

impl From<ProviderError> for KeyError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

/// Tells damage, which another copy may mend, from a format that nobody here can read.
fn unless_version(bad: BadBlock) -> Result<(), KeyError> {
    match bad {
        BadBlock::Unreadable => Ok(()),
        BadBlock::Version(found) => Err(KeyError::Version { found }),
    }
}
