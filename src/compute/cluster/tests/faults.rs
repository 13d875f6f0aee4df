//! Ranks that die, lie, or are somewhere else: the others name them, and nobody waits for ever.

use super::super::wire::Wire;
use super::super::{Collective, Step};
use super::proofs::case;
use super::{ALWAYS, Rank, job, job_of};
use crate::algebra::Fr;
use crate::commit::Generators;
use crate::compute::{Compute, ComputeError, Result};
use crate::model::random;
use crate::protocol::{NoProgress, ProveError};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What goes wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The rank panics instead of sending it.
    Panic,
    /// The rank stops there.
    Leave,
    /// There is a word too many.
    Long,
    /// It is one of an earlier step.
    Repeat,
    /// Its first element is no element.
    NoElement,
    /// From here on the square coefficient of every round is one too large.
    WrongRound,
    /// Every message comes late.
    Slow,
}

/// A link whose message number `at` has a fault; `None`: none has.
struct Faulty<L> {
    link: L,
    fault: Option<(Fault, usize)>,
    sent: AtomicUsize,
}

impl<L: Collective> Collective for Faulty<L> {
    fn rank(&self) -> usize {
        self.link.rank()
    }

    fn ranks(&self) -> usize {
        self.link.ranks()
    }

    fn all_gather(&self, mut mine: Vec<u64>) -> Result<Vec<Vec<u64>>> {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        let is_round = mine[0] & 0xff == Step::Round as u64;
        match self.fault {
            Some((Fault::Slow, _)) => std::thread::sleep(std::time::Duration::from_micros(300)),
            Some((Fault::WrongRound, at)) if number >= at && is_round => {
                let mut words = Vec::new();
                let value = Fr::get(&mine[9..], 1).expect("an element")[0];
                Fr::put(&[value + Fr::from(1u64)], &mut words);
                mine[9..13].copy_from_slice(&words);
            }
            Some((fault, at)) if number == at => match fault {
                Fault::Panic => panic!("on purpose"),
                Fault::Leave => return Err(ComputeError::DeviceLost { device: "test".into() }),
                Fault::Long => mine.push(0),
                Fault::Repeat => mine[0] -= 1 << 8,
                Fault::NoElement => mine[1..].fill(u64::MAX),
                Fault::WrongRound | Fault::Slow => {}
            },
            _ => {}
        }
        self.link.all_gather(mine)
    }
}

/// A job of `ranks` ranks, one of which has a fault.
fn faulty<T: Send>(
    ranks: usize,
    who: usize,
    fault: (Fault, usize),
    f: impl Fn(Rank<Faulty<super::Threads>>) -> T + Sync,
) -> Vec<std::thread::Result<T>> {
    let link = |link: super::Threads| {
        let fault = (link.rank() == who).then_some(fault);
        Faulty { link, fault, sent: AtomicUsize::new(0) }
    };
    job_of(ranks, ALWAYS, link, f)
}

/// Who the error is about.
fn named<T>(result: std::result::Result<T, ProveError>) -> Option<(usize, String)> {
    match result.err()? {
        ProveError::Compute(ComputeError::RankLost { rank, why }) => Some((rank, why)),
        other => Some((usize::MAX, other.to_string())),
    }
}

#[test]
fn a_rank_that_dies_in_the_middle_is_named_by_all_others() {
    let case = case();
    let inputs = random::inputs(&case.network, 8, 4);
    for ranks in [2, 3, 4] {
        for (fault, at) in [
            (Fault::Panic, 0),
            (Fault::Panic, 9),
            (Fault::Leave, 1),
            (Fault::Leave, 30),
            (Fault::Long, 4),
            (Fault::Long, 33),
            (Fault::Repeat, 2),
            (Fault::Repeat, 40),
            (Fault::NoElement, 20),
        ] {
            let who = at % (ranks - 1) + 1;
            let results = faulty(ranks, who, (fault, at), |cluster| {
                let session = case.session(cluster);
                session.prove(&inputs, true, b"", &[1; 32], &NoProgress).map(|_| ())
            });
            for (rank, result) in results.into_iter().enumerate().filter(|(rank, _)| *rank != who) {
                let (lost, why) = named(result.expect("only one panics")).expect("no proof");
                assert_eq!(lost, who, "{fault:?} at {at}, rank {rank} of {ranks}: {why}");
                let expected = match fault {
                    Fault::Panic => "panicked",
                    Fault::Leave => "ended before",
                    Fault::Long => "bytes",
                    Fault::Repeat => "out of step",
                    _ => "no values",
                };
                assert!(why.contains(expected), "{fault:?}: {why}");
            }
        }
    }
}

#[test]
fn a_wrong_round_message_is_caught_before_anybody_sees_the_proof() {
    let case = case();
    let inputs = random::inputs(&case.network, 8, 4);
    for at in [0, 60] {
        let results = faulty(2, 1, (Fault::WrongRound, at), |cluster| {
            let session = case.session(cluster);
            session.prove_and_verify(&inputs, false, b"", &[1; 32], &NoProgress).map(|_| ())
        });
        for result in results {
            let error = result.expect("nobody panics").unwrap_err();
            assert!(matches!(error, ProveError::NotValid(_)), "{error}");
            assert!(error.to_string().contains("nothing was written"), "{error}");
        }
    }
}

#[test]
fn slow_ranks_are_waited_for() {
    let case = case();
    let expected = case.proof(crate::compute::cpu::Cpu, 3, true);
    let results = faulty(3, 2, (Fault::Slow, 0), |cluster| case.proof(cluster, 3, true));
    assert!(results.into_iter().all(|r| r.is_ok_and(|proof| proof == expected)));
}

#[test]
fn a_backend_that_fails_on_one_rank_is_heard_of() {
    let generators = Generators::new(4);
    let zero = Fr::from(0u64);
    let results = job(3, ALWAYS, |c| {
        // Row 1 is the identity, and rank 1 commits to it.
        let rows: [&[i32]; 3] = [&[1, 2], &[0, 0], &[3]];
        c.commit_rows(generators.rows(), &rows, &[zero, zero, zero]).unwrap_err()
    });
    let why = ComputeError::Identity.to_string();
    let lost = ComputeError::RankLost { rank: 1, why };
    assert_eq!(results, [lost.clone(), ComputeError::Identity, lost]);
}

#[test]
fn ranks_compare_what_they_work_on() {
    let results = job(4, ALWAYS, |c| {
        let same = c.lockstep.odd_one_out(b"the same").unwrap();
        let mine = if c.rank() == 2 { b"other" } else { b"equal" };
        (same, c.lockstep.odd_one_out(mine).unwrap(), c.lockstep.broadcast(&[c.rank() as u8 + 5; 11]).unwrap())
    });
    assert!(results.iter().all(|r| *r == (None, Some(2), vec![5; 11])), "{results:?}");
}

#[test]
fn the_last_step_is_the_last() {
    let results = job(2, ALWAYS, |c| {
        c.lockstep.finish().unwrap();
        c.lockstep.finish().is_err()
    });
    assert_eq!(results, [true, true]);
    let results = job(2, ALWAYS, |c| {
        if c.rank() == 1 {
            c.lockstep.abandon("no such file");
            return String::new();
        }
        c.lockstep.finish().unwrap_err().to_string()
    });
    assert_eq!(results[0], "rank 1: no such file");
}
