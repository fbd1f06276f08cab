"""The cell language: one equation a line, parsed with `ast`, never evaluated.

    z  = sigmoid(W_z @ x + U_z @ h + b_z)     # a value of this step
    h' = (1 - z) * h + z * c                  # primed: the next value of the state h
    c: n                                      # a declared size
    x: k * m                                  # k inputs of m numbers, one below the other
    mask: input m                             # a further input
    A: constant n x n                         # an array that is given and not trained
    U_z: blocks H                             # a kernel with H equal blocks on its diagonal

This room knows the form of the text and nothing else: which names are parameters is the business
of `scope`, how large they are that of `sizes`.
"""

from __future__ import annotations

import re

from gru_sym.language.errors import CellError, Place
from gru_sym.language.expressions import read_expression
from gru_sym.language.source import PRIME, SourceLine, is_name, normal
from gru_sym.language.syntax import (
    BLOCKS,
    CONSTANT,
    FURTHER_INPUT,
    Declaration,
    Equation,
    Name,
)

MAX_TEXT = 200_000
MAX_DIGITS = 40

DECLARATIONS = (
    "name: size, x: k * m, name: input size, name: constant rows x columns, or name: blocks number"
)


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
    """Read `name: size`, `name: rows x columns`, or one of them after a word for its kind."""
    left, right = line.code.split(":", 1)
    name = _name_on_the_left(line, left)
    said = right.strip()
    start = len(line.code) - len(right.lstrip())
    if name.primed:
        line.fail(f"declare the state itself: {name.name}: {said or 'n'}", 0, len(left))
    place = line.place(start, start + len(said))
    words = said.replace("×", " x ").replace("*", " * ").split()
    kind = words.pop(0) if words and words[0] in (FURTHER_INPUT, CONSTANT, BLOCKS) else ""
    match words:
        case [number] if kind == BLOCKS:
            blocks = _size(line, place, number)
            return Declaration(name.name, None, place, kind=kind, blocks=blocks)
        case _ if kind == BLOCKS:
            line.fail(f"say how many blocks: {name.name}: blocks 4", start, start + len(said))
        case [] if kind:
            return Declaration(name.name, None, place, kind=kind)
        case [size]:
            return Declaration(name.name, _size(line, place, size), place, kind=kind)
        case [number, "*", size]:
            both = [str(_size(line, place, each)) for each in (number, size)]
            return Declaration(name.name, "*".join(both), place, kind=kind)
        case [rows, "x", columns]:
            sizes = [_size(line, place, each) for each in (rows, columns)]
            return Declaration(name.name, sizes[0], place, sizes[1], kind)
    line.fail(f"a declaration is written {DECLARATIONS}", start, start + len(said))


def _size(line: SourceLine, place: Place, text: str) -> str | int:
    """One size, which stands in a declaration."""
    if re.fullmatch(r"[0-9]+", text) and text.strip("0") and len(text) <= MAX_DIGITS:
        return int(text)
    if not is_name(text):
        message = "a size is one name, such as k, or one positive whole number"
        line.fail(message, place.column - 1, place.end - 1)
    return normal(text)


def _name_on_the_left(line: SourceLine, left: str) -> Name:
    text = left.strip()
    start = len(left) - len(left.lstrip())
    bare = text.removesuffix(PRIME)
    if not is_name(bare):
        message = "the left side is one name, such as z, or a primed state, such as h'"
        line.fail(message, start, start + len(text))
    line.refuse_reserved(bare, start)
    return Name(normal(bare), text.endswith(PRIME), line.place(start, start + len(text)))
