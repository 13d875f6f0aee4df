//! Whole proofs of random networks: `cargo bench --bench mlp`, or `-- prove` or `-- verify` for half of them.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use zktern::compute::cpu::Cpu;
use zktern::model::Architecture;
use zktern::model::random::{Shape, inputs, network};
use zktern::protocol::key::{Profile, best_row_width};
use zktern::protocol::{NoProgress, Session, commit};

/// Widths, and batches to prove.
const CASES: [(&[usize], &[usize]); 2] = [(&[784, 512, 10], &[1]), (&[784, 4096, 4096, 10], &[1, 64])];

fn mlp(c: &mut Criterion) {
    for (widths, batches) in CASES {
        let shape = Shape { widths: widths.to_vec(), density: 1.0 / 16.0, max: 255 };
        let network = network(&shape, 1).expect("the shape can be proved");
        let architecture =
            Architecture::of(&network, best_row_width(&network, Profile::Balanced)).expect("the shape can be proved");
        let (key, secret) = commit(&Cpu, &network, &architecture, [1; 32], |_| ()).expect("committed");
        let (name, values) = (network.shape(), inputs(&network, 64, 2));
        let session = Session::new(Cpu, network, key, secret).expect("network, key and secret belong together");
        let mut group = c.benchmark_group(name);
        for batch in batches {
            let values = &values[..batch * widths[0]];
            // A fixed seed in place of randomness: a benchmark hides nothing.
            let prove = || session.prove(black_box(values), false, b"", &[2; 32], &NoProgress).expect("proved").0;
            let proof = prove();
            proof.verify(session.key(), b"").expect("an honest proof");
            group.throughput(Throughput::Elements(*batch as u64));
            group.bench_function(format!("prove, B = {batch}"), |b| b.iter(prove));
            group
                .bench_function(format!("verify, B = {batch}"), |b| b.iter(|| black_box(&proof).verify(session.key(), b"")));
        }
        group.finish();
    }
}

criterion_group! {
    name = proofs;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = mlp
}
criterion_main!(proofs);
