//! Parity of every verb with the CPU, on any adapter named by `ZKTERN_TEST_ADAPTER` (a part of its name; default: llvmpipe, the
//! software adapter of Mesa). Without an adapter the tests print that they were skipped; `ZKTERN_REQUIRE_GPU=1` makes that a
//! failure.

use super::check::{elements, matrix, place};
use super::field::Arithmetic;
use super::kernels::Kernel;
use super::{Choice, Gpu, Options, Span, Thresholds};
use crate::algebra::Fr;
use crate::algebra::eq::SplitEq;
use crate::commit::Generators;
use crate::compute::cpu::Cpu;
use crate::compute::{Compute, ComputeError, Fractions, Summand, Weights};
use crate::lookup::layers::Holding;
use crate::model::random::{self, Numbers, Shape};
use crate::model::{Architecture, Network};
use crate::protocol::{NoProgress, Proof, Session, key, ternarity};
use ark_ff::{BigInt, PrimeField};
use std::sync::OnceLock;

mod passes;

fn options(arithmetic: Arithmetic) -> Options {
    let name = std::env::var("ZKTERN_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".into());
    Options {
        choice: Choice { name: Some(name), arithmetic: Some(arithmetic), ..Choice::default() },
        thresholds: Some(Thresholds::ALWAYS),
        ..Options::default()
    }
}

/// A device that does everything it can, or a printed skip.
fn open(options: Options) -> Option<Gpu> {
    match Gpu::open(options) {
        Ok(gpu) => Some(gpu),
        Err(e) => {
            assert!(std::env::var_os("ZKTERN_REQUIRE_GPU").is_none(), "{e}");
            println!("skipped: {e}");
            None
        }
    }
}

/// One shared device for each way to multiply: opening one takes a while.
fn devices() -> impl Iterator<Item = (Arithmetic, &'static Gpu)> {
    static OPEN: [OnceLock<Option<Gpu>>; 2] = [OnceLock::new(), OnceLock::new()];
    let get = |(i, a): (usize, &Arithmetic)| Some((*a, OPEN[i].get_or_init(|| open(options(*a))).as_ref()?));
    Arithmetic::ALL.iter().enumerate().filter_map(get).collect::<Vec<_>>().into_iter()
}

fn table(gpu: &Gpu, values: &[Fr]) -> super::Table {
    place(gpu, values).expect("uploaded")
}

#[test]
fn kernels_are_valid_on_every_platform() {
    for arithmetic in Arithmetic::ALL {
        for kernel in Kernel::ALL {
            let text = kernel.text(arithmetic);
            let module = naga::front::wgsl::parse_str(&text)
                .unwrap_or_else(|e| panic!("{kernel:?}, {arithmetic:?}: {}", e.emit_to_string(&text)));
            let capabilities = match arithmetic {
                Arithmetic::Native => naga::valid::Capabilities::SHADER_INT64,
                Arithmetic::Portable => naga::valid::Capabilities::empty(),
            };
            let info = naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities)
                .validate(&module)
                .unwrap_or_else(|e| panic!("{kernel:?}, {arithmetic:?}: {}", e.emit_to_string(&text)));
            let spirv = naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None);
            assert!(!spirv.expect("SPIR-V").is_empty());
            let msl = naga::back::msl::Options { lang_version: (2, 3), ..naga::back::msl::Options::default() };
            let pipeline = naga::back::msl::PipelineOptions::default();
            let (text, _) = naga::back::msl::write_string(&module, &info, &msl, &pipeline).expect("MSL");
            assert!(text.contains("kernel void"));
            let options = naga::back::hlsl::Options {
                shader_model: naga::back::hlsl::ShaderModel::V6_0,
                ..naga::back::hlsl::Options::default()
            };
            let mut text = String::new();
            let pipeline = naga::back::hlsl::PipelineOptions::default();
            naga::back::hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None).expect("HLSL");
            assert!(text.contains("numthreads"));
        }
    }
}

/// `x·a + y` for all pairs of edge values, and for random ones.
#[test]
fn arithmetic_agrees_with_arkworks() {
    for (arithmetic, gpu) in devices() {
        let a = elements(96, 1);
        for (x, y) in elements(10, 2).iter().zip(elements(10, 3).iter().rev()) {
            let t = table(gpu, &a);
            let [low, high] = gpu.halves(t, Some(*x), Some(*y)).unwrap();
            let found = [gpu.download(&low).unwrap(), gpu.download(&high).unwrap()].concat();
            let expected: Vec<Fr> = a.iter().map(|a| *x * a + y).collect();
            assert_eq!(found, expected, "{arithmetic:?}: {x}·a + {y}");
        }
    }
}

