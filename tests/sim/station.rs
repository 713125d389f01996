//! The box of the simulator: the production parts on a disk in memory, without sockets or tasks.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use scanpost::base::fault::Fault;
use scanpost::base::rng::SplitMix;
use scanpost::base::secret::Secret;
use scanpost::base::time::Clock;
use scanpost::config::Config;
use scanpost::dicom::acceptor::{Acceptor, AcceptorSettings, Action, Input};
use scanpost::node::analyse::{AnalyseError, Analyst, Step};
use scanpost::node::bell::bell;
use scanpost::node::deliver::{Courier, Stores};
use scanpost::node::open::{Means, assemble};
use scanpost::node::read::{Desk, Identities, Todo};
use scanpost::node::receive::{Books, Receiver, SharedDoor, Strangers};
use scanpost::store::disk::memory::MemoryDisk;
use scanpost::store::keys::FileKey;
use scanpost::store::ledger::Ledger;
use scanpost::store::vault::VaultSettings;
use scanpost::wire::scp::{Admitted, AssociationEnd, Intake, Keeper};

use crate::clinic::ARCHIVES;
use crate::shelf::shelf;

const SETTINGS: VaultSettings =
    VaultSettings { slab_bytes: 128 << 10, reserve_bytes: 16 << 10, slabs_ready: 2 };

/// The box while its power is on.
pub struct Station {
    pub stores: Stores,
    pub books: Arc<Books>,
    pub couriers: Vec<Courier>,
    analyst: Analyst,
    pub desk: Desk,
    /// What is being read.
    pub reading: Option<Box<Todo>>,
    receiver: Receiver,
    door: Arc<SharedDoor>,
    pub line: Option<Incoming>,
}

/// One association of the scanner, as the box sees it.
pub struct Incoming {
    pub acceptor: Acceptor,
    admitted: Option<Admitted>,
    intake: Option<Box<dyn Intake>>,
    is_answered: bool,
}

/// What the box did with the scanner's bytes.
#[derive(Default)]
pub struct Reply {
    pub bytes: Vec<u8>,
    pub closes: bool,
    /// Data sets that came to their end, and how many of them were sealed.
    pub ended: usize,
    pub sealed: usize,
}

