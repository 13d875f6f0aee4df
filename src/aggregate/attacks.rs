//! Forged aggregates, each with the rule that refuses it. Where a rule is a challenge or an absorbed digest, the forgery is first
//! shown to pass when the rule is dropped.

use super::file::{Aggregate, Deferred, Entry};
use super::{AggregateError, MAX_DEPTH, MAX_LEAVES, Part, decide, merge, prove::MergeError};
use crate::algebra::Fr;
use crate::compute::cpu::Cpu;
use crate::model::random::{self, Shape};
use crate::model::{Architecture, Network};
use crate::protocol::{Check, InstanceError, NoProgress, Session, VerifyError, VerifyingKey, commit};
use crate::transcript::oracle::{self, Draw};
use crate::transcript::{Tamper, Writer};
use ark_ff::{Field, One};

const CONTEXT: &[u8] = b"attack";

struct Lab {
    session: Session<Cpu>,
}

fn network(widths: &[usize], seed: u64) -> Network {
    random::network(&Shape { widths: widths.to_vec(), density: 0.5, max: 7 }, seed).unwrap()
}

impl Lab {
    fn new(widths: &[usize], row_width: usize, seed: u64) -> Self {
        Self::lying(&network(widths, seed), network(widths, seed), row_width)
    }

    /// A key for one network, and a prover who runs another.
    fn lying(committed: &Network, used: Network, row_width: usize) -> Self {
        let arch = Architecture::of(committed, row_width).unwrap();
        let (key, secret) = commit(&Cpu, committed, &arch, [3; 32], |_| {}).unwrap();
        Self { session: Session::new(Cpu, used, key, secret).unwrap() }
    }

    fn small() -> Self {
        Self::new(&[6, 5, 4, 3], 4, 11)
    }

    fn key(&self) -> &VerifyingKey {
        self.session.key()
    }

    fn inputs(&self, batch: usize, seed: u64) -> Vec<i32> {
        random::inputs(self.session.network(), batch, seed)
    }

    fn leaf(&self, batch: usize, seed: u64) -> Deferred {
        self.leaf_in(batch, seed, CONTEXT)
    }

    fn leaf_in(&self, batch: usize, seed: u64, context: &[u8]) -> Deferred {
        let private = seed.is_multiple_of(3);
        let entropy = [seed as u8; 32];
        self.session.defer(&self.inputs(batch, seed), private, context, &entropy, &NoProgress).unwrap().0
    }

    /// A leaf whose claim, and nothing else, is false: `by` is added to the last round message of its reduction.
    fn false_leaf(&self, seed: u64, by: Fr) -> Deferred {
        let rounds = crate::algebra::mle::log2_ceil(self.key().architecture().row_width);
        let tamper = move |writer: &mut Writer<'_>| {
            let mut nth = 0;
            let hook: Tamper = Box::new(move |label, v| {
                nth += usize::from(label == "a");
                if label == "a" && nth == rounds { v + by } else { v }
            });
            writer.tamper = Some(hook);
        };
        let inputs = self.inputs(1, seed);
        let made = self.session.prepared(&inputs, false, CONTEXT, &|_| [seed as u8; 32], &NoProgress, |p, blinds, clock| {
            self.session.leaf(p, blinds, clock, tamper)
        });
        made.unwrap().0
    }

    fn verdict(&self, parts: Vec<Deferred>) -> Result<(), AggregateError> {
        decide(&Cpu, parts, &[8; 32]).unwrap().verify(&[self.key()], CONTEXT)
    }
}

fn merged(parts: Vec<Deferred>) -> Deferred {
    merge(&Cpu, parts, &[7; 32]).unwrap()
}

fn failed(part: Part, check: Check) -> Result<(), AggregateError> {
    Err(AggregateError::Part { part, source: VerifyError::CheckFailed(check) })
}

/// Leaves, in the order of their seeds.
fn leaves(lab: &Lab, seeds: std::ops::Range<u64>) -> Vec<Deferred> {
    seeds.map(|seed| lab.leaf(1 + seed as usize % 3, seed)).collect()
}

