#!/usr/bin/env python3
"""zkref: an executable reference of the zktern proof system (tiny sizes, clarity over speed).

Run `python3 zkref.py` for the tests.  Standard library only.  NOT constant time: never use with real secrets.

Conventions used everywhere
  point     a list of field elements, coordinate 0 = TOP bit of the index (the bit bound first)
  table     index x; binding its top bit with r: new[i] = old[i] + r*(old[i+h] - old[i]), h = len/2
  block     2^k consecutive entries at an offset that is a multiple of 2^k; for a point r of K coordinates
            sel = eq(r[:K-k], offset >> k) and the block's LOCAL point is the suffix r[K-k:]
  vector    a committed vector of logical width n is cut in rows of M entries; entry i sits in row i//M, column
            i%M; every functional of it is taken over i < n only, whatever else the committed row holds

Lookup tables of a hidden layer (s, ymin, ymax, k), T(q) = clamp(q, ymin, ymax), and their entry counts
  zy   mode a     (z, T(requant z)),  z = -2^k - half(s) .. 2^k - 1 - half(s)      2^(k+1)
  rem  mode b     (r, 0),             r = 0 .. 2^s - 1                              2^s
  qy   mode b     (q, T(q)),          q = -2^(k-s) .. 2^(k-s) - 1                   2^(k+1-s)
  x    private input (v, 0),          v = xlo .. xhi                                xhi - xlo + 1
Ids start at 1, in order of first use by layer (rem before qy), the private input's table last; two tables are one
when they have the same kind and the same entries.

Differences from the first design and why
  A  The bias is a committed vector of its own (width n_out), no longer column n_in of every weight row.  Rows of
     power-of-two width no longer spill one extra commitment per output for it (a third of the key and of the
     verifier's MSM for 4096-wide layers with M = 2048), linear blocks no longer double, and ternary rows hold ternary entries only.
     In the linear sumcheck it is a block of ONE entry per layer: left c_b*bias~(r_b), right sum_{beta<B} eq(r_B,beta).
  B  Bounds are powers of two: z + half(s) in [-2^k, 2^k), logits in [-2^k_last, 2^k_last).  Exact ones leak row
     statistics, and q' and rem tables come out aligned.  The clamp may start below zero (ymin <= 0 <= ymax).
  C  Modes and tables follow from (architecture, B, private): mode b when n_out*B < 2^(k+1), else a.  One key then
     serves every batch size and both kinds of input, each with the cheaper lookups.
  D  One key digest stands for architecture and key; the instance absorbs it, with the digest of the ternarity proof.
  E  Blinds come from named streams of a seed, so that another implementation can reproduce the bytes of a proof.
  F  A network has at least one hidden layer (without one there is nothing to look up, and nothing hidden to prove).
"""
import hashlib, os, random, secrets, sys, time

# ------------------------------------------------------------------------------------- fields and BN254 G1
P = 21888242871839275222246405745257275088696311157297823662689037894645226208583   # base field
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617   # scalar field
OPS = dict(add=0, commit=0)

class Reject(Exception): pass
def inv(a):
    if a % R == 0: raise Reject('unlucky challenge')        # probability about 2^-240: the prover starts again, the verifier rejects
    return pow(a, -1, R)

INF = (1, 1, 0)                                     # Jacobian (X, Y, Z); x = X/Z^2, y = Y/Z^3; curve y^2 = x^3 + 3
def jdbl(p):
    X, Y, Z = p
    if Z == 0 or Y == 0: return INF
    A = X * X % P; B = Y * Y % P; C = B * B % P
    D = 2 * ((X + B) * (X + B) - A - C) % P; E = 3 * A
    X3 = (E * E - 2 * D) % P
    return X3, (E * (D - X3) - 8 * C) % P, 2 * Y * Z % P
def jadd(p, q):
    OPS['add'] += 1
    X1, Y1, Z1 = p; X2, Y2, Z2 = q
    if Z1 == 0: return q
    if Z2 == 0: return p
    A = Z1 * Z1 % P; B = Z2 * Z2 % P
    U1 = X1 * B % P; U2 = X2 * A % P; S1 = Y1 * Z2 * B % P; S2 = Y2 * Z1 * A % P
    H = (U2 - U1) % P; r = (S2 - S1) % P
    if H == 0: return jdbl(p) if r == 0 else INF
    HH = H * H % P; HHH = H * HH % P; V = U1 * HH % P
    X3 = (r * r - HHH - 2 * V) % P
    return X3, (r * (V - X3) - S1 * HHH) % P, Z1 * Z2 * H % P
def jneg(p): return p[0], -p[1] % P, p[2]
def jmul(p, k):
    k %= R; acc = INF
    for b in bin(k)[2:]:
        acc = jdbl(acc)
        if b == '1': acc = jadd(acc, p)
    return acc
def affine(p):
    if p[2] == 0: return INF
    z = pow(p[2], -1, P); return p[0] * z * z % P, p[1] * z * z * z % P, 1

def msm(pairs, c=5):
    """Sum of k*p; bucket method over signed scalars."""
    ks, ps = [], []
    for k, p in pairs:
        k %= R
        if k == 0 or p[2] == 0: continue
        if k > R // 2: k, p = R - k, jneg(p)
        ks.append(k); ps.append(p)
    if not ks: return INF
    nwin = (max(k.bit_length() for k in ks) + c - 1) // c
    acc = INF
    for w in range(nwin - 1, -1, -1):
        for _ in range(c): acc = jdbl(acc)
        buckets = [INF] * (1 << c)
        for k, p in zip(ks, ps):
            d = (k >> (w * c)) & ((1 << c) - 1)
            if d: buckets[d] = jadd(buckets[d], p)
        run = tot = INF
        for b in reversed(buckets[1:]):
            run = jadd(run, b); tot = jadd(tot, run)
        acc = jadd(acc, tot)
    return acc

def enc_point(p):
    """32 bytes big-endian x; top bit = parity of y.  The identity has no encoding and is refused."""
    p = affine(p)
    if p[2] == 0: raise ValueError('identity point')
    return (p[0] | (p[1] & 1) << 255).to_bytes(32, 'big')
