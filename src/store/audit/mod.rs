//! The audit file: who did what, in lines that are chained, signed at intervals, never rewritten.
//!
//! Actors stand in clear, patients only as keyed hashes. A chain shows careless and partial
//! changes; who holds the box and its key can write another one, so that the head is also shown
//! on the page and may be sent away.
//!
//! # Invariants
//! - A line that must come before its act is synced before [`Audit::write`] returns.
//! - Only bytes behind the last signed head are ever cut, and the cut is the next line. An
//!   earlier break is damage: the file is kept, and a new one begins with its digest.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::Serialize;

use crate::base::digest::Digest;
use crate::base::fault::Fault;
use crate::base::time::Stamp;
use crate::store::disk::{Disk, DiskFile, is_full, replace};
use crate::store::keys::Key;

mod chain;
mod refusals;

pub use refusals::{Refusals, Refused};

use chain::{Head, Line, Link, Reach, read_head, verify};

/// Lines between two signatures.
const SIGN_EVERY: u64 = 256;
/// Bytes of a file after which the next one is begun: it is read whole at start.
const FILE_BYTES_MAX: u64 = if cfg!(test) { 64 << 10 } else { 16 << 20 };
/// Bytes of a file that is too large to be one of ours.
const READ_BYTES_MAX: u64 = 4 * FILE_BYTES_MAX;
/// Bytes of the texts of one line: an actor and a detail are sentences.
const TEXT_BYTES_MAX: usize = 1024;

/// Why the audit file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The disk failed.
    #[error("audit file could not be {doing}")]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The line cannot be encoded, or its texts are too long.
    #[error("audit line is no line")]
    BadLine,
}

impl AuditError {
    /// Returns the fault that people see.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Disk { source, .. } if is_full(source) => Fault::DiskFull,
            Self::Disk { .. } => Fault::DiskError,
            Self::BadLine => Fault::AuditDamaged,
        }
    }

    fn disk(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Disk { doing, source }
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry<'a> {
    /// When.
    pub at: Stamp,
    /// Who, in clear: an account, a caller, `box`.
    pub actor: &'a str,
    /// What was done, one word of the table of actions.
    pub action: &'a str,
    /// To which patient or study, as a keyed hash of the vault.
    pub subject: Option<Digest>,
    /// More, without patient data.
    pub detail: &'a str,
}

/// When a line must be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urge {
    /// Before the act that it tells of: approvals, withdrawals, erasures.
    BeforeTheAct,
    /// With the next flush.
    Later,
}

/// What [`Audit::open`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditOpened {
    /// Bytes of a torn tail that were cut.
    pub cut_bytes: u64,
    /// Damage before a signed head: the old file is kept, a new one was begun.
    pub fault: Option<Fault>,
}

/// The audit file in use.
pub struct Audit {
    disk: Arc<dyn Disk>,
    key: SigningKey,
    state: Mutex<State>,
}

struct State {
    number: u32,
    file: Arc<dyn DiskFile>,
    end: u64,
    link: Link,
    unsigned: u64,
    /// Lines that no sync has covered.
    unsynced: u64,
    /// A write or sync failed: the next line begins a new file.
    suspect: bool,
}

fn file_name(number: u32) -> String {
    format!("audit-{number:08}.jsonl")
}

fn file_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("audit-")?.strip_suffix(".jsonl")?.parse().ok()?;
    (file_name(number) == name).then_some(number)
}

