//! What can go wrong in the vault, and which fault it is.

use std::io;

use crate::base::fault::Fault;
use crate::base::ids::RecordNumber;
use crate::store::disk::is_full;
use crate::store::keys::KeyError;

/// Why the vault could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The disk failed.
    #[error("store could not be {doing}")]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Growing on would eat the reserve of ledger and audit.
    #[error("store is full: the reserve is reached")]
    Full,
    /// Every slab is leased or full: A700. [`super::Vault::prepare`] makes more.
    #[error("no slab is free")]
    NoSlab,
    /// The keys failed.
    #[error("keys failed")]
    Key(#[from] KeyError),
    /// A slab or record has a format that this release cannot read.
    #[error("store has format version {found}: start the release that wrote it")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A record does not check; nothing of the broken part was handed out.
    #[error("record {number} is damaged: {what}")]
    Damaged {
        /// The record.
        number: RecordNumber,
        /// What does not check.
        what: &'static str,
    },
    /// The place holds another record or none: the slab was recycled, or the record moved.
    #[error("record {number} is not where it was looked for")]
    Gone {
        /// The record.
        number: RecordNumber,
    },
    /// The record has a kind that this release does not know.
    #[error("record {number} has the unknown kind {kind}")]
    UnknownKind {
        /// The record.
        number: RecordNumber,
        /// Its kind.
        kind: u8,
    },
    /// The content says another kind, length or digest than what was written.
    #[error("content disagrees with what was written")]
    Disagrees,
    /// The content is too long for a trailer.
    #[error("content has {bytes} bytes, too many for a trailer")]
    ContentTooLong {
        /// Bytes of the encoded content.
        bytes: usize,
    },
    /// The slab changed since the caller decided, or is in use: decide again.
    #[error("slab {slab} has changed or is in use: decide again")]
    Changed {
        /// The slab.
        slab: u32,
    },
    /// The slab is damaged or holds records of an unknown kind: it is never recycled.
    #[error("slab {slab} is pinned")]
    Pinned {
        /// The slab.
        slab: u32,
    },
    /// [`super::Vault::recover`] has not been called.
    #[error("store has not been recovered yet")]
    Unready,
    /// A record failed before; only rolling back is left.
    #[error("record failed before")]
    Failed,
    /// A bound of the format was reached, such as the numbers of one start.
    #[error("store is out of numbers: restart the box")]
    OutOfNumbers,
}

impl VaultError {
    /// Returns the fault that people see.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Disk { source, .. } if is_full(source) => Fault::DiskFull,
            Self::Disk { .. } | Self::Failed => Fault::DiskError,
            Self::Full | Self::NoSlab => Fault::DiskFull,
            Self::Key(error) => error.fault(),
            Self::Version { .. } | Self::Damaged { .. } | Self::UnknownKind { .. } => {
                Fault::VaultDamaged
            }
            Self::Gone { .. } | Self::Changed { .. } | Self::Pinned { .. } => Fault::LedgerError,
            Self::Disagrees | Self::ContentTooLong { .. } => Fault::ObjectRefused,
            Self::Unready | Self::OutOfNumbers => Fault::LoopRestarted,
        }
    }

    /// Returns whether the study of the record was erased, which is no fault.
    pub fn is_erased(&self) -> bool {
        matches!(self, Self::Key(KeyError::Erased { .. }))
    }

    /// Returns whether the record will not be readable later either.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::Gone { .. }
            | Self::UnknownKind { .. }
            | Self::Version { .. }
            | Self::Key(_) => true,
            Self::Disk { .. }
            | Self::Full
            | Self::NoSlab
            | Self::Disagrees
            | Self::ContentTooLong { .. }
            | Self::Changed { .. }
            | Self::Pinned { .. }
            | Self::Unready
            | Self::Failed
            | Self::OutOfNumbers => false,
        }
    }

    pub(super) fn disk(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Disk { doing, source }
    }
}
