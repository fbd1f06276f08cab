"""Which library's layers can become which other's: derived from the layouts, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase

import sympy as sp

from gru_sym.cells import Cell
from gru_sym.codegen.reading import functions_in
from gru_sym.conversion.passages import Obstacle, Passage, passage
from gru_sym.libraries.atlas import named, written
from gru_sym.libraries.layout import layout, libraries
from gru_sym.libraries.layout_text import Form
from gru_sym.libraries.stored import stored_layer
from gru_sym.libraries.texts import title
from gru_sym.render import Table

NO = "no"


@dataclass(frozen=True)
class End:
    """A layer of a library, with its options."""

    library: str
    form: Form

    @property
    def layer(self) -> str:
        """As the library writes it."""
        return written(self.form)

    @property
    def cell(self) -> Cell:
        """What it computes."""
        return stored_layer(self.form, 1, False, ()).layer.cell


@dataclass(frozen=True)
class Conversion:
    """From one layer to another: `verdict` is that of the passage, or no."""

    source: End
    target: End
    way: Passage | Obstacle

    @property
    def verdict(self) -> str:
        """Whether it can be converted, and what happens to the parameters."""
        return verdict(self.way)

    @property
    def why(self) -> str:
        """What is summed, what is 0, or what would have to be."""
        return reason(self.way)


def verdict(way: Passage | Obstacle) -> str:
    """That of a passage; no, where there is none."""
    return way.verdict if isinstance(way, Passage) else NO


def reason(way: Passage | Obstacle) -> str:
    """One line on a passage, or on what stands in its way.

    >>> from gru_sym import cell
    >>> reason(passage(cell("gru.pytorch"), cell("gru.flux")))
    'it would be, with b_hn = 0'
    """
    if isinstance(way, Obstacle):
        if way.zero is None:
            return _unlike(way.a, way.b)
        return "it would be, with " + " = ".join([*way.zero, "0"])
    parts = [f"{name} = {text}" for name, text in (way.sums | way.copied | way.negated).items()]
    if way.added:
        parts.append(" = ".join([*way.added, "0"]))
    return ", ".join(parts)


def _unlike(a: Cell, b: Cell) -> str:
    """What no parameters make up for."""
    sizes = [sorted(cell.sizes.shapes[state] for state in cell.states) for cell in (a, b)]
    if sizes[0] != sizes[1]:
        return "the states have other sizes"
    own, other = (functions_in(e.expression for e in c.program.equations) for c in (a, b))
    if different := [f for f in (*own, *other) if (f in own) != (f in other)]:
        return f"other functions: {', '.join(different)}"
    return "none is found"


@lru_cache
def ends(family: str) -> tuple[End, ...]:
    """Every layer of every library that has a cell of a family: "gru", "lstm", "rnn".

    Raises `ValueError` for a family that no library has.
    """
    forms = [(library, form) for library in libraries() for form in layout(library).forms]
    known = {form.cell_id.partition(".")[0]: None for _, form in forms}
    if family not in known:
        raise ValueError(
            f"no library has a layer of the family {family!r}; there are {', '.join(known)}"
        )
    return tuple(
        End(library, form)
        for library, form in forms
        if form.cell_id.partition(".")[0] == family and not form.trained_states
    )


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
    return tuple(Conversion(a, b, passage(a.cell, b.cell)) for a in own for b in own)


def kinds(family: str = "gru", without_biases: bool = False) -> list[tuple[str, list[End]]]:
    """The layers that are one another, renamed, in groups that are called A, B, ...

    Without biases is another function than with: those groups come last, if they are asked for.
    """
    groups: list[list[End]] = []
    for end in ends(family.lower()):
        if without_biases or end.form.biases:
            same = (group for group in groups if _same(group[0].cell, end.cell))
            if (group := next(same, None)) is not None:
                group.append(end)
            else:
                groups.append([end])
    groups.sort(key=lambda group: (-len(group[0].cell.program.parameters), -len(group)))
    return list(zip(ascii_uppercase, groups, strict=False))


def _same(a: Cell, b: Cell) -> bool:
    """Whether each is the other one, with nothing summed and nothing 0."""
    return verdict(passage(a, b)) == verdict(passage(b, a)) == "exact"


def kind_table(family: str = "gru", without_biases: bool = False) -> Table:
    """The groups of layers that are one another, renamed: a letter, who has them, the biases.

    >>> print(kind_table("rnn").headers)
    ('', 'layers', 'biases', 'cell')
    """
    rows: list[Sequence[object]] = []
    for letter, members in kinds(family, without_biases):
        forms: dict[str, list[Form]] = {}
        for end in members:
            forms.setdefault(end.library, []).append(end.form)
        who = "; ".join(f"{title(library)} {named(library, own)}" for library, own in forms.items())
        cell = members[0].cell
        rows.append((letter, who, sp.sympify(cell.biases()), cell.name))
    return Table(("", "layers", "biases", "cell"), rows)


SHORT = {
    "exact": "exact",
    "after merging": "merging",
    "exact, with zeros": "zeros",
    "exact, with copies": "copies",
    NO: "–",
}


def conversion_matrix(family: str = "gru", without_biases: bool = False) -> Table:
    """Every pair of groups of `kind_table` in one square: from a row's layers to a column's.

    >>> print(conversion_matrix("rnn"))
    from  A      B      C        D
    A     =      –      merging  –
    B     –      =      –        merging
    C     zeros  –      =        –
    D     –      zeros  –        =

    *exact*, *merging* (sums, the parts of which are lost), *zeros* (in new places), *copies*;
    a condition, such as b_hn = 0, where the function is the same under it alone; – for none.
    """
    groups = [(letter, members[0].cell) for letter, members in kinds(family, without_biases)]

    def entry(a: Cell, b: Cell) -> str:
        if a is b:
            return "="
        way = passage(a, b)
        if isinstance(way, Obstacle) and way.zero:
            return " = ".join([*way.zero, "0"])
        return SHORT[verdict(way)]

    rows = [(letter, *(entry(a, b) for _, b in groups)) for letter, a in groups]
    return Table(("from", *(letter for letter, _ in groups)), rows)


def conversion_table(family: str = "gru", without_biases: bool = False) -> Table:
    """For each pair of groups of `kind_table` whether one becomes the other.

    >>> for row in conversion_table("lstm").rows[:2]:
    ...     print(row[:3])
    ('A', 'B', 'no')
    ('A', 'C', 'no')

    The verdict is no where neither sums of parameters, with signs, nor zeros make one the other.
    """
    groups = [(letter, members[0].cell) for letter, members in kinds(family, without_biases)]
    rows: list[Sequence[object]] = [
        (letter, other, verdict(way), reason(way))
        for letter, a in groups
        for other, b in groups
        if a is not b
        for way in [passage(a, b)]
    ]
    return Table(("from", "to", "verdict", "why"), rows)
