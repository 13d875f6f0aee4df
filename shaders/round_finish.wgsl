// out[k] = sum of partials[a·i + k] over i < n. Workgroup k makes the sum k < a.
@group(0) @binding(1) var<storage, read> partials: array<F>;
@group(0) @binding(2) var<storage, read_write> out: array<F>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  var sum = zero();
  for (var i = local; i < params.n; i += 64u) {
    sum = fr_add(sum, partials[params.a * i + group.x]);
  }
  let total = workgroup_sum(sum, local);
  if (local == 0u) {
    out[group.x] = total;
  }
}
