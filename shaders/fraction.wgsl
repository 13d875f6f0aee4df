struct Fraction { p: F, q: F }

// p0·q1 + p1·q0 over q0·q1.
fn sum_of(f: Fraction, g: Fraction) -> Fraction {
  return Fraction(fr_add(fr_mul(f.p, g.q), fr_mul(g.p, f.q)), fr_mul(f.q, g.q));
}
