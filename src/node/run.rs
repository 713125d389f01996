//! Starts every loop, waits for the signal, stops in order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_signal::{Signal, Signals};
use smol::Executor;
use smol::stream::StreamExt;

use crate::base::fault::Fault;
use crate::base::limits::ASSOCIATIONS_MAX;
use crate::base::rng::Rng;
use crate::base::time::Clock;
use crate::board::clock::BoardClock;
use crate::board::entropy::KernelRng;
use crate::config::Config;
use crate::node::analyse::Analyst;
use crate::node::bell::{Bell, Ear, bell};
use crate::node::control;
use crate::node::deliver::{Courier, Stores};
use crate::node::open::{self, OpenError};
use crate::node::post::{SharedStanding, post};
use crate::node::read::{Desk, Identities, Reader, read};
use crate::node::reading::SharedReading;
use crate::node::receive::{Books, Receiver, SharedDoor, Strangers};
use crate::node::shelf::Shelf;
use crate::node::status::{Observers, Status};
use crate::node::supervise::{Restarts, supervise};
use crate::node::tidy::{self, Tidied, TidyError};
use crate::node::worker::Worker;
use crate::web;
use crate::wire::link::StopSignal;
use crate::wire::listen;

/// Threads that run the loops; blocking work has a pool of its own.
const THREADS: usize = 2;
/// How often slabs are looked at without being asked.
const PREPARE: Duration = Duration::from_mins(1);
/// How often what was noted for the audit file is written.
const AUDIT: Duration = Duration::from_secs(5);
/// How long a stop waits for objects under way: what the acceptor allows them, and a little.
const STOP: Duration = Duration::from_secs(40);
/// How long booking rests after the ledger failed.
const LEDGER_PAUSE: Duration = Duration::from_secs(2);

/// How often studies are looked at without being asked.
const LOOK: Duration = Duration::from_mins(1);

