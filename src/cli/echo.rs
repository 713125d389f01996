//! `scanpost echo`: is the peer there? Reach, associate, C-ECHO, each with the peer's own words.

use serde_json::json;

use crate::base::aet::AeTitle;
use crate::cli::Done;
use crate::cli::peer::{self, Address, Session};
use crate::cli::terminal::{self, Failure};
use crate::dicom::context::VERIFICATION;
use crate::dicom::requestor::Outcome;
use crate::dicom::syntax::IMPLICIT_LE;

#[derive(Debug, clap::Args)]
pub(super) struct Echo {
    /// Whom to ask: AE@host:port.
    peer: Address,
    /// What to call ourselves.
    #[arg(long, default_value = "SCANPOST", value_parser = ae)]
    calling: AeTitle,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Parses an AE title for clap.
pub(super) fn ae(text: &str) -> Result<AeTitle, String> {
    AeTitle::parse(text.as_bytes()).map_err(|error| error.to_string())
}

pub(super) fn run(verb: &Echo) -> Done {
    smol::block_on(echo(verb))
}

async fn echo(verb: &Echo) -> Done {
    let pairs: Vec<_> = peer::pair(VERIFICATION, IMPLICIT_LE).into_iter().collect();
    let mut session = Session::reach(&verb.peer, verb.calling.clone(), &pairs).await?;
    terminal::say(&format!("reached {}:{}", verb.peer.host, verb.peer.port));
    session.associate().await?;
    terminal::say(&format!("associated with {}", verb.peer.ae));
    let outcome = session.echo().await?;
    session.release().await;
    let words = peer::words(&outcome);
    let is_good = matches!(&outcome, Outcome::Answered(answer) if answer.status.is_success());
    if verb.json {
        terminal::answer(&json!({"format": 1, "good": is_good, "words": words}))?;
    }
    if is_good {
        terminal::say("C-ECHO answered");
        return Ok(());
    }
    Err(Failure::Refused(format!("C-ECHO: {words}")))
}
