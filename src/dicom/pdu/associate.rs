//! A tolerant reader of A-ASSOCIATE-RQ and A-ASSOCIATE-AC bodies (PS3.8 9.3.2, 9.3.3).
//!
//! PS3.8 has unknown items ignored (9.3.1, D.2), and a request that lacks something deserves a
//! rejection that says what. So this reader ignores what it does not know, lets the first of
//! duplicates count, leaves missing parts `None`, and fails only where the frame itself is
//! broken.

use crate::base::uid::Uid;

/// Bytes before the variable items: version, reserved, two titles, reserved.
const FIXED_BYTES: usize = 68;

/// Why a body has no readable frame: the whole PDU is invalid then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssociateError {
    /// Shorter than the fixed fields.
    #[error("association PDU has {length} bytes, the fixed fields alone take {FIXED_BYTES}")]
    Short {
        /// Bytes found.
        length: usize,
    },
    /// An item says that it is longer than what it stands in.
    #[error("item {item:#04x} of an association PDU reaches beyond its end")]
    ItemBeyond {
        /// Type of the item.
        item: u8,
    },
}

/// An A-ASSOCIATE-RQ as it came, parts that are missing left out.
pub type AssociateRq = Associate<Proposed>;
/// An A-ASSOCIATE-AC as it came, parts that are missing left out.
pub type AssociateAc = Associate<Answered>;

/// What both association PDUs have; `C` is what they say about one context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Associate<C> {
    /// Protocol version; bit 0 is version 1, the only bit that may be tested.
    pub protocol_version: u16,
    /// Called AE title, as sent.
    pub called: [u8; 16],
    /// Calling AE title, as sent.
    pub calling: [u8; 16],
    /// Application context name, padding cut; `None` when missing or no UID.
    pub application_context: Option<Uid>,
    /// Presentation contexts in the order sent.
    pub contexts: Vec<C>,
    /// User information.
    pub user: UserInformation,
    /// Items that were unknown, malformed within their frame, or came twice.
    pub ignored: u32,
}

/// A proposed presentation context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposed {
    /// Presentation context ID, whatever it is.
    pub id: u8,
    /// Abstract syntax, padding cut; `None` when missing or no UID.
    pub abstract_syntax: Option<Uid>,
    /// Transfer syntaxes in the order sent, padding cut; what is no UID is left out.
    pub transfer_syntaxes: Vec<Uid>,
}

/// The answer to a presentation context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Presentation context ID.
    pub id: u8,
    /// Result/Reason as sent: 0 accepted.
    pub result: u8,
    /// Transfer syntax, padding cut; acceptors leave it out where they refuse.
    pub transfer_syntax: Option<Uid>,
}

/// The user information items that we look at (PS3.8 Annex D, PS3.7 Annex D).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInformation {
    /// Maximum Length (51H); 0 is unlimited.
    pub max_length: Option<u32>,
    /// Implementation Class UID (52H).
    pub implementation_class: Option<Uid>,
    /// Implementation Version Name (55H), printable ASCII of it.
    pub implementation_version: Option<String>,
    /// SCP/SCU Role Selections (54H).
    pub roles: Vec<Roles>,
    /// Type of the User Identity (58H). Its fields are secrets and are not kept.
    pub identity: Option<u8>,
}

/// A role selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles {
    /// The SOP class.
    pub class: Uid,
    /// The requestor would be SCU.
    pub scu: bool,
    /// The requestor would be SCP.
    pub scp: bool,
}

/// Reads the body of an A-ASSOCIATE-RQ.
///
/// # Errors
///
/// [`AssociateError`] where the frame is broken; nothing else is an error.
pub fn read_rq(body: &[u8]) -> Result<AssociateRq, AssociateError> {
    read(body, 0x20, proposed)
}

/// Reads the body of an A-ASSOCIATE-AC.
///
/// # Errors
///
/// [`AssociateError`] where the frame is broken; nothing else is an error.
pub fn read_ac(body: &[u8]) -> Result<AssociateAc, AssociateError> {
    read(body, 0x21, answered)
}

type Reader<C> = fn(&[u8], &mut u32) -> Result<C, AssociateError>;

