"""Multilinear points, masks and block layouts (section 1 of FORMAT.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bn254 import R

Point = tuple[int, ...]


def log(n: int) -> int:
    """The smallest k with 2^k >= n."""
    return (n - 1).bit_length()


def eq(point: Point, index: int) -> int:
    """eq of a point and an index; coordinate 0 belongs to the top bit."""
    value, top = 1, len(point) - 1
    for k, coordinate in enumerate(point):
        value = value * (coordinate if index >> (top - k) & 1 else 1 - coordinate) % R
    return value


def eq_all(point: Point, count: int) -> list[int]:
    """eq of a point and every index below count."""
    table = [1]
    for k, coordinate in enumerate(point):
        needed = -(-count >> (len(point) - 1 - k)) if count else 0
        pairs = []
        for value in table:
            high = value * coordinate % R
            pairs += [value - high, high]
        table = pairs[: max(needed, 0) or 1]
    return [value % R for value in table[:count]]


def eqmask(a: Point, t: Point, n: int) -> int:
    """Sum over j < n of eq(a, j) eq(t, j)."""
    size = len(a)
    both = [x * y % R for x, y in zip(a, t, strict=True)]
    none = [(1 - x) * (1 - y) % R for x, y in zip(a, t, strict=True)]
    suffix = [1] * (size + 1)
    for i in reversed(range(size)):
        suffix[i] = suffix[i + 1] * (both[i] + none[i]) % R
    if n == 1 << size:
        return suffix[0]
    total, prefix = 0, 1
    for i in range(size):
        if n >> (size - 1 - i) & 1:
            total += prefix * none[i] * suffix[i + 1]
            prefix = prefix * both[i] % R
        else:
            prefix = prefix * none[i] % R
    return total % R


def inverses(values: Sequence[int]) -> list[int]:
    """Inverses of values that are not 0, with one inversion."""
    products, running = [], 1
    for value in values:
        products.append(running)
        running = running * value % R
    inverse = pow(running, -1, R)
    result = [0] * len(values)
    for i in reversed(range(len(values))):
        result[i] = inverse * products[i] % R
        inverse = inverse * values[i] % R
    return result


@dataclass(frozen=True)
class Place:
    """A block at a point: its selector and its local point."""

    sel: int
    loc: Point


class Layout:
    """Blocks of powers of two, the largest first, end to end."""

    def __init__(self, logs: Sequence[int]) -> None:
        self.logs = list(logs)
        self.order = sorted(range(len(self.logs)), key=lambda index: -self.logs[index])
        self.offsets = [0] * len(self.logs)
        end = 0
        for index in self.order:
            self.offsets[index] = end
            end += 1 << self.logs[index]
        self.size, self.bits = end, max(1, log(end))

    def places(self, point: Point) -> list[Place]:
        """Every block at a point, in the order in which blocks were listed."""
        result = []
        for offset, k in zip(self.offsets, self.logs, strict=True):
            cut = self.bits - k
            result.append(Place(eq(point[:cut], offset >> k), point[cut:]))
        return result
