"""The Python module that a cell becomes: shapes, a step, a sequence, and a check."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from gru_sym.cells import Cell
from gru_sym.codegen.checking import check, quoted
from gru_sym.codegen.dialects import Library
from gru_sym.codegen.fusion import Assign, Line, Split
from gru_sym.codegen.listing import Listing
from gru_sym.codegen.names import Names
from gru_sym.codegen.reading import (
    equation_lines,
    functions_in,
    output_first,
    printable_title,
)
from gru_sym.codegen.schedule import Schedule, schedule
from gru_sym.codegen.spelling import Speller
from gru_sym.codegen.terms import Reader
from gru_sym.language.shapes import Shape
from gru_sym.language.syntax import INPUT, Expression
from gru_sym.language.syntax import names as tree_names
from gru_sym.language.unification import Size

BLOCK_NAMES = {"kernel": "kernel", "parts": "parts"}
BLOCKS = '''def in_blocks(kernel, v):
    """The product of a kernel with blocks on its diagonal, (blocks, rows, columns), with v."""
    blocks, rows, columns = kernel.shape
    parts = v.reshape(*v.shape[:-1], blocks, columns)
    return {product}.reshape(*v.shape[:-1], blocks * rows)'''

WIDTH = 88
"""Longer lists of names are broken."""


def python_module(cell: Cell, library: Library, checked: bool) -> Listing:
    """The cell as a Python module."""
    return Listing(_Module(cell, library, checked).text())


class _Module:
    def __init__(self, cell: Cell, library: Library, checked: bool) -> None:
        self.cell = cell
        self.library = library
        self.checked = checked
        self.arrays = (*cell.program.parameters, *cell.constants)
        self.states = output_first(cell)
        self.reader = Reader(cell.program, cell.sizes)
        self.lines = [Assign(target, right) for target, right in self.reader.equations()]

    def text(self) -> str:
        """The whole module."""
        checks = [check(self.library, self.cell)] * self.checked
        functions = "\n\n\n".join([*self._helpers(), self._step(), self._sequence(), *checks])
        imports = [line for line in self.library.imports if f"{line.split()[-1]}." in functions]
        blocks = [self._heading(), "\n".join(imports), self._shapes()]
        return "\n\n".join(blocks) + f"\n\n\n{functions}\n"

    # What stands in front

    def _heading(self) -> str:
        text = "\n".join(f"    {equation}" for equation in equation_lines(self.cell))
        return (
            f'"""{printable_title(self.cell)} in {self.library.title}: one step, and a whole '
            f"sequence.\n\n{text}\n\n"
            'The features lie along the last axis, so `W @ x` is written `x @ W.T`.\n"""'
        )

    def _shapes(self) -> str:
        tables = {"SHAPES": self.cell.program.parameters}
        if self.cell.constants:
            tables["CONSTANTS"] = self.cell.constants
        return "\n\n".join(self._table(name, arrays) for name, arrays in tables.items())

    def _table(self, name: str, arrays: Iterable[str]) -> str:
        rows = [f'    "{array}": {_shape(self.cell.sizes.stored(array))},' for array in arrays]
        return f"{name} = {{\n" + "\n".join(rows) + "\n}" if rows else f"{name} = {{}}"

    def _helpers(self) -> list[str]:
        helpers = self.library.helpers
        used = functions_in(line.expression for line in self.lines)
        found = [f"def {f}(u):\n    return {helpers[f]}" for f in used if f in helpers]
        if self.cell.sizes.blocks:
            found.append(BLOCKS.format(product=self.library.blocks.format(**BLOCK_NAMES)))
        return found

    # One step

    def _step(self) -> str:
        names = Names(self.cell)
        sizes = self.cell.sizes
        next_names, hand_over = self._next_names(self.lines, names)
        speller = Speller(self.library, names, sizes, self.reader.constant, next_names)
        inputs = (*self.cell.inputs, *self.states)
        states = [names[state] for state in self.states]
        vectors = [f"{names[v]} (..., {_size(sizes.shapes[v])})" for v in inputs]
        after = "the next state" if len(states) == 1 else f"the next states, {', '.join(states)}"
        return _function(
            f"def step({self._given(names)}, {', '.join(states)}):",
            [
                f"One step: {after}.",
                "",
                *_filled(f"Shapes: {', '.join(vectors)}; {self._as_in}."),
            ],
            [
                *self._unpack(names),
                *map(speller.line, self.lines),
                *hand_over,
                f"return {', '.join(states)}",
            ],
        )

    def _next_names(self, lines: Sequence[Line], names: Names) -> tuple[dict[str, str], list[str]]:
        """What the next state is called: as the state, unless a later line still reads that."""
        last_read: dict[str, int] = {}
        for index, line in enumerate(lines):
            read = (n.name for n in tree_names(_expression(line)) if not n.primed)
            last_read |= dict.fromkeys(read, index)
        next_names: dict[str, str] = {}
        for index, line in enumerate(lines):
            if isinstance(line, Assign) and line.target.primed:
                state = line.target.name
                still_read = last_read.get(state, -1) > index
                next_names[state] = names(f"{state}_next") if still_read else names[state]
        late = [s for s in self.states if next_names[s] != names[s]]
        if not late:
            return next_names, []
        before, after = [names[s] for s in late], [next_names[s] for s in late]
        return next_names, [f"{', '.join(before)} = {', '.join(after)}"]

    # A whole sequence

    def _sequence(self) -> str:
        names = Names(self.cell)
        plan = schedule(self.cell, names)
        x, states = names[INPUT], [names[state] for state in self.states]
        outputs, index = names("outputs"), names("t")
        cut = self._read_step_by_step(plan)
        steps = f"len({x})" if INPUT in cut else f"{x}.shape[0]"
        return _function(
            f"def sequence({self._given(names)}, {', '.join(f'{s}=None' for s in states)}, "
            "*, batch_first=False):",
            self._sequence_notes(names, outputs),
            [
                *self._unpack(names, "-2 if batch_first else 0"),
                "if batch_first:",
                *(
                    f"    {each} = {self.library.moveaxis.format(array=each, source=-2, target=0)}"
                    for each in map(names.__getitem__, self.cell.inputs)
                ),
                *self._zero_states(names),
                *self._before_the_loop(plan, names, cut),
                "",
                "# step by step",
                f"{outputs} = []",
                f"for {index} in range({steps}):",
                *textwrap.indent("\n".join(self._loop(plan, names, index)), "    ").splitlines(),
                f"    {outputs}.append({names[self.cell.output]})",
                "",
                f"{outputs} = {self.library.stack.format(array=outputs)}",
                "if batch_first:",
                f"    {outputs} = "
                + self.library.moveaxis.format(array=outputs, source=0, target=-2),
                f"return {outputs}, {_tuple(states)}",
            ],
        )

    def _sequence_notes(self, names: Names, outputs: str) -> list[str]:
        shapes, states = self.cell.sizes.shapes, [names[s] for s in self.states]
        last = "state" if len(states) == 1 else "states"
        given = ", ".join(f"{names[s]} (..., {_size(shapes[s])})" for s in self.states)
        known = self._size_texts(names)
        optional = all(shapes[state][0] in known for state in self.states)
        zero = ", zero if not given" if optional else ""
        run = {names[name]: _size(shapes[name]) for name in self.cell.inputs}
        run[outputs] = _size(shapes[self.cell.output])
        steps = ", ".join(f"{name} (T, ..., {size})" for name, size in run.items())
        first = ", ".join(f"{name} (..., T, {size})" for name, size in run.items())
        lines = [f"Shapes: {steps}; {self._as_in};", f"with batch_first {first}."]
        return [
            f"The output after each step, and the last {last}: ({outputs}, {_tuple(states)}).",
            "",
            *(lines if not self.cell.inputs[1:] else _filled(" ".join(lines))),
            *_filled(f"The first {last}: {given}{zero}."),
        ]

    def _size_texts(self, names: Names) -> dict[Size, str]:
        """An expression for each size that a parameter, a constant or an input tells."""
        shapes = self.cell.sizes.shapes
        found: dict[Size, str] = {}
        for array in self.arrays:
            for axis, size in enumerate(self.cell.sizes.stored(array)):
                found.setdefault(size, f"{names[array]}.shape[{axis}]")
            if array in self.cell.sizes.blocks:
                for axis, size in enumerate(shapes[array], start=1):
                    shape = f"{names[array]}.shape"
                    found.setdefault(size, f"{shape}[0] * {shape}[{axis}]")
        for vector in self.cell.inputs:
            found.setdefault(shapes[vector][0], f"{names[vector]}.shape[-1]")
        return found | {
            size: str(size) for state in self.states if isinstance(size := shapes[state][0], int)
        }

    def _zero_states(self, names: Names) -> list[str]:
        """What a first state is that was not given: zero, or an error if nothing tells its size."""
        x, lines = names[INPUT], []
        known = self._size_texts(names)
        for state in self.states:
            size = known.get(self.cell.sizes.shapes[state][0])
            lines.append(f"if {names[state]} is None:")
            if size is None:
                message = f"{state} must be given; nothing else tells its size"
                lines.append(f'    raise ValueError("{message}")')
            else:
                zeros = self.library.zeros.format(x=x, shape=f"(*{x}.shape[1:-1], {size})")
                lines.append(f"    {names[state]} = {zeros}")
        return lines

    def _read_step_by_step(self, plan: Schedule) -> list[str]:
        """What to cut into steps before the loop, where that makes its gradient cheaper."""
        if not self.library.unbind:
            return []
        read = (n.name for line in plan.step for n in tree_names(_expression(line)))
        return [n for n in dict.fromkeys(read) if n in plan.whole]

    def _before_the_loop(self, plan: Schedule, names: Names, cut: list[str]) -> list[str]:
        speller = self._speller(plan, names)
        once, whole = map(speller.line, plan.once), map(speller.line, plan.sequence)
        arrays = [names[n] for n in cut]
        steps = [self.library.unbind.format(array=array) for array in arrays]
        line = f"{', '.join(arrays)} = {', '.join(steps)}"
        each = [f"{name} = {array}" for name, array in zip(arrays, steps, strict=True)]
        return [
            *(["", "# once, from the parameters alone", *once] if plan.once else []),
            *(["", "# for all steps at once", *whole] if plan.sequence else []),
            *(each if len(line) > WIDTH + 8 else [line] if cut else []),
        ]

    def _loop(self, plan: Schedule, names: Names, index: str) -> list[str]:
        next_names, hand_over = self._next_names(plan.step, names)
        speller = self._speller(plan, names, next_names, index)
        return [*map(speller.line, plan.step), *hand_over]

    def _speller(
        self,
        plan: Schedule,
        names: Names,
        next_names: dict[str, str] | None = None,
        index: str = "",
    ) -> Speller:
        return Speller(
            self.library, names, plan.sizes, plan.static, next_names or {}, plan.whole, index
        )

    # What is given

    def _given(self, names: Names) -> str:
        """The arguments of a function, up to the states."""
        constants = ["constants"] if self.cell.constants else []
        return ", ".join(["parameters", *constants, *(names[i] for i in self.cell.inputs)])

    @property
    def _as_in(self) -> str:
        constants = ", constants as in CONSTANTS" if self.cell.constants else ""
        return f"parameters as in SHAPES{constants}"

    def _unpack(self, names: Names, *time: str) -> list[str]:
        if not self.checked:
            tables = {"(parameters[name] for name in SHAPES)": self.cell.program.parameters}
            tables["(constants[name] for name in CONSTANTS)"] = self.cell.constants
            pairs = [(arrays, call) for call, arrays in tables.items() if arrays]
            return [row for arrays, call in pairs for row in self._unpacked(names, arrays, call)]
        further = [f'"{name}": {names[name]}' for name in self.cell.inputs[1:]]
        states = ", ".join(f'"{state}": {names[state]}' for state in self.states)
        constants = ["constants"] if self.cell.constants else []
        inputs = [f"{{{', '.join(further)}}}"] if further else []
        given = ["parameters", *constants, names[INPUT], *inputs, f"{{{states}}}", *time]
        arguments = ", ".join(given)
        if len(arguments) > WIDTH:
            arguments = "".join(f"\n    {each}," for each in given) + "\n"
        return self._unpacked(names, self.arrays, f"check({arguments})")

    def _unpacked(self, names: Names, arrays: Iterable[str], call: str) -> list[str]:
        own = [names[array] for array in arrays]
        line = f"{', '.join(own)}{',' if len(own) == 1 else ''} = {call}" if own else call
        if len(line) + 4 <= WIDTH:
            return [line]
        rows = [f"    {row}" for row in _filled(", ".join(own) + ",")]
        return ["(", *rows, *f") = {call}".splitlines()]


def _function(head: str, notes: list[str], body: list[str]) -> str:
    """A function with its docstring."""
    if len(head) > WIDTH + 8:
        before, arguments = head.split("(", 1)
        rows = "\n".join(f"    {row}" for row in _filled(arguments.removesuffix("):") + ","))
        head = f"{before}(\n{rows}\n):"
    docstring = f'"""{notes[0]}'
    if len(notes) > 1:
        docstring += "\n" + "\n".join(notes[1:]) + "\n"
    text = "\n".join([docstring + '"""', *body])
    return head + "\n" + textwrap.indent(text, "    ")


def _filled(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False)


def _tuple(items: list[str]) -> str:
    """One name, or several in brackets."""
    if len(items) == 1:
        return items[0]
    return f"({', '.join(items)})"


def _size(shape: Shape) -> Size:
    return shape[0]


def _shape(sizes: tuple[Size, ...]) -> str:
    """The axes of an array, as Python writes a tuple of names and numbers."""
    return "(" + ", ".join(map(quoted, sizes)) + ("," if len(sizes) == 1 else "") + ")"


def _expression(line: Line) -> Expression:
    return line.operand if isinstance(line, Split) else line.expression
