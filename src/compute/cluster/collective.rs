//! How ranks reach each other: one small trait, and its implementation for threads of one process.

use crate::compute::{ComputeError, Result};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What carries messages between the ranks of a job. All ranks make the same calls in the same order.
///
/// One operation is enough: a broadcast is a gathering in which one rank speaks, an all-reduce of a few field elements is a
/// gathering of which every rank takes the sum. [`Lockstep`](super::Lockstep) makes them of it, with tags and checks.
pub trait Collective: Send + Sync {
    /// This rank, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn ranks(&self) -> usize;

    /// Every rank's message, in the order of ranks; messages may differ in length. Returns when all ranks have called it.
    ///
    /// # Errors
    /// [`ComputeError::RankLost`] with the name of a rank that will not call it any more. A transport that ends the whole job
    /// when a rank dies, as MPI does, need not return.
    fn all_gather(&self, mine: Vec<u64>) -> Result<Vec<Vec<u64>>>;
}

/// The ranks of a job as threads of one process.
///
/// A rank that is dropped, because its thread returned early or panicked, is missed by name: nobody waits for it.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    table: Mutex<Meeting>,
    changed: Condvar,
}

/// The gathering that is going on.
#[derive(Debug)]
struct Meeting {
    /// How many gatherings are complete.
    number: u64,
    /// What each rank has said in the one that is going on.
    said: Vec<Option<Vec<u64>>>,
    /// What was said in the last complete one.
    complete: Arc<Vec<Vec<u64>>>,
    /// Who has left.
    gone: Vec<bool>,
}

impl Threads {
    /// The handles of a job of `ranks` ranks, one for each thread.
    #[must_use]
    pub fn job(ranks: usize) -> Vec<Self> {
        let meeting = Meeting { number: 0, said: vec![None; ranks], complete: Arc::default(), gone: vec![false; ranks] };
        let shared = Arc::new(Shared { table: Mutex::new(meeting), changed: Condvar::new() });
        (0..ranks).map(|rank| Self { rank, shared: Arc::clone(&shared) }).collect()
    }

    fn meeting(&self) -> MutexGuard<'_, Meeting> {
        // Nothing panics under this lock.
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collective for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.meeting().said.len()
    }

    fn all_gather(&self, mine: Vec<u64>) -> Result<Vec<Vec<u64>>> {
        let mut meeting = self.meeting();
        let number = meeting.number;
        meeting.said[self.rank] = Some(mine);
        if meeting.said.iter().all(Option::is_some) {
            meeting.complete = Arc::new(meeting.said.iter_mut().filter_map(Option::take).collect());
            meeting.number += 1;
            self.shared.changed.notify_all();
        }
        // The next gathering cannot be complete before this rank has left this one.
        while meeting.number == number {
            if let Some(rank) = (0..meeting.said.len()).find(|r| meeting.gone[*r] && meeting.said[*r].is_none()) {
                let why = "it ended before the others were done".into();
                return Err(ComputeError::RankLost { rank, why });
            }
            meeting = self.shared.changed.wait(meeting).unwrap_or_else(PoisonError::into_inner);
        }
        let complete = Arc::clone(&meeting.complete);
        drop(meeting);
        Ok(complete.to_vec())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.meeting().gone[self.rank] = true;
        self.shared.changed.notify_all();
    }
}
