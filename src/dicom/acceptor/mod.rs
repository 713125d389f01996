//! The accepting side of an association (PS3.8 9.2), without a socket.
//!
//! ```text
//!              bytes, time ──▶ ┌──────────┐ ──▶ Send, Close
//!           Accept, Reject ──▶ │ Acceptor │ ──▶ Indicate
//! Stored(Receipt), Refused ──▶ └──────────┘ ──▶ Begin, Data, End, Drop
//! ```
//!
//! The driver does the actions in their order. It answers [`Action::Indicate`] and
//! [`Action::End`], each the last of its list, before it feeds more bytes; while
//! [`Acceptor::wants_bytes`] is false it leaves them in the socket, which is what slows a sender
//! down. It may refuse an object before its end: then it finishes the list at hand, skipping
//! `Data`, `End` and `Drop`, and feeds [`Input::Refused`] behind it.
//!
//! # Invariants
//!
//! - I2: the status 0000 of a C-STORE leaves only in exchange for a `Receipt`.
//! - One object is open at a time; `Begin` is followed by `End`, by `Drop`, or by the driver's
//!   own refusal.
//! - Bytes that came behind an `Indicate` or an `End` are held and looked at after the answer.

mod message;
mod opening;
mod terms;

use std::collections::BTreeMap;

use crate::base::limits::{ARTIM, ASSOCIATION_IDLE, RATE_BYTES_MIN, RATE_WINDOW, SHUTDOWN_FINISH};
use crate::base::time::Instant;
use crate::dicom::association::{Event, Role, State, Step, next};
use crate::dicom::context::Agreed;
use crate::dicom::pdu::frames::{Frame, Frames, Header};
use crate::dicom::pdu::{Abort, kind, release_rp};

use message::Message;
pub use terms::{
    AcceptorSettings, Action, AssociationRequest, DropReason, Input, Oddity, Purpose, StoreRequest,
    User,
};

/// One incoming association.
#[derive(Debug)]
pub struct Acceptor {
    settings: AcceptorSettings,
    state: State,
    frames: Frames,
    /// The A-ASSOCIATE-AC that an `Accept` would send.
    answer: Vec<u8>,
    contexts: BTreeMap<u8, Agreed>,
    /// Bytes of our fragments.
    fragment_bytes: usize,
    message: Message,
    empties: u32,
    told: Told,
    peer: Peer,
    artim: Instant,
    heard: Instant,
    window: Option<Window>,
    finish_by: Option<Instant>,
}

/// What was said already.
#[derive(Debug, Default)]
struct Told {
    odd_fragment: bool,
    group_length: bool,
    released: bool,
}

/// Whether the peer's side of the connection is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Sends,
    /// It has closed its side while an object of it is being stored.
    Gone,
}

/// A stretch of time in which enough bytes must come.
#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    bytes: u64,
}

/// How an association is broken off: what the log, the object and the peer learn.
#[derive(Clone, Copy)]
struct Break {
    oddity: Oddity,
    drop: DropReason,
    event: Event,
    abort: Abort,
}

impl Break {
    /// By the provider, for a PDU or a parameter that is wrong.
    fn provider(oddity: Oddity, abort: Abort) -> Self {
        Self { oddity, drop: DropReason::Protocol, event: Event::InvalidPdu, abort }
    }

    /// By us as the user.
    fn user(oddity: Oddity) -> Self {
        Self { oddity, drop: DropReason::Protocol, event: Event::AbortRequest, abort: Abort::USER }
    }
}

impl Acceptor {
    /// Starts with a connection that came in at `now`.
    pub fn new(now: Instant, settings: AcceptorSettings) -> Self {
        Self {
            settings,
            state: State::Sta2,
            frames: Frames::new(settings.max_pdu),
            answer: Vec::new(),
            contexts: BTreeMap::new(),
            fragment_bytes: 2,
            message: Message::None,
            empties: 0,
            told: Told::default(),
            peer: Peer::Sends,
            artim: now.after(ARTIM),
            heard: now,
            window: None,
            finish_by: None,
        }
    }

    /// Returns the state by its number in PS3.8 9.2.2.
    pub fn state(&self) -> State {
        self.state
    }

