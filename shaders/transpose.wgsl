// out[j, i] = values[i, j] for i < n, j < a, through a tile, so that reads and writes are both of neighbours.
@group(0) @binding(1) var<storage, read> values: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<i32>;

var<workgroup> tile: array<i32, 272>;

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let across = (params.a + 15u) / 16u;
  let count = across * ((params.n + 15u) / 16u);
  for (var t = group.x; t < count; t += groups.x) {
    let i0 = (t / across) * 16u;
    let j0 = (t % across) * 16u;
    if (i0 + local.y < params.n && j0 + local.x < params.a) {
      tile[local.y * 17u + local.x] = values[(i0 + local.y) * params.a + j0 + local.x];
    }
    workgroupBarrier();
    if (i0 + local.x < params.n && j0 + local.y < params.a) {
      out[(j0 + local.y) * params.n + i0 + local.x] = tile[local.x * 17u + local.y];
    }
    workgroupBarrier();
  }
}