#[test]
fn every_tree_of_honest_leaves_holds() {
    let lab = Lab::small();
    let [a, b, c, d, e] = <[Deferred; 5]>::try_from(leaves(&lab, 0..5)).unwrap();
    a.check(&[lab.key()]).unwrap();
    assert_eq!(lab.verdict(vec![a.clone()]), Ok(()), "one leaf");
    assert_eq!(lab.verdict(vec![a.clone(), b.clone(), c.clone()]), Ok(()), "three leaves, flat");
    let left = merged(vec![merged(vec![a.clone(), b.clone()]), c.clone()]);
    let right = merged(vec![a.clone(), merged(vec![b.clone(), c.clone()])]);
    for three in [left, right] {
        three.check(&[lab.key()]).unwrap();
        assert_eq!(lab.verdict(vec![three.clone()]), Ok(()));
        assert_eq!(lab.verdict(vec![d.clone(), three.clone(), e.clone()]), Ok(()));
        assert_eq!(lab.verdict(vec![merged(vec![merged(vec![three]), d.clone()]), e.clone()]), Ok(()));
    }
}

#[test]
fn files_come_back_as_they_were() {
    let lab = Lab::small();
    let part = merged(leaves(&lab, 1..4));
    let read = Deferred::from_bytes(&part.to_bytes(), "f").unwrap();
    assert_eq!(*read.to_bytes(), *part.to_bytes());
    read.check(&[lab.key()]).unwrap();
    let whole = decide(&Cpu, vec![read, lab.leaf(2, 9)], &[1; 32]).unwrap();
    let again = Aggregate::from_bytes(&whole.to_bytes(), "f").unwrap();
    assert_eq!(again, whole);
    assert_eq!((again.leaves().count(), again.inputs()), (4, 2 + 3 + 1 + 2));
    assert_eq!(again.verify(&[lab.key()], CONTEXT), Ok(()));
}

#[test]
fn models_of_equal_row_width_share_an_opening() {
    let (one, two) = (Lab::small(), Lab::new(&[9, 3, 7], 4, 5));
    let parts = vec![one.leaf(1, 1), two.leaf(2, 2), one.leaf(3, 3)];
    let whole = decide(&Cpu, parts, &[1; 32]).unwrap();
    assert_eq!(whole.keys.len(), 2);
    assert_eq!(whole.verify(&[two.key(), one.key()], CONTEXT), Ok(()));
    // A key that it does not know, and a leaf relabelled as another model's.
    let unknown = whole.verify(&[one.key()], CONTEXT).unwrap_err();
    assert!(matches!(unknown, AggregateError::UnknownModel { leaf: 1, expected: 1, .. }), "{unknown}");
    let mut relabelled = whole;
    relabelled.keys.swap(0, 1);
    assert!(relabelled.verify(&[two.key(), one.key()], CONTEXT).is_err());
    let wide = Lab::new(&[6, 5, 4, 3], 8, 11);
    let unequal = decide(&Cpu, vec![one.leaf(1, 1), wide.leaf(1, 2)], &[1; 32]).unwrap_err();
    assert_eq!(unequal, MergeError::Parts(AggregateError::RowWidths { first: 4, second: 8 }));
}

#[test]
fn a_false_leaf_among_sixty_three_true_ones() {
    let lab = Lab::small();
    let honest = network(&[6, 5, 4, 3], 11);
    let mut other = honest.clone();
    other.layers[2].bias[0] += 1;
    let liar = Lab::lying(&honest, other, 4);
    assert_eq!(lab.key().digest(), liar.key().digest());
    for at in [0, 37, 63] {
        let mut parts = leaves(&lab, 1..65);
        parts[at] = liar.leaf(1, 99);
        assert_eq!(lab.verdict(parts.clone()), failed(Part::Decider, Check::OpeningRow));
        // Whoever has the parts can tell which it is.
        let culprits: Vec<usize> = (0..64).filter(|i| parts[*i].check(&[lab.key()]).is_err()).collect();
        assert_eq!(culprits, [at]);
    }
    let mut parts = leaves(&lab, 1..65);
    parts[20] = lab.false_leaf(20, Fr::one());
    assert_eq!(lab.verdict(parts), failed(Part::Decider, Check::OpeningValue));
}

/// All of `r` is 3: the errors of claims are known. In the given domains ρ is 1.
fn known(fixed: &'static [&'static str]) -> impl Fn(&Draw<'_>) -> Option<Fr> {
    move |d| match d.label {
        "r" => Some(Fr::from(3u64)),
        "rho" if fixed.iter().any(|domain| d.domain.ends_with(domain)) => Some(Fr::one()),
        _ => None,
    }
}

