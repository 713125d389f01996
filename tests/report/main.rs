//! Documents of results, as others will read them.
//!
//! A made-up reading is written up and compared with a dump that was reviewed as text
//! (`tests/golden/report`); set `SCANPOST_BLESS` to write the dumps again. The documents also lie
//! under `CARGO_TARGET_TMPDIR/report` afterwards, where `tests/peers/read_results.py` reads them
//! with pydicom and highdicom.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod fixture;
mod hostile;
mod reader;
mod real;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use scanpost::base::REGULATORY;
use scanpost::base::digest::Digest;
use scanpost::base::ids::RecordNumber;
use scanpost::base::uid::Uid;
use scanpost::infer::finding::{Extent, Reading, Run};
use scanpost::report::{
    Document, JobFacts, Kind, Outcome, ReportError, Source, Superseded, notice, write,
};

use fixture::{
    COLUMNS, NAME, ROWS, SPACING, careless_sources, job, nothing_marked, reading, sources, voxel,
};
use reader::{Value, bytes, dump, find, read, sequence};

fn written(reading: &Reading) -> Vec<Document> {
    write(Outcome::Read(reading), &sources(), &job()).unwrap()
}

fn not_read() -> Vec<Document> {
    let outcome = Outcome::NotRead { reason: "slices are missing between 101 and 105" };
    write(outcome, &sources(), &job()).unwrap()
}

fn only(documents: &[Document], kind: Kind) -> Vec<&Document> {
    documents.iter().filter(|d| d.kind == kind).collect()
}

/// Lays a set out for `read_results.py`: files with file meta, and the masks as bytes.
fn lay_out(name: &str, documents: &[Document], marks: &Reading, size: [usize; 3]) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for old in std::fs::read_dir(&folder).unwrap() {
        std::fs::remove_file(old.unwrap().path()).unwrap();
    }
    for document in documents {
        let (kind, ordinal) = (document.kind.name(), document.ordinal);
        match &document.sop_class {
            Some(class) => {
                let file = part10(class, document);
                put(&folder.join(format!("{ordinal}-{kind}.dcm")), &file);
            }
            None => put(&folder.join("result.json"), &document.bytes),
        }
    }
    let measured = marks.marks.iter().filter_map(|mark| match &mark.extent {
        Extent::Measured(measured) => Some(measured),
        Extent::NotMeasured(_) => None,
    });
    for (number, measured) in measured.enumerate() {
        let mask = pixels_of(&measured.mask.0, size);
        put(&folder.join(format!("mask-{}.raw", number + 1)), &mask);
    }
}

fn put(path: &Path, bytes: &[u8]) {
    File::create(path).unwrap().write_all(bytes).unwrap();
}

/// One byte a pixel, shape `[slice, row, column]`.
fn pixels_of(runs: &[Run], [slices, rows, columns]: [usize; 3]) -> Vec<u8> {
    let mut pixels = vec![0; slices * rows * columns];
    for run in runs {
        let start = (run.slice as usize * rows + run.row as usize) * columns;
        let start = start + run.first as usize;
        pixels[start..start + run.count as usize].fill(1);
    }
    pixels
}

fn part10(class: &Uid, document: &Document) -> Vec<u8> {
    let mut meta = b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01".to_vec();
    let mut put = |element: u8, uid: &str| {
        let length = u8::try_from(uid.len().next_multiple_of(2)).unwrap();
        meta.extend([2, 0, element, 0, b'U', b'I', length, 0]);
        meta.extend(uid.as_bytes());
        if !uid.len().is_multiple_of(2) {
            meta.push(0);
        }
    };
    put(0x02, class.as_str());
    put(0x03, document.sop_instance.as_str());
    put(0x10, document.transfer_syntax.as_str());
    put(0x12, "2.25.1");
    let mut file = vec![0; 128];
    file.extend(b"DICM\x02\0\0\0UL\x04\0");
    file.extend(u32::try_from(meta.len()).unwrap().to_le_bytes());
    file.extend(meta);
    file.extend(&document.bytes);
    file
}

