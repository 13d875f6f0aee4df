//! An open device with its kernels, and the verbs as it runs them: record, submit, and wait only for what the host needs.

use super::Options;
use super::device::Device;
use super::kernels::{Kernel, Pipelines};
use super::matrix::Resident;
use super::memory::{ELEMENT, Heap, Memory, words};
use crate::algebra::Fr;
use crate::compute::{Result, RoundValues, Summand, Weights};
use ark_ff::{Field, One, Zero};
use bytemuck::{Pod, Zeroable};
use rayon::prelude::*;
use std::sync::Arc;

/// Workgroups of a dispatch at most; more work is done by striding.
const GROUPS: u32 = 4096;
/// Invocations in a workgroup.
const LOCAL: usize = 64;
/// Rows that one unreduced sum of `combine_small` holds.
const BLOCK: usize = 255;

/// What every kernel is told.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Params {
    pub(super) n: u32,
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) c: u32,
    pub(super) x: [u32; 8],
    pub(super) y: [u32; 8],
}

/// A part of a buffer, in bytes.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) memory: Arc<Memory>,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl View {
    pub(super) const fn new(memory: Arc<Memory>, bytes: u64) -> Self {
        Self { memory, offset: 0, bytes }
    }

    /// Field elements in it.
    pub(super) const fn entries(&self) -> u64 {
        self.bytes / ELEMENT
    }
}

/// A table on the device. No two tables share memory that one of them may write.
#[derive(Debug)]
pub(super) struct DeviceTable {
    pub(super) memory: Arc<Memory>,
    /// First element and number of elements.
    pub(super) first: usize,
    pub(super) len: usize,
}

impl DeviceTable {
    pub(super) fn view(&self) -> View {
        View { memory: Arc::clone(&self.memory), offset: self.first as u64 * ELEMENT, bytes: self.len as u64 * ELEMENT }
    }
}

/// Commands that are being recorded, and what they use: nothing is handed back to the pool before they are submitted.
pub(super) struct Commands {
    encoder: wgpu::CommandEncoder,
    keep: Vec<Arc<Memory>>,
}

/// An open device.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) heap: Heap,
    pipelines: Pipelines,
}

/// Workgroups for so many invocations.
pub(super) const fn groups(n: usize) -> u32 {
    let wanted = n.div_ceil(LOCAL);
    if wanted > GROUPS as usize { GROUPS } else { wanted as u32 }
}

impl Core {
    pub(super) fn new(device: Device, options: &Options) -> Self {
        let pipelines = Pipelines::new(options.sabotage);
        Self { heap: Heap::new(device, options.allocation, options.submissions), pipelines }
    }

    pub(super) fn commands(&self) -> Commands {
        let encoder = self.heap.device.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        Commands { encoder, keep: Vec::new() }
    }

