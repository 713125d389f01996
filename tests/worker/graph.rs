//! Graphs made byte by byte, as a hostile maker would: the fields of ONNX's protobuf that matter.

use std::collections::BTreeMap;

use scanpost::model::package::files_table;

use crate::fixture::parts;

/// A field that holds bytes.
fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = varint(number << 3 | 2);
    out.extend(varint(bytes.len() as u64));
    out.extend_from_slice(bytes);
    out
}

/// A field that holds a number.
fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while 0x7f < value {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
    out
}

/// `NodeProto`: input 1, output 2, `op_type` 4.
fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut out: Vec<u8> = inputs.iter().flat_map(|name| field(1, name.as_bytes())).collect();
    out.extend(field(2, output.as_bytes()));
    out.extend(field(3, output.as_bytes()));
    out.extend(field(4, operator.as_bytes()));
    out
}

/// `ValueInfoProto` of f32 with free dimensions.
fn port(name: &str) -> Vec<u8> {
    let dimensions: Vec<u8> = ["n", "c", "h", "w"]
        .iter()
        .flat_map(|dimension| field(1, &field(2, dimension.as_bytes())))
        .collect();
    let tensor = [number(1, 1), field(2, &dimensions)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// A graph that adds 16 GiB of zeros, folded while it is prepared, to its input.
pub(crate) fn greedy() -> Vec<u8> {
    let shape: Vec<u8> =
        [1_u64, 1, 65_536, 65_536].iter().flat_map(|side| side.to_le_bytes()).collect();
    // TensorProto: dims 1, data_type 2 (7 is INT64), name 8, raw_data 9.
    let shape = [number(1, 4), number(2, 7), field(8, b"shape"), field(9, &shape)].concat();
    let graph = [
        field(1, &node("ConstantOfShape", &["shape"], "zeros")),
        field(1, &node("ReduceMax", &["zeros"], "most")),
        field(1, &node("Add", &["patch", "most"], "logit")),
        field(2, b"greedy"),
        field(5, &shape),
        field(11, &port("patch")),
        field(12, &port("logit")),
    ]
    .concat();
    // ModelProto: ir_version 1, graph 7, opset_import 8 (version 2).
    [number(1, 8), field(7, &graph), field(8, &number(2, 17))].concat()
}

/// Our package with another graph, listed anew.
pub(crate) fn with_graph(graph: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut parts = parts();
    parts.insert("model.onnx".to_owned(), graph.to_vec());
    let manifest = String::from_utf8(parts["model.toml"].clone()).unwrap();
    let (head, _) = manifest.split_once("\n[files]").unwrap();
    let manifest = format!("{head}\n{}", files_table(&parts));
    parts.insert("model.toml".to_owned(), manifest.into());
    parts
}
