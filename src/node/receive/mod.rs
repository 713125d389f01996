//! Receiving: what the scanner sends goes through the walker into the vault, and is promised.
//!
//! # Invariants
//!
//! - I2: the receipt that pays for a 0000 comes from `vault.seal`, behind its sync.
//! - An object is never whole in memory: walker and vault see each piece, then it is gone.
//! - What is refused leaves nothing behind; what was promised is booked, now or after a restart.

mod book;
mod facts;
mod strangers;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use book::{Books, Goodbye, Standing};
pub use strangers::{Stranger, Strangers};

use crate::base::digest::Digest;
use crate::base::fault::Fault;
use crate::base::limits::{ASSOCIATION_STUDIES_MAX, ASSOCIATIONS_MAX, SLABS_LOW};
use crate::base::plant::planted;
use crate::base::receipt::Receipt;
use crate::config::Config;
use crate::dicom::acceptor::{AssociationRequest, Oddity, Purpose, StoreRequest};
use crate::dicom::pdu::Rejection;
use crate::dicom::status::{Refusal, Status};
use crate::dicom::syntax::TransferSyntax;
use crate::dicom::walker::{Keep, Walker};
use crate::flow::admit::{self, Admission, Call, Door, Names, ObjectFacts, Verdict};
use crate::flow::route::{self, Route};
use crate::node::bell::Bell;
use crate::node::deliver::Stores;
use crate::store::ledger::study_label;
use crate::store::record::{AgainRecord, Content, ObjectRecord, Sealed};
use crate::store::vault::{Kind, VaultError, Writer};
use crate::wire::scp::{Admitted, AssociationEnd, Intake, Keeper};

/// Receives for the whole box.
pub struct Receiver {
    config: Arc<Config>,
    config_digest: Digest,
    stores: Stores,
    books: Arc<Books>,
    strangers: Strangers,
    storing: Arc<AtomicUsize>,
    associations: AtomicU64,
    brought: Arc<Brought>,
    door: Arc<SharedDoor>,
}

/// Labels of the studies that each running association brought parts of.
#[derive(Debug, Default)]
struct Brought(Mutex<BTreeMap<u64, BTreeSet<String>>>);

impl Brought {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, BTreeSet<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a study; those over the limit become whole by silence alone.
    fn note(&self, association: u64, label: String) {
        let mut brought = self.lock();
        let studies = brought.entry(association).or_default();
        if studies.len() < ASSOCIATION_STUDIES_MAX {
            studies.insert(label);
        }
    }
}

/// What stands in the way of new objects; set by whoever notices, read at each association.
#[derive(Debug, Default)]
pub struct SharedDoor {
    fault: AtomicU8,
    /// Rung when few slabs are left.
    low: Option<Bell>,
}

impl SharedDoor {
    /// An open door that rings `low` when slabs run out faster than they are made ready.
    pub fn ringing(low: Bell) -> Self {
        Self { fault: AtomicU8::new(0), low: Some(low) }
    }

    fn ring_low(&self) {
        self.low.iter().for_each(Bell::ring);
    }

    /// Sets the door by the fault that was noticed last; `None` opens it.
    pub fn set(&self, fault: Option<Fault>) {
        let value = match fault {
            None => 0,
            Some(Fault::DiskFull) => 1,
            Some(_) => 2,
        };
        self.fault.store(value, Ordering::Relaxed);
    }

    /// Returns the fault that shuts it.
    pub fn fault(&self) -> Option<Fault> {
        match self.fault.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Fault::DiskFull),
            _ => Some(Fault::DiskError),
        }
    }

    /// Returns what a new association meets.
    pub fn get(&self) -> Door {
        match self.fault.load(Ordering::Relaxed) {
            0 => Door::Open,
            1 => Door::Full,
            _ => Door::Shut,
        }
    }
}

impl Receiver {
    /// Receives into `stores` and tells `books` what was sealed.
    pub fn new(
        config: Arc<Config>,
        stores: Stores,
        books: Arc<Books>,
        strangers: Strangers,
        door: Arc<SharedDoor>,
    ) -> Self {
        let config_digest = config.digest();
        Self {
            config,
            config_digest,
            stores,
            books,
            strangers,
            storing: Arc::default(),
            associations: AtomicU64::new(0),
            brought: Arc::default(),
            door,
        }
    }

    fn door(&self) -> Door {
        match self.door.get() {
            Door::Open if ASSOCIATIONS_MAX <= self.storing.load(Ordering::Relaxed) => Door::Busy,
            door @ (Door::Open | Door::Full | Door::Shut | Door::Busy) => door,
        }
    }
}

