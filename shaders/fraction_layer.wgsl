// Inner layers are p/q.
@group(0) @binding(1) var<storage, read> p: array<F>;
@group(0) @binding(2) var<storage, read> q: array<F>;
@group(0) @binding(3) var<storage, read_write> out_p: array<F>;
@group(0) @binding(4) var<storage, read_write> out_q: array<F>;

fn first(i: u32, half: u32) -> Fraction {
  return sum_of(Fraction(p[i], q[i]), Fraction(p[i + half], q[i + half]));
}
