//! The vault: sealed, synced records in recycled slabs. A record is the promise.
//!
//! # Invariants
//! - I2: a [`Receipt`](crate::base::receipt::Receipt) exists only behind a sync that succeeded.
//! - A slab is leased to one record at a time, so that only its last can be torn.
//! - A record number is drawn once in all lives of the vault; a place in the order of arrival too.
//! - Erasing and recycling never overtake the ledger: the caller says up to where it knows, and
//!   is refused when more has been sealed since.
//!
//! The order at start: [`Vault::open`], then the ledger notes [`Opened::start`], then
//! [`Vault::recover`], then [`Vault::prepare`]. Methods may be called from many threads; those
//! that touch the disk block.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::digest::Digest;
use crate::base::fault::Fault;
use crate::base::ids::Arrival;
use crate::base::limits::{ASSOCIATIONS_MAX, RESERVE_BYTES, SLAB_BYTES};
use crate::base::rng::Rng;
use crate::store::disk::{Disk, DiskFile};
use crate::store::keys::{
    BoxId, Key, KeyError, KeyProvider, Keyring, NONCE_BYTES, ROOT_NAMES, Root, Secrets,
    VaultIdentity, draw_nonce, load_root, load_start, new_root, open, rotate_root, seal,
    write_root, write_start,
};
use crate::store::page::{Pack, Unpack};

mod error;
mod format;
mod reader;
mod recover;
mod recycle;
mod slab;
mod writer;

pub use crate::store::keys::KeyName;
pub use error::VaultError;
pub use format::{KINDS_KNOWN, Kind};
pub use reader::RecordReader;
pub use recover::{Damage, Recovery, Unknown};
pub use recycle::SlabSpace;
pub use slab::Stand;
pub use writer::Writer;

use slab::{Slabs, slab_name, slab_number};

/// Sizes of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultSettings {
    /// Bytes of a slab, a multiple of 4 KiB and at least 16 KiB.
    pub slab_bytes: u64,
    /// Bytes that stay free for ledger, audit and logs.
    pub reserve_bytes: u64,
    /// Slabs that are kept ready: one for each association that may store at once.
    pub slabs_ready: usize,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self { slab_bytes: SLAB_BYTES, reserve_bytes: RESERVE_BYTES, slabs_ready: ASSOCIATIONS_MAX }
    }
}

/// How the start counter of the ledger compares with that of the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerStand {
    /// It knows the last start.
    InStep,
    /// It is new, lost, or restored from a backup: its marks count for nothing, all records are
    /// read, and rows without a record are removed.
    Behind,
}

/// What [`Vault::open`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Which vault it is; another than the ledger's means that a disk was swapped.
    pub identity: VaultIdentity,
    /// Which box it was made on.
    pub box_id: BoxId,
    /// The number of this start: write it to the ledger before [`Vault::recover`].
    pub start: u32,
    /// Whether the ledger's marks may be believed.
    pub ledger: LedgerStand,
    /// What is wrong with the keys and yet can be lived with.
    pub faults: Vec<Fault>,
    /// Whether the vault was made just now.
    pub created: bool,
}

/// The vault. Clones share it.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Arc<dyn Disk>,
    settings: VaultSettings,
    identity: VaultIdentity,
    start: u32,
    ledger: LedgerStand,
    secrets: Arc<Secrets>,
    ring: Keyring,
    slabs: Mutex<Slabs>,
    rng: Mutex<Box<dyn Rng>>,
    /// Held while a slab is made: numbers are given out one by one.
    making: Mutex<()>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("identity", &self.inner.identity)
            .field("start", &self.inner.start)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn slabs(&self) -> MutexGuard<'_, Slabs> {
        self.slabs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rng(&self) -> MutexGuard<'_, Box<dyn Rng>> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn generation(&self, slab: u32) -> Option<u32> {
        self.slabs().all.get(&slab).map(|slab| slab.generation)
    }

    fn open_slab(&self, slab: u32) -> Result<Arc<dyn DiskFile>, VaultError> {
        let name = slab_name(slab);
        self.disk.open(&name).map_err(VaultError::disk("opened"))
    }

    /// Refuses to take `bytes` more of the disk when that would touch the reserve.
    fn keep_reserve(&self, bytes: u64) -> Result<(), VaultError> {
        let free = self.disk.free_bytes();
        let free = free.map_err(VaultError::disk("measured"))?;
        if free < self.settings.reserve_bytes.saturating_add(bytes) {
            return Err(VaultError::Full);
        }
        Ok(())
    }
}

