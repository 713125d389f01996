//! Time as a value that is passed in, never read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point on the monotonic clock, in nanoseconds since this boot of the machine.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Instant(u64);

impl Instant {
    /// Returns the point `ns` nanoseconds after the origin.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Returns the nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns this point moved later by `delay`, stopping at the end of time.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Returns how long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A point of civil time: milliseconds since 1970-01-01T00:00Z, negative before.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct WallTime(pub i64);

/// When something happened, told so that no single clock has to be believed.
///
/// Monotonic times of different boots do not compare; wall time may jump and, while `synced` is
/// false, may be years off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Which boot of the machine, as a random number drawn at each.
    pub boot: u64,
    /// Monotonic time within that boot.
    pub monotonic: Instant,
    /// What the wall clock said.
    pub wall: WallTime,
    /// The clinic's offset from UTC at that time, in seconds east.
    pub utc_offset_s: i32,
    /// Whether the wall clock was synchronized then.
    pub synced: bool,
}

/// Where time comes from: the board's clocks in the box, a counter in the simulator.
pub trait Clock: Send + Sync {
    /// Returns the monotonic time.
    fn now(&self) -> Instant;

    /// Returns the time of something that happens now, by every clock.
    fn stamp(&self) -> Stamp;
}

/// A date and time of day as DICOM and people write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// Years of the Gregorian calendar.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999.
    pub millisecond: u16,
}

impl Stamp {
    /// Returns the clinic's local date and time.
    pub fn local(&self) -> Civil {
        self.wall.civil(self.utc_offset_s)
    }

    /// Returns the date as VR DA (PS3.5 Table 6.2-1), local.
    pub fn da(&self) -> String {
        let c = self.local();
        format!("{:04}{:02}{:02}", c.year, c.month, c.day)
    }

    /// Returns the time of day as VR TM, local, to the millisecond.
    pub fn tm(&self) -> String {
        let c = self.local();
        format!("{:02}{:02}{:02}.{:03}", c.hour, c.minute, c.second, c.millisecond)
    }

    /// Returns the offset from UTC as the `&ZZXX` suffix of VR DT and as (0008,0201).
    pub fn utc_offset_text(&self) -> String {
        let sign = if self.utc_offset_s < 0 { '-' } else { '+' };
        let minutes = self.utc_offset_s.unsigned_abs() / 60;
        format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
    }

    /// Returns date and time for people: `2026-11-24 14:02:07`, local.
    pub fn text(&self) -> String {
        let c = self.local();
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            c.year, c.month, c.day, c.hour, c.minute, c.second
        )
    }
}

impl WallTime {
    /// Returns the civil time at `offset_s` seconds east of UTC.
    ///
    /// Source: the days-to-civil arithmetic of the proleptic Gregorian calendar with years that
    /// start in March, 146,097 days to an era of 400 years.
    pub fn civil(self, offset_s: i32) -> Civil {
        let local_ms = self.0.saturating_add(i64::from(offset_s) * 1000);
        let (days, ms) = (local_ms.div_euclid(86_400_000), local_ms.rem_euclid(86_400_000));
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let small = |value: i64| u8::try_from(value).unwrap_or(0);
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(day_of_year - (153 * march_month + 2) / 5 + 1),
            hour: small(ms / 3_600_000),
            minute: small(ms / 60_000 % 60),
            second: small(ms / 1000 % 60),
            millisecond: u16::try_from(ms % 1000).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(wall_ms: i64, utc_offset_s: i32) -> Stamp {
        Stamp { wall: WallTime(wall_ms), utc_offset_s, ..Stamp::default() }
    }

    #[test]
    fn civil_time_is_right_at_the_borders() {
        assert_eq!(stamp(0, 0).text(), "1970-01-01 00:00:00");
        assert_eq!(stamp(-1000, 0).text(), "1969-12-31 23:59:59");
        assert_eq!(stamp(951_782_400_000, 0).text(), "2000-02-29 00:00:00");
        assert_eq!(stamp(4_107_542_400_000, 0).text(), "2100-03-01 00:00:00");
        assert_eq!(stamp(1_795_530_127_250, 3600).text(), "2026-11-24 15:22:07");
    }

    #[test]
    fn da_and_tm_are_local_and_the_offset_goes_with_them() {
        let at = stamp(1_795_530_127_250, -12_600);
        assert_eq!((at.da(), at.tm()), ("20261124".into(), "105207.250".into()));
        assert_eq!(at.utc_offset_text(), "-0330");
    }

    #[test]
    fn time_stops_at_its_end_and_never_runs_backwards() {
        let end = Instant::from_nanos(u64::MAX);
        assert_eq!(end.after(Duration::from_secs(1)), end);
        assert_eq!(Instant::from_nanos(1).since(end), Duration::ZERO);
    }
}
