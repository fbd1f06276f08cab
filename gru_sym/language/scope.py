"""What each name of a cell stands for: the input, a state, a value of this step, or a parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn

from gru_sym.functions import FUNCTIONS
from gru_sym.language.errors import CellError, Place
from gru_sym.language.parser import parse, source_lines
from gru_sym.language.syntax import INPUT, Declaration, Equation, Name, names

USUAL_STATES = ("h", "c")
"""Names that every paper uses for states; unprimed everywhere, they are a forgotten prime."""

WITH_TIME = re.compile(r"(x|h|c)_?(?:t|prev|old|last|tm1)")
"""Names that papers and programs use for the input or a state at a step."""


@dataclass(frozen=True)
class Program:
    """A cell text whose every name is understood.

    Attributes
    ----------
    equations, declarations : as written, in order.
    states : names with a primed equation, in the order in which they are computed.
    values : names with an unprimed equation, in order.
    parameters : every other name but the input, in order of appearance.
    lines : the text, for error messages.
    """

    equations: tuple[Equation, ...]
    declarations: tuple[Declaration, ...]
    states: tuple[str, ...]
    values: tuple[str, ...]
    parameters: tuple[str, ...]
    lines: tuple[str, ...]

    def fail(self, place: Place, message: str) -> NoReturn:
        """Raise a `CellError` at a place of this text."""
        raise CellError(message, place, self.lines[place.line - 1])

    def code(self, number: int) -> str:
        """One line of the text, counted from 1, without its comment."""
        return self.lines[number - 1].split("#", 1)[0].strip()

    @cached_property
    def equation_of(self) -> dict[str, Equation]:
        """The equation that computes each value, or the next value of each state."""
        return {e.target.name: e for e in self.equations}

    def occurrences(self) -> Iterator[tuple[Equation, Name]]:
        """Every name on a right-hand side, with its equation."""
        for equation in self.equations:
            for name in names(equation.expression):
                yield equation, name


def read(text: str) -> Program:
    """Parse a cell text and settle what every name stands for.

    >>> program = read("h' = tanh(W @ x + U @ h + b)")
    >>> program.states, program.parameters
    (('h',), ('W', 'U', 'b'))

    Raises `CellError` for a name used before its line, computed twice, never used or never updated.
    """
    equations, declarations = parse(text)
    targets = [e.target for e in equations]
    program = Program(
        equations=equations,
        declarations=declarations,
        states=tuple(t.name for t in targets if t.primed),
        values=tuple(t.name for t in targets if not t.primed),
        parameters=(),
        lines=tuple(source_lines(text)),
    )
    _check_targets(program, targets)
    parameters = _classify(program)
    _check_all_used(program)
    _check_declarations(program, parameters)
    return replace(program, parameters=parameters)


def _check_targets(program: Program, targets: list[Name]) -> None:
    seen: dict[str, Name] = {}
    for target in targets:
        name = target.name
        if name == INPUT:
            program.fail(target.place, f"{INPUT} is the input; it is given, not computed")
        if name in FUNCTIONS:
            program.fail(target.place, f"{name} is a function; choose another name")
        if name in seen:
            first = seen[name]
            if first.primed != target.primed:
                program.fail(
                    target.place,
                    f"{name} is a state because of {name}' (line "
                    f"{first.place.line if first.primed else target.place.line}); "
                    f"a value of this step needs another name",
                )
            program.fail(target.place, f"{target} is already computed in line {first.place.line}")
        seen[name] = target
    if not program.states:
        program.fail(
            targets[-1].place,
            "no equation gives a next state; mark one with a prime, such as "
            f"{targets[-1].name}' = ...",
        )


def _classify(program: Program) -> tuple[str, ...]:
    """The parameters in order of appearance; every other name is checked on the way."""
    states, values = frozenset(program.states), frozenset(program.values)
    parameters: dict[str, None] = {}
    for equation, name in program.occurrences():
        here = equation.target.place.line
        if name.primed and name.name not in states:
            program.fail(
                name.place, f"{name} is read, but no equation computes it; write {name} = ..."
            )
        if name.primed or name.name in values:
            computed = program.equation_of[name.name].target.place.line
            if computed == here:
                advice = "" if name.primed else f"; if it is a state, write {name}' = ..."
                program.fail(name.place, f"{name} is used in the equation that computes it{advice}")
            if computed > here:
                advice = (
                    f", or write {name.name} for the value of the step before"
                    if name.primed
                    else ""
                )
                program.fail(
                    name.place,
                    f"{name} is used before line {computed} computes it; move that line up{advice}",
                )
        elif name.name not in states and name.name != INPUT:
            if name.name in USUAL_STATES:
                program.fail(
                    name.place,
                    f"{name} is read but never updated; write {name}' = ..., "
                    f"or give a parameter another name",
                )
            found = WITH_TIME.fullmatch(name.name)
            if found:
                bare = found.group(1)
                meant = "the input" if bare == INPUT else "the state of the step before"
                program.fail(name.place, f"{name} would be a parameter; {meant} is written {bare}")
            parameters[name.name] = None
    return tuple(parameters)


def _check_all_used(program: Program) -> None:
    used = {name.name for _, name in program.occurrences() if not name.primed}
    for equation in program.equations:
        target = equation.target
        if not target.primed and target.name not in used:
            program.fail(target.place, f"{target} is computed but never used")


def _check_declarations(program: Program, parameters: tuple[str, ...]) -> None:
    known = {INPUT, *program.states, *program.values, *parameters}
    seen: dict[str, Declaration] = {}
    for declaration in program.declarations:
        name = declaration.name
        if name in seen:
            line = seen[name].place.line
            program.fail(
                declaration.place, f"the size of {name} is already declared in line {line}"
            )
        if name not in known:
            program.fail(
                declaration.place, f"the size of {name} is declared, but no equation uses {name}"
            )
        seen[name] = declaration
