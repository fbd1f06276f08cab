"""The one table of libraries: what each layer stores, what it computes, and how that is known.

Everything is derived: from the layouts, from the equations of the catalogue, from the certificates,
and from the records of what was run.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sympy as sp

from gru_sym.cells import Cell
from gru_sym.certificates import effective_count
from gru_sym.codegen.reading import functions_in
from gru_sym.formulas import read_formula
from gru_sym.libraries.layout import layout, libraries
from gru_sym.libraries.layout_text import FLAGS, Block, Form, TensorLine
from gru_sym.libraries.live.record import Record, Row
from gru_sym.libraries.naming import SizeOf
from gru_sym.libraries.stored import StoredLayer, stored_layer
from gru_sym.libraries.structure import gate_order, reset_side, update_keeps
from gru_sym.libraries.texts import title
from gru_sym.render import spelled
from gru_sym.tables import Evaluated, Table

FAMILIES = ("gru", "lstm", "rnn", "minimal")


def written(form: Form) -> str:
    """A layer with its options as its library writes it; sizes are left out."""
    return f"{form.layer}({', '.join(_options(form))})"


def _options(form: Form) -> list[str]:
    sizes = {"p"}  # of a projection, which is an option
    return [
        f"{name}={value if isinstance(value, SizeOf) else repr(value)}"
        for name, value in form.options.items()
        if not isinstance(value, SizeOf) or value.size in sizes
    ]


def named(library: str, forms: Iterable[Form]) -> str:
    """Layers, each with those options that are not its defaults: "GRU, GRUCell, bias=False"."""
    defaults = {form.layer: _options(form) for form in reversed(layout(library).forms)}
    layers: dict[str, list[str]] = {}
    for form in forms:
        special = [option for option in _options(form) if option not in defaults[form.layer]]
        layers.setdefault(", ".join(special), []).append(form.layer)
    return "; ".join(", ".join(filter(None, [*own, special])) for special, own in layers.items())


@dataclass(frozen=True)
class Entry:
    """A layer of a library with its options; several of one library that say the same.

    Attributes
    ----------
    library : the name of its layout.
    forms : of the layout.
    """

    library: str
    forms: tuple[Form, ...]

    @property
    def stored(self) -> StoredLayer:
        """The first of them."""
        return stored_layer(self.forms[0], 1, False, ())

    @property
    def name(self) -> str:
        """The layers, with those options that are not the library's defaults."""
        return named(self.library, self.forms)

    @property
    def cell(self) -> Cell:
        """What it computes."""
        return self.stored.layer.cell

    @property
    def reset(self) -> str:
        """The reset acts "before" the recurrent kernel or "after" it."""
        return reset_side(self.cell)

    @property
    def keeps(self) -> str:
        """What the update gate multiplies: the "old" state or the "new" candidate."""
        return update_keeps(self.cell)

    @property
    def order(self) -> str:
        """The gates as they lie in its kernel, one letter each; "apart" in tensors of their own."""
        return gate_order(self.stored.form, self.cell)

    @property
    def function(self) -> str:
        """What is applied in its candidate: tanh, in most."""
        expressions = [equation.expression for equation in self.cell.program.equations]
        return ", ".join(dict.fromkeys(f for f in functions_in(expressions) if f != "sigmoid"))

    @property
    def biases(self) -> sp.Expr:
        """How many biases it stores."""
        return sp.sympify(self.stored.layer.biases())

    @property
    def effective(self) -> sp.Expr:
        """How many of its parameters count. Raises `ValueError` if that is not certified."""
        layer = self.stored.layer  # trained initial states count, too
        found = effective_count(layer if layer.learn_initial_state else self.cell)
        if not found.certified or found.condition:
            raise ValueError(f"the effective count of {self.cell.name} is not certified: {found}")
        return sp.sympify(found.effective)


def entries(family: str, names: Iterable[str] | None = None) -> list[Entry]:
    """The layers of the libraries whose cells are of a family: "gru", "lstm", "rnn", "minimal".

    >>> [entry.name for entry in entries("lstm", ["pytorch"])][:2]
    ['LSTM, LSTMCell', 'LSTM, LSTMCell, bias=False']
    """
    found: dict[tuple[object, ...], list[Form]] = {}
    for library in libraries() if names is None else names:
        for form in layout(library).forms:
            if form.cell_id.partition(".")[0] == family:
                cell = stored_layer(form, 1, False, ()).layer.cell
                alike = (library, cell.name, form.trained_states, gate_order(form, cell))
                found.setdefault(alike, []).append(form)
    return [Entry(str(library), tuple(forms)) for (library, *_), forms in found.items()]


@dataclass(frozen=True)
class Once:
    """A library that was run once, in an environment of its own: which of its layers, how near."""

    library: str
    version: str
    layers: str
    error: float
    date: str


def run_once(path: str | Path) -> list[Once]:
    """What was run once."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return [
            Once(row["library"], row["version"], row["layers"], float(row["error"]), row["date"])
            for row in csv.DictReader(file)
        ]


def once_table(once: Iterable[Once]) -> Table:
    """What was run once."""
    rows = [
        (one.library, one.version, one.layers.replace(" ", ", "), _short(one.error), one.date)
        for one in once
    ]
    return Table(("library", "version", "layers", "largest difference", "when"), rows)


def evidence(entry: Entry, record: Record, once: Iterable[Once] = ()) -> str:
    """How it is known what a layer computes: run, run once, or read in the library's source."""
    ran = [row for form in entry.forms for row in record.of(entry.library, written(form))]
    if ran:
        return ", ".join(f"run\N{NO-BREAK SPACE}{v}" for v in dict.fromkeys(r.version for r in ran))
    layers = {form.layer for form in entry.forms}
    for one in once:
        if one.library == entry.library and layers & set(one.layers.split()):
            return f"run once, {one.version}"
    return "read"


