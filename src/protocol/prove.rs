//! The prover. Headings and order are those of [`verify`](mod@super::verify).

use super::errors::ProveError;
use super::plan::{Plan, Vector};
use super::progress::{Clock, Stage};
use super::scope::Scope;
use super::session::{Prepared, Session};
use super::witness::{self, table_offsets};
use super::{VerifyError, close_transcript};
use crate::algebra::mle::{inner_product, log2_ceil};
use crate::algebra::{Fr, eq, g1::Point};
use crate::commit::functional::{Body, Combined};
use crate::commit::sigma::{self, Mask, Product};
use crate::commit::{Hidden, opening};
use crate::compute::Compute;
use crate::linear;
use crate::lookup::layers::Layers;
use crate::lookup::{fraction_tree, tables};
use crate::transcript::{Blinds, DIGEST, Stream, Writer};
use ark_ff::{One, Zero};

/// A proof up to stage 3: its end state, its digest, and its words.
type WrittenBody = (Body<Hidden, Combined>, [u8; DIGEST], Vec<u8>);

/// Witness rows that are committed together: what a backend holds for them is small beside the rows.
pub(super) const ROWS: usize = 1 << 12;

impl<C: Compute> Session<C> {
    /// Stages 1 to 5. `prepare` sees every channel before it is used.
    pub(super) fn run(
        &self,
        prepared: &Prepared<'_>,
        blinds: &mut Blinds,
        clock: &mut Clock<'_>,
        prepare: impl Fn(&mut Writer<'_>) + Sync,
    ) -> Result<Vec<u8>, ProveError> {
        clock.begin(Stage::Commit);
        let row_width = self.key.architecture().row_width;
        let mask = Mask::draw(&self.compute, blinds, row_width);
        // The mask's multi-scalar multiplication fills the cores that short sumcheck rounds leave idle. The body comes first, so
        // that it stays on this thread: what it gives back is found again by the next proof.
        let (body, delta) = self
            .compute
            .join(|| self.body(prepared, blinds, clock, &prepare), || mask.commit(&self.compute, self.generators.rows()));
        let (delta, (body, digest, bytes)) = (delta?, body?);
        clock.begin(Stage::Opening);
        let scalars = 2 * log2_ceil(row_width);
        let mut writer = Writer::new(close_transcript(&[digest]), scalars, blinds, &self.compute)?;
        prepare(&mut writer);
        let closing = prove_close(writer, &self.compute, blinds, &[body], row_width, (&mask, &delta), |s| clock.begin(s))?;
        Ok([bytes, closing].concat())
    }

    /// Stages 1 to 3.
    pub(crate) fn body(
        &self,
        prepared: &Prepared<'_>,
        blinds: &mut Blinds,
        clock: &mut Clock<'_>,
        prepare: &(impl Fn(&mut Writer<'_>) + Sync),
    ) -> Result<WrittenBody, ProveError> {
        let Prepared { instance, transcript, inputs, trace, lookups } = prepared;
        let (plan, arch, compute) = (instance.plan(), self.key.architecture(), &self.compute);
        let layers = arch.layers();
        let mut writer = Writer::new(transcript.clone(), plan.body_scalars(), blinds, compute)?;
        prepare(&mut writer);
        let mut products = Vec::with_capacity(plan.products());

        // Stage 1: witness rows.
        let values = witness::values(plan, arch, inputs, trace, lookups);
        let rows: Vec<&[i32]> = values.iter().flat_map(|(_, row)| row.chunks(arch.row_width)).collect();
        let first = blinds.reserve(Stream::Row, rows.len());
        let row_blinds = compute.map(rows.len(), |n| blinds.at(Stream::Row, first + n as u64));
        for (rows, blinds) in rows.chunks(ROWS).zip(row_blinds.chunks(ROWS)) {
            for point in compute.commit_rows(self.generators.rows(), rows, blinds)? {
                writer.point("row", &point);
            }
        }
        drop((values, rows));
        let (alpha, beta) = (writer.challenge("alpha"), writer.challenge("beta"));
        let mut scope = Scope::new(instance, alpha, beta);

        // Stage 2: lookups.
        clock.begin(Stage::Lookup);
        let (denominators, inverses) = table_sides(compute, plan, alpha, beta)?;
        let counts = lookups.multiplicities.iter().flatten();
        let sum = counts.zip(&inverses).filter(|(m, _)| **m != 0).fold(Fr::zero(), |s, (m, v)| s + Fr::from(*m) * v);
        let tree = resume(compute, &mut writer, &mut products, |writer, products| {
            let layers = Layers::new(compute, &denominators, &lookups.indices, self.holding)?;
            fraction_tree::prove(writer, products, layers, sum)
        })?;
        drop(denominators);
        scope.set_leaf(tree.point);
        scope.set_inverses(&inverses);

        // The vectors that stages 3 and 4 share. The last layer's weights wait for γ.
        clock.begin(Stage::Linear);
        let (linear, vectors, u) = resume(compute, &mut writer, &mut products, |writer, products| {
            let mut vectors = vec![Combined::default(); Vector::count(layers, plan.tables.len())];
            self.combine_witness(&scope, prepared, &row_blinds, &mut vectors)?;
            let mut u = Fr::zero();
            for b in 0..layers - 1 {
                u += self.combine_layer(&scope, b, &mut vectors)?;
            }
            let [u] = writer.scalars(["u"], [u])?;
            let logit_point = (0..log2_ceil(arch.logits())).map(|_| writer.challenge("r'")).collect();
            let gamma = writer.challenge("gamma");
            scope.set_logits(logit_point, gamma);
            self.combine_layer(&scope, layers - 1, &mut vectors)?;

            // Stage 3: linear.
            let tables = self.linear_tables(&scope, plan, &inverses, &vectors)?;
            let claim = scope.linear_claim(u, tree.sum);
            Ok((linear::prove(writer, compute, products, tables, plan.linear_bits, claim)?, vectors, u))
        })?;
        scope.set_linear(linear.point);

        let claims = scope.claims(linear.weights, linear.inputs, tree.leaf, u).map_err(|e| match e {
            VerifyError::UnluckyChallenge => ProveError::UnluckyChallenge,
            _ => ProveError::Internal("the claims of an honest proof"),
        })?;
        let (digest, sent, bytes) = writer.finish()?;
        Ok((Body { claims, products, sent, vectors }, digest, bytes))
    }

    /// Values and blinds of the witness's vectors, combined over the batch.
    fn combine_witness(
        &self,
        scope: &Scope<'_>,
        prepared: &Prepared<'_>,
        row_blinds: &[Fr],
        vectors: &mut [Combined],
    ) -> Result<(), ProveError> {
        let Prepared { instance, inputs, trace, lookups, .. } = prepared;
        let (plan, arch) = (instance.plan(), self.key.architecture());
        let layers = arch.layers();
        let weights = self.compute.upload(scope.batch_weights.clone())?;
        let combine = |rows: &[i32], width: usize| -> Result<Vec<Fr>, ProveError> {
            Ok(self.compute.download(&self.compute.combine_rows(rows, width, &weights)?)?)
        };
        // The input's combination is wanted in stage 3 even when it is public.
        vectors[Vector::Input.index(layers)].values = combine(inputs, arch.inputs(0))?;
        for b in 0..layers - 1 {
            vectors[Vector::Activation(b).index(layers)].values = combine(&trace.activations[b], arch.outputs(b))?;
            if plan.modes[b] == super::Mode::Split {
                vectors[Vector::Quotient(b).index(layers)].values = combine(&trace.quotients[b], arch.outputs(b))?;
            }
        }
        for (t, m) in lookups.multiplicities.iter().enumerate() {
            vectors[Vector::Multiplicity(t).index(layers)].values = m.iter().map(|m| Fr::from(*m)).collect();
        }
        let mut row_blinds = row_blinds.iter();
        let mut seen = vec![0; vectors.len()];
        for (vector, width) in plan.witness_vectors(arch) {
            let at = vector.index(layers);
            let weight = if let Vector::Multiplicity(_) = vector { Fr::one() } else { scope.batch_weights[seen[at]] };
            seen[at] += 1;
            vectors[at].blinds.resize(arch.chunks(width), Fr::zero());
            vectors[at].blinds.iter_mut().zip(&mut row_blinds).for_each(|(sum, blind)| *sum += weight * blind);
        }
        Ok(())
    }

    /// Folds the rows of one layer and returns its inner product with the layer's input, biases included.
    fn combine_layer(&self, scope: &Scope<'_>, b: usize, vectors: &mut [Combined]) -> Result<Fr, ProveError> {
        let arch = self.key.architecture();
        let layers = arch.layers();
        let row_weights = self.compute.eq_table(&scope.points[b], scope.factors[b])?;
        let folded = self.compute.fold_rows(&self.matrices[b], &row_weights)?;
        let values = self.compute.download(&folded)?;
        let row_weights = self.compute.download(&row_weights)?;
        let row_weights = &row_weights[..arch.outputs(b)];
        let chunks = arch.chunks(arch.inputs(b));
        let rows = &self.key_blinds[arch.weight_row_start(b)..][..arch.weight_rows(b)];
        let blind = |c| row_weights.iter().enumerate().map(|(i, k)| *k * rows[i * chunks + c]).sum();
        let blinds = (0..chunks).map(blind).collect();
        vectors[Vector::Weights(b).index(layers)] = Combined { values, blinds };
        let bias: Vec<Fr> = self.network.layers[b].bias.iter().map(|v| Fr::from(*v)).collect();
        let bias_sum = inner_product(row_weights, &bias);
        let blinds = self.key_blinds[arch.bias_row_start(b)..][..arch.chunks(arch.outputs(b))].to_vec();
        vectors[Vector::Bias(b).index(layers)] = Combined { values: bias, blinds };
        let input = &vectors[layer_input(b, layers)].values;
        Ok(inner_product(&vectors[Vector::Weights(b).index(layers)].values, input) + bias_sum * scope.one)
    }

    /// Left and right tables of stage 3.
    fn linear_tables(
        &self,
        scope: &Scope<'_>,
        plan: &Plan,
        inverses: &[Fr],
        vectors: &[Combined],
    ) -> Result<[C::Table; 2], ProveError> {
        use super::plan::Linear;
        let layers = self.key.architecture().layers();
        let offsets = table_offsets(&plan.tables);
        let factor = scope.gamma_squared();
        let values = |v: Vector| vectors[v.index(layers)].values.clone();
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for block in &plan.linear {
            let (l, r) = match block.kind {
                Linear::Layer(b) => (values(Vector::Weights(b)), vectors[layer_input(b, layers)].values.clone()),
                Linear::Table(t) => {
                    let of_table = &inverses[offsets[t] as usize..][..plan.tables[t].len()];
                    (of_table.iter().map(|v| factor * v).collect(), values(Vector::Multiplicity(t)))
                }
                Linear::Bias(b) => {
                    let weights = eq::scaled_table(&scope.points[b], scope.factors[b]);
                    (vec![inner_product(&weights, &vectors[Vector::Bias(b).index(layers)].values)], vec![scope.one])
                }
            };
            left.push((block.offset, self.compute.upload(l)?));
            right.push((block.offset, self.compute.upload(r)?));
        }
        let assemble = |parts: &[(usize, C::Table)]| {
            let parts: Vec<(usize, &C::Table)> = parts.iter().map(|(o, t)| (*o, t)).collect();
            self.compute.assemble(1 << plan.linear_bits, &parts)
        };
        Ok([assemble(&left)?, assemble(&right)?])
    }
}

/// Runs a stage, and runs it again on the CPU when a device was lost on the way with all that it held.
pub(crate) fn resume<C: Compute, T>(
    compute: &C,
    writer: &mut Writer<'_>,
    products: &mut Vec<Product<Hidden>>,
    mut stage: impl FnMut(&mut Writer<'_>, &mut Vec<Product<Hidden>>) -> Result<T, ProveError>,
) -> Result<T, ProveError> {
    let (start, known) = (writer.checkpoint(), products.len());
    match stage(writer, products) {
        Err(ProveError::Compute(e)) if compute.give_up_device() => {
            tracing::warn!("{e}; this stage runs again on the CPU");
            writer.rewind(start);
            products.truncate(known);
            stage(writer, products)
        }
        done => done,
    }
}

/// The vector that layer `b` multiplies.
const fn layer_input(b: usize, layers: usize) -> usize {
    if b == 0 { Vector::Input.index(layers) } else { Vector::Activation(b - 1).index(layers) }
}

/// `α − key` of every table entry, tables end to end, and their inverses.
fn table_sides<C: Compute>(compute: &C, plan: &Plan, alpha: Fr, beta: Fr) -> Result<(Vec<Fr>, Vec<Fr>), ProveError> {
    let of_table = |t: usize| tables::denominators(&plan.tables[t], t as u64 + 1, alpha, beta);
    let denominators = compute.map(plan.tables.len(), of_table).concat();
    let block = 1 << 12;
    let inverses = compute.map(denominators.len().div_ceil(block), |i| {
        eq::invert_all(&denominators[i * block..denominators.len().min((i + 1) * block)])
    });
    let inverses = inverses.into_iter().collect::<Option<Vec<_>>>().ok_or(ProveError::UnluckyChallenge)?;
    Ok((denominators, inverses.concat()))
}

/// Stages 4 and 5, for one proof or many.
pub(super) fn prove_close<C: Compute>(
    mut writer: Writer<'_>,
    compute: &C,
    blinds: &mut Blinds,
    bodies: &[Body<Hidden, Combined>],
    row_width: usize,
    (mask, delta): (&Mask, &Point),
    mut begin: impl FnMut(Stage),
) -> Result<Vec<u8>, ProveError> {
    // Stage 4: opening reduction.
    let opening = resume(compute, &mut writer, &mut Vec::new(), |writer, _| {
        opening::prove(writer, compute, bodies, log2_ceil(row_width))
    })?;

    // Stage 5: close.
    begin(Stage::Close);
    let products: Vec<_> = bodies.iter().flat_map(|b| &b.products).collect();
    let sent: Vec<_> = bodies.iter().flat_map(|b| &b.sent).collect();
    sigma::prove(&mut writer, compute, blinds, &products, &sent, Some((&opening, mask, delta)))?;
    Ok(writer.finish()?.2)
}
