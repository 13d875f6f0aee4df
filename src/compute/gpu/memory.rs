//! Buffers on the device: pooled, so that proofs after the first allocate nothing; and the ways in and out.

use super::device::Device;
use crate::algebra::Fr;
use crate::compute::{ComputeError, Result};
use ark_ff::{BigInt, BigInteger, PrimeField};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bytes of a field element.
pub(super) const ELEMENT: u64 = 32;
/// How long a submission may take before the device is taken for lost; a software adapter on a busy machine compiles for long.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 900 } else { 60 });

/// Free buffers by purpose and size.
#[derive(Debug, Default)]
pub(super) struct Pool {
    free: Mutex<HashMap<(bool, u64), Vec<wgpu::Buffer>>>,
}

impl Pool {
    fn put(&self, staging: bool, buffer: wgpu::Buffer) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry((staging, buffer.size())).or_default().push(buffer);
    }

    fn take(&self, staging: bool, size: u64) -> Option<wgpu::Buffer> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&(staging, size))?.pop()
    }

    /// Lets go of everything that nobody uses; how many bytes that was.
    fn clear(&self) -> u64 {
        let free = std::mem::take(&mut *self.free.lock().unwrap_or_else(PoisonError::into_inner));
        free.into_iter().map(|((_, size), buffers)| size * buffers.len() as u64).sum()
    }
}

/// A buffer that goes back to its pool.
#[derive(Debug)]
pub(super) struct Memory {
    /// `None` only while it is being dropped.
    buffer: Option<wgpu::Buffer>,
    pool: Arc<Pool>,
}

impl Memory {
    pub(super) const fn buffer(&self) -> Option<&wgpu::Buffer> {
        self.buffer.as_ref()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.pool.put(false, buffer);
        }
    }
}

/// Sizes that buffers come in: powers of two, or multiples of 16 MiB.
const fn size_class(bytes: u64) -> u64 {
    const STEP: u64 = 16 << 20;
    if bytes <= STEP { if bytes < 256 { 256 } else { bytes.next_power_of_two() } } else { bytes.next_multiple_of(STEP) }
}

/// A device with its pool.
#[derive(Debug)]
pub(super) struct Heap {
    pub(super) device: Device,
    pool: Arc<Pool>,
    /// For tests: allocations of more bytes fail.
    limit: u64,
    /// For tests: submissions until the device is lost.
    submissions: AtomicU64,
    /// Bytes of all buffers, in use or free.
    bytes: AtomicU64,
    /// Bytes that were moved to the device.
    uploaded: AtomicU64,
}

impl Heap {
    pub(super) fn new(device: Device, limit: Option<u64>, submissions: Option<u64>) -> Self {
        let submissions = AtomicU64::new(submissions.unwrap_or(u64::MAX));
        Self {
            device,
            pool: Arc::default(),
            limit: limit.unwrap_or(u64::MAX),
            submissions,
            bytes: AtomicU64::new(0),
            uploaded: AtomicU64::new(0),
        }
    }

    /// Bytes of all buffers, in use or free.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that were moved to the device so far.
    pub(super) fn uploaded(&self) -> u64 {
        self.uploaded.load(Ordering::Relaxed)
    }

    /// Submissions so far, on a device that is not to be lost after some.
    #[cfg(test)]
    pub(super) fn submitted(&self) -> u64 {
        u64::MAX - self.submissions.load(Ordering::Relaxed)
    }

