//! Holds the house: layers, strangers, bans, sizes, headers, invariants and the picture.
//!
//! Method: the sources are read as text. Each rule is a function from file texts to complaints,
//! and each is tried on a planted offence too, so that it is known to bite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the vocabulary up. A room may use itself and what stands before it.
const ORDER: &[&str] = &[
    "base", "config", "dicom", "hl7", "image", "model", "infer", "report", "flow", "panel",
    "store", "wire", "board", "web", "node", "cli",
];
/// Edges that do not know each other.
const STRANGERS: &[&str] = &["store", "wire", "board", "web"];
/// Rooms that must not see certain lower ones, and why.
const BANS: &[(&str, &str)] = &[
    ("flow", "dicom"),
    ("flow", "image"),
    ("flow", "infer"),
    ("flow", "report"),
    ("panel", "dicom"),
    ("panel", "image"),
    ("panel", "infer"),
    ("panel", "report"),
    ("report", "flow"),
    ("infer", "dicom"),
];
/// Words that only one file may say.
const CONFINED: &[(&str, &[&str])] = &[
    ("tract_onnx", &["src/infer/tract.rs"]),
    ("Receipt::after_sync", &["src/base/receipt.rs", "src/store/vault/", "src/store/folder.rs"]),
    ("rusqlite", &["src/store/ledger/"]),
    ("landlock", &["src/node/worker/", "src/node/sandbox.rs"]),
    ("seccompiler", &["src/node/worker/", "src/node/sandbox.rs"]),
];
const LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 100;

/// Path to text, for every Rust file of ours under `dir`.
fn sources(dir: &str) -> BTreeMap<String, String> {
    fn walk(dir: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(Path::new(dir), &mut paths);
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap();
    paths.iter().map(|path| (path.display().to_string(), text(path))).collect()
}

/// The room of a source file: `src/flow/gather.rs` and `src/config.rs` alike.
fn room(path: &str) -> Option<&'static str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside.split(['/', '.']).next()?;
    ORDER.iter().find(|room| **room == name).copied()
}

/// The rooms that a file names by `crate::`, with the line, comments left out.
fn uses(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap();
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + 7..];
            let names =
                rest.strip_prefix('{').map_or_else(|| vec![rest], |r| r.split(',').collect());
            for name in names {
                let name = name.trim();
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
                found.push((number + 1, name[..end.unwrap_or(name.len())].to_owned()));
            }
        }
    }
    found
}

fn rank(room: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == room)
}

fn edges(files: &BTreeMap<String, String>) -> BTreeSet<(&'static str, &'static str)> {
    let mut edges = BTreeSet::new();
    for (path, text) in files {
        let Some(from) = room(path) else { continue };
        for (_, used) in uses(text) {
            if let Some(to) = rank(&used).map(|at| ORDER[at])
                && from != to
            {
                edges.insert((from, to));
            }
        }
    }
    edges
}

fn layer_complaints(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in files {
        let Some(from) = room(path) else { continue };
        for (line, used) in uses(text) {
            let Some(to) = rank(&used) else { continue };
            let upward = rank(from).unwrap() < to;
            let strangers =
                from != ORDER[to] && STRANGERS.contains(&from) && STRANGERS.contains(&ORDER[to]);
            if upward || strangers || BANS.contains(&(from, ORDER[to])) {
                wrong.push(format!("{path}:{line}: {from} must not use {used}"));
            }
        }
    }
    wrong
}

fn confinement_complaints(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in files {
        let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap()).collect();
        let code = code.join("\n");
        for (word, homes) in CONFINED {
            let home = homes.iter().any(|home| path.starts_with(home)) || path.contains("/tests");
            if !home && code.contains(word) {
                wrong.push(format!("{path}: only {homes:?} may say {word}"));
            }
        }
    }
    wrong
}

fn shape_complaints(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in files {
        if !text.starts_with("//! ") {
            wrong.push(format!("{path}: no header"));
        }
        if LINES_MAX < text.lines().count() {
            wrong.push(format!("{path}: {} lines", text.lines().count()));
        }
        for (number, line) in text.lines().enumerate() {
            if COLUMNS_MAX < line.chars().count() {
                wrong.push(format!("{path}:{}: wider than {COLUMNS_MAX}", number + 1));
            }
            for word in ["TODO", "FIXME", "XXX", "#[ignore"] {
                // This file names the words that it bans.
                if line.contains(word) && !path.ends_with("tests/architecture.rs") {
                    wrong.push(format!("{path}:{}: {word}", number + 1));
                }
            }
        }
    }
    wrong
}

