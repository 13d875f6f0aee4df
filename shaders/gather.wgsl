// out[i] = values[indices[i]] for i < n; b: entries of values.
@group(0) @binding(1) var<storage, read> values: array<F>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<F>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    out[i] = values[min(indices[i], params.b - 1u)];
  }
}
