//! The GPU backend: large tables on any adapter that wgpu knows (Vulkan, Metal, DX12), small ones on the CPU.
//!
//! | file | what |
//! | --- | --- |
//! | `device` | choosing and opening an adapter |
//! | `field`, `kernels` | WGSL: generated arithmetic, and the texts in `shaders/` |
//! | `memory`, `matrix` | pooled buffers, ways in and out, resident matrices |
//! | `core` | every verb as dispatches |
//! | `passes` | two rounds in one, several layers in one |
//! | `points` | fixed-base tables, sums of points, buckets |
//! | `check` | the self-test: every verb against the CPU |
//! | `table` | a table, and where it is |
//! | `tuning` | from which size on the device wins, measured |
//!
//! A verb goes to the device when its size reaches the threshold of its kind, and a table comes back to the host when it has
//! shrunk below: the last rounds of a sumcheck are faster on a CPU than a round trip is long. Values are lazily reduced on the
//! device and canonical on the host, so proofs are the CPU's byte for byte.
//!
//! What the device cannot hold is done on the CPU from the last finished verb on, with a warning. A device that is lost takes
//! its tables with it: the verb fails with [`ComputeError::DeviceLost`], everything after it runs on the CPU, and the prover
//! runs the stage again.

mod check;
mod core;
mod device;
pub mod field;
pub mod kernels;
mod matrix;
mod memory;
mod passes;
mod points;
mod table;
#[cfg(test)]
mod tests;
mod tuning;

pub use device::{AdapterSummary, Choice, adapters};
pub use matrix::Resident;
pub use table::Table;
pub use tuning::{Span, Thresholds};

use self::core::{Core, DeviceTable};
use super::cpu::{self, Cpu};
use super::{Ahead, Compute, ComputeError, Fractions, Result, RoundValues, Summand, Weights};
use crate::algebra::{Fr, eq, g1::Point};
use crate::model::TernaryMatrix;
use device::Device;
use passes::Layer;
use points::Tables;
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use table::{NextIfDevice, Place, all_on_device, device, host, on_device};

/// How a [`Gpu`] works.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which adapter.
    pub choice: Choice,
    /// Sizes from which on verbs run on the device; `None`: measured when it is opened.
    pub thresholds: Option<Thresholds>,
    /// The device is opened when something of at least this size comes along; 0: at once.
    pub patience: usize,
    /// For tests: an allocation of more bytes fails. `None`: no limit but the device's.
    pub allocation: Option<u64>,
    /// For tests: the device is lost after so many submissions.
    pub submissions: Option<u64>,
    /// For tests: changes the text of kernels before they are compiled.
    pub sabotage: Option<fn(kernels::Kernel, String) -> String>,
}

struct Shared {
    options: Options,
    core: OnceLock<Option<Open>>,
    /// Set when the device's results are not wanted any more.
    distrusted: AtomicBool,
}

/// An open device and what was measured and made on it.
struct Open {
    core: Core,
    thresholds: Thresholds,
    tables: Tables,
}

/// A GPU with the CPU beside it. Cheap to clone; clones share the device.
#[derive(Clone)]
pub struct Gpu(Arc<Shared>);

/// What sort of work a threshold is for.
#[derive(Clone, Copy)]
enum Work {
    /// Field multiplications: pairs of a round or layer, entries of a table.
    Pairs,
    /// Additions of small multiples: terms of a fold or combination.
    Terms,
    /// Additions of points.
    Points,
    /// Full-width scalars of a row.
    Scalars,
}

impl Gpu {
    /// Opens a device now.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened: the message says what to do.
    pub fn open(options: Options) -> Result<Self> {
        let open = Open::new(&options)?;
        Ok(Self(Arc::new(Shared { options, core: OnceLock::from(Some(open)), distrusted: AtomicBool::new(false) })))
    }

