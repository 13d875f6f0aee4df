// out[row] = sum of values[row, j]·G_j by fixed-base tables: table[255·j + v − 1] = v·G_j for v up to 255. n: rows; a: width.
// A workgroup takes a row.
@group(0) @binding(1) var<storage, read> table: array<Affine>;
@group(0) @binding(2) var<storage, read> values: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<Point>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  for (var row = group.x; row < params.n; row += groups.x) {
    var sum = identity();
    for (var j = local; j < params.a; j += 64u) {
      let v = values[row * params.a + j];
      if (v != 0u) {
        sum = add_affine(sum, table[255u * j + v - 1u]);
      }
    }
    let total = workgroup_point_sum(sum, local);
    if (local == 0u) { out[row] = total; }
  }
}
