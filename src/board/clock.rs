//! The one place that reads clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::base::rng::Rng;
use crate::base::time::{Clock, Instant, Stamp, WallTime};

/// Wall clocks before this were never set: 2026-01-01, the year of the first release.
const PLAUSIBLE_MS: i64 = 1_767_225_600_000;

/// The clocks of this boot.
#[derive(Clone, Copy, Debug)]
pub struct BoardClock {
    boot: u64,
}

impl BoardClock {
    /// Starts with a number for this boot, drawn from `rng`.
    ///
    /// A process that restarts within one boot of the machine draws another number: its timers
    /// are armed again from the ledger either way.
    pub fn new(rng: &mut dyn Rng) -> Self {
        let mut bytes = [0; 8];
        rng.fill(&mut bytes);
        Self { boot: u64::from_le_bytes(bytes) >> 1 }
    }

    /// Returns whether the wall clock can be right at all.
    pub fn is_plausible(&self) -> bool {
        PLAUSIBLE_MS <= wall_time().0
    }
}

impl Clock for BoardClock {
    /// It runs on through suspend and never jumps.
    fn now(&self) -> Instant {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
        Instant::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    fn stamp(&self) -> Stamp {
        let wall = wall_time();
        Stamp {
            boot: self.boot,
            monotonic: self.now(),
            wall,
            utc_offset_s: utc_offset_s(wall),
            synced: kernel_says_synced() && PLAUSIBLE_MS <= wall.0,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that the others take as input")]
fn wall_time() -> WallTime {
    let now = SystemTime::now();
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    WallTime(match now.duration_since(UNIX_EPOCH) {
        Ok(after) => ms(after),
        Err(before) => -ms(before.duration()),
    })
}

/// The clinic's offset from UTC, from the system's zone; 0 where there is none.
fn utc_offset_s(wall: WallTime) -> i32 {
    jiff::Timestamp::from_millisecond(wall.0)
        .map_or(0, |at| jiff::tz::TimeZone::system().to_offset(at).seconds())
}

/// systemd-timesyncd and chrony both leave a mark that root and others can read.
fn kernel_says_synced() -> bool {
    std::path::Path::new("/run/systemd/timesync/synchronized").exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::SplitMix;

    #[test]
    fn monotonic_time_rises_and_the_stamp_carries_the_boot() {
        let clock = BoardClock::new(&mut SplitMix::new(1));
        let (first, second) = (clock.stamp(), clock.stamp());
        assert!(first.monotonic <= second.monotonic);
        assert_eq!(first.boot, second.boot);
        assert!(clock.is_plausible());
    }
}
