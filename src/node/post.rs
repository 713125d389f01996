//! Drives one courier over TCP.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use smol::future::or;
use smol::unblock;

use crate::base::time::{Clock, Instant};
use crate::node::bell::Ear;
use crate::node::deliver::{Courier, CourierError, Do, Heard};
use crate::wire::link::{Link, LinkEvent, StopSignal};

/// How long a courier rests after the ledger failed it.
const LEDGER_PAUSE: Duration = Duration::from_secs(5);

/// How one destination is doing, for page and lamp.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Since when it has not answered.
    pub away_since: Option<Instant>,
    /// Whether it answers, but does not let us in.
    pub refuses: bool,
    /// What was seen last, while it is away.
    pub words: String,
    /// When the next try is.
    pub next_try: Option<Instant>,
    /// Whether something is being sent.
    pub is_sending: bool,
}

/// Where couriers leave their standing.
pub type SharedStanding = Arc<Mutex<Standing>>;

/// An event with its bytes owned, for the blocking pool.
enum Owned {
    Bell,
    Connected,
    NotConnected(String),
    Bytes(Vec<u8>),
    Closed,
    Written,
    Timeout,
}

/// Posts until the stop rings.
pub async fn post(
    mut courier: Courier,
    ear: Arc<Ear>,
    standing: SharedStanding,
    clock: Arc<dyn Clock>,
    stop: StopSignal,
) {
    let mut link: Option<Link> = None;
    let mut event = Owned::Bell;
    loop {
        let (back, actions) = step(courier, event).await;
        courier = back;
        publish(&courier, &standing);
        let mut next = None;
        match actions {
            Ok(actions) => {
                for action in actions {
                    if let Some(told) = perform(&courier, &mut link, action).await {
                        next = Some(told);
                    }
                }
            }
            Err(error) => {
                tracing::error!(destination = courier.name(), %error, "posting pauses");
                smol::Timer::after(LEDGER_PAUSE).await;
                next = Some(Owned::Bell);
            }
        }
        event = match next {
            Some(told) => told,
            None => match wait(&courier, &mut link, &ear, &*clock, &stop).await {
                Some(heard) => heard,
                None => return,
            },
        };
    }
}

async fn step(mut courier: Courier, event: Owned) -> (Courier, Result<Vec<Do>, CourierError>) {
    unblock(move || {
        let actions = courier.step(match &event {
            Owned::Bell => Heard::Bell,
            Owned::Connected => Heard::Connected,
            Owned::NotConnected(words) => Heard::NotConnected(words.clone()),
            Owned::Bytes(bytes) => Heard::Bytes(bytes),
            Owned::Closed => Heard::Closed,
            Owned::Written => Heard::Written,
            Owned::Timeout => Heard::Timeout,
        });
        (courier, actions)
    })
    .await
}

/// Does one thing; returns what the courier must hear of it.
async fn perform(courier: &Courier, link: &mut Option<Link>, action: Do) -> Option<Owned> {
    match action {
        Do::Dial => {
            let to = courier.destination();
            match Link::dial(&to.host, to.port).await {
                Ok(dialled) => {
                    *link = Some(dialled);
                    Some(Owned::Connected)
                }
                Err(error) => Some(Owned::NotConnected(format!("no connection: {}", error.kind()))),
            }
        }
        Do::Send(bytes) => {
            let sent = link.as_mut()?.send(&bytes).await;
            if sent.is_err() {
                *link = None;
                return Some(Owned::Closed);
            }
            None
        }
        Do::TellWhenWritten => link.is_some().then_some(Owned::Written),
        Do::HangUp => {
            *link = None;
            None
        }
    }
}

/// Waits for what comes first: bytes, the deadline, the bell. `None`: the box stops.
async fn wait(
    courier: &Courier,
    link: &mut Option<Link>,
    ear: &Ear,
    clock: &dyn Clock,
    stop: &StopSignal,
) -> Option<Owned> {
    let deadline = courier.deadline();
    let rung = async {
        ear.heard().await;
        Some(Owned::Bell)
    };
    let heard = async {
        let Some(link) = link.as_mut() else {
            return idle(deadline, clock, stop).await;
        };
        match link.event(clock, deadline, stop).await {
            LinkEvent::Bytes(count) => Some(Owned::Bytes(link.bytes(count).to_vec())),
            LinkEvent::Closed => Some(Owned::Closed),
            LinkEvent::Timeout => Some(Owned::Timeout),
            LinkEvent::Stop => None,
        }
    };
    let next = or(heard, rung).await;
    if matches!(next, Some(Owned::Closed)) {
        *link = None;
    }
    next
}

/// Waits without a connection.
async fn idle(deadline: Option<Instant>, clock: &dyn Clock, stop: &StopSignal) -> Option<Owned> {
    let timeout = async {
        match deadline {
            Some(at) => drop(smol::Timer::after(at.since(clock.now())).await),
            None => std::future::pending::<()>().await,
        }
        Some(Owned::Timeout)
    };
    or(timeout, async {
        while stop.recv().await.is_ok() {}
        None
    })
    .await
}

fn publish(courier: &Courier, shared: &SharedStanding) {
    let now = courier.standing();
    let mut standing = shared.lock().unwrap_or_else(PoisonError::into_inner);
    *standing = Standing {
        away_since: now.away_since,
        refuses: now.refuses,
        words: now.words.to_owned(),
        next_try: now.next_try,
        is_sending: now.sending.is_some(),
    };
}
