//! The settings: one TOML text, read once into a checked [`Config`].
//!
//! # Invariants
//!
//! - A [`Config`] keeps every range that is written beside its keys, and every route names a
//!   destination that exists.
//! - An unknown key is an error. An error names line and key, never the value.
//! - Every default is the safe clinic's; keys that weaken it begin with `danger_`.

mod net;
mod read;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::aet::AeTitle;
use crate::base::digest::Digest;
use crate::base::urgency::Urgency;

pub use net::Net;

/// The checked settings of the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `state`: the folder that holds everything; absolute; default `/var/lib/scanpost`.
    pub state: PathBuf,
    /// `socket`: the control socket; absolute; default `/run/scanpost/control.sock`.
    pub socket: PathBuf,
    /// `[listen]`: where scanners send to.
    pub listen: Listen,
    /// `[callers.NAME]`: who may send; default nobody.
    pub callers: BTreeMap<String, Caller>,
    /// `danger_any_caller`: whether devices that no caller names may send, too; their studies are
    /// routed to every destination; default false.
    pub danger_any_caller: bool,
    /// `[destinations.NAME]`: where studies are posted to; default nowhere.
    pub destinations: BTreeMap<String, Destination>,
    /// `[page]`: the page.
    pub page: Page,
    /// `[vault]`: where objects are kept.
    pub vault: Vault,
    /// `[gather]`: when a series counts as whole.
    pub gather: Gather,
    /// `[retain]`: how long what was delivered stays.
    pub retain: Retain,
    /// `[models]`: model packages.
    pub models: Models,
    /// `[key]`: the key that opens the store.
    pub key: Key,
    /// `[log]`: what the program says about itself.
    pub log: Log,
}

/// Where scanners send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// `ae`: the AE title of the box; default `SCANPOST`.
    pub ae: AeTitle,
    /// `address`: the IP address to listen on; default `0.0.0.0`.
    pub address: IpAddr,
    /// `port`: 1 to 65535; default 11112.
    pub port: u16,
}

/// A device that may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// `ae`: its AE title; case counts.
    pub ae: AeTitle,
    /// `address`: the IP address or prefix that it calls from; default anywhere.
    pub address: Option<Net>,
    /// `called`: the AE title that it calls; default `listen.ae`.
    pub called: Option<AeTitle>,
    /// `routes`: names of the destinations of its studies, each once, in the order of their
    /// names; default all.
    pub routes: Vec<String>,
    /// `urgent`: whether its studies go first whatever it asks for; default false.
    pub urgency: Urgency,
}

/// An archive that studies are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// `ae`: its AE title; case counts.
    pub ae: AeTitle,
    /// `host`: its name or IP address.
    pub host: String,
    /// `port`: 1 to 65535.
    pub port: u16,
    /// `calling`: what the box calls itself there; default `listen.ae`.
    pub calling: AeTitle,
    /// `originals`: whether it gets what the scanners sent; default true.
    pub originals: bool,
    /// `results`: whether it gets results that are not silent; default true.
    pub results: bool,
}

/// The page. It listens on loopback only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// `port`: 1 to 65535; default 8443.
    pub port: u16,
    /// `danger_open_page`: whether names are shown without a login; default false.
    pub danger_open_page: bool,
}

/// Where objects are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// `slab_mib`: bytes of a slab; 1 to 1024 MiB; default 64 MiB.
    pub slab_bytes: u64,
    /// `reserve_mib`: bytes that stay free for ledger, audit and logs; 16 to 1,048,576 MiB;
    /// default 256 MiB.
    pub reserve_bytes: u64,
}

/// When a series counts as whole. Source of the defaults: `flow::gather`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gather {
    /// `quiet_s`: silence after the last image; 1 to 3600 s; default 60 s.
    pub quiet: Duration,
    /// `released_quiet_s`: the same once the association was released; 1 s to `quiet_s`;
    /// default 10 s, or `quiet_s` where that is less.
    pub released_quiet: Duration,
    /// `incomplete_s`: silence after which a gap is believed; `quiet_s` to 86,400 s; default
    /// 900 s, or `quiet_s` where that is more.
    pub incomplete: Duration,
}

/// How long what was delivered stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retain {
    /// `days`: 0 to 3650 days after the last delivery; default 30 days.
    pub keep: Duration,
}

/// Model packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Models {
    /// `folder`: where packages lie; absolute; default `models` in the state folder.
    pub folder: PathBuf,
    /// `danger_post_unapproved_results`: whether results of models that nobody approved leave
    /// the box; default false.
    pub danger_post_unapproved_results: bool,
}

/// The key that opens the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `file`: the key file; absolute; default `key` in the state folder.
    pub file: PathBuf,
}

/// What the program says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `level`: default `info`.
    pub level: Level,
    /// `json`: whether lines are JSON; default false.
    pub json: bool,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A person must come.
    Error,
    /// Odd but handled.
    Warn,
    /// Studies, deliveries and models change their state.
    Info,
    /// Per object.
    Debug,
    /// Per PDU.
    Trace,
}

/// Why a text is no config. It never has a value of the text in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The line, from 1.
    pub line: usize,
    /// The key with its tables, `callers.CT1.ae`; empty where the text is no TOML.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file has more than `CONFIG_BYTES_MAX` bytes.
    TooLarge,
    /// The text is not TOML: a quote or bracket is missing, a key stands twice.
    NoToml,
    /// There is no such key here.
    Unknown,
    /// The key must be set.
    Missing,
    /// The value is of another kind than this.
    Kind(&'static str),
    /// The value breaks this rule.
    Rule(&'static str),
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        match self.problem {
            Problem::TooLarge => f.write_str("the file is too large to be a config"),
            Problem::NoToml => f.write_str("this is not TOML; is a quote or bracket missing?"),
            Problem::Unknown => f.write_str("there is no such key here"),
            Problem::Missing => f.write_str("this key must be set"),
            Problem::Kind(kind) => write!(f, "this must be {kind}"),
            Problem::Rule(rule) => f.write_str(rule),
        }
    }
}

impl Config {
    /// Reads and checks a config.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its line and key.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        read::config(text)
    }

    /// Returns a commented example that holds every key with its default.
    pub const fn default_text() -> &'static str {
        include_str!("default.toml")
    }

    /// Returns the digest of what decides routes: callers, and destinations by name and switches.
    ///
    /// Where a destination lives is not in it: an archive that moves gets what it was owed.
    pub fn digest(&self) -> Digest {
        let mut parts = vec![
            "routes 1".to_owned(),
            self.listen.ae.to_string(),
            self.danger_any_caller.to_string(),
            self.callers.len().to_string(),
        ];
        for (name, caller) in &self.callers {
            parts.extend([name.clone(), caller.ae.to_string()]);
            parts.push(caller.address.map_or_else(String::new, |net| net.to_string()));
            let called = caller.called.as_ref();
            parts.push(called.map_or_else(String::new, ToString::to_string));
            parts.push((caller.urgency == Urgency::High).to_string());
            parts.push(caller.routes.len().to_string());
            parts.extend(caller.routes.iter().cloned());
        }
        for (name, to) in &self.destinations {
            parts.extend([name.clone(), to.originals.to_string(), to.results.to_string()]);
        }
        let parts: Vec<&[u8]> = parts.iter().map(String::as_bytes).collect();
        Digest::of_parts(&parts)
    }
}
