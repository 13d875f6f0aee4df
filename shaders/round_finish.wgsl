// Three sums of n partial sums each. One workgroup.
@group(0) @binding(1) var<storage, read> partials: array<F>;
@group(0) @binding(2) var<storage, read_write> out: array<F>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  for (var k = 0u; k < 3u; k++) {
    var sum = zero();
    for (var i = local; i < params.n; i += 64u) {
      sum = fr_add(sum, partials[3u * i + k]);
    }
    let total = workgroup_sum(sum, local);
    if (local == 0u) {
      out[k] = total;
    }
  }
}
