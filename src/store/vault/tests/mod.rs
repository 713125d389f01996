//! The vault on a disk that loses, tears and fails: every rule that can be broken is broken here.
//!
//! Method: a vault on a [`MemoryDisk`] of small slabs; the harness below opens it as the box does
//! at start, keeps what a ledger would keep, and reads everything back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::base::aet::AeTitle;
use crate::base::ids::RecordNumber;
use crate::base::receipt::Receipt;
use crate::base::rng::SplitMix;
use crate::base::secret::Secret;
use crate::base::time::Stamp;
use crate::base::uid::Uid;
use crate::dicom::header::{Identity, SliceFacts};
use crate::store::disk::memory::MemoryDisk;
use crate::store::keys::FileKey;
use crate::store::record::{Content, ObjectRecord, Sealed, Urgency};

mod basics;
mod crash;
mod damage;
mod erase;
mod failure;
mod keys;
mod slabs;

pub(super) const SLAB: u64 = 256 * 1024;

pub(super) fn settings() -> VaultSettings {
    VaultSettings { slab_bytes: SLAB, reserve_bytes: 64 * 1024, slabs_ready: 2 }
}

pub(super) fn provider() -> FileKey {
    FileKey::of(Secret::new([9; 32]))
}

pub(super) fn uid(text: &str) -> Uid {
    Uid::parse(text.as_bytes()).unwrap()
}

/// A box as far as the vault knows it: the disk, and what the ledger remembers.
pub(super) struct TestBox {
    pub(super) disk: MemoryDisk,
    pub(super) vault: Vault,
    pub(super) opened: Opened,
    pub(super) recovery: Recovery,
    pub(super) found: Vec<Sealed>,
}

/// What the ledger would hold.
#[derive(Clone, Default)]
pub(super) struct TestLedger {
    pub(super) start: u32,
    pub(super) marks: BTreeMap<u32, (u32, u64)>,
}

pub(super) fn new_disk() -> MemoryDisk {
    MemoryDisk::new(64 << 20)
}

/// Starts a box on `disk` whose ledger is `ledger`.
pub(super) fn start(disk: &MemoryDisk, ledger: &TestLedger) -> Result<TestBox, VaultError> {
    start_with(disk, ledger, settings())
}

/// Starts a box with other settings.
pub(super) fn start_with(
    disk: &MemoryDisk,
    ledger: &TestLedger,
    settings: VaultSettings,
) -> Result<TestBox, VaultError> {
    // Another start draws other keys, as the box's source does.
    let seed = 1000 + disk.changes();
    let rng = Box::new(SplitMix::new(seed));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (vault, opened) = Vault::open(shared, &provider(), settings, rng, ledger.start)?;
    let mut found = Vec::new();
    let recovery = vault.recover(&ledger.marks, &mut |sealed| found.push(sealed))?;
    vault.prepare()?;
    Ok(TestBox { disk: disk.clone(), vault, opened, recovery, found })
}

/// Starts a new box.
pub(super) fn fresh() -> TestBox {
    start(&new_disk(), &TestLedger::default()).unwrap()
}

impl TestBox {
    /// Ends the process, not the machine, and starts again without a ledger.
    pub(super) fn restart(self) -> Self {
        let disk = self.disk.clone();
        drop(self);
        start(&disk, &TestLedger::default()).unwrap()
    }

    pub(super) fn store(&self, study: &str, bytes: &[u8]) -> Result<(Receipt, Sealed), VaultError> {
        let mut writer = self.vault.begin(Kind::Object)?;
        for part in bytes.chunks(10_000) {
            writer.append(part)?;
        }
        let content = object(study, &writer);
        self.vault.seal(writer, KeyName::Study(&uid(study)), content)
    }

    pub(super) fn read(&self, sealed: &Sealed) -> Result<Vec<u8>, VaultError> {
        let mut reader = self.vault.read(sealed.location, sealed.number)?;
        assert_eq!(*reader.content(), sealed.content);
        assert_eq!(reader.arrival(), sealed.arrival);
        let (mut bytes, mut chunk) = (Vec::new(), Vec::new());
        while reader.next_chunk(&mut chunk)? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Returns the record `number` as this start found it.
    pub(super) fn found(&self, number: RecordNumber) -> Option<&Sealed> {
        self.found.iter().find(|sealed| sealed.number == number)
    }
}

/// The content of an object that `writer` holds.
pub(super) fn object(study: &str, writer: &Writer) -> Content {
    Content::Object(Box::new(ObjectRecord {
        identity: Identity {
            sop_class: uid("1.2.840.10008.5.1.4.1.1.2"),
            sop_instance: uid("1.2.3"),
            study: Some(uid(study)),
            series: None,
            modality: "CT".to_owned(),
            patient: crate::base::phi::Phi::default(),
        },
        facts: SliceFacts::default(),
        transfer_syntax: uid("1.2.840.10008.1.2.1"),
        length: writer.length(),
        digest: writer.digest(),
        calling: AeTitle::parse(b"CT1").unwrap(),
        called: AeTitle::parse(b"SCANPOST").unwrap(),
        peer: "10.0.0.21".to_owned(),
        received: Stamp::default(),
        unreadable: None,
        oddities: Vec::new(),
        routes: vec!["pacs".to_owned()],
        urgency: Urgency::Normal,
        config: Digest::of(b"config"),
    }))
}

/// Bytes that differ at every place and by `seed`.
pub(super) fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SplitMix::new(seed).fill(&mut bytes);
    bytes
}
