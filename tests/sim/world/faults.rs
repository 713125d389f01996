//! What goes wrong in a run: planned at its start, or armed on the way.

use scanpost::base::rng::Rng;
use scanpost::store::disk::memory::{Failure, Lasting, Loss, Step, Trouble};
use scanpost::store::ledger::Ledger;

use super::{BAD, CAPACITY, Event, World};
use crate::archive::Archive;
use crate::clinic::{ARCHIVES, S};
use crate::station::Station;

impl World {
    pub(super) fn plan_faults(&mut self) {
        for _ in 0..self.rng.below(4) {
            let when = self.rng.below(BAD);
            self.at(when, Event::PowerCut);
        }
        for to in 0..ARCHIVES.len() {
            for _ in 0..self.rng.below(3) {
                let when = self.rng.below(BAD);
                self.at(when, Event::Away { to });
            }
        }
        for to in [None, Some(0), Some(1)] {
            for _ in 0..self.rng.below(3) {
                let when = self.rng.below(BAD);
                self.at(when, Event::Mute { to });
            }
        }
        for _ in 0..self.rng.below(3) {
            // Up to 30 years to either side.
            let (when, years) = (self.rng.below(BAD), self.rng.below(60).cast_signed() - 30);
            self.at(when, Event::Jump { to: years * 365 * 86_400_000 });
        }
        if self.rng.below(3) == 0 {
            let when = self.rng.below(BAD);
            self.at(when, Event::Full);
            self.at(when + self.rng.clone().below(100 * S), Event::Roomy);
        }
    }

    /// Has the power fail within the next `changes` of the disk.
    pub(super) fn arm(&mut self, changes: u64) {
        let after = self.rng.below(changes);
        let (failure, lasting) = (Failure::PowerCut, Lasting::Forever);
        self.disk.plan(Trouble { step: Step::Change, after, failure, lasting });
        self.armed = Some(self.disk.changes() + after);
    }

    /// Cuts the power of the box, and starts it again.
    pub(super) fn power_cut(&mut self) {
        self.cuts += 1;
        self.armed = None;
        let loss = if self.rng.below(2) == 0 { Loss::Everything } else { Loss::Some };
        self.disk.crash(&mut self.rng, loss);
        self.disk.set_capacity(CAPACITY);
        self.scanner_gone();
        self.archives.iter_mut().for_each(Archive::hang_up);
        let mut ledger = self.station.take().expect("the power was on").into_ledger();
        self.unbooked.append(&mut self.perhaps);
        if self.rng.below(5) == 0 {
            ledger = Ledger::in_memory().expect("memory");
            self.epoch += 1;
            for archive in &mut self.archives {
                archive.allowed.iter_mut().for_each(|allowed| *allowed += 1);
            }
        }
        self.boot += 1;
        self.clock.next_boot();
        let (clock, seed) = (self.clock.clone(), self.rng.next_u64());
        self.station = Some(Station::boot(&self.disk, ledger, &self.config, clock, seed));
        self.booked();
        for to in 0..ARCHIVES.len() {
            self.at(S, Event::Bell { boot: self.boot, to });
        }
        self.wake_reading();
    }
}
