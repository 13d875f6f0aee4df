//! The passes over tables that rounds are made of: one for each round, or one for two where the backend looks ahead.

use crate::algebra::Fr;
use crate::compute::{Ahead, Compute, Result, RoundValues, Summand, Weights};

/// What the rounds over one list of tables have still to bind, and the round that they know already.
#[derive(Debug, Default)]
pub struct Rounds {
    /// Challenges whose variables the tables still have, oldest first: at most two.
    pending: Vec<Fr>,
    /// Made in the last round, with this round in it.
    ahead: Option<Ahead>,
}

impl Rounds {
    /// Takes the challenge of the round before.
    pub fn challenge(&mut self, r: Fr) {
        self.pending.push(r);
    }

    /// The values of this round, weighted by `weights`; with it, `left` rounds are left.
    ///
    /// # Errors
    /// When the device fails.
    pub fn next<C: Compute>(
        &mut self,
        compute: &C,
        f: Summand,
        tables: &mut [C::Table],
        weights: Weights<'_>,
        left: usize,
    ) -> Result<RoundValues> {
        if let (Some(ahead), Some(r)) = (self.ahead.take(), self.pending.last()) {
            return Ok(ahead.second(*r));
        }
        if left >= 2
            && let Some(ahead) = compute.rounds_ahead(f, tables, weights.next(), &self.pending)?
        {
            self.pending.clear();
            return Ok(self.ahead.insert(ahead).first(weights));
        }
        let last = self.pending.pop();
        self.bind(compute, tables)?;
        compute.round(f, tables, weights, last)
    }

    /// Binds what is still to be bound.
    ///
    /// # Errors
    /// When the device fails.
    pub fn finish<C: Compute>(mut self, compute: &C, tables: &mut [C::Table]) -> Result<()> {
        self.bind(compute, tables)
    }

    fn bind<C: Compute>(&mut self, compute: &C, tables: &mut [C::Table]) -> Result<()> {
        self.pending.drain(..).try_for_each(|r| compute.bind(tables, r))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::eq::SplitEq;
    use crate::compute::cpu::Cpu;
    use crate::compute::reference::Reference;
    use ark_ff::{AdditiveGroup, Field};

    fn values(n: u64, seed: u64) -> Vec<Fr> {
        (0..n).map(|i| Fr::from(i * 7919 + seed).pow([5u64])).collect()
    }

    /// The reference looks ahead and the CPU does not: the same rounds, and the same tables at the end.
    #[test]
    fn rounds_ahead_are_the_rounds_one_by_one() {
        for k in 1..=7usize {
            let point = values(k as u64, 3);
            let split = SplitEq::new(&point);
            for (f, count) in [(Summand::Product, 2), (Summand::Fraction, 4), (Summand::Cubic, 1)] {
                // The last variable may be one that no round binds, and the tables no power of two.
                for (weighted, entries) in [(true, 1), (false, 1), (false, 3)] {
                    let mut one: Vec<Vec<Fr>> = (0..count).map(|i| values(entries << k, 11 + i)).collect();
                    let mut two = one.clone();
                    let (mut by_one, mut by_two) = (Rounds::default(), Rounds::default());
                    for (i, r) in values(k as u64, 5).into_iter().enumerate() {
                        let weights = if weighted { Weights::Eq(&split, i + 1) } else { Weights::Plain };
                        let mut expected = by_one.next(&Cpu, f, &mut one, weights, k - i).unwrap();
                        let mut found = by_two.next(&Reference, f, &mut two, weights, k - i).unwrap();
                        if !weighted && f == Summand::Product {
                            // Not sent, and not computed by every backend.
                            (expected[1], found[1]) = (Fr::ZERO, Fr::ZERO);
                        }
                        if f == Summand::Cubic {
                            (expected[0], found[0]) = (Fr::ZERO, Fr::ZERO);
                        }
                        assert_eq!(found, expected, "{f:?}, {k} rounds, round {i}, weighted {weighted}");
                        by_one.challenge(r);
                        by_two.challenge(r);
                    }
                    by_one.finish(&Cpu, &mut one).unwrap();
                    by_two.finish(&Reference, &mut two).unwrap();
                    assert_eq!(one, two, "{f:?}, {k} rounds, weighted {weighted}");
                }
            }
        }
    }
}
