//! The couriers of a run, their lines and the archives behind them.

use scanpost::base::rng::Rng;
use scanpost::dicom::acceptor;
use scanpost::node::deliver::{Do, Heard};
use scanpost::store::ledger::Resend;

use super::{Event, World};
use crate::archive::{Delivery, Found, Mood};
use crate::clinic::{ARCHIVES, MS};

impl World {
    pub(super) fn sending(&mut self, to: usize) -> Option<Delivery> {
        let epoch = self.epoch;
        self.station().couriers[to].standing().sending.map(|row| (epoch, row))
    }

    pub(super) fn courier(&mut self, to: usize, heard: Heard<'_>) {
        let boot = self.boot;
        let actions = self.station().couriers[to].step(heard).expect("the ledger works");
        let line = self.archives[to].line;
        for action in actions {
            match action {
                Do::Dial => {
                    let when = (1 + self.rng.below(50)) * MS;
                    self.at(when, Event::Dialled { boot, to });
                }
                Do::Send(bytes) => {
                    let cut = Event::CourierCut { to, line };
                    let make = |bytes| Event::ToArchive { to, line, bytes };
                    self.wire(2 + 2 * to, &bytes, cut, make);
                }
                Do::TellWhenWritten => self.at(MS, Event::Written { to, line }),
                Do::HangUp => self.archives[to].hang_up(),
            }
        }
    }

    pub(super) fn dialled(&mut self, to: usize) {
        if self.now < self.archives[to].away_until {
            return self.courier(to, Heard::NotConnected("no route".to_owned()));
        }
        let now = self.instant();
        self.archives[to].hang_up();
        self.archives[to].connect(now);
        self.courier(to, Heard::Connected);
    }

    pub(super) fn archive_feed(&mut self, to: usize, input: acceptor::Input<'_>) {
        let (now, sending) = (self.instant(), self.sending(to));
        if self.archives[to].is_mute {
            return self.archives[to].trouble(sending, 2);
        }
        let mood = match (self.one_in(15), self.one_in(40)) {
            (true, _) => Mood::Full,
            (false, true) => Mood::Never,
            (false, false) => Mood::Takes,
        };
        let contents = &self.plan.contents;
        let find = |bytes: &[u8]| {
            let found = contents.iter().position(|content| content.bytes == bytes)?;
            let instance = contents[found].instance.clone();
            let versions = contents.iter().filter(|content| content.instance == instance).count();
            Some(Found { content: found, instance, is_alone: versions == 1 })
        };
        let reply = self.archives[to].feed(now, input, (&find, mood), sending);
        self.is_owed(to, reply.stored);
        let (line, channel) = (self.archives[to].line, 3 + 2 * to);
        let cut = Event::CourierCut { to, line };
        if reply.stored && self.one_in(12) {
            return self.at(MS, cut);
        }
        let is_answer = reply.stored;
        if !reply.bytes.is_empty() {
            // The answer counts as heard with its last piece: a queue keeps their order.
            let last = reply.bytes.len() - 1;
            let (most, end) = reply.bytes.split_at(if is_answer { last } else { 0 });
            let part = |is_answer| move |bytes| Event::ToCourier { to, line, bytes, is_answer };
            if !most.is_empty() {
                self.wire(channel, most, cut.clone(), part(false));
            }
            self.wire(channel, end, cut.clone(), part(is_answer));
        }
        if reply.closes {
            self.at(self.free_at[channel].saturating_sub(self.now), cut);
        }
    }

    /// The archive hears and says nothing more on the line that stands.
    pub(super) fn mute(&mut self, to: usize) {
        self.archives[to].is_mute = self.archives[to].acceptor.is_some();
        let sending = self.sending(to);
        self.archives[to].trouble(sending, 2);
    }

    /// A person has what archives refused for good sent again.
    pub(super) fn resend_parked(&mut self) {
        let stores = self.station().stores.clone();
        for name in ARCHIVES {
            let again = stores.ledger().resend(Resend::Parked(name), stores.clock.stamp());
            self.resent += again.expect("the ledger works");
        }
    }

    /// Breaks the line between a courier and its archive.
    pub(super) fn cut(&mut self, to: usize) {
        if self.archives[to].acceptor.is_none() {
            return;
        }
        let sending = self.sending(to);
        self.archives[to].trouble(sending, 1);
        self.archives[to].hang_up();
        self.courier(to, Heard::Closed);
    }

    /// Nothing leaves of a set that is not complete.
    fn is_owed(&mut self, to: usize, stored: bool) {
        let content = self.archives[to].unheard.filter(|_| stored);
        let document = content.and_then(|content| self.plan.contents[content].document);
        let Some((job, outcome)) = document else { return };
        let set = self.stores().ledger().view().documents(job).expect("the ledger works");
        if set.is_empty() {
            self.results.blame(format!("a part of the set of job {job} ({outcome}) left"));
        }
    }
}
