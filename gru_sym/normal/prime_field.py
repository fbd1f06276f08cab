"""Ranks, and the circle, modulo the prime 2**31 - 1, exactly and fast, with integers alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

PRIME = 2**31 - 1

SLOT = 96
"""Bits for one entry of a packed row: room for 2**34 products of two residues without a carry."""

MASK = (1 << SLOT) - 1


def residue(number: Fraction) -> int:
    """A rational number modulo the prime.

    >>> residue(Fraction(1, 2)) * 2 % PRIME
    1
    """
    return number.numerator * inverse(number.denominator) % PRIME


def inverse(value: int) -> int:
    """One over a residue; raises `ZeroDivisionError` for a multiple of the prime."""
    if value % PRIME == 0:
        raise ZeroDivisionError("a multiple of the prime has no inverse")
    return pow(value, -1, PRIME)


Point = tuple[int, int]
"""A cosine and a sine."""

ZERO_ANGLE = (1, 0)


def on_the_circle(half: int) -> Point:
    """Cosine and sine of an angle from the tangent of its half; -1 is no square here."""
    by = inverse(1 + half * half)
    return (1 - half * half) * by % PRIME, 2 * half * by % PRIME


def turned(a: Point, b: Point) -> Point:
    """The point at the sum of two angles."""
    return (a[0] * b[0] - a[1] * b[1]) % PRIME, (a[0] * b[1] + a[1] * b[0]) % PRIME


def multiple(point: Point, count: int) -> Point:
    """The point at a multiple of the angle."""
    result, turn = ZERO_ANGLE, point if count >= 0 else (point[0], -point[1])
    for bit in f"{abs(count):b}":
        result = turned(result, result)
        if bit == "1":
            result = turned(result, turn)
    return result


def is_square(value: int) -> bool:
    """Whether a residue that is not 0 has a square root (Euler's criterion)."""
    return pow(value, (PRIME - 1) // 2, PRIME) == 1


class Echelon:
    """A row space that grows row by row.

    >>> space = Echelon()
    >>> [space.add({0: 1, 1: 2}), space.add({0: 2, 1: 4}), space.add({2: 5})]
    [True, False, True]
    >>> space.rank
    2

    A row is one long integer with an entry in every `SLOT` bits. To subtract a multiple of another
    row is then one multiplication and one addition, whatever the width.
    """

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}

    @property
    def rank(self) -> int:
        """The dimension of the space."""
        return len(self._rows)

    @property
    def pivots(self) -> Iterable[int]:
        """The first column of every row of the echelon form."""
        return self._rows.keys()

    def add(self, row: Mapping[int, int]) -> bool:
        """Add a row, given by its entries; whether it enlarged the space."""
        return self._add(sum(value % PRIME << SLOT * column for column, value in row.items()))

    def join(self, other: Echelon) -> None:
        """Add all rows of another space."""
        for column, packed in other._rows.items():
            self._add(packed << SLOT * column)

    def _add(self, packed: int) -> bool:
        column = 0
        while packed:
            entry = (packed & MASK) % PRIME
            if entry and column not in self._rows:
                self._rows[column] = _scaled(packed, inverse(entry))
                return True
            if entry:
                packed += (PRIME - entry) * self._rows[column]
            packed >>= SLOT
            column += 1
        return False


def _scaled(packed: int, factor: int) -> int:
    """A packed row times a factor, every entry reduced."""
    size = SLOT // 8
    raw = packed.to_bytes(packed.bit_length() // 8 + size, "little")
    entries = bytearray()
    for at in range(0, len(raw) - size + 1, size):
        value = int.from_bytes(raw[at : at + size], "little") * factor % PRIME
        entries += value.to_bytes(size, "little")
    return int.from_bytes(entries, "little")