#[test]
fn two_leaves_whose_errors_cancel() {
    let lab = Lab::small();
    let forged = || {
        let by = Fr::from(5u64);
        lab.verdict(vec![lab.leaf(1, 1), lab.false_leaf(2, by), lab.leaf(2, 4), lab.false_leaf(3, -by)])
    };
    assert_eq!(oracle::with(&[], known(&["decide"]), forged), Ok(()), "with a fixed factor they cancel");
    assert_eq!(oracle::with(&[], known(&[]), forged), failed(Part::Decider, Check::OpeningValue));
    assert_eq!(forged(), failed(Part::Decider, Check::OpeningValue));
}

#[test]
fn errors_that_cancel_between_levels_of_the_tree() {
    let lab = Lab::small();
    let forged = || {
        // A merge's rounds take an error e to e·Πr: two rounds here.
        let by = Fr::from(5u64);
        let below = merged(vec![lab.leaf(1, 1), lab.false_leaf(2, by)]);
        lab.verdict(vec![below, lab.false_leaf(3, -by * Fr::from(3u64).pow([2]))])
    };
    assert_eq!(oracle::with(&[], known(&["merge", "decide"]), forged), Ok(()), "with fixed factors they cancel");
    assert_eq!(oracle::with(&[], known(&["merge"]), forged), failed(Part::Decider, Check::OpeningValue));
    assert_eq!(oracle::with(&[], known(&["decide"]), forged), failed(Part::Decider, Check::OpeningValue));
    assert_eq!(forged(), failed(Part::Decider, Check::OpeningValue));
}

#[test]
fn rho_that_does_not_depend_on_the_leaves() {
    let lab = Lab::small();
    // ρ is what an empty merge would draw: known before the leaves are made, so that the second error can fit the first.
    let rho = || {
        let whole = decide(&Cpu, vec![lab.leaf(1, 4), lab.leaf(1, 5)], &[8; 32]).unwrap();
        assert_eq!(whole.verify(&[lab.key()], CONTEXT), Ok(()));
        *oracle::drawn("rho").last().unwrap()
    };
    let by = Fr::from(5u64);
    let deaf = oracle::with(&["accumulator"], known(&[]), || {
        let rho = rho();
        let other = -by * rho.inverse().unwrap();
        lab.verdict(vec![lab.false_leaf(1, by), lab.false_leaf(2, other)])
    });
    assert_eq!(deaf, Ok(()), "a transcript that does not hear its children");
    let heard = oracle::with(&[], known(&[]), || {
        let rho = rho();
        lab.verdict(vec![lab.false_leaf(1, by), lab.false_leaf(2, -by * rho.inverse().unwrap())])
    });
    assert_eq!(heard, failed(Part::Decider, Check::OpeningValue));
}

fn whole(lab: &Lab) -> Aggregate {
    let inner = merged(vec![lab.leaf(1, 1), lab.leaf(1, 2)]);
    let whole = decide(&Cpu, vec![inner, lab.leaf(1, 4), lab.leaf(1, 5)], &[1; 32]).unwrap();
    assert_eq!(whole.verify(&[lab.key()], CONTEXT), Ok(()));
    whole
}

#[test]
fn leaves_swapped_between_slots() {
    let lab = Lab::small();
    let honest = whole(&lab);
    // Entries: leaf, leaf, merge, leaf, leaf, decider.
    for (a, b) in [(0, 1), (0, 3), (3, 4), (1, 4)] {
        let mut swapped = honest.clone();
        swapped.entries.swap(a, b);
        let refused = swapped.verify(&[lab.key()], CONTEXT).unwrap_err();
        assert!(matches!(refused, AggregateError::Part { source: VerifyError::CheckFailed(_), .. }), "{a} {b}: {refused}");
    }
    // Outputs swapped between leaves.
    let mut outputs = honest.clone();
    let [Entry::Leaf(first), .., Entry::Leaf(last), _] = &mut *outputs.entries else { panic!("the tree has another shape") };
    std::mem::swap(&mut first.logits, &mut last.logits);
    assert!(first.logits != last.logits, "the forgery says something else");
    assert!(matches!(outputs.verify(&[lab.key()], CONTEXT), Err(AggregateError::Part { .. })));
}

