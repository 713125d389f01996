//! The box of the demo: its settings, its process, and what it says of itself.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cli::demo::archive::{Peer, write};
use crate::cli::demo::{Story, http, scanner};
use crate::cli::terminal::Failure;
use crate::cli::{ConfigPath, ask};
use crate::node::control::{Question, StudyFilter};

/// A box in the scratch folder.
pub(super) struct Clinic {
    folder: PathBuf,
    settings: PathBuf,
    port: u16,
    page: u16,
    running: Option<Child>,
}

impl Clinic {
    /// Writes the settings and installs the package.
    ///
    /// # Errors
    ///
    /// When a port is not free, or the package is refused.
    pub(super) fn build(scratch: &Path, package: &Path, peer: Peer) -> Result<Self, Failure> {
        let folder = scratch.join("box");
        std::fs::create_dir(&folder)
            .map_err(|error| Failure::because("the box has no folder", &error))?;
        let (port, page) = (free_port()?, free_port()?);
        let settings = scratch.join("settings.toml");
        write(&settings, text(&folder, (port, page), peer).as_bytes())?;
        let mut install = Command::new(ourselves()?);
        install.args(["model", "install"]).arg(package).arg("--config").arg(&settings);
        let done = install
            .output()
            .map_err(|error| Failure::because("the package is not installed", &error))?;
        if !done.status.success() {
            let words = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            return Err(Failure::Refused(words));
        }
        Ok(Self { folder, settings, port, page, running: None })
    }

    /// Where scanners call.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Port of the page.
    pub(super) fn page(&self) -> u16 {
        self.page
    }

    /// Starts the box and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it does not come up; its log says why.
    pub(super) fn start(&mut self, story: &Story) -> Result<(), Failure> {
        let path = self.folder.with_extension("log");
        let log = log_file(&path)?;
        let child = Command::new(ourselves()?)
            .arg("run")
            .arg("--config")
            .arg(&self.settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| Failure::because("the box does not start", &error))?;
        let (mut child, port) = (child, self.port);
        let up = story.wait("the box to listen", || {
            let over = child.try_wait().ok().flatten();
            if over.is_some() {
                let words = format!("the box stopped: see {}", path.display());
                return Err(Failure::Refused(words));
            }
            Ok(listens(port).then_some(()))
        });
        self.running = Some(child);
        up
    }

