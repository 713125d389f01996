//! Colours and rhythms of a lamp, as data: how bright at which moment, and how it looks as text.
//!
//! Rhythms keep clear of 0.4–0.8 Hz and 1.4–2.8 Hz, the flashes of alarm signals (IEC 60601-1-8):
//! these lamps speak about a box and never about a patient. Nothing flashes more than three
//! times in any second (WCAG 2.3.1).

use std::fmt;

/// The colour of a lamp. Colour never stands alone: place, rhythm and words say the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// All is well.
    Green,
    /// Something goes on.
    #[default]
    Blue,
    /// Something is to be known, nothing to be done.
    White,
    /// Somebody, soon.
    Yellow,
    /// Somebody, now: acknowledging has stopped, or data is at risk.
    Red,
}

/// What a lamp does over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rhythm {
    /// Dark.
    #[default]
    Off,
    /// Lit.
    Steady,
    /// Slowly up and down, once in [`PERIOD_MS`].
    Breathe,
    /// This many short winks in [`PERIOD_MS`], 1 to 3.
    Winks(u8),
    /// One of four lamps that light up in turn, 0 to 3 from the left.
    Runs(u8),
}

/// One lamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lamp {
    /// Its colour.
    pub colour: Colour,
    /// Its rhythm.
    pub rhythm: Rhythm,
}

/// How long a rhythm takes until it begins again.
pub const PERIOD_MS: u64 = 4000;
/// How long a wink is lit.
pub const WINK_MS: u64 = 80;
/// From the beginning of a wink to that of the next: 2.9 Hz, above the band of alarm signals.
pub const WINK_STEP_MS: u64 = 340;
/// How long each of four running lamps is lit: each comes at 1 Hz, between the bands.
pub const RUN_STEP_MS: u64 = 250;

impl Lamp {
    /// Dark.
    pub const OFF: Self = Self { colour: Colour::Blue, rhythm: Rhythm::Off };

    /// Lit in `colour`.
    pub const fn steady(colour: Colour) -> Self {
        Self { colour, rhythm: Rhythm::Steady }
    }

    /// Breathing in `colour`.
    pub const fn breathe(colour: Colour) -> Self {
        Self { colour, rhythm: Rhythm::Breathe }
    }

    /// Winking in `colour`, `count` times in a period.
    pub const fn winks(colour: Colour, count: u8) -> Self {
        Self { colour, rhythm: Rhythm::Winks(count) }
    }

    /// Returns whether it is lit at all, in this colour.
    pub fn shows(self, colour: Colour) -> bool {
        self.colour == colour && self.rhythm != Rhythm::Off
    }
}

impl Rhythm {
    /// Returns the brightness at `ms` after any fixed origin: 0 dark, 255 full.
    pub fn level(self, ms: u64) -> u8 {
        let at = ms % PERIOD_MS;
        match self {
            Self::Off => 0,
            Self::Steady => u8::MAX,
            Self::Breathe => {
                let half = PERIOD_MS / 2;
                let rise = if at < half { at } else { PERIOD_MS - at };
                u8::try_from(rise * 255 / half).unwrap_or(u8::MAX)
            }
            Self::Winks(count) => {
                let wink = at / WINK_STEP_MS;
                let lit = wink < u64::from(count.min(3)) && at % WINK_STEP_MS < WINK_MS;
                if lit { u8::MAX } else { 0 }
            }
            Self::Runs(place) => {
                let turn = ms / RUN_STEP_MS % 4;
                if turn == u64::from(place) { u8::MAX } else { 0 }
            }
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Green => "green",
            Self::Blue => "blue",
            Self::White => "white",
            Self::Yellow => "yellow",
            Self::Red => "red",
        })
    }
}

