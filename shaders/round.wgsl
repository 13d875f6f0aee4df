// One sumcheck round over n pairs, in place. a: bind the tables' top variable to x first. The text before this is generated for
// each summand: tables t0.., `load0`.., `pair_values`.
@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32,
) {
  var sums = Sums(zero(), zero(), zero());
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    sums = add_sums(sums, weighed(pair_values(i), i));
  }
  let u = workgroup_sum(sums.u, local);
  let v = workgroup_sum(sums.v, local);
  let w = workgroup_sum(sums.w, local);
  if (local == 0u) {
    partials[3u * group.x] = u;
    partials[3u * group.x + 1u] = v;
    partials[3u * group.x + 2u] = w;
  }
}
