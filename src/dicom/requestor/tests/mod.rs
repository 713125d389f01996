//! Goal: whatever a peer answers, each message has one outcome and each association one end.
//! Method: an association in each state, the peer's bytes or the driver's wish, and what follows
//! told in words.

mod association;
mod messages;

use std::time::Duration;

use super::*;
use crate::base::aet::AeTitle;
use crate::base::uid::Uid;
use crate::dicom::dimse::Priority;
use crate::dicom::peer::{
    self, COMMAND, CT, DATA, EXPLICIT, IMPLICIT, LAST_COMMAND, LAST_DATA, VERIFICATION, ac,
    answered, data, item, pdu, tell,
};
use crate::dicom::status::Status;

const INSTANCE: &[u8] = b"1.2.3.4";

fn uid(bytes: &[u8]) -> Uid {
    Uid::parse(bytes).unwrap()
}

fn pair(class: &[u8], syntax: &[u8]) -> Pair {
    Pair { class: uid(class), transfer_syntax: uid(syntax) }
}

/// A requestor and what it has asked of its driver.
struct Driver {
    machine: Requestor,
    now: Instant,
    sent: Vec<u8>,
    refused: Vec<RefusedPair>,
    outcomes: Vec<Outcome>,
    ended: Vec<Outcome>,
    notes: Vec<Oddity>,
    wants_data: bool,
    closed: bool,
}

impl Driver {
    /// CT in explicit VR on context 1, Verification on 3, CT in implicit VR on 5.
    fn new() -> Self {
        let title = |text: &str| AeTitle::parse(text.as_bytes()).unwrap();
        let settings = RequestorSettings::new(title("SCANPOST"), title("PACS"));
        let pairs = [
            pair(CT, EXPLICIT),
            pair(VERIFICATION, IMPLICIT),
            pair(CT, IMPLICIT),
            pair(CT, EXPLICIT),
        ];
        Self {
            machine: Requestor::new(settings, &pairs).unwrap(),
            now: Instant::from_nanos(1_000_000_000),
            sent: Vec::new(),
            refused: Vec::new(),
            outcomes: Vec::new(),
            ended: Vec::new(),
            notes: Vec::new(),
            wants_data: false,
            closed: false,
        }
    }

    fn asked() -> Self {
        let mut driver = Self::new();
        driver.step(Input::Connected);
        assert_eq!(driver.told(), "RQ");
        driver
    }

    /// An association with all contexts and this maximum length of the peer's.
    fn established(max_length: u32) -> Self {
        let mut driver = Self::asked();
        let contexts = [
            answered(1, 0, Some(EXPLICIT)),
            answered(3, 0, Some(IMPLICIT)),
            answered(5, 0, Some(IMPLICIT)),
        ];
        let max_length = item(0x51, &max_length.to_be_bytes());
        driver.feed(&ac(&contexts, &max_length));
        assert_eq!((driver.refused.len(), driver.machine.state()), (0, State::Sta6));
        driver
    }

    /// An association whose one object of 100 bytes was sent.
    fn awaiting() -> Self {
        let mut driver = Self::established(16_384);
        driver.store().data(&[1; 100], Rest::Last);
        assert_eq!(driver.told(), "STORE data[100]");
        driver
    }

    fn releasing() -> Self {
        let mut driver = Self::established(0);
        driver.step(Input::Release);
        assert_eq!(driver.told(), "RQ-RELEASE");
        driver
    }

    fn store(&mut self) -> &mut Self {
        self.step(Input::Store(StoreOrder {
            pair: pair(CT, EXPLICIT),
            sop_instance: uid(INSTANCE),
            priority: Priority::Medium,
        }))
    }

    fn data(&mut self, bytes: &[u8], rest: Rest) -> &mut Self {
        assert!(self.wants_data);
        self.wants_data = false;
        self.step(Input::Data(bytes, rest))
    }

    fn feed(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Input::Received(bytes))
    }

    /// The peer's response to the message that is out.
    fn respond(&mut self, field: u16, id: u16, status: u16, instance: &[u8]) -> &mut Self {
        self.feed(&data(1, LAST_COMMAND, &peer::response(field, id, status, instance)))
    }

    fn step(&mut self, input: Input<'_>) -> &mut Self {
        assert!(!self.closed, "nothing may be fed after Close");
        for action in self.machine.step(self.now, input) {
            assert!(!self.closed, "nothing may follow Close");
            match action {
                Action::Send(bytes) => self.sent.extend(bytes),
                Action::Established(refused) => self.refused = refused,
                Action::WantData => self.wants_data = true,
                Action::Outcome(outcome) => self.outcomes.push(outcome),
                Action::Ended(outcome) => self.ended.push(outcome),
                Action::Close => self.closed = true,
                Action::Note(oddity) => self.notes.push(oddity),
            }
        }
        assert!(self.ended.len() <= 1, "an association ends once");
        self
    }

    fn wait_deadline(&mut self) -> Duration {
        let time = self.machine.deadline().unwrap().since(self.now);
        self.now = self.now.after(time);
        self.step(Input::Timeout);
        time
    }

    fn told(&mut self) -> String {
        tell(&std::mem::take(&mut self.sent))
    }
}

fn success() -> Outcome {
    said(0)
}

fn said(status: u16) -> Outcome {
    Outcome::Answered(Answer {
        status: Status(status),
        comment: String::new(),
        offending: Vec::new(),
    })
}
