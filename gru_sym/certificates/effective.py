"""`effective_count`: how many parameters a cell effectively has, settled from both sides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import sympy as sp

from gru_sym.cells import Cell, SizeValue
from gru_sym.certificates.all_sizes import proved_for_all_sizes
from gru_sym.certificates.exact_rank import exact_rank
from gru_sym.certificates.finding import Redundancy, redundancy
from gru_sym.certificates.unrolled import Observed, UnrolledLayer, parameter_copy
from gru_sym.layers import Layer

MAX_DIRECT = 2_000
"""The most stored parameters for which the Jacobian of a cell of any kind is written down."""

MAX_UNROLLED = 600
"""The most stored parameters for which a layer is unrolled."""

SMALL = (1, 2, 3)


@dataclass(frozen=True)
class EffectiveCount:
    """How many parameters are stored and how many count.

    Attributes
    ----------
    stored, effective, redundant : SymPy expressions in the sizes, or integers at given sizes;
        effective + redundant = stored.
    lower, upper : proved bounds of the effective count; equal if it is certified.
    certified : whether the bounds agree.
    scope : for which sizes this is proved, and how.
    redundancy : the families that explain what is redundant.
    """

    stored: SizeValue
    effective: SizeValue
    redundant: SizeValue
    lower: SizeValue
    upper: SizeValue
    certified: bool
    scope: str
    redundancy: Redundancy

    def __str__(self) -> str:
        if self.certified:
            return f"{self.effective} of {self.stored} parameters count ({self.scope})"
        bounds = f"between {self.lower} and {self.upper}" if self.lower else f"at most {self.upper}"
        return f"{bounds} of {self.stored} parameters count ({self.scope})"


def effective_count(
    cell: Cell | Layer, *, steps: int = 4, observed: Observed = "sequence", **sizes: int
) -> EffectiveCount:
    """The number of parameters that a cell or a layer effectively has.

    That is the generic rank of the Jacobian by the parameters, over as many inputs as one likes:
    for a cell, of (x, states) -> next states; for a layer, of the input sequence -> what is
    observed, with the first state 0 and all states but the output hidden.

    >>> from gru_sym import cell
    >>> count = effective_count(cell("gru.pytorch"))
    >>> count.effective, count.redundant, count.certified
    (3*m*n + 3*n**2 + 4*n, 2*n, True)
    >>> print(effective_count(cell("gru.pytorch"), m=8, n=16))
    1216 of 1248 parameters count (all sizes, from exact ranks at m = 1, n = 1; m = 1, n = 2)

    Parameters
    ----------
    cell : a cell, or a layer with a known number of layers.
    steps : the length of a layer's sequences.
    observed : "sequence", all outputs of a layer, or "last", that of the last step.
    sizes : a number for each size, or nothing for a formula.
    """
    if isinstance(cell, Layer):
        return _of_layer(cell, steps, observed, sizes)
    found, scope = _found(cell)
    stored, redundant = cell.count(**sizes), found.count(**sizes)
    upper = sp.expand(stored - redundant) if not isinstance(stored, int) else stored - redundant
    if scope:
        return EffectiveCount(stored, upper, redundant, upper, upper, True, scope, found)
    if isinstance(stored, int):
        return _at(cell, found, sizes)
    return _on_grid(cell, found)


@lru_cache(maxsize=256)
def _found(cell: Cell) -> tuple[Redundancy, str]:
    found = redundancy(cell)
    return found, proved_for_all_sizes(found)


def _at(cell: Cell, found: Redundancy, sizes: dict[str, int]) -> EffectiveCount:
    """The count at given sizes."""
    stored, redundant = int(cell.count(**sizes)), int(found.count(**sizes))
    upper = stored - redundant
    if stored > MAX_DIRECT:
        scope = f"no exact rank was computed for more than {MAX_DIRECT} parameters"
        return EffectiveCount(stored, upper, redundant, 0, upper, False, scope, found)
    rank = exact_rank(cell, upper, states=None, **sizes)
    lower = rank.rank if rank.proved else 0
    effective = lower if rank.proved else upper
    scope = (
        "at these sizes, by exact rank"
        if lower == upper
        else rank.reason or "no family explains the difference"
    )
    return EffectiveCount(
        stored, effective, stored - effective, lower, upper, lower == upper, scope, found
    )


def _on_grid(cell: Cell, found: Redundancy) -> EffectiveCount:
    """The formula, tried at small sizes."""
    stored, redundant = sp.sympify(cell.count()), sp.sympify(found.count())
    upper = sp.expand(stored - redundant)
    grid = [
        dict(zip(cell.size_names, sizes, strict=True))
        for sizes in product(SMALL, repeat=len(cell.size_names))
    ]
    grid = [sizes for sizes in grid if found.holds(**sizes)]
    counts = [_at(cell, found, sizes) for sizes in grid if int(cell.count(**sizes)) <= MAX_DIRECT]
    reasons = [count.scope for count in counts if not count.certified]
    if not counts:
        scope = "it is too large for an exact rank even at small sizes"
    elif reasons:
        scope = reasons[0]
    else:
        where = ", ".join(cell.size_names)
        scope = f"proved as a bound; it is the exact rank at {where} up to {SMALL[-1]}"
        scope += f", where {found.condition}" if found.condition else ""
    return EffectiveCount(stored, upper, redundant, 0, upper, False, scope, found)


def _of_layer(
    layer: Layer, steps: int, observed: Observed, sizes: dict[str, int]
) -> EffectiveCount:
    """The count of a layer: the families of its cell in every copy, and the exact rank."""
    found = _found(layer.cell)[0]
    stored = layer.count(**sizes)
    if not isinstance(stored, int):
        raise ValueError("the effective count of a layer needs a number for every size")
    if stored > MAX_UNROLLED:
        raise ValueError(
            f"the effective count of a layer is computed up to {MAX_UNROLLED} parameters"
        )
    unrolled = UnrolledLayer(layer, steps, observed, sizes)
    touched = Counter((copy, name) for copy, name, _, _ in unrolled.touched)
    upper = len(unrolled.touched)
    for copy, level in _copies(layer).items():
        families = (
            f for f in found.families if all((copy, name) in touched for name in f.parameters)
        )
        lifted = Redundancy(layer.cell, tuple(families))
        upper -= int(lifted.count(**layer.sizes_at(level, sizes)))
    reason = unrolled.dependence()
    lower = 0 if reason else unrolled.rank(target=upper)
    effective = upper if reason else lower
    scope = f"at these sizes and this number of steps, {steps}, by exact rank"
    if lower != upper:
        scope = reason or "no family explains the difference"
    return EffectiveCount(
        stored, effective, stored - effective, lower, upper, lower == upper, scope, found
    )


def _copies(layer: Layer) -> dict[tuple[int, int], int]:
    """Every set of parameters, with the lowest level that uses it."""
    assert isinstance(layer.num_layers, int)
    copies: dict[tuple[int, int], int] = {}
    for level in range(layer.num_layers):
        for direction in range(layer.directions):
            copies.setdefault(parameter_copy(layer, level, direction), level)
    return copies
