//! Deciding when a series is whole. DICOM never says, so evidence has to.
//!
//! ```text
//!            arrived                 look, coverage
//!   (none) ─────────► open, unseen ────────────────► open, seen ── due ──► closed
//!                        ▲                              │                    │
//!                        └────────── arrived ───────────┴──────── arrived ───┘ (next revision)
//! ```
//!
//! | what is known | whole after silence of | because |
//! |---|---|---|
//! | spacing even, association released since | `released_quiet` (10 s) | [`Why::Released`] |
//! | spacing even | `quiet` (60 s) | [`Why::Quiet`] |
//! | a gap | `incomplete` (15 min) | [`Why::Incomplete`] |
//! | nothing can be said (no geometry, one slice, a report) | `quiet` (60 s) | [`Why::Quiet`] |
//!
//! The last row is a choice: where geometry cannot tell, waiting longer tells nothing either. The
//! numbers are judgement: peers wait between 5 s and 15 min; 60 s outlasts the pauses of a
//! reconstruction that runs, 15 min outlasts one that was queued behind another patient.
//!
//! # Invariants
//!
//! - Every series that arrived becomes whole, and again after whatever comes late (I3).
//! - After a boot nobody knows how long it has been silent, so the full silence begins again; a
//!   release before the boot is forgotten, since its series may have come in halves.
//! - [`Gather::deadline`] is never in the past once [`Gather::looks`] and [`Gather::due`] were
//!   called (I9).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::ids::{Arrival, SeriesRow, StudyRow};
use crate::base::time::Instant;
use crate::config;

/// What geometry says about a series, as a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Slices that were looked at.
    pub slices: u32,
    /// Whether they lie evenly.
    pub complete: Complete,
}

/// Whether slices are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complete {
    /// Even distances, no gap.
    Even,
    /// Slices are missing in between.
    Gap,
    /// Geometry cannot tell: one slice, none, or no positions.
    Unknown,
}

/// A series that counts as whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The study.
    pub study: StudyRow,
    /// The series.
    pub series: SeriesRow,
    /// What it was decided on.
    pub why: Why,
    /// Its last arrival: later ones make it whole once more.
    pub up_to: Arrival,
    /// What geometry said; `None` where it was not asked or did not answer.
    pub coverage: Option<Coverage>,
}

/// What a decision that a series is whole rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The association was released, the slices are even, and a short silence followed.
    Released,
    /// A silence followed, and nothing is seen to be missing.
    Quiet,
    /// Slices are missing, and a long silence followed: it will be refused with an explanation.
    Incomplete,
}

/// Where an open series stands.
#[derive(Debug)]
struct Open {
    last: Instant,
    up_to: Arrival,
    /// Whether an association was released after the last arrival.
    released: bool,
    /// Whether geometry was asked since the last arrival.
    asked: bool,
    coverage: Option<Coverage>,
}

type Key = (StudyRow, SeriesRow);

/// The series that are arriving, and those that were whole.
#[derive(Debug)]
pub struct Gather {
    settings: config::Gather,
    open: BTreeMap<Key, Open>,
    /// Up to where each series was whole.
    closed: BTreeMap<Key, Arrival>,
}

impl Gather {
    /// Begins with no series.
    pub fn new(settings: config::Gather) -> Self {
        Self { settings, open: BTreeMap::new(), closed: BTreeMap::new() }
    }

    /// Tells at boot that a series was whole up to `up_to`.
    ///
    /// Call it before [`Gather::arrived`] for what came later.
    pub fn was_whole(&mut self, study: StudyRow, series: SeriesRow, up_to: Arrival) {
        let closed = self.closed.entry((study, series)).or_default();
        *closed = (*closed).max(up_to);
    }

