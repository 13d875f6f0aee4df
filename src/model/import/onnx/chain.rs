//! The layers of a network, built node by node along its path.
//!
//! Between the input and each linear layer, values may be moved and scaled feature by feature (normalisation): that is kept
//! aside as `value·gain + offset` and folded into the weights and bias of the linear layer that follows, `W·diag(gain)` and
//! `b + W·offset`. After a linear layer the same goes into its own rows.

use super::super::super::architecture::{MAX_LAYERS, MAX_WIDTH};
use super::super::super::float::{Activation, FloatLayer, Grid};
use super::tensor::Array;
use super::wire::Outcome;

/// Most normalisations of a path; networks have one or two for each layer.
const MAX_AFFINE: usize = 8 * MAX_LAYERS;

/// What the path has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The input, or activations.
    Values,
    /// Sums of the last layer, without an activation yet.
    Sums,
}

/// `value·gain + offset`, feature by feature.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    pub(super) gain: Vec<f32>,
    pub(super) offset: Vec<f32>,
}

/// The path so far.
#[derive(Debug)]
pub(super) struct Chain {
    /// Dimensions of the current value without the batch.
    dims: Vec<usize>,
    /// Quantisation of the input.
    pub(super) input: Option<Grid>,
    pub(super) layers: Vec<FloatLayer>,
    stage: Stage,
    pending: Option<Affine>,
    /// Normalisations so far: each costs as much as the layer is wide.
    affine: usize,
}

impl Chain {
    /// Starts at an input whose values have these dimensions.
    pub(super) const fn new(dims: Vec<usize>) -> Self {
        Self { dims, input: None, layers: Vec::new(), stage: Stage::Values, pending: None, affine: 0 }
    }

    /// Values of one input.
    pub(super) fn width(&self) -> usize {
        self.dims.iter().product()
    }

    /// Number of dimensions, the batch included.
    pub(super) fn rank(&self) -> usize {
        self.dims.len() + 1
    }

    pub(super) fn flatten(&mut self) {
        self.dims = vec![self.width()];
    }

    /// Spreads a constant over the features, as ONNX does: dimensions are aligned at the end, those of length 1 are repeated, and
    /// it must be the same for all inputs.
    pub(super) fn broadcast(&self, constant: &Array) -> Outcome<Vec<f32>> {
        let found = &constant.dims;
        let full: Vec<usize> = std::iter::once(1).chain(self.dims.iter().copied()).collect();
        let fits = |(d, have): (&usize, &usize)| *d == 1 || d == have;
        let skip = full.len().checked_sub(found.len()).filter(|skip| found.iter().zip(&full[*skip..]).all(fits));
        let skip = skip.filter(|_| constant.values.len() == found.iter().product::<usize>());
        let Some(skip) = skip else {
            return Err(format!("has a constant of shape {found:?} for values of shape {full:?}, 1 being the batch"));
        };
        let width = self.width();
        let mut out = Vec::with_capacity(width);
        for k in 0..width {
            // Position of feature k in the constant, from the last dimension to the first.
            let (mut rest, mut at, mut stride) = (k, 0, 1);
            for (d, have) in found.iter().zip(&full[skip..]).rev() {
                at += if *d == 1 { 0 } else { rest % have * stride };
                rest /= have;
                stride *= d;
            }
            out.push(constant.values.get(at).copied().unwrap_or_default());
        }
        Ok(out)
    }

    /// A linear layer with weights `outputs × inputs`.
    pub(super) fn linear(&mut self, name: &str, weights: Array, bias: Option<Vec<f32>>) -> Outcome<()> {
        let [rows, columns] = *weights.dims.as_slice() else {
            return Err(format!("has weights of shape {:?}, expected a matrix", weights.dims));
        };
        if self.dims.as_slice() != [columns] {
            let dims = &self.dims;
            return Err(format!(
                "takes {columns} features, but its input has shape {dims:?} after the batch; flatten it first"
            ));
        }
        if !(1..=MAX_WIDTH).contains(&rows) || !(1..=MAX_WIDTH).contains(&columns) || weights.values.len() >> 32 > 0 {
            return Err(format!("has weights of shape {:?}, expected 1 to {MAX_WIDTH} each", weights.dims));
        }
        if self.layers.len() >= MAX_LAYERS {
            return Err(format!("is linear layer {}, expected at most {MAX_LAYERS}", self.layers.len() + 1));
        }
        let mut weights = weights.values;
        let mut bias = bias.unwrap_or_else(|| vec![0.0; rows]);
        if let Some(Affine { gain, offset }) = self.pending.take() {
            for (row, b) in weights.chunks_exact_mut(columns).zip(&mut bias) {
                let moved: f64 = row.iter().zip(&offset).map(|(w, o)| f64::from(*w) * f64::from(*o)).sum();
                *b = (f64::from(*b) + moved) as f32;
                row.iter_mut().zip(&gain).for_each(|(w, g)| *w *= g);
            }
        }
        let name = name.to_owned();
        self.layers.push(FloatLayer { name, rows, columns, weights, bias, activation: Activation::None, grid: None });
        self.dims = vec![rows];
        self.stage = Stage::Sums;
        Ok(())
    }

