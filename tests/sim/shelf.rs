//! The two packages of the simulator: rules without a network, small enough for small studies.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use scanpost::base::digest::Digest;
use scanpost::node::shelf::Shelf;

/// Their names and versions. The second wants more slices than most studies have.
pub const PACKAGES: [&str; 2] = ["lung-nodule 1.0.0", "lung-second 1.0.0"];
/// The fewest slices that each reads.
pub const SLICES_MIN: [usize; 2] = [3, 5];

/// Lays the packages out and has the real shelf read them, once for all runs.
pub fn shelf() -> Arc<Shelf> {
    static SHELF: OnceLock<Arc<Shelf>> = OnceLock::new();
    let shelf = SHELF.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        for (package, least) in PACKAGES.into_iter().zip(SLICES_MIN) {
            let name = package.split(' ').next().expect("a name");
            lay(&folder.path().join(package.replace(' ', "-")), name, least);
        }
        let shelf = Shelf::new(folder.path().to_owned());
        shelf.look();
        let active = shelf.active();
        assert_eq!(active.len(), PACKAGES.len(), "the packages are sound");
        Arc::new(shelf)
    });
    Arc::clone(shelf)
}

/// Our own package with other rules, and with parts that nothing here looks at.
#[expect(clippy::disallowed_methods, reason = "a test lays out its own folder")]
fn lay(folder: &Path, name: &str, least: usize) {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lung-nodule");
    let read = |part: &str| std::fs::read(ours.join(part)).expect("a part of our package");
    let parts: [(&str, Vec<u8>); 5] = [
        ("CARD.md", read("CARD.md")),
        ("NOTICE", read("NOTICE")),
        ("golden/output.f32", vec![0; 4]),
        ("golden/slice.i16", vec![0; 8]),
        ("model.onnx", b"no network".to_vec()),
    ];
    let text = String::from_utf8(read("model.toml")).expect("text");
    let (head, _) = text.split_once("\n[files]").expect("a table of files");
    let mut manifest = head.to_owned();
    for (from, to) in [
        ("name = \"lung-nodule\"", format!("name = \"{name}\"")),
        ("slices = [40, 1200]", format!("slices = [{least}, 40]")),
        ("matrix = [512, 512]", "matrix = [6, 6]".to_owned()),
        ("stride_px = 8", "stride_px = 2".to_owned()),
        ("window_px = 48", "window_px = 2".to_owned()),
        ("centre_px = 24.0", "centre_px = 1.0".to_owned()),
        ("slice_px = [128, 128]", "slice_px = [2, 2]".to_owned()),
    ] {
        assert!(manifest.contains(from), "the manifest has {from}");
        manifest = manifest.replace(from, &to);
    }
    manifest.push_str("\n[files]\n");
    for (part, bytes) in &parts {
        let line = format!("\"{part}\" = \"{}\"\n", Digest::of(bytes));
        manifest.push_str(&line);
    }
    std::fs::create_dir_all(folder.join("golden")).expect("a folder");
    for (part, bytes) in &parts {
        std::fs::write(folder.join(part), bytes).expect("a part is written");
    }
    std::fs::write(folder.join("model.toml"), manifest).expect("the manifest is written");
}
