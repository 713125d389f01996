//! One run: scanner, box and archives on one clock, with a queue of what happens next.

mod faults;
mod posting;
mod reading;
mod scanner;

use std::cmp::Reverse;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, BinaryHeap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use scanpost::base::rng::{Rng, SplitMix};
use scanpost::base::time::{Clock, Instant};
use scanpost::config::Config;
use scanpost::dicom::acceptor;
use scanpost::dicom::requestor::{Input, Requestor};
use scanpost::node::deliver::{Courier, Heard, Stores};
use scanpost::store::disk::Disk;
use scanpost::store::disk::memory::MemoryDisk;
use scanpost::store::ledger::Ledger;

use crate::archive::Archive;
use crate::clinic::{ARCHIVES, MS, Plan, S, SimClock, below, config, plan};
use crate::results::Results;
use crate::station::Station;
use reading::Loops;

const CAPACITY: u64 = 16 << 20;
/// The bad time.
const BAD: u64 = 600 * S;
/// More events than a sound run has in an hour: past this, something spins (I9).
const EVENTS_PER_HOUR_MAX: u64 = 4_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Event {
    ScannerTry,
    ToBox {
        line: u64,
        bytes: Vec<u8>,
    },
    ToScanner {
        line: u64,
        bytes: Vec<u8>,
    },
    ScannerCut {
        line: u64,
    },
    Book {
        boot: u64,
    },
    /// The analyst's bell, or its timer of the turn.
    Look {
        boot: u64,
        turn: Option<u64>,
    },
    /// The reader's bell, or its timer of the turn.
    Take {
        boot: u64,
        turn: Option<u64>,
    },
    /// The reading under way ends.
    Finish {
        boot: u64,
    },
    Prepare,
    Bell {
        boot: u64,
        to: usize,
    },
    Dialled {
        boot: u64,
        to: usize,
    },
    ToArchive {
        to: usize,
        line: u64,
        bytes: Vec<u8>,
    },
    ToCourier {
        to: usize,
        line: u64,
        bytes: Vec<u8>,
        is_answer: bool,
    },
    Written {
        to: usize,
        line: u64,
    },
    CourierCut {
        to: usize,
        line: u64,
    },
    Away {
        to: usize,
    },
    /// An archive stops to hear and to speak, or the scanner does.
    Mute {
        to: Option<usize>,
    },
    /// The wall clock jumps to so many milliseconds off.
    Jump {
        to: i64,
    },
    PowerCut,
    Full,
    Roomy,
    Alarm,
}

/// The scanner: what it has to send, what it was told.
struct Scanner {
    requestor: Option<Requestor>,
    line: u64,
    next: usize,
    /// Nothing is sent before.
    rests_until: u64,
    /// The line on which it fell silent.
    mute_line: Option<u64>,
}

pub struct World {
    rng: SplitMix,
    clock: Arc<SimClock>,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    now: u64,
    sequence: u64,
    free_at: [u64; 6],
    alarm: Option<u64>,
    is_sick: bool,
    config: Arc<Config>,
    disk: MemoryDisk,
    armed: Option<u64>,
    station: Option<Station>,
    boot: u64,
    epoch: u32,
    scanner: Scanner,
    /// In which boot the book bell was rung and not heard yet.
    book_rung: Option<u64>,
    /// Sealed and not booked yet.
    unbooked: Vec<usize>,
    /// Refused at the end, and yet perhaps on the disk: a start may find it.
    perhaps: Vec<usize>,
    digest: DefaultHasher,
    loops: Loops,
    pub results: Results,
    pub archives: Vec<Archive>,
    pub plan: Plan,
    /// What the scanner heard 0000 for.
    pub told: BTreeSet<usize>,
    /// First seals.
    pub order: Vec<usize>,
    /// What may stand earlier than in `order`.
    pub unsure: BTreeSet<usize>,
    pub events: u64,
    pub cuts: u64,
    /// Deliveries that were parked at the end of the bad time.
    pub resent: usize,
}

