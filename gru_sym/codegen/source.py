"""The module that a cell becomes: shapes, a step, a sequence, and the check of what is given."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from gru_sym.cells import Cell
from gru_sym.codegen.checking import check, quoted
from gru_sym.codegen.dialects import LIBRARIES, Library
from gru_sym.codegen.fusion import Assign, Line, Split
from gru_sym.codegen.listing import Listing
from gru_sym.codegen.names import Names
from gru_sym.codegen.schedule import Schedule, schedule
from gru_sym.codegen.spelling import Speller
from gru_sym.codegen.terms import Reader, name
from gru_sym.shapes import Shape
from gru_sym.syntax import INPUT, Apply, Expression, children, names
from gru_sym.unification import Size

WIDTH = 88
"""Longer lists of names are broken."""


def source(cell: Cell, library: str = "numpy") -> Listing:
    r"""The cell as a Python module for "numpy" or "torch", to read or to paste.

    >>> from gru_sym import Cell
    >>> text = source(Cell("h' = tanh(W @ x + U @ h + b)"))
    >>> print(text.function("sequence").loop())
    for t in range(x.shape[0]):
        h = np.tanh(h_x[t] + h @ U.T)
        outputs.append(h)

    Raises `ValueError` for another library, `CellError` for a cell with a matrix that is another
    one at each step.
    """
    if library not in LIBRARIES:
        raise ValueError(f"code is generated for {' or '.join(LIBRARIES)}, not for {library!r}")
    return Listing(_Module(cell, LIBRARIES[library]).text())


def output_first(cell: Cell) -> tuple[str, ...]:
    """The states, with the one that a layer hands on in front, as in every framework.

    >>> from gru_sym import cell
    >>> output_first(cell("lstm.pytorch"))
    ('h', 'c')
    """
    return (cell.output, *(state for state in cell.states if state != cell.output))


class _Module:
    def __init__(self, cell: Cell, library: Library) -> None:
        self.cell = cell
        self.library = library
        program = cell.program
        self.used = _functions(equation.expression for equation in program.equations)
        self.parameters = program.parameters
        self.states = output_first(cell)

    def text(self) -> str:
        """The whole module."""
        blocks = [
            self._heading(),
            "\n".join(self.library.imports),
            self._shapes(),
        ]
        functions = [
            *self._helpers(),
            self._step(),
            self._sequence(),
            check(self.library, self.cell.sizes.shapes, self.states),
        ]
        return "\n\n".join(blocks) + "\n\n\n" + "\n\n\n".join(functions) + "\n"

    # What stands in front

    def _heading(self) -> str:
        title = "".join(c for c in self.cell.name if c.isprintable() and c not in '"\\')
        lines = self.cell.program.lines
        equations = [
            lines[e.target.place.line - 1].split("#")[0].strip()
            for e in self.cell.program.equations
        ]
        text = "\n".join(f"    {equation}" for equation in equations)
        return (
            f'"""{title} in {self.library.title}: one step, and a whole sequence.\n\n{text}\n\n'
            'The features lie along the last axis, so `W @ x` is written `x @ W.T`.\n"""'
        )

    def _shapes(self) -> str:
        rows = [
            f'    "{parameter}": {_shape(self.cell.sizes.shapes[parameter])},'
            for parameter in self.parameters
        ]
        return "SHAPES = {\n" + "\n".join(rows) + "\n}" if rows else "SHAPES = {}"

    def _helpers(self) -> list[str]:
        helpers = self.library.helpers
        return [f"def {f}(u):\n    return {helpers[f]}" for f in self.used if f in helpers]

    # One step

    def _step(self) -> str:
        names = Names(self.cell)
        program, sizes = self.cell.program, self.cell.sizes
        reader = Reader(program, sizes)
        lines = [
            Assign(name(e.target.name, e.target.primed), reader.read(e.expression))
            for e in program.equations
            if e.target.primed or not reader.is_changing_matrix(e.target.name)
        ]
        next_names, hand_over = self._next_names(lines, names)
        speller = Speller(self.library, names, sizes, reader.constant, next_names)
        x, states = names[INPUT], [names[state] for state in self.states]
        vectors = [f"{names[v]} (..., {_size(sizes.shapes[v])})" for v in (INPUT, *self.states)]
        after = "the next state" if len(states) == 1 else f"the next states, {', '.join(states)}"
        return _function(
            f"def step(parameters, {x}, {', '.join(states)}):",
            [
                f"One step: {after}.",
                "",
                *_filled(f"Shapes: {', '.join(vectors)}; parameters as in SHAPES."),
            ],
            [
                *self._unpack(names),
                *map(speller.line, lines),
                *hand_over,
                f"return {', '.join(states)}",
            ],
        )

    def _next_names(self, lines: Sequence[Line], names: Names) -> tuple[dict[str, str], list[str]]:
        """What the next state is called: as the state, unless a later line still reads that."""
        next_names: dict[str, str] = {}
        for index, line in enumerate(lines):
            if isinstance(line, Assign) and line.target.primed:
                state = line.target.name
                later = (_expression(other) for other in lines[index + 1 :])
                still_read = any(_reads(expression, state) for expression in later)
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
        return _function(
            f"def sequence(parameters, {x}, {self._state_arguments(names)}, batch_first=False):",
            self._sequence_notes(names),
            [
                *self._unpack(names, ", -2 if batch_first else 0"),
                "if batch_first:",
                f"    {x} = {self.library.moveaxis.format(array=x, source=-2, target=0)}",
                *(line for state in self.states for line in self._zero_state(state, names)),
                *self._before_the_loop(plan, names),
                "",
                "# step by step",
                f"{outputs} = []",
                f"for {index} in range({x}.shape[0]):",
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

    def _state_arguments(self, names: Names) -> str:
        return ", ".join(
            names[s] + ("=None" if self._size_of_state(s, names) else "") for s in self.states
        )

    def _sequence_notes(self, names: Names) -> list[str]:
        shapes, states = self.cell.sizes.shapes, [names[s] for s in self.states]
        last = "state" if len(states) == 1 else "states"
        given = ", ".join(f"{names[s]} (..., {_size(shapes[s])})" for s in self.states)
        optional = all(self._size_of_state(state, names) for state in self.states)
        zero = ", zero if not given" if optional else ""
        x, size = names[INPUT], _size(shapes[INPUT])
        output = _size(shapes[self.cell.output])
        return [
            f"The output after each step, and the last {last}: (outputs, {_tuple(states)}).",
            "",
            f"Shapes: {x} (T, ..., {size}), outputs (T, ..., {output}); parameters as in SHAPES;",
            f"with batch_first {x} (..., T, {size}), outputs (..., T, {output}).",
            *_filled(f"The first {last}: {given}{zero}."),
        ]

    def _size_of_state(self, state: str, names: Names) -> str:
        """An expression for the size of a state; empty if only the state itself tells it."""
        size = self.cell.sizes.shapes[state][0]
        if isinstance(size, int):
            return str(size)
        for parameter in self.parameters:
            shape = self.cell.sizes.shapes[parameter]
            for axis in (0, 1):
                if shape[axis] == size:
                    return f"{names[parameter]}.shape[{axis}]"
        return f"{names[INPUT]}.shape[-1]" if self.cell.sizes.shapes[INPUT][0] == size else ""

    def _zero_state(self, state: str, names: Names) -> list[str]:
        size = self._size_of_state(state, names)
        if not size:
            return []
        zeros = self.library.zeros.format(shape=f"(*{names[INPUT]}.shape[1:-1], {size})")
        zeros = zeros.replace("x.", f"{names[INPUT]}.", 1)
        return [f"if {names[state]} is None:", f"    {names[state]} = {zeros}"]

    def _before_the_loop(self, plan: Schedule, names: Names) -> list[str]:
        speller = self._speller(plan, names)
        once, whole = map(speller.line, plan.once), map(speller.line, plan.sequence)
        return [
            *(["", "# once, from the parameters alone", *once] if plan.once else []),
            *(["", "# for all steps at once", *whole] if plan.sequence else []),
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

    def _unpack(self, names: Names, time: str = "") -> list[str]:
        states = ", ".join(f'"{state}": {names[state]}' for state in self.states)
        call = f"check(parameters, {names[INPUT]}, {{{states}}}{time})"
        own = [names[parameter] for parameter in self.parameters]
        line = f"{', '.join(own)}{',' if len(own) == 1 else ''} = {call}" if own else call
        if len(line) + 4 <= WIDTH:
            return [line]
        return ["(", *(f"    {row}" for row in _filled(", ".join(own) + ",")), f") = {call}"]


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


def _shape(shape: Shape) -> str:
    """A shape as a tuple of names and numbers; the last axis of a vector is its only one."""
    rows, columns = shape
    sizes = (rows, columns) if columns != 1 else (rows,) if rows != 1 else ()
    return "(" + ", ".join(map(quoted, sizes)) + ("," if len(sizes) == 1 else "") + ")"


def _functions(expressions: Iterable[Expression]) -> list[str]:
    """The functions that are applied, in order of appearance."""
    found: dict[str, None] = {}

    def visit(expression: Expression) -> None:
        if isinstance(expression, Apply):
            found.setdefault(expression.function)
        for child in children(expression):
            visit(child)

    for expression in expressions:
        visit(expression)
    return list(found)


def _expression(line: Line) -> Expression:
    return line.operand if isinstance(line, Split) else line.expression


def _reads(expression: Expression, state: str) -> bool:
    return any(n.name == state and not n.primed for n in names(expression))
