//! Files that earlier versions wrote stay readable, and what they say stays true: the fixtures are never written again.
//!
//! `tests/fixtures/v1` is one network with key (and its ternarity proof), secret, proofs of a public and a hidden batch, an
//! aggregate of three proofs and a deferred proof of two, all of format version 1. With `ZKTERN_WRITE_FIXTURES=1` the fixtures of the CURRENT version are written where there are none.

#![cfg(feature = "cli")]

use std::fs;
use std::path::PathBuf;
use zktern::aggregate::{Aggregate, Deferred, decide, merge};
use zktern::compute::cpu::Cpu;
use zktern::model::codec::FileError;
use zktern::model::random::{self, Shape};
use zktern::model::{Architecture, Network};
use zktern::protocol::{NoProgress, Proof, Secret, Session, VerifyError, VerifyingKey, commit, ternarity};

const CONTEXT: &[u8] = b"fixture";
const FILES: [&str; 7] =
    ["small.tern", "small.vk", "small.key", "small.proof", "hidden.proof", "three.proof", "two.deferred"];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1").join(name)
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn write_fixtures() {
    let network = random::network(&Shape { widths: vec![3, 2, 2], density: 0.7, max: 3 }, 7).unwrap();
    let arch = Architecture::of(&network, 2).unwrap();
    let (key, secret) = commit(&Cpu, &network, &arch, [1; 32], |_| {}).unwrap();
    let proof = ternarity::prove(&Cpu, &network, &key, &secret, [2; 32]).unwrap();
    let key = key.with_ternarity(proof).unwrap();
    let inputs = random::inputs(&network, 2, 3);
    let session = Session::new(Cpu, network.clone(), key.clone(), secret.clone()).unwrap();
    let prove = |private| session.prove(&inputs, private, CONTEXT, &[4; 32], &NoProgress).unwrap().0.to_bytes();
    let leaf = |seed: u8| {
        let inputs = random::inputs(&network, 1, seed.into());
        session.defer(&inputs, seed == 1, CONTEXT, &[seed; 32], &NoProgress).unwrap().0
    };
    let two = merge(&Cpu, vec![leaf(1), leaf(2)], &[5; 32]).unwrap();
    let three = decide(&Cpu, vec![two.clone(), leaf(3)], &[6; 32]).unwrap().to_bytes();
    let secret = secret.to_bytes(&key);
    let contents = [network.to_bytes(), key.to_bytes(), secret, prove(false), prove(true), three, two.to_bytes().to_vec()];
    fs::create_dir_all(path("")).unwrap();
    for (name, bytes) in FILES.iter().zip(contents) {
        if !path(name).exists() {
            fs::write(path(name), bytes).unwrap();
        }
    }
}

#[test]
fn version_1_is_read_and_verified_for_ever() {
    if std::env::var_os("ZKTERN_WRITE_FIXTURES").is_some() {
        write_fixtures();
    }
    let network = Network::from_bytes(&fixture("small.tern"), "small.tern").unwrap();
    assert_eq!(network.widths(), [3, 2, 2]);
    let key = VerifyingKey::from_bytes(&fixture("small.vk"), "small.vk").unwrap();
    assert!(key.is_ternary());
    let (secret, same) = Secret::from_bytes(&fixture("small.key"), "small.key").unwrap();
    assert_eq!(same, key);
    for (name, private) in [("small.proof", false), ("hidden.proof", true)] {
        let proof = Proof::from_bytes(&fixture(name), name).unwrap();
        proof.verify(&key, CONTEXT).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((proof.context.as_slice(), proof.batch, proof.inputs.is_none()), (CONTEXT, 2, private));
        if let Some(inputs) = &proof.inputs {
            assert_eq!(network.logits(inputs), proof.logits, "the network computes what the proof says");
        }
        // Read and written again it is the same file: there is one encoding.
        assert!(proof.to_bytes() == fixture(name));
        let mut other = proof.clone();
        other.context = b"another".to_vec();
        assert!(matches!(other.verify(&key, b"another"), Err(VerifyError::CheckFailed(_))));
    }
    let three = Aggregate::from_bytes(&fixture("three.proof"), "three.proof").unwrap();
    assert_eq!((three.leaves().count(), three.inputs(), three.entries.len()), (3, 3, 5));
    three.verify(&[&key], CONTEXT).unwrap();
    assert!(three.to_bytes() == fixture("three.proof"));
    let two = Deferred::from_bytes(&fixture("two.deferred"), "two.deferred").unwrap();
    two.check(&[&key]).unwrap();
    assert!(*two.to_bytes() == fixture("two.deferred"));
    // What was deferred can still be opened, and the secret still proves.
    decide(&Cpu, vec![two], &[7; 32]).unwrap().verify(&[&key], CONTEXT).unwrap();
    let session = Session::new(Cpu, network, key, secret).unwrap();
    let inputs = random::inputs(session.network(), 1, 9);
    let (proof, _) = session.prove(&inputs, true, b"", &[5; 32], &NoProgress).unwrap();
    proof.verify(session.key(), b"").unwrap();
}

#[test]
fn a_version_from_the_future_is_named() {
    let error = |name: &str| {
        let mut bytes = fixture(name);
        bytes[8] = 2;
        match name.rsplit_once('.').unwrap().1 {
            "tern" => Network::from_bytes(&bytes, name).unwrap_err(),
            "vk" => VerifyingKey::from_bytes(&bytes, name).unwrap_err(),
            "key" => Secret::from_bytes(&bytes, name).map(|_| ()).unwrap_err(),
            "deferred" => Deferred::from_bytes(&bytes, name).map(|_| ()).unwrap_err(),
            _ if name == "three.proof" => Aggregate::from_bytes(&bytes, name).unwrap_err(),
            _ => Proof::from_bytes(&bytes, name).unwrap_err(),
        }
    };
    for name in FILES {
        let error = error(name);
        assert_eq!(error, FileError::Version { file: name.into(), found: 2, expected: 1 });
        assert!(error.to_string().contains("format version 2, this program reads version 1"), "{error}");
    }
}
