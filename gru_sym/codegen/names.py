"""Names for generated code: those of the equations first, and new ones that clash with none."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from gru_sym.cells import Cell
from gru_sym.functions import called

RESERVED = frozenset(called()) | {"np", "torch", "F", "SHAPES", "check", "parameters"}
RESERVED |= {"batch_first", "len", "range", "ValueError", "__debug__"}
"""What a generated step or sequence means something else by, or Python does."""


class Names:
    r"""The names of one generated function.

    >>> from gru_sym import Cell
    >>> names = Names(Cell("r = sigmoid(W @ x)\nh' = r * (range @ h)"))
    >>> names["W"], names["range"], names("r"), names("r_x")
    ('W', 'range2', 'r2', 'r_x')
    """

    def __init__(self, cell: Cell, reserved: Collection[str] = RESERVED) -> None:
        self._own: dict[str, str] = {}
        self._taken: set[str] = set(reserved)
        if cell.sizes.blocks:
            self._taken |= {"in_blocks", "inBlocks"}
        if cell.constants:
            self._taken |= {"constants", "CONSTANTS"}
        for name in cell.sizes.shapes:
            self._own[name] = self(name)

    def __getitem__(self, name: str) -> str:
        """How a name of the cell, or a new one, is written."""
        return self._own.get(name, name)

    def __call__(self, wanted: str) -> str:
        """A name that is not taken yet: the wanted one, or that with a number."""
        joint = "_" if wanted[-1].isdigit() else ""
        candidates = itertools.chain([wanted], (f"{wanted}{joint}{i}" for i in itertools.count(2)))
        name = next(c for c in candidates if c not in self._taken)
        self._taken.add(name)
        return name
