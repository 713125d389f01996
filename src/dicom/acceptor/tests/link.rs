//! The two machines back to back, with the bytes between them cut at random.

use super::*;
use crate::base::aet::AeTitle;
use crate::base::rng::{Rng as _, SplitMix};
use crate::base::uid::Uid;
use crate::dicom::dimse::Priority;
use crate::dicom::requestor::{
    self, Outcome, Pair, Requestor, RequestorSettings, Rest, StoreOrder,
};

fn uid(bytes: &[u8]) -> Uid {
    Uid::parse(bytes).unwrap()
}

fn pair(class: &[u8], syntax: &[u8]) -> Pair {
    Pair { class: uid(class), transfer_syntax: uid(syntax) }
}

fn instance(place: usize) -> Uid {
    uid(format!("1.2.3.{place}").as_bytes())
}

/// A requestor that stores `objects` one after the other and releases.
struct Sender {
    machine: Requestor,
    objects: Vec<Vec<u8>>,
    next: usize,
    read: usize,
    outcomes: Vec<Outcome>,
    ended: Option<Outcome>,
    to_send: Vec<u8>,
}

impl Sender {
    fn new(objects: Vec<Vec<u8>>, max_pdu: u32) -> Self {
        let title = |text: &str| AeTitle::parse(text.as_bytes()).unwrap();
        let settings = RequestorSettings {
            max_pdu,
            ..RequestorSettings::new(title("PEER"), title("SCANPOST"))
        };
        let pairs = [pair(peer::CT, peer::EXPLICIT), pair(peer::CT, peer::IMPLICIT)];
        Self {
            machine: Requestor::new(settings, &pairs).unwrap(),
            objects,
            next: 0,
            read: 0,
            outcomes: Vec::new(),
            ended: None,
            to_send: Vec::new(),
        }
    }

    fn step(&mut self, now: Instant, rng: &mut SplitMix, input: requestor::Input<'_>) {
        let mut queue = VecDeque::from(self.machine.step(now, input));
        while let Some(action) = queue.pop_front() {
            match action {
                requestor::Action::Send(bytes) => self.to_send.extend(bytes),
                requestor::Action::WantData => {
                    let object = &self.objects[self.next];
                    let left = object.len() - self.read;
                    let count = usize::try_from(rng.below(left as u64 + 1)).unwrap();
                    let bytes = &object[self.read..self.read + count];
                    self.read += count;
                    let rest = if count == left { Rest::Last } else { Rest::More };
                    queue.extend(self.machine.step(now, requestor::Input::Data(bytes, rest)));
                }
                requestor::Action::Established(refused) => {
                    assert_eq!(refused, []);
                    queue.extend(self.send(now));
                }
                requestor::Action::Outcome(outcome) => {
                    self.outcomes.push(outcome);
                    (self.next, self.read) = (self.next + 1, 0);
                    queue.extend(self.send(now));
                }
                requestor::Action::Ended(outcome) => self.ended = Some(outcome),
                requestor::Action::Close | requestor::Action::Note(_) => {}
            }
        }
    }

    fn send(&mut self, now: Instant) -> Vec<requestor::Action> {
        let input = if self.next == self.objects.len() {
            requestor::Input::Release
        } else {
            requestor::Input::Store(StoreOrder {
                pair: pair(peer::CT, peer::EXPLICIT),
                sop_instance: instance(self.next),
                priority: Priority::Medium,
            })
        };
        self.machine.step(now, input)
    }
}

#[test]
fn what_the_requestor_sends_the_acceptor_stores_however_the_bytes_are_cut() {
    for seed in 0..150 {
        let mut rng = SplitMix::new(seed);
        let mut draw = |bound: u64| usize::try_from(rng.below(bound)).unwrap();
        let max_pdu = [16, 1024, 16_384, 131_072][draw(4)];
        let objects: Vec<Vec<u8>> =
            (0..draw(5)).map(|place| vec![u8::try_from(place).unwrap(); draw(5000) * 2]).collect();
        let mut sender = Sender::new(objects.clone(), max_pdu);
        let mut receiver = Driver::new();
        sender.step(receiver.now, &mut rng, requestor::Input::Connected);
        while sender.ended.is_none() {
            let cut = 1 + usize::try_from(rng.below(3000)).unwrap();
            let sent: Vec<u8> = sender.to_send.drain(..cut.min(sender.to_send.len())).collect();
            let answered = std::mem::take(&mut receiver.sent);
            assert!(!sent.is_empty() || !answered.is_empty(), "seed {seed}: both wait");
            if !answered.is_empty() {
                let (now, input) = (receiver.now, requestor::Input::Received(&answered));
                sender.step(now, &mut rng, input);
            }
            if !sent.is_empty() {
                receiver.feed(&sent);
            }
        }
        assert_eq!(sender.ended, Some(Outcome::Released), "seed {seed}");
        let stored: Vec<_> = receiver.objects.iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(stored, objects.iter().collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(sender.outcomes.len(), objects.len(), "seed {seed}");
        for (place, (request, _)) in receiver.objects.iter().enumerate() {
            assert_eq!(request.sop_instance, instance(place));
        }
        let done = |o: &Outcome| matches!(o, Outcome::Answered(a) if a.status.is_success());
        assert!(sender.outcomes.iter().all(done), "seed {seed}");
        assert_eq!(receiver.notes, [], "seed {seed}");
    }
}

#[test]
fn a_line_cut_at_any_byte_loses_nothing_that_was_called_done() {
    let objects = vec![vec![1; 40], vec![2; 0], vec![3; 3000]];
    let run = |cut: usize| {
        let mut rng = SplitMix::new(7);
        let (mut sender, mut receiver) = (Sender::new(objects.clone(), 1024), Driver::new());
        sender.step(receiver.now, &mut rng, requestor::Input::Connected);
        let mut left = cut;
        while sender.ended.is_none() && 0 < left {
            let count = left.min(sender.to_send.len()).min(100);
            left -= count;
            let sent: Vec<u8> = sender.to_send.drain(..count).collect();
            receiver.feed(&sent);
            let answered = std::mem::take(&mut receiver.sent);
            assert!(0 < count || !answered.is_empty(), "cut at {cut}: both wait");
            let input = requestor::Input::Received(&answered);
            sender.step(receiver.now, &mut rng, input);
        }
        if sender.ended.is_none() {
            receiver.step(Input::Closed);
            sender.step(receiver.now, &mut rng, requestor::Input::Closed);
        }
        (sender, receiver)
    };
    let whole = 10_000;
    for cut in 0..whole {
        let (sender, receiver) = run(cut);
        let done = |o: &&Outcome| matches!(o, Outcome::Answered(a) if a.status.is_success());
        let done = sender.outcomes.iter().filter(done).count();
        assert!(done <= receiver.objects.len(), "cut at {cut}");
        assert!(receiver.open.is_none(), "cut at {cut}: a part was kept");
        for ((_, stored), sent) in receiver.objects.iter().zip(&objects) {
            assert_eq!(stored, sent, "cut at {cut}");
        }
        if sender.ended == Some(Outcome::Released) {
            assert_eq!(done, objects.len());
            return;
        }
        assert_eq!(sender.ended, Some(Outcome::Closed), "cut at {cut}");
    }
    panic!("the exchange never ended");
}
