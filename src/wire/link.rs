//! One TCP connection with a deadline on every wait.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::net::sockopt;
use smol::Timer;
use smol::future::or;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::TcpStream;

use crate::base::limits::WRITE_STALL;
use crate::base::time::{Clock, Instant};

/// Bytes taken from the socket at once: two PDUs of the size that we announce.
const READ_BYTES: usize = 256 * 1024;
/// How long a dial may take: two lost SYNs on a satellite line.
const DIAL: Duration = Duration::from_secs(15);

/// What a connection brought.
#[derive(Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// This many bytes lie at the start of [`Link::bytes`].
    Bytes(usize),
    /// The peer closed it, or it broke.
    Closed,
    /// The deadline passed.
    Timeout,
    /// The box wants to stop.
    Stop,
}

/// A connection. Dropping it closes the socket.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    peer: SocketAddr,
    buffer: Vec<u8>,
}

/// Rings once: when the sender side is dropped or closed, every wait returns.
pub type StopSignal = smol::channel::Receiver<()>;

impl Link {
    /// Wraps an accepted or dialled stream and sets its options.
    ///
    /// Nagle is off and acknowledgements are quick: with either, a sender waits 40 ms per object.
    /// A peer whose cable was pulled is noticed by `TCP_USER_TIMEOUT`.
    ///
    /// # Errors
    ///
    /// What the socket said.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        let peer = stream.peer_addr()?;
        stream.set_nodelay(true)?;
        sockopt::set_socket_keepalive(&stream, true)?;
        let stall_ms = u32::try_from(WRITE_STALL.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(&stream, stall_ms)?;
        Ok(Self { stream, peer, buffer: Vec::new() })
    }

    /// Connects to `host` at `port`; names are looked up on the blocking pool.
    ///
    /// # Errors
    ///
    /// What the resolver or the socket said, or that it took too long.
    pub async fn dial(host: &str, port: u16) -> io::Result<Self> {
        let connect = TcpStream::connect((host, port));
        let stream = or(connect, async {
            Timer::after(DIAL).await;
            Err(io::Error::from(io::ErrorKind::TimedOut))
        });
        Self::new(stream.await?)
    }

    /// Returns the other end's address.
    pub fn peer(&self) -> IpAddr {
        // An IPv4 peer on a dual-stack socket is shown as people know it.
        self.peer.ip().to_canonical()
    }

    /// Waits for bytes, the end, the deadline or the stop, whichever is first.
    pub async fn event(
        &mut self,
        clock: &dyn Clock,
        deadline: Option<Instant>,
        stop: &StopSignal,
    ) -> LinkEvent {
        if self.buffer.is_empty() {
            self.buffer = vec![0; READ_BYTES];
        }
        // Some kernels and peers forget the quick mode after each answer.
        let quick = sockopt::set_tcp_quickack(&self.stream, true);
        debug_assert!(quick.is_ok() || cfg!(not(target_os = "linux")));
        let Self { stream, buffer, .. } = self;
        let read = async {
            match stream.read(buffer).await {
                Ok(0) | Err(_) => LinkEvent::Closed,
                Ok(count) => LinkEvent::Bytes(count),
            }
        };
        let timeout = async {
            match deadline {
                Some(at) => drop(Timer::after(at.since(clock.now())).await),
                None => std::future::pending::<()>().await,
            }
            LinkEvent::Timeout
        };
        let stopped = async {
            // Nothing is ever sent: the receiver returns when the last sender is gone.
            while stop.recv().await.is_ok() {}
            LinkEvent::Stop
        };
        or(read, or(timeout, stopped)).await
    }

    /// Returns the `count` bytes that the last [`LinkEvent::Bytes`] told of.
    pub fn bytes(&self, count: usize) -> &[u8] {
        self.buffer.get(..count).unwrap_or_default()
    }

    /// Writes all of `bytes`; a peer that leaves them unread for [`WRITE_STALL`] is given up.
    ///
    /// # Errors
    ///
    /// What the socket said, or that it took too long.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = self.stream.write_all(bytes);
        or(write, async {
            Timer::after(WRITE_STALL).await;
            Err(io::Error::from(io::ErrorKind::TimedOut))
        })
        .await
    }
}
