//! One courier per destination: what is owed goes out, and what was answered is written down.
//!
//! The courier is the glue of three machines and two stores, without a socket: the outbox decides
//! what to send, the requestor speaks DICOM, the vault gives the bytes, the ledger keeps the fate.
//! Its driver is in `node::post`; the simulator has one of its own.
//!
//! # Invariants
//!
//! - I1: a delivery is done only once the peer's answer is in the ledger.
//! - Data sets stream: one piece of a data set is in memory at a time.

mod terms;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::ids::DeliveryRow;
use crate::base::plant::planted;
use crate::base::time::{Clock, Instant};
use crate::config::Destination;
use crate::dicom::context::VERIFICATION;
use crate::dicom::dimse::Priority;
use crate::dicom::requestor::{
    self, Input, Outcome as Fate, Pair, Requestor, RequestorSettings, Rest, StoreOrder,
};
use crate::flow::outbox::{self, Context, Event, Failure, Link, Outbox, Outcome, Parked};
use crate::node::audit::Auditor;
use crate::node::seal::Seal;
use crate::store::ledger::{Answer, Ledger, LedgerError, Moved, Owed};
use crate::store::vault::{RecordReader, Vault, VaultError};

use terms::{context, ended, entry, outcome, pair, verification};

/// Deliveries that an outbox knows at once: more are read when these become few.
const LOAD: usize = 2000;
/// Loads again below this many.
const LOW: usize = 500;

/// The stores behind a courier.
#[derive(Clone)]
pub struct Stores {
    /// The ledger; locked for one transaction at a time.
    pub ledger: Arc<Mutex<Ledger>>,
    /// The vault.
    pub vault: Arc<Vault>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The audit file.
    pub audit: Arc<Auditor>,
}

impl Stores {
    /// Locks the ledger. A panic elsewhere left it whole: every change is one transaction.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a courier could not go on; its driver pauses and steps again.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// The ledger failed.
    #[error("deliveries could not be looked up or written down")]
    Ledger(#[from] LedgerError),
}

/// What happened to a courier.
#[derive(Debug)]
pub enum Heard<'a> {
    /// Something may be owed.
    Bell,
    /// The connection that was dialled stands.
    Connected,
    /// It does not, for this reason.
    NotConnected(String),
    /// Bytes came.
    Bytes(&'a [u8]),
    /// The connection is gone.
    Closed,
    /// All that was to be sent is written.
    Written,
    /// The deadline passed.
    Timeout,
}

/// What the driver does, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Dial the destination; answer with `Connected` or `NotConnected`.
    Dial,
    /// Write these bytes.
    Send(Vec<u8>),
    /// Tell [`Heard::Written`] once everything before is written.
    TellWhenWritten,
    /// Close the connection.
    HangUp,
}

/// The association under way.
struct Line {
    link: Link,
    requestor: Requestor,
    pairs: Vec<Pair>,
    asked: Asked,
}

/// What the requestor was asked last.
enum Asked {
    Nothing,
    Echo,
    Object { delivery: DeliveryRow, reader: Box<RecordReader>, held: Vec<u8> },
}

/// Brings to one destination what is owed to it.
pub struct Courier {
    name: String,
    destination: Destination,
    stores: Stores,
    outbox: Outbox,
    known: BTreeMap<DeliveryRow, Owed>,
    ledger_has_more: bool,
    /// Whether something was done or parked since the last load.
    has_moved: bool,
    line: Option<Line>,
    todo: VecDeque<Todo>,
    out: Vec<Do>,
}

/// What one machine wants of the other. A queue rather than calls: a thousand instances that the
/// peer takes no context for must not nest a thousand deep.
enum Todo {
    Decide(Event),
    Speak(Say),
}

/// An input for the requestor that owns its bytes.
enum Say {
    Connected,
    Received(Vec<u8>),
    Echo,
    Store(StoreOrder),
    Data(Vec<u8>, Rest),
    Release,
    Abort,
    Closed,
    Timeout,
}

