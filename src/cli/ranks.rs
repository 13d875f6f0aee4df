//! One proof on many ranks: the processes of an MPI job, or threads of this process.
//!
//! All ranks read the same files and run the same prover; see [`cluster`](crate::compute::cluster). They compare digests of what
//! they have read before they begin. Rank 0 reads standard input, draws randomness, verifies, writes and prints; the others are
//! silent, and what goes wrong on one of them is told by rank 0.

use super::args::{self, Common};
use super::output::Output;
use super::prove::Prove;
use super::{Failure, OnDevice, on_device};
use crate::compute::cluster::{Cluster, Collective, Grain, Lockstep, Threads};
use crate::compute::{Compute, ComputeError};
use crate::transcript::digest;
use std::sync::Arc;

/// Most ranks in one process.
const MAX_RANKS: usize = 256;

/// A process's place in a job of several, as the launcher's environment tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) rank: usize,
    pub(super) size: usize,
    /// Rank among the processes of this machine.
    seat: usize,
    /// Processes on this machine.
    neighbours: usize,
}

impl Job {
    /// The job of several processes that this one belongs to; `None` for one that runs alone.
    pub(super) fn of_process() -> Option<Self> {
        Self::of(|name| std::env::var(name).ok()?.parse().ok())
    }

    fn of(variable: impl Fn(&str) -> Option<usize>) -> Option<Self> {
        // Open MPI; MPICH and what descends from it.
        let launchers = [
            ["OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"],
            ["PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"],
        ];
        launchers.iter().find_map(|[size, rank, seat, neighbours]| {
            let (size, rank) = (variable(size).filter(|n| *n > 1)?, variable(rank)?);
            let neighbours = variable(neighbours).unwrap_or(size).max(1);
            Some(Self { rank, size, seat: variable(seat).unwrap_or(rank), neighbours })
        })
    }

    /// Whether this process is the one that talks to people.
    pub(super) fn speaks() -> bool {
        Self::of_process().is_none_or(|job| job.rank == 0)
    }

    /// Refuses a command that writes files in a job of several processes: all of them would write the same.
    pub(super) fn refuse(command: &str) -> Result<(), Failure> {
        Self::of_process().map_or(Ok(()), |job| {
            let n = job.size;
            Err(Failure::usage(format!(
                "{command}: {n} processes would do the same; only prove shares its work under mpirun"
            )))
        })
    }
}

/// The others that make the same proof.
pub(super) trait Team {
    /// This rank, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn ranks(&self) -> usize;

    /// How many of them are on this machine, and share its memory.
    fn neighbours(&self) -> usize;

    /// Every rank's number.
    fn numbers(&self, mine: u64) -> Result<Vec<u64>, Failure>;

    /// Fails on all ranks, and names one, when they have read different things.
    fn same(&self, what: &str, bytes: &dyn Fn() -> Vec<u8>) -> Result<(), Failure>;

    /// What rank 0 has got, for all ranks.
    fn share(&self, read: &dyn Fn() -> Result<Vec<u8>, Failure>) -> Result<Vec<u8>, Failure>;

    /// Waits until all have made the proof.
    fn done(&self) -> Result<(), Failure>;
}

/// Nobody else.
pub(super) struct Alone;

impl Team for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn ranks(&self) -> usize {
        1
    }

    fn neighbours(&self) -> usize {
        1
    }

    fn numbers(&self, mine: u64) -> Result<Vec<u64>, Failure> {
        Ok(vec![mine])
    }

    fn same(&self, _: &str, _: &dyn Fn() -> Vec<u8>) -> Result<(), Failure> {
        Ok(())
    }

    fn share(&self, read: &dyn Fn() -> Result<Vec<u8>, Failure>) -> Result<Vec<u8>, Failure> {
        read()
    }

    fn done(&self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<L: Collective> Team for Lockstep<L> {
    fn rank(&self) -> usize {
        Self::rank(self)
    }

    fn ranks(&self) -> usize {
        Self::ranks(self)
    }

    fn neighbours(&self) -> usize {
        Job::of_process().map_or(Self::ranks(self), |job| job.neighbours)
    }

    fn numbers(&self, mine: u64) -> Result<Vec<u64>, Failure> {
        Ok(Self::numbers(self, mine)?)
    }

    fn same(&self, what: &str, bytes: &dyn Fn() -> Vec<u8>) -> Result<(), Failure> {
        let other = self.odd_one_out(&digest([what.as_bytes(), &bytes()]))?;
        other.map_or(Ok(()), |rank| {
            Err(Failure::usage(format!(
                "rank {rank}: it has another {what} than rank 0; all ranks must read the same files"
            )))
        })
    }

    fn share(&self, read: &dyn Fn() -> Result<Vec<u8>, Failure>) -> Result<Vec<u8>, Failure> {
        let mine = if Self::rank(self) == 0 { read()? } else { Vec::new() };
        Ok(self.broadcast(&mine)?)
    }

    fn done(&self) -> Result<(), Failure> {
        Ok(self.finish()?)
    }
}

/// `zktern prove` with as many ranks as are asked for, or as the job has that started this process.
pub(super) fn prove(args: &args::Prove, common: &Common, out: &Output) -> Result<(), Failure> {
    if args.ranks == 0 || args.ranks > MAX_RANKS {
        return Err(Failure::usage(format!("--ranks {}: expected 1 to {MAX_RANKS}", args.ranks)));
    }
    match Job::of_process() {
        // On one of the pool's own threads: work is handed over without waking another, and memory that it gives back is reused.
        None if args.ranks == 1 => rayon::join(|| on_device(common, 0, Prove { args, out, team: &Alone }), || ()).0,
        None => of_threads(args, common, out),
        Some(job) if args.ranks > 1 => {
            let n = args.ranks;
            Err(Failure::usage(format!(
                "--ranks {n}: this is one of {} processes of a job; leave it out under mpirun",
                job.size
            )))
        }
        Some(job) => of_processes(job, args, common, out),
    }
}

/// A rank's part, on its own device.
struct Part<'a, L: Collective> {
    args: &'a args::Prove,
    out: &'a Output,
    lockstep: Arc<Lockstep<L>>,
}

