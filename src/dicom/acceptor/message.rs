//! What the acceptor does with the messages inside an established association.

use crate::base::limits::{
    COMMAND_BYTES_MAX, DIMSE_WAIT, DRAIN_BYTES_MAX, DRAIN_OBJECT_BYTES_MAX, EMPTY_PDVS_MAX,
};
use crate::base::receipt::Receipt;
use crate::base::time::Instant;
use crate::base::uid::Uid;
use crate::dicom::acceptor::{Acceptor, Action, Break, Oddity, StoreRequest};
use crate::dicom::association::State;
use crate::dicom::context::VERIFICATION;
use crate::dicom::dimse::{
    Command, DataSet, GroupLength, Message as Asked, Request, StoreCommand, element,
};
use crate::dicom::header::Tag;
use crate::dicom::pdu::frames::Piece;
use crate::dicom::pdu::{Abort, Part, Place, write_command};
use crate::dicom::status::{Refusal, Status};

/// Where the message exchange stands. The window is 1: one message at a time.
#[derive(Debug)]
pub(super) enum Message {
    /// Between messages.
    None,
    /// Fragments of a command set come.
    Command { context: u8, bytes: Vec<u8> },
    /// The driver holds an object whose data set comes.
    Object { context: u8, request: Request },
    /// The data set is complete; the driver stores it.
    Answering { context: u8, request: Request },
    /// The data set of a refused object is read away.
    Refused { context: u8, request: Request, refusal: Refusal, left: u64 },
    /// A data set that nobody wants is read away; the response waits for its end.
    Drain { context: u8, response: Vec<u8>, left: u64, until: Instant },
}

impl Message {
    /// Returns when the peer has waited too long with a data set that it announced.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if let Self::Drain { until, .. } = self { Some(*until) } else { None }
    }

    /// Takes what the driver is to answer; the message is over then.
    fn take_answering(&mut self) -> Option<(u8, Request)> {
        let Self::Answering { context, request } = self else {
            return None;
        };
        let taken = (*context, request.clone());
        *self = Self::None;
        Some(taken)
    }

    fn context(&self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Command { context, .. }
            | Self::Object { context, .. }
            | Self::Answering { context, .. }
            | Self::Refused { context, .. }
            | Self::Drain { context, .. } => Some(*context),
        }
    }
}

impl Acceptor {
    pub(super) fn piece(&mut self, now: Instant, piece: Piece, out: &mut Vec<Action>) {
        if self.state != State::Sta6 {
            return;
        }
        match piece.opens {
            Some(0) => self.empty(now, out),
            Some(length) => {
                self.empties = 0;
                if length % 2 != 0 && !std::mem::replace(&mut self.told.odd_fragment, true) {
                    out.push(Action::Note(Oddity::OddFragment));
                }
            }
            None => {}
        }
        if self.state != State::Sta6 {
            return;
        }
        let wanted = self.message.context().unwrap_or(piece.context);
        if !self.contexts.contains_key(&piece.context) || piece.context != wanted {
            let oddity = Oddity::FragmentContext(piece.context);
            return self.abort(now, Break::provider(oddity, Abort::INVALID_PARAMETER), out);
        }
        match piece.part {
            Part::Command => self.command_piece(now, piece, out),
            Part::DataSet => self.data_piece(now, piece, out),
        }
    }

    /// Counts an empty fragment or P-DATA-TF.
    pub(super) fn empty(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.empties = self.empties.saturating_add(1);
        if EMPTY_PDVS_MAX < self.empties {
            let abort = Abort::INVALID_PARAMETER;
            self.abort(now, Break::provider(Oddity::EmptyFragments, abort), out);
        }
    }

    fn command_piece(&mut self, now: Instant, piece: Piece, out: &mut Vec<Action>) {
        let mut bytes = match &mut self.message {
            Message::None => Vec::new(),
            Message::Command { bytes, .. } => std::mem::take(bytes),
            Message::Object { .. }
            | Message::Answering { .. }
            | Message::Refused { .. }
            | Message::Drain { .. } => {
                return self.abort(now, Break::user(Oddity::FragmentOutOfTurn), out);
            }
        };
        self.message = Message::None;
        if COMMAND_BYTES_MAX < bytes.len().saturating_add(piece.bytes.len()) {
            let abort = Abort::INVALID_PARAMETER;
            return self.abort(now, Break::provider(Oddity::CommandTooLong, abort), out);
        }
        bytes.extend_from_slice(&piece.bytes);
        let context = piece.context;
        match piece.place {
            Place::Inner => self.message = Message::Command { context, bytes },
            Place::Last => self.command(now, context, &bytes, out),
        }
    }

    fn command(&mut self, now: Instant, context: u8, bytes: &[u8], out: &mut Vec<Action>) {
        let command = match Command::read(bytes) {
            Ok(command) => command,
            Err(error) => {
                return self.abort(now, Break::user(Oddity::Command(error)), out);
            }
        };
        let wrong = command.group_length == GroupLength::Wrong;
        if wrong && !std::mem::replace(&mut self.told.group_length, true) {
            out.push(Action::Note(Oddity::GroupLength));
        }
        let response = match command.message {
            Asked::Store(store) => return self.store(context, store, command.data_set, out),
            // It may come too late for what it cancels, and we have nothing to cancel.
            Asked::Cancel => return,
            Asked::Response(_) => {
                return self.abort(now, Break::user(Oddity::Response), out);
            }
            Asked::Echo(request) => request.echoed(),
            Asked::Other(request) => {
                let refusal = Refusal::new(Status::UNRECOGNIZED_OPERATION, "not served here");
                request.refuse(&refusal)
            }
        };
        match command.data_set {
            DataSet::Absent => self.send(context, &response, out),
            DataSet::Follows => {
                self.message = Message::Drain {
                    context,
                    response,
                    left: DRAIN_BYTES_MAX,
                    until: now.after(DIMSE_WAIT),
                };
            }
        }
    }