fn read<C>(body: &[u8], item: u8, context: Reader<C>) -> Result<Associate<C>, AssociateError> {
    let short = AssociateError::Short { length: body.len() };
    let (fixed, items) = body.split_at_checked(FIXED_BYTES).ok_or(short)?;
    let [v0, v1, _, _, titles @ ..] = fixed else {
        return Err(short);
    };
    let (called, rest) = titles.split_first_chunk().ok_or(short)?;
    let calling = rest.first_chunk().ok_or(short)?;
    let mut out = Associate {
        protocol_version: u16::from_be_bytes([*v0, *v1]),
        called: *called,
        calling: *calling,
        application_context: None,
        contexts: Vec::new(),
        user: UserInformation::default(),
        ignored: 0,
    };
    let mut has_user = false;
    for found in Items(items) {
        let (kind, value) = found?;
        if kind == 0x10 {
            first(&mut out.application_context, Uid::parse(value).ok(), &mut out.ignored);
        } else if kind == item {
            out.contexts.push(context(value, &mut out.ignored)?);
        } else if kind == 0x50 && !has_user {
            has_user = true;
            out.user = user_information(value, &mut out.ignored)?;
        } else {
            out.ignored += 1;
        }
    }
    Ok(out)
}

fn proposed(value: &[u8], ignored: &mut u32) -> Result<Proposed, AssociateError> {
    let Some(([id, ..], items)) = value.split_first_chunk::<4>() else {
        return Err(AssociateError::ItemBeyond { item: 0x20 });
    };
    let mut out = Proposed { id: *id, ..Proposed::default() };
    for found in Items(items) {
        match found? {
            (0x30, value) => first(&mut out.abstract_syntax, Uid::parse(value).ok(), ignored),
            (0x40, value) => match Uid::parse(value) {
                Ok(uid) => out.transfer_syntaxes.push(uid),
                Err(_) => *ignored += 1,
            },
            _ => *ignored += 1,
        }
    }
    Ok(out)
}

fn answered(value: &[u8], ignored: &mut u32) -> Result<Answered, AssociateError> {
    let Some(([id, _, result, _], items)) = value.split_first_chunk::<4>() else {
        return Err(AssociateError::ItemBeyond { item: 0x21 });
    };
    let mut out = Answered { id: *id, result: *result, transfer_syntax: None };
    for found in Items(items) {
        match found? {
            (0x40, value) => first(&mut out.transfer_syntax, Uid::parse(value).ok(), ignored),
            _ => *ignored += 1,
        }
    }
    Ok(out)
}

fn user_information(value: &[u8], ignored: &mut u32) -> Result<UserInformation, AssociateError> {
    let mut out = UserInformation::default();
    for found in Items(value) {
        match found? {
            (0x51, value) => {
                let length = value.try_into().ok().map(u32::from_be_bytes);
                first(&mut out.max_length, length, ignored);
            }
            (0x52, value) => {
                first(&mut out.implementation_class, Uid::parse(value).ok(), ignored);
            }
            (0x54, value) => match roles(value) {
                Some(roles) => out.roles.push(roles),
                None => *ignored += 1,
            },
            (0x55, value) => {
                first(&mut out.implementation_version, Some(printable(value)), ignored);
            }
            (0x58, value) => first(&mut out.identity, identity(value), ignored),
            _ => *ignored += 1,
        }
    }
    Ok(out)
}

/// Keeps `value` unless there is one already; what is not kept is counted.
fn first<T>(place: &mut Option<T>, value: Option<T>, ignored: &mut u32) {
    match value {
        Some(value) if place.is_none() => *place = Some(value),
        _ => *ignored += 1,
    }
}

fn roles(value: &[u8]) -> Option<Roles> {
    let (length, rest) = value.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (class, roles) = rest.split_at_checked(length)?;
    let [scu, scp] = *roles else { return None };
    Some(Roles { class: Uid::parse(class).ok()?, scu: scu != 0, scp: scp != 0 })
}

/// Returns the type of a user identity whose two fields fill the item.
fn identity(value: &[u8]) -> Option<u8> {
    let ([kind, _], rest) = value.split_first_chunk::<2>()?;
    let skip = |rest: &[u8]| {
        let (length, rest) = rest.split_first_chunk()?;
        rest.len().checked_sub(usize::from(u16::from_be_bytes(*length)))
    };
    let left = skip(rest)?;
    let secondary = rest.get(rest.len() - left..)?;
    (skip(secondary)? == 0).then_some(*kind)
}

fn printable(value: &[u8]) -> String {
    let text: String = value
        .iter()
        .filter(|byte| (b' '..=b'~').contains(byte))
        .take(16)
        .copied()
        .map(char::from)
        .collect();
    text.trim().to_owned()
}

/// The items of a field: type, reserved, two bytes of length, value.
struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = Result<(u8, &'a [u8]), AssociateError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (item, _) = self.0.split_first()?;
        let beyond = AssociateError::ItemBeyond { item: *item };
        let found = self.0.split_first_chunk::<4>().and_then(|(head, rest)| {
            let [_, _, high, low] = *head;
            rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))
        });
        let Some((value, rest)) = found else {
            self.0 = &[];
            return Some(Err(beyond));
        };
        self.0 = rest;
        Some(Ok((*item, value)))
    }
}
