//! The scanner of a run, and the box as far as it answers it.

use scanpost::base::aet::AeTitle;
use scanpost::base::rng::Rng;
use scanpost::dicom::acceptor;
use scanpost::dicom::dimse::Priority;
use scanpost::dicom::requestor::{
    Action, Input, Outcome, Requestor, RequestorSettings, Rest, StoreOrder,
};
use scanpost::store::disk::memory::{Failure, Lasting, Step, Trouble};

use super::{Event, World};
use crate::clinic::{MS, S, pair};

impl World {
    pub(super) fn scanner_connect(&mut self) {
        if self.is_scanner_done() || self.scanner.requestor.is_some() {
            return;
        }
        let title = |text: &[u8]| AeTitle::parse(text).expect("a title");
        let settings = RequestorSettings::new(title(b"CT1"), title(b"SCANPOST"));
        self.scanner.requestor = Some(Requestor::new(settings, &[pair()]).expect("one pair"));
        self.scanner.line += 1;
        self.station().connect();
        self.scanner_step(Input::Connected);
    }

    pub(super) fn scanner_step(&mut self, input: Input<'_>) {
        let now = self.instant();
        let Some(requestor) = &mut self.scanner.requestor else { return };
        let actions = requestor.step(now, input);
        let line = self.scanner.line;
        for action in actions {
            match action {
                Action::Send(bytes) => {
                    let cut = Event::ScannerCut { line };
                    self.wire(0, &bytes, cut, |bytes| Event::ToBox { line, bytes });
                }
                Action::Established(_) => self.scanner_store(),
                Action::WantData => {
                    let content = self.plan.sending[self.scanner.next];
                    let bytes = self.plan.contents[content].bytes.clone();
                    self.scanner_step(Input::Data(&bytes, Rest::Last));
                }
                Action::Outcome(Outcome::Answered(answer)) => {
                    if answer.status.is_success() {
                        self.told.insert(self.plan.sending[self.scanner.next]);
                        self.scanner.next += 1;
                        if self.one_in(25) {
                            let when = self.rng.below(2 * S);
                            self.at(when, Event::PowerCut);
                        }
                    }
                    let goes_on = answer.status.is_success() && self.rng.below(5) != 0;
                    if goes_on && !self.is_scanner_done() {
                        self.scanner_store();
                    } else {
                        self.scanner_step(Input::Release);
                    }
                }
                Action::Ended(_) | Action::Close => return self.scanner_gone(),
                Action::Outcome(_) | Action::Note(_) => {}
            }
        }
    }

    fn scanner_store(&mut self) {
        let sop_instance =
            self.plan.contents[self.plan.sending[self.scanner.next]].instance.clone();
        let order = StoreOrder { pair: pair(), sop_instance, priority: Priority::Medium };
        self.scanner_step(Input::Store(order));
    }

    pub(super) fn scanner_gone(&mut self) {
        self.scanner.line += 1;
        self.scanner.requestor = None;
        self.station().hang_up();
        let pause = (1 + self.rng.below(40)) * S;
        self.at(pause, Event::ScannerTry);
    }

    pub(super) fn box_feed(&mut self, input: acceptor::Input<'_>) {
        if self.armed.is_none() && self.one_in(50) {
            let after = self.rng.below(12);
            let (failure, lasting) = (Failure::PowerCut, Lasting::Forever);
            self.disk.plan(Trouble { step: Step::Change, after, failure, lasting });
            self.armed = Some(self.disk.changes() + after);
        }
        let current = self.plan.sending.get(self.scanner.next).copied();
        let reply = self.station().feed(input);
        if let Some(content) = current.filter(|_| 0 < reply.ended) {
            if 0 < reply.sealed {
                self.unbooked.push(content);
                if !self.order.contains(&content) {
                    self.order.push(content);
                }
                let (boot, when) = (self.boot, self.rng.below(400) * MS);
                self.at(when, Event::Book { boot });
            } else {
                self.perhaps.push(content);
                self.unsure.insert(content);
            }
        }
        let line = self.scanner.line;
        let cut = Event::ScannerCut { line };
        if !reply.bytes.is_empty() {
            self.wire(1, &reply.bytes, cut.clone(), |bytes| Event::ToScanner { line, bytes });
        }
        if reply.closes {
            self.at(self.free_at[1].saturating_sub(self.now), cut);
        }
    }
}
