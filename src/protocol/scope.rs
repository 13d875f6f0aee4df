//! What both sides derive from public challenges: selectors, local points, public parts, functionals.
//!
//! The leaf claim of the lookups is linear in (z, q', y): with κ the part of a block's key that is committed or virtual,
//!
//! ```text
//! α − q̃(r) = Σ_b sel_b·κ_b + (1 − Σ_b sel_b)·key_pad        V = α − [q̃] − [u] − constants
//! ```
//!
//! | block | κ |
//! | --- | --- |
//! | accumulator (a) | `z̃ + β·ỹ + β²·id` |
//! | remainder (b) | `z̃ + half − 2^s·q̃' + β²·id` |
//! | activation (b) | `q̃' + β·ỹ + β²·id` |
//! | private input | `x̃ + β²·id` |
//!
//! `u` stands for the z parts, `Σ_b c_b·z̃_b(r_b)` with `c_b` the selector of the block that has z; stage 3 proves it.

use super::errors::VerifyError;
use super::instance::Instance;
use super::plan::{Linear, Lookup, Vector};
use crate::algebra::{Fr, eq, mle::inner_product, wide};
use crate::commit::Claim;
use crate::commit::functional::Functional;
use crate::lookup::{Table, tables};
use crate::model::architecture::half;
use ark_ff::{One, Zero};

/// Challenges and derived values of one proof, filled in as the stages go by.
pub struct Scope<'a> {
    instance: &'a Instance<'a>,
    /// Lookup challenges.
    pub alpha: Fr,
    /// Lookup challenges.
    pub beta: Fr,
    /// The leaf point, `K` coordinates.
    leaf: Vec<Fr>,
    /// `eq(r_B, β)` for `β < B`.
    pub batch_weights: Vec<Fr>,
    /// `Σ_{β<B} eq(r_B, β)`: the constant one's extension.
    pub one: Fr,
    /// `c_b` of every layer.
    pub factors: Vec<Fr>,
    /// `r_b` of every layer.
    pub points: Vec<Vec<Fr>>,
    /// Constants of the leaf form.
    constant: Fr,
    /// γ.
    pub gamma: Fr,
    /// The end point of the linear sumcheck.
    linear: Vec<Fr>,
    /// The inverses of all tables' entries, end to end: known to the prover, who made them in stage 2.
    inverses: Option<&'a [Fr]>,
}

impl<'a> Scope<'a> {
    /// Before the first challenge.
    #[must_use]
    pub fn new(instance: &'a Instance<'a>, alpha: Fr, beta: Fr) -> Self {
        let layers = instance.key().architecture().layers();
        Self {
            instance,
            alpha,
            beta,
            leaf: Vec::new(),
            batch_weights: Vec::new(),
            one: Fr::zero(),
            factors: vec![Fr::zero(); layers],
            points: vec![Vec::new(); layers],
            constant: Fr::zero(),
            gamma: Fr::zero(),
            linear: Vec::new(),
            inverses: None,
        }
    }

    /// (prover) After stage 2: the inverses of all tables' entries, end to end.
    #[cfg(feature = "prover")]
    pub const fn set_inverses(&mut self, inverses: &'a [Fr]) {
        self.inverses = Some(inverses);
    }

    /// `γ²`, the factor of the table side.
    #[must_use]
    pub fn gamma_squared(&self) -> Fr {
        self.gamma * self.gamma
    }

    /// After stage 2: the leaf point.
    pub fn set_leaf(&mut self, point: Vec<Fr>) {
        let plan = self.instance.plan();
        let arch = self.instance.key().architecture();
        let batch_point = &point[point.len() - plan.batch_bits..];
        self.batch_weights = eq::table(batch_point);
        self.batch_weights.truncate(plan.batch);
        self.one = self.batch_weights.iter().sum();
        let (mut total, mut constant) = (Fr::zero(), Fr::zero());
        for (block, table) in plan.lookups() {
            let (selector, local) = block.split(&point);
            total += selector;
            constant += selector * self.beta * self.beta * Fr::from(table as u64 + 1);
            if let Lookup::Remainder(b) = block.kind {
                constant += selector * Fr::from(half(arch.hidden[b].shift) as u64);
            }
            if let Lookup::Accumulator(b) | Lookup::Remainder(b) = block.kind {
                self.factors[b] = selector;
                self.points[b] = local[..local.len() - plan.batch_bits].to_vec();
            }
        }
        let pad = plan.padding_table();
        let zero = plan.tables.get(pad).map_or(0, Table::zero_pattern);
        // The zero pattern's second component is T(0) = 0 in every table.
        let pad_key = self.alpha - tables::denominator(self.alpha, self.beta, pad as u64 + 1, (zero, 0));
        self.constant = constant + (Fr::one() - total) * pad_key;
        self.leaf = point;
    }

    /// After `[u]`: r' and γ.
    pub fn set_logits(&mut self, point: Vec<Fr>, gamma: Fr) {
        self.gamma = gamma;
        if let (Some(p), Some(f)) = (self.points.last_mut(), self.factors.last_mut()) {
            (*p, *f) = (point, gamma);
        }
    }

