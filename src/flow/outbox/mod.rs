//! When to send what to one destination, and what to make of its answers.
//!
//! ```text
//!   Idle ──Connect──► Connecting ──Connected──► (Echo, after a failure) ──► Ready ◄──┐
//!    ▲                    │                            │                  │  │ Send   │ Answered
//!    │◄─── pause ─────────┴──────── Failed ────────────┴──── Failed ──────┤  ▼        │
//!    │                                                                    │ Sending ──┘
//!    └───────────── Closed ◄── Releasing ◄── Release (study done, linger) ┘
//! ```
//!
//! | phase | what holds | who ends it |
//! |---|---|---|
//! | idle | no association | something owed, once the pause is over |
//! | connecting, echoing, sending | one question is open | the answer, or the deadline: A-ABORT |
//! | ready | nothing can be sent now | something owed, or [`LINGER`]: release |
//! | releasing | we asked to release | the peer, or ARTIM |
//!
//! # Invariants
//!
//! - What is owed leaves only by [`Action::Done`] or [`Action::Park`]; there is no giving up (I1).
//! - One association and one object at a time; inside a study the order is that of arrival, but
//!   for what the destination would not take; a later version never overtakes an earlier one.
//! - A failure of the line pauses the line, a failure of one object pauses that object.
//! - Nothing is parked for what the line does: only the peer's own words (a status, a refused
//!   context, A-ABORT with an object under way) set an object aside.
//! - [`Outbox::deadline`] is never in the past after a step (I9).

mod phase;
mod queue;
mod status;
mod talk;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::ids::{DeliveryRow, StudyRow};
use crate::base::limits::{
    ABORTS_MAX, ANSWER, ARTIM, BACKOFF_MAX, BACKOFF_MIN, CONTEXTS_MAX, OUT_OF_RESOURCES_MAX,
    RATE_BYTES_MIN, RATE_WINDOW,
};
use crate::base::rng::{Rng, SplitMix};
use crate::base::time::Instant;

pub use queue::{Context, Kind, Owed};
pub use status::{Class, classify};
pub use talk::{Action, Event, Failure, Link, Outcome, Parked, Standing};

use phase::Phase;
use queue::Queue;

/// How long an association stays open with nothing to send. Archives read a release as "study
/// complete", so it should not come between two slices of a running scan; DCMTK and Orthanc close
/// after 31 to 61 s themselves.
pub const LINGER: Duration = Duration::from_secs(10);
/// How many refusals for want of resources in a row, none passing, are a verdict on the
/// destination: then the line pauses rather than each object in turn.
const FULL_IN_A_ROW: u32 = 3;
/// Failures after which the pause no longer grows: 2 s × 2⁹ is above 15 min.
const FAILURES_AT_CAP: u32 = 10;

/// What is owed to one destination.
#[derive(Debug)]
pub struct Outbox {
    queue: Queue,
    phase: Phase,
    jitter: SplitMix,
    links: u64,
    accepted: BTreeSet<Context>,
    /// The study of the last object on this association.
    study: Option<StudyRow>,
    /// Failures of the line since something passed.
    failures: u32,
    /// Refusals for want of resources since something passed.
    full: u32,
    /// Objects that passed, ever.
    passed: u64,
    /// What the peer aborted on since it answered something.
    aborted: BTreeSet<DeliveryRow>,
    away: Option<Instant>,
    refuses: bool,
    words: String,
    actions: Vec<Action>,
}

impl Outbox {
    /// Begins with nothing owed; `seed` makes the pauses of several boxes differ.
    pub fn new(seed: u64) -> Self {
        Self {
            queue: Queue::default(),
            phase: Phase::Idle { from: Instant::default() },
            jitter: SplitMix::new(seed),
            links: 0,
            accepted: BTreeSet::new(),
            study: None,
            failures: 0,
            full: 0,
            passed: 0,
            aborted: BTreeSet::new(),
            away: None,
            refuses: false,
            words: String::new(),
            actions: Vec::new(),
        }
    }

