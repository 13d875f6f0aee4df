// What rounds share: the split eq tables (b: bits of the low one; c: weigh by them), partial sums, pairs of entries.
@group(0) @binding(1) var<storage, read> high: array<F>;
@group(0) @binding(2) var<storage, read> low: array<F>;
@group(0) @binding(3) var<storage, read_write> partials: array<F>;

struct Pair { a: F, b: F }
struct Sums { u: F, v: F, w: F }

fn slope(p: Pair) -> F { return fr_sub(p.b, p.a); }

fn weighed(values: Sums, i: u32) -> Sums {
  if (params.c == 0u) { return values; }
  let weight = fr_mul(high[i >> params.b], low[i & ((1u << params.b) - 1u)]);
  return Sums(fr_mul(weight, values.u), fr_mul(weight, values.v), fr_mul(weight, values.w));
}

fn add_sums(a: Sums, b: Sums) -> Sums { return Sums(fr_add(a.u, b.u), fr_add(a.v, b.v), fr_add(a.w, b.w)); }
