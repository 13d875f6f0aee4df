//! From which size on a device is faster than all cores: measured in some tens of milliseconds when it is opened.

use super::core::Core;
use super::matrix::Resident;
use crate::algebra::{Fr, eq::SplitEq};
use crate::compute::cpu::Cpu;
use crate::compute::{Compute, Summand, Weights};
use crate::model::random::Numbers;
use std::time::{Duration, Instant};

/// Leaves of a lookup argument, terms or points that are worth opening a device for, where nobody has asked for it. Opening
/// one, measuring it and compiling kernels takes a second or so; sixteen cores take about as long for a proof of so many.
pub(super) const PATIENCE: usize = 1 << 23;

/// Sizes from which on a verb runs on the device; `usize::MAX` is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Pairs of a sumcheck round, of a layer, entries of a table.
    pub pairs: usize,
    /// Terms of a fold or a combination.
    pub terms: usize,
    /// Values in committed rows.
    pub points: usize,
}

impl Thresholds {
    /// Everything that a kernel can do on the device, for tests. Views of parts must start at multiples of 256 bytes.
    pub const ALWAYS: Self = Self { pairs: 16, terms: 1, points: 1 };
    /// Nothing.
    pub const NEVER: Self = Self { pairs: usize::MAX, terms: usize::MAX, points: usize::MAX };
}

/// A size is taken when the device is faster by this factor there: noise must not make a proof slower.
const MARGIN: f64 = 1.3;
/// A measurement on the CPU that takes longer ends the search: nothing larger will be seen often.
const ENOUGH: Duration = Duration::from_millis(10);

/// The least of a few times, in seconds; `None` when it failed.
fn time<T>(mut f: impl FnMut() -> Option<T>) -> Option<f64> {
    // Kernels are compiled, and buffers allocated, at the first call.
    f()?;
    let mut best = f64::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        std::hint::black_box(f()?);
        best = best.min(start.elapsed().as_secs_f64());
    }
    Some(best)
}

/// The first size at which the device wins.
fn search(sizes: &[usize], device: impl Fn(usize) -> Option<f64>, cpu: impl Fn(usize) -> Option<f64>) -> usize {
    for &size in sizes {
        let Some(there) = device(size) else { return usize::MAX };
        let Some(here) = cpu(size) else { return usize::MAX };
        if there * MARGIN < here {
            return size;
        }
        // A device that is far behind on work that is long already will not catch up.
        if here > ENOUGH.as_secs_f64() || there > 20.0 * here {
            return usize::MAX;
        }
    }
    usize::MAX
}

pub(super) fn measure(core: &Core) -> Thresholds {
    let point: Vec<Fr> = (1..20u64).map(|i| Fr::from(i * 7919)).collect();
    let values = |n: usize| -> Vec<Fr> { (0..n as u64).map(|i| Fr::from(i * i + 3)).collect() };
    let pairs = search(
        &[1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 17],
        |n| {
            let split = SplitEq::new(&point[..n.trailing_zeros() as usize]);
            let values = values(2 * n);
            let mut tables = [&values, &values, &values, &values].map(|v| core.upload(v).ok());
            time(|| {
                let mut there: Vec<_> = tables.iter_mut().flatten().collect();
                if there.len() < 4 {
                    return None;
                }
                core.round(Summand::Fraction, &mut there, Weights::Eq(&split, 0), None).ok()
            })
        },
        |n| {
            let split = SplitEq::new(&point[..n.trailing_zeros() as usize]);
            let mut tables = [values(2 * n), values(2 * n), values(2 * n), values(2 * n)];
            time(|| Cpu.round(Summand::Fraction, &mut tables, Weights::Eq(&split, 0), None).ok())
        },
    );
    let matrix = |terms: usize| {
        let (columns, per_row) = (1024usize, 64);
        let mut numbers = Numbers::new(1);
        let rows = (0..terms / per_row).map(|_| {
            let plus: Vec<u32> = (0..per_row as u32).map(|k| 16 * k + numbers.below(16) as u32).collect();
            (plus, Vec::new())
        });
        crate::model::TernaryMatrix::from_positions(columns, rows.collect::<Vec<_>>())
    };
    let weights = |m: &crate::model::TernaryMatrix| values(m.rows().next_power_of_two());
    let terms = search(
        &[1 << 16, 1 << 18, 1 << 20, 1 << 22],
        |n| {
            let m = matrix(n);
            let (weights, m) = (weights(&m), Resident::new(m));
            time(|| core.download(&[&core.fold_rows(&m, &core.upload(&weights).ok()?).ok()?]).ok())
        },
        |n| {
            let m = matrix(n);
            let weights = weights(&m);
            time(|| Cpu.fold_rows(&m, &weights).ok())
        },
    );
    // An addition of points is some ten multiplications, for the CPU as for the device, and a row's wait is one: a device that
    // wins a round of n pairs, about as many multiplications, wins some rows of as many values.
    let points = pairs.saturating_mul(4);
    Thresholds { pairs, terms, points }
}
