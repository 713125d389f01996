//! A reader whose worker says what a test wants it to say.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::Clinic;
use crate::base::units::{Hu, Ml, Mm, Probability};
use crate::image::volume::SourceVoxel;
use crate::infer::finding::{
    Extent, Heatmap, Mark, Mask, Measured, NotMeasured, Picture, Reading, Run,
};
use crate::model::package::Package;
use crate::model::package::tests::parts;
use crate::node::deliver::Stores;
use crate::node::read::{Desk, Identities, Reader};
use crate::node::reading::SharedReading;
use crate::node::results::{self, JobResult};
use crate::node::seal::Seal;
use crate::node::shelf::Shelf;
use crate::node::worker::Worker;
use crate::store::ledger::{KeptDocument, Owed, Thing};

/// What a worker says first.
const HELLO: &[u8] = br#"{"version":1,"sandbox":{"landlock":"Full","seccomp":"Enforced"}}"#;
/// Kinds of frames.
const DATA: u8 = 3;
const END: u8 = 6;
const READ: u8 = 8;
const NOT_READ: u8 = 10;
const BAD: u8 = 11;

/// The program in the worker's place.
pub(crate) struct StandIn {
    place: TempDir,
}

impl StandIn {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/node/tests/stand-in.sh");
        symlink(script, place.path().join("worker")).unwrap();
        let made = Self { place };
        made.put("hello", &frame(1, HELLO));
        made.ends("", 0);
        made
    }

    #[expect(clippy::disallowed_methods, reason = "a test lays out its own folder")]
    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.place.path().join(name), bytes).unwrap();
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker::of(self.place.path().join("worker"))
    }

    /// How often it was started.
    pub(crate) fn starts(&self) -> usize {
        let starts = std::fs::read_to_string(self.place.path().join("starts"));
        starts.map_or(0, |text| text.lines().count())
    }

    /// From now on it says this and ends with that code.
    pub(crate) fn ends(&self, says: impl AsRef<[u8]>, code: u8) {
        self.put("answer", says.as_ref());
        self.put("code", format!("{code}\n").as_bytes());
    }

    /// From now on it refuses, in the word of the conversation.
    pub(crate) fn refuses(&self, json: &str) {
        self.ends([frame(NOT_READ, json.as_bytes()), frame(END, &[])].concat(), 0);
    }

    /// From now on it says that the package does not run.
    pub(crate) fn cannot_run_it(&self) {
        self.ends([frame(BAD, b"no such operator"), frame(END, &[])].concat(), 0);
    }

    /// From now on it reads this.
    pub(crate) fn reads(&self, reading: &Reading) {
        let mut bare = reading.clone();
        let mut raw = vec![std::mem::take(&mut bare.heatmap.scores)];
        raw.extend(bare.pictures.iter_mut().map(|picture| std::mem::take(&mut picture.rgb)));
        let mut says = frame(READ, &serde_json::to_vec(&bare).unwrap());
        for bytes in &raw {
            says.extend(frame(DATA, bytes));
        }
        says.extend(frame(END, &[]));
        self.ends(says, 0);
    }
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[kind][..], &length, payload].concat()
}

/// A reading of `slices` slices: one mark with its outline, one without, a picture of each.
pub(crate) fn reading(package: &Package, slices: u32) -> Reading {
    let place = |column| SourceVoxel { slice: 20, row: 100, column };
    let measured = Measured {
        long_axis: Mm(7.0),
        long_axis_ends: [place(200), place(210)],
        volume: Ml(0.25),
        mean: Hu(40.0),
        mask: Mask(vec![Run { slice: 20, row: 100, first: 200, count: 11 }]),
    };
    let mark = |score, at, extent| Mark {
        score: Probability::new(score).unwrap(),
        centre: [0.0, 0.0, 40.0],
        at,
        extent,
    };
    let picture = |slice, mark| Picture {
        slice,
        width: 8,
        height: 6,
        rgb: (0..8 * 6 * 3).collect(),
        marks: vec![mark],
    };
    Reading {
        package: package.manifest().name.clone(),
        version: package.manifest().version.clone(),
        package_digest: package.digest(),
        threshold: Probability::new(package.manifest().operating_point.threshold).unwrap(),
        marks: vec![
            mark(1.0, place(205), Extent::Measured(measured)),
            mark(0.99, place(300), Extent::NotMeasured(NotMeasured::Leaks)),
        ],
        heatmap: Heatmap {
            size: [slices, 1, 1],
            first: [255.5, 255.5],
            step: [512.0, 512.0],
            scores: vec![7; usize::try_from(slices).unwrap()],
        },
        pictures: vec![picture(20, 0), picture(21, 1)],
        slices_read: slices,
    }
}

/// One without a mark.
pub(crate) fn without_marks(package: &Package, slices: u32) -> Reading {
    Reading { marks: Vec::new(), pictures: Vec::new(), ..reading(package, slices) }
}

impl Clinic {
    /// A reader of this clinic, with its package on the shelf.
    pub(crate) fn reader(&self, worker: Worker) -> Reader {
        let shelf = self.shelf();
        shelf.look();
        self.reader_with(worker, shelf)
    }

    pub(crate) fn reader_with(&self, worker: Worker, shelf: Shelf) -> Reader {
        Reader {
            desk: Desk {
                stores: self.stores.clone(),
                books: Arc::clone(&self.books),
                shelf: Arc::new(shelf),
                identities: Identities { box_id: [3; 16], vault: [4; 16] },
            },
            worker,
            standing: SharedReading::default(),
            bells: Vec::new(),
        }
    }

    /// The shelf with our package on it; nobody has looked at it yet.
    #[expect(clippy::disallowed_methods, reason = "a test lays out its own folder")]
    pub(crate) fn shelf(&self) -> Shelf {
        let folder: PathBuf = self.state.path().join("models");
        for (name, bytes) in parts() {
            let path = folder.join("lung-nodule-1.0.0").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Shelf::new(folder)
    }

    /// Reads the next job as the loop does, slabs made ready.
    pub(crate) fn read(&self, reader: &Reader) -> Result<bool, crate::node::read::ReadError> {
        let ready = self.stores.vault.prepare();
        assert!(ready.is_ok(), "{ready:?}");
        smol::block_on(reader.next())
    }

    /// What came of the jobs of study `1.2.N`.
    pub(crate) fn results_of(&self, number: u32) -> Vec<JobResult> {
        let study = self.jobs_of(number)[0].study_row;
        let ledger = self.stores.ledger();
        results::of_study(ledger.view(), &self.stores, study).unwrap()
    }

    /// The documents of ours that are owed.
    pub(crate) fn owed_results(&self) -> Vec<Owed> {
        let ledger = self.stores.ledger();
        let owed = ledger.view().owed("PACS", 1000, &Seal(&self.stores.vault)).unwrap();
        owed.into_iter().filter(|owed| matches!(owed.thing, Thing::Result(_))).collect()
    }
}

/// The bytes of a document.
pub(crate) fn bytes(stores: &Stores, document: &KeptDocument) -> Vec<u8> {
    results::bytes(stores, document).unwrap()
}
