//! Ranks in step: every message says which step it belongs to, and is checked before it is used.

use super::collective::Collective;
use super::wire::Wire;
use crate::algebra::Fr;
use crate::compute::{ComputeError, Result};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a message is for. The names are part of what people read when a rank is out of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// The last message of a rank that has failed: why.
    Abandon,
    /// Comparing what the ranks work on.
    Agree,
    /// One rank's bytes for all.
    Broadcast,
    /// All are done.
    Finish,
    /// Rows of products `W·x`.
    Apply,
    /// Columns of a sparse fold.
    Fold,
    /// Columns of a combination of rows.
    Combine,
    /// Slices of tables.
    Tables,
    /// A sumcheck round.
    Round,
    /// An inner product.
    InnerProduct,
    /// Commitments.
    Commit,
}

/// Words before a message's contents: the step's kind and number.
const HEAD: usize = 1;

struct State {
    /// Steps taken.
    number: u64,
    /// Why there will be no more; `None` in the middle of the work.
    over: Option<ComputeError>,
}

/// A rank's end of a [`Collective`], with the number of the step that all ranks are at.
///
/// A rank that fails says so in its last message, also when it is dropped in the middle of the work; the others' verbs then
/// fail with [`ComputeError::RankLost`], which names it. So all ranks always make the same number of gatherings.
pub struct Lockstep<L: Collective> {
    link: L,
    state: Mutex<State>,
}

impl<L: Collective> Lockstep<L> {
    /// The end of a rank that is about to begin.
    pub const fn new(link: L) -> Self {
        Self { link, state: Mutex::new(State { number: 0, over: None }) }
    }

    /// This rank, from 0.
    pub fn rank(&self) -> usize {
        self.link.rank()
    }

