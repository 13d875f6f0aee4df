// q1·(q0 + p0) + q0·p1: g(0), g(1) and the same of slopes.
fn fraction(p0: F, p1: F, q0: F, q1: F) -> F {
  return fr_add(fr_mul(q1, fr_add(q0, p0)), fr_mul(q0, p1));
}

fn pair_values(i: u32) -> Sums {
  let p0 = load0(i);
  let p1 = load1(i);
  let q0 = load2(i);
  let q1 = load3(i);
  return Sums(
    fraction(p0.a, p1.a, q0.a, q1.a), fraction(p0.b, p1.b, q0.b, q1.b),
    fraction(slope(p0), slope(p1), slope(q0), slope(q1)));
}
