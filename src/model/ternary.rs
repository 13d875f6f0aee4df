//! Sparse ternary matrices.
//!
//! The non-zeros are kept by row (commitments, inference) and by column (the fold `Σ_i eq(r, i)·W[i, ·]`, where every column
//! has one owner and no output is written twice). Within a row or column all `+1` come before all `−1`, so neither loop tests
//! a sign.

use super::codec::{FileError, Input};
use std::ops::Range;

/// The positions of `+1` and `−1` in every row (or column) of a matrix.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SignedLists {
    indices: Vec<u32>,
    /// For every list: where its `−1` start, and where it ends.
    bounds: Vec<(u32, u32)>,
}

impl std::fmt::Debug for SignedLists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignedLists(secret)")
    }
}

impl SignedLists {
    /// Positions of `+1` and of `−1` of list `i`.
    ///
    /// # Panics
    /// When there is no such list.
    #[must_use]
    #[inline]
    pub fn get(&self, i: usize) -> (&[u32], &[u32]) {
        let start = if i == 0 { 0 } else { self.bounds[i - 1].1 as usize };
        let (split, end) = self.bounds[i];
        (&self.indices[start..split as usize], &self.indices[split as usize..end as usize])
    }

    /// Number of lists.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bounds.len()
    }

    /// Whether there are no lists.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    /// All positions, and for every list where its −1 start and where it ends.
    #[must_use]
    pub fn raw(&self) -> (&[u32], &[(u32, u32)]) {
        (&self.indices, &self.bounds)
    }

    fn push(&mut self, plus: &[u32], minus: &[u32]) {
        self.indices.extend_from_slice(plus);
        let split = self.indices.len() as u32;
        self.indices.extend_from_slice(minus);
        self.bounds.push((split, self.indices.len() as u32));
    }

    /// The lists of the transposed matrix, `count` of them.
    fn transpose(&self, count: usize) -> Self {
        let mut totals = vec![(0u32, 0u32); count];
        for i in 0..self.len() {
            let (plus, minus) = self.get(i);
            plus.iter().for_each(|&j| totals[j as usize].0 += 1);
            minus.iter().for_each(|&j| totals[j as usize].1 += 1);
        }
        let mut cursors = Vec::with_capacity(count);
        let mut bounds = Vec::with_capacity(count);
        let mut at = 0;
        for (plus, minus) in totals {
            cursors.push((at, at + plus));
            at += plus + minus;
            bounds.push((at - minus, at));
        }
        let mut indices = vec![0; self.indices.len()];
        for i in 0..self.len() {
            let (plus, minus) = self.get(i);
            for &j in plus {
                let c = &mut cursors[j as usize].0;
                indices[*c as usize] = i as u32;
                *c += 1;
            }
            for &j in minus {
                let c = &mut cursors[j as usize].1;
                indices[*c as usize] = i as u32;
                *c += 1;
            }
        }
        Self { indices, bounds }
    }
}

/// A matrix with entries in {−1, 0, 1}: `rows` outputs by `columns` inputs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TernaryMatrix {
    by_row: SignedLists,
    by_column: SignedLists,
}

impl std::fmt::Debug for TernaryMatrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TernaryMatrix({} x {})", self.rows(), self.columns())
    }
}

impl TernaryMatrix {
    /// From the signs of every row, given one after the other: `rows` iterators over `columns` values.
    ///
    /// # Errors
    /// The position and value of the first entry that is not −1, 0 or 1.
    pub fn from_rows<R: IntoIterator<Item = i8>>(
        columns: usize,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Self, NotTernary> {
        let mut by_row = SignedLists::default();
        let (mut plus, mut minus) = (Vec::new(), Vec::new());
        for (i, row) in rows.into_iter().enumerate() {
            plus.clear();
            minus.clear();
            for (j, v) in row.into_iter().take(columns).enumerate() {
                match v {
                    0 => {}
                    1 => plus.push(j as u32),
                    -1 => minus.push(j as u32),
                    value => return Err(NotTernary { row: i, column: j, value }),
                }
            }
            by_row.push(&plus, &minus);
        }
        let by_column = by_row.transpose(columns);
        Ok(Self { by_row, by_column })
    }

    /// From sorted positions of `+1` and `−1` of every row. Positions must be below `columns`, and each at most once in a row.
    pub(crate) fn from_positions(columns: usize, rows: impl IntoIterator<Item = (Vec<u32>, Vec<u32>)>) -> Self {
        let mut by_row = SignedLists::default();
        rows.into_iter().for_each(|(plus, minus)| by_row.push(&plus, &minus));
        let by_column = by_row.transpose(columns);
        Self { by_row, by_column }
    }

    /// The entries in the given rows and columns, as a matrix of their own.
    #[must_use]
    pub fn part(&self, rows: Range<usize>, columns: Range<usize>) -> Self {
        let inside = |list: &[u32]| -> Vec<u32> {
            let positions = list.iter().map(|&j| j as usize).filter(|j| columns.contains(j));
            positions.map(|j| (j - columns.start) as u32).collect()
        };
        let lists = rows.map(|i| self.by_row.get(i)).map(|(plus, minus)| (inside(plus), inside(minus)));
        Self::from_positions(columns.len(), lists)
    }

    /// Number of outputs.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.by_row.len()
    }

