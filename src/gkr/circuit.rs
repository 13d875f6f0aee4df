//! Circuits: vectors with supports, layers of gates between them, pruned of what is zero while they are built.

use crate::algebra::Fr;
use crate::transcript::{DIGEST, Transcript};
use ark_ff::Zero;

/// Largest vector, in bits of its length: positions are 32-bit.
pub const MAX_BITS: usize = 31;

/// Where a vector may differ from zero. Public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// Everywhere.
    Dense,
    /// At these positions, ascending.
    Sparse(Vec<u32>),
}

/// A vector of `2^bits` field elements, of which those on its support are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector {
    bits: usize,
    support: Support,
}

impl Vector {
    /// A vector that may be anything.
    #[must_use]
    pub const fn dense(bits: usize) -> Self {
        Self { bits, support: Support::Dense }
    }

    /// A vector that is zero but for some positions, given in any order.
    #[must_use]
    pub fn sparse(bits: usize, mut positions: Vec<u32>) -> Self {
        positions.sort_unstable();
        positions.dedup();
        let full = bits < usize::BITS as usize && positions.len() == 1 << bits;
        Self { bits, support: if full { Support::Dense } else { Support::Sparse(positions) } }
    }

    /// `log2` of its length.
    #[must_use]
    pub const fn bits(&self) -> usize {
        self.bits
    }

    /// Its support.
    #[must_use]
    pub const fn support(&self) -> &Support {
        &self.support
    }

    /// Number of positions on the support: the values that are kept.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty support is nothing special")]
    pub const fn len(&self) -> usize {
        match &self.support {
            Support::Dense => 1 << self.bits,
            Support::Sparse(positions) => positions.len(),
        }
    }

    /// The position of value number `rank`.
    ///
    /// # Panics
    /// When there is no such value.
    #[must_use]
    #[inline]
    pub fn position(&self, rank: usize) -> u32 {
        match &self.support {
            Support::Dense => rank as u32,
            Support::Sparse(positions) => positions[rank],
        }
    }

    fn rank(&self, position: u32) -> Option<u32> {
        match &self.support {
            Support::Dense => Some(position),
            Support::Sparse(positions) => positions.binary_search(&position).ok().map(|r| r as u32),
        }
    }

    /// All `2^bits` values, from those on the support.
    #[must_use]
    pub fn spread(&self, values: &[Fr]) -> Vec<Fr> {
        match &self.support {
            Support::Dense => values.to_vec(),
            Support::Sparse(positions) => {
                let mut out = vec![Fr::zero(); 1 << self.bits];
                positions.iter().zip(values).for_each(|(p, v)| out[*p as usize] = *v);
                out
            }
        }
    }
}

/// What adds to a position of a layer's output. Several gates may add to one.
///
/// A public constant is an entry of an input vector that everybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// `left[l]·right[r]`.
    Multiply {
        /// Position in the output.
        out: u32,
        /// Position in the left source.
        left: u32,
        /// Position in the right source.
        right: u32,
    },
    /// `left[a] + left[b]`.
    Add {
        /// Position in the output.
        out: u32,
        /// Two positions in the left source.
        inputs: [u32; 2],
    },
    /// `left[l]`.
    Relay {
        /// Position in the output.
        out: u32,
        /// Position in the left source.
        input: u32,
    },
}

