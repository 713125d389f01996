//! DIMSE command sets (PS3.7 6.3, 9.3, 10.3, Annex E): always implicit VR little endian.

use std::collections::BTreeMap;

use crate::base::aet::AeTitle;
use crate::base::receipt::Receipt;
use crate::base::uid::{Uid, UidError};
use crate::dicom::header::Tag;
use crate::dicom::status::{Refusal, Status, ascii};

/// (0000,0800) when no data set follows; everything else announces one.
const NO_DATA_SET: u16 = 0x0101;
/// Bit of Command Field that makes a response of a request.
const RESPONSE: u16 = 0x8000;

const C_STORE: u16 = 0x0001;
const C_ECHO: u16 = 0x0030;
const C_CANCEL: u16 = 0x0fff;
/// C-GET, C-FIND, C-MOVE and the six N services (PS3.7 E.1-1).
const NOT_SERVED: [u16; 9] =
    [0x0010, 0x0020, 0x0021, 0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x0150];

/// Element numbers of group 0000.
pub(crate) mod element {
    pub(crate) const GROUP_LENGTH: u16 = 0x0000;
    pub(crate) const AFFECTED_CLASS: u16 = 0x0002;
    pub(crate) const REQUESTED_CLASS: u16 = 0x0003;
    pub(crate) const COMMAND_FIELD: u16 = 0x0100;
    pub(crate) const MESSAGE_ID: u16 = 0x0110;
    pub(crate) const RESPONDED_ID: u16 = 0x0120;
    pub(crate) const PRIORITY: u16 = 0x0700;
    pub(crate) const DATA_SET_TYPE: u16 = 0x0800;
    pub(crate) const STATUS: u16 = 0x0900;
    pub(crate) const OFFENDING: u16 = 0x0901;
    pub(crate) const COMMENT: u16 = 0x0902;
    pub(crate) const AFFECTED_INSTANCE: u16 = 0x1000;
    pub(crate) const MOVE_TITLE: u16 = 0x1030;
    pub(crate) const MOVE_ID: u16 = 0x1031;
}

/// Why bytes are no command set that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// An element reaches beyond the end, or the last header is cut.
    #[error("command set ends inside an element")]
    Cut,
    /// An element of another group: explicit VR, or no command set at all.
    #[error("command set has an element of group {group:#06x}")]
    Group {
        /// The group.
        group: u16,
    },
    /// An element that an answer needs is missing or has another length than its VR.
    #[error("command set lacks a valid element (0000,{element:04x})")]
    Lacks {
        /// The element.
        element: u16,
    },
    /// No service has this Command Field.
    #[error("command field {field:#06x} is unknown")]
    Unknown {
        /// The field.
        field: u16,
    },
}

/// Priority (0000,0700) of a C-STORE; anything but LOW and HIGH is medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// 0002.
    Low,
    /// 0000, missing, or no priority at all.
    #[default]
    Medium,
    /// 0001.
    High,
}

/// Whether a command announces a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSet {
    /// None follows.
    Absent,
    /// One follows on the same context.
    Follows,
}

/// A command set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What it asks or answers.
    pub message: Message,
    /// Whether a data set follows.
    pub data_set: DataSet,
    /// Whether the group length is there and right.
    pub group_length: GroupLength,
}

/// Whether (0000,0000) is right: nobody depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupLength {
    /// It is.
    Right,
    /// It is missing or wrong.
    Wrong,
}

/// The services by what we do about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// C-STORE-RQ.
    Store(StoreCommand),
    /// C-ECHO-RQ.
    Echo(Request),
    /// C-CANCEL-RQ, which has no answer.
    Cancel,
    /// A request that we do not serve.
    Other(Request),
    /// A response.
    Response(Response),
}

/// What every request has and its response gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    field: u16,
    /// Message ID (0000,0110).
    pub message_id: u16,
    /// Affected or Requested SOP Class UID, as sent.
    class: Option<Vec<u8>>,
    /// Affected SOP Instance UID, as sent.
    instance: Option<Vec<u8>>,
}

/// A C-STORE-RQ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreCommand {
    /// What the response gives back.
    pub request: Request,
    /// Affected SOP Class UID (0000,0002); missing counts as empty.
    pub class: Result<Uid, UidError>,
    /// Affected SOP Instance UID (0000,1000); missing counts as empty.
    pub instance: Result<Uid, UidError>,
    /// Priority (0000,0700).
    pub priority: Priority,
    /// Move Originator AE Title (0000,1030) and Message ID (0000,1031), where both are there.
    pub move_originator: Option<(AeTitle, u16)>,
}

/// A response, as a requestor reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Command Field (0000,0100), response bit included.
    pub field: u16,
    /// Message ID Being Responded To (0000,0120).
    pub message_id: u16,
    /// Affected SOP Instance UID (0000,1000), where there is one.
    pub instance: Option<Uid>,
    /// Status (0000,0900).
    pub status: Status,
    /// Error Comment (0000,0902), as far as it is printable ASCII.
    pub comment: String,
    /// Offending Element (0000,0901).
    pub offending: Vec<Tag>,
}

