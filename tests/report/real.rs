//! A made-up reading of a real chest CT, for the outside readers.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    reason = "pixels of a known series; a skipped test says so"
)]

use std::path::PathBuf;

use scanpost::base::units::{Hu, Ml, Mm, Probability};
use scanpost::dicom::header::{Header, Tag};
use scanpost::dicom::syntax::EXPLICIT_LE;
use scanpost::image::volume::SourceVoxel;
use scanpost::infer::finding::{Extent, Mark, Mask, Measured, Picture, Reading, Run};
use scanpost::report::{Outcome, Source, write};

use crate::fixture::{job, reading, uid, voxel};
use crate::{lay_out, reader};

/// Rows and columns of the series.
const SIDE: u32 = 512;
/// Where LUNA16 has its nodule of 23 mm: row and column, and z in mm.
const CENTRE: [u32; 2] = [367, 316];
const CENTRE_Z: f64 = -115.868;
const RADIUS_MM: f64 = 11.7;
const PIXEL_MM: f64 = 0.703_125;

fn files(series: &str) -> Option<Vec<Vec<u8>>> {
    let base = std::env::var_os("SCANPOST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let folder = std::fs::read_dir(base.join(series)).ok()?;
    let paths = folder.map(|entry| entry.unwrap().path());
    let dicom = paths.filter(|path| path.extension().is_some_and(|end| end == "dcm"));
    Some(dicom.map(|path| std::fs::read(path).unwrap()).collect())
}

fn z(header: &Header) -> f64 {
    let value = &header.get(Tag(0x0020_0032)).unwrap().value;
    let text = String::from_utf8(value.clone()).unwrap();
    text.rsplit('\\').next().unwrap().trim().parse().unwrap()
}

/// The ball as runs, and its widest slice.
fn ball(slices: &[f64]) -> (Vec<Run>, u32) {
    let mut runs = Vec::new();
    let mut widest = (f64::MAX, 0);
    for (slice, z) in (0u32..).zip(slices) {
        let dz = (z - CENTRE_Z).abs();
        if dz < widest.0 {
            widest = (dz, slice);
        }
        for row in 0..SIDE {
            let dy = (f64::from(row) - f64::from(CENTRE[0])) * PIXEL_MM;
            let left = RADIUS_MM * RADIUS_MM - dz * dz - dy * dy;
            if 0.0 <= left {
                let half = u32::try_from((left.sqrt() / PIXEL_MM) as i64).unwrap();
                runs.push(Run { slice, row, first: CENTRE[1] - half, count: 2 * half + 1 });
            }
        }
    }
    (runs, widest.1)
}

/// The slice in a lung window, with the ball's row marked at both ends.
fn picture(slice: u32, pixels: &[u8]) -> Picture {
    let stored = pixels.chunks_exact(2);
    let stored = stored.map(|two| i16::from_le_bytes([two[0], two[1]]));
    let grey =
        stored.map(|value| ((i32::from(value) - 1024 + 1400).clamp(0, 1600) * 255 / 1600) as u8);
    let mut rgb: Vec<u8> = grey.flat_map(|grey| [grey; 3]).collect();
    for column in [CENTRE[1] - 20, CENTRE[1] + 20] {
        for row in CENTRE[0] - 20..CENTRE[0] + 20 {
            let at = ((row * SIDE + column) * 3) as usize;
            rgb[at..at + 3].copy_from_slice(&[255, 60, 60]);
        }
    }
    Picture { slice, width: SIDE, height: SIDE, rgb, marks: vec![0] }
}

#[test]
fn a_real_series_can_be_written_up() {
    let Some(files) = files("ct-chest-lidc0001-ge") else {
        println!("SKIPPED: no real data; set SCANPOST_DATA to the folder that has it");
        return;
    };
    let mut slices: Vec<_> = files.iter().map(|file| reader::source(file)).collect();
    slices.sort_by(|a, b| z(&a.0).total_cmp(&z(&b.0)));
    let heights: Vec<f64> = slices.iter().map(|(header, _)| z(header)).collect();
    let (runs, widest) = ball(&heights);
    let pixels: u32 = runs.iter().map(|run| run.count).sum();
    let half = 16;
    let ends: [SourceVoxel; 2] =
        [-half, half].map(|by| voxel(widest, CENTRE[0], CENTRE[1].checked_add_signed(by).unwrap()));
    let made_up = Reading {
        marks: vec![Mark {
            score: Probability::new(0.97).unwrap(),
            centre: [56.208, 86.343, CENTRE_Z],
            at: voxel(widest, CENTRE[0], CENTRE[1]),
            extent: Extent::Measured(Measured {
                long_axis: Mm(32.0 * PIXEL_MM),
                long_axis_ends: ends,
                volume: Ml(f64::from(pixels) * PIXEL_MM * PIXEL_MM * 2.5 / 1000.0),
                mean: Hu(30.0),
                mask: Mask(runs),
            }),
        }],
        pictures: vec![picture(widest, &slices[widest as usize].1)],
        slices_read: u32::try_from(slices.len()).unwrap(),
        ..reading()
    };
    let sources: Vec<Source> = slices
        .into_iter()
        .map(|(header, _)| Source { header, transfer_syntax: uid(EXPLICIT_LE) })
        .collect();
    let size = [sources.len(), SIDE as usize, SIDE as usize];
    let documents = write(Outcome::Read(&made_up), &sources, &job()).unwrap();
    assert_eq!(documents.len(), 4);
    lay_out("real", &documents, &made_up, size);
}

#[test]
fn a_real_series_that_was_not_read_gets_its_reason() {
    let series =
        [("ct-chest-lidc0001-ge", "real-not-read"), ("ct-head-ge-hispeed", "real-head-not-read")];
    for (series, name) in series {
        let Some(files) = files(series) else {
            println!("SKIPPED: no real data; set SCANPOST_DATA to the folder that has it");
            return;
        };
        let sources: Vec<Source> = files
            .iter()
            .map(|file| Source {
                header: reader::source(file).0,
                transfer_syntax: uid(EXPLICIT_LE),
            })
            .collect();
        let outcome = Outcome::NotRead { reason: "the slices do not lie at even distances" };
        let documents = write(outcome, &sources, &job()).unwrap();
        let size = [sources.len(), SIDE as usize, SIDE as usize];
        lay_out(name, &documents, &crate::nothing_marked(), size);
    }
}
