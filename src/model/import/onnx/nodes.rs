//! What each node does to the path.

use super::super::super::float::Grid;
use super::super::quote;
use super::chain::{Affine, Chain};
use super::constants::Constants;
use super::node_name;
use super::proto::Node;
use super::tensor::Array;
use super::wire::Outcome;

/// Nodes that are read.
pub(super) const SUPPORTED: &str = "Gemm, MatMul, Add, Sub, Mul, Div, BatchNormalization, Relu, Clip, QuantizeLinear, \
                                    DequantizeLinear, Flatten, Reshape, Identity, Dropout, Cast and Constant";

/// A node on the path.
pub(super) struct Step<'c, 'a, 'f> {
    pub(super) node: &'f Node<'a>,
    /// The value that the path has come to; the node takes it as an input.
    pub(super) current: &'a str,
    pub(super) constants: &'c Constants<'a, 'f>,
    pub(super) opset: i64,
}

impl<'a> Step<'_, 'a, '_> {
    /// Does to the path what the node does; errors name the node.
    pub(super) fn apply(&self, chain: &mut Chain) -> Outcome<()> {
        self.dispatch(chain).map_err(|what| {
            // A sentence that begins with a tensor still says which node wants it.
            let link = if what.starts_with("tensor ") { ": " } else { " " };
            format!("{}{link}{what}", node_name(self.node))
        })
    }

    fn dispatch(&self, chain: &mut Chain) -> Outcome<()> {
        match self.node.op {
            "Gemm" => self.gemm(chain),
            "MatMul" => self.matmul(chain),
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(chain),
            "BatchNormalization" => self.normalise(chain),
            "Relu" => chain.clip(0.0, f32::INFINITY),
            "Clip" => self.clip(chain),
            "Flatten" => self.flatten(chain),
            "Reshape" => self.reshape(chain),
            "Identity" => Ok(()),
            "Dropout" => self.dropout(),
            "Cast" => self.cast(),
            "QuantizeLinear" => Err("is not followed by a DequantizeLinear with the same scale and zero point".to_owned()),
            "DequantizeLinear" => Err("has no QuantizeLinear directly before it, expected the pair".to_owned()),
            "Softmax" | "LogSoftmax" | "ArgMax" | "Sigmoid" | "TopK" => {
                Err("turns logits into something else, which cannot be proved; export the network without it: the largest logit \
                     stays the largest"
                    .to_owned())
            }
            "Conv" | "MaxPool" | "AveragePool" | "GlobalAveragePool" => Err(format!(
                "is a convolution or pooling, which cannot be proved; use linear layers (supported: {SUPPORTED})"
            )),
            _ => Err(format!("is not supported; supported are {SUPPORTED}")),
        }
    }

    /// The constant at input `k`, with its name; the path must be at input `path`.
    fn constant(&self, k: usize) -> Outcome<(&'a str, Array)> {
        let name = self.node.input(k).ok_or_else(|| format!("has no input {k}"))?;
        if name == self.current {
            return Err(format!("takes the network's value as input {k}, expected a constant there"));
        }
        Ok((name, self.constants.get(name)?))
    }

    fn optional(&self, k: usize) -> Outcome<Option<Array>> {
        self.node.input(k).map(|_| self.constant(k).map(|(_, array)| array)).transpose()
    }

