//! Circuits against their direct evaluation; wrong outputs and every altered message are refused.

use super::circuit::{Circuit, CircuitError, Gate, Vector};
use super::matvec::{self, Matrix};
use super::{EvalClaim, GkrError, Support, prove, verify};
use crate::algebra::fr::WORD;
use crate::algebra::{Fr, eq, mle};
use crate::compute::cpu::Cpu;
use crate::compute::reference::Reference;
use crate::compute::{Compute, Result as Computed};
use crate::model::random::Numbers;
use crate::model::{TernaryMatrix, random};
use crate::protocol::VerifyError;
use crate::transcript::{Blinds, Reader, Transcript, Writer};
use ark_ff::{One, Zero};

fn element(numbers: &mut Numbers) -> Fr {
    // Zeros and small values on purpose: they are the special cases.
    match numbers.below(4) {
        0 => Fr::zero(),
        1 => -Fr::one(),
        _ => Fr::from(numbers.below(u64::MAX)) * Fr::from(numbers.below(u64::MAX)) * Fr::from(numbers.below(u64::MAX)),
    }
}

fn transcript(inputs: &[Vec<Fr>]) -> Transcript {
    let mut t = Transcript::new("test");
    inputs.iter().flatten().for_each(|v| t.absorb("input", &crate::algebra::fr::encode(v)));
    t
}

/// The proof of an honest run, its claims and the outputs.
fn proof<C: Compute>(compute: &C, circuit: &Circuit, inputs: &[Vec<Fr>]) -> (Vec<u8>, Vec<EvalClaim>, Vec<Fr>) {
    let values = circuit.evaluate(inputs.to_vec());
    let outputs = circuit.output().spread(values.last().unwrap());
    let mut writer = Writer::new(transcript(inputs), 0, &mut Blinds::new([0; 32]), compute).unwrap();
    let claims = prove(&mut writer, compute, circuit, values).unwrap();
    (writer.finish().unwrap().2, claims, outputs)
}

/// What a verifier who knows the inputs says; `false` when a claim about them is wrong.
fn accepts(circuit: &Circuit, inputs: &[Vec<Fr>], outputs: &[Fr], bytes: &[u8]) -> Result<bool, GkrError> {
    let mut reader = Reader::new(transcript(inputs), bytes, 0);
    let claims = verify(&mut reader, circuit, outputs)?;
    Ok(reader.position() == bytes.len() && claims.iter().all(|c| holds(circuit, inputs, c)))
}

fn holds(circuit: &Circuit, inputs: &[Vec<Fr>], claim: &EvalClaim) -> bool {
    let table = circuit.vectors()[claim.input].spread(&inputs[claim.input]);
    mle::inner_product(&eq::table(&claim.point), &table) == claim.value
}

/// A random circuit: supports of any density, layers that read any vectors below, several gates to an output.
fn random_circuit(seed: u64) -> (Circuit, Vec<Vec<Fr>>) {
    let mut n = Numbers::new(seed);
    let vector = |n: &mut Numbers| {
        let bits = n.below(7) as usize;
        let positions: Vec<u32> = (0..1u32 << bits).filter(|_| seed.is_multiple_of(3) || n.below(3) == 0).collect();
        if n.below(2) == 0 { Vector::dense(bits) } else { Vector::sparse(bits, positions) }
    };
    let inputs: Vec<Vector> = (0..1 + n.below(3)).map(|_| vector(&mut n)).collect();
    let values = inputs.iter().map(|v| (0..v.len()).map(|_| element(&mut n)).collect()).collect();
    let mut circuit = Circuit::new(inputs).unwrap();
    for _ in 0..1 + n.below(5) {
        let count = circuit.vectors().len() as u64;
        let sources = [n.below(count) as usize, n.below(count) as usize];
        let [left, right] = sources.map(|s| 1u64 << circuit.vectors()[s].bits());
        let bits = n.below(7) as usize;
        let kinds = if n.below(3) == 0 { 2 } else { 3 };
        let gate = |n: &mut Numbers| {
            let (out, a, b) = (n.below(1 << bits) as u32, n.below(left) as u32, n.below(left) as u32);
            match n.below(kinds) {
                0 => Gate::Add { out, inputs: [a, b] },
                1 => Gate::Relay { out, input: a },
                _ => Gate::Multiply { out, left: a, right: n.below(right) as u32 },
            }
        };
        let gates = (0..n.below(300)).map(|_| gate(&mut n)).collect();
        circuit.layer(bits, sources, gates).unwrap();
    }
    (circuit, values)
}