/// Turns trouble of the vault into what the peer hears, and remembers it for the door.
fn refuse(door: &SharedDoor, error: &VaultError) -> Refusal {
    let fault = error.fault();
    tracing::error!(code = fault.code(), %error, "an object could not be kept");
    if fault == Fault::DiskError {
        door.set(Some(fault));
    }
    let comment = if fault == Fault::DiskFull {
        "box is full, keep the images"
    } else {
        "box could not store it, keep the images"
    };
    Refusal::new(Status::OUT_OF_RESOURCES, comment)
}

impl Keeper for Receiver {
    fn admit(&self, peer: IpAddr, request: &AssociationRequest) -> Result<Admitted, Rejection> {
        let purpose = match request.purpose {
            Purpose::Verification => admit::Purpose::Echo,
            Purpose::Storage | Purpose::Nothing => admit::Purpose::Store,
        };
        let call = Call {
            called: request.called.as_str().as_bytes(),
            calling: request.calling.as_str().as_bytes(),
            address: peer,
            purpose,
        };
        match admit::admit(&self.config, self.door(), call) {
            Admission::Accept { caller } => {
                if purpose == admit::Purpose::Store {
                    self.storing.fetch_add(1, Ordering::Relaxed);
                }
                let association = self.associations.fetch_add(1, Ordering::Relaxed);
                Ok(Admitted { caller, request: request.clone(), peer, association })
            }
            Admission::Reject(rejection) => {
                let words = rejection.words();
                let now = self.stores.clock.stamp();
                self.strangers.note(&request.calling, peer, &words, now);
                self.stores.audit.association_refused(&request.calling, peer, &words);
                let (result, source, reason) = rejection.triple();
                Err(Rejection::new(result, source, reason))
            }
        }
    }

    fn begin(&self, from: &Admitted, request: &StoreRequest) -> Result<Box<dyn Intake>, Refusal> {
        let syntax = TransferSyntax::lookup(&request.transfer_syntax);
        let syntax = syntax.ok_or_else(|| {
            Refusal::new(Status::CANNOT_UNDERSTAND, "the transfer syntax is not known")
        })?;
        let writer =
            self.stores.vault.begin(Kind::Object).map_err(|error| refuse(&self.door, &error))?;
        if self.stores.vault.slabs_ready() <= SLABS_LOW {
            self.door.ring_low();
        }
        let priority = Some(facts::priority(request.priority));
        let route = route::route(&self.config, from.caller.as_deref(), priority);
        Ok(Box::new(Reception {
            door: Arc::clone(&self.door),
            config: self.config_digest,
            stores: self.stores.clone(),
            books: Arc::clone(&self.books),
            brought: Arc::clone(&self.brought),
            from: from.clone(),
            request: request.clone(),
            route,
            walker: Some(Walker::new(syntax, Keep::Routing)),
            writer: Some(writer),
        }))
    }

    fn note(&self, peer: IpAddr, oddity: &Oddity) {
        tracing::info!(%peer, ?oddity, "an association was odd");
    }

    fn ended(&self, from: &Admitted, end: AssociationEnd) {
        if from.request.purpose != Purpose::Verification {
            self.storing.fetch_sub(1, Ordering::Relaxed);
        }
        let calling = &from.request.calling;
        let studies = self.brought.lock().remove(&from.association);
        if end == AssociationEnd::Released
            && let Some(studies) = studies
        {
            let (calling, at) = (calling.to_string(), self.stores.clock.stamp());
            let studies = studies.into_iter().collect();
            self.books.say_goodbye(Goodbye { studies, calling, at });
        }
        tracing::info!(peer = %from.peer, %calling, ?end, "association over");
    }
}

/// One object on its way into the vault.
struct Reception {
    door: Arc<SharedDoor>,
    config: Digest,
    stores: Stores,
    books: Arc<Books>,
    brought: Arc<Brought>,
    from: Admitted,
    request: StoreRequest,
    route: Route,
    /// `None` once the walk is over.
    walker: Option<Walker>,
    /// `None` once the record is sealed or given up.
    writer: Option<Writer>,
}

impl Intake for Reception {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.take(bytes).inspect_err(|refusal| note_refused(&self.stores, &self.from, refusal))
    }

    fn seal(self: Box<Self>) -> Result<Receipt, Refusal> {
        let (stores, from) = (self.stores.clone(), self.from.clone());
        self.keep().inspect_err(|refusal| note_refused(&stores, &from, refusal))
    }
}

fn note_refused(stores: &Stores, from: &Admitted, refusal: &Refusal) {
    stores.audit.object_refused(&from.request.calling, from.peer, refusal.status.0);
}

