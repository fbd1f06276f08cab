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
    TRANSPOSED,
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
    like = before[pivot.parameter] if pivot.matrix else None
    old = _polynomial(pivot.site.coefficient, before, like)
    new = _polynomial(pivot.rest, after, like)
    row, column = _term(pivot.row, after), _term(pivot.column, after)
    if pivot.matrix:
        row = as_columns(row)
    return (old - new) / (float(pivot.number) * row * column)


def as_columns(vector: Any) -> Any:
    """A vector that multiplies the rows of a matrix; a number stays as it is."""
    return vector.reshape(-1, 1) if getattr(vector, "ndim", 0) == 1 else vector


def _polynomial(polynomial: Polynomial, arrays: Arrays, like: Any = None) -> Any:
    """The value of a polynomial; of a matrix like one, without a number times the identity.

    That number is the same before and after a move, and only differences are taken.
    """
    vector = like is None
    terms = [t for t in polynomial.terms if vector or term_names(t[0]) - {HOLE.name}]
    values = (_term(t, arrays) if vector else _matrix(t, arrays, like) for t, _ in terms)
    numbers = (float(number) for _, number in terms)
    return reduce(add, map(mul, numbers, values), 0.0)


def _term(term: Term, arrays: Arrays) -> Any:
    """The value of a product of parameters; 1 without factors."""
    factors = [_factor(factor, arrays) ** exponent for factor, exponent in term if factor != HOLE]
    return reduce(mul, factors, 1.0)


def _factor(factor: Factor, arrays: Arrays) -> Any:
    match factor:
        case Symbol(name):
            bare = name.removesuffix(TRANSPOSED)
            return arrays[name] if bare == name else arrays[bare].T
        case Function(function=function, argument=argument):
            if function not in ELEMENTWISE:
                raise ValueError(f"{function} of parameters cannot be computed by plain arithmetic")
            return ELEMENTWISE[function](_polynomial(argument, arrays))
        case Product(left=left, right=right):
            vector = _term(right, arrays)
            return (_term(left, arrays) * vector).sum(-1) if left else vector.mean(-1)


def _matrix(term: Term, arrays: Arrays, like: Any) -> Any:
    """The matrix of a coefficient, which is linear in its hole."""
    for factor, exponent in term:
        if isinstance(factor, Product) and HOLE.name in factor.names:
            outside = as_columns(_term(term - {(factor, exponent)}, arrays))
            # A mean is a kernel of one row.
            kernel = _term(factor.left, arrays) if factor.left else 1 / like.shape[-1]
            if (HOLE, 1) in factor.right:
                return outside * kernel * _term(factor.right, arrays)
            inside = _matrix(factor.right, arrays, like)
            return outside * (kernel @ inside if factor.left else inside.mean(0).reshape(1, -1))
    index = (like[0] * 0 + 1).cumsum(0)
    return as_columns(_term(term, arrays)) * (index.reshape(-1, 1) == index)  # a diagonal matrix