/// The shared source of randomness, locked for each draw and not across the disk's work.
struct EachDraw<'a>(&'a Mutex<Box<dyn Rng>>);

impl Rng for EachDraw<'_> {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
    }
}

/// The keys of a vault, read or made.
struct Keys {
    root: Root,
    secrets: Arc<Secrets>,
    ring: Keyring,
    start: u32,
    faults: Vec<Fault>,
    created: bool,
}

impl Vault {
    /// Opens the vault on `disk`, or makes one where there is none.
    ///
    /// `ledger_start` is the start that the ledger knows, 0 for none. Nothing is leased before
    /// [`Vault::recover`].
    ///
    /// # Errors
    ///
    /// [`VaultError::Key`] when the provider has the wrong key, or when slabs stand without root
    /// key, start counter or keyring: then nothing is created and nothing overwritten.
    /// [`VaultError::Disk`].
    pub fn open(
        disk: Arc<dyn Disk>,
        provider: &dyn KeyProvider,
        settings: VaultSettings,
        mut rng: Box<dyn Rng>,
        ledger_start: u32,
    ) -> Result<(Self, Opened), VaultError> {
        let names = disk.list().map_err(VaultError::disk("listed"))?;
        let keys = match load_root(&*disk, provider, &mut *rng)? {
            Some(root) => load_keys(&disk, root)?,
            None => make_keys(&disk, provider, &mut *rng, &names)?,
        };
        let highest = keys.start.max(ledger_start);
        let start = highest.checked_add(1).ok_or(VaultError::OutOfNumbers)?;
        let is_behind = keys.created || ledger_start < keys.start;
        let opened = Opened {
            identity: keys.root.identity,
            box_id: keys.root.box_id,
            start,
            ledger: if is_behind { LedgerStand::Behind } else { LedgerStand::InStep },
            faults: keys.faults,
            created: keys.created,
        };
        let inner = Inner {
            disk,
            settings,
            identity: keys.root.identity,
            start,
            ledger: opened.ledger,
            secrets: keys.secrets,
            ring: keys.ring,
            slabs: Mutex::default(),
            rng: Mutex::new(rng),
            making: Mutex::default(),
        };
        let inner = Arc::new(inner);
        Ok((Self { inner }, opened))
    }

    /// Returns the number of this start: the first half of the record numbers that it draws.
    pub fn start(&self) -> u32 {
        self.inner.start
    }

    /// Returns which vault this is.
    pub fn identity(&self) -> VaultIdentity {
        self.inner.identity
    }

    /// Hashes what must be found again but not read: a patient's ID for look-ups, for the audit.
    /// The hash depends on the vault and survives a rotation of the provider's key.
    pub fn keyed_hash(&self, bytes: &[u8]) -> Digest {
        self.inner.secrets.keyed_hash(bytes)
    }

    /// Returns the seed of the key that signs the audit file.
    pub fn audit_seed(&self) -> Key {
        self.inner.secrets.audit.clone()
    }

    /// Wraps the root key by another provider; on `Ok` the old provider's key may go. Nothing
    /// that was sealed changes.
    ///
    /// # Errors
    ///
    /// [`VaultError::Key`]: keep both keys and try again.
    pub fn rotate(&self, old: &dyn KeyProvider, new: &dyn KeyProvider) -> Result<(), VaultError> {
        let mut rng = EachDraw(&self.inner.rng);
        Ok(rotate_root(&*self.inner.disk, old, new, &mut rng)?)
    }

