// Partial sums of a[i]·b[i], i < n; one to a workgroup.
@group(0) @binding(1) var<storage, read> a: array<F>;
@group(0) @binding(2) var<storage, read> b: array<F>;
@group(0) @binding(3) var<storage, read_write> partials: array<F>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32,
) {
  var sum = zero();
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    sum = fr_add(sum, fr_mul(a[i], b[i]));
  }
  let total = workgroup_sum(sum, local);
  if (local == 0u) {
    partials[group.x] = total;
  }
}
