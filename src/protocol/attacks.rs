//! Malicious provers. Every test builds the proof that a cheater would send, and names the check that refuses it.
//!
//! A forgery bends what an honest prover computes: the values of the network ([`Trace`]), the table positions ([`Lookups`]),
//! the leaves of the lookups ([`Bent`]), single hidden scalars (the writer's `tamper` hook), or the finished words. Where one
//! check would stop a clumsy forgery, the same forgery is repeated by a prover who also satisfies that check.

use super::plan::Lookup;
use super::progress::Clock;
use super::prove::{Session, fresh_entropy};
use super::witness::{Lookups, Trace};
use super::{
    Check, Instance, InstanceError, Mode, NoProgress, Plan, ProveError, Secret, VerifyError, VerifyingKey, commit,
    ternarity, verify,
};
use crate::algebra::{Fq, Fr, g1, g1::Point};
use crate::commit::Generators;
use crate::compute::{self, Compute, Fractions, RoundValues, Summand, Weights, cpu::Cpu, reference::Reference};
use crate::lookup::Table;
use crate::model::architecture::requantise;
use crate::model::infer::apply_layer;
use crate::model::random::{self, Shape};
use crate::model::{Architecture, Network, TernaryMatrix};
use crate::transcript::{Blinds, Tamper, Writer};
use ark_ff::{BigInteger, Field, One, PrimeField};
use std::sync::Mutex;

const CONTEXT: &[u8] = b"attack";
const WORD: usize = 32;

/// Moves the tuple of one leaf by `(t1, t2)`.
#[derive(Clone, Copy, Debug)]
struct Shift {
    leaf: usize,
    t1: i64,
    t2: i64,
}

/// The CPU, with leaves that may hold tuples outside of every table.
#[derive(Debug, Default)]
struct Bent {
    shifts: Mutex<(Vec<Table>, Vec<Shift>)>,
}

/// β, from two neighbouring denominators of different `t2`.
fn beta(tables: &[Table], denominators: &[Fr]) -> Fr {
    let mut start = 0;
    for table in tables {
        for n in 1..table.len() {
            let step = table.entry(n).1 - table.entry(n - 1).1;
            if step != 0 {
                let fall = denominators[start + n - 1] - denominators[start + n] - Fr::one();
                return fall * crate::algebra::fr::from_i64(step).inverse().unwrap();
            }
        }
        start += table.len();
    }
    panic!("no table has two values")
}

impl Compute for Bent {
    type Table = Vec<Fr>;
    type Matrix = TernaryMatrix;

    fn describe(&self) -> String {
        "bent".into()
    }

    fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
        Cpu.map(n, f)
    }

    fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        Cpu.join(a, b)
    }

    fn load(&self, matrix: &TernaryMatrix) -> compute::Result<TernaryMatrix> {
        Cpu.load(matrix)
    }

    fn upload(&self, values: Vec<Fr>) -> compute::Result<Vec<Fr>> {
        Cpu.upload(values)
    }

    fn download(&self, table: &Vec<Fr>) -> compute::Result<Vec<Fr>> {
        Cpu.download(table)
    }

    fn apply(&self, matrix: &TernaryMatrix, inputs: &[i32], batch: usize) -> compute::Result<Vec<i32>> {
        Cpu.apply(matrix, inputs, batch)
    }

    fn eq_table(&self, point: &[Fr], scale: Fr) -> compute::Result<Vec<Fr>> {
        Cpu.eq_table(point, scale)
    }

    fn fold_rows(&self, matrix: &TernaryMatrix, weights: &Vec<Fr>) -> compute::Result<Vec<Fr>> {
        Cpu.fold_rows(matrix, weights)
    }

    fn combine_rows(&self, rows: &[i32], width: usize, weights: &Vec<Fr>) -> compute::Result<Vec<Fr>> {
        Cpu.combine_rows(rows, width, weights)
    }

    fn gather(&self, values: &[Fr], indices: &[u32]) -> compute::Result<Vec<Fr>> {
        let mut leaves = Cpu.gather(values, indices)?;
        let (tables, shifts) = &*self.shifts.lock().unwrap();
        if !shifts.is_empty() {
            let (beta, small) = (beta(tables, values), crate::algebra::fr::from_i64);
            shifts.iter().for_each(|s| leaves[s.leaf] -= small(s.t1) + beta * small(s.t2));
        }
        Ok(leaves)
    }

    fn assemble(&self, len: usize, parts: &[(usize, &Vec<Fr>)]) -> compute::Result<Vec<Fr>> {
        Cpu.assemble(len, parts)
    }

    fn inner_product(&self, a: &Vec<Fr>, b: &Vec<Fr>) -> compute::Result<Fr> {
        Cpu.inner_product(a, b)
    }

    fn fraction_layer(&self, below: &Fractions<Vec<Fr>>) -> compute::Result<Fractions<Vec<Fr>>> {
        Cpu.fraction_layer(below)
    }

    fn halves(&self, table: Vec<Fr>, factor: Option<Fr>, offset: Option<Fr>) -> compute::Result<[Vec<Fr>; 2]> {
        Cpu.halves(table, factor, offset)
    }

    fn round(&self, f: Summand, t: &mut [Vec<Fr>], w: Weights<'_>, bind: Option<Fr>) -> compute::Result<RoundValues> {
        Cpu.round(f, t, w, bind)
    }

    fn bind(&self, tables: &mut [Vec<Fr>], r: Fr) -> compute::Result<()> {
        Cpu.bind(tables, r)
    }

    fn commit_rows(&self, generators: &[Point], rows: &[&[i32]], blinds: &[Fr]) -> compute::Result<Vec<Point>> {
        Cpu.commit_rows(generators, rows, blinds)
    }

    fn commit_matrix(&self, generators: &[Point], matrix: &TernaryMatrix, blinds: &[Fr]) -> compute::Result<Vec<Point>> {
        Cpu.commit_matrix(generators, matrix, blinds)
    }

    fn commit_dense(&self, generators: &[Point], row: &[Fr], blind: Fr) -> compute::Result<Point> {
        Cpu.commit_dense(generators, row, blind)
    }

    fn commit_scalars(&self, pairs: &[(Fr, Fr)]) -> compute::Result<Vec<Point>> {
        Cpu.commit_scalars(pairs)
    }
}

