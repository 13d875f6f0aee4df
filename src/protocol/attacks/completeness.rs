//! What must be accepted.

use super::lab::*;
use crate::compute::{cpu::Cpu, reference::Reference};
use crate::model::{Architecture, Network, random};
use crate::protocol::Session;
use crate::protocol::{NoProgress, commit};

/// Honest proofs of odd shapes verify, and two backends write the same words.
#[test]
fn completeness() {
    let widths = [1, 2, 3, 5, 8, 9];
    let mut n = 0;
    for batch in [1, 2, 3, 5] {
        for row_width in [1, 2, 4, 16] {
            for private in [false, true] {
                let shape: Vec<usize> = (0..3 + n % 2).map(|k| widths[(n * (k + 1) + k) % 6]).collect();
                n += 1;
                let max = [1, 7, 3][n % 3];
                completes(&network(&shape, max, n as u64), batch, row_width, private);
            }
        }
    }
}

fn completes(network: &Network, batch: usize, row_width: usize, private: bool) {
    let what = format!("{} B={batch} M={row_width} private={private}", network.shape());
    let arch = Architecture::of(network, row_width).unwrap();
    let inputs = random::inputs(network, batch, 1);
    let (key, secret) = commit(&Cpu, network, &arch, KEY_SEED, |_| {}).unwrap();
    let (key2, _) = commit(&Reference, network, &arch, KEY_SEED, |_| {}).unwrap();
    assert_eq!(key, key2, "{what}");
    let cpu = Session::new(Cpu, network.clone(), key.clone(), secret.clone()).unwrap();
    let reference = Session::new(Reference, network.clone(), key, secret).unwrap();
    let (a, _) = cpu.prove(&inputs, private, CONTEXT, &[7; 32], &NoProgress).unwrap();
    let (b, _) = reference.prove(&inputs, private, CONTEXT, &[7; 32], &NoProgress).unwrap();
    assert!(a == b, "{what}: backends differ");
    assert_eq!(a.logits, network.logits(&inputs), "{what}");
    a.verify(cpu.key(), CONTEXT).unwrap_or_else(|e| panic!("{what}: {e}"));
}
