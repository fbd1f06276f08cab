"""Numbers with their derivatives, for many samples at once, in float64 or in any precision.

A `Dual` holds the values of one quantity at S samples, an array (S, rows, columns), and its slopes
by the P parameters, (S, rows, columns, P). In float64 both carry a bound of the terms that were
summed on the way: a slope smaller than the rounding of its terms is a zero that cancelled.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from stress.text import NEXT, Text

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Dual:
    """Values with slopes; `size` and `reach` bound the terms summed in each, None in many digits.

    A quantity that depends on no parameter has no slope (None).
    """

    value: Array
    slope: Array | None
    size: Array | None
    reach: Array | None


def _add(a: Array | None, b: Array | None) -> Array | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _same(a: Dual, b: Dual) -> None:
    """Shapes are equal, or one is a single number; nothing else spreads."""
    one, other = a.value.shape[1:], b.value.shape[1:]
    if one != other and (1, 1) not in (one, other):
        raise ValueError(f"shapes {one} and {other} do not fit")


def add(a: Dual, b: Dual) -> Dual:
    """The sum."""
    _same(a, b)
    slope = _add(_spread(a.slope, b.value), _spread(b.slope, a.value))
    reach = _add(_spread(a.reach, b.value), _spread(b.reach, a.value))
    return Dual(a.value + b.value, slope, _add(a.size, b.size), reach)


def _spread(slope: Array | None, other: Array) -> Array | None:
    """The slope of a number, repeated over the shape of what it is added to."""
    if slope is None:
        return None
    shape = np.broadcast_shapes(slope.shape[:3], other.shape)
    return np.broadcast_to(slope, (*shape, slope.shape[3]))


def negative(a: Dual) -> Dual:
    """The negative."""
    return Dual(-a.value, None if a.slope is None else -a.slope, a.size, a.reach)


def times(a: Dual, b: Dual) -> Dual:
    """The elementwise product."""
    _same(a, b)

    def rule(left: Array | None, by: Array | None) -> Array | None:
        return None if left is None or by is None else left * by[..., None]

    return Dual(
        a.value * b.value,
        _add(rule(a.slope, b.value), rule(b.slope, a.value)),
        None if a.size is None else a.size * b.size,
        _add(rule(a.reach, b.size), rule(b.reach, a.size)),
    )


def matmul(a: Dual, b: Dual) -> Dual:
    """The matrix product."""

    def left(slope: Array | None, by: Array | None) -> Array | None:
        if slope is None or by is None:
            return None
        s, i, j, p = slope.shape
        moved = slope.transpose(0, 1, 3, 2).reshape(s, i * p, j) @ by
        return moved.reshape(moved.shape[0], i, p, -1).transpose(0, 1, 3, 2)

    def right(by: Array | None, slope: Array | None) -> Array | None:
        if slope is None or by is None:
            return None
        s, j, k, p = slope.shape
        moved = by @ slope.reshape(s, j, k * p)
        return moved.reshape(*moved.shape[:2], k, p)

    return Dual(
        a.value @ b.value,
        _add(left(a.slope, b.value), right(a.value, b.slope)),
        None if a.size is None else a.size @ b.size,
        _add(left(a.reach, b.size), right(a.size, b.reach)),
    )


def _decay(u: Array) -> Array:
    return np.exp(-np.abs(u))


def _float_sigmoid(u: Array) -> Array:
    return np.where(u >= 0, 1, _decay(u)) / (1 + _decay(u))


FLOAT: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "sigmoid": (_float_sigmoid, lambda u: _decay(u) / (1 + _decay(u)) ** 2),
    "tanh": (np.tanh, lambda u: 4 * _decay(2 * u) / (1 + _decay(2 * u)) ** 2),
    "relu": (lambda u: np.maximum(u, 0), lambda u: np.where(u > 0, 1.0, 0.0)),
    "exp": (np.exp, np.exp),
    "softplus": (lambda u: np.maximum(u, 0) + np.log1p(_decay(u)), _float_sigmoid),
    "silu": (
        lambda u: u * _float_sigmoid(u),
        lambda u: _float_sigmoid(u) + u * _decay(u) / (1 + _decay(u)) ** 2,
    ),
    "hard_sigmoid": (
        lambda u: np.clip(u / 6 + 0.5, 0, 1),
        lambda u: np.where(np.abs(u) < 3, 1 / 6, 0.0),
    ),
    "identity": (lambda u: u, np.ones_like),
    "sqrt": (np.sqrt, lambda u: 0.5 / np.sqrt(u)),
    "abs": (np.abs, np.sign),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda u: -np.sin(u)),
    "reciprocal": (lambda u: 1 / u, lambda u: -1 / u**2),
}
"""Name -> the function and its derivative, in float64."""


def _digits(f: Callable[[Any], Any]) -> Callable[[Array], Array]:
    return np.frompyfunc(f, 1, 1)


def _mp_sigmoid(u: Any) -> Any:
    return 1 / (1 + mpmath.exp(-u))


MANY: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    name: (_digits(f), _digits(g))
    for name, (f, g) in {
        "sigmoid": (_mp_sigmoid, lambda u: _mp_sigmoid(u) * _mp_sigmoid(-u)),
        "tanh": (mpmath.tanh, lambda u: mpmath.sech(u) ** 2),
        "relu": (lambda u: max(u, mpmath.mpf(0)), lambda u: mpmath.mpf(u > 0)),
        "exp": (mpmath.exp, mpmath.exp),
        "softplus": (lambda u: mpmath.log(1 + mpmath.exp(u)), _mp_sigmoid),
        "silu": (
            lambda u: u * _mp_sigmoid(u),
            lambda u: _mp_sigmoid(u) + u * _mp_sigmoid(u) * _mp_sigmoid(-u),
        ),
        "hard_sigmoid": (
            lambda u: min(max(u / 6 + mpmath.mpf(1) / 2, mpmath.mpf(0)), mpmath.mpf(1)),
            lambda u: mpmath.mpf(abs(u) < 3) / 6,
        ),
        "identity": (lambda u: u, lambda u: mpmath.mpf(1)),
        "sqrt": (mpmath.sqrt, lambda u: 1 / (2 * mpmath.sqrt(u))),
        "abs": (abs, mpmath.sign),
        "sin": (mpmath.sin, mpmath.cos),
        "cos": (mpmath.cos, lambda u: -mpmath.sin(u)),
        "reciprocal": (lambda u: 1 / u, lambda u: -1 / u**2),
    }.items()
}
"""The same in as many digits as mpmath is set to."""


def apply(name: str, a: Dual) -> Dual:
    """A function of one argument, elementwise. The rounding of its argument reaches the slope."""
    function, derivative = (MANY if a.size is None else FLOAT)[name]
    value = function(a.value)
    if a.slope is None:
        return Dual(value, None, None if a.size is None else np.abs(value) + a.size, None)
    by = derivative(a.value)
    if a.size is None:
        return Dual(value, a.slope * by[..., None], None, None)
    # The change of the derivative where the argument is off by its rounding: at most about |f'|,
    # never more than 1 next to a kink, 1 for angles, and for fractions and roots |2 f' / u|.
    assert a.reach is not None
    change = np.abs(by) * (1 + a.size)
    if name in ("sin", "cos"):
        change = np.abs(by) + a.size
    elif name in ("reciprocal", "sqrt"):
        change = np.abs(by) * (1 + 2 * a.size / np.abs(a.value))
    reach = a.reach * change[..., None]
    return Dual(value, a.slope * by[..., None], np.abs(value) + np.abs(by) * a.size, reach)


def mean(a: Dual) -> Dual:
    """The mean over the rows of a vector."""

    def over_rows(array: Array | None) -> Array | None:
        return None if array is None else array.sum(1, keepdims=True) / array.shape[1]

    return Dual(*(over_rows(part) for part in (a.value, a.slope, a.size, a.reach)))  # type: ignore[arg-type]


class Evaluation:
    """The one-step map of a cell with its slopes, at given arrays.

    `ramps` holds the arguments of every hard_sigmoid that was met.
    """

    def __init__(
        self, text: Text, known: Mapping[str, Dual], constant: Callable[..., Dual]
    ) -> None:
        self.known = dict(known)
        self.constant = constant
        self.text = text
        self.ramps: list[Array] = []

    def next_states(self) -> list[Dual]:
        """Every equation in order; the next states."""
        states = []
        for line in self.text.lines:
            result = self.visit(line.tree)
            self.known[line.name + NEXT if line.primed else line.name] = result
            if line.primed:
                states.append(result)
        return states

    def visit(self, node: ast.expr) -> Dual:
        """The value of an expression."""
        match node:
            case ast.Name(id=name):
                return self.known[name]
            case ast.Constant(value=value):
                return self.constant(Fraction(str(value)))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return negative(self.visit(operand))
            case ast.Call(func=ast.Name(id=name), args=[argument]):
                inner = self.visit(argument)
                if name == "mean":
                    return mean(inner)
                if name == "hard_sigmoid":
                    self.ramps.append(inner.value)
                return apply(name, inner)
            case ast.Call(func=ast.Name(id=name), args=[left, right]):
                one, other = self.visit(left), self.visit(right)
                if name == "min":
                    return add(one, negative(apply("relu", add(one, negative(other)))))
                return add(one, apply("relu", add(other, negative(one))))
            case ast.BinOp(left=left, op=op, right=right):
                if isinstance(op, ast.Div) and not isinstance(right, ast.Constant):
                    return times(self.visit(left), apply("reciprocal", self.visit(right)))
                if isinstance(op, ast.Div):
                    return times(self.visit(left), self.constant(1 / Fraction(str(right.value))))
                one, other = self.visit(left), self.visit(right)
                match op:
                    case ast.MatMult():
                        return matmul(one, other)
                    case ast.Mult():
                        return times(one, other)
                    case ast.Add():
                        return add(one, other)
                    case ast.Sub():
                        return add(one, negative(other))
        raise ValueError(f"the oracle cannot read {ast.unparse(node)}")
