//! Goal: what is owed leaves once, in order, and no trouble of one thing is the trouble of
//! another. Method: here the machine's rules one by one, in `archive` whole lives with a simulated
//! archive.

mod aborts;
mod archive;

use super::*;
use crate::base::ids::Arrival;
use crate::base::uid::Uid;
use crate::base::urgency::Urgency;

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

fn uid(text: &str) -> Uid {
    Uid::parse(text.as_bytes()).unwrap()
}

fn context(class: i64) -> Context {
    Context { class: uid(&format!("1.{class}")), syntax: uid("1.2.840.10008.1.2.1") }
}

/// An original of `study`; row and arrival are the same number.
fn owed(row: i64, study: i64) -> Owed {
    Owed {
        delivery: DeliveryRow(row),
        study: StudyRow(study),
        instance: uid(&format!("9.{row}")),
        context: context(1),
        urgency: Urgency::Normal,
        kind: Kind::Original,
        arrival: Arrival(u64::try_from(row).unwrap()),
        bytes: 1000,
    }
}

/// A driver that takes every association and says of each object what it is told to.
struct Driver {
    outbox: Outbox,
    now: Instant,
    log: Vec<String>,
    /// What is sent and not answered.
    open: Option<(Link, DeliveryRow)>,
}

impl Driver {
    fn new(owed: impl IntoIterator<Item = Owed>) -> Self {
        let mut outbox = Outbox::new(7);
        outbox.load(owed);
        let now = at(1);
        let (log, open) = (Vec::new(), None);
        Self { outbox, now, log, open }
    }

    fn step(&mut self, event: Event) {
        let mut events = std::collections::VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.outbox.step(self.now, event) {
                self.act(action, &mut events);
            }
            let deadline = self.outbox.deadline();
            assert!(deadline.is_none_or(|deadline| self.now <= deadline));
        }
    }

    fn act(&mut self, action: Action, events: &mut std::collections::VecDeque<Event>) {
        match action {
            Action::Connect { link, contexts } => {
                self.log.push(format!("connect {}", contexts.len()));
                events.push_back(Event::Connected { link, accepted: contexts });
            }
            Action::Echo { link } => {
                self.log.push("echo".to_owned());
                events.push_back(Event::Echoed { link });
            }
            Action::Send { link, delivery } => {
                self.log.push(format!("send {delivery}"));
                self.open = Some((link, delivery));
            }
            Action::Release { link } => {
                self.log.push("release".to_owned());
                events.push_back(Event::Closed { link });
            }
            Action::Abort { .. } => self.log.push("abort".to_owned()),
            Action::Done { delivery, .. } => self.log.push(format!("done {delivery}")),
            Action::Park { delivery, why } => {
                let why = match why {
                    Parked::NoContext => "no context".to_owned(),
                    Parked::Aborted { words } => words,
                    Parked::Refused { status, .. } => format!("{status:04x}"),
                };
                self.log.push(format!("park {delivery} {why}"));
            }
        }
    }

    fn answer(&mut self, outcome: Outcome) {
        let (link, delivery) = self.open.take().unwrap();
        self.step(Event::Answered { link, delivery, outcome });
    }

    fn accept(&mut self) {
        self.answer(Outcome::Accepted { status: 0 });
    }

    fn refuse(&mut self, status: u16) {
        let words = "no".to_owned();
        self.answer(Outcome::Refused { status, words });
    }

    fn accept_all(&mut self) {
        while self.open.is_some() {
            self.accept();
        }
    }

    /// Lets time pass until something is sent or nothing more will happen.
    fn wait(&mut self) {
        while self.open.is_none()
            && let Some(deadline) = self.outbox.deadline()
        {
            self.now = self.now.max(deadline);
            self.step(Event::Tick);
        }
    }

    /// The rows that were sent, in order.
    fn sent(&self) -> Vec<&str> {
        let sent = self.log.iter().filter_map(|line| line.strip_prefix("send "));
        sent.collect()
    }
}

