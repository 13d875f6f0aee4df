//! The same product of a matrix and a vector as a circuit and as one sumcheck: `cargo bench --bench gkr`, or `-- sparse` for
//! those with "sparse" in their names. `zktern bench matvec` measures larger ones side by side, with their openings.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use zktern::algebra::Fr;
use zktern::algebra::fr::from_i64;
use zktern::compute::Compute;
use zktern::compute::cpu::Cpu;
use zktern::gkr::matvec::{self, Matrix};
use zktern::gkr::{Vector, prove};
use zktern::model::random::{Numbers, Shape, network};
use zktern::transcript::{Blinds, Transcript, Writer};

const BITS: usize = 9;
const N: usize = 1 << BITS;

fn writer() -> Writer<'static> {
    Writer::new(Transcript::new("bench"), 0, &mut Blinds::new([1; 32]), &Cpu).expect("a channel")
}

fn matvec_512(c: &mut Criterion) {
    let mut numbers = Numbers::new(1);
    let shape = Shape { widths: vec![N, N, 2], density: 1.0 / 16.0, max: 255 };
    let ternary = network(&shape, 1).expect("the shape can be proved").layers.remove(0).weights;
    let x: Vec<Fr> = (0..N).map(|_| Fr::from(numbers.below(256))).collect();
    let mut group = c.benchmark_group(format!("matvec {N}x{N}"));
    group.throughput(Throughput::Elements((N * N) as u64));

    let dense: Vec<Fr> = (0..N * N).map(|_| from_i64(numbers.below(1 << 16) as i64 - (1 << 15))).collect();
    let signs: Vec<i8> = (0..N).flat_map(|i| ternary.dense_row(i)).collect();
    let support: Vec<u32> = (0..(N * N) as u32).filter(|p| signs[*p as usize] != 0).collect();
    let kept: Vec<Fr> = support.iter().map(|p| dense[*p as usize]).collect();
    let inputs = [
        ("circuit, dense", Vector::dense(2 * BITS), dense.clone()),
        ("circuit, sparse 1/16", Vector::sparse(2 * BITS, support.clone()), kept.clone()),
    ];
    for (name, vector, entries) in inputs {
        let circuit = matvec::circuit(BITS, vector).expect("a circuit");
        let values = circuit.evaluate(vec![entries, x.clone()]);
        group.bench_function(name, |b| {
            let run = |values| prove(&mut writer(), &Cpu, &circuit, black_box(values)).expect("proved");
            b.iter_batched(|| values.clone(), run, BatchSize::LargeInput);
        });
    }

    let triples: Vec<(u32, u32, Fr)> = support.iter().zip(kept).map(|(p, v)| (p / N as u32, p % N as u32, v)).collect();
    let matrices = [
        ("sumcheck, dense", Matrix::Dense { columns: N, entries: dense }),
        ("sumcheck, sparse 1/16", Matrix::sparse(N, &triples)),
        ("sumcheck, ternary sparse 1/16", Matrix::Ternary(Cpu.load(&ternary).expect("fits in memory"))),
    ];
    for (name, matrix) in &matrices {
        group.bench_function(*name, |b| {
            b.iter(|| matvec::prove(&mut writer(), &Cpu, matrix, black_box(&x), N).expect("proved"))
        });
    }
    group.finish();
}

criterion_group! {
    name = gkr;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = matvec_512
}
criterion_main!(gkr);
