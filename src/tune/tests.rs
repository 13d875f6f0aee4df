//! Laws of the whole, and what the tests of its parts share.

use super::*;
use crate::compute::cpu::Cpu;
use crate::model::float::{Activation, FloatLayer, FloatNetwork, InputCode};
use crate::model::quantise::Samples;
use crate::model::random::Numbers;
use crate::model::{Architecture, Clamp};

/// A float network 12-8-6-4 with ReLU and channels of very different sizes.
pub(super) fn small_network(seed: u64) -> FloatNetwork {
    random_network(&[12, 8, 6, 4], seed)
}

fn random_network(widths: &[usize], seed: u64) -> FloatNetwork {
    let mut numbers = Numbers::new(seed);
    let mut number = || numbers.below(2001) as f32 / 1000.0 - 1.0;
    let layer = |b: usize| {
        let (columns, rows) = (widths[b], widths[b + 1]);
        let sizes: Vec<f32> = (0..rows).map(|_| (2.0 * number()).exp() / (columns as f32).sqrt()).collect();
        let activation = if b + 2 == widths.len() { Activation::None } else { Activation::Relu };
        FloatLayer {
            name: format!("layer{b}"),
            rows,
            columns,
            weights: sizes.iter().flat_map(|s| (0..columns).map(|_| s * number()).collect::<Vec<_>>()).collect(),
            bias: sizes.iter().map(|s| s * number()).collect(),
            activation,
            grid: None,
        }
    };
    let mut layer = layer;
    FloatNetwork { name: "small".into(), input: None, layers: (0..widths.len() - 1).map(&mut layer).collect() }
}

fn code(max: i32) -> InputCode {
    InputCode { scale: 4.0 / f64::from(max), offset: 0.0, range: Clamp { min: 0, max } }
}

fn inputs(code: &InputCode, width: usize, count: usize) -> Samples {
    let mut numbers = Numbers::new(77);
    let integers = (0..width * count).map(|_| numbers.below(code.range.len() as u64) as i32).collect();
    Samples::decode(code, integers)
}

fn calibration(max: i32, seed: u64) -> Calibration {
    let code = code(max);
    Calibration::new(&Cpu, &random_network(&[40, 24, 16, 4], seed), &code, &inputs(&code, 40, 400), None).unwrap()
}

fn tuned(calibration: &Calibration, choice: Choice) -> Tuned {
    calibration.tune(&Cpu, &choice, &calibration.first_rows(&Cpu, &choice)).unwrap()
}

#[test]
fn caps_densities_and_bits_hold_and_tables_cover_the_bounds() {
    let calibration = calibration(15, 1);
    for (row_cap, activation_bits, density) in
        [(Some(8), 4, None), (Some(4), 3, None), (Some(12), 2, Some(0.1)), (None, 8, None), (None, 4, Some(0.05))]
    {
        let choice = Choice { row_cap, activation_bits, density };
        let Tuned { network, errors } = tuned(&calibration, choice);
        let architecture = Architecture::of(&network, 1).unwrap();
        let mut range = network.input;
        for (b, layer) in network.layers.iter().enumerate().take(2) {
            let (rows, columns) = (layer.weights.rows(), layer.weights.columns());
            for i in 0..rows {
                let (plus, minus) = layer.weights.by_row().get(i);
                assert!(plus.len() + minus.len() <= row_cap.unwrap_or(columns), "{choice:?} {b} {i}");
            }
            let most = density.map_or(usize::MAX, |d| (d * (rows * columns) as f64).round() as usize);
            assert!(layer.weights.non_zeros() <= most, "{choice:?} {b}");
            let caps = caps::Caps::new(row_cap, columns, range);
            assert!(architecture.hidden[b].bits <= caps.bits, "{choice:?} {b}");
            range = layer.requantise.unwrap().clamp;
            assert_eq!(range, Clamp { min: 0, max: (1 << activation_bits) - 1 });
        }
        assert!(errors.iter().all(|e| (0.0..1.0).contains(e)), "{errors:?}");
    }
}

#[test]
fn more_entries_and_bits_lower_the_error() {
    let calibration = calibration(255, 2);
    let error = |row_cap, activation_bits| tuned(&calibration, Choice { row_cap, activation_bits, density: None }).errors[0];
    assert!(error(Some(24), 8) < error(Some(6), 8));
    assert!(error(Some(24), 8) < error(Some(24), 1));
}

#[test]
fn classes_are_those_of_inference() {
    let choice = Choice { row_cap: None, activation_bits: 6, density: None };
    let network = tuned(&calibration(15, 3), choice).network;
    let samples = inputs(&code(15), 40, 700);
    let expected: Vec<usize> = network.logits(&samples.integers).chunks_exact(4).map(argmax).collect();
    let found = classes(&Cpu, &network, &samples.integers);
    assert_eq!(found, expected);
    assert!((accuracy(&found, &expected) - 1.0).abs() < 1e-12);
    let float = random_network(&[40, 24, 16, 4], 3);
    let said = float_classes(&Cpu, &float, &samples.reals);
    for (z, class) in float.logits(&samples.reals).chunks_exact(4).zip(&said) {
        assert!(z.iter().all(|v| *v <= z[*class]));
    }
    assert!((accuracy(&[1, 2, 3, 4], &[1, 2, 0, 0]) - 0.5).abs() < 1e-12);
}

#[test]
fn fewer_neurons_leave_a_narrower_network() {
    let code = code(15);
    let float = random_network(&[40, 24, 16, 4], 4);
    let calibration = Calibration::new(&Cpu, &float, &code, &inputs(&code, 40, 300), Some(16)).unwrap();
    let choice = Choice { row_cap: Some(8), activation_bits: 4, density: None };
    assert_eq!(tuned(&calibration, choice).network.widths(), [40, 16, 16, 4]);
}

#[test]
fn what_cannot_be_tuned_is_refused_with_a_sentence() {
    let code = code(15);
    let samples = inputs(&code, 40, 100);
    let float = random_network(&[40, 8, 4], 5);
    let refused = |float: &FloatNetwork, samples: &Samples| {
        Calibration::new(&Cpu, float, &code, samples, None).unwrap_err().to_string()
    };
    let mut linear = float.clone();
    linear.layers[0].activation = Activation::None;
    assert!(refused(&linear, &samples).contains("layer 0 (layer0) is followed by no activation, expected ReLU"));
    let mut activated = float.clone();
    activated.layers[1].activation = Activation::Relu;
    assert!(refused(&activated, &samples).contains("the last layer (layer1) ends with an activation"));
    let constant = Samples::decode(&code, vec![0; 40 * 100]);
    assert!(refused(&float, &constant).contains("do not differ"));
    assert!(refused(&float, &inputs(&code, 40, 3)).contains("3 calibration input(s), expected at least 16"));
    let calibration = Calibration::new(&Cpu, &float, &code, &samples, None).unwrap();
    for (row_cap, activation_bits, density) in [(Some(0), 4, None), (None, 0, None), (None, 17, None), (None, 4, Some(0.0))]
    {
        assert!(calibration.tune(&Cpu, &Choice { row_cap, activation_bits, density }, &[]).is_err());
    }
}
