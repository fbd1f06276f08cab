"""The Jacobian of a cell at random points in float64, and its rank: the numerical witness.

It proves nothing by itself. It is computed from the equations by another route than the exact
certificates are, so that each can catch the other's mistakes. torch is imported when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gru_sym.cells import Cell
from gru_sym.codegen import generate
from gru_sym.codegen.source import output_first
from gru_sym.experiment.threads import one_thread
from gru_sym.language.shapes import axes

if TYPE_CHECKING:
    from torch import Tensor

GAP = 1e8
"""The least ratio of the last singular value kept to the first one dropped."""


@dataclass(frozen=True)
class NumericalRank:
    """A rank, and the gap between the singular values kept and dropped that it rests on.

    Attributes
    ----------
    rank : how many singular values are kept.
    columns : how many there are.
    gap : last kept / first dropped, which counts as 2**-52 times the largest if it is smaller
        than that, or if none is dropped.
    """

    rank: int
    columns: int
    gap: float


def numerical_rank(
    cell: Cell,
    sizes: dict[str, int],
    *,
    frozen: Iterable[str] = (),
    start_at_zero: bool = False,
    inputs: str = "normal",
    steps: int = 1,
    seed: int = 0,
) -> NumericalRank:
    """The rank of the derivative of a cell's states by its parameters, at random parameters.

    >>> from gru_sym import cell
    >>> found = numerical_rank(cell("rnn.pytorch"), {"m": 2, "n": 3})
    >>> found.rank, found.columns, found.gap > GAP
    (18, 21, True)

    Rows are the states after each of `steps` steps, for more random inputs and first states than
    there are parameters; `start_at_zero` sets those states to zero. Inputs are "normal", "zero" or
    "one-hot". Columns are the parameters, without those `frozen`. The rank is cut at the largest
    ratio of neighbouring singular values.

    Raises `ValueError` if that ratio is below `GAP`: then float64 does not settle the rank.
    """
    import torch

    random = torch.Generator().manual_seed(seed)
    step = generate(cell, "torch").step
    shapes = {p.name: [int(cell.evaluate(s, sizes)) for s in p.shape] for p in cell.parameters}
    values = {name: _normal((*shape,), random) for name, shape in shapes.items()}
    points = 2 * sum(tensor.numel() for tensor in values.values()) + 8
    at = {
        name: [int(sizes.get(str(size), size)) for size in axes(shape)]
        for name, shape in cell.sizes.shapes.items()
    }
    fixed = {name: _normal((*at[name],), random) for name in cell.constants}
    rows = {name: (at[name] or [1])[0] for name in cell.program.data}
    xs = [
        [_inputs(inputs, (points, rows[name]), random) for name in cell.inputs]
        for _ in range(steps)
    ]
    states = output_first(cell)
    first = [_normal((points, rows[state]), random) * (not start_at_zero) for state in states]

    def outputs(free: dict[str, Tensor]) -> Tensor:
        now, seen = first, []
        for x in xs:
            after = step({**values, **free}, *([fixed] if fixed else []), *x, *now)
            now = [after] if len(states) == 1 else list(after)
            seen += [state.flatten() for state in now]
        return torch.cat(seen)

    hidden = set(frozen)
    free = {name: tensor for name, tensor in values.items() if name not in hidden}
    with one_thread():
        columns: dict[str, Tensor] = torch.func.jacrev(outputs)(free)
        matrix = torch.cat([columns[name].flatten(start_dim=1) for name in free], dim=1)
        return _rank(torch.linalg.svdvals(matrix).tolist())


def _normal(shape: tuple[int, ...], random: Any) -> Tensor:
    import torch

    return torch.randn(shape, generator=random, dtype=torch.float64)


def _inputs(kind: str, shape: tuple[int, int], random: Any) -> Tensor:
    import torch

    if kind == "one-hot":
        which = torch.randint(shape[1], (shape[0],), generator=random)
        return torch.eye(shape[1], dtype=torch.float64)[which]
    return _normal(shape, random) * {"normal": 1, "zero": 0}[kind]


def _rank(singular: list[float]) -> NumericalRank:
    """Cut where the ratio of neighbours is largest; below the rounding level all are alike."""
    floor = max(singular, default=0.0) * 2.0**-52
    if not floor:
        return NumericalRank(0, len(singular), float("inf"))
    ratios = [a / b for a, b in pairwise([*(max(s, floor) for s in singular), floor])]
    gap = max(ratios)
    if gap < GAP:
        raise ValueError(f"the largest gap of the singular values is {gap:.0e}, below {GAP:.0e}")
    return NumericalRank(ratios.index(gap) + 1, len(singular), gap)
