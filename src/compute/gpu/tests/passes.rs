//! Two rounds in one pass, several layers in one dispatch, full-width rows by buckets: each against its definition.

use super::*;
use crate::algebra::g1::Point;
use crate::compute::gpu::passes::{Layer, MOST_LAYERS};
use crate::compute::gpu::table::on_device;
use crate::compute::gpu::tuning;
use crate::compute::reference::Reference;
use crate::sumcheck::Rounds;
use ark_ff::AdditiveGroup;

/// The nine values, for every number of challenges to bind first, for tables of zeros and of no power of two.
#[test]
fn two_rounds_are_their_definition() {
    for (arithmetic, gpu) in devices() {
        for (f, count) in [(Summand::Product, 2), (Summand::Fraction, 4)] {
            for (k, entries, weighted) in [(3, 1, true), (7, 1, true), (6, 3, false), (4, 5, false), (12, 1, true)] {
                for bind in 0..=2 {
                    let len = entries << (k + bind);
                    let mut here: Vec<Vec<Fr>> = (0..count).map(|i| elements(len, 20 + i)).collect();
                    here[1] = if k == 7 { vec![Fr::ZERO; len] } else { std::mem::take(&mut here[1]) };
                    let mut there: Vec<_> = here.iter().map(|v| table(gpu, v)).collect();
                    let (point, challenges) = (elements(k, 60), elements(8, 61)[8 - bind..].to_vec());
                    let split = SplitEq::new(&point);
                    let weights = if weighted { Weights::Eq(&split, 2) } else { Weights::Plain };
                    let found = gpu.rounds_ahead(f, &mut there, weights, &challenges).unwrap();
                    let expected = Reference.rounds_ahead(f, &mut here, weights, &challenges).unwrap();
                    assert!(found.is_some());
                    assert_eq!(found, expected, "{arithmetic:?}: {f:?}, {entries} * 2^{k}, {bind} to bind");
                    for (t, v) in there.iter().zip(&here) {
                        assert_eq!(gpu.download(t).unwrap(), *v, "{arithmetic:?}: {f:?}, {bind} to bind");
                    }
                }
            }
        }
    }
}

/// More quadruples than all workgroups take at a time.
#[test]
fn two_rounds_of_long_tables() {
    let Some((_, gpu)) = devices().next() else { return };
    let mut here = vec![elements(5 << 15, 1), elements(5 << 15, 2)];
    let mut there: Vec<_> = here.iter().map(|v| table(gpu, v)).collect();
    let found = gpu.rounds_ahead(Summand::Product, &mut there, Weights::Plain, &[]).unwrap();
    assert!(found.is_some());
    assert_eq!(found, Reference.rounds_ahead(Summand::Product, &mut here, Weights::Plain, &[]).unwrap());
}

/// All rounds of a sumcheck, the device looking ahead: the CPU's messages and the CPU's last values.
#[test]
fn sumchecks_that_look_ahead() {
    for (arithmetic, gpu) in devices() {
        for (f, count) in [(Summand::Product, 2), (Summand::Fraction, 4), (Summand::Cubic, 1)] {
            for k in [5, 8, 9] {
                let mut here: Vec<Vec<Fr>> = (0..count).map(|i| elements(1 << k, 70 + i)).collect();
                let mut there: Vec<_> = here.iter().map(|v| table(gpu, v)).collect();
                let (point, challenges) = (elements(k, 80), elements(k, 81));
                let split = SplitEq::new(&point);
                let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
                for (i, r) in challenges.iter().enumerate() {
                    let weights = Weights::Eq(&split, i + 1);
                    let found = theirs.next(gpu, f, &mut there, weights, k - i).unwrap();
                    assert_eq!(
                        found,
                        ours.next(&Cpu, f, &mut here, weights, k - i).unwrap(),
                        "{arithmetic:?}: {f:?}, round {i}"
                    );
                    ours.challenge(*r);
                    theirs.challenge(*r);
                }
                ours.finish(&Cpu, &mut here).unwrap();
                theirs.finish(gpu, &mut there).unwrap();
                for (t, v) in there.iter().zip(&here) {
                    assert_eq!(gpu.download(t).unwrap(), *v);
                }
            }
        }
    }
}

