// Leaves are 1/q: the first layer above them is p = q0 + q1 over q0·q1.
@group(0) @binding(1) var<storage, read> q: array<F>;
@group(0) @binding(2) var<storage, read_write> out_p: array<F>;
@group(0) @binding(3) var<storage, read_write> out_q: array<F>;

fn first(i: u32, half: u32) -> Fraction {
  return Fraction(fr_add(q[i], q[i + half]), fr_mul(q[i], q[i + half]));
}
