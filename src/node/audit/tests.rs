//! Goal: what a stranger does over the wire stands in a chain that verifies, and noting is
//! bounded. Method: the real listener and receiver on loopback, then the file is opened again.

use smol::Executor;

use super::*;
use crate::base::rng::SplitMix;
use crate::base::secret::Secret;
use crate::config::Config;
use crate::dicom::context::VERIFICATION;
use crate::dicom::requestor::{Action, Input, Outcome, Pair, Requestor, RequestorSettings};
use crate::dicom::syntax::IMPLICIT_LE;
use crate::node::bell::bell;
use crate::node::open::{Means, Open, assemble};
use crate::node::receive::{Books, Receiver, SharedDoor, Strangers};
use crate::store::disk::Disk as _;
use crate::store::disk::memory::MemoryDisk;
use crate::store::keys::FileKey;
use crate::store::ledger::Ledger;
use crate::store::vault::VaultSettings;
use crate::wire::link::{Link, LinkEvent};
use crate::wire::listen;

/// A clock that a test moves.
struct HandClock(Mutex<Instant>);

impl HandClock {
    fn pass(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.after(time);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn stamp(&self) -> Stamp {
        Stamp { monotonic: self.now(), ..Stamp::default() }
    }
}

fn clock() -> Arc<HandClock> {
    Arc::new(HandClock(Mutex::new(Instant::from_nanos(1))))
}

fn aet(text: &str) -> AeTitle {
    AeTitle::parse(text.as_bytes()).unwrap()
}

fn start(vault: &MemoryDisk, audit: &MemoryDisk, clock: Arc<dyn Clock>) -> Open {
    let means = Means {
        provider: &FileKey::of(Secret::new([7; 32])),
        settings: VaultSettings { slab_bytes: 128 << 10, reserve_bytes: 0, slabs_ready: 1 },
        rng: Box::new(SplitMix::new(vault.changes())),
        clock,
        destinations: Vec::new(),
        audit: Arc::new(audit.clone()),
    };
    assemble(Arc::new(vault.clone()), Ledger::in_memory().unwrap(), means).unwrap()
}

/// Opens the file anew, which checks its chain, and returns its lines.
fn lines(open: &Open, audit: &MemoryDisk) -> Vec<String> {
    let seed = open.stores.vault.audit_seed();
    let (file, found) = Audit::open(Arc::new(audit.clone()), &seed, Stamp::default()).unwrap();
    assert_eq!((found.fault, found.cut_bytes), (None, 0));
    file.tail(usize::MAX).unwrap()
}

fn saying<'a>(lines: &'a [String], action: &str) -> Vec<&'a str> {
    let action = format!("\"action\":\"{action}\"");
    lines.iter().filter(|line| line.contains(&action)).map(String::as_str).collect()
}

/// Calls as a device that the settings do not name, and is rejected.
async fn call(port: u16, clock: &dyn Clock) {
    let verification = Pair {
        class: crate::base::uid::Uid::parse(VERIFICATION.as_bytes()).unwrap(),
        transfer_syntax: crate::base::uid::Uid::parse(IMPLICIT_LE.as_bytes()).unwrap(),
    };
    let settings = RequestorSettings::new(aet("STRANGER"), aet("SCANPOST"));
    let mut requestor = Requestor::new(settings, &[verification]).unwrap();
    let mut link = Link::dial("127.0.0.1", port).await.unwrap();
    let (_quiet, stop) = smol::channel::bounded(1);
    let mut actions = requestor.step(clock.now(), Input::Connected);
    loop {
        for action in actions {
            match action {
                Action::Send(bytes) => link.send(&bytes).await.unwrap(),
                Action::Ended(outcome) => {
                    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
                    return;
                }
                Action::Established(_)
                | Action::WantData
                | Action::Outcome(_)
                | Action::Close
                | Action::Note(_) => {}
            }
        }
        let LinkEvent::Bytes(count) = link.event(clock, None, &stop).await else {
            panic!("no end")
        };
        actions = requestor.step(clock.now(), Input::Received(link.bytes(count)));
    }
}

#[test]
fn an_unknown_caller_stands_in_a_chain_that_verifies_after_the_stop() {
    let (vault, audit, clock) = (MemoryDisk::new(16 << 20), MemoryDisk::new(1 << 20), clock());
    let open = start(&vault, &audit, clock.clone());
    let receiver = Receiver::new(
        Arc::new(Config::parse("[callers.CT1]\nae = \"CT1\"\n").unwrap()),
        open.stores.clone(),
        Arc::new(Books::new(bell().0)),
        Strangers::default(),
        Arc::new(SharedDoor::default()),
    );
    let executor = Arc::new(Executor::new());
    smol::block_on(executor.run(async {
        let listener = listen::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = smol::channel::bounded(1);
        let listening = executor.spawn(listen::listen(
            listener,
            Arc::new(receiver),
            clock.clone(),
            stopped,
            Arc::clone(&executor),
        ));
        for _ in 0..3 {
            call(port, &*clock).await;
        }
        stop.close();
        listening.await;
    }));
    open.stores.audit.write().unwrap();
    clock.pass(Duration::from_mins(1));
    open.stores.audit.stop().unwrap();
    let lines = lines(&open, &audit);
    let refused = saying(&lines, ASSOCIATION_REFUSED);
    assert_eq!(refused.len(), 2, "one at once, one for the rest: {refused:?}");
    for (line, count) in refused.iter().zip(["1 times", "2 times"]) {
        assert!(line.contains("STRANGER from 127.0.0.1") && line.contains(count), "{line}");
    }
    assert_eq!((saying(&lines, "start").len(), saying(&lines, "stop").len()), (1, 1));
}

#[test]
fn damage_that_a_start_finds_and_a_ledger_that_is_made_again_are_told() {
    let (vault, audit, clock) = (MemoryDisk::new(16 << 20), MemoryDisk::new(1 << 20), clock());
    let open = start(&vault, &audit, clock.clone());
    open.stores.vault.prepare().unwrap();
    drop(open);
    let names = vault.list().unwrap();
    let slab = names.iter().find(|name| name.starts_with("slab")).unwrap();
    vault.tamper(slab, 0, &[0xff; 8192]);
    let open = start(&vault, &audit, clock);
    open.stores.audit.stop().unwrap();
    let lines = lines(&open, &audit);
    assert!(saying(&lines, "ledger_rebuilt")[0].contains("Lost"), "{lines:?}");
    assert!(saying(&lines, "fault")[0].contains("D3"), "{lines:?}");
}

#[test]
fn noting_is_bounded_and_what_had_no_room_is_counted() {
    let (vault, audit, clock) = (MemoryDisk::new(16 << 20), MemoryDisk::new(4 << 20), clock());
    let open = start(&vault, &audit, clock);
    let before = open.stores.audit.notes().waiting.len();
    for row in 0..2000 {
        open.stores.audit.parked("PACS", DeliveryRow(row), Some(0xa900));
    }
    assert_eq!(open.stores.audit.notes().waiting.len(), AUDIT_NOTES_MAX);
    open.stores.audit.write().unwrap();
    open.stores.audit.stop().unwrap();
    let lines = lines(&open, &audit);
    let parked = AUDIT_NOTES_MAX - before;
    assert_eq!(saying(&lines, "lines_left_out").len(), 1);
    assert!(saying(&lines, "lines_left_out")[0].contains(&format!("{} times", 2000 - parked)));
}
