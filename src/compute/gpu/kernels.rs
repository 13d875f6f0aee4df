//! The kernels: their text, put together from `shaders/` and generated arithmetic, and their pipelines.

use super::device::Device;
use super::field::{self, Arithmetic, Modulus};
use crate::algebra::Fr;
use crate::compute::Summand;
use ark_bn254::Fq;
use ark_ff::PrimeField;
use std::fmt::Write;
use std::sync::OnceLock;

/// A kernel. `Round` is one for each summand, `Ahead` for each that is looked ahead in.
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
    AheadProduct,
    AheadFraction,
    FoldRows,
    FoldRowsPacked,
    CombineSmall,
    SumBlocks,
    Transpose,
    Apply,
    CommitRows,
    CommitLists,
    BucketEntries,
    BucketRuns,
    BucketWeigh,
}

/// A file of `shaders/`, embedded.
macro_rules! shader {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $name, ".wgsl"))
    };
}

impl Kernel {
    /// All kernels.
    pub const ALL: [Self; 24] = [
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
        Self::AheadProduct,
        Self::AheadFraction,
        Self::FoldRows,
        Self::FoldRowsPacked,
        Self::CombineSmall,
        Self::SumBlocks,
        Self::Transpose,
        Self::Apply,
        Self::CommitRows,
        Self::CommitLists,
        Self::BucketEntries,
        Self::BucketRuns,
        Self::BucketWeigh,
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

    /// Two rounds of a summand; `None` for one of degree three.
    #[must_use]
    pub const fn ahead(summand: Summand) -> Option<Self> {
        match summand {
            Summand::Product => Some(Self::AheadProduct),
            Summand::Fraction => Some(Self::AheadFraction),
            Summand::Cubic => None,
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
            | Self::CommitRows
            | Self::BucketRuns => "rrw",
            Self::RoundFinish | Self::SumBlocks | Self::Transpose | Self::BucketWeigh => "rw",
            Self::FoldRows | Self::Apply | Self::CommitLists | Self::BucketEntries => "rrrw",
            Self::RoundCubic => "rrww",
            Self::RoundProduct | Self::AheadProduct => "rrwww",
            Self::RoundFraction | Self::AheadFraction => "rrwwwww",
        }
    }

    /// The whole text for a device.
    #[must_use]
    pub fn text(self, arithmetic: Arithmetic) -> String {
        let fr = || format!("{}{}", field::functions("fr", &modulus::<Fr>(), arithmetic), constants::<Fr>("FR"));
        let fq = || format!("{}{}", field::functions("fq", &modulus::<Fq>(), arithmetic), constants::<Fq>("FQ"));
        let (reduce, lanes, points) = (shader!("reduce"), shader!("lanes"), shader!("points"));
        let of_fr = |parts: &[&str]| fr() + &parts.concat();
        let of_points = |text: &str| [&fq(), points, text].concat();
        let fractions = |first| of_fr(&[shader!("fraction"), first, shader!("fraction_layers")]);
        let round = |tables, gate| of_fr(&[reduce, shader!("gate"), &loads(tables), gate, shader!("round")]);
        let ahead = |tables, gate| of_fr(&[reduce, shader!("gate"), &loads_ahead(tables), gate, shader!("round_ahead")]);
        let body = match self {
            Self::EqBuild => of_fr(&[shader!("eq_build")]),
            Self::Gather => shader!("gather").into(),
            Self::Scale => of_fr(&[shader!("scale")]),
            Self::Bind => of_fr(&[shader!("bind")]),
            Self::FractionLeaves => fractions(shader!("fraction_leaves")),
            Self::FractionLayer => fractions(shader!("fraction_layer")),
            Self::InnerProduct => of_fr(&[reduce, shader!("inner_product")]),
            Self::RoundFinish => of_fr(&[reduce, shader!("round_finish")]),
            Self::RoundProduct => round(2, shader!("round_product")),
            Self::RoundFraction => round(4, shader!("round_fraction")),
            Self::RoundCubic => round(1, shader!("round_cubic")),
            Self::AheadProduct => ahead(2, shader!("round_product")),
            Self::AheadFraction => ahead(4, shader!("round_fraction")),
            Self::FoldRows => of_fr(&[lanes, shader!("fold_rows")]),
            Self::FoldRowsPacked => of_fr(&[lanes, shader!("fold_rows_packed")]),
            Self::CombineSmall => of_fr(&[lanes, shader!("combine_small")]),
            Self::SumBlocks => of_fr(&[shader!("sum_blocks")]),
            Self::Transpose => shader!("transpose").into(),
            Self::Apply => shader!("apply").into(),
            Self::CommitRows => of_points(shader!("commit_rows")),
            Self::CommitLists => of_points(shader!("commit_lists")),
            Self::BucketEntries => of_points(shader!("bucket_entries")),
            Self::BucketRuns => of_points(shader!("bucket_runs")),
            Self::BucketWeigh => of_points(shader!("bucket_weigh")),
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

/// `2^256` and `2^512` modulo p, which are one and the square of the Montgomery radix, and p itself.
fn constants<F: PrimeField>(name: &str) -> String {
    let words = |f: F| {
        let mut out = [0; 4];
        out.iter_mut().zip(f.into_bigint().as_ref()).for_each(|(w, v)| *w = *v);
        out
    };
    let radix = F::from(2u64).pow([256u64]);
    [("ONE", words(radix)), ("SQUARE", words(radix * radix)), ("P", modulus::<F>().0)]
        .map(|(what, words)| field::constant(&format!("{name}_{what}"), words))
        .concat()
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

/// Tables `t0..` of two rounds; `bind_entries(at, local)`: entry `at` of each, bound and written back where there is something to
/// bind with, for the workgroup to see; `load0(local)..`: the pair in Y of the invocation's row.
fn loads_ahead(tables: usize) -> String {
    let (mut out, mut calls) = (String::new(), String::new());
    for k in 0..tables {
        let _ = write!(
            out,
            "@group(0) @binding({binding}) var<storage, read_write> t{k}: array<F>;
var<workgroup> q{k}: array<F, 64>;
fn bind{k}(at: u32) -> F {{
  let n = 4u * params.n;
  var v = t{k}[at];
  if (params.a == 0u) {{ return v; }}
  v = fr_add(v, fr_mul(params.x, fr_sub(t{k}[at + params.a * n], v)));
  if (params.a == 2u) {{
    let low = t{k}[at + n];
    let high = fr_add(low, fr_mul(params.x, fr_sub(t{k}[at + 3u * n], low)));
    v = fr_add(v, fr_mul(params.y, fr_sub(high, v)));
  }}
  t{k}[at] = v;
  return v;
}}
fn load{k}(local: u32) -> Pair {{
  let i = local % 16u;
  let row = local / 16u;
  if (row < 2u) {{ return Pair(q{k}[32u * row + i], q{k}[32u * row + i + 16u]); }}
  return Pair(fr_sub(q{k}[i + 32u], q{k}[i]), fr_sub(q{k}[i + 48u], q{k}[i + 16u]));
}}
",
            binding = k + 4
        );
        let _ = write!(calls, " q{k}[local] = bind{k}(at);");
    }
    format!("{out}fn bind_entries(at: u32, local: u32) {{{calls} }}\n")
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
