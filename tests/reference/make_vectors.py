#!/usr/bin/env python3
"""Writes vectors.json next to this file: small cases, their proofs word by word, every challenge.

Everything is derived from fixed labels, so a second run writes the identical file.  A case is a function of its
INPUT keys alone (`expand`); writing the file checks that too.  Lists of lists run [layer][batch][neuron].
"""
import hashlib, json, os
import zkref as zk

INPUTS = ('name', 'M', 'widths', 'xmin', 'xmax', 'layers', 'private', 'batch', 'context', 'key_seed', 'proof_seed')      # and 'ternarity_seed'
PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'vectors.json')
fhex = lambda k: zk.enc_scalar(k).hex()
phex = lambda p: zk.enc_point(p).hex()

class Det:
    """Small deterministic choices, the same on every Python."""
    def __init__(self, name): self.name, self.n = name.encode(), 0
    def seed(self): self.n += 1; return hashlib.shake_256(b'zktern test vectors' + self.name + self.n.to_bytes(4, 'big')).digest(32)
    def between(self, lo, hi): return lo + int.from_bytes(self.seed(), 'big') % (hi - lo + 1)

def case(name, M, widths, B, x, acts, private=False, context=b'', ternarity=False, weights=(-1, 1), bias=(-2, 2)):
    """The input keys of a case.  acts: (shift, min, max) per hidden layer."""
    d = Det(name); layers = []
    for b, (n_in, n_out) in enumerate(zip(widths, widths[1:])):
        l = dict(weights=[[d.between(*weights) for _ in range(n_in)] for _ in range(n_out)], bias=[d.between(*bias) for _ in range(n_out)])
        if b < len(acts): l.update(shift=acts[b][0], min=acts[b][1], max=acts[b][2])
        layers.append(l)
    o = dict(name=name, M=M, widths=list(widths), xmin=x[0], xmax=x[1], layers=layers, private=private, context=context.hex(),
             batch=[[d.between(*x) for _ in range(widths[0])] for _ in range(B)], key_seed=d.seed().hex(), proof_seed=d.seed().hex())
    if ternarity: o['ternarity_seed'] = d.seed().hex()
    return o

def expand(c):
    """The whole case from its input keys."""
    hidden = c['layers'][:-1]
    m = zk.Model(c['M'], c['widths'], [l['weights'] for l in c['layers']], [l['bias'] for l in c['layers']],
                 [(l['shift'], l['min'], l['max']) for l in hidden], (c['xmin'], c['xmax']))
    a = m.arch; sk, vk = zk.keygen(m, bytes.fromhex(c['key_seed'])); wit = zk.Witness(m, c['batch']); digest, tern = b'', {}
    if 'ternarity_seed' in c:
        t = {}; pt = zk.prove_ternary(m, sk, vk, bytes.fromhex(c['ternarity_seed']), t); zk.verify_ternary(a, vk, pt); digest = zk.shake(pt)
        tern = dict(ternarity_seed=c['ternarity_seed'], ternarity_words=[[n, w.hex()] for n, w in t['words']])
    inst = zk.Instance(a, vk, None if c['private'] else c['batch'], wit.z[-1], bytes.fromhex(c['context']), digest); p, v = {}, {}
    proof = zk.prove_many([(inst, sk, wit)], seeds=[bytes.fromhex(c['proof_seed'])], trace=p); zk.verify_many([inst], proof, trace=v)
    lay = zk.Layout(inst.plan); assert proof == b''.join(w for _, w in p['words']) and 32 * sum(lay.proof_size()) == len(proof)
    # whether two tables are one must not depend on how a second implementation compares them (see zkref: kind and entries)
    params = {('x',)} if c['private'] else set()
    for h, mode in zip(a.hidden, inst.plan.modes): params |= {('zy', *h)} if mode == 'a' else {('rem', h[0]), ('qy', h[1], h[2], h[3] - h[0])}
    assert len(params) == len(inst.plan.tables) == len({e for _, e in inst.plan.tables})
    layers = [dict(l, bits=h[3]) for l, h in zip(hidden, a.hidden)] + c['layers'][-1:]
    return dict({k: c[k] for k in INPUTS}, layers=layers, last_bits=a.k_last, modes=inst.plan.modes, logits=wit.z[-1], z=wit.z, q=wit.q, y=wit.y,
                ternarity=digest.hex(), arch=a.encode().hex(), key_digest=zk.key_digest(a, vk).hex(), vk=[phex(k) for k in vk.values()],
                lookup_bits=lay.K, linear_bits=lay.KJ, words=[[n, w.hex()] for n, w in p['words']],
                challenges=[[n, fhex(k)] for n, k in v['challenges']], end_digest=p['ends'][0].hex(), **tern)

