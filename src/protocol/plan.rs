//! Who sits where: everything that follows from (architecture, batch size, private input or not), and from nothing else.
//!
//! A block is `2^k` entries at an offset that is a multiple of `2^k`. At a point `r` of `K` coordinates its selector is
//! `eq(r[..K−k], offset >> k)` and its local point the suffix `r[K−k..]`. Blocks are sorted by size, largest first, stable.
//!
//! Lookup leaves have local index `i·2^lb + β`, `lb = ⌈log2 B⌉`: batch bits are the lowest, so `r_B` is the last `lb` coordinates
//! for every block and `r_b` the `⌈log2 n_out⌉` before them. The tail repeats the zero pattern of the first block's table.

use super::errors::InstanceError;
use crate::algebra::{Fr, eq, fr::WORD, mle::log2_ceil};
use crate::commit::sigma;
use crate::lookup::Table;
use crate::model::Architecture;
use crate::model::architecture::{MAX_TABLE_BITS, MAX_TABLE_ENTRIES};

/// How the activation of a hidden layer is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// (a) One table `(z, y)`: one lookup and one committed value an activation. For many activations or narrow accumulators.
    Accumulator,
    /// (b) A remainder and a pair `(q', y)`: two lookups, two committed values, but tables of `2^s` and `2^{k+1−s}` entries.
    Split,
}

impl Mode {
    /// The letter that is absorbed: `a` or `b`.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::Accumulator => b'a',
            Self::Split => b'b',
        }
    }
}

/// What a lookup block looks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// `(z, y)` of a hidden layer.
    Accumulator(usize),
    /// The remainder of a hidden layer.
    Remainder(usize),
    /// `(q', y)` of a hidden layer.
    Activation(usize),
    /// The private input.
    Input,
}

/// What a block of the linear sumcheck holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linear {
    /// The matrix of a layer against its inputs.
    Layer(usize),
    /// A table's inverses against its multiplicities.
    Table(usize),
    /// The biases of a layer against the constant one.
    Bias(usize),
}

/// A block of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<T> {
    /// What it is.
    pub kind: T,
    /// `k`: it has `2^k` entries.
    pub bits: usize,
    /// Its first entry.
    pub offset: usize,
}

impl<T> Block<T> {
    const fn new(kind: T, bits: usize) -> Self {
        Self { kind, bits, offset: 0 }
    }

    /// Selector and local point at a global point.
    #[must_use]
    pub fn split<'a>(&self, point: &'a [Fr]) -> (Fr, &'a [Fr]) {
        let (high, local) = point.split_at(point.len() - self.bits);
        (eq::at(high, self.offset >> self.bits), local)
    }
}

/// Sorts blocks, largest first, and places them; returns the bits of the whole, at least one.
fn place<T>(blocks: &mut [Block<T>]) -> usize {
    blocks.sort_by_key(|b| std::cmp::Reverse(b.bits));
    let mut total = 0;
    for block in blocks {
        block.offset = total;
        total += 1 << block.bits;
    }
    log2_ceil(total).max(1)
}

/// Blocks of the given kinds and bits, placed, and the bits of the whole.
pub(crate) fn layout<T>(blocks: impl Iterator<Item = (T, usize)>) -> (Vec<Block<T>>, usize) {
    let mut blocks: Vec<Block<T>> = blocks.map(|(kind, bits)| Block::new(kind, bits)).collect();
    let bits = place(&mut blocks);
    (blocks, bits)
}

/// The plan of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// `B`.
    pub batch: usize,
    /// `lb = ⌈log2 B⌉`.
    pub batch_bits: usize,
    /// Whether the input is hidden.
    pub private: bool,
    /// One mode per hidden layer.
    pub modes: Vec<Mode>,
    /// All tables; the id of table `t` is `t + 1`.
    pub tables: Vec<Table>,
    /// The table of every lookup, in the order of `lookups`.
    pub lookup_tables: Vec<usize>,
    /// Lookup blocks, placed.
    pub lookups: Vec<Block<Lookup>>,
    /// `K`.
    pub lookup_bits: usize,
    /// Blocks of the linear sumcheck, placed.
    pub linear: Vec<Block<Linear>>,
    /// `log2 J`.
    pub linear_bits: usize,
}

/// Largest batch of one proof.
pub const MAX_BATCH: usize = 1 << 16;
/// Most lookups of one proof: `2^30` leaves, so that multiplicities fit 32 bits with their sign.
pub const MAX_LOOKUP_BITS: u32 = 30;