/// What a hidden scalar becomes. One call per scalar, in order.
type Hook = fn() -> Box<dyn FnMut(&str, Fr) -> Fr>;

fn as_it_is() -> Tamper {
    Box::new(|_, v| v)
}

/// `S = p/q`: satisfies the root's product whatever the leaves are.
fn root_fits() -> Tamper {
    let mut roots = Vec::new();
    Box::new(move |label, v| {
        if label.ends_with("_root") {
            roots.push(v);
        }
        if label == "S" { roots[0] * roots[1].inverse().unwrap() } else { v }
    })
}

/// Adds one to every scalar with a label.
macro_rules! plus_one {
    ($name:literal) => {
        (|| Box::new(|label: &str, v: Fr| if label == $name { v + Fr::one() } else { v })) as Hook
    };
}

/// What a prover works with.
#[derive(Clone, Debug)]
struct Witness {
    inputs: Vec<i32>,
    trace: Trace,
    lookups: Lookups,
}

/// A model, its key, and a statement about it.
struct Lab {
    session: Session<Bent>,
    inputs: Vec<i32>,
    private: bool,
}

/// The seed of blinds of every key here.
const KEY_SEED: [u8; 32] = [3; 32];

fn network(widths: &[usize], max: i32, seed: u64) -> Network {
    random::network(&Shape { widths: widths.to_vec(), density: 0.5, max }, seed).unwrap()
}

fn of_run(network: &Network, inputs: &[i32]) -> Trace {
    let t = network.run(inputs);
    Trace { accumulators: t.accumulators, quotients: t.quotients, activations: t.activations }
}

/// Recomputes everything above the activations of layer `b`.
fn rerun(network: &Network, trace: &mut Trace, b: usize) {
    for (l, layer) in network.layers.iter().enumerate().skip(b + 1) {
        let below = &trace.activations[l - 1];
        let z: Vec<i32> = below.chunks_exact(layer.weights.columns()).flat_map(|x| apply_layer(layer, x)).collect();
        if let Some(r) = layer.requantise {
            trace.quotients[l] = z.iter().map(|z| requantise(i64::from(*z), r.shift) as i32).collect();
            trace.activations[l] = trace.quotients[l].iter().map(|q| r.clamp.apply(i64::from(*q)) as i32).collect();
        }
        trace.accumulators[l] = z;
    }
}

impl Lab {
    fn new(widths: &[usize], max: i32, batch: usize, row_width: usize, private: bool) -> Self {
        Self::of(network(widths, max, 11), batch, row_width, private)
    }

    fn of(network: Network, batch: usize, row_width: usize, private: bool) -> Self {
        let arch = Architecture::of(&network, row_width).unwrap();
        let inputs = random::inputs(&network, batch, 5);
        let (key, secret) = commit(&Cpu, &network, &arch, KEY_SEED, |_| {}).unwrap();
        Self { session: Session::new(Bent::default(), network, key, secret).unwrap(), inputs, private }
    }

    /// Mode (b) throughout.
    fn split() -> Self {
        let lab = Self::new(&[6, 5, 4, 3], 7, 3, 4, false);
        assert_eq!(lab.plan().modes, [Mode::Split, Mode::Split]);
        lab
    }

    /// Mode (a) in the first layer.
    fn accumulator() -> Self {
        let lab = Self::new(&[2, 8, 3], 1, 3, 4, false);
        assert_eq!(lab.plan().modes, [Mode::Accumulator]);
        lab
    }

