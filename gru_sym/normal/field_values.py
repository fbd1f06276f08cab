"""The entries of a normal form over a prime field, with their derivatives by the parameters.

A function value is not computed but drawn: `sigmoid(a)` gets a random residue s, and its derivative
is `s (1 - s) a'`. One draw serves every occurrence of the same function of the same argument.
`exp(a)` is `s / (1 - s)` with the s of `sigmoid(a)`, and `softplus(a)` is a draw of its own whose
derivative is `s a'`. Why the draws may be random is the theorem in `exact_rank`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from gru_sym.functions import FUNCTIONS
from gru_sym.normal.polynomials import (
    Factor,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
)
from gru_sym.normal.prime_field import PRIME, inverse, residue

Gradient = dict[int, int]
"""Derivatives by the parameters, by the parameter's number; what is missing is 0."""


@dataclass(frozen=True)
class Dual:
    """A residue and its derivatives; `varies` tells whether it depends on the sample."""

    value: int
    gradient: Gradient = field(default_factory=dict)
    varies: bool = False


ZERO = Dual(0)
"""What is 0 by its formula, and not by its numbers: recognised by identity."""

LOG_2 = 1_234_567_891
"""The value of softplus(0): log 2 is transcendental, so any one residue may stand for it."""

Key = tuple[Polynomial, int, int]
"""The argument of a function, with the row and column of an entry."""

Draw = Callable[[str, Key, bool], int]
"""The residue drawn for a kind of function at a key, which varies with the sample or does not."""


Piece = Callable[[str, Key], int]
"""Which of its pieces, counted from the left, a piecewise linear function is on at a key."""

PIECES = {name: f.pieces for name, f in FUNCTIONS.items() if f.pieces}
"""Slope and intercept of every piece."""


class Draws:
    """Random residues by key, drawn when first asked for.

    >>> draws = Draws(seed=1)
    >>> draws("a") == draws("a") != draws("b")
    True
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a reproducible choice, not a secret
        self._drawn: dict[object, int] = {}

    def __call__(self, key: object) -> int:
        """The residue of a key, drawn when it is first asked for."""
        if key not in self._drawn:
            self._drawn[key] = self._random.randrange(2, PRIME)
        return self._drawn[key]


class FieldValues:
    """One evaluation of a cell: the entries of its polynomials at one sample.

    Parameters
    ----------
    entries : the value of a name at a row and column, with derivatives.
    size : the number that a size stands for.
    draw : the values of functions.
    piece : the pieces of piecewise linear functions.
    """

    def __init__(
        self,
        entries: Callable[[str, int, int], Dual],
        size: Callable[[str | int], int],
        draw: Draw,
        piece: Piece,
    ) -> None:
        self.entries = entries
        self.size = size
        self.draw = draw
        self.piece = piece
        self.independents: dict[tuple[str, Key], Dual] = {}
        self._known: dict[tuple[Factor, int, int], Dual] = {}

    def polynomial(self, polynomial: Polynomial, row: int, column: int = 0) -> Dual:
        """One entry of a polynomial."""
        entries = ((residue(q), self.term(term, row, column)) for term, q in polynomial.terms)
        return _sum(((Dual(scale), entry) for scale, entry in entries))

    def term(self, term: Term, row: int, column: int) -> Dual:
        """One entry of a term: the product rule."""
        if any(isinstance(f, Symbol) and self.factor(f, row, column) is ZERO for f, _ in term):
            return ZERO  # before its other factors are computed, on which it does not depend
        product = Dual(1)
        for factor, exponent in term:
            entry = self.factor(factor, row, column)
            if entry is ZERO and exponent > 0:
                return ZERO
            product = _sum([(product, _power(entry, exponent))])
        return product

    def factor(self, factor: Factor, row: int, column: int) -> Dual:
        """One entry of a factor; a scalar is the same at every row."""
        if factor.scalar:
            row = column = 0
        if isinstance(factor, Symbol):
            return self.entries(factor.name, row, column)
        key = (factor, row, column)
        if key not in self._known:
            self._known[key] = self._compute(factor, row, column)
        return self._known[key]

    def _compute(self, factor: Function | Product, row: int, column: int) -> Dual:
        if isinstance(factor, Function):
            return self._function(factor, row, column)
        return _sum(self._products(factor, row, column))

    def _products(self, factor: Product, row: int, column: int) -> Iterator[tuple[Dual, Dual]]:
        for index in range(self.size(factor.inner)):
            right = self.term(factor.right, index, column)
            if right is not ZERO:
                yield self.term(factor.left, row, index), right

    def _function(self, factor: Function, row: int, column: int) -> Dual:
        """The field formula of a function: a drawn value, and its derivative."""
        argument = self.polynomial(factor.argument, row, column)
        key = (factor.argument, row, column)
        if factor.function in PIECES:
            slope, intercept = PIECES[factor.function][self.piece(factor.function, key)]
            return _line(argument, residue(slope), residue(intercept))
        if argument is ZERO:
            s = residue(Fraction(1, 2))
        else:
            self.independents["argument", key] = argument
            s = self.draw("sigmoid", key, argument.varies)
        match factor.function:
            case "sigmoid":
                return _chain(argument, s, s * (1 - s))
            case "exp":
                value = s * inverse(1 - s)
                return _chain(argument, value, value)
            case "softplus" if argument is ZERO:
                return Dual(LOG_2)
            case "softplus":
                logarithm = _chain(argument, self.draw("softplus", key, argument.varies), s)
                self.independents["softplus", key] = logarithm
                return logarithm
        raise ValueError(
            f"{factor.function} is not an exponential or linear on pieces: no exact rank"
        )


def _chain(argument: Dual, value: int, slope: int) -> Dual:
    """A function of an argument, by the chain rule."""
    gradient = Gradient()
    _accumulate(gradient, slope % PRIME, argument.gradient)
    return Dual(value % PRIME, gradient, argument.varies)


def _line(argument: Dual, slope: int, intercept: int) -> Dual:
    """Slope * argument + intercept; the parameters stay listed even where the slope is 0."""
    return _chain(argument, slope * argument.value + intercept, slope)


def _accumulate(total: Gradient, scale: int, gradient: Mapping[int, int]) -> None:
    for column, entry in gradient.items():
        total[column] = (total.get(column, 0) + scale * entry) % PRIME


def _sum(products: Iterable[tuple[Dual, Dual]]) -> Dual:
    """A sum of products of two."""
    value, gradient, varies, empty = 0, Gradient(), False, True
    for a, b in products:
        if a is not ZERO and b is not ZERO:
            empty = False
            value += a.value * b.value
            _accumulate(gradient, b.value, a.gradient)
            _accumulate(gradient, a.value, b.gradient)
            varies = varies or a.varies or b.varies
    return ZERO if empty else Dual(value % PRIME, gradient, varies)


def _power(base: Dual, exponent: int) -> Dual:
    if exponent == 1:
        return base
    value = base.value if exponent > 0 else inverse(base.value)
    slope = exponent * pow(value, exponent - 1 if exponent > 0 else -exponent + 1, PRIME)
    gradient = Gradient()
    _accumulate(gradient, slope % PRIME, base.gradient)
    return Dual(pow(value, abs(exponent), PRIME), gradient, base.varies)