    pub(super) fn dispatch(
        &self,
        commands: &mut Commands,
        kernel: Kernel,
        params: Params,
        views: &[&View],
        groups: (u32, u32),
    ) -> Result<()> {
        let device = &self.heap.device;
        let pipeline = self.pipelines.get(device, kernel);
        let block = View::new(self.heap.place(&[params])?, size_of::<Params>() as u64);
        let entries = std::iter::once(&block).chain(views.iter().copied()).enumerate().map(|(i, view)| {
            let buffer = view.memory.buffer().ok_or_else(|| self.heap.lost())?;
            let size = std::num::NonZero::new(view.bytes);
            let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: view.offset, size });
            Ok(wgpu::BindGroupEntry { binding: i as u32, resource })
        });
        let entries = entries.collect::<Result<Vec<_>>>()?;
        let bind_group = device.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        {
            let mut pass = commands.encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(groups.0, groups.1, 1);
        }
        commands.keep.push(block.memory);
        commands.keep.extend(views.iter().map(|v| Arc::clone(&v.memory)));
        Ok(())
    }

    pub(super) fn submit(&self, commands: Commands) -> Result<()> {
        self.heap.submit(commands.encoder).map(drop)
    }

    /// Submits, and waits for what some views hold.
    pub(super) fn read(&self, commands: Commands, views: &[&View]) -> Result<Vec<Vec<u8>>> {
        let parts: Vec<_> = views.iter().map(|v| (&*v.memory, v.offset, v.bytes)).collect();
        // What the commands keep lives until this returns.
        self.heap.read(commands.encoder, &parts)
    }

    fn table(&self, len: usize) -> Result<DeviceTable> {
        Ok(DeviceTable { memory: self.heap.allocate(len as u64 * ELEMENT)?, first: 0, len })
    }

    pub(super) fn elements(&self, values: &[Fr]) -> Result<View> {
        Ok(View::new(self.heap.place_elements(values)?, values.len() as u64 * ELEMENT))
    }

    pub(super) fn scratch(&self, bytes: usize) -> Result<View> {
        Ok(View::new(self.heap.allocate(bytes as u64)?, bytes as u64))
    }

    pub(super) fn integers<T: Pod>(&self, values: &[T]) -> Result<View> {
        Ok(View::new(self.heap.place(values)?, size_of_val(values) as u64))
    }

    pub(super) fn upload(&self, values: &[Fr]) -> Result<DeviceTable> {
        Ok(DeviceTable { memory: self.heap.place_elements(values)?, first: 0, len: values.len() })
    }

    /// Reads tables back, with one wait.
    pub(super) fn download(&self, tables: &[&DeviceTable]) -> Result<Vec<Vec<Fr>>> {
        let views: Vec<View> = tables.iter().map(|t| t.view()).collect();
        let read = self.read(self.commands(), &views.iter().collect::<Vec<_>>())?;
        read.iter().map(|bytes| self.heap.elements(bytes)).collect()
    }

    /// `high[i >> bits]·low[i mod 2^bits]`.
    pub(super) fn outer(&self, high: &[Fr], low: &[Fr]) -> Result<DeviceTable> {
        let out = self.table(high.len() * low.len())?;
        let params =
            Params { n: out.len as u32, a: low.len().trailing_zeros(), b: low.len() as u32 - 1, ..Params::default() };
        let mut commands = self.commands();
        let views = [&self.elements(high)?, &self.elements(low)?, &out.view()];
        self.dispatch(&mut commands, Kernel::EqBuild, params, &views, (groups(out.len), 1))?;
        self.submit(commands)?;
        Ok(out)
    }

    pub(super) fn gather(&self, values: &[Fr], indices: &[u32]) -> Result<DeviceTable> {
        let out = self.table(indices.len())?;
        let params = Params { n: out.len as u32, b: values.len() as u32, ..Params::default() };
        let mut commands = self.commands();
        let views = [&self.elements(values)?, &self.integers(indices)?, &out.view()];
        self.dispatch(&mut commands, Kernel::Gather, params, &views, (groups(out.len), 1))?;
        self.submit(commands)?;
        Ok(out)
    }

    /// A table of zeros with parts of it copied from others.
    pub(super) fn assemble(&self, len: usize, parts: &[(usize, &DeviceTable)]) -> Result<DeviceTable> {
        let out = self.table(len)?;
        let mut commands = self.commands();
        let buffer = out.memory.buffer().ok_or_else(|| self.heap.lost())?;
        commands.encoder.clear_buffer(buffer, 0, Some(len as u64 * ELEMENT));
        for (offset, part) in parts {
            let view = part.view();
            let source = view.memory.buffer().ok_or_else(|| self.heap.lost())?;
            commands.encoder.copy_buffer_to_buffer(source, view.offset, buffer, *offset as u64 * ELEMENT, view.bytes);
            commands.keep.push(Arc::clone(&view.memory));
        }
        self.submit(commands)?;
        Ok(out)
    }

    /// Copies a table into another, from entry `at` on.
    pub(super) fn place(&self, into: &DeviceTable, at: usize, part: &DeviceTable) -> Result<()> {
        let (whole, part) = (into.view(), part.view());
        let mut commands = self.commands();
        let source = part.memory.buffer().ok_or_else(|| self.heap.lost())?;
        let target = whole.memory.buffer().ok_or_else(|| self.heap.lost())?;
        commands.encoder.copy_buffer_to_buffer(source, part.offset, target, whole.offset + at as u64 * ELEMENT, part.bytes);
        commands.keep.extend([Arc::clone(&part.memory), Arc::clone(&whole.memory)]);
        self.submit(commands)?;
        Ok(())
    }

    /// Both halves of `factor·t + offset`, in place.
    pub(super) fn halves(&self, t: DeviceTable, factor: Option<Fr>, offset: Option<Fr>) -> Result<[DeviceTable; 2]> {
        if factor.is_some() || offset.is_some() {
            let x = words(&factor.unwrap_or(Fr::one()));
            let params = Params { n: t.len as u32, x, y: words(&offset.unwrap_or(Fr::zero())), ..Params::default() };
            let mut commands = self.commands();
            self.dispatch(&mut commands, Kernel::Scale, params, &[&t.view()], (groups(t.len), 1))?;
            self.submit(commands)?;
        }
        let half = t.len / 2;
        let high = DeviceTable { memory: Arc::clone(&t.memory), first: t.first + half, len: half };
        Ok([DeviceTable { len: half, ..t }, high])
    }

    /// The two tables of a round's weights, and whether it has any.
    pub(super) fn split(&self, weights: Weights<'_>) -> Result<(View, View, bool)> {
        let (high, low, weighted) = match weights {
            Weights::Plain => (&[Fr::ONE][..], &[Fr::ONE][..], false),
            Weights::Eq(split, from) => {
                let (high, low) = split.suffix(from);
                (high, low, true)
            }
        };
        Ok((self.elements(high)?, self.elements(low)?, weighted))
    }

    /// One round; three sums as the kernel makes them.
    pub(super) fn round(
        &self,
        f: Summand,
        tables: &mut [&mut DeviceTable],
        weights: Weights<'_>,
        bind: Option<Fr>,
    ) -> Result<RoundValues> {
        let len = tables[0].len;
        let n = if bind.is_some() { len / 4 } else { len / 2 };
        let (high, low, weighted) = self.split(weights)?;
        let params = Params {
            n: n as u32,
            a: u32::from(bind.is_some()),
            b: low.entries().trailing_zeros(),
            c: u32::from(weighted),
            x: words(&bind.unwrap_or(Fr::zero())),
            ..Params::default()
        };
        let count = groups(n);
        let partials = self.scratch(3 * count as usize * ELEMENT as usize)?;
        let mut views = vec![high, low, partials.clone()];
        views.extend(tables.iter().map(|t| t.view()));
        let mut commands = self.commands();
        self.dispatch(&mut commands, Kernel::round(f), params, &views.iter().collect::<Vec<_>>(), (count, 1))?;
        let [u, v, w] = self.finish(commands, &partials, count)?;
        if bind.is_some() {
            tables.iter_mut().for_each(|t| t.len /= 2);
        }
        Ok(match (f, weighted) {
            (Summand::Product, false) => [u, Fr::zero(), w, Fr::zero()],
            (Summand::Product | Summand::Fraction, _) => [u, v - u, w, Fr::zero()],
            (Summand::Cubic, _) => [Fr::zero(), u, v, w],
        })
    }

    /// Submits, and adds up `count` lots of `N` partial sums.
    pub(super) fn finish<const N: usize>(&self, mut commands: Commands, partials: &View, count: u32) -> Result<[Fr; N]> {
        let out = self.scratch(N * ELEMENT as usize)?;
        let params = Params { n: count, a: N as u32, ..Params::default() };
        self.dispatch(&mut commands, Kernel::RoundFinish, params, &[partials, &out], (N as u32, 1))?;
        let read = self.read(commands, &[&out])?;
        let sums = self.heap.elements(&read[0])?;
        <[Fr; N]>::try_from(sums).map_err(|_| self.heap.lost())
    }

    pub(super) fn bind(&self, t: &mut DeviceTable, r: Fr) -> Result<()> {
        let half = t.len / 2;
        let params = Params { n: half as u32, x: words(&r), ..Params::default() };
        let mut commands = self.commands();
        self.dispatch(&mut commands, Kernel::Bind, params, &[&t.view()], (groups(half), 1))?;
        self.submit(commands)?;
        t.len = half;
        Ok(())
    }

    pub(super) fn inner_product(&self, a: &DeviceTable, b: &DeviceTable) -> Result<Fr> {
        let n = a.len.min(b.len);
        let count = groups(n);
        let partials = self.scratch(count as usize * ELEMENT as usize)?;
        let params = Params { n: n as u32, ..Params::default() };
        let mut commands = self.commands();
        self.dispatch(&mut commands, Kernel::InnerProduct, params, &[&a.view(), &b.view(), &partials], (count, 1))?;
        let [sum] = self.finish(commands, &partials, count)?;
        Ok(sum)
    }

    /// `W·x` for a batch.
    pub(super) fn apply(&self, matrix: &Resident, inputs: &[i32], batch: usize) -> Result<Vec<i32>> {
        let (rows, columns) = (matrix.host().rows(), matrix.host().columns());
        let lists = matrix.by_row(&self.heap)?;
        let x = self.integers(&inputs[..batch * columns])?;
        let (across, out) = (self.scratch(4 * batch * columns)?, self.scratch(4 * batch * rows)?);
        let result = self.scratch(4 * batch * rows)?;
        let mut commands = self.commands();
        let tiles = |n: usize, a: usize| n.div_ceil(16) * a.div_ceil(16);
        let limited = |n: usize| n.min(GROUPS as usize) as u32;
        let params = Params { n: batch as u32, a: columns as u32, ..Params::default() };
        self.dispatch(&mut commands, Kernel::Transpose, params, &[&x, &across], (limited(tiles(batch, columns)), 1))?;
        let params = Params { n: batch as u32, a: rows as u32, ..Params::default() };
        let grid = (limited(batch.div_ceil(LOCAL)), limited(rows));
        self.dispatch(&mut commands, Kernel::Apply, params, &[&across, &lists.indices, &lists.bounds, &out], grid)?;
        let params = Params { n: rows as u32, a: batch as u32, ..Params::default() };
        self.dispatch(&mut commands, Kernel::Transpose, params, &[&out, &result], (limited(tiles(rows, batch)), 1))?;
        let read = self.read(commands, &[&result])?;
        Ok(bytemuck::pod_collect_to_vec(&read[0]))
    }

    pub(super) fn fold_rows(&self, matrix: &Resident, weights: &DeviceTable) -> Result<DeviceTable> {
        let columns = matrix.host().columns();
        let out = self.table(columns)?;
        let per_column = (matrix.host().non_zeros() / columns.max(1)).max(1);
        // Invocations to a column: enough to fill a device, few enough that each has some sums to make.
        let split = (per_column / 16).clamp(1, LOCAL).next_power_of_two().min(LOCAL);
        let mut commands = self.commands();
        let mut params = Params { n: columns as u32, a: split as u32, ..Params::default() };
        let grid = (groups(columns * split), 1);
        if let Some((codes, per_column)) = matrix.codes(&self.heap)? {
            params.b = per_column;
            let views = [&weights.view(), &codes, &out.view()];
            self.dispatch(&mut commands, Kernel::FoldRowsPacked, params, &views, grid)?;
        } else {
            let lists = matrix.by_column(&self.heap)?;
            let views = [&weights.view(), &lists.indices, &lists.bounds, &out.view()];
            self.dispatch(&mut commands, Kernel::FoldRows, params, &views, grid)?;
        }
        self.submit(commands)?;
        Ok(out)
    }

    pub(super) fn combine_rows(&self, rows: &[i32], width: usize, weights: &[Fr]) -> Result<DeviceTable> {
        let batch = (rows.len() / width).min(weights.len());
        let rows = &rows[..batch * width];
        // Values are made non-negative; what that adds to every column is subtracted at the end.
        let (least, most) = rows
            .par_iter()
            .fold(|| (0, 0), |(l, m), v| (v.min(&l).to_owned(), v.max(&m).to_owned()))
            .reduce(|| (0, 0), |a, b| (a.0.min(b.0), a.1.max(b.1)));
        let spread = (i64::from(most) - i64::from(least)) as u64;
        let digits = (u64::BITS - spread.leading_zeros()).div_ceil(8).max(1);
        let shifted: Vec<u32> = rows.par_iter().map(|v| v.wrapping_sub(least) as u32).collect();
        let offset = weights[..batch].iter().sum::<Fr>() * crate::algebra::fr::from_i64(i64::from(least));
        let blocks = batch.div_ceil(BLOCK);
        let parts = self.scratch(blocks * width * ELEMENT as usize)?;
        let out = self.table(width)?;
        let mut commands = self.commands();
        let params = Params { n: width as u32, a: batch as u32, b: digits, ..Params::default() };
        let views = [&self.elements(&weights[..batch])?, &self.integers(&shifted)?, &parts];
        self.dispatch(&mut commands, Kernel::CombineSmall, params, &views, (groups(width), blocks as u32))?;
        let params = Params { n: width as u32, a: blocks as u32, y: words(&offset), ..Params::default() };
        self.dispatch(&mut commands, Kernel::SumBlocks, params, &[&parts, &out.view()], (groups(width), 1))?;
        self.submit(commands)?;
        Ok(out)
    }

    /// Sums of table entries for rows of values from 0 to 255, in XYZZ coordinates.
    pub(super) fn commit_rows(&self, table: &View, width: usize, rows: &[&[i32]]) -> Result<Vec<u8>> {
        let mut values = vec![0u32; rows.len() * width];
        values.par_chunks_mut(width).zip(rows).for_each(|(out, row)| {
            out.iter_mut().zip(*row).for_each(|(o, v)| *o = *v as u32);
        });
        let out = self.scratch(rows.len() * 4 * ELEMENT as usize)?;
        let mut commands = self.commands();
        let params = Params { n: rows.len() as u32, a: width as u32, ..Params::default() };
        let grid = (rows.len().min(GROUPS as usize) as u32, 1);
        self.dispatch(&mut commands, Kernel::CommitRows, params, &[table, &self.integers(&values)?, &out], grid)?;
        Ok(self.read(commands, &[&out])?.swap_remove(0))
    }

    /// Sums of signed table entries, in XYZZ coordinates.
    pub(super) fn commit_lists(&self, table: &View, entries: &[u32], ends: &[u32]) -> Result<Vec<u8>> {
        let out = self.scratch(ends.len() * 4 * ELEMENT as usize)?;
        let mut commands = self.commands();
        let params = Params { n: ends.len() as u32, ..Params::default() };
        let grid = (ends.len().min(GROUPS as usize) as u32, 1);
        let views = [table, &self.integers(entries)?, &self.integers(ends)?, &out];
        self.dispatch(&mut commands, Kernel::CommitLists, params, &views, grid)?;
        Ok(self.read(commands, &[&out])?.swap_remove(0))
    }

    /// Points as a table that kernels read.
    pub(super) fn point_table(&self, points: &[crate::algebra::g1::Point]) -> Result<View> {
        let words: Vec<[u32; 16]> = points
            .par_iter()
            .map(|p| {
                let (x, y) = (words(&p.x()), words(&p.y()));
                std::array::from_fn(|i| if i < 8 { x[i] } else { y[i - 8] })
            })
            .collect();
        self.integers(&words)
    }
}
