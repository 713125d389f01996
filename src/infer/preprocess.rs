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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::package::tests::lung_nodule;

    #[test]
    fn ct_numbers_become_what_the_maker_trained_on() {
        let package = lung_nodule();
        let mut input = vec![7.0; 3];
        let hu = [-1024, -1000, -650, -300, 400, 3071];
        fill(&mut input, &hu, &package.manifest().input);
        // x = (clip((HU + 1000) / 1400, 0, 1) − 0.25) · 2, by hand.
        let want = [-0.5, -0.5, 0.0, 0.5, 1.5, 1.5];
        assert_eq!(input.len(), want.len());
        for (x, want) in input.iter().zip(want) {
            assert!((x - want).abs() < 1e-6, "{x} {want}");
        }
    }
}
