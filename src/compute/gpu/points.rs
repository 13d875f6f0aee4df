//! Commitments on the device: sums of generators, of their multiples from fixed-base tables, and by buckets (Pippenger) where
//! scalars are of full width. The host sorts digits into buckets; the device adds them up and weighs stretches of them.

use super::core::{Core, Params, View, groups};
use super::kernels::Kernel;
use super::memory::{ELEMENT, reduced};
use crate::algebra::Fr;
use crate::algebra::batch_add::Lists;
use crate::algebra::g1::Point;
use crate::algebra::msm::{self, Digits};
use crate::compute::cpu::Cpu;
use crate::compute::cpu::points::{add_blinds, blinded, cut_rows};
use crate::compute::{Compute, ComputeError, Result};
use crate::model::TernaryMatrix;
use ark_bn254::{Fq, G1Projective};
use ark_ff::{AdditiveGroup, Field, PrimeField, Zero};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Largest value that the tables have a multiple for.
const LARGEST: usize = 255;

/// Entries or points that one invocation adds up.
const RUN: u32 = 32;
/// Buckets that one invocation weighs, at most; a power of two.
const STRETCH: usize = 32;
/// Bytes of a point in XYZZ coordinates.
const POINT: usize = 4 * ELEMENT as usize;

/// Points on the device, and which generators they were made of.
type Slot = Mutex<Option<(Vec<Point>, View)>>;

/// Tables of generators on the device, made when first wanted.
#[derive(Debug, Default)]
pub(super) struct Tables {
    generators: Slot,
    multiples: Slot,
}

/// What a slot holds, made again where it is of other generators.
fn kept(slot: &Slot, generators: &[Point], make: impl FnOnce() -> Result<View>) -> Result<View> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, view)) = &*slot
        && of == generators
    {
        return Ok(view.clone());
    }
    let view = make()?;
    *slot = Some((generators.to_vec(), view.clone()));
    Ok(view)
}

/// `v·G_j` for `v` from 1 to 255, for every generator.
fn multiples(core: &Core, generators: &[Point]) -> Result<View> {
    let multiples: Option<Vec<Vec<Point>>> = generators
        .par_iter()
        .map(|g| {
            let g = g.to_affine();
            let mut sum = G1Projective::zero();
            let all: Vec<_> = (0..LARGEST)
                .map(|_| {
                    sum += g;
                    sum
                })
                .collect();
            Point::normalise(&all)
        })
        .collect();
    core.point_table(&multiples.ok_or(ComputeError::Identity)?.concat())
}

impl Tables {
    /// `Com(row; blind)` for a row of full-width scalars, by buckets.
    pub(super) fn commit_dense(&self, core: &Core, generators: &[Point], row: &[Fr], blind: Fr) -> Result<Point> {
        let digits = Digits::full_width(row);
        let buckets = digits.buckets();
        let sorted: Vec<Lists> = digits.windows().par_iter().map(|w| msm::sort(w, buckets)).collect();
        let entries: Vec<u32> = sorted.iter().flat_map(|l| l.entries().iter().map(|e| e.raw())).collect();
        if entries.is_empty() {
            return blinded(G1Projective::ZERO, &blind);
        }
        let lengths: Vec<u32> = sorted.iter().flat_map(Lists::lengths).map(|n| n as u32).collect();
        let stretch = STRETCH.min(buckets);
        let table = kept(&self.generators, generators, || core.point_table(generators))?;
        let sums = projective(core, &core.bucket_sums(&table, &entries, lengths, stretch)?)?;
        let windows: Vec<_> = sums.par_chunks(2 * buckets / stretch).map(|s| window_sum(s, stretch)).collect();
        blinded(digits.recompose(&windows), &blind)
    }

    /// `Com(row; blind)` for rows of small integers: those from 0 to 255 on the device, others on the CPU.
    pub(super) fn commit_rows(
        &self,
        core: &Core,
        generators: &[Point],
        rows: &[&[i32]],
        blinds: &[Fr],
    ) -> Result<Vec<Point>> {
        let small: Vec<bool> = rows.par_iter().map(|row| row.iter().all(|v| (0..=LARGEST as i32).contains(v))).collect();
        let pick = |wanted: bool| -> (Vec<&[i32]>, Vec<Fr>) {
            let chosen = rows.iter().zip(blinds).zip(&small).filter(|(_, s)| **s == wanted);
            chosen.map(|((row, blind), _)| (*row, *blind)).unzip()
        };
        let (here, there) = (pick(false), pick(true));
        let table = kept(&self.multiples, generators, || multiples(core, generators))?;
        let (on_cpu, on_device) = rayon::join(
            || Cpu.commit_rows(generators, &here.0, &here.1),
            || -> Result<Vec<Point>> {
                // Bindings are limited, and so is the time that one submission should take.
                let at_once = ((1usize << 22) / generators.len().max(1)).max(1);
                let mut out = Vec::with_capacity(there.0.len());
                for (rows, blinds) in there.0.chunks(at_once).zip(there.1.chunks(at_once)) {
                    let sums = core.commit_rows(&table, generators.len(), rows)?;
                    out.extend(add_blinds(projective(core, &sums)?.into_iter(), blinds)?);
                }
                Ok(out)
            },
        );
        let (mut on_cpu, mut on_device) = (on_cpu?.into_iter(), on_device?.into_iter());
        let merged = small.iter().map(|s| if *s { on_device.next() } else { on_cpu.next() });
        merged.collect::<Option<Vec<_>>>().ok_or(ComputeError::Identity)
    }
}

