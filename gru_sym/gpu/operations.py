"""How many operations PyTorch starts for generated code: the same on any device."""

from __future__ import annotations

from dataclasses import dataclass

from gru_sym.evidence.plan import Shape, dry_plan
from gru_sym.gpu.dispatch import started
from gru_sym.gpu.runs import design


@dataclass(frozen=True)
class Operations:
    """Of a sequence: so many in each step, and so many besides."""

    step: int
    once: int


def operations(name: str, *, backward: bool = False) -> Operations:
    """Of the sequence generated for a cell of the catalogue: forward, or forward and backward.

    >>> operations("gru.merged")
    Operations(step=13, once=6)
    """
    runs = (design(name, Shape(steps, 2, 4, 5), dry_plan("cpu")) for steps in (3, 4))
    few, more = (started(run.both if backward else run.forward).total() for run in runs)
    return Operations(more - few, few - 3 * (more - few))
