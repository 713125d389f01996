//! Where organs and nodules lie in the phantom's patient, mm, LPS, 0 in the middle of the lungs.

use super::shapes::Shape;
use super::{PhantomSettings, Side, TrueNodule};
use crate::base::rng::SplitMix;

/// Half axes of each lung.
pub(super) const LUNG_HALF: [f64; 3] = [60.0, 84.0, 140.0];
/// Centre of the left lung; the right one is its mirror image.
pub(super) const LUNG_LEFT: [f64; 3] = [72.0, 4.0, 0.0];
/// Centre and half axes of heart, right and left dome of the diaphragm.
const SOLID: [([f64; 3], [f64; 3]); 3] = [
    ([28.0, -28.0, -45.0], [52.0, 46.0, 62.0]),
    ([-74.0, -6.0, -150.0], [66.0, 88.0, 72.0]),
    ([74.0, -6.0, -158.0], [66.0, 88.0, 66.0]),
];
/// Nodules keep this far from wall, heart, domes and each other: hits do not merge.
const MARGIN_MM: f64 = 9.0;
/// Nodules keep this far from the ends of the lungs.
const LEVEL_MAX_MM: f64 = 85.0;

/// The organs, in the order of painting.
pub(super) fn organs() -> Vec<Shape> {
    let ellipsoid = |centre: [f64; 3], half: [f64; 3], hu| Shape::Ellipsoid {
        centre: single(centre),
        half: single(half),
        hu,
    };
    let column = |x: f64, y: f64, radius: f64, hu| {
        ellipsoid([x, y, 0.0], [radius, radius, f64::INFINITY], hu)
    };
    let torso =
        |half: [f64; 2], hu| ellipsoid([0.0, 0.0, 0.0], [half[0], half[1], f64::INFINITY], hu);
    let mut organs = vec![
        // The table, under the back.
        ellipsoid([0.0, 135.0, 0.0], [150.0, 6.0, f64::INFINITY], -400.0),
        torso([163.0, 118.0], -95.0),
        torso([150.0, 107.0], 45.0),
    ];
    for side in [1.0, -1.0] {
        organs.push(ellipsoid(
            [side * LUNG_LEFT[0], LUNG_LEFT[1], LUNG_LEFT[2]],
            LUNG_HALF,
            -850.0,
        ));
    }
    for ((centre, half), hu) in SOLID.into_iter().zip([42.0, 55.0, 50.0]) {
        organs.push(ellipsoid(centre, half, hu));
    }
    organs.push(Shape::Ribs { centre: [0.0, 0.0], half: [143.0, 100.0], hu: 420.0 });
    organs.extend([
        // Spine with its canal, aorta, trachea.
        column(0.0, 78.0, 21.0, 420.0),
        column(0.0, 78.0, 18.0, 210.0),
        column(0.0, 103.0, 9.0, 25.0),
        column(18.0, 48.0, 12.0, 60.0),
        ellipsoid([0.0, 22.0, 130.0], [8.0, 9.0, 110.0], -1000.0),
    ]);
    organs
}

/// Puts one nodule after the other, in the lung of its turn, where it has room.
pub(super) fn place_nodules(
    settings: &PhantomSettings,
    half_coverage: f64,
    rng: &mut SplitMix,
) -> Vec<TrueNodule> {
    let mut nodules: Vec<TrueNodule> = Vec::new();
    for (index, diameter) in settings.nodules.iter().enumerate() {
        let side = settings.sides.of(index);
        let sign = if side == Side::Left { 1.0 } else { -1.0 };
        let radius = diameter / 2.0;
        let level = (half_coverage - radius - 3.0).clamp(0.0, LEVEL_MAX_MM);
        let found = (0..2000).find_map(|_| {
            let centre = [
                sign * (LUNG_LEFT[0] + within(rng, LUNG_HALF[0])),
                LUNG_LEFT[1] + within(rng, LUNG_HALF[1]),
                within(rng, level),
            ];
            let apart = nodules.iter().all(|other| {
                radius + other.diameter / 2.0 + 2.0 * MARGIN_MM < distance(centre, other.centre)
            });
            (apart && in_lung(centre, radius + MARGIN_MM)).then_some(centre)
        });
        nodules.extend(found.map(|centre| TrueNodule { centre, diameter: *diameter, side }));
    }
    nodules
}

/// Tells whether a ball lies in a lung and in nothing else.
pub(super) fn in_lung(at: [f64; 3], radius: f64) -> bool {
    let mirrored = [at[0].abs(), at[1], at[2]];
    let clear = |(centre, half): &([f64; 3], [f64; 3])| {
        let grown = half.map(|mm| mm + radius);
        1.0 < quadric(at, *centre, grown)
    };
    let shrunk = LUNG_HALF.map(|mm| (mm - radius).max(1.0));
    // The two lungs and the mediastinum between them: the trunk of the airways lies there.
    quadric(mirrored, LUNG_LEFT, shrunk) < 1.0
        && SOLID.iter().all(clear)
        && 21.0 + radius < (at[0].hypot(at[1] - 78.0))
}

/// Draws a number between −`half` and `half`.
pub(super) fn within(rng: &mut SplitMix, half: f64) -> f64 {
    // 53 bits: every one of them fits a double.
    let unit = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    (2.0 * unit - 1.0) * half
}

pub(super) fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    let way = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    (way[0] * way[0] + way[1] * way[1] + way[2] * way[2]).sqrt()
}

fn quadric(at: [f64; 3], centre: [f64; 3], half: [f64; 3]) -> f64 {
    let part = |i: usize| {
        let way = (at[i] - centre[i]) / half[i];
        way * way
    };
    part(0) + part(1) + part(2)
}

#[expect(clippy::cast_possible_truncation, reason = "millimetres of a body")]
fn single(mm: [f64; 3]) -> [f32; 3] {
    mm.map(|mm| mm as f32)
}
