//! Holds what the binary may depend on, by asking cargo.

#![allow(clippy::unwrap_used, clippy::allow_attributes, reason = "a test may panic")]

use std::process::Command;

fn tree(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--prefix", "none"])
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn tokio_is_there_for_its_feature_sync_alone() {
    let features = tree(&["-e", "normal,features", "-i", "tokio"]);
    let asked: Vec<_> =
        features.lines().filter(|line| line.starts_with("tokio feature ")).collect();
    for line in &asked {
        let name = line.trim_start_matches("tokio feature ").trim_matches('"');
        let name = name.split('"').next().unwrap();
        assert!(["sync", "default"].contains(&name), "tokio feature {name} is asked for");
    }
    assert!(!asked.is_empty() || features.contains("tokio"), "the check found nothing to look at");
}

#[test]
fn a_c_compiler_is_all_that_the_build_needs() {
    let all = tree(&["-e", "normal,build"]);
    assert!(all.contains("rusqlite"), "the check found nothing to look at");
    for banned in ["openssl-sys ", "native-tls ", "cmake ", "bindgen "] {
        assert!(!all.lines().any(|line| line.starts_with(banned)), "{banned}is in the tree");
    }
}
