"""What the libraries have said, written down: read here without any of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """What running a case has shown.

    Attributes
    ----------
    library, version, layout : what ran, and the layout that was put to the test.
    layer, cell, num_layers, bidirectional : the layer with its options, and what it computes.
    sizes, steps, batch, dtype : of the run.
    count : the library's own count there.
    error : the largest difference of an output or a last state from those of the equations, divided
        by the largest of them where that is above 1.
    bound, reason : what is rounding, and why no less.
    next_best : the error of the wrong reading of the tensors that comes nearest.
    """

    library: str
    version: str
    layout: str
    layer: str
    cell: str
    num_layers: int
    bidirectional: bool
    sizes: str
    steps: int
    batch: int
    dtype: str
    count: int
    error: float
    bound: float
    reason: str
    next_best: float

    @property
    def key(self) -> tuple[Any, ...]:
        """What was asked, and all that must come out the same everywhere."""
        return tuple(v for k, v in asdict(self).items() if k not in ("error", "next_best"))


@dataclass(frozen=True)
class Record:
    """Every row, and when and where they were made."""

    date: str
    python: str
    machine: str
    rows: tuple[Row, ...]

    def of(self, layout: str, layer: str) -> list[Row]:
        """What ran of a layer, as `written` writes it, of the layout of a library."""
        return [row for row in self.rows if (row.layout, row.layer) == (layout, layer)]


def read(path: str | Path) -> Record:
    """A record that `tools/record_atlas.py` has made."""
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    return Record(
        found["date"], found["python"], found["machine"], tuple(Row(**r) for r in found["rows"])
    )
