//! Networks computed by tract: the only file that names it, because its API moves.
//!
//! Quantized graphs (QDQ) run in f32 between their quantizers, so speed is that of f32; results
//! are those of the int8 graph but for rounding ties: tract's `QuantizeLinear` multiplies by the
//! reciprocal of the scale where ONNX divides. How far that goes is measured by the golden case.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::ops::unimpl::UnimplementedOp;

use crate::infer::engine::{Engine, EngineError, Network, Reason};
use crate::model::contract::{GraphFacts, PortFacts};

/// Asks the system once for what tract chooses its code by: features and caches of the processor.
/// A process that gives up its right to read files calls it before.
pub fn prepare() {
    use tract_onnx::tract_core::tract_linalg::{cache, has_fp16, isa};

    let _seen = (isa::native(), has_fp16(), cache::cache_info(), cache::last_level_cache());
}

/// Makes networks with tract; keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tract;

/// A graph optimized for one size of slice.
struct TractNetwork {
    plan: Arc<TypedRunnableModel>,
    facts: GraphFacts,
    plane: [usize; 2],
}

impl Engine for Tract {
    fn load(&self, graph: &[u8], plane: [usize; 2]) -> Result<Box<dyn Network>, EngineError> {
        // The importer indexes maps by names from the file: a graph whose output nobody makes
        // panics there. That is the package's fault and must read as such.
        let loaded = catch_unwind(AssertUnwindSafe(|| load(graph, plane)));
        let network = loaded.unwrap_or_else(|_| {
            let source = Reason("the importer panicked".into());
            Err(EngineError::Graph { source })
        })?;
        Ok(Box::new(network))
    }
}

impl Network for TractNetwork {
    fn facts(&self) -> &GraphFacts {
        &self.facts
    }

    fn run(&mut self, input: &[f32]) -> Result<Vec<f32>, EngineError> {
        let run = |error: TractError| EngineError::Run { source: reason(&error) };
        let [rows, columns] = self.plane;
        let input = Tensor::from_shape(&[1, 1, rows, columns], input).map_err(run)?;
        let outputs = self.plan.run(tvec!(input.into_tvalue())).map_err(run)?;
        let output = outputs.first().ok_or(EngineError::Values)?;
        let values = output.to_plain_array_view::<f32>().map_err(run)?;
        let values: Vec<f32> = values.iter().copied().collect();
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(EngineError::Values)
        }
    }
}

fn load(graph: &[u8], plane: [usize; 2]) -> Result<TractNetwork, EngineError> {
    let [rows, columns] = plane;
    // Shapes that the exporter wrote are those of its own patch: only the operators count.
    let importer = onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
    let model = importer
        .model_for_read(&mut &*graph)
        .map_err(|error| EngineError::Graph { source: reason(&error) })?;
    let mut nodes = model.nodes().iter();
    if let Some(node) = nodes.find(|node| node.op_is::<UnimplementedOp>()) {
        return Err(EngineError::Operator {
            node: node.name.clone(),
            operator: node.op.name().into_owned(),
        });
    }
    let shape = |error: TractError| EngineError::Shape { rows, columns, source: reason(&error) };
    let mut model = model;
    let [batch, channel] = [1, 1];
    let fact = f32::fact([batch, channel, rows, columns]);
    let inputs = model.input_outlets().map_err(shape)?.len();
    if inputs == 1 {
        model.set_input_fact(0, fact.into()).map_err(shape)?;
    }
    let typed = model.into_typed().map_err(shape)?;
    let facts = facts_of(&typed).map_err(shape)?;
    let plan = typed.into_optimized().and_then(TypedModel::into_runnable).map_err(shape)?;
    Ok(TractNetwork { plan, facts, plane })
}

fn facts_of(model: &TypedModel) -> TractResult<GraphFacts> {
    let port = |outlet: &OutletId, name: &str| {
        let fact = model.outlet_fact(*outlet)?;
        let shape = fact.shape.as_concrete().unwrap_or(&[]);
        Ok(PortFacts {
            name: name.into(),
            kind: format!("{:?}", fact.datum_type).to_lowercase(),
            shape: shape.to_vec(),
        })
    };
    let inputs = model.input_outlets()?.iter();
    let outputs = model.output_outlets()?.iter();
    Ok(GraphFacts {
        inputs: inputs
            .map(|outlet| port(outlet, &model.node(outlet.node).name))
            .collect::<TractResult<_>>()?,
        outputs: outputs
            .map(|outlet| port(outlet, model.outlet_label(*outlet).unwrap_or_default()))
            .collect::<TractResult<_>>()?,
    })
}

fn reason(error: &TractError) -> Reason {
    Reason(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::package::tests::lung_nodule;

    fn refusal(graph: &[u8], plane: [usize; 2]) -> EngineError {
        match Tract.load(graph, plane) {
            Ok(network) => panic!("it loads: {:?}", network.facts()),
            Err(error) => error,
        }
    }

    #[test]
    fn one_network_takes_slices_of_any_size_it_fits_in() {
        let package = lung_nodule();
        for plane in [[48, 48], [64, 100], [512, 512]] {
            let network = Tract.load(package.graph(), plane).expect("it loads");
            let cells = plane.map(|side| package.manifest().output.cells(side));
            assert_eq!(network.facts().outputs[0].shape, [1, 1, cells[0], cells[1]]);
            assert_eq!(network.facts().inputs[0].name, "patch");
        }
    }

    #[test]
    fn an_operator_that_is_not_there_is_named_with_its_node() {
        let package = lung_nodule();
        let mut graph = package.graph().to_vec();
        let pool = graph.windows(7).position(|bytes| bytes == b"MaxPool").expect("a pool");
        // The first match may be a name; every one is renamed, so that the operator is too.
        for at in pool..graph.len() - 7 {
            if &graph[at..at + 7] == b"MaxPool" {
                graph[at..at + 7].copy_from_slice(b"MuxPool");
            }
        }
        let error = refusal(&graph, [64, 64]);
        let EngineError::Operator { node, operator } = &error else {
            panic!("{error:?}");
        };
        assert!(node.contains("Pool") && operator.contains("MuxPool"), "{node} {operator}");
    }

    #[test]
    fn a_graph_cut_anywhere_is_refused_and_panics_nobody() {
        let package = lung_nodule();
        let graph = package.graph();
        for cut in (0..graph.len()).step_by(graph.len() / 24) {
            refusal(&graph[..cut], [48, 48]);
        }
    }

    #[test]
    fn an_input_that_is_too_short_does_not_run() {
        let mut network = Tract.load(lung_nodule().graph(), [48, 48]).expect("it loads");
        assert!(matches!(network.run(&[0.0; 10]), Err(EngineError::Run { .. })));
        assert_eq!(network.run(&[0.0; 48 * 48]).map(|out| out.len()).ok(), Some(1));
    }
}