/// Words of all ones, and of `2p − 1`: what no canonical element has, but lazily reduced ones may.
#[test]
fn arithmetic_of_unreduced_elements() {
    let p = Fr::MODULUS.0;
    let shifted = |i: usize| p[i] << 1 | if i > 0 { p[i - 1] >> 63 } else { 0 };
    let top = BigInt([shifted(0) - 1, shifted(1), shifted(2), shifted(3)]);
    // 2p − 1 = p − 1 modulo p.
    let (lazy, value) = (Fr::new_unchecked(top), Fr::new_unchecked(BigInt([p[0] - 1, p[1], p[2], p[3]])));
    for (arithmetic, gpu) in devices() {
        let [low, _] = gpu.halves(table(gpu, &[lazy; 32]), Some(lazy), Some(lazy)).unwrap();
        assert_eq!(gpu.download(&low).unwrap()[0], value * value + value, "{arithmetic:?}");
        let mut t = [table(gpu, &[lazy; 64])];
        gpu.bind(&mut t, Fr::from(5u64)).unwrap();
        assert_eq!(gpu.download(&t[0]).unwrap(), vec![value; 32], "{arithmetic:?}: differences");
    }
}

#[test]
fn eq_tables_and_gathers() {
    for (_, gpu) in devices() {
        for k in [4, 5, 9, 12] {
            let point = elements(k, 4);
            let found = gpu.eq_table(&point, Fr::from(7u64)).unwrap();
            assert!(super::on_device(&found).is_some());
            assert_eq!(gpu.download(&found).unwrap(), Cpu.eq_table(&point, Fr::from(7u64)).unwrap(), "{k}");
        }
        let (values, mut numbers) = (elements(300, 5), Numbers::new(5));
        let indices: Vec<u32> = (0..5000).map(|_| numbers.below(300) as u32).collect();
        let found = gpu.gather(&values, &indices).unwrap();
        assert_eq!(gpu.download(&found).unwrap(), Cpu.gather(&values, &indices).unwrap());
    }
}

#[test]
fn folds_of_lists_and_of_codes() {
    for (arithmetic, gpu) in devices() {
        for (rows, columns, density) in [(1, 40, 0.5), (33, 70, 0.05), (200, 65, 0.9), (517, 300, 1.0), (700, 130, 0.0625)] {
            let m = matrix(rows, columns, density, 6);
            let weights = elements(rows.next_power_of_two().max(2), 7);
            let found = gpu.fold_rows(&gpu.load(&m).unwrap(), &super::host(weights.clone())).unwrap();
            assert!(super::on_device(&found).is_some());
            let expected = Cpu.fold_rows(&m, &weights).unwrap();
            assert_eq!(gpu.download(&found).unwrap(), expected, "{arithmetic:?}: {rows} x {columns}, density {density}");
        }
    }
}

#[test]
fn combinations_of_small_integers() {
    for (arithmetic, gpu) in devices() {
        let mut numbers = Numbers::new(8);
        for (batch, width, least, most) in
            [(1, 64, 0, 255), (3, 70, -5, 900), (300, 65, 0, 1), (700, 33, i32::MIN, i32::MAX), (256, 16, 255, 255)]
        {
            let span = i64::from(most) - i64::from(least) + 1;
            let rows: Vec<i32> =
                (0..batch * width).map(|_| (i64::from(least) + numbers.below(span as u64) as i64) as i32).collect();
            let weights = elements(batch, 9);
            let found = gpu.combine_rows(&rows, width, &super::host(weights.clone())).unwrap();
            assert!(super::on_device(&found).is_some());
            let expected = Cpu.combine_rows(&rows, width, &weights).unwrap();
            assert_eq!(gpu.download(&found).unwrap(), expected, "{arithmetic:?}: {batch} x {width}, {least}..={most}");
        }
    }
}

#[test]
fn integer_layers() {
    for (_, gpu) in devices() {
        for (rows, columns, batch) in [(5, 40, 64), (67, 33, 100), (130, 200, 65)] {
            let m = matrix(rows, columns, 0.3, 10);
            let mut numbers = Numbers::new(11);
            let x: Vec<i32> = (0..batch * columns).map(|_| numbers.below(511) as i32 - 255).collect();
            let found = gpu.apply(&gpu.load(&m).unwrap(), &x, batch).unwrap();
            assert_eq!(found, Cpu.apply(&m, &x, batch).unwrap(), "{rows} x {columns}, {batch}");
        }
    }
}

