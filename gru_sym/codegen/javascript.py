"""The JavaScript module that a cell becomes: one step, on plain arrays, without dependencies.

A vector is an array of numbers, a matrix an array of its rows. A line of the cell becomes one
entry, `tanh(dot(W[i], x) + b[i])`, for each of its rows; what a kernel multiplies is named first,
so that nothing is computed more than once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce

from gru_sym.cells import Cell
from gru_sym.codegen.checking import shares
from gru_sym.codegen.dialects import is_call
from gru_sym.codegen.fusion import Assign
from gru_sym.codegen.listing import Script
from gru_sym.codegen.names import Names
from gru_sym.codegen.printing import ATOM, PRODUCT, SIGN, Printer, Spelled
from gru_sym.codegen.reading import equation_lines, functions_in, output_first, printable_title
from gru_sym.codegen.terms import Reader, name, product, rebuild
from gru_sym.functions import FUNCTIONS, PAIRWISE
from gru_sym.language.errors import NOWHERE
from gru_sym.language.shapes import Sizes, axes
from gru_sym.language.syntax import Expression, Extremum, MatrixProduct, Mean, Name
from gru_sym.language.unification import Size

WIDTH = 92
"""A longer line becomes two or more."""

RESERVED = frozenset(
    "await break case catch class const continue debugger default delete do else enum export "
    "extends false finally for function if implements import in instanceof interface let new null "
    "package private protected public return static super switch this throw true try typeof var "
    "void while with yield arguments eval undefined NaN Infinity Array Error Math Number Object "
    "dot each total mean check step parameters SHAPES u".split()
)
"""What JavaScript or the module means something else by."""

HELPERS = {
    "inBlocks": (
        "const inBlocks = (kernel, v) => kernel.flatMap((block, k) =>\n  block.map((row) => "
        "dot(row, v.slice(k * row.length, (k + 1) * row.length)))\n);"
    ),
    "dot": "const dot = (a, b) => a.reduce((sum, number, i) => sum + number * b[i], 0);",
    "total": "const total = (length, entry) => each(length, entry).reduce((a, b) => a + b, 0);",
    "mean": "const mean = (a) => a.reduce((sum, number) => sum + number, 0) / a.length;",
    "each": "const each = (length, entry) => Array.from({ length }, (_, i) => entry(i));",
}

NAMES = """\
  for (const name in {shapes})
    if (!Object.hasOwn({given}, name)) throw new Error(`the {kind} ${name} is missing`);
  for (const name in {given})
    if (!Object.hasOwn({shapes}, name)) throw new Error(`${name} is not a {kind}`);
  for (const name in {shapes}) fit(name, {given}[name], {shapes}[name]);
