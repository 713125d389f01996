//! From the CT numbers of one slice to the input of a network.

use crate::model::manifest::Input;

/// Writes the network's input for one slice: window, then shift and gain, as [`Input`] defines.
///
/// `input` is cleared and filled; its order is that of `hu`.
pub fn fill(input: &mut Vec<f32>, hu: &[i16], rule: &Input) {
    let [low, high] = rule.window;
    let scale = |hu: &i16| {
        let t = ((f32::from(*hu) - low) / (high - low)).clamp(0.0, 1.0);
        (t - rule.shift) * rule.gain
    };
    input.clear();
    input.extend(hu.iter().map(scale));
}
