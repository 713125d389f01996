//! From a table of the text to each part of the config: range, rule and default of every key.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::aet::AeTitle;
use crate::base::limits::{CONFIG_BYTES_MAX, RESERVE_BYTES, SLAB_BYTES};
use crate::base::urgency::Urgency;
use crate::config::table::{Found, Table};
use crate::config::{
    Caller, Config, ConfigError, Destination, Gather, Key, Level, Listen, Log, Models, Net, Page,
    Problem, Retain, Vault,
};

const AE_RULE: &str = "an AE title has 1 to 16 characters of ASCII, no backslash";
const PORT_RULE: &str = "a port is 1 to 65535";
const PATH_RULE: &str = "a path must be absolute";

pub(super) fn config(text: &str) -> Result<Config, ConfigError> {
    if CONFIG_BYTES_MAX < u64::try_from(text.len()).unwrap_or(u64::MAX) {
        return Err(ConfigError { line: 1, key: String::new(), problem: Problem::TooLarge });
    }
    let mut root = Table::parse(text)?;
    let state = path(root.take("state"), Path::new("/var/lib/scanpost"))?;
    let socket = path(root.take("socket"), Path::new("/run/scanpost/control.sock"))?;
    let danger_any_caller = switch(root.take("danger_any_caller"), false)?;
    let listen = listen(root.section("listen")?)?;
    let destinations = destinations(root.section("destinations")?, &listen.ae)?;
    let config = Config {
        callers: callers(root.section("callers")?, &destinations, &listen.ae)?,
        page: page(root.section("page")?)?,
        vault: vault(root.section("vault")?)?,
        gather: gather(root.section("gather")?)?,
        retain: retain(root.section("retain")?)?,
        models: models(root.section("models")?, &state)?,
        key: key(root.section("key")?, &state)?,
        log: log(root.section("log")?)?,
        state,
        socket,
        listen,
        danger_any_caller,
        destinations,
    };
    root.finish()?;
    Ok(config)
}

fn listen(mut table: Table<'_>) -> Result<Listen, ConfigError> {
    let rule = "an IP address, without port";
    let ae = match table.take("ae") {
        Some(found) => ae(&found)?,
        None => default_ae(&table)?,
    };
    let listen = Listen {
        ae,
        address: table.take("address").map_or(Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), |found| {
            found.parsed(|text| text.parse().ok(), rule)
        })?,
        port: port(table.take("port"), 11112)?,
    };
    table.finish()?;
    Ok(listen)
}

/// The title of a box that was given none.
fn default_ae(table: &Table<'_>) -> Result<AeTitle, ConfigError> {
    AeTitle::parse(b"SCANPOST").ok().ok_or_else(|| table.missing("ae"))
}

fn callers(
    table: Table<'_>,
    destinations: &BTreeMap<String, Destination>,
    our_ae: &AeTitle,
) -> Result<BTreeMap<String, Caller>, ConfigError> {
    let mut callers = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (name, mut table) in table.named()? {
        let title = table.need("ae")?;
        let caller = Caller {
            ae: ae(&title)?,
            address: table
                .take("address")
                .map(|found| found.parsed(Net::parse, "an IP address, or a prefix as 10.0.0.0/24"))
                .transpose()?,
            called: table.take("called").map(|found| ae(&found)).transpose()?,
            routes: match table.take("routes") {
                Some(found) => routes(found, destinations)?,
                None => destinations.keys().cloned().collect(),
            },
            urgency: if switch(table.take("urgent"), false)? {
                Urgency::High
            } else {
                Urgency::Normal
            },
        };
        let called = caller.called.clone().unwrap_or_else(|| our_ae.clone());
        if !seen.insert((caller.ae.clone(), caller.address, called)) {
            return Err(title.wrong(Problem::Rule(
                "another caller has the same AE title, address and called AE title",
            )));
        }
        table.finish()?;
        callers.insert(name, caller);
    }
    Ok(callers)
}

fn routes(
    found: Found<'_>,
    destinations: &BTreeMap<String, Destination>,
) -> Result<Vec<String>, ConfigError> {
    let mut routes = BTreeSet::new();
    for found in found.list()? {
        let name = found.text()?;
        if !destinations.contains_key(name) {
            return Err(found.wrong(Problem::Rule("a route names an entry of [destinations]")));
        }
        routes.insert(name.to_owned());
    }
    Ok(routes.into_iter().collect())
}

fn destinations(
    table: Table<'_>,
    our_ae: &AeTitle,
) -> Result<BTreeMap<String, Destination>, ConfigError> {
    let mut destinations = BTreeMap::new();
    for (name, mut table) in table.named()? {
        let destination = Destination {
            ae: ae(&table.need("ae")?)?,
            host: table
                .need("host")?
                .parsed(host, "a host is a name or an IP address, without port")?,
            port: port(Some(table.need("port")?), 0)?,
            calling: table
                .take("calling")
                .map_or_else(|| Ok(our_ae.clone()), |found| ae(&found))?,
            originals: switch(table.take("originals"), true)?,
            results: switch(table.take("results"), true)?,
        };
        table.finish()?;
        destinations.insert(name, destination);
    }
    Ok(destinations)
}

