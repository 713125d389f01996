//! The analyst and the reader of a run: when they wake, what the reader makes of a job.

use scanpost::base::rng::Rng;
use scanpost::flow::reasons::Reason;
use scanpost::node::read::{Anew, Next, Todo};
use scanpost::store::disk::memory::{Failure, Lasting, Step, Trouble};
use scanpost::store::ledger::AfterDeath;

use super::{Event, World};
use crate::clinic::{Content, MS, S, Temper};
use crate::results::{documents, word};

/// How often both look without a bell.
const LOOK: u64 = 60 * S;
/// How long the analyst rests after an error.
const ANALYST_PAUSE: u64 = 2 * S;
/// How long the reader rests after an error.
const READER_PAUSE: u64 = 30 * S;
/// How long the healed box still looks by itself after the last thing that happened: a clinic
/// with nothing to do must come to rest here, while a real one looks for ever.
const LINGER: u64 = 300 * S;

/// Timers of the two loops: an older turn's is stale.
#[derive(Default)]
pub(super) struct Loops {
    analyst: u64,
    reader: u64,
    busy_until: u64,
    /// Whether the analyst waits for a silence.
    is_gathering: bool,
}

impl World {
    /// Notes that something happened.
    pub(super) fn busy(&mut self) {
        self.loops.busy_until = self.now + LINGER;
    }

    /// Whether nothing is to be expected any more.
    pub(super) fn is_quiet(&self) -> bool {
        let is_over = !self.is_sick && self.is_scanner_done();
        is_over && !self.loops.is_gathering && self.loops.busy_until < self.now
    }

    /// Starts both loops, or rings for both.
    pub(super) fn wake_reading(&mut self) {
        let boot = self.boot;
        self.busy();
        self.at(MS, Event::Look { boot, turn: None });
        self.at(MS, Event::Take { boot, turn: None });
    }

    /// A turn of the analyst, as `node::run` has it.
    pub(super) fn look(&mut self, turn: Option<u64>) {
        if turn.is_some_and(|turn| turn != self.loops.analyst) {
            return;
        }
        self.loops.analyst += 1;
        let step = self.station().look();
        // What it booked beside the book loop is owed now.
        self.station().book();
        self.booked();
        let wait = match step {
            Ok(step) => {
                self.results.whole += u64::try_from(step.whole).expect("few");
                self.results.jobs += u64::try_from(step.jobs).expect("few");
                if 0 < step.jobs {
                    self.ring_books();
                    self.ring_reader();
                }
                self.loops.is_gathering = step.next.is_some();
                let next = step.next.map(|at| at.as_nanos().saturating_sub(self.now));
                next.map_or(LOOK, |wait| wait.min(LOOK))
            }
            Err(_) => ANALYST_PAUSE,
        };
        if !self.is_quiet() {
            let turn = Some(self.loops.analyst);
            self.at(wait, Event::Look { boot: self.boot, turn });
        }
    }

    fn ring_reader(&mut self) {
        if !self.one_in(8) {
            self.at(MS, Event::Take { boot: self.boot, turn: None });
        }
    }

    /// A turn of the reader, as `node::read` has it. While it reads it hears no bell.
    pub(super) fn take(&mut self, turn: Option<u64>) {
        let is_stale = turn.is_some_and(|turn| turn != self.loops.reader);
        if is_stale || self.station().reading.is_some() {
            return;
        }
        self.loops.reader += 1;
        match self.station().desk.next_job().expect("the ledger works") {
            Next::Nothing if self.is_quiet() => {}
            Next::Nothing => self.rest_reader(LOOK),
            Next::Refused => {
                self.busy();
                self.rest_reader(MS);
            }
            Next::Todo(todo) => {
                self.busy();
                if todo.against.is_some() {
                    return self.write(&todo, todo.against);
                }
                self.station().desk.begin(&todo.job).expect("the ledger works");
                self.results.begin(&todo);
                self.station().reading = Some(todo);
                let when = (1 + self.rng.below(20)) * S;
                self.at(when, Event::Finish { boot: self.boot });
            }
        }
    }

    fn rest_reader(&mut self, wait: u64) {
        let turn = Some(self.loops.reader);
        self.at(wait, Event::Take { boot: self.boot, turn });
    }

    /// The worker answers, or is dead.
    pub(super) fn finish(&mut self) {
        let Some(todo) = self.station().reading.take() else { return };
        let study = todo.job.study.clone();
        let plan = self.plan.studies.iter().find(|plan| plan.uid == study);
        let temper = plan.map_or(Temper::Reads, |plan| plan.temper);
        if temper == Temper::Kills || self.one_in(6) {
            self.results.died(self.epoch, &study);
            return match self.station().desk.died(&todo.job).expect("the ledger works") {
                AfterDeath::TryAgain => self.rest_reader(MS),
                AfterDeath::Quarantined => self.write(&todo, Some(Reason::Quarantined)),
            };
        }
        let refusal = (temper == Temper::Blank).then_some(Reason::NoRegion);
        self.write(&todo, refusal);
    }

    /// Writes the documents of a job and hands them in, if the power lasts.
    fn write(&mut self, todo: &Todo, refusal: Option<Reason>) {
        let desk = self.station().desk.clone();
        if let Some(refusal) = refusal {
            match desk.decide_anew(&todo.job, refusal) {
                Ok(Anew::No) => {}
                Ok(Anew::Yes) => {
                    self.results.jobs += 1;
                    self.ring_books();
                    return self.rest_reader(MS);
                }
                Err(_) => return self.rest_reader(READER_PAUSE),
            }
        }
        // The disk fails to read once, now and then: the job has to wait, not to vanish.
        let read_fails = self.armed.is_none() && self.one_in(10);
        if read_fails {
            let (failure, lasting, after) = (Failure::Error, Lasting::Once, self.rng.below(4));
            self.disk.plan(Trouble { step: Step::Read, after, failure, lasting });
        }
        let sources = desk.sources(todo.objects.clone());
        if read_fails {
            self.disk.heal();
        }
        let Ok(sources) = sources else {
            return self.rest_reader(READER_PAUSE);
        };
        if sources.len() != todo.objects.len() {
            self.results.blame(format!("I1: job {} has lost instances", todo.job.number));
        }
        let written = documents(todo, desk.identities, refusal);
        for document in written.iter().filter(|document| document.sop_class.is_some()) {
            self.expect(Content {
                study: 0,
                instance: document.sop_instance.clone(),
                version: 0,
                bytes: document.bytes.clone(),
                document: Some((todo.job.number, word(refusal))),
            });
        }
        if self.armed.is_none() && self.one_in(5) {
            self.arm(12);
        }
        let handed_in = desk.hand_in(&todo.job, &written, refusal);
        drop(desk);
        self.station().book();
        self.booked();
        self.ring_books();
        match handed_in {
            Ok(count) => {
                self.results.handed_in(todo.job.number, count, word(refusal));
                self.ring_couriers();
                self.rest_reader(MS);
            }
            Err(_) => self.rest_reader(READER_PAUSE),
        }
    }

    /// Has the archives know a document: the one that takes results may get it once.
    fn expect(&mut self, document: Content) {
        let is_known = |known: &Content| known.bytes == document.bytes;
        if self.plan.contents.iter().any(is_known) {
            return;
        }
        self.plan.contents.push(document);
        let [a, b] = &mut self.archives[..] else { return };
        a.expect(1);
        b.expect(0);
    }
}
