//! Word-by-word comparison with the executable reference (`tests/reference`), which shares no code with this crate.

use super::file::{Deferred, Entry};
use super::prove::{decide_with, merge_with};
use crate::algebra::fr;
use crate::compute::{Compute, cpu::Cpu, reference::Reference};
use crate::model::Architecture;
use crate::protocol::vectors::{assert_words, bytes, ints, network, seed, vectors};
use crate::protocol::{NoProgress, Session, VerifyingKey, commit};
use serde_json::Value;

/// A leaf, proved as the reference did, and its key.
fn leaf<C: Compute + Clone>(compute: &C, case: &Value, entry: &Value) -> (Deferred, VerifyingKey) {
    let network = network(case);
    let arch = Architecture::of(&network, case["M"].as_u64().unwrap() as usize).unwrap();
    let (key, secret) = commit(compute, &network, &arch, seed(&case["key_seed"]), |_| {}).unwrap();
    let session = Session::new(compute.clone(), network, key.clone(), secret).unwrap();
    let (private, context) = (case["private"].as_bool().unwrap(), bytes(&case["context"]));
    let blinds = seed(&entry["seed"]);
    let made = session.defer_once(&ints(&case["batch"]), private, &context, &|_| blinds, &NoProgress);
    (made.unwrap().0, key)
}

fn assert_open(name: &str, part: &Deferred, expected: &Value) {
    let (opening, all) = (&part.opening, |v: &Value| v.as_array().unwrap().iter().map(bytes).collect::<Vec<_>>());
    let words = |values: &[crate::algebra::Fr]| values.iter().map(|v| fr::encode(v).to_vec()).collect::<Vec<_>>();
    assert_eq!(words(&opening.point), all(&expected["point"]), "{name}: point");
    assert_eq!(words(&opening.row.values), all(&expected["row"]), "{name}: row");
    let scalars = [opening.row.blind, opening.value.value, opening.value.blind];
    let expected_scalars = ["row_blind", "value", "value_blind"].map(|key| bytes(&expected[key]));
    assert_eq!(words(&scalars), expected_scalars, "{name}: blinds and value");
    let end = expected["ends"].as_array().unwrap().last().map(bytes);
    assert_eq!(Some(part.digest.to_vec()), end, "{name}: end digest");
}

fn check<C: Compute + Clone>(compute: &C, vector: &Value, cases: &Value) {
    let name = vector["name"].as_str().unwrap();
    let entries = vector["entries"].as_array().unwrap();
    let (mut stack, mut keys): (Vec<Deferred>, Vec<VerifyingKey>) = (Vec::new(), Vec::new());
    for (n, entry) in entries.iter().enumerate() {
        let name = format!("{name}, entry {n}");
        let words = |parts: &super::Aggregate| match parts.entries.last() {
            Some(Entry::Leaf(leaf)) => leaf.words.clone(),
            Some(Entry::Merge { words, .. }) => words.clone(),
            None => Vec::new(),
        };
        let Some(children) = entry["children"].as_u64() else {
            let case = cases.as_array().unwrap().iter().find(|c| c["name"] == entry["case"]).unwrap();
            let (part, key) = leaf(compute, case, entry);
            assert_words(&name, &words(&part.parts), &entry["words"]);
            assert_open(&name, &part, entry);
            part.check(&[&key]).unwrap();
            stack.push(part);
            keys.push(key);
            continue;
        };
        let parts = stack.split_off(stack.len() - children as usize);
        if n + 1 < entries.len() {
            let part = merge_with(compute, parts, seed(&entry["seed"])).unwrap();
            assert_words(&name, &words(&part.parts), &entry["words"]);
            assert_open(&name, &part, entry);
            stack.push(part);
        } else {
            let whole = decide_with(compute, parts, seed(&entry["seed"])).unwrap();
            assert_words(&name, &words(&whole), &entry["words"]);
            let keys: Vec<&VerifyingKey> = keys.iter().collect();
            whole.verify(&keys, &bytes(&vector["context"])).unwrap();
        }
    }
    assert!(stack.is_empty());
}

#[test]
fn aggregates_have_the_reference_words() {
    let all = vectors();
    let aggregates = all["aggregates"].as_array().unwrap();
    assert!(aggregates.len() >= 3);
    for vector in aggregates {
        check(&Cpu, vector, &all["cases"]);
        check(&Reference, vector, &all["cases"]);
    }
}
