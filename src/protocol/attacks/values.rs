//! Wrong values: outputs, activations, quotients, multiplicities, inputs, networks, padding.

use super::lab::*;
use crate::algebra::Fr;
use crate::model::{Architecture, Network, TernaryMatrix};
use crate::protocol::plan::Lookup;
use crate::protocol::witness::table_offsets;
use crate::protocol::{Check, verify};
use ark_ff::{Field, One};

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

/// Gains any activation function: the prover looks up in a table of its own, here one that is zero everywhere.
#[test]
fn a_table_of_the_provers_own() {
    for (lab, kind) in [(Lab::split(), Lookup::Activation(0)), (Lab::accumulator(), Lookup::Accumulator(0))] {
        let mut witness = lab.honest();
        let width = lab.arch().outputs(0);
        let mut shifts = Vec::new();
        for (at, y) in witness.trace.activations[0].iter_mut().enumerate().filter(|(_, y)| **y != 0) {
            shifts.push(Shift { leaf: lab.leaf(kind, at % width, at / width), t1: 0, t2: -i64::from(*y) });
            *y = 0;
        }
        assert!(!shifts.is_empty());
        rerun(lab.session.network(), &mut witness.trace, 0);
        witness.lookups = lab.lookups(&witness.trace, &lab.inputs);
        lab.refused_thrice(&witness, &shifts);
    }
}

/// Gains lookups that nobody made, where blocks have room: neurons beyond the width, inputs beyond the batch, the tail.
#[test]
fn padding_that_is_not_the_zero_pattern() {
    let labs = [
        Lab::split(),
        Lab::new(&[2, 7, 3], 1, 3, 4, false),
        Lab::new(&[1, 1, 1], 7, 1, 1, false),
        Lab::new(&[2, 2, 2], 7, 2, 2, true),
        Lab::new(&[3, 1, 2], 7, 1, 2, true),
        Lab::new(&[5, 5, 3, 2], 3, 5, 4, true),
    ];
    let mut places = 0;
    for lab in labs {
        let plan = lab.plan();
        let offsets = table_offsets(&plan.tables);
        let mut padding = Vec::new();
        let mut end = 0;
        for (block, table) in plan.lookups() {
            let width = match block.kind {
                Lookup::Accumulator(b) | Lookup::Remainder(b) | Lookup::Activation(b) => lab.arch().outputs(b),
                Lookup::Input => lab.arch().inputs(0),
            };
            end = block.offset + (1 << block.bits);
            let beyond = |l: &usize| l >> plan.batch_bits >= width || l & ((1 << plan.batch_bits) - 1) >= plan.batch;
            padding.extend((0..1 << block.bits).filter(beyond).step_by(3).map(|l| (block.offset + l, table)));
        }
        padding.extend((end..1 << plan.lookup_bits).take(2).map(|leaf| (leaf, plan.padding_table())));
        for (leaf, t) in padding.into_iter().filter(|(_, t)| plan.tables[*t].len() > 1).take(6) {
            let mut witness = lab.honest();
            let zero = (witness.lookups.indices[leaf] - offsets[t]) as usize;
            let entry = if zero == 0 { 1 } else { zero - 1 };
            witness.lookups.indices[leaf] = offsets[t] + entry as u32;
            witness.lookups.multiplicities[t][zero] -= 1;
            witness.lookups.multiplicities[t][entry] += 1;
            assert_eq!(lab.verdict(&witness, &[], as_it_is), failed(Check::OpeningValue), "leaf {leaf}");
            places += 1;
        }
    }
    assert!(places >= 12, "{places}");
}

/// Gains what bounds would tell about rows: they are powers of two, and many networks share them.
#[test]
fn bounds_are_shared_by_many_networks() {
    let network = network(&[6, 5, 4, 3], 7, 11);
    let arch = Architecture::of(&network, 4).unwrap();
    let mut same = 0;
    for (b, layer) in network.layers.iter().enumerate() {
        for i in 0..layer.weights.rows() {
            let mut rows: Vec<Vec<i8>> = (0..layer.weights.rows()).map(|i| layer.weights.dense_row(i)).collect();
            rows[i].iter_mut().for_each(|w| *w = 0);
            let mut other = network.clone();
            other.layers[b].weights = TernaryMatrix::from_rows(layer.weights.columns(), rows).unwrap();
            same += usize::from(Architecture::of(&other, 4).unwrap().encode() == arch.encode());
        }
    }
    assert!(same >= 9, "of 12 rows, {same} may be emptied without a trace");
}
