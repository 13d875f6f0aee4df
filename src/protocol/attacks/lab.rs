//! Where forgeries are made: a prover whose values, leaves and hidden scalars can be bent.

pub(super) use super::bent::{Bent, Heavy, Shift};
use crate::compute::cpu::Cpu;
use crate::model::architecture::requantise;
use crate::model::infer::apply_layer;
use crate::model::random::{self, Shape};
use crate::model::{Architecture, Network};
use crate::protocol::plan::Lookup;
use crate::protocol::progress::Clock;
use crate::protocol::session::{Prepared, Session};
use crate::protocol::witness::{Lookups, Trace};
use crate::protocol::{Check, Instance, Mode, NoProgress, Plan, Secret, VerifyError, VerifyingKey, commit, verify};
use crate::transcript::{Blinds, Tamper, Writer};
use ark_ff::Field;

pub(super) const CONTEXT: &[u8] = b"attack";
pub(super) const WORD: usize = 32;

/// What a hidden scalar becomes. One call per scalar, in order.
pub(super) type Hook = fn() -> Tamper;

pub(super) fn as_it_is() -> Tamper {
    Box::new(|_, v| v)
}

/// `S = p/q`: satisfies the root's product whatever the leaves are.
pub(super) fn root_fits() -> Tamper {
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

pub(super) use plus_one;

/// What a prover works with.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    pub(super) inputs: Vec<i32>,
    pub(super) trace: Trace,
    pub(super) lookups: Lookups,
}

/// A model, its key, and a statement about it.
pub(super) struct Lab {
    pub(super) session: Session<Bent>,
    pub(super) inputs: Vec<i32>,
    pub(super) private: bool,
}

/// The seed of blinds of every key here.
pub(super) const KEY_SEED: [u8; 32] = [3; 32];

pub(super) fn network(widths: &[usize], max: i32, seed: u64) -> Network {
    random::network(&Shape { widths: widths.to_vec(), density: 0.5, max }, seed).unwrap()
}

pub(super) fn of_run(network: &Network, inputs: &[i32]) -> Trace {
    let t = network.run(inputs);
    Trace { accumulators: t.accumulators, quotients: t.quotients, activations: t.activations }
}

