//! A bell that carries no data: it says "look at the ledger again", however often it was rung.

use smol::channel::{Receiver, Sender, bounded};

/// The side that rings. Cheap to clone; ringing never blocks and never fails.
#[derive(Clone, Debug)]
pub struct Bell(Sender<()>);

/// The side that waits.
#[derive(Debug)]
pub struct Ear(Receiver<()>);

/// Makes a bell and its one ear.
pub fn bell() -> (Bell, Ear) {
    let (sender, receiver) = bounded(1);
    (Bell(sender), Ear(receiver))
}

impl Bell {
    /// Rings. A bell that rings already rings on.
    pub fn ring(&self) {
        // Full means that a ring is pending, closed that nobody listens any more: both are fine.
        let rung = self.0.try_send(());
        debug_assert!(rung.is_ok() || self.0.is_full() || self.0.is_closed());
    }
}

impl Ear {
    /// Waits for the next ring; for ever once every bell is gone.
    pub async fn heard(&self) {
        if self.0.recv().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_add_up_to_one() {
        let (bell, ear) = bell();
        bell.ring();
        bell.ring();
        smol::block_on(ear.heard());
        assert!(ear.0.try_recv().is_err(), "the second ring was the same");
    }
}
