//! Model packages on disk: `<models>/<name>-<version>/` holds the parts of one, as they were
//! verified.
//!
//! # Invariants
//! - A package folder is whole or not there: it is written under `.incoming-…`, synced, renamed,
//!   and the folder above is synced.
//! - What was installed is never changed: another content needs another version.
//! - Links and devices are never followed or read.

mod source;
mod write;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FlockOperation;

use crate::base::limits::{PACKAGE_BYTES_MAX, PACKAGE_PART_BYTES_MAX};
use crate::infer::golden::Agreement;
use crate::model::package::{Package, PackageError};
use crate::node::worker::{Worker, WorkerError};

/// The beginning of the names of folders that are not installed yet.
const INCOMING: &str = ".incoming-";

/// Why a package is not read, verified or installed, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// Something cannot be read.
    #[error("{path} cannot be read", path = path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A link, a device, a name that is no text.
    #[error(
        "{path} is no plain file: a package has no links and no devices",
        path = path.display()
    )]
    NotPlain {
        /// What.
        path: PathBuf,
    },
    /// A file or a link where a package's folder should be.
    #[error(
        "{path} is no folder: the models folder holds one folder for each package",
        path = path.display()
    )]
    NotFolder {
        /// What.
        path: PathBuf,
    },
    /// Too much of it.
    #[error(
        "{path} is too large: a package has at most {PACKAGE_BYTES_MAX} bytes, each part at most \
         {PACKAGE_PART_BYTES_MAX}",
        path = path.display()
    )]
    TooLarge {
        /// What.
        path: PathBuf,
    },
    /// More entries or deeper folders than any package has.
    #[error("{path} has too many entries to be a package", path = path.display())]
    TooMany {
        /// What.
        path: PathBuf,
    },
    /// No tar archive.
    #[error(
        "{path} is no tar archive: give the folder, or make one with tar -cf FILE -C FOLDER .",
        path = path.display()
    )]
    Archive {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A part that the archive has twice.
    #[error("the archive has {name} twice: make it anew")]
    Twice {
        /// The part.
        name: String,
    },
    /// The parts are no package.
    #[error("the package was refused")]
    Package {
        /// Which part, and what to do.
        #[from]
        source: PackageError,
    },
    /// The folder of an installed package has another name than the package.
    #[error("this folder holds {want}: name it so, or install the package with model install")]
    Folder {
        /// `<name>-<version>`.
        want: String,
    },
    /// The golden case did not come out, or the worker did not answer.
    #[error("the package does not run here")]
    Worker {
        /// Why.
        #[from]
        source: WorkerError,
    },
    /// The same version with another content is there.
    #[error(
        "{path} holds the same version with another content: give the new one another version \
         in model.toml, or remove that folder first",
        path = path.display()
    )]
    Conflict {
        /// The installed package.
        path: PathBuf,
    },
    /// Another install is under way.
    #[error(
        "another install is under way in {path}: try again when it is done",
        path = path.display()
    )]
    Busy {
        /// The models folder.
        path: PathBuf,
    },
    /// It could not be written.
    #[error("{path} cannot be written", path = path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A package that lies in the models folder.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The package, whole.
    pub package: Arc<Package>,
    /// Its folder.
    pub path: PathBuf,
}

/// What the models folder holds.
#[derive(Debug, Default)]
pub struct Packages {
    /// What can be used, by name and then by version, the highest version last.
    pub installed: Vec<Installed>,
    /// What cannot, and why.
    pub refused: Vec<(PathBuf, PackagesError)>,
}

/// What an install did.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is installed now.
    Installed(Installed),
    /// The very same package was there before.
    Already(Installed),
}

/// A package that is whole and gives here what its maker saw.
#[derive(Debug)]
pub struct Verified {
    /// The package.
    pub package: Package,
    /// How near the golden case came.
    pub agreement: Agreement,
}

impl Packages {
    /// Returns the packages that read: of each name the highest version.
    pub fn active(&self) -> Vec<&Installed> {
        let by_name = self.installed.iter().map(|one| (&one.package.manifest().name, one));
        // The last of a name stays, and that is the highest.
        by_name.collect::<BTreeMap<_, _>>().into_values().collect()
    }
}

