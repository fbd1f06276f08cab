"""The inferred shapes of a cell: of its names, and of the expressions made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import lcm

from gru_sym.language.syntax import (
    INPUT,
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
    Transpose,
    names,
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
    blocks : how many equal blocks are on the diagonal of a kernel; those that have none are absent.
    """

    shapes: dict[str, Shape]
    scalars: frozenset[str]
    free: tuple[str, ...]
    blocks: Mapping[str, Size] = field(default_factory=dict)

    @property
    def has_windows(self) -> bool:
        """Whether x is a window of several inputs, as declared by `x: k * m`."""
        return "*" in str(self.shapes[INPUT][0])

    def stored(self, name: str) -> tuple[Size, ...]:
        """The axes of the array that holds a name: of a kernel of blocks, number, rows, columns.

        >>> Sizes({"U": ("n", "n")}, frozenset(), (), {"U": "H"}).stored("U")
        ('H', 'n/H', 'n/H')
        """
        if name not in self.blocks:
            return axes(self.shapes[name])
        number = self.blocks[name]
        return (number, *(_share(size, number) for size in self.shapes[name]))

    def multiplied(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Sizes that suit the blocks: those that are divided into blocks as many times as that.

        >>> Sizes({"U": ("n", "n")}, frozenset(), (), {"U": "H"}).multiplied({"n": 2, "H": 3})
        {'n': 6, 'H': 3}
        """
        times = dict.fromkeys(sizes, 1)
        for name, blocks in self.blocks.items():
            number = sizes.get(blocks, 1) if isinstance(blocks, str) else blocks
            for size in self.shapes[name]:
                if isinstance(size, str) and size in times and size != blocks:
                    times[size] = lcm(times[size], number)
        return {size: value * times[size] for size, value in sizes.items()}

    def blocks_of(self, expression: Expression) -> Size | None:
        """How many blocks a matrix is made of; None for one that is not."""
        return next((self.blocks[n.name] for n in names(expression) if n.name in self.blocks), None)

    def is_scalar(self, expression: Expression) -> bool:
        """Whether an expression is a number or a scalar, which spreads over vectors."""
        match expression:
            case Number() | Mean():
                return True
            case Name(name=name):
                return name in self.scalars
            case Apply(argument=operand) | Minus(operand=operand) | Transpose(operand=operand):
                return self.is_scalar(operand)
            case Times(factors=parts) | Plus(terms=parts) | Extremum(parts=parts):
                return all(map(self.is_scalar, parts))
            case MatrixProduct():
                return False

    def shape(self, expression: Expression) -> Shape:
        """Rows and columns of an expression."""
        match expression:
            case Number() | Mean():
                return (1, 1)
            case Name(name=name):
                return self.shapes[name]
            case Apply(argument=operand) | Minus(operand=operand):
                return self.shape(operand)
            case Transpose(operand=operand):
                rows, columns = self.shape(operand)
                return columns, rows
            case MatrixProduct(left=left, right=right):
                return self.shape(left)[0], self.shape(right)[1]
            case Times(factors=parts) | Plus(terms=parts) | Extremum(parts=parts):
                return self.shape(next((p for p in parts if not self.is_scalar(p)), parts[0]))


def _share(size: Size, number: Size) -> Size:
    """One of so many equal parts."""
    if isinstance(size, int) and isinstance(number, int):
        return size // number
    return 1 if size == number else f"{size}/{number}"
