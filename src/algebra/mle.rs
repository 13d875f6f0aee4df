//! Multilinear extensions: `ṽ(r) = Σ_x eq(r, x)·v[x]`.
//!
//! Coordinate 0 of a point is the TOP bit of the index, and variables are bound from the top down:
//! `new[i] = old[i] + r·(old[i + h] − old[i])`, `h = len / 2`. Both halves are contiguous, which suits caches and GPUs.

use super::Fr;
use ark_ff::Zero;

/// Number of bits needed to index `n` entries: `⌈log2 n⌉`, 0 for `n ≤ 1`.
#[must_use]
pub const fn log2_ceil(n: usize) -> usize {
    n.next_power_of_two().trailing_zeros() as usize
}

/// Binds the top variable to `r`, halving the table in place.
pub fn bind_top(table: &mut Vec<Fr>, r: Fr) {
    let half = table.len() / 2;
    let (low, high) = table.split_at_mut(half);
    for (a, b) in low.iter_mut().zip(high.iter()) {
        *a += r * (*b - *a);
    }
    table.truncate(half);
}

/// `Σ_i a_i·b_i` over the shorter of the two.
#[must_use]
pub fn inner_product(a: &[Fr], b: &[Fr]) -> Fr {
    a.iter().zip(b).fold(Fr::zero(), |acc, (x, y)| acc + *x * y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::eq;

    #[test]
    fn binding_all_variables_evaluates_the_extension() {
        let values: Vec<Fr> = (3..19u64).map(|v| Fr::from(v * v)).collect();
        let point: Vec<Fr> = (5..9u64).map(|v| Fr::from(v * 1_000_003)).collect();
        let mut table = values.clone();
        for r in &point {
            bind_top(&mut table, *r);
        }
        assert_eq!(table, [inner_product(&eq::table(&point), &values)]);
    }

    #[test]
    fn logarithms() {
        assert_eq!([0, 1, 2, 3, 4, 5, 1024, 1025].map(log2_ceil), [0, 0, 1, 2, 2, 3, 10, 11]);
    }
}
