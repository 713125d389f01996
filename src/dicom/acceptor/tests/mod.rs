//! Goal: every row A to D of the association table, and the answers to time, shutdown and
//! refusals. Method: real bytes into the machine, a driver that answers at once, and what was
//! sent told in the words of the table.

mod framing;
mod link;
mod messages;
mod negotiation;
mod states;
mod time;

use std::collections::VecDeque;
use std::time::Duration;

use super::*;
use crate::base::ids::RecordNumber;
use crate::base::receipt::Receipt;
use crate::dicom::pdu::Rejection;
use crate::dicom::pdu::associate::{AssociateAc, read_ac};
use crate::dicom::peer::{self, Rq, tell};
use crate::dicom::status::{Refusal, Status};

/// What the driver does with objects.
#[derive(Clone, Debug)]
enum Policy {
    /// Stores them.
    Store,
    /// Refuses them at their end.
    Refuse(Refusal),
    /// Refuses them once this many bytes have come.
    RefuseAt(usize, Refusal),
    /// Says nothing yet.
    Hold,
}

/// A driver that does what the machine's contract asks of it, and remembers everything.
struct Driver {
    acceptor: Acceptor,
    now: Instant,
    policy: Policy,
    answer: Option<Rejection>,
    sent: Vec<u8>,
    objects: Vec<(StoreRequest, Vec<u8>)>,
    open: Option<(StoreRequest, Vec<u8>)>,
    indicated: Vec<AssociationRequest>,
    drops: Vec<DropReason>,
    notes: Vec<Oddity>,
    closed: bool,
    receipts: u32,
}

impl Driver {
    fn new() -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let settings = AcceptorSettings { max_pdu: 16_384 };
        Self {
            acceptor: Acceptor::new(now, settings),
            now,
            policy: Policy::Store,
            answer: None,
            sent: Vec::new(),
            objects: Vec::new(),
            open: None,
            indicated: Vec::new(),
            drops: Vec::new(),
            notes: Vec::new(),
            closed: false,
            receipts: 0,
        }
    }

    /// An association with the usual two contexts.
    fn associated() -> Self {
        let mut driver = Self::new();
        driver.feed(&Rq::default().bytes());
        assert_eq!(driver.told(), "AC");
        driver
    }

    fn feed(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Input::Received(bytes))
    }

    fn step(&mut self, input: Input<'_>) -> &mut Self {
        assert!(!self.closed, "nothing may be fed after Close");
        let actions = self.acceptor.step(self.now, input);
        self.run(actions);
        self
    }

    fn run(&mut self, actions: Vec<Action>) {
        let mut queue = VecDeque::from(actions);
        while let Some(action) = queue.pop_front() {
            assert!(!self.closed, "nothing may follow Close: {action:?}");
            let refused = self.open.is_none();
            assert_ne!(action, Action::Data(Vec::new()), "data is never empty");
            match action {
                Action::Send(bytes) => self.sent.extend(bytes),
                Action::Note(oddity) => self.notes.push(oddity),
                Action::Close => self.closed = true,
                Action::Drop(reason) => {
                    if self.open.take().is_some() {
                        self.drops.push(reason);
                    }
                }
                Action::Begin(request) => {
                    assert!(self.open.is_none(), "one object at a time");
                    self.open = Some((*request, Vec::new()));
                }
                Action::Data(_) | Action::End if refused => {}
                Action::Data(bytes) => self.open.as_mut().unwrap().1.extend(bytes),
                Action::Indicate(request) => {
                    assert!(queue.is_empty(), "Indicate is the last of its list");
                    self.indicated.push(*request);
                    let input = self.answer.map_or(Input::Accept, Input::Reject);
                    queue.extend(self.acceptor.step(self.now, input));
                }
                Action::End => {
                    assert!(queue.is_empty(), "End is the last of its list");
                    let more = self.end();
                    queue.extend(more);
                }
            }
            if let (Policy::RefuseAt(limit, refusal), Some((_, bytes)), true) =
                (&self.policy, &self.open, queue.is_empty())
                && *limit <= bytes.len()
            {
                let input = Input::Refused(refusal.clone());
                self.open = None;
                queue.extend(self.acceptor.step(self.now, input));
            }
        }
    }

    fn end(&mut self) -> Vec<Action> {
        match self.policy.clone() {
            Policy::Hold => Vec::new(),
            Policy::Store => self.store(),
            Policy::Refuse(refusal) | Policy::RefuseAt(_, refusal) => {
                self.open = None;
                self.acceptor.step(self.now, Input::Refused(refusal))
            }
        }
    }

    fn store(&mut self) -> Vec<Action> {
        self.objects.push(self.open.take().unwrap());
        self.receipts += 1;
        let receipt = Receipt::after_sync(RecordNumber { start: 1, sequence: self.receipts });
        self.acceptor.step(self.now, Input::Stored(receipt))
    }

    /// Answers the object that `Policy::Hold` left open.
    fn store_now(&mut self) -> &mut Self {
        let actions = self.store();
        self.run(actions);
        self
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        self.now = self.now.after(time);
        self.step(Input::Timeout)
    }

    /// Lets time pass until the machine's deadline.
    fn wait_deadline(&mut self) -> Duration {
        let deadline = self.acceptor.deadline().unwrap();
        let time = deadline.since(self.now);
        self.wait(time);
        time
    }

    /// What was sent since the last call.
    fn told(&mut self) -> String {
        tell(&std::mem::take(&mut self.sent))
    }

    /// The one A-ASSOCIATE-AC that was sent.
    fn ac(&mut self) -> AssociateAc {
        let bytes = std::mem::take(&mut self.sent);
        assert_eq!(tell(&bytes), "AC");
        read_ac(&bytes[6..]).unwrap()
    }

    /// Results of the contexts in the A-ASSOCIATE-AC that was sent: id and result.
    fn results(&mut self) -> Vec<(u8, u8)> {
        let ac = self.ac();
        ac.contexts.iter().map(|c| (c.id, c.result)).collect()
    }
}

/// What we say to a request and to what follows it in the same segment.
fn say(request: &Rq, more: &[u8]) -> String {
    let mut driver = Driver::new();
    driver.feed(&[request.bytes(), more.to_vec()].concat());
    driver.told()
}

/// What we say inside the usual association.
fn inside(bytes: &[u8]) -> String {
    let mut driver = Driver::associated();
    driver.feed(bytes);
    driver.told()
}

/// A C-ECHO on the usual context.
fn echo() -> Vec<u8> {
    peer::data(3, peer::LAST_COMMAND, &peer::echo(1))
}

fn full() -> Refusal {
    Refusal::new(Status::OUT_OF_RESOURCES, "box is full, keep the images")
}