    /// Returns whether the peer released the association: it says that it is done.
    pub fn is_released(&self) -> bool {
        self.told.released
    }

    /// Returns whether the driver may read from the socket.
    pub fn wants_bytes(&self) -> bool {
        !matches!(self.state, State::Sta1 | State::Sta3)
            && !matches!(self.message, Message::Answering { .. })
    }

    /// Returns when to feed [`Input::Timeout`].
    pub fn deadline(&self) -> Option<Instant> {
        if matches!(self.state, State::Sta2 | State::Sta13) {
            return Some(self.artim);
        }
        if self.state != State::Sta6 {
            return None;
        }
        let moves = match self.window {
            Some(window) => window.since.after(RATE_WINDOW),
            None => self.heard.after(ASSOCIATION_IDLE),
        };
        // While the driver stores, no time runs against the peer.
        let moves = self.wants_bytes().then_some(moves);
        let deadlines = [self.finish_by, self.message.deadline(), moves];
        deadlines.into_iter().flatten().min()
    }

    /// Takes one input and returns what to do about it.
    #[must_use]
    pub fn step(&mut self, now: Instant, input: Input<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        match input {
            Input::Received(bytes) => {
                self.heard = now;
                if let Some(window) = &mut self.window {
                    let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    window.bytes = window.bytes.saturating_add(count);
                }
                self.frames.push(bytes);
            }
            Input::Accept => self.accept(now, &mut out),
            Input::Reject(rejection) => self.reject(now, rejection, &mut out),
            Input::Stored(receipt) => self.stored(now, receipt, &mut out),
            Input::Refused(refusal) => self.refused(now, refusal, &mut out),
            Input::Closed if matches!(self.message, Message::Answering { .. }) => {
                self.peer = Peer::Gone;
            }
            Input::Closed => self.closed(&mut out),
            Input::Timeout => self.timeout(now, &mut out),
            Input::Shutdown => self.finish_by = Some(now.after(SHUTDOWN_FINISH)),
        }
        self.pump(now, &mut out);
        out
    }