#[test]
fn a_study_is_sent_in_the_order_of_arrival_and_then_released() {
    let mut driver = Driver::new([owed(3, 1), owed(1, 1), owed(2, 1)]);
    driver.step(Event::Tick);
    driver.accept_all();
    driver.wait();
    let expected =
        ["connect 1", "send 1", "done 1", "send 2", "done 2", "send 3", "done 3", "release"];
    assert_eq!(driver.log, expected);
    assert_eq!(driver.outbox.deadline(), None);
}

#[test]
fn urgent_goes_first_and_results_before_originals() {
    let with = |row, urgency, kind| Owed { urgency, kind, ..owed(row, 1) };
    let mut driver = Driver::new([
        with(1, Urgency::Low, Kind::Result),
        with(2, Urgency::Normal, Kind::Original),
        with(3, Urgency::Normal, Kind::Result),
        with(4, Urgency::High, Kind::Original),
        with(5, Urgency::High, Kind::Result),
    ]);
    driver.step(Event::Tick);
    driver.accept_all();
    assert_eq!(driver.sent(), ["5", "4", "3", "2", "1"]);
}

#[test]
fn one_study_is_finished_and_released_before_the_next_begins() {
    let mut driver = Driver::new([owed(1, 1), owed(2, 2), owed(3, 1), owed(4, 2)]);
    driver.step(Event::Tick);
    driver.accept_all();
    assert_eq!(driver.sent(), ["1", "3", "2", "4"]);
    let releases = driver.log.iter().filter(|line| *line == "release").count();
    assert_eq!(releases, 1);
}

#[test]
fn something_urgent_passes_a_running_study_without_a_release_in_between() {
    let mut driver = Driver::new([owed(1, 1), owed(2, 1)]);
    driver.step(Event::Tick);
    driver.outbox.load([Owed { urgency: Urgency::High, ..owed(3, 2) }]);
    driver.accept_all();
    assert_eq!(driver.sent(), ["1", "3", "2"]);
    assert!(!driver.log.contains(&"release".to_owned()));
}

#[test]
fn a_later_version_waits_for_the_earlier_even_when_it_is_urgent_or_the_earlier_is_in_trouble() {
    let instance = uid("9.9");
    let first = Owed { instance: instance.clone(), ..owed(1, 1) };
    let second = Owed { instance, urgency: Urgency::High, ..owed(2, 1) };
    let mut driver = Driver::new([second, first, owed(3, 1)]);
    driver.step(Event::Tick);
    driver.refuse(0xa700);
    driver.accept();
    driver.wait();
    driver.accept_all();
    assert_eq!(driver.sent(), ["1", "3", "1", "2"]);
}

#[test]
fn an_association_stays_for_the_next_slice_of_a_running_scan() {
    let mut driver = Driver::new([owed(1, 1)]);
    driver.step(Event::Tick);
    driver.accept();
    driver.now = driver.now.after(Duration::from_secs(9));
    driver.outbox.load([owed(2, 1)]);
    driver.step(Event::Tick);
    driver.accept();
    assert_eq!(driver.log, ["connect 1", "send 1", "done 1", "send 2", "done 2"]);
}

#[test]
fn after_a_failure_an_echo_is_asked_before_the_backlog() {
    let mut driver = Driver::new([owed(1, 1)]);
    driver.step(Event::Tick);
    driver.answer(Outcome::Lost);
    driver.wait();
    driver.accept();
    let expected = ["connect 1", "send 1", "connect 1", "echo", "send 1", "done 1"];
    assert_eq!(driver.log, expected);
    assert_eq!(driver.outbox.standing().away_since, None);
}

