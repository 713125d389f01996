//! The requesting side of an association (PS3.8 9.2), without a socket.
//!
//! ```text
//!         bytes, time ──▶ ┌───────────┐ ──▶ Send, Close
//! Echo, Store, Release ─▶ │ Requestor │ ──▶ Established, Outcome, Ended
//!                Data ──▶ └───────────┘ ──▶ WantData
//! ```
//!
//! One message is out at a time. Every `Echo` and `Store` ends in exactly one
//! [`Action::Outcome`]; every association ends in exactly one [`Action::Ended`], with the
//! outcome of a message that was out told first.
//!
//! # Invariants
//!
//! - An object is done only by a status that answers its Message ID and names its SOP instance
//!   or none; what else comes is the peer's fault and ends the association.
//! - Fragments are even but for the last of an odd data set, which we may not change; only a
//!   deflated one has a padding that belongs to no data element.

mod exchange;
mod terms;

use std::collections::BTreeMap;

use dicom_ul::pdu::{AssociationRQ, Pdu, PresentationContextProposed, UserVariableItem};

use crate::base::limits::{ANSWER, ARTIM, CONTEXTS_MAX};
use crate::base::time::Instant;
use crate::dicom::association::{Event, Role, State, Step, next};
use crate::dicom::implementation::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION};
use crate::dicom::pdu::associate::{AssociateAc, read_ac};
use crate::dicom::pdu::frames::{Frame, Frames, Header};
use crate::dicom::pdu::{
    APPLICATION_CONTEXT, Abort, Rejection, encode, fragment_bytes, kind, release_rp, release_rq,
};

use exchange::Message;
pub use terms::{
    Action, Answer, Input, Oddity, Outcome, Pair, PairsError, RefusedPair, RequestorSettings, Rest,
    StoreOrder, Verdict,
};

/// One outgoing association.
#[derive(Debug)]
pub struct Requestor {
    settings: RequestorSettings,
    state: State,
    frames: Frames,
    pairs: Vec<Pair>,
    contexts: BTreeMap<Pair, Result<u8, Verdict>>,
    fragment_bytes: usize,
    message: Message,
    message_id: u16,
    /// Fragments of a command set from the peer.
    incoming: Vec<u8>,
    /// Bytes of data sets from the peer that may still be thrown away.
    unwanted: u64,
    deadline: Option<Instant>,
    end: End,
}

/// Whether [`Action::Ended`] was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Ahead,
    Told,
}

impl Requestor {
    /// Prepares an association with a context for each different pair; the driver connects.
    ///
    /// # Errors
    ///
    /// [`PairsError`] for no pairs or over 128.
    pub fn new(settings: RequestorSettings, pairs: &[Pair]) -> Result<Self, PairsError> {
        let mut different: Vec<Pair> = Vec::new();
        for pair in pairs {
            if !different.contains(pair) {
                different.push(pair.clone());
            }
        }
        let count = different.len();
        if count == 0 || CONTEXTS_MAX < count {
            return Err(PairsError { count });
        }
        Ok(Self {
            frames: Frames::new(settings.max_pdu),
            settings,
            state: State::Sta4,
            pairs: different,
            contexts: BTreeMap::new(),
            fragment_bytes: 2,
            message: Message::None,
            message_id: 0,
            incoming: Vec::new(),
            unwanted: 0,
            deadline: None,
            end: End::Ahead,
        })
    }

    /// Returns the state by its number in PS3.8 9.2.2.
    pub fn state(&self) -> State {
        self.state
    }

    /// Returns when to feed [`Input::Timeout`].
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns whether `Echo`, `Store` or `Release` may be fed.
    pub fn is_ready(&self) -> bool {
        self.state == State::Sta6 && matches!(self.message, Message::None)
    }

    /// Returns whether objects of `pair` can be sent.
    ///
    /// # Errors
    ///
    /// The [`Verdict`] on the pair; [`Verdict::Unanswered`] before the association stands.
    pub fn accepts(&self, pair: &Pair) -> Result<(), Verdict> {
        self.context(pair).map(|_| ())
    }

