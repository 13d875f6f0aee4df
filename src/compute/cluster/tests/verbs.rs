//! Every verb on 1 to 5 ranks gives what the local backend gives, bit for bit.

use super::{ALWAYS, Grain, Rank, job};
use crate::algebra::{Fr, eq::SplitEq};
use crate::commit::Generators;
use crate::compute::cpu::Cpu;
use crate::compute::{Compute, Fractions, Summand, Weights};
use crate::model::TernaryMatrix;
use crate::model::random::Numbers;
use ark_ff::Field;

/// Something, different for every seed.
fn elements(n: usize, seed: u64) -> Vec<Fr> {
    (0..n as u64).map(|i| Fr::from(i * 97 + seed * 10_007 + 3).pow([5u64])).collect()
}

fn integers(n: usize, seed: u64) -> Vec<i32> {
    let mut numbers = Numbers::new(seed);
    (0..n).map(|_| numbers.below(401) as i32 - 200).collect()
}

fn matrix(rows: usize, columns: usize) -> TernaryMatrix {
    let mut numbers = Numbers::new((rows * 31 + columns) as u64);
    let row = |n: &mut Numbers| (0..columns).map(|_| n.below(3) as i8 - 1).collect::<Vec<_>>();
    TernaryMatrix::from_rows(columns, (0..rows).map(|_| row(&mut numbers)).collect::<Vec<_>>()).unwrap()
}

/// `f` on every rank of small jobs, where everything is shared and where it is as by default; all ranks must agree.
fn everywhere<T: Send + PartialEq + std::fmt::Debug>(expected: &T, f: impl Fn(&Rank) -> T + Sync) {
    for ranks in 1..=5 {
        for grain in [ALWAYS, Grain { entries: 8, work: 1000 }, Grain::default()] {
            for (rank, found) in job(ranks, grain, |cluster| f(&cluster)).iter().enumerate() {
                assert_eq!(found, expected, "rank {rank} of {ranks}, {grain:?}");
            }
        }
    }
}

/// A table that is sliced as soon as its length allows.
fn gathered(c: &Rank, values: &[Fr]) -> super::super::Table<Vec<Fr>> {
    c.gather(values, &(0..values.len() as u32).collect::<Vec<_>>()).unwrap()
}

#[test]
fn tables_come_back_whole() {
    for n in [1, 2, 3, 8, 64, 100, 1024] {
        let values = elements(n, 1);
        everywhere(&values, |c| c.download(&gathered(c, &values)).unwrap());
        everywhere(&values, |c| c.download(&c.upload(values.clone()).unwrap()).unwrap());
    }
    let indices = [7u32, 0, 7, 3];
    let values = elements(9, 2);
    everywhere(&Cpu.gather(&values, &indices).unwrap(), |c| c.download(&c.gather(&values, &indices).unwrap()).unwrap());
}

