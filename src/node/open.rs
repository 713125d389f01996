//! The order of a start: settings, key, ledger's word, vault, recovery, ledger.
//!
//! ```text
//! key ─▶ ledger (which start does it know?) ─▶ vault opens ─▶ ledger notes the start
//!     ─▶ vault recovers behind the ledger's marks ─▶ rows ─▶ slabs are made ready
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::base::fault::Fault;
use crate::base::rng::Rng;
use crate::base::time::Clock;
use crate::config::Config;
use crate::node::audit::Auditor;
use crate::node::deliver::Stores;
use crate::node::seal::Seal;
use crate::node::tidy;
use crate::store::audit::Audit;
use crate::store::disk::{Disk, RealDisk};
use crate::store::keys::{FileKey, KeyProvider, ProviderError};
use crate::store::ledger::{Ledger, LedgerError, Start};
use crate::store::record::Sealed;
use crate::store::vault::{Opened, Vault, VaultError, VaultSettings};

/// Records that one transaction takes in while the ledger is made again.
const BATCH: usize = 512;

/// Why the box cannot start. Each maps to a fault with what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The state folder cannot be made or locked.
    #[error("the state folder cannot be used: is another box running on it?")]
    State {
        /// What the system said.
        source: std::io::Error,
    },
    /// The key provider has no key.
    #[error("the storage key cannot be used")]
    Provider(#[from] ProviderError),
    /// The vault cannot be opened.
    #[error("the vault cannot be opened")]
    Vault(#[from] VaultError),
    /// The ledger cannot be opened.
    #[error("the ledger cannot be opened")]
    Ledger(#[from] LedgerError),
}

impl OpenError {
    /// Returns the fault that people see.
    pub fn fault(&self) -> Fault {
        match self {
            Self::State { .. } => Fault::DiskError,
            Self::Provider(_) => Fault::KeyMissing,
            Self::Vault(error) => error.fault(),
            Self::Ledger(_) => Fault::LedgerError,
        }
    }
}

/// The stores, and what was found on the way.
pub struct Open {
    /// The stores.
    pub stores: Stores,
    /// What the vault said.
    pub opened: Opened,
    /// Faults to show.
    pub faults: Vec<Fault>,
}

/// What a start needs beside the disk.
pub struct Means<'a> {
    /// Who holds the key.
    pub provider: &'a dyn KeyProvider,
    /// Sizes.
    pub settings: VaultSettings,
    /// Randomness.
    pub rng: Box<dyn Rng>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The destinations that the settings name.
    pub destinations: Vec<String>,
    /// Where the audit file is.
    pub audit: Arc<dyn Disk>,
}

/// Opens the stores of a box in its state folder.
///
/// A ledger that is damaged or no ledger is set aside and made again from the vault.
///
/// # Errors
///
/// What must be mended before anything can be promised again.
pub fn open(
    config: &Config,
    clock: Arc<dyn Clock>,
    mut rng: Box<dyn Rng>,
) -> Result<Open, OpenError> {
    let state = |source| OpenError::State { source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.state).map_err(state)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(&config.state.join("vault")).map_err(state)?);
    let provider = key(config, &*disk, &mut *rng)?;
    let ledger = ledger(&config.state)?;
    let settings = VaultSettings {
        slab_bytes: config.vault.slab_bytes,
        reserve_bytes: config.vault.reserve_bytes,
        ..VaultSettings::default()
    };
    let destinations = config.destinations.keys().cloned().collect();
    let audit = Arc::new(RealDisk::open(&config.state.join("audit")).map_err(state)?);
    let means = Means { provider: &provider, settings, rng, clock, destinations, audit };
    assemble(disk, ledger, means)
}

/// Opens vault and ledger together: the part that the simulator shares.
///
/// # Errors
///
/// As [`open`].
pub fn assemble(
    disk: Arc<dyn Disk>,
    mut ledger: Ledger,
    means: Means<'_>,
) -> Result<Open, OpenError> {
    let known = ledger.view().start_counter()?;
    let (vault, opened) = Vault::open(disk, means.provider, means.settings, means.rng, known)?;
    let started = ledger.start(&Start {
        vault: &opened.identity.0,
        box_id: &opened.box_id.0,
        highest_seen: opened.start.saturating_sub(1),
        destinations: &means.destinations,
    })?;
    let mut faults = opened.faults.clone();
    let (audit, fault) = auditor(means.audit, &vault, &means.clock);
    faults.extend(fault);
    audit.note("start", &format!("number {}", opened.start));
    let rebuilds = started.condition.needs_rebuild();
    if rebuilds {
        audit.note("ledger_rebuilt", &format!("{:?}", started.condition));
        tracing::warn!(condition = ?started.condition, "the ledger is made again from the vault");
    }
    let mut marks = BTreeMap::new();
    if !rebuilds {
        let known = ledger.marks()?.into_iter();
        marks.extend(known.map(|mark| (mark.slab, (mark.generation, mark.offset))));
    }
    let mut found: Vec<Sealed> = Vec::new();
    let recovery = vault.recover(&marks, &mut |sealed| found.push(sealed))?;
    faults.extend(recovery.fault());
    found.sort_by_key(|sealed| sealed.arrival);
    let unmarked = recovery.unmarked();
    // Without a record there are marks to drop still.
    let none: Option<&[Sealed]> = found.is_empty().then_some(&[]);
    for batch in found.chunks(BATCH).chain(none) {
        let applied = ledger.apply_unmarked(batch, &unmarked, &Seal(&vault))?;
        tracing::info!(new = applied.new, known = applied.known, "records were read again");
    }
    if rebuilds && recovery.damaged.is_empty() {
        let seen: BTreeSet<_> = found.iter().map(|sealed| sealed.number).collect();
        let gone = ledger.finish_rebuild(&seen)?;
        tracing::info!(records = found.len(), gone, "the ledger is whole again");
    }
    for fault in &faults {
        audit.note("fault", fault.code());
    }
    let stores = Stores {
        ledger: Arc::new(Mutex::new(ledger)),
        vault: Arc::new(vault),
        clock: means.clock,
        audit: Arc::new(audit),
    };
    let finished = tidy::finish_erasures(&stores)?;
    if 0 < finished {
        tracing::info!(studies = finished, "erasures that were cut off are finished");
    }
    Ok(Open { stores, opened, faults })
}

