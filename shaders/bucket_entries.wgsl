// out[run] = sum of ±table[entry] over a run of entries: entries have their index in the upper 31 bits and 1 in the last for a
// minus. n: runs, an invocation each. Exact whatever the points are.
@group(0) @binding(1) var<storage, read> table: array<Affine>;
@group(0) @binding(2) var<storage, read> entries: array<u32>;
// Where every run ends.
@group(0) @binding(3) var<storage, read> ends: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<Point>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var run = id.x; run < params.n; run += groups.x * 64u) {
    var k = 0u;
    if (run > 0u) { k = ends[run - 1u]; }
    var sum = identity();
    for (; k < ends[run]; k++) {
      var point = table[entries[k] >> 1u];
      if ((entries[k] & 1u) != 0u) { point.y = fq_sub(zero(), point.y); }
      sum = join_affine(sum, point);
    }
    out[run] = sum;
  }
}
