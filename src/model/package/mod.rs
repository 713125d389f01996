//! A model package: its parts in memory, each with the digest that the manifest names.
//!
//! Today a package is a folder whose files are the parts. One signed file will carry the same
//! parts; what opens it hands over the same map, so nothing below changes.
//!
//! # Invariants
//! - Holding a [`Package`] means: the manifest is in range, every part is there, matches its
//!   digest, and nothing is there that the manifest does not list.

use std::collections::BTreeMap;

use crate::base::digest::Digest;
use crate::base::limits::PACKAGE_PART_BYTES_MAX;
use crate::model::card::{Card, CardError};
use crate::model::manifest::{Manifest, ManifestError};

/// The part that describes the others.
pub const MANIFEST: &str = "model.toml";
/// Parts at most: a graph, a card, a notice, a golden case and what explains them.
const PARTS_MAX: usize = 64;

/// A package that is whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    manifest: Manifest,
    card: Card,
    digest: Digest,
    parts: BTreeMap<String, Vec<u8>>,
    golden: GoldenCase,
}

/// The golden case in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenCase {
    /// HU of one slice, row by row.
    pub slice: Vec<i16>,
    /// Its rows and columns.
    pub slice_px: [usize; 2],
    /// The network's output for it, row by row.
    pub output: Vec<f32>,
    /// How far a value may lie from it.
    pub tolerance: f32,
}

/// Why a package was refused, and what its maker has to change.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// There is no manifest.
    #[error("there is no model.toml: add one beside the graph")]
    NoManifest,
    /// The manifest was refused.
    #[error("the manifest was refused")]
    Manifest {
        /// Why.
        #[from]
        source: ManifestError,
    },
    /// Too many parts.
    #[error("the package has {count} parts: keep at most {PARTS_MAX}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A name that is no plain relative path.
    #[error("part {name:?}: use a relative path of letters, digits, '.', '_', '-' and '/'")]
    Name {
        /// The name.
        name: String,
    },
    /// A part is larger than the box takes.
    #[error("part {name} has {bytes} bytes: keep it under {PACKAGE_PART_BYTES_MAX}")]
    Size {
        /// The part.
        name: String,
        /// Its bytes.
        bytes: usize,
    },
    /// Listed or named, but not there.
    #[error("part {name} is missing: add it and list it under [files]")]
    Missing {
        /// The part.
        name: String,
    },
    /// There, but not listed.
    #[error("part {name} is not listed under [files]: list it or take it out")]
    Unlisted {
        /// The part.
        name: String,
    },
    /// Its bytes are not those that the manifest names.
    #[error(
        "part {name} has BLAKE3 {found}, [files] says {listed}: one of them is not the original"
    )]
    Digest {
        /// The part.
        name: String,
        /// What it has.
        found: Digest,
        /// What the manifest says.
        listed: Digest,
    },
    /// A text that is none.
    #[error("part {name} is not UTF-8: save it as UTF-8")]
    Utf8 {
        /// The part.
        name: String,
        /// Where it stops being text.
        source: std::str::Utf8Error,
    },
    /// The card lacks something.
    #[error("the model card was refused")]
    Card {
        /// Why.
        #[from]
        source: CardError,
    },
    /// The golden case has another size than the manifest says.
    #[error("part {name} has {found} values, golden.slice_px asks for {want}: write it anew")]
    Golden {
        /// The part.
        name: String,
        /// Values that it has.
        found: usize,
        /// Values that it should have.
        want: usize,
    },
    /// The golden case holds a value that is no number.
    #[error("part {name} holds a value that is not finite: write it anew")]
    GoldenValue {
        /// The part.
        name: String,
    },
}

