//! The prover's inner loops, one by one: `cargo bench --bench stages`, or `-- fold` for those with "fold" in their names.
//!
//! Groups "one core" run without threads; the others on every core.

use ark_bn254::{G1Affine, G1Projective};
use ark_ec::VariableBaseMSM;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use zktern::algebra::eq::SplitEq;
use zktern::algebra::fr::from_uniform;
use zktern::algebra::{Fr, msm};
use zktern::commit::{Generators, Pedersen};
use zktern::compute::cpu::Cpu;
use zktern::compute::{Compute, Fractions, Summand, Weights};
use zktern::model::random::{Numbers, Shape, network};

fn scalars(count: usize, seed: u64) -> Vec<Fr> {
    let mut numbers = Numbers::new(seed);
    let mut bytes = [0; 64];
    (0..count)
        .map(|_| {
            bytes.fill_with(|| numbers.below(256) as u8);
            from_uniform(&bytes)
        })
        .collect()
}

fn field(c: &mut Criterion) {
    const COUNT: usize = 1 << 10;
    let (mut a, b) = (scalars(COUNT, 1), scalars(COUNT, 2));
    let mut group = c.benchmark_group("Fr, one core");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("addition", |bench| bench.iter(|| black_box(&mut a).iter_mut().zip(&b).for_each(|(a, b)| *a += b)));
    group.bench_function("multiplication", |bench| {
        bench.iter(|| black_box(&mut a).iter_mut().zip(&b).for_each(|(a, b)| *a *= b));
    });
    group.finish();
}

fn fold(c: &mut Criterion) {
    let shape = Shape { widths: vec![4096, 4096, 16], density: 1.0 / 16.0, max: 255 };
    let matrix = network(&shape, 1).expect("the shape can be proved").layers.remove(0).weights;
    let matrix = Cpu.load(&matrix).expect("fits in memory");
    let weights = scalars(4096, 3);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let mut group = c.benchmark_group("fold 4096x4096, density 1/16");
    group.throughput(Throughput::Elements(matrix.non_zeros() as u64));
    group.bench_function("every core", |b| b.iter(|| Cpu.fold_rows(&matrix, black_box(&weights))));
    group.bench_function("one core", |b| one.install(|| b.iter(|| Cpu.fold_rows(&matrix, black_box(&weights)))));
    group.finish();
}

fn tables(c: &mut Criterion) {
    const BATCH: usize = 64;
    const WIDTH: usize = 4096;
    let mut numbers = Numbers::new(4);
    let rows: Vec<i32> = (0..BATCH * WIDTH).map(|_| numbers.below(256) as i32).collect();
    let weights = scalars(BATCH, 5);
    let mut group = c.benchmark_group("combine_rows 64x4096");
    group.throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function("8 bits", |b| b.iter(|| Cpu.combine_rows(black_box(&rows), WIDTH, &weights)));
    group.finish();

    let point = scalars(17, 6);
    let scale = scalars(1, 7)[0];
    let mut group = c.benchmark_group("tables of 2^16");
    group.throughput(Throughput::Elements(1 << 16));
    group.bench_function("eq_table", |b| b.iter(|| Cpu.eq_table(black_box(&point[..16]), scale)));
    let below = Fractions { numerators: Some(scalars(1 << 16, 8)), denominators: scalars(1 << 16, 9) };
    group.bench_function("fraction_layer", |b| b.iter(|| Cpu.fraction_layer(black_box(below.as_ref()))));
    group.finish();

    let full: Vec<Vec<Fr>> = (10..14).map(|seed| scalars(1 << 17, seed)).collect();
    let halves: Vec<Vec<Fr>> = full.iter().map(|t| t[..1 << 16].to_vec()).collect();
    let mut group = c.benchmark_group("fraction round, 2^15 pairs");
    group.throughput(Throughput::Elements(1 << 15));
    for (name, tables, bind) in [("first", &halves, None), ("with bind", &full, Some(scale))] {
        let split = SplitEq::new(&point[..tables[0].len().ilog2() as usize]);
        // The variables bound before this round, and this round's own.
        let from = if bind.is_some() { 2 } else { 1 };
        group.bench_function(name, |b| {
            let round = |mut t: Vec<Vec<Fr>>| {
                let values = Cpu.round(Summand::Fraction, &mut t, Weights::Eq(&split, from), bind);
                (values, t)
            };
            b.iter_batched(|| tables.clone(), round, BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn commitments(c: &mut Criterion) {
    const WIDTH: usize = 4096;
    let generators = Generators::new(WIDTH);
    let _ = Pedersen::get();
    let mut numbers = Numbers::new(15);
    let small: Vec<i32> = (0..WIDTH).map(|_| numbers.below(256) as i32).collect();
    let dense = scalars(WIDTH, 16);
    let blind = scalars(1, 17);
    let pairs: Vec<(Fr, Fr)> = scalars(64, 18).into_iter().zip(scalars(64, 19)).collect();
    let mut group = c.benchmark_group("commit");
    group.bench_function("commit_rows, 4096 values of 8 bits", |b| {
        b.iter(|| Cpu.commit_rows(generators.rows(), &[black_box(small.as_slice())], &blind));
    });
    group.bench_function("commit_dense, 4096", |b| {
        b.iter(|| Cpu.commit_dense(generators.rows(), black_box(&dense), blind[0]));
    });
    group.bench_function("commit_scalars, 64", |b| b.iter(|| Cpu.commit_scalars(black_box(&pairs))));
    group.finish();
}

fn multiplications(c: &mut Criterion) {
    let mut group = c.benchmark_group("msm, one core");
    let generators = Generators::new(12288);
    for count in [4096, 12288] {
        let points = &generators.rows()[..count];
        let affine: Vec<G1Affine> = points.iter().map(|p| p.to_affine()).collect();
        let scalars = scalars(count, 20);
        assert_eq!(Some(msm::msm(points, &scalars)), G1Projective::msm(&affine, &scalars).ok());
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("zktern {count}"), |b| b.iter(|| msm::msm(points, black_box(&scalars))));
        group.bench_function(format!("arkworks {count}"), |b| b.iter(|| G1Projective::msm(&affine, black_box(&scalars))));
    }
    group.finish();
}

criterion_group! {
    name = stages;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = field, fold, tables, commitments, multiplications
}
criterion_main!(stages);