#[test]
fn fraction_layers_and_inner_products() {
    for (_, gpu) in devices() {
        let (p, q) = (elements(256, 12), elements(256, 13));
        for numerators in [None, Some(p.clone())] {
            let below = Fractions { numerators: numerators.as_ref().map(|p| table(gpu, p)), denominators: table(gpu, &q) };
            let found = gpu.fraction_layer(below.as_ref()).unwrap();
            let expected = Cpu.fraction_layer(Fractions { numerators: numerators.as_ref(), denominators: &q }).unwrap();
            assert_eq!(gpu.download(&found.denominators).unwrap(), expected.denominators);
            assert_eq!(found.numerators.map(|p| gpu.download(&p).unwrap()), expected.numerators);
        }
        let found = gpu.inner_product(&table(gpu, &p), &table(gpu, &q)).unwrap();
        assert_eq!(found, Cpu.inner_product(&p, &q).unwrap());
    }
}

/// Rounds down to the last variable: on the device at first, on the host when few pairs are left.
#[test]
fn rounds_of_every_summand() {
    for (arithmetic, gpu) in devices() {
        for (f, count) in [(Summand::Product, 2), (Summand::Fraction, 4), (Summand::Cubic, 1)] {
            for weighted in [false, true] {
                let k = 8;
                let mut host: Vec<Vec<Fr>> = (0..count).map(|i| elements(1 << k, 20 + i)).collect();
                let mut there: Vec<_> = host.iter().map(|v| table(gpu, v)).collect();
                let (point, challenges) = (elements(k, 30), elements(k, 31));
                let split = SplitEq::new(&point);
                let mut bind = None;
                for (i, challenge) in challenges.iter().enumerate() {
                    let weights = if weighted { Weights::Eq(&split, i + 1) } else { Weights::Plain };
                    let found = gpu.round(f, &mut there, weights, bind).unwrap();
                    let expected = Cpu.round(f, &mut host, weights, bind).unwrap();
                    assert_eq!(found, expected, "{arithmetic:?}: {f:?}, weighted {weighted}, round {i}");
                    bind = Some(*challenge);
                }
                gpu.bind(&mut there, challenges[k - 1]).unwrap();
                Cpu.bind(&mut host, challenges[k - 1]).unwrap();
                for (t, v) in there.iter().zip(&host) {
                    assert_eq!(gpu.download(t).unwrap(), *v);
                }
            }
        }
    }
}

#[test]
fn tables_are_put_together() {
    for (_, gpu) in devices() {
        let (a, b) = (elements(33, 40), elements(64, 41));
        let expected = Cpu.assemble(256, &[(0, &a), (128, &b)]).unwrap();
        let (there_a, there_b) = (table(gpu, &a), table(gpu, &b));
        let found = gpu.assemble(256, &[(0, &there_a), (128, &there_b)]).unwrap();
        assert_eq!(gpu.download(&found).unwrap(), expected);
        let found = gpu.assemble(256, &[(0, &super::host(a)), (128, &there_b)]).unwrap();
        assert_eq!(gpu.download(&found).unwrap(), expected);
    }
}

#[test]
fn parts_are_placed_wherever_they_are() {
    for (_, gpu) in devices() {
        let (a, b) = (elements(64, 42), elements(32, 43));
        let mut expected = Cpu.assemble(256, &[]).unwrap();
        let wholes = [gpu.assemble(256, &[]).unwrap(), super::host(expected.clone())];
        Cpu.place(&mut expected, 64, &a).unwrap();
        Cpu.place(&mut expected, 224, &b).unwrap();
        for mut whole in wholes {
            gpu.place(&mut whole, 64, &table(gpu, &a)).unwrap();
            gpu.place(&mut whole, 224, &super::host(b.clone())).unwrap();
            assert_eq!(gpu.download(&whole).unwrap(), expected);
        }
    }
}

#[test]
fn commitments() {
    for (arithmetic, gpu) in devices() {
        let generators = Generators::new(70);
        let mut numbers = Numbers::new(50);
        let mut rows: Vec<Vec<i32>> =
            (0..9).map(|i| (0..70 - 9 * (i % 3)).map(|_| numbers.below(256) as i32).collect()).collect();
        rows[1][5] = -1;
        rows[4][0] = 256;
        rows[6].fill(0);
        rows[7] = vec![255; 70];
        let rows: Vec<&[i32]> = rows.iter().map(Vec::as_slice).collect();
        let blinds = elements(9, 51);
        let found = gpu.commit_rows(generators.rows(), &rows, &blinds).unwrap();
        assert_eq!(found, Cpu.commit_rows(generators.rows(), &rows, &blinds).unwrap(), "{arithmetic:?}");

        let m = matrix(20, 150, 0.4, 52);
        let blinds = elements(60, 53);
        let found = gpu.commit_matrix(generators.rows(), &m, &blinds).unwrap();
        assert_eq!(found, Cpu.commit_matrix(generators.rows(), &m, &blinds).unwrap(), "{arithmetic:?}");
    }
}

