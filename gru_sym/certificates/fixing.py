"""Which parameters to hold fixed, so that the others are what counts: a rule for all sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

from gru_sym.certificates.families import Family
from gru_sym.certificates.moves import (
    Absorption,
    ReflectionFamily,
    ScalingFamily,
    ShiftFamily,
)
from gru_sym.certificates.symmetry import COLUMNS, ROWS, Side
from gru_sym.certificates.system import Entry, System
from gru_sym.language.shapes import Shape


@dataclass(frozen=True)
class Fixed:
    """Entries of one parameter: of all of its rows or the first one, and so for its columns.

    Of a square matrix also the "upper" triangle, with the diagonal, or the "lower" one, without it.
    """

    parameter: str
    rows: bool = True
    columns: bool = True
    triangle: str = ""

    def anchors(self, shapes: Mapping[str, Shape]) -> Iterator[str]:
        """The sizes whose first index it names."""
        for whole, size in zip((self.rows, self.columns), shapes[self.parameter], strict=True):
            if not whole and isinstance(size, str):
                yield size


Rule = tuple[Fixed, ...]

MAX_CHOICES = 1_000
"""The most choices that are looked at."""


def entries(
    rule: Rule, shapes: Mapping[str, Shape], size: Callable[[str | int], int]
) -> Iterator[Entry]:
    """The entries that a rule holds fixed at given sizes."""
    for fixed in rule:
        rows, columns = (size(each) for each in shapes[fixed.parameter])
        for i in range(rows if fixed.rows else 1):
            for j in range(columns if fixed.columns else 1):
                if not fixed.triangle or (fixed.triangle == "upper") == (i <= j):
                    yield fixed.parameter, i, j


def rules(families: Sequence[Family], system: System) -> Iterator[Rule]:
    """Choices with as many entries as the families have directions; simple ones come first.

    Every family has witnesses of its own, so no parameter is chosen twice.
    """
    certain: list[Fixed] = []
    options: list[list[Fixed]] = []
    for family in families:
        match family:
            case Absorption():
                certain += [Fixed(name) for name in family.free]
            case ReflectionFamily(parameters=(name,), sign=sign):
                certain.append(Fixed(name, triangle="upper" if sign == 1 else "lower"))
            case ShiftFamily():
                options.append([Fixed(name) for name in family.witnesses])
            case ScalingFamily():
                sides = [s for s, _ in family.scaling.powers if s.parameter in family.witnesses]
                options.append([_side(side, system.shapes) for side in sides])
    choices = list(islice(product(*options), MAX_CHOICES))
    for choice in sorted(
        choices, key=lambda c: sum(1 for f in c for _ in f.anchors(system.shapes))
    ):
        yield (*certain, *choice)


def _side(side: Side, shapes: Mapping[str, Shape]) -> Fixed:
    """One entry for each index of a side."""
    if side.side == ROWS:
        return Fixed(side.parameter, columns=shapes[side.parameter][1] == 1)
    if side.side == COLUMNS:
        return Fixed(side.parameter, rows=shapes[side.parameter][0] == 1)
    return Fixed(
        side.parameter, rows=shapes[side.parameter][0] == 1, columns=shapes[side.parameter][1] == 1
    )
