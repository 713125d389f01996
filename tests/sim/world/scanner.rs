//! The scanner of the simulated clinic: sends, waits, and sends again what was not answered.

use super::*;

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

    pub(super) fn scanner_store(&mut self) {
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
}
