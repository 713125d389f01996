//! Goal: a text gives the config that its comments promise, or an error that names the place and
//! never the value. Method: every key at its borders, and texts with a secret in every value.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Config {
    Config::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    match Config::parse(text) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("accepted: {text}"),
    }
}

const TWO: &str = r#"
[callers.CT1]
ae = "CT1"
address = "10.0.0.0/24"
routes = ["PACS"]
urgent = true

[destinations.PACS]
ae = "ORTHANC"
host = "10.0.0.5"
port = 104

[destinations.FAR]
ae = "FAR"
host = "far.example"
port = 11112
calling = "BOX"
originals = false
"#;

#[test]
fn the_example_parses_and_says_nothing_but_the_defaults() {
    assert_eq!(parsed(Config::default_text()), parsed(""));
}

#[test]
fn the_example_with_its_comments_taken_away_parses_too_and_holds_every_key() {
    let text = Config::default_text();
    let open = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest.to_owned(),
        _ => line.to_owned(),
    };
    let all: Vec<String> = text.lines().map(open).collect();
    let config = parsed(&all.join("\n"));
    let caller = &config.callers["CT1"];
    assert_eq!(caller.routes, ["PACS"]);
    assert_eq!(caller.called, AeTitle::parse(b"URGENT").ok());
    assert_eq!(config.destinations["PACS"].calling, config.listen.ae);
    assert_eq!(config.models, parsed("").models);
    assert_eq!(config.key, parsed("").key);
}

#[test]
fn the_defaults_are_those_of_a_safe_clinic() {
    let config = parsed("");
    assert_eq!(config.listen.ae.as_str(), "SCANPOST");
    assert_eq!((config.listen.port, config.page.port), (11112, 8443));
    assert_eq!(config.state, PathBuf::from("/var/lib/scanpost"));
    assert_eq!(config.models.folder, PathBuf::from("/var/lib/scanpost/models"));
    assert!(config.callers.is_empty() && config.destinations.is_empty());
    assert!(!config.danger_any_caller && !config.page.danger_open_page);
    assert!(!config.models.danger_post_unapproved_results);
    assert_eq!(config.gather.quiet, Duration::from_mins(1));
    assert_eq!(config.gather.released_quiet, Duration::from_secs(10));
    assert_eq!(config.gather.incomplete, Duration::from_mins(15));
    assert_eq!((config.vault.slab_bytes, config.vault.reserve_bytes), (64 << 20, 256 << 20));
}

#[test]
fn callers_and_destinations_are_read_with_what_stands_in_for_a_missing_key() {
    let config = parsed(TWO);
    let (caller, far) = (&config.callers["CT1"], &config.destinations["FAR"]);
    assert_eq!((caller.urgency, caller.address), (Urgency::High, Net::parse("10.0.0.0/24")));
    assert_eq!((far.calling.as_str(), far.originals, far.results), ("BOX", false, true));
    assert_eq!(config.destinations["PACS"].calling.as_str(), "SCANPOST");
    let without = parsed(&TWO.replace("routes = [\"PACS\"]\n", ""));
    assert_eq!(without.callers["CT1"].routes, ["FAR", "PACS"]);
}

#[test]
fn folders_follow_the_state_folder() {
    let config = parsed("state = \"/data\"");
    assert_eq!(config.models.folder, PathBuf::from("/data/models"));
    assert_eq!(config.key.file, PathBuf::from("/data/key"));
}

#[test]
fn every_number_holds_at_its_borders_and_not_beyond() {
    let rows = [
        ("listen", "port", 1, 65535),
        ("page", "port", 1, 65535),
        ("vault", "slab_mib", 1, 1024),
        ("vault", "reserve_mib", 16, 1_048_576),
        ("gather", "quiet_s", 1, 3600),
        ("gather", "released_quiet_s", 1, 60),
        ("gather", "incomplete_s", 60, 86_400),
        ("retain", "days", 0, 3650),
    ];
    for (table, key, least, most) in rows {
        let with = |value: i64| format!("[{table}]\n{key} = {value}");
        parsed(&with(least));
        parsed(&with(most));
        for outside in [least - 1, most + 1, -1, i64::MIN] {
            let error = refused(&with(outside));
            assert!(error.starts_with(&format!("line 2: {table}.{key}: ")), "{error}");
        }
    }
}

