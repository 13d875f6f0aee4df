// out[list] = sum of ±table[entry]: entries have their index in the upper 31 bits and 1 in the last for a minus. n: lists.
@group(0) @binding(1) var<storage, read> table: array<Affine>;
@group(0) @binding(2) var<storage, read> entries: array<u32>;
// Where every list ends.
@group(0) @binding(3) var<storage, read> ends: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<Point>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  for (var list = group.x; list < params.n; list += groups.x) {
    var start = 0u;
    if (list > 0u) { start = ends[list - 1u]; }
    var sum = identity();
    for (var k = start + local; k < ends[list]; k += 64u) {
      var point = table[entries[k] >> 1u];
      if ((entries[k] & 1u) != 0u) { point.y = fq_sub(zero(), point.y); }
      sum = add_affine(sum, point);
    }
    let total = workgroup_point_sum(sum, local);
    if (local == 0u) { out[list] = total; }
  }
}
