//! Refusals of strangers, counted so that a peer on the network cannot wear the disk out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::limits::STRANGERS_MAX;
use crate::base::time::Instant;

/// At most one line a caller in this time.
const LINE_EVERY: Duration = Duration::from_mins(1);
/// Where callers are counted once [`STRANGERS_MAX`] are known.
const OTHERS: &str = "others";

/// One line to write: a caller was refused so often since the last line about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The caller, as [`Refusals::note`] was told; `others` for those beyond the limit.
    pub caller: String,
    /// How often.
    pub count: u64,
}

#[derive(Debug)]
struct Seen {
    told: Instant,
    untold: u64,
}

/// Counts refusals and says when a line is due.
///
/// The first refusal of a caller is told at once, the following ones together after a minute.
#[derive(Debug, Default)]
pub struct Refusals {
    callers: BTreeMap<String, Seen>,
}

impl Refusals {
    /// Notes a refusal; returns a line if one is due now.
    #[must_use]
    pub fn note(&mut self, caller: &str, now: Instant) -> Option<Refused> {
        let is_known = self.callers.contains_key(caller);
        let caller = if is_known || self.callers.len() < STRANGERS_MAX { caller } else { OTHERS };
        if let Some(seen) = self.callers.get_mut(caller) {
            seen.untold = seen.untold.saturating_add(1);
            return seen.tell(caller, now);
        }
        let seen = Seen { told: now, untold: 0 };
        self.callers.insert(caller.to_owned(), seen);
        Some(Refused { caller: caller.to_owned(), count: 1 })
    }

    /// Returns the lines that are due, and forgets callers that were quiet for a minute.
    #[must_use]
    pub fn due(&mut self, now: Instant) -> Vec<Refused> {
        let mut lines = Vec::new();
        self.callers.retain(|caller, seen| {
            let is_quiet = seen.untold == 0 && LINE_EVERY <= now.since(seen.told);
            lines.extend(seen.tell(caller, now));
            !is_quiet
        });
        lines
    }

    /// Returns when [`Refusals::due`] has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.callers.values().map(|seen| seen.told.after(LINE_EVERY));
        due.min()
    }
}

impl Seen {
    fn tell(&mut self, caller: &str, now: Instant) -> Option<Refused> {
        if self.untold == 0 || now.since(self.told) < LINE_EVERY {
            return None;
        }
        self.told = now;
        Some(Refused { caller: caller.to_owned(), count: std::mem::take(&mut self.untold) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_thousand_refusals_in_a_minute_are_two_lines_and_none_is_lost() {
        let mut refusals = Refusals::default();
        let lines: Vec<_> =
            (0..1000).filter_map(|i| refusals.note("CT1 from 10.0.0.21", at(i / 20))).collect();
        assert_eq!(lines.iter().map(|line| line.count).sum::<u64>(), 1);
        assert_eq!(refusals.deadline(), Some(at(60)));
        assert_eq!(refusals.due(at(59)), []);
        let last = refusals.due(at(60));
        assert_eq!(last.iter().map(|line| line.count).sum::<u64>(), 999);
        assert_eq!(refusals.due(at(120)), []);
        assert_eq!(refusals.deadline(), None);
    }

    #[test]
    fn callers_beyond_the_limit_share_one_line() {
        let mut refusals = Refusals::default();
        let lines: Vec<_> =
            (0..1000).filter_map(|i| refusals.note(&format!("S{i}"), at(0))).collect();
        assert_eq!(lines.len(), STRANGERS_MAX + 1);
        let later = refusals.due(at(60));
        assert_eq!(later.len(), 1);
        assert_eq!((&*later[0].caller, later[0].count), (OTHERS, 935));
    }
}
