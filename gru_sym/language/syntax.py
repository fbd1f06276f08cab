"""The syntax tree of a cell: ten kinds of expression, an equation, a declaration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from gru_sym.functions import FUNCTIONS
from gru_sym.language.errors import Place

INPUT = "x"
"""The name of the input vector."""

FURTHER_INPUT, CONSTANT, BLOCKS = "input", "constant", "blocks"
"""What a declaration may say that a name is: a further input, an array that is not trained, or a
kernel with equal blocks on its diagonal."""

RECIPROCAL = "reciprocal"
"""The function that a division is made of."""


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
class Transpose:
    """`W.T`, of a name alone."""

    operand: Expression
    place: Place


@dataclass(frozen=True)
class MatrixProduct:
    """`left @ right`."""

    left: Expression
    right: Expression
    place: Place


@dataclass(frozen=True)
class Times:
    """An elementwise product of two or more factors; numbers and scalars spread over vectors.

    `a / b` is `Times((a, reciprocal(b)))`, and `a / 2` is `Times((a, 1/2))`.
    """

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


@dataclass(frozen=True)
class Extremum:
    """`max(a, b)` or `min(a, b)`, entry by entry; numbers and scalars spread over vectors."""

    function: str
    parts: tuple[Expression, ...]
    place: Place


@dataclass(frozen=True)
class Mean:
    """`mean(operand)`: the mean over the entries of a vector, one number."""

    operand: Expression
    place: Place


Expression = (
    Number | Name | Apply | Transpose | MatrixProduct | Times | Plus | Minus | Extremum | Mean
)


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
    kind : "input", "constant" or "blocks"; "" for what the equations make of the name.
    blocks : how many of them, for a kernel of blocks.
    """

    name: str
    size: str | int | None
    place: Place
    columns: str | int | None = None
    kind: str = ""
    blocks: str | int | None = None

    def __str__(self) -> str:
        columns = "" if self.columns is None else f"x {self.columns}"
        words = (self.kind, str(self.size or "").replace("*", " * "), columns, self.blocks)
        return f"{self.name}: {' '.join(str(word) for word in words if word not in ('', None))}"


def children(expression: Expression) -> tuple[Expression, ...]:
    """The direct parts of an expression, left to right."""
    match expression:
        case Apply(argument=argument):
            return (argument,)
        case MatrixProduct(left=left, right=right):
            return (left, right)
        case Times(factors=parts) | Plus(terms=parts) | Extremum(parts=parts):
            return parts
        case Minus(operand=operand) | Mean(operand=operand) | Transpose(operand=operand):
            return (operand,)
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """An expression and all its parts, each before its own, left to right."""
    pending = [expression]
    while pending:
        part = pending.pop()
        yield part
        pending.extend(reversed(children(part)))


def names(expression: Expression) -> Iterator[Name]:
    """Every occurrence of a name, left to right."""
    return (part for part in walk(expression) if isinstance(part, Name))


def plain_number(expression: Expression) -> Fraction | None:
    """The value of a number, with or without a sign; None for anything else."""
    match expression:
        case Number(value=value):
            return value
        case Minus(operand=Number(value=value)):
            return -value
    return None


def divisor(factor: Expression) -> Expression | None:
    """What a factor of a product divides by; None if it multiplies."""
    match factor:
        case Apply(function=function, argument=argument) if function == RECIPROCAL:
            return argument
    return None


def through_relu(extremum: Extremum) -> Expression:
    """`max(a, b)` as `a + relu(b - a)`, and `min(a, b)` as `a - relu(a - b)`."""
    a, b = extremum.parts
    place = extremum.place
    if extremum.function == "max":
        return Plus((a, Apply("relu", Plus((b, Minus(a, place)), place), place)), place)
    return Plus((a, Minus(Apply("relu", Plus((a, Minus(b, place)), place), place), place)), place)


def applies_function(expression: Expression) -> bool:
    """Whether a function is applied anywhere, other than arithmetic on the way to one."""
    return any(
        isinstance(part, Extremum)
        or (isinstance(part, Apply) and not FUNCTIONS[part.function].on_the_way)
        for part in walk(expression)
    )
