//! How much memory the host needs to prove a batch, and how a batch is proved within a budget.
//!
//! The peak is what is held throughout and the largest of what the stages hold, each term from the plan alone (bytes; `B` inputs
//! of `w` values, `H` hidden activations and `Q` quotients of the whole batch, `O` outputs, `N = 2^K` leaves, `T` table entries,
//! `J` entries of the linear stage, `V` values of all combined vectors, `R` witness rows, `M` the row width):
//!
//! | stage | holds |
//! | --- | --- |
//! | throughout | the program, `16` a non-zero weight, `256` a row of the key, `512·M`, `4·w` an input of the command |
//! | witness | `8·H + 4·Q + 4·O + 4·N`, and the leaves in hand |
//! | commit | `4·H + 4·Q + 4·N`, `128·R`, and the rows in hand |
//! | lookup | `4·H + 4·Q + 4·N`, `64·R`, `96·T`, and the tree, see [`Holding::bytes`] |
//! | linear | `4·H + 4·Q + 4·N`, `64·R`, `32·T + 96·J + 96·V + 96·B` |
//! | closing | the proof, its file, and its verification: `8·w·B` when the inputs are public, `8·O`, `256·R` |
//! | reading | the largest file of inputs, beside its values |
//! | report | the outputs of all proofs as text and numbers, 64 each |
//!
//! To this comes what an allocator keeps of what was given back, a fifth, and some for every thread: these factors were measured
//! (the C library's allocator on Linux keeps up to an eighth), and `tests/cli/memory.rs` compares the whole with the peak of
//! processes that were given budgets.
//!
//! A budget is met by the fastest [`Holding`] that fits. When none does, the batch is split in as few proofs of equal size (but
//! for one input) as do.

use super::errors::InstanceError;
use super::plan::Plan;
use super::witness::Lookups;
use crate::lookup::Table;
use crate::lookup::layers::Holding;
use crate::model::Architecture;

/// Most inputs of one proof that [`Memory::parts`] plans: beyond it a proof gains nothing from being larger.
pub const MAX_PART: usize = 1 << 14;

/// The program with its code, tables of the two fixed bases and runtime, in bytes; with what a GPU's libraries bring along.
const PROGRAM: u64 = if cfg!(feature = "gpu") { 12 << 20 } else { 7 << 20 };
/// What a thread holds: its stack, and buffers of point additions.
const THREAD: u64 = 1 << 19;

/// The proofs that a batch is split into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Inputs of every proof.
    pub sizes: Vec<usize>,
    /// What their lookups hold.
    pub holding: Holding,
    /// Peak of the host's memory, in bytes.
    pub bytes: u64,
}

/// Why a batch cannot be proved within a budget.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// Not even one input at a time.
    #[error(
        "{budget} bytes of memory are too few to prove {inputs} input(s), even one at a time; the smallest budget that works \
         is {smallest} bytes"
    )]
    TooSmall {
        /// Bytes allowed.
        budget: u64,
        /// Inputs wanted.
        inputs: usize,
        /// Bytes that are enough.
        smallest: u64,
    },
    /// The statement is unusable whatever the memory.
    #[error(transparent)]
    Instance(#[from] InstanceError),
}

/// What the peak depends on beside the batch.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a> {
    /// The architecture.
    pub arch: &'a Architecture,
    /// Weights that are not zero.
    pub non_zeros: usize,
    /// Whether the inputs are hidden.
    pub private: bool,
    /// Threads of the backend.
    pub threads: usize,
    /// Bytes of the largest file that inputs are read from; 0 when they come from elsewhere.
    pub file: u64,
}

