//! Memory: what a case would take, and the peak of one.

use super::super::memory::available;
use super::super::output::{peak_rss, size};
use super::Failure;

/// Refuses what does not fit, with its estimate and the way out.
pub(in crate::cli) fn require(bytes: f64, what: &str, instead: &str) -> Result<(), Failure> {
    match available() {
        Some(free) if bytes > free as f64 => Err(Failure::machine(format!(
            "{what} needs about {} of memory, {} are available; {instead}",
            size(bytes as usize),
            size(free as usize)
        ))),
        _ => Ok(()),
    }
}

/// A peak that starts now; `None` where the system cannot start one anew.
pub(super) struct Peak(bool);

impl Peak {
    pub(super) fn start() -> Self {
        // Linux: 5 resets the peak resident size to the current one.
        Self(std::fs::write("/proc/self/clear_refs", "5").is_ok())
    }

    /// The largest resident size since the start, in bytes, with what was resident then.
    pub(super) fn bytes(&self) -> Option<usize> {
        peak_rss().filter(|_| self.0)
    }
}
