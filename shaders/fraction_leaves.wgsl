// The layer above fractions 1/q: p = q0 + q1 over q0·q1, for n pairs.
@group(0) @binding(1) var<storage, read> q: array<F>;
@group(0) @binding(2) var<storage, read_write> out_p: array<F>;
@group(0) @binding(3) var<storage, read_write> out_q: array<F>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    let q0 = q[i];
    let q1 = q[i + params.n];
    out_p[i] = fr_add(q0, q1);
    out_q[i] = fr_mul(q0, q1);
  }
}
