"""The arguments of exponentials over the rational numbers: `exp(a)` and `exp(a + 2 b)` share values.

`sigmoid(a)`, `exp(a)` and `softplus(a)` are functions of `exp(a)`. Arguments that stand side by side
may be combinations of each other: a beside 2 a, or a + b, b and a. So each is written as a number
plus a combination, with whole coefficients, of a few that are linearly independent, the *basis*;
then the exponential of each is a product of powers of those of the basis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from gru_sym.normal.polynomials import ONE, Function, Polynomial, Product, Term

SMOOTH = ("sigmoid", "exp", "softplus")
"""The functions through which the normal form writes every analytic function."""


@dataclass(frozen=True)
class Combination:
    """An argument: a number, in units of 1 / `Exponents.unit`, and whole multiples of the basis."""

    number: int
    powers: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Exponents:
    """A basis of arguments, and every argument written in it.

    >>> a = Polynomial.symbol("a")
    >>> exponents = Exponents.of([a.scaled(Fraction(2)), a, a + 1])
    >>> len(exponents.basis), [c.number for c in exponents.combinations.values()]
    (1, [0, 0, 1])
    """

    basis: tuple[Polynomial, ...]
    combinations: Mapping[Polynomial, Combination]
    unit: int

    @staticmethod
    def of(arguments: Iterable[Polynomial]) -> Exponents:
        """Reduce arguments, in the given order: the first of several dependent ones is kept."""
        reduction = _Reduction()
        found = {argument: reduction.add(argument) for argument in dict.fromkeys(arguments)}
        numbers = {argument: dict(argument.terms).get(ONE, Fraction(0)) for argument in found}
        unit = lcm(*(number.denominator for number in numbers.values()))
        shares = [
            lcm(*(combination.get(k, Fraction(0)).denominator for combination in found.values()))
            for k in range(len(reduction.kept))
        ]
        return Exponents(
            tuple(
                kept.scaled(Fraction(1, share))
                for kept, share in zip(reduction.kept, shares, strict=True)
            ),
            {
                argument: Combination(
                    int(numbers[argument] * unit),
                    tuple((k, int(q * shares[k])) for k, q in sorted(combination.items()) if q),
                )
                for argument, combination in found.items()
            },
            unit,
        )

    @staticmethod
    def of_functions(polynomials: Iterable[Polynomial]) -> Exponents:
        """The arguments of all smooth functions in polynomials, shorter ones first."""
        functions = {f for polynomial in polynomials for f in functions_of(polynomial)}
        arguments = {f.argument for f in functions if f.function in SMOOTH}
        return Exponents.of(sorted(arguments, key=lambda a: (len(a.terms), a.key)))


def functions_of(polynomial: Polynomial) -> Iterator[Function]:
    """Every function that occurs in a polynomial, those inside arguments too."""
    seen: set[Function] = set()
    pending = [polynomial]
    while pending:
        for term, _ in pending.pop().terms:
            for function in _in_term(term):
                if function not in seen:
                    seen.add(function)
                    pending.append(function.argument)
                    yield function


def _in_term(term: Term) -> Iterator[Function]:
    for factor, _ in term:
        match factor:
            case Function():
                yield factor
            case Product(left=left, right=right):
                yield from _in_term(left)
                yield from _in_term(right)


class _Reduction:
    """Gaussian elimination over the terms of polynomials, constants left out."""

    def __init__(self) -> None:
        self.kept: list[Polynomial] = []
        self._rows: list[tuple[Term, dict[Term, Fraction], dict[int, Fraction]]] = []

    def add(self, polynomial: Polynomial) -> dict[int, Fraction]:
        """A polynomial as a combination of those kept; it is kept itself if there is none."""
        rest = {term: q for term, q in polynomial.terms if term != ONE}
        combination: dict[int, Fraction] = {}
        for pivot, row, made_of in self._rows:
            if factor := rest.get(pivot):
                _subtract(rest, row, factor)
                _subtract(combination, made_of, -factor)
        if not rest:
            return combination
        pivot = next(iter(rest))
        scale = 1 / rest[pivot]
        # rest = polynomial - combination, so polynomial is the new member of the basis.
        new = len(self.kept)
        made_of = {k: -q * scale for k, q in combination.items()} | {new: scale}
        self._rows.append((pivot, {term: q * scale for term, q in rest.items()}, made_of))
        self.kept.append(polynomial - Polynomial.number(dict(polynomial.terms).get(ONE, 0)))
        return {new: Fraction(1)}


def _subtract(total: dict, part: Mapping, factor: Fraction) -> None:  # type: ignore[type-arg]
    for key, entry in part.items():
        value = total.get(key, Fraction(0)) - factor * entry
        if value:
            total[key] = value
        else:
            total.pop(key, None)
