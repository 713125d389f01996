//! From CT numbers to grey levels.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "grey levels are clamped before the cast"
)]

/// CT numbers that are shown, from black to white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Black, HU.
    pub low: f32,
    /// White, HU; above `low`.
    pub high: f32,
}

impl Window {
    /// Level −600, width 1500: the usual one for lungs.
    pub const LUNG: Self = Self { low: -1350.0, high: 150.0 };

    /// Returns the grey level of a CT number, linear and clamped; NaN and an empty window are
    /// black.
    pub fn grey(self, hu: f32) -> u8 {
        let part = (hu - self.low) / (self.high - self.low);
        (part * 255.0).round().clamp(0.0, 255.0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_window_are_black_and_white() {
        let window = Window::LUNG;
        assert_eq!(window.grey(-1350.0), 0);
        assert_eq!(window.grey(-3024.0), 0);
        assert_eq!(window.grey(150.0), 255);
        assert_eq!(window.grey(3000.0), 255);
        assert_eq!(window.grey(-600.0), 128);
        assert_eq!(window.grey(f32::NAN), 0);
    }
}
