//! Ternary rows that make up for their own rounding.
//!
//! Rounding every weight by itself ignores that inputs are correlated: what one entry gets wrong, others can make up for. OPTQ
//! (arXiv 2210.17323) and optimal brain compression (arXiv 2208.11580) round one column after the other and correct the ones to
//! come; a ternary row has no finer values to correct with, but it has the choice of its support. Here a row is built entry by
//! entry instead, as orthogonal matching pursuit does, with coefficients `±α` and one `α` a row:
//!
//! ```text
//! min over α of ‖α·X·t − z‖² = ‖z‖² − (c·t)² / (tᵀG·t)          G = XᵀX, c = zᵀX, centred
//! ```
//!
//! Each step sets the entry that explains most; then single entries are exchanged as long as that explains more. Adding an entry
//! costs `O(columns)` because `G·t` is kept up to date. `α` needs no multiplier in the integer network: the next layer's sums
//! are regressed on this layer's integers, whatever their units are.
//!
//! The rows of the last layer share one `α`, since logits are compared; there every entry is set to the best of −1, 0 and 1 in
//! turn, for several `α`.

use super::caps::Caps;
use super::moments::Moments;

/// Relative gain below which an entry is not worth having.
const LEAST_GAIN: f64 = 1e-6;

/// Most exchanges of a row.
const EXCHANGES: usize = 40;

/// A ternary row, and how well `scale·signs` does.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// −1, 0 or 1 for every input.
    pub signs: Vec<i8>,
    /// `α`, at least 0.
    pub scale: f64,
    /// `‖α·X·t − z‖²`.
    pub error: f64,
}

/// A row under construction.
struct Pursuit<'a> {
    gram: &'a [f64],
    cross: &'a [f64],
    signs: Vec<i8>,
    /// `G·t`.
    image: Vec<f64>,
    /// `c·t`.
    inner: f64,
    /// `tᵀG·t`.
    square: f64,
    plus: usize,
    minus: usize,
}

impl<'a> Pursuit<'a> {
    fn new(moments: &'a Moments, row: usize) -> Self {
        let n = moments.columns;
        let cross = moments.cross_row(row);
        let (signs, image) = (vec![0; n], vec![0.0; n]);
        Self { gram: &moments.gram, cross, signs, image, inner: 0.0, square: 0.0, plus: 0, minus: 0 }
    }

    fn diagonal(&self, j: usize) -> f64 {
        self.gram[j * (self.signs.len() + 1)]
    }

    /// Changes entry `j` to `sign`.
    fn set(&mut self, j: usize, sign: i8) {
        let delta = f64::from(sign - self.signs[j]);
        self.square += delta * (2.0 * self.image[j] + delta * self.diagonal(j));
        self.inner += delta * self.cross[j];
        let column = &self.gram[j * self.signs.len()..(j + 1) * self.signs.len()];
        self.image.iter_mut().zip(column).for_each(|(v, g)| *v += delta * g);
        for (value, step) in [(self.signs[j], -1isize), (sign, 1)] {
            match value {
                1 => self.plus = self.plus.saturating_add_signed(step),
                -1 => self.minus = self.minus.saturating_add_signed(step),
                _ => {}
            }
        }
        self.signs[j] = sign;
    }

    /// What the row explains of `‖z‖²` with its best scale; a scale below 0 explains nothing.
    fn explained(&self) -> f64 {
        if self.inner > 0.0 && self.square > 0.0 { self.inner * self.inner / self.square } else { 0.0 }
    }

    /// What it would explain after a change of entry `j` by `delta`.
    fn after(&self, j: usize, delta: f64) -> f64 {
        let inner = self.inner + delta * self.cross[j];
        let square = self.square + delta * (2.0 * self.image[j] + delta * self.diagonal(j));
        if inner > 0.0 && square > 1e-9 * self.diagonal(j) { inner * inner / square } else { 0.0 }
    }

