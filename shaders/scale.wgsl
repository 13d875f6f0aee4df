// t[i] = x·t[i] + y for i < n.
@group(0) @binding(1) var<storage, read_write> t: array<F>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    t[i] = fr_add(fr_mul(params.x, t[i]), params.y);
  }
}