#[test]
fn layers_in_one_submission() {
    for (arithmetic, gpu) in devices() {
        for (len, count) in [(2, 1), (8, 3), (96, 5), (512, 9), (1 << 13, 4)] {
            let (p, q) = (elements(len, 12), elements(len, 13));
            for numerators in [None, Some(p)] {
                let expected = Fractions { numerators: numerators.clone(), denominators: q.clone() };
                let expected = Cpu.fraction_layers(&expected, count).unwrap();
                let there = numerators.as_ref().map(|p| table(gpu, p));
                let below = Fractions { numerators: there, denominators: table(gpu, &q) };
                let check = |found: &[Vec<Fr>; 2], k: usize| {
                    let [p, q] = found;
                    assert_eq!(Some(p), expected[k].numerators.as_ref(), "{arithmetic:?}: layer {k} above {len}");
                    assert_eq!(*q, expected[k].denominators, "{arithmetic:?}: layer {k} above {len}");
                };
                let core = &gpu.holder().unwrap().core;
                let of = (below.numerators.as_ref().and_then(on_device), on_device(&below.denominators).unwrap());
                for (at_once, home) in (1..=MOST_LAYERS).flat_map(|n| [(n, 0), (n, 20), (n, len)]) {
                    let made = core.fraction_layers(of, count, at_once, home).unwrap();
                    assert_eq!(made.len(), count);
                    for (k, layer) in made.iter().enumerate() {
                        match layer {
                            Layer::There([p, q]) => {
                                assert!(q.len >= home);
                                let read = core.download(&[p, q]).unwrap();
                                check(&read.try_into().unwrap(), k);
                            }
                            Layer::Home(values) => {
                                assert!(values[1].len() < home);
                                check(values, k);
                            }
                        }
                    }
                }
                for (k, layer) in gpu.fraction_layers(&below, count).unwrap().iter().enumerate() {
                    let numerators = gpu.download(layer.numerators.as_ref().unwrap()).unwrap();
                    check(&[numerators, gpu.download(&layer.denominators).unwrap()], k);
                }
            }
        }
    }
}

#[test]
fn full_width_rows_by_buckets() {
    let generators = Generators::new(2100);
    let g = generators.rows();
    // A generator twice in a row, then its opposite: equal and opposite points meet in every bucket.
    let repeated: Vec<Point> = g[..100].iter().flat_map(|p| [*p, *p, -*p]).collect();
    let alternating =
        |n: usize| -> Vec<Fr> { (0..n).map(|i| if i % 2 == 0 { Fr::from(5u64) } else { -Fr::from(5u64) }).collect() };
    let (all_ones, blind) = (vec![-Fr::from(1u64); 2100], elements(20, 90)[19]);
    for (arithmetic, gpu) in devices() {
        let check = |g: &[Point], row: &[Fr], blind: Fr, what: &str| {
            let found = gpu.commit_dense(g, row, blind);
            assert_eq!(found, Cpu.commit_dense(g, row, blind), "{arithmetic:?}: {what}, {} scalars", row.len());
            // The path itself, and not what falls back from it.
            let open = gpu.holder().unwrap();
            assert_eq!(open.tables.commit_dense(&open.core, g, row, blind), found, "{arithmetic:?}: {what}");
        };
        for n in [1, 2, 31, 70, 300, 2100] {
            check(&g[..n], &elements(n, 91), blind, "edge values and random ones");
            check(g, &elements(n, 92), Fr::ZERO, "no blind, more generators than scalars");
        }
        check(g, &all_ones, blind, "one bucket has everything");
        check(&g[..64], &vec![Fr::from(1u64) + Fr::from(1u64 << 20); 64], blind, "two buckets have everything");
        check(g, &vec![Fr::ZERO; 70], blind, "zeros");
        check(g, &[], blind, "nothing");
        check(&repeated, &elements(300, 93), blind, "repeated and opposite generators");
        check(&repeated, &vec![Fr::from(7u64); 300], blind, "equal and opposite points in one bucket");
        check(&repeated, &alternating(300), blind, "opposite digits");
        let pair = [g[0], -g[0]];
        check(&pair, &[elements(9, 94)[8]; 2], blind, "a sum that is the identity");
        assert_eq!(gpu.commit_dense(&pair, &[Fr::from(3u64); 2], Fr::ZERO), Err(ComputeError::Identity));
        assert_eq!(gpu.commit_dense(g, &[Fr::ZERO; 9], Fr::ZERO), Err(ComputeError::Identity));
    }
}