    /// The zero entry and sign that explain most, within the caps.
    fn best(&self, caps: &Caps) -> Option<(f64, usize, i8)> {
        let signs: Vec<i8> = [1i8, -1].into_iter().filter(|s| caps.allow(*s > 0, self.plus, self.minus)).collect();
        let mut best: Option<(f64, usize, i8)> = None;
        for j in (0..self.signs.len()).filter(|&j| self.signs[j] == 0 && self.diagonal(j) > 0.0) {
            for sign in &signs {
                let value = self.after(j, f64::from(*sign));
                if best.is_none_or(|b| value > b.0) {
                    best = Some((value, j, *sign));
                }
            }
        }
        best
    }

    /// Adds entries while they explain more; returns what each added, in units of `‖z‖²`.
    fn fill(&mut self, caps: &Caps) -> Vec<f64> {
        let mut gains = Vec::new();
        while let Some((value, j, sign)) = self.best(caps) {
            let now = self.explained();
            if value <= now * (1.0 + LEAST_GAIN) {
                break;
            }
            self.set(j, sign);
            gains.push(value - now);
        }
        gains
    }

    /// Takes out the entry that is missed least and puts in the best, while that explains more.
    fn exchange(&mut self, caps: &Caps) {
        for _ in 0..EXCHANGES {
            let before = self.explained();
            let kept = (0..self.signs.len()).filter(|&j| self.signs[j] != 0);
            let without = kept.map(|j| (self.after(j, -f64::from(self.signs[j])), j));
            let Some((_, out)) = without.max_by(|a, b| a.0.total_cmp(&b.0)) else { return };
            let old = self.signs[out];
            self.set(out, 0);
            match self.best(caps) {
                Some((value, j, sign)) if value > before * (1.0 + LEAST_GAIN) => self.set(j, sign),
                _ => {
                    self.set(out, old);
                    return;
                }
            }
        }
    }

    fn finish(self, energy: f64) -> Row {
        let explained = self.explained();
        let scale = if explained > 0.0 { self.inner / self.square } else { 0.0 };
        Row { signs: self.signs, scale, error: (energy - explained).max(0.0) }
    }
}

/// The error of given signs with their best scale.
#[must_use]
pub fn with_signs(moments: &Moments, row: usize, signs: &[i8]) -> Row {
    let mut pursuit = Pursuit::new(moments, row);
    signs.iter().enumerate().filter(|(_, s)| **s != 0).for_each(|(j, s)| pursuit.set(j, *s));
    pursuit.finish(moments.energy[row])
}

/// The best row found from nothing and from `start`, a rounding of the weights: never worse than that one where it keeps to the
/// caps.
#[must_use]
pub fn row(moments: &Moments, row: usize, start: &[i8], caps: &Caps) -> Row {
    let from = |signs: &[i8]| {
        let mut pursuit = Pursuit::new(moments, row);
        for (j, s) in signs.iter().enumerate().filter(|(_, s)| **s != 0) {
            if caps.allow(*s > 0, pursuit.plus, pursuit.minus) {
                pursuit.set(j, *s);
            }
        }
        pursuit.fill(caps);
        pursuit.exchange(caps);
        pursuit.finish(moments.energy[row])
    };
    let (new, old) = (from(&[]), from(start));
    if old.error < new.error { old } else { new }
}

/// What every entry of a row adds when it is built from nothing within the caps, in units of `‖z‖²`.
#[must_use]
pub fn gains(moments: &Moments, row: usize, caps: &Caps) -> Vec<f64> {
    Pursuit::new(moments, row).fill(caps)
}

/// Candidates for the scale that the rows of the last layer share, in units of the scale that the sparse rows have.
const SHARES: [f64; 10] = [0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0];

