"""The cell language: one equation a line, parsed with `ast`, never evaluated.

    z  = sigmoid(W_z @ x + U_z @ h + b_z)     # a value of this step
    h' = (1 - z) * h + z * c                  # primed: the next value of the state h
    c: n                                      # a declared size

This room knows the form of the text and nothing else: which names are parameters is the business
of `scope`, how large they are that of `sizes`.
"""

from __future__ import annotations

import re

from gru_sym.language.errors import CellError, Place
from gru_sym.language.expressions import read_expression
from gru_sym.language.source import PRIME, SourceLine, is_name, normal
from gru_sym.language.syntax import Declaration, Equation, Name

MAX_TEXT = 200_000
MAX_DIGITS = 40


def parse(text: str) -> tuple[tuple[Equation, ...], tuple[Declaration, ...]]:
    """Read the equations and the declared sizes of a cell text.

    >>> equations, declarations = parse("h' = tanh(W @ x)  # a comment")
    >>> str(equations[0].target), declarations
    ("h'", ())

    Raises `CellError` for anything that is not an equation or a declaration.
    """
    lines = source_lines(text)
    if len(text) > MAX_TEXT:
        message = f"a cell has at most {MAX_TEXT} characters, not {len(text)}"
        raise CellError(message, Place(1, 1, 1), lines[0])
    equations: list[Equation] = []
    declarations: list[Declaration] = []
    for number, source in enumerate(lines, start=1):
        line = SourceLine(number, source)
        if not line.code.strip():
            continue
        if "=" in line.code:
            equations.append(_equation(line))
        elif ":" in line.code:
            declarations.append(_declaration(line))
        else:
            line.fail("this is not an equation; write name = expression, or name: size")
    if not equations:
        message = "there is no equation; write one a line, such as h' = tanh(W @ x + U @ h)"
        raise CellError(message, Place(1, 1, 1), lines[0])
    return tuple(equations), tuple(declarations)


def source_lines(text: str) -> list[str]:
    """The lines of a text, whatever their endings; never empty."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _equation(line: SourceLine) -> Equation:
    """Read `name = expression`."""
    left, right = line.code.split("=", 1)
    target = _name_on_the_left(line, left)
    if "=" in right:
        at = len(left) + 1 + right.index("=")
        line.fail("a line has one = sign: name = expression", at, at + 1)
    if not right.strip():
        line.fail(f"nothing stands on the right of {target} =")
    return Equation(target, read_expression(line, len(left) + 1))


def _declaration(line: SourceLine) -> Declaration:
    """Read `name: size`."""
    left, right = line.code.split(":", 1)
    name = _name_on_the_left(line, left)
    size = right.strip()
    start = len(line.code) - len(right.lstrip())
    if name.primed:
        line.fail(f"declare the state itself: {name.name}: {size or 'n'}", 0, len(left))
    place = line.place(start, start + len(size))
    if re.fullmatch(r"[0-9]+", size) and size.strip("0") and len(size) <= MAX_DIGITS:
        return Declaration(name.name, int(size), place)
    if not is_name(size):
        message = "a size is one name, such as k, or one positive whole number"
        line.fail(message, start, start + len(size))
    return Declaration(name.name, normal(size), place)


def _name_on_the_left(line: SourceLine, left: str) -> Name:
    text = left.strip()
    start = len(left) - len(left.lstrip())
    bare = text.removesuffix(PRIME)
    if not is_name(bare):
        message = "the left side is one name, such as z, or a primed state, such as h'"
        line.fail(message, start, start + len(text))
    line.refuse_reserved(bare, start)
    return Name(normal(bare), text.endswith(PRIME), line.place(start, start + len(text)))
