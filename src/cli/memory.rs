//! Memory: sizes as people write them, what the machine has, and what is said about a proof's share of it.

use super::Failure;
use super::output::size;
use super::ranks::Team;
use crate::protocol::memory::{MAX_PART, Memory, MemoryError, Parts};

/// Bytes from `512MiB`, `2GB`, `1.5 GiB` or a plain number.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let expected = || "expected a size as 512MiB, 2GB or a number of bytes".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "tib" | "t" => 1 << 40,
        _ => return Err(expected()),
    };
    let bytes = number.parse::<f64>().map_err(|_| expected())? * factor as f64;
    if bytes >= 1.0 && bytes < 2f64.powi(63) { Ok(bytes as u64) } else { Err(expected()) }
}

/// Memory that may still be had, where the system tells (Linux): what is available, within the limit of the control group.
pub(super) fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
    let free = line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024;
    let number = |name: &str| std::fs::read_to_string(name).ok()?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max").zip(number("/sys/fs/cgroup/memory.current"));
    Some(group.map_or(free, |(max, used)| free.min(max.saturating_sub(used))))
}

/// Bytes that a command may use, and who says so.
pub(super) struct Budget {
    pub(super) bytes: Option<u64>,
    given: bool,
    /// Ranks on this machine, each of which may use so much.
    ranks: usize,
}

impl Budget {
    /// What `--memory` says; without it nine tenths of what is available, or no bound where the system does not tell.
    pub(super) fn new(given: Option<u64>) -> Self {
        let found = || available().map(|free| free / 10 * 9);
        Self { bytes: given.or_else(found), given: given.is_some(), ranks: 1 }
    }

    /// The same for each of several ranks: those of one machine share its memory, and who has least decides for all.
    pub(super) fn of_team(given: Option<u64>, team: &dyn Team) -> Result<Self, Failure> {
        let mine = Self::new(given);
        let share = mine.bytes.map(|bytes| bytes / team.neighbours() as u64);
        let least = team.numbers(share.unwrap_or(u64::MAX))?.into_iter().min();
        Ok(Self { bytes: least.filter(|b| *b < u64::MAX), ranks: team.neighbours(), ..mine })
    }

    /// What `--memory` says, and no bound without it: for a forecast.
    pub(super) const fn given(bytes: Option<u64>) -> Self {
        Self { bytes, given: true, ranks: 1 }
    }

    fn source(&self) -> String {
        let each = if self.ranks > 1 { format!(" for each of {} ranks", self.ranks) } else { String::new() };
        let bytes = self.bytes.map_or_else(String::new, exact) + &each;
        if self.given { format!("--memory {bytes}") } else { format!("available memory of {bytes}") }
    }

    /// The proofs that a batch is split into within this budget.
    pub(super) fn parts(&self, memory: &Memory<'_>, inputs: usize) -> Result<Parts, Failure> {
        memory.parts(inputs, self.bytes).map_err(|error| match error {
            MemoryError::TooSmall { smallest, .. } => {
                let message = format!(
                    "{}: too little to prove {inputs} input(s) even one at a time, expected at least {smallest} bytes ({})",
                    self.source(),
                    size(smallest as usize)
                );
                if self.given { Failure::usage(message) } else { Failure::machine(message) }
            }
            MemoryError::Instance(e) => e.into(),
        })
    }

    /// Why a batch is split, in one sentence; `None` when it is not.
    pub(super) fn why_split(&self, memory: &Memory<'_>, inputs: usize, parts: &Parts) -> Option<String> {
        let [largest, .., smallest] = parts.sizes[..] else { return None };
        let sizes = if largest == smallest { largest.to_string() } else { format!("{largest} or {smallest}") };
        let fewer = parts.sizes.len() - 1;
        let why = match memory.smallest(inputs, fewer) {
            _ if inputs.div_ceil(fewer) > MAX_PART => format!("a proof is about at most {MAX_PART} inputs"),
            Ok(bytes) => format!("{fewer} would take {} of memory at least, more than {}", exact(bytes), self.source()),
            Err(e) => e.to_string(),
        };
        Some(format!("{inputs} inputs in {} proofs of {sizes}: {why}", parts.sizes.len()))
    }
}

/// `64.0 MB (64000000 bytes)`, so that the number can be given back.
fn exact(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", size(bytes as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        for (text, bytes) in
            [("1", 1), ("512MiB", 512 << 20), ("2GB", 2_000_000_000), ("1.5k", 1536), ("3 mb", 3_000_000), ("7TiB", 7 << 40)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "MiB", "1XB", "-5", "1e9", "nan", "0.4", "99999999999TB", "1.2.3"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
