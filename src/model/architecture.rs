//! What everybody may know about a network.
//!
//! Bounds are rounded outwards to powers of two: the exact ones would tell something about the rows.

use super::Network;
use super::ranges::{self, ModelError};

/// An inclusive range of integers that contains zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clamp {
    /// Smallest value, at most 0.
    pub min: i32,
    /// Largest value, at least 0.
    pub max: i32,
}

impl Clamp {
    /// The nearest value in the range.
    #[must_use]
    pub fn apply(&self, value: i64) -> i64 {
        value.clamp(i64::from(self.min), i64::from(self.max))
    }

    /// Whether a value lies in the range.
    #[must_use]
    pub const fn contains(&self, value: i32) -> bool {
        self.min <= value && value <= self.max
    }

    /// How many values the range has.
    #[must_use]
    pub const fn len(&self) -> usize {
        (self.max as i64 - self.min as i64 + 1) as usize
    }

    /// Never: zero is always in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }
}

/// The rounding constant of a shift: `2^(s−1)`, or 0 for no shift.
#[must_use]
pub const fn half(shift: u32) -> i64 {
    (1 << shift) >> 1
}

/// `⌊(z + half(s)) / 2^s⌋`.
#[must_use]
pub const fn requantise(z: i64, shift: u32) -> i64 {
    (z + half(shift)) >> shift
}

/// The public part of a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HiddenLayer {
    /// Right shift of the requantisation.
    pub shift: u32,
    /// The activation.
    pub clamp: Clamp,
    /// `k`: every accumulator satisfies `−2^k ≤ z + half(shift) < 2^k`; at least `shift`.
    pub bits: u32,
}

/// Shapes, shifts, activations and bounds: everything about a model that its verifying key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// `M`: entries per committed row, a power of two.
    pub row_width: usize,
    /// Widths of all vectors: inputs, hidden layers, outputs.
    pub widths: Vec<usize>,
    /// Range of the inputs.
    pub input: Clamp,
    /// One entry per hidden layer.
    pub hidden: Vec<HiddenLayer>,
    /// Logits satisfy `−2^k ≤ z < 2^k`.
    pub logit_bits: u32,
}

impl Architecture {
    /// The architecture of a network whose rows are committed `row_width` entries at a time.
    ///
    /// # Errors
    /// When the network cannot be proved: the sentence names the layer and the way out.
    pub fn of(network: &Network, row_width: usize) -> Result<Self, ModelError> {
        let bounds = ranges::analyse(network)?;
        let hidden = network
            .layers
            .iter()
            .zip(&bounds)
            .filter_map(|(l, b)| l.requantise.map(|r| HiddenLayer { shift: r.shift, clamp: r.clamp, bits: b.bits }))
            .collect();
        let logit_bits = bounds.last().map_or(0, |b| b.bits);
        let architecture = Self { row_width, widths: network.widths(), input: network.input, hidden, logit_bits };
        architecture.validate()?;
        Ok(architecture)
    }