    /// The name of a linear layer: its node's, or else its weights'.
    fn name(&self, weights: &'a str) -> &'a str {
        if self.node.name.is_empty() { weights } else { self.node.name }
    }

    fn gemm(&self, chain: &mut Chain) -> Outcome<()> {
        let node = self.node;
        if node.input(0) != Some(self.current) || node.integer("transA", 0) != 0 {
            return Err("multiplies from the right or takes its input transposed, expected input times weights".to_owned());
        }
        let (name, mut weights) = self.constant(1)?;
        if node.integer("transB", 0) == 0 {
            weights = weights.transposed();
        }
        let alpha = node.float("alpha").unwrap_or(1.0);
        if alpha != 1.0 {
            weights.values.iter_mut().for_each(|w| *w *= alpha);
        }
        let beta = node.float("beta").unwrap_or(1.0);
        if !alpha.is_finite() || !beta.is_finite() {
            return Err(format!("has alpha {alpha} and beta {beta}, expected finite numbers"));
        }
        let bias = self.optional(2)?;
        chain.linear(self.name(name), weights, None)?;
        let Some(bias) = bias else { return Ok(()) };
        let offset: Vec<f32> = chain.broadcast(&bias)?.into_iter().map(|b| b * beta).collect();
        chain.affine(Affine { gain: vec![1.0; offset.len()], offset })
    }

    fn matmul(&self, chain: &mut Chain) -> Outcome<()> {
        if self.node.input(0) != Some(self.current) {
            return Err("multiplies from the right, expected input times weights".to_owned());
        }
        let (name, weights) = self.constant(1)?;
        chain.linear(self.name(name), weights.transposed(), None)
    }

    /// Add, Sub, Mul, Div with a constant.
    fn arithmetic(&self, chain: &mut Chain) -> Outcome<()> {
        let first = self.node.input(0) == Some(self.current);
        let (_, constant) = self.constant(usize::from(first))?;
        let values = chain.broadcast(&constant)?;
        let (ones, zeros) = (vec![1.0; values.len()], vec![0.0; values.len()]);
        let negative = || values.iter().map(|v| -v).collect();
        let affine = match (self.node.op, first) {
            ("Add", _) => Affine { gain: ones, offset: values },
            ("Sub", true) => Affine { gain: ones, offset: negative() },
            ("Sub", false) => Affine { gain: vec![-1.0; values.len()], offset: values },
            ("Mul", _) => Affine { gain: values, offset: zeros },
            (_, true) => Affine { gain: values.iter().map(|v| 1.0 / v).collect(), offset: zeros },
            (_, false) => return Err("divides a constant by the network's values".to_owned()),
        };
        chain.affine(affine)
    }

    /// `scale·(x − mean)/√(variance + ε) + bias`.
    fn normalise(&self, chain: &mut Chain) -> Outcome<()> {
        if self.node.integer("training_mode", 0) != 0 {
            return Err("is in training mode, expected a model exported for inference (model.eval())".to_owned());
        }
        if chain.rank() != 2 {
            return Err(format!("normalises values of {} dimensions, expected 2; flatten them first", chain.rank()));
        }
        let vector = |k: usize| {
            let (name, array) = self.constant(k)?;
            let (found, width) = (array.values.len(), chain.width());
            if found == width {
                Ok(array.values)
            } else {
                Err(format!("tensor {} has {found} values, expected {width}", quote(name)))
            }
        };
        let (scale, bias, mean, variance) = (vector(1)?, vector(2)?, vector(3)?, vector(4)?);
        let epsilon = f64::from(self.node.float("epsilon").unwrap_or(1e-5));
        let deviation = |v: &f32| (f64::from(*v) + epsilon).sqrt();
        let gain: Vec<f64> = scale.iter().zip(&variance).map(|(s, v)| f64::from(*s) / deviation(v)).collect();
        let offset =
            bias.iter().zip(&mean).zip(&gain).map(|((b, m), g)| (f64::from(*b) - f64::from(*m) * g) as f32).collect();
        chain.affine(Affine { gain: gain.iter().map(|g| *g as f32).collect(), offset })
    }

    fn clip(&self, chain: &mut Chain) -> Outcome<()> {
        let (mut min, mut max) = (f32::NEG_INFINITY, f32::INFINITY);
        if self.opset < 11 {
            min = self.node.float("min").unwrap_or(min);
            max = self.node.float("max").unwrap_or(max);
        } else {
            let limit = |k: usize| self.node.input(k).map(|name| self.constants.scalar(name)).transpose();
            min = limit(1)?.unwrap_or(min);
            max = limit(2)?.unwrap_or(max);
        }
        // The largest floats are how exporters write that there is no limit.
        let open = |v: f32| if v.abs() >= f32::MAX { v.signum() * f32::INFINITY } else { v };
        chain.clip(open(min), open(max))
    }

    fn flatten(&self, chain: &mut Chain) -> Outcome<()> {
        let axis = self.node.integer("axis", 1);
        if axis != 1 && axis + chain.rank() as i64 != 1 {
            return Err(format!("keeps {axis} dimensions, expected axis 1: the batch, and all features in one"));
        }
        chain.flatten();
        Ok(())
    }

    /// To `[batch, features]`, and nothing else.
    fn reshape(&self, chain: &mut Chain) -> Outcome<()> {
        let shape = match self.node.integers("shape") {
            Some(list) => list.iter().map(|v| *v as f32).collect(),
            None => match self.batch_and_features()? {
                Some(features) => vec![0.0, features],
                None => self.constant(1)?.1.values,
            },
        };
        let width = chain.width() as f32;
        match *shape.as_slice() {
            // The batch: as it is, whatever is left, or the size that the model was exported for.
            [batch, features] if batch >= -1.0 && (features == width || (features == -1.0 && batch != -1.0)) => {
                chain.flatten();
                Ok(())
            }
            _ => Err(format!("makes shape {shape:?}, expected [batch, {width}]")),
        }
    }

    /// A shape that the graph computes, as exporters write `x.view(x.size(0), features)`: Concat of
    /// Unsqueeze(Gather(Shape(..), 0)), which is the batch, and a constant. `None` for other shapes.
    fn batch_and_features(&self) -> Outcome<Option<f32>> {
        let Some(concat) = self.constants.producer(self.node, 1, "Concat").filter(|c| c.inputs.len() == 2) else {
            return Ok(None);
        };
        let gather = self.constants.producer(concat, 0, "Unsqueeze").and_then(|u| self.constants.producer(u, 0, "Gather"));
        let index = gather.filter(|g| self.constants.producer(g, 0, "Shape").is_some()).and_then(|g| g.input(1));
        match (index, concat.input(1)) {
            (Some(index), Some(features)) if self.constants.contains(index) && self.constants.contains(features) => {
                let features = self.constants.scalar(features)?;
                Ok(Some(features).filter(|_| self.constants.scalar(index) == Ok(0.0)))
            }
            _ => Ok(None),
        }
    }

    fn dropout(&self) -> Outcome<()> {
        match self.node.input(2) {
            Some(mode) if self.constants.scalar(mode)? != 0.0 => {
                Err("is in training mode, expected a model exported for inference (model.eval())".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn cast(&self) -> Outcome<()> {
        match self.node.integer("to", 1) {
            1 | 10 | 11 | 16 => Ok(()),
            to => Err(format!("casts to type {to}, expected a float type")),
        }
    }

    /// The grid of a QuantizeLinear, whose DequantizeLinear comes next.
    pub(super) fn grid(&self, next: &Node<'a>) -> Outcome<Grid> {
        let at = |what: String| format!("{} {what}", node_name(self.node));
        let code = self.code(self.node).map_err(at)?;
        if code != self.code(next).map_err(at)? {
            return Err(at("is not followed by a DequantizeLinear with the same scale and zero point".to_owned()));
        }
        let Some((min, max)) = code.range else {
            return Err(at("quantises to another type than 8 or 16-bit integers".to_owned()));
        };
        // Other types without a zero point came with later versions.
        if self.node.integer("output_dtype", 0) != 0 && self.node.input(2).is_none() {
            return Err(at("gives its type as output_dtype, expected a zero point of that type".to_owned()));
        }
        if !(code.scale > 0.0 && code.scale.is_finite()) {
            return Err(at(format!("has the scale {}, expected a number above 0", code.scale)));
        }
        let zero = code.zero as i32;
        Ok(Grid { scale: code.scale, min: (min - zero).min(0), max: (max - zero).max(0) })
    }

    /// Scale, zero point and integers of a QuantizeLinear or DequantizeLinear.
    fn code(&self, node: &Node<'a>) -> Outcome<Code> {
        let scale = self.constants.scalar(node.input(1).ok_or("has no scale")?)?;
        let Some(zero) = node.input(2) else { return Ok(Code { scale, zero: 0.0, range: Some((0, 255)) }) };
        let zero = self.constants.get(zero)?;
        match zero.values.as_slice() {
            [value] => Ok(Code { scale, zero: *value, range: zero.element.range() }),
            values => Err(format!("has {} zero points, expected one", values.len())),
        }
    }
}

/// How values are written as integers.
#[derive(PartialEq)]
struct Code {
    scale: f32,
    zero: f32,
    range: Option<(i32, i32)>,
}
