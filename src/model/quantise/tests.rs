use super::*;
use crate::model::Requantise;
use crate::model::float::{Activation, Grid};
use proptest::prelude::*;

const BYTE: InputCode = InputCode { scale: 1.0 / 255.0, offset: 0.0, range: Clamp { min: 0, max: 255 } };
const TWN: LayerSettings = LayerSettings {
    selection: Selection { rule: Rule::Twn, row_cap: None, density: None },
    bias: Bias::Rounded,
    activation_bits: 8,
};

fn settings(layers: usize, each: LayerSettings) -> Settings {
    Settings { input: BYTE, weights: Weights::Ternarise, layers: vec![each; layers] }
}

/// A value of about a normal distribution's shape, within ±1.
fn value(numbers: &mut Numbers) -> f32 {
    (0..4).map(|_| numbers.below(2001) as f32 / 1000.0 - 1.0).sum::<f32>() / 4.0
}

fn layer(columns: usize, weights: Vec<f32>, bias: Vec<f32>, activation: Activation) -> FloatLayer {
    FloatLayer { name: format!("fc{columns}"), rows: bias.len(), columns, weights, bias, activation, grid: None }
}

fn random(widths: &[usize], activation: Activation, seed: u64) -> FloatNetwork {
    let mut numbers = Numbers::new(seed);
    let layers = widths.windows(2).map(|w| {
        let size = (w[0] as f32).sqrt().recip();
        // Rows and columns of different sizes, as trained networks have them.
        let rows: Vec<f32> = (0..w[1]).map(|_| size * (1.0 + value(&mut numbers))).collect();
        let weights = rows.iter().flat_map(|r| (0..w[0]).map(|_| r * value(&mut numbers)).collect::<Vec<_>>()).collect();
        let bias = (0..w[1]).map(|_| 0.1 * value(&mut numbers)).collect();
        layer(w[0], weights, bias, activation)
    });
    let mut layers: Vec<FloatLayer> = layers.collect();
    layers.last_mut().unwrap().activation = Activation::None;
    FloatNetwork { name: "random".into(), input: None, layers }
}

/// Rows of signs times a scale for each row and divided by one for each column.
fn signs(columns: usize, rows: &[f32], divide: &[f32], seed: u64) -> Vec<f32> {
    let mut numbers = Numbers::new(seed);
    let mut sign = || numbers.below(3) as f32 - 1.0;
    rows.iter().flat_map(|r| (0..columns).map(|j| r * sign() / divide[j]).collect::<Vec<_>>()).collect()
}

#[test]
fn a_ternary_network_is_taken_as_it_is() {
    let (scale, ones) = (1.0 / 64.0, [1.0; 40]);
    let mut hidden = layer(40, signs(40, &[scale; 24], &ones, 1), vec![0.25; 24], Activation::Relu);
    hidden.grid = Some(Grid { scale: scale * 4.0, min: 0, max: 255 });
    let last = layer(24, signs(24, &[0.5; 5], &ones, 2), vec![1.0, 0.0, -1.0, 2.0, 3.0], Activation::None);
    let float = FloatNetwork { name: "t".into(), input: None, layers: vec![hidden, last] };
    let code = InputCode { scale: 1.0, offset: 0.0, range: Clamp { min: 0, max: 255 } };
    let exact = Settings { input: code, weights: Weights::AsTheyAre, ..settings(2, TWN) };
    let samples = Samples::random(&code, 40, 100, 3);
    let q = quantise(&float, &exact, &samples).unwrap();
    for (float, integer) in float.layers.iter().zip(&q.network.layers) {
        for i in 0..float.rows {
            let signs: Vec<i8> = float.row(i).iter().map(|w| if *w == 0.0 { 0 } else { w.signum() as i8 }).collect();
            assert_eq!(integer.weights.dense_row(i), signs);
        }
    }
    assert_eq!(q.network.layers[0].bias, [16; 24]);
    assert_eq!(q.network.layers[0].requantise, Some(Requantise { shift: 2, clamp: Clamp { min: 0, max: 255 } }));
    assert!(q.layers.iter().all(|l| l.exact && l.weight_error < 1e-6 && (l.column_spread - 1.0).abs() < 1e-9));
    // Ties are rounded upwards by the proof system and to the even step by the file: half a step at most in some activations.
    let agreement = &q.agreement;
    assert!(agreement.max_error <= agreement.bound && agreement.max_error < 1.0, "{agreement:?}");
    assert!((q.logit_scale - 1.0 / 32.0).abs() < 1e-12);
}

