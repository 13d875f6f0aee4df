//! Float networks from ONNX files.
//!
//! # What is read
//! A graph with one input and one output that is a chain of linear layers:
//!
//! | nodes | what becomes of them |
//! | --- | --- |
//! | `Gemm` (transA 0), `MatMul`, with `Add` | linear layers |
//! | `Relu`, `Clip` | activations |
//! | `BatchNormalization`; `Add`, `Sub`, `Mul`, `Div` with a constant | folded into the linear layer before or after them |
//! | `QuantizeLinear`, `DequantizeLinear` in pairs | weights: computed; values: rounding to a grid |
//! | `Flatten`, `Reshape` to `[batch, features]`, `Identity`, `Dropout`, `Cast` to floats | nothing |
//! | `Shape`, `Gather`, `Unsqueeze`, `Concat` that say `[x.size(0), features]` | nothing |
//! | `Constant`, and `Identity`, `Cast`, `Transpose`, `Reshape` of constants | constants |
//!
//! Everything else is refused with the node's name: convolutions, pooling, branches, softmax. Operator sets [`OPSETS`].
//! Initialisers may be floats of 16, 32 or 64 bits, bfloat16, or integers of 8 to 64 bits, in the file or beside it.
//!
//! # Why a reader of our own
//! A model is read in place: the module `wire` borrows every tensor from the file's bytes, so that weights are copied once, into
//! the network, and nothing is allocated for what a file only claims. `prost` would be the choice of a library (maintained,
//! safe, a few message structs with derive macros), but it decodes whole messages into owned values first: a repeated field of
//! empty nodes, two bytes each in the file, becomes many times its size in memory before any check can look at it, and there is
//! no limit to set. `onnx-pb` (prost 0.6, of 2020) and `onnx-protobuf` generate all of ONNX on top of such decoding, and
//! `tract-onnx` is an inference engine of more than a hundred crates. What is needed here is four wire types and ten messages.

mod chain;
mod constants;
mod nodes;
mod proto;
mod tensor;
mod wire;

#[cfg(test)]
mod tests;

use super::super::float::FloatNetwork;
use super::{ImportError, brief, quote};
use chain::Chain;
use constants::Constants;
use nodes::Step;
use proto::{Dimension, Graph, Model, Node, ValueInfo};
use std::collections::HashMap;
pub use tensor::{External, ReadExternal};
use wire::Outcome;

/// Operator sets that are read: the oldest has today's broadcasting, the newest is the last that was tested (onnx 1.23).
pub const OPSETS: std::ops::RangeInclusive<i64> = 7..=28;

/// A model and what its file says about it.
#[derive(Clone, Debug, PartialEq)]
pub struct OnnxModel {
    /// The network.
    pub network: FloatNetwork,
    /// Version of the operator set.
    pub opset: i64,
    /// The program that wrote it.
    pub producer: String,
    /// Operators by name, with how many nodes there are of each.
    pub operators: Vec<(String, usize)>,
}

/// Reads an ONNX model from the bytes of its file; `file` is a name for messages, and `external` reads what lies beside it.
///
/// # Errors
/// One sentence that names the file, and the node or tensor, what was found and what was expected.
pub fn onnx(bytes: &[u8], file: &str, external: &ReadExternal<'_>) -> Result<OnnxModel, ImportError> {
    read(bytes, external).map_err(|what| ImportError::Onnx { file: file.to_owned(), what })
}

/// Whether bytes begin like an ONNX model: with its version, a small number in field 1, and then another field.
#[must_use]
pub fn looks_like_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, version, next, ..] if *version < 0x80 && matches!(next & 7, 0 | 2))
}

fn read(bytes: &[u8], external: &ReadExternal<'_>) -> Outcome<OnnxModel> {
    let model = Model::read(bytes)?;
    let opset = model.opset.ok_or("it names no operator set, expected an ONNX model")?;
    if !OPSETS.contains(&opset) {
        let (oldest, newest) = (OPSETS.start(), OPSETS.end());
        let way =
            if opset < *oldest { "convert it with onnx.version_converter" } else { "export it with an older opset_version" };
        return Err(format!("it uses operator set {opset}, expected {oldest} to {newest}; {way}"));
    }
    let graph = model.graph.ok_or("it has no graph, expected an ONNX model")?;
    if graph.sparse {
        return Err("it has sparse initialisers, expected dense ones".to_owned());
    }
    let (input, layers) = walk(&graph, external, opset)?.finish()?;
    if layers.is_empty() {
        return Err("it has no linear layer (Gemm or MatMul), expected at least one".to_owned());
    }
    let name = if graph.name.is_empty() { "onnx" } else { graph.name };
    let network = FloatNetwork { name: brief(name), input, layers };
    Ok(OnnxModel { network, opset, producer: brief(model.producer), operators: operators(&graph) })
}

fn operators(graph: &Graph<'_>) -> Vec<(String, usize)> {
    let mut out: Vec<(String, usize)> = Vec::new();
    for node in &graph.nodes {
        match out.iter_mut().find(|(op, _)| *op == node.op) {
            Some((_, count)) => *count += 1,
            None => out.push((node.op.to_owned(), 1)),
        }
    }
    out
}