impl Station {
    /// Starts on `disk`, as `node::run` does.
    pub fn boot(
        disk: &MemoryDisk,
        ledger: Ledger,
        config: &Arc<Config>,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Self {
        let key = FileKey::of(Secret::new([7; 32]));
        let means = Means {
            provider: &key,
            settings: SETTINGS,
            rng: Box::new(SplitMix::new(seed)),
            clock,
            destinations: ARCHIVES.map(str::to_owned).to_vec(),
            // A disk of its own: what fails the vault in a run is drawn from the seed.
            audit: Arc::new(MemoryDisk::new(1 << 20)),
        };
        let open = assemble(Arc::new(disk.clone()), ledger, means).expect("the box starts");
        assert!(open.faults.is_empty(), "the start finds {:?}", open.faults);
        let (stores, books) = (open.stores, Arc::new(Books::new(bell().0)));
        let analyst = Analyst::new(Arc::clone(config), stores.clone(), Arc::clone(&books));
        let identities = Identities { box_id: open.opened.box_id.0, vault: open.opened.identity.0 };
        let (with, and) = (stores.clone(), Arc::clone(&books));
        let desk = Desk { stores: with, books: and, shelf: shelf(), identities };
        let door = Arc::new(SharedDoor::default());
        let couriers = ARCHIVES.into_iter().zip(seed..).map(|(name, seed)| {
            Courier::new(name, config.destinations[name].clone(), stores.clone(), seed)
        });
        let couriers = couriers.collect();
        let receiver = Receiver::new(
            Arc::clone(config),
            stores.clone(),
            Arc::clone(&books),
            Strangers::default(),
            Arc::clone(&door),
        );
        let (reading, line) = (None, None);
        let station =
            Self { stores, books, couriers, analyst, desk, reading, receiver, door, line };
        station.prepare();
        station
    }

    /// Makes slabs ready and sets the door, as `node::run` does every minute.
    pub fn prepare(&self) {
        self.door.set(match self.stores.vault.prepare() {
            Err(error) => Some(error.fault()),
            Ok(0) => Some(Fault::DiskFull),
            Ok(_) => None,
        });
    }

    /// Books all that waits; returns whether there was anything.
    pub fn book(&self) -> bool {
        let mut any = false;
        while self.books.book(&self.stores).expect("the ledger takes it").is_some() {
            any = true;
        }
        any
    }

    /// Has the analyst look at the ledger.
    pub fn look(&mut self) -> Result<Step, AnalyseError> {
        self.analyst.step(&self.desk.shelf.active())
    }

    /// Takes a connection of the scanner.
    pub fn connect(&mut self) {
        self.hang_up();
        let acceptor = Acceptor::new(self.stores.clock.now(), AcceptorSettings::default());
        self.line = Some(Incoming { acceptor, admitted: None, intake: None, is_answered: false });
    }

    /// The scanner's connection is gone.
    pub fn hang_up(&mut self) {
        let Some(line) = self.line.take() else { return };
        drop(line.intake);
        if let Some(admitted) = &line.admitted {
            self.receiver.ended(admitted, AssociationEnd::Broken);
        }
    }

    /// Feeds the acceptor and serves what it asks for, as `wire::scp` does.
    pub fn feed(&mut self, input: Input<'_>) -> Reply {
        let mut reply = Reply::default();
        let Some(line) = &mut self.line else { return reply };
        let now = self.stores.clock.now();
        let mut actions = line.acceptor.step(now, input);
        while !actions.is_empty() {
            let mut answer = None;
            for action in std::mem::take(&mut actions) {
                if let Some(given) = line.perform(&self.receiver, action, &mut reply) {
                    answer = Some(given);
                }
            }
            if let Some(answer) = answer {
                actions = line.acceptor.step(now, answer);
            }
        }
        reply
    }

    /// Loses power: only what the disk and the ledger's file hold is left.
    pub fn into_ledger(self) -> Ledger {
        let ledger = Arc::clone(&self.stores.ledger);
        drop(self);
        let ledger = Arc::into_inner(ledger).expect("nobody else holds the ledger");
        Mutex::into_inner(ledger).expect("nobody panicked")
    }
}

impl Incoming {
    fn perform(
        &mut self,
        receiver: &Receiver,
        action: Action,
        reply: &mut Reply,
    ) -> Option<Input<'static>> {
        match action {
            Action::Send(bytes) => reply.bytes.extend(bytes),
            Action::Close => reply.closes = true,
            Action::Indicate(request) => {
                let peer = IpAddr::from([10, 0, 0, 1]);
                return Some(match receiver.admit(peer, &request) {
                    Ok(admitted) => {
                        self.admitted = Some(admitted);
                        Input::Accept
                    }
                    Err(rejection) => Input::Reject(rejection),
                });
            }
            Action::Begin(request) => {
                self.is_answered = false;
                match receiver.begin(self.admitted.as_ref()?, &request) {
                    Ok(intake) => self.intake = Some(intake),
                    Err(refusal) => return Some(self.refuse(refusal)),
                }
            }
            Action::Data(bytes) if !self.is_answered => {
                if let Err(refusal) = self.intake.as_mut()?.append(&bytes) {
                    return Some(self.refuse(refusal));
                }
            }
            Action::End if !self.is_answered => {
                reply.ended += 1;
                match self.intake.take()?.seal() {
                    Ok(receipt) => {
                        reply.sealed += 1;
                        return Some(Input::Stored(receipt));
                    }
                    Err(refusal) => return Some(self.refuse(refusal)),
                }
            }
            Action::Note(_) | Action::Data(_) | Action::End => {}
            Action::Drop(_) => self.intake = None,
        }
        None
    }

    fn refuse(&mut self, refusal: scanpost::dicom::status::Refusal) -> Input<'static> {
        self.intake = None;
        self.is_answered = true;
        Input::Refused(refusal)
    }
}
