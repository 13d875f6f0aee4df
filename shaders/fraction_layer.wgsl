// The layer above fractions p/q: p0·q1 + p1·q0 over q0·q1, for n pairs.
@group(0) @binding(1) var<storage, read> p: array<F>;
@group(0) @binding(2) var<storage, read> q: array<F>;
@group(0) @binding(3) var<storage, read_write> out_p: array<F>;
@group(0) @binding(4) var<storage, read_write> out_q: array<F>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    let q0 = q[i];
    let q1 = q[i + params.n];
    out_p[i] = fr_add(fr_mul(p[i], q1), fr_mul(p[i + params.n], q0));
    out_q[i] = fr_mul(q0, q1);
  }
}