impl Memory<'_> {
    /// Peak of the host's memory in bytes while one proof about `batch` of the command's `inputs` inputs is made and verified.
    ///
    /// # Errors
    /// When there is no such proof.
    pub fn bytes(&self, inputs: usize, batch: usize, holding: Holding) -> Result<u64, InstanceError> {
        let plan = Plan::new(self.arch, batch, self.private)?;
        // Reported when the last proof is done.
        let report = 64 * inputs as u64 * self.arch.logits() as u64;
        let all = self.throughout(inputs) + self.stages(&plan, holding).max(report).max(self.file);
        Ok(all + all / 5 + THREAD * self.threads as u64 + PROGRAM)
    }

    fn throughout(&self, inputs: usize) -> u64 {
        let (arch, n) = (self.arch, |n: usize| n as u64);
        16 * n(self.non_zeros) + 256 * n(arch.key_rows()) + 512 * n(arch.row_width) + 4 * n(inputs) * n(arch.inputs(0))
    }

    /// The largest of what the stages hold.
    fn stages(&self, plan: &Plan, holding: Holding) -> u64 {
        let (arch, n) = (self.arch, |n: usize| n as u64);
        let batch = n(plan.batch);
        let hidden = |wanted: &dyn Fn(usize) -> bool| -> u64 {
            (0..arch.layers() - 1).filter(|b| wanted(*b)).map(|b| batch * n(arch.outputs(b))).sum()
        };
        let activations = hidden(&|_| true);
        let kept = 4 * (activations + hidden(&|b| plan.modes[b] == super::Mode::Split)) + 4 * (1 << plan.lookup_bits);
        let outputs = batch * n(arch.logits());
        let public_inputs = if plan.private { 0 } else { batch * n(arch.inputs(0)) };
        let rows = n(plan.witness_rows(arch));
        let entries: u64 = plan.tables.iter().map(|t| n(t.len())).sum();
        let linear = 1u64 << plan.linear_bits;
        let vectors = plan.tables.iter().map(Table::len).sum::<usize>()
            + (0..arch.layers()).map(|b| 2 * arch.inputs(b) + 3 * arch.outputs(b)).sum::<usize>();
        let closing = 8 * (public_inputs + outputs) + 256 * rows;
        let stages = [
            kept + 4 * (activations + outputs) + Lookups::window_bytes(plan),
            kept + 128 * rows + 512 * rows.min(n(super::prove::ROWS)),
            kept + 64 * rows + 96 * entries + holding.bytes(plan.lookup_bits),
            kept + 64 * rows + 32 * entries + 96 * (linear + n(vectors) + batch),
            closing,
        ];
        stages.into_iter().max().unwrap_or(0)
    }

    /// The fewest proofs about `inputs` inputs that fit a budget, and the fastest way to make them; without a budget everything
    /// is held. One proof has at most [`MAX_PART`] inputs.
    ///
    /// # Errors
    /// When the budget is too small for one input, or one input is too much for a proof.
    pub fn parts(&self, inputs: usize, budget: Option<u64>) -> Result<Parts, MemoryError> {
        let mut smallest = u64::MAX;
        let mut refused = None;
        let mut last = 0;
        for count in inputs.div_ceil(MAX_PART).max(1)..=inputs.max(1) {
            let largest = inputs.div_ceil(count);
            if largest == last {
                continue;
            }
            last = largest;
            for holding in Holding::all() {
                match self.split(inputs, count, holding) {
                    Ok(bytes) if budget.is_none_or(|b| bytes <= b) => {
                        return Ok(Parts { sizes: balanced(inputs, count), holding, bytes });
                    }
                    Ok(bytes) => smallest = smallest.min(bytes),
                    Err(e) => refused = Some(e),
                }
            }
        }
        match (budget, refused) {
            (Some(budget), _) if smallest < u64::MAX => Err(MemoryError::TooSmall { budget, inputs, smallest }),
            (_, refused) => Err(refused.unwrap_or(InstanceError::Batch { found: inputs, max: MAX_PART }).into()),
        }
    }

    /// Peak of the host's memory in bytes while a command's inputs are proved in so many proofs of equal size.
    fn split(&self, inputs: usize, count: usize, holding: Holding) -> Result<u64, InstanceError> {
        // Now and then the smaller part takes more: it may have more lookups, of smaller tables.
        let of = |size| self.bytes(inputs, size, holding);
        Ok(of(inputs.div_ceil(count))?.max(of(inputs / count)?))
    }

    /// The smallest budget in which a command's inputs are proved in so many proofs.
    ///
    /// # Errors
    /// When there are no such proofs.
    pub fn smallest(&self, inputs: usize, count: usize) -> Result<u64, InstanceError> {
        self.split(inputs, count, Holding::new(Holding::MAX_DEPTH))
    }
}