/// The sum of a window from the sum `S_c` and the weighted sum `T_c` of every stretch of buckets: `Σ T_c + stretch·Σ c·S_c`.
fn window_sum(sums: &[G1Projective], stretch: usize) -> G1Projective {
    let (mut running, mut later, mut total) = (G1Projective::ZERO, G1Projective::ZERO, G1Projective::ZERO);
    for pair in sums.chunks_exact(2).rev() {
        // A sum counts once for every stretch before its own.
        later += running;
        running += pair[0];
        total += pair[1];
    }
    for _ in 0..stretch.trailing_zeros() {
        later.double_in_place();
    }
    total + later
}

/// Cuts lists into runs of up to [`RUN`], one at least: where each ends, and how many runs each list has become.
fn cut(lengths: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let (mut ends, mut runs, mut end) = (Vec::with_capacity(lengths.len()), Vec::with_capacity(lengths.len()), 0);
    for &length in lengths {
        let count = length.div_ceil(RUN).max(1);
        ends.extend((1..=count).map(|k| end + length.min(k * RUN)));
        runs.push(count);
        end += length;
    }
    (ends, runs)
}

impl Core {
    /// Sums and weighted sums of stretches of buckets, in XYZZ coordinates; `lengths`: how many of the entries are in each bucket.
    fn bucket_sums(&self, table: &View, entries: &[u32], lengths: Vec<u32>, stretch: usize) -> Result<Vec<u8>> {
        let (buckets, mut commands) = (lengths.len(), self.commands());
        let (mut lengths, mut sums) = (lengths, None);
        loop {
            // Runs of entries, then runs of what those have become, until every bucket is one point.
            let (ends, runs) = cut(&lengths);
            let out = self.scratch(ends.len() * POINT)?;
            let (params, grid) = (Params { n: ends.len() as u32, ..Params::default() }, (groups(ends.len()), 1));
            let ends = self.integers(&ends)?;
            match &sums {
                None => {
                    let views = [table, &self.integers(entries)?, &ends, &out];
                    self.dispatch(&mut commands, Kernel::BucketEntries, params, &views, grid)?;
                }
                Some(sums) => self.dispatch(&mut commands, Kernel::BucketRuns, params, &[sums, &ends, &out], grid)?,
            }
            let sums = &*sums.insert(out);
            if runs.iter().all(|n| *n == 1) {
                let n = buckets / stretch;
                let out = self.scratch(2 * n * POINT)?;
                let params = Params { n: n as u32, a: stretch as u32, ..Params::default() };
                self.dispatch(&mut commands, Kernel::BucketWeigh, params, &[sums, &out], (groups(n), 1))?;
                return Ok(self.read(commands, &[&out])?.swap_remove(0));
            }
            lengths = runs;
        }
    }
}

/// `Com(row; blind)` for the rows of a matrix, cut in chunks.
pub(super) fn commit_matrix(core: &Core, generators: &[Point], matrix: &TernaryMatrix, blinds: &[Fr]) -> Result<Vec<Point>> {
    let (mut entries, mut ends) = (Vec::with_capacity(matrix.non_zeros()), Vec::new());
    for i in 0..matrix.rows() {
        cut_rows(matrix, i, generators.len(), |list| {
            if let Some((j, negative)) = list {
                entries.push((j as u32) << 1 | u32::from(negative));
            } else {
                ends.push(entries.len() as u32);
            }
        });
    }
    if entries.is_empty() {
        return Cpu.commit_matrix(generators, matrix, blinds);
    }
    let sums = core.commit_lists(&core.point_table(generators)?, &entries, &ends)?;
    add_blinds(projective(core, &sums)?.into_iter(), blinds)
}

/// Points from `(X, Y, ZZ, ZZZ)`: with `ZZ = z²` and `ZZZ = z³`, Jacobian coordinates for `z³` are `(X·ZZ², Y·ZZZ², ZZZ)`.
fn projective(core: &Core, bytes: &[u8]) -> Result<Vec<G1Projective>> {
    let faulty = || ComputeError::Faulty { device: core.heap.device.summary.name.clone() };
    let word = ELEMENT as usize;
    let convert = |p: &[u8]| {
        let at = |i: usize| reduced(&p[i * word..(i + 1) * word], &Fq::MODULUS).map(Fq::new_unchecked);
        let (x, y, zz, zzz) = (at(0)?, at(1)?, at(2)?, at(3)?);
        Some(if zz.is_zero() {
            G1Projective::ZERO
        } else {
            G1Projective::new_unchecked(x * zz.square(), y * zzz.square(), zzz)
        })
    };
    bytes.par_chunks_exact(POINT).map(convert).collect::<Option<Vec<_>>>().ok_or_else(faulty)
}