    /// Tells that the last instance of a series known so far is `arrival`.
    ///
    /// Telling it again changes nothing, so the ledger may be read as often as one likes.
    /// At boot this begins the full silence.
    pub fn arrived(&mut self, now: Instant, study: StudyRow, series: SeriesRow, arrival: Arrival) {
        let key = (study, series);
        let seen = self.open.get(&key).map(|open| open.up_to);
        let seen = seen.max(self.closed.get(&key).copied());
        if seen.is_none_or(|seen| seen < arrival) {
            let open =
                Open { last: now, up_to: arrival, released: false, asked: false, coverage: None };
            self.open.insert(key, open);
        }
    }

    /// Tells that an association that brought instances of `study` was released in order.
    ///
    /// A-ABORT, a closed socket and silence are no evidence: do not tell them. The release of a
    /// sender that opens an association for each slice is undone by the next slice.
    pub fn released(&mut self, study: StudyRow) {
        let series = self.open.iter_mut().filter(|((of, _), _)| *of == study);
        series.for_each(|(_, open)| open.released = true);
    }

    /// Tells what geometry says about a series, all instances up to `up_to` considered.
    ///
    /// It is ignored when more has arrived since: it will be asked again.
    pub fn coverage(&mut self, study: StudyRow, series: SeriesRow, up_to: Arrival, fact: Coverage) {
        if let Some(open) = self.open.get_mut(&(study, series))
            && open.up_to <= up_to
        {
            open.asked = true;
            open.coverage = Some(fact);
        }
    }

    /// Returns the series that geometry should look at now, each asked for once per arrival.
    ///
    /// Asking waits for a short silence, so that a series of a thousand slices is looked at once
    /// or twice rather than a thousand times.
    pub fn looks(&mut self, now: Instant) -> Vec<(StudyRow, SeriesRow)> {
        let wait = self.settings.released_quiet;
        let mut looks = Vec::new();
        for (key, open) in &mut self.open {
            if !open.asked && open.last.after(wait) <= now {
                open.asked = true;
                looks.push(*key);
            }
        }
        looks
    }

    /// Takes the series that count as whole at `now`, in the order of their last arrival.
    pub fn due(&mut self, now: Instant) -> Vec<Whole> {
        let settings = &self.settings;
        let due = self.open.iter().filter(|(_, open)| {
            let (wait, _) = open.rule(settings);
            open.last.after(wait) <= now
        });
        let mut keys: Vec<(Arrival, Key)> = due.map(|(key, open)| (open.up_to, *key)).collect();
        keys.sort();
        let wholes = keys.into_iter().filter_map(|(_, key)| {
            let open = self.open.remove(&key)?;
            self.closed.insert(key, open.up_to);
            let (study, series) = key;
            Some(Whole {
                study,
                series,
                why: open.rule(&self.settings).1,
                up_to: open.up_to,
                coverage: open.coverage,
            })
        });
        wholes.collect()
    }

    /// Returns when to call [`Gather::looks`] and [`Gather::due`] again.
    pub fn deadline(&self) -> Option<Instant> {
        let next = self.open.values().map(|open| {
            let (wait, _) = open.rule(&self.settings);
            let look = self.settings.released_quiet;
            open.last.after(if open.asked { wait } else { wait.min(look) })
        });
        next.min()
    }

    /// Returns whether series of `study` are still arriving.
    pub fn is_open(&self, study: StudyRow) -> bool {
        self.open.keys().any(|(of, _)| *of == study)
    }

    /// Returns how many series are arriving.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Forgets a study that was erased.
    pub fn forget(&mut self, study: StudyRow) {
        self.open.retain(|(of, _), _| *of != study);
        self.closed.retain(|(of, _), _| *of != study);
    }
}

impl Open {
    /// How long the silence must be by what is known, and what the decision then rests on.
    fn rule(&self, settings: &config::Gather) -> (Duration, Why) {
        match self.coverage.map(|coverage| coverage.complete) {
            Some(Complete::Even) if self.released => (settings.released_quiet, Why::Released),
            Some(Complete::Even | Complete::Unknown) | None => (settings.quiet, Why::Quiet),
            Some(Complete::Gap) => (settings.incomplete, Why::Incomplete),
        }
    }
}

#[cfg(test)]
mod tests;