    /// The last layer, if its sums have neither activation nor grid yet.
    fn sums(&mut self) -> Option<&mut FloatLayer> {
        let open = self.stage == Stage::Sums;
        self.layers.last_mut().filter(|l| open && l.grid.is_none())
    }

    /// `value·gain + offset`.
    pub(super) fn affine(&mut self, Affine { gain, offset }: Affine) -> Outcome<()> {
        if gain.iter().chain(&offset).any(|v| !v.is_finite()) {
            return Err("scales or moves values by an infinite number".to_owned());
        }
        self.affine += 1;
        if self.affine > MAX_AFFINE {
            return Err(format!("is normalisation {}, expected at most {MAX_AFFINE}", self.affine));
        }
        if let Some(layer) = self.sums() {
            for (i, (g, o)) in gain.iter().zip(&offset).enumerate() {
                layer.weights[i * layer.columns..(i + 1) * layer.columns].iter_mut().for_each(|w| *w *= g);
                layer.bias[i] = layer.bias[i].mul_add(*g, *o);
            }
            return Ok(());
        }
        // (v·g + o)·g' + o' = v·(g·g') + (o·g' + o')
        self.stage = Stage::Values;
        self.pending = Some(match self.pending.take() {
            None => Affine { gain, offset },
            Some(first) => Affine {
                gain: first.gain.iter().zip(&gain).map(|(a, b)| a * b).collect(),
                offset: first.offset.iter().zip(&gain).zip(&offset).map(|((a, g), o)| a.mul_add(*g, *o)).collect(),
            },
        });
        Ok(())
    }

    /// `clamp(value, min, max)`; ReLU when `min` is 0 and `max` infinite.
    pub(super) fn clip(&mut self, min: f32, max: f32) -> Outcome<()> {
        if !(min <= 0.0 && max >= 0.0) {
            return Err(format!("clips to {min}..={max}, expected a range that contains 0"));
        }
        if self.pending.is_some() || self.layers.is_empty() {
            let what = "is an activation, but no linear layer (MatMul, Gemm) comes directly before it; normalise before the \
                        linear layer, or after the activation";
            return Err(what.to_owned());
        }
        let Some(layer) = self.layers.last_mut() else { return Ok(()) };
        let (low, high) = match layer.activation {
            Activation::None => (f32::NEG_INFINITY, f32::INFINITY),
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Clip { min, max } => (min, max),
        };
        let (min, max) = (low.max(min), high.min(max));
        if let Some(grid) = &mut layer.grid {
            // On a grid only what is a clip to its own range: ReLU.
            if min > -grid.scale * 0.5 && max >= grid.scale * grid.max as f32 {
                grid.min = grid.min.max(0);
            } else if max < grid.scale * grid.max as f32 || min > grid.scale * grid.min as f32 {
                return Err("clips values after their quantisation; quantise after the clip".to_owned());
            }
        }
        layer.activation = match (min, max) {
            (f32::NEG_INFINITY, f32::INFINITY) => Activation::None,
            (0.0, f32::INFINITY) => Activation::Relu,
            // Bounds beyond all floats are none.
            (min, max) => Activation::Clip { min: min.max(f32::MIN), max: max.min(f32::MAX) },
        };
        self.stage = Stage::Values;
        Ok(())
    }

    /// Rounding to a grid (QuantizeLinear and DequantizeLinear).
    pub(super) fn quantise(&mut self, grid: Grid) -> Outcome<()> {
        if self.pending.is_some() {
            return Err("quantises normalised values; quantise before the normalisation, or leave it out".to_owned());
        }
        let place = match self.layers.last_mut() {
            Some(layer) => {
                // Nothing negative is left on such a grid.
                layer.activation = match layer.activation {
                    Activation::None if grid.min >= 0 => Activation::Relu,
                    Activation::Clip { min, max } if grid.min >= 0 => Activation::Clip { min: min.max(0.0), max },
                    other => other,
                };
                &mut layer.grid
            }
            None => &mut self.input,
        };
        match place {
            Some(there) if *there != grid => Err("quantises values that are quantised already, in another way".to_owned()),
            _ => {
                *place = Some(grid);
                Ok(())
            }
        }
    }

    /// The layers, when the path ends here.
    pub(super) fn finish(mut self) -> Outcome<(Option<Grid>, Vec<FloatLayer>)> {
        // Normalised outputs after an activation would need multipliers on logits; directly after the sums they are folded.
        if self.pending.take().is_some() {
            return Err("the output is normalised after an activation, expected the outputs of a linear layer".to_owned());
        }
        Ok((self.input, self.layers))
    }
}
