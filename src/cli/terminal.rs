//! Words for people on stderr, JSON for programs on stdout, and the exit code.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

/// Why a verb did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was refused or failed; the text says what to do.
    #[error("{0}")]
    Refused(String),
    /// A bug of ours.
    #[error("{0}")]
    Bug(String),
}

impl Failure {
    /// Names what failed and the chain of reasons under it.
    pub(super) fn because(what: &str, error: &dyn std::error::Error) -> Self {
        let mut text = format!("{what}: {error}");
        let mut source = error.source();
        while let Some(inner) = source {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            source = inner.source();
        }
        Self::Refused(text)
    }
}

/// Writes one line for people.
pub(super) fn say(line: &str) {
    // A closed terminal is no reason to stop what the verb does.
    let written = writeln!(stderr().lock(), "{line}");
    drop(written);
}

/// Writes one JSON value for programs.
///
/// # Errors
///
/// A pipe that was closed.
pub(super) fn answer(value: &serde_json::Value) -> Result<(), Failure> {
    writeln!(stdout().lock(), "{value}")
        .map_err(|error| Failure::because("the answer could not be written", &error))
}

/// Shows a wrong use, or the help that was asked for.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    drop(printed);
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

/// Shows a failure and returns its exit code.
pub(super) fn report(failure: &Failure) -> ExitCode {
    say(&format!("scanpost: {failure}"));
    ExitCode::from(match failure {
        Failure::Refused(_) => 1,
        Failure::Bug(_) => 70,
    })
}
