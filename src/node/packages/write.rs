//! Writes a package into the models folder so that a power cut leaves it whole or not there.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{FlockOperation, INCOMING, PackagesError};
use crate::model::package::Package;

/// Makes the models folder if need be and locks it against other installs until drop.
pub(super) fn prepare(folder: &Path) -> Result<File, PackagesError> {
    let write = |source| PackagesError::Write { path: folder.to_owned(), source };
    if !folder.is_dir() {
        let parent = folder.parent().filter(|parent| parent.components().next().is_some());
        let parent = parent.unwrap_or_else(|| Path::new("."));
        // The state folder, where it is missing, is nobody else's; the packages are no secret.
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(write)?;
        DirBuilder::new().mode(0o755).create(folder).map_err(write)?;
        sync(parent)?;
    }
    let lock = File::open(folder).map_err(write)?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(PackagesError::Busy { path: folder.to_owned() }),
        Err(error) => Err(write(error.into())),
    }
}

/// Writes the package under `.incoming-NAME`, syncs it, and gives it its name.
#[expect(clippy::disallowed_methods, reason = "the folder above is synced behind the rename")]
pub(super) fn package(package: &Package, folder: &Path, name: &str) -> Result<(), PackagesError> {
    let incoming = folder.join(format!("{INCOMING}{name}"));
    clear(&incoming)?;
    let made = fill(package, &incoming);
    if made.is_err() {
        // What the first error was about is told; a rest that stays is cleared by the next try.
        let cleared = clear(&incoming);
        drop(cleared);
    }
    made?;
    let path = folder.join(name);
    std::fs::rename(&incoming, &path)
        .map_err(|source| PackagesError::Write { path: path.clone(), source })?;
    sync(folder)
}

fn fill(package: &Package, incoming: &Path) -> Result<(), PackagesError> {
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| PackagesError::Write { path, source }
    };
    let mut folders = BTreeSet::from([incoming.to_owned()]);
    for name in package.parts().keys() {
        let parents = Path::new(name).ancestors().skip(1).map(|parent| incoming.join(parent));
        folders.extend(parents);
    }
    // Sorted, a folder stands before what it holds.
    for folder in &folders {
        DirBuilder::new().mode(0o755).create(folder).map_err(write(folder))?;
    }
    for (name, bytes) in package.parts() {
        let path = incoming.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o644);
        let mut file = options.open(&path).map_err(write(&path))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(write(&path))?;
    }
    folders.iter().rev().try_for_each(|folder| sync(folder))
}

/// Removes what an install left behind.
fn clear(incoming: &PathBuf) -> Result<(), PackagesError> {
    match std::fs::remove_dir_all(incoming) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(PackagesError::Write { path: incoming.clone(), source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync(folder: &Path) -> Result<(), PackagesError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| PackagesError::Write { path: folder.to_owned(), source })
}
