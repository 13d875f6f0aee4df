// Two sumcheck rounds over n quadruples of entries (0, 0), (0, 1), (1, 0), (1, 1) in the top two variables X, Y, in place.
// a: how many top variables are bound first, to x and y. The text before this is generated for each summand: tables t0..,
// `bind_entries`, `load0`.., `pair_values`.
//
// A workgroup takes sixteen quadruples at a time. Its 64 invocations bind one entry of each; then three rows of sixteen take
// the pairs in Y at X = 0, at X = 1, and their difference, and add the gate's three values for each.
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = local / 16u;
  var sums = Sums(zero(), zero(), zero());
  for (var base = group.x * 16u; base < params.n; base += groups.x * 16u) {
    let i = base + local % 16u;
    if (i < params.n) { bind_entries(i + row * params.n, local); }
    workgroupBarrier();
    if (i < params.n && row < 3u) {
      sums = add_sums(sums, weighed(pair_values(local), i));
    }
    workgroupBarrier();
  }
  let u = block_sum(sums.u, local, 16u);
  let v = block_sum(sums.v, local, 16u);
  let w = block_sum(sums.w, local, 16u);
  if (local % 16u == 0u && row < 3u) {
    let at = 9u * group.x + 3u * row;
    partials[at] = u;
    partials[at + 1u] = v;
    partials[at + 2u] = w;
  }
}
