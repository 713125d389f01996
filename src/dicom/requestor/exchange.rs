//! What the requestor does with messages inside an established association.

use crate::base::limits::{ANSWER, COMMAND_BYTES_MAX, DRAIN_BYTES_MAX};
use crate::base::time::Instant;
use crate::base::uid::Uid;
use crate::dicom::association::{Event, State};
use crate::dicom::context::VERIFICATION;
use crate::dicom::dimse::{Command, Message as Said, Response, StoreHead, write_echo, write_store};
use crate::dicom::pdu::frames::Piece;
use crate::dicom::pdu::{Abort, Part, Place, write_command, write_data};
use crate::dicom::requestor::{
    Action, Answer, Oddity, Outcome, Pair, Requestor, Rest, StoreOrder, Verdict,
};
use crate::dicom::status::{Refusal, Status};
use crate::dicom::syntax::DEFLATED_LE;

const C_STORE_RSP: u16 = 0x8001;
const C_ECHO_RSP: u16 = 0x8030;

/// The one message that may be out.
#[derive(Debug)]
pub(super) enum Message {
    /// None is.
    None,
    /// A C-STORE whose data set is being sent.
    Sending(Sending),
    /// Its answer is awaited.
    Awaiting(Asked),
}

/// What the answer must fit.
#[derive(Debug)]
pub(super) struct Asked {
    field: u16,
    message_id: u16,
    instance: Option<Uid>,
}

#[derive(Debug)]
pub(super) struct Sending {
    asked: Asked,
    context: u8,
    /// The command set as PDUs, until the first data goes with it.
    command: Vec<u8>,
    /// Bytes that do not fill a fragment yet.
    rest: Vec<u8>,
    /// Whether the bytes given so far are an odd number.
    odd: usize,
    /// The byte that makes a data set even, in a transfer syntax that has one.
    padding: Option<u8>,
    /// A refusal that came before the data set was complete.
    early: Option<Answer>,
}

impl Requestor {
    /// Returns the context that `pair` was accepted on.
    pub(super) fn context(&self, pair: &Pair) -> Result<u8, Verdict> {
        let never = || {
            if self.pairs.contains(pair) { Verdict::Unanswered } else { Verdict::NotProposed }
        };
        self.contexts.get(pair).copied().unwrap_or_else(|| Err(never()))
    }

    pub(super) fn echo(&mut self, now: Instant, out: &mut Vec<Action>) {
        if !self.is_ready() {
            return out.push(Action::Note(Oddity::OutOfTurn));
        }
        let mut pairs = self.contexts.iter();
        let verdict = pairs
            .find(|(pair, _)| pair.class.as_str() == VERIFICATION)
            .map_or(Err(Verdict::NotProposed), |(_, verdict)| *verdict);
        let context = match verdict {
            Ok(context) => context,
            Err(verdict) => return out.push(Action::Outcome(Outcome::NoContext(verdict))),
        };
        let message_id = self.draw_id();
        let bytes = write_command(context, &write_echo(message_id), self.fragment_bytes);
        self.take(Event::DataRequest, out);
        out.push(Action::Send(bytes));
        self.await_answer(now, Asked { field: C_ECHO_RSP, message_id, instance: None });
    }

    pub(super) fn store(&mut self, order: StoreOrder, out: &mut Vec<Action>) {
        if !self.is_ready() {
            return out.push(Action::Note(Oddity::OutOfTurn));
        }
        let context = match self.context(&order.pair) {
            Ok(context) => context,
            Err(verdict) => return out.push(Action::Outcome(Outcome::NoContext(verdict))),
        };
        let message_id = self.draw_id();
        let command = write_store(StoreHead {
            message_id,
            class: &order.pair.class,
            instance: &order.sop_instance,
            priority: order.priority,
        });
        self.message = Message::Sending(Sending {
            asked: Asked { field: C_STORE_RSP, message_id, instance: Some(order.sop_instance) },
            context,
            command: write_command(context, &command, self.fragment_bytes),
            rest: Vec::new(),
            odd: 0,
            // PS3.5 A.5: a deflated stream of odd length is followed by one NUL.
            padding: (order.pair.transfer_syntax.as_str() == DEFLATED_LE).then_some(0),
            early: None,
        });
        out.push(Action::WantData);
    }

    /// Sends bytes of the data set, the command before the first of them: in one piece, so that
    /// a peer that delays its ACKs does not cost 40 ms an object.
    pub(super) fn data(&mut self, now: Instant, bytes: &[u8], rest: Rest, out: &mut Vec<Action>) {
        let Message::Sending(mut sending) = std::mem::replace(&mut self.message, Message::None)
        else {
            // The association may have ended while the driver was reading.
            if self.state == State::Sta6 {
                out.push(Action::Note(Oddity::OutOfTurn));
            }
            return;
        };
        sending.odd = (sending.odd + bytes.len()) % 2;
        sending.rest.extend_from_slice(bytes);
        if rest == Rest::Last && sending.odd != 0 {
            match sending.padding {
                Some(padding) => sending.rest.push(padding),
                None => out.push(Action::Note(Oddity::OddDataSet)),
            }
        }
        let to_send = sending.cut(self.fragment_bytes, rest);
        if !to_send.is_empty() {
            self.take(Event::DataRequest, out);
            out.push(Action::Send(to_send));
        }
        if rest == Rest::More {
            self.message = Message::Sending(sending);
            return out.push(Action::WantData);
        }
        match sending.early {
            Some(answer) => out.push(Action::Outcome(Outcome::Answered(answer))),
            None => self.await_answer(now, sending.asked),
        }
    }

