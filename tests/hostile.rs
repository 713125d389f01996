//! Hostile data sets get an answer within a second and within 8 MB.
//!
//! The walks run in a child process of this very test binary, so that its peak of memory is
//! theirs alone and an abort is a failure with a name. The child is the test
//! `child_walks_what_stdin_names`, called by its exact name with a list of files on stdin; called
//! any other way it does nothing.
#![expect(clippy::print_stdout, reason = "the child answers by its stdout")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scanpost::dicom::part10::read_head;
use scanpost::dicom::syntax::{Encoding, TransferSyntax};
use scanpost::dicom::walker::{Keep, Walk, WalkError, Walker};

const CHILD: &str = "child_walks_what_stdin_names";
const MEMORY_KB: u64 = 8 * 1024;
const TIME: Duration = Duration::from_secs(1);

/// The samples of the corpus, and the larger ones beside the real data if they are there.
fn samples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("SCANPOST_DATA").map_or(root.join("../shared/data"), PathBuf::from);
    let more = data.join("../prototypes/reliability/samples");
    if !more.exists() {
        println!("SKIPPED: no SCANPOST_DATA, only the corpus was walked");
    }
    let folders = [root.join("tests/corpus/hostile"), more];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_hostile_sample_is_answered_within_a_second_and_8_mb() {
    let samples = samples();
    assert!(40 < samples.len());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--nocapture", "--test-threads=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for sample in &samples {
        writeln!(stdin, "{}", sample.display()).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().rfind(|line| line.starts_with("answer "));
    assert!(output.status.success(), "the child died behind {last:?}");
    let answers = text.lines().filter(|line| line.starts_with("answer ")).count();
    assert!(samples.len() * 4 <= answers, "{answers} answers");
    let peak = text.lines().find_map(|line| line.strip_prefix("peak_kb "));
    let peak: u64 = peak.unwrap().parse().unwrap();
    assert!(peak < MEMORY_KB, "{peak} KB above the baseline");
    println!("{answers} answers, {peak} KB above the baseline");
}

#[test]
fn child_walks_what_stdin_names() {
    let args: Vec<String> = std::env::args().collect();
    if !args.windows(2).any(|pair| pair == ["--exact", CHILD]) {
        return;
    }
    // The dictionary is built on first use: it belongs to the baseline.
    answer("first", &[8, 0, 5, 0, b'C', b'S', 0, 0]);
    let baseline = peak_kb();
    for line in std::io::stdin().lock().lines() {
        let path = PathBuf::from(line.unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        answer(&name, &bytes);
        // As a receiver sees it: without preamble and file meta.
        let start = read_head(&bytes).map_or(132, |head| head.data_set_offset);
        if let Some(data_set) = bytes.get(start..) {
            answer(&format!("{name}, stripped"), data_set);
        }
    }
    answer("100,000 nested sequences", &nested(100_000));
    empty_elements();
    println!("peak_kb {}", peak_kb() - baseline);
}

fn answer(name: &str, bytes: &[u8]) {
    let encodings =
        [Encoding::ImplicitLe, Encoding::ExplicitLe, Encoding::ExplicitBe, Encoding::DeflatedLe];
    for encoding in encodings {
        let (walked, took) = timed(encoding, |walker| walker.feed(bytes));
        let told = walked.map_or_else(|error| error.comment(), |walk| format!("{} B", walk.length));
        println!("answer {name} as {encoding:?}: {told}");
        assert!(took < TIME, "{took:?}");
    }
}

/// Four million bytes of elements without value, which took a tree of objects 113 MB.
fn empty_elements() {
    let (walked, took) = timed(Encoding::ExplicitLe, |walker| {
        for tag in 1..500_000u32 {
            let [_, group, high, low] = (0x0009_0000 + tag).to_be_bytes();
            walker.feed(&[group, 0, low, high, b'L', b'O', 0, 0])?;
        }
        Ok(())
    });
    println!("answer empty elements: {:?}", walked.map(|walk| walk.length));
    assert!(took < TIME, "{took:?}");
}

fn nested(depth: usize) -> Vec<u8> {
    b"\x40\0\x75\x02\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff".repeat(depth)
}

#[expect(clippy::disallowed_methods, reason = "the time that a walk takes is what is tested")]
fn timed(
    encoding: Encoding,
    feed: impl FnOnce(&mut Walker) -> Result<(), WalkError>,
) -> (Result<Walk, WalkError>, Duration) {
    let native_pixels = false;
    let syntax = TransferSyntax { encoding, native_pixels };
    let begun = Instant::now();
    let mut walker = Walker::new(syntax, Keep::TopLevel);
    let fed = feed(&mut walker);
    let walked = walker.finish();
    assert!(fed.is_ok() || fed.err() == walked.as_ref().err().copied());
    (walked, begun.elapsed())
}

fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}
