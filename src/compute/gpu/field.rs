//! WGSL text of prime-field arithmetic, generated unrolled: constant indices, the modulus as literals.
//!
//! An element is eight 32-bit words of `a·2^256` (arkworks' Montgomery form), lazily reduced: below `2p`. Multiplication works
//! on limbs of `w` bits, `n` of them, with `n·w = 256 + s`: one factor is shifted left by `s` as it is unpacked, so Montgomery
//! reduction by `2^{n·w}` leaves `a·b/2^256`, in the same form as in memory. With inputs below `2p` the result is below
//! `4p²/2^256 + p < 2p`, since `p < 2^254`: no final subtraction.
//!
//! | variant | limbs | accumulators | a column holds |
//! | --- | --- | --- | --- |
//! | [`Arithmetic::Native`] | 9 of 29 bits | `u64` (`SHADER_INT64`) | 18 products of 58 bits and a carry: below 2^63 |
//! | [`Arithmetic::Portable`] | 20 of 13 bits | `u32` | 40 products of 26 bits and a carry: below 2^32 |
//!
//! The 13-bit limbs follow G. Mitscha-Baude's Montgomery multiplication for platforms without carries.

use std::fmt::Write;

/// How a device multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// 64-bit integers in shaders.
    Native,
    /// 32-bit integers alone.
    Portable,
}

impl Arithmetic {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Native, Self::Portable];

    const fn limb_bits(self) -> usize {
        match self {
            Self::Native => 29,
            Self::Portable => 13,
        }
    }

    const fn limbs(self) -> usize {
        256 / self.limb_bits() + 1
    }
}

/// A prime below `2^254`, as 64-bit words, least significant first.
#[derive(Clone, Copy, Debug)]
pub struct Modulus(pub [u64; 4]);

impl Modulus {
    fn bits(&self, from: usize, count: usize) -> u64 {
        let word = |i: usize| self.0.get(i).copied().unwrap_or(0);
        let (w, s) = (from / 64, from % 64);
        let value = if s == 0 { word(w) } else { word(w) >> s | word(w + 1) << (64 - s) };
        value & ((1 << count) - 1)
    }

    /// 32-bit words of `k·p`, for small k.
    fn multiple(&self, k: u64) -> [u32; 8] {
        let mut carry = 0u64;
        std::array::from_fn(|i| {
            let v = self.bits(32 * i, 32) * k + carry;
            carry = v >> 32;
            v as u32
        })
    }

    /// `−1/p` modulo `2^bits`.
    fn negative_inverse(&self, bits: usize) -> u32 {
        // Newton: each step doubles the number of right bits.
        let p = self.0[0] as u32;
        let mut inverse = 1u32;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u32.wrapping_sub(p.wrapping_mul(inverse)));
        }
        inverse.wrapping_neg() & ((1u64 << bits) - 1) as u32
    }
}

/// The eight words of an element in WGSL.
const WORDS: [&str; 8] = ["lo.x", "lo.y", "lo.z", "lo.w", "hi.x", "hi.y", "hi.z", "hi.w"];

/// The type of elements, which all fields share.
pub const ELEMENT: &str =
    "struct F { lo: vec4<u32>, hi: vec4<u32> }\nfn zero() -> F { return F(vec4<u32>(), vec4<u32>()); }\n";

/// `{name}_add`, `{name}_sub` and `{name}_mul` of elements below `2p`.
#[must_use]
pub fn functions(name: &str, modulus: &Modulus, arithmetic: Arithmetic) -> String {
    let mut out = String::new();
    let twice = modulus.multiple(2);
    let text = &mut out;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "fn {name}_add(a: F, b: F) -> F {{");
    carry_chain(text, arithmetic, "s", |i| (format!("a.{}", WORDS[i]), format!("b.{}", WORDS[i])), Chain::Add);
    carry_chain(text, arithmetic, "d", |i| (format!("s{i}"), format!("{}u", twice[i])), Chain::Sub);
    let _ = writeln!(text, "  let keep = d_out != 0u;");
    let _ = writeln!(text, "  return {};\n}}", element(|i| format!("select(d{i}, s{i}, keep)")));

    let _ = writeln!(text, "fn {name}_sub(a: F, b: F) -> F {{");
    carry_chain(text, arithmetic, "d", |i| (format!("a.{}", WORDS[i]), format!("b.{}", WORDS[i])), Chain::Sub);
    let _ = writeln!(text, "  let m = 0u - d_out;");
    carry_chain(text, arithmetic, "s", |i| (format!("d{i}"), format!("({}u & m)", twice[i])), Chain::Add);
    let _ = writeln!(text, "  return {};\n}}", element(|i| format!("s{i}")));

    multiplication(text, name, modulus, arithmetic);
    out
}

