"""Which library's layers can become which other's: derived from the layouts, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase

import sympy as sp

from gru_sym.cells import Cell
from gru_sym.conversion.passages import Obstacle, Passage, passage
from gru_sym.conversion.recognition import call
from gru_sym.libraries.layout import FOLDER, layout
from gru_sym.libraries.stored import stored_layer
from gru_sym.render import Table

NO = "no"


@dataclass(frozen=True)
class End:
    """A layer of a library, with its options."""

    library: str
    layer: str
    cell: Cell
    family: str


@dataclass(frozen=True)
class Conversion:
    """From one layer to another: `verdict` is that of the passage, or no."""

    source: End
    target: End
    way: Passage | Obstacle

    @property
    def verdict(self) -> str:
        """Whether it can be converted, and what happens to the parameters."""
        return self.way.verdict if isinstance(self.way, Passage) else NO

    @property
    def why(self) -> str:
        """What is summed, what is 0, or what would have to be."""
        return reason(self.way)


def reason(way: Passage | Obstacle) -> str:
    """One line on a passage, or on what stands in its way.

    >>> from gru_sym import cell
    >>> reason(passage(cell("gru.pytorch"), cell("gru.flux")))
    'it would be, with b_hn = 0'
    """
    if isinstance(way, Obstacle):
        if way.zero is None:
            return "none is found"
        return "it would be, with " + " = ".join([*way.zero, "0"])
    parts = [f"{name} = {text}" for name, text in (way.sums | way.copied | way.negated).items()]
    if way.added:
        parts.append(" = ".join([*way.added, "0"]))
    return ", ".join(parts)


@lru_cache
def ends(family: str) -> tuple[End, ...]:
    """Every layer of every library that has a cell of a family: "gru", "lstm", "rnn"."""
    found: dict[tuple[str, str], End] = {}
    for path in sorted(FOLDER.glob("*.txt")):
        library = layout(path.stem)
        for form in library.forms:
            if form.cell_id.partition(".")[0] == family:
                stored = stored_layer(form, 1, False, ())
                end = End(path.stem, call(stored), stored.layer.cell, family)
                found[end.library, end.layer] = end
    return tuple(found.values())


def conversions(family: str = "gru") -> tuple[Conversion, ...]:
    """Every pair of layers of a family, from each library to each other.

    >>> rows = conversions("gru")
    >>> {row.verdict for row in rows if (row.source.library, row.source.layer,
    ...     row.target.library, row.target.layer) == ("pytorch", "GRU(bias=True)",
    ...     "keras", "GRU(reset_after=True, use_bias=True)")}
    {'exact'}

    Raises `ValueError` for a family that no library has.
    """
    own = ends(family.lower())
    if not own:
        raise ValueError(
            f"no library has a layer of the family {family!r}; there are gru, lstm, rnn"
        )
    return tuple(Conversion(a, b, passage(a.cell, b.cell)) for a in own for b in own)


def kinds(family: str = "gru") -> list[tuple[Cell, list[End]]]:
    """The layers that are one another, renamed, in groups; each with a cell that stands for it.

    Parameters that are left out make another group: without biases is not with biases.
    """
    groups: list[tuple[Cell, list[End]]] = []
    for end in ends(family.lower()):
        for cell, members in groups:
            if _same(cell, end.cell):
                members.append(end)
                break
        else:
            groups.append((end.cell, [end]))
    return sorted(groups, key=lambda g: (-len(g[0].program.parameters), -len(g[1])))


def _same(a: Cell, b: Cell) -> bool:
    """Whether each is the other one, with nothing summed and nothing 0."""
    ways = passage(a, b), passage(b, a)
    return all(isinstance(way, Passage) and way.verdict == "exact" for way in ways)


def kind_table(family: str = "gru") -> Table:
    """The groups of layers that are one another, renamed: a letter, the biases, who has them.

    >>> print(kind_table("rnn").rows[0][:2])
    ('A', 2*n)
    """
    rows: list[Sequence[object]] = []
    for letter, (cell, members) in zip(ascii_uppercase, kinds(family), strict=False):
        layers: dict[str, list[str]] = {}
        for end in members:
            layers.setdefault(end.library, []).append(end.layer)
        who = "; ".join(f"{library} {', '.join(own)}" for library, own in layers.items())
        rows.append((letter, sp.sympify(cell.biases()), cell.name, who))
    return Table(("", "biases", "cell", "layers"), rows)


def conversion_table(family: str = "gru") -> Table:
    """For each pair of groups of `kind_table` whether one becomes the other.

    >>> for row in conversion_table("rnn").rows[:2]:
    ...     print(row[:3])
    ('A', 'B', 'no')
    ('A', 'C', 'after merging')

    The verdict is no where neither sums of parameters, with signs, nor zeros make one the other.
    """
    groups = list(zip(ascii_uppercase, (cell for cell, _ in kinds(family)), strict=False))
    rows: list[Sequence[object]] = []
    for letter, a in groups:
        for other, b in groups:
            if a is not b:
                way = passage(a, b)
                verdict = way.verdict if isinstance(way, Passage) else NO
                rows.append((letter, other, verdict, reason(way)))
    return Table(("from", "to", "verdict", "why"), rows)