/// Follows the path from the input to the output.
fn walk<'a>(graph: &Graph<'a>, external: &ReadExternal<'_>, opset: i64) -> Outcome<Chain> {
    let constants = Constants::new(graph, external);
    let input = only(graph.inputs.iter().filter(|i| !constants.contains(i.name)), "input")?;
    let output = only(graph.outputs.iter(), "output")?;
    let consumers = consumers(graph);
    let mut chain = Chain::new(features(input)?);
    let mut current = input.name;
    for steps in 0.. {
        if current == output.name && !current.is_empty() {
            return match consumers.get(current) {
                None => Ok(chain),
                Some(_) => {
                    Err(format!("its output {} is used by other nodes too, expected the path to end there", quote(current)))
                }
            };
        }
        if steps > graph.nodes.len() {
            return Err("its nodes form a cycle, expected a path from the input to the output".to_owned());
        }
        let node = next(&consumers, current)?;
        let step = Step { node, current, constants: &constants, opset };
        if !matches!(node.domain, "" | "ai.onnx") {
            let (name, domain) = (node_name(node), quote(node.domain));
            return Err(format!("{name} is of domain {domain}, expected standard ONNX (Brevitas: export as QCDQ)"));
        }
        let after = if node.op == "QuantizeLinear" { paired(&consumers, node)? } else { node };
        if after.position == node.position {
            step.apply(&mut chain)?;
        } else {
            chain.quantise(step.grid(after)?).map_err(|what| format!("{} {what}", node_name(node)))?;
        }
        current = after.outputs.first().copied().unwrap_or_default();
        if current.is_empty() {
            return Err(format!("{} has no output", node_name(after)));
        }
    }
    Err("its nodes form a cycle".to_owned())
}

/// The nodes that take each value. Shape is none of them: it takes no values, and where its result matters the node that takes
/// that looks at it.
fn consumers<'f, 'a>(graph: &'f Graph<'a>) -> HashMap<&'a str, Vec<&'f Node<'a>>> {
    let mut out: HashMap<&str, Vec<&Node<'_>>> = HashMap::new();
    for node in graph.nodes.iter().filter(|n| n.op != "Shape") {
        for input in node.inputs.iter().filter(|i| !i.is_empty()) {
            out.entry(input).or_default().push(node);
        }
    }
    out
}

/// The one node that takes a value.
fn next<'f, 'a>(consumers: &HashMap<&'a str, Vec<&'f Node<'a>>>, value: &'a str) -> Outcome<&'f Node<'a>> {
    match consumers.get(value).map(Vec::as_slice) {
        Some([node]) => Ok(node),
        Some([first, second, ..]) => Err(format!(
            "value {} goes to {} and {}, expected a network without branches",
            quote(value),
            node_name(first),
            node_name(second)
        )),
        _ => Err(format!("value {} leads nowhere, expected a path from the input to the output", quote(value))),
    }
}

/// The DequantizeLinear after a QuantizeLinear, or the node itself, which says then what is wrong.
fn paired<'f, 'a>(consumers: &HashMap<&'a str, Vec<&'f Node<'a>>>, node: &'f Node<'a>) -> Outcome<&'f Node<'a>> {
    let value = node.outputs.first().copied().unwrap_or_default();
    let after = next(consumers, value)?;
    Ok(if after.op == "DequantizeLinear" && after.input(0) == Some(value) { after } else { node })
}

fn only<'f, 'a: 'f>(mut items: impl Iterator<Item = &'f ValueInfo<'a>>, what: &str) -> Outcome<&'f ValueInfo<'a>> {
    match (items.next(), items.next()) {
        (Some(item), None) => Ok(item),
        (None, _) => Err(format!("it has no {what}, expected one")),
        (Some(a), Some(b)) => Err(format!("it has the {what}s {} and {}, expected one", quote(a.name), quote(b.name))),
    }
}

/// Dimensions of the input without the batch.
fn features(input: &ValueInfo<'_>) -> Outcome<Vec<usize>> {
    let name = quote(input.name);
    let shape = input.shape.as_deref().unwrap_or_default();
    let [_, rest @ ..] = shape else {
        return Err(format!("its input {name} has no shape, expected [batch, features]"));
    };
    if rest.is_empty() {
        return Err(format!("its input {name} has one dimension, expected [batch, features]"));
    }
    let mut out = Vec::with_capacity(rest.len());
    for (k, dimension) in rest.iter().enumerate() {
        match *dimension {
            Dimension::Fixed(d) if d > 0 && (d as usize) <= super::super::architecture::MAX_WIDTH => out.push(d as usize),
            Dimension::Fixed(d) => {
                return Err(format!("dimension {} of its input {name} is {d}, expected at least 1", k + 1));
            }
            Dimension::Dynamic(label) => {
                return Err(format!(
                    "dimension {} of its input {name} is dynamic ({}), expected a number: only the batch may be dynamic",
                    k + 1,
                    quote(label)
                ));
            }
        }
    }
    let width =
        out.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).filter(|n| *n <= super::super::architecture::MAX_WIDTH);
    width.map(|_| out).ok_or_else(|| format!("its input {name} is too wide, expected at most 2^20 features"))
}

/// `node 3 Conv "conv1"`.
fn node_name(node: &Node<'_>) -> String {
    let name = if node.name.is_empty() { String::new() } else { format!(" {}", quote(node.name)) };
    format!("node {} {}{name}", node.position, brief(node.op))
}

/// `[1, 784]`, cut short if a file has made it long.
fn show(dims: &[i64]) -> String {
    brief(&format!("{dims:?}"))
}

/// Values of a small constant.
fn show_floats(array: &tensor::Array) -> String {
    brief(&format!("{:?}", array.values))
}