/// Rows with one scale for all of them, each within the caps: those with the least error over several scales.
#[must_use]
pub fn rows_of_one_scale<C: crate::compute::Compute>(
    compute: &C,
    moments: &Moments,
    starts: &[Vec<i8>],
    caps: &Caps,
) -> Vec<Row> {
    let own = compute.map(moments.rows(), |i| row(moments, i, &starts[i], caps));
    let mut scales: Vec<f64> = own.iter().map(|r| r.scale).filter(|s| *s > 0.0).collect();
    scales.sort_by(f64::total_cmp);
    let Some(median) = scales.get(scales.len() / 2).copied() else { return own };
    let candidates = compute.map(SHARES.len(), |s| {
        let scale = SHARES[s] * median;
        own.iter().enumerate().map(|(i, r)| at_scale(moments, i, &r.signs, scale, caps)).collect::<Vec<_>>()
    });
    let total = |rows: &[Row]| rows.iter().map(|r| r.error).sum::<f64>();
    candidates.into_iter().min_by(|a, b| total(a).total_cmp(&total(b))).unwrap_or(own)
}

/// Sets entries to −1, 0 or 1 at a given scale, each time the one that lowers the error most.
fn at_scale(moments: &Moments, row: usize, start: &[i8], scale: f64, caps: &Caps) -> Row {
    let mut pursuit = Pursuit::new(moments, row);
    start.iter().enumerate().filter(|(_, s)| **s != 0).for_each(|(j, s)| pursuit.set(j, *s));
    // Every step lowers the error; entries settle long before each has been set this often.
    for _ in 0..4 * pursuit.signs.len() {
        let mut best = (-LEAST_GAIN * moments.energy[row], 0, 0);
        for j in (0..pursuit.signs.len()).filter(|&j| pursuit.diagonal(j) > 0.0) {
            let old = pursuit.signs[j];
            let (plus, minus) = (pursuit.plus - usize::from(old == 1), pursuit.minus - usize::from(old == -1));
            for sign in [-1i8, 0, 1] {
                let delta = f64::from(sign - old) * scale;
                let slope = 2.0 * (scale * pursuit.image[j] - pursuit.cross[j]);
                let change = delta * (slope + delta * pursuit.diagonal(j));
                if change < best.0 && (sign == 0 || caps.allow(sign > 0, plus, minus)) {
                    best = (change, j, sign);
                }
            }
        }
        if best.0 >= -LEAST_GAIN * moments.energy[row] {
            break;
        }
        pursuit.set(best.1, best.2);
    }
    let error = moments.energy[row] + scale * (scale * pursuit.square - 2.0 * pursuit.inner);
    Row { signs: pursuit.signs, scale, error: error.max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::cpu::Cpu;
    use crate::model::Clamp;
    use crate::model::random::Numbers;

    const COLUMNS: usize = 24;
    const ROWS: usize = 6;
    const COUNT: usize = 300;

    /// Correlated inputs, and the sums of a dense float layer.
    fn problem(seed: u64) -> (Moments, Vec<i32>, Vec<f32>, Vec<f32>) {
        let mut numbers = Numbers::new(seed);
        let mut x = Vec::with_capacity(COLUMNS * COUNT);
        for _ in 0..COUNT {
            let common = numbers.below(8) as i32;
            x.extend((0..COLUMNS).map(|j| if j % 3 == 0 { common } else { 0 } + numbers.below(8) as i32));
        }
        let w: Vec<f32> = (0..COLUMNS * ROWS).map(|_| numbers.below(2001) as f32 / 1000.0 - 1.0).collect();
        let z: Vec<f32> = x
            .chunks_exact(COLUMNS)
            .flat_map(|x| {
                w.chunks_exact(COLUMNS).map(|w| w.iter().zip(x).map(|(w, x)| w * *x as f32).sum()).collect::<Vec<f32>>()
            })
            .collect();
        (Moments::gather(&Cpu, &x, COLUMNS, &z, ROWS), x, z, w)
    }

    /// The squared error of a row as its definition has it.
    fn measured(x: &[i32], z: &[f32], i: usize, row: &Row) -> f64 {
        let sums = x
            .chunks_exact(COLUMNS)
            .map(|x| row.scale * x.iter().zip(&row.signs).map(|(x, s)| f64::from(*x) * f64::from(*s)).sum::<f64>());
        let differences: Vec<f64> = sums.zip(z.chunks_exact(ROWS)).map(|(sum, z)| sum - f64::from(z[i])).collect();
        let mean = differences.iter().sum::<f64>() / COUNT as f64;
        differences.iter().map(|d| (d - mean).powi(2)).sum()
    }

    fn rounded(w: &[f32], i: usize, keep: usize) -> Vec<i8> {
        let row = &w[i * COLUMNS..(i + 1) * COLUMNS];
        let mut order: Vec<usize> = (0..COLUMNS).collect();
        order.sort_by(|a, b| row[*b].abs().total_cmp(&row[*a].abs()));
        let mut signs = vec![0; COLUMNS];
        order[..keep].iter().for_each(|&j| signs[j] = row[j].signum() as i8);
        signs
    }

    #[test]
    fn a_row_is_never_worse_than_the_rounding_it_starts_from_and_keeps_to_its_caps() {
        for seed in 0..4 {
            let (moments, x, z, w) = problem(seed);
            for cap in [4, 8, 12] {
                let caps = Caps::new(Some(cap), COLUMNS, Clamp { min: 0, max: 15 });
                for i in 0..ROWS {
                    let mut start = rounded(&w, i, cap);
                    // A start that breaks the caps is cut to them before it is compared.
                    let (mut plus, mut minus) = (0, 0);
                    for s in start.iter_mut().filter(|s| **s != 0) {
                        if caps.allow(*s > 0, plus, minus) {
                            if *s > 0 { plus += 1 } else { minus += 1 }
                        } else {
                            *s = 0;
                        }
                    }
                    let (plain, found) = (with_signs(&moments, i, &start), row(&moments, i, &start, &caps));
                    assert!(found.error <= plain.error, "{seed} {cap} {i}: {} > {}", found.error, plain.error);
                    let count = |sign: i8| found.signs.iter().filter(|s| **s == sign).count();
                    assert!(count(1) <= caps.plus && count(-1) <= caps.minus && count(1) + count(-1) <= cap);
                    for r in [plain, found] {
                        let exact = measured(&x, &z, i, &r);
                        assert!((r.error - exact).abs() < 1e-3 * moments.energy[i], "{} {exact}", r.error);
                    }
                }
            }
        }
    }

    #[test]
    fn rows_that_are_ternary_are_found() {
        let (base, x, _, _) = problem(9);
        let signs: Vec<i8> = (0..COLUMNS).map(|j| [1, 0, -1, 0][j % 4]).collect();
        let z: Vec<f32> = x
            .chunks_exact(COLUMNS)
            .map(|x| 5.0 + 0.25 * x.iter().zip(&signs).map(|(x, s)| *x as f32 * f32::from(*s)).sum::<f32>())
            .collect();
        let moments = Moments::gather(&Cpu, &x, base.columns, &z, 1);
        let caps = Caps::new(None, COLUMNS, Clamp { min: 0, max: 15 });
        let found = row(&moments, 0, &signs, &caps);
        assert_eq!(found.signs, signs);
        assert!((found.scale - 0.25).abs() < 1e-3 && found.error < 1e-3 * moments.energy[0]);
    }

    #[test]
    fn rows_of_one_scale_have_one_and_its_error() {
        let (moments, x, z, w) = problem(3);
        let caps = Caps::new(None, COLUMNS, Clamp { min: 0, max: 15 });
        let starts: Vec<Vec<i8>> = (0..ROWS).map(|i| rounded(&w, i, 12)).collect();
        let rows = rows_of_one_scale(&Cpu, &moments, &starts, &caps);
        for (i, row) in rows.iter().enumerate() {
            assert!(row.scale > 0.0 && row.scale == rows[0].scale);
            assert!((row.error - measured(&x, &z, i, row)).abs() < 1e-3 * moments.energy[i]);
        }
    }
}