    /// Waits until all submissions are done.
    pub(super) fn wait(&self) -> Result<()> {
        let waited = self.device.device.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(PATIENCE) });
        if waited.is_err() { Err(self.lost()) } else { self.check() }
    }

    /// Hands commands to the device.
    pub(super) fn submit(&self, encoder: wgpu::CommandEncoder) -> Result<wgpu::SubmissionIndex> {
        if self.submissions.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.device.device.destroy();
            self.device.set_lost();
        }
        self.check()?;
        let index = self.device.queue.submit([encoder.finish()]);
        self.check()?;
        Ok(index)
    }

    pub(super) fn lost(&self) -> ComputeError {
        ComputeError::DeviceLost { device: self.device.summary.name.clone() }
    }

    /// Fails when the device has gone.
    pub(super) fn check(&self) -> Result<()> {
        if self.device.is_lost() { Err(self.lost()) } else { Ok(()) }
    }

    fn create(&self, staging: bool, size: u64) -> Result<wgpu::Buffer> {
        self.check()?;
        if let Some(buffer) = self.pool.take(staging, size) {
            return Ok(buffer);
        }
        let usage = if staging {
            wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST
        } else {
            wgpu::BufferUsages::STORAGE
                | wgpu::BufferUsages::UNIFORM
                | wgpu::BufferUsages::COPY_SRC
                | wgpu::BufferUsages::COPY_DST
        };
        let device = &self.device.device;
        let attempt = || {
            if size > self.limit {
                return None;
            }
            let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
            let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
            let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
            let buffer = device.create_buffer(&descriptor);
            let failed = [pollster::block_on(validation.pop()), pollster::block_on(memory.pop())];
            let made = failed.iter().all(Option::is_none).then_some(buffer)?;
            self.bytes.fetch_add(size, Ordering::Relaxed);
            Some(made)
        };
        if let Some(buffer) = attempt() {
            return Ok(buffer);
        }
        self.bytes.fetch_sub(self.pool.clear(), Ordering::Relaxed);
        let _ = device.poll(wgpu::PollType::wait_indefinitely());
        attempt().ok_or_else(|| ComputeError::OutOfMemory {
            device: self.device.summary.name.clone(),
            bytes: usize::try_from(size).unwrap_or(usize::MAX),
        })
    }

    /// A buffer of at least so many bytes, holding anything.
    pub(super) fn allocate(&self, bytes: u64) -> Result<Arc<Memory>> {
        if bytes > self.device.binding {
            return Err(ComputeError::OutOfMemory {
                device: self.device.summary.name.clone(),
                bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            });
        }
        let buffer = self.create(false, size_class(bytes).min(self.device.binding / 256 * 256).max(bytes))?;
        Ok(Arc::new(Memory { buffer: Some(buffer), pool: Arc::clone(&self.pool) }))
    }

    /// A buffer with these contents.
    pub(super) fn place<T: bytemuck::NoUninit>(&self, values: &[T]) -> Result<Arc<Memory>> {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let memory = self.allocate((bytes.len() as u64).next_multiple_of(4))?;
        if let Some(buffer) = memory.buffer() {
            self.device.queue.write_buffer(buffer, 0, bytes);
            self.uploaded.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        Ok(memory)
    }

    /// A buffer with these elements.
    pub(super) fn place_elements(&self, values: &[Fr]) -> Result<Arc<Memory>> {
        self.place(&values.par_iter().with_min_len(1 << 12).map(words).collect::<Vec<_>>())
    }

    /// Submits commands, then waits for parts `(buffer, offset, bytes)` of buffers, side by side.
    pub(super) fn read(&self, mut encoder: wgpu::CommandEncoder, parts: &[(&Memory, u64, u64)]) -> Result<Vec<Vec<u8>>> {
        let total: u64 = parts.iter().map(|(.., bytes)| bytes).sum();
        let staging = self.create(true, size_class(total))?;
        let mut at = 0;
        for (memory, offset, bytes) in parts {
            let buffer = memory.buffer().ok_or_else(|| self.lost())?;
            encoder.copy_buffer_to_buffer(buffer, *offset, &staging, at, *bytes);
            at += bytes;
        }
        let (sender, receiver) = std::sync::mpsc::channel();
        encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, 0..total, move |result| {
            let _ = sender.send(result.is_ok());
        });
        let index = self.submit(encoder)?;
        let wait = wgpu::PollType::Wait { submission_index: Some(index), timeout: Some(PATIENCE) };
        let waited = self.device.device.poll(wait);
        self.check()?;
        if waited.is_err() || receiver.recv_timeout(PATIENCE) != Ok(true) {
            self.device.set_lost();
            return Err(self.lost());
        }
        let mut out = Vec::with_capacity(parts.len());
        {
            let view = staging.get_mapped_range(0..total).map_err(|_| self.lost())?;
            let mut rest: &[u8] = &view;
            for (.., bytes) in parts {
                let (part, later) = rest.split_at(*bytes as usize);
                out.push(part.to_vec());
                rest = later;
            }
        }
        staging.unmap();
        self.pool.put(true, staging);
        Ok(out)
    }

    /// Elements from the device's bytes: below `2p` there, below `p` here.
    pub(super) fn elements(&self, bytes: &[u8]) -> Result<Vec<Fr>> {
        let all: Option<Vec<Fr>> = bytes.par_chunks_exact(ELEMENT as usize).with_min_len(1 << 12).map(element).collect();
        all.ok_or_else(|| {
            self.device.set_lost();
            ComputeError::Faulty { device: self.device.summary.name.clone() }
        })
    }
}

/// An element's words in memory.
pub(super) fn words(value: &impl MontgomeryWords) -> [u32; 8] {
    let w = value.montgomery();
    std::array::from_fn(|i| (w[i / 2] >> (32 * (i % 2))) as u32)
}

/// The words of the Montgomery form.
pub(super) trait MontgomeryWords {
    fn montgomery(&self) -> [u64; 4];
}

impl<P: ark_ff::FpConfig<4>> MontgomeryWords for ark_ff::Fp<P, 4> {
    fn montgomery(&self) -> [u64; 4] {
        self.0.0
    }
}

/// The Montgomery form that 32 bytes hold, reduced; `None` for `2p` and more, which no kernel writes.
pub(super) fn reduced(bytes: &[u8], modulus: &BigInt<4>) -> Option<BigInt<4>> {
    let mut value = BigInt([0; 4]);
    for (limb, chunk) in value.0.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = chunk.iter().rev().fold(0, |acc, b| acc << 8 | u64::from(*b));
    }
    if value >= *modulus {
        value.sub_with_borrow(modulus);
    }
    (value < *modulus).then_some(value)
}

fn element(bytes: &[u8]) -> Option<Fr> {
    reduced(bytes, &Fr::MODULUS).map(Fr::new_unchecked)
}
