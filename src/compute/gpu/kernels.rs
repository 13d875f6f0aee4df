//! The kernels: their text, put together from `shaders/` and generated arithmetic, and their pipelines.

use super::device::Device;
use super::field::{self, Arithmetic, Modulus};
use crate::algebra::Fr;
use crate::compute::Summand;
use ark_bn254::Fq;
use ark_ff::PrimeField;
use std::fmt::Write;
use std::sync::OnceLock;

/// A kernel. `Round` is one for each summand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described at the top of its file in shaders/")]
pub enum Kernel {
    EqBuild,
    Gather,
    Scale,
    Bind,
    FractionLeaves,
    FractionLayer,
    InnerProduct,
    RoundFinish,
    RoundProduct,
    RoundFraction,
    RoundCubic,
    FoldRows,
    FoldRowsPacked,
    CombineSmall,
    SumBlocks,
    Transpose,
    Apply,
    CommitRows,
    CommitLists,
}

/// A file of `shaders/`, embedded.
macro_rules! shader {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $name, ".wgsl"))
    };
}

impl Kernel {
    /// All kernels.
    pub const ALL: [Self; 19] = [
        Self::EqBuild,
        Self::Gather,
        Self::Scale,
        Self::Bind,
        Self::FractionLeaves,
        Self::FractionLayer,
        Self::InnerProduct,
        Self::RoundFinish,
        Self::RoundProduct,
        Self::RoundFraction,
        Self::RoundCubic,
        Self::FoldRows,
        Self::FoldRowsPacked,
        Self::CombineSmall,
        Self::SumBlocks,
        Self::Transpose,
        Self::Apply,
        Self::CommitRows,
        Self::CommitLists,
    ];

    /// The round of a summand.
    #[must_use]
    pub const fn round(summand: Summand) -> Self {
        match summand {
            Summand::Product => Self::RoundProduct,
            Summand::Fraction => Self::RoundFraction,
            Summand::Cubic => Self::RoundCubic,
        }
    }

    /// Its storage buffers in order of their bindings: `r` read only, `w` read and written.
    const fn access(self) -> &'static str {
        match self {
            Self::Scale | Self::Bind => "w",
            Self::FractionLeaves => "rww",
            Self::FractionLayer => "rrww",
            Self::EqBuild
            | Self::Gather
            | Self::InnerProduct
            | Self::FoldRowsPacked
            | Self::CombineSmall
            | Self::CommitRows => "rrw",
            Self::RoundFinish | Self::SumBlocks | Self::Transpose => "rw",
            Self::FoldRows | Self::Apply | Self::CommitLists => "rrrw",
            Self::RoundCubic => "rrww",
            Self::RoundProduct => "rrwww",
            Self::RoundFraction => "rrwwwww",
        }
    }

    /// The whole text for a device.
    #[must_use]
    pub fn text(self, arithmetic: Arithmetic) -> String {
        let fr = || format!("{}{}", field::functions("fr", &modulus::<Fr>(), arithmetic), constants::<Fr>("FR"));
        let fq = || format!("{}{}", field::functions("fq", &modulus::<Fq>(), arithmetic), constants::<Fq>("FQ"));
        let (reduce, lanes, points) = (shader!("reduce"), shader!("lanes"), shader!("points"));
        let round = |tables, gate: &str| [fr(), reduce.into(), shader!("round").into(), loads(tables), gate.into()];
        let body = match self {
            Self::EqBuild => [fr(), shader!("eq_build").into()].concat(),
            Self::Gather => shader!("gather").into(),
            Self::Scale => [fr(), shader!("scale").into()].concat(),
            Self::Bind => [fr(), shader!("bind").into()].concat(),
            Self::FractionLeaves => [fr(), shader!("fraction_leaves").into()].concat(),
            Self::FractionLayer => [fr(), shader!("fraction_layer").into()].concat(),
            Self::InnerProduct => [fr(), reduce.into(), shader!("inner_product").into()].concat(),
            Self::RoundFinish => [fr(), reduce.into(), shader!("round_finish").into()].concat(),
            Self::RoundProduct => round(2, shader!("round_product")).concat(),
            Self::RoundFraction => round(4, shader!("round_fraction")).concat(),
            Self::RoundCubic => round(1, shader!("round_cubic")).concat(),
            Self::FoldRows => [fr(), lanes.into(), shader!("fold_rows").into()].concat(),
            Self::FoldRowsPacked => [fr(), lanes.into(), shader!("fold_rows_packed").into()].concat(),
            Self::CombineSmall => [fr(), lanes.into(), shader!("combine_small").into()].concat(),
            Self::SumBlocks => [fr(), shader!("sum_blocks").into()].concat(),
            Self::Transpose => shader!("transpose").into(),
            Self::Apply => shader!("apply").into(),
            Self::CommitRows => [fq(), points.into(), shader!("commit_rows").into()].concat(),
            Self::CommitLists => [fq(), points.into(), shader!("commit_lists").into()].concat(),
        };
        [field::ELEMENT, shader!("common"), &body].concat()
    }
}

