//! Commitments on the device: sums of generators, and of their multiples from fixed-base tables.

use super::core::{Core, View};
use super::memory::{ELEMENT, reduced};
use crate::algebra::Fr;
use crate::algebra::g1::Point;
use crate::compute::cpu::Cpu;
use crate::compute::cpu::points::{add_blinds, cut_rows};
use crate::compute::{Compute, ComputeError, Result};
use crate::model::TernaryMatrix;
use ark_bn254::{Fq, G1Projective};
use ark_ff::{AdditiveGroup, Field, PrimeField, Zero};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Largest value that the tables have a multiple for.
const LARGEST: usize = 255;

/// Multiples of generators on the device, made when first wanted.
#[derive(Debug, Default)]
pub(super) struct Tables(Mutex<Option<(Vec<Point>, View)>>);

impl Tables {
    /// `v·G_j` for `v` from 1 to 255, for every generator.
    fn get(&self, core: &Core, generators: &[Point]) -> Result<View> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, view)) = &*slot
            && of == generators
        {
            return Ok(view.clone());
        }
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
        let view = core.point_table(&multiples.ok_or(ComputeError::Identity)?.concat())?;
        *slot = Some((generators.to_vec(), view.clone()));
        Ok(view)
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
        let table = self.get(core, generators)?;
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
    bytes.par_chunks_exact(4 * word).map(convert).collect::<Option<Vec<_>>>().ok_or_else(faulty)
}
