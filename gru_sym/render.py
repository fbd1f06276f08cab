"""How cells and tables look: plain text in a terminal, Markdown with mathematics in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

import sympy as sp

from gru_sym.cells import Cell, Parameter, SizeValue
from gru_sym.formulas import read_formula
from gru_sym.language.shapes import axes
from gru_sym.latex import LatexWriter, alike, plain_latex
from gru_sym.tables import Math as Math
from gru_sym.tables import Table as Table
from gru_sym.tables import table_html as table_html


@dataclass(frozen=True)
class Drawing:
    """A drawing that notebooks show, with the text that stands for it."""

    svg: str
    alt: str

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return self.alt


def formula_latex(formula: sp.Expr) -> str:
    """A count in LaTeX: 3 m n + 3 n^{2} + 3 n."""
    names = {symbol.name: symbol for symbol in sp.sympify(formula).free_symbols}
    plain = alike(names, lambda name: {sp.latex(names[name])})
    return str(sp.latex(formula, symbol_names={names[p]: plain_latex(p) for p in plain}))


def factored(formula: SizeValue) -> str | None:
    """A count as people write it, its common factor in front; None if it has none above 1.

    >>> m, n = sp.symbols("m n")
    >>> factored(3 * m * n + 3 * n**2 + 6 * n)
    '3(n² + nm + 2n)'
    >>> factored(m * n + n**2 + 2 * n) is None
    True
    """
    return read_formula(str(sp.expand(formula))).factored()


def spelled(formula: SizeValue) -> str:
    """A count as people write it, with its common factor in front where it has one above 1.

    >>> m, n = sp.symbols("m n")
    >>> spelled(3 * m * n + 3 * n**2 + 4 * n), spelled(6 * n)
    ('3n² + 3nm + 4n', '6n')
    >>> spelled(2 * n**2 / sp.Symbol("H") + 3 * n), spelled(n * (n - 1) / 2)
    ('2n²/H + 3n', 'n²/2 - n/2')
    """
    return read_formula(str(sp.expand(formula))).spelled()


def drawing(figure: Any, alt: str) -> Drawing:
    """A matplotlib figure as a drawing in the page: its black is the colour of the page's text.

    Its ground is the page's, so it fits a light and a dark page; `alt` is read aloud.
    """
    import matplotlib.pyplot as plt

    file = StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": alt}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    rest = file.getvalue().split("<svg", 1)[1].replace("#000000", "currentColor")
    name = f'class="theme-aware" role="img" aria-label="{escape(alt)}"'
    return Drawing(
        f'<svg {name} style="max-width: 100%; height: auto; fill: currentColor"{rest}', alt
    )


def parameter_table(cell: Cell) -> Table:
    """Every parameter of a cell with shape, role, gate and count; the last row is the total."""
    writer = LatexWriter(cell.program, cell.sizes)
    rows: list[Sequence[object]] = [
        (
            Math(writer.name(p.name), p.name),
            _shape(writer, p),
            p.role,
            _gate(writer, p.gate),
            p.count,
        )
        for p in cell.parameters
    ]
    return Table(
        ("parameter", "shape", "role", "gate", "count"),
        [*rows, ("total", "", "", "", cell.count())],
    )


def shapes_of(cell: Cell, names: Iterable[str]) -> dict[str, list[str]]:
    """The axes of some names of a cell, as texts."""
    return {name: [str(size) for size in axes(cell.sizes.shapes[name])] for name in names}


def _given_lines(cell: Cell) -> Iterable[str]:
    """The further inputs and the constants of a cell, with shapes, on a line each."""
    kinds = {"further inputs": cell.inputs[1:], "constants, not trained": cell.constants}
    for kind, members in kinds.items():
        shapes = shapes_of(cell, members).items()
        texts = [f"{name} ({', '.join(sizes)})" if sizes else name for name, sizes in shapes]
        if texts:
            yield f"{kind}: {', '.join(texts)}"


def reason_table(cell: Cell, names: Iterable[str] | None = None) -> Table:
    """Why each parameter has its shape, from the equations that say so."""
    writer = LatexWriter(cell.program, cell.sizes)
    rows = []
    for name in names or cell.program.parameters:
        for side, reason in zip(("rows", "columns"), cell.why(name), strict=True):
            if side == "rows" or reason.size != 1:
                size = Math(writer.size(reason.size), str(reason.size))
                steps = [*(f"`{step}`" for step in reason.steps), reason.origin]
                rows.append((Math(writer.name(name), name), side, size, " → ".join(steps)))
    return Table(("parameter", "", "size", "because"), rows)


def breakdown_table(cell: Cell, by: str = "role", **sizes: SizeValue) -> Table:
    """The count of a cell, split by "role", "gate" or "tensor", and the total."""
    writer = LatexWriter(cell.program, cell.sizes)
    parts = cell.breakdown(by, **sizes)
    keys = [key if by == "role" else _gate(writer, key) for key in parts]
    rows = list(zip(keys, parts.values(), strict=True))
    return Table((by, "count"), [*rows, ("total", cell.count(**sizes))])


def equation_table(cells: Iterable[Cell], gate: str | Sequence[str]) -> Table:
    """The equation of one gate, by its name (or one of several), in several cells."""
    names = (gate,) if isinstance(gate, str) else tuple(gate)
    rows = []
    for cell in cells:
        writer = LatexWriter(cell.program, cell.sizes)
        equation = next(e for e in cell.program.equations if e.target.name in names)
        latex = (
            f"{writer.name(equation.target.name, 't')} = {writer.expression(equation.expression)}"
        )
        rows.append((cell.name, Math(latex, cell.program.code(equation.target.place.line))))
    return Table(("cell", "equation"), rows)


def cell_text(cell: Cell) -> str:
    """A cell as a terminal shows it: title, source, equations, parameters, count."""
    table = str(parameter_table(cell))
    short = factored(cell.count())
    if short:
        *_, total = table.splitlines()
        table += f"\n{'= ':>{total.index(str(cell.count()))}}{short}"
    given = "\n".join(_given_lines(cell))
    return "\n\n".join(filter(None, [str(cell), table, given]))


def _gate(writer: LatexWriter, names: str) -> Math:
    """One gate, or several separated by commas."""
    return Math(", ".join(writer.name(name) for name in names.split(", ")), names)


def _shape(writer: LatexWriter, parameter: Parameter) -> Math | str:
    if not parameter.shape:
        return "scalar"
    sizes = [writer.size(str(size)) for size in parameter.shape]
    text = ", ".join(map(str, parameter.shape))
    return Math(r" \times ".join(sizes), f"({text},)" if len(sizes) == 1 else f"({text})")
