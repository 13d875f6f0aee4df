//! The network as a chain of linear layers, with its secret weights.

use super::architecture::Clamp;
use super::ternary::TernaryMatrix;

/// Requantisation and activation after a hidden layer: `T(⌊(z + half(s)) / 2^s⌋)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requantise {
    /// `s`: the accumulator is divided by `2^s`.
    pub shift: u32,
    /// The activation `T`.
    pub clamp: Clamp,
}

/// `z = W·x + bias`, and what follows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Layer {
    /// `W`, outputs by inputs.
    pub weights: TernaryMatrix,
    /// One integer per output, in units of z.
    pub bias: Vec<i32>,
    /// `None` for the last layer, which outputs raw integers.
    pub requantise: Option<Requantise>,
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Layer({} x {})", self.weights.rows(), self.weights.columns())
    }
}

/// A trained network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// A name for people.
    pub name: String,
    /// Smallest and largest input value.
    pub input: Clamp,
    /// The layers, first to last; all but the last requantise.
    pub layers: Vec<Layer>,
}

impl Network {
    /// Widths of all vectors: inputs, hidden layers, outputs.
    #[must_use]
    pub fn widths(&self) -> Vec<usize> {
        let first = self.layers.first().map(|l| l.weights.columns());
        first.into_iter().chain(self.layers.iter().map(|l| l.weights.rows())).collect()
    }

    /// Number of non-zero weights.
    #[must_use]
    pub fn non_zeros(&self) -> usize {
        self.layers.iter().map(|l| l.weights.non_zeros()).sum()
    }

    /// Number of weights and biases, zeros included.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|l| l.weights.rows() * (l.weights.columns() + 1)).sum()
    }

    /// `784-512-10`.
    #[must_use]
    pub fn shape(&self) -> String {
        self.widths().iter().map(usize::to_string).collect::<Vec<_>>().join("-")
    }
}