    /// Adds what the ledger says is owed and not parked; what is known already stays as it is.
    ///
    /// Step with [`Event::Tick`] behind it. Rows read before an [`Action::Done`] was written must
    /// not be loaded after it: the object would be sent twice.
    pub fn load(&mut self, owed: impl IntoIterator<Item = Owed>) {
        owed.into_iter().for_each(|owed| self.queue.add(owed));
    }

    /// Takes out what a person withdrew; one that is under way may still arrive.
    pub fn withdraw(&mut self, delivery: DeliveryRow) {
        self.queue.remove(delivery);
        self.aborted.remove(&delivery);
    }

    /// Takes in what happened and says what to do.
    #[must_use]
    pub fn step(&mut self, now: Instant, event: Event) -> Vec<Action> {
        match event {
            Event::Tick => {}
            Event::RetryNow => self.retry_now(now),
            Event::Connected { link, accepted } => self.connected(now, link, accepted),
            Event::Echoed { link } => {
                if matches!(self.phase, Phase::Echoing { link: open, .. } if open == link) {
                    self.phase = Phase::Ready { link, since: now };
                }
            }
            Event::Failed { link, failure } => self.gone(now, link, failure),
            Event::Closed { link } => {
                let words = "the peer closed the connection".to_owned();
                self.gone(now, link, Failure::Away { words });
            }
            Event::Answered { link, delivery, outcome } => {
                if matches!(self.phase, Phase::Sending { link: open, delivery: sent, .. }
                    if open == link && sent == delivery)
                {
                    self.answered(now, link, delivery, outcome);
                }
            }
        }
        self.advance(now);
        std::mem::take(&mut self.actions)
    }