/// Without rounding ties, a ternary network with grids of powers of two is the integer network exactly.
#[test]
fn a_ternary_network_without_ties_is_exact() {
    let ones = [1.0; 40];
    let hidden = |seed| FloatLayer {
        grid: Some(Grid { scale: 0.5, min: 0, max: 255 }),
        ..layer(40, signs(40, &[0.5; 40], &ones, seed), vec![0.5; 40], Activation::Relu)
    };
    let last = layer(40, signs(40, &[0.5; 5], &ones, 2), vec![1.0, 0.0, -1.0, 2.0, 3.0], Activation::None);
    let float = FloatNetwork { name: "t".into(), input: None, layers: vec![hidden(1), last] };
    let code = InputCode { scale: 1.0, offset: 0.0, range: Clamp { min: 0, max: 15 } };
    let exact = Settings { input: code, weights: Weights::AsTheyAre, ..settings(2, TWN) };
    let q = quantise(&float, &exact, &Samples::random(&code, 40, 100, 3)).unwrap();
    assert_eq!((q.agreement.max_error, q.agreement.same_class), (0.0, 100));
    assert!(q.agreement.bound < 0.05, "only float rounding: {:?}", q.agreement);
}

#[test]
fn scales_of_rows_move_into_the_next_layer() {
    // Rows 1, 2, 4, .. times signs, and columns of the next layer divided by the same: ternary once the units have moved.
    let scales: Vec<f32> = (0..16).map(|i| 1.7f32.powi(i % 5)).collect();
    let hidden = layer(30, signs(30, &scales, &[1.0; 30], 1), vec![0.0; 16], Activation::Relu);
    let last = layer(16, signs(16, &[1.0; 4], &scales, 2), vec![0.0; 4], Activation::None);
    let float = FloatNetwork { name: "t".into(), input: None, layers: vec![hidden, last] };
    let q = quantise(&float, &settings(2, TWN), &Samples::random(&BYTE, 30, 200, 5)).unwrap();
    assert!(q.layers[0].exact && !q.layers[1].exact);
    assert!(q.layers.iter().all(|l| l.weight_error < 1e-5), "{:?}", q.layers);
    assert!(q.layers[1].column_spread > 8.0);
    assert!(q.agreement.same_class >= 195, "{:?}", q.agreement);
}

#[test]
fn caps_and_densities_are_kept() {
    let float = random(&[50, 40, 10], Activation::Relu, 7);
    let samples = Samples::random(&BYTE, 50, 20, 1);
    let with = |row_cap, density, rule| {
        let each = LayerSettings { selection: Selection { rule, row_cap, density }, ..TWN };
        quantise(&float, &settings(2, each), &samples).unwrap()
    };
    for rule in [Rule::Twn, Rule::Absmean] {
        let capped = with(Some(7), None, rule);
        assert!(capped.layers.iter().all(|l| l.widest_row == 7), "{:?}", capped.layers);
        let sparse = with(None, Some(0.2), rule);
        assert_eq!(sparse.layers.iter().map(|l| l.non_zeros).collect::<Vec<_>>(), [400, 80]);
        let full = with(None, Some(1.0), rule);
        assert!(full.layers.iter().all(|l| l.density() > 0.99));
        // The kept entries are the largest ones.
        let (plus, minus) = capped.network.layers[0].weights.by_row().get(3);
        let row = float.layers[0].row(3);
        let smallest = plus.iter().chain(minus).map(|&j| row[j as usize].abs()).fold(f32::MAX, f32::min);
        assert_eq!(row.iter().filter(|w| w.abs() >= smallest).count(), 7);
    }
}

#[test]
fn constant_outputs_do_not_widen_a_layer() {
    let mut float = random(&[20, 8, 3], Activation::Relu, 3);
    float.layers[0].weights[20..40].iter_mut().for_each(|w| *w *= 1e-9);
    float.layers[0].bias[1] = 0.8;
    let q = quantise(&float, &settings(2, TWN), &Samples::random(&BYTE, 20, 50, 3)).unwrap();
    assert!(q.layers[0].bound.bits <= 14, "{:?}", q.layers[0]);
    assert!(q.agreement.max_error <= q.agreement.bound);
}