    /// The same network and statement, proved by somebody who has another network for the same key.
    fn with_network(network: Network, of: &Self) -> Self {
        let key = of.key().clone();
        let session = Session::new(Bent::default(), network, key.clone(), secret_of(&key)).unwrap();
        Self { session, inputs: of.inputs.clone(), private: of.private }
    }

    fn key(&self) -> &VerifyingKey {
        self.session.key()
    }

    fn arch(&self) -> &Architecture {
        self.key().architecture()
    }

    fn batch(&self) -> usize {
        self.inputs.len() / self.arch().inputs(0)
    }

    fn plan(&self) -> Plan {
        Plan::new(self.arch(), self.batch(), self.private).unwrap()
    }

    fn instance<'a>(&'a self, logits: &'a [i32]) -> Instance<'a> {
        Instance::new(self.key(), (!self.private).then_some(&self.inputs), logits, CONTEXT).unwrap()
    }

    fn lookups(&self, trace: &Trace, inputs: &[i32]) -> Lookups {
        Lookups::find(&Cpu, &self.plan(), self.arch(), trace, inputs).unwrap()
    }

    /// What an honest prover of some inputs has.
    fn witness(&self, inputs: &[i32]) -> Witness {
        let trace = of_run(self.session.network(), inputs);
        let lookups = self.lookups(&trace, inputs);
        Witness { inputs: inputs.to_vec(), trace, lookups }
    }

    fn honest(&self) -> Witness {
        self.witness(&self.inputs)
    }

    /// Words from a witness, for claimed logits, with bent leaves and hidden scalars.
    fn words(&self, witness: &Witness, logits: &[i32], shifts: &[Shift], hook: Hook) -> Vec<u8> {
        let instance = self.instance(logits);
        *self.session.compute().shifts.lock().unwrap() = (instance.plan().tables.clone(), shifts.to_vec());
        let mut blinds = Blinds::new([9; 32]);
        let prepare = |w: &mut Writer<'_>| w.tamper = Some(hook());
        let Witness { inputs, trace, lookups } = witness;
        self.session.run(&instance, inputs, trace, lookups, &mut blinds, &mut Clock::start(&NoProgress), prepare).unwrap()
    }

    fn honest_words(&self) -> (Vec<i32>, Vec<u8>) {
        let witness = self.honest();
        let logits = witness.trace.logits().to_vec();
        let words = self.words(&witness, &logits, &[], as_it_is);
        verify(&self.instance(&logits), &words).unwrap();
        (logits, words)
    }

    /// The verdict on a forgery whose claimed logits are the witness's own.
    fn verdict(&self, witness: &Witness, shifts: &[Shift], hook: Hook) -> Result<(), VerifyError> {
        let logits = witness.trace.logits();
        verify(&self.instance(logits), &self.words(witness, logits, shifts, hook))
    }

    /// The same witness, three times as clever: tuples of the table in the leaves; the tuples that were committed; and `S = p/q`.
    fn refused_thrice(&self, witness: &Witness, shifts: &[Shift]) {
        assert_eq!(self.verdict(witness, &[], as_it_is), failed(Check::OpeningValue));
        assert_eq!(self.verdict(witness, &[], root_fits), failed(Check::OpeningValue));
        assert_eq!(self.verdict(witness, shifts, as_it_is), failed(Check::LookupSum));
        assert_eq!(self.verdict(witness, shifts, root_fits), failed(Check::Linear));
    }

    /// The leaf that looks up value `i` of input `beta` in the block of a kind.
    fn leaf(&self, kind: Lookup, i: usize, beta: usize) -> usize {
        let plan = self.plan();
        plan.lookups.iter().find(|b| b.kind == kind).unwrap().offset + (i << plan.batch_bits) + beta
    }
}

const fn failed(check: Check) -> Result<(), VerifyError> {
    Err(VerifyError::CheckFailed(check))
}

/// The secret that belongs to a key, whatever its rows are.
fn secret_of(key: &VerifyingKey) -> Secret {
    Secret::from_parts(*key.digest(), KEY_SEED)
}

/// Another value of a hidden layer's activation.
fn other(y: i32, max: i32) -> i32 {
    if y == max { y - 1 } else { y + 1 }
}

/// Gains any output at all. The output is not what weights and activations give.
#[test]
fn wrong_logits() {
    for lab in [Lab::split(), Lab::accumulator()] {
        let witness = lab.honest();
        let outputs = lab.arch().logits();
        for at in [0, outputs + 1, 3 * outputs - 1] {
            let mut logits = witness.trace.logits().to_vec();
            logits[at] += if logits[at] > 0 { -1 } else { 1 };
            let words = lab.words(&witness, &logits, &[], as_it_is);
            assert_eq!(verify(&lab.instance(&logits), &words), failed(Check::Linear), "logit {at}");
        }
    }
}