impl Plan {
    /// The plan for a batch.
    ///
    /// Mode (b) is chosen when the number of activations is below the size of mode (a)'s table, or that table is too large.
    ///
    /// # Errors
    /// When the batch is empty, or what it takes is too large for one proof.
    pub fn new(arch: &Architecture, batch: usize, private: bool) -> Result<Self, InstanceError> {
        if batch == 0 || batch > MAX_BATCH {
            return Err(InstanceError::Batch { found: batch, max: MAX_BATCH });
        }
        let mode = |(b, h): (usize, &crate::model::HiddenLayer)| {
            let wide = h.bits + 1 > MAX_TABLE_BITS || arch.outputs(b) * batch < 1 << (h.bits + 1);
            if wide { Mode::Split } else { Mode::Accumulator }
        };
        let modes: Vec<Mode> = arch.hidden.iter().enumerate().map(mode).collect();
        let batch_bits = log2_ceil(batch);
        let mut tables: Vec<Table> = Vec::new();
        let mut shared = |table: Table| {
            tables.iter().position(|t| *t == table).unwrap_or_else(|| {
                tables.push(table);
                tables.len() - 1
            })
        };
        let mut lookups: Vec<Block<(Lookup, usize)>> = Vec::new();
        for (b, (h, mode)) in arch.hidden.iter().zip(&modes).enumerate() {
            let bits = log2_ceil(arch.outputs(b)) + batch_bits;
            let (shift, clamp) = (h.shift, h.clamp);
            match mode {
                Mode::Accumulator => {
                    let table = shared(Table::Accumulator { bits: h.bits, shift, clamp });
                    lookups.push(Block::new((Lookup::Accumulator(b), table), bits));
                }
                Mode::Split => {
                    let remainder = shared(Table::Remainder { shift });
                    lookups.push(Block::new((Lookup::Remainder(b), remainder), bits));
                    let activation = shared(Table::Activation { bits: h.bits - shift, clamp });
                    lookups.push(Block::new((Lookup::Activation(b), activation), bits));
                }
            }
        }
        if private {
            let table = shared(Table::Input { range: arch.input });
            lookups.push(Block::new((Lookup::Input, table), log2_ceil(arch.inputs(0)) + batch_bits));
        }
        let entries: usize = tables.iter().map(Table::len).sum();
        if entries > MAX_TABLE_ENTRIES {
            return Err(InstanceError::Tables { entries, max: MAX_TABLE_ENTRIES });
        }
        let total: u64 = lookups.iter().map(|b| 1u64 << b.bits.min(40)).sum();
        if total > 1 << MAX_LOOKUP_BITS {
            return Err(InstanceError::TooLarge { lookups: total, max: 1 << MAX_LOOKUP_BITS });
        }
        let lookup_bits = place(&mut lookups);
        let layers = 0..arch.layers();
        let mut linear: Vec<Block<Linear>> =
            layers.clone().map(|b| Block::new(Linear::Layer(b), log2_ceil(arch.inputs(b)))).collect();
        linear.extend(tables.iter().enumerate().map(|(t, table)| Block::new(Linear::Table(t), log2_ceil(table.len()))));
        linear.extend(layers.map(|b| Block::new(Linear::Bias(b), 0)));
        let linear_bits = place(&mut linear);
        Ok(Self {
            batch,
            batch_bits,
            private,
            modes,
            tables,
            lookup_tables: lookups.iter().map(|b| b.kind.1).collect(),
            lookups: lookups.iter().map(|b| Block { kind: b.kind.0, bits: b.bits, offset: b.offset }).collect(),
            lookup_bits,
            linear,
            linear_bits,
        })
    }

    /// Lookup blocks with their table numbers.
    pub fn lookups(&self) -> impl Iterator<Item = (&Block<Lookup>, usize)> {
        self.lookups.iter().zip(self.lookup_tables.iter().copied())
    }

    /// The table whose zero pattern fills the tail: the first block's.
    #[must_use]
    pub fn padding_table(&self) -> usize {
        self.lookup_tables.first().copied().unwrap_or(0)
    }

    /// The committed witness vectors in sending order, with their widths and how many of each follow each other: private
    /// inputs, then per layer y and q', each by input, then the multiplicities of every table.
    fn witness_groups(&self, arch: &Architecture) -> Vec<(Vector, usize, usize)> {
        let mut out = Vec::new();
        if self.private {
            out.push((Vector::Input, arch.inputs(0), self.batch));
        }
        for (b, mode) in self.modes.iter().enumerate() {
            out.push((Vector::Activation(b), arch.outputs(b), self.batch));
            if *mode == Mode::Split {
                out.push((Vector::Quotient(b), arch.outputs(b), self.batch));
            }
        }
        out.extend(self.tables.iter().enumerate().map(|(t, table)| (Vector::Multiplicity(t), table.len(), 1)));
        out
    }

    /// All of them, one by one.
    #[must_use]
    pub fn witness_vectors(&self, arch: &Architecture) -> Vec<(Vector, usize)> {
        let groups = self.witness_groups(arch).into_iter();
        groups.flat_map(|(vector, width, count)| std::iter::repeat_n((vector, width), count)).collect()
    }

