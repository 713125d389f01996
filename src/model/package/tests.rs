//! Goal: a package is taken only whole, and every refusal names the part.

use super::*;

/// The parts of our own package, as a caller reads them from its folder.
pub(crate) fn parts() -> BTreeMap<String, Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lung-nodule");
    let mut parts = BTreeMap::new();
    let mut folders = vec![folder.clone()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(inner).expect("the folder of our package") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&folder).expect("inside").to_str().expect("text");
                parts.insert(name.to_owned(), std::fs::read(&path).expect("a part"));
            }
        }
    }
    parts
}

/// Our own package.
pub(crate) fn lung_nodule() -> Package {
    Package::parse(&parts()).expect("our own package is whole")
}

/// Our parts with one change, listed anew.
pub(crate) fn repacked(
    change: impl Fn(&mut BTreeMap<String, Vec<u8>>),
) -> BTreeMap<String, Vec<u8>> {
    let mut parts = parts();
    change(&mut parts);
    let manifest = String::from_utf8(parts[MANIFEST].clone()).expect("text");
    let (head, _) = manifest.split_once("\n[files]").expect("a table of files");
    parts.insert(MANIFEST.into(), format!("{head}\n{}", files_table(&parts)).into());
    parts
}

fn refusal(change: impl Fn(&mut BTreeMap<String, Vec<u8>>)) -> PackageError {
    let mut parts = parts();
    change(&mut parts);
    Package::parse(&parts).expect_err("a refusal")
}

#[test]
fn our_own_package_is_whole_and_lists_its_parts_in_order() {
    let package = lung_nodule();
    assert_eq!(package.manifest().name, "lung-nodule");
    assert!(package.graph().len() > 100_000 && !package.notice().is_empty());
    let manifest = String::from_utf8(parts()[MANIFEST].clone()).expect("text");
    let table = files_table(&parts());
    assert!(manifest.ends_with(&table), "model.toml must end with\n{table}");
}

#[test]
fn every_part_that_is_changed_cut_or_taken_out_is_named() {
    for name in parts().into_keys().filter(|name| name != MANIFEST) {
        let changed = refusal(|parts| {
            let bytes = parts.get_mut(&name).expect("the part");
            bytes[0] ^= 1;
        });
        let cut = refusal(|parts| {
            parts.get_mut(&name).expect("the part").pop();
        });
        for error in [changed, cut] {
            assert!(matches!(&error, PackageError::Digest { name: n, .. } if *n == name));
        }
        let gone = refusal(|parts| drop(parts.remove(&name)));
        assert!(matches!(&gone, PackageError::Missing { name: n } if *n == name));
    }
}

#[test]
fn a_package_has_one_identity_over_all_its_parts() {
    let changed = repacked(|parts| parts.get_mut("NOTICE").expect("a notice").push(b'\n'));
    let changed = Package::parse(&changed).expect("still whole");
    assert_ne!(changed.digest(), lung_nodule().digest());
    assert_eq!(lung_nodule().digest(), lung_nodule().digest());
}

#[test]
fn what_is_not_listed_or_has_no_plain_name_is_refused() {
    let unlisted = refusal(|parts| drop(parts.insert("extra".into(), vec![1])));
    assert!(matches!(unlisted, PackageError::Unlisted { .. }));
    for name in ["../graph", "/graph", "a//b", "a/./b", "", "a b", "a\\b", "a\u{e4}"] {
        let error = refusal(|parts| drop(parts.insert(name.into(), vec![1])));
        assert!(matches!(error, PackageError::Name { .. }), "{name}");
    }
    let many = refusal(|parts| {
        parts.extend((0..PARTS_MAX).map(|n| (n.to_string(), vec![])));
    });
    assert!(matches!(many, PackageError::TooMany { .. }));
    assert!(matches!(refusal(BTreeMap::clear), PackageError::NoManifest));
}

#[test]
fn a_golden_case_of_another_size_or_without_numbers_is_refused() {
    let short = repacked(|parts| {
        parts.get_mut("golden/output.f32").expect("an output").pop();
    });
    let error = Package::parse(&short).expect_err("a refusal");
    assert!(matches!(error, PackageError::Golden { want: 121, .. }));
    let nan = repacked(|parts| {
        let output = parts.get_mut("golden/output.f32").expect("an output");
        output[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let error = Package::parse(&nan).expect_err("a refusal");
    assert!(matches!(error, PackageError::GoldenValue { .. }));
}

#[test]
fn a_card_without_its_sections_is_refused() {
    let bare = repacked(|parts| drop(parts.insert("CARD.md".into(), b"# card\n".to_vec())));
    assert!(matches!(Package::parse(&bare), Err(PackageError::Card { .. })));
}
