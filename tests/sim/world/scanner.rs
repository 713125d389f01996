//! The scanner of a run, and the box as far as it answers it.

use scanpost::base::aet::AeTitle;
use scanpost::base::rng::Rng;
use scanpost::dicom::acceptor;
use scanpost::dicom::dimse::Priority;
use scanpost::dicom::requestor::{
    Action, Input, Outcome, Requestor, RequestorSettings, Rest, StoreOrder,
};

use super::{Event, World};
use crate::clinic::{S, pair};

impl World {
    pub(super) fn scanner_connect(&mut self) {
        let rests = self.now < self.scanner.rests_until;
        if rests || self.is_scanner_done() || self.scanner.requestor.is_some() {
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
                    let content = self.plan.sending[self.scanner.next].content;
                    let bytes = self.plan.contents[content].bytes.clone();
                    self.scanner_step(Input::Data(&bytes, Rest::Last));
                }
                Action::Outcome(Outcome::Answered(answer)) => {
                    if answer.status.is_success() {
                        self.told.insert(self.plan.sending[self.scanner.next].content);
                        self.scanner.next += 1;
                        let next = self.plan.sending.get(self.scanner.next);
                        self.scanner.rests_until = self.now + next.map_or(0, |turn| turn.wait);
                        if self.one_in(25) {
                            let when = self.rng.below(2 * S);
                            self.at(when, Event::PowerCut);
                        }
                    }
                    let goes_on = answer.status.is_success() && self.rng.below(5) != 0;
                    let rests = self.now < self.scanner.rests_until;
                    if goes_on && !rests && !self.is_scanner_done() {
                        self.scanner_store();
                    } else if self.one_in(6) {
                        self.scanner_step(Input::Abort);
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
        let content = self.plan.sending[self.scanner.next].content;
        let sop_instance = self.plan.contents[content].instance.clone();
        let order = StoreOrder { pair: pair(), sop_instance, priority: Priority::Medium };
        self.scanner_step(Input::Store(order));
    }

    pub(super) fn scanner_gone(&mut self) {
        self.scanner.line += 1;
        self.scanner.requestor = None;
        self.station().hang_up();
        let rest = self.scanner.rests_until.saturating_sub(self.now);
        let pause = (1 + self.rng.below(40)) * S;
        self.at(pause.max(rest), Event::ScannerTry);
    }

    pub(super) fn box_feed(&mut self, input: acceptor::Input<'_>) {
        if self.armed.is_none() && self.one_in(50) {
            self.arm(12);
        }
        let current = self.plan.sending.get(self.scanner.next).map(|turn| turn.content);
        let reply = self.station().feed(input);
        if let Some(content) = current.filter(|_| 0 < reply.ended) {
            if 0 < reply.sealed {
                self.unbooked.push(content);
                if !self.order.contains(&content) {
                    self.order.push(content);
                }
                self.ring_books();
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