/// The definition, on full vectors, without supports.
fn evaluate_plainly(inputs: &[Vec<Fr>], layers: &[(usize, [usize; 2], Vec<Gate>)]) -> Vec<Fr> {
    let mut all = inputs.to_vec();
    for (bits, [l, r], gates) in layers {
        let mut out = vec![Fr::zero(); 1 << bits];
        for gate in gates {
            match gate {
                Gate::Multiply { out: z, left, right } => {
                    out[*z as usize] += all[*l][*left as usize] * all[*r][*right as usize];
                }
                Gate::Add { out: z, inputs: [a, b] } => out[*z as usize] += all[*l][*a as usize] + all[*l][*b as usize],
                Gate::Relay { out: z, input } => out[*z as usize] += all[*l][*input as usize],
            }
        }
        all.push(out);
    }
    all.pop().unwrap()
}

#[test]
fn random_circuits_are_proved_and_backends_agree() {
    for seed in 0..60 {
        let (circuit, inputs) = random_circuit(seed);
        let (bytes, claims, outputs) = proof(&Cpu, &circuit, &inputs);
        assert_eq!(accepts(&circuit, &inputs, &outputs, &bytes), Ok(true), "seed {seed}");
        assert_eq!((bytes, claims, outputs), proof(&Reference, &circuit, &inputs), "seed {seed}");
    }
}

#[test]
fn pruned_circuits_compute_what_the_gates_say() {
    let mut n = Numbers::new(5);
    for seed in 0..40u64 {
        let bits = 5;
        let support: Vec<u32> = (0..32).filter(|_| n.below(1 + seed % 4) == 0).collect();
        let vector = Vector::sparse(bits, support);
        let values: Vec<Fr> = (0..vector.len()).map(|_| element(&mut n)).collect();
        let mut circuit = Circuit::new(vec![vector.clone()]).unwrap();
        let mut layers = Vec::new();
        for source in 0..3 {
            let p = |n: &mut Numbers| n.below(32) as u32;
            let gates: Vec<Gate> = (0..40)
                .map(|g| match g % 3 {
                    0 => Gate::Multiply { out: p(&mut n), left: p(&mut n), right: p(&mut n) },
                    1 => Gate::Add { out: p(&mut n), inputs: [p(&mut n), p(&mut n)] },
                    _ => Gate::Relay { out: p(&mut n), input: p(&mut n) },
                })
                .collect();
            circuit.layer(bits, [source, source / 2], gates.clone()).unwrap();
            layers.push((bits, [source, source / 2], gates));
        }
        let expected = evaluate_plainly(&[vector.spread(&values)], &layers);
        let (bytes, _, outputs) = proof(&Cpu, &circuit, std::slice::from_ref(&values));
        assert_eq!(outputs, expected);
        assert_eq!(accepts(&circuit, &[values], &outputs, &bytes), Ok(true));
    }
}

#[test]
fn dead_gates_are_dropped() {
    let mut circuit = Circuit::new(vec![Vector::sparse(3, vec![1, 4]), Vector::dense(1)]).unwrap();
    let gates = vec![
        Gate::Multiply { out: 0, left: 0, right: 0 },
        Gate::Multiply { out: 5, left: 4, right: 1 },
        Gate::Add { out: 6, inputs: [1, 2] },
        Gate::Relay { out: 7, input: 3 },
    ];
    circuit.layer(3, [0, 1], gates).unwrap();
    assert_eq!(circuit.gates(), [1, 1]);
    assert_eq!(circuit.output().support(), &Support::Sparse(vec![5, 6]));
}

