//! The root key: drawn once, wrapped by the provider, kept in two copies.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::rng::Rng;
use crate::base::secret::Secret;
use crate::store::disk::Disk;
use crate::store::keys::copies::{read_copies, write_copies};
use crate::store::keys::seal::{Key, NONCE_BYTES, derive, draw_key, draw_nonce};
use crate::store::keys::{KeyError, KeyProvider, ProviderError};
use crate::store::page::{Pack, Unpack};

const MAGIC: [u8; 8] = *b"SPROOT\0\0";
/// The files of its copies.
pub(crate) const ROOT_NAMES: [&str; 2] = ["root.a", "root.b"];
const PROVIDER_BYTES_MAX: usize = 64;
const WRAPPED_BYTES_MAX: usize = 256;

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

identity!(
    /// Which vault this is: drawn when it is made, and part of every seal in it.
    VaultIdentity
);
identity!(
    /// Which box this vault was made on: part of the UIDs of its results.
    BoxId
);

/// The root key and what stands beside it.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) identity: VaultIdentity,
    pub(crate) box_id: BoxId,
    pub(crate) generation: u32,
    key: Key,
}

/// The keys that are derived of the root, one a purpose.
#[derive(Debug)]
pub(crate) struct Secrets {
    /// Wraps the keys of the keyring.
    pub(crate) ring: Key,
    /// Keys the look-up hashes.
    pub(crate) lookup: Key,
    /// Seeds the key that signs the audit file.
    pub(crate) audit: Key,
}

impl Root {
    /// Derives the keys for each purpose.
    pub(crate) fn secrets(&self) -> Secrets {
        Secrets {
            ring: derive("scanpost vault 1: wraps study keys", &self.key),
            lookup: derive("scanpost vault 1: look-up hashes", &self.key),
            audit: derive("scanpost vault 1: audit signature", &self.key),
        }
    }
}

impl Secrets {
    /// Hashes what must be found again but not read: equal texts have equal hashes in this vault.
    pub(crate) fn keyed_hash(&self, bytes: &[u8]) -> Digest {
        let key = self.lookup.reveal("to hash for a look-up");
        Digest(*blake3::keyed_hash(key, bytes).as_bytes())
    }
}

/// One readable copy, still wrapped.
struct Copy {
    identity: VaultIdentity,
    box_id: BoxId,
    generation: u32,
    provider: String,
    nonce: [u8; NONCE_BYTES],
    wrapped: Vec<u8>,
}

impl Copy {
    fn parse(fields: &[u8]) -> Option<Self> {
        let mut fields = Unpack(fields);
        let (identity, box_id) = (VaultIdentity(fields.array()?), BoxId(fields.array()?));
        let generation = fields.u32()?;
        let length = usize::from(fields.u8()?);
        let provider = String::from_utf8(fields.bytes(length)?.to_vec()).ok()?;
        let nonce = fields.array()?;
        let length = usize::try_from(fields.u32()?).ok()?;
        Some(Self {
            identity,
            box_id,
            generation,
            provider,
            nonce,
            wrapped: fields.bytes(length)?.to_vec(),
        })
    }

    fn fields(&self) -> Vec<u8> {
        Pack::default()
            .bytes(&self.context())
            .bytes(&self.nonce)
            .u32(u32::try_from(self.wrapped.len()).unwrap_or(0))
            .bytes(&self.wrapped)
            .done()
    }

    /// What the wrap is bound to: all that stands before it.
    fn context(&self) -> Vec<u8> {
        Pack::default()
            .bytes(&self.identity.0)
            .bytes(&self.box_id.0)
            .u32(self.generation)
            .u8(u8::try_from(self.provider.len()).unwrap_or(0))
            .bytes(self.provider.as_bytes())
            .done()
    }

    fn open(&self, provider: &dyn KeyProvider) -> Result<Root, ProviderError> {
        let key = provider.unwrap(self.nonce, &self.context(), &self.wrapped)?;
        Ok(Root { identity: self.identity, box_id: self.box_id, generation: self.generation, key })
    }
}

