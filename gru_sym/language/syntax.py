"""The syntax tree of a cell: six kinds of expression, an equation, a declaration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from gru_sym.language.errors import Place

INPUT = "x"
"""The name of the input vector."""

FURTHER_INPUT, CONSTANT = "input", "constant"
"""What a declaration may say that a name is: a further input, or an array that is not trained."""


@dataclass(frozen=True)
class Number:
    """An exact number written in the text."""

    value: Fraction
    place: Place


@dataclass(frozen=True)
class Name:
    """A name; `primed` marks the next value of a state."""

    name: str
    primed: bool
    place: Place

    def __str__(self) -> str:
        return self.name + "'" if self.primed else self.name


@dataclass(frozen=True)
class Apply:
    """A known function of one argument, applied elementwise."""

    function: str
    argument: Expression
    place: Place


@dataclass(frozen=True)
class MatrixProduct:
    """`left @ right`."""

    left: Expression
    right: Expression
    place: Place


@dataclass(frozen=True)
class Times:
    """An elementwise product of two or more factors; numbers and scalars spread over vectors."""

    factors: tuple[Expression, ...]
    place: Place


@dataclass(frozen=True)
class Plus:
    """A sum of two or more terms; `a - b` is `Plus((a, Minus(b)))`."""

    terms: tuple[Expression, ...]
    place: Place


@dataclass(frozen=True)
class Minus:
    """`-operand`."""

    operand: Expression
    place: Place


Expression = Number | Name | Apply | MatrixProduct | Times | Plus | Minus


@dataclass(frozen=True)
class Equation:
    """`target = expression`: a value of this step, or (primed) a next state."""

    target: Name
    expression: Expression


@dataclass(frozen=True)
class Declaration:
    """What a line `name: ...` says: a size, rows and columns, and what kind of thing it is.

    Attributes
    ----------
    size, columns : a symbol's name or a positive whole number; None for what is not declared.
    kind : "input" or "constant"; "" for what the equations make of the name.
    """

    name: str
    size: str | int | None
    place: Place
    columns: str | int | None = None
    kind: str = ""

    def __str__(self) -> str:
        columns = [] if self.columns is None else ["x", str(self.columns)]
        size = [] if self.size is None else [str(self.size)]
        return f"{self.name}: {' '.join([*([self.kind] if self.kind else []), *size, *columns])}"


def children(expression: Expression) -> tuple[Expression, ...]:
    """The direct parts of an expression, left to right."""
    match expression:
        case Apply(argument=argument):
            return (argument,)
        case MatrixProduct(left=left, right=right):
            return (left, right)
        case Times(factors=parts) | Plus(terms=parts):
            return parts
        case Minus(operand=operand):
            return (operand,)
        case _:
            return ()


def names(expression: Expression) -> Iterator[Name]:
    """Every occurrence of a name, left to right."""
    if isinstance(expression, Name):
        yield expression
    for child in children(expression):
        yield from names(child)


def applies_function(expression: Expression) -> bool:
    """Whether a function is applied anywhere in the expression."""
    return isinstance(expression, Apply) or any(map(applies_function, children(expression)))