/// Gains a chosen activation, and with it outputs that the network cannot produce.
#[test]
fn wrong_activation_in_mode_b() {
    let lab = Lab::split();
    for b in 0..2 {
        let mut witness = lab.honest();
        let (width, beta, i) = (lab.arch().outputs(b), 1, 2);
        let y = &mut witness.trace.activations[b][beta * width + i];
        let before = *y;
        *y = other(before, 7);
        let moved = i64::from(*y - before);
        rerun(lab.session.network(), &mut witness.trace, b);
        witness.lookups = lab.lookups(&witness.trace, &lab.inputs);
        lab.refused_thrice(&witness, &[Shift { leaf: lab.leaf(Lookup::Activation(b), i, beta), t1: 0, t2: moved }]);
    }
}

/// The same where the table is `(z, y)`.
#[test]
fn wrong_activation_in_mode_a() {
    let lab = Lab::accumulator();
    let mut witness = lab.honest();
    let y = &mut witness.trace.activations[0][8 + 2];
    let moved = 1 - 2 * i64::from(*y);
    *y = 1 - *y;
    rerun(lab.session.network(), &mut witness.trace, 0);
    witness.lookups = lab.lookups(&witness.trace, &lab.inputs);
    lab.refused_thrice(&witness, &[Shift { leaf: lab.leaf(Lookup::Accumulator(0), 2, 1), t1: 0, t2: moved }]);
}

/// Gains an activation off by one or more: `z + half = 2^s·q' + rem` has many solutions, one of them with `rem` in range.
#[test]
fn other_quotient_and_remainder() {
    let lab = Lab::split();
    for (b, by) in [(0, 1), (0, -1), (1, 1), (1, -1)] {
        let (arch, network, honest) = (lab.arch(), lab.session.network(), lab.honest());
        let (h, width, beta) = (arch.hidden[b], arch.outputs(b), 2);
        let i = (0..width).find(|i| (1..7).contains(&(honest.trace.quotients[b][beta * width + i]))).unwrap();
        let at = beta * width + i;
        let mut witness = honest.clone();
        let q = honest.trace.quotients[b][at] + by;
        witness.trace.activations[b][at] = h.clamp.apply(i64::from(q)) as i32;
        let moved = i64::from(witness.trace.activations[b][at] - honest.trace.activations[b][at]);
        rerun(network, &mut witness.trace, b);
        witness.lookups = lab.lookups(&witness.trace, &lab.inputs);
        witness.trace.quotients[b][at] = q;
        let remainder = Shift { leaf: lab.leaf(Lookup::Remainder(b), i, beta), t1: -(i64::from(by) << h.shift), t2: 0 };
        let activation = Shift { leaf: lab.leaf(Lookup::Activation(b), i, beta), t1: i64::from(by), t2: moved };
        lab.refused_thrice(&witness, &[remainder, activation]);
    }
}

/// Gains room for a tuple outside of the table.
#[test]
fn multiplicity_changed() {
    for lab in [Lab::split(), Lab::accumulator()] {
        for t in 0..lab.plan().tables.len() {
            let mut witness = lab.honest();
            witness.lookups.multiplicities[t][0] += 1;
            assert_eq!(lab.verdict(&witness, &[], as_it_is), failed(Check::LookupSum));
            assert_eq!(lab.verdict(&witness, &[], root_fits), failed(Check::Linear));
        }
    }
}

/// Gains the output of another input.
#[test]
fn another_input_is_run() {
    for lab in [Lab::split(), Lab::accumulator()] {
        let max = lab.arch().input.max;
        let mut inputs = lab.inputs.clone();
        inputs[1] = other(inputs[1], max);
        assert_eq!(lab.verdict(&lab.witness(&inputs), &[], as_it_is), failed(Check::OpeningValue));
        let width = lab.arch().inputs(0);
        inputs = lab.inputs.clone();
        inputs.rotate_left(width);
        assert_eq!(lab.verdict(&lab.witness(&inputs), &[], as_it_is), failed(Check::OpeningValue), "batch reordered");
    }
}

/// All networks that differ from a given one in one weight or one bias, and are described alike.
fn neighbours(network: &Network, row_width: usize) -> Vec<Network> {
    let arch = Architecture::of(network, row_width).unwrap();
    let mut out = Vec::new();
    for b in 0..network.layers.len() {
        let weights = &network.layers[b].weights;
        let rows: Vec<Vec<i8>> = (0..weights.rows()).map(|i| weights.dense_row(i)).collect();
        for (i, j) in [(0, 0), (weights.rows() - 1, weights.columns() - 1)] {
            for value in [-1, 0, 1].into_iter().filter(|v| *v != rows[i][j]) {
                let mut rows = rows.clone();
                rows[i][j] = value;
                let mut other = network.clone();
                other.layers[b].weights = TernaryMatrix::from_rows(weights.columns(), rows).unwrap();
                out.push(other);
            }
        }
        for by in [-1, 1] {
            let mut other = network.clone();
            other.layers[b].bias[0] += by;
            out.push(other);
        }
    }
    out.retain(|n| Architecture::of(n, row_width).is_ok_and(|a| a == arch));
    out
}

