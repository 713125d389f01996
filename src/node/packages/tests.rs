//! Goal: only whole packages of their own name are loaded, and an install is whole or nothing.

use std::os::unix::fs::symlink;

use super::*;
use crate::model::package::tests::{parts, repacked};

/// The parts of our package under another version.
fn version(version: &str) -> BTreeMap<String, Vec<u8>> {
    repacked(|parts| {
        let manifest = parts.get_mut("model.toml").expect("a manifest");
        let text = String::from_utf8(manifest.clone()).expect("text");
        *manifest = text.replace("version = \"1.0.0\"", &format!("version = \"{version}\"")).into();
    })
}

#[expect(clippy::disallowed_methods, reason = "a test lays out its own folder")]
fn lay(parts: &BTreeMap<String, Vec<u8>>, folder: &Path) {
    for (name, bytes) in parts {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn names(packages: &Packages) -> Vec<String> {
    packages.installed.iter().map(|one| folder_name(&one.package)).collect()
}

fn packed(parts: &BTreeMap<String, Vec<u8>>, prefix: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{prefix}{name}"), bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test lays out its own folder")]
fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("package.tar");
    std::fs::write(&path, bytes).unwrap();
    (place, path)
}

fn from_archive(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, PackagesError> {
    let (_place, path) = file(bytes);
    source::parts(&path)
}

#[test]
fn the_highest_version_of_a_name_reads() {
    let place = tempfile::tempdir().unwrap();
    for one in ["1.0.9", "1.0.10", "1.0.10-rc1"] {
        let put = put(Package::parse(&version(one)).unwrap(), place.path()).unwrap();
        assert!(matches!(put, Outcome::Installed(_)));
    }
    let packages = load(place.path());
    assert!(packages.refused.is_empty(), "{:?}", packages.refused);
    let ordered = ["lung-nodule-1.0.9", "lung-nodule-1.0.10-rc1", "lung-nodule-1.0.10"];
    assert_eq!(names(&packages), ordered);
    let active: Vec<_> = packages.active().iter().map(|one| one.path.clone()).collect();
    assert_eq!(active, [place.path().join("lung-nodule-1.0.10")]);
}

#[test]
fn versions_are_compared_dot_by_dot() {
    let rising = [
        "0.9",
        "1.a",
        "1.0-rc1",
        "1.0-rc2",
        "1.0",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.2",
        "1.0.10-rc1",
        "1.0.10",
        "2",
    ];
    let mut sorted = rising;
    sorted.reverse();
    sorted.sort_by(|a, b| compare_versions(a, b));
    assert_eq!(sorted, rising);
    assert_eq!(compare_versions("1.0", "1.0"), Ordering::Equal);
    assert_ne!(compare_versions("1.00", "1.0"), Ordering::Equal);
}

#[test]
fn a_folder_of_another_name_and_links_are_refused_and_the_rest_is_loaded() {
    let place = tempfile::tempdir().unwrap();
    lay(&parts(), &place.path().join("lung-nodule-1.0.0"));
    lay(&parts(), &place.path().join("lung-nodule-1.0.1"));
    lay(&parts(), &place.path().join(".incoming-lung-nodule-2.0.0"));
    lay(&version("3.0"), &place.path().join("lung-nodule-3.0"));
    let card = place.path().join("lung-nodule-3.0/CARD.md");
    std::fs::remove_file(&card).unwrap();
    symlink("/etc/hostname", &card).unwrap();
    symlink(place.path().join("lung-nodule-1.0.0"), place.path().join("link")).unwrap();
    let packages = load(place.path());
    assert_eq!(names(&packages), ["lung-nodule-1.0.0"]);
    let why: Vec<_> = packages.refused.iter().map(|(_, error)| error).collect();
    assert!(
        matches!(
            why.as_slice(),
            [
                PackagesError::NotFolder { .. },
                PackagesError::Folder { .. },
                PackagesError::NotPlain { .. }
            ]
        ),
        "{why:?}"
    );
    assert!(load(&place.path().join("nowhere")).installed.is_empty());
}

#[test]
fn the_same_again_is_no_error_and_the_same_version_with_other_content_is() {
    let place = tempfile::tempdir().unwrap();
    let ours = || Package::parse(&parts()).unwrap();
    assert!(matches!(put(ours(), place.path()), Ok(Outcome::Installed(_))));
    assert!(matches!(put(ours(), place.path()), Ok(Outcome::Already(_))));
    let other = repacked(|parts| parts.get_mut("NOTICE").expect("a notice").push(b'\n'));
    let other = Package::parse(&other).unwrap();
    assert!(matches!(put(other, place.path()), Err(PackagesError::Conflict { .. })));
    assert_eq!(load(place.path()).installed[0].package.digest(), ours().digest());
}

#[test]
fn what_a_torn_install_left_is_cleared_and_nothing_is_installed_twice_at_once() {
    let place = tempfile::tempdir().unwrap();
    lay(&version("7"), &place.path().join(".incoming-lung-nodule-1.0.0"));
    let ours = Package::parse(&parts()).unwrap();
    let lock = write::prepare(place.path()).unwrap();
    assert!(matches!(put(ours.clone(), place.path()), Err(PackagesError::Busy { .. })));
    drop(lock);
    put(ours, place.path()).unwrap();
    let left: Vec<_> =
        std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lung-nodule-1.0.0"]);
}

#[test]
fn an_archive_gives_the_parts_of_the_folder_that_it_was_made_of() {
    for prefix in ["", "./"] {
        assert_eq!(from_archive(&packed(&parts(), prefix)).unwrap(), parts());
    }
}

#[test]
fn an_archive_cut_anywhere_is_no_package() {
    let bytes = packed(&parts(), "");
    for cut in (0..bytes.len() - 1024).step_by(5_003) {
        let refused = from_archive(&bytes[..cut]).and_then(|parts| Ok(Package::parse(&parts)?));
        assert!(refused.is_err(), "{cut}");
    }
}

#[test]
fn links_twins_and_what_is_no_archive_are_refused() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "CARD.md", "/etc/hostname").unwrap();
    let linked = from_archive(&builder.into_inner().unwrap());
    assert!(matches!(linked, Err(PackagesError::NotPlain { .. })), "{linked:?}");
    let mut twice = packed(&parts(), "");
    // Two blocks of zeros end an archive.
    twice.truncate(twice.len() - 1024);
    twice.extend(packed(&parts(), ""));
    assert!(matches!(from_archive(&twice), Err(PackagesError::Twice { .. })));
    let garbage = from_archive(&[7; 4096]);
    assert!(matches!(garbage, Err(PackagesError::Archive { .. })), "{garbage:?}");
    // Its own check of names refuses what leaves the folder.
    let out = BTreeMap::from([("../model.toml".to_owned(), vec![1])]);
    assert!(matches!(Package::parse(&out), Err(PackageError::Name { .. })));
}
