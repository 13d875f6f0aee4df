//! Random networks and inputs, for tests and benchmarks: reproducible from a seed, on every machine.

use super::{Clamp, Layer, Network, Requantise, TernaryMatrix};
use shake::{ExtendableOutput, Shake256, Shake256Reader, Update, XofReader};

/// Numbers from SHAKE256 of a seed.
pub struct Numbers(Shake256Reader);

impl Numbers {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut state = Shake256::default();
        state.update(b"zktern/random");
        state.update(&seed.to_le_bytes());
        Self(state.finalize_xof())
    }

    /// A number below `n` (bias below 2^-32 for n up to 2^32).
    pub fn below(&mut self, n: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.read(&mut bytes);
        ((u128::from(u64::from_le_bytes(bytes)) * u128::from(n)) >> 64) as u64
    }
}

/// What a random network looks like.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Widths of all vectors.
    pub widths: Vec<usize>,
    /// Fraction of the entries of every row that are not zero, in (0, 1].
    pub density: f64,
    /// Activations are clamped to `0..=max`, and so are the inputs.
    pub max: i32,
}

/// A network with exactly `round(density·inputs)` (at least one) non-zeros in every row, signs at random, small biases, and
/// shifts that spread activations over their range.
///
/// # Errors
/// When the shape cannot be proved (no hidden layer, accumulators too wide).
pub fn network(shape: &Shape, seed: u64) -> Result<Network, super::ranges::ModelError> {
    let mut numbers = Numbers::new(seed);
    let clamp = Clamp { min: 0, max: shape.max };
    let count = shape.widths.len().saturating_sub(1);
    let mut layers = Vec::with_capacity(count);
    for b in 0..count {
        let (columns, rows) = (shape.widths[b], shape.widths[b + 1]);
        let non_zeros = ((columns as f64 * shape.density).round() as usize).clamp(1, columns);
        let positions = (0..rows).map(|_| random_row(&mut numbers, columns, non_zeros));
        let weights = TernaryMatrix::from_positions(columns, positions.collect::<Vec<_>>());
        let bias = (0..rows).map(|_| numbers.below(2 * shape.max as u64 + 1) as i32 - shape.max).collect();
        // A sum of n terms of random sign has a spread of about sqrt(n): keep twice that within the clamp.
        let shift = ((non_zeros as f64).sqrt().log2().round() as u32).max(1);
        let requantise = (b + 1 < count).then_some(Requantise { shift, clamp });
        layers.push(Layer { weights, bias, requantise });
    }
    let name = format!("random-{}", shape.widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-"));
    let network = Network { name, input: clamp, layers };
    super::Architecture::of(&network, 1)?;
    Ok(network)
}

/// Positions of `+1` and `−1`: a sample without replacement by selection over the sorted columns.
fn random_row(numbers: &mut Numbers, columns: usize, non_zeros: usize) -> (Vec<u32>, Vec<u32>) {
    let (mut plus, mut minus) = (Vec::with_capacity(non_zeros), Vec::with_capacity(non_zeros));
    let mut wanted = non_zeros as u64;
    for j in 0..columns {
        if wanted > 0 && numbers.below((columns - j) as u64) < wanted {
            wanted -= 1;
            if numbers.below(2) == 0 { &mut plus } else { &mut minus }.push(j as u32);
        }
    }
    (plus, minus)
}

/// `count` inputs for a network, uniform in its input range, one after the other.
#[must_use]
pub fn inputs(network: &Network, count: usize, seed: u64) -> Vec<i32> {
    let mut numbers = Numbers::new(seed ^ 0x5eed_1234);
    let width = network.layers.first().map_or(0, |l| l.weights.columns());
    (0..count * width).map(|_| network.input.min + numbers.below(network.input.len() as u64) as i32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_reproducible_and_have_the_density_asked_for() {
        let shape = Shape { widths: vec![64, 32, 10], density: 0.25, max: 15 };
        let n = network(&shape, 1).unwrap();
        assert_eq!(n, network(&shape, 1).unwrap());
        assert_ne!(n, network(&shape, 2).unwrap());
        assert_eq!(n.layers[0].weights.non_zeros(), 32 * 16);
        let trace = n.run(&inputs(&n, 50, 3));
        let saturated = trace.activations[0].iter().filter(|y| **y == 15).count();
        assert!(saturated < trace.activations[0].len() / 2, "{saturated} saturated");
        assert_eq!(Network::from_bytes(&n.to_bytes(), "n").unwrap(), n);
    }
}
