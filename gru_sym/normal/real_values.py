"""The entries of a normal form at a real point, in ball arithmetic: each lies in its interval."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath

from gru_sym.arithmetic import Arithmetic
from gru_sym.functions import FUNCTIONS
from gru_sym.normal.polynomials import (
    Factor,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
)
from gru_sym.normal.transposes import entry_of

DIGITS = 50

MAX_EXPONENT = 2**16
"""Exponentials of more are not computed: the time grows with the argument, not with its digits."""

BREAKS = {name: f.breaks for name, f in FUNCTIONS.items() if f.breaks}
"""Where the pieces of piecewise linear functions meet."""


class RealPieces:
    """Which pieces of piecewise linear functions the values at a real point lie strictly inside of.

    `pattern` is what was asked for, and answered, so far.
    """

    def __init__(
        self, entries: Callable[[str, int, int], Fraction], size: Callable[[str | int], int]
    ) -> None:
        self._values = RealValues(entries, size)
        self._known: dict[tuple[str, Polynomial, int, int], int] = {}

    @property
    def pattern(self) -> frozenset[tuple[object, int]]:
        """All pieces found so far."""
        return frozenset(self._known.items())

    def __call__(self, function: str, key: tuple[Polynomial, int, int]) -> int:
        """The number of breaks below the argument."""
        if (function, *key) not in self._known:
            breaks = [self._values.rational(at) for at in BREAKS[function]]
            ball = self._values.polynomial(*key)
            if not all(ball.b < at.a or at.b < ball.a for at in breaks):
                raise ArithmeticError(f"an argument of {function} is too near to one of its breaks")
            self._known[(function, *key)] = sum(ball.a > at.b for at in breaks)
        return self._known[(function, *key)]


class RealValues:
    """One evaluation of a cell at rational numbers, with 50 digits and proved error bounds.

    `ArithmeticError` where a value is not known to be defined.

    Parameters
    ----------
    entries : the rational value of a name at a row and column.
    size : the number that a size stands for.
    """

    def __init__(
        self, entries: Callable[[str, int, int], Fraction], size: Callable[[str | int], int]
    ) -> None:
        self.entries = entries
        self.size = size
        self.balls = mpmath.MPIntervalContext()
        self.balls.dps = DIGITS
        self._known: dict[tuple[Factor, int, int], Any] = {}

    def rational(self, number: Fraction) -> Any:
        """The interval of a rational number."""
        return self.balls.mpf(number.numerator) / number.denominator

    def polynomial(self, polynomial: Polynomial, row: int, column: int = 0) -> Any:
        """One entry of a polynomial."""
        total = self.balls.mpf(0)
        for term, number in polynomial.ordered:
            total += self.rational(number) * self.term(term, row, column)
        return total

    def term(self, term: Term, row: int, column: int) -> Any:
        """One entry of a term."""
        product = self.balls.mpf(1)
        for factor, exponent in term:
            value = self.factor(factor, row, column)
            if exponent < 0 and 0 in value:
                raise ArithmeticError("a divisor may be 0 here")
            product *= value**exponent
        return product

    def factor(self, factor: Factor, row: int, column: int) -> Any:
        """One entry of a factor."""
        if factor.scalar:
            row = column = 0
        key = (factor, row, column)
        if key not in self._known:
            self._known[key] = self._compute(factor, row, column)
        return self._known[key]

    def _compute(self, factor: Factor, row: int, column: int) -> Any:
        match factor:
            case Symbol():
                return self.rational(entry_of(factor, self.entries, row, column))
            case Function(function=function, argument=argument):
                return self._function(function, self.polynomial(argument, row, column))
            case Product(left=left, right=right):
                size = self.size(factor.inner)
                total = sum(
                    (self.term(left, row, k) * self.term(right, k, column) for k in range(size)),
                    self.balls.mpf(0),
                )
                return total if left else total / size

    def _function(self, function: str, a: Any) -> Any:
        if function == "reciprocal" and 0 in a:
            raise ArithmeticError("a divisor may be 0 here")
        on = Arithmetic(
            self.rational,
            self._ramp,
            exp=self._exp,
            log=self.balls.log,
            sqrt=self._sqrt,
            sin=self.balls.sin,
            cos=self.balls.cos,
        )
        return FUNCTIONS[function].at(a, on)

    def _sqrt(self, a: Any) -> Any:
        """The square root. `ArithmeticError` for what may be negative."""
        if a.a < 0:
            raise ArithmeticError("the argument of a square root may be negative here")
        return self.balls.sqrt(a)

    def _exp(self, a: Any) -> Any:
        """The exponential; beyond `MAX_EXPONENT` only that it is large, or small."""
        low, high = (self.balls.mpf(sign * MAX_EXPONENT) for sign in (-1, 1))
        inside = self.balls.exp(self.balls.mpf([min(max(e, low.a), high.a) for e in (a.a, a.b)]))
        return self.balls.mpf(
            [0 if a.a < low.a else inside.a, inside.b if a.b <= high.a else float("inf")]
        )

    def _ramp(self, a: Any) -> Any:
        """max(a, 0), at both ends of the interval."""
        return self.balls.mpf([max(end, 0) for end in (a.a, a.b)])
