//! Bounds on every accumulator, proved from each row's non-zeros and the range of what it adds up.
//!
//! For a row with `p` entries `+1` and `n` entries `−1`, bias `b` and inputs in `[lo, hi]`:
//! `p·lo − n·hi + b ≤ z ≤ p·hi − n·lo + b`. The layer's bound is the smallest `k ≥ shift` with
//! `−2^k ≤ z + half(shift) < 2^k` for all its rows. Tables always cover it, so a proof never fails for an activation that is
//! out of range; a network that cannot be covered is refused when it is compiled, with the layer's name.

use super::architecture::{Clamp, half};
use super::{Layer, Network};

/// Widest accumulator, so that sums of them stay far inside 64 bits and values inside 32.
pub const MAX_BITS: u32 = 30;

/// The bound of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Smallest accumulator that any input can produce.
    pub min: i64,
    /// Largest accumulator that any input can produce.
    pub max: i64,
    /// `k`, rounded outwards.
    pub bits: u32,
}

/// A network that cannot be proved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Widths that do not chain.
    #[error("layer {layer} takes {found} inputs but the layer before it has {expected} outputs")]
    Shape {
        /// Layer, from 0.
        layer: usize,
        /// Its number of columns.
        found: usize,
        /// Outputs of the layer before.
        expected: usize,
    },
    /// A bias vector of the wrong length.
    #[error("layer {layer} has {found} biases, expected {expected}, one for each output")]
    Bias {
        /// Layer, from 0.
        layer: usize,
        /// Number of biases.
        found: usize,
        /// Number of outputs.
        expected: usize,
    },
    /// Requantisation missing in a hidden layer or present in the last.
    #[error("layer {layer} of {layers} {found}; every layer but the last must requantise, and the last must not")]
    Requantise {
        /// Layer, from 0.
        layer: usize,
        /// Number of layers.
        layers: usize,
        /// What is wrong with it.
        found: &'static str,
    },
    /// An accumulator that no table can cover.
    #[error(
        "layer {layer}: accumulators range over {min}..={max}, which needs {bits} bits, expected at most {max_bits}; use at most \
         {row_cap} non-zeros a row, or fewer activation bits before this layer"
    )]
    TooWide {
        /// Layer, from 0.
        layer: usize,
        /// Smallest accumulator.
        min: i64,
        /// Largest accumulator.
        max: i64,
        /// Bits needed.
        bits: u32,
        /// Bits available.
        max_bits: u32,
        /// Non-zeros a row that would fit.
        row_cap: i64,
    },
    /// A public description that breaks a rule.
    #[error("unusable architecture: {0}")]
    Architecture(String),
}

/// The bounds of all layers.
///
/// # Errors
/// When shapes do not chain or an accumulator is too wide.
pub fn analyse(network: &Network) -> Result<Vec<Bound>, ModelError> {
    let layers = network.layers.len();
    let mut range = network.input;
    let mut width = network.layers.first().map_or(0, |l| l.weights.columns());
    let mut bounds = Vec::with_capacity(layers);
    for (b, layer) in network.layers.iter().enumerate() {
        let (rows, columns) = (layer.weights.rows(), layer.weights.columns());
        if columns != width {
            return Err(ModelError::Shape { layer: b, found: columns, expected: width });
        }
        if layer.bias.len() != rows {
            return Err(ModelError::Bias { layer: b, found: layer.bias.len(), expected: rows });
        }
        match (b + 1 == layers, layer.requantise) {
            (true, Some(_)) => return Err(ModelError::Requantise { layer: b, layers, found: "requantises" }),
            (false, None) => return Err(ModelError::Requantise { layer: b, layers, found: "does not requantise" }),
            _ => {}
        }
        bounds.push(bound(b, layer, range)?);
        if let Some(r) = layer.requantise {
            range = r.clamp;
        }
        width = rows;
    }
    Ok(bounds)
}

