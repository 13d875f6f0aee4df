//! The prover's tables of the fraction tree, within an allowance of memory.
//!
//! Layer `k` has `2^{K−k}` fractions: with `N = 2^K` leaves, layer 0 takes `32·N` bytes (denominators alone) and layer `k ≥ 1`
//! `64·N/2^k`. They are wanted from the root down, and made from the leaves up. A [`Holding`] of depth `d` says what is done:
//!
//! | depth | held from the start | made again when their turn comes | peak of all tables |
//! | --- | --- | --- | --- |
//! | 0 | everything | nothing | `96·N` bytes |
//! | `d ≥ 1` | layers `d..K` | layers `d−1 .. 0`, one at a time | `128·N/2^d` bytes |
//!
//! A layer below `d − 1` is never whole: its first `d − 1 − k` rounds are summed over pieces, and only what is left after binding
//! their challenges is held. These are tables of `N/2^d` entries, whatever the layer, so that one takes the place of another. A
//! piece is made from the leaves, which are themselves `values[indices[i]]`: nothing but four bytes a leaf has to be kept. All
//! depths give the same field elements, so the proof is the same byte for byte.
//!
//! Bits of a leaf's index, from the top, in round `i` of layer `k`: `k` that layers `1..=k` have summed, one that tells the
//! halves apart, `i − 1` bound, one of the round, then `t` that number the pieces, and the rest, a run of neighbours. A piece
//! gathers the runs of all top bits, so that the backend's verbs see a small tree of the same form. A round summed over pieces
//! costs about as much as building the tree once: depth 3 takes a fifth more time for the lookups, depth 5 some five times it.

use crate::algebra::{Fr, eq, eq::SplitEq};
use crate::compute::{Compute, Fractions, RoundValues, Summand, Weights};
use crate::protocol::ProveError;
use crate::sumcheck::Rounds;
use ark_ff::Zero;

/// What is held of a fraction tree: see the module's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    depth: usize,
    /// A piece is made from at most so many leaves, as a power of two.
    piece_bits: usize,
}

impl Holding {
    /// Everything is held: the fastest.
    pub const ALL: Self = Self::new(0);
    /// The largest depth: what else a proof holds is then larger than its tree.
    pub const MAX_DEPTH: usize = 5;

    /// A holding of a depth from 0 to [`Self::MAX_DEPTH`].
    #[must_use]
    pub const fn new(depth: usize) -> Self {
        Self { depth: if depth < Self::MAX_DEPTH { depth } else { Self::MAX_DEPTH }, piece_bits: 16 }
    }

    /// All of them, the fastest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=Self::MAX_DEPTH).map(Self::new)
    }

    /// The depth.
    #[must_use]
    pub const fn depth(self) -> usize {
        self.depth
    }

    /// Bytes of all tables of a tree of `2^bits` leaves at their peak, with the piece in hand.
    #[must_use]
    pub const fn bytes(self, bits: usize) -> u64 {
        let leaves = 1u64 << bits;
        if self.depth == 0 {
            return 96 * leaves;
        }
        // A piece has its indices, its leaves, a layer above them and one below, 4 and three times 32 bytes a leaf.
        ((128 * leaves) >> self.depth) + (100 << self.piece(bits))
    }

    /// Bits of a piece of a tree of `2^bits` leaves: large enough for all cores, small beside what is held.
    const fn piece(self, bits: usize) -> usize {
        let small = bits.saturating_sub(self.depth + 3);
        if small < self.piece_bits { small } else { self.piece_bits }
    }

    /// Rounds of a layer that are summed over pieces.
    fn streamed(self, layer: usize) -> usize {
        self.depth.saturating_sub(1 + layer)
    }
}

/// The layers of one tree on a backend.
pub struct Layers<'a, C: Compute> {
    compute: &'a C,
    values: &'a [Fr],
    indices: &'a [u32],
    holding: Holding,
    /// Held layers, lowest first: the last is the next to be proved.
    held: Vec<Fractions<C::Table>>,
}

impl<'a, C: Compute> Layers<'a, C> {
    /// The tree over the leaves `values[indices[i]]`, whose number is a power of two.
    ///
    /// # Errors
    /// When the device fails.
    pub fn new(compute: &'a C, values: &'a [Fr], indices: &'a [u32], holding: Holding) -> Result<Self, ProveError> {
        let mut layers = Self { compute, values, indices, holding, held: Vec::new() };
        let (bits, lowest) = (layers.bits(), layers.lowest());
        layers.held.push(layers.layer(lowest)?);
        layers.held.extend(compute.fraction_layers(&layers.held[0], bits - lowest)?);
        Ok(layers)
    }

    /// `K`.
    pub const fn bits(&self) -> usize {
        self.indices.len().trailing_zeros() as usize
    }

    /// The lowest layer that is held from the start.
    fn lowest(&self) -> usize {
        self.holding.depth.min(self.bits())
    }