/// What it is for: half as many submissions, each of which is waited for, and one for a whole tree.
#[test]
fn submissions_are_spared() {
    let Some(gpu) = open(options(Arithmetic::Native)) else { return };
    let heap = &gpu.holder().unwrap().core.heap;
    for k in [8, 11] {
        let mut tables = [table(&gpu, &elements(1 << k, 1)), table(&gpu, &elements(1 << k, 2))];
        let (mut passes, before) = (Rounds::default(), heap.submitted());
        for (i, r) in elements(k, 3).into_iter().enumerate() {
            passes.next(&gpu, Summand::Product, &mut tables, Weights::Plain, k - i).unwrap();
            passes.challenge(r);
        }
        passes.finish(&gpu, &mut tables).unwrap();
        // The last one brings both tables home.
        assert_eq!(heap.submitted() - before, k as u64 / 2 + 1, "{k} rounds");
    }
    let leaves = Fractions { numerators: None, denominators: table(&gpu, &elements(1 << 10, 4)) };
    let before = heap.submitted();
    let layers = gpu.fraction_layers(&leaves, 10).unwrap();
    let root = layers[9].numerators.as_ref().unwrap();
    assert_eq!((gpu.download(root).unwrap().len(), heap.submitted() - before), (1, 1), "the root is there at once");
}

/// What a fast device has measured when it is opened. Times are not looked at: only that all of it works, and answers in range.
#[test]
fn thresholds_are_measured_within_their_ranges() {
    let Some(gpu) = open(options(Arithmetic::Native)) else { return };
    let core = &gpu.holder().unwrap().core;
    let span = tuning::ahead(core, &[16, 32], 32);
    assert!(span == Span::NEVER || ([16, 32].contains(&span.from) && [32, 64].contains(&span.until)), "{span:?}");
    let (smallest, at_once) = tuning::layers(core, 64).unwrap();
    assert!([1, 16, 32, 64, 128].contains(&smallest) && (1..=MOST_LAYERS).contains(&at_once), "{smallest}, {at_once}");
    let scalars = tuning::scalars(core, &[8, 64]);
    assert!([8, 64, usize::MAX].contains(&scalars), "{scalars}");
}

/// Every mixture of one and two rounds, of device and host: the CPU's bytes.
#[test]
fn thresholds_change_no_byte() {
    let always = Thresholds::ALWAYS;
    for thresholds in [
        Thresholds { ahead: Span { from: 64, until: 512 }, layers: 64, at_once: 2, ..always },
        Thresholds { ahead: Span { from: 256, until: usize::MAX }, layers: 512, at_once: 1, scalars: usize::MAX, ..always },
        Thresholds { ahead: Span::NEVER, pairs: 128, layers: 16, ..always },
    ] {
        let Some(gpu) = open(Options { thresholds: Some(thresholds), ..options(Arithmetic::Native) }) else { return };
        assert!(prove(gpu.clone()) == *by_cpu(), "{thresholds:?}");
        assert!(gpu.trusted(gpu.holder().unwrap()), "it was done there: {thresholds:?}");
    }
}

/// Matrices and tables of generators are moved to the device by the first proof of a session, and by no other.
#[test]
fn weights_are_uploaded_once() {
    // Buckets leave out digits of zero: what they move depends on the scalars.
    let thresholds = Some(Thresholds { scalars: usize::MAX, ..Thresholds::ALWAYS });
    let Some(gpu) = open(Options { thresholds, ..options(Arithmetic::Native) }) else { return };
    let network = network();
    let arch = Architecture::of(&network, 32).unwrap();
    let (key, secret) = key::commit(&Cpu, &network, &arch, [1; 32], |_| {}).unwrap();
    let weights: usize = network.layers.iter().map(|l| 4 * l.weights.non_zeros()).sum();
    let inputs = random::inputs(&network, 65, 5);
    let session = Session::new(gpu.clone(), network, key, secret).unwrap();
    let mut before = gpu.uploaded_bytes().unwrap();
    let moved = [7, 8, 9].map(|seed| {
        session.prove_and_verify(&inputs, true, b"gpu", &[seed; 32], &NoProgress).unwrap();
        let now = gpu.uploaded_bytes().unwrap();
        now - std::mem::replace(&mut before, now)
    });
    // Lists of both directions in the first proof: that much less in the second, and no change after it.
    assert!(moved[1] + weights as u64 <= moved[0], "{moved:?}, {weights} bytes of weights");
    assert_eq!(moved[1], moved[2]);
}