impl Courier {
    /// Begins with nothing loaded; ring the bell. `seed` spreads the pauses of several boxes.
    pub fn new(name: &str, destination: Destination, stores: Stores, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            destination,
            stores,
            outbox: Outbox::new(seed),
            known: BTreeMap::new(),
            ledger_has_more: false,
            has_moved: false,
            line: None,
            todo: VecDeque::new(),
            out: Vec::new(),
        }
    }

    /// Returns the destination's name in the settings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where to dial.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Returns how the destination is doing.
    pub fn standing(&self) -> outbox::Standing<'_> {
        self.outbox.standing()
    }

    /// Returns when to step with [`Heard::Timeout`].
    pub fn deadline(&self) -> Option<Instant> {
        let line = self.line.as_ref().and_then(|line| line.requestor.deadline());
        [self.outbox.deadline(), line].into_iter().flatten().min()
    }

    /// Takes in what happened and says what to do. It may block on disk.
    ///
    /// # Errors
    ///
    /// When the ledger fails. Nothing is lost: what was not written down is owed still.
    pub fn step(&mut self, heard: Heard<'_>) -> Result<Vec<Do>, CourierError> {
        match heard {
            Heard::Bell => {
                self.load()?;
                self.decide(Event::Tick);
            }
            Heard::Connected => self.say(Say::Connected),
            Heard::NotConnected(words) => {
                if let Some(line) = self.line.take() {
                    let failure = Failure::Away { words };
                    self.decide(Event::Failed { link: line.link, failure });
                }
            }
            Heard::Bytes(bytes) => self.say(Say::Received(bytes.to_vec())),
            Heard::Closed => self.say(Say::Closed),
            Heard::Written => self.next_piece(),
            Heard::Timeout => {
                let now = self.stores.clock.now();
                let line = self.line.as_ref().and_then(|line| line.requestor.deadline());
                if line.is_some_and(|at| at <= now) {
                    self.say(Say::Timeout);
                }
                self.decide(Event::Tick);
            }
        }
        self.work()?;
        Ok(std::mem::take(&mut self.out))
    }

    fn decide(&mut self, event: Event) {
        self.todo.push_back(Todo::Decide(event));
    }

    fn say(&mut self, say: Say) {
        self.todo.push_back(Todo::Speak(say));
    }

    /// Lets the two machines talk until both wait.
    fn work(&mut self) -> Result<(), CourierError> {
        loop {
            while let Some(todo) = self.todo.pop_front() {
                match todo {
                    Todo::Decide(event) => {
                        let now = self.stores.clock.now();
                        for action in self.outbox.step(now, event) {
                            self.obey(action)?;
                        }
                    }
                    Todo::Speak(say) => self.speak(say),
                }
            }
            // The ledger holds back what is over the limit, and a later version of an instance
            // while an earlier one is owed: both may come forward when something was done.
            let is_low = self.ledger_has_more && self.known.len() < LOW;
            let is_empty = self.has_moved && self.known.is_empty();
            if !is_low && !is_empty {
                return Ok(());
            }
            self.load()?;
            self.decide(Event::Tick);
        }
    }

    /// Reads what is owed from the ledger into the outbox.
    fn load(&mut self) -> Result<(), CourierError> {
        let mut owed = self.stores.ledger().owed(&self.name, LOAD, &Seal(&self.stores.vault))?;
        self.ledger_has_more = owed.len() == LOAD;
        self.has_moved = false;
        if planted!(ForgetOwedAtBoot) {
            owed.retain(|owed| owed.number.start == self.stores.vault.start());
        }
        if planted!(LoseOrder) {
            for owed in &mut owed {
                owed.arrival.0 ^= 3;
            }
        }
        let entries: Vec<outbox::Owed> = owed.iter().filter_map(entry).collect();
        self.known.extend(owed.into_iter().map(|owed| (owed.delivery, owed)));
        self.outbox.load(entries);
        Ok(())
    }

    /// Does one thing that the outbox wants.
    fn obey(&mut self, action: outbox::Action) -> Result<(), CourierError> {
        match action {
            outbox::Action::Connect { link, contexts } => self.dial(link, contexts),
            outbox::Action::Echo { .. } => {
                self.ask(Asked::Echo);
                self.say(Say::Echo);
            }
            outbox::Action::Send { delivery, .. } => self.send(delivery)?,
            outbox::Action::Release { .. } => self.say(Say::Release),
            outbox::Action::Abort { .. } => self.say(Say::Abort),
            outbox::Action::Done { delivery, status } => self.done(delivery, status)?,
            outbox::Action::Park { delivery, why } => self.park(delivery, &why)?,
        }
        Ok(())
    }

    fn dial(&mut self, link: Link, contexts: Vec<Context>) {
        if self.line.take().is_some() {
            self.out.push(Do::HangUp);
        }
        let mut pairs: Vec<Pair> = contexts.into_iter().map(pair).collect();
        pairs.extend(verification());
        let settings =
            RequestorSettings::new(self.destination.calling.clone(), self.destination.ae.clone());
        // The outbox asks for 1 to 127 contexts, and Verification makes 128 at most.
        if let Ok(requestor) = Requestor::new(settings, &pairs) {
            self.line = Some(Line { link, requestor, pairs, asked: Asked::Nothing });
            self.out.push(Do::Dial);
        }
    }

    fn ask(&mut self, asked: Asked) {
        if let Some(line) = &mut self.line {
            line.asked = asked;
        }
    }

    fn send(&mut self, delivery: DeliveryRow) -> Result<(), CourierError> {
        let stamp = self.stores.clock.stamp();
        let Some(owed) = self.known.get(&delivery).cloned() else { return Ok(()) };
        self.moved(self.stores.ledger().attempted(delivery, stamp)?);
        if planted!(DoneBeforeAnswer) {
            return self.done(delivery, 0);
        }
        let Some(class) = owed.sop_class else { return Ok(()) };
        match self.stores.vault.read(owed.location, owed.number) {
            Ok(reader) => {
                let reader = Box::new(reader);
                self.ask(Asked::Object { delivery, reader, held: Vec::new() });
                let order = StoreOrder {
                    pair: Pair { class, transfer_syntax: owed.transfer_syntax },
                    sop_instance: owed.sop_instance,
                    priority: Priority::Medium,
                };
                self.say(Say::Store(order));
            }
            Err(error) => self.unreadable(delivery, &error),
        }
        Ok(())
    }

    /// The vault cannot give the bytes: that is our fault, never the peer's.
    fn unreadable(&mut self, delivery: DeliveryRow, error: &VaultError) {
        tracing::error!(%delivery, code = error.fault().code(), "a kept instance cannot be read");
        let Some(link) = self.line.as_ref().map(|line| line.link) else { return };
        let words = format!("{} ({})", error.fault().sentence(), error.fault().code());
        let outcome = Outcome::Transient { words };
        self.decide(Event::Answered { link, delivery, outcome });
    }

    /// Feeds the requestor and does what it says.
    fn speak(&mut self, say: Say) {
        let now = self.stores.clock.now();
        let Some(line) = &mut self.line else { return };
        let link = line.link;
        let is_closed = matches!(say, Say::Closed);
        let actions = match say {
            Say::Connected => line.requestor.step(now, Input::Connected),
            Say::Received(bytes) => line.requestor.step(now, Input::Received(&bytes)),
            Say::Echo => line.requestor.step(now, Input::Echo),
            Say::Store(order) => line.requestor.step(now, Input::Store(order)),
            Say::Data(bytes, rest) => line.requestor.step(now, Input::Data(&bytes, rest)),
            Say::Release => line.requestor.step(now, Input::Release),
            Say::Abort => line.requestor.step(now, Input::Abort),
            Say::Closed => line.requestor.step(now, Input::Closed),
            Say::Timeout => line.requestor.step(now, Input::Timeout),
        };
        let mut is_over = is_closed;
        for action in actions {
            match action {
                requestor::Action::Send(bytes) => self.out.push(Do::Send(bytes)),
                requestor::Action::WantData => self.out.push(Do::TellWhenWritten),
                requestor::Action::Established(refused) => {
                    let refused: Vec<Pair> = refused.into_iter().map(|each| each.pair).collect();
                    let accepted = self.accepted(&refused);
                    self.decide(Event::Connected { link, accepted });
                }
                requestor::Action::Outcome(fate) => self.answered(link, fate),
                requestor::Action::Ended(fate) => self.decide(ended(link, fate)),
                requestor::Action::Close => {
                    self.out.push(Do::HangUp);
                    is_over = true;
                }
                requestor::Action::Note(oddity) => {
                    tracing::debug!(destination = %self.name, ?oddity, "tolerated");
                }
            }
        }
        if is_over {
            self.line = None;
        }
    }

    fn accepted(&self, refused: &[Pair]) -> Vec<Context> {
        let pairs = self.line.iter().flat_map(|line| &line.pairs);
        let fine =
            pairs.filter(|pair| pair.class.as_str() != VERIFICATION && !refused.contains(pair));
        fine.map(context).collect()
    }

    /// Gives the requestor the next piece of the data set.
    fn next_piece(&mut self) {
        let Some(line) = &mut self.line else { return };
        let Asked::Object { delivery, reader, held } = &mut line.asked else { return };
        let delivery = *delivery;
        // One piece is held back, so that the last one can be told as such.
        let mut piece = std::mem::take(held);
        let read = if piece.is_empty() { reader.next_chunk(&mut piece) } else { Ok(true) };
        match read.and_then(|_| reader.next_chunk(held)) {
            Ok(true) => self.say(Say::Data(piece, Rest::More)),
            Ok(false) => self.say(Say::Data(piece, Rest::Last)),
            Err(error) => {
                // What was sent so far must not look like a whole object.
                self.unreadable(delivery, &error);
                self.say(Say::Abort);
            }
        }
    }

    fn answered(&mut self, link: Link, fate: Fate) {
        let Some(line) = &mut self.line else { return };
        match std::mem::replace(&mut line.asked, Asked::Nothing) {
            Asked::Nothing => {}
            Asked::Echo => {
                // A peer that does not take Verification has proved enough by associating. For
                // everything else the end of the association follows, and says why.
                if matches!(fate, Fate::Answered(_) | Fate::NoContext(_)) {
                    self.decide(Event::Echoed { link });
                }
            }
            Asked::Object { delivery, .. } => {
                self.decide(Event::Answered { link, delivery, outcome: outcome(fate) });
            }
        }
    }

    fn done(&mut self, delivery: DeliveryRow, status: u16) -> Result<(), CourierError> {
        let words = if status == 0 { String::new() } else { format!("{status:04X}") };
        let answer = Answer { status: Some(status), words: &words, at: self.stores.clock.stamp() };
        let seal = Seal(&self.stores.vault);
        let moved = self.stores.ledger().accepted(delivery, &answer, &seal)?;
        self.forget(delivery, moved);
        Ok(())
    }

    fn park(&mut self, delivery: DeliveryRow, why: &Parked) -> Result<(), CourierError> {
        let (status, words) = match why {
            Parked::Refused { status, words } => (Some(*status), format!("{status:04X} {words}")),
            Parked::NoContext => (None, "it takes no such class or transfer syntax".to_owned()),
            Parked::Aborted { words } => {
                (None, format!("the archive breaks off the association on this object: {words}"))
            }
        };
        let answer = Answer { status, words: &words, at: self.stores.clock.stamp() };
        let seal = Seal(&self.stores.vault);
        let moved = self.stores.ledger().park(delivery, &answer, &seal)?;
        // The words may name a patient: they stay in the ledger.
        self.stores.audit.parked(&self.name, delivery, status);
        self.forget(delivery, moved);
        Ok(())
    }

    fn forget(&mut self, delivery: DeliveryRow, moved: Moved) {
        self.moved(moved);
        self.known.remove(&delivery);
        self.has_moved = true;
    }

    /// A delivery that was not where it should be was moved by a person meanwhile.
    fn moved(&self, moved: Moved) {
        if moved == Moved::Unchanged {
            tracing::warn!(destination = %self.name, "a delivery had been moved meanwhile");
        }
    }
}
