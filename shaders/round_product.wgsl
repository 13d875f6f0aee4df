// a·b: g(0), g(1) and the product of slopes.
fn pair_values(i: u32) -> Sums {
  let a = load0(i);
  let b = load1(i);
  return Sums(fr_mul(a.a, b.a), fr_mul(a.b, b.b), fr_mul(slope(a), slope(b)));
}