#[test]
fn wrong_outputs_and_altered_messages_are_refused() {
    for seed in [1, 3, 9, 12, 17, 24] {
        let (circuit, inputs) = random_circuit(seed);
        let (bytes, _, outputs) = proof(&Cpu, &circuit, &inputs);
        for i in 0..outputs.len() {
            let mut wrong = outputs.clone();
            wrong[i] += Fr::one();
            assert_ne!(accepts(&circuit, &inputs, &wrong, &bytes), Ok(true), "seed {seed}, output {i}");
        }
        for word in 0..bytes.len() / WORD {
            let mut altered = bytes.clone();
            altered[word * WORD + WORD - 1] ^= 1;
            assert_ne!(accepts(&circuit, &inputs, &outputs, &altered), Ok(true), "seed {seed}, word {word}");
        }
        let mut other = inputs.clone();
        if let Some(v) = other.iter_mut().flatten().next() {
            *v += Fr::one();
        }
        let changed = circuit.evaluate(other.clone()).pop() != circuit.evaluate(inputs.clone()).pop();
        assert!(!changed || accepts(&circuit, &other, &outputs, &bytes) != Ok(true), "seed {seed}: inputs");
        let short = &bytes[..bytes.len().saturating_sub(1)];
        let cut = accepts(&circuit, &inputs, &outputs, short);
        assert!(bytes.is_empty() || matches!(cut, Err(GkrError::Message(VerifyError::TooShort { .. }))), "{cut:?}");
        let few = accepts(&circuit, &inputs, &outputs[1..], &bytes);
        assert!(matches!(few, Err(GkrError::OutputLength { .. })));
    }
}

#[test]
fn the_prover_cannot_leave_out_a_gate() {
    // Proof of a circuit with one gate less, for the outputs of that circuit.
    let input = vec![vec![Fr::from(3u64); 8]];
    let build = |gates: u32| {
        let mut circuit = Circuit::new(vec![Vector::dense(3)]).unwrap();
        let gates = (0..gates).map(|g| Gate::Multiply { out: g % 2, left: g, right: 7 - g }).collect();
        circuit.layer(1, [0, 0], gates).unwrap();
        circuit
    };
    let (full, less) = (build(8), build(7));
    let (bytes, _, outputs) = proof(&Cpu, &less, &input);
    assert_eq!(accepts(&less, &input, &outputs, &bytes), Ok(true));
    assert_ne!(accepts(&full, &input, &outputs, &bytes), Ok(true));
    assert_ne!(full.digest(), less.digest());
}

#[test]
fn bad_circuits_are_refused() {
    let new = || Circuit::new(vec![Vector::dense(2)]).unwrap();
    assert_eq!(Circuit::new(vec![Vector::dense(40)]).unwrap_err(), CircuitError::TooLong { bits: 40 });
    assert_eq!(new().layer(32, [0, 0], vec![]), Err(CircuitError::TooLong { bits: 32 }));
    let source = CircuitError::Source { layer: 0, source_vector: 1, layer_vector: 1 };
    assert_eq!(new().layer(1, [0, 1], vec![]), Err(source));
    for gate in [
        Gate::Multiply { out: 0, left: 0, right: 4 },
        Gate::Add { out: 0, inputs: [0, 4] },
        Gate::Relay { out: 4, input: 0 },
    ] {
        assert_eq!(new().layer(2, [0, 0], vec![gate]), Err(CircuitError::Position { layer: 0, position: 4, bits: 2 }));
    }
}

