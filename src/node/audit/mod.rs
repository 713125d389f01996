//! What the box writes into its audit file: noted at once, written behind the loops.
//!
//! | action | who | when |
//! |---|---|---|
//! | `start`, `stop` | box | with the number of the start |
//! | `fault` | box | what a start found: damage, a swapped disk, a broken chain |
//! | `ledger_rebuilt` | box | the ledger was made again from the vault, and why |
//! | `association_refused` | the caller | at the first time, then at most once a minute |
//! | `object_refused` | the caller | at the first time, then at most once a minute |
//! | `delivery_parked` | the destination | each |
//!
//! # Invariants
//!
//! - Noting never touches the disk and never fails; nothing that is promised waits for it.
//! - No patient data: an archive's words may name a patient, so that its status stands here alone.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::aet::AeTitle;
use crate::base::ids::DeliveryRow;
use crate::base::limits::AUDIT_NOTES_MAX;
use crate::base::time::{Clock, Instant, Stamp};
use crate::store::audit::{Audit, AuditError, Entry, Refusals, Refused, Urge};

/// How often lines are made durable.
const FLUSH: Duration = Duration::from_mins(1);
/// How often the head is signed.
const SIGN: Duration = Duration::from_hours(1);

/// Notes what happens, and writes it when it is told to.
pub struct Auditor {
    notes: Mutex<Notes>,
    /// `None` where the file could not be opened: the box keeps studies all the same.
    file: Option<Audit>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Notes {
    waiting: VecDeque<Note>,
    left_out: u64,
    strangers: Refusals,
    objects: Refusals,
    flushed: Instant,
    signed: Instant,
}

struct Note {
    at: Stamp,
    actor: String,
    action: &'static str,
    detail: String,
}

impl Auditor {
    /// Writes into `file`.
    pub fn new(file: Option<Audit>, clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let notes = Notes { flushed: now, signed: now, ..Notes::default() };
        Self { notes: Mutex::new(notes), file, clock }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an act of the box itself.
    pub fn note(&self, action: &'static str, detail: &str) {
        self.notes().push(self.clock.stamp(), "box", action, detail.to_owned());
    }

    /// Notes that an association was refused.
    pub fn association_refused(&self, calling: &AeTitle, peer: IpAddr, words: &str) {
        let at = self.clock.stamp();
        let mut notes = self.notes();
        let caller = format!("{calling} from {peer}");
        if let Some(Refused { caller, count }) = notes.strangers.note(&caller, at.monotonic) {
            notes.push(at, &caller, ASSOCIATION_REFUSED, format!("{words}; {}", times(count)));
        }
    }

    /// Notes that an object was refused with this status of the C-STORE-RSP.
    pub fn object_refused(&self, calling: &AeTitle, peer: IpAddr, status: u16) {
        let at = self.clock.stamp();
        let mut notes = self.notes();
        let caller = format!("{calling} from {peer}");
        if let Some(Refused { caller, count }) = notes.objects.note(&caller, at.monotonic) {
            notes.push(at, &caller, OBJECT_REFUSED, format!("{status:04X}; {}", times(count)));
        }
    }

    /// Notes that a destination refused something for good; `None`: without a status.
    pub fn parked(&self, destination: &str, delivery: DeliveryRow, status: Option<u16>) {
        let status = status.map_or_else(|| "no status".to_owned(), |code| format!("{code:04X}"));
        let detail = format!("delivery {delivery}; {status}");
        self.notes().push(self.clock.stamp(), destination, "delivery_parked", detail);
    }

    /// Writes what was noted, syncs once a minute and signs once an hour. It blocks on the disk.
    ///
    /// # Errors
    ///
    /// What the disk said; the lines that are not written wait on.
    pub fn write(&self) -> Result<(), AuditError> {
        let Some(file) = &self.file else { return Ok(()) };
        let now = self.clock.stamp();
        self.notes().collect(now);
        // Only this function takes lines out, and loops may go on noting while it writes.
        loop {
            let Some(note) = self.notes().waiting.pop_front() else { break };
            let (actor, action, detail) = (&*note.actor, note.action, &*note.detail);
            let entry = Entry { at: note.at, actor, action, subject: None, detail };
            match file.write(&entry, Urge::Later) {
                Ok(_) => {}
                // It never will be one: the others must not wait for it.
                Err(AuditError::BadLine) => tracing::error!(action, "no line of the audit file"),
                Err(error @ AuditError::Disk { .. }) => {
                    self.notes().waiting.push_front(note);
                    return Err(error);
                }
            }
        }
        if self.notes().is_due(now.monotonic, FLUSH, |notes| &mut notes.flushed) {
            file.flush()?;
        }
        if self.notes().is_due(now.monotonic, SIGN, |notes| &mut notes.signed) {
            file.sign(now)?;
        }
        Ok(())
    }

    /// Writes the last line and signs the head.
    ///
    /// # Errors
    ///
    /// What the disk said.
    pub fn stop(&self) -> Result<(), AuditError> {
        self.note("stop", "as asked");
        self.write()?;
        self.file.as_ref().map_or(Ok(()), |file| file.sign(self.clock.stamp()))
    }
}

const ASSOCIATION_REFUSED: &str = "association_refused";
const OBJECT_REFUSED: &str = "object_refused";

fn times(count: u64) -> String {
    format!("{count} times")
}

impl Notes {
    fn push(&mut self, at: Stamp, actor: &str, action: &'static str, detail: String) {
        if AUDIT_NOTES_MAX <= self.waiting.len() {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.waiting.push_back(Note { at, actor: actor.to_owned(), action, detail });
    }

    /// Adds the lines about refusals that are due, and how many lines had no room.
    fn collect(&mut self, at: Stamp) {
        let strangers = self.strangers.due(at.monotonic);
        let objects = self.objects.due(at.monotonic);
        let strangers = strangers.into_iter().map(|refused| (ASSOCIATION_REFUSED, refused));
        let objects = objects.into_iter().map(|refused| (OBJECT_REFUSED, refused));
        for (action, Refused { caller, count }) in strangers.chain(objects) {
            self.push(at, &caller, action, times(count));
        }
        if 0 < self.left_out && self.waiting.len() < AUDIT_NOTES_MAX {
            let left_out = std::mem::take(&mut self.left_out);
            self.push(at, "box", "lines_left_out", times(left_out));
        }
    }

    fn is_due(
        &mut self,
        now: Instant,
        every: Duration,
        last: impl Fn(&mut Self) -> &mut Instant,
    ) -> bool {
        let last = last(self);
        let is_due = every <= now.since(*last);
        if is_due {
            *last = now;
        }
        is_due
    }
}

#[cfg(test)]
mod tests;
