//! Goal: a package is taken only whole, and every refusal names the part.

use super::*;

/// The parts of our own package, as a caller reads them from its folder.
pub(crate) fn parts() -> BTreeMap<String, Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lung-nodule");
    let mut parts = BTreeMap::new();
    let mut folders = vec![folder.clone()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(inner).expect("the folder of our package") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(&folder)
                    .expect("inside")
                    .to_str()
                    .expect("text");
                parts.insert(name.to_owned(), std::fs::read(&path).expect("a part"));
            }
        }
    }
    parts
}

/// Our own package.
pub(crate) fn lung_nodule() -> Package {
    Package::parse(&parts()).expect("our own package is whole")
}
