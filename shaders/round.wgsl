// One sumcheck round over n pairs, in place. a: bind the tables' top variable to x first; b: bits of the low eq table;
// c: weigh by eq. The text between this and `sums` is generated for each summand: tables t0.., `load0`.., `pair_values`.
@group(0) @binding(1) var<storage, read> high: array<F>;
@group(0) @binding(2) var<storage, read> low: array<F>;
@group(0) @binding(3) var<storage, read_write> partials: array<F>;

struct Pair { a: F, b: F }
struct Sums { u: F, v: F, w: F }

fn slope(p: Pair) -> F { return fr_sub(p.b, p.a); }

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32,
) {
  var sums = Sums(zero(), zero(), zero());
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    var values = pair_values(i);
    if (params.c != 0u) {
      let weight = fr_mul(high[i >> params.b], low[i & ((1u << params.b) - 1u)]);
      values = Sums(fr_mul(weight, values.u), fr_mul(weight, values.v), fr_mul(weight, values.w));
    }
    sums = Sums(fr_add(sums.u, values.u), fr_add(sums.v, values.v), fr_add(sums.w, values.w));
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
