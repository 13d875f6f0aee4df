//! Whether a device computes what the CPU computes: every verb once, on edge values and odd sizes.

use super::Gpu;
use super::table::{Place, Table, device, host};
use crate::algebra::Fr;
use crate::algebra::eq::SplitEq;
use crate::algebra::fr::from_uniform;
use crate::algebra::g1::Point;
use crate::commit::Generators;
use crate::compute::cpu::Cpu;
use crate::compute::reference::Reference;
use crate::compute::{Compute, Fractions, Result, Summand, Weights};
use crate::model::TernaryMatrix;
use crate::model::random::Numbers;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};

/// Edge values, whose Montgomery forms have limbs of all ones and of all zeros, then random ones.
pub(super) fn elements(n: usize, seed: u64) -> Vec<Fr> {
    let raw = |words: [u64; 4]| Fr::new_unchecked(BigInt(words));
    let p = Fr::MODULUS.0;
    let mut all = vec![
        Fr::ZERO,
        Fr::ONE,
        -Fr::ONE,
        raw([1, 0, 0, 0]),
        raw([p[0] - 1, p[1], p[2], p[3]]),
        raw([u64::MAX, u64::MAX, u64::MAX, p[3] - 1]),
        raw([u64::MAX, 0, u64::MAX, 0]),
        raw([0, 0, 0, p[3]]),
    ];
    let mut numbers = Numbers::new(seed);
    let mut random = || from_uniform(&std::array::from_fn(|_| numbers.below(256) as u8));
    all.extend((all.len()..n).map(|_| random()));
    all.truncate(n);
    all
}

/// A matrix with about `density` of its entries set.
pub(super) fn matrix(rows: usize, columns: usize, density: f64, seed: u64) -> TernaryMatrix {
    let mut numbers = Numbers::new(seed);
    let mut row = || {
        let mut lists = (Vec::new(), Vec::new());
        for j in 0..columns as u32 {
            if (numbers.below(1000) as f64) < 1000.0 * density {
                if numbers.below(2) == 0 { &mut lists.0 } else { &mut lists.1 }.push(j);
            }
        }
        lists
    };
    TernaryMatrix::from_positions(columns, (0..rows).map(|_| row()).collect::<Vec<_>>())
}

/// A table that is on the device whatever the thresholds.
pub(super) fn place(gpu: &Gpu, values: &[Fr]) -> Result<Table> {
    Ok(device(gpu.holder()?.core.upload(values)?))
}

impl Gpu {
    /// Runs every verb on the open device and compares with the CPU. To be called on a [`Gpu`] with
    /// [`Thresholds::ALWAYS`](super::Thresholds::ALWAYS).
    ///
    /// # Errors
    /// The name of the first verb that is wrong, or what the device could not do.
    pub fn self_test(&self) -> std::result::Result<(), String> {
        type Verb = fn(&Gpu) -> Result<bool>;
        let verbs: [(&str, Verb); 11] = [
            ("arithmetic", arithmetic),
            ("eq table", eq_table),
            ("gather", gather),
            ("fraction layer", fraction_layer),
            ("several fraction layers", fraction_layers),
            ("sumcheck round", rounds),
            ("two sumcheck rounds", two_rounds),
            ("fold", folds),
            ("combination of small integers", combination),
            ("integer layer", integer_layer),
            ("commitments", commitments),
        ];
        for (name, verb) in verbs {
            match verb(self) {
                Ok(true) => {}
                Ok(false) => return Err(format!("{name}: the device's result differs from the CPU's")),
                Err(e) => return Err(format!("{name}: {e}")),
            }
        }
        Ok(())
    }

    /// Whether a table is on the device and holds these values.
    fn holds(&self, table: &Table, expected: &[Fr]) -> Result<bool> {
        Ok(matches!(table.0, Place::Device(_)) && self.download(table)? == expected)
    }
}

fn arithmetic(gpu: &Gpu) -> Result<bool> {
    let a = elements(64, 1);
    for (x, y) in elements(10, 2).iter().zip(elements(10, 3).iter().rev()) {
        let [low, high] = gpu.halves(place(gpu, &a)?, Some(*x), Some(*y))?;
        let expected: Vec<Fr> = a.iter().map(|a| *x * a + y).collect();
        if !gpu.holds(&low, &expected[..32])? || !gpu.holds(&high, &expected[32..])? {
            return Ok(false);
        }
    }
    let (a, b) = (elements(100, 4), elements(100, 5));
    Ok(gpu.inner_product(&place(gpu, &a)?, &place(gpu, &b)?)? == Cpu.inner_product(&a, &b)?)
}

fn eq_table(gpu: &Gpu) -> Result<bool> {
    let point = elements(9, 6);
    gpu.holds(&gpu.eq_table(&point, Fr::from(7u64))?, &Cpu.eq_table(&point, Fr::from(7u64))?)
}

fn gather(gpu: &Gpu) -> Result<bool> {
    let (values, mut numbers) = (elements(300, 7), Numbers::new(7));
    let indices: Vec<u32> = (0..1000).map(|_| numbers.below(300) as u32).collect();
    gpu.holds(&gpu.gather(&values, &indices)?, &Cpu.gather(&values, &indices)?)
}

