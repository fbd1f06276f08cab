"""The inferred shapes of a cell: of its names, and of the expressions made of them."""

from __future__ import annotations

from dataclasses import dataclass

from gru_sym.language.syntax import (
    Apply,
    Expression,
    Extremum,
    MatrixProduct,
    Mean,
    Minus,
    Name,
    Number,
    Plus,
    Times,
)
from gru_sym.language.unification import Size

Shape = tuple[Size, Size]
"""Rows and columns; a vector has one column, a scalar one of each."""


def axes(shape: Shape) -> tuple[Size, ...]:
    """The axes of the array that holds it: two of a matrix, one of a vector, none of one number.

    >>> axes(("n", "m")), axes(("n", 1)), axes((1, 1))
    (('n', 'm'), ('n',), ())
    """
    rows, columns = shape
    if columns != 1:
        return rows, columns
    return (rows,) if rows != 1 else ()


@dataclass(frozen=True)
class Sizes:
    """The inferred shapes of a cell.

    Attributes
    ----------
    shapes : name -> (rows, columns), for the input, the states, the values and the parameters.
    scalars : the parameters and values that are one number: declared `: 1`, inferred to have one
        row and one column, or computed from scalars alone. A size symbol is never 1 here.
    free : the sizes that nothing fixed and that were given a name here.
    """

    shapes: dict[str, Shape]
    scalars: frozenset[str]
    free: tuple[str, ...]

    def is_scalar(self, expression: Expression) -> bool:
        """Whether an expression is a number or a scalar, which spreads over vectors."""
        return _is_scalar(expression, self.scalars)

    def shape(self, expression: Expression) -> Shape:
        """Rows and columns of an expression."""
        match expression:
            case Number() | Mean():
                return (1, 1)
            case Name(name=name):
                return self.shapes[name]
            case Apply(argument=operand) | Minus(operand=operand):
                return self.shape(operand)
            case MatrixProduct(left=left, right=right):
                return self.shape(left)[0], self.shape(right)[1]
            case Times(factors=parts) | Plus(terms=parts) | Extremum(parts=parts):
                return self.shape(next((p for p in parts if not self.is_scalar(p)), parts[0]))


def _is_scalar(expression: Expression, scalars: frozenset[str] | set[str]) -> bool:
    match expression:
        case Number() | Mean():
            return True
        case Name(name=name):
            return name in scalars
        case Apply(argument=operand) | Minus(operand=operand):
            return _is_scalar(operand, scalars)
        case Times(factors=parts) | Plus(terms=parts) | Extremum(parts=parts):
            return all(_is_scalar(part, scalars) for part in parts)
        case MatrixProduct():
            return False
