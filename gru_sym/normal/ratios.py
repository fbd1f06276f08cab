"""Fractions of polynomials, and their linear relations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import prod
from typing import TypeVar

from gru_sym.normal.polynomials import Polynomial, Term, scalars_of

NUMBER_0, NUMBER_1 = Polynomial.number(0), Polynomial.number(1)
Key = TypeVar("Key")
Entry = TypeVar("Entry", Fraction, Polynomial)


@dataclass(frozen=True)
class Ratio:
    """A polynomial over powers of others.

    >>> a = Polynomial.symbol("a")
    >>> one = Ratio(Polynomial.number(1)).over(a * a + 1)
    >>> (one * Ratio(a * a) + one - 1).is_zero, (one + one).is_zero
    (True, False)

    Nothing is cancelled: a ratio is 0 if and only if its numerator is.
    """

    numerator: Polynomial
    denominators: frozenset[tuple[Polynomial, int]] = frozenset()

    def over(self, denominator: Polynomial) -> Ratio:
        """The ratio divided by a polynomial."""
        return self * Ratio(NUMBER_1, frozenset([(denominator, 1)]))

    @property
    def denominator(self) -> Polynomial:
        """The denominators, multiplied out."""
        return prod((d**power for d, power in self.denominators), start=NUMBER_1)

    @property
    def inverse(self) -> Ratio:
        """One over it. `ZeroDivisionError` for what is 0."""
        if self.is_zero:
            raise ZeroDivisionError("0 has no reciprocal")
        if len(self.numerator.terms) == 1:
            return Ratio(self.denominator * self.numerator**-1)
        return Ratio(self.denominator).over(self.numerator)

    @property
    def is_zero(self) -> bool:
        """Whether it is 0."""
        return not self.numerator.terms

    def __add__(self, other: Ratio | int) -> Ratio:
        right = Ratio(Polynomial.number(other)) if isinstance(other, int) else other
        (one, two), common = over_one_denominator([self, right])
        return Ratio(one + two, common)

    def __sub__(self, other: Ratio | int) -> Ratio:
        return self + -other

    def __neg__(self) -> Ratio:
        return Ratio(-self.numerator, self.denominators)

    def __mul__(self, other: Ratio) -> Ratio:
        powers = dict(self.denominators)
        for denominator, power in other.denominators:
            powers[denominator] = powers.get(denominator, 0) + power
        return Ratio(self.numerator * other.numerator, frozenset(powers.items()))

    def __pow__(self, exponent: int) -> Ratio:
        """A power that is not negative."""
        if exponent < 0:
            raise ValueError("take the inverse, which may not be there")
        return prod([self] * exponent, start=Ratio(NUMBER_1))


def over_one_denominator(
    ratios: Sequence[Ratio],
) -> tuple[list[Polynomial], frozenset[tuple[Polynomial, int]]]:
    """The numerators of ratios over their common denominator, and that."""
    most: dict[Polynomial, int] = {}
    for ratio in ratios:
        for denominator, power in ratio.denominators:
            most[denominator] = max(most.get(denominator, 0), power)
    numerators = []
    for ratio in ratios:
        has = dict(ratio.denominators)
        missing = (d ** (power - has.get(d, 0)) for d, power in most.items())
        numerators.append(prod(missing, start=ratio.numerator))
    return numerators, frozenset(most.items())


Row = Mapping[object, Fraction]
"""A vector over the rational numbers, by its entries that are not 0."""


def as_row(polynomial: Polynomial) -> Row:
    """The coefficients of a polynomial."""
    return dict(polynomial.terms)


def over_scalars(polynomial: Polynomial, place: int) -> dict[object, Polynomial]:
    """The coefficients of a polynomial, which are polynomials in what is a single number."""
    row: dict[object, Polynomial] = {}
    for term, number in polynomial.terms:
        scalars = scalars_of(term)
        key = place, term - scalars
        row[key] = row.get(key, NUMBER_0) + Polynomial.of(scalars, number)
    return row


def combination(
    row: Mapping[object, Entry],
    of: Sequence[Mapping[object, Entry]],
    one: Entry,
    is_unit: Callable[[Entry], bool] = bool,
) -> list[Entry] | None:
    """Coefficients that make a vector from others; None if none are found.

    >>> half, one = Fraction(1, 2), Fraction(1)
    >>> combination({"a": one, "b": one}, [{"a": one * 2, "b": one * 2}], one) == [half]
    True

    Where not every entry but 0 has a reciprocal, `is_unit` says which have; then some may be
    missed.
    """
    echelon: list[tuple[object, dict[object, Entry]]] = []
    for number, each in enumerate(chain(of, [row])):
        # Beside its entries a row carries, under its own number, what it is made of.
        rest = dict(each)
        rest[number] = one
        for pivot, other in echelon:
            if pivot in rest:
                add_multiple(rest, other, -rest[pivot])
        left = [key for key in rest if not isinstance(key, int)]
        if not left and number == len(of):
            return [-rest[k] if k in rest else one - one for k in range(len(of))]
        pivot = next((key for key in left if is_unit(rest[key])), None)
        if pivot is not None:
            scale = rest[pivot] ** -1
            echelon.append((pivot, {key: entry * scale for key, entry in rest.items()}))
    return None


def add_multiple(total: dict[Key, Entry], part: Mapping[Key, Entry], factor: Entry) -> None:
    """Add a multiple of one vector to another; entries that become 0 go."""
    for key, entry in part.items():
        value = total[key] + factor * entry if key in total else factor * entry
        if value:
            total[key] = value
        else:
            total.pop(key, None)


def can_be_positive(rows: Iterable[Row], most: int = 60) -> bool:
    """Whether linear forms can all be positive at once; True also where they are too many to say.

    >>> one = Fraction(1)
    >>> can_be_positive([{"a": one}, {"a": -one, "b": one}, {"b": -one}])
    False

    By Fourier and Motzkin's elimination.
    """
    left = {frozenset(row.items()) for row in rows}
    while left:
        if frozenset() in left:
            return False
        if len(left) > most:
            return True
        variables = {key for row in left for key, _ in row}
        pairs = {v: _signs(left, v) for v in variables}
        variable = min(variables, key=lambda v: len(pairs[v][0]) * len(pairs[v][1]))
        above, below = pairs[variable]
        left = {row for row in left if row not in above and row not in below}
        for one in above:
            for other in below:
                total = {key: entry / dict(one)[variable] for key, entry in one}
                add_multiple(total, dict(other), -1 / dict(other)[variable])
                left.add(frozenset(total.items()))
    return True


def _signs(
    rows: Iterable[frozenset[tuple[object, Fraction]]], variable: object
) -> tuple[list[frozenset[tuple[object, Fraction]]], list[frozenset[tuple[object, Fraction]]]]:
    """The rows in which a variable has a positive coefficient, and a negative one."""
    found = [(row, dict(row).get(variable, Fraction(0))) for row in rows]
    return [row for row, q in found if q > 0], [row for row, q in found if q < 0]


def monomial_content(polynomial: Polynomial, of: Iterable[object]) -> Term:
    """The largest product of powers of some factors that divides every term."""
    wanted = set(of)
    exponents = [
        {factor: exponent for factor, exponent in term if factor in wanted}
        for term, _ in polynomial.terms
    ]
    least = {
        factor: min(each.get(factor, 0) for each in exponents)
        for factor in {factor for each in exponents for factor in each}
    }
    return frozenset((factor, exponent) for factor, exponent in least.items() if exponent)