    /// Returns what kills the box at once, as a power cut would.
    pub(super) fn killer(&self) -> impl Fn() + Send + 'static + use<> {
        let pid = self.running.as_ref().and_then(|child| i32::try_from(child.id()).ok());
        move || {
            // One that is gone already needs no second death.
            if let Some(pid) = pid.and_then(Pid::from_raw)
                && let Err(error) = kill_process(pid, Signal::KILL)
            {
                tracing::debug!(%error, "the box was gone");
            }
        }
    }

    /// Takes leave of the box that was killed.
    ///
    /// # Errors
    ///
    /// When it was not: then it ended by itself.
    pub(super) fn bury(&mut self) -> Result<(), Failure> {
        let Some(mut child) = self.running.take() else { return Ok(()) };
        (self.killer())();
        let status = child.wait().map_err(|error| Failure::because("the box is lost", &error))?;
        if status.code().is_some() {
            return Err(Failure::Refused(format!("the box ended by itself: {status}")));
        }
        Ok(())
    }

    fn ask(&self, question: Question) -> Result<Value, Failure> {
        ask::ask(&ConfigPath { config: self.settings.clone() }, question)
    }

    /// The one study, as the list has it; none before its first image.
    fn study(&self) -> Result<Option<Value>, Failure> {
        let answer = self.ask(Question::Studies { filter: StudyFilter::All })?;
        Ok(answer.pointer("/studies/0").cloned())
    }

    /// How many images are kept.
    ///
    /// # Errors
    ///
    /// When the box does not answer.
    pub(super) fn instances(&self) -> Result<usize, Failure> {
        let study = self.study()?;
        let count = study.and_then(|study| study.get("instances")?.as_u64());
        Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
    }

    /// Whether all was delivered.
    ///
    /// # Errors
    ///
    /// When the box does not answer.
    pub(super) fn nothing_owed(&self) -> Result<Option<()>, Failure> {
        let study = self.study()?.unwrap_or_default();
        let is_done = ["owed", "parked"]
            .iter()
            .all(|name| study.get(name).and_then(Value::as_u64) == Some(0));
        Ok(is_done.then_some(()))
    }

    /// The study's page, as the control socket has it.
    fn about(&self) -> Result<Value, Failure> {
        let study = self.study()?.unwrap_or_default();
        let uid = study.get("study").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.ask(Question::Study { uid })
    }

    /// Whether the timeline has an event of this kind.
    ///
    /// # Errors
    ///
    /// When the box does not answer.
    pub(super) fn event(&self, kind: &str) -> Result<Option<()>, Failure> {
        let about = self.about()?;
        let events = about.get("timeline").and_then(Value::as_array);
        let mut kinds = events.into_iter().flatten().filter_map(|event| event.get("kind"));
        Ok(kinds.any(|found| found == kind).then_some(()))
    }

    /// The study's newest result, once there is one.
    ///
    /// # Errors
    ///
    /// When the box does not answer, or says that nothing will be read.
    pub(super) fn result(&self) -> Result<Option<Value>, Failure> {
        let about = self.about()?;
        let jobs = about.get("results").and_then(Value::as_array);
        if jobs.is_none_or(Vec::is_empty) {
            let lines: Vec<&str> = about
                .get("text")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            return Err(Failure::Refused(format!("nothing is read:\n  {}", lines.join("\n  "))));
        }
        let newest = jobs.into_iter().flatten().next_back();
        Ok(newest.and_then(|job| job.get("document")).filter(|json| !json.is_null()).cloned())
    }

    /// Saves the first picture of the page; none where names and pictures are hidden.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn picture(&self, results: &Path) -> Result<Option<PathBuf>, Failure> {
        let Ok(png) = http::get(self.page, "/studies/1/pictures/1.png") else { return Ok(None) };
        let path = results.join("picture.png");
        write(&path, &png)?;
        Ok(Some(path))
    }

    /// Lets the box run on when the demo ends; returns its process.
    pub(super) fn keep(&mut self) -> Option<u32> {
        self.running.take().map(|child| child.id())
    }

    /// Stops the box and removes its store: the demo's results stay.
    ///
    /// # Errors
    ///
    /// When the folder cannot be removed.
    pub(super) fn clear(&mut self) -> Result<(), Failure> {
        self.end();
        std::fs::remove_dir_all(&self.folder)
            .map_err(|error| Failure::because("the box's folder stays", &error))
    }

    fn end(&mut self) {
        if let Some(mut child) = self.running.take() {
            // It may be gone already.
            drop((child.kill(), child.wait()));
        }
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        self.end();
    }
}

fn text(folder: &Path, (port, page): (u16, u16), peer: Peer) -> String {
    // A literal string of TOML takes anything but its own quote, which no scratch folder has.
    let quoted = |name: &str| format!("'{}'", folder.join(name).display());
    let (state, socket) = (quoted("state"), quoted("socket"));
    let Peer { ae, port: peer } = peer;
    format!(
        "state = {state}\nsocket = {socket}\n\
         [listen]\naddress = \"127.0.0.1\"\nport = {port}\n\
         [callers.CT1]\nae = \"{calling}\"\naddress = \"127.0.0.1\"\n\
         [destinations.PACS]\nae = \"{ae}\"\nhost = \"127.0.0.1\"\nport = {peer}\n\
         [page]\nport = {page}\ndanger_open_page = true\n\
         [vault]\nslab_mib = 4\n\
         [gather]\nquiet_s = 5\nreleased_quiet_s = 1\n\
         [models]\ndanger_post_unapproved_results = true\n",
        calling = scanner::AE,
    )
}

/// This program.
pub(super) fn ourselves() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| Failure::because("this program is not found", &error))
}

/// Finds a program where administrators and users have them.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let own = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut places = std::env::split_paths(&places).chain(own).map(|place| place.join(name));
    places.find(|path| path.is_file())
}

/// A port of this machine that nobody has.
pub(super) fn free_port() -> Result<u16, Failure> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::because("no port is free", &error))
}

/// Whether somebody listens there.
pub(super) fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Opens a log at its end.
pub(super) fn log_file(path: &Path) -> Result<File, Failure> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| Failure::because(&format!("{} is not opened", path.display()), &error))
}
