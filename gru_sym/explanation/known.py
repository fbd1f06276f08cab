"""What is known of every layer: read from `known.json`, derived with SymPy if it is not there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast

from gru_sym.formulas import Formula, read_formula
from gru_sym.libraries.fitting import Axis, axis_of
from gru_sym.libraries.naming import Named, Option, SizeOf
from gru_sym.libraries.texts import FOLDER

KNOWN = Path(__file__).with_name("known.json")
"""Made by `python tools/write_known.py`, and compared in the tests."""


@dataclass(frozen=True)
class KnownLine:
    """A tensor: its own name, and its shape on a first level and above, as the cell grows."""

    name: str
    by_direction: bool
    shapes: Sequence[Sequence[str] | None]


@dataclass(frozen=True, eq=False)
class KnownForm(Named):
    """A layer of a library with some options, and its tensors.

    >>> gru = known_forms("keras")[0]
    >>> gru.layer, gru.cell, gru.axes(1, False)["bias"]
    ('GRU', 'gru.keras', ((2, ()), (0, (('n', 3),))))

    Attributes
    ----------
    title : the library's name, without its version.
    cell : the id in the catalogue, with the changes that the layout says.
    """

    title: str
    layer: str
    cell: str
    options: Mapping[str, Option]
    naming: str
    lines: tuple[KnownLine, ...]

    @property
    def call(self) -> str:
        """The layer as the library writes it, with the options that are not sizes."""
        options = [f"{k}={v!r}" for k, v in self.options.items() if not isinstance(v, SizeOf)]
        return f"{self.layer}({', '.join(options)})"

    def axes(self, levels: int, both: bool) -> dict[str, tuple[Axis, ...]]:
        """The shapes of its tensors, in the library's order.

        Raises `ValueError` for a cell that cannot be stacked so.
        """
        return {
            self.tensor_name(line.name, level, direction, both): (
                *(((1 + both, ()),) if line.by_direction else ()),
                *map(axis_of, grown(line.shapes, level, both)),
            )
            for level in range(levels)
            for direction in range(1 + both)
            for line in self.lines
            if not (direction and line.by_direction)
        }


@dataclass(frozen=True)
class KnownLayer:
    """A form in so many levels and directions, at some sizes."""

    form: KnownForm
    levels: int = 1
    both: bool = False
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The layer with its library: "PyTorch GRU(bias=True)"."""
        return f"{self.form.title} {self.form.call}"

    @property
    def size_names(self) -> list[str]:
        """The symbols of the count."""
        return list(self._cell["sizes"])

    @property
    def formula(self) -> Formula:
        """The count in symbols."""
        return self._stacked([grown for _, _, *grown in self._cell["parts"]])

    @property
    def redundant(self) -> Formula | None:
        """How many of them are redundant, each cell for itself; None if not known at all sizes."""
        grown = self._cell["redundant"]
        return None if grown is None else self._stacked([grown])

    @property
    def gates(self) -> dict[str, dict[str, int]]:
        """The count of every gate, by role, over all levels and directions."""
        found: dict[str, dict[str, int]] = {}
        for gate, role, *grown in self._cell["parts"]:
            found.setdefault(gate, {})[role] = self._stacked([grown]).at(self.sizes)
        return found

    @property
    def _cell(self) -> Mapping[str, Any]:
        return known_cell(self.form.cell)

    def _stacked(self, parts: Sequence[Sequence[str | None]]) -> Formula:
        return stacked(parts, self.levels, self.both)


def grown(texts: Sequence[Any], level: int, both: bool) -> Any:
    """What is on a level, of that on the first, that above it, and that above two directions."""
    place = 1 + both if level else 0
    found = texts[place] if place < len(texts) else None
    if found is None:
        raise ValueError("the cell cannot be stacked so")
    return found


def stacked(parts: Sequence[Sequence[str | None]], levels: int, both: bool) -> Formula:
    """The sum of some parts of a cell over all levels and directions.

    >>> print(stacked([["m*n", "n**2", "2*n**2"], ["n", "n", "n"]], 3, True))
    2*m*n + 8*n**2 + 6*n

    Raises `ValueError` for a cell that cannot be stacked so.
    """
    total = Formula({})
    for part in parts:
        total = total.plus(read_formula(grown(part, 0, both)), 1 + both)
        if levels > 1:
            total = total.plus(read_formula(grown(part, 1, both)), (1 + both) * (levels - 1))
    return total


@lru_cache
def known() -> Mapping[str, Any]:
    """Everything that is known, as `deriving` writes it, the libraries that readers look for first.

    >>> list(known()["libraries"])[:3]
    ['pytorch', 'keras', 'flax_linen']
    """
    stored: Mapping[str, Any] = json.loads(KNOWN.read_text(encoding="utf-8"))
    if {path.stem for path in FOLDER.glob("*.txt")} == stored["libraries"].keys():
        return stored
    from gru_sym.explanation.deriving import everything

    return everything(stored)


@cache
def known_cell(name: str) -> Mapping[str, Any]:
    """The sizes, the parts and what is redundant of a cell, by its id and its changes."""
    if name in known()["cells"]:
        return cast(Mapping[str, Any], known()["cells"][name])
    from gru_sym.explanation.deriving import cell_record
    from gru_sym.layers import Layer
    from gru_sym.lookup import catalogue

    return cell_record(Layer(catalogue[name]))


@lru_cache
def known_forms(library: str) -> tuple[KnownForm, ...]:
    """The forms of a library's layers."""
    record = known()["libraries"][library]
    return tuple(_form(record["title"], form) for form in record["forms"])


def _form(title: str, record: Mapping[str, Any]) -> KnownForm:
    options = {
        name: SizeOf(value["size"]) if isinstance(value, dict) else value
        for name, value in record["options"].items()
    }
    lines = (KnownLine(name, by, shapes) for name, by, *shapes in record["lines"])
    cell, naming = record["cell"], record["naming"]
    return KnownForm(title, record["layer"], cell, options, naming, tuple(lines))