    pub(super) fn piece(&mut self, now: Instant, piece: Piece, out: &mut Vec<Action>) {
        if self.state != State::Sta6 {
            return;
        }
        if piece.part == Part::DataSet {
            return self.unwanted(now, &piece, out);
        }
        if COMMAND_BYTES_MAX < self.incoming.len().saturating_add(piece.bytes.len()) {
            return self.broken(now, Oddity::TooLong, Abort::INVALID_PARAMETER, out);
        }
        self.incoming.extend_from_slice(&piece.bytes);
        if piece.place == Place::Inner {
            return;
        }
        let bytes = std::mem::take(&mut self.incoming);
        let command = match Command::read(&bytes) {
            Ok(command) => command,
            Err(error) => {
                return self.broken(now, Oddity::Command(error), Abort::INVALID_PARAMETER, out);
            }
        };
        match command.message {
            Said::Response(response) => self.response(now, response, out),
            Said::Cancel => {}
            Said::Echo(request) | Said::Other(request) => {
                self.decline(piece.context, &request.refuse(&not_served()), out);
            }
            Said::Store(store) => {
                self.decline(piece.context, &store.request.refuse(&not_served()), out);
            }
        }
    }

    /// Tells the peer that we serve nothing on an association of ours.
    fn decline(&mut self, context: u8, response: &[u8], out: &mut Vec<Action>) {
        out.push(Action::Note(Oddity::Request));
        self.take(Event::DataRequest, out);
        let bytes = write_command(context, response, self.fragment_bytes);
        out.push(Action::Send(bytes));
    }

    /// Throws away data sets of the peer, which no response of ours has; so many in all.
    fn unwanted(&mut self, now: Instant, piece: &Piece, out: &mut Vec<Action>) {
        let count = u64::try_from(piece.bytes.len()).unwrap_or(u64::MAX);
        self.unwanted = self.unwanted.saturating_add(count);
        if DRAIN_BYTES_MAX < self.unwanted {
            return self.broken(now, Oddity::TooLong, Abort::INVALID_PARAMETER, out);
        }
        if piece.opens.is_some() {
            out.push(Action::Note(Oddity::DataSet));
        }
    }

    fn response(&mut self, now: Instant, response: Response, out: &mut Vec<Action>) {
        let asked = match &self.message {
            Message::None => None,
            Message::Sending(sending) => Some(&sending.asked),
            Message::Awaiting(asked) => Some(asked),
        };
        if !asked.is_some_and(|asked| asked.fits(&response)) {
            return self.broken(now, Oddity::AnswerToAnother, Abort::UNEXPECTED_PDU, out);
        }
        let answer = Answer {
            status: response.status,
            comment: response.comment,
            offending: response.offending,
        };
        if let Message::Sending(sending) = &mut self.message {
            let status = answer.status;
            if status.is_success() || status.is_warning() {
                return self.broken(now, Oddity::EarlySuccess, Abort::UNEXPECTED_PDU, out);
            }
            // The peer has seen enough; the message must end all the same (PS3.7 9.3.1.1).
            sending.early = Some(answer);
            return;
        }
        self.message = Message::None;
        self.deadline = None;
        out.push(Action::Outcome(Outcome::Answered(answer)));
    }

    fn await_answer(&mut self, now: Instant, asked: Asked) {
        self.message = Message::Awaiting(asked);
        self.deadline = Some(now.after(ANSWER));
    }

    fn draw_id(&mut self) -> u16 {
        self.message_id = self.message_id.checked_add(1).unwrap_or(1);
        self.message_id
    }
}

impl Asked {
    /// Returns whether `response` answers this message. The instance is optional in a response
    /// (PS3.7 9.1.1.1.4), but a wrong one is wrong.
    fn fits(&self, response: &Response) -> bool {
        let instance = response.instance.as_ref();
        response.field == self.field
            && response.message_id == self.message_id
            && (self.instance.is_none()
                || instance.is_none_or(|instance| Some(instance) == self.instance.as_ref()))
    }
}

impl Sending {
    /// Cuts off what can be sent: whole fragments, and with the last bytes all of it.
    fn cut(&mut self, fragment_bytes: usize, rest: Rest) -> Vec<u8> {
        let mut out = Vec::new();
        // One byte must stay for the last fragment, unless these are the last bytes.
        let whole = match rest {
            Rest::More => self.rest.len().saturating_sub(1) / fragment_bytes,
            Rest::Last => self.rest.len().div_ceil(fragment_bytes),
        };
        if whole == 0 && rest == Rest::More {
            return out;
        }
        out.append(&mut self.command);
        if self.rest.is_empty() {
            write_data(&mut out, self.context, Part::DataSet, Place::Last, &[]);
            return out;
        }
        for (place, fragment) in self.rest.chunks(fragment_bytes).take(whole).enumerate() {
            let is_last = rest == Rest::Last && place + 1 == whole;
            let place = if is_last { Place::Last } else { Place::Inner };
            write_data(&mut out, self.context, Part::DataSet, place, fragment);
        }
        self.rest.drain(..(whole * fragment_bytes).min(self.rest.len()));
        out
    }
}

fn not_served() -> Refusal {
    Refusal::new(Status::UNRECOGNIZED_OPERATION, "not served here")
}
