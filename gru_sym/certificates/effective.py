"""`effective_count`: how many parameters a cell effectively has, settled from both sides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import sympy as sp

from gru_sym.cells import Cell, SizeValue
from gru_sym.certificates.all_sizes import Verdict, proved_for_all_sizes
from gru_sym.certificates.conditions import Condition
from gru_sym.certificates.exact_rank import exact_rank
from gru_sym.certificates.families import FalseFamily
from gru_sym.certificates.finding import Redundancy, redundancy
from gru_sym.layers import MERGES, Layer

MAX_DIRECT = 2_000
"""The most stored parameters for which the Jacobian of a cell of any kind is written down."""


@dataclass(frozen=True)
class EffectiveCount:
    """How many parameters are stored and how many count.

    Attributes
    ----------
    stored : a SymPy expression in the sizes, or an integer at given sizes.
    lower, upper : proved bounds of the effective count; equal if it is certified.
    scope : for which sizes this is proved, and how; if it is not certified, what is missing.
    redundancy : the families that explain what is redundant.
    condition : what the sizes must fulfil for a formula; empty if it holds for all.
    conditions : those of them that the theorem for all sizes has.
    """

    stored: SizeValue
    lower: SizeValue
    upper: SizeValue
    scope: str
    redundancy: Redundancy
    condition: str = ""
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        numbers = [v for v in (0, self.lower, self.upper, self.stored) if isinstance(v, int)]
        if numbers != sorted(numbers):
            raise FalseFamily(
                f"the bounds {self.lower} and {self.upper} of {self.stored} parameters contradict "
                "each other"
            )

    def holds(self, **sizes: int) -> bool:
        """Whether a formula holds at these sizes."""
        return self.redundancy.holds(**sizes) and all(c.holds(sizes) for c in self.conditions)

    @property
    def certified(self) -> bool:
        """Whether the two bounds agree."""
        return bool(self.lower == self.upper)

    @property
    def effective(self) -> SizeValue:
        """The effective count, if it is certified; else the most that it can be."""
        return self.upper

    @property
    def redundant(self) -> SizeValue:
        """The stored parameters that do not count; if it is not certified, the least of them."""
        return sp.expand(self.stored - self.upper) if self._symbolic else self.stored - self.upper

    @property
    def _symbolic(self) -> bool:
        return not isinstance(self.stored, int)

    def __str__(self) -> str:
        where = f" where {self.condition}" if self.condition else ""
        if self.certified:
            return f"{self.effective} of {self.stored} parameters count{where} ({self.scope})"
        bounds = f"between {self.lower} and {self.upper}" if self.lower else f"at most {self.upper}"
        return f"{bounds} of {self.stored} parameters count{where} ({self.scope})"


def effective_count(cell: Cell | Layer, **options: Any) -> EffectiveCount:
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

    A formula can have a condition, and a layer need not be proved for all sizes:

    >>> from gru_sym import Cell, Layer
    >>> low_rank = effective_count(Cell("h' = tanh(A @ (B @ x) + U @ h)"))
    >>> low_rank.redundant, low_rank.condition
    (k**2, 'k is at most Min(m, n)')
    >>> print(effective_count(Layer(cell("gru.pytorch")), m=3, n=2, steps=3, observed="last"))
    38 of 42 parameters count (at these sizes and this number of steps, 3, by exact rank)

    Parameters
    ----------
    cell : a cell, or a layer with a known number of layers.
    options : a number for each size, or nothing for a formula. For a layer also `steps`, the length
        of its sequences, and `observed`: "sequence", all outputs, or "last", that of the last step.

    Raises
    ------
    ValueError : for an option that does not apply, for a cell with too many terms, and for a layer
        whose directions are added, averaged or multiplied.
    """
    if isinstance(cell, Layer):
        if cell.merge != "concat":
            raise ValueError(
                f"the effective count of {cell.name} in both directions is known where the outputs "
                f"are put side by side, not where they are {MERGES[cell.merge]}"
            )
        from gru_sym.certificates.layers import layer_count

        return layer_count(cell, **options)
    for name in ("steps", "observed"):
        if name in options:
            raise ValueError(f"{name} is an option of a layer; a cell is seen at one step")
    found, verdict = found_and_proved(cell)
    stored, redundant = cell.count(**options), found.count(**options)
    if verdict.holds(options) if isinstance(stored, int) else verdict.scope:
        upper = stored - redundant if isinstance(stored, int) else sp.expand(stored - redundant)
        needed = filter(None, (found.condition, *map(str, verdict.conditions)))
        condition = "" if isinstance(stored, int) else ", ".join(dict.fromkeys(needed))
        conditions = verdict.conditions
        return EffectiveCount(stored, upper, upper, verdict.scope, found, condition, conditions)
    if isinstance(stored, int):
        return _at(cell, found, options)
    most = sp.expand(stored - found.exact)
    return EffectiveCount(stored, 0, most, f"not proved for all sizes: {verdict.reason}", found)


def found_and_proved(cell: Cell) -> tuple[Redundancy, Verdict]:
    """The families of a cell, and whether they are all, at all sizes."""
    found, verdict = proved(cell)
    if verdict.scope:
        verdict = replace(verdict, scope=verdict.scope + _for_constants(cell))
    return replace(found, cell=cell), verdict  # cells of one text are equal, whatever their names


@lru_cache(maxsize=256)
def proved(cell: Cell) -> tuple[Redundancy, Verdict]:
    """The same for any cell of this text."""
    found = redundancy(cell)
    return found, proved_for_all_sizes(found)


def _at(cell: Cell, found: Redundancy, sizes: dict[str, int]) -> EffectiveCount:
    """The count at given sizes, by the rank at these."""
    stored = int(cell.count(**sizes))
    upper = stored - int(found.count(**sizes))
    if stored > MAX_DIRECT:
        scope = f"no exact rank was computed for more than {MAX_DIRECT} parameters"
        return EffectiveCount(stored, 0, upper, scope, found)
    rank = exact_rank(cell, expected=upper, **sizes)
    if not rank.proved:
        return EffectiveCount(stored, 0, upper, rank.reason, found)
    scope = "at these sizes, by exact rank"
    if not rank.everywhere:
        scope += ", for parameters in an open set"
    scope += _for_constants(cell)
    if rank.rank < upper:
        scope = "no family explains the difference"
    return EffectiveCount(stored, rank.rank, upper, scope, found)


def _for_constants(cell: Cell) -> str:
    """What is said of the constants: they are taken as random, and a special one may be less."""
    if not cell.constants:
        return ""
    return f", for almost all values of the constant{_s(cell.constants)}"


def _s(names: tuple[str, ...]) -> str:
    return f"{'s' * (len(names) > 1)} {', '.join(names)}"