impl World {
    pub fn new(seed: u64, is_sick: bool) -> Self {
        let mut rng = SplitMix::new(seed);
        let (plan, clock, config) = (plan(&mut rng), SimClock::new(), config());
        let disk = MemoryDisk::new(CAPACITY);
        let ledger = Ledger::in_memory().expect("memory");
        let station = Station::boot(&disk, ledger, &config, clock.clone(), rng.next_u64());
        let contents = plan.contents.len();
        let mut world = Self {
            rng,
            clock,
            queue: BinaryHeap::new(),
            now: 60 * S,
            sequence: 0,
            free_at: [0; 6],
            alarm: None,
            is_sick,
            config,
            disk,
            armed: None,
            station: Some(station),
            boot: 1,
            epoch: 0,
            scanner: Scanner { requestor: None, line: 0, next: 0, rests_until: 0, mute_line: None },
            book_rung: None,
            unbooked: Vec::new(),
            perhaps: Vec::new(),
            digest: DefaultHasher::new(),
            loops: Loops::default(),
            results: Results::default(),
            archives: ARCHIVES.iter().map(|_| Archive::new(contents)).collect(),
            plan,
            told: BTreeSet::new(),
            order: Vec::new(),
            unsure: BTreeSet::new(),
            events: 0,
            cuts: 0,
            resent: 0,
        };
        world.at(0, Event::ScannerTry);
        world.at(60 * S, Event::Prepare);
        world.wake_reading();
        if is_sick {
            world.plan_faults();
        }
        world
    }