    /// The CPU, until something comes along that is worth a device; without one, the CPU for ever.
    #[must_use]
    pub fn when_worthwhile(choice: Choice) -> Self {
        let options = Options { choice, patience: tuning::PATIENCE, ..Options::default() };
        Self(Arc::new(Shared { options, core: OnceLock::new(), distrusted: AtomicBool::new(false) }))
    }

    /// The adapter in use, and its thresholds; `None` while none is open.
    #[must_use]
    pub fn opened(&self) -> Option<(&AdapterSummary, Thresholds)> {
        let open = self.0.core.get()?.as_ref()?;
        Some((&open.core.heap.device.summary, open.thresholds))
    }

    /// Bytes that were moved to the device so far; `None` while none is open.
    #[must_use]
    pub fn uploaded_bytes(&self) -> Option<u64> {
        Some(self.0.core.get()?.as_ref()?.core.heap.uploaded())
    }

    fn trusted(&self, open: &Open) -> bool {
        !self.0.distrusted.load(Ordering::SeqCst) && !open.core.heap.device.is_lost()
    }

    /// The device, if work of this size belongs there.
    fn device_for(&self, work: Work, size: usize) -> Option<&Open> {
        // A term is an addition, a pair some ten multiplications.
        let weight = if let Work::Terms = work { size / 64 } else { size };
        if self.0.core.get().is_none() && weight < self.0.options.patience {
            return None;
        }
        // Without a device that was asked for by name or as such, `open` has failed already: here it is only missed.
        let open = self.0.core.get_or_init(|| Open::new(&self.0.options).ok()).as_ref()?;
        let threshold = match work {
            Work::Pairs => open.thresholds.pairs,
            Work::Terms => open.thresholds.terms,
            Work::Points => open.thresholds.points,
            Work::Scalars => open.thresholds.scalars,
        };
        (size >= threshold && self.trusted(open)).then_some(open)
    }

    /// The device that a table is on.
    fn holder(&self) -> Result<&Open> {
        let open = self.0.core.get().and_then(Option::as_ref);
        open.ok_or_else(|| ComputeError::NoDevice { why: "a table is on a device that is not open".into() })
    }

    /// Runs on the device where it is worthwhile; what the device cannot do is left to the CPU, which is `None`.
    fn attempt<T>(&self, work: Work, size: usize, f: impl FnOnce(&Open) -> Result<T>) -> Option<T> {
        self.attempt_on(self.device_for(work, size)?, f)
    }

    /// The same, whatever the size.
    fn attempt_on<T>(&self, open: &Open, f: impl FnOnce(&Open) -> Result<T>) -> Option<T> {
        let done = self.trusted(open).then(|| f(open))?;
        done.map_err(|e| tracing::warn!("{e}; going on with the CPU")).ok()
    }

    /// The nearest of `count` layers above, as many as are worth it, made on the device; those of less than `home` fractions are
    /// brought home.
    fn layers_there(&self, below: Fractions<&Table>, count: usize, home: usize) -> Vec<Fractions<Table>> {
        let (p, q) = (below.numerators, below.denominators);
        let (Some(q), true) = (on_device(q), count > 0 && p.is_none_or(|p| on_device(p).is_some())) else {
            return Vec::new();
        };
        let made = self.attempt(Work::Pairs, q.len / 2, |open| {
            // One layer is worth it, or nothing is attempted; of more, those that are large enough.
            let worth = (1..=count).take_while(|k| *k == 1 || q.len >> k >= open.thresholds.layers).count();
            open.core.fraction_layers((p.and_then(on_device), q), worth, open.thresholds.at_once, home)
        });
        let place = |layer| match layer {
            Layer::There([p, q]) => Fractions { numerators: Some(device(p)), denominators: device(q) },
            Layer::Home([p, q]) => Fractions { numerators: Some(host(p)), denominators: host(q) },
        };
        made.unwrap_or_default().into_iter().map(place).collect()
    }

