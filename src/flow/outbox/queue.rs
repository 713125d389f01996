//! What is owed to one destination, in the order in which it should leave.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ids::{Arrival, DeliveryRow, StudyRow};
use crate::base::time::Instant;
use crate::base::uid::Uid;
use crate::base::urgency::Urgency;

/// What a delivery is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A document of ours: small, and somebody waits for it.
    Result,
    /// An instance as a scanner sent it.
    Original,
}

/// A class in one transfer syntax: what one presentation context is proposed for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Context {
    /// SOP Class UID.
    pub class: Uid,
    /// Transfer Syntax UID of the data set as it is kept.
    pub syntax: Uid,
}

/// One instance owed to the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The ledger's row.
    pub delivery: DeliveryRow,
    /// The study.
    pub study: StudyRow,
    /// SOP Instance UID: of several versions the earlier goes first.
    pub instance: Uid,
    /// What it is sent as.
    pub context: Context,
    /// How urgent.
    pub urgency: Urgency,
    /// Result or original.
    pub kind: Kind,
    /// Its place in the order of arrival.
    pub arrival: Arrival,
    /// Bytes of the data set.
    pub bytes: u64,
}

/// What goes before what: the urgent, then results, then what was not in trouble, then the
/// earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    rank: (Urgency, Kind),
    troubled: bool,
    arrival: Arrival,
    delivery: DeliveryRow,
}

/// One owed instance and its history.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) owed: Owed,
    /// Failures of this instance alone, not of the line.
    pub(super) failures: u32,
    /// Refusals for want of resources with others passing in between.
    pub(super) strikes: u32,
    /// How many had passed at the last strike.
    pub(super) passed: u64,
    /// A-ABORTs of the peer while it was under way.
    pub(super) aborts: u32,
    paused: Option<Instant>,
    troubled: bool,
}

/// Everything owed: ready, paused, or behind an earlier version of the same instance.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: BTreeMap<DeliveryRow, Item>,
    ready: BTreeSet<Place>,
    by_study: BTreeSet<(StudyRow, Place)>,
    paused: BTreeSet<(Instant, DeliveryRow)>,
    versions: BTreeMap<Uid, BTreeSet<(Arrival, DeliveryRow)>>,
    contexts: BTreeMap<Context, u64>,
}

impl Queue {
    /// Adds what is not known yet.
    pub(super) fn add(&mut self, owed: Owed) {
        let row = owed.delivery;
        if self.items.contains_key(&row) {
            return;
        }
        let versions = self.versions.entry(owed.instance.clone()).or_default();
        let first_before = versions.first().copied();
        versions.insert((owed.arrival, row));
        *self.contexts.entry(owed.context.clone()).or_default() += 1;
        let item = Item {
            owed,
            failures: 0,
            strikes: 0,
            passed: 0,
            aborts: 0,
            paused: None,
            troubled: false,
        };
        self.items.insert(row, item);
        if let Some((_, before)) = first_before {
            self.settle(before);
        }
        self.settle(row);
    }

