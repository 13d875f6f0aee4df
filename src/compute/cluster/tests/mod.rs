//! Every verb and whole proofs with ranks as threads, against the backend alone; then ranks that fail.

mod faults;
mod proofs;
mod verbs;

use super::{Cluster, Collective, Grain, Lockstep, Threads};
use crate::compute::cpu::Cpu;
use std::sync::Arc;

/// Everything is shared and sliced, down to two entries on a rank.
pub(super) const ALWAYS: Grain = Grain { entries: 2, work: 0 };

/// A rank of a job in these tests.
type Rank<L = Threads> = Cluster<Cpu, L>;

/// Runs `f` on every rank of a job, each with its own end of what `link` makes; a rank that panics is an error.
fn job_of<L: Collective, T: Send>(
    ranks: usize,
    grain: Grain,
    link: impl Fn(Threads) -> L,
    f: impl Fn(Rank<L>) -> T + Sync,
) -> Vec<std::thread::Result<T>> {
    let clusters: Vec<Rank<L>> =
        Threads::job(ranks).into_iter().map(|t| Cluster::new(Cpu, Arc::new(Lockstep::new(link(t))), grain)).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = clusters.into_iter().map(|cluster| scope.spawn(|| f(cluster))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    })
}

/// The same, where all ranks succeed.
fn job<T: Send>(ranks: usize, grain: Grain, f: impl Fn(Rank) -> T + Sync) -> Vec<T> {
    job_of(ranks, grain, |link| link, f).into_iter().map(|t| t.expect("no rank panics")).collect()
}