    /// Values on the host: borrowed where they are there already.
    #[expect(clippy::owned_cow, reason = "the CPU's verbs take vectors, as its tables are")]
    fn host<'a>(&self, table: &'a Table) -> Result<Cow<'a, Vec<Fr>>> {
        match &table.0 {
            Place::Host(values) => Ok(Cow::Borrowed(values)),
            Place::Device(t) => Ok(Cow::Owned(self.holder()?.core.download(&[t])?.swap_remove(0))),
        }
    }

    /// Brings tables to the host, with one wait.
    fn bring_home(&self, tables: &mut [Table]) -> Result<()> {
        let away: Vec<&DeviceTable> = tables.iter().filter_map(on_device).collect();
        if away.is_empty() {
            return Ok(());
        }
        let mut values = self.holder()?.core.download(&away)?.into_iter();
        for table in tables.iter_mut() {
            if let (Place::Device(_), Some(v)) = (&table.0, values.next_if_device(table)) {
                table.0 = Place::Host(v);
            }
        }
        Ok(())
    }

    /// The vectors of tables that are all on the host.
    fn on_host<T>(&self, tables: &mut [Table], f: impl FnOnce(&mut [Vec<Fr>]) -> Result<T>) -> Result<T> {
        self.bring_home(tables)?;
        let mut values: Vec<Vec<Fr>> = tables
            .iter_mut()
            .map(|t| match &mut t.0 {
                Place::Host(v) => std::mem::take(v),
                Place::Device(_) => Vec::new(),
            })
            .collect();
        let out = f(&mut values);
        tables.iter_mut().zip(values).for_each(|(t, v)| t.0 = Place::Host(v));
        out
    }
}

impl Open {
    fn new(options: &Options) -> Result<Self> {
        let core = Core::new(Device::open(&options.choice)?, options);
        let thresholds = options.thresholds.unwrap_or_else(|| tuning::measure(&core));
        core.heap.check()?;
        Ok(Self { core, thresholds, tables: Tables::default() })
    }
}

impl Compute for Gpu {
    type Table = Table;
    type Matrix = Resident;

    fn describe(&self) -> String {
        match self.opened() {
            Some((adapter, _)) => format!("{} ({}) with {}", adapter.name, adapter.backend, Cpu.describe()),
            None => Cpu.describe(),
        }
    }

    fn device_bytes(&self) -> Option<u64> {
        Some(self.0.core.get()?.as_ref()?.core.heap.bytes())
    }

    fn wait(&self) -> Result<()> {
        self.opened().map_or(Ok(()), |_| self.holder()?.core.heap.wait())
    }

    fn give_up_device(&self) -> bool {
        self.opened().is_some() && !self.0.distrusted.swap(true, Ordering::SeqCst)
    }

    fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
        Cpu.map(n, f)
    }

    fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        Cpu.join(a, b)
    }

    fn load(&self, matrix: &TernaryMatrix) -> Result<Resident> {
        Ok(Resident::new(matrix.clone()))
    }

    fn upload(&self, values: Vec<Fr>) -> Result<Table> {
        let moved = self.attempt(Work::Pairs, values.len() / 2, |open| open.core.upload(&values));
        Ok(moved.map_or(host(values), device))
    }

    fn download(&self, table: &Table) -> Result<Vec<Fr>> {
        self.host(table).map(Cow::into_owned)
    }

    fn apply(&self, matrix: &Resident, inputs: &[i32], batch: usize) -> Result<Vec<i32>> {
        let work = matrix.host().non_zeros() * batch;
        // Neighbouring invocations take neighbouring inputs: a few inputs would leave most of them idle.
        let worthwhile = if batch >= 64 { work } else { 0 };
        self.attempt(Work::Terms, worthwhile, |open| open.core.apply(matrix, inputs, batch))
            .map_or_else(|| Cpu.apply(matrix.host(), inputs, batch), Ok)
    }

    fn eq_table(&self, point: &[Fr], scale: Fr) -> Result<Table> {
        let (first, second) = point.split_at(point.len() / 2);
        let made = self.attempt(Work::Pairs, 1 << point.len(), |open| {
            open.core.outer(&eq::scaled_table(first, scale), &eq::table(second))
        });
        made.map_or_else(|| Cpu.eq_table(point, scale).map(host), |t| Ok(device(t)))
    }

    fn fold_rows(&self, matrix: &Resident, weights: &Table) -> Result<Table> {
        let made = self.attempt(Work::Terms, matrix.host().non_zeros(), |open| match &weights.0 {
            Place::Device(w) => open.core.fold_rows(matrix, w),
            Place::Host(w) => open.core.fold_rows(matrix, &open.core.upload(w)?),
        });
        made.map_or_else(|| Cpu.fold_rows(matrix.host(), &*self.host(weights)?).map(host), |t| Ok(device(t)))
    }

    fn combine_rows(&self, rows: &[i32], width: usize, weights: &Table) -> Result<Table> {
        let weights = self.host(weights)?;
        let made = self.attempt(Work::Terms, rows.len(), |open| open.core.combine_rows(rows, width, &weights));
        made.map_or_else(|| Cpu.combine_rows(rows, width, &weights).map(host), |t| Ok(device(t)))
    }

    fn gather(&self, values: &[Fr], indices: &[u32]) -> Result<Table> {
        let made = self.attempt(Work::Pairs, indices.len(), |open| open.core.gather(values, indices));
        made.map_or_else(|| Cpu.gather(values, indices).map(host), |t| Ok(device(t)))
    }

    fn assemble(&self, len: usize, parts: &[(usize, &Table)]) -> Result<Table> {
        let tables: Option<Vec<_>> = parts.iter().map(|(at, t)| on_device(t).map(|d| (*at, d))).collect();
        if let Some(tables) = tables
            && let Some(table) = self.attempt(Work::Pairs, len, |open| open.core.assemble(len, &tables))
        {
            return Ok(device(table));
        }
        let values: Vec<Cow<'_, Vec<Fr>>> = parts.iter().map(|(_, t)| self.host(t)).collect::<Result<_>>()?;
        let parts: Vec<_> = parts.iter().zip(&values).map(|((at, _), v)| (*at, &**v)).collect();
        let whole = Cpu.assemble(len, &parts)?;
        // What follows are rounds over the whole table: worth a move when it is large.
        let moved = self.attempt(Work::Pairs, len / 2, |open| open.core.upload(&whole));
        Ok(moved.map_or(host(whole), device))
    }

    fn place(&self, into: &mut Table, at: usize, part: &Table) -> Result<()> {
        match (&mut into.0, &part.0) {
            (Place::Device(whole), Place::Device(part)) => self.holder()?.core.place(whole, at, part),
            (Place::Device(whole), Place::Host(part)) => {
                let core = &self.holder()?.core;
                core.place(whole, at, &core.upload(part)?)
            }
            (Place::Host(whole), _) => Cpu.place(whole, at, &*self.host(part)?),
        }
    }

    fn inner_product(&self, a: &Table, b: &Table) -> Result<Fr> {
        if let (Some(a), Some(b)) = (on_device(a), on_device(b))
            && let Some(sum) = self.attempt(Work::Pairs, a.len, |open| open.core.inner_product(a, b))
        {
            return Ok(sum);
        }
        Cpu.inner_product(&*self.host(a)?, &*self.host(b)?)
    }

    fn fraction_layer(&self, below: Fractions<&Table>) -> Result<Fractions<Table>> {
        let (p, q) = (below.numerators, below.denominators);
        if let Some(layer) = self.layers_there(below, 1, 0).pop() {
            return Ok(layer);
        }
        let numerators = p.map(|p| self.host(p)).transpose()?;
        let above = cpu::fraction_layer(numerators.as_ref().map(|p| p.as_slice()), &self.host(q)?);
        Ok(Fractions { numerators: above.numerators.map(host), denominators: host(above.denominators) })
    }

    fn fraction_layers(&self, below: &Fractions<Table>, count: usize) -> Result<Vec<Fractions<Table>>> {
        let home = self.0.core.get().and_then(Option::as_ref).map_or(0, |open| open.thresholds.pairs.saturating_mul(2));
        let mut layers = self.layers_there(below.as_ref(), count, home);
        while layers.len() < count {
            layers.push(self.fraction_layer(layers.last().unwrap_or(below).as_ref())?);
        }
        Ok(layers)
    }

    fn halves(&self, table: Table, factor: Option<Fr>, offset: Option<Fr>) -> Result<[Table; 2]> {
        let size = table.len() / 2;
        let values = match table.0 {
            Place::Device(t) if self.device_for(Work::Pairs, size).is_some() => {
                return Ok(self.holder()?.core.halves(t, factor, offset)?.map(device));
            }
            Place::Host(values) => values,
            place @ Place::Device(_) => self.host(&Table(place))?.into_owned(),
        };
        Ok(Cpu.halves(values, factor, offset)?.map(host))
    }

    fn round(&self, f: Summand, tables: &mut [Table], weights: Weights<'_>, bind: Option<Fr>) -> Result<RoundValues> {
        let pairs = tables[0].len() / if bind.is_some() { 4 } else { 2 };
        if let Some(mut there) = all_on_device(tables)
            && let Some(g) = self.attempt(Work::Pairs, pairs, |open| open.core.round(f, &mut there, weights, bind))
        {
            return Ok(g);
        }
        self.on_host(tables, |values| Cpu.round(f, values, weights, bind))
    }

    fn rounds_ahead(&self, f: Summand, tables: &mut [Table], weights: Weights<'_>, bind: &[Fr]) -> Result<Option<Ahead>> {
        let pairs = tables[0].len() >> (bind.len() + 1);
        let Some(mut there) = all_on_device(tables) else { return Ok(None) };
        let open = self.holder()?;
        if !open.thresholds.ahead.contains(pairs) || !Ahead::serves(f) {
            return Ok(None);
        }
        let values = self.attempt_on(open, |open| open.core.rounds_ahead(f, &mut there, weights, bind));
        Ok(values.flatten())
    }

    fn bind(&self, tables: &mut [Table], r: Fr) -> Result<()> {
        if tables.iter().any(|t| self.device_for(Work::Pairs, t.len() / 2).is_none()) {
            // All with one wait.
            self.bring_home(tables)?;
        }
        for table in tables.iter_mut() {
            let size = table.len() / 2;
            let bound = match &mut table.0 {
                Place::Device(t) => self.attempt(Work::Pairs, size, |open| open.core.bind(t, r)),
                Place::Host(_) => None,
            };
            if bound.is_none() {
                self.on_host(std::slice::from_mut(table), |values| Cpu.bind(values, r))?;
            }
        }
        Ok(())
    }

    fn commit_rows(&self, generators: &[Point], rows: &[&[i32]], blinds: &[Fr]) -> Result<Vec<Point>> {
        let values: usize = rows.iter().map(|r| r.len()).sum();
        let made = self.attempt(Work::Points, values, |open| open.tables.commit_rows(&open.core, generators, rows, blinds));
        made.map_or_else(|| Cpu.commit_rows(generators, rows, blinds), Ok)
    }

    fn commit_matrix(&self, generators: &[Point], matrix: &TernaryMatrix, blinds: &[Fr]) -> Result<Vec<Point>> {
        let made = self
            .attempt(Work::Points, matrix.non_zeros(), |open| points::commit_matrix(&open.core, generators, matrix, blinds));
        made.map_or_else(|| Cpu.commit_matrix(generators, matrix, blinds), Ok)
    }

    fn commit_dense(&self, generators: &[Point], row: &[Fr], blind: Fr) -> Result<Point> {
        let made =
            self.attempt(Work::Scalars, row.len(), |open| open.tables.commit_dense(&open.core, generators, row, blind));
        made.map_or_else(|| Cpu.commit_dense(generators, row, blind), Ok)
    }

    fn commit_scalars(&self, pairs: &[(Fr, Fr)]) -> Result<Vec<Point>> {
        Cpu.commit_scalars(pairs)
    }
}
