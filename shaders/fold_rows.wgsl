// out[j] = sum of the weights whose rows have +1 in column j, less those that have −1. n: columns; a: invocations to a column
// (a power of two up to 64). A column has one owner, so there are no atomics; its +1 come before its −1.
@group(0) @binding(1) var<storage, read> weights: array<F>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
// Where the −1 of a column start, and where it ends.
@group(0) @binding(3) var<storage, read> bounds: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> out: array<F>;

var<workgroup> parts: array<F, 64>;

fn list_sum(start: u32, end: u32, part: u32) -> F {
  var sum = lanes();
  for (var k = start + part; k < end; k += params.a) {
    sum = lanes_add(sum, weights[indices[k]], 1u);
  }
  return lanes_finish(sum);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let per_group = 64u / params.a;
  let part = local % params.a;
  for (var base = group.x * per_group; base < params.n; base += groups.x * per_group) {
    let j = base + local / params.a;
    var value = zero();
    if (j < params.n) {
      var start = 0u;
      if (j > 0u) { start = bounds[j - 1u].y; }
      value = fr_sub(list_sum(start, bounds[j].x, part), list_sum(bounds[j].x, bounds[j].y, part));
    }
    parts[local] = value;
    workgroupBarrier();
    for (var width = params.a >> 1u; width > 0u; width >>= 1u) {
      if (part < width) {
        parts[local] = fr_add(parts[local], parts[local + width]);
      }
      workgroupBarrier();
    }
    if (part == 0u && j < params.n) {
      out[j] = parts[local];
    }
    workgroupBarrier();
  }
}