impl<L: Collective> OnDevice for Part<'_, L> {
    fn run<C: Compute + Clone>(self, compute: C) -> Result<(), Failure> {
        let Self { args, out, lockstep } = self;
        let cluster = Cluster::new(compute, Arc::clone(&lockstep), Grain::default());
        Prove { args, out, team: &*lockstep }.run(cluster)
    }
}

/// Everything that one rank does; the `seat`-th matching GPU of its machine is its own.
fn one_rank<L: Collective>(link: L, seat: usize, args: &args::Prove, common: &Common, out: &Output) -> Result<(), Failure> {
    let lockstep = Arc::new(Lockstep::new(link));
    let done = on_device(common, seat, Part { args, out, lockstep: Arc::clone(&lockstep) });
    done.inspect_err(|failure| lockstep.abandon(&failure.message))
}

/// Ranks as threads, each with a pool of its own.
fn of_threads(args: &args::Prove, common: &Common, out: &Output) -> Result<(), Failure> {
    let threads = (rayon::current_num_threads() / args.ranks).max(1);
    let pool = || {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map_err(|e| Failure::machine(format!("--ranks {}: {e}", args.ranks)))
    };
    let pools = (0..args.ranks).map(|_| pool()).collect::<Result<Vec<_>, _>>()?;
    let results: Vec<Result<(), Failure>> = std::thread::scope(|scope| {
        let ranks = Threads::job(args.ranks).into_iter().zip(&pools).enumerate();
        let running: Vec<_> = ranks
            .map(|(rank, (link, pool))| {
                scope.spawn(move || {
                    let silent = Output::silent();
                    let out = if rank == 0 { out } else { &silent };
                    pool.install(|| one_rank(link, rank, args, common, out))
                })
            })
            .collect();
        let lost = |rank| Failure::from(ComputeError::RankLost { rank, why: "it panicked".into() });
        running.into_iter().enumerate().map(|(rank, r)| r.join().unwrap_or_else(|_| Err(lost(rank)))).collect()
    });
    // Rank 0 knows what the others failed of.
    results.into_iter().collect()
}

/// This process's rank of an MPI job.
#[cfg(feature = "mpi")]
fn of_processes(job: Job, args: &args::Prove, common: &Common, out: &Output) -> Result<(), Failure> {
    // On one of the pool's own threads, the one that talks to MPI.
    rayon::join(|| one_rank(crate::compute::cluster::Mpi::join()?, job.seat, args, common, out), || ()).0
}

#[cfg(not(feature = "mpi"))]
fn of_processes(job: Job, args: &args::Prove, _: &Common, _: &Output) -> Result<(), Failure> {
    let (n, _) = (job.size, job.seat);
    Err(Failure::usage(format!(
        "{}: {n} processes would write it, since this program was built without the feature `mpi`; build it with that, or \
         use --ranks {n} in one process",
        super::files::name(&args.output)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_are_known_by_their_environment() {
        let job = |set: &[(&str, usize)]| Job::of(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| *v));
        assert_eq!(job(&[]), None);
        assert_eq!(job(&[("OMPI_COMM_WORLD_SIZE", 1), ("OMPI_COMM_WORLD_RANK", 0)]), None, "a job of one");
        let open = [("OMPI_COMM_WORLD_SIZE", 8), ("OMPI_COMM_WORLD_RANK", 5), ("OMPI_COMM_WORLD_LOCAL_RANK", 1)];
        assert_eq!(job(&open), Some(Job { rank: 5, size: 8, seat: 1, neighbours: 8 }));
        assert_eq!(job(&[("PMI_SIZE", 2), ("PMI_RANK", 1)]), Some(Job { rank: 1, size: 2, seat: 1, neighbours: 2 }));
    }
}
