//! From which size on a device is faster than all cores: measured in some tens of milliseconds when it is opened.

use super::core::{Core, DeviceTable};
use super::matrix::Resident;
use super::passes::{Layer, MOST_LAYERS};
use super::points::Tables;
use crate::algebra::{Fr, eq::SplitEq, g1::Point};
use crate::compute::cpu::Cpu;
use crate::compute::{Compute, Fractions, Summand, Weights};
use crate::model::random::Numbers;
use ark_bn254::G1Projective;
use ark_ec::PrimeGroup;
use ark_ff::{AdditiveGroup, Field};
use std::time::{Duration, Instant};

/// Leaves of a lookup argument, terms or points that are worth opening a device for, where nobody has asked for it. Opening
/// one, measuring it and compiling kernels takes a second or so; sixteen cores take about as long for a proof of so many.
pub(super) const PATIENCE: usize = 1 << 23;

/// Sizes in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The least.
    pub from: usize,
    /// The first that is too large.
    pub until: usize,
}

impl Span {
    /// No size at all.
    pub const NEVER: Self = Self { from: usize::MAX, until: usize::MAX };

    /// Whether a size is in it.
    #[must_use]
    pub const fn contains(self, size: usize) -> bool {
        self.from <= size && size < self.until
    }
}

/// Sizes from which on a verb runs on the device; `usize::MAX` is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Pairs of a sumcheck round, of a layer, entries of a table.
    pub pairs: usize,
    /// Terms of a fold or a combination.
    pub terms: usize,
    /// Values in committed rows.
    pub points: usize,
    /// Full-width scalars in a committed row.
    pub scalars: usize,
    /// Pairs of a sumcheck round that is made together with the next.
    pub ahead: Span,
    /// Fractions of the smallest layer that is made on the device along with larger ones.
    pub layers: usize,
    /// Layers of fractions in one dispatch: one to three.
    pub at_once: usize,
}

impl Thresholds {
    /// Everything that a kernel can do on the device, for tests. Views of parts must start at multiples of 256 bytes.
    pub const ALWAYS: Self = Self {
        pairs: 16,
        terms: 1,
        points: 1,
        scalars: 1,
        ahead: Span { from: 2, until: usize::MAX },
        layers: 1,
        at_once: MOST_LAYERS,
    };
    /// Nothing.
    pub const NEVER: Self = Self {
        pairs: usize::MAX,
        terms: usize::MAX,
        points: usize::MAX,
        scalars: usize::MAX,
        ahead: Span::NEVER,
        layers: usize::MAX,
        at_once: 1,
    };
}

/// A size is taken when the device is faster by this factor there: noise must not make a proof slower.
const MARGIN: f64 = 1.3;
/// The same where both ways are the device's, and a wait is spared.
const PASS_MARGIN: f64 = 1.1;
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

/// The sizes around the first at which `new` wins over `old`, up to one at which it does not.
fn span(sizes: &[usize], new: impl Fn(usize) -> Option<f64>, old: impl Fn(usize) -> Option<f64>) -> Span {
    let mut found = Span::NEVER;
    for &size in sizes {
        let (Some(there), Some(here)) = (new(size), old(size)) else { return found };
        if there * PASS_MARGIN < here {
            found = Span { from: found.from.min(size), until: 2 * size };
        } else if found != Span::NEVER {
            return found;
        }
    }
    found
}

fn values(n: usize) -> Vec<Fr> {
    (0..n as u64).map(|i| Fr::from(i * i + 3)).collect()
}

/// Weights for `n` pairs.
fn weights(n: usize) -> SplitEq {
    let point: Vec<Fr> = (1..=u64::from(n.trailing_zeros())).map(|i| Fr::from(i * 7919)).collect();
    SplitEq::new(&point)
}

/// Four tables of `n` pairs on the device, in some use.
fn on_device(core: &Core, n: usize, mut f: impl FnMut(&mut [&mut DeviceTable]) -> Option<()>) -> Option<f64> {
    let values = values(2 * n);
    let mut tables = [&values; 4].map(|v| core.upload(v).ok());
    let mut there: Vec<&mut DeviceTable> = tables.iter_mut().flatten().collect();
    if there.len() < 4 {
        return None;
    }
    time(|| f(&mut there))
}

/// A round of `n` pairs on the device, and on the CPU.
fn round_there(core: &Core, n: usize) -> Option<f64> {
    let split = weights(n);
    on_device(core, n, |t| core.round(Summand::Fraction, t, Weights::Eq(&split, 0), None).ok().map(drop))
}

