//! May this device associate, and may this object in?
//!
//! Two decisions, both on plain facts: [`admit`] at A-ASSOCIATE-RQ, [`judge`] when a data set has
//! ended. The rule for objects: refuse what is no data set, while the sender still has the image
//! and hears why; keep and forward what is merely odd, and never show it to a decoder.

mod object;

use std::net::IpAddr;

use crate::base::aet::AeTitle;
use crate::base::fault::Fault;
use crate::config::{Caller, Config};

pub use object::{Broken, Comment, Names, ObjectFacts, Verdict, judge, unreadable};

/// What an A-ASSOCIATE-RQ says about who calls whom.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Called AE title, as it stands in the PDU; padding is cut here.
    pub called: &'a [u8],
    /// Calling AE title, as it stands in the PDU.
    pub calling: &'a [u8],
    /// The address that it comes from.
    pub address: IpAddr,
    /// What it wants.
    pub purpose: Purpose,
}

/// What an association is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It proposes Verification and nothing else: it only asks whether we live.
    Echo,
    /// It proposes to store.
    Store,
}

/// Whether the box takes anything now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Yes.
    Open,
    /// The disk has no room; C-ECHO is answered still.
    Full,
    /// The disk fails, the key is missing, or the box stops: nobody may in.
    Shut,
    /// As many associations run as may.
    Busy,
}

/// May it in?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Accept {
        /// Its name in the settings; `None` for a stranger that `danger_any_caller` lets in.
        caller: Option<String>,
    },
    /// No.
    Reject(Rejection),
}

/// Why an association is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It calls an AE title that is not ours.
    CalledUnknown {
        /// The title of ours that it probably meant: equal but for case, or one letter off.
        meant: Option<AeTitle>,
    },
    /// Its own AE title is blank or has bytes that no title can have.
    CallingInvalid,
    /// No caller of the settings has this AE title and address.
    CallerUnknown {
        /// The name of the caller that has this title, but another address.
        elsewhere: Option<String>,
        /// The title in the settings that is equal but for case, or one letter off.
        meant: Option<AeTitle>,
    },
    /// The disk is full.
    Full,
    /// Nothing is taken in now.
    Shut,
    /// Too many associations.
    Busy,
}

impl Rejection {
    /// Returns result, source and reason of the A-ASSOCIATE-RJ (PS3.8 Table 9-21).
    pub fn triple(&self) -> (u8, u8, u8) {
        match self {
            Self::CalledUnknown { .. } => (1, 1, 7),
            Self::CallingInvalid | Self::CallerUnknown { .. } => (1, 1, 3),
            Self::Full | Self::Busy => (2, 3, 2),
            Self::Shut => (2, 3, 1),
        }
    }

    /// Returns the fault of the catalogue, where there is one for it.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::CalledUnknown { .. } => Some(Fault::CalledUnknown),
            Self::CallingInvalid | Self::CallerUnknown { .. } => Some(Fault::CallerUnknown),
            Self::Full => Some(Fault::DiskFull),
            Self::Shut | Self::Busy => None,
        }
    }

    /// Returns what the log and the page say.
    pub fn words(&self) -> String {
        match self {
            Self::CalledUnknown { meant: None } => {
                "it calls an AE title that is not this box's".to_owned()
            }
            Self::CalledUnknown { meant: Some(meant) } => {
                format!("it calls another AE title than {meant}; case counts")
            }
            Self::CallingInvalid => "its own AE title is blank or not allowed".to_owned(),
            Self::CallerUnknown { elsewhere: Some(name), .. } => {
                format!("{name} calls from another address than the settings say")
            }
            Self::CallerUnknown { meant: Some(meant), .. } => {
                format!("no caller has this AE title; {meant} is like it, and case counts")
            }
            Self::CallerUnknown { .. } => "no caller in the settings has this AE title".to_owned(),
            Self::Full => "the disk is full".to_owned(),
            Self::Shut => "the box takes nothing in now".to_owned(),
            Self::Busy => "too many associations are open".to_owned(),
        }
    }
}

/// Decides whether an association may in.
///
/// Who may not in at all hears that first: a full disk says nothing to strangers. Of several
/// callers with the same title the narrowest address counts, then the order of names.
pub fn admit(config: &Config, door: Door, call: Call<'_>) -> Admission {
    match caller(config, call) {
        Err(rejection) => Admission::Reject(rejection),
        Ok(caller) => match (door, call.purpose) {
            (Door::Open, _) | (Door::Full | Door::Busy, Purpose::Echo) => {
                Admission::Accept { caller }
            }
            (Door::Full, Purpose::Store) => Admission::Reject(Rejection::Full),
            (Door::Shut, _) => Admission::Reject(Rejection::Shut),
            (Door::Busy, Purpose::Store) => Admission::Reject(Rejection::Busy),
        },
    }
}

fn caller(config: &Config, call: Call<'_>) -> Result<Option<String>, Rejection> {
    let ours = || {
        let others = config.callers.values();
        let others = others.filter_map(|caller| caller.called.as_ref());
        std::iter::once(&config.listen.ae).chain(others)
    };
    let called = AeTitle::parse(call.called).ok();
    let Some(called) = called.filter(|called| ours().any(|our| our == called)) else {
        return Err(Rejection::CalledUnknown { meant: near(call.called, ours()) });
    };
    let Ok(calling) = AeTitle::parse(call.calling) else {
        return Err(Rejection::CallingInvalid);
    };
    let titled = || {
        let callers = config.callers.iter();
        callers.filter(|(_, caller)| {
            caller.ae == calling && *caller.called.as_ref().unwrap_or(&config.listen.ae) == called
        })
    };
    let here = titled().filter(|(_, caller)| {
        let net = caller.address;
        net.is_none_or(|net| net.contains(call.address))
    });
    // `max_by_key` takes the last of equals, so names are walked backwards.
    let found = here.rev().max_by_key(|(_, caller)| width(caller));
    match found {
        Some((name, _)) => Ok(Some(name.clone())),
        None if config.danger_any_caller => Ok(None),
        None => Err(Rejection::CallerUnknown {
            elsewhere: titled().map(|(name, _)| name.clone()).next(),
            meant: near(call.calling, config.callers.values().map(|caller| &caller.ae)),
        }),
    }
}

/// How narrow a caller's address is; one without an address is the widest.
fn width(caller: &Caller) -> i16 {
    caller.address.map_or(-1, |net| i16::from(net.prefix()))
}

/// Finds the title that `bytes` probably meant: equal but for case first, then one letter off.
fn near<'a>(bytes: &[u8], titles: impl Iterator<Item = &'a AeTitle>) -> Option<AeTitle> {
    let title = AeTitle::parse(bytes).ok()?;
    let mut titles: Vec<&AeTitle> = titles.filter(|other| **other != title).collect();
    titles.sort_by_key(|other| !other.as_str().eq_ignore_ascii_case(title.as_str()));
    let is_near = |other: &&&AeTitle| {
        other.as_str().eq_ignore_ascii_case(title.as_str())
            || one_off(title.as_str().as_bytes(), other.as_str().as_bytes())
    };
    titles.iter().find(is_near).map(|other| (**other).clone())
}

/// Returns whether one byte put in, left out or changed makes `a` of `b`.
fn one_off(a: &[u8], b: &[u8]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let head = short.iter().zip(long).take_while(|(x, y)| x == y).count();
    let (short, long) = (short.get(head..), long.get(head + 1..));
    match (short, long) {
        (Some(short), Some(long)) => short == long || short.get(1..) == Some(long),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
