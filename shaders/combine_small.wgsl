// Partial sums over blocks of 255 rows: out[block, j] = sum of weights[row]·rows[row, j]. n: columns; a: rows; b: how many
// 8-bit digits a value has. Invocation x takes column x, workgroup y takes block y.
@group(0) @binding(1) var<storage, read> weights: array<F>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<F>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(workgroup_id) group: vec3<u32>,
) {
  let first = group.y * 255u;
  let last = min(first + 255u, params.a);
  for (var j = id.x; j < params.n; j += groups.x * 64u) {
    var total = zero();
    for (var digit = params.b; digit > 0u; digit--) {
      for (var k = 0u; k < 8u; k++) {
        total = fr_add(total, total);
      }
      // A sum's factors are below 2^8 and 255 of them: below 2^16 in all.
      var sum = lanes();
      for (var row = first; row < last; row++) {
        sum = lanes_add(sum, weights[row], (rows[row * params.n + j] >> (8u * (digit - 1u))) & 0xffu);
      }
      total = fr_add(total, lanes_finish(sum));
    }
    out[group.y * params.n + j] = total;
  }
}