impl Package {
    /// Makes a package of its parts, by relative path.
    ///
    /// # Errors
    /// [`PackageError`]: it says which part is wrong and what to do about it.
    pub fn parse(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, PackageError> {
        if PARTS_MAX < files.len() {
            return Err(PackageError::TooMany { count: files.len() });
        }
        check_names(files)?;
        let manifest = files.get(MANIFEST).ok_or(PackageError::NoManifest)?;
        let manifest = Manifest::parse(manifest)?;
        check_digests(&manifest, files)?;
        let card = Card::parse(text_part(files, &manifest.parts.card)?)?;
        text_part(files, &manifest.parts.notice)?;
        part(files, &manifest.parts.graph)?;
        let golden = golden_case(&manifest, files)?;
        Ok(Self { digest: digest_of(files), parts: files.clone(), manifest, card, golden })
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the model card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Returns the digest over the names and bytes of all parts: the package's identity.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns all parts by relative path: what [`Package::parse`] made it of.
    pub fn parts(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.parts
    }

    /// Returns the graph with its weights, ONNX.
    pub fn graph(&self) -> &[u8] {
        self.part(&self.manifest.parts.graph)
    }

    /// Returns whom to name, as UTF-8.
    pub fn notice(&self) -> &[u8] {
        self.part(&self.manifest.parts.notice)
    }

    /// Returns the golden case.
    pub fn golden(&self) -> &GoldenCase {
        &self.golden
    }

    /// `parse` saw every part that the manifest names.
    fn part(&self, name: &str) -> &[u8] {
        self.parts.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Returns the `[files]` table that the manifest of these parts must end with.
pub fn files_table(files: &BTreeMap<String, Vec<u8>>) -> String {
    let listed = files.iter().filter(|(name, _)| *name != MANIFEST);
    let lines = listed.map(|(name, bytes)| format!("\"{name}\" = \"{}\"\n", Digest::of(bytes)));
    format!("[files]\n{}", lines.collect::<String>())
}

fn check_names(files: &BTreeMap<String, Vec<u8>>) -> Result<(), PackageError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    for (name, bytes) in files {
        let dots = name.split('/').any(|step| step.chars().all(|c| c == '.'));
        if dots || !name.chars().all(plain) || 256 < name.len() {
            return Err(PackageError::Name { name: name.clone() });
        }
        if PACKAGE_PART_BYTES_MAX < bytes.len() as u64 {
            return Err(PackageError::Size { name: name.clone(), bytes: bytes.len() });
        }
    }
    Ok(())
}

fn check_digests(
    manifest: &Manifest,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<(), PackageError> {
    let strange = |name: &&String| *name != MANIFEST && !manifest.files.contains_key(*name);
    if let Some(name) = files.keys().find(strange) {
        return Err(PackageError::Unlisted { name: name.clone() });
    }
    for (name, listed) in &manifest.files {
        let found = Digest::of(part(files, name)?);
        if found != *listed {
            return Err(PackageError::Digest { name: name.clone(), found, listed: *listed });
        }
    }
    Ok(())
}

fn digest_of(files: &BTreeMap<String, Vec<u8>>) -> Digest {
    let parts = files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes.as_slice()]);
    Digest::of_parts(&parts.collect::<Vec<_>>())
}

fn part<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> Result<&'a [u8], PackageError> {
    let missing = || PackageError::Missing { name: name.into() };
    files.get(name).map(Vec::as_slice).ok_or_else(missing)
}

fn text_part<'a>(
    files: &'a BTreeMap<String, Vec<u8>>,
    name: &str,
) -> Result<&'a str, PackageError> {
    std::str::from_utf8(part(files, name)?)
        .map_err(|source| PackageError::Utf8 { name: name.into(), source })
}

fn golden_case(
    manifest: &Manifest,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<GoldenCase, PackageError> {
    let golden = &manifest.golden;
    let [rows, columns] = golden.slice_px;
    let cells = manifest.output.cells(rows) * manifest.output.cells(columns);
    let slice = values(files, &golden.slice, rows * columns, i16::from_le_bytes)?;
    let output = values(files, &golden.output, cells, f32::from_le_bytes)?;
    if !output.iter().all(|value| value.is_finite()) {
        return Err(PackageError::GoldenValue { name: golden.output.clone() });
    }
    Ok(GoldenCase { slice, slice_px: golden.slice_px, output, tolerance: golden.tolerance })
}

/// Reads `want` little-endian values of `N` bytes.
fn values<const N: usize, T>(
    files: &BTreeMap<String, Vec<u8>>,
    name: &str,
    want: usize,
    from: fn([u8; N]) -> T,
) -> Result<Vec<T>, PackageError> {
    let bytes = part(files, name)?;
    if bytes.len() != want * N {
        return Err(PackageError::Golden { name: name.into(), found: bytes.len() / N, want });
    }
    let (chunks, _) = bytes.as_chunks::<N>();
    Ok(chunks.iter().map(|chunk| from(*chunk)).collect())
}

#[cfg(test)]
pub(crate) mod tests;
