//! Goal: the package of the repository is verified, installed and listed by the verbs, and every
//! refusal ends with code 1, words on stderr and an untouched models folder.
//!
//! Method: the real binary, with settings that name a folder of the test.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a test may panic and lays out its own files"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scanpost::base::digest::Digest;
use serde_json::Value;

/// A folder with settings whose state lies in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let state = place.path("state");
        std::fs::write(place.path("box.toml"), format!("state = \"{}\"\n", state.display()))
            .unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn model(&self, verb: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scanpost"));
        command.arg("model").args(verb);
        if verb.first() != Some(&"verify") {
            command.arg("--config").arg(self.path("box.toml"));
        }
        command.output().unwrap()
    }

    /// A copy of the package in the repository.
    fn copy(&self) -> PathBuf {
        let to = self.path("package");
        std::fs::create_dir_all(to.join("golden")).unwrap();
        for name in ["CARD.md", "NOTICE", "golden/output.f32", "golden/slice.i16", "model.onnx"] {
            std::fs::copy(ours().join(name), to.join(name)).unwrap();
        }
        std::fs::copy(ours().join("model.toml"), to.join("model.toml")).unwrap();
        to
    }

    fn installed(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path("state/models")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn ours() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lung-nodule")
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The words of a refusal.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn our_package_is_verified_installed_and_listed() {
    let place = Place::new();
    let ours = text(&ours());
    let verified = json(&place.model(&["verify", &ours, "--json"]));
    assert_eq!(verified["golden"]["values"], 121);
    assert!(place.installed().is_empty(), "verifying installs nothing");
    let installed = json(&place.model(&["install", &ours, "--json"]));
    assert_eq!((&installed["new"], &installed["format"]), (&true.into(), &1.into()));
    let again = json(&place.model(&["install", &ours, "--json"]));
    assert_eq!((&again["new"], &again["digest"]), (&false.into(), &verified["digest"]));
    let listed = json(&place.model(&["list", "--json"]));
    assert_eq!(listed["packages"][0]["digest"], verified["digest"]);
    assert_eq!(listed["packages"][0]["active"], true);
    assert_eq!(listed["refused"].as_array().map(Vec::len), Some(0));
    assert_eq!(place.installed(), ["lung-nodule-1.0.0"]);
    let human = place.model(&["list"]);
    assert!(human.stdout.is_empty());
    assert!(String::from_utf8_lossy(&human.stderr).contains("reads: lung-nodule 1.0.0"));
}

#[test]
fn one_file_made_by_tar_is_the_same_package() {
    let place = Place::new();
    let mut builder = tar::Builder::new(std::fs::File::create(place.path("p.tar")).unwrap());
    builder.append_dir_all(".", ours()).unwrap();
    builder.into_inner().unwrap();
    let file = text(&place.path("p.tar"));
    let one = json(&place.model(&["install", &file, "--json"]));
    let folder = json(&place.model(&["verify", &text(&ours()), "--json"]));
    assert_eq!(one["digest"], folder["digest"]);
}

#[test]
fn a_package_that_was_changed_is_refused_with_the_part_and_what_to_do() {
    let place = Place::new();
    let copy = place.copy();
    let mut card = std::fs::read(copy.join("CARD.md")).unwrap();
    card.push(b'\n');
    std::fs::write(copy.join("CARD.md"), card).unwrap();
    for verb in ["verify", "install"] {
        let said = refusal(&place.model(&[verb, &text(&copy), "--json"]));
        assert!(said.contains("CARD.md") && said.contains("not the original"), "{said}");
    }
    assert!(place.installed().is_empty());
}

#[test]
fn a_golden_case_that_comes_out_otherwise_is_refused_by_the_worker() {
    let place = Place::new();
    let copy = place.copy();
    let mut output = std::fs::read(copy.join("golden/output.f32")).unwrap();
    output[..4].copy_from_slice(&9.5_f32.to_le_bytes());
    std::fs::write(copy.join("golden/output.f32"), &output).unwrap();
    let manifest = std::fs::read_to_string(copy.join("model.toml")).unwrap();
    let digest = Digest::of(&output);
    let listed = manifest.lines().map(|line| {
        let is_output = line.starts_with("\"golden/output.f32\"");
        let other = format!("\"golden/output.f32\" = \"{digest}\"");
        format!("{}\n", if is_output { &other } else { line })
    });
    std::fs::write(copy.join("model.toml"), listed.collect::<String>()).unwrap();
    let said = refusal(&place.model(&["install", &text(&copy)]));
    assert!(said.contains("golden case is off"), "{said}");
    assert!(place.installed().is_empty());
}

#[test]
fn the_same_version_with_other_content_is_refused_and_the_first_one_stays() {
    let place = Place::new();
    let before = json(&place.model(&["install", &text(&ours()), "--json"]));
    let copy = place.copy();
    let manifest = std::fs::read_to_string(copy.join("model.toml")).unwrap();
    std::fs::write(copy.join("model.toml"), format!("# another\n{manifest}")).unwrap();
    let said = refusal(&place.model(&["install", &text(&copy)]));
    assert!(said.contains("give the new one another version"), "{said}");
    let listed = json(&place.model(&["list", "--json"]));
    assert_eq!(listed["packages"][0]["digest"], before["digest"]);
}

#[test]
fn what_is_not_there_or_no_package_is_refused_and_a_wrong_use_has_another_code() {
    let place = Place::new();
    let nowhere = refusal(&place.model(&["verify", "/nowhere"]));
    assert!(nowhere.contains("/nowhere cannot be read"), "{nowhere}");
    let file = refusal(&place.model(&["verify", &text(&place.path("box.toml"))]));
    assert!(file.contains("no tar archive") && file.contains("tar -cf"), "{file}");
    assert_eq!(place.model(&["verify"]).status.code(), Some(2));
    let empty = json(&place.model(&["list", "--json"]));
    assert_eq!(empty["packages"].as_array().map(Vec::len), Some(0));
}