/// Gains the output of another network: one weight or one bias differs from what the key commits to.
#[test]
fn another_network_is_run() {
    let lab = Lab::split();
    let others = neighbours(lab.session.network(), 4);
    assert!(others.len() >= 12, "{}", others.len());
    for (n, network) in others.into_iter().enumerate() {
        let liar = Lab::with_network(network.clone(), &lab);
        assert_eq!(liar.verdict(&liar.honest(), &[], as_it_is), failed(Check::OpeningRow), "network {n}");
        // The opening of the committed network is honest; only the values come from the other one.
        let trace = of_run(&network, &lab.inputs);
        let witness = Witness { inputs: lab.inputs.clone(), lookups: lab.lookups(&trace, &lab.inputs), trace };
        if witness.trace.accumulators == lab.honest().trace.accumulators {
            continue;
        }
        let verdict = lab.verdict(&witness, &[], as_it_is);
        let differs_below = witness.trace.accumulators[..2] != lab.honest().trace.accumulators[..2];
        let check = if differs_below { Check::OpeningValue } else { Check::Linear };
        assert_eq!(verdict, failed(check), "network {n}");
    }
}

/// Gains a proof of anything, if one of these scalars were free.
#[test]
fn hidden_scalars_changed() {
    for lab in [Lab::split(), Lab::accumulator()] {
        let witness = lab.honest();
        let verdict = |hook| lab.verdict(&witness, &[], hook);
        assert_eq!(verdict(plus_one!("p_root")), failed(Check::LookupSum));
        assert_eq!(verdict(plus_one!("q_root")), failed(Check::LookupSum));
        assert_eq!(verdict(plus_one!("S")), failed(Check::LookupSum));
        assert_eq!(verdict(plus_one!("u")), failed(Check::Linear));
        assert_eq!(verdict(plus_one!("A")), failed(Check::FractionFirst));
        assert_eq!(verdict(plus_one!("d")), failed(Check::FractionSecond));
        assert_eq!(verdict(plus_one!("p0")), failed(Check::FractionFirst));
        assert_eq!(verdict(plus_one!("p1")), failed(Check::FractionSecond));
        assert_eq!(verdict(plus_one!("w_hat")), failed(Check::Linear));
        assert_eq!(verdict(plus_one!("x_hat")), failed(Check::Linear));
    }
}

/// Gains any split of the last claim of the linear sumcheck into weights and inputs: the product is still right.
#[test]
fn factors_scaled() {
    let scaled: Hook = || {
        let k = Fr::from(5u64);
        Box::new(move |label, v| match label {
            "w_hat" => v * k,
            "x_hat" => v * k.inverse().unwrap(),
            _ => v,
        })
    };
    for lab in [Lab::split(), Lab::accumulator()] {
        assert_eq!(lab.verdict(&lab.honest(), &[], scaled), failed(Check::OpeningValue));
    }
}

/// Gains a wrong opening: a round message of the opening sumcheck, the last two scalars `a` and `c` of which are its own.
#[test]
fn opening_sumcheck_changed() {
    let lab = Lab::split();
    let opening_only: Hook = || {
        // The closing's writer sends nothing but `a` and `c`; the body's starts with `p_root`.
        let mut body = false;
        Box::new(move |label, v| {
            body |= label == "p_root";
            if !body && label == "a" { v + Fr::one() } else { v }
        })
    };
    assert_eq!(lab.verdict(&lab.honest(), &[], opening_only), failed(Check::OpeningValue));
}

/// Gains the output of an input that nobody may have, such as a pixel of 300.
#[test]
fn private_input_out_of_range() {
    let lab = Lab::new(&[6, 5, 3], 7, 2, 4, true);
    for (at, value) in [(0, 8), (7, -1)] {
        let mut inputs = lab.inputs.clone();
        let before = inputs[at];
        inputs[at] = value;
        let trace = of_run(lab.session.network(), &inputs);
        let lookups = lab.lookups(&trace, &lab.inputs);
        let witness = Witness { inputs, trace, lookups };
        let shift = Shift { leaf: lab.leaf(Lookup::Input, at % 6, at / 6), t1: i64::from(value - before), t2: 0 };
        lab.refused_thrice(&witness, &[shift]);
    }
}

fn small() -> Lab {
    Lab::new(&[2, 2, 1], 1, 1, 2, false)
}

fn word(words: &[u8], k: usize) -> [u8; WORD] {
    words[k * WORD..][..WORD].try_into().unwrap()
}