    /// Takes the root: numerator and denominator.
    ///
    /// # Errors
    /// When the device fails.
    pub fn root(&mut self) -> Result<[Fr; 2], ProveError> {
        let root = self.held.pop().ok_or(ProveError::Internal("a tree without leaves"))?;
        let numerator = root.numerators.ok_or(ProveError::Internal("a tree of one leaf"))?;
        Ok([value(self.compute, &numerator)?, value(self.compute, &root.denominators)?])
    }

    /// The halves of layer `k`, from the root's on down: numerators times `lambda` and denominators, or at the leaves
    /// denominators plus `lambda`.
    pub fn halves(&mut self, k: usize, lambda: Fr) -> Halves<'_, 'a, C> {
        let held = if k >= self.lowest() { self.held.pop() } else { None };
        Halves { layers: self, k, lambda, source: held, tables: None, passes: Rounds::default() }
    }

    /// Layer `k`, whole.
    fn layer(&self, k: usize) -> Result<Fractions<C::Table>, ProveError> {
        if k == 0 {
            return Ok(Fractions { numerators: None, denominators: self.compute.gather(self.values, self.indices)? });
        }
        let low = self.bits() - k;
        let t = self.piece_bits(low);
        if t == 0 {
            return self.piece(k, k, 0, 0);
        }
        let mut whole = [self.compute.assemble(1 << low, &[])?, self.compute.assemble(1 << low, &[])?];
        for piece in 0..1usize << t {
            let part = self.piece(k, k, t, piece)?;
            let numerators = part.numerators.ok_or(ProveError::Internal("a layer without numerators"))?;
            let at = piece << (low - t);
            self.compute.place(&mut whole[0], at, &numerators)?;
            self.compute.place(&mut whole[1], at, &part.denominators)?;
        }
        let [numerators, denominators] = whole;
        Ok(Fractions { numerators: Some(numerators), denominators })
    }

    /// `t`: how many bits number the pieces when `low` bits of the leaves' index are to be cut.
    fn piece_bits(&self, low: usize) -> usize {
        (self.bits() - self.holding.piece(self.bits())).min(low)
    }

    /// Piece number `piece` of `2^t` of layer `k`, cut behind its `top − k` top bits.
    fn piece(&self, k: usize, top: usize, t: usize, piece: usize) -> Result<Fractions<C::Table>, ProveError> {
        let low = self.bits() - top - t;
        let run = |high: usize| &self.indices[(high << t | piece) << low..][..1 << low];
        let indices: Vec<u32> = (0..1usize << top).flat_map(run).copied().collect();
        let mut fractions = Fractions { numerators: None, denominators: self.compute.gather(self.values, &indices)? };
        for _ in 0..k {
            fractions = self.compute.fraction_layer(fractions.as_ref())?;
        }
        Ok(fractions)
    }
}

/// The one entry of a table.
fn value<C: Compute>(compute: &C, table: &C::Table) -> Result<Fr, ProveError> {
    compute.download(table)?.first().copied().ok_or(ProveError::Internal("an empty table"))
}

/// Both halves of a layer in its sumcheck.
pub struct Halves<'l, 'a, C: Compute> {
    layers: &'l Layers<'a, C>,
    k: usize,
    lambda: Fr,
    /// The layer, where it is held and not yet split.
    source: Option<Fractions<C::Table>>,
    /// What the rounds bind: `p0, p1, q0, q1`, or `q0, q1`.
    tables: Option<Vec<C::Table>>,
    passes: Rounds,
}

