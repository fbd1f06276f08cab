"""The language of `layouts/NAME.txt`: which tensor of which layer holds which parameters of a cell.

    # Keras 3.15.1                        the first comment is the library's name
    # evidence: run
    # source: where this was read
    gru.keras                 GRU(units=n, use_bias=True)   {|forward/|backward/}*
    gru.keras without biases  GRU(use_bias=False)           # no biases
    kernel = transposed W_z | W_r | W_h
    bias   = b_iz | b_ir | b_ih / b_rz | b_rr | b_rh

A *form* is a cell of the catalogue, the layer as the library writes it, and what its tensors are
called; two spaces or more part them. The cell may be changed: `with relu for tanh`, `without
biases`, `with trained initial states` (h0, ...). An option whose value is a name of the cell's
sizes gives that size. The first form of a layer has all its options, with their defaults; the
others name what is different. A name is `*` for that of the line, with `{level}` or `{level+1}`,
`{_reverse}` for the second direction alone, `{one|forward|backward}`.

The lines below are for all the forms above. `|` puts blocks one after the other along the units,
`/` along the other axis, where a vector is one row; `transposed`: the units are on the last axis;
`reshaped`: a block has the shape of the transposed kernel, but holds the numbers of the kernel, row
by row, as they are; `interleaved`: unit by unit, not block by block; `NAME[direction]`: the first
axis is the direction.
A block is a parameter, perhaps with a sign, a number or a constant: `-W_z`, `0.5 * W`, `b_f - 1`.
A form without biases has no tensors that hold biases alone.

`# evidence:` says how the forms below it are known: `run` (compared whenever the atlas is made),
`run once` (in an environment of its own) or `read`, which stands where nothing is said. After the
columns of a form `# ...` tells a reader what its options mean.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

from gru_sym.functions import FUNCTIONS
from gru_sym.language.errors import CellError
from gru_sym.language.parser import parse
from gru_sym.language.syntax import Expression, Minus, Name, Number, Plus, Times, plain_number
from gru_sym.libraries.naming import HOLES, Named, Option, SizeOf, by_direction

COLUMNS = re.compile(r"\s{2,}")
TENSOR = re.compile(r"([^\s=(]+?)(\[direction\])?\s*=(.*)")
CHANGES = re.compile(r"(?: with (\w+) for (\w+)| (without biases)| (with trained initial states))")

EVIDENCE = ("run", "run once", "read")
FLAGS = ("transposed", "reshaped", "interleaved")

BLOCK = "a block is one parameter, perhaps with a sign, a number or a constant, such as b_f - 1"


class LayoutError(ValueError):
    """A layout that cannot be read, with its file and line and one sentence."""


@dataclass(frozen=True)
class Block:
    """A parameter in a tensor, as `factor * parameter + constant`."""

    parameter: str
    factor: Fraction = Fraction(1)
    constant: Fraction = Fraction(0)


@dataclass(frozen=True)
class TensorLine:
    """One tensor: the blocks of a row go along the units, the rows along the other axis."""

    number: int
    name: str
    rows: tuple[tuple[Block, ...], ...]
    transposed: bool = False
    interleaved: bool = False
    reshaped: bool = False
    by_direction: bool = False

    @property
    def units_last(self) -> bool:
        """Whether the units of a kernel are on the last axis."""
        return self.transposed or self.reshaped

    @property
    def parameters(self) -> list[str]:
        """The names of its parameters."""
        return [block.parameter for row in self.rows for block in row]


@dataclass(frozen=True, eq=False)
class Form(Named):
    """A layer with some options: its cell, its tensors, how it is known, and a reader's line."""

    number: int
    cell_id: str
    functions: tuple[tuple[str, str], ...]
    biases: bool
    trained_states: bool
    layer: str
    options: Mapping[str, Option]
    naming: str
    lines: tuple[TensorLine, ...]
    evidence: str = "read"
    note: str = ""


