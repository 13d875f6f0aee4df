// The same fold of a dense matrix: columns of 2-bit codes, sixteen to a word; 0: 0, 1: +1, 2: −1. n: columns; a: invocations
// to a column; b: words to a column. Words of all columns with the same rows lie side by side. `weights` has 16·b entries.
@group(0) @binding(1) var<storage, read> weights: array<F>;
@group(0) @binding(2) var<storage, read> codes: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<F>;

var<workgroup> parts: array<F, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let per_group = 64u / params.a;
  // Neighbours take neighbouring columns, so that they read neighbouring words.
  let part = local / per_group;
  for (var base = group.x * per_group; base < params.n; base += groups.x * per_group) {
    let j = base + local % per_group;
    var sum = lanes();
    var flips = 0u;
    if (j < params.n) {
      for (var k = part; k < params.b; k += params.a) {
        var code = codes[k * params.n + j];
        for (var i = 16u * k; code != 0u; i++) {
          let now = code & 3u;
          if (now != 0u) {
            sum = lanes_add_flipped(sum, weights[i], select(0u, 0xffffu, now == 2u));
            flips += now >> 1u;
          }
          code >>= 2u;
        }
      }
    }
    parts[local] = lanes_finish_flipped(sum, flips);
    workgroupBarrier();
    for (var width = params.a >> 1u; width > 0u; width >>= 1u) {
      if (part < width) {
        parts[local] = fr_add(parts[local], parts[local + width * per_group]);
      }
      workgroupBarrier();
    }
    if (part == 0u && j < params.n) {
      out[j] = parts[local];
    }
    workgroupBarrier();
  }
}
