//! One association of ours with a peer, step by step, for `echo` and `send`.

use std::str::FromStr;

use crate::base::aet::AeTitle;
use crate::base::rng::Rng;
use crate::base::time::Clock;
use crate::base::uid::Uid;
use crate::board::clock::BoardClock;
use crate::board::entropy::KernelRng;
use crate::cli::terminal::Failure;
use crate::dicom::requestor::{
    Action, Input, Outcome, Pair, RefusedPair, Requestor, RequestorSettings, Rest, StoreOrder,
};
use crate::wire::link::{Link, LinkEvent, StopSignal};

/// Bytes of a data set handed to the requestor at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Whom to call: `AE@host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) ae: AeTitle,
    pub(super) host: String,
    pub(super) port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected AE@host:port, as in SCANPOST@10.0.0.5:11112".to_owned();
        let (ae, place) = text.split_once('@').ok_or_else(expected)?;
        let (host, port) = place.rsplit_once(':').ok_or_else(expected)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(expected());
        }
        Ok(Self {
            ae: AeTitle::parse(ae.as_bytes()).map_err(|error| error.to_string())?,
            host: host.to_owned(),
            port: port.parse().ok().ok_or_else(expected)?,
        })
    }
}

/// An open association.
pub(super) struct Session {
    link: Link,
    requestor: Requestor,
    clock: BoardClock,
    stop: StopSignal,
    /// Keeps the stop from ringing.
    _quiet: smol::channel::Sender<()>,
    ended: Option<Outcome>,
}

/// What came of waiting.
enum Came {
    Established(Vec<RefusedPair>),
    WantsData,
    Outcome(Outcome),
    Over,
}

impl Session {
    /// Reaches the peer.
    pub(super) async fn reach(
        address: &Address,
        calling: AeTitle,
        pairs: &[Pair],
    ) -> Result<Self, Failure> {
        let unreached = |error: std::io::Error| {
            Failure::because(&format!("{}:{} is not reached", address.host, address.port), &error)
        };
        let link = Link::dial(&address.host, address.port).await.map_err(unreached)?;
        let settings = RequestorSettings::new(calling, address.ae.clone());
        let requestor = Requestor::new(settings, pairs)
            .map_err(|error| Failure::because("no association can be asked for", &error))?;
        let (quiet, stop) = smol::channel::bounded(1);
        let clock = BoardClock::new(&mut KernelRng as &mut dyn Rng);
        Ok(Self { link, requestor, clock, stop, _quiet: quiet, ended: None })
    }

    /// Associates; returns the pairs that the peer does not take.
    pub(super) async fn associate(&mut self) -> Result<Vec<RefusedPair>, Failure> {
        match self.ask(Input::Connected).await? {
            Came::Established(refused) => Ok(refused),
            Came::WantsData | Came::Outcome(_) | Came::Over => Err(self.over()),
        }
    }

    /// Sends a C-ECHO and returns what came of it.
    pub(super) async fn echo(&mut self) -> Result<Outcome, Failure> {
        self.finish(Input::Echo, &[]).await
    }

    /// Sends an object and returns what came of it.
    pub(super) async fn store(
        &mut self,
        order: StoreOrder,
        data_set: &[u8],
    ) -> Result<Outcome, Failure> {
        self.finish(Input::Store(order), data_set).await
    }

    /// Releases the association in order.
    pub(super) async fn release(&mut self) {
        let released = self.ask(Input::Release).await;
        drop(released);
    }

    async fn finish(&mut self, input: Input<'_>, data_set: &[u8]) -> Result<Outcome, Failure> {
        let mut pieces = data_set.chunks(PIECE_BYTES).peekable();
        let mut came = self.ask(input).await?;
        loop {
            came = match came {
                Came::Outcome(outcome) => return Ok(outcome),
                Came::WantsData => {
                    let piece = pieces.next().unwrap_or_default();
                    let rest = if pieces.peek().is_some() { Rest::More } else { Rest::Last };
                    self.ask(Input::Data(piece, rest)).await?
                }
                Came::Established(_) | Came::Over => return Err(self.over()),
            };
        }
    }

    /// Feeds one input and goes on until something came of it.
    async fn ask(&mut self, input: Input<'_>) -> Result<Came, Failure> {
        let mut actions = self.requestor.step(self.clock.now(), input);
        loop {
            let mut came = None;
            for action in actions {
                match action {
                    Action::Send(bytes) => {
                        if let Err(error) = self.link.send(&bytes).await {
                            return Err(Failure::because("the connection broke", &error));
                        }
                    }
                    Action::Established(refused) => came = Some(Came::Established(refused)),
                    Action::WantData => came = Some(Came::WantsData),
                    Action::Outcome(outcome) => came = Some(Came::Outcome(outcome)),
                    Action::Ended(outcome) => self.ended = Some(outcome),
                    Action::Close => came = came.or(Some(Came::Over)),
                    Action::Note(_) => {}
                }
            }
            if let Some(came) = came {
                return Ok(came);
            }
            let deadline = self.requestor.deadline();
            let event = self.link.event(&self.clock, deadline, &self.stop).await;
            let now = self.clock.now();
            actions = match event {
                LinkEvent::Bytes(count) => {
                    self.requestor.step(now, Input::Received(self.link.bytes(count)))
                }
                LinkEvent::Closed | LinkEvent::Stop => self.requestor.step(now, Input::Closed),
                LinkEvent::Timeout => self.requestor.step(now, Input::Timeout),
            };
            if event == LinkEvent::Closed && actions.is_empty() {
                return Ok(Came::Over);
            }
        }
    }

    fn over(&self) -> Failure {
        let words = self.ended.as_ref().map_or_else(|| "it is over".to_owned(), words);
        Failure::Refused(format!("no association: {words}"))
    }
}

/// Says an outcome in words, with the codes of the standard.
pub(super) fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered(answer) if answer.comment.is_empty() => {
            format!("status {}", answer.status)
        }
        Outcome::Answered(answer) => format!("status {}: {}", answer.status, answer.comment),
        Outcome::NoContext(verdict) => format!("the peer takes no such class ({verdict:?})"),
        Outcome::Rejected(rejection) => format!(
            "the peer rejects it: result {}, source {}, reason {} (PS3.8 9.3.4)",
            rejection.result, rejection.source, rejection.reason
        ),
        Outcome::Aborted(abort) => {
            format!("the peer aborted: source {}, reason {}", abort.source, abort.reason)
        }
        Outcome::ReleasedByPeer => "the peer released it".to_owned(),
        Outcome::Released => "released".to_owned(),
        Outcome::Closed => "the connection went".to_owned(),
        Outcome::Silent => "no answer in time".to_owned(),
        Outcome::Broken(oddity) => format!("the peer broke the protocol ({oddity:?})"),
        Outcome::GivenUp => "given up".to_owned(),
    }
}

/// Makes a pair of a class and a transfer syntax that we wrote ourselves.
pub(super) fn pair(class: &str, transfer_syntax: &str) -> Option<Pair> {
    let uid = |text: &str| Uid::parse(text.as_bytes()).ok();
    Some(Pair { class: uid(class)?, transfer_syntax: uid(transfer_syntax)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_title_a_host_and_a_port() {
        let address: Address = "PACS@pacs.clinic:104".parse().unwrap();
        assert_eq!((address.host.as_str(), address.port), ("pacs.clinic", 104));
        assert_eq!("A@[::1]:104".parse::<Address>().unwrap().host, "::1");
        for bad in ["pacs:104", "PACS@pacs", "PACS@:104", "@pacs:104", "PACS@pacs:99999"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
