//! A folder of plain files, for the throw-away archive of demos and installers. Not the vault:
//! nothing in it is sealed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::base::ids::RecordNumber;
use crate::base::receipt::Receipt;

/// A folder whose files are numbered in the order in which they were begun.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    next: AtomicU32,
}

/// A file on its way into the folder; dropping it removes it.
#[derive(Debug)]
pub struct Part {
    file: File,
    folder: PathBuf,
    number: u32,
    is_done: bool,
}

impl Folder {
    /// Opens the folder, makes it if need be, and counts on behind what lies in it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let mut highest = 0;
        for entry in std::fs::read_dir(path)? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.split_once('.')).map(|(stem, _)| stem);
            highest = highest.max(stem.and_then(|stem| stem.parse().ok()).unwrap_or(0));
        }
        Ok(Self { path: path.to_owned(), next: AtomicU32::new(highest) })
    }

    /// Begins the next file with `head`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn begin(&self, head: &[u8]) -> io::Result<Part> {
        let number = self.next.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let name = self.path.join(format!("{number:06}.part"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(name)?;
        let mut part = Part { file, folder: self.path.clone(), number, is_done: false };
        part.append(head)?;
        Ok(part)
    }
}

impl Part {
    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes the file durable under its name, and returns the proof.
    ///
    /// # Errors
    ///
    /// What the system says; the file is gone then.
    #[expect(clippy::disallowed_methods, reason = "the sync of the directory follows")]
    pub fn finish(mut self) -> io::Result<Receipt> {
        self.file.sync_data()?;
        std::fs::rename(self.name("part"), self.name("dcm"))?;
        self.is_done = true;
        File::open(&self.folder)?.sync_all()?;
        Ok(Receipt::after_sync(RecordNumber { start: 0, sequence: self.number }))
    }

    fn name(&self, suffix: &str) -> PathBuf {
        self.folder.join(format!("{:06}.{suffix}", self.number))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_done {
            // A part that stays is named as such, and no file of the archive.
            let removed = std::fs::remove_file(self.name("part"));
            debug_assert!(removed.is_ok());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_on_and_parts_leave_nothing() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        drop(folder.begin(b"half").unwrap());
        let receipt = folder.begin(b"whole").unwrap().finish().unwrap();
        assert_eq!(receipt.number().sequence, 2);
        let names: Vec<_> =
            std::fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["000002.dcm"]);
        let again = Folder::open(place.path()).unwrap();
        assert_eq!(again.begin(b"").unwrap().number, 3);
    }
}
