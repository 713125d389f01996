//! The control socket: one line of JSON in, one out, for the command line on this machine.
//!
//! The running box alone owns its files; verbs ask it here. Whoever connects must be root or the
//! user that the box runs as (peer credentials of the kernel).

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rustix::net::sockopt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol::Executor;
use smol::future::or;
use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use smol::net::unix::{UnixListener, UnixStream};

use crate::base::limits::CONTROL_LINE_BYTES_MAX;
use crate::wire::link::StopSignal;

/// Version of the lines.
pub const VERSION: u32 = 1;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Question {
    /// Studies and what is owed to whom.
    Studies {
        /// Which.
        filter: StudyFilter,
    },
    /// One study's timeline.
    Study {
        /// Its Study Instance UID.
        uid: String,
    },
    /// Owe again what a destination parked.
    Resend {
        /// The destination's name.
        destination: String,
    },
}

/// Which studies a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyFilter {
    /// The latest.
    #[default]
    All,
    /// Those of today.
    Today,
    /// Those of which something is owed.
    Owed,
    /// Those of which something was refused or parked.
    Refused,
}

/// A line to the box.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line {
    /// [`VERSION`].
    pub version: u32,
    /// The question.
    #[serde(flatten)]
    pub question: Question,
}

/// Who answers; may block.
pub type Answerer = dyn Fn(Question) -> Result<Value, String> + Send + Sync;

/// Binds the control socket, readable by its owner alone.
///
/// # Errors
///
/// What the system said. A socket that a dead box left behind is replaced; one that answers is
/// another box, and an error.
pub async fn bind(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another box is running"));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until the stop rings.
pub async fn serve(
    listener: UnixListener,
    answerer: Arc<Answerer>,
    stop: StopSignal,
    executor: Arc<Executor<'static>>,
) {
    loop {
        let stopped = async {
            while stop.recv().await.is_ok() {}
            None
        };
        let accepted = or(async { Some(listener.accept().await) }, stopped).await;
        match accepted {
            None => return,
            Some(Ok((stream, _))) if is_allowed(&stream) => {
                executor.spawn(talk(stream, Arc::clone(&answerer))).detach();
            }
            Some(Ok(_)) => tracing::warn!("another user asked on the control socket: refused"),
            Some(Err(error)) => tracing::warn!(%error, "the control socket failed"),
        }
    }
}

fn is_allowed(stream: &UnixStream) -> bool {
    sockopt::socket_peercred(stream)
        .is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::geteuid())
}

async fn talk(stream: UnixStream, answerer: Arc<Answerer>) {
    let (reader, mut writer) = (stream.clone(), stream);
    let limit = u64::try_from(CONTROL_LINE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut lines = BufReader::new(reader.take(limit)).lines();
    while let Some(Ok(line)) = smol::stream::StreamExt::next(&mut lines).await {
        let asked = Arc::clone(&answerer);
        let answer = smol::unblock(move || reply(&line, &*asked)).await;
        let text = format!("{answer}\n");
        if writer.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Answers one line.
fn reply(line: &str, answerer: &Answerer) -> Value {
    let refused = |why: &str| json!({"version": VERSION, "error": why});
    let Ok(line) = serde_json::from_str::<Line>(line) else {
        return refused("this line is not understood: box and command have different versions");
    };
    if line.version != VERSION {
        return refused("box and command speak different versions");
    }
    match answerer(line.question) {
        Ok(answer) => json!({"version": VERSION, "answer": answer}),
        Err(why) => refused(&why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> Value {
        reply(line, &|question| Ok(json!(format!("{question:?}"))))
    }

    #[test]
    fn a_question_is_answered_and_another_version_is_refused() {
        let text = answer(r#"{"version":1,"verb":"study","uid":"1.2"}"#).to_string();
        assert!(text.contains("Study { uid"), "{text}");
        for line in [r#"{"version":2,"verb":"study","uid":"1.2"}"#, "{", r#"{"version":1}"#] {
            assert!(answer(line).get("error").is_some(), "{line}");
        }
    }
}
