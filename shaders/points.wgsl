// Sums of points of y² = x³ + 3 in the coordinates (X, Y, ZZ, ZZZ): x = X/ZZ, y = Y/ZZZ, ZZ³ = ZZZ²; the identity has ZZ = 0.
// Formulas: hyperelliptic.org/EFD, g1p/auto-shortw-xyzz, madd-2008-s, add-2008-s and dbl-2008-s-1.
//
// `add_affine` and `add_points` do not handle adding a point to itself or to its opposite: they are for sums of independent
// generators, and finding two that coincide would solve a discrete logarithm. The prover verifies its proof before it lets go
// of it all the same. `join_affine` and `join_points` are exact for all points.
struct Affine { x: F, y: F }
struct Point { x: F, y: F, zz: F, zzz: F }

fn identity() -> Point { return Point(zero(), zero(), zero(), zero()); }

// The identity's ZZ is written as zero and never computed.
fn is_identity(p: Point) -> bool { return all(p.zz.lo == vec4<u32>()) && all(p.zz.hi == vec4<u32>()); }

fn lift(q: Affine) -> Point { return Point(q.x, q.y, FQ_ONE, FQ_ONE); }

// A line through two points: the first with the denominators of both, and how far the second is from it, in x and in y.
struct Chord { start: Point, h: F, r: F }

fn chord_affine(p: Point, q: Affine) -> Chord {
  return Chord(p, fq_sub(fq_mul(q.x, p.zz), p.x), fq_sub(fq_mul(q.y, p.zzz), p.y));
}

fn chord_points(p: Point, q: Point) -> Chord {
  let start = Point(fq_mul(p.x, q.zz), fq_mul(p.y, q.zzz), fq_mul(p.zz, q.zz), fq_mul(p.zzz, q.zzz));
  return Chord(start, fq_sub(fq_mul(q.x, p.zz), start.x), fq_sub(fq_mul(q.y, p.zzz), start.y));
}

// The sum of the points of a line, whose x differ.
fn third(c: Chord) -> Point {
  let hh = fq_mul(c.h, c.h);
  let hhh = fq_mul(c.h, hh);
  let v = fq_mul(c.start.x, hh);
  let x = fq_sub(fq_sub(fq_sub(fq_mul(c.r, c.r), hhh), v), v);
  let y = fq_sub(fq_mul(c.r, fq_sub(v, x)), fq_mul(c.start.y, hhh));
  return Point(x, y, fq_mul(c.start.zz, hh), fq_mul(c.start.zzz, hhh));
}

fn add_affine(p: Point, q: Affine) -> Point {
  if (is_identity(p)) { return lift(q); }
  return third(chord_affine(p, q));
}

fn add_points(p: Point, q: Point) -> Point {
  if (is_identity(p)) { return q; }
  if (is_identity(q)) { return p; }
  return third(chord_points(p, q));
}

// An element below 2p that is 0 or p.
fn fq_is_zero(v: F) -> bool {
  return (all(v.lo == vec4<u32>()) && all(v.hi == vec4<u32>())) || (all(v.lo == FQ_P.lo) && all(v.hi == FQ_P.hi));
}

// dbl-2008-s-1 with a = 0. No point of odd order has y = 0.
fn twice(p: Point) -> Point {
  let u = fq_add(p.y, p.y);
  let v = fq_mul(u, u);
  let w = fq_mul(u, v);
  let s = fq_mul(p.x, v);
  let xx = fq_mul(p.x, p.x);
  let m = fq_add(fq_add(xx, xx), xx);
  let x = fq_sub(fq_sub(fq_mul(m, m), s), s);
  let y = fq_sub(fq_mul(m, fq_sub(s, x)), fq_mul(w, p.y));
  return Point(x, y, fq_mul(v, p.zz), fq_mul(w, p.zzz));
}

// The sum of the points of any line.
fn join(c: Chord) -> Point {
  if (!fq_is_zero(c.h)) { return third(c); }
  if (fq_is_zero(c.r)) { return twice(c.start); }
  return identity();
}

fn join_affine(p: Point, q: Affine) -> Point {
  if (is_identity(p)) { return lift(q); }
  return join(chord_affine(p, q));
}

fn join_points(p: Point, q: Point) -> Point {
  if (is_identity(p)) { return q; }
  if (is_identity(q)) { return p; }
  return join(chord_points(p, q));
}

var<workgroup> shared_points: array<Point, 64>;

// The sum over all 64 invocations; right in invocation 0 alone.
fn workgroup_point_sum(value: Point, local: u32) -> Point {
  shared_points[local] = value;
  workgroupBarrier();
  for (var width = 32u; width > 0u; width >>= 1u) {
    if (local < width) {
      shared_points[local] = add_points(shared_points[local], shared_points[local + width]);
    }
    workgroupBarrier();
  }
  let total = shared_points[0];
  workgroupBarrier();
  return total;
}
