//! What the reader asks of whatever computes a network.

use crate::model::contract::GraphFacts;

/// Prepares networks.
pub trait Engine {
    /// Prepares `graph` (ONNX) for slices of `plane` rows and columns, `[1, 1, rows, columns]`.
    ///
    /// # Errors
    /// [`EngineError`], except [`EngineError::Run`] and [`EngineError::Values`].
    fn load(&self, graph: &[u8], plane: [usize; 2]) -> Result<Box<dyn Network>, EngineError>;
}

/// A network ready for slices of one size.
pub trait Network {
    /// Returns its names, types and shapes.
    fn facts(&self) -> &GraphFacts;

    /// Computes the output for one input, both row by row in the shapes of [`Network::facts`].
    /// The same input gives the same bits.
    ///
    /// # Errors
    /// [`EngineError::Run`] and [`EngineError::Values`].
    fn run(&mut self, input: &[f32]) -> Result<Vec<f32>, EngineError>;
}

/// Why a network does not load or run; the text says what its maker has to do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The bytes are no graph that it can take.
    #[error("the graph cannot be read: export it again as ONNX, opset 9 to 18, in one file")]
    Graph {
        /// What the importer says.
        source: Reason,
    },
    /// An operator that it does not have.
    #[error(
        "node {node:?} needs the operator {operator}, which this box lacks: export the graph in \
         QDQ form (QuantizeLinear and DequantizeLinear around plain operators), opset 17"
    )]
    Operator {
        /// The node.
        node: String,
        /// The operator.
        operator: String,
    },
    /// Shapes or types do not fit together at this size of slice.
    #[error("the graph does not take slices of {rows} x {columns}: make rows and columns free")]
    Shape {
        /// Rows of the slice.
        rows: usize,
        /// Columns of the slice.
        columns: usize,
        /// Which node fails, as the importer says.
        source: Reason,
    },
    /// It failed while running.
    #[error("the network failed on a slice")]
    Run {
        /// What the engine says.
        source: Reason,
    },
    /// A value came out that is no number, or not as many as announced.
    #[error("the network gave values that are no numbers")]
    Values,
}

/// The words of an engine about a graph. They name nodes and shapes, never pixels.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Reason(pub String);