    /// Number of inputs.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.by_column.len()
    }

    /// Non-zeros by row.
    #[must_use]
    pub const fn by_row(&self) -> &SignedLists {
        &self.by_row
    }

    /// Non-zeros by column.
    #[must_use]
    pub const fn by_column(&self) -> &SignedLists {
        &self.by_column
    }

    /// Number of non-zero entries.
    #[must_use]
    pub const fn non_zeros(&self) -> usize {
        self.by_row.indices.len()
    }

    /// Fraction of entries that are not zero.
    #[must_use]
    pub fn density(&self) -> f64 {
        self.non_zeros() as f64 / (self.rows() * self.columns()).max(1) as f64
    }

    /// Row `i` as dense values.
    #[must_use]
    pub fn dense_row(&self, i: usize) -> Vec<i8> {
        let mut out = vec![0; self.columns()];
        let (plus, minus) = self.by_row.get(i);
        plus.iter().for_each(|&j| out[j as usize] = 1);
        minus.iter().for_each(|&j| out[j as usize] = -1);
        out
    }

    /// Two bits an entry (0: zero, 1: plus one, 2: minus one), four to a byte from the low bits up, every row padded to a byte.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        let stride = self.columns().div_ceil(4);
        let mut out = vec![0; stride * self.rows()];
        for (i, packed) in out.chunks_exact_mut(stride.max(1)).enumerate() {
            let (plus, minus) = self.by_row.get(i);
            for (list, code) in [(plus, 1), (minus, 2)] {
                list.iter().for_each(|&j| packed[j as usize / 4] |= code << (2 * (j % 4)));
            }
        }
        out
    }

    /// Reads what [`TernaryMatrix::pack`] wrote.
    pub(crate) fn unpack(input: &mut Input<'_>, rows: usize, columns: usize, what: &str) -> Result<Self, FileError> {
        let stride = columns.div_ceil(4);
        let mut by_row = SignedLists::default();
        let (mut plus, mut minus) = (Vec::new(), Vec::new());
        for i in 0..rows {
            plus.clear();
            minus.clear();
            for (b, byte) in input.bytes(stride)?.iter().enumerate().filter(|(_, byte)| **byte != 0) {
                for k in 0..4 {
                    let j = 4 * b + k;
                    match byte >> (2 * k) & 3 {
                        0 => {}
                        1 if j < columns => plus.push(j as u32),
                        2 if j < columns => minus.push(j as u32),
                        _ => return Err(input.bad(format!("{what}: row {i} has an entry that is not -1, 0 or 1"))),
                    }
                }
            }
            by_row.push(&plus, &minus);
        }
        let by_column = by_row.transpose(columns);
        Ok(Self { by_row, by_column })
    }
}

/// An entry that is not −1, 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry ({row}, {column}) is {value}; ternary weights are -1, 0 or 1")]
pub struct NotTernary {
    /// Output index.
    pub row: usize,
    /// Input index.
    pub column: usize,
    /// What was found.
    pub value: i8,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lists_and_packing_keep_every_entry(rows in 1usize..9, columns in 1usize..19, seed in prop::collection::vec(-1i8..=1, 9 * 19)) {
            let row = |i: usize| seed[i * columns..(i + 1) * columns].to_vec();
            let m = TernaryMatrix::from_rows(columns, (0..rows).map(row)).unwrap();
            prop_assert_eq!((m.rows(), m.columns()), (rows, columns));
            prop_assert_eq!(m.non_zeros(), (0..rows).flat_map(row).filter(|v| *v != 0).count());
            for i in 0..rows {
                prop_assert_eq!(m.dense_row(i), row(i));
            }
            for j in 0..columns {
                let (plus, minus) = m.by_column().get(j);
                let of = |sign: i8| (0..rows).filter(|&i| row(i)[j] == sign).map(|i| i as u32).collect::<Vec<_>>();
                prop_assert_eq!((plus.to_vec(), minus.to_vec()), (of(1), of(-1)));
            }
            let part = m.part(rows / 3..rows, columns / 4..columns - columns / 5);
            prop_assert_eq!((part.rows(), part.columns()), (rows - rows / 3, columns - columns / 5 - columns / 4));
            for i in 0..part.rows() {
                prop_assert_eq!(part.dense_row(i), &row(rows / 3 + i)[columns / 4..columns - columns / 5]);
            }
            let packed = m.pack();
            let mut input = Input::new(&packed, "test");
            prop_assert_eq!(TernaryMatrix::unpack(&mut input, rows, columns, "w").unwrap(), m);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let error = TernaryMatrix::from_rows(2, [[0i8, 1], [-1, 2]]).unwrap_err();
        assert_eq!(error, NotTernary { row: 1, column: 1, value: 2 });
        let packed = [0b11];
        assert!(TernaryMatrix::unpack(&mut Input::new(&packed, "t"), 1, 4, "w").is_err());
        let beyond = [0b0100];
        assert!(TernaryMatrix::unpack(&mut Input::new(&beyond, "t"), 1, 1, "w").is_err());
    }
}
