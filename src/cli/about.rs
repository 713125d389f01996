//! `scanpost about`: version, licences, and the regulatory sentence.

use serde_json::json;

use crate::base::REGULATORY;
use crate::cli::{Done, terminal};

#[derive(Debug, clap::Args)]
pub(super) struct About {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: &About) -> Done {
    let version = env!("CARGO_PKG_VERSION");
    if verb.json {
        return terminal::answer(&json!({
            "format": 1,
            "version": version,
            "licence": env!("CARGO_PKG_LICENSE"),
            "key_custody": "file",
            "regulatory": REGULATORY,
        }));
    }
    terminal::say(&format!("Scanpost {version}, {}", env!("CARGO_PKG_LICENSE")));
    terminal::say("Keeps every study, reads it on the spot, posts both when the line allows.");
    terminal::say("Key custody: a file on this machine; whoever takes the whole box has it.");
    terminal::say(REGULATORY);
    Ok(())
}