/// Loads every package of the models folder; one that is not there is empty. Blocks.
pub fn load(folder: &Path) -> Packages {
    let mut packages = Packages::default();
    let entries = match source::entries(folder) {
        Ok(entries) => entries,
        Err(PackagesError::Unreadable { source, .. })
            if source.kind() == io::ErrorKind::NotFound =>
        {
            return packages;
        }
        Err(error) => {
            packages.refused.push((folder.to_owned(), error));
            return packages;
        }
    };
    for name in entries.into_iter().filter(|name| !name.starts_with('.')) {
        let path = folder.join(&name);
        match load_one(&path, &name) {
            Ok(package) => {
                packages.installed.push(Installed { package: Arc::new(package), path });
            }
            Err(error) => packages.refused.push((path, error)),
        }
    }
    packages.installed.sort_by(|a, b| {
        let (a, b) = (a.package.manifest(), b.package.manifest());
        a.name.cmp(&b.name).then_with(|| compare_versions(&a.version, &b.version))
    });
    packages
}

fn load_one(path: &Path, name: &str) -> Result<Package, PackagesError> {
    let meta = path.symlink_metadata();
    if !meta.is_ok_and(|meta| meta.is_dir()) {
        return Err(PackagesError::NotFolder { path: path.to_owned() });
    }
    let package = Package::parse(&source::folder(path)?)?;
    let want = folder_name(&package);
    if want == name { Ok(package) } else { Err(PackagesError::Folder { want }) }
}

/// Verifies a package, given as a folder or as a tar archive of one: every part, and the golden
/// case in the worker.
///
/// # Errors
/// [`PackagesError`] says which part is wrong and what to do.
pub async fn verify(from: &Path, worker: &Worker) -> Result<Verified, PackagesError> {
    let from = from.to_owned();
    let package = smol::unblock(move || {
        let parts = source::parts(&from)?;
        Ok::<_, PackagesError>(Package::parse(&parts)?)
    });
    let package = package.await?;
    let agreement = worker.golden(package.parts()).await?;
    Ok(Verified { package, agreement })
}

/// Verifies a package and installs it into the models folder, which is made if need be.
///
/// # Errors
/// [`PackagesError`]; nothing is installed then.
pub async fn install(
    from: &Path,
    folder: &Path,
    worker: &Worker,
) -> Result<Outcome, PackagesError> {
    let Verified { package, .. } = verify(from, worker).await?;
    let folder = folder.to_owned();
    smol::unblock(move || put(package, &folder)).await
}

/// Puts a verified package in its place.
fn put(package: Package, folder: &Path) -> Result<Outcome, PackagesError> {
    let lock = write::prepare(folder)?;
    let name = folder_name(&package);
    let path = folder.join(&name);
    let package = Arc::new(package);
    let installed = Installed { package: Arc::clone(&package), path: path.clone() };
    if path.symlink_metadata().is_ok() {
        // What is there must be the same to the byte, or it stays as it is.
        return match load_one(&path, &name) {
            Ok(there) if there.digest() == package.digest() => Ok(Outcome::Already(installed)),
            Ok(_) | Err(_) => Err(PackagesError::Conflict { path }),
        };
    }
    write::package(&package, folder, &name)?;
    drop::<File>(lock);
    Ok(Outcome::Installed(installed))
}

fn folder_name(package: &Package) -> String {
    let manifest = package.manifest();
    format!("{}-{}", manifest.name, manifest.version)
}

/// Compares versions dot by dot: by the number that a part begins with, then without a suffix
/// above with one, then by the suffix as text. So `1.0.10` is above `1.0.9`, `1.0.0-rc1` below
/// `1.0.0`, and a version that goes on above the one that it begins with.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let part = |part: &str| {
        let suffix = part.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned();
        let number: Option<u64> = part.strip_suffix(&suffix).and_then(|digits| digits.parse().ok());
        (number, suffix.is_empty(), suffix)
    };
    let parts = |version: &str| version.split('.').map(part).collect::<Vec<_>>();
    // Versions that differ in leading zeros alone still have an order.
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests;