def _without_biases(entry: Entry, every: Iterable[Entry]) -> str:
    """The option that leaves a layer's biases out; "" if there is none."""
    first = entry.forms[0]
    kind = (entry.library, first.layer, first.cell_id, first.functions)
    for other in every:
        bare = other.forms[0]
        if not bare.biases and (other.library, bare.layer, bare.cell_id, bare.functions) == kind:
            return ", ".join(set(_options(bare)) - set(_options(first)))
    return ""


def _short(error: float) -> str:
    """An error with one digit, on one line."""
    return _unbroken(f"{error:.0e}") if error else "no difference"


def _unbroken(text: str) -> str:
    """What stays on one line of a page."""
    return text.replace(" ", "\N{NO-BREAK SPACE}").replace("-", "\N{NON-BREAKING HYPHEN}")


def atlas_table(
    family: str, record: Record, once: Iterable[Once] = (), *, m: int = 128, n: int = 256
) -> Table:
    """The layers of a family, library by library, at an input size m and a hidden size n.

    A layer without its biases has no row of its own: the option is told with the layer.
    """
    every = entries(family)
    own = [entry for entry in every if entry.forms[0].biases]
    switches = [_without_biases(entry, every) for entry in own]
    columns: dict[str, list[object]] = {
        "library": [f"[{title(entry.library)}](#{entry.library})" for entry in own],
        "layer": [
            e.name + f" (or {switch})" * bool(switch)
            for e, switch in zip(own, switches, strict=True)
        ],
        "biases": [
            spelled(e.biases) + " or 0" * bool(switch)
            for e, switch in zip(own, switches, strict=True)
        ],
        "formula": [_unbroken(spelled(entry.stored.count)) for entry in own],
        "stored": [evaluated(entry.stored.count, entry.cell, m, n) for entry in own],
        "effective": [evaluated(entry.effective, entry.cell, m, n) for entry in own],
        "reset": [entry.reset for entry in own],
        "z keeps": [entry.keeps for entry in own],
        "gates": [_unbroken(entry.order) for entry in own],
        "function": [entry.function for entry in own],
        "evidence": [evidence(entry, record, once) for entry in own],
    }
    columns = {name: column for name, column in columns.items() if any(map(str, column))}
    if len(set(columns["function"])) == 1:
        del columns["function"]
    return Table(tuple(columns), list(zip(*columns.values(), strict=True)))


def at(cell: Cell, m: int, n: int) -> dict[str, int]:
    """The sizes of a cell; a projection has half as many units."""
    sizes = {"m": m, "n": n, "p": n // 2}
    return {name: sizes[name] for name in cell.size_names}


def evaluated(formula: sp.Expr, cell: Cell, m: int, n: int) -> Evaluated:
    """A formula at the sizes of a cell."""
    text = str(sp.expand(formula))
    return Evaluated(text, read_formula(text).at(at(cell, m, n)))


def run_table(library: str, record: Record) -> Table:
    """What runs of a library's layers have shown, for each way in which it computes."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in record.rows:
        if row.layout == library:
            runner = "" if row.library == library else row.library.replace("_", " ")
            found.setdefault((f"{runner} {row.version}".strip(), row.reason), []).append(row)
    rows = [
        (
            version,
            len(own),
            _short(max(row.error for row in own)),
            f"{min(row.next_best for row in own):.2f}",
            reason or "float64",
        )
        for (version, reason), own in found.items()
    ]
    headers = ("version", "layers run", "largest difference", "nearest wrong reading", "in")
    return Table(headers, rows)


def tensor_table(library: str) -> Table:
    """The tensors of a library's layers: name, shape, and the parameters of the cell in them."""
    forms: dict[tuple[TensorLine, ...], list[Form]] = {}
    for form in layout(library).forms:
        forms.setdefault(form.lines, []).append(form)
    rows: list[tuple[object, ...]] = []
    for lines, alike in forms.items():
        firsts = {form.layer: form for form in reversed(alike)}
        name = named(library, firsts.values())
        tensors = stored_layer(alike[0], 1, False, ()).tensors
        for line, (tensor, shape) in zip(lines, tensors.items(), strict=True):
            axes = ", ".join(map(str, shape)).replace("*", "")
            rows.append((name, f"`{tensor}`", f"({axes})", f"`{_blocks(line)}`"))
            name = ""
    return Table(("layer", "tensor", "shape", "holds"), rows)


def _blocks(line: TensorLine) -> str:
    """What a tensor holds, as the layout says it."""
    rows = (" | ".join(map(_block, row)) for row in line.rows)
    flags = [flag for flag in FLAGS if getattr(line, flag)]
    return " ".join([*flags, " / ".join(rows)])


def _block(block: Block) -> str:
    text = block.parameter
    if block.factor != 1:
        text = f"-{text}" if block.factor == -1 else f"{block.factor} * {text}"
    if block.constant:
        text += f" {'-' if block.constant < 0 else '+'} {abs(block.constant)}"
    return text
