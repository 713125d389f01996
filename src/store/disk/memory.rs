//! A disk in memory that forgets what was not synced, tears what it keeps, and fails on demand.
//!
//! For the simulator and the tests. The model: a write changes what readers see at once, and each
//! sector of 512 bytes remembers what stands on the platter until a sync. A power cut keeps none
//! or any of the unsynced sectors; of the unsynced changes of names it keeps a prefix, as a
//! journal does. A failed sync drops its sectors for good: they stay readable until the cache is
//! told to forget them, and no later sync brings them to the platter. Deterministic.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::rng::Rng;
use crate::store::disk::platter::Node;
use crate::store::disk::{Disk, DiskFile};

/// What a power cut leaves of the unsynced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    Everything,
    /// Any of the sectors, and the first few changes of names.
    Some,
}

/// Which calls a [`Trouble`] counts and fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reads.
    Read,
    /// Writes and changes of length.
    Write,
    /// Syncs of files and of the directory.
    Sync,
    /// All that changes something: writes, syncs, names.
    Change,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// EIO; half of a write is done.
    Error,
    /// ENOSPC; half of a write is done.
    Full,
    /// The power is gone: nothing more happens until [`MemoryDisk::crash`].
    PowerCut,
}

/// How long it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// One call.
    Once,
    /// From then on.
    Forever,
}

/// A failure to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Which calls count.
    pub step: Step,
    /// How many of them still go well.
    pub after: u64,
    /// What happens then.
    pub failure: Failure,
    /// For how long.
    pub lasting: Lasting,
}

/// The disk. Clones share it.
#[derive(Clone)]
pub struct MemoryDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    nodes: BTreeMap<u64, Node>,
    next_node: u64,
    names: BTreeMap<String, u64>,
    synced_names: BTreeMap<String, u64>,
    /// The names after each change that no sync has covered.
    name_log: Vec<BTreeMap<String, u64>>,
    capacity: u64,
    troubles: Vec<Trouble>,
    /// The disk lies: syncs of files succeed and do nothing.
    lies: bool,
    changes: u64,
    syncs: u64,
    /// Files opened before a power cut are dead.
    boot: u64,
}

impl MemoryDisk {
    /// Makes an empty disk that holds `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        Self(Arc::new(Mutex::new(State { capacity, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the power and starts the machine again: what was not synced is lost as `loss` says,
    /// every planned trouble is forgotten, files that are still open are dead.
    pub fn crash(&self, rng: &mut dyn Rng, loss: Loss) {
        let mut state = self.state();
        state.boot = state.boot.saturating_add(1);
        state.troubles.clear();
        let log = std::mem::take(&mut state.name_log);
        let kept = match loss {
            Loss::Everything => 0,
            Loss::Some => rng.below(counted(log.len()).saturating_add(1)),
        };
        let last = kept.checked_sub(1).and_then(|last| usize::try_from(last).ok());
        if let Some(names) = last.and_then(|last| log.into_iter().nth(last)) {
            state.synced_names = names;
        }
        state.names = state.synced_names.clone();
        let State { nodes, names, .. } = &mut *state;
        nodes.retain(|node, _| names.values().any(|named| named == node));
        for node in nodes.values_mut() {
            node.crash(rng, loss);
        }
    }

    /// Plans a failure.
    pub fn plan(&self, trouble: Trouble) {
        self.state().troubles.push(trouble);
    }

    /// Forgets every planned failure.
    pub fn heal(&self) {
        self.state().troubles.clear();
    }

    /// Makes the disk a liar: from now on syncs of files succeed and do nothing.
    pub fn ignore_syncs(&self) {
        self.state().lies = true;
    }

    /// Returns how many changes (writes, syncs, names) were tried so far.
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Returns how many syncs of files were tried so far.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Sets the bytes that the disk holds.
    pub fn set_capacity(&self, capacity: u64) {
        self.state().capacity = capacity;
    }

    /// Returns the bytes of a file as a reader sees them; empty where there is none.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        let node = state.names.get(name).and_then(|node| state.nodes.get(node));
        node.map(|node| node.bytes.clone()).unwrap_or_default()
    }

    /// Puts `bytes` on the platter behind everybody's back, as decay or an intruder does.
    pub fn tamper(&self, name: &str, offset: usize, bytes: &[u8]) {
        let mut state = self.state();
        let State { names, nodes, .. } = &mut *state;
        if let Some(node) = names.get(name).and_then(|node| nodes.get_mut(node)) {
            node.write(offset, bytes);
            node.sync();
        }
    }
}

