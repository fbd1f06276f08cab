"""A recurrent cell, written once as the text of its equations; everything else is derived from it.

>>> from gru_sym import Cell, Layer, catalogue, cell
>>> cell("gru.pytorch").count()
3*m*n + 3*n**2 + 6*n
>>> Layer(cell("gru.pytorch"), num_layers=2).count(m=8, n=16)
2880
>>> from gru_sym import effective_count
>>> effective_count(cell("gru.pytorch")).effective
3*m*n + 3*n**2 + 4*n

Each name is read when it is first asked for, and what it needs with it: SymPy, and nothing heavier
before a name that runs something.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gru_sym.budgets import budget, match
    from gru_sym.cells import Cell, Parameter
    from gru_sym.certificates.effective import effective_count
    from gru_sym.certificates.finding import redundancy
    from gru_sym.codegen.routine import generate
    from gru_sym.codegen.source import source
    from gru_sym.conversion.converting import CannotConvert, convert
    from gru_sym.conversion.table import conversions
    from gru_sym.costs import cost
    from gru_sym.equivalence import equivalent
    from gru_sym.explanation.counts import explain_count
    from gru_sym.explanation.explaining import explain
    from gru_sym.language.errors import CellError
    from gru_sym.layers import Layer
    from gru_sym.libraries.pytorch_merging import merge_biases
    from gru_sym.lookup import UnknownCell, catalogue, cell
    from gru_sym.models.model import Model

__all__ = [
    "CannotConvert",
    "Cell",
    "CellError",
    "Layer",
    "Model",
    "Parameter",
    "UnknownCell",
    "budget",
    "catalogue",
    "cell",
    "conversions",
    "convert",
    "cost",
    "effective_count",
    "equivalent",
    "explain",
    "explain_count",
    "generate",
    "match",
    "merge_biases",
    "redundancy",
    "source",
]
__version__ = "0.2.0"

_LATER = {
    "CannotConvert": "gru_sym.conversion.converting",
    "Cell": "gru_sym.cells",
    "CellError": "gru_sym.language.errors",
    "Layer": "gru_sym.layers",
    "Model": "gru_sym.models.model",
    "Parameter": "gru_sym.cells",
    "UnknownCell": "gru_sym.lookup",
    "budget": "gru_sym.budgets",
    "catalogue": "gru_sym.lookup",
    "cell": "gru_sym.lookup",
    "cost": "gru_sym.costs",
    "conversions": "gru_sym.conversion.table",
    "convert": "gru_sym.conversion.converting",
    "effective_count": "gru_sym.certificates.effective",
    "equivalent": "gru_sym.equivalence",
    "explain": "gru_sym.explanation.explaining",
    "explain_count": "gru_sym.explanation.counts",
    "generate": "gru_sym.codegen.routine",
    "match": "gru_sym.budgets",
    "merge_biases": "gru_sym.libraries.pytorch_merging",
    "redundancy": "gru_sym.certificates.finding",
    "source": "gru_sym.codegen.source",
}
"""Where each name is defined."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