fn page(mut table: Table<'_>) -> Result<Page, ConfigError> {
    let page = Page {
        port: port(table.take("port"), 8443)?,
        danger_open_page: switch(table.take("danger_open_page"), false)?,
    };
    table.finish()?;
    Ok(page)
}

fn vault(mut table: Table<'_>) -> Result<Vault, ConfigError> {
    const MIB: u64 = 1 << 20;
    let vault = Vault {
        slab_bytes: table
            .take("slab_mib")
            .map_or(Ok(SLAB_BYTES), |found| Ok(MIB * found.number(1..=1024, "1 to 1024 MiB")?))?,
        reserve_bytes: table.take("reserve_mib").map_or(Ok(RESERVE_BYTES), |found| {
            Ok(MIB * found.number(16..=1_048_576, "16 to 1048576 MiB")?)
        })?,
    };
    table.finish()?;
    Ok(vault)
}

fn gather(mut table: Table<'_>) -> Result<Gather, ConfigError> {
    let quiet =
        table.take("quiet_s").map_or(Ok(60), |found| found.number(1..=3600, "1 to 3600 s"))?;
    let released = table
        .take("released_quiet_s")
        .map_or(Ok(quiet.min(10)), |found| found.number(1..=quiet, "1 s to quiet_s"))?;
    let incomplete = table
        .take("incomplete_s")
        .map_or(Ok(quiet.max(900)), |found| found.number(quiet..=86_400, "quiet_s to 86400 s"))?;
    table.finish()?;
    Ok(Gather {
        quiet: Duration::from_secs(quiet),
        released_quiet: Duration::from_secs(released),
        incomplete: Duration::from_secs(incomplete),
    })
}

fn retain(mut table: Table<'_>) -> Result<Retain, ConfigError> {
    let days =
        table.take("days").map_or(Ok(30), |found| found.number(0..=3650, "0 to 3650 days"))?;
    table.finish()?;
    Ok(Retain { keep: Duration::from_hours(24 * days) })
}

fn models(mut table: Table<'_>, state: &Path) -> Result<Models, ConfigError> {
    let models = Models {
        folder: path(table.take("folder"), &state.join("models"))?,
        danger_post_unapproved_results: switch(
            table.take("danger_post_unapproved_results"),
            false,
        )?,
    };
    table.finish()?;
    Ok(models)
}

fn key(mut table: Table<'_>, state: &Path) -> Result<Key, ConfigError> {
    let key = Key { file: path(table.take("file"), &state.join("key"))? };
    table.finish()?;
    Ok(key)
}

fn log(mut table: Table<'_>) -> Result<Log, ConfigError> {
    let rule = "error, warn, info, debug or trace";
    let log = Log {
        level: table.take("level").map_or(Ok(Level::Info), |found| found.parsed(level, rule))?,
        json: switch(table.take("json"), false)?,
    };
    table.finish()?;
    Ok(log)
}

fn level(text: &str) -> Option<Level> {
    match text {
        "error" => Some(Level::Error),
        "warn" => Some(Level::Warn),
        "info" => Some(Level::Info),
        "debug" => Some(Level::Debug),
        "trace" => Some(Level::Trace),
        _ => None,
    }
}

fn ae(found: &Found<'_>) -> Result<AeTitle, ConfigError> {
    found.parsed(|text| AeTitle::parse(text.as_bytes()).ok(), AE_RULE)
}

fn port(found: Option<Found<'_>>, default: u16) -> Result<u16, ConfigError> {
    let Some(found) = found else {
        return Ok(default);
    };
    let number = found.number(1..=65535, PORT_RULE)?;
    u16::try_from(number).ok().ok_or_else(|| found.wrong(Problem::Rule(PORT_RULE)))
}

fn switch(found: Option<Found<'_>>, default: bool) -> Result<bool, ConfigError> {
    found.map_or(Ok(default), |found| found.switch())
}

fn path(found: Option<Found<'_>>, default: &Path) -> Result<PathBuf, ConfigError> {
    let absolute = |text: &str| Some(PathBuf::from(text)).filter(|path| path.is_absolute());
    found.map_or(Ok(default.to_owned()), |found| found.parsed(absolute, PATH_RULE))
}

/// A host name (RFC 1123, 253 characters) or an IP address.
fn host(text: &str) -> Option<String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let fits = (1..=253).contains(&text.len());
    let good = fits && (text.bytes().all(is_name) || text.parse::<IpAddr>().is_ok());
    good.then(|| text.to_owned())
}