fn copies(disk: &dyn Disk) -> Result<[Option<Copy>; 2], KeyError> {
    let [a, b] = read_copies(disk, ROOT_NAMES, MAGIC)?;
    let parse = |fields: Option<Vec<u8>>| fields.and_then(|fields| Copy::parse(&fields));
    Ok([parse(a), parse(b)])
}

/// Draws a new root key; nothing is written.
pub(crate) fn new_root(rng: &mut dyn Rng) -> Root {
    let (mut identity, mut box_id) = ([0; 16], [0; 16]);
    rng.fill(&mut identity);
    rng.fill(&mut box_id);
    Root {
        identity: VaultIdentity(identity),
        box_id: BoxId(box_id),
        generation: 1,
        key: draw_key(rng),
    }
}

/// Wraps the root key by `provider` and writes both copies.
pub(crate) fn write_root(
    disk: &dyn Disk,
    root: &Root,
    provider: &dyn KeyProvider,
    rng: &mut dyn Rng,
) -> Result<(), KeyError> {
    let mut copy = Copy {
        identity: root.identity,
        box_id: root.box_id,
        generation: root.generation,
        provider: provider.id(),
        nonce: draw_nonce(rng),
        wrapped: Vec::new(),
    };
    copy.wrapped = provider.wrap(copy.nonce, &copy.context(), &root.key)?;
    if PROVIDER_BYTES_MAX < copy.provider.len() || WRAPPED_BYTES_MAX < copy.wrapped.len() {
        return Err(KeyError::Unmakeable);
    }
    write_copies(disk, ROOT_NAMES, MAGIC, &copy.fields())
}

/// Reads the root key by the newest copy that `provider` opens; `None` when no copy can be read.
///
/// Copies that differ are made equal: a power cut came between them. When it cut a rotation, the
/// provider that is asked for now is the one that counts.
pub(crate) fn load_root(
    disk: &dyn Disk,
    provider: &dyn KeyProvider,
    rng: &mut dyn Rng,
) -> Result<Option<Root>, KeyError> {
    let found = copies(disk)?;
    let equal = match &found {
        [Some(a), Some(b)] => a.fields() == b.fields(),
        _ => false,
    };
    let mut readable: Vec<Copy> = found.into_iter().flatten().collect();
    readable.sort_by_key(|copy| std::cmp::Reverse(copy.generation));
    let mut failure = None;
    let newest = readable.first().map_or(0, |copy| copy.generation);
    for copy in &readable {
        match copy.open(provider) {
            Ok(mut root) => {
                if !equal {
                    root.generation = newest.max(root.generation).saturating_add(1);
                    write_root(disk, &root, provider, rng)?;
                }
                return Ok(Some(root));
            }
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(None), |error| Err(KeyError::Provider(error)))
}

/// Wraps the root key by another provider. `Ok` means: both copies were read back from the disk
/// and open with the new key, so that the old one may go.
pub(crate) fn rotate_root(
    disk: &dyn Disk,
    old: &dyn KeyProvider,
    new: &dyn KeyProvider,
    rng: &mut dyn Rng,
) -> Result<(), KeyError> {
    let Some(mut root) = load_root(disk, old, rng)? else {
        return Err(KeyError::Missing { what: "root key" });
    };
    root.generation = root.generation.saturating_add(1);
    write_root(disk, &root, new, rng)?;
    for copy in copies(disk)? {
        let copy = copy.ok_or(KeyError::Missing { what: "root key" })?;
        let again = copy.open(new)?;
        let (ours, theirs) = (root.key.reveal("compare"), again.key.reveal("compare"));
        if ours != theirs {
            return Err(KeyError::Provider(ProviderError::WrongKey));
        }
    }
    Ok(())
}

/// Makes a key of bytes; for providers.
pub(super) fn key_of(bytes: &[u8]) -> Option<Key> {
    bytes.first_chunk::<32>().copied().map(Secret::new)
}
