//! Holds that what ships has none of the planted faults: their names are not in the binary.
//!
//! With the feature they must be there, which shows that the search can find them.

#![allow(clippy::unwrap_used, clippy::allow_attributes, reason = "a test may panic")]

/// The longer names of faults, and the variable that chooses one. The compiler may keep shorter
/// texts inside its instructions, where no search finds them.
const NAMES: [&str; 3] = ["SCANPOST_PLANT", "acknowledge-before-sync", "forget-owed-at-boot"];

#[test]
fn the_plain_binary_names_no_planted_fault() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_scanpost")).unwrap();
    let has = |name: &str| binary.windows(name.len()).any(|window| window == name.as_bytes());
    assert!(has("danger_any_caller"), "the search finds nothing at all");
    let found: Vec<_> = NAMES.into_iter().filter(|name| has(name)).collect();
    if cfg!(feature = "planted-faults") {
        assert!(found.contains(&"SCANPOST_PLANT"), "the search cannot find what is there");
    } else {
        assert!(found.is_empty(), "{found:?}");
    }
}