#[test]
fn a_leaf_of_another_context() {
    let lab = Lab::small();
    let parts = vec![lab.leaf(1, 1), lab.leaf_in(1, 2, b"another")];
    assert_eq!(decide(&Cpu, parts, &[1; 32]).unwrap_err(), MergeError::Contexts { other: 1 });
    let mut forged = lab.leaf_in(1, 2, b"another");
    forged.parts.context = CONTEXT.to_vec();
    let refused = lab.verdict(vec![lab.leaf(1, 1), forged]);
    assert!(matches!(refused, Err(AggregateError::Part { source: VerifyError::CheckFailed(_), .. })), "{refused:?}");
    let whole = whole(&lab);
    let other = whole.verify(&[lab.key()], b"another").unwrap_err();
    assert!(matches!(other, AggregateError::Context(InstanceError::OtherContext { .. })), "{other}");
}

#[test]
fn a_leaf_twice() {
    let lab = Lab::small();
    let twice = vec![lab.leaf(1, 1), lab.leaf(1, 2), lab.leaf(1, 1)];
    assert_eq!(lab.verdict(twice), Err(AggregateError::Repeated { first: 0, second: 2 }));
    // One body with two closings is still one proof: a round message of the second is blinded otherwise.
    let closing = |by: usize| {
        let inputs = lab.inputs(1, 2);
        let made = lab.session.prepared(&inputs, false, CONTEXT, &|_| [2; 32], &NoProgress, |p, blinds, clock| {
            lab.session.leaf(p, blinds, clock, |writer| writer.rotate_blinds(by))
        });
        made.unwrap().0
    };
    let (one, two) = (closing(0), closing(1));
    assert!(one.digest != two.digest && one.check(&[lab.key()]).is_ok() && two.check(&[lab.key()]).is_ok());
    assert_eq!(lab.verdict(vec![one, two]), Err(AggregateError::Repeated { first: 0, second: 1 }));
}

#[test]
fn entries_that_are_no_tree() {
    let lab = Lab::small();
    let honest = whole(&lab);
    let refused = |what: &str, change: &dyn Fn(&mut Vec<Entry>)| {
        let mut forged = honest.clone();
        change(&mut forged.entries);
        let error = forged.verify(&[lab.key()], CONTEXT).unwrap_err();
        error.to_string() + " / " + what
    };
    let shape = |what: &str, change: &dyn Fn(&mut Vec<Entry>)| {
        let text = refused(what, change);
        assert!(text.contains("do not form a tree"), "{text}");
    };
    shape("a leaf too many", &|e| e.insert(0, e[3].clone()));
    shape("a leaf too few", &|e| drop(e.remove(0)));
    shape("no entries", &|e| e.clear());
    shape("the decider takes fewer", &|e| {
        let Some(Entry::Merge { children, .. }) = e.last_mut() else { panic!("no decider") };
        *children = 2;
    });
    shape("a merge of nothing", &|e| {
        let Entry::Merge { children, .. } = &mut e[2] else { panic!("no merge") };
        *children = 0;
    });
    shape("a merge first", &|e| e.swap(0, 2));
    shape("a chain of merges", &|e| e.extend(vec![Entry::Merge { children: 1, words: Vec::new() }; MAX_DEPTH]));
    // Without a decider: the inner merge in its place is a merge without an opening.
    let text = refused("no decider", &|e| e.truncate(3));
    assert!(text.contains("the decider: the proof ends at byte"), "{text}");
    // The decider inside the tree, under a merge.
    let inner = merged(vec![lab.leaf(1, 7)]);
    let Some(Entry::Merge { words, .. }) = inner.parts.entries.last().cloned() else { panic!("no merge") };
    let text = refused("the decider below a merge", &|e| e.push(Entry::Merge { children: 1, words: words.clone() }));
    assert!(text.contains("merge 1: the proof has"), "{text}");
    let many = Aggregate { entries: vec![honest.entries[0].clone(); MAX_LEAVES + 1], ..honest.clone() };
    assert!(matches!(many.verify(&[lab.key()], CONTEXT), Err(AggregateError::Shape(_))));
}

