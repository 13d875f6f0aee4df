// One to three layers of fractions above a layer, entry i being the sum of entries i and i + half of the layer below.
// a: how many; n: fractions of the last of them; b, c: where the second and the third start in `out_p` and `out_q`. The text
// before this gives the buffers and `first(i, half)`, an entry of the first layer.
//
// An entry of the last layer is the sum of those below whose indices are the same modulo n: an invocation needs no other's.
fn put(at: u32, f: Fraction) {
  out_p[at] = f.p;
  out_q[at] = f.q;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let count = 1u << (params.a - 1u);
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    // What waits for its other half, in the first and in the second layer.
    var one = Fraction(zero(), zero());
    var two = Fraction(zero(), zero());
    for (var j = 0u; j < count; j++) {
      // Halves follow each other: of four entries 0, 2, 1, 3.
      let at = i + params.n * select(j, (j >> 1u) | ((j & 1u) << 1u), params.a == 3u);
      let made = first(at, params.n << (params.a - 1u));
      put(at, made);
      if ((j & 1u) == 0u) {
        one = made;
        continue;
      }
      let second = sum_of(one, made);
      put(params.b + i + params.n * (j >> 1u), second);
      if ((j & 2u) == 0u) {
        two = second;
        continue;
      }
      put(params.c + i, sum_of(two, second));
    }
  }
}
