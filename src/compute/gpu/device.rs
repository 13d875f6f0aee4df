//! Choosing an adapter, opening it, and what it may hold.

use super::field::Arithmetic;
use crate::compute::ComputeError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An adapter that could be used.
#[derive(Clone, Debug)]
pub struct AdapterSummary {
    /// Its name.
    pub name: String,
    /// Driver and version.
    pub driver: String,
    /// Vulkan, Metal or DX12.
    pub backend: String,
    /// Whether it is a program and no hardware: for tests of correctness only.
    pub software: bool,
    /// Whether shaders have 64-bit integers.
    pub native: bool,
    /// Largest binding, in bytes.
    pub binding: u64,
}

impl AdapterSummary {
    fn of(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        Self {
            software: info.device_type == wgpu::DeviceType::Cpu,
            driver: [info.driver, info.driver_info].join(" ").trim().to_owned(),
            backend: info.backend.to_string(),
            native: adapter.features().contains(wgpu::Features::SHADER_INT64),
            binding: adapter.limits().max_storage_buffer_binding_size,
            name: info.name,
        }
    }
}

/// Which adapter, and how it multiplies.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Part of the adapter's name, in any case; the only way to a software adapter. `None`: the fastest hardware.
    pub name: Option<String>,
    /// `None`: 64-bit integers where the device has them.
    pub arithmetic: Option<Arithmetic>,
    /// Largest binding to use, in bytes; `None`: what the device allows. Small values are for tests.
    pub binding: Option<u64>,
    /// Which of several adapters that match, counted round: every rank on a machine takes another.
    pub turn: usize,
}

/// Storage buffers that a kernel may bind; every WebGPU device has as many.
const STORAGE_BUFFERS: u32 = 8;

fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::from_env().unwrap_or(wgpu::Backends::PRIMARY);
    wgpu::Instance::new(descriptor)
}

/// Whether an adapter can run the kernels at all.
fn usable(adapter: &wgpu::Adapter) -> bool {
    let limits = adapter.limits();
    adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
        && limits.max_storage_buffers_per_shader_stage >= STORAGE_BUFFERS
        && limits.max_compute_invocations_per_workgroup >= 64
}

fn rank(adapter: &wgpu::Adapter) -> u8 {
    match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// The adapter whose turn it is.
fn pick<'a>(matching: &mut dyn Iterator<Item = &'a wgpu::Adapter>, turn: usize) -> Option<&'a wgpu::Adapter> {
    let all: Vec<_> = matching.collect();
    all.get(turn.checked_rem(all.len())?).copied()
}

/// All adapters that could be used, hardware first.
fn candidates(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
    let mut all = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    all.retain(usable);
    all.sort_by_key(rank);
    all
}

/// What [`Choice`] can choose from.
#[must_use]
pub fn adapters() -> Vec<AdapterSummary> {
    candidates(&instance()).iter().map(AdapterSummary::of).collect()
}

/// An open device.
#[derive(Debug)]
pub struct Device {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) arithmetic: Arithmetic,
    /// Largest binding in bytes.
    pub(super) binding: u64,
    pub(super) summary: AdapterSummary,
    lost: Arc<AtomicBool>,
}

impl Device {
    /// Opens the chosen adapter.
    pub(super) fn open(choice: &Choice) -> Result<Self, ComputeError> {
        let none = |why: String| ComputeError::NoDevice { why };
        let instance = instance();
        let found = candidates(&instance);
        let names = || found.iter().map(|a| a.get_info().name).collect::<Vec<_>>().join(", ");
        let adapter = match &choice.name {
            None => pick(&mut found.iter().filter(|a| rank(a) < 4), choice.turn).ok_or_else(|| {
                let software = if found.is_empty() { String::new() } else { format!(" (only software: {})", names()) };
                none(format!(
                    "no GPU was found{software}; install its Vulkan driver (Linux: the vendor's or mesa-vulkan-drivers, and libvulkan1), or use --device cpu"
                ))
            })?,
            Some(wanted) => {
                let lower = wanted.to_lowercase();
                let named = |a: &&wgpu::Adapter| a.get_info().name.to_lowercase().contains(&lower);
                pick(&mut found.iter().filter(named), choice.turn).ok_or_else(|| {
                    none(format!("no adapter's name contains \"{wanted}\"; found: {}", if found.is_empty() { "none".into() } else { names() }))
                })?
            }
        };
        let summary = AdapterSummary::of(adapter);
        let arithmetic = choice.arithmetic.unwrap_or(if summary.native { Arithmetic::Native } else { Arithmetic::Portable });
        let int64 = if arithmetic == Arithmetic::Native { wgpu::Features::SHADER_INT64 } else { wgpu::Features::empty() };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("zktern"),
            required_features: int64,
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| none(format!("{} cannot be opened ({e}); update its driver or use --device cpu", summary.name)))?;
        let lost = Arc::new(AtomicBool::new(false));
        let (on_loss, on_error) = (Arc::clone(&lost), Arc::clone(&lost));
        device.set_device_lost_callback(move |_, _| on_loss.store(true, Ordering::SeqCst));
        // An error outside of a scope is a failure that nobody waits for: the device is not trusted any more.
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            tracing::warn!("GPU: {error}");
            on_error.store(true, Ordering::SeqCst);
        }));
        let binding = choice.binding.unwrap_or(u64::MAX).min(summary.binding).min(device.limits().max_buffer_size);
        Ok(Self { device, queue, arithmetic, binding, summary, lost })
    }

    /// Whether the device has gone, or failed in a way that leaves nothing to trust.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Marks the device as gone.
    pub(super) fn set_lost(&self) {
        self.lost.store(true, Ordering::SeqCst);
    }
}