/// Sizes that differ by one at most, the larger ones first.
fn balanced(inputs: usize, count: usize) -> Vec<usize> {
    (0..count).map(|i| inputs / count + usize::from(i < inputs % count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Clamp, HiddenLayer};

    fn arch() -> Architecture {
        let clamp = Clamp { min: 0, max: 255 };
        let hidden = vec![HiddenLayer { shift: 3, clamp, bits: 15 }];
        Architecture { row_width: 512, widths: vec![784, 512, 10], input: clamp, hidden, logit_bits: 15 }
    }

    fn memory(arch: &Architecture) -> Memory<'_> {
        Memory { arch, non_zeros: 25_408, private: false, threads: 2, file: 0 }
    }

    #[test]
    fn every_holding_makes_the_same_proof() {
        use crate::compute::cpu::Cpu;
        use crate::model::random::{self, Shape};
        use crate::protocol::{Mode, NoProgress, Session, commit};
        let deep = vec![6, 5, 4, 3];
        for (widths, max, batch, modes) in [
            (deep.clone(), 7, 3, vec![Mode::Split, Mode::Split]),
            (deep, 7, 9, vec![Mode::Accumulator, Mode::Split]),
            (vec![2, 8, 3], 1, 40, vec![Mode::Accumulator]),
        ] {
            let network = random::network(&Shape { widths, density: 0.5, max }, 11).unwrap();
            let arch = Architecture::of(&network, 4).unwrap();
            let inputs = random::inputs(&network, batch, 5);
            for private in [false, true] {
                assert_eq!(Plan::new(&arch, batch, private).unwrap().modes, modes);
                let proofs = Holding::all().map(|holding| {
                    let (key, secret) = commit(&Cpu, &network, &arch, [3; 32], |_| {}).unwrap();
                    let session = Session::new(Cpu, network.clone(), key, secret).unwrap().with_holding(holding);
                    let (proof, _) = session.prove(&inputs, private, b"", &[4; 32], &NoProgress).unwrap();
                    proof.verify(session.key(), b"").unwrap();
                    proof
                });
                let proofs: Vec<_> = proofs.collect();
                assert!(proofs.windows(2).all(|p| p[0] == p[1]));
            }
        }
    }

    #[test]
    fn no_budget_holds_everything_in_one_proof() {
        let arch = arch();
        let parts = memory(&arch).parts(1000, None).unwrap();
        assert_eq!((parts.sizes, parts.holding), (vec![1000], Holding::ALL));
        let parts = memory(&arch).parts(2 * MAX_PART + 1, None).unwrap();
        assert_eq!(parts.sizes, [10_923, 10_923, 10_923], "as few as the largest proof allows");
    }

    #[test]
    fn less_memory_is_met_by_depth_first_and_then_by_parts() {
        let arch = arch();
        let memory = memory(&arch);
        let smallest = memory.smallest(1024, 1).unwrap();
        let all = memory.bytes(1024, 1024, Holding::ALL).unwrap();
        assert!(smallest < all);
        let mut depths = vec![0];
        for budget in (0..=64).map(|i| all - i * (all - smallest) / 64) {
            let parts = memory.parts(1024, Some(budget)).unwrap();
            assert!(parts.bytes <= budget && parts.sizes == [1024], "{budget}: {parts:?}");
            depths.push(parts.holding.depth());
        }
        assert!(depths.is_sorted() && depths.last() > Some(&1), "{depths:?}");
        let parts = memory.parts(1024, Some(smallest - 1)).unwrap();
        assert!(parts.sizes.len() > 1 && parts.bytes < smallest, "{parts:?}");
        assert_eq!(parts.sizes.iter().sum::<usize>(), 1024);
        assert!(parts.sizes[0] - parts.sizes[parts.sizes.len() - 1] <= 1);
    }

    #[test]
    fn a_budget_that_is_too_small_names_one_that_works() {
        let arch = arch();
        let memory = memory(&arch);
        let Err(MemoryError::TooSmall { smallest, .. }) = memory.parts(100, Some(1 << 20)) else { panic!("too small") };
        assert!(memory.parts(100, Some(smallest)).unwrap().bytes <= smallest);
        assert!(matches!(memory.parts(100, Some(smallest - 1)), Err(MemoryError::TooSmall { .. })));
        assert!(matches!(memory.parts(0, None), Err(MemoryError::Instance(InstanceError::Batch { .. }))));
    }
}