    /// Seals an identifying column of the ledger under the key of `name`: erasing the study takes
    /// the column too, in the ledger's log and its backups. `place` says table, row and column.
    ///
    /// Makes a key where the study has none: call it behind the seal of the study's record.
    ///
    /// # Errors
    ///
    /// [`VaultError::Key`].
    pub fn seal_column(
        &self,
        name: KeyName<'_>,
        place: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let ticket = self.inner.ring.enter(name, &self.inner.rng)?;
        self.inner.ring.leave(ticket.slot, None);
        let nonce = draw_nonce(&mut **self.inner.rng());
        let context = self.column_context(ticket.slot, place);
        let sealed = seal(&format::column_key(&ticket.key), nonce, &context, plain);
        let sealed = sealed.ok_or(KeyError::Unmakeable)?;
        let column = Pack::default().u32(ticket.slot).bytes(&nonce).bytes(&sealed);
        Ok(column.done())
    }

    /// Opens what [`Vault::seal_column`] made for the same `place`; `None` when it does not check.
    ///
    /// # Errors
    ///
    /// [`VaultError::Key`], erased among them ([`VaultError::is_erased`]).
    pub fn open_column(&self, place: &str, column: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        let mut fields = Unpack(column);
        let (Some(slot), Some(nonce)) = (fields.u32(), fields.array::<NONCE_BYTES>()) else {
            return Ok(None);
        };
        let key = format::column_key(&self.inner.ring.key(slot)?);
        let plain = open(&key, nonce, &self.column_context(slot, place), fields.0);
        Ok(plain.map(|plain| plain.to_vec()))
    }

    fn column_context(&self, slot: u32, place: &str) -> Vec<u8> {
        Pack::default().bytes(&self.inner.identity.0).u32(slot).bytes(place.as_bytes()).done()
    }

    /// Erases the keys of a study: its records, its columns and all their copies cannot be read
    /// any more. Returns how many slots that were. Audit it first.
    ///
    /// `seen` is the newest record of the study in the caller's ledger. Whoever stores into the
    /// study from here on does so under a new key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Changed`] when something was sealed, or is being sealed, that the caller did
    /// not see: wait for the ledger and decide again. After [`KeyError::Disk`] the keys may be
    /// gone or not: call again.
    pub fn erase(&self, name: KeyName<'_>, seen: Option<Arrival>) -> Result<usize, VaultError> {
        Ok(self.inner.ring.erase(name, seen)?.len())
    }
}

fn load_keys(disk: &Arc<dyn Disk>, root: Root) -> Result<Keys, VaultError> {
    let secrets = Arc::new(root.secrets());
    let start = load_start(&**disk, root.identity)?;
    let start = start.ok_or(KeyError::Missing { what: "start counter" })?;
    let (ring, fault) = Keyring::load(Arc::clone(disk), root.identity, Arc::clone(&secrets))?;
    Ok(Keys { root, secrets, ring, start, faults: fault.into_iter().collect(), created: false })
}

/// Makes the keys of a new vault. The root key comes last and is put in place whole: while no
/// file of it and no slab stands, an earlier attempt was cut and nothing can have been sealed.
fn make_keys(
    disk: &Arc<dyn Disk>,
    provider: &dyn KeyProvider,
    rng: &mut dyn Rng,
    names: &[String],
) -> Result<Keys, VaultError> {
    let is_trace = |name: &String| slab_number(name).is_some() || ROOT_NAMES.contains(&&**name);
    if names.iter().any(is_trace) {
        return Err(KeyError::Missing { what: "root key" }.into());
    }
    let root = new_root(rng);
    let secrets = Arc::new(root.secrets());
    write_start(&**disk, root.identity, 0)?;
    let ring = Keyring::create(Arc::clone(disk), root.identity, Arc::clone(&secrets), rng)?;
    write_root(&**disk, &root, provider, rng)?;
    Ok(Keys { root, secrets, ring, start: 0, faults: Vec::new(), created: true })
}

impl Inner {
    /// Puts this start into both copies; the ledger has it already.
    fn note_start(&self) -> Result<(), VaultError> {
        Ok(write_start(&*self.disk, self.identity, self.start)?)
    }
}

#[cfg(test)]
mod tests;
