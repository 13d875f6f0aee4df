//! Trained float networks: a chain of linear layers, as importers read them and as the reference that an integer network is
//! compared with.
//!
//! ```text
//! a = W·h + b          W: rows × columns, 32-bit floats
//! h' = G(T(a))         T: nothing, ReLU or a clip; G: rounding to a grid, only where the file asks for it
//! ```

use super::Clamp;

/// What follows a linear layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// The sum itself.
    None,
    /// `max(a, 0)`.
    Relu,
    /// `clamp(a, min, max)`.
    Clip {
        /// Smallest value.
        min: f32,
        /// Largest value.
        max: f32,
    },
}

impl Activation {
    /// The activation of a sum, in floats of 32 or 64 bits.
    #[must_use]
    pub fn apply<T: Copy + PartialOrd + From<f32>>(self, a: T) -> T {
        let (low, high) = match self {
            Self::None => return a,
            Self::Relu => (0.0, f32::INFINITY),
            Self::Clip { min, max } => (min, max),
        };
        if a > T::from(high) {
            T::from(high)
        } else if a > T::from(low) {
            a
        } else {
            T::from(low)
        }
    }
}

/// Quantisation that a file prescribes (QuantizeLinear, then DequantizeLinear): values are `scale` times an integer of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Real value of one step, above 0.
    pub scale: f32,
    /// Smallest integer.
    pub min: i32,
    /// Largest integer.
    pub max: i32,
}

impl Grid {
    /// The nearest value of the grid, ties to even.
    #[must_use]
    pub fn apply(self, value: f32) -> f32 {
        (value / self.scale).round_ties_even().clamp(self.min as f32, self.max as f32) * self.scale
    }
}

/// How real inputs are written as the integers that a proof is about: `real = scale · integer + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputCode {
    /// Real value of one step, above 0.
    pub scale: f64,
    /// Real value of the integer 0; it goes into the first layer's bias.
    pub offset: f64,
    /// The integers.
    pub range: Clamp,
}

impl InputCode {
    /// The nearest integer of the range.
    #[must_use]
    pub fn encode(&self, real: f32) -> i32 {
        let integer = ((f64::from(real) - self.offset) / self.scale).round();
        integer.clamp(f64::from(self.range.min), f64::from(self.range.max)) as i32
    }

    /// The real value of an integer.
    #[must_use]
    pub fn decode(&self, integer: i32) -> f32 {
        f64::from(integer).mul_add(self.scale, self.offset) as f32
    }
}

impl From<Grid> for InputCode {
    fn from(grid: Grid) -> Self {
        Self { scale: f64::from(grid.scale), offset: 0.0, range: Clamp { min: grid.min, max: grid.max } }
    }
}

/// A linear layer and what follows it.
#[derive(Clone, PartialEq)]
pub struct FloatLayer {
    /// A name for people: the node or tensor it comes from.
    pub name: String,
    /// Number of outputs.
    pub rows: usize,
    /// Number of inputs.
    pub columns: usize,
    /// `W`, one row after the other, `rows × columns`.
    pub weights: Vec<f32>,
    /// `b`, one value per output.
    pub bias: Vec<f32>,
    /// `T`.
    pub activation: Activation,
    /// `G`, if the file prescribes it.
    pub grid: Option<Grid>,
}

impl std::fmt::Debug for FloatLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FloatLayer({:?}, {} x {}, {:?})", self.name, self.rows, self.columns, self.activation)
    }
}

impl FloatLayer {
    /// The weights of output `i`.
    ///
    /// # Panics
    /// When there is no such output.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.weights[i * self.columns..(i + 1) * self.columns]
    }

    /// `W·h + b` for a batch, one input after the other: `B × columns` to `B × rows`. Sums are 32-bit floats in the order of the
    /// columns.
    #[must_use]
    pub fn sums(&self, inputs: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; inputs.len() / self.columns.max(1) * self.rows];
        each_block(inputs, self.columns, &mut out, self.rows, |i, lanes| {
            let mut sum = [0.0; LANES];
            for (w, x) in self.row(i).iter().zip(lanes) {
                sum.iter_mut().zip(x).for_each(|(s, x)| *s += w * x);
            }
            sum.map(|s| s + self.bias[i])
        });
        out
    }

    /// `G(T(a))` of sums.
    #[must_use]
    pub fn activate(&self, sums: &[f32]) -> Vec<f32> {
        let value = |a: &f32| {
            let h = self.activation.apply(*a);
            self.grid.map_or(h, |g| g.apply(h))
        };
        sums.iter().map(value).collect()
    }
}

/// Inputs that are worked on together: as many sums stay in registers.
pub(crate) const LANES: usize = 16;

/// Computes `out[β][i]` for all inputs `β` and outputs `i` from blocks of [`LANES`] inputs, column by column: `row` gets `i` and
/// the block, and returns output `i` of its inputs. Every step of it works on [`LANES`] values side by side.
pub(crate) fn each_block<T: Copy + Default>(
    inputs: &[T],
    columns: usize,
    out: &mut [T],
    rows: usize,
    row: impl Fn(usize, &[[T; LANES]]) -> [T; LANES],
) {
    let mut lanes = vec![[T::default(); LANES]; columns];
    let blocks = inputs.chunks(LANES * columns.max(1)).zip(out.chunks_mut(LANES * rows.max(1)));
    for (x, y) in blocks {
        for (k, input) in x.chunks_exact(columns).enumerate() {
            lanes.iter_mut().zip(input).for_each(|(lane, v)| lane[k] = *v);
        }
        for i in 0..rows {
            let values = row(i, &lanes);
            y.chunks_exact_mut(rows).zip(values).for_each(|(output, v)| output[i] = v);
        }
    }
}