CASES = [
    case('plain', 8, (6, 5, 3), 1, (0, 3), [(1, 0, 3)]),
    case('ternarity, two kinds of layer', 4, (6, 5, 8, 3), 2, (0, 3), [(2, 0, 1), (0, 0, 3)], context=b'nonce 1', ternarity=True, bias=(-1, 0)),
    case('mode a', 4, (3, 8, 2), 2, (0, 1), [(1, 0, 2)]),
    case('mixed, below zero', 4, (9, 4, 8, 3), 3, (-2, 3), [(2, -1, 1), (1, -2, 3)], bias=(-1, 1)),
    case('M = 1, below zero', 1, (3, 2, 2), 2, (0, 2), [(1, -1, 2)], ternarity=True),
    case('M = 2, powers of two, shared tables', 2, (4, 4, 4, 4), 2, (0, 3), [(1, 0, 3), (1, 0, 3)], ternarity=True),
    case('widths of 1, no shift', 8, (1, 1, 1), 1, (0, 3), [(0, 0, 3)], weights=(1, 1)),
    case('powers of two', 8, (8, 8, 8), 1, (0, 3), [(2, 0, 3)]),
    case('private', 4, (6, 5, 3), 3, (0, 3), [(1, -3, 3)], private=True, context=bytes(range(40)), ternarity=True),
    case('private, mode a', 8, (2, 5, 9), 2, (-1, 1), [(1, -1, 2)], private=True, bias=(-1, 1)),
    case('one bit: k = 0, K = 1', 4, (1, 2, 1), 1, (0, 1), [(0, -1, 1)], weights=(-1, -1), bias=(0, 0)),
    case('mode a, then b', 2, (2, 8, 3, 2), 2, (0, 1), [(0, -1, 2), (2, -2, 2)]),
    case('wide sums, deep', 4, (10, 7, 6, 5, 2), 1, (-8, 7), [(3, 0, 7), (2, -4, 5), (1, -2, 7)], bias=(-20, 20)),
]

def aggregate(name, d, names, tree):
    """Leaves of cases (of one M and context) under a tree of merges; the root is the decider.  Every leaf, merge and decider has a
    seed of its own, the whole of it drawn from one Blinds: scalar, product (leaf), mask (decider), knowledge, as in a single proof."""
    d = Det(d); cases = {c['name']: c for c in CASES}; leaves = []
    for n in names:
        c = cases[n]; hidden = c['layers'][:-1]
        m = zk.Model(c['M'], c['widths'], [l['weights'] for l in c['layers']], [l['bias'] for l in c['layers']], [(l['shift'], l['min'], l['max']) for l in hidden], (c['xmin'], c['xmax']))
        sk, vk = zk.keygen(m, bytes.fromhex(c['key_seed'])); wit = zk.Witness(m, c['batch']); assert 'ternarity_seed' not in c
        inst = zk.Instance(m.arch, vk, None if c['private'] else c['batch'], wit.z[-1], bytes.fromhex(c['context'])); seed, t = d.seed(), {}
        leaves.append((*zk.prove_leaf(inst, sk, wit, seed, trace=t), dict(case=n, seed=seed.hex()), t))
    entries, shown = [], []
    def show(o, acc, t):
        o.update(words=[[n, w.hex()] for n, w in t['words']], challenges=[[n, fhex(k)] for n, k in t['challenges']], ends=[e.hex() for e in t['ends']],
                 point=[fhex(v) for v in acc.t], row=[fhex(v) for v in acc.row[0]], row_blind=fhex(acc.row[1]), value=fhex(acc.e.v), value_blind=fhex(acc.e.r)); shown.append(o)
    def walk(node, root):
        if isinstance(node, int): e, acc, o, t = leaves[node]; entries.append(e); show(o, acc, t); return acc
        accs = [walk(x, False) for x in node]; seed, t = d.seed(), {}; words, acc = zk.prove_merge(accs, root, seed, trace=t)
        entries.append(('merge', len(accs), words)); show(dict(children=len(accs), seed=seed.hex()), acc, t); return acc
    walk(tree, True); v = {}; i = leaves[0][0][1]
    zk.verify_aggregate(entries, {zk.key_digest(e[1].arch, e[1].vk) for e in entries if e[0] == 'leaf'}, i.context, trace=v)
    return dict(name=name, M=i.arch.M, context=i.context.hex(), entries=shown, xi=fhex(v['xi']))