#[test]
fn pauses_grow_to_their_cap_with_full_jitter_and_never_end() {
    let mut outbox = Outbox::new(1);
    let caps = [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900];
    for (failures, cap) in (1..).zip(caps) {
        let draws: Vec<_> = (0..400).map(|_| outbox.pause(failures)).collect();
        let (least, most) = (draws.iter().min().unwrap(), draws.iter().max().unwrap());
        let cap = Duration::from_secs(cap);
        assert!(*most <= cap && cap * 9 / 10 < *most, "{failures}: {most:?}");
        assert!(*least < cap / 10, "{failures}: {least:?}");
    }
    assert!(outbox.pause(u32::MAX) <= BACKOFF_MAX);
}

#[test]
fn what_is_refused_for_good_is_parked_with_the_peers_words_and_the_rest_goes_on() {
    for status in [0xa900, 0xc000, 0x0117, 0x0122, 0x0124] {
        let mut driver = Driver::new([owed(1, 1), owed(2, 1)]);
        driver.step(Event::Tick);
        driver.refuse(status);
        driver.accept();
        assert_eq!(driver.log[2], format!("park 1 {status:04x}"));
        assert_eq!(driver.log.last().unwrap(), "done 2");
    }
}

#[test]
fn an_answer_that_is_no_success_is_none_whatever_the_driver_calls_it() {
    let mut driver = Driver::new([owed(1, 1)]);
    driver.step(Event::Tick);
    driver.answer(Outcome::Accepted { status: 0xa900 });
    assert_eq!(driver.log.last().unwrap(), "park 1 a900");
}

#[test]
fn three_times_out_of_resources_while_others_pass_is_a_verdict_on_the_object() {
    let mut driver = Driver::new((1..=9).map(|row| owed(row, 1)));
    driver.step(Event::Tick);
    let mut refusals = 0;
    for row in 10..200 {
        let Some((_, delivery)) = driver.open else {
            break;
        };
        if delivery == DeliveryRow(1) {
            refusals += 1;
            driver.refuse(0xa700);
        } else {
            driver.accept();
        }
        if row % 10 == 0 && refusals < 3 {
            driver.outbox.load([owed(row, 1)]);
            driver.step(Event::Tick);
        }
        driver.wait();
    }
    assert_eq!(refusals, 3);
    assert!(driver.log.contains(&"park 1 a700".to_owned()));
    assert_eq!(driver.outbox.standing().owed, 0);
}

#[test]
fn out_of_resources_with_nothing_passing_is_a_full_archive_and_parks_nothing() {
    let mut driver = Driver::new((1..=4).map(|row| owed(row, 1)));
    driver.step(Event::Tick);
    for _ in 0..40 {
        driver.refuse(0xa700);
        driver.wait();
    }
    assert!(!driver.log.iter().any(|line| line.starts_with("park")));
    assert!(driver.outbox.standing().away_since.is_some());
    let hours = driver.now.since(at(1)).as_secs() / 3600;
    assert!(0 < hours, "forty refusals within {:?}", driver.now);
    for _ in 0..4 {
        driver.accept();
        driver.wait();
    }
    assert_eq!(driver.outbox.standing().owed, 0);
}

#[test]
fn a_context_that_is_not_accepted_parks_its_own_objects_only() {
    let other = Owed { context: context(2), ..owed(2, 1) };
    let mut outbox = Outbox::new(1);
    outbox.load([owed(1, 1), other, owed(3, 1)]);
    let actions = outbox.step(at(1), Event::Tick);
    let asked = vec![context(1), context(2)];
    assert_eq!(actions, [Action::Connect { link: Link(1), contexts: asked }]);
    let accepted = vec![context(1)];
    let actions = outbox.step(at(1), Event::Connected { link: Link(1), accepted });
    let (delivery, why) = (DeliveryRow(2), Parked::NoContext);
    let sent = Action::Send { link: Link(1), delivery: DeliveryRow(1) };
    assert_eq!(actions, [Action::Park { delivery, why }, sent]);
}

