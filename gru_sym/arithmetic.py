"""What the formula of a function is computed with: SymPy, rational numbers, arrays, intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True)
class Arithmetic:
    """What a formula is computed with, beside + - * /.

    Attributes
    ----------
    number : a rational number as one of these numbers.
    ramp : max(u, 0).
    """

    number: Callable[[Fraction], Any]
    ramp: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    sin: Callable[[Any], Any]
    cos: Callable[[Any], Any]


class NotWithin(ArithmeticError):
    """An arithmetic does not have the value that a formula asks for."""


def _only(known: Mapping[Fraction, Fraction]) -> Callable[[Any], Any]:
    """A function that is known at a few numbers."""

    def value(u: Any) -> Any:
        if u not in known:
            raise NotWithin
        return known[u]

    return value


def _missing(u: Any) -> Any:
    raise NotWithin


def _rational_root(u: Fraction) -> Fraction:
    """The square root of a rational number, where it is rational."""
    root = Fraction(math.isqrt(u.numerator), math.isqrt(u.denominator)) if u >= 0 else ZERO
    if root * root != u:
        raise NotWithin
    return root


SYMPY = Arithmetic(
    sp.Rational, lambda u: sp.Max(u, 0), sp.exp, sp.log, sqrt=sp.sqrt, sin=sp.sin, cos=sp.cos
)
# exp, sin and cos are irrational at every other rational number (Lindemann), and so is log.
EXACT = Arithmetic(
    Fraction,
    lambda u: max(u, ZERO),
    exp=_only({ZERO: ONE}),
    log=_only({ONE: ZERO}),
    sqrt=_rational_root,
    sin=_only({ZERO: ZERO}),
    cos=_only({ZERO: ONE}),
)
PLAIN = Arithmetic(
    float,
    lambda u: (u + abs(u)) / 2,
    exp=lambda u: math.e**u,
    log=_missing,
    sqrt=lambda u: u**0.5,
    sin=_missing,
    cos=_missing,
)
"""What NumPy arrays and tensors have in common: no logarithm, no angles."""
