//! What is said between an outbox and whoever drives it.

use crate::base::ids::DeliveryRow;
use crate::base::time::Instant;
use crate::flow::outbox::queue::Context;

/// Numbers associations, so that a late word about an old one is not taken for the new one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link(pub u64);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time passed, or something was owed.
    Tick,
    /// A person or the network says that trying is worth it: pauses end.
    RetryNow,
    /// The association stands.
    Connected {
        /// Which.
        link: Link,
        /// Those of the proposed contexts that were accepted.
        accepted: Vec<Context>,
    },
    /// The association could not be had, or is gone without a release.
    Failed {
        /// Which.
        link: Link,
        /// Why.
        failure: Failure,
    },
    /// C-ECHO was answered. A peer that does not take Verification has proved enough by
    /// associating: tell this for it, too.
    Echoed {
        /// Which.
        link: Link,
    },
    /// The object that was sent met its fate.
    Answered {
        /// Which.
        link: Link,
        /// The delivery.
        delivery: DeliveryRow,
        /// Its fate.
        outcome: Outcome,
    },
    /// The association was released, or the peer closed it.
    Closed {
        /// Which.
        link: Link,
    },
}

/// Why an association could not be had or is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No answer, a broken connection, A-ABORT, A-ASSOCIATE-RJ with result 2.
    Away {
        /// What was seen, in words for the page.
        words: String,
    },
    /// A-ASSOCIATE-RJ with result 1: until a person changes something there. Nothing is parked
    /// for it, since the remedy needs no second act here.
    Refused {
        /// The peer's reason, in words for the page.
        words: String,
    },
}

/// The fate of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// C-STORE-RSP with 0000 or B0xx for the same Message ID and SOP instance.
    Accepted {
        /// The status.
        status: u16,
    },
    /// C-STORE-RSP with any other status.
    Refused {
        /// The status.
        status: u16,
        /// Error Comment, or a sentence about the status.
        words: String,
    },
    /// There is no accepted context for it.
    NoContext,
    /// It could not be sent, but the association stands: the store was busy.
    Transient {
        /// Why.
        words: String,
    },
    /// The peer sent A-ABORT while the object was under way: it may be the object.
    Aborted {
        /// What was seen, in words for the page.
        words: String,
    },
    /// The association is gone otherwise, and whether the peer has the object is not known.
    Lost,
}

/// What the driver shall do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Associate, with one context per entry, each with exactly its syntax, and Verification.
    Connect {
        /// The new association.
        link: Link,
        /// At most 127.
        contexts: Vec<Context>,
    },
    /// Send C-ECHO.
    Echo {
        /// Where.
        link: Link,
    },
    /// Send the object.
    Send {
        /// Where.
        link: Link,
        /// What.
        delivery: DeliveryRow,
    },
    /// Release the association.
    Release {
        /// Which.
        link: Link,
    },
    /// Abort it: an answer is overdue.
    Abort {
        /// Which.
        link: Link,
    },
    /// Write that it is done, before the next [`super::Outbox::load`].
    Done {
        /// What.
        delivery: DeliveryRow,
        /// 0000, or a warning to show.
        status: u16,
    },
    /// Write that it is set aside, with the peer's words, before the next [`super::Outbox::load`].
    Park {
        /// What.
        delivery: DeliveryRow,
        /// Why.
        why: Parked,
    },
}

/// Why a delivery is set aside until a person lets it go again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parked {
    /// The destination refused it for good.
    Refused {
        /// The status.
        status: u16,
        /// Its words.
        words: String,
    },
    /// The destination takes this class or transfer syntax not at all.
    NoContext,
    /// The destination aborts the association on it, each time.
    Aborted {
        /// What was seen the last time.
        words: String,
    },
}

/// How the destination is doing, for page and lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Deliveries that are loaded.
    pub owed: usize,
    /// The delivery under way.
    pub sending: Option<DeliveryRow>,
    /// Since when nothing has been answered; `None` while it answers.
    pub away_since: Option<Instant>,
    /// Whether it answers, but does not let us in.
    pub refuses: bool,
    /// When the next try is; `None` while there is an association or nothing to send.
    pub next_try: Option<Instant>,
    /// What was seen last, while it is away.
    pub words: &'a str,
}
