//! Exact integer inference: the function that a proof is about.

use super::Network;
use super::architecture::requantise;

/// All values of a batch, layer by layer. Vectors hold one input after the other, `B × width`.
#[derive(Clone, PartialEq, Eq)]
pub struct Trace {
    /// One entry per layer; the last is the logits.
    pub accumulators: Vec<Vec<i32>>,
    /// `q'` of every hidden layer.
    pub quotients: Vec<Vec<i32>>,
    /// `y` of every hidden layer.
    pub activations: Vec<Vec<i32>>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trace(secret)")
    }
}

/// `W·x + bias` for one input. Values stay inside 32 bits by the range analysis.
#[must_use]
pub fn apply_layer(layer: &super::Layer, x: &[i32]) -> Vec<i32> {
    let rows = layer.weights.by_row();
    let sum = |list: &[u32]| list.iter().map(|&j| i64::from(x[j as usize])).sum::<i64>();
    let row = |(i, bias): (usize, &i32)| {
        let (plus, minus) = rows.get(i);
        (sum(plus) - sum(minus) + i64::from(*bias)) as i32
    };
    layer.bias.iter().enumerate().map(row).collect()
}

impl Network {
    /// Runs a batch of inputs, one after the other in `inputs`, each as long as the first layer is wide.
    ///
    /// # Panics
    /// When `inputs` is not a whole number of inputs.
    #[must_use]
    pub fn run(&self, inputs: &[i32]) -> Trace {
        let mut trace = Trace { accumulators: Vec::new(), quotients: Vec::new(), activations: Vec::new() };
        let mut current = inputs.to_vec();
        for layer in &self.layers {
            let width = layer.weights.columns();
            assert_eq!(current.len() % width, 0, "whole inputs");
            let z: Vec<i32> = current.chunks_exact(width).flat_map(|x| apply_layer(layer, x)).collect();
            if let Some(r) = layer.requantise {
                let q: Vec<i32> = z.iter().map(|z| requantise(i64::from(*z), r.shift) as i32).collect();
                current = q.iter().map(|q| r.clamp.apply(i64::from(*q)) as i32).collect();
                trace.quotients.push(q);
                trace.activations.push(current.clone());
            }
            trace.accumulators.push(z);
        }
        trace
    }

    /// The logits of a batch, some inputs at a time: nothing else is kept.
    #[must_use]
    pub fn logits(&self, inputs: &[i32]) -> Vec<i32> {
        const TOGETHER: usize = 64;
        let width = self.layers.first().map_or(1, |l| l.weights.columns()).max(1);
        let some = inputs.chunks(TOGETHER * width);
        some.flat_map(|inputs| self.run(inputs).accumulators.pop().unwrap_or_default()).collect()
    }
}

/// Index of the largest value, the first of equals.
#[must_use]
pub fn argmax(logits: &[i32]) -> usize {
    let best = logits.iter().max();
    logits.iter().position(|v| Some(v) == best).unwrap_or(0)
}