/// Recomputes everything above the activations of layer `b`.
pub(super) fn rerun(network: &Network, trace: &mut Trace, b: usize) {
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
    pub(super) fn new(widths: &[usize], max: i32, batch: usize, row_width: usize, private: bool) -> Self {
        Self::of(network(widths, max, 11), batch, row_width, private)
    }

    pub(super) fn of(network: Network, batch: usize, row_width: usize, private: bool) -> Self {
        let arch = Architecture::of(&network, row_width).unwrap();
        let inputs = random::inputs(&network, batch, 5);
        let (key, secret) = commit(&Cpu, &network, &arch, KEY_SEED, |_| {}).unwrap();
        Self { session: Session::new(Bent::default(), network, key, secret).unwrap(), inputs, private }
    }

    /// Mode (b) throughout.
    pub(super) fn split() -> Self {
        let lab = Self::new(&[6, 5, 4, 3], 7, 3, 4, false);
        assert_eq!(lab.plan().modes, [Mode::Split, Mode::Split]);
        lab
    }

    /// Mode (a) in the first layer.
    pub(super) fn accumulator() -> Self {
        let lab = Self::new(&[2, 8, 3], 1, 3, 4, false);
        assert_eq!(lab.plan().modes, [Mode::Accumulator]);
        lab
    }

    /// The same network and statement, proved by somebody who has another network for the same key.
    pub(super) fn with_network(network: Network, of: &Self) -> Self {
        let key = of.key().clone();
        let session = Session::new(Bent::default(), network, key.clone(), secret_of(&key)).unwrap();
        Self { session, inputs: of.inputs.clone(), private: of.private }
    }

    /// The session once more: it cannot be cloned.
    pub(super) fn session_again(&self) -> Session<Bent> {
        let (key, network) = (self.key().clone(), self.session.network().clone());
        Session::new(Bent::default(), network, key.clone(), secret_of(&key)).unwrap()
    }

    pub(super) fn key(&self) -> &VerifyingKey {
        self.session.key()
    }

    pub(super) fn arch(&self) -> &Architecture {
        self.key().architecture()
    }

    pub(super) fn batch(&self) -> usize {
        self.inputs.len() / self.arch().inputs(0)
    }

    pub(super) fn plan(&self) -> Plan {
        Plan::new(self.arch(), self.batch(), self.private).unwrap()
    }

    pub(super) fn instance<'a>(&'a self, logits: &'a [i32]) -> Instance<'a> {
        Instance::new(self.key(), (!self.private).then_some(&self.inputs), logits, CONTEXT).unwrap()
    }

    pub(super) fn lookups(&self, trace: &Trace, inputs: &[i32]) -> Lookups {
        Lookups::find(&Cpu, &self.plan(), self.arch(), trace, inputs).unwrap()
    }

    /// What an honest prover of some inputs has.
    pub(super) fn witness(&self, inputs: &[i32]) -> Witness {
        let trace = of_run(self.session.network(), inputs);
        let lookups = self.lookups(&trace, inputs);
        Witness { inputs: inputs.to_vec(), trace, lookups }
    }

    pub(super) fn honest(&self) -> Witness {
        self.witness(&self.inputs)
    }

    /// Words from a witness, for claimed logits, with bent leaves and hidden scalars.
    pub(super) fn words(
        &self,
        witness: &Witness,
        logits: &[i32],
        shifts: &[Shift],
        hook: impl Fn() -> Tamper + Sync,
    ) -> Vec<u8> {
        self.words_of(&self.instance(logits), witness, shifts, hook)
    }

    /// The same for any instance.
    pub(super) fn words_of(
        &self,
        instance: &Instance<'_>,
        witness: &Witness,
        shifts: &[Shift],
        hook: impl Fn() -> Tamper + Sync,
    ) -> Vec<u8> {
        *self.session.compute().shifts.lock().unwrap() = (instance.plan().tables.clone(), shifts.to_vec());
        let mut blinds = Blinds::new([9; 32]);
        let prepare = |w: &mut Writer<'_>| w.tamper = Some(hook());
        let Witness { inputs, trace, lookups } = witness.clone();
        let inputs = &inputs;
        let prepared = Prepared { instance, transcript: instance.transcript(), inputs, trace, lookups };
        self.session.run(&prepared, &mut blinds, &mut Clock::start(&NoProgress), prepare).unwrap()
    }

    pub(super) fn honest_words(&self) -> (Vec<i32>, Vec<u8>) {
        let witness = self.honest();
        let logits = witness.trace.logits().to_vec();
        let words = self.words(&witness, &logits, &[], as_it_is);
        verify(&self.instance(&logits), &words).unwrap();
        (logits, words)
    }

    /// The verdict on a forgery whose claimed logits are the witness's own.
    pub(super) fn verdict(
        &self,
        witness: &Witness,
        shifts: &[Shift],
        hook: impl Fn() -> Tamper + Sync,
    ) -> Result<(), VerifyError> {
        let logits = witness.trace.logits();
        verify(&self.instance(logits), &self.words(witness, logits, shifts, hook))
    }

    /// The same witness, three times as clever: tuples of the table in the leaves; the tuples that were committed; and `S = p/q`.
    pub(super) fn refused_thrice(&self, witness: &Witness, shifts: &[Shift]) {
        assert_eq!(self.verdict(witness, &[], as_it_is), failed(Check::OpeningValue));
        assert_eq!(self.verdict(witness, &[], root_fits), failed(Check::OpeningValue));
        assert_eq!(self.verdict(witness, shifts, as_it_is), failed(Check::LookupSum));
        assert_eq!(self.verdict(witness, shifts, root_fits), failed(Check::Linear));
    }

    /// The leaf that looks up value `i` of input `beta` in the block of a kind.
    pub(super) fn leaf(&self, kind: Lookup, i: usize, beta: usize) -> usize {
        let plan = self.plan();
        plan.lookups.iter().find(|b| b.kind == kind).unwrap().offset + (i << plan.batch_bits) + beta
    }
}

pub(super) const fn failed(check: Check) -> Result<(), VerifyError> {
    Err(VerifyError::CheckFailed(check))
}

/// The secret that belongs to a key, whatever its rows are.
pub(super) fn secret_of(key: &VerifyingKey) -> Secret {
    Secret::from_parts(*key.digest(), KEY_SEED)
}

/// Another value of a hidden layer's activation.
pub(super) fn other(y: i32, max: i32) -> i32 {
    if y == max { y - 1 } else { y + 1 }
}

pub(super) fn small() -> Lab {
    Lab::new(&[2, 2, 1], 1, 1, 2, false)
}

pub(super) fn word(words: &[u8], k: usize) -> [u8; WORD] {
    words[k * WORD..][..WORD].try_into().unwrap()
}

pub(super) fn with_word(words: &[u8], k: usize, word: [u8; WORD]) -> Vec<u8> {
    let mut out = words.to_vec();
    out[k * WORD..][..WORD].copy_from_slice(&word);
    out
}

pub(super) fn swapped(words: &[u8], a: usize, b: usize) -> Vec<u8> {
    with_word(&with_word(words, a, word(words, b)), b, word(words, a))
}
