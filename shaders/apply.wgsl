// out[i, input] = W[i, ·]·x[·, input] in integers. n: inputs; a: rows. Neighbours take neighbouring inputs.
@group(0) @binding(1) var<storage, read> x: array<i32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
// Where the −1 of a row start, and where it ends.
@group(0) @binding(3) var<storage, read> bounds: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> out: array<i32>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(workgroup_id) group: vec3<u32>,
) {
  for (var i = group.y; i < params.a; i += groups.y) {
    var start = 0u;
    if (i > 0u) { start = bounds[i - 1u].y; }
    for (var input = id.x; input < params.n; input += groups.x * 64u) {
      var sum = 0i;
      for (var k = start; k < bounds[i].x; k++) { sum += x[indices[k] * params.n + input]; }
      for (var k = bounds[i].x; k < bounds[i].y; k++) { sum -= x[indices[k] * params.n + input]; }
      out[i * params.n + input] = sum;
    }
  }
}
