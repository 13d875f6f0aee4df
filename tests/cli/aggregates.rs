//! `prove --defer`, `aggregate`, and aggregates in `verify` and `inspect`.

use super::*;

/// The same as `committed`, with `a.deferred`, `b.deferred` and `c.deferred`, each about one input of its own.
fn deferred() -> TempDir {
    let folder = committed();
    let at = folder.path();
    for (x, name) in values(at).chunks(WIDTH).zip(["a", "b", "c"]) {
        put(at, &format!("{name}.json"), format!("{x:?}"));
        let output = format!("{name}.deferred");
        succeed(at, &["prove", "net.tern", &format!("{name}.json"), "--defer", "--context", "c0de", "-o", &output]);
    }
    folder
}

const VERIFY: [&str; 6] = ["verify", "all.proof", "--key", "net.vk", "--context", "c0de"];

#[test]
fn deferred_proofs_become_one() {
    let folder = deferred();
    let at = folder.path();
    let made = document(at, &["aggregate", "a.deferred", "b.deferred", "c.deferred", "--key", "net.vk", "-o", "all.proof"]);
    assert_eq!((&made["valid"], &made["inputs"]), (&true.into(), &3.into()));
    assert_eq!(made["proof_bytes"], bytes(at, "all.proof").len());
    let verified = document(at, &[&VERIFY[..], &["--input", "x.npy"]].concat());
    assert_eq!((&verified["valid"], &verified["inputs"], &verified["ternary"]), (&true.into(), &3.into(), &true.into()));
    let expected = document(at, &["infer", "net.tern", "x.npy"])["outputs"].clone();
    let leaves = verified["leaves"].as_array().unwrap();
    let found: Vec<Value> = leaves.iter().map(|leaf| leaf["outputs"][0].clone()).collect();
    assert_eq!(Value::from(found), expected);
    let text = succeed(at, &VERIFY);
    assert!(text.contains("VALID") && text.contains("3 proofs about 3 inputs"), "{text}");
    let seen = document(at, &["inspect", "all.proof"]);
    assert_eq!((&seen["kind"], &seen["entries"]), (&"aggregate".into(), &4.into()));
}

#[test]
fn aggregates_grow_as_trees() {
    let folder = deferred();
    let at = folder.path();
    let merged = ["aggregate", "c.deferred", "a.deferred", "--key", "net.vk", "--defer", "-o", "ca.deferred"];
    assert_eq!(document(at, &merged)["valid"], Value::Null);
    succeed(at, &["aggregate", "b.deferred", "ca.deferred", "--key", "net.vk", "-o", "all.proof"]);
    assert_eq!(document(at, &VERIFY)["leaves"].as_array().unwrap().len(), 3);
    let order = fail(at, 1, &[&VERIFY[..], &["--input", "x.npy"]].concat());
    assert!(order.contains("about other inputs than x.npy"), "{order}");
}

#[cfg(unix)]
#[test]
fn what_is_still_to_be_opened_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = deferred();
    let at = folder.path();
    succeed(at, &["aggregate", "a.deferred", "--key", "net.vk", "--defer", "-o", "again.deferred"]);
    succeed(at, &["aggregate", "a.deferred", "--key", "net.vk", "-o", "all.proof"]);
    let mode = |name: &str| fs::metadata(at.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a.deferred"), mode("again.deferred"), mode("all.proof")), (0o600, 0o600, 0o644));
}

#[test]
fn a_deferred_proof_is_no_proof() {
    let folder = deferred();
    let at = folder.path();
    let text = fail(at, 1, &["verify", "a.deferred", "--key", "net.vk", "--context", "c0de"]);
    assert!(text.contains("NOT VALID") && text.contains("run zktern aggregate"), "{text}");
    let seen = document(at, &["inspect", "a.deferred"]);
    assert_eq!((&seen["kind"], &seen["inputs"]), (&"deferred".into(), &1.into()));
}

