//! Constants of a graph: initialisers, and what nodes make of them alone.

use super::super::numbers::Element;
use super::super::quote;
use super::proto::{Graph, Node, Tensor};
use super::tensor::{Array, ReadExternal};
use super::wire::Outcome;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};

/// Longest chain of nodes that makes a constant.
const MAX_DEPTH: u32 = 16;

/// Nodes that are computed when all their inputs are constants.
const OPS: [&str; 7] = ["Constant", "Identity", "Cast", "Transpose", "Reshape", "QuantizeLinear", "DequantizeLinear"];

/// The constants of a graph, read when they are asked for.
pub(super) struct Constants<'a, 'f> {
    initialisers: HashMap<&'a str, &'f Tensor<'a>>,
    /// Constant nodes by the name of their output.
    nodes: HashMap<&'a str, &'f Node<'a>>,
    /// All nodes by the name of their first output.
    producers: HashMap<&'a str, &'f Node<'a>>,
    external: &'f ReadExternal<'f>,
    /// How many values may still be read: constants that are read over and over must not take for ever.
    left: Cell<usize>,
}

impl<'a, 'f> Constants<'a, 'f> {
    pub(super) fn new(graph: &'f Graph<'a>, external: &'f ReadExternal<'f>) -> Self {
        let initialisers: HashMap<_, _> = graph.initialisers.iter().map(|t| (t.name, t)).collect();
        let mut known: HashSet<&str> = initialisers.keys().copied().collect();
        let mut nodes = HashMap::new();
        // Nodes come after those that they depend on, by the rules of the format.
        for node in &graph.nodes {
            let constant = OPS.contains(&node.op) && node.inputs.iter().all(|i| i.is_empty() || known.contains(i));
            if let (true, [output]) = (constant, node.outputs.as_slice()) {
                known.insert(output);
                nodes.insert(*output, node);
            }
        }
        // Weights are read once; scales and the like may be shared by many nodes. External data is not known here.
        let producers = graph.nodes.iter().filter_map(|n| Some((*n.outputs.first()?, n))).collect();
        Self { initialisers, nodes, producers, external, left: Cell::new(1 << 34) }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.initialisers.contains_key(name) || self.nodes.contains_key(name)
    }

    /// The node of a kind that computes input `k` of another.
    pub(super) fn producer(&self, node: &Node<'a>, k: usize, op: &str) -> Option<&'f Node<'a>> {
        self.producers.get(node.input(k)?).copied().filter(|n| n.op == op)
    }

    /// A constant with finite values.
    pub(super) fn get(&self, name: &str) -> Outcome<Array> {
        self.raw(name, 0)?.finite(name)
    }

    /// A single value, which may be infinite.
    pub(super) fn scalar(&self, name: &str) -> Outcome<f32> {
        match self.raw(name, 0)?.values.as_slice() {
            [value] => Ok(*value),
            values => Err(format!("tensor {} has {} values, expected one", quote(name), values.len())),
        }
    }

    fn raw(&self, name: &str, depth: u32) -> Outcome<Array> {
        if depth > MAX_DEPTH {
            return Err(format!("tensor {} is made by more than {MAX_DEPTH} nodes one after the other", quote(name)));
        }
        let array = match (self.initialisers.get(name), self.nodes.get(name)) {
            (Some(tensor), _) => Array::read(tensor, name, self.external)?,
            (None, Some(node)) => self.node(node, name, depth)?,
            (None, None) => return Err(format!("tensor {} is missing, expected an initialiser", quote(name))),
        };
        let cost = array.values.len() + 1;
        self.left.set(self.left.get().checked_sub(cost).ok_or("its constants are read too many times")?);
        Ok(array)
    }

    fn node(&self, node: &Node<'a>, name: &str, depth: u32) -> Outcome<Array> {
        let input = |k: usize| match node.input(k) {
            Some(name) => self.raw(name, depth + 1).map(Some),
            None => Ok(None),
        };
        if node.op == "Constant" {
            return self.value(node, name);
        }
        let needed = |k| input(k)?.ok_or_else(|| format!("{} has no input {k}", super::node_name(node)));
        let x = needed(0)?;
        match node.op {
            "Identity" => Ok(x),
            "Cast" => cast(x, node.integer("to", 1)),
            "Transpose" if x.dims.len() == 2 && !matches!(node.integers("perm"), Some([0, 1])) => Ok(x.transposed()),
            "Reshape" => reshape(x, &needed(1)?),
            "QuantizeLinear" => {
                let scale = self.scale(node, x.dims.as_slice(), (needed(1)?, input(2)?))?;
                scale.quantise(x)
            }
            "DequantizeLinear" => {
                let scale = self.scale(node, x.dims.as_slice(), (needed(1)?, input(2)?))?;
                Ok(scale.dequantise(x))
            }
            _ => Err(format!("{} is not computed for constants of shape {:?}", super::node_name(node), x.dims)),
        }
    }