AGGREGATES = [
    ('three leaves of three models, two levels', 'aggregate 1', ('mode a', 'mixed, below zero', 'one bit: k = 0, K = 1'), [[0, 1], 2]),
    ('one leaf, hidden input', 'aggregate 2', ('private, mode a',), [0]),
    ('merge of one, five leaves, one model', 'aggregate 3', ('plain',) * 5, [0, [1], [2, [3, 4]]]),
]

def basics():
    tr, ops = zk.Transcript(b'test'), []
    for op, label, *data in (('absorb', 'empty', b''), ('challenge', 'first'), ('absorb', 'data', bytes(range(200))), ('squeeze', 'digest'),
                             ('challenge', 'again'), ('challenge', 'again'), ('absorb', '', b'\0'), ('squeeze', '')):
        if op == 'absorb': tr.absorb(label, data[0]); ops.append([op, label, data[0].hex()])
        else: ops.append([op, label, tr.squeeze(label).hex() if op == 'squeeze' else fhex(tr.challenge(label))])
    draws = []
    for seed in (bytes(32), bytes(range(32))):
        b = zk.Blinds(seed); n = {}
        for s in ('weight', 'row', 'scalar', 'product', 'mask', 'knowledge', 'mask', 'mask'):
            draws.append(dict(seed=seed.hex(), stream=s, n=n.get(s, 0), value=fhex(b.draw(s)))); n[s] = n.get(s, 0) + 1
    return dict(generators=dict(G=phex(zk.G), H=phex(zk.H), row=[phex(g) for g in zk.gens(8)]),
                transcript=[dict(init=b'test'.hex(), ops=ops)], blinds=draws)

def build():
    cases = [expand(c) for c in CASES]
    assert {'a', 'b', 'ab', 'ba', 'bb'} <= {c['modes'] for c in cases} and {len(c['batch']) for c in cases} >= {1, 2, 3} and {c['M'] for c in cases} == {1, 2, 4, 8}
    return dict(basics(), cases=cases, aggregates=[aggregate(*a) for a in AGGREGATES])
def text(v): return (json.dumps(v, separators=(',', ':')) + '\n').encode()

if __name__ == '__main__':
    v = build(); b = text(v); assert all(expand(c) == c for c in json.loads(b)['cases'])
    with open(PATH, 'wb') as f: f.write(b)
    print('%d bytes' % len(b))
    for c in v['cases']:
        print('%-38s M=%d B=%d modes %-4s K=%d KJ=%d words %d bits %s last %d' % (c['name'], c['M'], len(c['batch']), c['modes'], c['lookup_bits'], c['linear_bits'],
              len(c['words']), [l['bits'] for l in c['layers'][:-1]], c['last_bits']))
    for a in v['aggregates']: print('%-42s M=%d entries %s' % (a['name'], a['M'], [e.get('children', 'leaf') for e in a['entries']]))
