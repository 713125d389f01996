//! Reads the parts of a package from a folder or a tar archive, bounded and without following
//! anything.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::base::limits::{PACKAGE_BYTES_MAX, PACKAGE_PART_BYTES_MAX};
use crate::node::packages::PackagesError;

/// Entries of one folder or archive: a package has at most 64 parts.
const ENTRIES_MAX: usize = 256;
/// Folders within folders.
const DEPTH_MAX: usize = 8;

type Parts = BTreeMap<String, Vec<u8>>;

/// Reads the parts of a folder or of a tar archive.
pub(super) fn parts(from: &Path) -> Result<Parts, PackagesError> {
    let unreadable = |source| PackagesError::Unreadable { path: from.to_owned(), source };
    // Here, where a person named it, a link is followed.
    let meta = std::fs::metadata(from).map_err(unreadable)?;
    if meta.is_dir() { folder(from) } else { archive(from) }
}

/// Reads the parts of a folder.
pub(super) fn folder(from: &Path) -> Result<Parts, PackagesError> {
    let mut collected = Collected::default();
    let mut folders = vec![(from.to_owned(), String::new(), 0)];
    while let Some((path, prefix, depth)) = folders.pop() {
        if DEPTH_MAX < depth {
            return Err(PackagesError::TooMany { path: from.to_owned() });
        }
        for name in entries(&path)? {
            let (inner, name) = (path.join(&name), format!("{prefix}{name}"));
            let unreadable = |source| PackagesError::Unreadable { path: inner.clone(), source };
            let kind = inner.symlink_metadata().map_err(unreadable)?.file_type();
            if kind.is_dir() {
                folders.push((inner, format!("{name}/"), depth + 1));
            } else if kind.is_file() {
                let file = open(&inner)?;
                collected.take(name, &mut file.take(PACKAGE_PART_BYTES_MAX + 1), &inner)?;
            } else {
                return Err(PackagesError::NotPlain { path: inner });
            }
        }
    }
    Ok(collected.parts)
}

/// Returns the names in a folder, sorted.
pub(super) fn entries(folder: &Path) -> Result<Vec<String>, PackagesError> {
    let unreadable = |source| PackagesError::Unreadable { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let plain = || PackagesError::NotPlain { path: folder.join(&name) };
        names.push(name.to_str().ok_or_else(plain)?.to_owned());
        if ENTRIES_MAX < names.len() {
            return Err(PackagesError::TooMany { path: folder.to_owned() });
        }
    }
    names.sort();
    Ok(names)
}

/// Opens a plain file; a link that took its place meanwhile is refused.
fn open(path: &Path) -> Result<File, PackagesError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let unreadable = |source| PackagesError::Unreadable { path: path.to_owned(), source };
    OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unreadable)
}

/// Reads the parts of a tar archive whose root is the package's folder.
fn archive(from: &Path) -> Result<Parts, PackagesError> {
    let unreadable = |source| PackagesError::Unreadable { path: from.to_owned(), source };
    let broken = |source| PackagesError::Archive { path: from.to_owned(), source };
    let file = File::open(from).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(PackagesError::NotPlain { path: from.to_owned() });
    }
    // Heads and padding beside the parts.
    if PACKAGE_BYTES_MAX.saturating_mul(2) < meta.len() {
        return Err(PackagesError::TooLarge { path: from.to_owned() });
    }
    let mut archive = tar::Archive::new(BufReader::new(file));
    let mut collected = Collected::default();
    for (count, entry) in archive.entries().map_err(broken)?.enumerate() {
        let entry = entry.map_err(broken)?;
        if ENTRIES_MAX < count {
            return Err(PackagesError::TooMany { path: from.to_owned() });
        }
        let name = String::from_utf8(entry.path_bytes().into_owned());
        let plain = || PackagesError::NotPlain { path: from.to_owned() };
        let name = name.map_err(|_unreadable| plain())?;
        let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let path = PathBuf::from(&name);
        if !kind.is_file() {
            return Err(PackagesError::NotPlain { path });
        }
        if collected.parts.contains_key(&name) {
            return Err(PackagesError::Twice { name });
        }
        let size = entry.size();
        let taken = collected.take(name, &mut entry.take(PACKAGE_PART_BYTES_MAX + 1), &path)?;
        if taken < size {
            return Err(broken(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Ok(collected.parts)
}

/// Parts with the bytes that they have in all.
#[derive(Default)]
struct Collected {
    parts: Parts,
    bytes: u64,
}

impl Collected {
    /// Reads one part to its end; returns its bytes.
    fn take(
        &mut self,
        name: String,
        from: &mut dyn Read,
        path: &Path,
    ) -> Result<u64, PackagesError> {
        let unreadable = |source| PackagesError::Unreadable { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map_err(unreadable)?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
        if PACKAGE_PART_BYTES_MAX < length || PACKAGE_BYTES_MAX < self.bytes {
            return Err(PackagesError::TooLarge { path: path.to_owned() });
        }
        if ENTRIES_MAX <= self.parts.len() {
            return Err(PackagesError::TooMany { path: path.to_owned() });
        }
        self.parts.insert(name, bytes);
        Ok(length)
    }
}
