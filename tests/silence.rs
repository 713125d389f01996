//! Goal: who says nothing keeps nobody out: a C-ECHO is answered beside silent sockets, half
//! requests, garbage and idle associations, and the box lives on.
//!
//! Method: the real binary, real sockets of one address, the real `scanpost echo`. The times are
//! printed and bounded where a person would give up, not where a busy machine is late.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    reason = "a test may panic, reads a clock and lays out its own files"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use dicom_ul::pdu::{AssociationRQ, Pdu, PresentationContextProposed, UserVariableItem, write_pdu};
use rustix::process::{Pid, Signal};

const SCANPOST: &str = env!("CARGO_BIN_EXE_scanpost");
/// An installer waits so long for a C-ECHO.
const PATIENCE: Duration = Duration::from_secs(5);
/// Associations that may store at once.
const ASSOCIATIONS_MAX: usize = 16;

/// A running box; ends with this.
struct Running {
    child: Child,
    port: u16,
    _state: tempfile::TempDir,
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

impl Running {
    fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let place = state.path().display();
        let (port, page) = (free_port(), free_port());
        let settings = format!(
            "state = \"{place}/state\"\nsocket = \"{place}/control.sock\"\n\
             danger_any_caller = true\n[listen]\naddress = \"127.0.0.1\"\nport = {port}\n\
             [page]\nport = {page}\n[vault]\nslab_mib = 1\nreserve_mib = 16\n"
        );
        let file = state.path().join("config.toml");
        std::fs::write(&file, settings).unwrap();
        let mut child = Command::new(SCANPOST)
            .arg("run")
            .arg("--config")
            .arg(&file)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("ready") {
            assert!(log.read_line(&mut said).unwrap() != 0, "it does not start: {said}");
        }
        // Read on, so that it never waits for who reads its log.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, port, _state: state }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends a C-ECHO by the program of an installer; fails where it is not answered in time.
    fn echo(&self, beside: &str) {
        let before = Instant::now();
        let peer = format!("SCANPOST@127.0.0.1:{}", self.port);
        let output = Command::new(SCANPOST).arg("echo").arg(peer).output().unwrap();
        let took = before.elapsed();
        println!("C-ECHO beside {beside}: {} ms", took.as_millis());
        assert!(output.status.success(), "beside {beside}: {output:?}");
        assert!(took < PATIENCE, "beside {beside}: {took:?}");
    }

    /// Asks it to stop, as the service manager does.
    fn stop(mut self) -> ExitStatus {
        assert!(self.child.try_wait().unwrap().is_none(), "it is not running any more");
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have been stopped and waited for.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// A request for an association that stores CT images.
fn storage_request() -> Vec<u8> {
    let request = AssociationRQ {
        protocol_version: 1,
        calling_ae_title: "CT1".to_owned(),
        called_ae_title: "SCANPOST".to_owned(),
        application_context_name: "1.2.840.10008.3.1.1.1".to_owned(),
        presentation_contexts: vec![PresentationContextProposed {
            id: 1,
            abstract_syntax: "1.2.840.10008.5.1.4.1.1.2".to_owned(),
            transfer_syntaxes: vec!["1.2.840.10008.1.2".to_owned()],
        }],
        user_variables: vec![
            UserVariableItem::MaxLength(16_384),
            UserVariableItem::ImplementationClassUID("1.2.3".to_owned()),
        ],
    };
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, &Pdu::AssociationRQ(request)).unwrap();
    bytes
}

/// Asks for an association; returns the socket and the first ten bytes of the answer.
fn associate(running: &Running) -> (TcpStream, [u8; 10]) {
    let mut stream = running.connect();
    stream.write_all(&storage_request()).unwrap();
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).expect("an answer, never a mute accept");
    (stream, answer)
}

#[test]
fn five_hundred_silent_sockets_and_a_slow_one_keep_no_echo_waiting() {
    let running = Running::start();
    running.echo("nobody");
    let mut silent: Vec<_> = (0..250).map(|_| running.connect()).collect();
    let mut slow = running.connect();
    let request = storage_request();
    slow.write_all(&request[..1]).unwrap();
    silent.extend((0..250).map(|_| running.connect()));
    for byte in &request[1..4] {
        // It may have had to make room.
        let _sent = slow.write_all(std::slice::from_ref(byte));
        running.echo("500 silent sockets and one that sends a byte at a time");
    }
    drop((silent, slow));
    running.echo("what they left");
    assert!(running.stop().success());
}

#[test]
fn half_requests_garbage_and_broken_ends_keep_no_echo_waiting() {
    let running = Running::start();
    let request = storage_request();
    let half: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = running.connect();
            stream.write_all(&request[..request.len() / 2]).unwrap();
            stream
        })
        .collect();
    let garbage: Vec<_> =
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[1, 0, 0xff, 0xff, 0xff, 0xff]]
            .into_iter()
            .map(|bytes| {
                let mut stream = running.connect();
                stream.write_all(bytes).unwrap();
                stream
            })
            .collect();
    running.echo("half requests and garbage");
    // Ended by a plain close of the socket, without A-RELEASE.
    for _ in 0..ASSOCIATIONS_MAX + 4 {
        let (stream, answer) = associate(&running);
        assert_eq!(answer[0], 2, "a place is free when its socket is: {answer:?}");
        drop(stream);
        running_settles(&running);
    }
    running.echo("associations that were never released");
    drop((half, garbage));
    assert!(running.stop().success());
}

/// Waits until what was closed before has been noticed: a round trip behind it.
fn running_settles(running: &Running) {
    let mut stream = running.connect();
    stream.write_all(&[0xff; 16]).unwrap();
    // An A-ABORT has ten bytes; behind it the box waits for our close (ARTIM).
    stream.read_exact(&mut [0; 10]).expect("garbage is aborted");
}

#[test]
fn the_association_beyond_the_limit_is_told_so_and_never_left_mute() {
    let running = Running::start();
    let idle: Vec<_> = (0..ASSOCIATIONS_MAX).map(|_| associate(&running)).collect();
    assert!(idle.iter().all(|(_, answer)| answer[0] == 2), "all stand");
    let (_, refused) = associate(&running);
    // A-ASSOCIATE-RJ, transient, by the provider, local limit exceeded (PS3.8 9.3.4).
    assert_eq!((refused[0], &refused[7..10]), (3, &[2, 3, 2][..]));
    drop(idle);
    running_settles(&running);
    running.echo("what they left");
    assert!(running.stop().success());
}
