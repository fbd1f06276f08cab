"""A short name for the generated code that is measured."""

from __future__ import annotations

import hashlib

from gru_sym.codegen.source import source
from gru_sym.evidence.bias_modes import BiasMode
from gru_sym.evidence.mode_cells import KINDS, cells_of
from gru_sym.evidence.plan import DESIGNS, LAYERS
from gru_sym.lookup import cell


def fingerprint() -> str:
    """16 hexadecimal digits that change when a measured module's code does.

    >>> len(fingerprint())
    16
    """
    cells = {name: cell(name) for name in (*DESIGNS, *LAYERS.values())}
    cells |= {c.name: c for kind in KINDS for mode in BiasMode for c in cells_of(kind, mode)}
    # Without the heading, which says in words what the cell is.
    texts = [source(cells[name], "torch").partition("\nimport ")[2] for name in sorted(cells)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