    /// How many ranks there are.
    pub fn ranks(&self) -> usize {
        self.link.ranks()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every rank's contents for one step; `words` is how many a rank sends, where that is known.
    fn exchange(&self, step: Step, contents: Vec<u64>, words: impl Fn(usize) -> Option<usize>) -> Result<Vec<Vec<u64>>> {
        let mut state = self.state();
        if let Some(error) = &state.over {
            return Err(error.clone());
        }
        let head = head(step, state.number);
        let mut message = Vec::with_capacity(HEAD + contents.len());
        message.push(head);
        message.extend(contents);
        let result = self.link.all_gather(message).and_then(|all| check(all, head));
        state.number += 1;
        state.over = match &result {
            Err(error) => Some(error.clone()),
            Ok(_) if step == Step::Finish => Some(lost(self.rank(), "its work was over")),
            Ok(_) => None,
        };
        drop(state);
        let all = result?;
        for (rank, contents) in all.iter().enumerate() {
            if let Some(words) = words(rank).filter(|w| *w != contents.len()) {
                let (sent, expected) = (8 * contents.len(), 8 * words);
                return Err(self.refuse(rank, format!("it sent {sent} bytes for {}, expected {expected}", name(head))));
            }
        }
        Ok(all)
    }

    /// Ends the work because of what a rank has sent. The others may not have noticed: they are told.
    fn refuse(&self, rank: usize, why: impl Into<String>) -> ComputeError {
        let error = lost(rank, why);
        self.abandon(&error.to_string());
        self.state().over = Some(error.clone());
        error
    }

    /// Every rank's values; rank `r` sends `counts(r)`.
    pub(super) fn all_gather<T: Wire>(
        &self,
        step: Step,
        mine: &[T],
        counts: impl Fn(usize) -> usize,
    ) -> Result<Vec<Vec<T>>> {
        let mut contents = Vec::with_capacity(T::words(mine.len()));
        T::put(mine, &mut contents);
        let all = self.exchange(step, contents, |rank| Some(T::words(counts(rank))))?;
        let values = |(rank, words): (usize, &Vec<u64>)| T::get(words, counts(rank)).ok_or(rank);
        let decoded: std::result::Result<Vec<_>, usize> = all.iter().enumerate().map(values).collect();
        decoded.map_err(|rank| self.refuse(rank, format!("it sent words that are no values of the step {step:?}")))
    }

    /// The sums over all ranks.
    pub(super) fn all_reduce<const N: usize>(&self, step: Step, mine: [Fr; N]) -> Result<[Fr; N]> {
        let all = self.all_gather(step, &mine, |_| N)?;
        Ok(std::array::from_fn(|i| all.iter().map(|values| values[i]).sum()))
    }

    /// The bytes of rank 0, for all; the other ranks' are not looked at.
    ///
    /// # Errors
    /// When a rank is lost.
    pub fn broadcast(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut contents = Vec::new();
        if self.rank() == 0 {
            contents.push(bytes.len() as u64);
            u8::put(bytes, &mut contents);
        }
        let all = self.exchange(Step::Broadcast, contents, |rank| (rank > 0).then_some(0))?;
        let spoken = all[0].split_first().and_then(|(count, words)| {
            let count = usize::try_from(*count).ok()?;
            (u8::words(count) == words.len()).then(|| u8::get(words, count)).flatten()
        });
        spoken.ok_or_else(|| self.refuse(0, "its broadcast has another length than it says"))
    }

    /// Every rank's number.
    ///
    /// # Errors
    /// When a rank is lost.
    pub fn numbers(&self, mine: u64) -> Result<Vec<u64>> {
        Ok(self.exchange(Step::Agree, vec![mine], |_| Some(1))?.into_iter().flatten().collect())
    }

    /// The first rank whose bytes differ from rank 0's; all must send as many.
    ///
    /// # Errors
    /// When a rank is lost.
    pub fn odd_one_out(&self, mine: &[u8]) -> Result<Option<usize>> {
        let all = self.all_gather(Step::Agree, mine, |_| mine.len())?;
        Ok(all.iter().position(|bytes| *bytes != all[0]))
    }

    /// Waits until all ranks are done: the last step.
    ///
    /// # Errors
    /// When a rank is not done but lost.
    pub fn finish(&self) -> Result<()> {
        self.exchange(Step::Finish, Vec::new(), |_| Some(0)).map(|_| ())
    }

    /// Tells the other ranks that this one has failed, once: the last step.
    pub fn abandon(&self, why: &str) {
        let mut contents = vec![why.len() as u64];
        u8::put(why.as_bytes(), &mut contents);
        let _ = self.exchange(Step::Abandon, contents, |_| None);
    }
}

impl<L: Collective> Drop for Lockstep<L> {
    fn drop(&mut self) {
        let panics = if std::thread::panicking() { "it panicked" } else { "it ended before the others were done" };
        self.abandon(panics);
    }
}

fn lost(rank: usize, why: impl Into<String>) -> ComputeError {
    ComputeError::RankLost { rank, why: why.into() }
}

const fn head(step: Step, number: u64) -> u64 {
    number << 8 | step as u64
}

/// Contents of messages that all belong to one step; otherwise whose does not. All ranks come to the same result.
fn check(messages: Vec<Vec<u64>>, expected: u64) -> Result<Vec<Vec<u64>>> {
    let heads: Vec<Option<u64>> = messages.iter().map(|m| m.first().copied()).collect();
    for (rank, message) in messages.iter().enumerate() {
        if heads[rank].is_some_and(|h| h & 0xff == Step::Abandon as u64) {
            return Err(lost(rank, last_words(&message[HEAD..])));
        }
    }
    // What most have sent is right; of two, what the first has.
    let votes = |h: &Option<u64>| heads.iter().filter(|other| *other == h).count();
    let right = heads.iter().rev().max_by_key(|h| votes(h)).copied().flatten().unwrap_or(expected);
    if let Some(rank) = heads.iter().position(|h| *h != Some(right)) {
        let found = heads[rank].map_or_else(|| "nothing".into(), name);
        return Err(lost(rank, format!("it is out of step: it sent {found}, expected {}", name(right))));
    }
    Ok(messages.into_iter().map(|mut m| m.split_off(HEAD)).collect())
}

/// `step 17 (Round)`.
fn name(head: u64) -> String {
    use Step::{Abandon, Agree, Apply, Broadcast, Combine, Commit, Finish, Fold, InnerProduct, Round, Tables};
    let all = [Abandon, Agree, Broadcast, Finish, Apply, Fold, Combine, Tables, Round, InnerProduct, Commit];
    let kind = all.iter().find(|s| **s as u64 == head & 0xff).map_or_else(|| "unknown".into(), |s| format!("{s:?}"));
    format!("step {} ({kind})", head >> 8)
}

/// What a rank said when it failed.
fn last_words(contents: &[u64]) -> String {
    let text = contents.split_first().and_then(|(count, words)| u8::get(words, usize::try_from(*count).ok()?));
    text.and_then(|t| String::from_utf8(t).ok()).filter(|t| !t.is_empty()).unwrap_or_else(|| "it failed".into())
}