/// Items in lists, one list per key.
#[derive(Clone, Debug)]
pub(super) struct Lists<T> {
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy + Default> Lists<T> {
    /// Sorts by key, stable. `all` is walked twice.
    fn new<I: Iterator<Item = (u32, T)>>(keys: usize, all: impl Fn() -> I) -> Self {
        let mut starts = vec![0u32; keys + 1];
        all().for_each(|(k, _)| starts[k as usize + 1] += 1);
        for k in 0..keys {
            starts[k + 1] += starts[k];
        }
        let mut items = vec![T::default(); starts[keys] as usize];
        let mut next = starts.clone();
        for (key, item) in all() {
            items[next[key as usize] as usize] = item;
            next[key as usize] += 1;
        }
        Self { starts, items }
    }

    #[inline]
    pub(super) fn get(&self, key: usize) -> &[T] {
        &self.items[self.starts[key] as usize..self.starts[key + 1] as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}

/// Gates between vectors; all positions are ranks on supports.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// Numbers of the left and of the right source.
    pub(super) sources: [usize; 2],
    /// By left operand: `(out, right)` of the multiplications.
    pub(super) products: Lists<(u32, u32)>,
    /// By right operand: `(out, left)` of the same, unless right operands are so few that sums are kept per task.
    #[cfg(feature = "prover")]
    pub(super) by_right: Option<Lists<(u32, u32)>>,
    /// By input: outputs of the wires.
    pub(super) wires: Lists<u32>,
}

/// Right operands are few when each of this many tasks can have sums of its own.
#[cfg(feature = "prover")]
pub(super) const TASKS: usize = 32;

/// Why a circuit cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CircuitError {
    /// A vector that is too long.
    #[error("a vector of 2^{bits} entries, expected at most 2^{MAX_BITS}")]
    TooLong {
        /// Bits of its length.
        bits: usize,
    },
    /// A layer reads a vector that is not below it.
    #[error("layer {layer} reads vector {source_vector}, expected one below {layer_vector}")]
    Source {
        /// Which layer.
        layer: usize,
        /// What it reads.
        source_vector: usize,
        /// The vector that it makes.
        layer_vector: usize,
    },
    /// A gate outside of its vectors.
    #[error("layer {layer}: a gate is at position {position} of a vector of 2^{bits} entries")]
    Position {
        /// Which layer.
        layer: usize,
        /// What was found.
        position: u32,
        /// Bits of the vector's length.
        bits: usize,
    },
    /// More gates than a layer can have.
    #[error("layer {layer} has {gates} gates, expected less than 2^31")]
    TooManyGates {
        /// Which layer.
        layer: usize,
        /// What was found.
        gates: usize,
    },
}

/// A circuit: input vectors, then layers, each a vector made of gates over vectors below it. The last vector is the output.
#[derive(Clone)]
pub struct Circuit {
    inputs: usize,
    vectors: Vec<Vector>,
    pub(super) layers: Vec<Layer>,
    transcript: Transcript,
    digest: [u8; DIGEST],
}

impl std::fmt::Debug for Circuit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Circuit").field("inputs", &self.inputs).field("gates", &self.gates()).finish_non_exhaustive()
    }
}

fn absorb_vector(transcript: &mut Transcript, vector: &Vector) {
    transcript.absorb("bits", &(vector.bits as u64).to_be_bytes());
    if let Support::Sparse(positions) = &vector.support {
        transcript.absorb_pieces("support", 4 * positions.len(), positions.iter().map(|p| p.to_be_bytes()));
    }
}

impl Circuit {
    /// A circuit without layers.
    ///
    /// # Errors
    /// When a vector is too long.
    pub fn new(inputs: Vec<Vector>) -> Result<Self, CircuitError> {
        let mut transcript = Transcript::new("zktern/v1/circuit");
        for vector in &inputs {
            check_bits(vector.bits)?;
            absorb_vector(&mut transcript, vector);
        }
        let digest = transcript.clone().squeeze("circuit");
        Ok(Self { inputs: inputs.len(), vectors: inputs, layers: Vec::new(), transcript, digest })
    }

    /// Adds a layer of `2^bits` outputs over two vectors (often the same), without the gates that are zero whatever the
    /// values. Returns the number of the vector that it makes.
    ///
    /// # Errors
    /// When a source or a gate is out of range.
    pub fn layer(&mut self, bits: usize, sources: [usize; 2], gates: Vec<Gate>) -> Result<usize, CircuitError> {
        check_bits(bits)?;
        let (layer, made) = (self.layers.len(), self.vectors.len());
        let source =
            |v: usize| self.vectors.get(v).ok_or(CircuitError::Source { layer, source_vector: v, layer_vector: made });
        let (left, right) = (source(sources[0])?, source(sources[1])?);
        if gates.len() >= 1 << 30 {
            return Err(CircuitError::TooManyGates { layer, gates: gates.len() });
        }
        let check = |vector: &Vector, position: u32| {
            let fits = (position as usize) < 1 << vector.bits;
            if fits { Ok(()) } else { Err(CircuitError::Position { layer, position, bits: vector.bits }) }
        };
        let output = Vector::dense(bits);
        for gate in &gates {
            let (out, lefts, r) = match gate {
                Gate::Multiply { out, left: l, right: r } => (*out, [*l, *l], Some(*r)),
                Gate::Add { out, inputs } => (*out, *inputs, None),
                Gate::Relay { out, input } => (*out, [*input; 2], None),
            };
            check(&output, out)?;
            lefts.iter().try_for_each(|l| check(left, *l))?;
            r.map_or(Ok(()), |r| check(right, r))?;
        }
        // What is left of the gates, by ranks of their inputs; outputs are still positions.
        let product = |gate: &Gate| match gate {
            Gate::Multiply { out, left: l, right: r } => Some((*out, left.rank(*l)?, right.rank(*r)?)),
            _ => None,
        };
        let wire = |gate: &Gate| match gate {
            Gate::Add { out, inputs: [a, b] } => [left.rank(*a), left.rank(*b)].map(|i| i.map(|i| (*out, i))),
            Gate::Relay { out, input } => [left.rank(*input).map(|i| (*out, i)), None],
            Gate::Multiply { .. } => [None, None],
        };
        let products = || gates.iter().filter_map(product);
        let wires = || gates.iter().flat_map(wire).flatten();
        let output = output_support(bits, products().map(|(z, ..)| z).chain(wires().map(|(z, _)| z)));
        let rank = |z: u32| output.rank(z).unwrap_or_default();
        let by_left = Lists::new(left.len(), || products().map(|(z, x, y)| (x, (rank(z), y))));
        let layer = Layer {
            sources,
            #[cfg(feature = "prover")]
            by_right: (by_left.len() < TASKS * right.len())
                .then(|| Lists::new(right.len(), || products().map(|(z, x, y)| (y, (rank(z), x))))),
            products: by_left,
            wires: Lists::new(left.len(), || wires().map(|(z, x)| (x, rank(z)))),
        };
        absorb_vector(&mut self.transcript, &output);
        self.transcript.absorb("sources", &sources.map(|s| s as u64).map(u64::to_be_bytes).concat());
        let words = |n: usize, w: [u32; 3]| w.map(u32::to_be_bytes).concat()[..4 * n].to_vec();
        let count = layer.products.len();
        self.transcript.absorb_pieces("multiply", 12 * count, products().map(|(z, x, y)| words(3, [z, x, y])));
        self.transcript.absorb_pieces("wire", 8 * layer.wires.len(), wires().map(|(z, x)| words(2, [z, x, 0])));
        self.digest = self.transcript.clone().squeeze("circuit");
        self.layers.push(layer);
        self.vectors.push(output);
        Ok(made)
    }

