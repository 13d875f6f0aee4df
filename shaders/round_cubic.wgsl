// w³ − w with w = w0 + X·D: g(1) − g(0), 3·w0·D² and D³.
fn cube_less(w: F) -> F { return fr_sub(fr_mul(fr_mul(w, w), w), w); }

fn pair_values(i: u32) -> Sums {
  let w = load0(i);
  let d = slope(w);
  let dd = fr_mul(d, d);
  let wdd = fr_mul(w.a, dd);
  return Sums(fr_sub(cube_less(w.b), cube_less(w.a)), fr_add(fr_add(wdd, wdd), wdd), fr_mul(dd, d));
}
