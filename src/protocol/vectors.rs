//! Word-by-word comparison with the executable reference (`tests/reference`), which shares no code with this crate.

use super::{Instance, NoProgress, Session, VerifyingKey, commit, ternarity, verify};
use crate::compute::{Compute, cpu::Cpu, reference::Reference};
use crate::model::{Architecture, Clamp, Layer, Network, Requantise, TernaryMatrix};
use crate::transcript::{Blinds, Stream, Transcript, digest};
use serde_json::Value;

pub(crate) fn vectors() -> Value {
    serde_json::from_str(include_str!("../../tests/reference/vectors.json")).unwrap()
}

pub(crate) fn bytes(v: &Value) -> Vec<u8> {
    let s = v.as_str().unwrap();
    (0..s.len() / 2).map(|i| u8::from_str_radix(&s[2 * i..2 * i + 2], 16).unwrap()).collect()
}

pub(crate) fn seed(v: &Value) -> [u8; 32] {
    bytes(v).try_into().unwrap()
}

fn int(v: &Value) -> i32 {
    i32::try_from(v.as_i64().unwrap()).unwrap()
}

pub(crate) fn ints(v: &Value) -> Vec<i32> {
    match v {
        Value::Array(all) => all.iter().flat_map(ints).collect(),
        one => vec![int(one)],
    }
}

/// The network of a case.
pub(crate) fn network(case: &Value) -> Network {
    let layer = |l: &Value| {
        let rows = l["weights"].as_array().unwrap();
        let columns = rows[0].as_array().unwrap().len();
        let weights = TernaryMatrix::from_rows(columns, rows.iter().map(|r| ints(r).into_iter().map(|v| v as i8))).unwrap();
        let requantise = l["shift"]
            .as_u64()
            .map(|shift| Requantise { shift: shift as u32, clamp: Clamp { min: int(&l["min"]), max: int(&l["max"]) } });
        Layer { weights, bias: ints(&l["bias"]), requantise }
    };
    Network {
        name: case["name"].as_str().unwrap().into(),
        input: Clamp { min: int(&case["xmin"]), max: int(&case["xmax"]) },
        layers: case["layers"].as_array().unwrap().iter().map(layer).collect(),
    }
}

pub(crate) fn assert_words(name: &str, got: &[u8], expected: &Value) {
    let expected = expected.as_array().unwrap();
    for (i, (word, pair)) in got.chunks(32).zip(expected).enumerate() {
        assert_eq!(word, bytes(&pair[1]), "{name}: word {i}, `{}`", pair[0]);
    }
    assert_eq!(got.len(), 32 * expected.len(), "{name}: length");
}

fn check_case<C: Compute>(compute: C, case: &Value) {
    let name = case["name"].as_str().unwrap();
    let network = network(case);
    let inputs = ints(&case["batch"]);
    let trace = network.run(&inputs);
    assert_eq!(trace.accumulators.concat(), ints(&case["z"]), "{name}: z");
    assert_eq!(trace.quotients.concat(), ints(&case["q"]), "{name}: q");
    assert_eq!(trace.activations.concat(), ints(&case["y"]), "{name}: y");

    let arch = Architecture::of(&network, case["M"].as_u64().unwrap() as usize).unwrap();
    assert_eq!(arch.encode(), bytes(&case["arch"]), "{name}: architecture");
    let (mut key, secret) = commit(&compute, &network, &arch, seed(&case["key_seed"]), |_| {}).unwrap();
    for (i, (row, expected)) in key.rows().iter().zip(case["vk"].as_array().unwrap()).enumerate() {
        assert_eq!(row.encode().to_vec(), bytes(expected), "{name}: key row {i}");
    }
    assert_eq!(key.digest().to_vec(), bytes(&case["key_digest"]), "{name}: key digest");
    if !case["ternarity_seed"].is_null() {
        let proof = ternarity::prove(&compute, &network, &key, &secret, seed(&case["ternarity_seed"])).unwrap();
        assert_words(&format!("{name}, ternarity"), &proof, &case["ternarity_words"]);
        key = key.with_ternarity(proof).unwrap();
    }
    assert_eq!(
        key.ternarity_digest().map_or(Vec::new(), |d| d.to_vec()),
        bytes(&case["ternarity"]),
        "{name}: ternarity digest"
    );

    let private = case["private"].as_bool().unwrap();
    let context = bytes(&case["context"]);
    let session = Session::new(compute, network, key, secret).unwrap();
    let proof_seed = seed(&case["proof_seed"]);
    let (proof, _) = session.attempt(&inputs, private, &context, &|_| proof_seed, &NoProgress).unwrap();
    assert_eq!(proof.logits, ints(&case["logits"]), "{name}: logits");
    let instance = Instance::new(session.key(), (!private).then_some(&inputs), &proof.logits, &context).unwrap();
    let plan = instance.plan();
    let modes: String = plan.modes.iter().map(|m| char::from(m.letter())).collect();
    assert_eq!(modes, case["modes"].as_str().unwrap(), "{name}: modes");
    assert_eq!(plan.lookup_bits as u64, case["lookup_bits"].as_u64().unwrap(), "{name}: K");
    assert_eq!(plan.linear_bits as u64, case["linear_bits"].as_u64().unwrap(), "{name}: log2 J");
    assert_words(name, &proof.words, &case["words"]);
    assert_eq!(plan.proof_bytes(&arch), proof.words.len(), "{name}: size formula");
    verify(&instance, &proof.words).unwrap();
    let key = VerifyingKey::from_bytes(&session.key().to_bytes(), "key").unwrap();
    proof.verify(&key, &context).unwrap();
}

#[test]
fn cpu_backend_gives_the_reference_words() {
    vectors()["cases"].as_array().unwrap().iter().for_each(|case| check_case(Cpu, case));
}

#[test]
fn reference_backend_gives_the_reference_words() {
    vectors()["cases"].as_array().unwrap().iter().for_each(|case| check_case(Reference, case));
}

#[test]
fn transcript_and_blinds_agree() {
    let all = vectors();
    for t in all["transcript"].as_array().unwrap() {
        let init = String::from_utf8(bytes(&t["init"])).unwrap();
        let mut transcript = Transcript::new(&init);
        for op in t["ops"].as_array().unwrap() {
            let (label, data) = (op[1].as_str().unwrap(), bytes(&op[2]));
            match op[0].as_str().unwrap() {
                "absorb" => transcript.absorb(label, &data),
                "squeeze" => assert_eq!(transcript.squeeze(label).to_vec(), data),
                _ => assert_eq!(crate::algebra::fr::encode(&transcript.challenge(label)).to_vec(), data),
            }
        }
    }
    let streams = [Stream::Weight, Stream::Row, Stream::Scalar, Stream::Product, Stream::Mask, Stream::Knowledge];
    let names = ["weight", "row", "scalar", "product", "mask", "knowledge"];
    for b in all["blinds"].as_array().unwrap() {
        let stream = streams[names.iter().position(|n| *n == b["stream"].as_str().unwrap()).unwrap()];
        let value = Blinds::new(seed(&b["seed"])).at(stream, b["n"].as_u64().unwrap());
        assert_eq!(crate::algebra::fr::encode(&value).to_vec(), bytes(&b["value"]));
    }
    assert_eq!(digest([b"".as_slice()]).len(), 64);
}
