//! One GET on loopback: Orthanc's pages and ours.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Bytes of an answer: one slice of a CT has half a million.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// Gets `path` of the server on a port of this machine.
///
/// # Errors
///
/// What the socket said; an answer that is not 200 is an error as well.
pub(super) fn get(port: u16, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let other = || std::io::Error::other("the server answers something else than a page");
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").ok_or_else(other)?;
    let status = answer.split(|byte| *byte == b' ').nth(1);
    if status != Some(b"200") {
        return Err(other());
    }
    Ok(answer.split_off(head.saturating_add(4)))
}