fn with_word(words: &[u8], k: usize, word: [u8; WORD]) -> Vec<u8> {
    let mut out = words.to_vec();
    out[k * WORD..][..WORD].copy_from_slice(&word);
    out
}

fn swapped(words: &[u8], a: usize, b: usize) -> Vec<u8> {
    with_word(&with_word(words, a, word(words, b)), b, word(words, a))
}

/// The check that a changed response breaks; `None` for words that challenges depend on.
fn check_of_word(plan: &Plan, arch: &Architecture, k: usize) -> Option<Check> {
    let end = plan.proof_bytes(arch) / WORD;
    let opening = end - 4 - arch.row_width;
    let products = opening - 5 * plan.products();
    let of_product = |n: usize| match n {
        0 => Check::LookupSum,
        n if n == 2 * plan.lookup_bits => Check::Linear,
        n if n + 1 == 2 * plan.lookup_bits => Check::FractionLeaf,
        n if n % 2 == 1 => Check::FractionFirst,
        _ => Check::FractionSecond,
    };
    match k {
        k if k >= end - 2 => Some(Check::Knowledge),
        k if k == end - 3 => Some(Check::OpeningValue),
        k if k >= opening => Some(Check::OpeningRow),
        k if k >= products => Some(of_product((k - products) / 5)),
        _ => None,
    }
}

/// Gains a second proof from a first one: every word is bound, by a challenge or by its own check.
#[test]
fn every_word_is_bound() {
    let lab = small();
    let (logits, words) = lab.honest_words();
    let (instance, plan, arch) = (lab.instance(&logits), lab.plan(), lab.arch());
    let count = words.len() / WORD;
    assert_eq!(plan.proof_bytes(arch), words.len());
    for k in 0..count {
        let check = check_of_word(&plan, arch, k);
        let refused = |bytes: Vec<u8>| match verify(&instance, &bytes) {
            Err(VerifyError::CheckFailed(c)) => assert_eq!(c, check.unwrap_or(Check::LookupSum), "word {k}"),
            Err(VerifyError::InvalidPoint { position, .. }) => assert!(check.is_none() && position == k * WORD, "word {k}"),
            Err(VerifyError::InvalidScalar { position, .. }) => assert!(check.is_some() && position == k * WORD, "word {k}"),
            got => panic!("word {k}: {got:?}"),
        };
        for bit in [0, 7 * k % 248, 255] {
            let mut changed = word(&words, k);
            changed[31 - bit / 8] ^= 1 << (bit % 8);
            refused(with_word(&words, k, changed));
        }
        for other in [(k + 1) % count, (k + count / 2) % count, 0, count - 1] {
            if other != k {
                refused(with_word(&words, k, word(&words, other)));
            }
        }
    }
}

/// Gains nothing that is known, but order is part of what is said.
#[test]
fn words_swapped() {
    let lab = Lab::split();
    let (logits, words) = lab.honest_words();
    let root = lab.plan().witness_rows(lab.arch());
    for (a, b) in [(0, 1), (1, root - 1), (root, root + 2), (root, root + 1)] {
        assert_eq!(verify(&lab.instance(&logits), &swapped(&words, a, b)), failed(Check::LookupSum), "words {a}, {b}");
    }
}

/// Gains a wrong opening: one entry of the response is changed.
#[test]
fn opening_response_changed() {
    let lab = Lab::split();
    let (logits, words) = lab.honest_words();
    let end = words.len() / WORD;
    for (k, check) in [(end - 8, Check::OpeningRow), (end - 4, Check::OpeningRow), (end - 3, Check::OpeningValue)] {
        let value = crate::algebra::fr::decode(&word(&words, k)).unwrap() + Fr::one();
        let changed = with_word(&words, k, crate::algebra::fr::encode(&value));
        assert_eq!(verify(&lab.instance(&logits), &changed), failed(check), "word {k}");
    }
}

/// Gains a proof with a check left out, or one that hides data.
#[test]
fn proofs_have_exactly_one_length() {
    let lab = small();
    let (logits, words) = lab.honest_words();
    let instance = lab.instance(&logits);
    for k in 0..words.len() / WORD {
        for cut in [0, 1, WORD - 1] {
            let verdict = verify(&instance, &words[..k * WORD + cut]);
            assert!(matches!(verdict, Err(VerifyError::TooShort { position, .. }) if position == k * WORD), "{verdict:?}");
        }
    }
    for extra in [1, 31, 32, 64] {
        let longer = [words.clone(), vec![0; extra]].concat();
        assert_eq!(verify(&instance, &longer), Err(VerifyError::TrailingBytes { extra }));
    }
}

