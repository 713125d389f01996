//! Planes at another size: area mean downwards, bilinear between samples.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "weights and places are made from the sizes that were checked at the door"
)]

/// Scales a plane to `to` (rows, columns) by the mean over the area of each target pixel, the
/// filter that keeps means and makes no moiré when shrinking.
///
/// `plane` holds `from[0] * from[1]` values, row by row; `None` where it does not, or where a
/// size is 0.
pub fn area_mean(plane: &[i16], from: [usize; 2], to: [usize; 2]) -> Option<Vec<f32>> {
    let sound = plane.len() == from[0].checked_mul(from[1])? && !plane.is_empty();
    if !sound || to[0] == 0 || to[1] == 0 {
        return None;
    }
    let across = shares(from[1], to[1]);
    let narrow: Vec<f32> = plane
        .chunks_exact(from[1])
        .flat_map(|line| {
            across.iter().map(|share| {
                let part = &line[share.first..share.first + share.weights.len()];
                let weighed = part.iter().zip(&share.weights);
                weighed.map(|(hu, weight)| f32::from(*hu) * weight).sum()
            })
        })
        .collect();
    let mut out = Vec::with_capacity(to[0] * to[1]);
    for share in shares(from[0], to[0]) {
        for x in 0..to[1] {
            let rows = share.weights.iter().enumerate();
            out.push(rows.map(|(n, weight)| narrow[(share.first + n) * to[1] + x] * weight).sum());
        }
    }
    Some(out)
}

/// Reads a plane of bytes between its samples, `at` in rows and columns from the centre of the
/// first; beyond the outer half sample there is nothing (0).
pub fn bilinear(plane: &[u8], size: [usize; 2], at: [f64; 2]) -> f64 {
    if plane.len() != size[0] * size[1] || plane.is_empty() {
        return 0.0;
    }
    let mut low = [0; 2];
    let mut high = [0; 2];
    let mut part = [0.0; 2];
    for i in 0..2 {
        let last = size[i] as f64 - 1.0;
        // NaN is outside as well.
        if !(-0.5 <= at[i] && at[i] <= last + 0.5) {
            return 0.0;
        }
        let place = at[i].clamp(0.0, last);
        low[i] = place.floor() as usize;
        high[i] = (low[i] + 1).min(size[i] - 1);
        part[i] = place - place.floor();
    }
    let value = |y: usize, x: usize| f64::from(plane[y * size[1] + x]);
    let line = |y: usize| value(y, low[1]) * (1.0 - part[1]) + value(y, high[1]) * part[1];
    line(low[0]) * (1.0 - part[0]) + line(high[0]) * part[0]
}

/// The source pixels of one target pixel along one axis.
struct Share {
    first: usize,
    /// They add up to 1.
    weights: Vec<f32>,
}

/// Cuts `from` pixels into `to` equal parts.
fn shares(from: usize, to: usize) -> Vec<Share> {
    let step = from as f64 / to as f64;
    (0..to)
        .map(|n| {
            let (start, end) = (n as f64 * step, (n + 1) as f64 * step);
            let first = (start.floor() as usize).min(from - 1);
            let last = (end.ceil() as usize).clamp(first + 1, from);
            let cover = |pixel: usize| {
                let (low, high) = (pixel as f64, pixel as f64 + 1.0);
                (high.min(end) - low.max(start)).max(0.0) as f32
            };
            let mut weights: Vec<f32> = (first..last).map(cover).collect();
            let sum: f32 = weights.iter().sum();
            for weight in &mut weights {
                *weight /= sum;
            }
            Share { first, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halving_takes_the_mean_of_four_pixels() {
        let plane = [0, 2, 10, 10, 4, 6, 20, 40];
        assert_eq!(area_mean(&plane, [2, 4], [1, 2]).unwrap(), [3.0, 20.0]);
    }

    #[test]
    fn the_same_size_changes_nothing_and_wrong_sizes_are_refused() {
        let plane = [1, -2, 3, -4, 5, -6];
        let same = area_mean(&plane, [2, 3], [2, 3]).unwrap();
        assert_eq!(same, plane.map(f32::from));
        assert_eq!(area_mean(&plane, [2, 2], [1, 1]), None);
        assert_eq!(area_mean(&plane, [2, 3], [0, 1]), None);
        assert_eq!(area_mean(&[], [0, 3], [1, 1]), None);
    }

    proptest! {
        #[test]
        fn the_mean_of_a_plane_survives_every_scale(
            seed in any::<u64>(), rows in 1_usize..9, columns in 1_usize..9,
            to in [1_usize..9, 1_usize..9],
        ) {
            let mut rng = crate::base::rng::SplitMix::new(seed);
            let plane: Vec<i16> = (0..rows * columns)
                .map(|_| i16::try_from(rng.next_u64() % 2000).unwrap() - 1000)
                .collect();
            let out = area_mean(&plane, [rows, columns], to).unwrap();
            let mean = plane.iter().map(|hu| f32::from(*hu)).sum::<f32>() / plane.len() as f32;
            let kept = out.iter().sum::<f32>() / out.len() as f32;
            prop_assert!((mean - kept).abs() < 0.05, "{mean} became {kept}");
        }
    }

    #[test]
    fn between_samples_is_their_mean_and_outside_is_nothing() {
        let plane = [0, 100, 200, 40];
        assert!((bilinear(&plane, [2, 2], [0.5, 0.5]) - 85.0).abs() < 1e-9);
        assert!((bilinear(&plane, [2, 2], [1.4, 0.0]) - 200.0).abs() < 1e-9);
        assert!(bilinear(&plane, [2, 2], [1.6, 0.0]).abs() < 1e-9);
        assert!(bilinear(&plane, [2, 2], [f64::NAN, 0.0]).abs() < 1e-9);
        assert!(bilinear(&plane, [3, 2], [0.0, 0.0]).abs() < 1e-9);
    }
}
