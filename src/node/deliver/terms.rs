//! What the outbox, the requestor and the ledger say, each in the other's terms.

use crate::base::uid::Uid;
use crate::dicom::context::VERIFICATION;
use crate::dicom::pdu::Abort;
use crate::dicom::requestor::{Outcome as Fate, Pair};
use crate::flow::outbox::{self, Context, Event, Failure, Link, Outcome};
use crate::store::ledger::{Owed, Thing};

/// What the outbox needs to know; `None` for a document that is no instance.
pub(super) fn entry(owed: &Owed) -> Option<outbox::Owed> {
    Some(outbox::Owed {
        delivery: owed.delivery,
        study: owed.study,
        instance: owed.sop_instance.clone(),
        context: Context { class: owed.sop_class.clone()?, syntax: owed.transfer_syntax.clone() },
        urgency: owed.urgency,
        kind: match owed.thing {
            Thing::Object(_) => outbox::Kind::Original,
            Thing::Result(_) => outbox::Kind::Result,
        },
        arrival: owed.arrival,
        bytes: owed.length,
    })
}

pub(super) fn pair(context: Context) -> Pair {
    Pair { class: context.class, transfer_syntax: context.syntax }
}

pub(super) fn context(pair: &Pair) -> Context {
    Context { class: pair.class.clone(), syntax: pair.transfer_syntax.clone() }
}

/// The context of C-ECHO.
pub(super) fn verification() -> Option<Pair> {
    let class = Uid::parse(VERIFICATION.as_bytes()).ok()?;
    let transfer_syntax = Uid::parse(crate::dicom::syntax::IMPLICIT_LE.as_bytes()).ok()?;
    Some(Pair { class, transfer_syntax })
}

/// What the end of a message means for its object.
pub(super) fn outcome(fate: Fate) -> Outcome {
    match fate {
        Fate::Answered(answer) => {
            let status = answer.status;
            if status.is_success() || status.is_warning() {
                Outcome::Accepted { status: status.0 }
            } else {
                Outcome::Refused { status: status.0, words: answer.comment }
            }
        }
        Fate::NoContext(_) => Outcome::NoContext,
        Fate::Aborted(abort) => Outcome::Aborted { words: aborted(abort) },
        Fate::Rejected(_)
        | Fate::ReleasedByPeer
        | Fate::Released
        | Fate::Closed
        | Fate::Silent
        | Fate::Broken(_)
        | Fate::GivenUp => Outcome::Lost,
    }
}

fn aborted(abort: Abort) -> String {
    format!("it aborted the association ({}/{})", abort.source, abort.reason)
}

/// What the end of an association means for the line.
pub(super) fn ended(link: Link, fate: Fate) -> Event {
    let away = |words: String| Event::Failed { link, failure: Failure::Away { words } };
    match fate {
        Fate::Released | Fate::ReleasedByPeer => Event::Closed { link },
        Fate::Rejected(rejection) => {
            let words = format!(
                "it rejects the association ({}/{}/{})",
                rejection.result, rejection.source, rejection.reason
            );
            if rejection.is_transient() {
                return away(words);
            }
            Event::Failed { link, failure: Failure::Refused { words } }
        }
        Fate::Aborted(abort) => away(aborted(abort)),
        Fate::Closed => away("the connection broke".to_owned()),
        Fate::Silent => away("no answer in time".to_owned()),
        Fate::Broken(_) => away("it broke the protocol".to_owned()),
        Fate::GivenUp | Fate::Answered(_) | Fate::NoContext(_) => {
            away("the association was given up".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_peers_abort_is_blamed_on_the_object_and_never_a_dead_line() {
        let abort = Abort { source: 2, reason: 6 };
        let words = "it aborted the association (2/6)".to_owned();
        assert_eq!(outcome(Fate::Aborted(abort)), Outcome::Aborted { words });
        for fate in [Fate::Closed, Fate::Silent, Fate::ReleasedByPeer, Fate::GivenUp] {
            assert_eq!(outcome(fate), Outcome::Lost);
        }
    }
}
