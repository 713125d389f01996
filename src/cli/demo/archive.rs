//! The archive of the demo: Orthanc where it is installed, else our own `sink`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::cli::demo::clinic::{free_port, listens, log_file, ourselves, program};
use crate::cli::demo::{Story, http};
use crate::cli::terminal::Failure;
use crate::dicom::part10::read_head;

/// SOP Class UIDs of our documents: SEG, SR, Secondary Capture.
const RESULTS: [&str; 3] =
    ["1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.7"];

/// Where an archive listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Its AE title.
    pub(super) ae: &'static str,
    /// Its port on this machine.
    pub(super) port: u16,
}

/// What arrived at the archive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Documents {
    /// Images of the scanner.
    pub(super) images: usize,
    /// Documents of ours.
    pub(super) results: usize,
}

/// An archive that is away until it is started.
pub(super) struct Archive {
    peer: Peer,
    kind: Kind,
    folder: PathBuf,
    running: Option<Child>,
}

enum Kind {
    Orthanc { program: PathBuf, http: u16 },
    Sink,
}

impl Archive {
    /// Sets an archive up without starting it.
    ///
    /// # Errors
    ///
    /// When no port is free or the folder cannot be written.
    pub(super) fn prepare(scratch: &Path, alone: bool) -> Result<Self, Failure> {
        let folder = scratch.join("archive");
        std::fs::create_dir(&folder)
            .map_err(|error| Failure::because("the archive has no folder", &error))?;
        let port = free_port()?;
        let found = if alone { None } else { program("Orthanc") };
        let (ae, kind) = match found {
            Some(program) => ("ORTHANC", Kind::Orthanc { program, http: free_port()? }),
            None => ("SINK", Kind::Sink),
        };
        Ok(Self { peer: Peer { ae, port }, kind, folder, running: None })
    }

    /// What plays the archive.
    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Orthanc { .. } => "Orthanc",
            Kind::Sink => "scanpost sink",
        }
    }

    /// Where it will listen.
    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub(super) fn start(&mut self, story: &Story) -> Result<(), Failure> {
        let log = log_file(&self.folder.with_extension("log"))?;
        let mut command = match &self.kind {
            Kind::Orthanc { program, http } => {
                let settings = self.folder.join("orthanc.json");
                write(&settings, orthanc(self.peer, *http, &self.folder).to_string().as_bytes())?;
                let mut command = Command::new(program);
                command.arg(settings);
                command
            }
            Kind::Sink => {
                let mut command = Command::new(ourselves()?);
                command.args(["sink", "--port", &self.peer.port.to_string(), "--out"]);
                command.arg(self.folder.join("in"));
                command
            }
        };
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child =
            child.map_err(|error| Failure::because("the archive does not start", &error))?;
        self.running = Some(child);
        let port = self.peer.port;
        story.wait("the archive to listen", || Ok(listens(port).then_some(())))
    }

    /// Copies our documents into `results` and counts what arrived, each instance once.
    ///
    /// # Errors
    ///
    /// When the archive does not give them, or has one twice.
    pub(super) fn collect(&self, results: &Path) -> Result<Documents, Failure> {
        std::fs::create_dir(results)
            .map_err(|error| Failure::because("the results have no folder", &error))?;
        let mut seen = std::collections::BTreeSet::new();
        let mut documents = Documents::default();
        for file in self.files()? {
            let head = read_head(&file)
                .map_err(|error| Failure::because("the archive holds something else", &error))?;
            let (Some(class), Some(instance)) = (head.sop_class, head.sop_instance) else {
                return Err(Failure::Refused("the archive holds a nameless instance".to_owned()));
            };
            if !seen.insert(instance.clone()) {
                return Err(Failure::Refused(format!("{instance} is there twice")));
            }
            match RESULTS.iter().position(|known| *known == class.as_str()) {
                None => documents.images += 1,
                Some(kind) => {
                    let kind = ["seg", "sr", "capture"].get(kind).unwrap_or(&"other");
                    documents.results += 1;
                    let name = format!("{:02}-{kind}.dcm", documents.results);
                    write(&results.join(name), &file)?;
                }
            }
        }
        Ok(documents)
    }

    /// Every instance of the archive as a file.
    fn files(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let lost = |error: std::io::Error| Failure::because("the archive is not read", &error);
        match &self.kind {
            Kind::Orthanc { http, .. } => {
                let list = http::get(*http, "/instances").map_err(lost)?;
                let ids: Vec<String> = serde_json::from_slice(&list)
                    .map_err(|error| Failure::because("Orthanc says something else", &error))?;
                let file = |id: &String| http::get(*http, &format!("/instances/{id}/file"));
                ids.iter().map(|id| file(id).map_err(lost)).collect()
            }
            Kind::Sink => {
                let mut paths = Vec::new();
                super::super::send::collect(&self.folder.join("in"), &mut paths)?;
                paths.iter().map(|path| std::fs::read(path).map_err(lost)).collect()
            }
        }
    }

    /// Lets it run on when the demo ends; returns its process.
    pub(super) fn keep(&mut self) -> Option<u32> {
        self.running.take().map(|child| child.id())
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            // It may be gone already.
            drop((child.kill(), child.wait()));
        }
    }
}

fn orthanc(peer: Peer, http: u16, folder: &Path) -> Value {
    json!({
        "Name": "demo", "StorageDirectory": folder, "IndexDirectory": folder,
        "DicomAet": peer.ae, "DicomPort": peer.port, "HttpPort": http,
        "RemoteAccessAllowed": false, "AuthenticationEnabled": false, "Plugins": [],
        "OverwriteInstances": true,
    })
}

/// Writes a file of the scratch folder.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    File::create(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Failure::because(&format!("{} is not written", path.display()), &error))
}