fn round_here(n: usize) -> Option<f64> {
    let split = weights(n);
    let mut tables = [values(2 * n), values(2 * n), values(2 * n), values(2 * n)];
    time(|| Cpu.round(Summand::Fraction, &mut tables, Weights::Eq(&split, 0), None).ok())
}

fn pairs(core: &Core) -> usize {
    let sizes: Vec<usize> = (11..=17).map(|k| 1 << k).collect();
    search(&sizes, |n| round_there(core, n), round_here)
}

/// Two rounds in one pass against a round and the next, where each is made from `pairs` pairs on the device.
pub(super) fn ahead(core: &Core, sizes: &[usize], pairs: usize) -> Span {
    let round = |n| if n < pairs { round_here(n) } else { round_there(core, n) };
    let both = |n: usize| {
        let split = weights(n / 2);
        on_device(core, n, |t| core.rounds_ahead(Summand::Fraction, t, Weights::Eq(&split, 0), &[]).ok()?.map(drop))
    };
    span(sizes, both, |n| Some(round(n)? + round(n / 2)?))
}

/// The candidate that takes least.
fn best(candidates: impl IntoIterator<Item = usize>, f: impl Fn(usize) -> Option<f64>) -> Option<usize> {
    let timed = candidates.into_iter().filter_map(|c| Some((c, f(c)?)));
    timed.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(c, _)| c)
}

/// Layers of fractions to a dispatch, and down to which size they are made on the device: the rest of a tree is the CPU's, as
/// are rounds of less than `pairs` pairs, for which layers are read back.
pub(super) fn layers(core: &Core, pairs: usize) -> Option<(usize, usize)> {
    let (count, lowest) = (6, core.upload(&values(1 << 17)).ok()?);
    let at_once = best(1..=MOST_LAYERS, |k| {
        // The last layer is read, and waited for.
        let last = lowest.len >> count;
        time(|| core.fraction_layers((None, &lowest), count, k, last + 1).ok())
    })?;
    let lowest = core.upload(&values(4 * pairs)).ok()?;
    let all = lowest.len.trailing_zeros();
    let sizes = std::iter::once(1).chain((4..).map(|k| 1 << k).take_while(|n| *n <= 2 * pairs));
    let smallest = best(sizes, |size| {
        let there = (all - size.trailing_zeros()) as usize;
        time(|| {
            let made = core.fraction_layers((None, &lowest), there, at_once, 2 * pairs + 1).ok()?;
            let Some(Layer::Home([p, q])) = made.last() else { return None };
            let fractions = Fractions { numerators: Some(p.clone()), denominators: q.clone() };
            Cpu.fraction_layers(&fractions, all as usize - there).ok()
        })
    })?;
    Some((smallest, at_once))
}

fn terms(core: &Core) -> usize {
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
    search(
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
    )
}

/// Full-width scalars of a row, of sizes in ascending order.
pub(super) fn scalars(core: &Core, sizes: &[usize]) -> usize {
    let all: Vec<G1Projective> =
        std::iter::successors(Some(G1Projective::generator()), |p| Some(p.double())).take(sizes[sizes.len() - 1]).collect();
    let Some(points) = Point::normalise(&all) else { return usize::MAX };
    let row: Vec<Fr> = values(points.len()).iter().map(|v| v.square().square() * v).collect();
    let tables = Tables::default();
    search(
        sizes,
        |n| time(|| tables.commit_dense(core, &points[..n], &row[..n], Fr::ONE).ok()),
        |n| time(|| Cpu.commit_dense(&points[..n], &row[..n], Fr::ONE).ok()),
    )
}

pub(super) fn measure(core: &Core) -> Thresholds {
    let (pairs, terms) = (pairs(core), terms(core));
    if pairs == usize::MAX {
        // A device that loses at rounds loses at what is measured against them: nothing more is compiled or measured.
        return Thresholds { terms, ..Thresholds::NEVER };
    }
    let (layers, at_once) = layers(core, pairs).unwrap_or((2 * pairs, 1));
    // An addition of points is some ten multiplications, for the CPU as for the device, and a row's wait is one: a device that
    // wins a round of n pairs, about as many multiplications, wins some rows of as many values.
    let points = pairs.saturating_mul(4);
    let ahead = ahead(core, &(10..=19).map(|k| 1 << k).collect::<Vec<_>>(), pairs);
    let scalars = scalars(core, &[1 << 10, 1 << 12, 1 << 14]);
    Thresholds { pairs, terms, points, scalars, ahead, layers, at_once }
}