/// `word + modulus`, big-endian.
fn plus_modulus(word: [u8; WORD], modulus: &[u8]) -> [u8; WORD] {
    let (mut out, mut carry) = ([0; WORD], 0);
    for i in (0..WORD).rev() {
        let sum = u16::from(word[i]) + u16::from(modulus[i]) + carry;
        (out[i], carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    out
}

/// Gains a second encoding of the same proof.
#[test]
fn encodings_are_canonical() {
    let lab = small();
    let (logits, words) = lab.honest_words();
    let instance = lab.instance(&logits);
    let last = words.len() / WORD - 1;
    let scalar = with_word(&words, last, plus_modulus(word(&words, last), &Fr::MODULUS.to_bytes_be()));
    assert_eq!(verify(&instance, &scalar), Err(VerifyError::InvalidScalar { label: "pok", position: last * WORD }));
    let mut first = word(&words, 0);
    let sign = first[0] & 0x80;
    first[0] &= 0x7f;
    let mut first = plus_modulus(first, &Fq::MODULUS.to_bytes_be());
    first[0] |= sign;
    let point = with_word(&words, 0, first);
    assert_eq!(verify(&instance, &point), Err(VerifyError::InvalidPoint { label: "row", position: 0 }));
    for identity in [[0; WORD], [0xff; WORD]] {
        let verdict = verify(&instance, &with_word(&words, 0, identity));
        assert_eq!(verdict, Err(VerifyError::InvalidPoint { label: "row", position: 0 }));
    }
}

/// Gains a replay: the proof of one statement for another.
#[test]
fn proofs_are_about_one_statement() {
    let lab = Lab::split();
    let (logits, words) = lab.honest_words();
    let (arch, inputs) = (lab.arch(), lab.inputs.as_slice());
    let (width, outputs) = (arch.inputs(0), arch.logits());
    let verdict = |key, inputs, logits, context| verify(&Instance::new(key, inputs, logits, context).unwrap(), &words);
    let other_challenges = failed(Check::LookupSum);
    assert_eq!(verdict(lab.key(), Some(inputs), &logits, b"other"), other_challenges, "context");
    assert_eq!(verdict(lab.key(), Some(inputs), &logits, b""), other_challenges, "no context");

    let (key, _) = commit(&Cpu, lab.session.network(), arch, [4; 32], |_| {}).unwrap();
    assert_eq!(verdict(&key, Some(inputs), &logits, CONTEXT), other_challenges, "key of the same model");
    let mut key = lab.key().clone();
    let mut rows = key.rows().to_vec();
    rows.swap(0, 1);
    key.set_rows(rows);
    assert_eq!(verdict(&key, Some(inputs), &logits, CONTEXT), other_challenges, "rows of the key swapped");
    let seed = [8; 32];
    let proof = ternarity::prove(&Cpu, lab.session.network(), lab.key(), &secret_of(lab.key()), seed).unwrap();
    let key = lab.key().clone().with_ternarity(proof).unwrap();
    assert_eq!(verdict(&key, Some(inputs), &logits, CONTEXT), other_challenges, "key with a ternarity proof");

    let mut changed = inputs.to_vec();
    changed[0] = other(changed[0], 7);
    assert_eq!(verdict(lab.key(), Some(&changed), &logits, CONTEXT), other_challenges, "input");
    let (mut turned, mut turned_logits) = (inputs.to_vec(), logits.clone());
    turned.rotate_left(width);
    turned_logits.rotate_left(outputs);
    assert_eq!(verdict(lab.key(), Some(&turned), &turned_logits, CONTEXT), other_challenges, "batch reordered");

    let misread = |verdict| {
        use VerifyError::{InvalidPoint, InvalidScalar, TooShort, TrailingBytes};
        assert!(
            matches!(verdict, Err(InvalidPoint { .. } | InvalidScalar { .. } | TooShort { .. } | TrailingBytes { .. })),
            "{verdict:?}"
        );
    };
    misread(verdict(lab.key(), Some(&inputs[..2 * width]), &logits[..2 * outputs], CONTEXT));
    misread(verdict(lab.key(), Some(&inputs[width..]), &logits[outputs..], CONTEXT));
    misread(verdict(lab.key(), None, &logits, CONTEXT));
    let private = Lab::new(&[6, 5, 4, 3], 7, 3, 4, true);
    let (_, hidden) = private.honest_words();
    misread(verify(&lab.instance(&logits), &hidden));
}

/// Gains nothing yet: statements that no proof can be about are refused before the proof is read.
#[test]
fn unusable_statements() {
    let lab = Lab::split();
    let (logits, _) = lab.honest_words();
    let new = |inputs, logits| Instance::new(lab.key(), inputs, logits, CONTEXT).map(|_| ());
    assert!(matches!(new(Some(&[9; 18]), &logits), Err(InstanceError::InputRange { input: 0, position: 0, .. })));
    assert!(matches!(new(Some(&lab.inputs[1..]), &logits), Err(InstanceError::InputLength { found: 17, expected: 18, .. })));
    let beyond = vec![1 << lab.arch().logit_bits; logits.len()];
    assert!(matches!(new(Some(&lab.inputs), &beyond), Err(InstanceError::OutputRange { input: 0, .. })));
    assert!(matches!(new(Some(&lab.inputs), &logits[1..]), Err(InstanceError::OutputLength { found: 8, expected: 9 })));
    assert!(matches!(new(None, &[]), Err(InstanceError::Batch { found: 0, .. })));
}

/// A key whose first row has one more `G_0`: a weight of 2, or a weight that the network does not have.
fn doubled(lab: &Lab) -> VerifyingKey {
    let generator = Generators::new(lab.arch().row_width).rows()[0];
    let mut rows = lab.key().rows().to_vec();
    rows[0] = Point::from_projective(&g1::sum([rows[0], generator])).unwrap();
    let mut key = lab.key().clone();
    key.set_rows(rows);
    key
}

/// Gains a network with other weights, said to be ternary.
#[test]
fn ternarity_is_about_the_committed_rows() {
    let lab = Lab::split();
    let network = lab.session.network();
    let honest = ternarity::prove(&Cpu, network, lab.key(), &secret_of(lab.key()), [8; 32]).unwrap();
    ternarity::verify(lab.key(), &honest).unwrap();
    let forged = doubled(&lab);
    let refused = ternarity::prove(&Cpu, network, &forged, &secret_of(&forged), [8; 32]);
    assert_eq!(refused, Err(ProveError::Internal("the ternarity proof just made is not valid")));
    assert_eq!(ternarity::verify(&forged, &honest), failed(Check::TernaritySquare), "replayed");
    assert_eq!(forged.with_ternarity(honest).map(|_| ()), failed(Check::TernaritySquare));
}

fn shares_a_word(a: &[u8], b: &[u8]) -> bool {
    a.chunks(WORD).any(|x| b.chunks(WORD).any(|y| x == y))
}

/// Gains the witness: two proofs with a common blind tell the difference of what they hide.
#[test]
fn proofs_share_no_word() {
    for private in [false, true] {
        let lab = Lab::new(&[6, 5, 4, 3], 7, 2, 4, private);
        let prove = |entropy: [u8; 32]| lab.session.prove(&lab.inputs, private, CONTEXT, &entropy, &NoProgress).unwrap().0;
        let (a, b) = (prove(fresh_entropy().unwrap()), prove(fresh_entropy().unwrap()));
        a.verify(lab.key(), CONTEXT).unwrap();
        b.verify(lab.key(), CONTEXT).unwrap();
        assert!(!shares_a_word(&a.words, &b.words));
        let words: std::collections::HashSet<&[u8]> = a.words.chunks(WORD).collect();
        assert_eq!(words.len() * WORD, a.words.len(), "no word twice");
        assert_eq!(prove([1; 32]), prove([1; 32]), "the same entropy gives the same proof");
        // Even with a broken random generator, another statement has other blinds.
        let other = lab.session.prove(&lab.inputs, private, b"other", &[1; 32], &NoProgress).unwrap().0;
        assert!(!shares_a_word(&prove([1; 32]).words, &other.words));
    }
}

/// Honest proofs of odd shapes verify, and two backends write the same words.
#[test]
fn completeness() {
    let widths = [1, 2, 3, 5, 8, 9];
    let mut n = 0;
    for batch in [1, 2, 3, 5] {
        for row_width in [1, 2, 4, 16] {
            for private in [false, true] {
                let shape: Vec<usize> = (0..3 + n % 2).map(|k| widths[(n * (k + 1) + k) % 6]).collect();
                n += 1;
                let max = [1, 7, 3][n % 3];
                completes(&network(&shape, max, n as u64), batch, row_width, private);
            }
        }
    }
}

fn completes(network: &Network, batch: usize, row_width: usize, private: bool) {
    let what = format!("{} B={batch} M={row_width} private={private}", network.shape());
    let arch = Architecture::of(network, row_width).unwrap();
    let inputs = random::inputs(network, batch, 1);
    let (key, secret) = commit(&Cpu, network, &arch, KEY_SEED, |_| {}).unwrap();
    let (key2, _) = commit(&Reference, network, &arch, KEY_SEED, |_| {}).unwrap();
    assert_eq!(key, key2, "{what}");
    let cpu = Session::new(Cpu, network.clone(), key.clone(), secret.clone()).unwrap();
    let reference = Session::new(Reference, network.clone(), key, secret).unwrap();
    let (a, _) = cpu.prove(&inputs, private, CONTEXT, &[7; 32], &NoProgress).unwrap();
    let (b, _) = reference.prove(&inputs, private, CONTEXT, &[7; 32], &NoProgress).unwrap();
    assert!(a == b, "{what}: backends differ");
    assert_eq!(a.logits, network.logits(&inputs), "{what}");
    a.verify(cpu.key(), CONTEXT).unwrap_or_else(|e| panic!("{what}: {e}"));
}
