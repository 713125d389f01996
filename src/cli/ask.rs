//! `scanpost studies` and `scanpost study`: what the running box knows.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use crate::cli::terminal::{self, Failure};
use crate::cli::{ConfigPath, Done};
use crate::node::control::{Line, Question, StudyFilter, VERSION};
use crate::node::settings;

/// How long the box may take over an answer.
const ANSWER: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Studies {
    #[command(flatten)]
    config: ConfigPath,
    /// Only those of today.
    #[arg(long, conflicts_with_all = ["owed", "refused"])]
    today: bool,
    /// Only those of which something is owed.
    #[arg(long, conflicts_with = "refused")]
    owed: bool,
    /// Only those of which something was refused.
    #[arg(long)]
    refused: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Study {
    /// Its Study Instance UID.
    uid: String,
    #[command(flatten)]
    config: ConfigPath,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Resend {
    /// The destination's name in the settings.
    destination: String,
    #[command(flatten)]
    config: ConfigPath,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn resend(verb: &Resend) -> Done {
    let question = Question::Resend { destination: verb.destination.clone() };
    show(&ask(&verb.config, question)?, verb.json)
}

pub(super) fn studies(verb: &Studies) -> Done {
    let filter = match (verb.today, verb.owed, verb.refused) {
        (true, ..) => StudyFilter::Today,
        (_, true, _) => StudyFilter::Owed,
        (.., true) => StudyFilter::Refused,
        _ => StudyFilter::All,
    };
    show(&ask(&verb.config, Question::Studies { filter })?, verb.json)
}

pub(super) fn study(verb: &Study) -> Done {
    show(&ask(&verb.config, Question::Study { uid: verb.uid.clone() })?, verb.json)
}

/// Asks the running box.
pub(super) fn ask(config: &ConfigPath, question: Question) -> Result<Value, Failure> {
    let config = settings::read(&config.config)
        .map_err(|error| Failure::because("the settings are not good", &error))?;
    let silent = |error: std::io::Error| {
        Failure::because("the box does not answer: is it running (scanpost run)?", &error)
    };
    let mut stream = UnixStream::connect(&config.socket).map_err(silent)?;
    stream.set_read_timeout(Some(ANSWER)).map_err(silent)?;
    let line = serde_json::to_string(&Line { version: VERSION, question })
        .map_err(|error| Failure::Bug(error.to_string()))?;
    stream.write_all(format!("{line}\n").as_bytes()).map_err(silent)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(silent)?;
    let answer: Value = serde_json::from_str(&answer)
        .map_err(|error| Failure::because("the box answered something else", &error))?;
    if let Some(why) = answer.get("error").and_then(Value::as_str) {
        return Err(Failure::Refused(why.to_owned()));
    }
    Ok(answer.get("answer").cloned().unwrap_or_default())
}

/// Shows an answer: as JSON, or its `text` lines, which the box writes for people.
fn show(answer: &Value, json: bool) -> Done {
    if json {
        return terminal::answer(answer);
    }
    let lines = answer.get("text").and_then(Value::as_array);
    for line in lines.into_iter().flatten().filter_map(Value::as_str) {
        terminal::say(line);
    }
    Ok(())
}
