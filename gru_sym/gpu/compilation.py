"""Times of generated code by torch.compile, beside the same code eager; forward, in float32."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch._inductor import config as inductor

from gru_sym.codegen import generate
from gru_sym.evidence.plan import COMPILED, FORWARD, Absent, Plan, Row
from gru_sym.evidence.rules import FLOAT32_BOUND
from gru_sym.evidence.times import Blocks
from gru_sym.gpu.accuracy import largest_error
from gru_sym.gpu.precision import arithmetic
from gru_sym.gpu.runs import design
from gru_sym.gpu.timing import Function, take_turns
from gru_sym.lookup import cell


@dataclass(frozen=True)
class Compiled:
    """A compiled sequence, the seconds of its first call, and how far it is from the eager one."""

    sequence: Callable[..., Any]
    seconds: float
    difference: float


def rows(plan: Plan) -> Iterator[Row]:
    """Few steps, since each is compiled. A cell that does not compile is told at the end.

    `compile_seconds` is the first call, after the compiler itself has started; `difference` is how
    far the outputs are from the eager ones, relative to the largest. A dry run on the CPU only
    traces (backend "eager").
    """
    ready: dict[str, Compiled] = {}
    late: list[str] = []
    broken: list[str] = []
    with arithmetic(tf32=False), _anew():
        for name in COMPILED:
            if time.monotonic() + plan.compile_seconds > plan.deadline:
                late.append(name)
                continue
            try:
                if not ready:
                    compiled(torch.sin, plan)(torch.ones(1, device=plan.device))
                ready[name] = _compiled(name, plan)
            except Exception as error:  # of the compiler, whatever it is: the others go on
                broken.append(f"{name}: {type(error).__name__}: {error}")
        times = _times(ready, plan) if ready else {}
    for (name, form), measured in times.items():
        made = ready[name] if form == "compiled" else None
        row: Row = {"cell": name, "form": form, "work": FORWARD, "tf32": False}
        row |= {"compile_seconds": made and made.seconds, "difference": made and made.difference}
        yield {**row, **plan.compiled.row(), "times_us": measured}
    if broken:
        raise RuntimeError("; ".join(broken))
    if late:
        raise Absent(f"no time was left to compile {', '.join(late)}")


def compiled(function: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    """A function by torch.compile: one graph, or an error."""
    backend = "eager" if plan.dry and plan.device == "cpu" else "inductor"
    made: Callable[..., Any] = torch.compile(function, fullgraph=True, backend=backend)
    return made


@contextmanager
def _anew() -> Iterator[None]:
    """Compile anew what an earlier run may have left in a cache, one kernel after the other."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "dynamo_pgo force disabled")
        with inductor.patch(force_disable_caches=True, compile_threads=1):
            yield


def _compiled(name: str, plan: Plan) -> Compiled:
    """A cell's sequence after its first call. Raises `ValueError` if it gives another result."""
    # The function itself and not one that calls it, which could not be inlined.
    sequence = compiled(generate(cell(name), "torch").sequence, plan)
    run, eager = design(name, plan.compiled, plan, sequence), design(name, plan.compiled, plan)
    begin = time.perf_counter()
    outputs = run.forward()
    if plan.device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - begin
    difference = largest_error({"": outputs}, {"": eager.forward()})
    if not difference <= FLOAT32_BOUND:
        raise ValueError(f"its outputs are off by {difference:.2e}, above {FLOAT32_BOUND:.0e}")
    return Compiled(sequence, round(seconds, 3), difference)


def _times(ready: Mapping[str, Compiled], plan: Plan) -> dict[tuple[str, str], Blocks]:
    """Taken also when the time is over: it takes little, and else compiling was for nothing."""
    return take_turns(partial(_eager_and_compiled, ready, plan), replace(plan, deadline=math.inf))


@contextmanager
def _eager_and_compiled(
    ready: Mapping[str, Compiled], plan: Plan
) -> Iterator[dict[tuple[str, str], Function]]:
    """Each cell that is compiled, eager and so."""
    yield {
        (name, form): design(name, plan.compiled, plan, sequence).forward
        for name, made in ready.items()
        for form, sequence in (("eager", None), ("compiled", made.sequence))
    }