impl Reception {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let Some((walker, writer)) = self.walker.as_mut().zip(self.writer.as_mut()) else {
            return Err(Refusal::new(Status::OUT_OF_RESOURCES, "the object was given up"));
        };
        if let Err(error) = walker.feed(bytes) {
            return Err(self.broken(facts::broken(error)));
        }
        writer.append(bytes).map_err(|error| refuse(&self.door, &error))
    }

    fn keep(mut self: Box<Self>) -> Result<Receipt, Refusal> {
        let record = self.record()?;
        let Some(writer) = self.writer.take() else {
            return Err(Refusal::new(Status::OUT_OF_RESOURCES, "the object was given up"));
        };
        let vault = self.stores.vault.clone();
        let label = study_label(&record);
        let first = self.books.find_same(&self.stores, &record);
        let first = first.filter(|_| !planted!(DuplicateAsNew));
        let book = |sealed: &Sealed| self.books.add(sealed.clone());
        self.brought.note(self.from.association, label.clone());
        let receipt = if let Some(of) = first.filter(|first| self.is_held(first, &record)) {
            vault.roll_back(writer).map_err(|error| refuse(&self.door, &error))?;
            let content = Content::Again(AgainRecord {
                of: of.number,
                calling: record.calling,
                peer: record.peer,
                received: record.received,
                routes: record.routes,
            });
            let again = vault.begin(Kind::Again).map_err(|error| refuse(&self.door, &error))?;
            vault.seal_and_tell(again, facts::key_name(&label), content, &book)
        } else {
            let content = Content::Object(Box::new(record));
            vault.seal_and_tell(writer, facts::key_name(&label), content, &book)
        };
        receipt.map_err(|error| refuse(&self.door, &error))
    }

    /// Ends the walk and makes the record, or the refusal.
    fn record(&mut self) -> Result<ObjectRecord, Refusal> {
        let walked = self.walker.take().map(Walker::finish);
        let (broken, walk) = match walked {
            Some(Ok(walk)) => (None, Some(walk)),
            Some(Err(error)) => (Some(facts::broken(error)), None),
            None => (Some(admit::Broken::Empty), None),
        };
        let oddities = walk.as_ref().map(facts::oddities).unwrap_or_default();
        let judged = admit::judge(&ObjectFacts {
            command: self.command(),
            data_set: walk.as_ref().map(facts::names).unwrap_or_default(),
            broken,
            oddities: &oddities,
        });
        let (unreadable, oddities) = match judged {
            Verdict::Keep { unreadable, oddities } => (unreadable, oddities),
            Verdict::Refuse { status, comment, offending } => {
                return Err(facts::refusal(status, comment.as_str(), offending));
            }
        };
        let (identity, slice) = walk
            .as_ref()
            .and_then(facts::identity)
            .ok_or_else(|| self.broken(admit::Broken::Empty))?;
        let (length, digest) =
            self.writer.as_ref().map_or((0, Digest([0; 32])), |w| (w.length(), w.digest()));
        Ok(ObjectRecord {
            identity,
            facts: slice,
            transfer_syntax: self.request.transfer_syntax.clone(),
            length,
            digest,
            calling: self.from.request.calling.clone(),
            called: self.from.request.called.clone(),
            peer: self.from.peer.to_string(),
            received: self.stores.clock.stamp(),
            unreadable: unreadable.map(|reason| reason.word().to_owned()),
            oddities,
            routes: self.route.originals.clone(),
            urgency: self.route.urgency,
            config: self.config,
        })
    }

    fn command(&self) -> Names {
        Names {
            class: Some(self.request.sop_class.clone()),
            instance: Some(self.request.sop_instance.clone()),
        }
    }

    /// Says why a data set that broke off is refused.
    fn broken(&self, broken: admit::Broken) -> Refusal {
        let judged = admit::judge(&ObjectFacts {
            command: self.command(),
            data_set: Names::default(),
            broken: Some(broken),
            oddities: &[],
        });
        match judged {
            Verdict::Refuse { status, comment, offending } => {
                facts::refusal(status, comment.as_str(), offending)
            }
            Verdict::Keep { .. } => Refusal::new(Status::CANNOT_UNDERSTAND, "no data set"),
        }
    }

    /// Opens the first record and reads it to its end: only then may an `again` stand for it.
    fn is_held(&self, first: &Standing, record: &ObjectRecord) -> bool {
        let place = (first.location, first.number);
        self.stores.vault.holds(place, record.length, &record.digest).unwrap_or(false)
    }
}

impl Drop for Reception {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take()
            && let Err(error) = self.stores.vault.roll_back(writer)
        {
            tracing::warn!(%error, "a part of an object could not be rolled back");
        }
    }
}
