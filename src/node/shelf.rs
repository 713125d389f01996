//! The installed packages, as the running box knows them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::base::digest::Digest;
use crate::model::package::Package;
use crate::node::packages::{self, Packages};

/// What lies in the folder of packages. Looked at before every decision, so that a package is
/// used from the next whole study on, without a restart.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// What the folder looked like when it was read.
    seen: Vec<(OsString, Option<SystemTime>)>,
    packages: Packages,
}

impl Shelf {
    /// Will look into `folder`, which need not be there.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, held: Mutex::default() }
    }

    /// Looks again; reads the packages anew where something has changed. Blocks on the disk.
    pub fn look(&self) {
        let seen = look(&self.folder);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.seen == seen {
            return;
        }
        let packages = packages::load(&self.folder);
        for (path, error) in &packages.refused {
            let error: &dyn std::error::Error = error;
            tracing::error!(path = %path.display(), error, "a package is not used");
        }
        for package in packages.active() {
            let manifest = package.package.manifest();
            let digest = package.package.digest();
            tracing::info!(name = %manifest.name, version = %manifest.version, %digest, "reads");
        }
        *held = Held { seen, packages };
    }

    /// Returns the active packages: of each name the highest version.
    pub fn active(&self) -> Vec<Arc<Package>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.packages.active().into_iter().map(|each| Arc::clone(&each.package)).collect()
    }

    /// Finds an installed package, active or not.
    pub fn find(&self, digest: &Digest) -> Option<Arc<Package>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = held.packages.installed.iter();
        all.find(|each| each.package.digest() == *digest).map(|each| Arc::clone(&each.package))
    }
}

/// Names and times of what lies in a folder: a package is renamed into place whole.
fn look(folder: &Path) -> Vec<(OsString, Option<SystemTime>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut seen: Vec<_> = entries
        .map(|entry| (entry.file_name(), entry.metadata().and_then(|meta| meta.modified()).ok()))
        .collect();
    seen.sort();
    seen
}