/// What a requestor asks to store.
#[derive(Clone, Copy, Debug)]
pub struct StoreHead<'a> {
    /// Message ID (0000,0110).
    pub message_id: u16,
    /// Affected SOP Class UID (0000,0002).
    pub class: &'a Uid,
    /// Affected SOP Instance UID (0000,1000).
    pub instance: &'a Uid,
    /// Priority (0000,0700).
    pub priority: Priority,
}

impl Command {
    /// Reads a command set.
    ///
    /// Elements that are unknown, out of order or repeated are let pass; the first counts.
    ///
    /// # Errors
    ///
    /// [`CommandError`] where no answer could be addressed: the association is to be aborted.
    pub fn read(bytes: &[u8]) -> Result<Self, CommandError> {
        let elements = Elements::read(bytes)?;
        let field = elements.need_us(element::COMMAND_FIELD)?;
        let message = if field & RESPONSE == 0 {
            elements.request(field)?
        } else {
            Message::Response(elements.response(field)?)
        };
        let announced = match elements.us(element::DATA_SET_TYPE) {
            Some(kind) => kind != NO_DATA_SET,
            None => matches!(message, Message::Store(_)),
        };
        Ok(Self {
            message,
            data_set: if announced { DataSet::Follows } else { DataSet::Absent },
            group_length: elements.group_length(bytes.len()),
        })
    }
}

impl Request {
    /// Writes the success of a C-STORE: I2, only in exchange for a receipt, which is used up.
    pub fn stored(&self, _receipt: Receipt) -> Vec<u8> {
        self.respond(None)
    }

    /// Writes the response that refuses the request. A refusal is never a success, whatever its
    /// status says.
    pub fn refuse(&self, refusal: &Refusal) -> Vec<u8> {
        let status = match refusal.status {
            Status::SUCCESS => Status::CANNOT_UNDERSTAND,
            status => status,
        };
        self.respond(Some(&Refusal { status, ..refusal.clone() }))
    }

    /// Writes the success of a C-ECHO; of any other service it is a refusal.
    pub fn echoed(&self) -> Vec<u8> {
        if self.field == C_ECHO {
            self.respond(None)
        } else {
            self.refuse(&Refusal::new(Status::UNRECOGNIZED_OPERATION, ""))
        }
    }

    fn respond(&self, refusal: Option<&Refusal>) -> Vec<u8> {
        let mut writer = Writer::default();
        if let Some(class) = &self.class {
            writer.put(element::AFFECTED_CLASS, class);
        }
        writer.put_us(element::COMMAND_FIELD, self.field | RESPONSE);
        writer.put_us(element::RESPONDED_ID, self.message_id);
        writer.put_us(element::DATA_SET_TYPE, NO_DATA_SET);
        let status = refusal.map_or(Status::SUCCESS, |refusal| refusal.status);
        writer.put_us(element::STATUS, status.0);
        if let Some(Tag(tag)) = refusal.and_then(|refusal| refusal.offending) {
            let [g1, g0, e1, e0] = tag.to_be_bytes();
            writer.put(element::OFFENDING, &[g0, g1, e0, e1]);
        }
        let comment = refusal.map(|refusal| ascii(&refusal.comment));
        if let Some(comment) = comment.filter(|comment| !comment.is_empty()) {
            writer.put_padded(element::COMMENT, comment.as_bytes(), b' ');
        }
        if let Some(instance) = &self.instance {
            writer.put(element::AFFECTED_INSTANCE, instance);
        }
        writer.finish()
    }
}

/// Writes a C-ECHO-RQ.
pub fn write_echo(message_id: u16) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.put(element::AFFECTED_CLASS, crate::dicom::context::VERIFICATION.as_bytes());
    writer.put_us(element::COMMAND_FIELD, C_ECHO);
    writer.put_us(element::MESSAGE_ID, message_id);
    writer.put_us(element::DATA_SET_TYPE, NO_DATA_SET);
    writer.finish()
}

/// Writes a C-STORE-RQ whose data set follows.
pub fn write_store(head: StoreHead<'_>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.put(element::AFFECTED_CLASS, head.class.as_str().as_bytes());
    writer.put_us(element::COMMAND_FIELD, C_STORE);
    writer.put_us(element::MESSAGE_ID, head.message_id);
    let priority = match head.priority {
        Priority::Medium => 0,
        Priority::High => 1,
        Priority::Low => 2,
    };
    writer.put_us(element::PRIORITY, priority);
    writer.put_us(element::DATA_SET_TYPE, 0x0001);
    writer.put(element::AFFECTED_INSTANCE, head.instance.as_str().as_bytes());
    writer.finish()
}

/// The elements of a command set by number; the first of a number counts.
struct Elements<'a>(BTreeMap<u16, &'a [u8]>);

