//! The line between scanner and box: it carries bytes, and at one of them the power fails.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// A line that is cut once it has carried so many bytes to the box.
pub(super) struct Line {
    listener: TcpListener,
    port: u16,
    to: u16,
    cut_at: u64,
}

impl Line {
    /// Will carry to port `to` of this machine and cut behind `cut_at` bytes.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub(super) fn through(to: u16, cut_at: u64) -> Result<Self, crate::cli::terminal::Failure> {
        let open = || {
            let listener = TcpListener::bind(("127.0.0.1", 0))?;
            let port = listener.local_addr()?.port();
            Ok::<_, std::io::Error>(Self { listener, port, to, cut_at })
        };
        open().map_err(|error| crate::cli::terminal::Failure::because("no port is free", &error))
    }

    /// Where the scanner calls.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Carries one connection, and calls `cut` at the byte where the power fails.
    ///
    /// # Errors
    ///
    /// When the two cannot be connected; broken connections are the point.
    pub(super) fn carry(self, cut: &dyn Fn()) -> std::io::Result<()> {
        let (mut scanner, _) = self.listener.accept()?;
        let mut to_box = TcpStream::connect(("127.0.0.1", self.to))?;
        let (mut back, mut from_box) = (scanner.try_clone()?, to_box.try_clone()?);
        let answers = std::thread::spawn(move || std::io::copy(&mut from_box, &mut back).is_ok());
        let mut carried = 0_u64;
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = scanner.read(&mut buffer) {
            let piece = buffer.get(..length).unwrap_or_default();
            if to_box.write_all(piece).is_err() {
                break;
            }
            carried = carried.saturating_add(u64::try_from(length).unwrap_or(0));
            if self.cut_at <= carried {
                cut();
                break;
            }
        }
        // Whoever is gone already hears nothing of it.
        let ends = (to_box.shutdown(Shutdown::Both), answers.join());
        drop((ends, scanner.shutdown(Shutdown::Both)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn the_line_is_cut_at_its_byte_and_not_before() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let to = listener.local_addr().unwrap().port();
        let line = Line::through(to, 100_000).unwrap();
        let port = line.port();
        let got = std::thread::spawn(move || {
            let mut all = Vec::new();
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_to_end(&mut all).ok();
            all.len()
        });
        let cut = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                while stream.write_all(&[7; 1000]).is_ok() {}
            });
            line.carry(&|| cut.store(true, Ordering::Relaxed)).unwrap();
        });
        let got = got.join().unwrap();
        assert!(cut.load(Ordering::Relaxed) && (100_000..=116_384).contains(&got), "{got}");
    }
}