    fn at(&mut self, delay: u64, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse((self.now + delay, self.sequence, event)));
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.is_sick && self.rng.below(count) == 0
    }

    fn instant(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    /// Runs the bad time and then heals everything until nothing happens any more.
    pub fn run(&mut self) -> Result<(), String> {
        self.run_until(self.now + BAD)?;
        self.is_sick = false;
        self.disk.heal();
        self.disk.set_capacity(CAPACITY);
        self.armed = None;
        for to in 0..ARCHIVES.len() {
            self.archives[to].away_until = 0;
            self.at(0, Event::Bell { boot: self.boot, to });
        }
        self.resend_parked();
        self.at(0, Event::Book { boot: self.boot });
        self.wake_reading();
        self.run_until(self.now + 6 * 3600 * S)
    }

    /// Returns what the run came to, in one number.
    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// Returns how many ledgers were lost.
    pub fn lost_ledgers(&self) -> u64 {
        u64::from(self.epoch)
    }

    /// Returns whether nothing is left to happen.
    pub fn is_at_rest(&self) -> bool {
        self.queue.is_empty()
    }

    /// The stores of the box.
    pub fn stores(&self) -> &Stores {
        &self.station.as_ref().expect("the power is on").stores
    }

    pub fn is_scanner_done(&self) -> bool {
        self.scanner.next == self.plan.sending.len()
    }

    fn run_until(&mut self, limit: u64) -> Result<(), String> {
        while let Some(Reverse((when, _, _))) = self.queue.peek()
            && *when <= limit
        {
            let Some(Reverse((when, _, event))) = self.queue.pop() else { break };
            self.now = when;
            self.clock.set(when);
            self.events += 1;
            let hours = when / (3600 * S) + 1;
            if hours * EVENTS_PER_HOUR_MAX < self.events {
                return Err(format!("I9: it spins at {when} ns with {event:?}"));
            }
            (when, &event).hash(&mut self.digest);
            self.handle(event);
            if self.armed.is_some_and(|at| at < self.disk.changes()) {
                self.power_cut();
            }
            self.set_alarm();
        }
        self.now = limit;
        self.clock.set(limit);
        Ok(())
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::ScannerTry => self.scanner_connect(),
            Event::ToBox { line, .. } if self.scanner.mute_line == Some(line) => {}
            Event::ToBox { line, bytes } if line == self.scanner.line => {
                self.box_feed(acceptor::Input::Received(&bytes));
            }
            Event::ToScanner { line, bytes } if line == self.scanner.line => {
                self.scanner_step(Input::Received(&bytes));
            }
            Event::ScannerCut { line } if line == self.scanner.line => self.scanner_gone(),
            Event::Book { boot } if boot == self.boot => self.book(),
            Event::Look { boot, turn } if boot == self.boot => self.look(turn),
            Event::Take { boot, turn } if boot == self.boot => self.take(turn),
            Event::Finish { boot } if boot == self.boot => self.finish(),
            Event::Prepare => {
                self.station().prepare();
                if !self.is_quiet() {
                    self.at(60 * S, Event::Prepare);
                }
            }
            Event::Bell { boot, to } if boot == self.boot => self.courier(to, Heard::Bell),
            Event::Dialled { boot, to } if boot == self.boot => self.dialled(to),
            Event::ToArchive { to, line, bytes } if line == self.archives[to].line => {
                self.archive_feed(to, acceptor::Input::Received(&bytes));
            }
            Event::ToCourier { to, line, bytes, is_answer } if line == self.archives[to].line => {
                if is_answer {
                    self.archives[to].unheard = None;
                }
                self.courier(to, Heard::Bytes(&bytes));
            }
            Event::Written { to, line } if line == self.archives[to].line => {
                self.courier(to, Heard::Written);
            }
            Event::CourierCut { to, line } if line == self.archives[to].line => self.cut(to),
            Event::Away { to } if self.is_sick => {
                self.archives[to].away_until = self.now + self.rng.below(200 * S);
                self.cut(to);
            }
            Event::Mute { to: Some(to) } if self.is_sick => self.mute(to),
            Event::Mute { to: None } if self.is_sick => {
                self.scanner.mute_line = Some(self.scanner.line);
            }
            Event::Jump { to } => self.clock.jump(to),
            Event::PowerCut if self.is_sick => self.power_cut(),
            Event::Full if self.is_sick => {
                let used = CAPACITY - self.disk.free_bytes().expect("memory");
                self.disk.set_capacity(used + self.rng.below(20 << 10));
            }
            Event::Roomy => self.disk.set_capacity(CAPACITY),
            // One that an earlier alarm has overtaken is stale: it must not set another.
            Event::Alarm if self.alarm == Some(self.now) => self.ring(),
            _ => {}
        }
    }

    fn station(&mut self) -> &mut Station {
        self.station.as_mut().expect("the power is on")
    }

    /// Cuts bytes into pieces in their order, and now and then the line among them.
    fn wire(&mut self, channel: usize, bytes: &[u8], cut: Event, make: impl Fn(Vec<u8>) -> Event) {
        let is_cut = self.one_in(60);
        let length = if is_cut { below(&mut self.rng, bytes.len() + 1) } else { bytes.len() };
        let mut rest = &bytes[..length];
        let mut when = self.free_at[channel].max(self.now + (1 + self.rng.below(20)) * MS);
        while !rest.is_empty() {
            let size = rest.len().min(1 + below(&mut self.rng, 700));
            let (piece, tail) = rest.split_at(size);
            rest = tail;
            self.at(when - self.now, make(piece.to_vec()));
            when += self.rng.below(3) * MS;
        }
        self.free_at[channel] = when;
        if is_cut {
            self.at(when - self.now, cut);
        }
    }

    /// Notes that what waited is owed now: where it came before, it may come once more.
    fn booked(&mut self) {
        for content in std::mem::take(&mut self.unbooked) {
            for archive in &mut self.archives {
                if archive.allowed[content] == 0 || 0 < archive.counts[content] {
                    archive.allowed[content] += 1;
                }
            }
        }
    }

    /// Rings the book bell: the loop behind it wakes a little later.
    fn ring_books(&mut self) {
        // A bell that rings already rings on.
        if self.book_rung == Some(self.boot) {
            return;
        }
        self.book_rung = Some(self.boot);
        let (boot, when) = (self.boot, self.rng.below(400) * MS);
        self.at(when, Event::Book { boot });
    }

    /// Books as `node::run` does, and wakes the others; now and then one does not hear it.
    fn book(&mut self) {
        self.book_rung = None;
        self.station().book();
        self.booked();
        self.busy();
        self.ring_couriers();
        if !self.one_in(8) {
            self.at(MS, Event::Look { boot: self.boot, turn: None });
        }
    }

    fn ring_couriers(&mut self) {
        for to in 0..ARCHIVES.len() {
            if !self.one_in(8) {
                self.at(MS, Event::Bell { boot: self.boot, to });
            }
        }
    }

    fn deadlines(&mut self) -> Vec<Option<Instant>> {
        let station = self.station.as_ref().expect("the power is on");
        let mut all = vec![
            self.scanner.requestor.as_ref().and_then(Requestor::deadline),
            station.line.as_ref().and_then(|line| line.acceptor.deadline()),
        ];
        all.extend(station.couriers.iter().map(Courier::deadline));
        let acceptors = self.archives.iter().map(|archive| archive.acceptor.as_ref());
        all.extend(acceptors.map(|acceptor| acceptor.and_then(acceptor::Acceptor::deadline)));
        all
    }

    fn set_alarm(&mut self) {
        let Some(due) = self.deadlines().into_iter().flatten().min() else { return };
        let due = due.as_nanos().max(self.now);
        if self.alarm.is_none_or(|alarm| due < alarm) {
            self.alarm = Some(due);
            self.at(due - self.now, Event::Alarm);
        }
    }

    /// Wakes whoever's deadline has passed.
    fn ring(&mut self) {
        self.alarm = None;
        let now = self.clock.now();
        for (who, deadline) in self.deadlines().into_iter().enumerate() {
            if deadline.is_none_or(|at| now < at) {
                continue;
            }
            match who {
                0 => self.scanner_step(Input::Timeout),
                1 => self.box_feed(acceptor::Input::Timeout),
                2 | 3 => self.courier(who - 2, Heard::Timeout),
                _ => self.archive_feed(who - 4, acceptor::Input::Timeout),
            }
        }
    }
}