impl State {
    /// Counts a call and fails it when its time has come.
    fn meet(&mut self, steps: &[Step]) -> Result<(), Failure> {
        if steps.contains(&Step::Change) {
            self.changes = self.changes.saturating_add(1);
        }
        let mut failure = None;
        self.troubles.retain_mut(|trouble| {
            if !steps.contains(&trouble.step) {
                return true;
            }
            if let Some(left) = trouble.after.checked_sub(1) {
                trouble.after = left;
                return true;
            }
            failure.get_or_insert(trouble.failure);
            trouble.lasting == Lasting::Forever
        });
        match failure {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn name_step(&mut self) -> io::Result<()> {
        self.meet(&[Step::Change]).map_err(Failure::error)
    }

    fn names_changed(&mut self) {
        self.name_log.push(self.names.clone());
    }

    fn used(&self) -> u64 {
        let nodes = self.names.values().filter_map(|node| self.nodes.get(node));
        nodes.fold(0, |sum: u64, node| sum.saturating_add(counted(node.bytes.len())))
    }
}

impl Failure {
    fn error(self) -> io::Error {
        match self {
            Self::Error | Self::PowerCut => rustix::io::Errno::IO.into(),
            Self::Full => rustix::io::Errno::NOSPC.into(),
        }
    }
}

fn counted(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

struct MemoryFile {
    disk: MemoryDisk,
    node: u64,
    boot: u64,
}

impl MemoryFile {
    fn with<T>(
        &self,
        steps: &[Step],
        act: impl FnOnce(&mut State, Result<(), Failure>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.disk.state();
        if state.boot != self.boot {
            return Err(Failure::PowerCut.error());
        }
        let met = state.meet(steps);
        act(&mut state, met)
    }

    fn with_node<T>(
        &self,
        steps: &[Step],
        act: impl FnOnce(&mut Node, Result<(), Failure>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.with(steps, |state, met| {
            let node = state.nodes.get_mut(&self.node);
            act(node.ok_or(io::ErrorKind::NotFound)?, met)
        })
    }
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_too_far| io::ErrorKind::FileTooLarge.into())
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let offset = place(offset)?;
        self.with_node(&[Step::Read], |node, met| {
            met.map_err(Failure::error)?;
            let there = node.bytes.get(offset..).unwrap_or_default();
            let length = there.len().min(buffer.len());
            for (place, byte) in buffer.iter_mut().zip(there) {
                *place = *byte;
            }
            Ok(length)
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = place(offset)?;
        self.with(&[Step::Write, Step::Change], |state, met| {
            let used = state.used();
            let capacity = state.capacity;
            let node = state.nodes.get_mut(&self.node).ok_or(io::ErrorKind::NotFound)?;
            let end = offset.saturating_add(bytes.len());
            let more = counted(end.saturating_sub(node.bytes.len()));
            let met = met.and_then(|()| {
                if capacity < used.saturating_add(more) {
                    return Err(Failure::Full);
                }
                Ok(())
            });
            match met {
                Ok(()) => node.write(offset, bytes),
                Err(Failure::PowerCut) => {}
                Err(Failure::Error | Failure::Full) if 0 < more => {}
                Err(Failure::Error | Failure::Full) => {
                    node.write(offset, bytes.get(..bytes.len() / 2).unwrap_or_default());
                }
            }
            met.map_err(Failure::error)
        })
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let length = place(length)?;
        self.with_node(&[Step::Write, Step::Change], |node, met| {
            met.map_err(Failure::error)?;
            node.set_length(length);
            Ok(())
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.with_node(&[], |node, _| Ok(counted(node.bytes.len())))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(&[Step::Sync, Step::Change], |state, met| {
            state.syncs = state.syncs.saturating_add(1);
            let node = state.nodes.get_mut(&self.node).ok_or(io::ErrorKind::NotFound)?;
            match met {
                Ok(()) if state.lies => {}
                Ok(()) => node.sync(),
                Err(Failure::PowerCut) => {}
                Err(Failure::Error | Failure::Full) => node.fail_sync(),
            }
            met.map_err(Failure::error)
        })
    }

    fn forget(&self) -> io::Result<()> {
        self.with_node(&[], |node, _| {
            node.forget();
            Ok(())
        })
    }
}

impl Disk for MemoryDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state();
        let node = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        let (disk, boot) = (self.clone(), state.boot);
        Ok(Arc::new(MemoryFile { disk, node, boot }))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.name_step()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = state.next_node;
        state.next_node = node.saturating_add(1);
        state.nodes.insert(node, Node::default());
        state.names.insert(name.to_owned(), node);
        state.names_changed();
        let (disk, boot) = (self.clone(), state.boot);
        Ok(Arc::new(MemoryFile { disk, node, boot }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.name_step()?;
        let node = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), node);
        state.names_changed();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.name_step()?;
        state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.names_changed();
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        state.meet(&[Step::Sync, Step::Change]).map_err(Failure::error)?;
        state.synced_names = state.names.clone();
        state.name_log.clear();
        let State { nodes, names, .. } = &mut *state;
        nodes.retain(|node, _| names.values().any(|named| named == node));
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state();
        Ok(state.capacity.saturating_sub(state.used()))
    }
}