    /// Number of input vectors.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// All vectors: inputs, then one per layer.
    #[must_use]
    pub fn vectors(&self) -> &[Vector] {
        &self.vectors
    }

    /// The last vector.
    ///
    /// # Panics
    /// When the circuit has no vector at all.
    #[must_use]
    pub fn output(&self) -> &Vector {
        &self.vectors[self.vectors.len() - 1]
    }

    /// Multiplications and wires, after pruning.
    #[must_use]
    pub fn gates(&self) -> [usize; 2] {
        self.layers.iter().fold([0; 2], |[m, w], l| [m + l.products.len(), w + l.wires.len()])
    }

    /// A hash of everything that the circuit is.
    #[must_use]
    pub const fn digest(&self) -> &[u8; DIGEST] {
        &self.digest
    }

    /// The values of all vectors on their supports, from those of the inputs.
    ///
    /// # Panics
    /// When an input does not have as many values as its support.
    #[must_use]
    pub fn evaluate(&self, inputs: Vec<Vec<Fr>>) -> Vec<Vec<Fr>> {
        let lengths = |v: &[Vector]| v.iter().map(Vector::len).collect::<Vec<_>>();
        assert_eq!(inputs.iter().map(Vec::len).collect::<Vec<_>>(), lengths(&self.vectors[..self.inputs]), "input lengths");
        let mut values = inputs;
        for (layer, vector) in self.layers.iter().zip(&self.vectors[self.inputs..]) {
            let mut out = vec![Fr::zero(); vector.len()];
            let [left, right] = layer.sources.map(|s| values[s].as_slice());
            for (x, v) in left.iter().enumerate() {
                layer.products.get(x).iter().for_each(|(z, y)| out[*z as usize] += *v * right[*y as usize]);
                layer.wires.get(x).iter().for_each(|z| out[*z as usize] += v);
            }
            values.push(out);
        }
        values
    }
}

const fn check_bits(bits: usize) -> Result<(), CircuitError> {
    if bits > MAX_BITS { Err(CircuitError::TooLong { bits }) } else { Ok(()) }
}

/// The positions that gates write to, without sorting them when they are many.
fn output_support(bits: usize, outs: impl Iterator<Item = u32>) -> Vector {
    let mut seen = vec![0u64; (1usize << bits).div_ceil(64)];
    outs.for_each(|z| seen[z as usize / 64] |= 1 << (z % 64));
    let count: usize = seen.iter().map(|w| w.count_ones() as usize).sum();
    if count == 1 << bits {
        return Vector::dense(bits);
    }
    let of_word = |(i, word): (usize, &u64)| {
        let word = *word;
        (0..64u32).filter(move |b| word >> b & 1 == 1).map(move |b| 64 * i as u32 + b)
    };
    Vector { bits, support: Support::Sparse(seen.iter().enumerate().flat_map(of_word).collect()) }
}