/// `green steady`, `yellow 2 winks`, `off`: the words of console, manual and page.
impl fmt::Display for Lamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rhythm {
            Rhythm::Off => f.write_str("off"),
            Rhythm::Steady => write!(f, "{} steady", self.colour),
            Rhythm::Breathe => write!(f, "{} breathe", self.colour),
            Rhythm::Winks(1) => write!(f, "{} 1 wink", self.colour),
            Rhythm::Winks(count) => write!(f, "{} {count} winks", self.colour),
            Rhythm::Runs(_) => write!(f, "{} runs", self.colour),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Rhythm; 7] = [
        Rhythm::Off,
        Rhythm::Steady,
        Rhythm::Breathe,
        Rhythm::Winks(1),
        Rhythm::Winks(2),
        Rhythm::Winks(3),
        Rhythm::Runs(2),
    ];

    /// Times in `window` ms from `start` at which the lamp goes from dark to full.
    fn flashes(rhythm: Rhythm, start: u64, window: u64) -> usize {
        let edge = |ms: &u64| rhythm.level(*ms) == 0 && rhythm.level(ms + 1) == u8::MAX;
        (start..start + window).filter(edge).count()
    }

    #[test]
    fn no_rhythm_flashes_more_than_three_times_in_any_second() {
        for rhythm in ALL {
            for start in (0..PERIOD_MS).step_by(20) {
                assert!(flashes(rhythm, start, 1000) <= 3, "{rhythm:?} at {start}");
            }
        }
    }

    #[test]
    fn winks_can_be_counted_and_a_pause_stands_before_they_begin_again() {
        for count in 1..=3 {
            let rhythm = Rhythm::Winks(count);
            assert_eq!(flashes(rhythm, PERIOD_MS - 1, PERIOD_MS), usize::from(count));
            let dark = 3 * WINK_STEP_MS..PERIOD_MS;
            assert!(dark.clone().all(|ms| rhythm.level(ms) == 0));
            assert!(2 * WINK_STEP_MS < dark.end - dark.start);
        }
    }

    #[test]
    fn rhythms_begin_again_after_their_period_and_differ_from_each_other() {
        for rhythm in ALL {
            let same = |ms: u64| rhythm.level(ms) == rhythm.level(ms + PERIOD_MS);
            assert!((0..PERIOD_MS).step_by(10).all(same), "{rhythm:?}");
        }
        let shape = |rhythm: Rhythm| (0..PERIOD_MS).map(|ms| rhythm.level(ms)).collect::<Vec<_>>();
        for (place, one) in ALL.iter().enumerate() {
            for other in ALL.iter().skip(place + 1) {
                assert_ne!(shape(*one), shape(*other), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn no_rhythm_flashes_as_an_alarm_signal_does() {
        for rhythm in ALL {
            let rises: Vec<u64> = (0..3 * PERIOD_MS)
                .filter(|ms| rhythm.level(*ms) == 0 && rhythm.level(ms + 1) == u8::MAX)
                .collect();
            for pair in rises.windows(2) {
                let period = pair[1] - pair[0];
                // 0.4 to 0.8 Hz and 1.4 to 2.8 Hz.
                assert!(!(1250..=2500).contains(&period), "{rhythm:?}: {period} ms");
                assert!(!(358..=714).contains(&period), "{rhythm:?}: {period} ms");
            }
        }
    }

    #[test]
    fn breathing_goes_all_the_way_and_without_jumps() {
        let level = |ms| i32::from(Rhythm::Breathe.level(ms));
        assert_eq!((level(0), level(PERIOD_MS / 2)), (0, 255));
        assert!((0..PERIOD_MS).all(|ms| (level(ms) - level(ms + 1)).abs() <= 1));
    }

    #[test]
    fn words_say_colour_and_rhythm() {
        let words = [
            (Lamp::OFF, "off"),
            (Lamp::steady(Colour::Green), "green steady"),
            (Lamp::breathe(Colour::Blue), "blue breathe"),
            (Lamp::winks(Colour::White, 1), "white 1 wink"),
            (Lamp::winks(Colour::Yellow, 2), "yellow 2 winks"),
        ];
        for (lamp, expected) in words {
            assert_eq!(lamp.to_string(), expected);
        }
    }
}