/// An element's words as a WGSL constant.
#[must_use]
pub fn constant(name: &str, words: [u64; 4]) -> String {
    format!("const {name} = {};\n", element(|i| format!("{}u", Modulus(words).bits(32 * i, 32))))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chain {
    Add,
    Sub,
}

/// Eight words `{out}{i}` of a sum or difference, and the last carry or borrow (0 or 1) as `{out}_out`.
fn carry_chain(
    text: &mut String,
    arithmetic: Arithmetic,
    out: &str,
    operands: impl Fn(usize) -> (String, String),
    chain: Chain,
) {
    for i in 0..8 {
        let (a, b) = operands(i);
        let last = if i == 0 { "0u".into() } else { format!("{out}c{}", i - 1) };
        let _ = match (arithmetic, chain) {
            (Arithmetic::Native, Chain::Add) => writeln!(
                text,
                "  let {out}w{i} = u64({a}) + u64({b}) + u64({last}); let {out}{i} = u32({out}w{i} & 0xfffffffflu); let {out}c{i} = u32({out}w{i} >> 32u);"
            ),
            (Arithmetic::Native, Chain::Sub) => writeln!(
                text,
                "  let {out}w{i} = u64({a}) - u64({b}) - u64({last}); let {out}{i} = u32({out}w{i} & 0xfffffffflu); let {out}c{i} = u32({out}w{i} >> 63u);"
            ),
            (Arithmetic::Portable, Chain::Add) => writeln!(
                text,
                "  let {out}w{i} = {a} + {b}; let {out}{i} = {out}w{i} + {last}; let {out}c{i} = select(0u, 1u, {out}w{i} < {a}) | select(0u, 1u, {out}{i} < {out}w{i});"
            ),
            (Arithmetic::Portable, Chain::Sub) => writeln!(
                text,
                "  let {out}w{i} = {a} - {b}; let {out}{i} = {out}w{i} - {last}; let {out}c{i} = select(0u, 1u, {a} < {b}) | select(0u, 1u, {out}w{i} < {last});"
            ),
        };
    }
    let _ = writeln!(text, "  let {out}_out = {out}c7;");
}

fn element(word: impl Fn(usize) -> String) -> String {
    let list = |range: std::ops::Range<usize>| range.map(&word).collect::<Vec<_>>().join(", ");
    format!("F(vec4<u32>({}), vec4<u32>({}))", list(0..4), list(4..8))
}

/// Bits `from..from + count` of `value`, an element, as an expression of type `u32`; bits below 0 are zero.
fn bits_of(value: &str, from: isize, count: usize) -> String {
    let mask = (1u64 << count) - 1;
    if from < 0 {
        return format!("(({value}.{} << {}u) & {mask}u)", WORDS[0], -from);
    }
    let (word, shift) = (from as usize / 32, from as usize % 32);
    if word > 7 {
        return "0u".into();
    }
    let low = if shift == 0 { format!("{value}.{}", WORDS[word]) } else { format!("({value}.{} >> {shift}u)", WORDS[word]) };
    if shift + count <= 32 || word == 7 {
        return format!("({low} & {mask}u)");
    }
    format!("(({low} | ({value}.{} << {}u)) & {mask}u)", WORDS[word + 1], 32 - shift)
}

/// Montgomery multiplication by rows: `t += a_i·b`, then `t += q·p` with `q` such that the lowest limb vanishes, which shifts
/// `t` down by one limb.
fn multiplication(text: &mut String, name: &str, modulus: &Modulus, arithmetic: Arithmetic) {
    let (w, n) = (arithmetic.limb_bits(), arithmetic.limbs());
    let shift = (n * w - 256) as isize;
    let mask = (1u64 << w) - 1;
    let native = arithmetic == Arithmetic::Native;
    let wide = |e: &str| if native { format!("u64({e})") } else { e.to_owned() };
    let narrow = |e: &str| if native { format!("u32({e} & 0xfffffffflu)") } else { e.to_owned() };
    let inverse = modulus.negative_inverse(w);
    let p: Vec<u64> = (0..n).map(|j| modulus.bits(w * j, w)).collect();
    let _ = writeln!(text, "fn {name}_mul(a: F, b: F) -> F {{");
    for i in 0..n {
        let a = bits_of("a", (w * i) as isize - shift, w);
        let b = bits_of("b", (w * i) as isize, w);
        let _ = writeln!(text, "  let a{i} = {}; let b{i} = {};", wide(&a), wide(&b));
    }
    for i in 0..n {
        // After i rows limb j of the sum lives in t{i + j}.
        for j in 0..n {
            let _ = if i == 0 || j + 1 == n {
                writeln!(text, "  var t{} = a{i} * b{j};", i + j)
            } else {
                writeln!(text, "  t{} += a{i} * b{j};", i + j)
            };
        }
        let q = wide(&format!("(({} * {inverse}u) & {mask}u)", narrow(&format!("t{i}"))));
        let _ = writeln!(text, "  let q{i} = {q};");
        for (j, p) in p.iter().enumerate().filter(|(_, p)| **p != 0) {
            let literal = wide(&format!("{p}u"));
            let _ = writeln!(text, "  t{} += q{i} * {literal};", i + j);
        }
        let _ = writeln!(text, "  t{} += t{i} >> {w}u;", i + 1);
    }
    // Limbs t{n}..t{2n − 2} hold the result, and what they carry is its last limb.
    let _ = writeln!(text, "  let l0 = t{n};");
    for j in 1..n - 1 {
        let _ = writeln!(text, "  let l{j} = t{} + (l{} >> {w}u);", n + j, j - 1);
    }
    let _ = writeln!(text, "  let l{} = l{} >> {w}u;", n - 1, n - 2);
    for j in 0..n {
        let limb = match arithmetic {
            Arithmetic::Native => format!("u32(l{j} & {mask}lu)"),
            Arithmetic::Portable => format!("l{j} & {mask}u"),
        };
        let _ = writeln!(text, "  let r{j} = {limb};");
    }
    let word = |k: usize| {
        let parts = (0..n).filter_map(|j| {
            let at = (w * j) as isize - 32 * k as isize;
            match at {
                at if at <= -(w as isize) || at >= 32 => None,
                0 => Some(format!("r{j}")),
                at if at < 0 => Some(format!("(r{j} >> {}u)", -at)),
                at => Some(format!("(r{j} << {at}u)")),
            }
        });
        parts.collect::<Vec<_>>().join(" | ")
    };
    let _ = writeln!(text, "  return {};\n}}", element(word));
}