fn planted(path: &str, text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(path.to_owned(), text.to_owned())])
}

#[test]
fn no_room_uses_one_above_it_or_a_stranger() {
    let wrong = layer_complaints(&sources("src"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_layer_rule_bites() {
    for (path, text) in [
        ("src/flow/gather.rs", "use crate::store::vault::Vault;"),
        ("src/store/vault/mod.rs", "use crate::{base::ids, wire::scp};"),
        ("src/infer/tract.rs", "let x = crate::dicom::header::Tag(1);"),
        ("src/config.rs", "use crate::dicom::syntax;"),
    ] {
        assert_eq!(layer_complaints(&planted(path, text)).len(), 1, "{path}");
    }
}

#[test]
fn the_map_lists_the_rooms_in_their_order() {
    let map = fs::read_to_string("src/lib.rs").unwrap();
    let listed: Vec<_> = map
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "))
        .map(|name| name.trim_end_matches(';').to_owned())
        .collect();
    let expected: Vec<_> = ORDER.iter().filter(|room| listed.iter().any(|l| l == *room)).collect();
    assert_eq!(listed.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_confined_stays_in_its_file() {
    let wrong = confinement_complaints(&sources("src"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let planted = planted("src/wire/scp.rs", "let r = Receipt::after_sync(n);");
    assert_eq!(confinement_complaints(&planted).len(), 1);
}

#[test]
fn every_file_is_short_and_says_what_it_is_for() {
    let mut wrong = shape_complaints(&sources("src"));
    wrong.extend(shape_complaints(&sources("tests")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let bad = format!("fn a() {{}}\n{}", "x\n".repeat(500));
    assert_eq!(shape_complaints(&planted("src/a.rs", &bad)).len(), 2);
}

/// `I1` to `I10` as ARCHITECTURE's list names them.
fn listed_invariants() -> BTreeSet<String> {
    let text = fs::read_to_string("ARCHITECTURE.md").unwrap();
    let section = text.split("\n## Invariants").nth(1).expect("ARCHITECTURE lists invariants");
    let section = section.split("\n## ").next().unwrap();
    let names = section.lines().filter_map(|line| line.strip_prefix("| **I"));
    names.map(|rest| format!("I{}", rest.split("**").next().unwrap())).collect()
}

#[test]
fn every_listed_invariant_is_named_by_a_test() {
    let listed = listed_invariants();
    assert!(!listed.is_empty());
    let mut texts: Vec<String> = sources("tests").into_values().collect();
    // Unit tests stand below this line in their file, or in a file of their own.
    texts.extend(sources("src").into_iter().map(|(path, text)| {
        if path.contains("/tests") {
            return text;
        }
        text.split("#[cfg(test)]").nth(1).unwrap_or_default().to_owned()
    }));
    let is_named = |name: &String| {
        texts.iter().any(|text| {
            text.match_indices(&format!("({name})")).next().is_some()
                || text.contains(&format!("fn {}_", name.to_lowercase()))
        })
    };
    let missing: Vec<_> = listed.iter().filter(|name| !is_named(name)).collect();
    assert!(missing.is_empty(), "no test names {missing:?}");
}

#[test]
fn the_picture_has_the_edges_that_the_code_has() {
    let text = fs::read_to_string("ARCHITECTURE.md").unwrap();
    let table = text.split("<!-- edges -->").nth(1).expect("ARCHITECTURE draws the edges");
    let mut drawn = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.split('|').map(str::trim);
        let from = cells.nth(1).unwrap().trim_matches('`');
        let from = ORDER.iter().find(|room| **room == from).expect("a room");
        for to in cells.next().unwrap().split_whitespace().filter(|to| *to != "–") {
            drawn.insert((*from, *ORDER.iter().find(|room| **room == to).expect("a room")));
        }
    }
    assert_eq!(drawn, edges(&sources("src")), "left: ARCHITECTURE, right: the `use` lines");
}
