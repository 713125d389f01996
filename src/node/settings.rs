//! Reads the settings file, bounded, and hands its text to `config`.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::base::limits::CONFIG_BYTES_MAX;
use crate::config::{Config, ConfigError};

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{path} cannot be read", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is too large or no text.
    #[error("{path} is no settings file: text of at most {CONFIG_BYTES_MAX} bytes is expected",
        path = path.display())]
    NoText {
        /// The file.
        path: PathBuf,
    },
    /// Its content is wrong.
    #[error("{path}", path = path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Key and line, without the value.
        source: ConfigError,
    },
}

/// Reads and checks the settings at `path`.
///
/// # Errors
///
/// Which file, key and line, and what to do; never a value.
pub fn read(path: &Path) -> Result<Config, SettingsError> {
    let unreadable = |source| SettingsError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let is_small = u64::try_from(bytes.len()).is_ok_and(|length| length <= CONFIG_BYTES_MAX);
    let text = String::from_utf8(bytes).ok().filter(|_| is_small);
    let text = text.ok_or_else(|| SettingsError::NoText { path: path.to_owned() })?;
    Config::parse(&text).map_err(|source| SettingsError::Wrong { path: path.to_owned(), source })
}
