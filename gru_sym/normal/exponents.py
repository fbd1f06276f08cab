"""The arguments of exponentials in a basis: `exp(a + 2 b)` is `exp(a) exp(b)**2`.

`sigmoid(a)`, `exp(a)` and `softplus(a)` are functions of `exp(a)`. Arguments side by side
may be combinations of each other: a beside 2 a, or a + b, b and a. So each is written as a number
plus a combination, with whole coefficients, of a few that are linearly independent, the *basis*;
then the exponential of each is a product of powers of those of the basis.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from gru_sym.normal.polynomials import (
    ONE,
    Function,
    Polynomial,
    Term,
    functions_in,
    term_key,
    term_names,
)
from gru_sym.normal.ratios import add_multiple

SMOOTH = ("sigmoid", "exp", "softplus")
"""The functions through which the normal form writes every function of an exponential."""

ANGLES = ("sin", "cos")
"""The functions of an angle, whose sums and multiples are read in a basis in the same way."""


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
    def of(arguments: Iterable[Polynomial], data: Collection[str] = ()) -> Exponents:
        """Reduce arguments, in the given order: the first of several dependent ones is kept.

        Where two depend on data in the same way, as a + b and a + d, their difference is kept.
        """
        reduction = _Reduction(frozenset(data))
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
    def of_functions(
        polynomials: Iterable[Polynomial],
        data: Collection[str],
        kinds: Collection[str] = SMOOTH,
    ) -> Exponents:
        """The arguments of all functions of some kinds in polynomials, shorter ones first."""
        arguments = {f.argument for f in functions_of(*polynomials) if f.function in kinds}
        return Exponents.of(sorted(arguments, key=lambda a: (len(a.terms), a.key)), data)


def functions_of(*polynomials: Polynomial) -> Iterator[Function]:
    """Every function that occurs in polynomials, those inside arguments too."""
    seen: set[Function] = set()
    pending = list(polynomials)
    while pending:
        for term, _ in pending.pop().terms:
            for function in functions_in(term):
                if function not in seen:
                    seen.add(function)
                    pending.append(function.argument)
                    yield function


Row = tuple[Term, dict[Term, Fraction], dict[int, Fraction]]
"""A pivot, a combination of terms in which it has the number 1, and the members it is made of."""


class _Reduction:
    """Gaussian elimination over the terms of polynomials, constants left out, data first."""

    def __init__(self, data: frozenset[str]) -> None:
        self.data = data
        self.kept: list[Polynomial] = []
        # A row with data may hold the pivots of later ones and of rows without data, not others.
        self._varying: list[Row] = []
        self._constant: list[Row] = []

    def add(self, polynomial: Polynomial) -> dict[int, Fraction]:
        """A polynomial as a combination of those kept, to which one may be added for it."""
        whole = {term: q for term, q in polynomial.terms if term != ONE}
        rest, combination = dict(whole), dict[int, Fraction]()
        for known, terms, made_of in (*self._varying, *self._constant):
            if factor := rest.get(known):
                add_multiple(rest, terms, -factor)
                add_multiple(combination, made_of, factor)
        if not rest:
            return combination
        varying = [term for term in rest if term_names(term) & self.data]
        pivot = min(varying or rest, key=term_key)
        scale = 1 / rest[pivot]
        new = len(self.kept)
        row = {term: q * scale for term, q in rest.items()}
        if varying:
            # rest = polynomial - combination, and the polynomial is the new member.
            made_of = {k: -q * scale for k, q in combination.items()} | {new: scale}
            self._varying.append((pivot, row, made_of))
            self.kept.append(Polynomial.collect(whole.items()))
            return {new: Fraction(1)}
        self._constant.append((pivot, row, {new: scale}))
        self.kept.append(Polynomial.collect(rest.items()))
        return combination | {new: Fraction(1)}
