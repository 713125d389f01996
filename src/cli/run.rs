//! `scanpost run`: the box itself.

use tracing_subscriber::filter::LevelFilter;

use crate::cli::terminal::{self, Failure};
use crate::cli::{ConfigPath, Done};
use crate::config::{Level, Log};
use crate::node::settings;

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    config: ConfigPath,
}

pub(super) fn run(verb: &Run) -> Done {
    plant();
    let config = settings::read(&verb.config.config)
        .map_err(|error| Failure::because("the settings are not good", &error))?;
    log(&config.log);
    if config.danger_any_caller {
        terminal::say("danger_any_caller: every device that can reach this box may store");
    }
    crate::node::run::run(config).map_err(|error| Failure::because("the box does not run", &error))
}

/// Logs to stderr; the service manager keeps and bounds it.
fn log(log: &Log) {
    let level = match log.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        // Whoever read the log may be gone: no reason to stop, and nobody to tell.
        .log_internal_errors(false)
        .with_ansi(false);
    // A second subscriber can only be there in a test: the first one stays.
    let set = if log.json { builder.json().try_init() } else { builder.try_init() };
    drop(set);
}

/// Plants the fault that the environment names, in builds that have any.
#[cfg(feature = "planted-faults")]
#[expect(clippy::disallowed_methods, reason = "only builds for tests have this")]
fn plant() {
    use crate::base::plant::{Plant, plant_in_process};

    let Ok(name) = std::env::var("SCANPOST_PLANT") else { return };
    if let Some((fault, _)) = Plant::ALL.into_iter().find(|(_, known)| *known == name) {
        terminal::say(&format!("planted: {name}"));
        plant_in_process(fault);
    }
}

#[cfg(not(feature = "planted-faults"))]
fn plant() {}