    /// Checks everything that a file could get wrong; every count that later code derives is then small.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), ModelError> {
        let wrong = |what: String| Err(ModelError::Architecture(what));
        if !self.row_width.is_power_of_two() || self.row_width > MAX_ROW_WIDTH {
            return wrong(format!("the row width is {}, expected a power of two up to {MAX_ROW_WIDTH}", self.row_width));
        }
        if self.widths.len() < 3 || self.widths.len() > MAX_LAYERS + 1 {
            let layers = self.widths.len().saturating_sub(1);
            return wrong(format!("it has {layers} layers, expected 2 to {MAX_LAYERS} (at least one hidden layer)"));
        }
        if let Some(w) = self.widths.iter().find(|w| **w == 0 || **w > MAX_WIDTH) {
            return wrong(format!("a layer is {w} wide, expected 1 to {MAX_WIDTH}"));
        }
        if self.hidden.len() + 2 != self.widths.len() {
            return wrong(format!("{} hidden layers are described, expected {}", self.hidden.len(), self.widths.len() - 2));
        }
        for (b, h) in self.hidden.iter().enumerate() {
            if h.bits > ranges::MAX_BITS || h.shift > h.bits {
                return wrong(format!(
                    "layer {b} has {} accumulator bits and shift {}, expected shift <= bits <= {}",
                    h.bits,
                    h.shift,
                    ranges::MAX_BITS
                ));
            }
            // The smaller of the two ways to look it up: a remainder of `shift` bits, and what is left.
            let table = h.shift.max(h.bits + 1 - h.shift);
            if table > MAX_TABLE_BITS {
                return wrong(format!(
                    "layer {b} needs a lookup table of 2^{table} entries, expected at most 2^{MAX_TABLE_BITS}; \
                     use another shift, or fewer non-zeros a row"
                ));
            }
        }
        if self.logit_bits > ranges::MAX_BITS {
            return wrong(format!("logits have {} bits, expected at most {}", self.logit_bits, ranges::MAX_BITS));
        }
        let clamps = std::iter::once(&self.input).chain(self.hidden.iter().map(|h| &h.clamp));
        for clamp in clamps {
            if clamp.min > 0 || clamp.max < 0 || clamp.min < -MAX_VALUE || clamp.max > MAX_VALUE {
                let Clamp { min, max } = clamp;
                return wrong(format!("a range is {min}..={max}, expected one that contains 0 within ±{MAX_VALUE}"));
            }
        }
        Ok(())
    }

    /// Number of linear layers, the last included.
    #[must_use]
    pub const fn layers(&self) -> usize {
        self.widths.len() - 1
    }

    /// Input width of layer `b`.
    #[must_use]
    pub fn inputs(&self, b: usize) -> usize {
        self.widths[b]
    }

    /// Output width of layer `b`.
    #[must_use]
    pub fn outputs(&self, b: usize) -> usize {
        self.widths[b + 1]
    }

    /// Number of logits.
    #[must_use]
    pub fn logits(&self) -> usize {
        self.outputs(self.layers() - 1)
    }

    /// Commitments that a vector of `n` entries needs.
    #[must_use]
    pub const fn chunks(&self, n: usize) -> usize {
        n.div_ceil(self.row_width)
    }

    /// Rows of the verifying key: for every layer its outputs by chunk, then its biases by chunk.
    #[must_use]
    pub fn key_rows(&self) -> usize {
        (0..self.layers()).map(|b| self.weight_rows(b) + self.chunks(self.outputs(b))).sum()
    }

    /// Rows of the matrix of layer `b`.
    #[must_use]
    pub fn weight_rows(&self, b: usize) -> usize {
        self.outputs(b) * self.chunks(self.inputs(b))
    }

    /// Position in the key of the first matrix row of layer `b`.
    #[must_use]
    pub fn weight_row_start(&self, b: usize) -> usize {
        (0..b).map(|l| self.weight_rows(l) + self.chunks(self.outputs(l))).sum()
    }

    /// Position in the key of the first bias row of layer `b`.
    #[must_use]
    pub fn bias_row_start(&self, b: usize) -> usize {
        self.weight_row_start(b) + self.weight_rows(b)
    }

    /// What is hashed and stored: 64-bit big-endian integers `M, L, widths, input, k_last`, then per hidden layer
    /// `shift, min, max, k`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut values = vec![self.row_width as i64, self.layers() as i64];
        values.extend(self.widths.iter().map(|w| *w as i64));
        values.extend([i64::from(self.input.min), i64::from(self.input.max), i64::from(self.logit_bits)]);
        for h in &self.hidden {
            values.extend([i64::from(h.shift), i64::from(h.clamp.min), i64::from(h.clamp.max), i64::from(h.bits)]);
        }
        values.iter().flat_map(|v| v.to_be_bytes()).collect()
    }
}

/// Largest width of a committed row.
pub const MAX_ROW_WIDTH: usize = 1 << 16;
/// Largest lookup table, in bits of its length.
pub const MAX_TABLE_BITS: u32 = 24;
/// Deepest network: untrusted architectures are bounded (eprint 2025/118).
pub const MAX_LAYERS: usize = 256;
/// Widest layer.
pub const MAX_WIDTH: usize = 1 << 20;
/// Largest magnitude of an input or activation.
pub const MAX_VALUE: i32 = 1 << 20;