/// Why the box does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The stores cannot be opened.
    #[error("{} ({})", fault.sentence(), fault.code())]
    Open {
        /// The fault, with what to do.
        fault: Fault,
        /// Why.
        source: OpenError,
    },
    /// A port or socket is taken.
    #[error("{what} cannot be opened")]
    Bind {
        /// Which.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Signals cannot be heard.
    #[error("signals cannot be heard")]
    Signals(#[source] std::io::Error),
}

/// What the loops share.
struct Parts {
    config: Arc<Config>,
    stores: Stores,
    clock: Arc<dyn Clock>,
    books: Arc<Books>,
    door: Arc<SharedDoor>,
    strangers: Strangers,
    restarts: Restarts,
    standings: BTreeMap<String, SharedStanding>,
    shelf: Arc<Shelf>,
    reading: SharedReading,
    identities: Identities,
    faults: Vec<Fault>,
}

/// The bells that wake each loop.
#[derive(Clone)]
struct Bells {
    couriers: Vec<Bell>,
    analyst: Bell,
    reader: Bell,
}

/// Runs the box until SIGTERM or SIGINT.
///
/// # Errors
///
/// When it cannot start; afterwards loops are restarted rather than given up.
pub fn run(config: Config) -> Result<(), RunError> {
    let clock: Arc<dyn Clock> = Arc::new(BoardClock::new(&mut KernelRng));
    let executor = Arc::new(Executor::new());
    let (quit, quitting) = smol::channel::bounded::<()>(1);
    std::thread::scope(|scope| {
        for _ in 1..THREADS {
            let (executor, quitting) = (Arc::clone(&executor), quitting.clone());
            scope.spawn(move || smol::block_on(executor.run(silence(quitting))));
        }
        // A panic here must let the other threads end, too.
        let _quit = Closing(quit);
        smol::block_on(executor.run(live(config, clock, Arc::clone(&executor))))
    })
}

/// A channel that is closed when it goes, by whatever way.
struct Closing(smol::channel::Sender<()>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Waits until the stop rings.
async fn silence(stop: StopSignal) {
    while stop.recv().await.is_ok() {}
}

/// The life of the box: open, start, wait, stop.
async fn live(
    config: Config,
    clock: Arc<dyn Clock>,
    executor: Arc<Executor<'static>>,
) -> Result<(), RunError> {
    let mut signals = Signals::new([Signal::Term, Signal::Int]).map_err(RunError::Signals)?;
    let config = Arc::new(config);
    let (opening, with) = (Arc::clone(&config), Arc::clone(&clock));
    let opened = smol::unblock(move || open::open(&opening, with, Box::new(KernelRng))).await;
    let opened = opened.map_err(|source| RunError::Open { fault: source.fault(), source })?;
    let (book_bell, book_ear) = bell();
    let (low, low_ear) = bell();
    let names = config.destinations.keys();
    let parts = Arc::new(Parts {
        stores: opened.stores,
        books: Arc::new(Books::new(book_bell)),
        door: Arc::new(SharedDoor::ringing(low)),
        strangers: Strangers::default(),
        restarts: Restarts::default(),
        standings: names.map(|name| (name.clone(), SharedStanding::default())).collect(),
        shelf: Arc::new(Shelf::new(config.models.folder.clone())),
        reading: SharedReading::default(),
        identities: Identities { box_id: opened.opened.box_id.0, vault: opened.opened.identity.0 },
        faults: opened.faults,
        config,
        clock,
    });
    prepare(&parts).await;
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    let (quit, quitting) = smol::channel::bounded::<()>(1);
    let couriers = start_couriers(&parts, &executor, &quitting);
    let (analyst, analyst_ear) = bell();
    let (reader, reader_ear) = bell();
    let bells = Bells { couriers, analyst, reader };
    let booking = executor.spawn(book(Arc::clone(&parts), book_ear, bells.clone()));
    let reading = start_reading(&parts, &executor, bells, (analyst_ear, reader_ear));
    executor.spawn(preparing(Arc::clone(&parts), low_ear)).detach();
    executor.spawn(auditing(Arc::clone(&parts))).detach();
    let listening = executor.spawn(start_edges(&parts, &executor, &stopped).await?);
    tracing::info!(port = parts.config.listen.port, ae = %parts.config.listen.ae, "ready");
    let signal = signals.next().await;
    tracing::info!(?signal, "stopping");
    stop.close();
    // Associations that have an object under way finish it; the acceptor bounds how long.
    smol::future::or(listening, async {
        smol::Timer::after(STOP).await;
    })
    .await;
    quit.close();
    drop(booking);
    // A worker dies with its task; its job waits in the ledger.
    drop(reading);
    let last = Arc::clone(&parts);
    smol::unblock(move || {
        while let Ok(Some(_)) = last.books.book(&last.stores) {}
        if let Err(error) = last.stores.audit.stop() {
            tracing::error!(%error, "the last audit lines are not written");
        }
    })
    .await;
    tracing::info!("stopped");
    Ok(())
}

/// Starts a courier for each destination; returns the bells that wake them.
fn start_couriers(
    parts: &Arc<Parts>,
    executor: &Arc<Executor<'static>>,
    quitting: &StopSignal,
) -> Vec<Bell> {
    let mut bells = Vec::new();
    for (name, destination) in &parts.config.destinations {
        let (ring, ear) = bell();
        bells.push(ring);
        let ear = Arc::new(ear);
        let (name, destination) = (name.clone(), destination.clone());
        let (parts, quitting) = (Arc::clone(parts), quitting.clone());
        let restarts = parts.restarts.clone();
        let looping = supervise("post", restarts, move || {
            let mut seed = [0; 8];
            KernelRng.fill(&mut seed);
            let courier = Courier::new(
                &name,
                destination.clone(),
                parts.stores.clone(),
                u64::from_le_bytes(seed),
            );
            let standing = parts.standings.get(&name).cloned().unwrap_or_default();
            let (clock, quitting) = (Arc::clone(&parts.clock), quitting.clone());
            post(courier, Arc::clone(&ear), standing, clock, quitting)
        });
        executor.spawn(looping).detach();
    }
    bells
}

/// Books what was sealed, and wakes the couriers.
async fn book(parts: Arc<Parts>, ear: Ear, bells: Bells) {
    loop {
        ear.heard().await;
        loop {
            let with = Arc::clone(&parts);
            match smol::unblock(move || with.books.book(&with.stores)).await {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "records wait to be booked");
                    smol::Timer::after(LEDGER_PAUSE).await;
                }
            }
        }
        // Analyst and reader book, too: what is owed may be in the ledger although nothing waited.
        bells.couriers.iter().for_each(Bell::ring);
        bells.analyst.ring();
    }
}

/// Starts the loops that find studies whole and that read them.
fn start_reading(
    parts: &Arc<Parts>,
    executor: &Arc<Executor<'static>>,
    bells: Bells,
    (analyst_ear, reader_ear): (Ear, Ear),
) -> [smol::Task<()>; 2] {
    let (analyst_ear, reader_ear) = (Arc::new(analyst_ear), Arc::new(reader_ear));
    let (with, wake) = (Arc::clone(parts), bells.clone());
    let analysing = supervise("analyse", parts.restarts.clone(), move || {
        analyse(Arc::clone(&with), Arc::clone(&analyst_ear), wake.clone())
    });
    let with = Arc::clone(parts);
    let reading = supervise("read", parts.restarts.clone(), move || {
        let desk = Desk {
            stores: with.stores.clone(),
            books: Arc::clone(&with.books),
            shelf: Arc::clone(&with.shelf),
            identities: with.identities,
        };
        let reader = Reader {
            desk,
            worker: Worker::default(),
            standing: with.reading.clone(),
            bells: bells.couriers.clone(),
        };
        read(reader, Arc::clone(&reader_ear))
    });
    [executor.spawn(analysing), executor.spawn(reading)]
}

