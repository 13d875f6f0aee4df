// Sums of points of y² = x³ + 3 in the coordinates (X, Y, ZZ, ZZZ): x = X/ZZ, y = Y/ZZZ, ZZ³ = ZZZ²; the identity has ZZ = 0.
// Formulas: hyperelliptic.org/EFD, g1p/auto-shortw-xyzz, madd-2008-s and add-2008-s.
//
// Adding a point to itself or to its opposite is not handled: the points are sums of independent generators, and finding two
// that coincide would solve a discrete logarithm. The prover verifies its proof before it lets go of it all the same.
struct Affine { x: F, y: F }
struct Point { x: F, y: F, zz: F, zzz: F }

fn identity() -> Point { return Point(zero(), zero(), zero(), zero()); }

// The identity's ZZ is written as zero and never computed.
fn is_identity(p: Point) -> bool { return all(p.zz.lo == vec4<u32>()) && all(p.zz.hi == vec4<u32>()); }

fn add_affine(p: Point, q: Affine) -> Point {
  if (is_identity(p)) { return Point(q.x, q.y, FQ_ONE, FQ_ONE); }
  let h = fq_sub(fq_mul(q.x, p.zz), p.x);
  let r = fq_sub(fq_mul(q.y, p.zzz), p.y);
  let hh = fq_mul(h, h);
  let hhh = fq_mul(h, hh);
  let v = fq_mul(p.x, hh);
  let x = fq_sub(fq_sub(fq_sub(fq_mul(r, r), hhh), v), v);
  let y = fq_sub(fq_mul(r, fq_sub(v, x)), fq_mul(p.y, hhh));
  return Point(x, y, fq_mul(p.zz, hh), fq_mul(p.zzz, hhh));
}

fn add_points(p: Point, q: Point) -> Point {
  if (is_identity(p)) { return q; }
  if (is_identity(q)) { return p; }
  let u = fq_mul(p.x, q.zz);
  let s = fq_mul(p.y, q.zzz);
  let h = fq_sub(fq_mul(q.x, p.zz), u);
  let r = fq_sub(fq_mul(q.y, p.zzz), s);
  let hh = fq_mul(h, h);
  let hhh = fq_mul(h, hh);
  let v = fq_mul(u, hh);
  let x = fq_sub(fq_sub(fq_sub(fq_mul(r, r), hhh), v), v);
  let y = fq_sub(fq_mul(r, fq_sub(v, x)), fq_mul(s, hhh));
  return Point(x, y, fq_mul(fq_mul(p.zz, q.zz), hh), fq_mul(fq_mul(p.zzz, q.zzz), hhh));
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
