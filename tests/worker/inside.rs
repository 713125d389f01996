//! What a process can do once it is confined: this test binary, executed again, tries.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use rustix::process::Signal;
use scanpost::base::limits::WORKER_MEMORY_BYTES;
use scanpost::node::worker::sandbox::{self, Landlock, Seccomp};

/// Set in the process that confines itself.
const INSIDE: &str = "SCANPOST_TEST_INSIDE";
const NAME: &str = "inside::nothing_can_be_opened_connected_or_started_from_inside";

#[test]
fn nothing_can_be_opened_connected_or_started_from_inside() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    // A service to connect to and files to read: from outside all of it works.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    assert!(attempts(&port).iter().all(|(_, worked)| *worked), "{:?}", attempts(&port));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--test-threads=1", "--nocapture"])
        .env(INSIDE, &port)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("INSIDE: nothing worked"), "{said}{output:?}");
    assert!(output.status.success(), "{output:?}");
}

/// Each way out, and whether it worked.
fn attempts(port: &str) -> Vec<(&'static str, bool)> {
    let thread = std::thread::Builder::new().spawn(|| ());
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    vec![
        ("open a file", File::open("/etc/passwd").is_ok()),
        ("open its own memory", File::open("/proc/self/mem").is_ok()),
        ("open a device", OpenOptions::new().write(true).open("/dev/null").is_ok()),
        ("list a folder", std::fs::read_dir(here).is_ok()),
        ("look at a file", std::fs::metadata("/etc/passwd").is_ok()),
        ("connect", TcpStream::connect(format!("127.0.0.1:{port}")).is_ok()),
        ("listen", TcpListener::bind("127.0.0.1:0").is_ok()),
        ("make a datagram socket", UdpSocket::bind("127.0.0.1:0").is_ok()),
        ("make a pair of sockets", UnixStream::pair().is_ok()),
        ("start a process", Command::new("/bin/true").status().is_ok()),
        ("start a thread", thread.is_ok_and(|thread| thread.join().is_ok())),
    ]
}

fn inside() {
    let port = std::env::var(INSIDE).unwrap();
    let parent = rustix::process::getppid().unwrap();
    let sandbox = sandbox::enter().unwrap();
    assert_eq!(sandbox.seccomp, Seccomp::Enforced);
    if sandbox.landlock != Landlock::Full {
        say(&format!("this kernel has Landlock only in part: {:?}", sandbox.landlock));
    }
    let worked: Vec<_> =
        attempts(&port).into_iter().filter_map(|(what, worked)| worked.then_some(what)).collect();
    assert!(worked.is_empty(), "{worked:?}");
    let signalled = rustix::process::test_kill_process(parent);
    assert!(signalled.is_err(), "the parent can be signalled");
    let mut memory = Vec::<u8>::new();
    let most = usize::try_from(WORKER_MEMORY_BYTES).unwrap();
    assert!(memory.try_reserve_exact(most).is_err(), "memory without limit");
    // A calculation goes on as before.
    let sum: u64 = (0..1000).map(|n| n * n).sum();
    assert_eq!(sum, 332_833_500);
    say("INSIDE: nothing worked");
}

#[test]
fn memory_that_runs_out_inside_ends_the_process_with_words_of_a_known_form() {
    const NAME: &str =
        "inside::memory_that_runs_out_inside_ends_the_process_with_words_of_a_known_form";
    if std::env::var_os(INSIDE).is_some() {
        sandbox::enter().unwrap();
        drop(std::hint::black_box(vec![1_u8; usize::try_from(WORKER_MEMORY_BYTES).unwrap()]));
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--test-threads=1", "--nocapture"])
        .env(INSIDE, "")
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(Signal::ABORT.as_raw()), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let known = format!("memory allocation of {WORKER_MEMORY_BYTES} bytes failed");
    assert!(said.lines().any(|line| line == known), "{said}");
}

fn say(line: &str) {
    let mut output = std::io::stdout();
    writeln!(output, "{line}").unwrap();
}