    /// Number of committed witness rows.
    #[must_use]
    pub fn witness_rows(&self, arch: &Architecture) -> usize {
        self.witness_groups(arch).iter().map(|(_, width, count)| count * arch.chunks(*width)).sum()
    }

    /// Products that the proof contains.
    #[must_use]
    pub const fn products(&self) -> usize {
        2 * self.lookup_bits + 1
    }

    /// Hidden scalars sent before the closing.
    #[must_use]
    pub const fn body_scalars(&self) -> usize {
        crate::lookup::fraction_tree::scalars(self.lookup_bits) + 1 + crate::linear::scalars(self.linear_bits)
    }

    /// Words of a proof without its opening: rows, scalars of stages 1 to 3, rounds of stage 4, sigma protocols.
    #[must_use]
    pub fn leaf_words(&self, arch: &Architecture) -> usize {
        let rounds = 2 * log2_ceil(arch.row_width);
        self.witness_rows(arch) + self.body_scalars() + rounds + sigma::words(self.products())
    }

    /// Bytes of the proof: 32 for every point and scalar.
    #[must_use]
    pub fn proof_bytes(&self, arch: &Architecture) -> usize {
        WORD * (self.leaf_words(arch) + sigma::opening_words(arch.row_width))
    }
}

/// A vector that functionals speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vector {
    /// `c_b·Σ_i eq(r_b, i)·W_b[i, ·]`.
    Weights(usize),
    /// The biases of a layer.
    Bias(usize),
    /// `Σ_β eq(r_B, β)·x[β]`, the private input.
    Input,
    /// `Σ_β eq(r_B, β)·y_b[β]`.
    Activation(usize),
    /// `Σ_β eq(r_B, β)·q'_b[β]`.
    Quotient(usize),
    /// The multiplicities of a table.
    Multiplicity(usize),
}

impl Vector {
    /// Its number among the vectors of a proof with `layers` layers.
    #[must_use]
    pub const fn index(self, layers: usize) -> usize {
        match self {
            Self::Weights(b) => b,
            Self::Bias(b) => layers + b,
            Self::Input => 2 * layers,
            Self::Activation(b) => 2 * layers + 1 + b,
            Self::Quotient(b) => 3 * layers + b,
            Self::Multiplicity(t) => 4 * layers - 1 + t,
        }
    }

    /// How many vectors a proof has.
    #[must_use]
    pub const fn count(layers: usize, tables: usize) -> usize {
        4 * layers - 1 + tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Clamp, HiddenLayer};

    fn arch() -> Architecture {
        let clamp = Clamp { min: 0, max: 15 };
        let hidden = |bits| HiddenLayer { shift: 3, clamp, bits };
        Architecture {
            row_width: 8,
            widths: vec![7, 5, 4, 3],
            input: clamp,
            hidden: vec![hidden(6), hidden(4)],
            logit_bits: 6,
        }
    }

    #[test]
    fn blocks_are_aligned_and_disjoint() {
        for batch in [1, 2, 3, 9] {
            for private in [false, true] {
                let plan = Plan::new(&arch(), batch, private).unwrap();
                let mut end = 0;
                for b in &plan.lookups {
                    assert_eq!(b.offset % (1 << b.bits), 0);
                    assert_eq!(b.offset, end);
                    end += 1 << b.bits;
                }
                assert!(end <= 1 << plan.lookup_bits);
                assert_eq!(plan.linear.len(), 3 + 3 + plan.tables.len());
            }
        }
    }

    #[test]
    fn the_mode_rule_compares_activations_with_the_table() {
        // Layer 1: 4 outputs, a table of 32 entries: split below 8 inputs.
        let modes = |batch| Plan::new(&arch(), batch, false).unwrap().modes;
        assert_eq!(modes(7)[1], Mode::Split);
        assert_eq!(modes(8)[1], Mode::Accumulator);
        assert_eq!(modes(8)[0], Mode::Split);
    }

    #[test]
    fn vector_numbers_are_distinct() {
        let layers = 3;
        let mut all: Vec<usize> =
            (0..layers).flat_map(|b| [Vector::Weights(b).index(layers), Vector::Bias(b).index(layers)]).collect();
        all.push(Vector::Input.index(layers));
        all.extend((0..layers - 1).flat_map(|b| [Vector::Activation(b).index(layers), Vector::Quotient(b).index(layers)]));
        all.extend((0..2).map(|t| Vector::Multiplicity(t).index(layers)));
        all.sort_unstable();
        assert_eq!(all, (0..Vector::count(layers, 2)).collect::<Vec<_>>());
    }

    #[test]
    fn empty_and_huge_batches_are_refused() {
        assert!(matches!(Plan::new(&arch(), 0, false), Err(InstanceError::Batch { .. })));
        assert!(matches!(Plan::new(&arch(), MAX_BATCH + 1, false), Err(InstanceError::Batch { .. })));
    }
}
