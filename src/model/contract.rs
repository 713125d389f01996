//! Whether a graph is what its manifest says: names, types and shapes, before it ever runs.

use crate::model::manifest::Manifest;

/// The rim of a graph as an engine found it, for one size of slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphFacts {
    /// Inputs, in the graph's order.
    pub inputs: Vec<PortFacts>,
    /// Outputs, in the graph's order.
    pub outputs: Vec<PortFacts>,
}

/// One input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortFacts {
    /// Its name in the graph.
    pub name: String,
    /// Its type, `f32` and so on.
    pub kind: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// Where graph and manifest disagree, and what the maker has to change.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Not one input and one output.
    #[error("the graph has {inputs} inputs and {outputs} outputs: export it with one of each")]
    Ports {
        /// Inputs.
        inputs: usize,
        /// Outputs.
        outputs: usize,
    },
    /// A name differs.
    #[error("the graph's {port} is named {found:?}: write that into {port}.name of model.toml")]
    Name {
        /// `input` or `output`.
        port: &'static str,
        /// Its name in the graph.
        found: String,
    },
    /// A type differs.
    #[error("the graph's {port} is {found}: export it with f32 at its rim")]
    Kind {
        /// `input` or `output`.
        port: &'static str,
        /// Its type in the graph.
        found: String,
    },
    /// A shape differs.
    #[error("the graph's {port} has shape {found:?}, model.toml asks for {want:?}: correct one")]
    Shape {
        /// `input` or `output`.
        port: &'static str,
        /// Its shape in the graph.
        found: Vec<usize>,
        /// What the manifest makes of the slice.
        want: Vec<usize>,
    },
}

/// Checks the rim of a graph, prepared for slices of `plane` rows and columns.
///
/// # Errors
/// [`ContractError`] names the first disagreement.
pub fn check(
    manifest: &Manifest,
    facts: &GraphFacts,
    plane: [usize; 2],
) -> Result<(), ContractError> {
    let ([input], [output]) = (facts.inputs.as_slice(), facts.outputs.as_slice()) else {
        return Err(ContractError::Ports {
            inputs: facts.inputs.len(),
            outputs: facts.outputs.len(),
        });
    };
    let [rows, columns] = plane;
    let cells = [manifest.output.cells(rows), manifest.output.cells(columns)];
    check_port("input", input, &manifest.input.name, plane)?;
    check_port("output", output, &manifest.output.name, cells)
}

fn check_port(
    port: &'static str,
    facts: &PortFacts,
    name: &str,
    [rows, columns]: [usize; 2],
) -> Result<(), ContractError> {
    let want = vec![1, 1, rows, columns];
    if facts.name != name {
        let found = facts.name.clone();
        Err(ContractError::Name { port, found })
    } else if facts.kind != "f32" {
        let found = facts.kind.clone();
        Err(ContractError::Kind { port, found })
    } else if facts.shape != want {
        let found = facts.shape.clone();
        Err(ContractError::Shape { port, found, want })
    } else {
        Ok(())
    }
}