/// Opens the audit file. Where that fails the box keeps studies all the same, and shows it: a
/// full disk empties only while it runs.
fn auditor(disk: Arc<dyn Disk>, vault: &Vault, clock: &Arc<dyn Clock>) -> (Auditor, Option<Fault>) {
    let (file, fault) = match Audit::open(disk, &vault.audit_seed(), clock.stamp()) {
        Ok((file, found)) => (Some(file), found.fault),
        Err(error) => {
            tracing::error!(%error, code = error.fault().code(), "the audit file is not opened");
            (None, Some(error.fault()))
        }
    };
    (Auditor::new(file, Arc::clone(clock)), fault)
}

/// Opens the key file; makes one for a box that has no vault yet.
fn key(config: &Config, disk: &dyn Disk, rng: &mut dyn Rng) -> Result<FileKey, OpenError> {
    match FileKey::open(&config.key.file) {
        Err(ProviderError::File { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound
                && disk.list().is_ok_and(|names| names.is_empty()) =>
        {
            tracing::info!("a new storage key is made");
            Ok(FileKey::create(&config.key.file, rng)?)
        }
        found => Ok(found?),
    }
}

fn ledger(state: &Path) -> Result<Ledger, OpenError> {
    let path = state.join("ledger.sqlite");
    let opened = Ledger::open(&path).and_then(|ledger| ledger.check().map(|()| ledger));
    match opened {
        Err(error @ (LedgerError::Damaged | LedgerError::Foreign)) => {
            tracing::error!(%error, "the ledger is set aside and made again from the vault");
            for suffix in ["", "-wal", "-shm"] {
                let from = state.join(format!("ledger.sqlite{suffix}"));
                let to = state.join(format!("ledger.sqlite{suffix}.damaged"));
                set_aside(&from, &to).map_err(|source| OpenError::State { source })?;
            }
            Ok(Ledger::open(&path)?)
        }
        found => Ok(found?),
    }
}

#[expect(clippy::disallowed_methods, reason = "what is moved is damaged: losing it loses nothing")]
fn set_aside(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::aet::AeTitle;
    use crate::base::ids::RecordNumber;
    use crate::base::rng::SplitMix;
    use crate::base::secret::Secret;
    use crate::base::time::{Instant, Stamp};
    use crate::store::disk::memory::MemoryDisk;
    use crate::store::record::{AgainRecord, Content};
    use crate::store::vault::{KeyName, Kind};

    struct StoppedClock;

    impl Clock for StoppedClock {
        fn now(&self) -> Instant {
            Instant::default()
        }

        fn stamp(&self) -> Stamp {
            Stamp::default()
        }
    }

    fn start(disk: &MemoryDisk, ledger: Ledger, seed: u64) -> Open {
        let means = Means {
            provider: &FileKey::of(Secret::new([7; 32])),
            settings: VaultSettings { slab_bytes: 128 << 10, reserve_bytes: 0, slabs_ready: 1 },
            rng: Box::new(SplitMix::new(seed)),
            clock: Arc::new(StoppedClock),
            destinations: Vec::new(),
            audit: Arc::new(MemoryDisk::new(1 << 20)),
        };
        assemble(Arc::new(disk.clone()), ledger, means).unwrap()
    }

    fn stop(open: Open) -> Ledger {
        let Stores { ledger, vault, .. } = open.stores;
        drop(vault);
        Arc::into_inner(ledger).unwrap().into_inner().unwrap()
    }

    fn seal(open: &Open, sequence: u32) -> Sealed {
        let content = Content::Again(AgainRecord {
            of: RecordNumber { start: 1, sequence },
            calling: AeTitle::parse(b"CT1").unwrap(),
            peer: "10.0.0.1".to_owned(),
            received: Stamp::default(),
            routes: Vec::new(),
        });
        let writer = open.stores.vault.begin(Kind::Again).unwrap();
        open.stores.vault.seal(writer, KeyName::Label("1.2"), content).unwrap().1
    }

    #[test]
    fn damage_is_found_again_at_every_start_and_not_only_at_the_first() {
        let disk = MemoryDisk::new(16 << 20);
        let open = start(&disk, Ledger::in_memory().unwrap(), 1);
        open.stores.vault.prepare().unwrap();
        let sealed = [1, 2, 3].map(|sequence| seal(&open, sequence));
        let place = sealed[1].location;
        let name = disk.list().unwrap().into_iter().find(|name| name.starts_with("slab")).unwrap();
        let mut ledger = stop(open);
        disk.tamper(&name, usize::try_from(place.offset).unwrap(), &[0xff; 64]);
        for seed in 2..5 {
            let open = start(&disk, ledger, seed);
            assert_eq!(open.faults, [Fault::VaultDamaged], "start {seed}");
            ledger = stop(open);
            assert_eq!(ledger.marks().unwrap(), [], "start {seed}");
        }
    }
}
