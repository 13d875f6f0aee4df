//! A ternary matrix on the device: index lists, or 2-bit codes where it is dense; uploaded when first used, then resident.

use super::core::View;
use super::memory::Heap;
use crate::compute::{ComputeError, Result};
use crate::model::TernaryMatrix;
use crate::model::ternary::SignedLists;
use std::sync::{Mutex, PoisonError};

/// Above this density 2-bit codes are read faster than lists of 32-bit indices.
const PACKED_DENSITY: f64 = 1.0 / 8.0;
/// Terms that one unreduced sum of a fold holds.
const MAX_TERMS: usize = (1 << 16) - 1;

/// Positions of +1 and −1, as [`SignedLists`] has them.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    pub(super) indices: View,
    pub(super) bounds: View,
}

/// The parts that are on the device.
#[derive(Debug, Default)]
struct Parts {
    by_row: Option<Lists>,
    by_column: Option<Lists>,
    codes: Option<View>,
}

/// A matrix that a device may hold.
#[derive(Debug)]
pub struct Resident {
    host: TernaryMatrix,
    parts: Mutex<Parts>,
}

impl Resident {
    pub(super) fn new(host: TernaryMatrix) -> Self {
        Self { host, parts: Mutex::default() }
    }

    pub(super) const fn host(&self) -> &TernaryMatrix {
        &self.host
    }

    pub(super) fn by_row(&self, heap: &Heap) -> Result<Lists> {
        resident(&mut self.parts().by_row, || lists(heap, self.host.by_row()))
    }

    pub(super) fn by_column(&self, heap: &Heap) -> Result<Lists> {
        if self.host.rows() > MAX_TERMS {
            return Err(ComputeError::OutOfMemory { device: heap.device.summary.name.clone(), bytes: 0 });
        }
        resident(&mut self.parts().by_column, || lists(heap, self.host.by_column()))
    }

    /// 2-bit codes, sixteen rows to a word, words of all columns side by side, and how many words a column has; `None` for a
    /// sparse matrix.
    pub(super) fn codes(&self, heap: &Heap) -> Result<Option<(View, u32)>> {
        let (rows, columns) = (self.host.rows(), self.host.columns());
        if self.host.density() <= PACKED_DENSITY || rows > MAX_TERMS {
            return Ok(None);
        }
        let per_column = rows.div_ceil(16);
        let pack = || {
            let mut words = vec![0u32; per_column * columns];
            for i in 0..rows {
                let (plus, minus) = self.host.by_row().get(i);
                let at = |j: u32| i / 16 * columns + j as usize;
                plus.iter().for_each(|&j| words[at(j)] |= 1 << (2 * (i % 16)));
                minus.iter().for_each(|&j| words[at(j)] |= 2 << (2 * (i % 16)));
            }
            Ok(View::new(heap.place(&words)?, 4 * words.len() as u64))
        };
        Ok(Some((resident(&mut self.parts().codes, pack)?, per_column as u32)))
    }

    fn parts(&self) -> std::sync::MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn resident<T: Clone>(slot: &mut Option<T>, make: impl FnOnce() -> Result<T>) -> Result<T> {
    if let Some(there) = slot {
        return Ok(there.clone());
    }
    Ok(slot.insert(make()?).clone())
}

fn lists(heap: &Heap, lists: &SignedLists) -> Result<Lists> {
    let (indices, bounds) = lists.raw();
    // A binding has at least one entry.
    let indices = if indices.is_empty() { &[0] } else { indices };
    let bounds: Vec<[u32; 2]> = bounds.iter().map(|(split, end)| [*split, *end]).collect();
    Ok(Lists {
        indices: View::new(heap.place(indices)?, size_of_val(indices) as u64),
        bounds: View::new(heap.place(&bounds)?, 8 * bounds.len() as u64),
    })
}