impl<C: Compute> Halves<'_, '_, C> {
    /// The round that follows `challenges`, weighted by the rest of `eq`, the split table of the point `w`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn round(
        &mut self,
        summand: Summand,
        (eq, w): (&SplitEq, &[Fr]),
        challenges: &[Fr],
    ) -> Result<RoundValues, ProveError> {
        let round = challenges.len() + 1;
        let tables = match (&mut self.tables, challenges.last()) {
            (Some(tables), last) => {
                last.iter().for_each(|r| self.passes.challenge(**r));
                tables
            }
            (None, _) if self.source.is_none() && challenges.len() < self.layers.holding.streamed(self.k) => {
                return self.streamed(summand, (eq, w), challenges);
            }
            (None, _) => {
                let bound = self.bound(challenges)?;
                self.tables.insert(bound)
            }
        };
        let left = w.len() - challenges.len();
        Ok(self.passes.next(self.layers.compute, summand, tables, Weights::Eq(eq, round), left)?)
    }

    /// The values at the point of all challenges.
    ///
    /// # Errors
    /// When the device fails.
    pub fn finish(mut self, challenges: &[Fr]) -> Result<Vec<Fr>, ProveError> {
        let compute = self.layers.compute;
        let tables = match self.tables.take() {
            Some(mut tables) => {
                challenges.last().iter().for_each(|r| self.passes.challenge(**r));
                self.passes.finish(compute, &mut tables)?;
                tables
            }
            None => self.bound(challenges)?,
        };
        tables.iter().map(|t| value(compute, t)).collect()
    }

    /// A round summed over pieces.
    fn streamed(&self, summand: Summand, (eq, w): (&SplitEq, &[Fr]), challenges: &[Fr]) -> Result<RoundValues, ProveError> {
        let (layers, round) = (self.layers, challenges.len() + 1);
        let top = self.k + 1 + round;
        let t = layers.piece_bits(layers.bits() - top);
        let weights = eq::table(&w[round..round + t]);
        let mut total = [Fr::zero(); 4];
        for (piece, weight) in weights.iter().enumerate() {
            let mut tables = self.split(layers.piece(self.k, top, t, piece)?)?;
            for r in challenges {
                layers.compute.bind(&mut tables, *r)?;
            }
            let values = layers.compute.round(summand, &mut tables, Weights::Eq(eq, round + t), None)?;
            total.iter_mut().zip(values).for_each(|(sum, v)| *sum += *weight * v);
        }
        Ok(total)
    }

    /// The halves with some challenges bound: split where the layer is held, else put together from pieces.
    fn bound(&mut self, challenges: &[Fr]) -> Result<Vec<C::Table>, ProveError> {
        if let Some(source) = self.source.take() {
            return self.split(source);
        }
        let layers = self.layers;
        let top = self.k + 1 + challenges.len();
        let low = layers.bits() - top;
        let t = layers.piece_bits(low);
        let mut whole: Vec<C::Table> = Vec::new();
        for piece in 0..1usize << t {
            let mut tables = self.split(layers.piece(self.k, top, t, piece)?)?;
            for r in challenges {
                layers.compute.bind(&mut tables, *r)?;
            }
            if t == 0 {
                return Ok(tables);
            }
            if whole.is_empty() {
                whole = tables.iter().map(|_| layers.compute.assemble(1 << low, &[])).collect::<Result<_, _>>()?;
            }
            for (whole, part) in whole.iter_mut().zip(&tables) {
                layers.compute.place(whole, piece << (low - t), part)?;
            }
        }
        Ok(whole)
    }

    fn split(&self, layer: Fractions<C::Table>) -> Result<Vec<C::Table>, ProveError> {
        let compute = self.layers.compute;
        Ok(match layer.numerators {
            Some(numerators) => {
                let [p0, p1] = compute.halves(numerators, Some(self.lambda), None)?;
                let [q0, q1] = compute.halves(layer.denominators, None, None)?;
                vec![p0, p1, q0, q1]
            }
            None => compute.halves(layer.denominators, None, Some(self.lambda))?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::cpu::Cpu;
    use crate::compute::reference::Reference;
    use crate::lookup::fraction_tree;
    use crate::transcript::{Blinds, DIGEST, Transcript, Writer};
    use ark_ff::Field;

    /// Words and end digest of a proof of the tree over `2^bits` leaves.
    fn proof<C: Compute>(compute: &C, bits: usize, holding: Holding) -> (Vec<u8>, [u8; DIGEST]) {
        let values: Vec<Fr> = (0..11u64).map(|i| Fr::from(1000 + 77 * i).pow([3u64])).collect();
        let indices: Vec<u32> = (0..1u32 << bits).map(|i| i.wrapping_mul(2_654_435_761) >> 7).map(|i| i % 11).collect();
        let sum = indices.iter().map(|i| values[*i as usize].inverse().unwrap()).sum();
        let transcript = Transcript::new("zktern/test");
        let mut blinds = Blinds::new([5; 32]);
        let mut writer = Writer::new(transcript, fraction_tree::scalars(bits), &mut blinds, compute).unwrap();
        let mut products = Vec::new();
        let layers = Layers::new(compute, &values, &indices, holding).unwrap();
        let _ = fraction_tree::prove(&mut writer, &mut products, layers, sum).unwrap();
        for product in &products {
            assert_eq!(product.x.value * product.y.value, product.z.value, "{bits} bits, {holding:?}");
        }
        let (digest, _, bytes) = writer.finish().unwrap();
        (bytes, digest)
    }

    #[test]
    fn every_holding_makes_the_same_proof() {
        for bits in 1..=9 {
            let expected = proof(&Reference, bits, Holding::ALL);
            for depth in 0..=Holding::MAX_DEPTH {
                for piece_bits in [0, 2, 5, 16] {
                    let holding = Holding { depth, piece_bits };
                    assert_eq!(proof(&Cpu, bits, holding), expected, "{bits} bits, {holding:?}");
                }
            }
            let holding = Holding { depth: 4, piece_bits: 3 };
            assert_eq!(proof(&Reference, bits, holding), expected, "{bits} bits, the reference");
        }
    }

    #[test]
    fn deeper_holdings_take_less() {
        for bits in [6, 18, 23, 30] {
            let bytes: Vec<u64> = Holding::all().map(|h| h.bytes(bits)).collect();
            assert!(bytes.windows(2).all(|b| b[1] < b[0]), "{bits} bits: {bytes:?}");
        }
    }
}