/// The bound of layer `b`, whose inputs lie in `input`.
///
/// # Errors
/// When an accumulator is too wide.
pub fn bound(b: usize, layer: &Layer, input: Clamp) -> Result<Bound, ModelError> {
    let (lo, hi) = (i64::from(input.min), i64::from(input.max));
    let (mut min, mut max) = (0, 0);
    for (i, bias) in layer.bias.iter().enumerate() {
        let (plus, minus) = layer.weights.by_row().get(i);
        let (p, n, bias) = (plus.len() as i64, minus.len() as i64, i64::from(*bias));
        min = min.min(p * lo - n * hi + bias);
        max = max.max(p * hi - n * lo + bias);
    }
    let shift = layer.requantise.map_or(0, |r| r.shift);
    let widest = |bits: u32| {
        let row_cap = ((1i64 << MAX_BITS) - 1) / hi.max(-lo).max(1);
        ModelError::TooWide { layer: b, min, max, bits, max_bits: MAX_BITS, row_cap }
    };
    if shift > MAX_BITS {
        return Err(widest(shift));
    }
    let (low, high) = (min + half(shift), max + half(shift));
    let bits = (shift..=62).find(|&k| -(1i64 << k) <= low && high < 1i64 << k).unwrap_or(63);
    if bits > MAX_BITS {
        return Err(widest(bits));
    }
    Ok(Bound { min, max, bits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Requantise, TernaryMatrix};

    fn layer(rows: &[&[i8]], bias: &[i32], requantise: Option<Requantise>) -> Layer {
        let weights = TernaryMatrix::from_rows(rows[0].len(), rows.iter().map(|r| r.iter().copied())).unwrap();
        Layer { weights, bias: bias.to_vec(), requantise }
    }

    fn network(layers: Vec<Layer>) -> Network {
        Network { name: "t".into(), input: Clamp { min: 0, max: 255 }, layers }
    }

    #[test]
    fn bounds_are_reached_and_rounded_outwards() {
        let r = Requantise { shift: 2, clamp: Clamp { min: 0, max: 15 } };
        let n = network(vec![layer(&[&[1, 1, -1], &[0, 0, -1]], &[3, -1], Some(r)), layer(&[&[1, -1]], &[0], None)]);
        let bounds = analyse(&n).unwrap();
        assert_eq!(bounds[0], Bound { min: -256, max: 513, bits: 10 });
        assert_eq!(bounds[1], Bound { min: -15, max: 15, bits: 4 });
    }

    #[test]
    fn exactly_at_the_power_of_two() {
        // z ranges over 0..=255 + bias; with shift 1, half = 1: the bound is strict above.
        for (bias, bits) in [(-1, 8), (0, 9), (-255, 8), (-258, 9)] {
            let r = Requantise { shift: 1, clamp: Clamp { min: 0, max: 1 } };
            let n = network(vec![layer(&[&[1]], &[bias], Some(r)), layer(&[&[1]], &[0], None)]);
            assert_eq!(analyse(&n).unwrap()[0].bits, bits, "bias {bias}");
        }
    }

    #[test]
    fn errors_name_the_layer_and_the_way_out() {
        let r = Some(Requantise { shift: 2, clamp: Clamp { min: 0, max: 15 } });
        let ok = || layer(&[&[1, 1]], &[0], r);
        let text = |layers| analyse(&network(layers)).unwrap_err().to_string();
        assert!(text(vec![ok(), layer(&[&[1, 1]], &[0], None)]).contains("layer 1 takes 2 inputs"));
        assert!(text(vec![layer(&[&[1, 1]], &[0, 1], r)]).contains("2 biases, expected 1"));
        assert!(text(vec![layer(&[&[1]], &[0], None), layer(&[&[1]], &[0], None)]).contains("does not requantise"));
        assert!(text(vec![ok()]).contains("requantises"));
        let wide = text(vec![layer(&[&[1]], &[i32::MAX], r), layer(&[&[1]], &[0], None)]);
        assert!(wide.contains("layer 0") && wide.contains("non-zeros a row"), "{wide}");
    }
}