// ---- whole proofs, and what can go wrong

fn network() -> Network {
    random::network(&Shape { widths: vec![70, 40, 33, 10], density: 0.4, max: 255 }, 1).unwrap()
}

/// A ternarity proof and a proof of 65 inputs, everything that fits on the device.
fn prove<C: Compute>(compute: C) -> (Vec<u8>, Proof) {
    prove_within(compute, Holding::ALL)
}

fn prove_within<C: Compute>(compute: C, holding: Holding) -> (Vec<u8>, Proof) {
    let network = network();
    let arch = Architecture::of(&network, 32).unwrap();
    let (key, secret) = key::commit(&compute, &network, &arch, [1; 32], |_| {}).unwrap();
    let ternary = ternarity::prove(&compute, &network, &key, &secret, [3; 32]).unwrap();
    let inputs = random::inputs(&network, 65, 5);
    let session = Session::new(compute, network, key, secret).unwrap().with_holding(holding);
    let made = session.prove_and_verify(&inputs, true, b"gpu", &[2; 32], &NoProgress).unwrap();
    (ternary, made.proof)
}

fn by_cpu() -> &'static (Vec<u8>, Proof) {
    static PROOF: OnceLock<(Vec<u8>, Proof)> = OnceLock::new();
    PROOF.get_or_init(|| prove(Cpu))
}

#[test]
fn proofs_are_the_cpus_byte_for_byte() {
    for (arithmetic, gpu) in devices() {
        assert!(prove(gpu.clone()) == *by_cpu(), "{arithmetic:?}");
        assert!(prove_within(gpu.clone(), Holding::new(3)) == *by_cpu(), "{arithmetic:?}, in pieces");
        assert_eq!(gpu.self_test(), Ok(()), "{arithmetic:?}");
    }
}

/// A mistake in any kernel is found by the self-test.
#[test]
fn planted_faults_are_found() {
    fn wrong(_: Kernel, text: String) -> String {
        let off_by_one = "fn fr_add(a: F, wrong: F) -> F { let b = F(wrong.lo + vec4<u32>(1u), wrong.hi);";
        text.replace("fn fr_add(a: F, b: F) -> F {", off_by_one)
    }
    fn wrong_points(kernel: Kernel, text: String) -> String {
        let lists = kernel == Kernel::CommitLists;
        if lists { text.replace("fq_sub(zero(), point.y)", "point.y") } else { text }
    }
    fn wrong_layer(kernel: Kernel, text: String) -> String {
        let apply = kernel == Kernel::Apply;
        if apply { text.replace("sum -= x[", "sum += x[") } else { text }
    }
    fn wrong_order(kernel: Kernel, text: String) -> String {
        let layers = matches!(kernel, Kernel::FractionLeaves | Kernel::FractionLayer);
        if layers { text.replace("params.a == 3u);", "false);") } else { text }
    }
    fn wrong_second(kernel: Kernel, text: String) -> String {
        let ahead = kernel == Kernel::AheadFraction;
        if ahead { text.replace("fr_mul(params.y,", "fr_mul(params.x,") } else { text }
    }
    fn wrong_double(kernel: Kernel, text: String) -> String {
        let weigh = kernel == Kernel::BucketWeigh;
        if weigh { text.replace("return twice(c.start);", "return identity();") } else { text }
    }
    for (sabotage, verb) in [
        (wrong as fn(Kernel, String) -> String, "arithmetic"),
        (wrong_points, "commitments"),
        (wrong_layer, "integer layer"),
        (wrong_order, "several fraction layers"),
        (wrong_second, "two sumcheck rounds"),
        (wrong_double, "commitments"),
    ] {
        let options = Options { sabotage: Some(sabotage), ..options(Arithmetic::Native) };
        let Some(gpu) = open(options) else { return };
        let error = gpu.self_test().unwrap_err();
        assert!(error.starts_with(verb), "{error}");
    }
}