/// An accumulator that nobody opened, passed off as an aggregate, by someone who knows all there is to know.
#[test]
fn the_decider_is_not_a_merge() {
    let lab = Lab::small();
    let parts = || vec![lab.leaf(1, 1), lab.false_leaf(2, Fr::one())];
    let Some(Entry::Merge { words, .. }) = merged(parts()).parts.entries.pop() else { panic!("no merge") };
    let mut forged = decide(&Cpu, parts(), &[8; 32]).unwrap();
    let Some(Entry::Merge { words: decider, .. }) = forged.entries.last_mut() else { panic!("no decider") };
    // Rounds and knowledge of a merge that holds, and an opening of something else.
    decider[..words.len()].copy_from_slice(&words);
    let refused = forged.verify(&[lab.key()], CONTEXT);
    assert!(matches!(refused, Err(AggregateError::Part { part: Part::Decider, .. })), "{refused:?}");
}

/// Every third word of an aggregate, replaced by another that is just as well formed.
#[test]
fn no_word_can_be_exchanged() {
    let lab = Lab::small();
    let honest = whole(&lab);
    let mut seen = 0;
    for entry in 0..honest.entries.len() {
        let length = words_of(&mut honest.clone().entries[entry]).len() / 32;
        for k in (entry % 3..length).step_by(3) {
            let mut forged = honest.clone();
            let words = words_of(&mut forged.entries[entry]);
            let other = if k == 0 { 1 } else { k - 1 };
            let (a, b) = (words[32 * k..][..32].to_vec(), words[32 * other..][..32].to_vec());
            assert!(a != b);
            words[32 * k..][..32].copy_from_slice(&b);
            assert!(forged.verify(&[lab.key()], CONTEXT).is_err(), "entry {entry}, word {k}");
            seen += 1;
        }
    }
    assert!(seen > 150, "{seen}");
}

fn words_of(entry: &mut Entry) -> &mut Vec<u8> {
    match entry {
        Entry::Leaf(leaf) => &mut leaf.words,
        Entry::Merge { words, .. } => words,
    }
}

/// A deferred file whose secret was changed is told from a good one, and so is one whose public part was.
#[test]
fn deferred_proofs_are_checked_whole() {
    let lab = Lab::small();
    let good = lab.leaf(2, 1);
    let mut row = good.clone();
    row.opening.row.values[1] += Fr::one();
    assert_eq!(row.check(&[lab.key()]), Err(AggregateError::Secret));
    let mut blind = good.clone();
    blind.opening.row.blind += Fr::one();
    assert_eq!(blind.check(&[lab.key()]), failed(Part::Leaf(0), Check::OpeningRow));
    let mut value = good.clone();
    value.opening.value.blind += Fr::one();
    assert_eq!(value.check(&[lab.key()]), failed(Part::Leaf(0), Check::OpeningValue));
    let mut point = good.clone();
    point.opening.point[0] += Fr::one();
    assert_eq!(point.check(&[lab.key()]), Err(AggregateError::Secret));
    assert_eq!(lab.false_leaf(1, Fr::one()).check(&[lab.key()]), Err(AggregateError::Secret));
    assert_eq!(good.check(&[lab.key()]), Ok(()));
}

/// Should the system's randomness ever repeat: closings of one thing never share blinds, or one first message would meet two
/// challenges, which gives the scalars away.
#[test]
fn no_two_closings_share_blinds() {
    let lab = Lab::small();
    let inputs = lab.inputs(1, 1);
    let entropy = [1; 32];
    let proof = lab.session.prove(&inputs, false, CONTEXT, &entropy, &NoProgress).unwrap().0.words;
    let leaf = || lab.session.defer(&inputs, false, CONTEXT, &entropy, &NoProgress).unwrap().0;
    let last = |parts: Aggregate| words_of(&mut parts.entries.into_iter().next_back().unwrap()).clone();
    let closings = [
        proof,
        last(leaf().parts),
        last(merge(&Cpu, vec![leaf()], &entropy).unwrap().parts),
        last(decide(&Cpu, vec![leaf()], &entropy).unwrap()),
        last(merge(&Cpu, vec![leaf(), lab.leaf(1, 2)], &entropy).unwrap().parts),
        last(merge(&Cpu, vec![lab.leaf(1, 2), leaf()], &entropy).unwrap().parts),
    ];
    let words: Vec<&[u8]> = closings.iter().flat_map(|c| c.chunks(32)).collect();
    let distinct: std::collections::BTreeSet<&[u8]> = words.iter().copied().collect();
    assert_eq!(distinct.len(), words.len());
}