#[test]
fn what_cannot_be_aggregated_is_named() {
    let folder = deferred();
    let at = folder.path();
    add_other(at);
    succeed(at, &["prove", "net.tern", "a.json", "--defer", "-o", "free.deferred"]);
    succeed(at, &["prove", "other.tern", "a.json", "--defer", "--context", "c0de", "-o", "other.deferred"]);
    succeed(at, &["random", "--shape", "20,900,5", "-o", "wide.tern"]);
    succeed(at, &["commit", "wide.tern", "-o", "wide.vk", "--secret", "wide.key"]);
    succeed(at, &["prove", "wide.tern", "a.json", "--defer", "--context", "c0de", "-o", "wide.deferred"]);
    let mut damaged = bytes(at, "b.deferred");
    let last = damaged.len() - 40;
    damaged[last] ^= 1;
    put(at, "damaged.deferred", damaged);
    let before = names(at);
    let refused = |parts: &[&str], keys: &[&str]| {
        let keys = keys.iter().flat_map(|key| ["--key", key]).collect::<Vec<_>>();
        let text = fail(at, 2, &[&["aggregate"][..], parts, &keys, &["-o", "all.proof"]].concat());
        assert_eq!(names(at), before);
        text
    };
    let cases: [(&[&str], &[&str], &str); 7] = [
        (&["a.deferred", "b.deferred", "a.deferred"], &["net.vk"], "leaf 2 is leaf 0 once more"),
        (&["a.deferred", "free.deferred"], &["net.vk"], "deferred proof 1 is bound to another context"),
        (
            &["a.deferred", "other.deferred"],
            &["net.vk"],
            "other.deferred: it cannot be aggregated: leaf 0 is about the model",
        ),
        (&["a.deferred", "wide.deferred"], &["net.vk", "wide.vk"], "cannot share an opening"),
        (&["a.deferred", "damaged.deferred"], &["net.vk"], "damaged.deferred: damaged"),
        (&["a.deferred", "net.tern"], &["net.vk"], "net.tern: this is a network"),
        (&["a.deferred", "missing"], &["net.vk"], "missing: cannot read it"),
    ];
    for (parts, keys, expected) in cases {
        let text = refused(parts, keys);
        assert!(text.contains(expected), "{text}");
    }
    let both = ["aggregate", "a.deferred", "other.deferred", "--key", "other.vk", "--key", "net.vk", "-o", "two.proof"];
    succeed(at, &both);
    let one = fail(at, 1, &["verify", "two.proof", "--key", "net.vk", "--context", "c0de"]);
    assert!(one.contains("about the model"), "{one}");
    succeed(at, &["verify", "two.proof", "--key", "net.vk", "--key", "other.vk", "--context", "c0de"]);
    let free = fail(at, 1, &["verify", "two.proof", "--key", "net.vk", "--key", "other.vk"]);
    assert!(free.contains("context"), "{free}");
}

/// Two good files, of which one lies about its public part: the file is named.
#[test]
fn a_false_leaf_is_named_by_its_file() {
    let folder = deferred();
    let at = folder.path();
    let mut forged = bytes(at, "b.deferred");
    // Frame, keys, context, entries, then the leaf: tag, model, private, three counts, inputs, outputs.
    let output = 20 + 4 + 64 + 8 + 2 + 4 + 1 + 4 + 1 + 12 + 4 * WIDTH;
    forged[output] ^= 1;
    let end = forged.len() - 32;
    let digest = zktern::transcript::digest([&forged[..end]]);
    forged[end..].copy_from_slice(&digest[..32]);
    put(at, "forged.deferred", forged);
    let text = fail(at, 2, &["aggregate", "a.deferred", "forged.deferred", "--key", "net.vk", "-o", "all.proof"]);
    assert!(text.starts_with("forged.deferred: it cannot be aggregated"), "{text}");
    assert!(!at.join("all.proof").exists());
}
