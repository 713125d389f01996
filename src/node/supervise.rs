//! Keeps the loops alive: one that panics is started again, and that is shown.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use smol::future::FutureExt;

/// First pause before a restart; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How often loops had to be started again; the lamp turns yellow for it.
#[derive(Clone, Debug, Default)]
pub struct Restarts(Arc<AtomicU32>);

impl Restarts {
    /// Returns how often since the start.
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs what `make` makes until it ends by itself; after a panic, again.
///
/// A loop holds no state that the ledger does not: whatever a panic tore is read anew.
pub async fn supervise<F: Future<Output = ()>>(
    name: &'static str,
    restarts: Restarts,
    mut make: impl FnMut() -> F,
) {
    let mut pause = PAUSE_MIN;
    while AssertUnwindSafe(make()).catch_unwind().await.is_err() {
        restarts.0.fetch_add(1, Ordering::Relaxed);
        tracing::error!(name, "a loop failed and is started again");
        smol::Timer::after(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_panics_is_started_again_and_counted() {
        let restarts = Restarts::default();
        let runs = AtomicU32::new(0);
        smol::block_on(supervise("test", restarts.clone(), || async {
            assert!(0 < runs.fetch_add(1, Ordering::Relaxed), "the first run fails");
        }));
        assert_eq!((restarts.count(), runs.load(Ordering::Relaxed)), (1, 2));
    }
}
