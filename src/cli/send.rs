//! `scanpost send`: C-STORE of files and folders, one line per refused object.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::base::aet::AeTitle;
use crate::base::limits::{CONTEXTS_MAX, OBJECT_BYTES_MAX};
use crate::cli::Done;
use crate::cli::echo::ae;
use crate::cli::peer::{self, Address, Session};
use crate::cli::terminal::{self, Failure};
use crate::dicom::dimse::Priority;
use crate::dicom::part10::read_head;
use crate::dicom::requestor::{Outcome, Pair, StoreOrder};

/// Files between two lines of progress.
const PROGRESS: usize = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Send {
    /// Files, or folders with files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Whom to send to: AE@host:port.
    #[arg(long)]
    to: Address,
    /// What to call ourselves.
    #[arg(long, default_value = "SCANPOST", value_parser = ae)]
    calling: AeTitle,
    /// Ask for priority HIGH.
    #[arg(long)]
    urgent: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A file and how it is sent.
struct Item {
    path: PathBuf,
    order: StoreOrder,
    offset: usize,
}

pub(super) fn run(verb: &Send) -> Done {
    let mut files = Vec::new();
    for path in &verb.paths {
        collect(path, &mut files)?;
    }
    files.sort();
    let priority = if verb.urgent { Priority::High } else { Priority::Medium };
    let mut items = Vec::new();
    for path in files {
        match item(&path, priority) {
            Ok(item) => items.push(item),
            Err(why) => terminal::say(&format!("left out: {}: {why}", path.display())),
        }
    }
    if items.is_empty() {
        return Err(Failure::Refused("there is no DICOM file".to_owned()));
    }
    let mut count = Count::default();
    let ended = smol::block_on(send(verb, &items, &mut count));
    let Count { sent, refused } = count;
    if verb.json {
        terminal::answer(&json!({"format": 1, "accepted": sent, "refused": refused}))?;
    }
    ended?;
    terminal::say(&format!("{sent} accepted, {refused} refused"));
    if refused == 0 {
        return Ok(());
    }
    Err(Failure::Refused(format!("{refused} of {} were refused", items.len())))
}

/// Lists the files under a path. Links are not followed, so that none leads in a circle.
pub(super) fn collect(path: &Path, into: &mut Vec<PathBuf>) -> Done {
    let unreadable = |error: std::io::Error| {
        Failure::because(&format!("{} is not read", path.display()), &error)
    };
    let kind = std::fs::symlink_metadata(path).map_err(unreadable)?;
    if kind.is_file() {
        into.push(path.to_owned());
    }
    if kind.is_dir() {
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            collect(&entry.map_err(unreadable)?.path(), into)?;
        }
    }
    Ok(())
}

/// Reads the head of a file.
fn item(path: &Path, priority: Priority) -> Result<Item, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut start = Vec::new();
    File::open(path).map_err(text)?.take(64 * 1024).read_to_end(&mut start).map_err(text)?;
    let head = read_head(&start).map_err(|error| error.to_string())?;
    let (Some(class), Some(sop_instance)) = (head.sop_class, head.sop_instance) else {
        return Err("its file meta names no SOP class and instance".to_owned());
    };
    let pair = Pair { class, transfer_syntax: head.transfer_syntax };
    let order = StoreOrder { pair, sop_instance, priority };
    Ok(Item { path: path.to_owned(), order, offset: head.data_set_offset })
}

/// How it goes; it stands when the association breaks, too.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sent: usize,
    refused: usize,
}

async fn send(verb: &Send, items: &[Item], count: &mut Count) -> Done {
    let mut pairs: Vec<Pair> = items.iter().map(|item| item.order.pair.clone()).collect();
    pairs.sort();
    pairs.dedup();
    if CONTEXTS_MAX < pairs.len() {
        let text = format!("{} classes and syntaxes at once: send fewer files", pairs.len());
        return Err(Failure::Refused(text));
    }
    let mut session = Session::reach(&verb.to, verb.calling.clone(), &pairs).await?;
    for refused in session.associate().await? {
        terminal::say(&format!(
            "the peer does not take {} in {}",
            refused.pair.class, refused.pair.transfer_syntax
        ));
    }
    for (number, item) in items.iter().enumerate() {
        let bytes = data_set(item)?;
        let outcome = session.store(item.order.clone(), &bytes).await?;
        if let Outcome::Answered(answer) = &outcome
            && (answer.status.is_success() || answer.status.is_warning())
        {
            count.sent += 1;
        } else {
            count.refused += 1;
            let words = peer::words(&outcome);
            terminal::say(&format!("refused: {}: {words}", item.path.display()));
        }
        if !matches!(outcome, Outcome::Answered(_) | Outcome::NoContext(_)) {
            let words = peer::words(&outcome);
            return Err(Failure::Refused(format!("after {}: {words}", count.sent)));
        }
        if (number + 1) % PROGRESS == 0 {
            terminal::say(&format!("{} of {}", number + 1, items.len()));
        }
    }
    session.release().await;
    Ok(())
}

/// Reads the data set of a file. A sender of files may hold one whole; the box never does.
fn data_set(item: &Item) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::because(&format!("{} is not read", item.path.display()), &error)
    };
    let mut bytes = Vec::new();
    let file = File::open(&item.path).map_err(unreadable)?;
    file.take(OBJECT_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes.split_off(item.offset.min(bytes.len())))
}
