//! Goal: a picture shows what it says, where it says. Method: small volumes, single pixels.

use super::*;
use crate::image::extent::Run;
use crate::image::volume::Grid;

/// 2 slices of 4 rows by 6 columns, source slices 7 and 3; air but for one bright voxel.
fn volume(flip: bool) -> Volume {
    let grid = Grid {
        size: [2, 4, 6],
        spacing: [2.0, 0.5, 0.5],
        origin: [0.0; 3],
        x_axis: [1.0, 0.0, 0.0],
        y_axis: [0.0, 1.0, 0.0],
        z_axis: [0.0, 0.0, 1.0],
        slices: vec![7, 3],
        flip_x: flip,
        flip_y: flip,
    };
    let mut hu = vec![-1350; grid.len()];
    hu[grid.index([1, 0, 1])] = 150;
    Volume { grid, hu }
}

fn scene<'a>(outlines: &'a [Outlined<'a>], heat: Option<(&'a Heatmap, u8)>) -> Scene<'a> {
    Scene { slice: 3, window: Window::LUNG, width: 100, outlines, heat }
}

fn pixel(picture: &Picture, row: usize, column: usize) -> &[u8] {
    let start = 3 * (row * picture.width as usize + column);
    &picture.rgb[start..start + 3]
}

#[test]
fn a_voxel_shows_where_the_source_has_it() {
    let picture = key_slice(&volume(false), &scene(&[], None)).unwrap();
    assert_eq!((picture.width, picture.height), (6, 4));
    assert_eq!(pixel(&picture, 0, 1), [255; 3]);
    assert_eq!(pixel(&picture, 0, 0), [0; 3]);
    let flipped = key_slice(&volume(true), &scene(&[], None)).unwrap();
    assert_eq!(pixel(&flipped, 3, 4), [255; 3]);
}

#[test]
fn a_slice_that_is_not_there_has_no_picture() {
    let mut wrong = scene(&[], None);
    wrong.slice = 4;
    assert_eq!(key_slice(&volume(false), &wrong), None);
    wrong.slice = 3;
    wrong.width = 0;
    assert_eq!(key_slice(&volume(false), &wrong), None);
}

#[test]
fn a_narrow_picture_is_the_mean_and_keeps_the_shape() {
    let mut narrow = scene(&[], None);
    narrow.width = 3;
    let picture = key_slice(&volume(false), &narrow).unwrap();
    assert_eq!((picture.width, picture.height), (3, 2));
    // One of four source pixels is white.
    assert_eq!(pixel(&picture, 0, 0), [64; 3]);
}

#[test]
fn an_outline_runs_around_its_mask_and_names_its_mark() {
    let run = |slice, first| Run { slice, row: 1, first, count: 2 };
    let (here, elsewhere) = (Mask(vec![run(3, 2)]), Mask(vec![run(7, 2)]));
    let outlines = [Outlined { mark: 5, mask: &here }, Outlined { mark: 6, mask: &elsewhere }];
    let picture = key_slice(&volume(false), &scene(&outlines, None)).unwrap();
    assert_eq!(picture.marks, [5]);
    let drawn: Vec<usize> =
        (0..24).filter(|at| pixel(&picture, at / 6, at % 6) == OUTLINE).collect();
    assert_eq!(drawn, [2, 3, 7, 10, 14, 15]);
}

#[test]
fn scores_colour_their_own_cells_and_nothing_under_the_floor() {
    let mut heat =
        Heatmap { size: [8, 2, 3], first: [0.5, 0.5], step: [2.0, 2.0], scores: vec![0; 48] };
    heat.scores[3 * 6 + 5] = 255;
    let picture = key_slice(&volume(false), &scene(&[], Some((&heat, 128)))).unwrap();
    assert_eq!(pixel(&picture, 1, 0), [0; 3]);
    let [red, green, blue] = *pixel(&picture, 3, 5) else { panic!("three colours") };
    assert!(blue < green && green < red, "amber, not {red} {green} {blue}");
    // A map that is too short shows nothing rather than another slice's scores.
    heat.scores.truncate(20);
    let picture = key_slice(&volume(false), &scene(&[], Some((&heat, 0)))).unwrap();
    assert_eq!(pixel(&picture, 3, 5), [0; 3]);
}

#[test]
fn a_png_reads_back_as_it_was() {
    let rgb: Vec<u8> = (0..5 * 3 * 3).map(|n| n * 5).collect();
    let bytes = png(&rgb, 5, 3).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let mut back = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut back).unwrap();
    assert_eq!((info.width, info.height), (5, 3));
    assert_eq!(back, rgb);
    assert_eq!(bytes, png(&rgb, 5, 3).unwrap());
    assert!(png(&rgb, 5, 4).is_err());
    assert!(png(&[], 0, 0).is_err());
}
