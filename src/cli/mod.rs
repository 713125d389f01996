//! The command line: one verb a file, human text on stderr, JSON on stdout.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 used wrongly, 70 our bug.

mod about;
mod ask;
mod check_config;
mod demo;
mod echo;
mod model;
mod peer;
mod phantom;
mod run;
mod send;
mod sink;
mod terminal;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::terminal::Failure;

/// Where the settings lie unless told otherwise.
const CONFIG: &str = "/etc/scanpost/config.toml";

/// Keeps every study, reads it on the spot, and posts both when the line allows.
#[derive(Debug, Parser)]
#[command(name = "scanpost", version, about, long_about = None)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the box.
    Run(run::Run),
    /// Show the whole road of a study on this machine, with the power cut on the way.
    Demo(demo::Demo),
    /// Check a settings file: says key and line, never the value.
    CheckConfig(check_config::CheckConfig),
    /// Ask a peer whether it is there: reach, associate, C-ECHO.
    Echo(echo::Echo),
    /// Send files or folders to a peer by C-STORE.
    Send(send::Send),
    /// Draw a phantom: a chest CT with nodules of known place and size.
    Phantom(phantom::Draw),
    /// Receive into a folder: a throw-away archive for demos and installers.
    Sink(sink::Sink),
    /// List studies and what is owed.
    Studies(ask::Studies),
    /// Show one study's timeline.
    Study(ask::Study),
    /// Owe again what an archive refused.
    Resend(ask::Resend),
    /// Verify, install and list model packages.
    #[command(subcommand)]
    Model(model::Model),
    /// Say version, licences and what this is for.
    About(about::About),
    /// Do one job of the box and end. The box starts this itself.
    #[command(hide = true)]
    Worker(worker::Worker),
}

/// Where the settings are.
#[derive(Clone, Debug, clap::Args)]
struct ConfigPath {
    /// The settings file.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
}

/// Runs the verb that `arguments` name and returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => return terminal::usage(&error),
    };
    let done = match parsed.verb {
        Verb::Run(verb) => run::run(&verb),
        Verb::Demo(verb) => demo::run(&verb),
        Verb::CheckConfig(verb) => check_config::run(&verb),
        Verb::Echo(verb) => echo::run(&verb),
        Verb::Send(verb) => send::run(&verb),
        Verb::Phantom(verb) => phantom::run(&verb),
        Verb::Sink(verb) => sink::run(verb),
        Verb::Studies(verb) => ask::studies(&verb),
        Verb::Resend(verb) => ask::resend(&verb),
        Verb::Study(verb) => ask::study(&verb),
        Verb::Model(verb) => model::run(&verb),
        Verb::About(verb) => about::run(&verb),
        Verb::Worker(verb) => worker::run(&verb),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => terminal::report(&failure),
    }
}

/// What every verb returns.
type Done = Result<(), Failure>;
