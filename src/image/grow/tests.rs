//! Goal: an outline is the nodule, not what hangs on it. Method: drawn nodules, and the readers'
//! majority of a real one.

use super::*;
use crate::image::geometry::Coverage;
use crate::image::sample;

#[test]
#[expect(clippy::print_stderr)]
fn scratch_lidc() {
    let Some(samples) = sample::series("ct-chest-lidc0001-ge") else {
        return;
    };
    let facts: Vec<_> = samples.iter().map(|s| s.facts.clone()).collect();
    let coverage = Coverage::of(&facts);
    eprintln!(
        "{:?} {:?} {:?}",
        coverage.verdict,
        coverage.spacing,
        coverage.groups.len()
    );
    let frames: Vec<_> = samples.iter().map(sample::Sample::frame).collect();
    let t = std::time::Instant::now();
    let volume = Volume::build(&coverage, &facts, &frames).unwrap();
    eprintln!("build {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let lungs = LungMask::of(&volume).unwrap();
    eprintln!("mask {:?} {}", t.elapsed(), lungs.voxels());
    let t = std::time::Instant::now();
    let extent = grow(&volume, &lungs, [56.208, 86.343, -115.868]);
    eprintln!("grow {:?}", t.elapsed());
    if let Extent::Measured(m) = &extent {
        eprintln!(
            "{:?} {:?} {:?} {:?}",
            m.long_axis, m.long_axis_ends, m.volume, m.mean
        );
    } else {
        eprintln!("{extent:?}");
    }
    let g = &volume.grid;
    let at = g.to_voxel([56.208, 86.343, -115.868]);
    eprintln!("{at:?} {:?}", g.size);
    let mut out = Vec::new();
    for z in 0..g.size[0] {
        for y in 0..g.size[1] {
            for x in 0..g.size[2] {
                out.push(u8::from(lungs.contains([z, y, x])));
            }
        }
    }
    if let Extent::Measured(m) = &extent {
        for r in &m.mask.0 {
            for c in r.first..r.first + r.count {
                let v = g
                    .from_source(SourceVoxel {
                        slice: r.slice,
                        row: r.row,
                        column: c,
                    })
                    .unwrap();
                out[g.index(v)] |= 2;
            }
        }
    }
    std::fs::write("/tmp/imgmask.raw", out).unwrap();
    let hu: Vec<u8> = volume.hu.iter().flat_map(|h| h.to_le_bytes()).collect();
    std::fs::write("/tmp/imghu.raw", hu).unwrap();
    eprintln!("{:?}", g.origin);
}
