//! A directory of named files, as the vault and the audit file need it.
//!
//! Nothing is believed to be on the disk before `sync_data` (bytes) and `sync_dir` (names)
//! returned success. A failed sync says nothing about what reached the disk, and a second one
//! that succeeds proves nothing: the kernel may have dropped the pages.

use std::io;
use std::sync::Arc;

pub mod memory;
mod platter;
mod real;

pub use real::RealDisk;

/// One open file. All methods may be called from many threads at once.
pub trait DiskFile: Send + Sync {
    /// Fills `buffer` from `offset` on; fewer bytes than asked for only at the file's end.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`; the file grows as needed.
    ///
    /// # Errors
    ///
    /// What the system says; how much was written is then unknown.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file or lengthens it by zeros.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Returns the length in bytes.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn length(&self) -> io::Result<u64>;

    /// `fdatasync`: all bytes written before, and the length they need, are on the disk.
    ///
    /// # Errors
    ///
    /// What the system says. Never call it again in the hope of a better answer.
    fn sync_data(&self) -> io::Result<()>;

    /// `POSIX_FADV_DONTNEED`: what is read next comes from the disk, not from memory that a dead
    /// process left behind. Call it behind `sync_data`.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn forget(&self) -> io::Result<()>;
}

/// One directory. Names are ours: no separators, never made of what a peer sent.
pub trait Disk: Send + Sync {
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is none; what the system says.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes an empty file. Its name is safe once [`Disk::sync_dir`] returned.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` where there is one; what the system says.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Lists the names, sorted.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Gives a file another name; a file that had it is replaced in one step.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Syncs the directory: what was created, renamed and removed stays so.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn sync_dir(&self) -> io::Result<()>;

    /// Returns the bytes that may still be written.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// Returns whether an error means that there is no room, rather than that the disk is failing.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
///
/// `NotFound`, what the system says, or `FileTooLarge` for more than `limit` bytes.
pub(crate) fn read_whole(file: &dyn DiskFile, limit: u64) -> io::Result<Vec<u8>> {
    let length = file.length()?;
    if limit < length {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Opens a file, or `None` where there is none.
///
/// # Errors
///
/// What the system says, except `NotFound`.
pub(crate) fn open_if_there(disk: &dyn Disk, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
    match disk.open(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts a file with `bytes` in the place of `name`, whole or not at all.
///
/// # Errors
///
/// What the system says; then the old file may or may not stand there still.
pub(crate) fn replace(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let fresh = format!("{name}.new");
    if open_if_there(disk, &fresh)?.is_some() {
        disk.remove(&fresh)?;
    }
    let file = disk.create(&fresh)?;
    file.write_all_at(bytes, 0)?;
    file.sync_data()?;
    disk.rename(&fresh, name)?;
    disk.sync_dir()
}

#[cfg(test)]
mod tests;