class Reader:
    """Reads the lines of a layout; `forms` are its forms, `notes` its comments."""

    @property
    def title(self) -> str:
        """The library with its version: the first comment."""
        return self.notes[0] if self.notes else self.file

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.number = 0
        self._evidence = "read"
        self.notes: list[str] = []
        self.forms: list[Form] = []
        self._heads: list[Form] = []
        self._lines: list[TensorLine] = []
        for self.number, source in enumerate(text.splitlines(), start=1):
            line = source.strip()
            if line.startswith("#"):
                self._comment(line.lstrip("# "))
            elif found := TENSOR.fullmatch(line):
                self._tensor(found[1], bool(found[2]), found[3].strip())
            elif line:
                self._form(line)
        self._finish()
        if not self.forms:
            self.fail(
                "there is no layer; write a cell of the catalogue and a layer, such as "
                "gru.keras  GRU(units=n)"
            )

    def fail(self, message: str, number: int | None = None) -> NoReturn:
        """Raise a `LayoutError` at a line, by default the one being read."""
        raise LayoutError(f"{self.file}, line {number or self.number}: {message}")

    def _comment(self, text: str) -> None:
        self.notes.append(text)
        if text.startswith("evidence:"):
            if self._lines:
                self._finish()
            self._evidence = text.removeprefix("evidence:").strip()
            if self._evidence not in EVIDENCE:
                self.fail(f"evidence is run, run once or read, not {self._evidence!r}")

    # A form

    def _form(self, line: str) -> None:
        if self._lines:
            self._finish()
        line, _, note = line.partition("  #")
        cell, *rest = COLUMNS.split(line.rstrip())
        if not 1 <= len(rest) <= 2:
            self.fail(
                f"{line!r} is neither a tensor, such as kernel = W, nor a cell and a layer "
                "with two spaces between them, such as gru.keras  GRU(units=n)"
            )
        cell_id, functions, biases, trained = self._cell(cell)
        layer, options = self._call(rest[0])
        first = next((f for f in [*self.forms, *self._heads] if f.layer == layer), None)
        naming = rest[1] if len(rest) == 2 else first.naming if first else "*"
        self._check_naming(naming)
        if first:
            if unknown := sorted(options.keys() - first.options.keys()):
                self.fail(
                    f"the first form of {layer}, in line {first.number}, has no option "
                    f"{unknown[0]}; give it there, with its default"
                )
            options = {**first.options, **options}
        for form in (*self.forms, *self._heads):
            if form.layer == layer and form.options == options:
                self.fail(f"this form of {layer} is already in line {form.number}")
        self._heads.append(
            Form(
                self.number,
                *(cell_id, functions, biases, trained),
                *(layer, options, naming, ()),
                *(self._evidence, note.strip()),
            )
        )

    def _cell(self, text: str) -> tuple[str, tuple[tuple[str, str], ...], bool, bool]:
        cell_id, space, changes = text.partition(" ")
        functions, biases, trained, end = [], True, False, 0
        for found in CHANGES.finditer(space + changes):
            if found.start() != end:
                break
            by, function, without, states = found.groups()
            if by:
                functions.append((function, by))
                if wrong := {by, function} - FUNCTIONS.keys():
                    self.fail(
                        f"there is no function {min(wrong)}; the known ones: {', '.join(FUNCTIONS)}"
                    )
            biases, trained, end = biases and not without, trained or bool(states), found.end()
        if end != len(space + changes):
            self.fail(
                f"{(space + changes)[end:].strip()!r} is no change of a cell; write without "
                "biases, with relu for tanh, or with trained initial states"
            )
        return cell_id, tuple(functions), biases, trained

    def _call(self, text: str) -> tuple[str, dict[str, Option]]:
        try:
            call = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            call = None
        if not isinstance(call, ast.Call) or call.args:
            self.fail(f"{text!r} is no layer; write it as GRU(units=n, use_bias=True)")
        options: dict[str, Option] = {}
        for keyword in call.keywords:
            match keyword.arg, keyword.value:
                case str(name), ast.Name(id=size):
                    options[name] = SizeOf(size)
                case str(name), ast.Constant(value=bool() | int() | str() | None as value):
                    options[name] = value
                case _:
                    self.fail(
                        f"an option of a layer is a constant or a size of the cell, not "
                        f"{ast.unparse(keyword)}"
                    )
        return ast.unparse(call.func), options

    def _check_naming(self, naming: str) -> None:
        if naming.count("*") != 1 or "{" in HOLES.sub("", naming):
            self.fail(
                f"{naming!r} does not say what a tensor is called; write * for its own name, "
                "such as *_l{level}{_reverse}"
            )
        for hole in HOLES.findall(naming):
            if hole not in ("level", "level+1") and len(by_direction(hole)) != 3:
                self.fail(
                    f"{{{hole}}} is {{level}}, {{level+1}}, {{_reverse}} for the second "
                    "direction, or {one|forward|backward}"
                )

    # A tensor

    def _tensor(self, name: str, by_direction: bool, text: str) -> None:
        if not self._heads:
            self.fail(
                f"{name} belongs to no layer; a cell and a layer stand above it, such as "
                "gru.keras  GRU(units=n)"
            )
        if name in [line.name for line in self._lines]:
            self.fail(
                f"{name} is already there, in line "
                f"{next(line.number for line in self._lines if line.name == name)}"
            )
        words = text.split()
        flags = {word for word in words[:2] if word in FLAGS}
        blocks = " ".join(words[len(flags) :])
        rows = tuple(tuple(map(self._block, row.split("|"))) for row in blocks.split("/"))
        turned = {flag: flag in flags for flag in FLAGS}
        self._lines.append(TensorLine(self.number, name, rows, by_direction=by_direction, **turned))

    def _block(self, text: str) -> Block:
        try:
            equations, _ = parse(f"block = {text}")
        except CellError as error:
            self.fail(f"{text.strip()!r} cannot be read: {error.message}")
        return self._linear(equations[0].expression, text.strip())

    def _linear(self, expression: Expression, text: str) -> Block:
        match expression:
            case Name(name=name, primed=False):
                return Block(name)
            case Minus(operand=operand):
                block = self._linear(operand, text)
                return Block(block.parameter, -block.factor, -block.constant)
            case Times(factors=(Number(value=value), other)) if value:
                block = self._linear(other, text)
                return Block(block.parameter, value * block.factor, value * block.constant)
            case Plus(terms=(first, *others)):
                block = self._linear(first, text)
                return Block(
                    block.parameter,
                    block.factor,
                    block.constant + sum(self._constants(others, text)),
                )
        self.fail(f"{text!r} cannot be stored: {BLOCK}")

    def _constants(self, terms: list[Expression], text: str) -> Iterator[Fraction]:
        for term in terms:
            if (value := plain_number(term)) is None:
                self.fail(f"{text!r} cannot be stored: {BLOCK}")
            yield value

    def _finish(self) -> None:
        """Give the lines to the forms above them."""
        for form in self._heads:
            if not self._lines:
                self.fail(
                    f"{form.layer} has no tensors; write them below it, such as kernel = W",
                    form.number,
                )
            values = {**vars(form), "lines": tuple(self._lines)}
            self.forms.append(Form(**values))
        self._heads, self._lines = [], []
