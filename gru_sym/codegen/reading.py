"""What every generated module says of its cell: equations, states in order, functions."""

from __future__ import annotations

from collections.abc import Iterable

from gru_sym.cells import Cell
from gru_sym.language.syntax import Apply, Expression, divisor, walk


def output_first(cell: Cell) -> tuple[str, ...]:
    """The states, with the one that a layer hands on in front, as in every framework.

    >>> from gru_sym import cell
    >>> output_first(cell("lstm.pytorch"))
    ('h', 'c')
    """
    return (cell.output, *(state for state in cell.states if state != cell.output))


def printable_title(cell: Cell) -> str:
    """The name of a cell, without what ends a string or a line."""
    return "".join(c for c in cell.name if c.isprintable() and c not in '"\\')


def equation_lines(cell: Cell) -> list[str]:
    """The equations as they are written, each on one line."""
    lines = (cell.program.code(e.target.place.line) for e in cell.program.equations)
    return ["".join(c if c.isprintable() else " " for c in line) for line in lines]


def functions_in(expressions: Iterable[Expression]) -> list[str]:
    """The functions that are called, in order of appearance."""
    parts = (part for expression in expressions for part in walk(expression))
    called = (p.function for p in parts if isinstance(p, Apply) and divisor(p) is None)
    return list(dict.fromkeys(called))
