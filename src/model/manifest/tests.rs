//! Goal: a manifest is obeyed whole or refused with its key named. Method: ours, one line changed
//! at a time, and cut at every byte.

use proptest::prelude::*;

use super::*;
use crate::model::package::tests::parts;

fn ours() -> String {
    String::from_utf8(parts()["model.toml"].clone()).expect("text")
}

/// Ours with the line of a key written anew.
fn with(key: &str, value: &str) -> Result<Manifest, ManifestError> {
    let head = format!("{key} = ");
    assert!(ours().lines().any(|line| line.starts_with(&head)), "{key}");
    let lines: Vec<String> = ours()
        .lines()
        .map(
            |line| {
                if line.starts_with(&head) { format!("{key} = {value}") } else { line.to_owned() }
            },
        )
        .collect();
    Manifest::parse(lines.join("\n").as_bytes())
}

#[test]
fn numbers_out_of_range_are_refused_by_key() {
    for (key, value, named) in [
        ("name", "\"Lung Nodule\"", "name"),
        ("name", "\"\"", "name"),
        ("version", "\"1.0.0-and-much-more\"", "version"),
        ("title", "\"a\\u0007b\"", "title"),
        ("licence", "\" \"", "licence"),
        ("body_part", "[]", "claim.body_part"),
        ("slices", "[0, 10]", "series.slices"),
        ("slices", "[10, 9]", "series.slices"),
        ("matrix", "[40, 512]", "series.matrix"),
        ("pixel_spacing_mm", "[nan, 1.0]", "series.pixel_spacing_mm"),
        ("slice_spacing_mm", "[0.0, 1.0]", "series.slice_spacing_mm"),
        ("thickness_mm", "[1.0, 0.5]", "series.thickness_mm"),
        ("window", "[400.0, -1000.0]", "input.window"),
        ("window", "[nan, 400.0]", "input.window"),
        ("gain", "0.0", "input.gain"),
        ("gain", "inf", "input.gain"),
        ("shift", "nan", "input.shift"),
        ("stride_px", "0", "output.stride_px"),
        ("stride_px", "49", "output.stride_px"),
        ("window_px", "5000", "output.window_px"),
        ("centre_px", "-1.0", "output.centre_px"),
        ("slice_px", "[40, 128]", "golden.slice_px"),
        ("tolerance", "nan", "golden.tolerance"),
        ("region_px_min", "0", "operating_point.region_px_min"),
        ("region_px_min", "65", "operating_point.region_px_min"),
        ("cell_kernel", "[]", "operating_point.cell_kernel"),
        ("cell_kernel", "[0.5, 0.5]", "operating_point.cell_kernel"),
        ("cell_kernel", "[0.25, 0.5, 0.5]", "operating_point.cell_kernel"),
        ("cell_kernel", "[1.5, -2.0, 1.5]", "operating_point.cell_kernel"),
        ("slice_reach_mm", "0.0", "operating_point.slice_reach_mm"),
        ("threshold", "0.0", "operating_point.threshold"),
        ("threshold", "1.01", "operating_point.threshold"),
        ("mark_distance_mm", "nan", "operating_point.mark_distance_mm"),
        ("marks_max", "0", "operating_point.marks_max"),
        ("bytes_per_px", "99_000_000", "memory.bytes_per_px"),
    ] {
        match with(key, value) {
            Err(ManifestError::Range { key: found, .. }) => assert_eq!(found, named),
            other => panic!("{key} = {value}: {other:?}"),
        }
    }
}

#[test]
fn words_that_no_code_knows_are_refused() {
    for (key, value) in [
        ("kind", "\"mask\""),
        ("activation", "\"softmax\""),
        ("axes", "\"NHWC\""),
        ("unit", "\"SUV\""),
        ("orientation", "\"source\""),
        ("region", "\"liver\""),
        ("measure", "\"volume\""),
        ("calibration", "\"platt\""),
        ("body_part_missing", "true"),
        ("\"model.onnx\"", "\"00\""),
    ] {
        assert!(matches!(with(key, value), Err(ManifestError::Toml { .. })), "{key}");
    }
}

#[test]
fn unknown_keys_and_missing_keys_are_refused() {
    for section in ["[claim]", "[series]", "[input]", "[output]", "[operating_point]", "[golden]"] {
        let more = ours().replace(section, &format!("{section}\nsurprise = 1"));
        let error = Manifest::parse(more.as_bytes());
        assert!(matches!(error, Err(ManifestError::Toml { .. })), "{section}");
    }
    for line in ours().lines().filter(|line| line.contains(" = ") && !line.starts_with(['"', '#']))
    {
        let less = ours().replacen(&format!("{line}\n"), "", 1);
        assert!(Manifest::parse(less.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn another_format_is_named_before_its_keys_are_read() {
    let later = "format = 2\nshape = \"unheard of\"\n";
    let error = Manifest::parse(later.as_bytes());
    assert!(matches!(error, Err(ManifestError::Format { found: 2 })));
}

#[test]
fn what_is_too_long_or_no_text_is_refused() {
    let long = vec![b'#'; MANIFEST_BYTES_MAX + 1];
    assert!(matches!(Manifest::parse(&long), Err(ManifestError::Size { .. })));
    assert!(matches!(Manifest::parse(&[0xff]), Err(ManifestError::Utf8 { .. })));
}

#[test]
fn a_manifest_survives_being_written_and_read() {
    let manifest = Manifest::parse(ours().as_bytes()).expect("ours");
    let json = serde_json::to_string(&manifest).expect("JSON");
    assert_eq!(serde_json::from_str::<Manifest>(&json).expect("back"), manifest);
}

#[test]
fn a_cut_manifest_is_refused_and_never_half_obeyed() {
    let bytes = ours().into_bytes();
    let files = ours().find("[files]").expect("a table of files");
    // Behind [files] a cut between lines leaves a table with fewer parts, which the package sees.
    for cut in (0..files).step_by(7).chain(files - 3..files) {
        assert!(Manifest::parse(&bytes[..cut]).is_err(), "{cut}");
    }
}

proptest! {
    #[test]
    fn cells_cover_their_axis_and_no_more(pixels in 0_usize..2000) {
        let output = Manifest::parse(ours().as_bytes()).expect("ours").output;
        let cells = output.cells(pixels);
        let end = |cell: usize| (cell - 1) * output.stride_px + output.window_px;
        prop_assert!(cells == 0 || end(cells) <= pixels);
        prop_assert!(pixels < end(cells + 1));
    }
}