"""

DIVIDED = """\
  for (const [size, blocks, share] of {blocks}) {
    const whole = (sizes[blocks] ?? blocks) * sizes[share];
    if ((sizes[size] ?? whole) !== whole)
      throw new Error(`${size} is ${sizes[size]}; the blocks have ${whole}`);
  }
}
"""

CHECK = """
/** Throws an Error that names what does not fit. */
function check({arguments}vectors) {
  const sizes = Object.create(null);
  const shapeOf = (array) => {
    if (typeof array === "number") return [];
    if (!Array.isArray(array)) return ["no array"];
    const rows = array.map(shapeOf);
    const equal = rows.every((row) => `${row}` === `${rows[0]}`);
    return equal ? [rows.length, ...rows[0]] : ["rows of several lengths"];
  };
  const fit = (name, array, shape) => {
    const given = shapeOf(array);
    shape.forEach((size, axis) => (sizes[size] ??= Number(size) || given[axis]));
    const wanted = shape.map((size) => sizes[size] ?? size);
    if (`${given}` !== `${wanted}`)
      throw new Error(`${name} has shape [${given}]; expected [${wanted}], that is [${shape}]`);
  };
{names}  for (const [name, [array, size]] of Object.entries(vectors)) fit(name, array, [size]);
}
"""


def javascript_module(cell: Cell, checked: bool) -> Script:
    """The cell as an ES module."""
    return Script(_Module(cell, checked).text())


@dataclass(frozen=True)
class _Entry(Printer):
    """Writes one entry of an expression: the one at `row` and `column`."""

    names: Names
    sizes: Sizes
    vectors: frozenset[str]
    next_names: Mapping[str, str]
    summed: str
    row: str = "0"
    column: str = "0"

    def name(self, name: Name) -> str:
        rows, columns = self.sizes.shapes[name.name]
        text = self.next_names[name.name] if name.primed else self.names[name.name]
        row = "0" if rows == 1 else self.row
        if columns != 1:
            return f"{text}[{row}][{self.column}]"
        return f"{text}[{row}]" if rows != 1 or name.name in self.vectors else text

    def transpose(self, operand: Expression) -> Spelled:
        return replace(self, row=self.column, column=self.row).spell(operand, ATOM), ATOM

    def called(self, function: str) -> str:
        text = FUNCTIONS[function].javascript
        return text if is_call(text) else function

    def extremum(self, expression: Extremum) -> str:
        spelling = PAIRWISE[expression.function].spelling["javascript"]
        return f"{spelling}({', '.join(map(self.spell, expression.parts))})"

    def mean(self, operand: Expression) -> str:
        """The mean of a vector, which is a name by now."""
        assert isinstance(operand, Name)
        vector = self.next_names[operand.name] if operand.primed else self.names[operand.name]
        return f"mean({vector})"

    def product(self, left: Expression, right: Expression) -> Spelled:
        """The products to sum; both sides are names by now, or the left one is a column."""
        rows, inner = self.sizes.shape(left)
        if inner == 1:
            return f"{self.spell(left, SIGN)} * {self.spell(right, SIGN)}", PRODUCT
        assert isinstance(left, Name)
        assert isinstance(right, Name)
        kernel = f"{self.names[left.name]}[{'0' if rows == 1 else self.row}]"
        if self.sizes.shape(right)[1] == 1:
            vector = self.next_names[right.name] if right.primed else self.names[right.name]
            return f"dot({kernel}, {vector})", ATOM
        other = f"{self.names[right.name]}[{self.summed}][{self.column}]"
        term = f"{kernel}[{self.summed}] * {other}"
        return f"total({kernel}.length, ({self.summed}) => {term})", ATOM


class _Module:
    def __init__(self, cell: Cell, checked: bool) -> None:
        if "__proto__" in cell.sizes.shapes:
            raise ValueError("__proto__ is no name in JavaScript; choose another one")
        self.cell = cell
        self.checked = checked
        self.names = Names(cell, RESERVED)
        self.sizes = cell.sizes
        self.states = output_first(cell)
        self.vectors = (*cell.inputs, *self.states)
        self.tables = {"parameters": ("SHAPES", cell.program.parameters)}
        if cell.constants:
            self.tables["constants"] = ("CONSTANTS", cell.constants)
        self.next_names = {state: self.names(f"{state}_next") for state in self.states}
        free = [letter for letter in "ijklpqst" if letter not in cell.sizes.shapes]
        self.indices = [self.names(letter) for letter in [*free, "i", "j", "k"][:3]]
        self.lengths = dict(self._lengths())
        reader = Reader(cell.program, cell.sizes)
        self.lines: list[Assign] = []
        for target, expression in reader.equations():
            self.lines.append(Assign(target, self._flat(expression, target.name)))

    def text(self) -> str:
        """The whole module."""
        step = self._step()
        used = functions_in(line.expression for line in self.lines)
        spelled = {f: FUNCTIONS[f].javascript for f in used}
        functions = [f"const {f} = (u) => {s};" for f, s in spelled.items() if not is_call(s)]
        called = step + HELPERS["inBlocks"] * ("inBlocks(" in step)
        helpers = [text for helper, text in HELPERS.items() if f"{helper}(" in called]
        if "total(" in step and HELPERS["each"] not in helpers:
            helpers.append(HELPERS["each"])
        blocks = [self._heading(), self._shapes(), "\n".join([*helpers, *functions]), step]
        return "\n\n".join(filter(None, blocks)) + "\n" + self._check() * self.checked

    def _check(self) -> str:
        text = CHECK.replace("{arguments}", "".join(f"{given}, " for given in self.tables))
        names, divided = "", shares(self.cell)
        for given, (shapes, _) in self.tables.items():
            each = {"{given}": given, "{shapes}": shapes, "{kind}": given[:-1]}
            names += reduce(lambda t, pair: t.replace(*pair), each.items(), NAMES)
        text = text.replace("{names}", names)
        return text[:-2] + DIVIDED.replace("{blocks}", json.dumps(divided)) if divided else text

    def _heading(self) -> str:
        lines = [
            f"{printable_title(self.cell)} in JavaScript: one step.",
            "",
            *(f"    {equation}" for equation in equation_lines(self.cell)),
            "",
            "A vector is an array of numbers, a matrix an array of its rows.",
        ]
        return "\n".join(f"// {line}".rstrip() for line in lines)

    def _shapes(self) -> str:
        return "\n".join(self._table(*table) for table in self.tables.values())

    def _table(self, name: str, arrays: Iterable[str]) -> str:
        parts = [f"{array}: {json.dumps(self.sizes.stored(array))}" for array in arrays]
        line = f"export const {name} = {{ {', '.join(parts)} }};"
        if len(line) <= WIDTH and parts:
            return line
        return f"export const {name} = {{" + "".join(f"\n  {part}," for part in parts) + "\n};"

    def _lengths(self) -> Iterator[tuple[Size, str]]:
        """How many entries a size stands for; the last answer is the one that is kept."""
        for array in (*self.cell.constants, *self.cell.program.parameters):
            text = self.names[array]
            for axis, size in enumerate(self.sizes.stored(array)):
                yield size, f"{text}{'[0]' * axis}.length"
            if array in self.sizes.blocks:
                for axis, size in enumerate(self.sizes.shapes[array], start=1):
                    yield size, f"{text}.length * {text}{'[0]' * axis}.length"
        for vector in (*self.cell.inputs, *reversed(self.states)):
            yield self.sizes.shapes[vector][0], f"{self.names[vector]}.length"
        for rows, columns in self.sizes.shapes.values():
            yield from ((size, str(size)) for size in (rows, columns) if isinstance(size, int))

    # Lines

    def _flat(self, expression: Expression, target: str) -> Expression:
        """The expression, with a name for everything that a kernel multiplies and every kernel."""
        if isinstance(expression, Mean):
            return Mean(self._named(expression.operand, target), NOWHERE)
        if not isinstance(expression, MatrixProduct):
            return rebuild(expression, lambda part: self._flat(part, target))
        left, right = expression.left, expression.right
        if self.sizes.blocks_of(left) is not None:
            assert isinstance(left, Name)
            return self._put(product(left, self._named(right, target)), f"{target}_{left.name}")
        if self.sizes.shape(left)[1] == 1:
            return product(self._flat(left, target), self._flat(right, target))
        return product(self._named(left, target), self._named(right, target))

    def _named(self, expression: Expression, target: str) -> Name:
        if isinstance(expression, Name):
            return expression
        column = self.sizes.shape(expression)[1] == 1
        return self._put(self._flat(expression, target), f"{target}_{'in' if column else 'kernel'}")

    def _put(self, flat: Expression, wanted: str) -> Name:
        """A name for an expression that stands on a line of its own."""
        if isinstance(flat, Name):
            return flat
        known = next((line.target for line in self.lines if line.expression == flat), None)
        if known is not None and not known.primed:
            return known
        new = self.names(wanted)
        shape = self.sizes.shape(flat)
        self.sizes = replace(self.sizes, shapes={**self.sizes.shapes, new: shape})
        self.lines.append(Assign(name(new), flat))
        return name(new)

    def _step(self) -> str:
        vectors = self.vectors
        arguments = [self.names[vector] for vector in vectors]
        after = [self.next_names[state] for state in self.states]
        shapes = ", ".join(
            f"{text} {json.dumps([self.sizes.shapes[vector][0]])}"
            for vector, text in zip(vectors, arguments, strict=True)
        )
        what = "the next state" if len(after) == 1 else "the next states"
        checks = ", ".join(
            f"{text}: [{text}, {json.dumps(self.sizes.shapes[vector][0])}]"
            for vector, text in zip(vectors, arguments, strict=True)
        )
        given = ", ".join(self.tables)
        constants = ", constants as in CONSTANTS" * bool(self.cell.constants)
        body = [
            *([f"check({given}, {{ {checks} }});"] * self.checked),
            *(
                _broken("const { ", [self._unpacked(name) for name in arrays], f" }} = {table};")
                for table, (_, arrays) in self.tables.items()
                if arrays
            ),
            *map(self._line, self.lines),
            f"return {after[0] if len(after) == 1 else '[' + ', '.join(after) + ']'};",
        ]
        return "\n".join(
            [
                f"/** One step: {what}. Shapes: {shapes}; parameters as in SHAPES{constants}. */",
                f"export function step({given}, {', '.join(arguments)}) {{",
                *(f"  {line}" for line in "\n".join(body).split("\n")),
                "}",
            ]
        )

    def _text(self, name: Expression) -> str:
        assert isinstance(name, Name)
        return self.next_names[name.name] if name.primed else self.names[name.name]

    def _unpacked(self, array: str) -> str:
        text = self.names[array]
        return array if text == array else f"{array}: {text}"

    def _line(self, line: Assign) -> str:
        rows, columns = shape = self.sizes.shapes[line.target.name]
        i, j, k = self.indices
        entry = _Entry(self.names, self.sizes, frozenset(self.vectors), self.next_names, k)
        primed = line.target.primed
        text = self.next_names[line.target.name] if primed else self.names[line.target.name]
        if isinstance(line.expression, MatrixProduct) and (
            self.sizes.blocks_of(line.expression.left) is not None
        ):
            read = (line.expression.left, line.expression.right)
            kernel, vector = (self._text(each) for each in read)
            return f"const {text} = inBlocks({kernel}, {vector});"
        if columns != 1:
            inner = replace(entry, row=i, column=j).spell(line.expression)
            row = f"each({self.lengths[columns]}, ({j}) => {inner})"
            return f"const {text} = each({self.lengths[rows]}, ({i}) => {row});"
        if axes(shape) == ():
            spelled = entry.spell(line.expression)
            return f"const {text} = {f'[{spelled}]' if primed else spelled};"
        head = f"const {text} = each({self.lengths[rows]}, ({i}) =>"
        inner = replace(entry, row=i).spell(line.expression)
        short = f"{head} {inner});"
        return short if len(short) <= WIDTH else f"{head}\n  {inner}\n);"


def _broken(head: str, items: list[str], tail: str) -> str:
    """A list on one line, or on as many as it needs."""
    line = head + ", ".join(items) + tail
    if len(line) <= WIDTH:
        return line
    rows = [""]
    for item in items:
        if len(rows[-1]) + len(item) > WIDTH - 6:
            rows.append("")
        rows[-1] += f"{item}, "
    return "\n".join([head.rstrip(), *(f"  {row.rstrip()}" for row in rows), tail.lstrip()])