    /// Takes one input and returns what to do about it.
    #[must_use]
    pub fn step(&mut self, now: Instant, input: Input<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        match input {
            Input::Connected => self.connected(now, &mut out),
            Input::Received(bytes) => self.frames.push(bytes),
            Input::Echo => self.echo(now, &mut out),
            Input::Store(order) => self.store(order, &mut out),
            Input::Data(bytes, rest) => self.data(now, bytes, rest, &mut out),
            Input::Release => self.release(now, &mut out),
            Input::Abort => {
                self.end(Outcome::GivenUp, &mut out);
                self.abort(now, Event::AbortRequest, Abort::USER, &mut out);
            }
            Input::Closed => self.closed(&mut out),
            Input::Timeout => self.timeout(now, &mut out),
        }
        while !matches!(self.state, State::Sta1 | State::Sta4) {
            match self.frames.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => self.frame(now, frame, &mut out),
                Err(error) => {
                    self.broken(now, Oddity::Frame(error), Abort::INVALID_PARAMETER, &mut out);
                    self.frames.lose();
                }
            }
        }
        out
    }

    fn connected(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.take(Event::TransportConfirm, out) == Some(Step::Ae2) {
            out.push(Action::Send(self.write_request()));
            self.deadline = Some(now.after(ANSWER));
        }
    }

    fn write_request(&self) -> Vec<u8> {
        let propose = |(id, pair): (u8, &Pair)| PresentationContextProposed {
            id,
            abstract_syntax: pair.class.as_str().to_owned(),
            transfer_syntaxes: vec![pair.transfer_syntax.as_str().to_owned()],
        };
        encode(&Pdu::AssociationRQ(AssociationRQ {
            protocol_version: 1,
            calling_ae_title: self.settings.calling.as_str().to_owned(),
            called_ae_title: self.settings.called.as_str().to_owned(),
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: self.numbered().map(propose).collect(),
            user_variables: vec![
                UserVariableItem::MaxLength(self.settings.max_pdu),
                UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS.to_owned()),
                UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION.to_owned()),
            ],
        }))
    }

    /// Returns the pairs with their context IDs: 1, 3, … 255.
    fn numbered(&self) -> impl Iterator<Item = (u8, &Pair)> {
        (1..=u8::MAX).step_by(2).zip(&self.pairs)
    }

    fn frame(&mut self, now: Instant, frame: Frame, out: &mut Vec<Action>) {
        match frame {
            Frame::Header(header) => self.header(now, header, out),
            Frame::Piece(piece) => self.piece(now, piece, out),
            Frame::Body { kind, bytes } => match kind {
                kind::ASSOCIATE_AC => self.accepted(now, &bytes, out),
                kind::ASSOCIATE_RJ => self.rejected(now, &bytes, out),
                kind::RELEASE_RQ => self.released(now, out),
                kind::RELEASE_RP => {
                    self.end(Outcome::Released, out);
                    self.take(Event::ReleaseRpPdu, out);
                }
                _ => {
                    self.end(Outcome::Aborted(Abort::read(&bytes)), out);
                    self.take(Event::AbortPdu, out);
                }
            },
        }
    }

    /// Judges a PDU by its header: what is out of turn is not waited for.
    fn header(&mut self, now: Instant, header: Header, out: &mut Vec<Action>) {
        let event = Event::of_pdu(header.kind());
        match next(self.state, event, Role::Requestor) {
            Some((
                Step::Ae3
                | Step::Ae4
                | Step::Ar2
                | Step::Ar3
                | Step::Ar8
                | Step::Aa2
                | Step::Aa3
                | Step::Dt2,
                _,
            )) => {}
            // Whatever the peer still has to say while we release is of no use to us.
            Some((Step::Aa6 | Step::Ar6, _)) => self.frames.skip(),
            _ => {
                let reason = Abort::of(event);
                self.end(Outcome::Broken(Oddity::Pdu(header.kind())), out);
                self.abort(now, event, reason, out);
                self.frames.skip();
            }
        }
    }

    fn accepted(&mut self, now: Instant, body: &[u8], out: &mut Vec<Action>) {
        let accepted = match read_ac(body) {
            Ok(accepted) => accepted,
            Err(error) => {
                let oddity = Oddity::Associate(error);
                return self.broken(now, oddity, Abort::INVALID_PARAMETER, out);
            }
        };
        let announced = accepted.user.max_length;
        let Some(bytes) = fragment_bytes(announced, self.settings.max_pdu) else {
            let abort = Abort::INVALID_PARAMETER;
            return self.broken(now, Oddity::NoFragmentFits, abort, out);
        };
        if accepted.ignored != 0 {
            out.push(Action::Note(Oddity::IgnoredItems(accepted.ignored)));
        }
        self.fragment_bytes = bytes;
        self.contexts = self
            .numbered()
            .map(|(id, pair)| (pair.clone(), verdict(&accepted, id, pair)))
            .collect();
        self.deadline = None;
        self.take(Event::AcPdu, out);
        let refused = |(pair, verdict): (&Pair, &Result<u8, Verdict>)| {
            let verdict = verdict.err()?;
            let pair = pair.clone();
            Some(RefusedPair { pair, verdict })
        };
        out.push(Action::Established(self.contexts.iter().filter_map(refused).collect()));
    }

    fn rejected(&mut self, now: Instant, body: &[u8], out: &mut Vec<Action>) {
        let Some(rejection) = Rejection::read(body) else {
            return self.broken(now, Oddity::ShortRejection, Abort::INVALID_PARAMETER, out);
        };
        self.end(Outcome::Rejected(rejection), out);
        self.take(Event::RjPdu, out);
    }

    fn release(&mut self, now: Instant, out: &mut Vec<Action>) {
        if !self.is_ready() {
            return out.push(Action::Note(Oddity::OutOfTurn));
        }
        self.take(Event::ReleaseRequest, out);
        out.push(Action::Send(release_rq()));
        self.deadline = Some(now.after(ANSWER));
    }

    /// Answers the peer's release: it wants to go, or both sides asked at once.
    fn released(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.take(Event::ReleaseRqPdu, out);
        match self.take(Event::ReleaseResponse, out) {
            Some(Step::Ar4) => {
                self.end(Outcome::ReleasedByPeer, out);
                self.deadline = Some(now.after(ARTIM));
            }
            Some(Step::Ar9) => self.deadline = Some(now.after(ANSWER)),
            _ => return,
        }
        out.push(Action::Send(release_rp()));
    }

    fn closed(&mut self, out: &mut Vec<Action>) {
        self.end(Outcome::Closed, out);
        if self.state != State::Sta1 {
            self.take(Event::TransportClosed, out);
        }
    }

    fn timeout(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.state == State::Sta13 {
            self.take(Event::Artim, out);
            return;
        }
        self.end(Outcome::Silent, out);
        self.abort(now, Event::AbortRequest, Abort::USER, out);
    }

    /// Ends the association because the peer broke the protocol.
    fn broken(&mut self, now: Instant, oddity: Oddity, abort: Abort, out: &mut Vec<Action>) {
        self.end(Outcome::Broken(oddity), out);
        self.abort(now, Event::InvalidPdu, abort, out);
    }

    fn abort(&mut self, now: Instant, event: Event, abort: Abort, out: &mut Vec<Action>) {
        if event == Event::AbortRequest && matches!(self.state, State::Sta1 | State::Sta13) {
            return;
        }
        match self.take(event, out) {
            Some(Step::Aa1) => {
                out.push(Action::Send(Abort::USER.encode()));
                self.deadline = Some(now.after(ARTIM));
            }
            Some(Step::Aa8) => {
                out.push(Action::Send(abort.encode()));
                self.deadline = Some(now.after(ARTIM));
            }
            // Said already; ARTIM runs since then.
            Some(Step::Aa7) => out.push(Action::Send(abort.encode())),
            _ => {}
        }
    }

    /// Tells how the association ended, and with it the message that was out; once.
    fn end(&mut self, outcome: Outcome, out: &mut Vec<Action>) {
        if self.end == End::Told {
            return;
        }
        self.end = End::Told;
        if !matches!(self.message, Message::None) {
            self.message = Message::None;
            out.push(Action::Outcome(outcome.clone()));
        }
        out.push(Action::Ended(outcome));
    }

    /// Moves by the table; `Close` follows where it says so. An event that the state does not
    /// have changes nothing.
    fn take(&mut self, event: Event, out: &mut Vec<Action>) -> Option<Step> {
        let Some((step, state)) = next(self.state, event, Role::Requestor) else {
            out.push(Action::Note(Oddity::OutOfTurn));
            return None;
        };
        self.state = state;
        if state == State::Sta1 {
            self.frames.lose();
            self.deadline = None;
            out.push(Action::Close);
        }
        Some(step)
    }
}

/// Finds what the peer said to the context `id`. A missing syntax is the only one proposed.
fn verdict(accepted: &AssociateAc, id: u8, pair: &Pair) -> Result<u8, Verdict> {
    let mut answers = accepted.contexts.iter();
    let answer = answers.find(|answer| answer.id == id).ok_or(Verdict::Unanswered)?;
    if answer.result != 0 {
        return Err(Verdict::Refused(answer.result));
    }
    match &answer.transfer_syntax {
        Some(syntax) if *syntax != pair.transfer_syntax => Err(Verdict::OtherSyntax),
        _ => Ok(id),
    }
}

#[cfg(test)]
mod tests;
