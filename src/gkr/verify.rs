//! The verifier. Headings and order are those of `prove`.

use super::circuit::{Circuit, Layer, Vector};
use super::{Claim, EvalClaim, GkrError, Weights, begin, combine, rounds};
use crate::algebra::Fr;
use crate::transcript::Reader;
use ark_ff::Zero;

/// Reads a proof that `circuit` has these `2^bits` outputs; what remains are claims about its inputs.
///
/// # Errors
/// The first message or layer that is wrong.
pub fn verify(reader: &mut Reader<'_>, circuit: &Circuit, outputs: &[Fr]) -> Result<Vec<EvalClaim>, GkrError> {
    let expected = 1 << circuit.output().bits();
    if outputs.len() != expected {
        return Err(GkrError::OutputLength { found: outputs.len(), expected });
    }
    let tau = begin(reader.transcript(), circuit, outputs);
    let value = crate::algebra::mle::inner_product(&crate::algebra::eq::table(&tau), outputs);
    let vectors = circuit.vectors();
    let mut open: Vec<Vec<Claim>> = vec![Vec::new(); vectors.len()];
    if let Some(last) = open.last_mut() {
        last.push(Claim { point: tau, value });
    }
    for (number, layer) in circuit.layers.iter().enumerate().rev() {
        let out = circuit.inputs() + number;
        let claims = std::mem::take(&mut open[out]);
        if claims.is_empty() {
            continue;
        }
        let [left, right] = layer.sources;
        let (weights, e) = combine(vectors[out].bits(), &claims, || reader.challenge("rho"));
        let wiring = Wiring { layer, out: &vectors[out], left: &vectors[left], right: &vectors[right], weights };

        // Phase 1.
        let (e, u) = rounds::verify(reader, vectors[left].bits(), e)?;
        let v = reader.field("left")?;
        let of_wires = v * wiring.wires(&u);
        open[left].push(Claim { point: u.clone(), value: v });
        if layer.products.len() == 0 {
            if e != of_wires {
                return Err(GkrError::Layer { layer: number, expected: of_wires, found: e });
            }
            continue;
        }

        // Phase 2.
        let (e, w) = rounds::verify(reader, vectors[right].bits(), e - of_wires)?;
        let v_right = reader.field("right")?;
        let expected = v * v_right * wiring.products(&u, &w);
        if e != expected {
            return Err(GkrError::Layer { layer: number, expected, found: e });
        }
        open[right].push(Claim { point: w, value: v_right });
    }
    Ok(input_claims(open, circuit.inputs()))
}

/// The claims about inputs that are left at the end.
pub(super) fn input_claims(open: Vec<Vec<Claim>>, inputs: usize) -> Vec<EvalClaim> {
    let of_input = |(input, claims): (usize, Vec<Claim>)| {
        claims.into_iter().map(move |Claim { point, value }| EvalClaim { input, point, value })
    };
    open.into_iter().take(inputs).enumerate().flat_map(of_input).collect()
}

/// A layer's wiring, summed with the weights of its outputs. Linear in the gates; tables of square-root size.
struct Wiring<'a> {
    layer: &'a Layer,
    out: &'a Vector,
    left: &'a Vector,
    right: &'a Vector,
    weights: Weights,
}

impl Wiring<'_> {
    fn weight(&self, z: u32) -> Fr {
        self.weights.at(self.out.position(z as usize))
    }

    /// `Ã_wire(u) = Σ_wire c_z·eq(u, x)`.
    fn wires(&self, u: &[Fr]) -> Fr {
        if self.layer.wires.len() == 0 {
            return Fr::zero();
        }
        let eq = Weights::new(self.left.bits(), [(u, Fr::from(1u64))]);
        let of_input = |x: usize| {
            let outs = self.layer.wires.get(x);
            if outs.is_empty() {
                return Fr::zero();
            }
            eq.at(self.left.position(x)) * outs.iter().map(|z| self.weight(*z)).sum::<Fr>()
        };
        (0..self.left.len()).map(of_input).sum()
    }

    /// `Σ_multiply c_z·eq(u, x)·eq(w, y)`.
    fn products(&self, u: &[Fr], w: &[Fr]) -> Fr {
        let one = Fr::from(1u64);
        let (eq_u, eq_w) = (Weights::new(self.left.bits(), [(u, one)]), Weights::new(self.right.bits(), [(w, one)]));
        let of_input = |x: usize| {
            let gates = self.layer.products.get(x);
            if gates.is_empty() {
                return Fr::zero();
            }
            let term = |(z, y): &(u32, u32)| self.weight(*z) * eq_w.at(self.right.position(*y as usize));
            eq_u.at(self.left.position(x)) * gates.iter().map(term).sum::<Fr>()
        };
        (0..self.left.len()).map(of_input).sum()
    }
}
