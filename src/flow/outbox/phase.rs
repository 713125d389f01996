//! Where an outbox stands between two events.

use crate::base::ids::DeliveryRow;
use crate::base::time::Instant;
use crate::flow::outbox::queue::Context;
use crate::flow::outbox::talk::Link;

/// Where the machine stands; see the table of the module.
#[derive(Debug)]
pub(super) enum Phase {
    Idle { from: Instant },
    Connecting { link: Link, asked: Vec<Context>, until: Instant },
    Echoing { link: Link, until: Instant },
    Ready { link: Link, since: Instant },
    Sending { link: Link, delivery: DeliveryRow, until: Instant },
    Releasing { link: Link, until: Instant, from: Instant },
}

impl Phase {
    /// Returns from when on it may connect, without an association.
    pub(super) fn idle_from(&self) -> Option<Instant> {
        if let Self::Idle { from } = self { Some(*from) } else { None }
    }

    /// Returns what is under way.
    pub(super) fn sending(&self) -> Option<DeliveryRow> {
        if let Self::Sending { delivery, .. } = self { Some(*delivery) } else { None }
    }

    /// Returns the association, and until when an answer is waited for.
    pub(super) fn open(&self) -> Option<(Link, Option<Instant>)> {
        match self {
            Self::Idle { .. } => None,
            Self::Ready { link, .. } => Some((*link, None)),
            Self::Connecting { link, until, .. }
            | Self::Echoing { link, until }
            | Self::Sending { link, until, .. }
            | Self::Releasing { link, until, .. } => Some((*link, Some(*until))),
        }
    }
}
