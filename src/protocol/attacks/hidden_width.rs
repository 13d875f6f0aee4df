//! Values in columns that a vector does not have: the mask of every functional.

use super::lab::*;
use crate::algebra::Fr;
use crate::commit::functional::{MASK, Mask};
use crate::model::{Architecture, TernaryMatrix};
use crate::protocol::{Check, Instance, Mode, VerifyingKey, verify};
use ark_ff::Zero;

/// Another mask while it lives.
struct Masked;

impl Masked {
    fn with(mask: Mask) -> Self {
        MASK.set(mask);
        Self
    }
}

impl Drop for Masked {
    fn drop(&mut self) {
        MASK.set(Mask::Right);
    }
}

/// A fourth neuron, constant 1, behind a layer of width 3: in the fourth column of its bias, of y (and q') and of a row of the
/// next layer, where rows have room. The published network has width 3.
fn hidden_neuron(mode: Mode, batch: usize, max: i32) {
    let three = network(&[4, 3, 2], max, 5);
    let shift = three.layers[0].requantise.unwrap().shift;
    let mut four = three.clone();
    let rows = |m: &TernaryMatrix| (0..m.rows()).map(|i| m.dense_row(i)).collect::<Vec<_>>();
    let first = [rows(&three.layers[0].weights), vec![vec![0; 4]]].concat();
    four.layers[0].weights = TernaryMatrix::from_rows(4, first).unwrap();
    four.layers[0].bias.push(1 << shift);
    let second = rows(&three.layers[1].weights).into_iter().enumerate();
    let second: Vec<Vec<i8>> = second.map(|(i, r)| [r, vec![i8::from(i == 0)]].concat()).collect();
    four.layers[1].weights = TernaryMatrix::from_rows(4, second).unwrap();

    let mut lab = Lab::of(four, batch, 4, false);
    lab.session.key_blinds_mut()[3] = Fr::zero();
    let mut arch: Architecture = lab.arch().clone();
    arch.widths[1] = 3;
    let mut published = lab.key().rows().to_vec();
    published.remove(3);
    let key = VerifyingKey::new(arch, published);
    let witness = lab.honest();
    let logits = witness.trace.logits().to_vec();
    assert_ne!(logits, three.logits(&lab.inputs), "the published network does not say that");
    let instance = Instance::new(&key, Some(&lab.inputs), &logits, CONTEXT).unwrap();
    assert_eq!(instance.plan().modes, [mode]);
    let words = |mask| {
        let _mask = Masked::with(mask);
        lab.words_of(&instance, &witness, &[], as_it_is)
    };
    {
        let dropped = words(Mask::Dropped);
        let _mask = Masked::with(Mask::Dropped);
        assert_eq!(verify(&instance, &dropped), Ok(()), "without the mask");
    }
    assert_eq!(verify(&instance, &words(Mask::Dropped)), failed(Check::OpeningRow));
    assert_eq!(
        verify(&instance, &words(Mask::Kept)),
        failed(Check::OpeningValue),
        "a prover who opens all that he committed to"
    );
    let masked = lab.words_of(&instance, &witness, &[], as_it_is);
    assert_eq!(verify(&instance, &masked), failed(Check::OpeningRow), "a prover who leaves it out");
}

#[test]
fn a_neuron_hidden_beyond_the_width() {
    hidden_neuron(Mode::Split, 1, 7);
    hidden_neuron(Mode::Accumulator, 6, 1);
}
