//! Listens for associations and bounds how many sockets anybody may hold.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use smol::Executor;
use smol::net::TcpListener;

use crate::base::limits::{SOCKETS_MAX, SOCKETS_PER_PEER_MAX};
use crate::base::time::Clock;
use crate::dicom::acceptor::AcceptorSettings;
use crate::wire::link::{Link, StopSignal};
use crate::wire::scp::{Keeper, Settings, serve};

/// The sockets that are open, oldest first.
#[derive(Debug, Default)]
struct Census(Mutex<Sockets>);

#[derive(Debug, Default)]
struct Sockets {
    next: u64,
    open: BTreeMap<u64, Socket>,
}

#[derive(Debug)]
struct Socket {
    peer: IpAddr,
    /// Set once an association stands on it: from then on it cannot be put out.
    is_associated: Arc<AtomicBool>,
    /// Dropping it puts the socket out.
    keep: smol::channel::Sender<()>,
}

/// One counted socket; its place is free again when this is dropped.
#[derive(Debug)]
struct Place {
    census: Arc<Census>,
    number: u64,
    is_associated: Arc<AtomicBool>,
    put_out: StopSignal,
}

/// Binds the DICOM port.
///
/// # Errors
///
/// What the socket said: mostly that the port is taken.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Accepts connections until the stop rings, each served by a task of its own on `executor`; ends
/// when the last of them is over.
///
/// Over the limits, the oldest socket on which nothing was asked for yet makes room: sockets that
/// say nothing never keep out a scanner. Where all of them are associations the new one is closed.
pub async fn listen(
    listener: TcpListener,
    keeper: Arc<dyn Keeper>,
    clock: Arc<dyn Clock>,
    stop: StopSignal,
    executor: Arc<Executor<'static>>,
) {
    let census = Arc::new(Census::default());
    loop {
        let accepted = smol::future::or(async { Some(listener.accept().await) }, async {
            while stop.recv().await.is_ok() {}
            None
        })
        .await;
        let stream = match accepted {
            None => break,
            Some(Ok((stream, _))) => stream,
            Some(Err(error)) => {
                // Out of descriptors, or the peer went away in between: others must not suffer.
                tracing::warn!(%error, "a connection could not be accepted");
                smol::Timer::after(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(link) = Link::new(stream) else { continue };
        let Some(place) = Census::enter(&census, link.peer()) else {
            tracing::warn!(peer = %link.peer(), "too many connections: closed");
            continue;
        };
        let serving = serve(
            link,
            Arc::clone(&keeper),
            Arc::clone(&clock),
            Settings {
                acceptor: AcceptorSettings::default(),
                is_associated: Arc::clone(&place.is_associated),
            },
            stop.clone(),
        );
        let served = async move {
            let put_out = place.put_out.clone();
            smol::future::or(serving, async move { while put_out.recv().await.is_ok() {} }).await;
            drop(place);
        };
        executor.spawn(served).detach();
    }
    drop(listener);
    while !census.is_empty() {
        smol::Timer::after(std::time::Duration::from_millis(20)).await;
    }
}

impl Census {
    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).open.is_empty()
    }

    /// Counts a new socket of `peer`, putting out an idle one where there is no room.
    fn enter(census: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut sockets = census.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = sockets.open.values().filter(|socket| socket.peer == peer).count();
        if SOCKETS_PER_PEER_MAX <= own {
            sockets.put_out_oldest(|socket| socket.peer == peer)?;
        } else if SOCKETS_MAX <= sockets.open.len() {
            sockets.put_out_oldest(|_| true)?;
        }
        let number = sockets.next;
        sockets.next += 1;
        let is_associated = Arc::new(AtomicBool::new(false));
        let (keep, put_out) = smol::channel::bounded(1);
        let socket = Socket { peer, is_associated: Arc::clone(&is_associated), keep };
        sockets.open.insert(number, socket);
        Some(Place { census: Arc::clone(census), number, is_associated, put_out })
    }
}

impl Sockets {
    /// Puts out the oldest socket without an association among those that `is_meant`.
    fn put_out_oldest(&mut self, is_meant: impl Fn(&Socket) -> bool) -> Option<()> {
        let is_idle = |socket: &Socket| !socket.is_associated.load(Ordering::Relaxed);
        let oldest = self.open.iter().find(|(_, socket)| is_meant(socket) && is_idle(socket))?;
        let number = *oldest.0;
        let socket = self.open.remove(&number)?;
        socket.keep.close();
        Some(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sockets = self.census.0.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn a_silent_socket_makes_room_and_an_association_does_not() {
        let census = Arc::new(Census::default());
        let places: Vec<_> = (0..SOCKETS_PER_PEER_MAX)
            .map(|_| Census::enter(&census, address(1)).unwrap())
            .collect();
        places.iter().skip(1).for_each(|place| place.is_associated.store(true, Ordering::Relaxed));
        let newest = Census::enter(&census, address(1)).unwrap();
        assert!(places[0].put_out.is_closed(), "the silent one is put out");
        assert!(!places[1].put_out.is_closed());
        newest.is_associated.store(true, Ordering::Relaxed);
        assert!(Census::enter(&census, address(1)).is_none(), "all are associations");
        assert!(Census::enter(&census, address(2)).is_some(), "others do not suffer");
    }

    #[test]
    fn all_sockets_together_are_bounded_and_places_come_back() {
        let census = Arc::new(Census::default());
        let places: Vec<_> =
            (0..=u8::MAX).map(|last| Census::enter(&census, address(last)).unwrap()).collect();
        assert_eq!(census.0.lock().unwrap().open.len(), SOCKETS_MAX);
        drop(places);
        assert!(census.0.lock().unwrap().open.is_empty());
    }
}