/// Finds studies whole as they arrive, and wakes the reader.
async fn analyse(parts: Arc<Parts>, ear: Arc<Ear>, bells: Bells) {
    let (config, stores) = (Arc::clone(&parts.config), parts.stores.clone());
    let mut analyst = Analyst::new(config, stores, Arc::clone(&parts.books));
    bells.reader.ring();
    loop {
        let with = Arc::clone(&parts);
        let (back, step) = smol::unblock(move || {
            with.shelf.look();
            let step = analyst.step(&with.shelf.active());
            (analyst, step)
        })
        .await;
        analyst = back;
        let wait = match step {
            Ok(step) => {
                if 0 < step.jobs {
                    bells.reader.ring();
                }
                step.next.map_or(LOOK, |at| at.since(parts.clock.now()).min(LOOK))
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "studies wait to be looked at");
                LEDGER_PAUSE
            }
        };
        smol::future::or(ear.heard(), async {
            smol::Timer::after(wait).await;
        })
        .await;
    }
}

/// Makes slabs ready once, and sets the door by what the disk says.
async fn prepare(parts: &Arc<Parts>) {
    let with = Arc::clone(parts);
    smol::unblock(move || {
        let prepared = with.stores.vault.prepare();
        let fault = match (&prepared, with.stores.vault.space()) {
            (Err(error), _) => Some(error.fault()),
            (Ok(_), Err(error)) => Some(error.fault()),
            (Ok(0), Ok(_)) => Some(Fault::DiskFull),
            (Ok(_), Ok(_)) => None,
        };
        if let Some(fault) = fault {
            tracing::error!(code = fault.code(), "no room can be made ready");
        }
        with.door.set(fault);
    })
    .await;
}

/// Erases what may go.
fn make_room(parts: &Parts) {
    let (stores, keep) = (&parts.stores, parts.config.retain.keep);
    let tidied = tidy::need(stores, ASSOCIATIONS_MAX)
        .map_err(TidyError::from)
        .and_then(|need| tidy::tidy(stores, &parts.books, keep, need));
    match tidied {
        Ok(tidied) if tidied != Tidied::default() => tracing::info!(?tidied, "room was made"),
        Ok(_) => {}
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "no room could be made");
        }
    }
}

async fn preparing(parts: Arc<Parts>, low: Ear) {
    loop {
        let is_time = smol::future::or(
            async {
                low.heard().await;
                false
            },
            async {
                smol::Timer::after(PREPARE).await;
                true
            },
        )
        .await;
        if is_time {
            let with = Arc::clone(&parts);
            smol::unblock(move || make_room(&with)).await;
        }
        prepare(&parts).await;
    }
}

/// Writes what the loops noted for the audit file.
async fn auditing(parts: Arc<Parts>) {
    loop {
        let audit = Arc::clone(&parts.stores.audit);
        if let Err(error) = smol::unblock(move || audit.write()).await {
            tracing::error!(%error, code = error.fault().code(), "audit lines wait");
        }
        smol::Timer::after(AUDIT).await;
    }
}

/// Opens the ports and sockets and serves them; the returned future ends when the stop rang and
/// the last association is over.
async fn start_edges(
    parts: &Arc<Parts>,
    executor: &Arc<Executor<'static>>,
    stopped: &StopSignal,
) -> Result<impl Future<Output = ()> + use<>, RunError> {
    let bound = |what: &str| {
        let what = what.to_owned();
        move |source| RunError::Bind { what, source }
    };
    let config = &parts.config;
    let address = SocketAddr::from((config.listen.address, config.listen.port));
    let listener = listen::bind(address).await.map_err(bound("the DICOM port"))?;
    let socket = control::bind(&config.socket).await.map_err(bound("the control socket"))?;
    let page = web::serve::bind(config.page.port).await.map_err(bound("the page's port"))?;
    let status = Arc::new(Status::new(Observers {
        config: Arc::clone(config),
        stores: parts.stores.clone(),
        strangers: parts.strangers.clone(),
        standings: parts.standings.clone(),
        restarts: parts.restarts.clone(),
        shelf: Arc::clone(&parts.shelf),
        reading: parts.reading.clone(),
        door: Arc::clone(&parts.door),
        faults: parts.faults.clone(),
    }));
    let asked = Arc::clone(&status);
    let answerer: Arc<control::Answerer> = Arc::new(move |question| asked.answer(&question));
    let serving = control::serve(socket, answerer, stopped.clone(), Arc::clone(executor));
    executor.spawn(serving).detach();
    executor.spawn(web::serve::serve(page, status.clone(), Arc::clone(executor))).detach();
    executor.spawn(status.lamp()).detach();
    let receiver = Receiver::new(
        Arc::clone(config),
        parts.stores.clone(),
        Arc::clone(&parts.books),
        parts.strangers.clone(),
        Arc::clone(&parts.door),
    );
    Ok(listen::listen(
        listener,
        Arc::new(receiver),
        Arc::clone(&parts.clock),
        stopped.clone(),
        Arc::clone(executor),
    ))
}
