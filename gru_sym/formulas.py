"""Counts in symbols without SymPy: sums of products of sizes, exact, written as it does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

Powers = tuple[tuple[str, int], ...]
"""The powers of the sizes in a product, by name; those of a divisor are negative."""


@dataclass(frozen=True)
class Formula:
    """A sum of products of sizes, each with its number.

    >>> gru = read_formula("3*m*n + 3*n**2 + 6*n")
    >>> gru.at({"m": 8, "n": 16}), gru.spelled()
    (1248, '3(n² + nm + 2n)')
    >>> print(gru.plus(read_formula("n**2/2 - n/2"), 2))
    3*m*n + 4*n**2 + 5*n
    """

    terms: Mapping[Powers, int | Fraction]

    def at(self, sizes: Mapping[str, int]) -> int:
        """The value at these sizes, or a `ValueError` where it is no whole number."""
        total, over = 0, 1  # a fraction
        for powers, number in self.terms.items():
            above, below = number.numerator, number.denominator
            for name, power in powers:
                above *= sizes[name] ** max(power, 0)
                below *= sizes[name] ** max(-power, 0)
            total, over = total * below + above * over, over * below
        value, left = divmod(total, over)
        if left:
            raise ValueError(f"{self} is no whole number at {dict(sizes)}")
        return value

    def plus(self, other: Formula, times: int = 1) -> Formula:
        """The sum with so many times another."""
        terms = dict(self.terms)
        for powers, number in other.terms.items():
            terms[powers] = terms.get(powers, 0) + times * number
        return Formula({powers: number for powers, number in terms.items() if number})

    def __str__(self) -> str:
        """As SymPy prints it: 3*m*n + 3*n**2 + 6*n."""
        order = sorted(self._names)
        parts = []
        for powers in sorted(self.terms, key=lambda p: _exponents(p, order), reverse=True):
            above, below = _sides(self.terms[powers], powers, order, lambda p: f"**{p}")
            under = f"({'*'.join(below)})" if len(below) > 1 else "".join(below)
            parts.append((self.terms[powers] < 0, "/".join(filter(None, ["*".join(above), under]))))
        return _sum(parts)

    def factored(self) -> str | None:
        """As people write it, a common factor above 1 in front; None if there is none."""
        numbers = self.terms.values()
        whole = len(numbers) > 1 and all(number.denominator == 1 for number in numbers)
        common = math.gcd(*map(int, numbers)) if whole else 1
        rest = {powers: int(number) // common for powers, number in self.terms.items()}
        return f"{common}({Formula(rest)._written()})" if common > 1 else None

    def spelled(self) -> str:
        """As people write it, a common factor in front where there is one."""
        return self.factored() or self._written()

    @property
    def _names(self) -> set[str]:
        return {name for powers in self.terms for name, _ in powers}

    def _written(self) -> str:
        """n² + nm + n, and n²/H where n² is; with a name of several letters, 2·hidden."""
        order = sorted(self._names, key=lambda name: (name != "n", name != "m", name))
        joint = "" if all(len(name) == 1 for name in order) else "·"

        def place(powers: Powers) -> tuple[int, list[int]]:
            return sum(power for _, power in powers if power > 0), _exponents(powers, order)

        parts = []
        for powers in sorted(self.terms, key=place, reverse=True):
            above, below = _sides(
                self.terms[powers], powers, order, lambda p: str(p).translate(SUPERSCRIPTS)
            )
            parts.append((self.terms[powers] < 0, "/".join([joint.join(above), *below])))
        return _sum(parts)


def _exponents(powers: Powers, order: Sequence[str]) -> list[int]:
    return [dict(powers).get(name, 0) for name in order]


def _sides(
    number: int | Fraction, powers: Powers, order: Sequence[str], raised: Callable[[int], str]
) -> tuple[list[str], list[str]]:
    """The factors of a product without its sign, and of what it is divided by."""
    own = sorted(powers, key=lambda pair: order.index(pair[0]))
    written = [(name + (raised(abs(p)) if abs(p) > 1 else ""), p) for name, p in own]
    above = [text for text, power in written if power > 0]
    below = [text for text, power in written if power < 0]
    if abs(number.numerator) != 1 or not above:
        above.insert(0, str(abs(number.numerator)))
    if number.denominator != 1:
        below.insert(0, str(number.denominator))
    return above, below


def _sum(parts: Sequence[tuple[bool, str]]) -> str:
    """Terms, each with whether it is negative."""
    signed = [(" - " if negative else " + ") + text for negative, text in parts]
    first = "".join(signed)
    return "-" * first.startswith(" - ") + first[3:] if signed else "0"


@cache
def read_formula(text: str) -> Formula:
    """A formula in the form in which SymPy prints an expanded one.

    >>> read_formula("n**2/(2*H) - 3").terms
    {(('H', -1), ('n', 2)): Fraction(1, 2), (): -3}

    Raises `ValueError` for what is no such sum.
    """
    total = Formula({})
    for term in text.replace(" - ", " + -").split(" + "):
        above, _, below = term.removeprefix("-").partition("/")
        number: int | Fraction = -1 if term.startswith("-") else 1
        powers: dict[str, int] = {}
        for sign, side in ((1, above), (-1, below.removeprefix("(").removesuffix(")") or "1")):
            for factor in side.replace("**", "^").split("*"):
                name, _, power = factor.partition("^")
                if name.isdigit():
                    number = number * int(name) if sign > 0 else _over(number, int(name))
                elif name.isidentifier() and (power or "1").isdigit():
                    powers[name] = powers.get(name, 0) + sign * int(power or 1)
                else:
                    raise ValueError(f"{text!r} is no sum of products of sizes")
        total = total.plus(Formula({tuple(sorted(powers.items())): number}))
    return total


def _over(number: int | Fraction, divisor: int) -> int | Fraction:
    """The quotient; what it takes is read only where it is no whole number."""
    if number % divisor == 0:
        return number // divisor
    from fractions import Fraction

    return Fraction(number, divisor)
