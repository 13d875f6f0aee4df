//! Whole proofs: the bytes are those of a single process.

use super::{ALWAYS, Grain, job};
use crate::compute::Compute;
use crate::compute::cpu::Cpu;
use crate::lookup::layers::Holding;
use crate::model::random::{self, Shape};
use crate::model::{Architecture, Network};
use crate::protocol::{NoProgress, Secret, Session, VerifyingKey, key, ternarity};

pub(super) struct Case {
    pub(super) network: Network,
    pub(super) key: VerifyingKey,
    pub(super) secret: Secret,
}

pub(super) fn case() -> Case {
    let network = random::network(&Shape { widths: vec![21, 17, 9, 4], density: 0.4, max: 15 }, 5).unwrap();
    let arch = Architecture::of(&network, 8).unwrap();
    let (key, secret) = key::commit(&Cpu, &network, &arch, [3; 32], |_| {}).unwrap();
    Case { network, key, secret }
}

impl Case {
    pub(super) fn session<C: Compute>(&self, compute: C) -> Session<C> {
        let (secret, key) = Secret::from_bytes(&self.secret.to_bytes(&self.key), "secret").unwrap();
        Session::new(compute, self.network.clone(), key, secret).unwrap()
    }

    pub(super) fn proof<C: Compute>(&self, compute: C, batch: usize, private: bool) -> Vec<u8> {
        let inputs = random::inputs(&self.network, batch, 4);
        self.session(compute).prove(&inputs, private, b"ranks", &[9; 32], &NoProgress).unwrap().0.to_bytes()
    }
}

#[test]
fn proofs_are_those_of_one_process_byte_for_byte() {
    let case = case();
    for batch in [1, 3, 8, 16] {
        for private in [false, true] {
            let expected = case.proof(Cpu, batch, private);
            for ranks in [2, 3, 4] {
                for grain in [ALWAYS, Grain { entries: 16, work: 300 }] {
                    let found = job(ranks, grain, |cluster| {
                        let proof = case.proof(cluster.clone(), batch, private);
                        cluster.lockstep.finish().map(|()| proof)
                    });
                    for (rank, proof) in found.into_iter().enumerate() {
                        assert!(proof.as_ref() == Ok(&expected), "{batch} inputs, rank {rank} of {ranks}, {grain:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn proofs_with_less_memory_too() {
    let case = case();
    let inputs = random::inputs(&case.network, 8, 4);
    let expected = case.proof(Cpu, 8, true);
    for depth in 1..=3 {
        let found = job(3, ALWAYS, |cluster| {
            let session = case.session(cluster).with_holding(Holding::new(depth));
            session.prove(&inputs, true, b"ranks", &[9; 32], &NoProgress).unwrap().0.to_bytes()
        });
        assert!(found.iter().all(|proof| *proof == expected), "depth {depth}");
    }
}

#[test]
fn keys_and_ternarity_proofs_too() {
    let case = case();
    let arch = case.key.architecture();
    let expected = ternarity::prove(&Cpu, &case.network, &case.key, &case.secret, [8; 32]).unwrap();
    for ranks in [2, 3] {
        let found = job(ranks, ALWAYS, |c| {
            let (key, _) = key::commit(&c, &case.network, arch, [3; 32], |_| {}).unwrap();
            (key.to_bytes(), ternarity::prove(&c, &case.network, &case.key, &case.secret, [8; 32]).unwrap())
        });
        assert!(found.iter().all(|f| *f == (case.key.to_bytes(), expected.clone())), "{ranks} ranks");
    }
}
