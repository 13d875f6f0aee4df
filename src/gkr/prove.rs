//! The prover. Headings and order are those of [`verify`](mod@super::verify).

use super::circuit::{Circuit, Layer, TASKS, Vector};
use super::verify::input_claims;
use super::{Claim, EvalClaim, Weights, begin, combine, rounds};
use crate::algebra::{Fr, eq, mle};
use crate::compute::Compute;
use crate::protocol::ProveError;
use crate::transcript::Writer;
use ark_ff::Zero;

/// Proves what `circuit` outputs. `values` are those of [`Circuit::evaluate`]; they are used up, table by table, so that the
/// last reader of a vector binds it in place.
///
/// # Errors
/// When the device fails, or the values are not the circuit's.
pub fn prove<C: Compute>(
    writer: &mut Writer<'_>,
    compute: &C,
    circuit: &Circuit,
    mut values: Vec<Vec<Fr>>,
) -> Result<Vec<EvalClaim>, ProveError> {
    let vectors = circuit.vectors();
    let fits = values.len() == vectors.len() && values.iter().zip(vectors).all(|(v, s)| v.len() == s.len());
    let last = values.pop().filter(|_| fits).ok_or(ProveError::Internal("values of another circuit"))?;
    let outputs = circuit.output().spread(&last);
    let tau = begin(writer.transcript(), circuit, &outputs);
    let value = mle::inner_product(&eq::table(&tau), &outputs);
    let mut open: Vec<Vec<Claim>> = vec![Vec::new(); vectors.len()];
    values.push(last);
    if let Some(claims) = open.last_mut() {
        claims.push(Claim { point: tau, value });
    }
    let last_reader = |vector: usize| circuit.layers.iter().position(|l| l.sources.contains(&vector));
    for (number, layer) in circuit.layers.iter().enumerate().rev() {
        let out = circuit.inputs() + number;
        // Nothing above reads it any more.
        values[out] = Vec::new();
        let claims = std::mem::take(&mut open[out]);
        if claims.is_empty() {
            continue;
        }
        let [left, right] = layer.sources;
        let has_products = layer.products.len() > 0;
        let (weights, _) = combine(vectors[out].bits(), &claims, || writer.challenge("rho"));
        let c = compute.map(vectors[out].len(), |z| weights.at(vectors[out].position(z)));

        // Phase 1.
        let a = compute.map(vectors[left].len(), |x| left_entry(layer, &c, &values[right], x));
        let again = last_reader(left) != Some(number) || (has_products && left == right);
        let table = if again { values[left].clone() } else { std::mem::take(&mut values[left]) };
        let (u, [v, _]) = rounds::prove(writer, compute, &vectors[left], [table, a])?;
        writer.field("left", &v);
        open[left].push(Claim { point: u.clone(), value: v });
        if !has_products {
            continue;
        }

        // Phase 2.
        let m = right_table(compute, layer, &c, (&vectors[left], &u, v), vectors[right].len());
        drop(c);
        let again = last_reader(right) != Some(number);
        let table = if again { values[right].clone() } else { std::mem::take(&mut values[right]) };
        let (w, [v_right, _]) = rounds::prove(writer, compute, &vectors[right], [table, m])?;
        writer.field("right", &v_right);
        open[right].push(Claim { point: w, value: v_right });
    }
    Ok(input_claims(open, circuit.inputs()))
}

/// `A(x) = Σ_multiply c_z·V_right(y) + Σ_wire c_z`.
fn left_entry(layer: &Layer, c: &[Fr], right: &[Fr], x: usize) -> Fr {
    let product = |(z, y): &(u32, u32)| {
        let v = right[*y as usize];
        if v.is_zero() { v } else { c[*z as usize] * v }
    };
    let add = |sum: Fr, z: &u32| sum + c[*z as usize];
    let products = match layer.products.get(x) {
        [] => Fr::zero(),
        [first, rest @ ..] => rest.iter().fold(product(first), |sum, g| sum + product(g)),
    };
    layer.wires.get(x).iter().fold(products, add)
}

/// `v·M(y) = Σ_multiply c_z·v·eq(u, x)`.
fn right_table<C: Compute>(
    compute: &C,
    layer: &Layer,
    c: &[Fr],
    (left, u, v): (&Vector, &[Fr], Fr),
    right_len: usize,
) -> Vec<Fr> {
    let eq = Weights::new(left.bits(), [(u, v)]);
    if let Some(by_right) = &layer.by_right {
        let eq = compute.map(left.len(), |x| eq.at(left.position(x)));
        let product = |(z, x): &(u32, u32)| c[*z as usize] * eq[*x as usize];
        return compute.map(right_len, |y| by_right.get(y).iter().map(product).sum());
    }
    // Few right operands: every task walks its gates in order and has sums of its own.
    let bound = |task: usize| left.len() * task / TASKS;
    let sums = compute.map(TASKS, |task| {
        let mut sums = vec![Fr::zero(); right_len];
        for x in bound(task)..bound(task + 1) {
            let gates = layer.products.get(x);
            if !gates.is_empty() {
                let eq = eq.at(left.position(x));
                gates.iter().for_each(|(z, y)| sums[*y as usize] += c[*z as usize] * eq);
            }
        }
        sums
    });
    compute.map(right_len, |y| sums.iter().map(|s| s[y]).sum())
}