/// A trained float network.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatNetwork {
    /// A name for people.
    pub name: String,
    /// Quantisation of the inputs, if the file prescribes it.
    pub input: Option<Grid>,
    /// The layers, first to last.
    pub layers: Vec<FloatLayer>,
}

/// All values of a batch, layer by layer, `B × rows` each.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatTrace {
    /// `a` of every layer.
    pub sums: Vec<Vec<f32>>,
    /// `h'` of every layer; the last is the logits.
    pub activations: Vec<Vec<f32>>,
}

impl FloatNetwork {
    /// Widths of all vectors: inputs, hidden layers, outputs.
    #[must_use]
    pub fn widths(&self) -> Vec<usize> {
        let first = self.layers.first().map(|l| l.columns);
        first.into_iter().chain(self.layers.iter().map(|l| l.rows)).collect()
    }

    /// `784-512-10`.
    #[must_use]
    pub fn shape(&self) -> String {
        self.widths().iter().map(usize::to_string).collect::<Vec<_>>().join("-")
    }

    /// Number of weights and biases.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|l| l.rows * (l.columns + 1)).sum()
    }

    /// Inputs as the first layer takes them: on their grid, if there is one.
    #[must_use]
    pub fn take(&self, inputs: &[f32]) -> Vec<f32> {
        self.input.map_or_else(|| inputs.to_vec(), |g| inputs.iter().map(|x| g.apply(*x)).collect())
    }

    /// Runs a batch of inputs, one after the other, each as long as the first layer is wide.
    #[must_use]
    pub fn forward(&self, inputs: &[f32]) -> FloatTrace {
        let mut trace = FloatTrace { sums: Vec::new(), activations: Vec::new() };
        let mut current = self.take(inputs);
        for layer in &self.layers {
            let sums = layer.sums(&current);
            current = layer.activate(&sums);
            trace.activations.push(current.clone());
            trace.sums.push(sums);
        }
        trace
    }

    /// The logits of a batch, `B × outputs`; no other layer's values are kept.
    #[must_use]
    pub fn logits(&self, inputs: &[f32]) -> Vec<f32> {
        self.layers.iter().fold(self.take(inputs), |current, layer| layer.activate(&layer.sums(&current)))
    }
}

/// Index of the largest value, the first of equals.
#[must_use]
pub fn argmax(logits: &[f32]) -> usize {
    let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter().position(|v| *v == best).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(rows: usize, weights: &[f32], bias: &[f32], activation: Activation) -> FloatLayer {
        let columns = weights.len() / rows;
        FloatLayer { name: "l".into(), rows, columns, weights: weights.into(), bias: bias.into(), activation, grid: None }
    }

    #[test]
    fn blocks_of_any_size_give_the_sums_of_single_inputs() {
        let weights: Vec<f32> = (0..21).map(|i| (i * 5 % 13) as f32 - 6.0).collect();
        let l = layer(3, &weights, &[1.0, -2.0, 0.5], Activation::None);
        for count in [0usize, 1, 15, 16, 17, 40] {
            let inputs: Vec<f32> = (0..7 * count).map(|i| (i * 11 % 17) as f32 - 8.0).collect();
            let expected: Vec<f32> = inputs
                .chunks(7)
                .flat_map(|x| [0, 1, 2].map(|i| l.row(i).iter().zip(x).map(|(w, x)| w * x).sum::<f32>() + l.bias[i]))
                .collect();
            assert_eq!(l.sums(&inputs), expected, "{count}");
        }
    }

    #[test]
    fn a_trace_ends_with_the_logits() {
        let grid = Grid { scale: 0.5, min: 0, max: 3 };
        let hidden = FloatLayer { grid: Some(grid), ..layer(2, &[1.0, 0.0, 0.0, -1.0], &[0.0, 0.25], Activation::Relu) };
        let n = FloatNetwork {
            name: "n".into(),
            input: None,
            layers: vec![hidden, layer(1, &[1.0, 10.0], &[1.0], Activation::None)],
        };
        let trace = n.forward(&[1.25, -1.0, 9.0, 9.0]);
        // 1.25 and 1.25 lie half-way between steps and go to the even one; 9 is beyond the grid.
        assert_eq!(trace.sums[0], [1.25, 1.25, 9.0, -8.75]);
        assert_eq!(trace.activations, [vec![1.0, 1.0, 1.5, 0.0], vec![12.0, 2.5]]);
        assert_eq!(n.logits(&[1.25, -1.0, 9.0, 9.0]), trace.activations[1]);
        assert_eq!((n.shape().as_str(), n.parameters()), ("2-2-1", 9));
    }

    #[test]
    fn inputs_are_coded_and_back() {
        let code = InputCode { scale: 0.5, offset: -1.0, range: Clamp { min: 0, max: 10 } };
        assert_eq!([-9.0, -1.0, -0.7, 0.0, 4.0, 99.0].map(|v| code.encode(v)), [0, 0, 1, 2, 10, 10]);
        assert_eq!([0, 1, 10].map(|v| code.decode(v)), [-1.0, -0.5, 4.0]);
    }
}
