//! A worker that waits for its job, seen by the kernel's own account of it.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use scanpost::base::limits::WORKER_MEMORY_BYTES;

/// A worker that has said what holds it and waits for its job.
struct Waiting(Child);

impl Waiting {
    fn start() -> (Self, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_scanpost"))
            .arg("worker")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut head = [0; 5];
        let stdout = child.stdout.as_mut().unwrap();
        stdout.read_exact(&mut head).unwrap();
        let length = u32::from_le_bytes(head[1..].try_into().unwrap());
        let mut hello = vec![0; usize::try_from(length).unwrap()];
        stdout.read_exact(&mut hello).unwrap();
        assert_eq!(head[0], 1, "the first frame is Hello");
        (Self(child), String::from_utf8(hello).unwrap())
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.0.id()))
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.proc(file)).unwrap()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // One that is over already cannot be killed.
        drop(self.0.kill());
        self.0.wait().unwrap();
    }
}

/// The words of the line that begins with `name`, behind it.
fn line(text: &str, name: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_kernel_says_that_a_waiting_worker_is_filtered_and_limited() {
    let (waiting, hello) = Waiting::start();
    assert!(hello.contains("\"seccomp\":\"Enforced\""), "{hello}");
    let status = waiting.text("status");
    assert_eq!(line(&status, "NoNewPrivs:"), ["1"]);
    assert_eq!(line(&status, "Seccomp:"), ["2"]);
    assert_eq!(line(&status, "Threads:"), ["1"]);
    let limits = waiting.text("limits");
    let memory = WORKER_MEMORY_BYTES.to_string();
    assert_eq!(line(&limits, "Max address space")[..2], [memory.clone(), memory]);
    for name in ["Max core file size", "Max file size", "Max processes"] {
        assert_eq!(line(&limits, name)[..2], ["0", "0"], "{name}");
    }
    assert_eq!(line(&limits, "Max open files")[..2], ["3", "3"]);
    assert_eq!(line(&limits, "Max cpu time")[..2], ["960", "961"]);
    let nice = |text: &str| -> i64 {
        let fields = text.rsplit_once(") ").map(|(_, fields)| fields).unwrap();
        fields.split(' ').nth(16).unwrap().parse().unwrap()
    };
    let ours = nice(&std::fs::read_to_string("/proc/self/stat").unwrap());
    assert_eq!(nice(&waiting.text("stat")), (ours + 10).min(19));
}

#[test]
fn a_waiting_worker_holds_its_three_pipes_and_nothing_else() {
    let (waiting, _) = Waiting::start();
    match std::fs::read_dir(waiting.proc("fd")) {
        Ok(entries) => {
            let open: BTreeSet<_> = entries.map(|entry| number(&entry.unwrap())).collect();
            // What whoever started this test left open for everybody is not the box's.
            let foreign = foreign();
            let ours: Vec<_> = open.difference(&foreign).copied().collect();
            assert_eq!(ours, [0, 1, 2]);
        }
        // Nobody but root sees into a process that must not be dumped.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
}

fn number(entry: &std::fs::DirEntry) -> u32 {
    entry.file_name().into_string().unwrap().parse().unwrap()
}

/// Descriptors over 2 that this process was born with: they are not closed on execution.
fn foreign() -> BTreeSet<u32> {
    const CLOSED_ON_EXECUTION: u32 = 0o2_000_000;
    let entries = std::fs::read_dir("/proc/self/fdinfo").unwrap();
    let flags = entries.filter_map(|entry| {
        let entry = entry.unwrap();
        // One that was closed meanwhile is nobody's.
        let text = std::fs::read_to_string(entry.path()).ok()?;
        let flags = u32::from_str_radix(&line(&text, "flags:")[0], 8).unwrap();
        Some((number(&entry), flags))
    });
    flags
        .filter(|(number, flags)| 2 < *number && flags & CLOSED_ON_EXECUTION == 0)
        .map(|(number, _)| number)
        .collect()
}

#[test]
fn a_worker_whose_box_is_gone_ends() {
    let (mut waiting, _) = Waiting::start();
    drop(waiting.0.stdin.take());
    assert_eq!(waiting.0.wait().unwrap().code(), Some(1));
}
