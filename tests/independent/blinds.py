"""Whether a key commits to a network: its rows from weights, biases and blinds (section 11).

    blinds.py NET.tern NET.key

Exit status 0: every row is the commitment to its weights or biases. 1: some row is not. 2: a file
cannot be read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from bn254 import Affine, R, affine, generator, multiply_sum, row_generator, shake
from files import Cursor, Key, Malformed, Model, parse_key, parse_model, read, unframe


def blind(seed: bytes, stream: str, n: int) -> int:
    """One blind of a stream."""
    name = stream.encode()
    data = b"zktern/v1/blinds" + seed + bytes([len(name)]) + name + n.to_bytes(8, "big")
    return int.from_bytes(shake(data, 64), "big") % R


def key_seed(entropy: bytes, model: bytes) -> bytes:
    """The seed of a key's blinds, from the whole file of the model."""
    return shake(b"zktern/v1/key-blinds" + entropy + shake(model, 64), 32)


def commit_row(values: Sequence[int], blinding: int) -> Affine | None:
    """The commitment to at most M values."""
    points = [row_generator(j) for j, value in enumerate(values) if value]
    scalars = [value for value in values if value]
    return affine(multiply_sum([*points, generator(b"H")], [*scalars, blinding]))


def key_vectors(model: Model) -> Iterator[Sequence[int]]:
    """All vectors that a key commits to, in order."""
    for layer in model.layers:
        yield from layer.weights
        yield layer.biases


def chunked(vectors: Iterator[Sequence[int]], columns: int) -> Iterator[Sequence[int]]:
    """The rows of vectors."""
    for vector in vectors:
        for at in range(0, len(vector), columns):
            yield vector[at : at + columns]


def parse_secret(data: bytes) -> tuple[bytes, Key]:
    """The seed of the key's blinds, and the key."""
    cursor = Cursor(unframe("S", data))
    digest, seed = cursor.take(64), cursor.take(32)
    key = parse_key(cursor.blob())
    cursor.finish()
    if digest != key.digest:
        raise Malformed("the digest is not that of the key inside")
    return seed, key


def wrong_rows(model: Model, seed: bytes, key: Key) -> list[int]:
    """Rows that are not what they should be."""
    rows = list(chunked(key_vectors(model), key.architecture.columns))
    if len(rows) != len(key.rows):
        raise Malformed("the key is of another network")
    return [
        number
        for number, (values, point) in enumerate(zip(rows, key.rows, strict=True))
        if commit_row(values, blind(seed, "weight", number)) != point
    ]


def main() -> int:
    """The command line."""
    try:
        model = parse_model(read(sys.argv[1]))
        seed, key = parse_secret(read(sys.argv[2]))
        wrong = wrong_rows(model, seed, key)
    except (OSError, ValueError, IndexError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(key.rows)} rows, {len(wrong)} of them wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
