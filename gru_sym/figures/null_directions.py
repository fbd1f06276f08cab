"""Redundant directions as a drawing: which biases go up, and which as much down."""

from __future__ import annotations

from typing import Any

from gru_sym.cells import Cell
from gru_sym.certificates.finding import redundancy
from gru_sym.figures.flow import COLOURS
from gru_sym.figures.svg import framed, label
from gru_sym.latex import LatexWriter
from gru_sym.render import Drawing
from gru_sym.roles import BIAS

*_, DOWN, UP = COLOURS
WIDE, HIGH, HEAD = 28, 26, 34
MIDDLE = 'text-anchor="middle" font-size="15"'


def null_directions(cell: Cell, units: int = 2) -> Drawing:
    """The redundant directions of a cell's biases for so many units, one a row.

    >>> from gru_sym import cell
    >>> null_directions(cell("rnn.pytorch"), units=1)
    1 redundant direction of rnn.pytorch's biases with 1 unit: b_ih up, b_hh down.

    Each entry of a bias is a column. Families that move other parameters, too, are not drawn.
    """
    import numpy as np

    biases = [p.name for p in cell.parameters if p.role == BIAS]
    families = [f for f in redundancy(cell).families if set(f.parameters) <= set(biases)]
    zero: dict[str, Any] = {name: np.zeros(units) for name in biases}
    rows = [
        {name: array for name, array in family.apply(zero, unit).items() if array.any()}
        for family in families
        for unit in np.eye(units)
    ]
    for moved in rows:  # the first goes up
        up = np.sign(next(iter(moved.values())).sum())
        moved |= {name: up * array for name, array in moved.items()}
    width, height = WIDE * units * len(biases), HEAD + HIGH * len(rows)
    writer = LatexWriter(cell.program, cell.sizes)
    parts = []
    for i, name in enumerate(biases):
        x = WIDE * units * i
        text = label(writer.name(name)).tspans(15)
        parts.append(
            f'<text x="{x + WIDE * units / 2}" y="18" {MIDDLE} font-style="italic">{text}</text>'
        )
        for row, moved in enumerate(rows):
            for j in range(units):
                by = moved[name][j] if name in moved else 0
                parts.append(_entry(x + WIDE * j, HEAD + HIGH * row, by))
        parts.append(
            f'<path d="M{x} {HEAD - 8}V{height}" stroke="currentColor" stroke-width="1.5"/>'
        )
    said = "; ".join(
        ", ".join(f"{name} {'up' if moved[name].sum() > 0 else 'down'}" for name in moved)
        for moved in rows[::units]
    )
    many, each = "s" * (len(rows) != 1), "s" * (units != 1)
    alt = (
        f"{len(rows)} redundant direction{many} of {cell.name}'s biases with {units} unit{each}"
        f"{': ' * bool(said)}{said}."
    )
    return framed(parts, alt, width, height)


def _entry(x: float, y: float, by: float) -> str:
    """One number of a direction: a sign on a colour, or an empty box."""
    fill = "none" if not by else UP if by > 0 else DOWN
    box = (
        f'<rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" fill="{fill}" '
        f'stroke="currentColor" stroke-opacity=".3"/>'
    )
    if not by:
        return box
    sign = "+" if by > 0 else "−"
    return box + f'<text x="{x + WIDE / 2}" y="{y + 18}" {MIDDLE} fill="#fff">{sign}</text>'