    /// Looks at the bytes that are here, as far as no answer of the driver is due.
    fn pump(&mut self, now: Instant, out: &mut Vec<Action>) {
        while self.wants_bytes() {
            let idle = self.state == State::Sta6 && matches!(self.message, Message::None);
            if idle && self.finish_by.is_some() {
                let abort = Break { drop: DropReason::Shutdown, ..Break::user(Oddity::Shutdown) };
                self.abort(now, abort, out);
                continue;
            }
            match self.frames.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => self.frame(now, frame, out),
                Err(error) => {
                    let oddity = Oddity::Frame(error);
                    self.break_off(now, Break::provider(oddity, Abort::INVALID_PARAMETER), out);
                }
            }
        }
        if self.peer == Peer::Gone && self.wants_bytes() {
            self.closed(out);
        }
        let amid = !matches!(self.message, Message::None) || self.frames.is_amid();
        let moves = self.state == State::Sta6 && self.wants_bytes() && amid;
        let fresh = Window { since: now, bytes: 0 };
        self.window = moves.then(|| self.window.unwrap_or(fresh));
    }

    fn frame(&mut self, now: Instant, frame: Frame, out: &mut Vec<Action>) {
        match frame {
            Frame::Header(header) => self.header(now, header, out),
            Frame::Body { kind, bytes } => match kind {
                kind::ASSOCIATE_RQ => self.request(now, &bytes, out),
                kind::RELEASE_RQ => self.release(now, out),
                _ => {
                    out.push(Action::Note(Oddity::PeerAborted(Abort::read(&bytes))));
                    self.drop_part(DropReason::Aborted, out);
                    self.take(Event::AbortPdu, out);
                }
            },
            Frame::Piece(piece) => self.piece(now, piece, out),
        }
    }

    /// Judges a PDU by its header: what is out of turn is not waited for.
    fn header(&mut self, now: Instant, header: Header, out: &mut Vec<Action>) {
        let event = Event::of_pdu(header.kind());
        match next(self.state, event, Role::Acceptor) {
            Some((Step::Ae6 | Step::Ar2 | Step::Aa2 | Step::Aa3, _)) => {}
            Some((Step::Dt2, _)) => {
                if header.length() == 0 {
                    self.empty(now, out);
                }
            }
            Some((Step::Aa6, _)) => self.frames.skip(),
            _ => {
                let abort = Abort::of(event);
                let oddity = stranger(header).unwrap_or(Oddity::Pdu(header.kind()));
                let broken = Break { event, ..Break::provider(oddity, abort) };
                self.abort(now, broken, out);
                self.frames.skip();
            }
        }
    }

    fn release(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.drop_part(DropReason::Released, out) {
            out.push(Action::Note(Oddity::ReleasedAmid));
        }
        self.take(Event::ReleaseRqPdu, out);
        if self.take(Event::ReleaseResponse, out) == Some(Step::Ar4) {
            out.push(Action::Send(release_rp()));
            self.artim = now.after(ARTIM);
            self.told.released = true;
        }
    }

    fn closed(&mut self, out: &mut Vec<Action>) {
        self.drop_part(DropReason::Closed, out);
        if self.state != State::Sta1 {
            self.take(Event::TransportClosed, out);
        }
    }

    fn timeout(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.state != State::Sta6 {
            self.take(Event::Artim, out);
            return;
        }
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        if passed(self.finish_by) {
            let broken = Break { drop: DropReason::Shutdown, ..Break::user(Oddity::Shutdown) };
            return self.abort(now, broken, out);
        }
        if passed(self.message.deadline()) {
            return self.abort(now, Break::user(Oddity::Drained), out);
        }
        match self.window {
            Some(window) if RATE_BYTES_MIN <= window.bytes => {
                let bytes = 0;
                self.window = Some(Window { since: now, bytes });
            }
            Some(_) => {
                let broken = Break { drop: DropReason::TooSlow, ..Break::user(Oddity::TooSlow) };
                self.abort(now, broken, out);
            }
            None => self.abort(now, Break::user(Oddity::Idle), out),
        }
    }

    /// Breaks off after an error in the stream, where no further PDU can be told from its rest.
    fn break_off(&mut self, now: Instant, broken: Break, out: &mut Vec<Action>) {
        self.abort(now, broken, out);
        self.frames.lose();
    }

    /// Aborts as the table says for the event: as user or as provider, or once more.
    fn abort(&mut self, now: Instant, broken: Break, out: &mut Vec<Action>) {
        out.push(Action::Note(broken.oddity));
        self.drop_part(broken.drop, out);
        self.message = Message::None;
        let abort = match self.take(broken.event, out) {
            Some(Step::Aa1) => Abort::USER,
            Some(Step::Aa8) => broken.abort,
            // Said already; ARTIM runs since then.
            Some(Step::Aa7) => return out.push(Action::Send(broken.abort.encode())),
            _ => return,
        };
        out.push(Action::Send(abort.encode()));
        self.artim = now.after(ARTIM);
    }

    /// Moves by the table; `Close` follows where it says so. An event that the state does not
    /// have changes nothing.
    fn take(&mut self, event: Event, out: &mut Vec<Action>) -> Option<Step> {
        let Some((step, state)) = next(self.state, event, Role::Acceptor) else {
            out.push(Action::Note(Oddity::OutOfTurn));
            return None;
        };
        self.state = state;
        if state == State::Sta1 {
            self.frames.lose();
            out.push(Action::Close);
        }
        Some(step)
    }

    /// Rolls back what the driver holds of an object, and says whether there was any.
    fn drop_part(&mut self, reason: DropReason, out: &mut Vec<Action>) -> bool {
        let open = matches!(self.message, Message::Object { .. });
        if open {
            out.push(Action::Drop(reason));
        }
        self.message = Message::None;
        open
    }
}

/// Recognizes who speaks another protocol on our port.
fn stranger(header: Header) -> Option<Oddity> {
    match header.raw {
        [0x16, 3, ..] => Some(Oddity::TlsHello),
        [b'G', b'E', b'T', b' ', ..]
        | [b'H', b'E', b'A', b'D', ..]
        | [b'P', b'O', b'S', b'T', ..]
        | [b'P', b'U', b'T', b' ', ..]
        | [b'P', b'R', b'I', b' ', ..]
        | [b'O', b'P', b'T', b'I', ..] => Some(Oddity::HttpRequest),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
