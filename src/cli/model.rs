//! `scanpost model`: verifies, installs and lists model packages.
//!
//! A package is a folder (`model.toml` and the parts that it lists) or a tar archive of one, made
//! with `tar -cf FILE -C FOLDER .`. Exit codes: 0 verified, installed, already installed or listed;
//! 1 refused; 2 used wrongly; 70 our bug.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::terminal::{self, Failure};
use crate::cli::{ConfigPath, Done};
use crate::model::package::Package;
use crate::node::packages::{self, Outcome, PackagesError};
use crate::node::settings;
use crate::node::worker::Worker;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Model {
    /// Check every part of a package and run its golden case. Installs nothing.
    Verify(Verify),
    /// Verify a package and install it; it reads from the next start on.
    Install(Install),
    /// List what is installed.
    List(List),
}

#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// The package: its folder, or a tar archive of it.
    path: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Install {
    /// The package: its folder, or a tar archive of it.
    path: PathBuf,
    #[command(flatten)]
    config: ConfigPath,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    config: ConfigPath,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: &Model) -> Done {
    match verb {
        Model::Verify(verb) => verify(verb),
        Model::Install(verb) => install(verb),
        Model::List(verb) => list(verb),
    }
}

fn verify(verb: &Verify) -> Done {
    terminal::say("verifying: every part, then the golden case");
    let verified = smol::block_on(packages::verify(&verb.path, &Worker::default()));
    let verified = verified.map_err(|error| failure("not verified", &error))?;
    let (worst, values) = (verified.agreement.worst, verified.agreement.values);
    if verb.json {
        let golden = json!({"worst": worst, "values": values});
        let more = [("good", json!(true)), ("golden", golden)];
        return terminal::answer(&facts(&verified.package, more));
    }
    let tolerance = verified.package.golden().tolerance;
    terminal::say(&title(&verified.package));
    terminal::say(&format!(
        "golden case: {values} values, at most {worst} off, {tolerance} allowed"
    ));
    Ok(())
}

fn install(verb: &Install) -> Done {
    let folder = models(&verb.config)?;
    terminal::say("verifying: every part, then the golden case");
    let outcome = smol::block_on(packages::install(&verb.path, &folder, &Worker::default()));
    let outcome = outcome.map_err(|error| failure("not installed", &error))?;
    let (installed, words, is_new) = match &outcome {
        Outcome::Installed(installed) => (installed, "installed", true),
        Outcome::Already(installed) => (installed, "was installed already", false),
    };
    if verb.json {
        let more = [("path", json!(installed.path)), ("new", json!(is_new))];
        return terminal::answer(&facts(&installed.package, more));
    }
    terminal::say(&format!("{} {words}: {}", title(&installed.package), installed.path.display()));
    Ok(())
}

fn list(verb: &List) -> Done {
    let folder = models(&verb.config)?;
    let packages = packages::load(&folder);
    let active: Vec<_> = packages.active().into_iter().map(|one| &one.path).collect();
    if verb.json {
        let installed = packages.installed.iter().map(|one| {
            let active = json!(active.contains(&&one.path));
            facts(&one.package, [("path", json!(one.path)), ("active", active)])
        });
        let refused = packages.refused.iter().map(
            |(path, error)| json!({"path": path, "why": failure("not used", error).to_string()}),
        );
        return terminal::answer(&json!({
            "format": 1,
            "packages": installed.collect::<Vec<_>>(),
            "refused": refused.collect::<Vec<_>>(),
        }));
    }
    for one in &packages.installed {
        let state = if active.contains(&&one.path) { "reads" } else { "older" };
        terminal::say(&format!("{state}: {}", title(&one.package)));
    }
    for (path, error) in &packages.refused {
        terminal::say(&failure(&format!("not used: {}", path.display()), error).to_string());
    }
    if packages.installed.is_empty() && packages.refused.is_empty() {
        terminal::say(&format!("nothing is installed in {}", folder.display()));
    }
    Ok(())
}

fn models(config: &ConfigPath) -> Result<PathBuf, Failure> {
    let config = settings::read(&config.config)
        .map_err(|error| Failure::because("the settings are not good", &error))?;
    Ok(config.models.folder)
}

fn failure(what: &str, error: &PackagesError) -> Failure {
    Failure::because(what, error)
}

fn title(package: &Package) -> String {
    let manifest = package.manifest();
    format!("{} {}, {} ({})", manifest.name, manifest.version, manifest.title, package.digest())
}

/// What every answer says of a package, and `more`.
fn facts(package: &Package, more: [(&str, Value); 2]) -> Value {
    let manifest = package.manifest();
    let own = [
        ("format", json!(1)),
        ("name", json!(manifest.name)),
        ("version", json!(manifest.version)),
        ("title", json!(manifest.title)),
        ("digest", json!(package.digest())),
    ];
    own.into_iter().chain(more).map(|(key, value)| (key.to_owned(), value)).collect()
}
