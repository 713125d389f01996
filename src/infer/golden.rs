//! Whether a package's network, on this engine, gives what its maker saw.

use crate::infer::engine::{Engine, EngineError};
use crate::infer::preprocess;
use crate::model::contract::{self, ContractError};
use crate::model::package::Package;

/// How near an engine came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// The largest distance of a value from the expected one.
    pub worst: f32,
    /// How many values were compared.
    pub values: usize,
}

/// Why a package does not run here.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The graph does not load or run.
    #[error("the network of the package does not run here")]
    Engine {
        /// Why.
        #[from]
        source: EngineError,
    },
    /// The graph is not what the manifest says.
    #[error("graph and manifest disagree")]
    Contract {
        /// Where.
        #[from]
        source: ContractError,
    },
    /// The golden case came out otherwise.
    #[error(
        "the golden case is off by {worst} where {tolerance} is allowed: graph and golden case \
         are not of one make, or this engine computes otherwise"
    )]
    Differs {
        /// The largest distance.
        worst: f32,
        /// What the manifest allows.
        tolerance: f32,
    },
}

/// Loads the network for the golden slice, holds it against the manifest and runs it.
///
/// # Errors
/// [`GoldenError`]: the package must not be used on this box.
pub fn check(package: &Package, engine: &dyn Engine) -> Result<Agreement, GoldenError> {
    let golden = package.golden();
    let manifest = package.manifest();
    let mut network = engine.load(package.graph(), golden.slice_px)?;
    contract::check(manifest, network.facts(), golden.slice_px)?;
    let mut input = Vec::new();
    preprocess::fill(&mut input, &golden.slice, &manifest.input);
    let output = network.run(&input)?;
    if output.len() != golden.output.len() {
        return Err(EngineError::Values.into());
    }
    let pairs = output.iter().zip(&golden.output);
    let worst = pairs.fold(0.0, |worst: f32, (a, b)| worst.max((a - b).abs()));
    if worst <= golden.tolerance {
        Ok(Agreement { worst, values: output.len() })
    } else {
        Err(GoldenError::Differs { worst, tolerance: golden.tolerance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::tract::Tract;
    use crate::model::package::tests::{lung_nodule, repacked};

    #[test]
    fn our_package_gives_on_tract_what_onnx_runtime_gave() {
        let first = check(&lung_nodule(), &Tract).expect("the golden case");
        assert_eq!(first.values, 121);
        assert_eq!(check(&lung_nodule(), &Tract).expect("the golden case"), first);
    }

    #[test]
    fn one_value_that_is_off_is_seen() {
        let parts = repacked(|parts| {
            let output = parts.get_mut("golden/output.f32").expect("an output");
            let value = f32::from_le_bytes([output[400], output[401], output[402], output[403]]);
            output[400..404].copy_from_slice(&(value + 0.4).to_le_bytes());
        });
        let package = Package::parse(&parts).expect("a whole package");
        assert!(matches!(check(&package, &Tract), Err(GoldenError::Differs { .. })));
    }

    #[test]
    fn another_window_than_the_makers_is_seen() {
        let parts = repacked(|parts| {
            let manifest = parts.get_mut("model.toml").expect("a manifest");
            let text = String::from_utf8(manifest.clone()).expect("text");
            *manifest = text.replace("[-1000.0, 400.0]", "[-1000.0, 600.0]").into();
        });
        let package = Package::parse(&parts).expect("a whole package");
        assert!(matches!(check(&package, &Tract), Err(GoldenError::Differs { .. })));
    }

    #[test]
    fn a_name_that_is_not_the_graphs_is_seen_before_it_runs() {
        let parts = repacked(|parts| {
            let manifest = parts.get_mut("model.toml").expect("a manifest");
            let text = String::from_utf8(manifest.clone()).expect("text");
            *manifest = text.replace("name = \"patch\"", "name = \"image\"").into();
        });
        let package = Package::parse(&parts).expect("a whole package");
        assert!(matches!(check(&package, &Tract), Err(GoldenError::Contract { .. })));
    }
}
