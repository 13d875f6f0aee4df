// For every stretch of a buckets B_0.. their sum and their weighted sum Σ (j + 1)·B_j, by running sums from the top: out[2·i] and
// out[2·i + 1]. n: stretches, an invocation each. Exact: behind an empty bucket the running sum is added to itself.
@group(0) @binding(1) var<storage, read> buckets: array<Point>;
@group(0) @binding(2) var<storage, read_write> out: array<Point>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    var running = identity();
    var total = identity();
    // By turns: the next bucket to the running sum, the running sum to the total. One addition in the text, twice a bucket.
    for (var turn = 0u; turn < 2u * params.a; turn++) {
      let bucket = (turn & 1u) == 0u;
      var added = running;
      var sum = total;
      if (bucket) {
        added = buckets[(i + 1u) * params.a - 1u - (turn >> 1u)];
        sum = running;
      }
      sum = join_points(sum, added);
      if (bucket) { running = sum; } else { total = sum; }
    }
    out[2u * i] = running;
    out[2u * i + 1u] = total;
  }
}
