"""What each name of a cell is: an input, a state, a value of this step, a parameter, a constant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn

from gru_sym.functions import FUNCTIONS, called
from gru_sym.language.errors import CellError, Place
from gru_sym.language.parser import parse, source_lines
from gru_sym.language.syntax import (
    BLOCKS,
    CONSTANT,
    FURTHER_INPUT,
    INPUT,
    Declaration,
    Equation,
    Name,
    Transpose,
    names,
    walk,
)
from gru_sym.language.unification import Size

USUAL_STATES = ("h", "c")
"""Names that every paper uses for states; unprimed everywhere, they are a forgotten prime."""

WITH_TIME = re.compile(r"(x|h|c)_?(t|prev|old|last|tm1)")
"""Names that papers and programs use for the input or a state at a step."""


@dataclass(frozen=True)
class Program:
    """A cell text whose every name is understood.

    Attributes
    ----------
    equations, declarations : as written, in order.
    states : names with a primed equation, in the order in which they are computed.
    values : names with an unprimed equation, in order.
    parameters : every other name but the inputs and constants, in order of appearance.
    lines : the text, for error messages.
    inputs : x, and the further inputs in the order in which they are declared.
    constants : the declared arrays that are given and not trained, in this order.
    """

    equations: tuple[Equation, ...]
    declarations: tuple[Declaration, ...]
    states: tuple[str, ...]
    values: tuple[str, ...]
    parameters: tuple[str, ...]
    lines: tuple[str, ...]
    inputs: tuple[str, ...] = (INPUT,)
    constants: tuple[str, ...] = ()

    @property
    def data(self) -> tuple[str, ...]:
        """What is another one at each step: the inputs and the states."""
        return (*self.inputs, *self.states)

    @property
    def given(self) -> tuple[str, ...]:
        """Every name that stands for something which no equation of this step computes."""
        return (*self.data, *self.constants, *self.parameters)

    @property
    def blocks(self) -> dict[str, Size]:
        """How many equal blocks are on the diagonal of each kernel that is declared so."""
        return {d.name: d.blocks for d in self.declarations if d.blocks is not None}

    @cached_property
    def transposed(self) -> frozenset[str]:
        """The parameters and constants of which a transpose is taken."""
        parts = (part for equation in self.equations for part in walk(equation.expression))
        return frozenset(
            n.name for part in parts if isinstance(part, Transpose) for n in names(part)
        )

    @property
    def rigid(self) -> frozenset[str]:
        """The parameters that are no full kernels: with blocks, or transposed somewhere."""
        return self.transposed | self.blocks.keys()

    def fail(self, place: Place, message: str) -> NoReturn:
        """Raise a `CellError` at a place of this text."""
        raise CellError(message, place, self.lines[place.line - 1])

    def code(self, number: int) -> str:
        """One line of the text, counted from 1, without its comment."""
        return self.lines[number - 1].split("#", 1)[0].strip()

    @cached_property
    def delayed(self) -> tuple[str, ...]:
        """The states that hold an input of an earlier step: p of `p' = x`, q of `q' = p`.

        The state that a layer hands on is none of them.
        """
        copies = {s: self.equation_of[s].expression for s in self.states if s != "h"}
        found: set[str] = set()
        while more := {
            s
            for s, copy in copies.items()
            if s not in found and isinstance(copy, Name) and not copy.primed
            if copy.name in {*self.inputs, *found}
        }:
            found |= more
        return tuple(s for s in self.states if s in found) if len(found) < len(self.states) else ()

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
        inputs=(INPUT, *_declared(declarations, FURTHER_INPUT)),
        constants=_declared(declarations, CONSTANT),
    )
    _check_targets(program, targets)
    parameters = _classify(program)
    _check_all_used(program)
    _check_transposes(program)
    _check_declarations(program, parameters)
    return replace(program, parameters=parameters)


def _declared(declarations: Iterable[Declaration], kind: str) -> tuple[str, ...]:
    """The names of a kind; x is an input without being declared one."""
    found = (d.name for d in declarations if d.kind == kind and d.name != INPUT)
    return tuple(dict.fromkeys(found))


def _check_targets(program: Program, targets: list[Name]) -> None:
    seen: dict[str, Name] = {}
    kinds = {d.name: d for d in program.declarations if d.kind}
    for target in targets:
        name = target.name
        if name == INPUT:
            program.fail(target.place, f"{INPUT} is the input; it is given, not computed")
        if name in kinds:
            line = kinds[name].place.line
            what = f"{name} is declared as {_article(kinds[name].kind)} in line {line}"
            program.fail(target.place, f"{what}; it is given, not computed")
        if name in called():
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
    declared = {*program.inputs, *program.constants}
    sized = {declaration.name for declaration in program.declarations}
    parameters: dict[str, None] = {}
    for equation, name in program.occurrences():
        here = equation.target.place.line
        if name.primed and name.name in declared:
            program.fail(name.place, f"{name.name} is given and has no next value; write it bare")
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
        elif name.name not in states and name.name not in declared:
            if name.name in USUAL_STATES:
                program.fail(
                    name.place,
                    f"{name} is read but never updated; write {name}' = ..., "
                    f"or give a parameter another name",
                )
            if name.name in called() and name.name not in sized:
                program.fail(
                    name.place,
                    f"{name} is a function; apply it to something: {name}(...), "
                    f"or declare what else it is",
                )
            found = WITH_TIME.fullmatch(name.name)
            if found:
                program.fail(name.place, f"{name} would be a parameter; {_meant(*found.groups())}")
            parameters[name.name] = None
    return tuple(parameters)


def _meant(name: str, time: str) -> str:
    """How the language writes the input or a state at a step."""
    if name != INPUT:
        return f"the state of the step before is written {name}"
    if time == "t":
        return f"the input is written {INPUT}"
    return f"the input of the step before is a state p with the equation p' = {INPUT}"


def _article(kind: str) -> str:
    return {FURTHER_INPUT: "an input", CONSTANT: "a constant", BLOCKS: "a kernel of blocks"}[kind]


def _check_all_used(program: Program) -> None:
    used = {name.name for _, name in program.occurrences() if not name.primed}
    for equation in program.equations:
        target = equation.target
        if not target.primed and target.name not in used:
            program.fail(target.place, f"{target} is computed but never used")


def _check_transposes(program: Program) -> None:
    """That what is transposed is given once: no data, and nothing that is computed."""
    for part in (part for equation in program.equations for part in walk(equation.expression)):
        for name in names(part) if isinstance(part, Transpose) else ():
            if name.primed or name.name in (*program.data, *program.values):
                what = "only a parameter or a constant is transposed"
                program.fail(part.place, f"{name} is another one at each step; {what}")


def _check_declarations(program: Program, parameters: tuple[str, ...]) -> None:
    known = {INPUT, *program.states, *program.values, *parameters}
    used = {name.name for _, name in program.occurrences()}
    seen: dict[str, Declaration] = {}
    for declaration in program.declarations:
        name, kind = declaration.name, declaration.kind
        what = f"{name} is" if kind else f"the size of {name} is"
        if name in seen:
            line = seen[name].place.line
            program.fail(declaration.place, f"{what} already declared in line {line}")
        if name in FUNCTIONS and kind:
            program.fail(declaration.place, f"{name} is a function; choose another name")
        if name == INPUT and kind == CONSTANT:
            program.fail(declaration.place, f"{INPUT} is the input, another one at each step")
        if name not in (known if not kind else used | {INPUT}):
            what = f"{what} declared as {_article(kind)}" if kind else f"{what} declared"
            program.fail(declaration.place, f"{what}, but no equation uses {name}")
        if kind == BLOCKS and name in program.data:
            program.fail(declaration.place, f"{name} is a vector, and blocks are those of a kernel")
        if declaration.columns is not None and name in program.data:
            program.fail(declaration.place, f"{name} is a vector, whose size is one number or name")
        if "*" in str(declaration.size) and name != INPUT and kind != FURTHER_INPUT:
            message = f"{name} is no input; a size such as {declaration.size} is that of an input"
            program.fail(declaration.place, message)
        seen[name] = declaration
