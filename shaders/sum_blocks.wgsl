// out[j] = y + sum over blocks of blocks[block, j]. n: columns; a: blocks.
@group(0) @binding(1) var<storage, read> blocks: array<F>;
@group(0) @binding(2) var<storage, read_write> out: array<F>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var j = id.x; j < params.n; j += groups.x * 64u) {
    var sum = params.y;
    for (var block = 0u; block < params.a; block++) {
      sum = fr_add(sum, blocks[block * params.n + j]);
    }
    out[j] = sum;
  }
}