fn compare_with_golden(name: &str, documents: &[Document]) {
    for document in documents {
        let text = match document.kind {
            Kind::Json => String::from_utf8(document.bytes.clone()).unwrap() + "\n",
            Kind::Seg | Kind::Sr | Kind::Capture => dump(&read(&document.bytes)),
        };
        let (kind, ordinal) = (document.kind.name(), document.ordinal);
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden/report")
            .join(format!("{name}-{ordinal}-{kind}.txt"));
        if std::env::var_os("SCANPOST_BLESS").is_some() {
            put(&path, text.as_bytes());
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        for (line, (ours, theirs)) in text.lines().zip(golden.lines()).enumerate() {
            assert_eq!(ours, theirs, "{} line {}", path.display(), line + 1);
        }
        assert_eq!(text.len(), golden.len(), "{}", path.display());
    }
}

#[test]
fn documents_are_the_reviewed_ones() {
    let size = [5, usize::from(ROWS), usize::from(COLUMNS)];
    let sets = [
        ("marked", written(&reading()), reading()),
        ("unmarked", written(&nothing_marked()), nothing_marked()),
        ("not-read", not_read(), nothing_marked()),
    ];
    for (name, documents, reading) in &sets {
        lay_out(name, documents, reading, size);
        compare_with_golden(name, documents);
    }
}

#[test]
fn the_same_job_gives_the_same_bytes_and_another_job_other_instances() {
    assert_eq!(written(&reading()), written(&reading()));
    let mut later = job();
    later.job.sequence += 1;
    later.revision += 1;
    let earlier = written(&reading());
    let later = write(Outcome::Read(&reading()), &sources(), &later).unwrap();
    for (a, b) in earlier.iter().zip(&later) {
        assert_ne!(a.sop_instance, b.sop_instance);
        assert_eq!(a.series, b.series);
    }
    let number = |set: &[Document]| bytes(&read(&set[0].bytes), 0x0020_0013).to_vec();
    assert_eq!(number(&earlier), b"1 ");
    assert_eq!(number(&later), b"1001");
}

#[test]
fn a_set_has_what_was_found_and_counts_without_a_gap() {
    let kinds = |set: &[Document]| -> Vec<Kind> { set.iter().map(|d| d.kind).collect() };
    let marked = written(&reading());
    assert_eq!(kinds(&marked), [Kind::Sr, Kind::Seg, Kind::Capture, Kind::Capture, Kind::Json]);
    for (ordinal, document) in (0..).zip(&marked) {
        assert_eq!(document.ordinal, ordinal);
    }
    let without = [Kind::Sr, Kind::Capture, Kind::Json];
    assert_eq!(kinds(&written(&nothing_marked())), without);
    assert_eq!(kinds(&not_read()), without);
    let mut unmeasured = reading();
    unmeasured.marks.retain(|m| matches!(m.extent, Extent::NotMeasured(_)));
    unmeasured.pictures.clear();
    assert_eq!(kinds(&written(&unmeasured)), without);
}

#[test]
fn patient_and_geometry_are_the_bytes_of_the_source() {
    for document in written(&reading()) {
        if document.kind == Kind::Json {
            continue;
        }
        let set = read(&document.bytes);
        assert_eq!(bytes(&set, 0x0010_0010), NAME);
        assert_eq!(bytes(&set, 0x0008_0005), b"\\ISO 2022 IR 87 ");
        assert_eq!(bytes(&set, 0x0008_0090), b"", "a missing one is empty");
    }
    let set = written(&reading());
    let seg = read(&only(&set, Kind::Seg)[0].bytes);
    let shared = &sequence(&seg, 0x5200_9229)[0];
    let measures = &sequence(shared, 0x0028_9110)[0];
    assert_eq!(bytes(measures, 0x0028_0030), SPACING);
    let frames = sequence(&seg, 0x5200_9230);
    let position = &sequence(&frames[1], 0x0020_9113)[0];
    assert_eq!(bytes(position, 0x0020_0032), b"-1.660E+2\\-171.7\\-2.500000");
}

#[test]
fn every_slice_has_a_frame_and_the_mask_comes_back() {
    let set = written(&reading());
    let seg = read(&only(&set, Kind::Seg)[0].bytes);
    assert_eq!(bytes(&seg, 0x0028_0008), b"10");
    let bits = bytes(&seg, 0x7fe0_0010);
    let size = [5, usize::from(ROWS), usize::from(COLUMNS)];
    let count: usize = size.iter().product();
    for (segment, mark) in [0usize, 2].iter().enumerate() {
        let reading = reading();
        let Extent::Measured(measured) = &reading.marks[*mark].extent else {
            panic!("mark {mark} is measured");
        };
        let expected = pixels_of(&measured.mask.0, size);
        let found: Vec<u8> = (segment * count..(segment + 1) * count)
            .map(|at| bits[at / 8] >> (at % 8) & 1)
            .collect();
        assert_eq!(found, expected);
    }
    let frames = sequence(&seg, 0x5200_9230);
    let instances: Vec<_> = frames
        .iter()
        .map(|frame| {
            let derivation = &sequence(frame, 0x0008_9124)[0];
            bytes(&sequence(derivation, 0x0008_2112)[0], 0x0008_1155)
        })
        .collect();
    let slices = (0..10).map(|n| format!("1.2.3.4.{}\0", n % 5));
    let slices: Vec<_> = slices.collect();
    assert!(instances.iter().zip(&slices).all(|(a, b)| a.starts_with(&b.as_bytes()[..9])));
}

#[test]
fn a_careless_sender_gets_its_own_words_back() {
    let set = write(Outcome::Read(&reading()), &careless_sources(), &job()).unwrap();
    let size = [5, usize::from(ROWS), usize::from(COLUMNS)];
    lay_out("careless", &set, &reading(), size);
    let seg = read(&only(&set, Kind::Seg)[0].bytes);
    assert!(find(&seg, 0x0008_0005).is_none());
    assert_eq!(bytes(&seg, 0x0010_0010), b"DOE^JON ");
    assert_eq!(bytes(&seg, 0x0020_0010), b"");
    assert_eq!(bytes(&seg, 0x0028_2110), b"01");
    assert_eq!(bytes(&seg, 0x0028_2112), b"10.0");
    assert_eq!(sequence(&seg, 0x0018_a001).len(), 1, "no scanner without maker");
    assert!(find(&sequence(&seg, 0x5200_9229)[0], 0x0020_9116).is_none());
    let frames = sequence(&seg, 0x5200_9230);
    let orientation = |frame: usize| {
        let group = &sequence(&frames[frame], 0x0020_9116)[0];
        bytes(group, 0x0020_0037).to_vec()
    };
    assert_eq!(orientation(3), b"1\\0\\0\\0\\1\\0 ");
    assert_eq!(orientation(4), b"1.000000\\0\\0\\0\\1\\-0 ");
}

fn texts(elements: &[reader::Element], out: &mut String) {
    for element in elements {
        match &element.value {
            Value::Items(items) => items.iter().for_each(|item| texts(item, out)),
            Value::Bytes(bytes) if matches!(&element.vr, b"UT" | b"LT" | b"LO" | b"ST") => {
                out.push_str(&String::from_utf8_lossy(bytes));
                out.push('\n');
            }
            Value::Bytes(_) => {}
        }
    }
}

#[test]
fn every_document_says_what_it_is_and_none_says_more() {
    for (set, must) in [
        (written(&reading()), "AI mark"),
        (
            written(&nothing_marked()),
            "No mark above the threshold. This does not mean that no nodule is present; the \
             sensitivity on whole scans has not been measured.",
        ),
        (not_read(), "Not processed because slices are missing between 101 and 105."),
    ] {
        for document in &set {
            let mut words = String::new();
            if document.kind == Kind::Json {
                words = String::from_utf8(document.bytes.clone()).unwrap();
                assert!(!words.contains("P-0042") && !words.contains("YAMADA"));
            } else {
                let elements = read(&document.bytes);
                assert_eq!(bytes(&elements, 0x0018_9004), b"RESEARCH");
                let description = bytes(&elements, 0x0008_103e);
                assert!(description.starts_with(notice::SERIES_PREFIX.as_bytes()));
                texts(&elements, &mut words);
            }
            assert!(words.contains(must), "{:?}: {words}", document.kind);
            assert!(document.kind == Kind::Seg || words.contains(REGULATORY));
            for never in ["cancer", "lesion", "probability", "normal study"] {
                assert!(!words.to_lowercase().contains(never), "{never}: {words}");
            }
        }
    }
    let set = written(&reading());
    for document in only(&set, Kind::Capture) {
        let comments = bytes(&read(&document.bytes), 0x0020_4000).to_vec();
        let comments = String::from_utf8(comments).unwrap();
        assert!(comments.contains(notice::MODEL_SCORE) && comments.contains("lung-nodule 1.2.0"));
        assert_eq!(bytes(&read(&document.bytes), 0x0028_0301), b"YES ");
    }
}

#[test]
fn the_report_is_preliminary_and_lists_what_it_refers_to() {
    for set in [written(&reading()), written(&nothing_marked()), not_read()] {
        let report = read(&only(&set, Kind::Sr)[0].bytes);
        assert_eq!(bytes(&report, 0x0040_a493), b"UNVERIFIED");
        assert_eq!(bytes(&report, 0x0040_a496), b"PRELIMINARY ");
        let series = sequence(&sequence(&report, 0x0040_a375)[0], 0x0008_1115);
        assert_eq!(sequence(&series[0], 0x0008_1199).len(), 5);
        for segmentation in only(&set, Kind::Seg) {
            let listed = &sequence(&series[1], 0x0008_1199)[0];
            let uid = segmentation.sop_instance.as_str().as_bytes();
            assert!(bytes(listed, 0x0008_1155).starts_with(uid));
        }
        let names: Vec<_> = sequence(&report, 0x0040_a730)
            .iter()
            .filter_map(|item| match &find(item, 0x0040_a043)?.value {
                Value::Items(names) => Some(bytes(&names[0], 0x0008_0100).to_vec()),
                Value::Bytes(_) => None,
            })
            .collect();
        assert!(names.contains(&b"126010".to_vec()), "{names:?}");
    }
}

#[test]
fn a_revision_names_the_report_that_it_replaces() {
    let first = written(&reading());
    let later = JobFacts {
        job: RecordNumber { start: 8, sequence: 0 },
        revision: 1,
        supersedes: Some(Superseded { job: job().job, package_digest: job().package.digest }),
        ..job()
    };
    let later = write(Outcome::Read(&nothing_marked()), &sources(), &later).unwrap();
    let report = read(&later[0].bytes);
    let series = &sequence(&sequence(&report, 0x0040_a360)[0], 0x0008_1115)[0];
    let earlier = bytes(&sequence(series, 0x0008_1199)[0], 0x0008_1155);
    assert!(earlier.starts_with(first[0].sop_instance.as_str().as_bytes()));
}

#[test]
fn a_reading_that_does_not_fit_its_sources_is_refused() {
    let try_with = |change: &dyn Fn(&mut Reading, &mut Vec<Source>)| {
        let (mut reading, mut sources) = (reading(), sources());
        change(&mut reading, &mut sources);
        write(Outcome::Read(&reading), &sources, &job())
    };
    let outside = try_with(&|reading, _| reading.marks[1].at = voxel(5, 0, 0));
    assert!(matches!(outside, Err(ReportError::Outside { mark: 1 })));
    let outside = try_with(&|reading, _| {
        if let Extent::Measured(measured) = &mut reading.marks[0].extent {
            measured.mask.0[0].count = u32::from(COLUMNS) - 3;
        }
    });
    assert!(matches!(outside, Err(ReportError::Outside { mark: 0 })));
    let picture = try_with(&|reading, _| reading.pictures[1].rgb.truncate(100));
    assert!(matches!(picture, Err(ReportError::Picture { picture: 1 })));
    let package = try_with(&|reading, _| reading.package_digest = Digest::of(b"other"));
    assert!(matches!(package, Err(ReportError::OtherPackage)));
    let none = try_with(&|_, sources| sources.clear());
    assert!(matches!(none, Err(ReportError::NoSource)));
}