    /// The value of a node `Constant`.
    fn value(&self, node: &Node<'a>, name: &str) -> Outcome<Array> {
        if let Some(tensor) = node.tensor("value") {
            return Array::read(tensor, name, self.external);
        }
        if let Some(value) = node.float("value_float") {
            return Ok(Array::scalar(value));
        }
        if let Some(values) = node.integers("value_ints") {
            let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
            return Ok(Array { dims: vec![values.len()], values, element: Element::Signed(8) });
        }
        match node.attributes.iter().find(|a| a.name == "value_int").and_then(|a| a.integer) {
            Some(value) => Ok(Array { element: Element::Signed(8), ..Array::scalar(value as f32) }),
            None => Err(format!("{} has no tensor, float or integers as its value", super::node_name(node))),
        }
    }

    fn scale(&self, node: &Node<'a>, dims: &[usize], (scale, zero): (Array, Option<Array>)) -> Outcome<Scale> {
        if node.integer("block_size", 0) != 0 {
            return Err(format!("{} has scales for blocks, expected one scale or one for each row", super::node_name(node)));
        }
        Scale::new(dims, node.integer("axis", 1), &scale, zero.as_ref())
            .map_err(|what| format!("{} {what}", super::node_name(node)))
    }
}

/// A change of type; floats that become integers are cut off.
fn cast(x: Array, to: i64) -> Outcome<Array> {
    let element = super::tensor::element(to).ok_or_else(|| format!("a constant is cast to type {to}, expected a number"))?;
    let whole = matches!(element, Element::Signed(_) | Element::Unsigned(_));
    let values = if whole { x.values.iter().map(|v| v.trunc()).collect() } else { x.values };
    Ok(Array { dims: x.dims, values, element })
}

fn reshape(x: Array, shape: &Array) -> Outcome<Array> {
    let count = x.values.len();
    let wrong =
        || format!("a constant of shape {:?} is reshaped to {}, which does not fit", x.dims, super::show_floats(shape));
    let known = |(k, v): (usize, &f32)| match *v {
        0.0 => x.dims.get(k).copied(),
        v if v > 0.0 => Some(v as usize),
        _ => Some(1),
    };
    let mut dims: Vec<usize> = shape.values.iter().enumerate().map(known).collect::<Option<_>>().ok_or_else(wrong)?;
    let product = dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).ok_or_else(wrong)?;
    if let Some(k) = shape.values.iter().position(|v| *v < 0.0) {
        dims[k] = count.checked_div(product).ok_or_else(wrong)?;
    }
    if dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d)) != Some(count) {
        return Err(wrong());
    }
    Ok(Array { dims, ..x })
}

/// Scales and zero points of a constant, spread over one axis or the same everywhere.
struct Scale {
    scales: Vec<f32>,
    zeros: Vec<f32>,
    /// Values that follow each other with the same scale.
    run: usize,
    element: Element,
}

impl Scale {
    fn new(dims: &[usize], axis: i64, scale: &Array, zero: Option<&Array>) -> Outcome<Self> {
        let count = scale.values.len();
        let rank = dims.len() as i64;
        let axis = if axis < 0 { axis + rank } else { axis };
        let along = usize::try_from(axis).ok().and_then(|a| dims.get(a)).copied();
        if scale.dims.len() > 1 || (count != 1 && along != Some(count)) {
            return Err(format!("has {count} scales for a constant of shape {dims:?}, expected one, or one along its axis"));
        }
        if let Some(bad) = scale.values.iter().find(|s| !(**s > 0.0 && s.is_finite())) {
            return Err(format!("has the scale {bad}, expected numbers above 0"));
        }
        let zeros = zero.map_or_else(|| vec![0.0; count], |z| z.values.clone());
        if zeros.len() != count {
            return Err(format!("has {} zero points for {count} scales", zeros.len()));
        }
        let run = if count == 1 { usize::MAX } else { dims.iter().skip(axis as usize + 1).product::<usize>().max(1) };
        let element = zero.map_or(Element::Unsigned(1), |z| z.element);
        Ok(Self { scales: scale.values.clone(), zeros, run, element })
    }

    fn at(&self, i: usize) -> (f32, f32) {
        let k = i / self.run % self.scales.len();
        (self.scales[k], self.zeros[k])
    }

    fn dequantise(&self, mut x: Array) -> Array {
        x.values.iter_mut().enumerate().for_each(|(i, v)| {
            let (scale, zero) = self.at(i);
            *v = (*v - zero) * scale;
        });
        Array { element: Element::F32, ..x }
    }

    fn quantise(&self, mut x: Array) -> Outcome<Array> {
        let (min, max) = self.element.range().ok_or("a constant is quantised to a type other than 8 or 16-bit integers")?;
        x.values.iter_mut().enumerate().for_each(|(i, v)| {
            let (scale, zero) = self.at(i);
            *v = ((*v / scale).round_ties_even() + zero).clamp(min as f32, max as f32);
        });
        Ok(Array { element: self.element, ..x })
    }
}