#[test]
fn an_error_names_line_and_key() {
    let rows = [
        ("listen = 3", "line 1: listen: this must be a table"),
        ("[listen]\n\nprot = 3", "line 3: listen.prot: there is no such key here"),
        ("\nstates = \"/x\"", "line 2: states: there is no such key here"),
        ("state = \"x\"", "line 1: state: a path must be absolute"),
        ("[listen]\nport = \"3\"", "line 2: listen.port: this must be a whole number"),
        (
            "[page]\ndanger_open_page = 1",
            "line 2: page.danger_open_page: this must be true or false",
        ),
        ("[callers.CT1]\n", "line 1: callers.CT1.ae: this key must be set"),
        (
            "[callers.\"C T\"]\nae = \"A\"",
            "line 1: callers.CT: a name has 1 to 32 letters, digits, - and _",
        ),
        (
            "[destinations.P]\nae = \"A\"\nport = 1",
            "line 1: destinations.P.host: this key must be set",
        ),
        ("[log]\nlevel = \"loud\"", "line 2: log.level: error, warn, info, debug or trace"),
        ("a = 1\na = 2", "line 2: this is not TOML; is a quote or bracket missing?"),
        ("[listen\n", "line 1: this is not TOML; is a quote or bracket missing?"),
    ];
    for (text, expected) in rows {
        assert_eq!(refused(text), expected);
    }
}

#[test]
fn a_route_must_name_a_destination() {
    let text = TWO.replace("[\"PACS\"]", "[\n\"PACS\",\n\"PAX\"]");
    assert_eq!(
        refused(&text),
        "line 7: callers.CT1.routes: a route names an entry of [destinations]"
    );
}

#[test]
fn two_callers_that_nobody_could_tell_apart_are_refused() {
    let twin = format!("{TWO}[callers.CT2]\nae = \"CT1\"\naddress = \"10.0.0.0/24\"\n");
    assert!(refused(&twin).contains("callers.CT2.ae"));
    let named = format!("{twin}called = \"SCANPOST\"\n");
    assert!(refused(&named).contains("callers.CT2.ae"));
    parsed(&twin.replace("[callers.CT2]", "[callers.CT2]\ncalled = \"OTHER\""));
}

#[test]
fn no_error_ever_repeats_a_value() {
    let secret = "hunter2";
    let wrong = [
        format!("state = \"{secret}\""),
        format!("state = {secret}"),
        format!("state = \"{secret}"),
        format!("[listen]\nae = \"{secret}-{secret}-{secret}\""),
        format!("[listen]\naddress = \"{secret}\""),
        format!("[listen]\nport = \"{secret}\""),
        format!("[log]\nlevel = \"{secret}\""),
        format!("[callers.A]\nae = \"A\"\nroutes = [\"{secret}\"]"),
        format!("[callers.A]\nae = \"A\"\naddress = \"{secret}\""),
        format!("[destinations.A]\nae = \"A\"\nport = 1\nhost = \"{secret} \""),
        format!("[key]\nfile = [\"{secret}\"]"),
        format!("[key]\nfile = {{ a = \"{secret}\" }}"),
    ];
    for text in wrong {
        let error = Config::parse(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret), "{error}");
    }
}

#[test]
fn a_file_without_end_is_not_read() {
    let text = "#".repeat(usize::try_from(crate::base::limits::CONFIG_BYTES_MAX).unwrap() + 1);
    assert!(refused(&text).contains("too large"));
}

#[test]
fn the_digest_changes_with_what_decides_routes_and_with_nothing_else() {
    let base = parsed(TWO).digest();
    let same = [
        TWO.replace("10.0.0.5", "10.0.0.6"),
        TWO.replace("port = 104", "port = 105"),
        format!("{TWO}[page]\nport = 1\n"),
        TWO.replace("routes", "\n# a word\nroutes"),
    ];
    let other = [
        TWO.replace("urgent = true", "urgent = false"),
        TWO.replace("[\"PACS\"]", "[\"FAR\"]"),
        TWO.replace("10.0.0.0/24", "10.0.0.0/23"),
        TWO.replace("originals = false", "originals = true"),
        TWO.replace("originals = false", "results = false"),
        TWO.replace("ae = \"CT1\"", "ae = \"CT2\""),
        format!("danger_any_caller = true\n{TWO}"),
        format!("{TWO}[listen]\nae = \"OTHER\"\n"),
    ];
    assert!(same.iter().all(|text| parsed(text).digest() == base));
    let digests: std::collections::BTreeSet<_> =
        other.iter().map(|text| parsed(text).digest()).collect();
    assert!(digests.len() == other.len() && !digests.contains(&base));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]a-z=\"'., \n0-9{}#-]{0,120}") {
        prop_assert!(Config::parse(&text).map_or_else(|error| 1 <= error.line, |_| true));
    }

    #[test]
    fn every_beginning_of_a_config_is_a_config_or_an_error_within_its_lines(cut in 0_usize..400) {
        let text: String = TWO.chars().take(cut).collect();
        if let Err(error) = Config::parse(&text) {
            prop_assert!(error.line <= text.lines().count() + 1);
        }
    }
}
