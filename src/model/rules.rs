//! The ranges of a manifest's numbers, as tables: whether it is met, the key, what it has to be.

use crate::model::manifest::{Manifest, ManifestError};

/// Weights of a smoothing kernel: beyond it a map shows nothing that is small.
const KERNEL_WEIGHTS_MAX: usize = 9;
/// Pixels of a side that a network may ask for: the largest CT matrix in use is 1024.
const SIDE_PX_MAX: usize = 4096;

type Rule = (bool, &'static str, &'static str);

/// Checks every number and word of a manifest that parsed.
///
/// # Errors
/// [`ManifestError::Range`] with the first key that is out of its range.
pub(super) fn check(manifest: &Manifest) -> Result<(), ManifestError> {
    // In this order: the later tables count on the earlier ones.
    hold(&words(manifest))?;
    hold(&network(manifest))?;
    hold(&series(manifest))?;
    hold(&operating_point(manifest))
}

fn hold(rules: &[Rule]) -> Result<(), ManifestError> {
    match rules.iter().find(|(met, ..)| !met) {
        Some(&(_, key, want)) => Err(ManifestError::Range { key, want }),
        None => Ok(()),
    }
}

fn words(manifest: &Manifest) -> Vec<Rule> {
    const WORDS: &str = "words, without control characters";
    const CODE: &str = "value and scheme of 1 to 16, meaning of 1 to 64 bytes";
    let code = |code: &crate::model::manifest::Code| {
        let short = code.value.len() <= 16 && code.scheme.len() <= 16;
        let words = [&code.value, &code.scheme, &code.meaning];
        short && code.meaning.len() <= 64 && words.into_iter().all(|text| is_words(text))
    };
    vec![
        (is_plain(&manifest.name, 64, ""), "name", "1 to 64 of a-z, 0-9 and -"),
        (is_plain(&manifest.version, 16, "."), "version", "1 to 16 of a-z, 0-9, - and ."),
        (is_words(&manifest.title), "title", WORDS),
        (manifest.title.len() <= 64, "title", "at most 64 bytes"),
        (is_words(&manifest.maker), "maker", WORDS),
        (manifest.maker.len() <= 64, "maker", "at most 64 bytes"),
        (is_words(&manifest.intended_use), "intended_use", WORDS),
        (is_words(&manifest.not_intended_use), "not_intended_use", WORDS),
        (is_words(&manifest.licence), "licence", WORDS),
        (code(&manifest.codes.finding), "codes.finding", CODE),
        (code(&manifest.codes.site), "codes.site", CODE),
        (code(&manifest.codes.procedure), "codes.procedure", CODE),
    ]
}

fn network(manifest: &Manifest) -> Vec<Rule> {
    let (input, output, memory) = (&manifest.input, &manifest.output, manifest.memory);
    let [low, high] = input.window;
    let in_order = -32_768.0 <= low && low < high && high <= 32_767.0;
    let gain = input.gain.abs();
    let window = output.window_px;
    let sides = window..=SIDE_PX_MAX;
    let [rows, columns] = manifest.golden.slice_px;
    let golden = sides.contains(&rows) && sides.contains(&columns);
    let golden_range = "[rows, columns], from output.window_px to 4096";
    let tolerance = (0.0..=1.0).contains(&manifest.golden.tolerance);
    vec![
        (in_order, "input.window", "[low, high] within i16, low under high"),
        (input.shift.abs() <= 100.0, "input.shift", "-100 to 100"),
        (0.0 < gain && gain <= 1000.0, "input.gain", "not 0, -1000 to 1000"),
        ((1..=SIDE_PX_MAX).contains(&window), "output.window_px", "1 to 4096"),
        ((1..=window).contains(&output.stride_px), "output.stride_px", "1 to output.window_px"),
        (
            (0.0..=window as f64).contains(&output.centre_px),
            "output.centre_px",
            "0 to output.window_px",
        ),
        (golden, "golden.slice_px", golden_range),
        (tolerance, "golden.tolerance", "0 to 1"),
        (memory.fixed_bytes <= 1 << 36, "memory.fixed_bytes", "up to 64 GiB"),
        (memory.bytes_per_px <= 1 << 20, "memory.bytes_per_px", "up to 1 MiB"),
    ]
}

fn series(manifest: &Manifest) -> Vec<Rule> {
    const MM: &str = "[least, most], above 0 and up to 100";
    let (claim, rules) = (&manifest.claim, &manifest.series);
    let mm = |[least, most]: [f64; 2]| 0.0 < least && least <= most && most <= 100.0;
    let [fewest, most] = rules.slices;
    let [small, large] = rules.matrix.map(usize::from);
    let matrix = manifest.output.window_px <= small && small <= large && large <= SIDE_PX_MAX;
    vec![
        (is_words(&claim.modality), "claim.modality", "a modality such as CT"),
        (!claim.body_part.is_empty(), "claim.body_part", "at least one body part"),
        (0 < fewest && fewest <= most, "series.slices", "[least, most], from 1"),
        (matrix, "series.matrix", "[least, most], from output.window_px to 4096"),
        (mm(rules.pixel_spacing_mm), "series.pixel_spacing_mm", MM),
        (mm(rules.slice_spacing_mm), "series.slice_spacing_mm", MM),
        (mm(rules.thickness_mm), "series.thickness_mm", MM),
    ]
}

fn operating_point(manifest: &Manifest) -> Vec<Rule> {
    let point = &manifest.operating_point;
    let kernel = &point.cell_kernel;
    let weights = kernel.iter().all(|weight| (0.0..=1.0).contains(weight));
    let symmetric = kernel.iter().eq(kernel.iter().rev());
    let one = (kernel.iter().sum::<f32>() - 1.0).abs() < 1e-6;
    let odd = kernel.len() % 2 == 1 && kernel.len() <= KERNEL_WEIGHTS_MAX;
    let kernel_range = "1 to 9 weights, odd in number, each 0 to 1, symmetric, with sum 1";
    let tile = manifest.output.stride_px * manifest.output.stride_px;
    let above_0_to = |value: f64, most: f64| 0.0 < value && value <= most;
    vec![
        (
            (1..=tile).contains(&point.region_px_min),
            "operating_point.region_px_min",
            "1 to the square of output.stride_px",
        ),
        (weights && symmetric && one && odd, "operating_point.cell_kernel", kernel_range),
        (
            above_0_to(point.slice_reach_mm, 50.0),
            "operating_point.slice_reach_mm",
            "above 0 and up to 50",
        ),
        (
            above_0_to(f64::from(point.threshold), 1.0),
            "operating_point.threshold",
            "above 0 and up to 1",
        ),
        (
            above_0_to(point.mark_distance_mm, 200.0),
            "operating_point.mark_distance_mm",
            "above 0 and up to 200",
        ),
        ((1..=1000).contains(&point.marks_max), "operating_point.marks_max", "1 to 1000"),
    ]
}

/// Lower-case letters, digits, hyphens and the characters of `more`, 1 to `most` bytes.
fn is_plain(text: &str, most: usize, more: &str) -> bool {
    let plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || more.contains(c);
    (1..=most).contains(&text.len()) && text.chars().all(plain)
}

fn is_words(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}
