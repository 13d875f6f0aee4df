//! The stages of a proof's making: announced when they begin, and timed.

use std::time::{Duration, Instant};

/// The parts of a proof's making, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Inference and table positions.
    Witness,
    /// Stage 1: committing to the witness (and the mask of the opening beside it).
    Commit,
    /// Stage 2: the lookup argument.
    Lookup,
    /// Stage 3: the linear sumcheck.
    Linear,
    /// Stage 4: reduction of all claims to one point.
    Opening,
    /// Stage 5: sigma protocols.
    Close,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 6] = [Self::Witness, Self::Commit, Self::Lookup, Self::Linear, Self::Opening, Self::Close];

    /// The key of its time in JSON output.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Witness => "witness_s",
            Self::Commit => "commit_s",
            Self::Lookup => "lookup_s",
            Self::Linear => "linear_s",
            Self::Opening => "opening_s",
            Self::Close => "close_s",
        }
    }
}

/// Told when a stage begins.
pub trait Progress: Send + Sync {
    /// A stage begins.
    fn begin(&self, stage: Stage);
}

/// Nobody is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _: Stage) {}
}

/// How long every stage took.
#[derive(Clone, Debug, Default)]
pub struct StageTimes {
    times: [Duration; Stage::ALL.len()],
}

impl StageTimes {
    /// Time of one stage.
    #[must_use]
    pub const fn get(&self, stage: Stage) -> Duration {
        self.times[stage as usize]
    }

    /// Time of all stages.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.times.iter().sum()
    }
}

impl std::ops::AddAssign<&Self> for StageTimes {
    fn add_assign(&mut self, other: &Self) {
        self.times.iter_mut().zip(&other.times).for_each(|(sum, time)| *sum += *time);
    }
}

/// Measures stages and announces them.
pub(crate) struct Clock<'a> {
    progress: &'a dyn Progress,
    stage: Stage,
    since: Instant,
    times: StageTimes,
}

impl<'a> Clock<'a> {
    pub(crate) fn start(progress: &'a dyn Progress) -> Self {
        progress.begin(Stage::Witness);
        Self { progress, stage: Stage::Witness, since: Instant::now(), times: StageTimes::default() }
    }

    pub(crate) fn begin(&mut self, stage: Stage) {
        let now = Instant::now();
        self.times.times[self.stage as usize] += now - self.since;
        (self.stage, self.since) = (stage, now);
        self.progress.begin(stage);
    }

    pub(crate) fn finish(mut self) -> StageTimes {
        self.begin(Stage::Close);
        self.times
    }
}
