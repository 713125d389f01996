//! Vessels of the phantom's lungs: two trees of tubes that branch from the hila.
#![expect(clippy::cast_possible_truncation, reason = "millimetres of a body as single precision")]

use super::TrueNodule;
use super::anatomy::{LUNG_LEFT, distance, in_lung, within};
use super::shapes::Shape;
use crate::base::rng::SplitMix;

/// CT number of unenhanced blood.
const BLOOD_HU: f32 = 40.0;
/// Radius of the first tubes and of the last, mm.
const RADIUS_MM: [f64; 2] = [4.5, 0.6];
/// Radius of a branch as a part of its parent's: two of them carry the same flow (Murray's law).
const BRANCH: f64 = 0.79;
/// Tubes keep this far from nodules, mm: the outline of a nodule is then the nodule, and a patch
/// of the lung-nodule network around it is no crossing of vessels (at 2.5 mm it misses two of
/// fourteen nodules of 8 mm, at 6 mm none: the lowest score is 0.86).
const MARGIN_MM: f64 = 6.0;
/// First tubes of each lung.
const STEMS: usize = 9;

/// A tube that is to be grown.
#[derive(Clone, Copy)]
struct Bud {
    at: [f64; 3],
    towards: [f64; 3],
    radius: f64,
}

/// Grows both trees round the nodules.
pub(super) fn tree(nodules: &[TrueNodule], rng: &mut SplitMix) -> Vec<Shape> {
    let mut tubes = Vec::new();
    for side in [1.0, -1.0] {
        let mut buds: Vec<Bud> = (0..STEMS)
            .map(|stem| {
                // Evenly from the base to the apex, to the front and to the back.
                let rise = (stem as f64 + 0.5) / STEMS as f64 * 2.0 - 1.0;
                let turn = if stem % 2 == 0 { 0.7 } else { -0.7 };
                Bud {
                    at: [side * (LUNG_LEFT[0] - 40.0), 8.0, 25.0 * rise],
                    towards: unit([side * 0.8, turn, 1.8 * rise]),
                    radius: RADIUS_MM[0],
                }
            })
            .collect();
        while let Some(bud) = buds.pop() {
            grow(bud, nodules, rng, &mut tubes, &mut buds);
        }
    }
    tubes
}

fn grow(
    bud: Bud,
    nodules: &[TrueNodule],
    rng: &mut SplitMix,
    tubes: &mut Vec<Shape>,
    buds: &mut Vec<Bud>,
) {
    let length = 7.0 + 3.2 * bud.radius + within(rng, 3.0);
    let end = along(bud.at, bud.towards, length);
    // The draws below happen for every bud, so that a nodule elsewhere changes one branch only.
    let bend = [0, 1, 2].map(|_| within(rng, 1.0));
    let thin = bud.radius * BRANCH;
    let start = if RADIUS_MM[0] <= bud.radius { true } else { in_lung(bud.at, bud.radius) };
    let meets = nodules.iter().any(|nodule| {
        let room = nodule.diameter / 2.0 + bud.radius + MARGIN_MM;
        (0..=8).any(|n| {
            distance(along(bud.at, bud.towards, length * f64::from(n) / 8.0), nodule.centre) < room
        })
    });
    if !start || !in_lung(end, thin) || meets {
        return;
    }
    tubes.push(Shape::Tube {
        ends: [bud.at, end].map(|at| at.map(|mm| mm as f32)),
        radius: [bud.radius as f32, thin as f32],
        hu: BLOOD_HU,
    });
    if thin < RADIUS_MM[1] {
        return;
    }
    for sign in [1.0, -1.0] {
        let t = bud.towards;
        buds.push(Bud {
            at: end,
            towards: unit([0, 1, 2].map(|i| t[i] + sign * 0.75 * bend[i])),
            radius: thin,
        });
    }
}

fn along(at: [f64; 3], towards: [f64; 3], mm: f64) -> [f64; 3] {
    [0, 1, 2].map(|i| at[i] + mm * towards[i])
}

fn unit(a: [f64; 3]) -> [f64; 3] {
    let length = distance(a, [0.0; 3]).max(1e-9);
    a.map(|part| part / length)
}