def dec_point(b):
    v = int.from_bytes(b, 'big'); sign, x = v >> 255, v & ((1 << 255) - 1)
    if x >= P: raise Reject('non-canonical point')
    rhs = (x * x * x + 3) % P; y = pow(rhs, (P + 1) // 4, P)
    if y * y % P != rhs: raise Reject('point not on the curve')
    if y & 1 != sign: y = P - y
    return x, y, 1
def enc_scalar(k): return (k % R).to_bytes(32, 'big')
def enc_int(k): return int(k).to_bytes(8, 'big', signed=True)      # small integers: 64-bit two's complement

GEN_LABEL = b'zktern/v1/bn254/generators'
def hash_to_curve(name):
    """Try and increment: x = SHAKE256(label, name, ctr) mod p; the even root."""
    for ctr in range(256):
        h = hashlib.shake_256(GEN_LABEL + bytes([len(name)]) + name + bytes([ctr])).digest(64)
        x = int.from_bytes(h, 'big') % P; rhs = (x * x * x + 3) % P; y = pow(rhs, (P + 1) // 4, P)
        if y * y % P == rhs: return x, (y if y % 2 == 0 else P - y), 1
G, H = hash_to_curve(b'G'), hash_to_curve(b'H')
_gens = []
def gens(M):
    while len(_gens) < M: _gens.append(hash_to_curve(b'row' + len(_gens).to_bytes(4, 'big')))
    return _gens[:M]
def _fixed(base):
    out = []
    for _ in range(64):
        row = [INF]
        for _ in range(15): row.append(jadd(row[-1], base))
        out.append([affine(q) if q[2] else q for q in row]); base = jadd(row[-1], base)
    return out
_TG, _TH = _fixed(G), _fixed(H)
def _fmul(tab, k, acc):
    k %= R
    for row in tab:
        if k & 15: acc = jadd(acc, row[k & 15])
        k >>= 4
    return acc
def commit(v, rho):
    OPS['commit'] += 1
    return _fmul(_TH, rho, _fmul(_TG, v, INF))
def commit_row(w, rho):
    return _fmul(_TH, rho, msm(list(zip(w, gens(len(w))))))
def rnd(): return secrets.randbelow(R)               # for the tests and the simulator; provers draw from Blinds
class Blinds:
    """Named streams of one 32-byte seed: draw n of a stream is SHAKE256(label, seed, stream, n), 64 bytes mod R.
    A seed serves ONE key or ONE proof, ever: two proofs from one seed reveal what they hide."""
    def __init__(self, seed=None):
        self.seed, self.n = seed or secrets.token_bytes(32), {}; assert len(self.seed) == 32
    def draw(self, stream):
        n = self.n.get(stream, 0); self.n[stream] = n + 1; b = stream.encode()
        return int.from_bytes(hashlib.shake_256(b'zktern/v1/blinds' + self.seed + bytes([len(b)]) + b + n.to_bytes(8, 'big')).digest(64), 'big') % R

# ------------------------------------------------------------------------------------- multilinear helpers
def log2up(n): return (n - 1).bit_length()
def eq_table(r):
    t = [1]
    for c in r: t = [v for e in t for v in (e * (1 - c) % R, e * c % R)]    # coordinate 0 = top bit
    return t
def eq_at(r, idx):
    """eq(r, bits of idx), idx of len(r) bits, top bit first."""
    o = 1
    for i, c in enumerate(r): o = o * (c if idx >> (len(r) - 1 - i) & 1 else 1 - c) % R
    return o
def eq_masked(s, t, n):
    """sum_{j<n} eq(s,j) eq(t,j), in O(log) multiplications: what the verifier uses for a_g(t)."""
    k = len(s)
    if n >= 1 << k: n = 1 << k
    tot, pre = 0, 1
    suf = [1] * (k + 1)
    for i in range(k - 1, -1, -1): suf[i] = suf[i + 1] * (s[i] * t[i] + (1 - s[i]) * (1 - t[i])) % R
    if n == 1 << k: return suf[0]
    for i in range(k):
        if n >> (k - 1 - i) & 1:
            tot = (tot + pre * (1 - s[i]) * (1 - t[i]) % R * suf[i + 1]) % R; pre = pre * s[i] * t[i] % R
        else: pre = pre * (1 - s[i]) * (1 - t[i]) % R
    return tot
def fold(t, r):
    h = len(t) // 2
    return [(t[i] + r * (t[i + h] - t[i])) % R for i in range(h)]

# ------------------------------------------------------------------------------------- transcript and channels
class Transcript:
    """SHAKE256 over length-prefixed (label, data).  A challenge is 64 bytes mod R: full width, bias < 2^-250."""
    def __init__(self, label): self.h, self.log = hashlib.shake_256(), []; self.absorb('init', label)
    def absorb(self, label, data):
        l = label.encode()
        self.h.update(b'A' + len(l).to_bytes(4, 'big') + l + len(data).to_bytes(8, 'big') + data)
    def squeeze(self, label):
        l = label.encode(); self.h.update(b'S' + len(l).to_bytes(4, 'big') + l)
        return self.h.copy().digest(64)
    programmed = {}                                                    # only the simulator test writes here
    def challenge(self, label):
        d = self.squeeze(label); k = Transcript.programmed.get(d, int.from_bytes(d, 'big') % R); self.log.append((label, k)); return k

class Lin:
    """What prover and verifier may both do with a hidden scalar: affine arithmetic with public coefficients."""
    def __radd__(a, b): return a + b
    def __neg__(a): return a * (R - 1)
    def __sub__(a, b): return a + (-b)
    def __rsub__(a, b): return (-a) + b
    def __rmul__(a, k): return a * k
class Sec(Lin):
    """Prover: (value, blind)."""
    def __init__(self, v, r=0): self.v, self.r = v % R, r % R
    def __add__(a, b): return Sec(a.v + b.v, a.r + b.r) if isinstance(b, Sec) else Sec(a.v + b, a.r)
    def __mul__(a, k): return Sec(a.v * k, a.r * k)
class Form(Lin):
    """Verifier: a linear form over points, {point key: coefficient}; 'G' carries the public constants."""
    def __init__(self, d): self.d = d
    def __add__(a, b):
        d = dict(a.d)
        for k, v in (b.d.items() if isinstance(b, Form) else [('G', b)]): d[k] = (d.get(k, 0) + v) % R
        return Form(d)
    def __mul__(a, k): return Form({x: v * k % R for x, v in a.d.items()})

class Writer:
    """Prover's channel: whatever is written is absorbed, in the same call."""
    def __init__(self, tr, blinds, hook=None):
        self.tr, self.blinds, self.out, self.words, self.sent, self.hook = tr, blinds, bytearray(), [], [], hook or (lambda n, v: v)
    def raw(self, label, b): self.tr.absorb(label, b); self.out += b; self.words.append((label, bytes(b)))
    def point(self, label, p): self.raw(label, enc_point(p))
    def field(self, label, k): self.raw(label, enc_scalar(k))
    def scalar(self, label, v):
        """Hiding commitment to a scalar."""
        s = Sec(self.hook(label, v % R), self.blinds.draw('scalar')); self.point(label, commit(s.v, s.r)); self.sent.append(s); return s
    def challenge(self, label): return self.tr.challenge(label)
class Reader:
    """Verifier's channel: reads what the INSTANCE says is next, absorbs it; nothing in the proof is a length."""
    def __init__(self, tr, data, pos=0, points=None, tag=0):
        self.tr, self.data, self.pos, self.sent, self.tag = tr, data, pos, [], tag
        self.points = {} if points is None else points
    def raw(self, label):
        b = self.data[self.pos:self.pos + 32]
        if len(b) != 32: raise Reject('proof too short')
        self.pos += 32; self.tr.absorb(label, bytes(b)); return b
    def point(self, label, key=None):
        p = dec_point(self.raw(label)); key = key or ('pt', self.tag, self.pos)
        self.points[key] = p; return Form({key: 1})
    def field(self, label):
        k = int.from_bytes(self.raw(label), 'big')
        if k >= R: raise Reject('non-canonical scalar')
        return k
    def scalar(self, label): f = self.point(label); self.sent.append(f); return f
    def challenge(self, label): return self.tr.challenge(label)

# ------------------------------------------------------------------------------------- model, tables, inference
def half(s): return (1 << s) >> 1                      # the rounding constant; 0 when s = 0
def requant(z, s): return (z + half(s)) >> s           # floor((z + 2^(s-1)) / 2^s)
def act(q, ymin, ymax): return min(max(q, ymin), ymax)    # T: clamp, ymin <= 0 <= ymax, so T(0) = 0 (zero padding needs it)
def bits(lo, hi, k=0):
    """The smallest k' >= k with [lo, hi] inside [-2^k', 2^k')."""
    while lo < -(1 << k) or hi >= 1 << k: k += 1
    return k

class Arch:
    """Public: M, widths, input range, logit bound, per hidden layer (s, ymin, ymax, k)."""
    def __init__(self, M, widths, xrange, hidden, k_last):
        self.M, self.widths, self.xrange, self.hidden, self.k_last, self.L = M, widths, xrange, hidden, k_last, len(widths) - 1
        assert self.L >= 2 and len(hidden) == self.L - 1                # at least one hidden layer
        assert xrange[0] <= 0 <= xrange[1] and all(lo <= 0 <= hi and k >= s >= 0 for s, lo, hi, k in hidden)
    def encode(self):
        o = [self.M, self.L, *self.widths, *self.xrange, self.k_last]
        for h in self.hidden: o += h
        return b''.join(map(enc_int, o))

class Plan:
    """What follows from (architecture, batch, private): modes, tables, and the tables each layer uses."""
    def __init__(self, arch, B, private=False, modes=None):
        self.arch, self.B, self.private, self.tables, self.use = arch, B, private, [], []
        rule = ['b' if n * B < 2 << h[3] else 'a' for n, h in zip(arch.widths[1:], arch.hidden)]
        self.modes = ''.join(rule if modes is None else modes)         # only the tests override the rule
        assert len(self.modes) == arch.L - 1
        def table(kind, entries):
            t = (kind, tuple(entries))
            if t not in self.tables: self.tables.append(t)
            return self.tables.index(t)
        for (s, ymin, ymax, k), mode in zip(arch.hidden, self.modes):
            if mode == 'a':
                zs = [v - half(s) for v in range(-1 << k, 1 << k)]
                self.use.append((table('zy', [(z, act(requant(z, s), ymin, ymax)) for z in zs]),))
            else:
                self.use.append((table('rem', [(r, 0) for r in range(1 << s)]),
                                 table('qy', [(q, act(q, ymin, ymax)) for q in range(-1 << k - s, 1 << k - s)])))
        if private: self.tin = table('x', [(v, 0) for v in range(arch.xrange[0], arch.xrange[1] + 1)])      # range lookup
    def table_id(self, t): return t + 1                 # never 0

class Model:
    """rows[b][i] = ternary weights of output i, bias[b][i] = its bias; acts = (s, ymin, ymax) per hidden layer."""
    def __init__(self, M, widths, rows, bias, acts, xrange=(0, 3)):
        self.rows, self.bias = rows, bias; hidden, (lo, hi) = [], xrange
        for b, rs in enumerate(rows):                   # the bound is proved here, row by row, from the non-zeros
            zlo = min(sum(min(w * lo, w * hi) for w in r) + c for r, c in zip(rs, bias[b]))
            zhi = max(sum(max(w * lo, w * hi) for w in r) + c for r, c in zip(rs, bias[b]))
            if b < len(rows) - 1: s, lo, hi = acts[b]; hidden.append((s, lo, hi, bits(zlo + half(s), zhi + half(s), s)))
        self.arch = Arch(M, widths, xrange, hidden, bits(zlo, zhi))
    def linear(self, b, x): return [sum(w * v for w, v in zip(r, x)) + c for r, c in zip(self.rows[b], self.bias[b])]
    def run(self, X):
        """Exact integer inference: per layer z, and q', y of hidden layers; [layer][batch][neuron]."""
        z, q, y, cur = [], [], [], X
        for b in range(self.arch.L):
            z.append([self.linear(b, x) for x in cur])
            if b < self.arch.L - 1:
                s, ymin, ymax, _ = self.arch.hidden[b]
                q.append([[requant(v, s) for v in r] for r in z[b]]); cur = [[act(v, ymin, ymax) for v in r] for r in q[b]]
                y.append(cur)
        return z, q, y

def chunks(v, M): return [v[i:i + M] + [0] * (M - len(v[i:i + M])) for i in range(0, len(v), M)]
def nrows(n, M): return -(-n // M)

def keyrows(arch):
    """The rows of the verifying key in order: per layer its weights by output, chunk, then its bias by chunk."""
    for b in range(arch.L):
        for i in range(arch.widths[b + 1]):
            for c in range(nrows(arch.widths[b], arch.M)): yield 'W', b, i, c
        for c in range(nrows(arch.widths[b + 1], arch.M)): yield 'b', b, c
def keygen(model, seed=None):
    """Row commitments: the verifying key.  Secret: (values, blind) per row."""
    sk, vk, M, bl = {}, {}, model.arch.M, Blinds(seed)
    for k in keyrows(model.arch):
        v = model.rows[k[1]][k[2]] if k[0] == 'W' else model.bias[k[1]]
        sk[k] = (chunks(v, M)[k[-1]], bl.draw('weight')); vk[k] = affine(commit_row(*sk[k]))
    return sk, vk
def key_digest(arch, vk):
    a = arch.encode(); return shake(b'zktern/v1/key' + enc_int(len(a)) + a + b''.join(enc_point(p) for p in vk.values()))
def shake(b): return hashlib.shake_256(b).digest(64)

class Instance:
    """X is None when the input is private; ternarity = shake(ternarity proof), or empty; modes None = the rule."""
    def __init__(self, arch, vk, X, logits, context=b'', ternarity=b'', modes=None):
        self.arch, self.vk, self.X, self.logits, self.context, self.ternarity = arch, vk, X, logits, context, ternarity
        self.B = len(logits); self.plan = Plan(arch, self.B, X is None, modes)
    def but(self, **kw):
        d = dict(arch=self.arch, vk=self.vk, X=self.X, logits=self.logits, context=self.context, ternarity=self.ternarity, modes=self.plan.modes)
        return Instance(**{**d, **kw})
    def check(self):
        a = self.arch; lo, hi = a.xrange; top = 1 << a.k_last
        if self.B < 1 or (self.X is not None and len(self.X) != self.B): raise Reject('instance: batch')
        for x in self.X or []:
            if len(x) != a.widths[0] or not all(lo <= v <= hi for v in x): raise Reject('instance: input range')
        for z in self.logits:
            if len(z) != a.widths[-1] or not all(-top <= v < top for v in z): raise Reject('instance: logits range')
        if list(self.vk) != list(keyrows(a)): raise Reject('instance: verifying key shape')
        if len(self.ternarity) not in (0, 64): raise Reject('instance: ternarity digest')
    def absorb(self, tr):
        tr.absorb('curve', b'BN254 G1'); tr.absorb('generators', GEN_LABEL)
        tr.absorb('key', key_digest(self.arch, self.vk)); tr.absorb('ternarity', self.ternarity)
        tr.absorb('modes', self.plan.modes.encode()); tr.absorb('private', bytes([self.plan.private])); tr.absorb('B', enc_int(self.B))
        tr.absorb('input', b''.join(v.to_bytes(4, 'big', signed=True) for x in self.X or [] for v in x))
        tr.absorb('logits', b''.join(enc_int(v) for z in self.logits for v in z))
        tr.absorb('context', self.context)

# ------------------------------------------------------------------------------------- layout (public, from the instance)
class Block:
    def __init__(self, kind, idx, k, table=None): self.kind, self.idx, self.k, self.table, self.off = kind, idx, k, table, 0
    def split(self, r):
        """(selector, local point) of this block for the global point r."""
        n = len(r) - self.k
        return eq_at(r[:n], self.off >> self.k), r[n:]
def place(blocks):
    """Largest first (stable): every offset is then a multiple of its block's size.  Returns the total bits."""
    blocks.sort(key=lambda b: -b.k); off = 0
    for b in blocks: b.off = off; off += 1 << b.k
    return max(1, log2up(off))

class Layout:
    def __init__(self, plan):
        arch = plan.arch; self.plan, self.arch, self.B, self.lb = plan, arch, plan.B, log2up(plan.B)      # lb: number of batch bits
        self.look = []                                                # lookup leaves: local index = i * 2^lb + beta
        for b, use in enumerate(plan.use):
            for t in use: self.look.append(Block(plan.tables[t][0], b, log2up(arch.widths[b + 1]) + self.lb, t))
        if plan.private: self.look.append(Block('x', -1, log2up(arch.widths[0]) + self.lb, plan.tin))
        self.K = place(self.look)
        self.lin = [Block('layer', b, log2up(arch.widths[b])) for b in range(arch.L)]
        self.lin += [Block('table', t, log2up(len(e))) for t, (_, e) in enumerate(plan.tables)]
        self.lin += [Block('bias', b, 0) for b in range(arch.L)]     # one entry: c_b * bias~(r_b) times sum_{beta<B} eq(r_B,beta)
        self.KJ = place(self.lin)
        self.padtab = self.look[0].table                              # the tail repeats this table's zero pattern
    def zero_pattern(self, t):
        kind, entries = self.plan.tables[t]
        return (half(len(entries).bit_length() - 1) if kind == 'rem' else 0, 0)
    def key(self, t, tup, beta): return (tup[0] + beta * tup[1] + beta * beta % R * self.plan.table_id(t)) % R
    def rowcount(self):
        a, n = self.arch, 0
        for b in range(a.L - 1): n += self.B * nrows(a.widths[b + 1], a.M) * (2 if self.plan.modes[b] == 'b' else 1)
        if self.plan.private: n += self.B * nrows(a.widths[0], a.M)
        return n + sum(nrows(len(e), a.M) for _, e in self.plan.tables)
    def counts(self):
        """{stage: (points, scalars)} of a single proof, in the order of the stages."""
        K, m, prods = self.K, log2up(self.arch.M), 2 * self.K + 1
        return dict(rows=(self.rowcount(), 0), roots=(3, 0), lookup_rounds=(K * (K - 1), 0), lookup_ends=(5 * (K - 1) + 2, 0),
                    linear=(1 + 2 * self.KJ + 2, 0), reduction=(2 * m, 0), products=(3 * prods, 5 * prods),
                    opening=(2, self.arch.M + 2), knowledge=(1, 2))
    def proof_size(self): return tuple(map(sum, zip(*self.counts().values())))

class Functional:
    """Linear functional of committed rows: {(column point, width): {row key: coefficient}}."""
    def __init__(self, M, mask=True): self.M, self.m, self.g, self.mask = M, log2up(M), {}, mask
    def add(self, rowkey, n, pt, coef):
        """coef * sum_{i<n} eq(pt,i) v[i] for the vector whose rows are rowkey + (chunk,)."""
        hi, lo = (pt[:-self.m] if self.m else pt, pt[len(pt) - self.m:]) if len(pt) > self.m else ([], pt)
        for c in range(nrows(n, self.M)):
            w = min(self.M, n - c * self.M) if self.mask else 1 << len(lo)
            rows = self.g.setdefault((tuple(lo), w), {}); k = rowkey + (c,)
            rows[k] = (rows.get(k, 0) + coef * eq_at(hi, c)) % R
def column(lo, w, M):
    e = eq_table(lo)[:w]; return e + [0] * (M - len(e))

def functionals(lay, tag, sc, weak):
    """The three functionals of one proof (weights, inputs, activation form) from its public challenges `sc`."""
    a, M = lay.arch, lay.arch.M; mask = 'no-mask' not in weak
    fw, fx, fv = Functional(M, mask), Functional(M, mask), Functional(M, mask)
    eqB = eq_table(sc.rB)[:lay.B]
    for blk in lay.lin:
        sel, loc = blk.split(sc.s); b = blk.idx
        if blk.kind == 'table': fx.add(('m', tag, b), len(lay.plan.tables[b][1]), loc, sel); continue
        if blk.kind == 'bias': fw.add(('b', b), a.widths[b + 1], sc.rb[b], sel * sc.c[b] % R); continue
        er = eq_table(sc.rb[b])
        for i in range(a.widths[b + 1]): fw.add(('W', b, i), a.widths[b], loc, sel * sc.c[b] % R * er[i] % R)
        if b or lay.plan.private:
            for be in range(lay.B): fx.add(('y', tag, b - 1, be) if b else ('x', tag, be), a.widths[b], loc, sel * eqB[be] % R)
    for blk in lay.look:
        sel, loc = blk.split(sc.r); b = blk.idx; n = a.widths[b + 1]; pt = loc[:len(loc) - lay.lb]
        for be in range(lay.B):
            if blk.kind == 'x': fv.add(('x', tag, be), n, pt, sel * eqB[be] % R)
            if blk.kind in ('zy', 'qy'): fv.add(('y', tag, b, be), n, pt, sel * sc.beta % R * eqB[be] % R)
            if blk.kind == 'rem': fv.add(('q', tag, b, be), n, pt, -sel * (1 << a.hidden[b][0]) * eqB[be] % R)
            if blk.kind == 'qy': fv.add(('q', tag, b, be), n, pt, sel * eqB[be] % R)
    return [fw, fx, fv]

class Scope:
    """Public challenges and derived public values of one proof, up to stage 3."""
    def leaf(self, lay, r):
        """Selectors, local points and the constant part of the leaf form at the leaf point r."""
        self.r, self.rB, self.c, self.rb = r, r[len(r) - lay.lb:] if lay.lb else [], {}, {}
        tot, const = 0, 0
        for blk in lay.look:
            sel, loc = blk.split(r); tot += sel; const += sel * self.beta % R * self.beta % R * lay.plan.table_id(blk.table)
            if blk.kind == 'rem': const += sel * half(lay.arch.hidden[blk.idx][0])
            if blk.kind in ('zy', 'rem'): self.c[blk.idx], self.rb[blk.idx] = sel, loc[:len(loc) - lay.lb]
        self.const = (const + (1 - tot) * lay.key(lay.padtab, lay.zero_pattern(lay.padtab), self.beta)) % R
    def logits(self, lay, ch, weak):
        L = lay.arch.L - 1
        self.rb[L] = [ch.challenge("r'") for _ in range(log2up(lay.arch.widths[-1]))]
        self.gamma = self.c[L] = ch.challenge('gamma'); self.gS = 1 if 'one-gamma' in weak else self.gamma ** 2 % R

class Sub:
    """End state of one proof before stage 4: claims [(hidden value, functional)], products, scalars sent."""
    def __init__(self, claims, products, sent, rows): self.claims, self.products, self.sent, self.rows = claims, products, sent, rows

# ------------------------------------------------------------------------------------- prover, stages 1-3
class Witness:
    """Everything the prover commits to or folds; tests bend it."""
    def __init__(self, model, X):
        self.model, self.X = model, X; self.z, self.q, self.y = model.run(X); self.m = None
    def rerun(self, b):
        """(for the tests) after bending y[b]: recompute everything above it."""
        for l in range(b + 1, self.model.arch.L):
            self.z[l] = [self.model.linear(l, x) for x in self.y[l - 1]]
            if l < self.model.arch.L - 1:
                s, ymin, ymax, _ = self.model.arch.hidden[l]
                self.q[l] = [[requant(v, s) for v in r] for r in self.z[l]]; self.y[l] = [[act(v, ymin, ymax) for v in r] for r in self.q[l]]
    def tuples(self, lay):
        """The lookup tuples, leaf by leaf, as (table, (t1, t2)); zero pattern where nothing else applies."""
        a, out = lay.arch, [(lay.padtab, lay.zero_pattern(lay.padtab))] * (1 << lay.K)
        for blk in lay.look:
            b = blk.idx; s = a.hidden[b][0]
            for l in range(1 << blk.k):
                i, be = l >> lay.lb, l & ((1 << lay.lb) - 1); t = lay.zero_pattern(blk.table)
                if be < lay.B and i < len(self.X[be] if blk.kind == 'x' else self.z[b][be]):
                    if blk.kind == 'x': t = (self.X[be][i], 0)
                    else:
                        z, q, y = self.z[b][be][i], self.q[b][be][i], self.y[b][be][i]
                        t = {'zy': (z, y), 'qy': (q, y), 'rem': (z + half(s) - (q << s), 0)}[blk.kind]
                out[blk.off + l] = (blk.table, t)
        return out
    def count(self, lay):
        self.m = [[0] * len(e) for _, e in lay.plan.tables]
        pos = [{t: n for n, t in enumerate(e)} for _, e in lay.plan.tables]
        for t, tup in self.tuples(lay):
            if tup in pos[t]: self.m[t][pos[t][tup]] += 1

def prove_body(inst, sk, wit, ch, tag=0, weak=()):
    a, B, plan = inst.arch, inst.B, inst.plan; lay = Layout(plan); M = a.M; sc = Scope(); rows = dict(sk); products = []
    inst.absorb(ch.tr)
    # -- stage 1: witness rows: private x by batch, chunk; y then q' by layer, batch, chunk; m by table, chunk
    def put(key, vec):
        for c, w in enumerate(chunks(vec, M)):
            rows[key + (c,)] = (w, ch.blinds.draw('row')); ch.point('row', commit_row(*rows[key + (c,)]))
    if wit.m is None: wit.count(lay)
    if plan.private:
        for be in range(B): put(('x', tag, be), wit.X[be])
    for b in range(a.L - 1):
        for be in range(B): put(('y', tag, b, be), wit.y[b][be])
        if plan.modes[b] == 'b':
            for be in range(B): put(('q', tag, b, be), wit.q[b][be])
    for t, m in enumerate(wit.m): put(('m', tag, t), m)
    alpha = sc.alpha = ch.challenge('alpha'); sc.beta = ch.challenge('beta')
    # -- stage 2: LogUp-GKR
    qs = [(alpha - lay.key(t, tup, sc.beta)) % R for t, tup in wit.tuples(lay)]
    vt = [[inv(alpha - lay.key(t, e, sc.beta)) for e in ent] for t, (_, ent) in enumerate(plan.tables)]
    Sval = sum(m * v for mt, vv in zip(wit.m, vt) for m, v in zip(mt, vv)) % R
    qs = ch.hook('leaves', (qs, Sval))[0]                     # hooks let the tests cheat; by default they do nothing
    tree = [([1] * len(qs), qs)]
    for _ in range(lay.K):
        p, q = tree[0]; h = len(p) // 2
        tree.insert(0, ([(p[i] * q[i + h] + p[i + h] * q[i]) % R for i in range(h)], [q[i] * q[i + h] % R for i in range(h)]))
    if ch.hook('S=p/q', 0): Sval = tree[0][0][0] * inv(tree[0][1][0]) % R
    p, q, S = ch.scalar('p_root', tree[0][0][0]), ch.scalar('q_root', tree[0][1][0]), ch.scalar('S', Sval)
    products.append(('S*q=p', S, q, p)); w = []
    for k in range(lay.K):
        lam = ch.challenge('lambda'); e = q + p * lam; last = k == lay.K - 1
        tp, tq = tree[k + 1]; h = len(tp) // 2; p0, p1, q0, q1 = tp[:h], tp[h:], tq[:h], tq[h:]; rs = []
        for i in range(k):
            h //= 2; E = eq_table(w[i + 1:]); d = c = 0
            for x in range(h):
                f = [lam * (p0[y] * q1[y] + p1[y] * q0[y]) + q0[y] * q1[y] for y in (x, x + h)]
                D = [t[x + h] - t[x] for t in (p0, p1, q0, q1)]
                d += E[x] * (f[1] - f[0]); c += E[x] * (lam * (D[0] * D[3] + D[1] * D[2]) + D[2] * D[3])
            d, c = ch.scalar('d', d), ch.scalar('c', c); r = ch.challenge('r'); rs.append(r)
            e = e + d * (r - w[i]) + c * (r * (r - 1))
            p0, p1, q0, q1 = (fold(t, r) for t in (p0, p1, q0, q1))
        if not last:
            P0, P1, Q0, Q1 = (ch.scalar(n, t[0]) for n, t in (('p0', p0), ('p1', p1), ('q0', q0), ('q1', q1)))
            A = ch.scalar('A', q1[0] * (lam * p0[0] + q0[0]))
            products += [('q1*(q0+lam p0)', Q1, Q0 + P0 * lam, A), ('q0*lam p1', Q0, P1 * lam, e - A)]
        else:
            Q0, Q1 = ch.scalar('q0', q0[0]), ch.scalar('q1', q1[0])
            products.append(('leaf', Q0 + lam, Q1 + lam, e + lam * lam))
        tau = ch.challenge('tau'); w = [tau] + rs; q = Q0 + (Q1 - Q0) * tau
        if not last: p = P0 + (P1 - P0) * tau
    sc.leaf(lay, w)
    # -- the two tables of stage 3 (their inner product without logits and table side is u)
    eqB = eq_table(sc.rB)[:B]; one = sum(eqB) % R
    left, right = [0] * (1 << lay.KJ), [0] * (1 << lay.KJ)
    def fill(blk):
        b = blk.idx; er = eq_table(sc.rb[b])
        if blk.kind == 'bias': left[blk.off], right[blk.off] = sc.c[b] * sum(x * y for x, y in zip(er, wit.model.bias[b])) % R, one; return
        src = wit.X if b == 0 else wit.y[b - 1]
        for j in range(len(src[0])):
            left[blk.off + j] = sc.c[b] * sum(er[i] * r[j] for i, r in enumerate(wit.model.rows[b])) % R
            right[blk.off + j] = sum(eqB[be] * src[be][j] for be in range(B)) % R
    for blk in lay.lin:
        if blk.kind != 'table' and blk.idx < a.L - 1: fill(blk)
    u = ch.scalar('u', sum(x * y for x, y in zip(left, right)) if not ch.hook('u=leaf', 0) else
                  alpha - q.v - sc.const - form_value(functionals_v(lay, tag, sc, weak), rows))
    sc.logits(lay, ch, weak)
    Z = zlogits(lay, sc, inst.logits)
    for blk in lay.lin:
        if blk.kind == 'table':
            for n, v in enumerate(vt[blk.idx]): left[blk.off + n], right[blk.off + n] = sc.gS * v % R, wit.m[blk.idx][n]
        elif blk.idx == a.L - 1: fill(blk)
    e = u + S * sc.gS + sc.gamma * Z; left = ch.hook('left', left)
    # -- stage 3: linear sumcheck
    sc.s = []
    for _ in range(lay.KJ):
        h = len(left) // 2
        g0 = sum(left[i] * right[i] for i in range(h)); c = sum((left[i + h] - left[i]) * (right[i + h] - right[i]) for i in range(h))
        e, r = plain_round(ch, e, g0, c); sc.s.append(r); left, right = fold(left, r), fold(right, r)
    ends = ch.hook('ends', (left[0], right[0], e.v)); wh, xh = ch.scalar('w_hat', ends[0]), ch.scalar('x_hat', ends[1])
    products.append(('w_hat*x_hat', wh, xh, e))
    pw, px = public_parts(lay, sc, inst.X)
    F = functionals(lay, tag, sc, weak)
    return Sub(list(zip([wh - pw, xh - px, -q - u + (alpha - sc.const)], F)), products, ch.sent, rows)

def plain_round(ch, e, g0, c):
    a, c = ch.scalar('a', g0), ch.scalar('c', c); r = ch.challenge('r')
    return a * (1 - 2 * r) + c * (r * r - r) + e * r, r
def functionals_v(lay, tag, sc, weak):
    save = getattr(sc, 's', None); sc.s = [0] * lay.KJ; c, rb = dict(sc.c), dict(sc.rb)
    sc.c.setdefault(lay.arch.L - 1, 0); sc.rb.setdefault(lay.arch.L - 1, [0] * log2up(lay.arch.widths[-1]))
    f = functionals(lay, tag, sc, weak)[2]; sc.s, sc.c, sc.rb = save, c, rb; return f
def form_value(f, rows):
    return sum(co * sum(x * y for x, y in zip(column(*g, f.M), rows[k][0])) for g, rr in f.g.items() for k, co in rr.items()) % R

# public values used by both sides
def zlogits(lay, sc, logits):
    er, eB = eq_table(sc.rb[lay.arch.L - 1]), eq_table(sc.rB)
    return sum(eB[be] * sum(er[i] * v for i, v in enumerate(z)) for be, z in enumerate(logits)) % R
def public_parts(lay, sc, X):
    """What of w_hat and x_hat is public: the table values v_t; the public input and the bias blocks' right side."""
    pw, px = 0, 0; eB = eq_table(sc.rB)[:lay.B]; one = sum(eB)
    for blk in lay.lin:
        sel, loc = blk.split(sc.s); E = eq_table(loc)
        if blk.kind == 'table':
            pw += sel * sc.gS % R * sum(E[n] * inv(sc.alpha - lay.key(blk.idx, t, sc.beta)) for n, t in enumerate(lay.plan.tables[blk.idx][1]))
        elif blk.kind == 'bias': px += sel * one
        elif blk.idx == 0 and not lay.plan.private:
            px += sel * sum(eB[be] * sum(E[j] * v for j, v in enumerate(x)) for be, x in enumerate(X))
    return pw % R, px % R

# ------------------------------------------------------------------------------------- verifier, stages 1-3
def verify_body(inst, ch, tag=0, weak=()):
    inst.check(); a, B, plan = inst.arch, inst.B, inst.plan; lay = Layout(plan); M = a.M; sc = Scope(); products = []
    inst.absorb(ch.tr)
    for k, pt in inst.vk.items(): ch.points[k] = pt
    def get(key, n):
        for c in range(nrows(n, M)): ch.point('row', key + (c,))
    if plan.private:
        for be in range(B): get(('x', tag, be), a.widths[0])
    for b in range(a.L - 1):
        for be in range(B): get(('y', tag, b, be), a.widths[b + 1])
        if plan.modes[b] == 'b':
            for be in range(B): get(('q', tag, b, be), a.widths[b + 1])
    for t, (_, ent) in enumerate(plan.tables): get(('m', tag, t), len(ent))
    sc.alpha = ch.challenge('alpha'); sc.beta = ch.challenge('beta')
    p, q, S = ch.scalar('p_root'), ch.scalar('q_root'), ch.scalar('S'); products.append(('S*q=p', S, q, p)); w = []
    for k in range(lay.K):
        lam = ch.challenge('lambda'); e = q + p * lam; rs = []; last = k == lay.K - 1
        for i in range(k):
            d, c = ch.scalar('d'), ch.scalar('c'); r = ch.challenge('r'); rs.append(r)
            e = e + d * (r - w[i]) + c * (r * (r - 1))
        if not last:
            p0, p1, q0, q1, A = (ch.scalar(n) for n in ('p0', 'p1', 'q0', 'q1', 'A'))
            products += [('q1*(q0+lam p0)', q1, q0 + p0 * lam, A), ('q0*lam p1', q0, p1 * lam, e - A)]
        else:
            q0, q1 = ch.scalar('q0'), ch.scalar('q1'); products.append(('leaf', q0 + lam, q1 + lam, e + lam * lam))
        tau = ch.challenge('tau'); w = [tau] + rs; q = q0 + (q1 - q0) * tau
        if not last: p = p0 + (p1 - p0) * tau
    sc.leaf(lay, w); u = ch.scalar('u'); sc.logits(lay, ch, weak)
    e = u + S * sc.gS + sc.gamma * zlogits(lay, sc, inst.logits); sc.s = []
    for _ in range(lay.KJ): e, r = plain_round_v(ch, e); sc.s.append(r)
    wh, xh = ch.scalar('w_hat'), ch.scalar('x_hat'); products.append(('w_hat*x_hat', wh, xh, e))
    pw, px = public_parts(lay, sc, inst.X)
    F = functionals(lay, tag, sc, weak)
    return Sub(list(zip([wh - pw, xh - px, -q - u + (sc.alpha - sc.const)], F)), products, ch.sent, None)
def plain_round_v(ch, e):
    a, c = ch.scalar('a'), ch.scalar('c'); r = ch.challenge('r')
    return a * (1 - 2 * r) + c * (r * r - r) + e * r, r

# ------------------------------------------------------------------------------------- stages 4 and 5 (any number of proofs)
def combine_claims(subs, rho, weak=()):
    """Combined hidden value and combined functional: claim number i (over all proofs) gets rho^i."""
    e, groups, f = None, {}, 1
    if 'rho-one' in weak: rho = 1
    for sub in subs:
        for val, fn in sub.claims:
            e = val * f if e is None else e + val * f
            for g, rr in fn.g.items():
                d = groups.setdefault(g, {})
                for k, co in rr.items(): d[k] = (d.get(k, 0) + co * f) % R
            f = f * rho % R
    return e, groups

def close_transcript(digests):
    tr = Transcript(b'zktern/v1/close'); tr.absorb('count', enc_int(len(digests)))
    for d in digests: tr.absorb('proof', d)
    return tr

class Acc:
    """What is left to open: the row committed in `row` has the value e at eq(t).  Prover: row = (entries, blind), e a Sec;
    verifier: both are Forms.  digest (of a leaf or merge, not of a single closing) covers every word that led here."""
    def __init__(self, row, t, e): self.row, self.t, self.e, self.digest = row, t, e, None

def prove_rows(ch, e, rows, cols):
    """Sumcheck of e = sum_g <cols_g, rows_g>; what is left is the row sum_g cols_g(t)*row_g at t.  rows: (entries, blind)."""
    ws, as_, t, M = [w for w, _ in rows], cols, [], len(cols[0])
    for _ in range(log2up(M)):
        h = len(ws[0]) // 2; g0 = c = 0
        for x, y in zip(ws, as_):
            g0 += sum(x[i] * y[i] for i in range(h)); c += sum((x[i + h] - x[i]) * (y[i + h] - y[i]) for i in range(h))
        e, r = plain_round(ch, e, *ch.hook('round', (g0, c))); t.append(r); ws, as_ = [fold(x, r) for x in ws], [fold(y, r) for y in as_]
    at = [y[0] for y in as_]                                   # a_g(t)
    return Acc(([sum(f * w[j] for f, (w, _) in zip(at, rows)) % R for j in range(M)], sum(f * b for f, (_, b) in zip(at, rows)) % R), t, e)
def verify_rows(ch, e, m, rows):
    """rows: (form, its column as a function of the point)."""
    t, C = [], Form({})
    for _ in range(m): e, r = plain_round_v(ch, e); t.append(r)
    for form, at in rows: C = C + form * at(t)
    return Acc(C, t, e)

def prove_reduce(subs, M, ch, weak):
    """Stage 4: all claims of all subs become one."""
    rho = ch.challenge('rho'); e, groups = combine_claims(subs, rho, weak); rows = {}
    for s in subs: rows.update(s.rows)
    comb = [([sum(co * rows[k][0][j] for k, co in rr.items()) % R for j in range(M)], sum(co * rows[k][1] for k, co in rr.items()) % R) for rr in groups.values()]
    return prove_rows(ch, e, comb, [column(*g, M) for g in groups])
def verify_reduce(subs, M, ch, weak=()):
    rho = ch.challenge('rho'); e, groups = combine_claims(subs, rho, weak); m = log2up(M)
    def at(lo, w): return lambda t: eq_masked([0] * (m - len(lo)) + list(lo), t, w)      # a short column point lives in the first 2^len entries
    return verify_rows(ch, e, m, [(Form(rr), at(lo, w)) for (lo, w), rr in groups.items()])

def prove_final(ch, prods, sent, acc=None):
    """Stage 5: the products, knowledge of everything in `sent`, and the opening of acc unless that is deferred."""
    eps = ch.challenge('epsilon'); pok, f, secret = Sec(0), 1, []
    for s in sent: pok = pok + s * f; f = f * eps % R
    for _, X, Y, Z in prods:
        b = [ch.blinds.draw('product') for _ in range(5)]; secret.append(b)
        ch.point('A', commit(b[0], b[1])); ch.point('B', commit(b[2], b[3])); ch.point('D', commit(b[2] * X.v, b[2] * X.r + b[4]))
    if acc:
        M = len(acc.row[0]); delta = [ch.blinds.draw('mask') for _ in range(M)]; rD, rE = ch.blinds.draw('mask'), ch.blinds.draw('mask')
        ch.point('Delta', commit_row(delta, rD)); ch.point('E', commit(sum(x * y for x, y in zip(eq_table(acc.t), delta)), rE))
    k0, k1 = ch.blinds.draw('knowledge'), ch.blinds.draw('knowledge'); ch.point('K', commit(k0, k1))
    c = ch.challenge('c')
    for (_, X, Y, Z), b in zip(prods, secret):
        for v in (b[0] + c * X.v, b[1] + c * X.r, b[2] + c * Y.v, b[3] + c * Y.r, b[4] + c * (Z.r - X.r * Y.v)): ch.field('z', v)
    if acc:
        for j in range(M): ch.field('open', ch.hook('open', delta[j] + c * acc.row[0][j]))
        ch.field('open', rD + c * acc.row[1]); ch.field('open', rE + c * acc.e.r)
    ch.field('pok', k0 + c * pok.v); ch.field('pok', k1 + c * pok.r)
def verify_final(ch, prods, sent, acc=None):
    """Returns the checks, each a named linear form that must be the identity."""
    eps = ch.challenge('epsilon'); pok, f = Form({}), 1
    for s in sent: pok = pok + s * f; f = f * eps % R
    first = [[ch.point(n) for n in 'ABD'] for _ in prods]
    if acc: De, E = ch.point('Delta'), ch.point('E')
    K = ch.point('K'); c = ch.challenge('c'); checks = []
    for (name, X, Y, Z), (A, Bp, D) in zip(prods, first):
        z = [ch.field('z') for _ in range(5)]
        checks += [('product ' + name, A + X * c - com(z[0], z[1])), ('product ' + name, Bp + Y * c - com(z[2], z[3])),
                   ('product ' + name, D + Z * c - X * z[2] - Form({'H': z[4]}))]
    if acc:
        z = [ch.field('open') for _ in range(1 << len(acc.t))]; zr, ze = ch.field('open'), ch.field('open')
        checks.append(('opening: row', De + acc.row * c - Form({('gen', j): v for j, v in enumerate(z)}) - com(0, zr)))
        checks.append(('opening: value', E + acc.e * c - com(sum(x * y for x, y in zip(eq_table(acc.t), z)), ze)))
    k0, k1 = ch.field('pok'), ch.field('pok'); checks.append(('knowledge', K + pok * c - com(k0, k1)))
    return checks
def com(v, r): return Form({'G': v % R, 'H': r % R})
def products(subs): return [x for sub in subs for x in sub.products]
def sent(subs, ch): return [x for sub in subs for x in sub.sent] + ch.sent

def prove_close(subs, M, ch, weak=()):
    acc = prove_reduce(subs, M, ch, weak); prove_final(ch, products(subs), sent(subs, ch), acc)
def verify_close(subs, M, ch, weak=()):
    acc = verify_reduce(subs, M, ch, weak); return verify_final(ch, products(subs), sent(subs, ch), acc)

def evaluate(form, points): return msm([(co, points[k]) for k, co in form.d.items()])

# ------------------------------------------------------------------------------------- whole proofs
LABEL = b'zktern/v1/proof'
def prove_many(jobs, hook=None, weak=(), seeds=None, trace=None):
    """jobs: [(instance, secret key, witness)] of one model.  One closing for all (deferred openings).  One job: one
    Blinds for body and closing; several: one seed per body, then one for the closing.  trace: a dict to fill."""
    chans, subs, digs = [], [], []
    bl = [Blinds(s) for s in (seeds or [None] * (len(jobs) + (len(jobs) > 1)))]; assert len(bl) == len(jobs) + (len(jobs) > 1)
    for n, (inst, sk, wit) in enumerate(jobs):
        ch = Writer(Transcript(LABEL), bl[n], hook); subs.append(prove_body(inst, sk, wit, ch, n, weak))
        chans.append(ch); digs.append(ch.tr.squeeze('end'))
    ch = Writer(close_transcript(digs), bl[-1], hook); prove_close(subs, jobs[0][0].arch.M, ch, weak); chans.append(ch)
    if trace is not None: trace.update(words=[w for c in chans for w in c.words], ends=digs)
    return b''.join(c.out for c in chans)
def verify_many(insts, proof, weak=(), debug=False, trace=None):
    """Raises Reject.  debug: evaluate every check separately and name the ones that fail.  trace: a dict to fill."""
    M = insts[0].arch.M; points = {'G': G, 'H': H, **{('gen', j): g for j, g in enumerate(gens(M))}}
    if len({key_digest(i.arch, i.vk) for i in insts}) != 1: raise Reject('different models')
    pos, subs, digs, log = 0, [], [], []
    for n, inst in enumerate(insts):
        ch = Reader(Transcript(LABEL), proof, pos, points, n); subs.append(verify_body(inst, ch, n, weak))
        pos = ch.pos; digs.append(ch.tr.squeeze('end')); log += ch.tr.log
    ch = Reader(close_transcript(digs), proof, pos, points, 'close'); checks = verify_close(subs, M, ch, weak)
    if ch.pos != len(proof): raise Reject('trailing bytes')
    if debug:
        bad = [n for n, f in checks if evaluate(f, points)[2]]
        if bad: raise Reject('; '.join(sorted(set(bad))))
    xi, f, total = ch.challenge('xi'), 1, Form({})             # all checks in ONE multi-scalar multiplication
    for _, form in checks: total = total + form * f; f = f * xi % R
    if trace is not None: trace.update(challenges=log + ch.tr.log)
    if evaluate(total, points)[2]: raise Reject('final check')
    return len(total.d)

# ------------------------------------------------------------------------------------- aggregates: leaves, merges, the decider
# A leaf is a proof without its opening.  It leaves an accumulator: "the row in C* has the value [e] at eq(t)".  A merge makes
# one accumulator of k; the decider is the merge at the root, with the opening.  Why this is sound and hides what it must:
#  - t, [e], C* are functions of a node's transcript, and its end digest is squeezed after all its words (first messages and
#    responses too).  So absorbing the children's digests before rho fixes all errors d_i = e_i - w_i~(t_i) before rho, and
#    sum_i rho^i d_i = 0 has at most k - 1 roots.  Merge, decider, leaf and body have domains of their own: no digest of one
#    is that of another, and no part of a tree can be read as a tree of another shape.
#  - epsilon and c are per node.  Products and knowledge are statements about the node's own points, each with its own
#    Fiat-Shamir challenge over its own first messages; nothing is shared between nodes but the accumulators.  One xi for all
#    checks, from the decider's transcript, comes after every word below.
#  - K in a merge.  No forgery without it is known, nor is there one against a single merge: e' = (1-2r)a + (r^2-r)c + r*e
#    at three values of r gives the openings of a, c and e, so an extractor could do without.  But it would branch three ways
#    in every round of every level, 3^(m*depth) runs.  With K, two values of c (and of epsilon, one for every scalar) in the
#    node itself give them all: the number of runs no longer depends on the depth in this way.  It costs one point, two scalars.
#  - Rows.  Openings of the C_i come from runs with other rho.  When a leaf is made after a merge of others (a chain), these
#    runs nest, one factor k per level: polynomial for depth O(log T); 32 are allowed.  In the algebraic group model, where a prover states how
#    its points are made, nothing is rewound and every tree is as good.  No attack on deep trees is known.
#  - Nothing but the decider opens a row, under a mask of its own; all other words are hiding commitments or masked
#    responses (see the simulator, which makes two aggregates of ONE leaf).  But every closing needs blinds of its own: one seed
#    for a proof and a leaf of one statement, or for a merge and a decider of the same children, gives one first message two
#    challenges and so the scalars away (shown in the tests).  Seeds must therefore depend on the closing's domain and children.
#  - What is kept for a later merge (w*, M scalars) is SECRET like the model: M equations in its weights and the witness, with
#    public coefficients; a short ternary column follows from one of them.
#  - A leaf twice.  It proves nothing false.  END digests do not even find it: one body closed twice has two of them.
#    So BODY digests are compared; and this finds only the same file given twice.  Who proves a statement again with fresh blinds
#    has another body, and one statement may rightly occur twice: the number of leaves never says how many DIFFERENT inferences
#    were made.  Whoever counts compares statements (with contexts or inputs that must differ).
def leaf_transcript(body): tr = Transcript(b'zktern/v1/leaf'); tr.absorb('proof', body); return tr
def prove_leaf(inst, sk, wit, seed=None, hook=None, weak=(), trace=None):
    """(entry, accumulator)."""
    ch = Writer(Transcript(LABEL), Blinds(seed), hook); sub = prove_body(inst, sk, wit, ch, 0, weak); body = ch.tr.squeeze('end')
    cl = Writer(leaf_transcript(body), ch.blinds, hook); acc = prove_reduce([sub], inst.arch.M, cl, weak); prove_final(cl, sub.products, sub.sent + cl.sent)
    acc.digest = cl.tr.squeeze('end')
    if trace is not None: trace.update(words=ch.words + cl.words, challenges=ch.tr.log + cl.tr.log, ends=[body, acc.digest])
    return ('leaf', inst, bytes(ch.out + cl.out)), acc
def verify_leaf(inst, words, points, tag, weak=()):
    """(body's digest, accumulator, checks); rows of the key are named by the model, all other points by the tag."""
    own = {}; ch = Reader(Transcript(LABEL), words, 0, own, tag); sub = verify_body(inst, ch, tag, weak); body = ch.tr.squeeze('end')
    cl = Reader(leaf_transcript(body), words, ch.pos, own, ('leaf', tag)); acc = verify_reduce([sub], inst.arch.M, cl, weak)
    checks = verify_final(cl, sub.products, sub.sent + cl.sent); acc.digest = cl.tr.squeeze('end')
    if cl.pos != len(words): raise Reject('trailing bytes')
    leaf_points(inst, acc, own, points); return body, acc, checks
def leaf_points(inst, acc, own, points):
    model = key_digest(inst.arch, inst.vk); name = lambda k: (model, k) if k in inst.vk else k
    points.update({name(k): p for k, p in own.items()}); acc.row = Form({name(k): v for k, v in acc.row.d.items()})

def merge_transcript(accs, root, weak=()):
    """The transcript of a merge and its rho."""
    tr = Transcript(b'zktern/v1/decide' if root else b'zktern/v1/merge'); tr.absorb('count', enc_int(len(accs))); rho = None
    for i, a in enumerate(accs):
        if 'rho-early' in weak and i == len(accs) - 1: rho = tr.challenge('rho')
        if 'no-digests' not in weak: tr.absorb('accumulator', a.digest)
    rho = rho or tr.challenge('rho'); return tr, 1 if 'merge-rho-one' in weak else rho
def powers(rho, accs): return [pow(rho, i, R) for i in range(len(accs))]
def prove_merge(accs, root=False, seed=None, hook=None, weak=(), trace=None):
    """(words, accumulator).  Rows of different widths: see the weak rule any-M."""
    tr, rho = merge_transcript(accs, root, weak); ch = Writer(tr, Blinds(seed), hook); accs = accs or [Acc(([0], 0), [], Sec(0))]      # (none: a forgery)
    fs = powers(rho, accs); M = max(len(a.row[0]) for a in accs)
    def col(a, f): E = eq_table(a.t); return [f * (1 if 'no-eq' in weak else E[x * len(E) // M]) % R for x in range(M)]
    acc = prove_rows(ch, sum(a.e * f for a, f in zip(accs, fs)), [(a.row[0] + [0] * (M - len(a.row[0])), a.row[1]) for a in accs], [col(a, f) for a, f in zip(accs, fs)])
    prove_final(ch, [], ch.sent, acc if root else None)
    if not root: acc.digest = tr.squeeze('end')
    if trace is not None: trace.update(words=ch.words, challenges=tr.log, ends=[] if root else [acc.digest])
    return bytes(ch.out), acc
def verify_merge(accs, words, points, tag, root=False, weak=()):
    """(accumulator, checks, transcript)."""
    tr, rho = merge_transcript(accs, root, weak); ch = Reader(tr, words, 0, points, ('merge', tag)); acc = join(accs, rho, ch, weak)
    checks = verify_final(ch, [], ch.sent, acc if root else None)
    if ch.pos != len(words): raise Reject('trailing bytes')
    if not root: acc.digest = tr.squeeze('end')
    return acc, checks, tr
def join(accs, rho, ch, weak=()):
    """sum_x sum_i rho^i w_i(x) eq(t_i, x) becomes sum_i rho^i eq(t_i, t') w_i~(t')."""
    def at(a, f): return lambda t: f if 'no-eq' in weak else f * eq_masked(a.t, t[:len(a.t)], 1 << len(a.t)) % R
    e = sum((a.e * f for a, f in zip(accs, powers(rho, accs))), Form({}))
    return verify_rows(ch, e, max((len(a.t) for a in accs), default=0), [(a.row, at(a, f)) for a, f in zip(accs, powers(rho, accs))])

def prove_tree(tree, leaves, root=True, weak=()):
    """(entries in postfix order, accumulator); tree: the number of a leaf, or a list of trees."""
    if isinstance(tree, int): return [leaves[tree][0]], leaves[tree][1]
    parts = [prove_tree(t, leaves, False, weak) for t in tree]; words, acc = prove_merge([a for _, a in parts], root, weak=weak)
    return [e for es, _ in parts for e in es] + [('merge', len(tree), words)], acc
def decider(entries): return max((n for n, e in enumerate(entries) if e[0] == 'merge'), default=None)
def entry_size(entry, M, root):
    """Bytes of the words of an entry."""
    if entry[0] == 'merge': return 32 * (2 * log2up(M) + 3 + (M + 4) * root)
    return 32 * (sum(Layout(entry[1].plan).proof_size()) - M - 4)
def check_tree(entries, weak=()):
    """All that is refused before a word is read: the shape, row widths, the number of words of every entry.  The leaves."""
    leaves, depths = [e[1] for e in entries if e[0] == 'leaf'], []
    if not leaves or len(leaves) > 4096 or len(entries) > 8192: raise Reject('number of entries')
    M = leaves[0].arch.M; last = decider(entries)
    if any(i.arch.M != M for i in leaves) and 'any-M' not in weak: raise Reject('row widths differ')
    for n, e in enumerate(entries):
        if e[0] == 'leaf': depths.append(0)
        elif 1 <= e[1] <= len(depths) or 'any-k' in weak: k = min(e[1], len(depths)); depths[len(depths) - k:] = [1 + max(depths[len(depths) - k:], default=0)]
        else: raise Reject('number of children')
        if depths[-1] > 32: raise Reject('tree is too deep')
    if (len(depths) != 1 or last != len(entries) - 1) and 'any-stack' not in weak: raise Reject('not one tree')
    for n, e in enumerate(entries):
        if len(e[2]) != entry_size(e, M, n == last) and not weak: raise Reject('number of words')
    return leaves
def verify_aggregate(entries, models, context, weak=(), debug=False, given=None, trace=None):
    """models: digests of the keys that are expected.  given: points of accumulators by entry, for the weak rule free-t."""
    leaves = check_tree(entries, weak)
    for i in leaves:
        if key_digest(i.arch, i.vk) not in models and 'any-model' not in weak: raise Reject('model is not expected')
        if i.context != context and 'any-context' not in weak: raise Reject('another context')
    points = {'G': G, 'H': H, **{('gen', j): g for j, g in enumerate(gens(max(i.arch.M for i in leaves)))}}
    stack, checks, bodies, tr, log, last = [], [], set(), None, [], decider(entries)
    for n, (kind, head, words) in enumerate(entries):
        if kind == 'leaf':
            body, acc, more = verify_leaf(head, words, points, n, weak)
            if body in bodies and 'twice' not in weak: raise Reject('a leaf twice')
            bodies.add(body)
        else:
            accs = stack[len(stack) - head:] if head <= len(stack) else stack; stack = stack[:-head] if head else stack
            acc, more, tr = verify_merge(accs, words, points, n, n == last and 'undecided' not in weak, weak); log += tr.log
        if 'free-t' in weak and given and n in given: acc.t = given[n]
        stack.append(acc); checks += [('entry %d: %s' % (n, name), f) for name, f in more]
    if debug:
        bad = [n for n, f in checks if evaluate(f, points)[2]]
        if bad: raise Reject('; '.join(sorted(set(bad))))
    xi, f, total = tr.challenge('xi'), 1, Form({})             # entry by entry; any order will do
    for _, form in checks: total = total + form * f; f = f * xi % R
    if trace is not None: trace.update(challenges=log, xi=xi)
    if evaluate(total, points)[2]: raise Reject('final check')
    return len(total.d)

# ------------------------------------------------------------------------------------- ternarity of the model (once per model)
def ternary_layout(arch):
    bl = [Block('layer', b, log2up(arch.widths[b + 1]) + log2up(arch.widths[b])) for b in range(arch.L)]    # index i * 2^kin + j
    return bl, place(bl)
def ternary_claim(arch, blocks, x):
    """W~(x) over j < n_in; what a committed row holds beyond its width is masked out here as everywhere."""
    f = Functional(arch.M)
    for blk in blocks:
        sel, loc = blk.split(x); b = blk.idx; ki = log2up(arch.widths[b + 1]); er = eq_table(loc[:ki])
        for i in range(arch.widths[b + 1]): f.add(('W', b, i), arch.widths[b], loc[ki:], sel * er[i] % R)
    return f
def ternary_start(arch, vk): tr = Transcript(b'zktern/v1/ternarity'); tr.absorb('key', key_digest(arch, vk)); return tr
def prove_ternary(model, sk, vk, seed=None, trace=None):
    a = model.arch; tr = ternary_start(a, vk); ch = Writer(tr, Blinds(seed))
    blocks, n = ternary_layout(a); W = [0] * (1 << n)
    for blk in blocks:
        for i, r in enumerate(model.rows[blk.idx]):
            for j, v in enumerate(r[:a.widths[blk.idx]]): W[blk.off + (i << log2up(a.widths[blk.idx])) + j] = v
    tau, e, x = [ch.challenge('tau') for _ in range(n)], Sec(0), []
    for k in range(n):
        h = len(W) // 2; E = eq_table(tau[k + 1:]); d = c2 = c3 = 0
        for i in range(h):
            w, D = W[i], W[i + h] - W[i]                     # f(X) = (w + D X)^3 - (w + D X)
            d += E[i] * (3 * w * w * D + 3 * w * D * D + D ** 3 - D); c2 += E[i] * 3 * w * D * D; c3 += E[i] * D ** 3
        d, c2, c3 = ch.scalar('d', d), ch.scalar('c2', c2), ch.scalar('c3', c3); r = ch.challenge('r'); x.append(r)
        e = e + d * (r - tau[k]) + c2 * (r * (r - 1)) + c3 * (r * (r * r - 1)); W = fold(W, r)
    w, w2 = ch.scalar('w', W[0]), ch.scalar('w2', W[0] * W[0])
    sub = Sub([(w, ternary_claim(a, blocks, x))], [('w*w', w, w, w2), ('w2*w', w2, w, e + w)], ch.sent, sk)
    ch2 = Writer(close_transcript([tr.squeeze('end')]), ch.blinds); prove_close([sub], a.M, ch2)
    if trace is not None: trace.update(words=ch.words + ch2.words)
    return bytes(ch.out + ch2.out)
def verify_ternary(a, vk, proof):
    if list(vk) != list(keyrows(a)): raise Reject('verifying key shape')
    tr = ternary_start(a, vk)
    points = {'G': G, 'H': H, **{('gen', j): g for j, g in enumerate(gens(a.M))}, **vk}
    ch = Reader(tr, proof, 0, points); blocks, n = ternary_layout(a)
    tau, e, x = [ch.challenge('tau') for _ in range(n)], Form({}), []
    for k in range(n):
        d, c2, c3 = ch.scalar('d'), ch.scalar('c2'), ch.scalar('c3'); r = ch.challenge('r'); x.append(r)
        e = e + d * (r - tau[k]) + c2 * (r * (r - 1)) + c3 * (r * (r * r - 1))
    w, w2 = ch.scalar('w'), ch.scalar('w2')
    sub = Sub([(w, ternary_claim(a, blocks, x))], [('w*w', w, w, w2), ('w2*w', w2, w, e + w)], ch.sent, None)
    ch2 = Reader(close_transcript([tr.squeeze('end')]), proof, ch.pos, points, 'close'); checks = verify_close([sub], a.M, ch2)
    if ch2.pos != len(proof): raise Reject('trailing bytes')
    for n, f in checks:
        if evaluate(f, points)[2]: raise Reject(n)

# ------------------------------------------------------------------------------------- simulator (programs the oracle once, at c)
class SimReader(Reader):
    """Serves the verifier's own code random points, so the transcript it makes depends on nothing secret."""
    def __init__(self, tr, points, tag): super().__init__(tr, b'', 0, points, tag); self.out = bytearray()
    def put(self, label, b): self.tr.absorb(label, b); self.out += b; self.pos += 32
    def point(self, label, key=None, p=None):
        p = affine(p or commit(rnd(), 0)); self.put(label, enc_point(p)); key = key or ('pt', self.tag, self.pos)
        self.points[key] = p; return Form({key: 1})
    def field(self, label, k=None): self.put(label, enc_scalar(k)); return k % R
def sim_final(ch, prods, sent, acc=None):
    """First messages from responses, backwards; then the oracle is told to answer c."""
    eps = ch.challenge('epsilon'); pok, f, zs = Form({}), 1, []
    for s in sent: pok = pok + s * f; f = f * eps % R
    ev = lambda form: evaluate(form, ch.points); c = rnd()
    for _, X, Y, Z in prods:
        z = [rnd() for _ in range(5)]; zs += [('z', v) for v in z]
        ch.point('A', p=ev(com(z[0], z[1]) - X * c)); ch.point('B', p=ev(com(z[2], z[3]) - Y * c))
        ch.point('D', p=ev(X * z[2] + com(0, z[4]) - Z * c))
    if acc:
        M = 1 << len(acc.t); z = [rnd() for _ in range(M + 2)]; zs += [('open', v) for v in z]
        ch.point('Delta', p=ev(Form({('gen', j): v for j, v in enumerate(z[:M])}) + com(0, z[M]) - acc.row * c))
        ch.point('E', p=ev(com(sum(x * y for x, y in zip(eq_table(acc.t), z)), z[M + 1]) - acc.e * c))
    z = [rnd(), rnd()]; zs += [('pok', v) for v in z]; ch.point('K', p=ev(com(*z) - pok * c))
    Transcript.programmed[ch.tr.squeeze('c')] = c
    for n, v in zs: ch.field(n, v)
def sim_points(M): return {'G': G, 'H': H, **{('gen', j): g for j, g in enumerate(gens(M))}}
def simulate(inst):
    M = inst.arch.M; pts = sim_points(M); ch = SimReader(Transcript(LABEL), pts, 0); sub = verify_body(inst, ch)
    cl = SimReader(close_transcript([ch.tr.squeeze('end')]), pts, 'close')
    acc = verify_reduce([sub], M, cl); sim_final(cl, sub.products, sub.sent + cl.sent, acc)
    return bytes(ch.out + cl.out)

def sim_leaf(inst, tag=0):
    """(entry, accumulator, points): a leaf without a witness."""
    own, pts = sim_points(inst.arch.M), {}; ch = SimReader(Transcript(LABEL), own, tag); sub = verify_body(inst, ch, tag)
    cl = SimReader(leaf_transcript(ch.tr.squeeze('end')), own, ('leaf', tag)); acc = verify_reduce([sub], inst.arch.M, cl)
    sim_final(cl, sub.products, sub.sent + cl.sent); acc.digest = cl.tr.squeeze('end')
    leaf_points(inst, acc, own, pts); return ('leaf', inst, bytes(ch.out + cl.out)), acc, pts
def sim_merge(accs, points, root, tag):
    tr, rho = merge_transcript(accs, root); ch = SimReader(tr, points, ('merge', tag)); acc = join(accs, rho, ch)
    sim_final(ch, [], ch.sent, acc if root else None); acc.digest = None if root else tr.squeeze('end'); return ('merge', len(accs), bytes(ch.out)), acc

# ------------------------------------------------------------------------------------- tests
def pmul(a, b, f):
    o = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b): o[i + j] = (o[i + j] + x * y) % R
    return pmod(o, f)
def pmod(a, f):
    a = [x % R for x in a]; li = inv(f[-1])
    while len(a) >= len(f):
        k = a[-1] * li % R
        for i, y in enumerate(f): a[len(a) - len(f) + i] = (a[len(a) - len(f) + i] - k * y) % R
        a.pop()
    while a and a[-1] == 0: a.pop()
    return a
def pgcd(a, b):
    while b: a, b = b, pmod(a, b)
    return a
def ppow(b, e, f):
    o = [1]
    for bit in bin(e)[2:]:
        o = pmul(o, o, f)
        if bit == '1': o = pmul(o, b, f)
    return o
def poly_root(f):
    """A root of f in F_R, or None (Cantor-Zassenhaus)."""
    x = ppow([0, 1], R, f); x = x + [0] * (2 - len(x)); x[1] = (x[1] - 1) % R; g = pgcd(f, pmod(x, f))
    while len(g) > 2:
        h = ppow([rnd(), 1], (R - 1) // 2, g); h = h or [0]; h[0] = (h[0] - 1) % R; d = pgcd(g, pmod(h, g))
        if 1 < len(d) < len(g): g = d
    return -g[0] * inv(g[1]) % R if len(g) == 2 else None

def rand_model(rng, M, widths, ymin=0):
    rows = [[[rng.choice([-1, 0, 1]) for _ in range(n)] for _ in range(k)] for n, k in zip(widths, widths[1:])]
    bias = [[rng.randint(-2, 2) for _ in range(k)] for k in widths[1:]]
    return Model(M, widths, rows, bias, [(rng.randint(0, 2), ymin if b else 0, 3) for b in range(len(widths) - 2)])
def setup(rng, M, widths, modes, B, private=False, ymin=0):
    m = rand_model(rng, M, widths, ymin); sk, vk = keygen(m)
    X = [[rng.randint(0, 3) for _ in range(widths[0])] for _ in range(B)]; wit = Witness(m, X)
    return m, sk, vk, X, wit, Instance(m.arch, vk, None if private else X, wit.z[-1], b'ctx', modes=modes)
def verdict(f, *a, **k):
    try: f(*a, **k); return 'accepted'
    except Reject as e: return str(e)

def balanced(rng, M):
    """A model of signed inputs and an input for which the right side of the linear sumcheck sums to 0 (it holds x, y, as many
    multiplicities as leaves, a 1 per layer): a CONSTANT added to the left side then goes unnoticed until the opening."""
    rows = [[[rng.choice([-1, 0, 1]) for _ in range(n)] for _ in range(k)] for n, k in ((5, 3), (3, 2))]
    m = Model(M, [5, 3, 2], rows, [[1, 0, -2], [0, 1]], [(1, 0, 3)], (-8, 7)); sk, vk = keygen(m); total = (1 << Layout(Plan(m.arch, 1)).K) + 2
    while True:
        w = Witness(m, [[rng.randint(-8, 7) for _ in range(5)]])
        if sum(w.X[0]) + sum(w.y[0][0]) + total == 0: return Instance(m.arch, vk, w.X, w.z[-1], b'ctx'), sk, w
def false_leaf(S, weak=(), ends=lambda v: (v[2] * inv(v[1]), v[1], v[2])):
    """A leaf of wrong logits; w_hat is bent, so that the opening alone can tell."""
    m, sk, _, _, w, inst = S; top = 1 << m.arch.k_last; Z = [list(r) for r in inst.logits]; Z[0][0] += 1 if Z[0][0] < top - 1 else -1
    return prove_leaf(inst.but(logits=Z), sk, w, hook=lambda n, v: ends(v) if n == 'ends' else v, weak=weak)
def error(acc): return (acc.e.v - sum(x * y for x, y in zip(eq_table(acc.t), acc.row[0]))) % R

def aggregate_tests(rng, report):
    print('aggregates: honest trees')
    S = [setup(rng, 4, [3, 3, 2], None, 1), setup(rng, 4, [5, 4, 2], None, 2), setup(rng, 4, [2, 3, 3, 1], None, 1, True, -1), setup(rng, 4, [6, 2, 2], 'a', 3)]
    X = [[1, 2, 3], [0, 1, 2]]; w = Witness(S[0][0], X); S.append((*S[0][:3], X, w, S[0][5].but(X=X, logits=w.z[-1], modes=None)))
    L = [prove_leaf(s[5], s[1], s[4]) for s in S]; models = {key_digest(s[5].arch, s[5].vk) for s in S}      # 4 models; the fifth leaf is of the first
    V = lambda entries, weak=(), ctx=b'ctx', models=models, **kw: verdict(verify_aggregate, entries, models, ctx, weak, True, **kw)
    for tree in ([0], [0, 1, 2], [4, 3, 2, 1, 0], [[0, 1], [2, 3], 4], [[[0, 1], 2], 3], [[[[1]]], [[0], 4]]):
        entries, acc = prove_tree(tree, L); size = sum(len(e[2]) for e in entries)
        report('tree %s: %d leaves, %d entries, %d bytes' % (str(tree).replace(' ', ''), sum(e[0] == 'leaf' for e in entries), len(entries), size), V(entries), 'accepted')
    report('  and with one equation for all checks', verdict(verify_aggregate, entries, models, b'ctx'), 'accepted')
    one = [setup(rng, 1, [3, 2, 2], None, n + 1) for n in range(2)]
    report('M = 1: no rounds', V(prove_tree([[0], 1], [prove_leaf(s[5], s[1], s[4]) for s in one])[0], models={key_digest(s[5].arch, s[5].vk) for s in one}), 'accepted')
    a = prove_leaf(S[0][5], S[0][1], S[0][4], bytes(32)); b = prove_leaf(S[0][5], S[0][1], S[0][4], bytes(32))
    report('leaf, merge and decider follow from their seeds', 'equal' if a[0] == b[0] and all(prove_merge([a[1], L[1][1]], r, bytes(31) + b'2')[0] ==
           prove_merge([b[1], L[1][1]], r, bytes(31) + b'2')[0] for r in (False, True)) else 'accepted')

    print('aggregates: forgeries (a line with "dropped" PASSES because that rule is dropped; the next is the same, with the rule)')
    def tree(t, leaves, weak=()): return prove_tree(t, leaves, weak=weak)[0]
    F = false_leaf(S[0]); bad = [F] + L[1:]
    report('a false leaf among true ones', V(tree([0, 1, 2], bad)), 'opening: value'); report('  at the end', V(tree([1, 2, 0], bad)), 'opening: value')
    report('  deep in a tree', V(tree([[1, [0, 2]], 3], bad)), 'opening: value'); report('  alone', V(tree([0], bad)), 'opening: value')
    G2 = false_leaf(S[0], ends=lambda v: v); report('  its product left wrong', V(tree([0, 1], [G2, L[1]])), 'entry 0: product w_hat*x_hat')
    bi, bsk, bw = balanced(rng, 4); models.add(key_digest(bi.arch, bi.vk))
    def cancelling(weak, deep=False):
        """A false leaf whose error is known; then a leaf with the error that cancels it: a constant in w_hat, halved by every round."""
        parts, top = [F[0]], F[1]
        if deep: words, top = prove_merge([F[1], L[1][1]], weak=weak); parts = [F[0], L[1][0], ('merge', 2, words)]
        guess = merge_transcript([top, top], True, weak)[1] if weak else 1      # the last child's digest must not matter
        d = [-error(top) * 4 * inv(guess) % R]
        def hook(n, v):
            if n == 'left': return [(x + d[0]) % R for x in v]
            if n == 'round': d[0] = d[0] * inv(2) % R; return v[0] + d[0], v[1]
            return v
        entry, acc = prove_leaf(bi, bsk, bw, hook=hook); words, _ = prove_merge([top, acc], True, weak=weak); return V(parts + [entry, ('merge', 2, words)], weak)
    for rule, text in (('merge-rho-one', 'errors of two leaves cancel: rho = 1, its powers dropped'),
                       ('rho-early', "rho is drawn before the last child's digest: order dropped"),
                       ('no-digests', "children's digests dropped")):
        report(text, cancelling((rule,)), 'accepted'); report('  the same, with the rule', cancelling(()), 'opening: value')
    report('errors of a merge and a leaf above it cancel: powers dropped', cancelling(('merge-rho-one',), True), 'accepted')
    report('  the same, powers of rho', cancelling((), True), 'opening: value')
    es = tree([0, 1], L); swapped = [es[1], es[0], es[2]]; loose = ('no-digests', 'merge-rho-one'); es1 = tree([0, 1], L, loose)
    report('leaves swapped: digests and powers dropped', V([es1[1], es1[0], es1[2]], loose), 'accepted'); report('  the same, with the rules', V(swapped), 'opening')
    i = (lambda X: S[0][5].but(X=X, logits=Witness(S[0][0], X).z[-1]))([[(v + 1) % 4 for v in S[0][3][0]]]); twin = prove_leaf(i, S[0][1], Witness(S[0][0], i.X)); e2 = tree([0, 1], [L[0], twin])
    report("  one leaf's words under another's statement", V([('leaf', e2[1][1], e2[0][2]), ('leaf', e2[0][1], e2[1][2]), e2[2]]), 'entry 0: product')
    report('  a leaf replaced by a new proof of the same statement', V([prove_leaf(S[0][5], S[0][1], S[0][4])[0], *es[1:]]), 'opening')
    x = setup(rng, 4, [3, 3, 2], None, 1); o = prove_leaf(x[5], x[1], x[4]); e2 = tree([0, 1], [L[0], o])
    report('a leaf of another model: list of models dropped', V(e2, ('any-model',)), 'accepted'); report('  the same, with the rule', V(e2), 'model is not expected')
    i = S[0][5].but(context=b'other'); o = prove_leaf(i, S[0][1], S[0][4]); e2 = tree([0, 1], [L[1], o])
    report('a leaf of another context: dropped', V(e2, ('any-context',)), 'accepted'); report('  the same, with the rule', V(e2), 'another context')
    report('  its context renamed', V([e2[0], ('leaf', S[0][5], e2[1][2]), e2[2]]))
    e2 = tree([0, 0, 1], L); report('a leaf twice: rule dropped', V(e2, ('twice',)), 'accepted'); report('  the same, with the rule', V(e2), 'a leaf twice')
    sub = Writer(Transcript(LABEL), Blinds(bytes(32))); body = prove_body(S[0][5], S[0][1], S[0][4], sub); digest = sub.tr.squeeze('end'); twice = []
    for n in range(2):
        cl = Writer(leaf_transcript(digest), Blinds()); acc = prove_reduce([body], 4, cl, ()); prove_final(cl, body.products, body.sent + cl.sent)
        acc.digest = cl.tr.squeeze('end'); twice.append((('leaf', S[0][5], bytes(sub.out + cl.out)), acc))
    # (its closings have blinds of their own; with one seed for both they would be equal, or give the scalars away)
    report('  one body closed twice: the end digests differ', V(tree([0, 1], twice)) if twice[0][1].digest != twice[1][1].digest else '', 'a leaf twice')
    report('  one statement proved twice is no offence', V(tree([0, 1], [L[0], prove_leaf(S[0][5], S[0][1], S[0][4])])), 'accepted')
    moved = Acc(F[1].row, [0, rnd()], F[1].e); moved.digest = F[1].digest; v = [sum(x * y for x, y in zip(eq_table([b, moved.t[1]]), F[1].row[0])) for b in (0, 1)]
    moved.t[0] = (F[1].e.v - v[0]) * inv(v[1] - v[0]) % R; words, _ = prove_merge([moved, L[1][1]], True); e2 = [F[0], L[1][0], ('merge', 2, words)]
    report("a child's point is chosen so that its value is right: dropped", V(e2, ('free-t',), given={0: moved.t}), 'accepted')
    report('  the same, the point of its transcript', V(e2), 'opening')
    def toy(cols, weak, ts):
        """Accumulators made by hand, of values sum_x w(x) col(x) that are not those at their points."""
        P, W, pts = [], [], {'G': G, 'H': H, **{('gen', j): g for j, g in enumerate(gens(4))}}
        for i, (t, col) in enumerate(zip(ts, cols)):
            w, b, be = [rnd() for _ in col], rnd(), rnd(); e = sum(x * y for x, y in zip(w, col)) % R; pts['w', i], pts['e', i] = commit_row(w, b), commit(e, be)
            P.append(Acc((w, b), t, Sec(e, be))); W.append(Acc(Form({('w', i): 1}), t, Form({('e', i): 1}))); P[i].digest = W[i].digest = bytes([i]) * 64
        words, _ = prove_merge(P, True, weak=weak)
        try: bad = [n for n, f in verify_merge(W, words, pts, 0, True, weak)[1] if evaluate(f, pts)[2]]
        except Reject as e: return str(e)
        return '; '.join(bad) or 'accepted'
    t = [[rnd(), rnd()] for _ in range(2)]
    report("false values, the factors eq(t_i, t') dropped", toy([[1] * 4] * 2, ('no-eq',), t), 'accepted')
    report('  the same, with the factors', toy([[1] * 4] * 2, (), t), 'opening: value')
    # a row of 2 entries among rows of 4, its point read from the wrong end: entries 0 and 1 both count with eq(t, top bit = 0)
    report('rows of unequal width, points aligned at the top bit: rule dropped', toy([[1 - t[0][0]] * 2, eq_table(t[1])], ('any-M',), [t[0][:1], t[1]]), 'accepted')
    x = setup(rng, 8, [3, 3, 2], None, 1); models.add(key_digest(x[5].arch, x[5].vk)); o = prove_leaf(x[5], x[1], x[4]); e2 = tree([0, 1], [L[0], o])
    report('  leaves of unequal width, with the rule', V(e2), 'row widths differ')
    w1, a1 = prove_merge([F[1]]); w2, _ = prove_merge([L[1][1]], True)
    report('false leaf, nothing opened: decider dropped', V([F[0], ('merge', 1, w1)], ('undecided',)), 'accepted')
    report('  the same, with the rule', V([F[0], ('merge', 1, w1)]), 'number of words')
    report("  a decider's words as an inner merge", V(tree([0], L) + [('merge', 1, w2)]), 'number of words')
    e2 = [F[0], L[1][0], ('merge', 1, w2)]; report('a leaf that no merge takes: one tree dropped', V(e2, ('any-stack',)), 'accepted')
    report('  the same, with the rule', V(e2), 'not one tree')
    e2 = [L[1][0], ('merge', 1, w2), F[0]]; report('a leaf after the decider: one tree dropped', V(e2, ('any-stack',)), 'accepted')
    report('  the same, with the rule', V(e2), 'not one tree')
    w0, _ = prove_merge([], True); e2 = [F[0], ('merge', 0, w0)]
    report('a decider of no children: number and one tree dropped', V(e2, ('any-k', 'any-stack')), 'accepted'); report('  the same, with the rule', V(e2), 'number of children')
    two = prove_merge([L[0][1], L[1][1]], True)[0]; e2 = [L[0][0], L[1][0], ('merge', 3, two)]
    report('more children than there are, read as all: number dropped', V(e2, ('any-k',)), 'accepted'); report('  the same, with the rule', V(e2), 'number of children')
    report("another tree over the same leaves, with this one's decider", V(tree([[0, 1], 2], L)[:4] + [('merge', 2, tree([0, 1, 2], L)[-1][2])]), 'opening')
    report("  a tree of the same shape over them, in another order", V([*tree([[0, 1], 2], L)[:4], tree([2, [0, 1]], L)[-1]]), 'opening')
    report('leaves alone', V([L[0][0], L[1][0]]), 'not one tree')
    report('a chain of 33 merges', V([L[0][0]] + [('merge', 1, w1)] * 32 + [('merge', 1, w2)]), 'tree is too deep')
    report('no entry', V([]), 'number of entries'); es = tree([[0, 1], 2], L); n = 0; mutants = 0
    for k, (kind, head, words) in enumerate(es):
        places = range(len(words) // 32) if kind == 'merge' else rng.sample(range(len(words) // 32), 5)
        for j in places:
            b = bytearray(words); b[32 * j + 31 - rng.randrange(31)] ^= 1 << rng.randrange(8); mutants += 1
            n += verdict(verify_aggregate, es[:k] + [(kind, head, bytes(b))] + es[k + 1:], models, b'ctx') == 'accepted'
    report('every word of the merges, 5 of every leaf mutated (%d), accepted: %d' % (mutants, n), 'rejected all' if n == 0 else 'accepted')

    print('aggregates: zero knowledge')
    s = S[0]; seed = bytes(31) + b'3'; p, q, r, u = {}, {}, {}, {}; prove_leaf(s[5], s[1], s[4], seed, trace=p)
    pf = prove_many([(s[5], s[1], s[4])], seeds=[seed], trace=q); verify_many([s[5]], pf, trace=u); prove_leaf(s[5], s[1], s[4], bytes(31) + b'4', trace=r)
    def extract(p):
        """z0 = b0 + c*x twice with one b0: the hidden scalar x, here S of the lookups."""
        z = lambda w, i: int.from_bytes([v for n, v in w if n == 'z'][i], 'big'); c = lambda log: next(k for n, k in log if n == 'c')
        f = inv(c(p['challenges']) - c(u['challenges'])); x, b = ((z(p['words'], i) - z(q['words'], i)) * f for i in (0, 1))
        return 'a secret is out' if enc_point(commit(x, b)) == dict(p['words'])['S'] else 'nothing'
    report('one seed for a proof and a leaf of one statement: never', extract(p), 'a secret is out'); report('  a seed for each', extract(r), 'nothing')
    words = lambda es: {e[2][j:j + 32] for e in es if e[0] == 'merge' for j in range(0, len(e[2]), 32)}
    report('two aggregates of the same leaves share no word of a merge', 'none' if not words(tree([[0, 1], 2], L)) & words(tree([[0, 1], 2], L)) else 'accepted')
    Z = [list(r) for r in S[0][5].logits]; Z[0][0] += 1 if Z[0][0] < 0 else -1; insts = [S[0][5], S[1][5], S[2][5]]
    for name, insts in (('true statements', insts), ('false ones', [insts[0].but(logits=Z)] + insts[1:])):
        sims = [sim_leaf(i, n) for n, i in enumerate(insts)]; pts = sim_points(4)
        for _, _, own in sims: pts.update(own)
        accs = [a for _, a, _ in sims]; inner, acc = sim_merge(accs[:2], pts, False, 8); both = []
        for part in ([[sims[0][0], sims[1][0], inner, sims[2][0]], [acc, accs[2]]], [[sims[2][0], sims[0][0]], [accs[2], accs[0]]]):      # leaves 0 and 2 are in both
            both.append(part[0] + [sim_merge(part[1], pts, True, 9)[0]]); report('simulated aggregate %d of one leaf, %s' % (len(both), name), V(both[-1]), 'accepted')
    Transcript.programmed.clear(); report('  and rejected by the real oracle', V(both[0]))

def main():
    rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 7); bad = 0; t0 = time.time()
    v, w = [rng.randrange(R) for _ in range(8)], [rng.randrange(R) for _ in range(3)]; f = v
    for c in w: f = fold(f, c)
    units = f[0] == sum(x * y for x, y in zip(v, eq_table(w))) % R and jmul(G, R)[2] == 0 and affine(msm([(5, G), (R - 7, H), (3, G)])) == affine(
        jadd(jmul(G, 8), jneg(jmul(H, 7)))) and affine(commit(9, 4)) == affine(jadd(jmul(G, 9), jmul(H, 4))) and dec_point(enc_point(H)) == H
    t = [rng.randrange(R) for _ in range(3)]
    units = units and all(eq_masked(w, t, n) == sum(x * y for x, y in list(zip(eq_table(w), eq_table(t)))[:n]) % R for n in range(9))
    T = Plan(Arch(8, [4, 4, 4, 4], (0, 3), [(2, -1, 3, 4), (2, -1, 3, 4)], 5), 9, True, 'ab')      # the table counts of the docstring
    units = units and [(k, len(e)) for k, e in T.tables] == [('zy', 32), ('rem', 4), ('qy', 8), ('x', 4)] and T.tables[0][1][0] == (-18, -1) and \
        all((0, 0) in e for _, e in T.tables) and T.tables[2][1] == ((-4, -1), (-3, -1), (-2, -1), (-1, -1), (0, 0), (1, 1), (2, 2), (3, 3))
    units = units and [Plan(T.arch, B).modes for B in (7, 8)] == ['bb', 'aa'] and len(Plan(T.arch, 8).tables) == 1                # 4 * B < 2^5
    units = units and [bits(*v) for v in ((0, 0), (-1, 0), (0, 1), (-2, 1), (-4, 3), (-5, 0), (0, 4))] == [0, 0, 1, 1, 2, 3, 3] and bits(0, 0, 5) == 5
    try: Arch(8, [4, 4], (0, 3), [], 5); units = False
    except AssertionError: pass
    b1, b2 = Blinds(bytes(32)), Blinds(bytes(32)); b2.draw('row')
    units = units and [b1.draw('mask'), b1.draw('mask')] == [b2.draw('mask'), b2.draw('mask')] and b1.draw('row') != b2.draw('row')
    print('unit checks:', 'ok' if units else 'FAILED'); bad += not units
    print('honest proofs\n  widths        M B modes  rounds(lookup,linear,opening)  points scalars bytes  msm  prove  verify')
    for M, widths, modes, B, priv, *ymin in [(8, [6, 5, 4, 3], 'ab', 1, 0, -1), (4, [7, 8, 3], 'b', 2, 0), (8, [5, 3, 3, 2], 'aa', 3, 0, -2), (4, [6, 5, 4, 3], 'ba', 3, 0, -1),
            (8, [7, 8, 3], 'a', 2, 0), (8, [5, 3, 3, 2], 'bb', 1, 0, -3), (4, [9, 4, 1], 'a', 1, 0), (8, [1, 1, 1], 'b', 1, 0), (1, [3, 2, 2], 'a', 2, 0),
            (2, [4, 4, 4, 4, 4], 'abb', 3, 0, -3), (8, [8, 8, 8], 'a', 1, 0), (4, [1, 1, 1], 'a', 1, 0), (4, [6, 5, 3], 'a', 2, 1), (8, [5, 3, 3, 2], 'ba', 3, 1, -1),
            (4, [3, 4, 4, 2], None, 3, 0), (4, [3, 4, 2], None, 9, 1)]:
        m, sk, vk, X, wit, inst = setup(rng, M, widths, modes, B, bool(priv), *ymin); lay = Layout(inst.plan)
        t = time.time(); pf = prove_many([(inst, sk, wit)]); t1 = time.time() - t; t = time.time()
        try: n = verify_many([inst], pf); ok = 'ok'
        except Reject as e: n, ok = 0, 'REJECTED ' + verdict(verify_many, [inst], pf, debug=True)
        pts, scs = lay.proof_size(); K = lay.K
        if 32 * (pts + scs) != len(pf): ok = 'SIZE'
        bad += ok != 'ok'; modes = inst.plan.modes + ('' if modes else '*')            # * = the rule's choice
        print('  %-13s %d %d %-4s%s (%d,%d,%d) K=%d %8d %7d %6d %5d %6.2f %6.2f  %s' % ('-'.join(map(str, widths)), M, B, modes, ' private' if priv else '',
              K * (K - 1) // 2, lay.KJ, log2up(M), K, pts, scs, len(pf), n, t1, time.time() - t, ok))

    print('  messages of the last one, (points, scalars) per stage:', lay.counts())
    print('forgeries (each must be rejected; the failing checks are named)')
    def report(name, got, want=None):
        nonlocal bad
        if want == 'accepted': ok = got == want
        else: ok = got != 'accepted' and (want is None or want in got)
        bad += not ok; print('  %-66s %s%s' % (name, got[:90], '' if ok else '   <-- UNEXPECTED'))
    def forge(name, S, wit=None, inst=None, hook=None, want=None, weak=()):
        m, sk, vk, X, w0, i0 = S; inst = inst or i0
        pf = prove_many([(inst, sk, wit or w0)], hook, weak); report(name, verdict(verify_many, [inst], pf, weak, debug=True), want)
    def hk(**kw): return lambda n, v: kw[n.replace('=', '_').replace('/', '_')](v) if n.replace('=', '_').replace('/', '_') in kw else v
    one = lambda v: 1
    logit_range = lambda a: (-1 << a.k_last, (1 << a.k_last) - 1)
    clamp = lambda v, lo, hi: min(max(v, lo), hi)
    def other(z, rngz, d=1): return z + d if z + d <= rngz[1] else z - d
    S = setup(rng, 8, [6, 5, 4, 3], 'ab', 3, ymin=-1); m, sk, vk, X, wit, inst = S; a = m.arch; zr = logit_range(a)
    Z = [list(r) for r in inst.logits]; Z[2][1] = other(Z[2][1], zr)
    forge('wrong logits (batch element 2)', S, inst=inst.but(logits=Z), want='w_hat*x_hat')
    def seen(w): w.z[-1] = [[clamp(v, *zr) for v in r] for r in w.z[-1]]; return w, inst.but(logits=w.z[-1])
    def bent(layer, f, q=False):
        w = Witness(m, X); (w.q if q else w.y)[layer][1][2] = f((w.q if q else w.y)[layer][1][2])
        if q: w.y[layer][1][2] = act(w.q[layer][1][2], *a.hidden[layer][1:3])
        w.rerun(layer); return seen(w)
    flip = lambda y: 2 - y if y != 1 else 2                       # stays in [-1, 3]
    w, i = bent(1, flip); forge("wrong y, q' kept; S = sum m v", S, w, i, want='S*q=p')
    w, i = bent(1, flip); forge("wrong y, q' kept; S = p/q", S, w, i, hk(S_p_q=one), want='w_hat*x_hat')
    w, i = bent(0, lambda y: y ^ 1); forge('wrong y, mode (a); S = p/q', S, w, i, hk(S_p_q=one), want='w_hat*x_hat')
    for d in (-1, 1):
        w, i = bent(1, lambda q: q + d, q=True); forge("other split: q' %+d, rem %+d*2^s, y = T(q')" % (d, -d), S, w, i, want='S*q=p')
    w, i = bent(1, lambda q: q - 1, q=True); forge("other split, S = p/q", S, w, i, hk(S_p_q=one), want='w_hat*x_hat')
    w = Witness(m, X); w.count(Layout(inst.plan)); w.m[0][0] += 1; forge('multiplicity changed', S, w, want='S*q=p')
    forge('multiplicity changed, S = p/q', S, w, hook=hk(S_p_q=one), want='w_hat*x_hat')
    X2 = [list(x) for x in X]; X2[0][3] = X2[0][3] % 3 + 1
    forge("x' != x (prover runs on x')", S, *seen(Witness(m, X2)), want='opening: value')
    def other_model(name, change):
        m2 = Model(8, a.widths, [[list(r) for r in rs] for rs in m.rows], [list(c) for c in m.bias], [h[:3] for h in a.hidden]); change(m2); m2.arch = a
        forge(name, S, *seen(Witness(m2, X)), want='opening: value')
    def flip_weight(m2): r = m2.rows[0][0]; r[0] = {0: 1, 1: 0, -1: 0}[r[0]]
    other_model('one weight changed in the prover', flip_weight)
    for b in (0, 2):
        def more(m2): m2.bias[b][0] += 1 if m2.bias[b][0] < 2 else -1
        other_model('a bias of layer %d changed in the prover' % b, more)
    forge('u shifted', S, hook=hk(u=lambda v: v + 1)); forge('S shifted', S, hook=hk(S=lambda v: v + 1), want='S*q=p')
    forge('wrong product claimed (A + 1 in every level)', S, hook=hk(A=lambda v: v + 1), want='lam p0')
    forge('wrong round message (every d + 1)', S, hook=hk(d=lambda v: v + 1), want='lam p1')
    forge('w_hat * k, x_hat / k (product still right)', S, hook=hk(w_hat=lambda v: v * 5, x_hat=lambda v: v * inv(5)), want='opening: value')
    cnt = [0]
    def bump(v): cnt[0] += 1; return v + (cnt[0] == 3)
    forge('opening: one response entry changed', S, hook=hk(open=bump), want='opening: row')

    pf = prove_many([(inst, sk, wit)]); words = [pf[i:i + 32] for i in range(0, len(pf), 32)]; V = lambda p, i=inst: verdict(verify_many, [i], p)
    report('the honest proof', V(pf), 'accepted')
    sw = list(words); sw[0], sw[1] = sw[1], sw[0]; report('two row commitments swapped', V(b''.join(sw)))
    n = Layout(inst.plan).rowcount(); sw = list(words); sw[n], sw[n + 2] = sw[n + 2], sw[n]; report('p_root and S swapped', V(b''.join(sw)))
    report('truncated by one word', V(pf[:-32]), 'too short'); report('truncated by one byte', V(pf[:-1]), 'too short')
    report('extended by one word', V(pf + bytes(32)), 'trailing'); report('empty', V(b''), 'too short')
    report('other context', V(pf, inst.but(context=b'other'))); report('other ternarity digest', V(pf, inst.but(ternarity=bytes(64))))
    report('other modes', V(pf, inst.but(modes='aa'))); report('said to be private', V(pf, inst.but(X=None)))
    sk2, vk2 = keygen(m); report('other key of the same model', V(pf, inst.but(vk=vk2)))
    ks = list(vk); vk2 = dict(zip(ks, [vk[ks[1]], vk[ks[0]]] + [vk[k] for k in ks[2:]])); report('two rows of the key swapped', V(pf, inst.but(vk=vk2)))
    report('a row of the key missing', V(pf, inst.but(vk={k: vk[k] for k in ks[:-1]})), 'key shape')
    report('other input', V(pf, inst.but(X=X2))); report('batch reordered', V(pf, inst.but(X=X[::-1], logits=inst.logits[::-1])))
    report('batch shortened', V(pf, inst.but(X=X[:2], logits=inst.logits[:2]))); report('input out of range', V(pf, inst.but(X=[[9] * 6] * 3)), 'range')
    report('logits out of range', V(pf, inst.but(logits=[[1 << a.k_last] * 3] * 3)), 'range')
    last = int.from_bytes(words[-1], 'big') + R; report('non-canonical scalar', V(b''.join(words[:-1]) + last.to_bytes(32, 'big')), 'non-canonical')
    v = int.from_bytes(words[0], 'big'); v = (v & ((1 << 255) - 1)) + P | v >> 255 << 255
    report('non-canonical point', V(v.to_bytes(32, 'big') + b''.join(words[1:])), 'non-canonical')
    junk = [V(secrets.token_bytes(len(pf))) for _ in range(20)]; report('20 random strings of the right length', 'rejected' if 'accepted' not in junk else 'accepted')
    acc = 0
    for k in range(len(words)):
        for bit in (rng.randrange(248), 255):
            w = bytearray(words[k]); w[31 - bit // 8] ^= 1 << bit % 8; acc += V(b''.join(words[:k]) + bytes(w) + b''.join(words[k + 1:])) == 'accepted'
    report('every word mutated twice (%d mutants), accepted: %d' % (2 * len(words), acc), 'rejected all' if acc == 0 else 'accepted')

    print('attacks on weaker protocols (each PASSES when the named rule is dropped: so the rule is needed and the test tests something)')
    # A fourth neuron, constant 1, hidden behind layer 0 of width 3 (M = 8): junk in column 3 of its bias (so that the
    # neuron's lookup is genuine), of y and of a weight row of layer 1.  The published network has width 3.
    for mode in 'ab':
        m, _, _, X, _, _ = setup(rng, 8, [3, 3, 2], mode, 1); s = m.arch.hidden[0][0]
        m4 = Model(8, [3, 4, 2], [m.rows[0] + [[0, 0, 0]], [m.rows[1][0] + [1], m.rows[1][1] + [0]]], [m.bias[0] + [1 << s], m.bias[1]], [h[:3] for h in m.arch.hidden])
        m.arch.hidden, m.arch.k_last = [(s, 0, 3, 5)], 7; w = Witness(m4, X); sk, vk = keygen(m4); del sk['W', 0, 3, 0], vk['W', 0, 3, 0]
        z = Witness(m, X).z[-1]; assert w.z[-1] == [[z[0][0] + 1, z[0][1]]] and len(w.y[0][0]) == 4
        S = (m, sk, vk, X, w, Instance(m.arch, vk, X, w.z[-1], b'ctx', modes=mode))
        forge('junk beyond the width: a hidden neuron (mode %s): mask dropped' % mode, S, weak=('no-mask',), want='accepted')
        forge('  the same, masked functionals', S, want='opening: value')
    def shift_attack(weak):
        for _ in range(20):
            S = setup(rng, 8, [3, 8, 2], 'a', 1); m, sk, vk, X, w, inst = S
            w.y[0][0][0] = 3 - w.y[0][0][0]; w.rerun(0); m.arch.k_last = 7; i = inst.but(logits=w.z[-1]); got = [None]
            def leaves(v):                                     # find delta with sum 1/(q_i - delta) = S - delta
                qs, Sv = v; D = {q: qs.count(q) for q in qs}; N = len(D)
                def roots(skip):
                    o = [1]
                    for q in D:
                        if q != skip: o = [((q * o[k] if k < len(o) else 0) - (o[k - 1] if k else 0)) % R for k in range(len(o) + 1)]
                    return o + [0] * (N + 2 - len(o))
                full = roots(None); f = [(-Sv * full[k] + (full[k - 1] if k else 0)) % R for k in range(N + 2)]
                for q, n in D.items(): f = [(x + n * y) % R for x, y in zip(f, roots(q))]
                got[0] = poly_root(f)
                return ([(q - (got[0] or 0)) % R for q in qs], Sv)
            pf = prove_many([(i, sk, w)], hk(leaves=leaves, S_p_q=one, u_leaf=one), weak)
            if got[0] is not None: return verdict(verify_many, [i], pf, weak, debug=True)
    report('S added with coefficient 1: all leaves shifted by a root', shift_attack(('one-gamma',)), 'accepted')
    report('  the same, S with coefficient gamma^2', shift_attack(()), 'w_hat*x_hat')

    def split_attack(weak):                                     # w' + x' = w + x and w' x' = e: a quadratic
        for _ in range(40):
            m, sk, vk, X, w, inst = setup(rng, 8, [5, 3, 3, 2], 'ab', 1); got = [None]
            Z = [list(r) for r in inst.logits]; Z[0][0] = other(Z[0][0], logit_range(m.arch)); i = inst.but(logits=Z)
            def ends(v):
                got[0] = poly_root([v[2], -(v[0] + v[1]), 1]); return v if got[0] is None else (got[0], v[0] + v[1] - got[0], v[2])
            pf = prove_many([(i, sk, w)], hk(ends=ends), weak)
            if got[0] is not None: return verdict(verify_many, [i], pf, weak, debug=True)
    report('claims added with coefficient 1 (rho = 1): wrong logits', split_attack(('rho-one',)), 'accepted')
    report('  the same, powers of rho', split_attack(()), 'opening: value')

    print('ternarity, private input, deferred openings, zero knowledge')
    m, sk, vk, X, wit, inst = setup(rng, 4, [6, 5, 4, 3], 'ab', 1); report('ternarity proof', verdict(verify_ternary, m.arch, vk, prove_ternary(m, sk, vk)), 'accepted')
    for v in (2, -2):
        m.rows[1][2][3] = v; sk, vk = keygen(m); report('ternarity: a weight of %d' % v, verdict(verify_ternary, m.arch, vk, prove_ternary(m, sk, vk)), 'w2*w')
    m.rows[1][2][3] = 1; sk, vk = keygen(m); sk['W', 1, 2, 1][0][2] = 5; vk['W', 1, 2, 1] = affine(commit_row(*sk['W', 1, 2, 1])); pt = prove_ternary(m, sk, vk)
    report('ternarity: junk beyond the width is masked, so harmless', verdict(verify_ternary, m.arch, vk, pt), 'accepted')
    report('ternarity: proof of another key', verdict(verify_ternary, m.arch, keygen(m)[1], pt))
    i = inst.but(vk=vk, ternarity=shake(pt)); i = i.but(logits=Witness(m, X).z[-1])
    report('a proof that names the ternarity proof, on that key', verdict(verify_many, [i], prove_many([(i, sk, Witness(m, X))])), 'accepted')
    S = setup(rng, 4, [6, 5, 3], 'b', 2, True); m, sk, vk, X, wit, inst = S; zr = logit_range(m.arch)
    w, i = seen(Witness(m, [[5] + [0] * 5] + X[1:]))
    qy = inst.plan.tables[1][1]; w.q = [[[clamp(v, qy[0][0], qy[-1][0]) for v in r] for r in l] for l in w.q]
    forge('private input out of range', S, w, i, want='S*q=p')
    jobs = []
    m, sk, vk, X, wit, inst = setup(rng, 4, [6, 5, 4, 3], 'ab', 1)
    for n in range(3):
        Xn = [[rng.randint(0, 3) for _ in range(6)] for _ in range(n + 1)]; w = Witness(m, Xn); jobs.append((inst.but(X=Xn, logits=w.z[-1], context=b'%d' % n, modes=None if n == 2 else 'ab'), sk, w))
    pf = prove_many(jobs); insts = [j[0] for j in jobs]; report('3 proofs, one closing (%d bytes)' % len(pf), verdict(verify_many, insts, pf), 'accepted')
    report('  instances in another order', verdict(verify_many, insts[::-1], pf))
    Z = [list(r) for r in insts[1].logits]; Z[0][0] = other(Z[0][0], logit_range(m.arch)); jobs[1] = (insts[1].but(logits=Z),) + jobs[1][1:]
    report('  wrong logits in the second', verdict(verify_many, [j[0] for j in jobs], prove_many(jobs), debug=True), 'w_hat*x_hat')
    p1, p2 = prove_many([(inst, sk, wit)]), prove_many([(inst, sk, wit)]); ws = lambda p: {p[i:i + 32] for i in range(0, len(p), 32)}
    seed = [bytes(31) + b'1']; report('two proofs from one seed are equal', 'equal' if prove_many([(inst, sk, wit)], seeds=seed) == prove_many([(inst, sk, wit)], seeds=seed) else 'accepted')
    report('two proofs of one statement share no word', 'none' if not ws(p1) & ws(p2) and len(ws(p1)) * 32 == len(p1) else 'accepted')
    sp = simulate(inst); report('simulated proof (no witness), oracle programmed at c', verdict(verify_many, [inst], sp), 'accepted')
    Z = [list(r) for r in inst.logits]; Z[0][0] = other(Z[0][0], logit_range(m.arch)); i = inst.but(logits=Z)
    sp = simulate(i); report('  even of a false statement', verdict(verify_many, [i], sp), 'accepted')
    Transcript.programmed.clear(); report('  and rejected by the real oracle', verdict(verify_many, [i], sp))
    aggregate_tests(rng, report)
    here = os.path.dirname(os.path.abspath(__file__)); vectors = os.path.join(here, 'vectors.json')
    if os.path.exists(vectors):
        sys.path.insert(0, here); import make_vectors
        with open(vectors, 'rb') as f: old = f.read()
        ok = old == make_vectors.text(make_vectors.build()); bad += not ok; print('vectors.json, %d bytes: %s' % (len(old), 'reproduced' if ok else 'DIFFERS'))
    else: print('vectors.json: not here')
    print('%s in %.1f s' % ('ALL AS EXPECTED' if not bad else '%d UNEXPECTED' % bad, time.time() - t0)); return bad

if __name__ == '__main__': sys.exit(1 if main() else 0)