    fn store(
        &mut self,
        context: u8,
        store: StoreCommand,
        data_set: DataSet,
        out: &mut Vec<Action>,
    ) {
        let request = store.request.clone();
        if data_set == DataSet::Absent {
            let refusal = Refusal::new(Status::CANNOT_UNDERSTAND, "no data set");
            return self.send(context, &request.refuse(&refusal), out);
        }
        match self.begin(context, store) {
            Ok((begin, class_of_context)) => {
                if class_of_context != begin.sop_class {
                    out.push(Action::Note(Oddity::ClassOfContext));
                }
                out.push(Action::Begin(Box::new(begin)));
                self.message = Message::Object { context, request };
            }
            Err(refusal) => {
                self.message =
                    Message::Refused { context, request, refusal, left: DRAIN_OBJECT_BYTES_MAX };
            }
        }
    }

    /// Makes the request of a command, with the class of its context; refuses what could not be
    /// stored whatever its data set is.
    fn begin(&self, context: u8, store: StoreCommand) -> Result<(StoreRequest, Uid), Refusal> {
        let agreed = self.contexts.get(&context);
        let agreed = agreed.filter(|agreed| agreed.class.as_str() != VERIFICATION);
        let no_class = |comment: &str| Refusal::new(Status::CLASS_NOT_SUPPORTED, comment);
        let agreed = agreed.ok_or_else(|| no_class("context is not for storage"))?;
        let sop_instance = store.instance.map_err(|error| {
            Refusal::new(Status::INVALID_INSTANCE, &error.to_string())
                .blaming(Tag(element::AFFECTED_INSTANCE.into()))
        })?;
        let sop_class = store.class.map_err(|error| {
            no_class(&error.to_string()).blaming(Tag(element::AFFECTED_CLASS.into()))
        })?;
        let request = StoreRequest {
            message_id: store.request.message_id,
            context,
            sop_class,
            sop_instance,
            transfer_syntax: agreed.transfer_syntax.clone(),
            priority: store.priority,
            move_originator: store.move_originator,
        };
        Ok((request, agreed.class.clone()))
    }

    fn data_piece(&mut self, now: Instant, piece: Piece, out: &mut Vec<Action>) {
        let count = u64::try_from(piece.bytes.len()).unwrap_or(u64::MAX);
        let last = piece.place == Place::Last;
        match std::mem::replace(&mut self.message, Message::None) {
            Message::Object { context, request } => {
                if count != 0 {
                    out.push(Action::Data(piece.bytes));
                }
                if last {
                    out.push(Action::End);
                    self.message = Message::Answering { context, request };
                } else {
                    self.message = Message::Object { context, request };
                }
            }
            Message::Refused { left, .. } if left < count => {
                let abort = Abort::NOT_SPECIFIED;
                self.abort(now, Break::provider(Oddity::RefusedTooLong, abort), out);
            }
            Message::Refused { context, request, refusal, left } => {
                if last {
                    return self.send(context, &request.refuse(&refusal), out);
                }
                self.message = Message::Refused {
                    context,
                    request,
                    refusal,
                    left: left.saturating_sub(count),
                };
            }
            Message::Drain { left, .. } if left < count => {
                self.abort(now, Break::user(Oddity::Drained), out);
            }
            Message::Drain { context, response, left, until } => {
                if last {
                    return self.send(context, &response, out);
                }
                self.message =
                    Message::Drain { context, response, left: left.saturating_sub(count), until };
            }
            Message::None | Message::Command { .. } | Message::Answering { .. } => {
                self.abort(now, Break::user(Oddity::FragmentOutOfTurn), out);
            }
        }
    }

    pub(super) fn stored(&mut self, now: Instant, receipt: Receipt, out: &mut Vec<Action>) {
        let Some((context, request)) = self.message.take_answering() else {
            return self.unasked(out);
        };
        self.heard = now;
        // I2: this success exists only because of `receipt`.
        self.send(context, &request.stored(receipt), out);
    }

    pub(super) fn refused(&mut self, now: Instant, refusal: Refusal, out: &mut Vec<Action>) {
        if let Some((context, request)) = self.message.take_answering() {
            self.heard = now;
            self.send(context, &request.refuse(&refusal), out);
        } else if let Message::Object { context, request } = &self.message {
            self.message = Message::Refused {
                context: *context,
                request: request.clone(),
                refusal,
                left: DRAIN_OBJECT_BYTES_MAX,
            };
        } else {
            self.unasked(out);
        }
    }

    /// Meets an answer that nothing asked for. The association may be over by the time that an
    /// object is safe: the sender sends it again, and nothing may be said now. Inside an
    /// association it is a fault of the driver's.
    fn unasked(&self, out: &mut Vec<Action>) {
        if self.state == State::Sta6 {
            out.push(Action::Note(Oddity::OutOfTurn));
        }
    }

    /// Sends a response in fragments that the peer can take; the message is over.
    fn send(&mut self, context: u8, command: &[u8], out: &mut Vec<Action>) {
        self.window = None;
        let bytes = write_command(context, command, self.fragment_bytes);
        out.push(Action::Send(bytes));
    }
}
