// Sums over a workgroup of 64.
var<workgroup> shared_sum: array<F, 64>;

// The sum over all invocations; right in invocation 0 alone. Must be called in uniform control flow.
fn workgroup_sum(value: F, local: u32) -> F {
  shared_sum[local] = value;
  workgroupBarrier();
  for (var width = 32u; width > 0u; width >>= 1u) {
    if (local < width) {
      shared_sum[local] = fr_add(shared_sum[local], shared_sum[local + width]);
    }
    workgroupBarrier();
  }
  let total = shared_sum[0];
  // The caller may sum again: nobody writes before everybody has read.
  workgroupBarrier();
  return total;
}