impl<'a> Elements<'a> {
    fn read(mut bytes: &'a [u8]) -> Result<Self, CommandError> {
        let mut elements = BTreeMap::new();
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_first_chunk::<8>().ok_or(CommandError::Cut)?;
            let [g0, g1, e0, e1, length @ ..] = *head;
            let group = u16::from_le_bytes([g0, g1]);
            if group != 0 {
                return Err(CommandError::Group { group });
            }
            let (value, rest) = usize::try_from(u32::from_le_bytes(length))
                .ok()
                .and_then(|length| rest.split_at_checked(length))
                .ok_or(CommandError::Cut)?;
            elements.entry(u16::from_le_bytes([e0, e1])).or_insert(value);
            bytes = rest;
        }
        Ok(Self(elements))
    }

    fn us(&self, element: u16) -> Option<u16> {
        let bytes = *self.0.get(&element)?;
        bytes.try_into().ok().map(u16::from_le_bytes)
    }

    fn need_us(&self, element: u16) -> Result<u16, CommandError> {
        self.us(element).ok_or(CommandError::Lacks { element })
    }

    fn uid(&self, element: u16) -> Result<Uid, UidError> {
        Uid::parse(self.0.get(&element).copied().unwrap_or_default())
    }

    fn request(&self, field: u16) -> Result<Message, CommandError> {
        if field == C_CANCEL {
            return Ok(Message::Cancel);
        }
        if !(field == C_STORE || field == C_ECHO || NOT_SERVED.contains(&field)) {
            return Err(CommandError::Unknown { field });
        }
        let class = self.0.get(&element::AFFECTED_CLASS);
        let class = class.or_else(|| self.0.get(&element::REQUESTED_CLASS));
        let request = Request {
            field,
            message_id: self.need_us(element::MESSAGE_ID)?,
            class: class.map(|class| class.to_vec()),
            instance: self.0.get(&element::AFFECTED_INSTANCE).map(|uid| uid.to_vec()),
        };
        Ok(match field {
            C_STORE => Message::Store(self.store(request)),
            C_ECHO => Message::Echo(request),
            _ => Message::Other(request),
        })
    }

    fn store(&self, request: Request) -> StoreCommand {
        let title = self.0.get(&element::MOVE_TITLE);
        let title = title.and_then(|title| AeTitle::parse(title).ok());
        StoreCommand {
            request,
            class: self.uid(element::AFFECTED_CLASS),
            instance: self.uid(element::AFFECTED_INSTANCE),
            priority: match self.us(element::PRIORITY) {
                Some(1) => Priority::High,
                Some(2) => Priority::Low,
                _ => Priority::Medium,
            },
            move_originator: title.zip(self.us(element::MOVE_ID)),
        }
    }

    fn response(&self, field: u16) -> Result<Response, CommandError> {
        let comment = self.0.get(&element::COMMENT).copied().unwrap_or_default();
        let comment: String = comment.iter().copied().map(char::from).collect();
        let offending = self.0.get(&element::OFFENDING).copied().unwrap_or_default();
        let tag = |bytes: &[u8]| match *bytes {
            [g0, g1, e0, e1] => Some(Tag(u32::from_be_bytes([g1, g0, e1, e0]))),
            _ => None,
        };
        Ok(Response {
            field,
            message_id: self.need_us(element::RESPONDED_ID)?,
            instance: self.uid(element::AFFECTED_INSTANCE).ok(),
            status: Status(self.need_us(element::STATUS)?),
            comment: ascii(comment.trim_matches(['\0', ' '])),
            offending: offending.chunks(4).filter_map(tag).take(16).collect(),
        })
    }

    /// Compares the group length with what stands behind it (PS3.7 E.1).
    fn group_length(&self, total: usize) -> GroupLength {
        let bytes = self.0.get(&element::GROUP_LENGTH).copied().unwrap_or_default();
        let length = bytes.try_into().ok().map(u32::from_le_bytes);
        match length.and_then(|length| usize::try_from(length).ok()) {
            Some(length) if length.saturating_add(12) == total => GroupLength::Right,
            _ => GroupLength::Wrong,
        }
    }
}

/// Writes elements in the order they are put, with the group length before them.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn put_us(&mut self, element: u16, value: u16) {
        self.put(element, &value.to_le_bytes());
    }

    fn put(&mut self, element: u16, value: &[u8]) {
        self.put_padded(element, value, 0);
    }

    fn put_padded(&mut self, element: u16, value: &[u8], padding: u8) {
        let odd = value.len() % 2;
        let length = u32::try_from(value.len() + odd).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&element.to_le_bytes());
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len() + odd, padding);
    }

    fn finish(self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let mut whole = Self::default();
        whole.put(element::GROUP_LENGTH, &length.to_le_bytes());
        whole.0.extend_from_slice(&self.0);
        whole.0
    }
}

#[cfg(test)]
mod tests;
