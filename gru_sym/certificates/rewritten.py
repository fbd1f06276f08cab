"""Cells made from a cell, for the theorems on layers: a stack as one cell, states as parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import sympy as sp

from gru_sym.cells import Cell
from gru_sym.language.errors import NOWHERE, CellError
from gru_sym.language.printer import print_program
from gru_sym.language.syntax import (
    INPUT,
    Declaration,
    Equation,
    Expression,
    MatrixProduct,
    Name,
    Plus,
    children,
    names,
)
from gru_sym.language.unification import Size
from gru_sym.layers import Layer
from gru_sym.proved import named
from gru_sym.rewriting import exchanged


@dataclass(frozen=True)
class Stacked:
    """A layer as one cell: all levels and directions side by side, at one step.

    Attributes
    ----------
    cell : its states are those of all levels and directions.
    hidden : the states that nobody sees from outside.
    places : state -> level, direction and name of the state in the layer's cell.
    """

    cell: Cell
    hidden: tuple[str, ...]
    places: dict[str, tuple[int, int, str]]


def stacked(layer: Layer, copy: Callable[[int, int], tuple[int, int]]) -> Stacked | None:
    """A layer of known height as one cell; None for one that cannot be written so.

    Above the first level a kernel reads the outputs of both directions below, each through a part
    of its own. In both directions this is not the layer's function, since the directions meet other
    states; but what is true of every equation, for all values of the states, is true of the layer.

    >>> from gru_sym import cell
    >>> both = stacked(Layer(cell("rnn.elman"), 2), lambda level, direction: (level, direction))
    >>> print(both.cell.text, both.hidden)
    h__00' = tanh(W__00 @ x + U__00 @ h__00 + b__00)
    h__10' = tanh(W__10 @ h__00' + U__10 @ h__10 + b__10) ('h__00',)

    Parameters
    ----------
    copy : level and direction of the cell that has the parameters of a level and direction.
    """
    cell, top = layer.cell, layer.num_layers
    assert isinstance(top, int)
    equations: list[Equation] = []
    sizes: list[Declaration] = []
    places: dict[str, tuple[int, int, str]] = {}
    for level in range(top):
        for direction in range(layer.directions):
            member = _Member(layer, (level, direction), copy(level, direction))
            try:
                equations += member.equations()
                sizes += member.declarations()
            except _Unwritten:
                return None
            places.update({member.local(s): (level, direction, s) for s in cell.states})
    whole = _cell(equations, dict.fromkeys(sizes), cell.name)
    if whole is None:
        return None
    outputs = [(top - 1, direction, cell.output) for direction in range(layer.directions)]
    hidden = tuple(state for state, place in places.items() if place not in outputs)
    return Stacked(whole, hidden, places)


class _Unwritten(Exception):
    pass


class _Member:
    """The cell at one level, in one direction."""

    def __init__(self, layer: Layer, place: tuple[int, int], copy: tuple[int, int]) -> None:
        self.layer, self.cell = layer, layer.cell
        self.place, self.copy = place, copy

    def local(self, name: str) -> str:
        """The name of a state or a value here."""
        return f"{name}__{self.place[0]}{self.place[1]}"

    def shared(self, name: str) -> str:
        """The name of a parameter, that of the copy which has it."""
        return f"{name}__{self.copy[0]}{self.copy[1]}"

    def below(self) -> list[Name]:
        """The outputs of the level below."""
        level, output = self.place[0] - 1, self.cell.output
        return [Name(f"{output}__{level}{d}", True, NOWHERE) for d in range(self.layer.directions)]

    def equations(self) -> Iterator[Equation]:
        for equation in self.cell.program.equations:
            target = replace(equation.target, name=self.local(equation.target.name))
            yield Equation(target, exchanged(equation.expression, self.here))

    def declarations(self) -> Iterator[Declaration]:
        for declaration in self.cell.program.declarations:
            if declaration.name != INPUT or self.place[0] == 0:
                size, columns = map(self.here_sized, (declaration.size, declaration.columns))
                name = self.named(declaration.name)
                yield replace(declaration, name=name, size=size, columns=columns, place=NOWHERE)

    def here_sized(self, size: Size | None) -> Size | None:
        """A size at this level: above the first one, that of the input is another."""
        above = self.layer.input_above() if self.place[0] else {}
        new = above.get(sp.Symbol(size)) if isinstance(size, str) else None
        if new is None:
            return size
        if not new.is_Atom:
            raise _Unwritten
        return int(new) if new.is_Integer else str(new)

    def named(self, name: str) -> str:
        """A name here: the inputs and constants are those of all levels."""
        if name in (*self.cell.inputs, *self.cell.constants):
            return name
        return self.shared(name) if name in self.cell.program.parameters else self.local(name)

    def here(self, expression: Expression) -> Expression | None:
        parameters = self.cell.program.parameters
        match expression:
            case MatrixProduct(left=Name(name=kernel), right=Name(name="x")) if (
                self.place[0] and self.layer.directions == 2 and kernel in parameters
            ):
                if kernel in self.cell.sizes.blocks:
                    raise _Unwritten
                parts = zip("fr", self.below(), strict=True)
                read = (
                    MatrixProduct(named(f"{self.shared(kernel)}{part}"), output, NOWHERE)
                    for part, output in parts
                )
                return Plus(tuple(read), NOWHERE)
            case Name(name="x"):
                if self.place[0] and (self.layer.directions == 2 or self.cell.sizes.has_windows):
                    raise _Unwritten
                return self.below()[0] if self.place[0] else expression
            case Name(name=name):
                return replace(expression, name=self.named(name))
        return None


def _sized(name: str, size: Size) -> Declaration:
    return Declaration(name, size, NOWHERE)


def _cell(equations: Iterable[Equation], sizes: Iterable[Declaration], name: str) -> Cell | None:
    """A cell of its printed text; None if it is none."""
    try:
        return Cell(print_program(equations, sizes), name)
    except CellError:
        return None


def one_step(cell: Cell, seen: tuple[str, ...]) -> Cell | None:
    """Some next states as functions of the input alone: the states are parameters, too.

    A kernel that only multiplies one state becomes one vector: at fixed states it is no more, and
    it can be any vector. None if this is no cell.

    >>> from gru_sym import cell
    >>> print(one_step(cell("rnn.elman"), ("h",)).text)
    h__next: n
    x: m
    b: n
    U__h: n
    h__next' = tanh(W @ x + U__h + b)
    """
    program, shapes = cell.program, cell.sizes.shapes
    merged = _kernels_of_one_state(cell)

    def fixed(expression: Expression) -> Expression | None:
        match expression:
            case MatrixProduct(left=Name(name=kernel), right=Name(name=state)) if kernel in merged:
                return named(f"{kernel}__{state}")
            case Name(name=name, primed=primed) if name in cell.states:
                return named(f"{name}__next" if primed else f"{name}__")
            case Name(name=name) if name in program.values:
                return named(f"{name}__")
        return None

    needed = {f"{state}'" for state in seen}
    equations: list[Equation] = []
    for equation in reversed(program.equations):
        if str(equation.target) in needed:
            needed |= {str(name) for name in names(equation.expression)}
            target = exchanged(equation.target, fixed)
            assert isinstance(target, Name)
            left = replace(target, primed=equation.target.name in seen)
            equations.insert(0, Equation(left, exchanged(equation.expression, fixed)))
    sizes = {f"{s}__{ending}": shapes[s] for s in cell.states for ending in ("", "next")}
    sizes |= {f"{value}__": shapes[value] for value in program.values}
    sizes |= {name: shapes[name] for name in (INPUT, *program.parameters)}
    sizes |= {f"{k}__{s}": (shapes[k][0], 1) for k in merged for s in cell.states}
    used = {e.target.name for e in equations}
    used |= {name.name for e in equations for name in names(e.expression)}
    declarations = [
        _sized(name, rows)
        for name, (rows, columns) in sizes.items()
        if columns == 1 and name in used
    ]
    return _cell(equations, declarations, cell.name)


def _kernels_of_one_state(cell: Cell) -> set[str]:
    """The parameters that occur only in products `K @ h`, with one state h of the step before."""
    uses: dict[str, set[str]] = {}
    pending = [(e.expression, "") for e in cell.program.equations]
    while pending:
        expression, read = pending.pop()
        match expression:
            case Name(name=name):
                uses.setdefault(name, set()).add(read)
            case MatrixProduct(left=Name() as left, right=Name(name=state, primed=False) as right):
                pending += [(left, state), (right, "")]
            case _:
                pending += [(child, "") for child in children(expression)]
    return {
        name
        for name in cell.program.parameters
        if len(uses[name]) == 1 and uses[name] <= set(cell.states)
    }