/// A device that computes wrongly: the proof is verified before it leaves, found wrong, and made again on the CPU.
#[test]
fn wrong_results_are_caught_and_the_cpu_proves() {
    fn wrong_sums(kernel: Kernel, text: String) -> String {
        let round = kernel == Kernel::RoundFraction;
        if round { text.replace("partials[3u * group.x + 1u] = v", "partials[3u * group.x + 1u] = u") } else { text }
    }
    fn wrong_rows(kernel: Kernel, text: String) -> String {
        let ahead = kernel == Kernel::AheadFraction;
        if ahead { text.replace("partials[at + 1u] = v", "partials[at + 1u] = u") } else { text }
    }
    fn wrong_layer(kernel: Kernel, text: String) -> String {
        let apply = kernel == Kernel::Apply;
        if apply { text.replace("sum -= x[", "sum += x[") } else { text }
    }
    fn wrong_sign(kernel: Kernel, text: String) -> String {
        let buckets = kernel == Kernel::BucketEntries;
        if buckets { text.replace("fq_sub(zero(), point.y)", "point.y") } else { text }
    }
    fn garbage(kernel: Kernel, text: String) -> String {
        let gather = kernel == Kernel::Gather;
        let all_ones = "out[i] = F(vec4<u32>(0xffffffffu), vec4<u32>(0xffffffffu));";
        if gather { text.replace("out[i] = values[min(indices[i], params.b - 1u)];", all_ones) } else { text }
    }
    let (always, one_by_one) = (Thresholds::ALWAYS, Thresholds { ahead: Span::NEVER, ..Thresholds::ALWAYS });
    for (sabotage, thresholds) in [
        (wrong_sums as fn(Kernel, String) -> String, one_by_one),
        (wrong_rows, always),
        (wrong_layer, always),
        (wrong_sign, always),
        (garbage, always),
    ] {
        let options = Options { sabotage: Some(sabotage), thresholds: Some(thresholds), ..options(Arithmetic::Native) };
        let Some(gpu) = open(options) else { return };
        assert!(prove(gpu.clone()) == *by_cpu());
        assert!(!gpu.give_up_device(), "it was given up");
    }
}

/// A device that goes away at any moment: the stage runs again on the CPU, and the bytes are the same.
#[test]
fn a_lost_device_is_survived() {
    for submissions in [0, 3, 20, 40, 60, 90] {
        let Some(gpu) = open(Options { submissions: Some(submissions), ..options(Arithmetic::Native) }) else { return };
        assert!(prove(gpu.clone()) == *by_cpu(), "lost after {submissions} submissions");
        assert!(!gpu.trusted(gpu.holder().unwrap()), "it was lost after {submissions} submissions");
    }
}

/// Allocations that fail, and bindings that are too small: what does not fit is done on the CPU.
#[test]
fn a_small_device_is_enough() {
    for bytes in [4 << 10, 32 << 10, 256 << 10] {
        let by_memory = Options { allocation: Some(bytes), ..options(Arithmetic::Native) };
        let mut by_binding = options(Arithmetic::Native);
        by_binding.choice.binding = Some(bytes);
        for options in [by_memory, by_binding] {
            let Some(gpu) = open(options) else { return };
            assert!(prove(gpu.clone()) == *by_cpu(), "{bytes} bytes");
            assert!(gpu.device_bytes() > Some(0), "some of it was done there");
        }
    }
}

#[test]
fn without_a_device_the_error_says_what_to_do() {
    let choice = Choice { name: Some("no such adapter".into()), ..Choice::default() };
    let error = Gpu::open(Options { choice, ..Options::default() }).map(|_| ()).unwrap_err();
    assert!(matches!(&error, ComputeError::NoDevice { why } if why.contains("no such adapter")), "{error}");
}

/// A software adapter is never taken unless it is named, and small work opens no device at all.
#[test]
fn software_is_only_taken_by_name() {
    if let Ok(gpu) = Gpu::open(Options { thresholds: Some(Thresholds::NEVER), ..Options::default() }) {
        assert!(gpu.opened().is_some_and(|(adapter, _)| !adapter.software));
    }
    let gpu = Gpu::when_worthwhile(Choice::default());
    assert_eq!(gpu.eq_table(&elements(5, 1), Fr::from(1u64)).map(|t| t.len()), Ok(32));
    let m = gpu.load(&matrix(64, 64, 0.5, 2)).unwrap();
    assert_eq!(gpu.apply(&m, &vec![1; 64 << 13], 1 << 13).map(|z| z.len()), Ok(64 << 13), "a million cheap additions");
    assert!(gpu.0.core.get().is_none(), "nothing was opened, or even looked for");
}
