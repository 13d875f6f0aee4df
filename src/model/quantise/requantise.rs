//! Integer sums of a batch, and the shift and clamp that follow them.

use super::super::architecture::{MAX_TABLE_BITS, half, requantise};
use super::super::float::{Activation, Grid, each_block};
use super::super::{Clamp, Layer, Requantise};

/// `W·x + bias` for a batch, one input after the other: `B × columns` to `B × rows`. The same integers as
/// [`apply_layer`](super::super::infer::apply_layer), for many inputs at a time. Values must stay inside 32 bits, as those of a
/// layer with a [bound](super::super::ranges::bound) do.
#[must_use]
pub fn accumulators(layer: &Layer, inputs: &[i32]) -> Vec<i32> {
    let (rows, columns) = (layer.weights.rows(), layer.weights.columns());
    let mut out = vec![0; inputs.len() / columns.max(1) * rows];
    let lists = layer.weights.by_row();
    each_block(inputs, columns, &mut out, rows, |i, lanes| {
        let (plus, minus) = lists.get(i);
        let mut sum = [layer.bias[i]; super::super::float::LANES];
        for j in plus {
            sum.iter_mut().zip(&lanes[*j as usize]).for_each(|(s, x)| *s = s.wrapping_add(*x));
        }
        for j in minus {
            sum.iter_mut().zip(&lanes[*j as usize]).for_each(|(s, x)| *s = s.wrapping_sub(*x));
        }
        sum
    });
    out
}

/// The activations of accumulators.
#[must_use]
pub fn activate(accumulators: &[i32], r: Requantise) -> Vec<i32> {
    accumulators.iter().map(|z| r.clamp.apply(requantise(i64::from(*z), r.shift)) as i32).collect()
}

/// The clamp of an activation with `bits` bits whose integers stand for `scale` each: all of `0..2^bits` for ReLU, a symmetric
/// range where values may be negative, and no more of either than a clip leaves.
#[must_use]
pub fn clamp(activation: Activation, bits: u32, scale: f64) -> Clamp {
    let (full, signed) = ((1i32 << bits) - 1, 1i32 << (bits - 1));
    match activation {
        Activation::Relu => Clamp { min: 0, max: full },
        Activation::None => Clamp { min: -signed, max: signed - 1 },
        Activation::Clip { min, max } => {
            let steps = |v: f32| (f64::from(v) / scale).round();
            let lowest = if min < 0.0 { -signed } else { 0 };
            let highest = if min < 0.0 { signed - 1 } else { full };
            Clamp {
                min: steps(min).clamp(f64::from(lowest), 0.0) as i32,
                max: steps(max).clamp(0.0, f64::from(highest)) as i32,
            }
        }
    }
}

/// Accumulators of a batch (`B × rows`) with the real value of one step in every row.
#[derive(Clone, Copy, Debug)]
pub struct Sums<'a> {
    /// The accumulators.
    pub values: &'a [i32],
    /// One scale per row.
    pub scales: &'a [f64],
}

/// Most accumulators that a choice of shift looks at.
const MOST: usize = 1 << 19;

impl Sums<'_> {
    /// Squared difference, per value, of `T(scale·z)` and what the integers make of it, in real units.
    #[must_use]
    pub fn error(&self, activation: Activation, r: Requantise) -> f64 {
        let rows = self.scales.len().max(1);
        let inputs = (self.values.len() / rows).max(1);
        let step = (self.values.len() / MOST + 1).min(inputs);
        let mut sum = 0.0;
        for z in self.values.chunks_exact(rows).step_by(step) {
            for (z, scale) in z.iter().zip(self.scales) {
                let real = activation.apply(f64::from(*z) * scale);
                let y = r.clamp.apply(requantise(i64::from(*z), r.shift)) << r.shift;
                let difference = (y as f64).mul_add(-scale, real);
                sum += difference * difference;
            }
        }
        sum / (inputs.div_ceil(step) * rows) as f64
    }

    /// The median scale.
    #[must_use]
    pub fn median_scale(&self) -> f64 {
        let mut sorted = self.scales.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(1.0)
    }

    /// The shift and clamp with the least [error](Sums::error), among those whose tables can be built for accumulators of `bits`
    /// bits (their [bound](super::super::ranges::bound) without a shift); `None` when there are none.
    ///
    /// Where the file prescribes a grid, its range is the clamp (within `activation_bits`) and the shift is the one whose steps
    /// are nearest to the grid's.
    #[must_use]
    pub fn choose(&self, activation: Activation, grid: Option<Grid>, activation_bits: u32, bits: u32) -> Option<Requantise> {
        // The rounding constant can take a bit more; `bits + 1` covers it.
        let fits = |shift: &u32| (bits + 1).max(*shift) - shift < MAX_TABLE_BITS;
        let median = self.median_scale();
        let at = |shift: u32| {
            let mut clamp = clamp(activation, activation_bits, median * (1u64 << shift) as f64);
            if let Some(g) = grid {
                clamp = Clamp { min: clamp.min.max(g.min).min(0), max: clamp.max.min(g.max).max(0) };
            }
            Requantise { shift, clamp }
        };
        let shifts = (0..=bits.min(MAX_TABLE_BITS)).filter(fits).map(at);
        let distance = |r: &Requantise| match grid {
            Some(g) => (f64::from(g.scale) / (median * (1u64 << r.shift) as f64)).log2().abs(),
            None => self.error(activation, *r),
        };
        shifts.map(|r| (distance(&r), r)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, r)| r)
    }

    /// Smallest and largest accumulator.
    #[must_use]
    pub fn observed(&self) -> (i32, i32) {
        self.values.iter().fold((0, 0), |(lo, hi), z| (lo.min(*z), hi.max(*z)))
    }

    /// Fraction of the values that the clamp cuts off although the activation does not.
    #[must_use]
    pub fn saturated(&self, activation: Activation, r: Requantise) -> f64 {
        let beyond = |z: &i32| {
            let q = requantise(i64::from(*z), r.shift);
            q > i64::from(r.clamp.max) || (q < i64::from(r.clamp.min) && activation == Activation::None)
        };
        self.values.iter().filter(|z| beyond(z)).count() as f64 / self.values.len().max(1) as f64
    }
}

/// Smallest `k` with `−2^k ≤ z + half(shift) < 2^k` for what was observed.
#[must_use]
pub fn observed_bits((min, max): (i32, i32), shift: u32) -> u32 {
    let (low, high) = (i64::from(min) + half(shift), i64::from(max) + half(shift));
    (shift..=62).find(|k| -(1i64 << k) <= low && high < 1i64 << k).unwrap_or(63)
}
