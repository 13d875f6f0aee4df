// An unreduced sum of elements: sixteen lanes of 16 bits with 16 bits to grow.
struct Lanes { a: vec4<u32>, b: vec4<u32>, c: vec4<u32>, d: vec4<u32> }

fn lanes() -> Lanes { return Lanes(vec4<u32>(), vec4<u32>(), vec4<u32>(), vec4<u32>()); }

// sum + k·v; the k of one sum add up to less than 2^16.
fn lanes_add(sum: Lanes, v: F, k: u32) -> Lanes {
  return Lanes(
    sum.a + (v.lo & vec4<u32>(0xffffu)) * k, sum.b + (v.lo >> vec4<u32>(16u)) * k,
    sum.c + (v.hi & vec4<u32>(0xffffu)) * k, sum.d + (v.hi >> vec4<u32>(16u)) * k);
}

// sum + v, or sum + (2^256 − 1 − v) where `flip` is 0xffff in place of 0.
fn lanes_add_flipped(sum: Lanes, v: F, flip: u32) -> Lanes {
  let f = vec4<u32>(flip);
  return Lanes(
    sum.a + ((v.lo & vec4<u32>(0xffffu)) ^ f), sum.b + ((v.lo >> vec4<u32>(16u)) ^ f),
    sum.c + ((v.hi & vec4<u32>(0xffffu)) ^ f), sum.d + ((v.hi >> vec4<u32>(16u)) ^ f));
}

// Two lanes and a carry: 32 bits and the next carry.
fn lanes_word(low: u32, high: u32, carry: u32) -> vec2<u32> {
  let l = low + (carry & 0xffffu);
  let h = high + (l >> 16u) + (carry >> 16u);
  return vec2<u32>((l & 0xffffu) | (h << 16u), h >> 16u);
}

// The low 256 bits, and what is above them.
struct Carried { low: F, high: u32 }

fn lanes_carry(s: Lanes) -> Carried {
  let w0 = lanes_word(s.a.x, s.b.x, 0u);
  let w1 = lanes_word(s.a.y, s.b.y, w0.y);
  let w2 = lanes_word(s.a.z, s.b.z, w1.y);
  let w3 = lanes_word(s.a.w, s.b.w, w2.y);
  let w4 = lanes_word(s.c.x, s.d.x, w3.y);
  let w5 = lanes_word(s.c.y, s.d.y, w4.y);
  let w6 = lanes_word(s.c.z, s.d.z, w5.y);
  let w7 = lanes_word(s.c.w, s.d.w, w6.y);
  return Carried(F(vec4<u32>(w0.x, w1.x, w2.x, w3.x), vec4<u32>(w4.x, w5.x, w6.x, w7.x)), w7.y);
}

fn word(value: u32) -> F { return F(vec4<u32>(value, 0u, 0u, 0u), vec4<u32>()); }

// low·1 + high·2^256, below 2p: multiplying by one in Montgomery form reduces, and by 2^512 makes 2^256 of a plain integer.
fn lanes_finish(s: Lanes) -> F {
  let c = lanes_carry(s);
  return fr_add(fr_mul(FR_ONE, c.low), fr_mul(FR_SQUARE, word(c.high)));
}

// The same, less `flips` times (2^256 − 1).
fn lanes_finish_flipped(s: Lanes, flips: u32) -> F {
  let low = fr_add(lanes_finish(s), word(flips));
  return fr_sub(low, fr_mul(FR_SQUARE, word(flips)));
}