#[test]
fn errors_name_the_layer_and_what_fits() {
    let float = random(&[50, 40, 10], Activation::Relu, 7);
    let samples = Samples::random(&BYTE, 50, 2, 1);
    let text = |float: &FloatNetwork, s: &Settings, samples: &Samples| quantise(float, s, samples).unwrap_err().to_string();
    let exact = Settings { weights: Weights::AsTheyAre, ..settings(2, TWN) };
    assert!(text(&float, &exact, &samples).contains("layer 0 (fc50) has float weights"));
    assert!(text(&float, &settings(3, TWN), &samples).contains("settings for 3 layers, expected 2"));
    let mut active = float.clone();
    active.layers[1].activation = Activation::Relu;
    assert!(text(&active, &settings(2, TWN), &samples).contains("the last layer (fc40) ends with Relu"));
    let one = FloatNetwork { layers: float.layers[..1].to_vec(), ..float.clone() };
    assert!(text(&one, &settings(1, TWN), &samples).contains("1 linear layer(s), expected at least 2"));
    let none = Samples { reals: vec![], integers: vec![], random: true };
    assert!(text(&float, &settings(2, TWN), &none).contains("0 values of samples"));
    let beyond = Samples { reals: vec![0.0; 50], integers: vec![256; 50], random: true };
    assert!(text(&float, &settings(2, TWN), &beyond).contains("input range 0..=255"));
    let density = LayerSettings { selection: Selection { density: Some(1.5), ..TWN.selection }, ..TWN };
    assert!(text(&float, &settings(2, density), &samples).contains("density 1.5"));

    let wide = random(&[3000, 4, 2], Activation::Relu, 1);
    let code = InputCode { range: Clamp { min: -(1 << 20), max: 1 << 20 }, ..BYTE };
    let large = Settings { input: code, ..settings(2, TWN) };
    let samples = Samples::random(&code, 3000, 2, 1);
    let sentence = text(&wide, &large, &samples);
    assert!(sentence.contains("layer 0 (fc3000)") && sentence.contains("non-zeros a row (--row-cap)"), "{sentence}");
    let QuantiseError::TooWide { row_cap, max_value, .. } = quantise(&wide, &large, &samples).unwrap_err() else {
        panic!("{sentence}")
    };
    // Both ways out lead out.
    let cap = row_cap as usize;
    let capped = LayerSettings { selection: Selection { row_cap: Some(cap), ..TWN.selection }, ..TWN };
    assert!(quantise(&wide, &Settings { input: code, ..settings(2, capped) }, &samples).is_ok());
    let smaller = InputCode { range: Clamp { min: -(max_value as i32), max: max_value as i32 }, ..BYTE };
    let samples = Samples::random(&smaller, 3000, 2, 1);
    assert!(quantise(&wide, &Settings { input: smaller, ..settings(2, TWN) }, &samples).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_bound_holds(
        widths in prop::collection::vec(1usize..40, 3..6),
        seed in any::<u64>(),
        kind in 0usize..4,
        rule in prop_oneof![Just(Rule::Twn), Just(Rule::Absmean)],
        bias in prop_oneof![Just(Bias::Rounded), Just(Bias::Corrected)],
        row_cap in prop_oneof![Just(None), (1usize..40).prop_map(Some)],
        density in prop_oneof![Just(None), (0.05f64..1.0).prop_map(Some)],
        activation_bits in 1u32..=9,
        offset in prop_oneof![Just(0.0), -1.0f64..1.0],
        grid in any::<bool>(),
    ) {
        let clip = |min| Activation::Clip { min, max: 0.3 };
        let activation = [Activation::Relu, Activation::None, clip(0.0), clip(-0.2)][kind];
        let mut float = random(&widths, activation, seed);
        if grid {
            float.layers[0].grid = Some(Grid { scale: 0.01, min: -100, max: 100 });
            float.input = Some(Grid { scale: 0.02, min: -128, max: 127 });
            float.layers.last_mut().unwrap().grid = Some(Grid { scale: 0.05, min: -128, max: 127 });
        }
        let code = InputCode { offset, ..BYTE };
        let each = LayerSettings { selection: Selection { rule, row_cap, density }, bias, activation_bits };
        let asked = Settings { input: code, ..settings(widths.len() - 1, each) };
        let samples = Samples::random(&code, widths[0], 37, seed);
        let q = quantise(&float, &asked, &samples).unwrap();
        // The report's numbers are those of the networks themselves.
        let (a, z) = (float.logits(&samples.reals), q.network.logits(&samples.integers));
        let errors: Vec<f64> = a.iter().zip(&z).map(|(a, z)| (f64::from(*a) - f64::from(*z) * q.logit_scale).abs()).collect();
        let largest = errors.iter().copied().fold(0.0, f64::max);
        prop_assert!((largest - q.agreement.max_error).abs() <= 1e-9 * (1.0 + largest));
        prop_assert!(largest <= q.agreement.bound, "{} {:?}", largest, q.agreement);
        for (layer, report) in q.network.layers.iter().zip(&q.layers) {
            prop_assert_eq!(layer.weights.non_zeros(), report.non_zeros);
            prop_assert!(row_cap.is_none_or(|cap| report.exact || report.widest_row <= cap));
        }
        prop_assert_eq!(Network::from_bytes(&q.network.to_bytes(), "q").unwrap(), q.network);
    }

    #[test]
    fn batches_give_the_integers_of_single_inputs(rows in 1usize..20, columns in 1usize..40, count in 0usize..40, seed in any::<u64>()) {
        let mut numbers = Numbers::new(seed);
        let mut entry = |n: u64| numbers.below(2 * n + 1) as i32 - n as i32;
        let matrix: Vec<i8> = (0..rows * columns).map(|_| entry(1) as i8).collect();
        let weights = TernaryMatrix::from_rows(columns, matrix.chunks(columns).map(|r| r.iter().copied())).unwrap();
        let l = Layer { weights, bias: (0..rows).map(|_| entry(100)).collect(), requantise: None };
        let inputs: Vec<i32> = (0..count * columns).map(|_| entry(255)).collect();
        let expected: Vec<i32> = inputs.chunks(columns).flat_map(|x| crate::model::infer::apply_layer(&l, x)).collect();
        prop_assert_eq!(requantise::accumulators(&l, &inputs), expected);
    }
}