/// Every way to prove a product of a matrix and a vector ends in a claim that the matrix satisfies.
fn matvec_case<C: Compute>(compute: &C, density: f64) -> Computed<()> {
    let (k, n) = (4, 16);
    let shape = random::Shape { widths: vec![n, n, 2], density, max: 15 };
    let ternary: TernaryMatrix = random::network(&shape, 3).unwrap().layers.remove(0).weights;
    let signs: Vec<i8> = (0..n).flat_map(|i| ternary.dense_row(i)).collect();
    let entries: Vec<Fr> = signs.iter().map(|s| crate::algebra::fr::from_i64(i64::from(*s))).collect();
    let mut numbers = Numbers::new(8);
    let x: Vec<Fr> = (0..n).map(|_| element(&mut numbers)).collect();
    let y: Vec<Fr> = entries.chunks(n).map(|row| mle::inner_product(row, &x)).collect();
    let support: Vec<u32> = (0..(n * n) as u32).filter(|p| signs[*p as usize] != 0).collect();
    let triples: Vec<(u32, u32, Fr)> = support.iter().map(|p| (p / n as u32, p % n as u32, entries[*p as usize])).collect();
    let kept: Vec<Fr> = support.iter().map(|p| entries[*p as usize]).collect();
    let evaluate = |point: &[Fr]| mle::inner_product(&eq::table(point), &entries);

    for (vector, values) in [(Vector::dense(2 * k), entries.clone()), (Vector::sparse(2 * k, support.clone()), kept)] {
        let circuit = matvec::circuit(k, vector).unwrap();
        let (bytes, claims, outputs) = proof(compute, &circuit, &[values.clone(), x.clone()]);
        assert_eq!(outputs, y);
        assert_eq!(accepts(&circuit, &[values, x.clone()], &y, &bytes), Ok(true));
        assert_eq!(claims[0].value, evaluate(&claims[0].point));
    }
    let matrices = [
        Matrix::Dense { columns: n, entries: entries.clone() },
        Matrix::sparse(n, &triples),
        Matrix::Ternary(compute.load(&ternary)?),
    ];
    let mut proofs = Vec::new();
    for matrix in &matrices {
        let mut writer = Writer::new(transcript(&[]), 0, &mut Blinds::new([0; 32]), compute).unwrap();
        let (claim, folded) = matvec::prove(&mut writer, compute, matrix, &x, n).unwrap();
        let bytes = writer.finish().unwrap().2;
        assert_eq!(claim.value, evaluate(&claim.point));
        assert_eq!(mle::inner_product(&eq::table(&claim.point[k..]), &folded), claim.value);
        let check = |bytes: &[u8], y: &[Fr]| matvec::verify(&mut Reader::new(transcript(&[]), bytes, 0), &x, y);
        assert_eq!(check(&bytes, &y), Ok(claim.clone()));
        let mut wrong = y.clone();
        wrong[5] += Fr::one();
        assert!(check(&bytes, &wrong).is_err());
        for word in 0..bytes.len() / WORD {
            let mut altered = bytes.clone();
            altered[word * WORD + WORD - 1] ^= 1;
            assert!(check(&altered, &y) != Ok(claim.clone()), "word {word}");
        }
        proofs.push(bytes);
    }
    assert!(proofs.iter().all(|p| *p == proofs[0]), "the fold is the same, whatever is known of the entries");
    Ok(())
}

#[test]
fn matrices_are_proved_in_every_way() {
    for density in [1.0 / 16.0, 0.3, 1.0] {
        matvec_case(&Cpu, density).unwrap();
        matvec_case(&Reference, density).unwrap();
    }
}

#[test]
fn sparse_rounds_send_what_dense_rounds_send() {
    let mut n = Numbers::new(21);
    // Many tasks' worth of entries, few entries, one, and none.
    for (bits, one_in) in [(16, 4), (15, 40), (9, 300), (5, 1_000_000)] {
        let positions: Vec<u32> = (0..1u32 << bits).filter(|_| n.below(one_in) == 0).collect();
        let vector = Vector::sparse(bits, positions);
        let mut table = || -> Vec<Fr> { (0..vector.len()).map(|_| element(&mut n)).collect() };
        let tables = [table(), table()];
        let run = |vector: &Vector, tables: [Vec<Fr>; 2]| {
            let mut writer = Writer::new(transcript(&[]), 0, &mut Blinds::new([0; 32]), &Cpu).unwrap();
            let ends = super::rounds::prove(&mut writer, &Cpu, vector, tables).unwrap();
            (ends, writer.finish().unwrap().2)
        };
        let dense = run(&Vector::dense(bits), tables.clone().map(|t| vector.spread(&t)));
        assert!(run(&vector, tables) == dense, "{bits} bits, {} entries", vector.len());
    }
}