impl Audit {
    /// Opens the newest audit file, or begins the first, and says so in it.
    ///
    /// `seed` is the vault's [`audit_seed`](crate::store::vault::Vault::audit_seed).
    ///
    /// # Errors
    ///
    /// [`AuditError::Disk`].
    pub fn open(
        disk: Arc<dyn Disk>,
        seed: &Key,
        now: Stamp,
    ) -> Result<(Self, AuditOpened), AuditError> {
        let key = SigningKey::from_bytes(seed.reveal("to sign the audit head"));
        let names = disk.list().map_err(AuditError::disk("listed"))?;
        let newest = names.iter().filter_map(|name| file_number(name)).max();
        let head = read_head(&*disk, &key.verifying_key())?;
        let mut opened = AuditOpened::default();
        let state = match survey(&*disk, &key.verifying_key(), newest, head)? {
            Found::First => begin_file(&*disk, 1, Link::default(), (now, "first"))?,
            Found::Sound(number, reach) => resume(&*disk, number, &reach, &mut opened)?,
            Found::HalfBegun(number) => {
                let link = head.map(|head| head.link).unwrap_or_default();
                follow_up(&*disk, number, link, (now, "begun again"))?
            }
            Found::Damaged => {
                opened.fault = Some(Fault::AuditDamaged);
                let last = newest.unwrap_or(0).max(head.map_or(0, |head| head.number));
                let link = head.map(|head| head.link).unwrap_or_default();
                follow_up(&*disk, last, link, (now, "damage"))?
            }
        };
        let audit = Self { disk, key, state: Mutex::new(state) };
        if 0 < opened.cut_bytes {
            let detail = format!("{} bytes of a torn tail", opened.cut_bytes);
            audit.write(&own(now, "cut", &detail), Urge::BeforeTheAct)?;
        }
        audit.sign(now)?;
        Ok((audit, opened))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a line and returns its number.
    ///
    /// # Errors
    ///
    /// [`AuditError::BadLine`] for texts of more than 1 KiB. [`AuditError::Disk`]: the line may
    /// or may not be there, the act must not happen; the next line begins a new file.
    pub fn write(&self, entry: &Entry<'_>, urge: Urge) -> Result<u64, AuditError> {
        let texts = [entry.actor, entry.action, entry.detail];
        if texts.iter().any(|text| TEXT_BYTES_MAX < text.len()) {
            return Err(AuditError::BadLine);
        }
        let mut state = self.state();
        self.renew(&mut state, entry.at)?;
        let n = state.append(entry)?;
        if urge == Urge::BeforeTheAct {
            state.sync()?;
        }
        if SIGN_EVERY <= state.unsigned {
            self.sign_head(&mut state, entry.at)?;
        }
        Ok(n)
    }

    /// Syncs the lines that wait; call it once a minute.
    ///
    /// # Errors
    ///
    /// [`AuditError::Disk`].
    pub fn flush(&self) -> Result<(), AuditError> {
        let mut state = self.state();
        if 0 < state.unsynced && !state.suspect {
            state.sync()?;
        }
        Ok(())
    }

    /// Signs the head if lines came since the last time; call it once an hour and before the end.
    ///
    /// # Errors
    ///
    /// [`AuditError::Disk`].
    pub fn sign(&self, now: Stamp) -> Result<(), AuditError> {
        let mut state = self.state();
        self.renew(&mut state, now)?;
        if 0 < state.unsigned {
            self.sign_head(&mut state, now)?;
        }
        Ok(())
    }

    /// Returns the number and hash of the last line, to be shown and sent away.
    pub fn head(&self) -> (u64, Digest) {
        let state = self.state();
        (state.link.n, state.link.hash)
    }

    /// Returns the last lines of the file in use, at most `count`, oldest first.
    ///
    /// # Errors
    ///
    /// [`AuditError::Disk`].
    pub fn tail(&self, count: usize) -> Result<Vec<String>, AuditError> {
        let (file, end) = {
            let state = self.state();
            (Arc::clone(&state.file), state.end)
        };
        let mut bytes = vec![0; usize::try_from(end).unwrap_or(0)];
        let read = file.read_at(&mut bytes, 0).map_err(AuditError::disk("read"))?;
        let text = String::from_utf8_lossy(bytes.get(..read).unwrap_or_default());
        let lines: Vec<&str> = text.lines().collect();
        let skipped = lines.len().saturating_sub(count);
        Ok(lines.into_iter().skip(skipped).map(str::to_owned).collect())
    }

    /// Begins a new file when the one in use failed or has grown large.
    fn renew(&self, state: &mut State, now: Stamp) -> Result<(), AuditError> {
        let why = if state.suspect {
            "failure of the disk"
        } else if FILE_BYTES_MAX < state.end {
            self.sign_head(state, now)?;
            "size"
        } else {
            return Ok(());
        };
        *state = follow_up(&*self.disk, state.number, state.link, (now, why))?;
        self.sign_head(state, now)
    }

    fn sign_head(&self, state: &mut State, now: Stamp) -> Result<(), AuditError> {
        let signed = Head { number: state.number, link: state.link };
        let signature = self.key.sign(&signed.message()).to_bytes();
        let text = chain::hex(&signature);
        state.append(&own(now, chain::SIGNED, &text))?;
        state.sync()?;
        state.unsigned = 0;
        let page = signed.encode(&signature);
        replace(&*self.disk, chain::HEAD_NAME, &page).map_err(AuditError::disk("signed"))
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (n, hash) = self.head();
        f.debug_struct("Audit").field("n", &n).field("hash", &hash).finish_non_exhaustive()
    }
}

impl State {
    fn append(&mut self, entry: &Entry<'_>) -> Result<u64, AuditError> {
        let line = Line { n: self.link.n.saturating_add(1), entry };
        let (bytes, link) = line.encode(self.link.hash).ok_or(AuditError::BadLine)?;
        if let Err(source) = self.file.write_all_at(&bytes, self.end) {
            self.suspect = true;
            return Err(AuditError::Disk { doing: "written", source });
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.end = self.end.saturating_add(length);
        self.link = link;
        self.unsigned = self.unsigned.saturating_add(1);
        self.unsynced = self.unsynced.saturating_add(1);
        Ok(link.n)
    }

    fn sync(&mut self) -> Result<(), AuditError> {
        if let Err(source) = self.file.sync_data() {
            self.suspect = true;
            return Err(AuditError::Disk { doing: "synced", source });
        }
        self.unsynced = 0;
        Ok(())
    }
}

/// A line of the box itself.
fn own<'a>(at: Stamp, action: &'a str, detail: &'a str) -> Entry<'a> {
    Entry { at, actor: "box", action, subject: None, detail }
}

/// What stands on the disk.
enum Found {
    First,
    Sound(u32, Reach),
    HalfBegun(u32),
    Damaged,
}

fn survey(
    disk: &dyn Disk,
    key: &VerifyingKey,
    newest: Option<u32>,
    head: Option<Head>,
) -> Result<Found, AuditError> {
    let Some(number) = newest else {
        return Ok(head.map_or(Found::First, |_| Found::Damaged));
    };
    let here = reach(disk, number, key)?;
    let mut covers = here.covers(number, head.as_ref());
    if let Some(head) = head.filter(|head| head.number < number) {
        // The newest file has no signed head yet: the one before it must still have its own.
        covers &= match reach(disk, head.number, key) {
            Ok(older) => older.covers(head.number, Some(&head)),
            Err(_) => false,
        };
    }
    Ok(match here {
        _ if !covers => Found::Damaged,
        here if here.is_half_begun() => Found::HalfBegun(number),
        here if here.is_whole() => Found::Sound(number, here),
        _ => Found::Damaged,
    })
}

/// Reads a file from the disk, not from the memory of a process that died.
fn reach(disk: &dyn Disk, number: u32, key: &VerifyingKey) -> Result<Reach, AuditError> {
    let failed = AuditError::disk("read");
    let file = disk.open(&file_name(number)).map_err(&failed)?;
    file.sync_data().and_then(|()| file.forget()).map_err(&failed)?;
    let bytes = crate::store::disk::read_whole(&*file, READ_BYTES_MAX).map_err(&failed)?;
    Ok(verify(number, &bytes, key))
}

/// Goes on in a file whose lines are whole up to a torn tail, which is cut.
fn resume(
    disk: &dyn Disk,
    number: u32,
    reach: &Reach,
    opened: &mut AuditOpened,
) -> Result<State, AuditError> {
    let failed = AuditError::disk("cut");
    let file = disk.open(&file_name(number)).map_err(&failed)?;
    opened.cut_bytes = reach.length.saturating_sub(reach.end);
    if 0 < opened.cut_bytes {
        file.set_length(reach.end).map_err(&failed)?;
        file.sync_data().map_err(&failed)?;
    }
    Ok(State {
        number,
        file,
        end: reach.end,
        link: reach.link,
        unsigned: reach.unsigned,
        unsynced: 0,
        suspect: false,
    })
}

/// Begins the file behind `last`, which is kept as it is; the new one names its digest.
fn follow_up(
    disk: &dyn Disk,
    last: u32,
    link: Link,
    (now, why): (Stamp, &str),
) -> Result<State, AuditError> {
    let old = disk.open(&file_name(last));
    let bytes = old.and_then(|old| crate::store::disk::read_whole(&*old, READ_BYTES_MAX));
    let told = match bytes {
        Ok(bytes) => format!("{why}; after {} of {}", file_name(last), Digest::of(&bytes)),
        Err(_) => format!("{why}; after {} that cannot be read", file_name(last)),
    };
    // A name that was half made by an earlier attempt is skipped.
    let names = disk.list().map_err(AuditError::disk("listed"))?;
    let newest = names.iter().filter_map(|name| file_number(name)).max();
    let number = last.max(newest.unwrap_or(0)).saturating_add(1);
    begin_file(disk, number, link, (now, &told))
}

fn begin_file(
    disk: &dyn Disk,
    number: u32,
    link: Link,
    (now, why): (Stamp, &str),
) -> Result<State, AuditError> {
    let failed = AuditError::disk("begun");
    let file = disk.create(&file_name(number)).map_err(&failed)?;
    disk.sync_dir().map_err(&failed)?;
    let mut state = State {
        number,
        file,
        end: 0,
        // Numbers go on, the chain of hashes begins anew: the digest of the old file binds them.
        link: Link { n: link.n, hash: Digest([0; 32]) },
        unsigned: 0,
        unsynced: 0,
        suspect: false,
    };
    state.append(&own(now, "begin", why))?;
    state.sync()?;
    Ok(state)
}

#[cfg(test)]
mod tests;
