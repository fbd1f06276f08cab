"""The catalogue as pages of the book: a table of every cell, and a page for each family.

Families come in one order, and in each of them first what libraries store, as the calculator has
it, then the papers' cells by name. A new cell is there by its file alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from types import MappingProxyType
from urllib.parse import urlencode

from gru_sym.cells import Cell
from gru_sym.lookup import catalogue
from gru_sym.render import Table, formula_latex
from gru_sym.web.choices import choices

FAMILIES = MappingProxyType({"gru": "GRU", "lstm": "LSTM", "rnn": "RNN", "other": "other"})
"""The pages: how the ids of their cells begin, but on the last what begins in no such way."""

EXAMPLE = MappingProxyType({"m": 128, "n": 256})
OTHER = 64
"""Any size of the example beside m and n, that of a projection for instance."""

COMMIT = re.compile(r"\b(([0-9a-f]{7})[0-9a-f]{33})\b")


@dataclass(frozen=True)
class Card:
    """One cell under its heading: equations and shapes, count, who stores it, the source."""

    cell: Cell

    def _repr_markdown_(self) -> str:
        cell = self.cell
        _, _, more = cell.title.partition(": ")
        number = f"{count_in_example(cell):,}"
        parts = [
            f"({anchor(cell.name)})=\n### {called(cell)}",
            f"`{cell.name}`" + f": {more}." * bool(more),
            f"$$\n{cell.latex()}\n$$",
            f"${formula_latex(cell.count())}$ = {number} parameters. {_change(cell)}",
        ]
        if who := stored_by(cell.name):
            parts.append(f"*Stored by* {', '.join(who)}.")
        sources = COMMIT.sub(r'<abbr title="\1">\g<2></abbr>', "; ".join(cell.sources))
        return "\n\n".join([*parts, f"*Source:* {sources}."])

    def __repr__(self) -> str:
        return repr(self.cell)


def family(name: str) -> list[Card]:
    """The cells of a page, in their order.

    >>> family("gru")[:2]
    [<Cell gru.pytorch: 3*m*n + 3*n**2 + 6*n parameters>,
    <Cell gru.keras: 3*m*n + 3*n**2 + 6*n parameters>]
    """
    return [Card(catalogue[cell]) for cell in in_order(catalogue) if family_of(cell) == name]


def contents(cards: Iterable[Card]) -> str:
    """Links to the cells of a page, in Markdown.

    >>> contents(family("rnn")[:2])
    "[PyTorch's nn.RNN and nn.RNNCell](#rnn-pytorch) · [The simple recurrent network, one
    bias](#rnn-elman)"
    """
    return " · ".join(f"[{called(card.cell)}](#{anchor(card.cell.name)})" for card in cards)


def example() -> str:
    """What sizes the counts in numbers are for.

    >>> example()
    'Counts in numbers are for $m = 128$ and $n = 256$, and $64$ for any other size.'
    """
    sizes = " and ".join(f"${name} = {size}$" for name, size in EXAMPLE.items())
    return f"Counts in numbers are for {sizes}, and ${OTHER}$ for any other size."


def catalogue_table() -> Table:
    """Every cell with its count in numbers, its formula, its biases and its family."""
    rows = [
        (
            f"[{called(cell)}](#{anchor(name)})",
            f"{count_in_example(cell):,}",
            cell.count(),
            cell.biases(),
            FAMILIES[family_of(name)],
        )
        for name, cell in ((name, catalogue[name]) for name in in_order(catalogue))
    ]
    return Table(("cell", "in numbers", "formula", "biases", "family"), rows)


def in_order(names: Iterable[str]) -> list[str]:
    """Ids by family; in each of them libraries' cells in the order of the libraries, then by id."""
    stored = list(_stored())
    rank = {name: stored.index(name) if name in stored else len(stored) for name in names}
    pages = list(FAMILIES)
    return sorted(rank, key=lambda name: (pages.index(family_of(name)), rank[name], name))


def family_of(name: str) -> str:
    """The page of a cell.

    >>> family_of("gru.merged"), family_of("minimal.mgu")
    ('gru', 'other')
    """
    start = name.partition(".")[0]
    return start if start in FAMILIES else "other"


def anchor(name: str) -> str:
    """The place of a cell in its page; others link to it.

    >>> anchor("gru.dey_salem_1")
    'gru-dey-salem-1'
    """
    return re.sub(r"[._]", "-", name)


def called(cell: Cell) -> str:
    """What libraries or papers call a cell: its title as far as the first colon."""
    return cell.title.partition(":")[0]


def stored_by(name: str) -> tuple[str, ...]:
    """The layers of libraries that store a cell's parameters.

    >>> stored_by("gru.merged")[:2]
    ('Flax linen GRUCell', 'Equinox GRUCell')
    """
    return _stored().get(name, ())


def count_in_example(cell: Cell) -> int:
    """The count at the sizes of the example.

    >>> count_in_example(catalogue["lstm.pytorch"])
    395264
    """
    return int(cell.count(**_sizes(cell)))


@cache
def _stored() -> Mapping[str, tuple[str, ...]]:
    """Layers by the cell that they compute, with biases."""
    found: dict[str, dict[str, None]] = {}
    for choice in choices():
        if choice.form and choice.catalogue_id:
            found.setdefault(choice.catalogue_id, {})[choice.label] = None
    return MappingProxyType({name: tuple(labels) for name, labels in found.items()})


def _sizes(cell: Cell) -> dict[str, int]:
    return {name: EXAMPLE.get(name, OTHER) for name in cell.size_names}


def _change(cell: Cell) -> str:
    """A link to the field of the chapter on one's own cell, with these equations in it."""
    lines = (line for line in cell.text.splitlines() if line and not line.startswith("#"))
    asked = urlencode({"cell": "\n".join(lines), **_sizes(cell)})
    return f'<a href="your_own_cell.html#{escape(asked)}">Change its equations</a>.'
