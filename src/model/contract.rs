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
    /// Not one window fits: a reading would find nothing without having looked.
    #[error("slices of {plane:?} are smaller than one window: narrow series.matrix in model.toml")]
    Window {
        /// Rows and columns of the slice.
        plane: [usize; 2],
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
    if cells.contains(&0) {
        return Err(ContractError::Window { plane });
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::package::tests::lung_nodule;

    fn facts() -> GraphFacts {
        let port = |name: &str, side: usize| PortFacts {
            name: name.into(),
            kind: "f32".into(),
            shape: vec![1, 1, side, side],
        };
        GraphFacts { inputs: vec![port("patch", 512)], outputs: vec![port("logit", 59)] }
    }

    fn ask(change: impl Fn(&mut GraphFacts)) -> Result<(), ContractError> {
        let mut facts = facts();
        change(&mut facts);
        check(lung_nodule().manifest(), &facts, [512, 512])
    }

    #[test]
    fn a_slice_that_no_window_fits_in_is_refused_and_not_read_as_empty() {
        let mut facts = facts();
        facts.inputs[0].shape = vec![1, 1, 40, 512];
        facts.outputs[0].shape = vec![1, 1, 0, 59];
        let plane = [40, 512];
        let error = check(lung_nodule().manifest(), &facts, plane);
        assert_eq!(error, Err(ContractError::Window { plane }));
    }

    #[test]
    fn each_disagreement_of_graph_and_manifest_is_named() {
        assert_eq!(ask(|_| ()), Ok(()));
        let ports = ask(|facts| facts.inputs.clear());
        assert_eq!(ports, Err(ContractError::Ports { inputs: 0, outputs: 1 }));
        let name = ask(|facts| facts.outputs[0].name = "score".into());
        let found = "score".into();
        assert_eq!(name, Err(ContractError::Name { port: "output", found }));
        let kind = ask(|facts| facts.inputs[0].kind = "u8".into());
        let found = "u8".into();
        assert_eq!(kind, Err(ContractError::Kind { port: "input", found }));
        let shape = ask(|facts| facts.outputs[0].shape[3] = 60);
        let (found, want) = (vec![1, 1, 59, 60], vec![1, 1, 59, 59]);
        assert_eq!(shape, Err(ContractError::Shape { port: "output", found, want }));
    }
}