    /// After stage 3: its end point.
    pub fn set_linear(&mut self, point: Vec<Fr>) {
        self.linear = point;
    }

    /// The claim of stage 3: `[u] + γ·Z̃ + γ²·[S]`.
    #[must_use]
    pub fn linear_claim<C: Claim>(&self, u: C, sum: C) -> C {
        (u + sum * self.gamma_squared()).plus(self.gamma * self.logits())
    }

    /// `Z̃(r', r_B)`.
    fn logits(&self) -> Fr {
        let outputs = self.instance.key().architecture().logits();
        let combined = wide::combine_rows(self.instance.logits(), outputs, &self.batch_weights);
        self.points.last().map_or(Fr::zero(), |p| inner_product(&eq::table(p), &combined))
    }

    /// The extension of a table's inverses at a point; `None` when a challenge hits a key.
    fn inverses_at(&self, t: usize, point: &[Fr]) -> Option<Fr> {
        let all = &self.instance.plan().tables;
        let Some(known) = self.inverses else {
            return tables::evaluate_inverses(&all[t], t as u64 + 1, self.alpha, self.beta, point);
        };
        let before: usize = all[..t].iter().map(Table::len).sum();
        Some(inner_product(&eq::table(point), known.get(before..before + all[t].len())?))
    }

    /// What of ŵ and x̂ is public: the tables' inverses; the public input and the constant one.
    ///
    /// # Errors
    /// When a challenge hits a key.
    fn public_parts(&self) -> Result<(Fr, Fr), VerifyError> {
        let (mut weights, mut inputs) = (Fr::zero(), Fr::zero());
        for block in &self.instance.plan().linear {
            let (selector, local) = block.split(&self.linear);
            match block.kind {
                Linear::Table(t) => {
                    let value = self.inverses_at(t, local).ok_or(VerifyError::UnluckyChallenge)?;
                    weights += selector * self.gamma_squared() * value;
                }
                Linear::Bias(_) => inputs += selector * self.one,
                Linear::Layer(0) => {
                    if let Some(x) = self.instance.inputs() {
                        let width = self.instance.key().architecture().inputs(0);
                        let combined = wide::combine_rows(x, width, &self.batch_weights);
                        inputs += selector * inner_product(&eq::table(local), &combined);
                    }
                }
                Linear::Layer(_) => {}
            }
        }
        Ok((weights, inputs))
    }

    /// The three claims of a proof, with the functionals that they are claimed to be: weights, inputs, leaf form.
    ///
    /// # Errors
    /// When a challenge hits a key.
    pub fn claims<C: Claim>(&self, weights: C, inputs: C, leaf: C, u: C) -> Result<Vec<(C, Functional)>, VerifyError> {
        let (public_weights, public_inputs) = self.public_parts()?;
        let form = (leaf + u) * -Fr::one();
        let [w, x, v] = self.functionals();
        Ok(vec![
            (weights.plus(-public_weights), w),
            (inputs.plus(-public_inputs), x),
            (form.plus(self.alpha - self.constant), v),
        ])
    }

    fn functionals(&self) -> [Functional; 3] {
        let plan = self.instance.plan();
        let arch = self.instance.key().architecture();
        let layers = arch.layers();
        let [mut weights, mut inputs, mut form] = std::array::from_fn(|_| Functional::default());
        for block in &plan.linear {
            let (selector, local) = block.split(&self.linear);
            match block.kind {
                Linear::Layer(b) => {
                    weights.add(Vector::Weights(b).index(layers), arch.inputs(b), local, selector);
                    if b > 0 {
                        inputs.add(Vector::Activation(b - 1).index(layers), arch.inputs(b), local, selector);
                    } else if plan.private {
                        inputs.add(Vector::Input.index(layers), arch.inputs(0), local, selector);
                    }
                }
                Linear::Bias(b) => {
                    let vector = Vector::Bias(b).index(layers);
                    weights.add(vector, arch.outputs(b), &self.points[b], selector * self.factors[b]);
                }
                Linear::Table(t) => {
                    inputs.add(Vector::Multiplicity(t).index(layers), plan.tables[t].len(), local, selector);
                }
            }
        }
        for block in &plan.lookups {
            let (selector, local) = block.split(&self.leaf);
            let local = &local[..local.len() - plan.batch_bits];
            let mut add =
                |vector: Vector, width, factor: Fr| form.add(vector.index(layers), width, local, selector * factor);
            match block.kind {
                Lookup::Accumulator(b) => add(Vector::Activation(b), arch.outputs(b), self.beta),
                Lookup::Remainder(b) => {
                    add(Vector::Quotient(b), arch.outputs(b), -Fr::from(1u64 << arch.hidden[b].shift));
                }
                Lookup::Activation(b) => {
                    add(Vector::Activation(b), arch.outputs(b), self.beta);
                    add(Vector::Quotient(b), arch.outputs(b), Fr::one());
                }
                Lookup::Input => add(Vector::Input, arch.inputs(0), Fr::one()),
            }
        }
        [weights, inputs, form]
    }
}
