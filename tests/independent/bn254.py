"""The first group of BN254 in plain integers: encodings, generators, multi-scalar multiplication.

Sections 1 and 3 of FORMAT.md. Variable-time: for checking proofs, never for making them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

P = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47
R = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
GENERATORS = b"zktern/v1/bn254/generators"
PARITY = 1 << 255

Affine = tuple[int, int]
Jacobian = tuple[int, int, int]
INFINITY: Jacobian = (1, 1, 0)


class Refused(ValueError):
    """What was read must not be accepted."""


def shake(data: bytes, size: int) -> bytes:
    """H64 and H32: the first bytes of SHAKE256."""
    return hashlib.shake_256(data).digest(size)


def root_of_curve(x: int) -> int | None:
    """A y with y^2 = x^3 + 3, or None."""
    square = (x * x * x + 3) % P
    y = pow(square, (P + 1) // 4, P)
    return y if y * y % P == square else None


def decompress(word: bytes) -> Affine:
    """A point of 32 bytes."""
    number = int.from_bytes(word, "big")
    parity, x = number >> 255, number & (PARITY - 1)
    if x >= P:
        raise Refused("a coordinate of a point is not below p")
    y = root_of_curve(x)
    if y is None:
        raise Refused("a point is not on the curve")
    return (x, y) if y & 1 == parity else (x, P - y)


def compress(point: Affine) -> bytes:
    """The 32 bytes of a point."""
    return (point[0] | (point[1] & 1) << 255).to_bytes(32, "big")


def uncompressed(data: bytes) -> Affine:
    """A point of 64 bytes."""
    x, y = int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")
    if x >= P or y >= P:
        raise Refused("a coordinate of a point is not below p")
    if (y * y - x * x * x - 3) % P:
        raise Refused("a point is not on the curve")
    return x, y


def scalar(word: bytes) -> int:
    """A scalar of 32 bytes."""
    value = int.from_bytes(word, "big")
    if value >= R:
        raise Refused("a scalar is not below r")
    return value


@cache
def generator(name: bytes) -> Affine:
    """The generator of a name, hashed to the curve."""
    for counter in range(256):
        seed = GENERATORS + bytes([len(name)]) + name + bytes([counter])
        x = int.from_bytes(shake(seed, 64), "big") % P
        y = root_of_curve(x)
        if y is not None:
            return (x, P - y) if y & 1 else (x, y)
    raise AssertionError("no counter gives a point")


def row_generator(column: int) -> Affine:
    """G_j."""
    return generator(b"row" + column.to_bytes(4, "big"))


def double(a: Jacobian) -> Jacobian:
    """2a."""
    x, y, z = a
    yy = y * y % P
    s = 4 * x * yy % P
    m = 3 * x * x % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * yy * yy) % P, 2 * y * z % P


def add_affine(a: Jacobian, b: Affine) -> Jacobian:
    """a + b."""
    x1, y1, z1 = a
    if not z1:
        return b[0], b[1], 1
    zz = z1 * z1 % P
    h = (b[0] * zz - x1) % P
    d = (b[1] * zz * z1 - y1) % P
    if not h:
        return INFINITY if d else double(a)
    hh = h * h % P
    hhh = h * hh % P
    v = x1 * hh % P
    x3 = (d * d - hhh - 2 * v) % P
    return x3, (d * (v - x3) - y1 * hhh) % P, z1 * h % P


def add(a: Jacobian, b: Jacobian) -> Jacobian:
    """a + b."""
    if not a[2]:
        return b
    if not b[2]:
        return a
    z1, z2 = a[2] * a[2] % P, b[2] * b[2] % P
    u1 = a[0] * z2 % P
    h = (b[0] * z1 - u1) % P
    s1 = a[1] * z2 * b[2] % P
    d = (b[1] * z1 * a[2] - s1) % P
    if not h:
        return INFINITY if d else double(a)
    hh = h * h % P
    hhh = h * hh % P
    v = u1 * hh % P
    x3 = (d * d - hhh - 2 * v) % P
    return x3, (d * (v - x3) - s1 * hhh) % P, a[2] * b[2] * h % P


def affine(a: Jacobian) -> Affine | None:
    """The affine coordinates, None for the identity."""
    if not a[2]:
        return None
    inverse = pow(a[2], -1, P)
    square = inverse * inverse % P
    return a[0] * square % P, a[1] * square * inverse % P


def signed_digits(value: int, window: int) -> list[int]:
    """Digits in [-2^(window-1), 2^(window-1)), the lowest first."""
    digits, half = [], 1 << (window - 1)
    while value:
        digit = (value + half) % (2 * half) - half
        digits.append(digit)
        value = (value - digit) >> window
    return digits


def bucket_sum(buckets: dict[int, Jacobian]) -> Jacobian:
    """Sum of index times bucket."""
    running = total = INFINITY
    for index in range(max(buckets, default=0), 0, -1):
        if index in buckets:
            running = add(running, buckets[index])
        total = add(total, running)
    return total


def window_sum(points: Sequence[Affine], digits: Sequence[list[int]], place: int) -> Jacobian:
    """Sum of points times their digit at one place."""
    buckets: dict[int, Jacobian] = {}
    for point, own in zip(points, digits, strict=True):
        digit = own[place] if place < len(own) else 0
        if digit > 0:
            buckets[digit] = add_affine(buckets.get(digit, INFINITY), point)
        elif digit < 0:
            buckets[-digit] = add_affine(buckets.get(-digit, INFINITY), (point[0], P - point[1]))
    return bucket_sum(buckets)


def multiply_sum(points: Sequence[Affine], scalars: Sequence[int]) -> Jacobian:
    """Sum of scalars times points, by Pippenger's buckets with signed windows."""
    window = max(2, len(points).bit_length() - 2)
    digits = [signed_digits(value % R, window) for value in scalars]
    total = INFINITY
    for place in reversed(range(max(map(len, digits), default=0))):
        for _ in range(window):
            total = double(total) if total[2] else total
        total = add(total, window_sum(points, digits, place))
    return total