    /// Returns when to step with [`Event::Tick`] if nothing happens before; `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Idle { from } if self.queue.is_ready() => Some(*from),
            Phase::Idle { from } => self.queue.wakes().map(|wakes| wakes.max(*from)),
            Phase::Ready { since, .. } => {
                let linger = since.after(LINGER);
                Some(self.queue.wakes().map_or(linger, |wakes| wakes.min(linger)))
            }
            Phase::Connecting { until, .. }
            | Phase::Echoing { until, .. }
            | Phase::Sending { until, .. }
            | Phase::Releasing { until, .. } => Some(*until),
        }
    }

    /// Returns how the destination is doing.
    pub fn standing(&self) -> Standing<'_> {
        let idle = self.phase.idle_from();
        Standing {
            owed: self.queue.len(),
            sending: self.phase.sending(),
            away_since: self.away,
            refuses: self.refuses,
            next_try: idle.and_then(|_| self.deadline()),
            words: &self.words,
        }
    }

    /// Does what can be done until something must be waited for.
    fn advance(&mut self, now: Instant) {
        self.queue.wake(now);
        if self.queue.len() == 0 {
            self.answers();
        }
        if let Phase::Ready { link, since } = self.phase {
            self.use_line(now, link, since);
        } else if let Some((link, Some(until))) = self.phase.open()
            && until <= now
        {
            self.actions.push(Action::Abort { link });
            let words = "no answer in time".to_owned();
            self.gone(now, link, Failure::Away { words });
        }
        if self.phase.idle_from().is_some_and(|from| from <= now) {
            self.connect(now);
        }
    }

    fn connect(&mut self, now: Instant) {
        let Some(study) = self.queue.next(None).map(|owed| owed.study) else {
            return;
        };
        self.links += 1;
        let link = Link(self.links);
        // One place is left for Verification.
        let contexts = self.queue.contexts(study, CONTEXTS_MAX - 1);
        self.actions.push(Action::Connect { link, contexts: contexts.clone() });
        let until = now.after(ANSWER);
        self.phase = Phase::Connecting { link, asked: contexts, until };
        self.accepted = BTreeSet::new();
        self.study = None;
    }

    /// Sends the next, or releases the association.
    fn use_line(&mut self, now: Instant, link: Link, since: Instant) {
        if let Some(next) = self.queue.next(self.study) {
            let (delivery, study) = (next.delivery, next.study);
            let between = |current| current == study || self.queue.has(current);
            if self.accepted.contains(&next.context) && self.study.is_none_or(between) {
                let until = now.after(answer_due(next.bytes));
                // A passing urgent one does not make its study the association's.
                self.study = self.study.or(Some(study));
                self.phase = Phase::Sending { link, delivery, until };
                self.actions.push(Action::Send { link, delivery });
                return;
            }
        } else if now < since.after(LINGER) {
            return;
        }
        self.release(now, link, now);
    }

    fn release(&mut self, now: Instant, link: Link, from: Instant) {
        self.actions.push(Action::Release { link });
        let until = now.after(ARTIM);
        self.phase = Phase::Releasing { link, until, from };
    }

    fn connected(&mut self, now: Instant, link: Link, accepted: Vec<Context>) {
        let Phase::Connecting { link: open, asked, .. } = &mut self.phase else {
            return;
        };
        if *open != link {
            return;
        }
        let asked: BTreeSet<Context> = std::mem::take(asked).into_iter().collect();
        self.accepted = accepted.into_iter().collect();
        let refused = asked.difference(&self.accepted).cloned().collect();
        for delivery in self.queue.rows_in(&refused) {
            self.park(delivery, Parked::NoContext);
        }
        self.refuses = false;
        self.phase = if 0 < self.failures {
            self.actions.push(Action::Echo { link });
            Phase::Echoing { link, until: now.after(ANSWER) }
        } else {
            Phase::Ready { link, since: now }
        };
    }

    /// The association is gone, or was never had.
    fn gone(&mut self, now: Instant, link: Link, failure: Failure) {
        if self.phase.open().is_none_or(|(open, _)| open != link) {
            return;
        }
        match self.phase {
            Phase::Idle { .. } => {}
            // The peer may close what is idle.
            Phase::Ready { .. } => self.phase = Phase::Idle { from: now },
            Phase::Releasing { from, .. } => self.phase = Phase::Idle { from },
            Phase::Sending { delivery, .. } => {
                self.failed(now, failure);
                self.lost(now, delivery);
            }
            Phase::Connecting { .. } | Phase::Echoing { .. } => self.failed(now, failure),
        }
    }

    /// Pauses the line.
    fn failed(&mut self, now: Instant, failure: Failure) {
        let (words, refuses) = match failure {
            Failure::Away { words } => (words, false),
            Failure::Refused { words } => (words, true),
        };
        self.failures = self.failures.saturating_add(1);
        if refuses {
            self.failures = self.failures.max(FAILURES_AT_CAP);
        }
        self.words = words;
        self.refuses = refuses;
        self.away = self.away.or(Some(now));
        let pause = self.pause(self.failures);
        self.phase = Phase::Idle { from: now.after(pause) };
    }

    /// Whether the peer has the object is not known: it is sent again under the same UID. One that
    /// breaks the line twice lets the others go first, lest it block them for ever.
    fn lost(&mut self, now: Instant, delivery: DeliveryRow) {
        let failures = self.count_failure(delivery);
        if 1 < failures {
            let from = self.phase.idle_from().unwrap_or(now);
            let pause = self.pause(failures);
            self.queue.pause(delivery, from.after(pause));
        }
    }

    fn answered(&mut self, now: Instant, link: Link, delivery: DeliveryRow, outcome: Outcome) {
        self.phase = Phase::Ready { link, since: now };
        match outcome {
            Outcome::Accepted { status } => self.judge(now, link, (delivery, status), ""),
            Outcome::Refused { status, words } => {
                self.judge(now, link, (delivery, status), &words);
            }
            Outcome::NoContext => self.park(delivery, Parked::NoContext),
            Outcome::Transient { words } => {
                self.words = words;
                let failures = self.count_failure(delivery);
                let pause = self.pause(failures);
                self.queue.pause(delivery, now.after(pause));
            }
            Outcome::Aborted { words } => {
                self.failed(now, Failure::Away { words: words.clone() });
                if ABORTS_MAX <= self.count_abort(delivery) {
                    self.park(delivery, Parked::Aborted { words });
                } else {
                    self.lost(now, delivery);
                }
            }
            Outcome::Lost => {
                let words = "the connection broke before the answer".to_owned();
                self.failed(now, Failure::Away { words });
                self.lost(now, delivery);
            }
        }
    }

    fn judge(
        &mut self,
        now: Instant,
        link: Link,
        (delivery, status): (DeliveryRow, u16),
        words: &str,
    ) {
        match classify(status) {
            Class::Accepted => {
                self.passed += 1;
                self.answers();
                self.queue.remove(delivery);
                self.actions.push(Action::Done { delivery, status });
            }
            Class::Permanent => {
                self.answers();
                let words = words.to_owned();
                self.park(delivery, Parked::Refused { status, words });
            }
            Class::OutOfResources | Class::Unclear => {
                if OUT_OF_RESOURCES_MAX <= self.strike(delivery) {
                    let words = words.to_owned();
                    self.park(delivery, Parked::Refused { status, words });
                    return;
                }
                let failures = self.count_failure(delivery);
                let pause = self.pause(failures);
                self.queue.pause(delivery, now.after(pause));
                self.full = self.full.saturating_add(1);
                if FULL_IN_A_ROW <= self.full {
                    self.failed(now, Failure::Away { words: words.to_owned() });
                    if let Phase::Idle { from } = self.phase {
                        self.release(now, link, from);
                    }
                }
            }
        }
    }

    /// Counts a refusal for want of resources; those with nothing passing in between count once.
    fn strike(&mut self, delivery: DeliveryRow) -> u32 {
        let passed = self.passed;
        let Some(item) = self.queue.get(delivery) else {
            return 0;
        };
        if item.strikes == 0 || item.passed < passed {
            item.strikes += 1;
            item.passed = passed;
        }
        item.strikes
    }

    /// Counts an A-ABORT against the object, unless the peer aborts on others as well and answers
    /// nothing in between: then it is the peer that is in trouble (I1).
    fn count_abort(&mut self, delivery: DeliveryRow) -> u32 {
        self.aborted.insert(delivery);
        let is_alone = self.aborted.len() == 1;
        let Some(item) = self.queue.get(delivery) else {
            return 0;
        };
        item.aborts = item.aborts.saturating_add(u32::from(is_alone));
        item.aborts
    }

    /// Something was answered that is no trouble of the line.
    fn answers(&mut self) {
        self.aborted.clear();
        self.failures = 0;
        self.full = 0;
        self.refuses = false;
        self.away = None;
        self.words = String::new();
    }

    fn park(&mut self, delivery: DeliveryRow, why: Parked) {
        self.queue.remove(delivery);
        self.aborted.remove(&delivery);
        self.actions.push(Action::Park { delivery, why });
    }

    fn count_failure(&mut self, delivery: DeliveryRow) -> u32 {
        let item = self.queue.get(delivery);
        item.map_or(1, |item| {
            item.failures = item.failures.saturating_add(1);
            item.failures
        })
    }

    fn retry_now(&mut self, now: Instant) {
        if let Phase::Idle { from } = &mut self.phase {
            *from = now;
        }
        self.queue.wake(Instant::from_nanos(u64::MAX));
    }

    /// Draws a pause: exponential with full jitter, `rand(0, min(cap, base × 2ⁿ⁻¹))`, so that
    /// the boxes of a clinic do not come back to an archive all at once.
    fn pause(&mut self, failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1).min(31));
        let most = BACKOFF_MIN.saturating_mul(doubled.unwrap_or(u32::MAX)).min(BACKOFF_MAX);
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.jitter.below(most.saturating_add(1)))
    }
}

/// How long one object may take: the answer, twice, and its bytes at the slowest rate that we
/// bear. The driver's own deadlines are shorter; this one stands behind them.
fn answer_due(bytes: u64) -> Duration {
    let windows = u32::try_from(bytes / RATE_BYTES_MIN).unwrap_or(u32::MAX);
    ANSWER.saturating_mul(2).saturating_add(RATE_WINDOW.saturating_mul(windows.saturating_add(1)))
}