#[test]
fn a_class_that_was_not_proposed_gets_an_association_of_its_own() {
    let mut driver = Driver::new([owed(1, 1)]);
    driver.step(Event::Tick);
    driver.outbox.load([Owed { context: context(2), ..owed(2, 1) }]);
    driver.accept_all();
    let tail = ["done 1", "release", "connect 1", "send 2", "done 2"];
    assert_eq!(driver.log[2..], tail);
}

#[test]
fn at_most_127_contexts_are_proposed_the_next_study_first() {
    let many = (1..=300).map(|row| Owed { context: context(row), ..owed(row, row % 2) });
    let mut outbox = Outbox::new(1);
    outbox.load(many);
    let actions = outbox.step(at(1), Event::Tick);
    let [Action::Connect { contexts, .. }] = actions.as_slice() else {
        panic!("{actions:?}");
    };
    assert_eq!(contexts.len(), 127);
    assert_eq!(contexts[..3], [context(1), context(3), context(5)]);
}

#[test]
fn a_refused_association_parks_nothing_and_is_tried_again() {
    let mut outbox = Outbox::new(1);
    outbox.load([owed(1, 1)]);
    let mut now = at(1);
    for link in 1..50 {
        let actions = outbox.step(now, Event::Tick);
        assert!(matches!(actions.as_slice(), [Action::Connect { .. }]));
        let words = "calling AE title not recognized".to_owned();
        let failure = Failure::Refused { words };
        let actions = outbox.step(now, Event::Failed { link: Link(link), failure });
        assert!(actions.is_empty() && outbox.standing().refuses);
        assert_eq!(outbox.standing().words, "calling AE title not recognized");
        now = outbox.deadline().unwrap();
    }
    assert!(3 < now.since(at(1)).as_secs() / 3600);
}

#[test]
fn silence_ends_in_an_abort_and_the_same_object_again() {
    let mut driver = Driver::new([owed(1, 1)]);
    driver.step(Event::Tick);
    driver.open = None;
    driver.wait();
    assert_eq!(driver.log[2..], ["abort", "connect 1", "echo", "send 1"]);
}

#[test]
fn words_about_an_old_association_are_not_taken_for_the_new_ones() {
    let mut driver = Driver::new([owed(1, 1)]);
    driver.step(Event::Tick);
    let old = driver.open.unwrap();
    driver.answer(Outcome::Lost);
    driver.wait();
    let before = driver.log.clone();
    let (link, delivery) = old;
    let outcome = Outcome::Accepted { status: 0 };
    driver.step(Event::Answered { link, delivery, outcome });
    driver.step(Event::Closed { link });
    driver.step(Event::Echoed { link });
    assert_eq!(driver.log, before);
}

#[test]
fn retry_now_ends_every_pause() {
    let mut driver = Driver::new([owed(1, 1)]);
    driver.step(Event::Tick);
    for _ in 0..20 {
        driver.answer(Outcome::Lost);
        driver.step(Event::RetryNow);
        assert!(driver.open.is_some());
    }
}

#[test]
fn loading_twice_changes_nothing_and_what_is_withdrawn_is_not_sent() {
    let mut driver = Driver::new([owed(1, 1), owed(2, 1)]);
    driver.outbox.load([owed(1, 1), owed(2, 1)]);
    driver.step(Event::Tick);
    driver.outbox.withdraw(DeliveryRow(2));
    driver.accept_all();
    driver.wait();
    assert_eq!(driver.sent(), ["1"]);
}

#[test]
fn with_nothing_owed_nobody_is_away() {
    let mut driver = Driver::new([owed(1, 1)]);
    driver.step(Event::Tick);
    driver.answer(Outcome::Lost);
    assert!(driver.outbox.standing().away_since.is_some());
    driver.outbox.withdraw(DeliveryRow(1));
    driver.step(Event::Tick);
    assert_eq!(driver.outbox.standing().away_since, None);
    assert_eq!(driver.outbox.deadline(), None);
}
