//! `scanpost check-config`: reads a settings file as the box would.

use std::path::PathBuf;

use serde_json::json;

use crate::cli::terminal::{self, Failure};
use crate::cli::{CONFIG, Done};
use crate::node::settings;

#[derive(Debug, clap::Args)]
pub(super) struct CheckConfig {
    /// The settings file.
    #[arg(default_value = CONFIG)]
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: &CheckConfig) -> Done {
    let config = settings::read(&verb.file)
        .map_err(|error| Failure::because("the settings are not good", &error))?;
    let (callers, destinations) = (config.callers.len(), config.destinations.len());
    if verb.json {
        return terminal::answer(&json!({
            "format": 1, "good": true, "callers": callers, "destinations": destinations,
        }));
    }
    terminal::say(&format!("good: {callers} callers, {destinations} destinations"));
    Ok(())
}