/// The modulus of a field as arkworks has it.
pub(super) fn modulus<F: PrimeField>() -> Modulus {
    let mut words = [0; 4];
    words.iter_mut().zip(F::MODULUS.as_ref()).for_each(|(w, m)| *w = *m);
    Modulus(words)
}

/// `2^256` and `2^512` modulo p: one, and the square of the Montgomery radix.
fn constants<F: PrimeField>(name: &str) -> String {
    let words = |f: F| {
        let mut out = [0; 4];
        out.iter_mut().zip(f.into_bigint().as_ref()).for_each(|(w, v)| *w = *v);
        out
    };
    let radix = F::from(2u64).pow([256u64]);
    field::constant(&format!("{name}_ONE"), words(radix)) + &field::constant(&format!("{name}_SQUARE"), words(radix * radix))
}

/// Tables `t0..` of a round, and `load0(i)..`: the pair at i, bound and written back where there is something to bind with.
fn loads(tables: usize) -> String {
    let mut out = String::new();
    for k in 0..tables {
        let _ = write!(
            out,
            "@group(0) @binding({binding}) var<storage, read_write> t{k}: array<F>;
fn load{k}(i: u32) -> Pair {{
  let n = params.n;
  var p = Pair(t{k}[i], t{k}[i + n]);
  if (params.a != 0u) {{
    p.a = fr_add(p.a, fr_mul(params.x, fr_sub(t{k}[i + 2u * n], p.a)));
    p.b = fr_add(p.b, fr_mul(params.x, fr_sub(t{k}[i + 3u * n], p.b)));
    t{k}[i] = p.a;
    t{k}[i + n] = p.b;
  }}
  return p;
}}
",
            binding = k + 4
        );
    }
    out
}

/// Compiled once each, when first wanted.
#[derive(Debug)]
pub(super) struct Pipelines {
    compiled: [OnceLock<wgpu::ComputePipeline>; Kernel::ALL.len()],
    sabotage: Option<fn(Kernel, String) -> String>,
}

impl Pipelines {
    pub(super) fn new(sabotage: Option<fn(Kernel, String) -> String>) -> Self {
        Self { compiled: [const { OnceLock::new() }; Kernel::ALL.len()], sabotage }
    }

    pub(super) fn get(&self, device: &Device, kernel: Kernel) -> &wgpu::ComputePipeline {
        self.compiled[kernel as usize].get_or_init(|| {
            let text = kernel.text(device.arithmetic);
            compile(device, kernel, &self.sabotage.map_or(text.clone(), |change| change(kernel, text)))
        })
    }
}

fn compile(device: &Device, kernel: Kernel, text: &str) -> wgpu::ComputePipeline {
    let label = format!("{kernel:?}");
    let label = Some(label.as_str());
    let entry = |binding: usize, ty| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let storage = |a: char| wgpu::BufferBindingType::Storage { read_only: a == 'r' };
    let entries: Vec<_> = std::iter::once(entry(0, wgpu::BufferBindingType::Uniform))
        .chain(kernel.access().chars().enumerate().map(|(i, a)| entry(i + 1, storage(a))))
        .collect();
    let device = &device.device;
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let module =
        device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source: wgpu::ShaderSource::Wgsl(text.into()) });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..wgpu::PipelineCompilationOptions::default()
        },
        cache: None,
    })
}
