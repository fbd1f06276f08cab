"""Pivots computed anew on real arrays, by arithmetic that NumPy arrays and tensors share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add, mul
from typing import Any

from gru_sym.certificates.absorption import Elimination, Pivot
from gru_sym.certificates.sites import HOLE
from gru_sym.functions import FUNCTIONS
from gru_sym.normal.polynomials import (
    Factor,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    term_names,
)

Arrays = Mapping[str, Any]

ELEMENTWISE = {name: f.plain for name, f in FUNCTIONS.items() if f.plain is not None}


def recomputed(
    elimination: Elimination, before: Arrays, after: Arrays, changed: set[str]
) -> dict[str, Any]:
    """The arrays after a change, with every pivot set so that its coefficient stays."""
    arrays = dict(after)
    for pivot in reversed(elimination.pivots):
        if pivot.names & changed:
            arrays[pivot.parameter] = _solve(pivot, before, arrays)
            changed = changed | {pivot.parameter}
    return arrays


def _solve(pivot: Pivot, before: Arrays, after: Arrays) -> Any:
    assert pivot.site.coefficient is not None
    if pivot.beside:
        return before[pivot.parameter] * _term(pivot.beside, before) / _term(pivot.beside, after)
    old = _polynomial(pivot.site.coefficient, before, pivot.matrix)
    new = _polynomial(pivot.rest, after, pivot.matrix)
    row, column = _term(pivot.row, after), _term(pivot.column, after)
    if pivot.matrix:
        row = as_columns(row)
    return (old - new) / (float(pivot.number) * row * column)


def as_columns(vector: Any) -> Any:
    """A vector that multiplies the rows of a matrix; a number stays as it is."""
    return vector.reshape(-1, 1) if getattr(vector, "ndim", 0) == 1 else vector


def _polynomial(polynomial: Polynomial, arrays: Arrays, matrix: bool) -> Any:
    """The value of a polynomial; of a matrix, without the number times the identity in it.

    That number is the same before and after a move, and only differences are taken.
    """
    value = _matrix if matrix else _term
    terms = [t for t in polynomial.terms if not matrix or term_names(t[0]) - {HOLE.name}]
    return reduce(add, (float(number) * value(term, arrays) for term, number in terms), 0.0)


def _term(term: Term, arrays: Arrays) -> Any:
    """The value of a product of parameters; 1 without factors."""
    factors = [_factor(factor, arrays) ** exponent for factor, exponent in term if factor != HOLE]
    return reduce(mul, factors, 1.0)


def _factor(factor: Factor, arrays: Arrays) -> Any:
    match factor:
        case Symbol(name):
            return arrays[name]
        case Function(function=function, argument=argument):
            if function not in ELEMENTWISE:
                raise ValueError(f"{function} of parameters cannot be computed by plain arithmetic")
            return ELEMENTWISE[function](_polynomial(argument, arrays, matrix=False))
        case Product(left=left, right=right):
            vector, kernel = _term(right, arrays), _term(left, arrays)
            return (kernel * vector).sum(-1)


def _matrix(term: Term, arrays: Arrays) -> Any:
    """The matrix of a coefficient, which is linear in its hole."""
    for factor, exponent in term:
        if isinstance(factor, Product) and HOLE.name in factor.names:
            outside = as_columns(_term(term - {(factor, exponent)}, arrays))
            kernel = _term(factor.left, arrays)
            if (HOLE, 1) in factor.right:
                return outside * kernel * _term(factor.right, arrays)
            return outside * (kernel @ _matrix(factor.right, arrays))
    return _diagonal(_term(term, arrays))


def _diagonal(vector: Any) -> Any:
    """The diagonal matrix with these entries."""
    index = (vector * 0 + 1).cumsum(0)
    return vector.reshape(-1, 1) * (index.reshape(-1, 1) == index)