    /// Takes one out; the next version of its instance moves up.
    pub(super) fn remove(&mut self, row: DeliveryRow) -> Option<Owed> {
        self.unplace(row);
        let owed = self.items.remove(&row)?.owed;
        if let Some(count) = self.contexts.get_mut(&owed.context) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.contexts.remove(&owed.context);
            }
        }
        let versions = self.versions.get_mut(&owed.instance);
        let next = versions.and_then(|versions| {
            versions.remove(&(owed.arrival, row));
            versions.first().map(|(_, next)| *next)
        });
        match next {
            Some(next) => self.settle(next),
            None => {
                self.versions.remove(&owed.instance);
            }
        }
        Some(owed)
    }

    /// Lets others go before it until `until`, and its untroubled peers after that, too.
    pub(super) fn pause(&mut self, row: DeliveryRow, until: Instant) {
        self.unplace(row);
        if let Some(item) = self.items.get_mut(&row) {
            item.paused = Some(until);
            item.troubled = true;
        }
        self.settle(row);
    }

    /// Ends the pauses that are over.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some((until, row)) = self.paused.first().copied()
            && until <= now
        {
            self.unplace(row);
            if let Some(item) = self.items.get_mut(&row) {
                item.paused = None;
            }
            self.settle(row);
        }
    }

    /// Chooses the next to send; among equals one of `study` goes first.
    pub(super) fn next(&self, study: Option<StudyRow>) -> Option<&Owed> {
        let first = self.ready.first()?;
        let same = study.and_then(|study| {
            let (_, place) = self.of_study(study).next()?;
            (place.rank == first.rank).then_some(place)
        });
        let row = same.unwrap_or(first).delivery;
        self.items.get(&row).map(|item| &item.owed)
    }

    /// Returns whether anything of `study` could be sent now.
    pub(super) fn has(&self, study: StudyRow) -> bool {
        self.of_study(study).next().is_some()
    }

    /// Returns when the next pause ends.
    pub(super) fn wakes(&self) -> Option<Instant> {
        self.paused.first().map(|(until, _)| *until)
    }

    /// Returns whether anything could be sent now.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Returns at most `max` contexts, those of `study` first.
    pub(super) fn contexts(&self, study: StudyRow, max: usize) -> Vec<Context> {
        let mut seen = BTreeSet::new();
        let mut chosen = Vec::new();
        let rows = self.of_study(study).map(|(_, place)| place.delivery);
        let items = rows.filter_map(|row| self.items.get(&row));
        let first = items.map(|item| &item.owed.context);
        for context in first.chain(self.contexts.keys()) {
            if max <= chosen.len() {
                break;
            }
            if seen.insert(context) {
                chosen.push(context.clone());
            }
        }
        chosen
    }

    /// Returns the rows that would be sent in one of `contexts`, in the order of their numbers.
    pub(super) fn rows_in(&self, contexts: &BTreeSet<Context>) -> Vec<DeliveryRow> {
        let items = self.items.iter();
        let inside = items.filter(|(_, item)| contexts.contains(&item.owed.context));
        inside.map(|(row, _)| *row).collect()
    }

    pub(super) fn get(&mut self, row: DeliveryRow) -> Option<&mut Item> {
        self.items.get_mut(&row)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    fn of_study(&self, study: StudyRow) -> impl Iterator<Item = &(StudyRow, Place)> {
        let least = Place {
            rank: (Urgency::High, Kind::Result),
            troubled: false,
            arrival: Arrival(0),
            delivery: DeliveryRow(i64::MIN),
        };
        let from = self.by_study.range((study, least)..);
        from.take_while(move |(of, _)| *of == study)
    }

    /// Puts a row where it belongs now.
    fn settle(&mut self, row: DeliveryRow) {
        self.unplace(row);
        let Some(item) = self.items.get(&row) else {
            return;
        };
        if let Some(until) = item.paused {
            self.paused.insert((until, row));
        } else if self.is_first_version(item) {
            self.ready.insert(item.place());
            self.by_study.insert((item.owed.study, item.place()));
        }
    }

    fn unplace(&mut self, row: DeliveryRow) {
        if let Some(item) = self.items.get(&row) {
            self.ready.remove(&item.place());
            self.by_study.remove(&(item.owed.study, item.place()));
            if let Some(until) = item.paused {
                self.paused.remove(&(until, row));
            }
        }
    }

    fn is_first_version(&self, item: &Item) -> bool {
        let versions = self.versions.get(&item.owed.instance);
        let first = versions.and_then(BTreeSet::first);
        first.is_none_or(|(_, first)| *first == item.owed.delivery)
    }
}

impl Item {
    fn place(&self) -> Place {
        Place {
            rank: (self.owed.urgency, self.owed.kind),
            troubled: self.troubled,
            arrival: self.owed.arrival,
            delivery: self.owed.delivery,
        }
    }
}
