//! The scanner of the demo: DCMTK's storescu where it is installed, else our own `send`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cli::demo::clinic::{ourselves, program};
use crate::cli::terminal::Failure;

/// What storescu prints for every image that was acknowledged.
const ACKNOWLEDGED: &str = "Received Store Response (Success)";
/// AE title of the scanner.
pub(super) const AE: &str = "CT1";

/// Who sends.
pub(super) enum Scanner {
    /// DCMTK.
    StoreScu(PathBuf),
    /// Our own verb.
    Ourselves,
}

/// Draws the phantom; returns its files and the truth about its nodules.
pub(super) fn phantom(folder: &Path, slices: usize) -> Result<(Vec<PathBuf>, Value), Failure> {
    let out = folder.join("phantom");
    let done = Command::new(ourselves()?)
        .args(["phantom", "--json", "--slices", &slices.to_string(), "--out"])
        .arg(&out)
        .output()
        .map_err(|error| Failure::because("the phantom is not drawn", &error))?;
    let truth = serde_json::from_slice(&done.stdout)
        .map_err(|error| Failure::because("the phantom says something else", &error))?;
    Ok((files(&out)?, truth))
}

/// Lists the DICOM files of a folder, in the order of their names.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    super::super::send::collect(folder, &mut all)?;
    all.retain(|path| path.extension().is_none_or(|extension| extension != "json"));
    all.sort();
    if all.is_empty() {
        return Err(Failure::Refused(format!("{} holds no file", folder.display())));
    }
    Ok(all)
}

/// Bytes of all files.
pub(super) fn bytes(files: &[PathBuf]) -> Result<u64, Failure> {
    let sizes = files.iter().map(|path| path.metadata().map(|meta| meta.len()));
    sizes.sum::<std::io::Result<u64>>().map_err(|e| Failure::because("a file is not read", &e))
}

impl Scanner {
    /// Finds storescu, unless we play the scanner.
    pub(super) fn find(alone: bool) -> Self {
        let found = if alone { None } else { program("storescu") };
        found.map_or(Self::Ourselves, Self::StoreScu)
    }

    /// What plays the scanner.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::StoreScu(_) => "storescu of DCMTK",
            Self::Ourselves => "scanpost send",
        }
    }

    /// Sends to a port of this machine, in order; returns how many were acknowledged before the
    /// end, whatever that was.
    ///
    /// # Errors
    ///
    /// When the sender cannot be started or says nothing that can be understood.
    pub(super) fn send(&self, port: u16, files: &[PathBuf]) -> Result<usize, Failure> {
        if files.is_empty() {
            return Ok(0);
        }
        let to = port.to_string();
        let mut command = match self {
            Self::StoreScu(path) => {
                let mut command = Command::new(path);
                command.args(["-v", "-aet", AE, "-aec", "SCANPOST", "127.0.0.1", &to]);
                command
            }
            Self::Ourselves => {
                let mut command = Command::new(ourselves()?);
                let to = format!("SCANPOST@127.0.0.1:{to}");
                command.args(["send", "--json", "--calling", AE, "--to", &to]);
                command
            }
        };
        let done = command
            .args(files)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::because("the scanner does not start", &error))?;
        match self {
            Self::StoreScu(_) => {
                let text = [done.stdout, done.stderr].concat();
                let text = String::from_utf8_lossy(&text);
                Ok(text.lines().filter(|line| line.contains(ACKNOWLEDGED)).count())
            }
            Self::Ourselves => {
                let answer: Value = serde_json::from_slice(&done.stdout)
                    .map_err(|error| Failure::because("send says something else", &error))?;
                let accepted = answer.get("accepted").and_then(Value::as_u64);
                let accepted = accepted.and_then(|count| usize::try_from(count).ok());
                accepted.ok_or_else(|| Failure::Bug("send does not count".to_owned()))
            }
        }
    }
}
