//! A PACS of the simulator: the production acceptor, and a list of what came.

use std::collections::BTreeMap;

use scanpost::base::ids::{DeliveryRow, RecordNumber};
use scanpost::base::receipt::Receipt;
use scanpost::base::time::Instant;
use scanpost::base::uid::Uid;
use scanpost::dicom::acceptor::{Acceptor, AcceptorSettings, Action, Input};
use scanpost::dicom::status::{Refusal, Status};

/// A delivery by its row, in the how many-th ledger of the run.
pub type Delivery = (u32, DeliveryRow);

/// A content that is known.
pub struct Found {
    pub content: usize,
    pub instance: Uid,
    /// No other content has its UID.
    pub is_alone: bool,
}

/// Finds a content by the bytes of its data set.
pub type Find<'a> = dyn Fn(&[u8]) -> Option<Found> + 'a;

/// The archive, and what may be said about its deliveries.
pub struct Archive {
    pub acceptor: Option<Acceptor>,
    /// Which connection stands; those of earlier numbers are gone.
    pub line: u64,
    pub away_until: u64,
    /// It hears nothing and says nothing on the line that stands.
    pub is_mute: bool,
    /// How often it refused for good.
    pub never: u64,
    object: Vec<u8>,
    /// Stored, and the box has not heard so yet.
    pub unheard: Option<usize>,
    /// Contents in the order in which they came.
    pub arrivals: Vec<usize>,
    pub counts: Vec<u64>,
    /// How often each may come: each time that it was owed, and once more for each answer lost.
    pub allowed: Vec<u64>,
    refused: Vec<u64>,
    /// Failures of a delivery: above one, the box may let others go first.
    pub troubles: BTreeMap<Delivery, u32>,
    pub owners: BTreeMap<Delivery, Uid>,
    /// Something came that nobody sent.
    pub strange: bool,
}

/// What it makes of an instance that it could take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Takes,
    /// Not now.
    Full,
    /// Never: the box sets the delivery aside.
    Never,
}

/// What it answers.
#[derive(Default)]
pub struct Reply {
    pub bytes: Vec<u8>,
    pub closes: bool,
    pub stored: bool,
}

impl Archive {
    pub fn new(contents: usize) -> Self {
        Self {
            acceptor: None,
            line: 0,
            away_until: 0,
            is_mute: false,
            never: 0,
            object: Vec::new(),
            unheard: None,
            arrivals: Vec::new(),
            counts: vec![0; contents],
            allowed: vec![0; contents],
            refused: vec![0; contents],
            troubles: BTreeMap::new(),
            owners: BTreeMap::new(),
            strange: false,
        }
    }

    /// Makes room for another content, which may come so often.
    pub fn expect(&mut self, allowed: u64) {
        self.counts.push(0);
        self.allowed.push(allowed);
        self.refused.push(0);
    }

    pub fn connect(&mut self, now: Instant) {
        self.line += 1;
        self.acceptor = Some(Acceptor::new(now, AcceptorSettings::default()));
    }

    /// The connection is gone, and with it an answer that was under way.
    pub fn hang_up(&mut self) {
        self.line += 1;
        self.acceptor = None;
        self.is_mute = false;
        if let Some(content) = self.unheard.take() {
            self.allowed[content] += 1;
        }
    }

    pub fn trouble(&mut self, delivery: Option<Delivery>, weight: u32) {
        if let Some(delivery) = delivery {
            *self.troubles.entry(delivery).or_default() += weight;
        }
    }

    /// Feeds the acceptor. `judge` finds a content by its bytes; where it is full, it may refuse,
    /// but not so often that the box parks it.
    pub fn feed(
        &mut self,
        now: Instant,
        input: Input<'_>,
        judge: (&Find<'_>, Mood),
        sending: Option<Delivery>,
    ) -> Reply {
        let mut reply = Reply::default();
        let Some(mut acceptor) = self.acceptor.take() else { return reply };
        let mut actions = acceptor.step(now, input);
        while !actions.is_empty() {
            let mut answer = None;
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Send(bytes) => reply.bytes.extend(bytes),
                    Action::Close => reply.closes = true,
                    Action::Note(_) => {}
                    Action::Indicate(_) => answer = Some(Input::Accept),
                    Action::Begin(_) | Action::Drop(_) => self.object.clear(),
                    Action::Data(bytes) => self.object.extend(bytes),
                    Action::End => answer = Some(self.end(judge, sending, &mut reply)),
                }
            }
            if let Some(answer) = answer {
                actions = acceptor.step(now, answer);
            }
        }
        self.acceptor = Some(acceptor);
        reply
    }

    fn end(
        &mut self,
        (find, mood): (&Find<'_>, Mood),
        sending: Option<Delivery>,
        reply: &mut Reply,
    ) -> Input<'static> {
        let full = || Input::Refused(Refusal::new(Status::OUT_OF_RESOURCES, "full"));
        let Some(Found { content, instance, is_alone }) = find(&self.object) else {
            self.strange = true;
            return full();
        };
        if let Some(delivery) = sending {
            self.owners.insert(delivery, instance);
        }
        // Of two versions the later would come first, while a person is asked about the other.
        if mood == Mood::Never && is_alone {
            self.never += 1;
            self.trouble(sending, 2);
            return Input::Refused(Refusal::new(Status::CANNOT_UNDERSTAND, "no"));
        }
        if mood == Mood::Full && self.refused[content] < 2 {
            self.refused[content] += 1;
            self.trouble(sending, 2);
            return full();
        }
        self.arrivals.push(content);
        self.counts[content] += 1;
        self.unheard = Some(content);
        reply.stored = true;
        Input::Stored(Receipt::after_sync(RecordNumber { start: 0, sequence: 0 }))
    }
}