fn fraction_layer(gpu: &Gpu) -> Result<bool> {
    let (p, q) = (elements(256, 8), elements(256, 9));
    for numerators in [None, Some(p)] {
        let there = numerators.as_ref().map(|p| place(gpu, p)).transpose()?;
        let found = gpu.fraction_layer(Fractions { numerators: there, denominators: place(gpu, &q)? }.as_ref())?;
        let expected = Cpu.fraction_layer(Fractions { numerators: numerators.as_ref(), denominators: &q })?;
        let (Some(p), Some(expected_p)) = (found.numerators, expected.numerators) else { return Ok(false) };
        if !gpu.holds(&found.denominators, &expected.denominators)? || !gpu.holds(&p, &expected_p)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn fraction_layers(gpu: &Gpu) -> Result<bool> {
    let (p, q) = (elements(512, 30), elements(512, 31));
    for numerators in [None, Some(p)] {
        let there = numerators.as_ref().map(|p| place(gpu, p)).transpose()?;
        let found = gpu.fraction_layers(&Fractions { numerators: there, denominators: place(gpu, &q)? }, 9)?;
        let expected = Cpu.fraction_layers(&Fractions { numerators, denominators: q.clone() }, 9)?;
        for (found, expected) in found.iter().zip(&expected) {
            let numerators = found.numerators.as_ref().map(|p| gpu.download(p)).transpose()?;
            if numerators != expected.numerators || gpu.download(&found.denominators)? != expected.denominators {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// With none, one and two challenges to bind first.
fn two_rounds(gpu: &Gpu) -> Result<bool> {
    let point = elements(8, 32);
    let split = SplitEq::new(&point);
    for (f, count) in [(Summand::Product, 2), (Summand::Fraction, 4)] {
        let mut here: Vec<Vec<Fr>> = (0..count).map(|i| elements(512, 33 + i)).collect();
        let mut there = here.iter().map(|v| place(gpu, v)).collect::<Result<Vec<_>>>()?;
        for (left, bind) in [(7, vec![]), (6, vec![Fr::from(5u64)]), (4, vec![Fr::from(6u64), Fr::from(7u64)])] {
            let weights = Weights::Eq(&split, 8 - left);
            let found = gpu.rounds_ahead(f, &mut there, weights, &bind)?;
            if found.is_none() || found != Reference.rounds_ahead(f, &mut here, weights, &bind)? {
                return Ok(false);
            }
        }
        for (t, v) in there.iter().zip(&here) {
            if !gpu.holds(t, v)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn rounds(gpu: &Gpu) -> Result<bool> {
    let point = elements(8, 10);
    let split = SplitEq::new(&point);
    for (f, count) in [(Summand::Product, 2), (Summand::Fraction, 4), (Summand::Cubic, 1)] {
        let mut here: Vec<Vec<Fr>> = (0..count).map(|i| elements(256, 11 + i)).collect();
        let mut there = here.iter().map(|v| place(gpu, v)).collect::<Result<Vec<_>>>()?;
        for (i, bind) in [(1, None), (2, Some(Fr::from(5u64)))] {
            let weights = Weights::Eq(&split, i);
            if gpu.round(f, &mut there, weights, bind)? != Cpu.round(f, &mut here, weights, bind)? {
                return Ok(false);
            }
        }
        gpu.bind(&mut there, Fr::from(9u64))?;
        Cpu.bind(&mut here, Fr::from(9u64))?;
        for (t, v) in there.iter().zip(&here) {
            if !gpu.holds(t, v)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn folds(gpu: &Gpu) -> Result<bool> {
    for (rows, columns, density) in [(100, 70, 0.06), (200, 65, 0.9)] {
        let m = matrix(rows, columns, density, 20);
        let weights = elements(256, 21);
        let found = gpu.fold_rows(&gpu.load(&m)?, &host(weights.clone()))?;
        if !gpu.holds(&found, &Cpu.fold_rows(&m, &weights)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn combination(gpu: &Gpu) -> Result<bool> {
    let mut numbers = Numbers::new(22);
    let rows: Vec<i32> = (0..300 * 33).map(|_| numbers.below(1000) as i32 - 500).collect();
    let weights = elements(300, 23);
    let found = gpu.combine_rows(&rows, 33, &host(weights.clone()))?;
    gpu.holds(&found, &Cpu.combine_rows(&rows, 33, &weights)?)
}

fn integer_layer(gpu: &Gpu) -> Result<bool> {
    let (m, mut numbers) = (matrix(37, 50, 0.3, 24), Numbers::new(24));
    let x: Vec<i32> = (0..65 * 50).map(|_| numbers.below(511) as i32 - 255).collect();
    Ok(gpu.apply(&gpu.load(&m)?, &x, 65)? == Cpu.apply(&m, &x, 65)?)
}

fn commitments(gpu: &Gpu) -> Result<bool> {
    let generators = Generators::new(70);
    let mut numbers = Numbers::new(25);
    let rows: Vec<Vec<i32>> = (0..5).map(|i| (0..70 - i).map(|_| numbers.below(256) as i32).collect()).collect();
    let rows: Vec<&[i32]> = rows.iter().map(Vec::as_slice).collect();
    let blinds = elements(5, 26);
    let m = matrix(20, 150, 0.4, 27);
    let more = elements(60, 28);
    let g = generators.rows();
    Ok(dense_rows(gpu, g)? == dense_rows(&Cpu, g)?
        && gpu.commit_rows(g, &rows, &blinds)? == Cpu.commit_rows(g, &rows, &blinds)?
        && gpu.commit_matrix(g, &m, &more)? == Cpu.commit_matrix(g, &m, &more)?)
}

/// Full-width rows: of generators, and of generators twice with their opposites, where equal and opposite points meet.
fn dense_rows<C: Compute>(compute: &C, g: &[Point]) -> Result<[Point; 2]> {
    let repeated = [g, g, &g.iter().map(|p| -*p).collect::<Vec<_>>()].concat();
    let (row, more) = (elements(g.len(), 29), elements(2 * g.len(), 29));
    let blind = Fr::from(3u64);
    Ok([compute.commit_dense(g, &row, blind)?, compute.commit_dense(&repeated, &[row, more].concat(), blind)?])
}