#[test]
fn slices_are_made_where_there_is_enough() {
    let lens = |n: usize, grain| {
        job(5, grain, |c| gathered(&c, &elements(n, 1)).place)
            .iter()
            .map(|p| match p {
                super::super::Place::Everywhere(t) => ('e', t.len()),
                super::super::Place::Slice(t) => ('s', t.len()),
                super::super::Place::Elsewhere => ('-', 0),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(lens(64, ALWAYS), [('s', 16), ('s', 16), ('s', 16), ('s', 16), ('-', 0)]);
    assert_eq!(lens(8, ALWAYS), [('e', 8); 5], "as many entries on a rank as there are slices");
    assert_eq!(lens(96, ALWAYS), [('e', 96); 5], "a power of two");
    assert_eq!(lens(256, Grain::default()), [('e', 256); 5]);
}

#[test]
fn eq_tables_and_assembly() {
    let point = elements(6, 3);
    let scale = Fr::from(17u64);
    everywhere(&Cpu.eq_table(&point, scale).unwrap(), |c| c.download(&c.eq_table(&point, scale).unwrap()).unwrap());
    let (a, b) = (elements(64, 4), elements(5, 5));
    let expected = Cpu.assemble(128, &[(64, &a), (3, &b)]).unwrap();
    everywhere(&expected, |c| {
        let (a, b) = (gathered(c, &a), c.upload(b.clone()).unwrap());
        c.download(&c.assemble(128, &[(64, &a), (3, &b)]).unwrap()).unwrap()
    });
    everywhere(&expected, |c| {
        let (a, b) = (c.upload(a.clone()).unwrap(), c.upload(b.clone()).unwrap());
        c.download(&c.assemble(128, &[(64, &a), (3, &b)]).unwrap()).unwrap()
    });
}

#[test]
fn parts_are_placed_in_tables_of_any_sort() {
    for (len, part, at) in [(64, 16, 48), (64, 16, 3), (64, 3, 8), (6, 2, 4), (512, 64, 128)] {
        let values = elements(part, 8);
        let mut expected = vec![Fr::from(0u64); len];
        Cpu.place(&mut expected, at, &values).unwrap();
        let placed = |c: &Rank, mut whole: super::super::Table<Vec<Fr>>, part: &super::super::Table<Vec<Fr>>| {
            c.place(&mut whole, at, part).unwrap();
            c.download(&whole).unwrap()
        };
        let zeros = vec![Fr::from(0u64); len];
        everywhere(&expected, |c| placed(c, c.assemble(len, &[]).unwrap(), &gathered(c, &values)));
        everywhere(&expected, |c| placed(c, c.assemble(len, &[]).unwrap(), &c.upload(values.clone()).unwrap()));
        everywhere(&expected, |c| placed(c, c.upload(zeros.clone()).unwrap(), &gathered(c, &values)));
    }
}

#[test]
fn inner_products_of_slices_and_whole_tables() {
    for n in [1, 6, 64, 512] {
        let (a, b) = (elements(n, 6), elements(n, 7));
        let expected = Cpu.inner_product(&a, &b).unwrap();
        everywhere(&expected, |c| c.inner_product(&gathered(c, &a), &gathered(c, &b)).unwrap());
        everywhere(&expected, |c| c.inner_product(&gathered(c, &a), &c.upload(b.clone()).unwrap()).unwrap());
    }
}

#[test]
fn linear_layers() {
    for (rows, columns, batch) in [(1, 1, 1), (3, 17, 5), (40, 33, 1), (64, 128, 7)] {
        let m = matrix(rows, columns);
        let inputs = integers(columns * batch, 8);
        let expected = Cpu.apply(&m, &inputs, batch).unwrap();
        everywhere(&expected, |c| c.apply(&c.load(&m).unwrap(), &inputs, batch).unwrap());
        let weights = elements(rows.next_power_of_two(), 9);
        let expected = Cpu.fold_rows(&m, &weights).unwrap();
        everywhere(&expected, |c| {
            c.download(&c.fold_rows(&c.load(&m).unwrap(), &c.upload(weights.clone()).unwrap()).unwrap()).unwrap()
        });
        everywhere(&expected, |c| c.download(&c.fold_rows(&c.load(&m).unwrap(), &gathered(c, &weights)).unwrap()).unwrap());
        let of_batch = elements(batch, 10);
        let expected = Cpu.combine_rows(&inputs, columns, &of_batch).unwrap();
        everywhere(&expected, |c| {
            c.download(&c.combine_rows(&inputs, columns, &c.upload(of_batch.clone()).unwrap()).unwrap()).unwrap()
        });
    }
}

#[test]
fn fraction_layers_and_halves() {
    for n in [2, 8, 32, 512] {
        let (p, q) = (elements(n, 11), elements(n, 12));
        for with in [false, true] {
            let below = Fractions { numerators: with.then_some(&p), denominators: &q };
            let expected = Cpu.fraction_layer(below).unwrap();
            everywhere(&(expected.numerators.unwrap(), expected.denominators), |c| {
                let below = Fractions { numerators: with.then(|| gathered(c, &p)), denominators: gathered(c, &q) };
                let above = c.fraction_layer(below.as_ref()).unwrap();
                (c.download(&above.numerators.unwrap()).unwrap(), c.download(&above.denominators).unwrap())
            });
        }
        // One part everywhere, the other in slices.
        let expected = Cpu.fraction_layer(Fractions { numerators: Some(&p), denominators: &q }).unwrap();
        everywhere(&expected.numerators.unwrap(), |c| {
            let below = Fractions { numerators: Some(c.upload(p.clone()).unwrap()), denominators: gathered(c, &q) };
            c.download(&c.fraction_layer(below.as_ref()).unwrap().numerators.unwrap()).unwrap()
        });
        for (factor, offset) in [(None, None), (Some(p[0]), None), (Some(p[1]), Some(q[0]))] {
            everywhere(&Cpu.halves(p.clone(), factor, offset).unwrap(), |c| {
                c.halves(gathered(c, &p), factor, offset).unwrap().map(|t| c.download(&t).unwrap())
            });
        }
    }
}

/// All rounds of a sumcheck, then the last binding.
fn sumcheck<C: Compute>(c: &C, f: Summand, mut tables: Vec<C::Table>, bits: usize, weights: Option<&[Fr]>) -> Vec<Fr> {
    let split = weights.map(SplitEq::new);
    let challenges = elements(bits, 13);
    let mut out = Vec::new();
    for i in 0..bits {
        let weights = split.as_ref().map_or(Weights::Plain, |split| Weights::Eq(split, i + 1));
        let bind = i.checked_sub(1).map(|last| challenges[last]);
        out.extend(c.round(f, &mut tables, weights, bind).unwrap());
    }
    if let Some(r) = challenges.last() {
        c.bind(&mut tables, *r).unwrap();
    }
    tables.iter().for_each(|t| out.extend(c.download(t).unwrap()));
    out
}

#[test]
fn rounds_of_every_summand() {
    for (f, count) in [(Summand::Product, 2), (Summand::Fraction, 4), (Summand::Cubic, 1)] {
        for bits in [1, 3, 4, 6, 10] {
            let values: Vec<Vec<Fr>> = (0..count).map(|t| elements(1 << bits, 14 + t)).collect();
            for weights in [None, Some(elements(bits, 20))] {
                let weights = weights.as_deref();
                let expected = sumcheck(&Cpu, f, values.clone(), bits, weights);
                everywhere(&expected, |c| sumcheck(c, f, values.iter().map(|v| gathered(c, v)).collect(), bits, weights));
                everywhere(&expected, |c| {
                    let tables = values.iter().map(|v| c.upload(v.clone()).unwrap()).collect();
                    sumcheck(c, f, tables, bits, weights)
                });
            }
        }
    }
}

#[test]
fn commitments() {
    let generators = Generators::new(16);
    let generators = generators.rows();
    let rows: Vec<Vec<i32>> = (0..7).map(|i| integers([16, 3, 1][i % 3], i as u64)).collect();
    for count in [0, 1, 2, 7] {
        let rows: Vec<&[i32]> = rows[..count].iter().map(Vec::as_slice).collect();
        let blinds = elements(count, 30);
        let expected = Cpu.commit_rows(generators, &rows, &blinds).unwrap();
        everywhere(&expected, |c| c.commit_rows(generators, &rows, &blinds).unwrap());
        let pairs: Vec<(Fr, Fr)> = elements(count, 31).into_iter().zip(blinds).collect();
        let expected = Cpu.commit_scalars(&pairs).unwrap();
        everywhere(&expected, |c| c.commit_scalars(&pairs).unwrap());
    }
    for (rows, columns) in [(1, 5), (3, 40), (9, 16)] {
        let m = matrix(rows, columns);
        let blinds = elements(rows * columns.div_ceil(16), 32);
        let expected = Cpu.commit_matrix(generators, &m, &blinds).unwrap();
        everywhere(&expected, |c| c.commit_matrix(generators, &m, &blinds).unwrap());
    }
    for len in [1, 3, 16] {
        for row in [elements(len, 33), vec![Fr::from(0u64); len]] {
            let expected = Cpu.commit_dense(generators, &row, Fr::from(77u64)).unwrap();
            everywhere(&expected, |c| c.commit_dense(generators, &row, Fr::from(77u64)).unwrap());
        }
    }
    let nothing = Cpu.commit_dense(generators, &[Fr::from(0u64); 16], Fr::from(0u64));
    everywhere(&nothing, |c| c.commit_dense(generators, &[Fr::from(0u64); 16], Fr::from(0u64)));
}

#[test]
fn bookkeeping_stays_on_a_rank() {
    everywhere(&(vec![0, 1, 4], (1, 2)), |c| (c.map(3, |i| i * i), c.join(|| 1, || 2)));
    let names = job(3, ALWAYS, |c| (c.describe(), c.give_up_device(), c.device_bytes(), c.wait()));
    assert!(names.iter().all(|n| *n == (format!("3 ranks of {}", Cpu.describe()), false, None, Ok(()))));
}
