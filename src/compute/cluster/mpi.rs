//! The ranks of an MPI job.
//!
//! A rank that dies (killed, out of memory) ends the job: MPI's errors are fatal, and `mpirun` ends all other processes. A rank
//! that fails and lives says so in its last message, as everywhere.

use super::collective::Collective;
use crate::compute::{ComputeError, Result};
use mpi::Count;
use mpi::datatype::PartitionMut;
use mpi::environment::{Threading, Universe};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};

/// Words that every rank sends at once: its message's length, and as much of it as fits. The values of a round fit.
const BLOCK: usize = 32;
/// Words of a message in its block.
const INLINE: usize = BLOCK - 1;

/// This process's end of the MPI job that it belongs to. MPI is shut down when it is dropped.
pub struct Mpi {
    rank: usize,
    ranks: usize,
    _universe: Universe,
}

impl Mpi {
    /// Joins the job that started this process; once in a process's life.
    ///
    /// # Errors
    /// When it was called before.
    pub fn join() -> Result<Self> {
        // One thread talks to MPI, while a backend's own threads wait for it.
        let started = mpi::initialize_with_threading(Threading::Funneled);
        let (universe, _) = started.ok_or_else(|| ComputeError::NoDevice { why: "MPI was initialised before".into() })?;
        let world = universe.world();
        Ok(Self { rank: world.rank() as usize, ranks: world.size() as usize, _universe: universe })
    }

    /// What MPI says about itself, for people.
    #[must_use]
    pub fn library() -> String {
        let text = mpi::environment::library_version().unwrap_or_default();
        text.split([',', '\0']).next().unwrap_or_default().trim().to_owned()
    }
}

impl Collective for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn all_gather(&self, mine: Vec<u64>) -> Result<Vec<Vec<u64>>> {
        let world = SimpleCommunicator::world();
        let mut block = [0u64; BLOCK];
        block[0] = mine.len() as u64;
        let (first, rest) = mine.split_at(mine.len().min(INLINE));
        block[1..=first.len()].copy_from_slice(first);
        let mut blocks = vec![0u64; BLOCK * self.ranks];
        world.all_gather_into(&block[..], &mut blocks[..]);
        let lengths: Vec<usize> = blocks.chunks_exact(BLOCK).map(|b| b[0] as usize).collect();
        let mut messages: Vec<Vec<u64>> =
            blocks.chunks_exact(BLOCK).zip(&lengths).map(|(b, n)| b[1..=INLINE.min(*n)].to_vec()).collect();
        let beyond: Vec<usize> = lengths.iter().map(|n| n.saturating_sub(INLINE)).collect();
        let total: usize = beyond.iter().sum();
        if total == 0 {
            return Ok(messages);
        }
        // All ranks know all lengths, so all come to the same end here.
        if Count::try_from(total).is_err() {
            return Err(ComputeError::OutOfMemory { device: "a message of MPI".into(), bytes: 8 * total });
        }
        let counts: Vec<Count> = beyond.iter().map(|n| *n as Count).collect();
        let starts = counts.iter().scan(0, |end, n| {
            *end += n;
            Some(*end - n)
        });
        let starts: Vec<Count> = starts.collect();
        let mut buffer = vec![0u64; total];
        world.all_gather_varcount_into(rest, &mut PartitionMut::new(&mut buffer[..], counts, starts));
        let mut left = buffer.as_slice();
        for (message, count) in messages.iter_mut().zip(beyond) {
            let (part, others) = left.split_at(count);
            message.extend_from_slice(part);
            left = others;
        }
        Ok(messages)
    }
}
