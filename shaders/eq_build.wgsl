// The outer product of two eq tables. n: entries; a: bits of the low table; b: 2^a − 1.
@group(0) @binding(1) var<storage, read> high: array<F>;
@group(0) @binding(2) var<storage, read> low: array<F>;
@group(0) @binding(3) var<storage, read_write> out: array<F>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    out[i] = fr_mul(high[i >> params.a], low[i & params.b]);
  }
}
