// Sums over a workgroup of 64.
var<workgroup> shared_sum: array<F, 64>;

// The sum over the invocation's block of `span` neighbours, a power of two. Must be called in uniform control flow.
fn block_sum(value: F, local: u32, span: u32) -> F {
  shared_sum[local] = value;
  workgroupBarrier();
  for (var width = span >> 1u; width > 0u; width >>= 1u) {
    if (local % span < width) {
      shared_sum[local] = fr_add(shared_sum[local], shared_sum[local + width]);
    }
    workgroupBarrier();
  }
  let total = shared_sum[local - local % span];
  // The caller may sum again: nobody writes before everybody has read.
  workgroupBarrier();
  return total;
}

// The sum over all invocations.
fn workgroup_sum(value: F, local: u32) -> F { return block_sum(value, local, 64u); }
