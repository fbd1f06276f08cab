"""Times on a device, in microseconds: in turn, so that drift is fair, and in blocks made anew."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar

import torch

from gru_sym.evidence.plan import SEEDS, TIME_OVER, Absent, Plan
from gru_sym.evidence.times import Blocks

WARM_UP = 2
FIRST_SECONDS, LATER_SECONDS = 0.3, 0.05

Function = Callable[[], Any]
Name = TypeVar("Name", bound=Hashable)
Make = Callable[[], AbstractContextManager[Mapping[Name, Function]]]
"""Opens functions to time, with inputs and parameters of their own."""


def take_turns(make: Make[Name], plan: Plan) -> dict[Name, Blocks]:
    """The times of each function, block by block and round by round, in an order drawn anew.

    >>> from contextlib import nullcontext
    >>> from gru_sym.evidence.plan import dry_plan
    >>> functions = {"a": lambda: sum(range(99)), "b": lambda: None}
    >>> times = take_turns(lambda: nullcontext(functions), dry_plan("cpu"))
    >>> [[len(block) for block in times[name]] for name in functions]
    [[2, 2], [2, 2]]

    Where an array lies in memory can matter by some per cent. So every block makes its functions
    anew, while the ones before are kept: no parameter and no input lies where another one lay.

    Raises `Absent` if the plan's time is over.
    """
    if time.monotonic() > plan.deadline:
        raise Absent(TIME_OVER)
    if plan.device == "cuda":
        torch.cuda.empty_cache()  # for libraries that allocate beside PyTorch
    times: dict[Name, Blocks] = {}
    order = random.Random(SEEDS["order"])  # noqa: S311  # no secret
    with ExitStack() as kept:
        for block in range(plan.blocks):
            functions = kept.enter_context(make())
            _warm_up(functions, plan.device, FIRST_SECONDS if block == 0 else LATER_SECONDS)
            for name, found in _block(functions, plan, order).items():
                times.setdefault(name, []).append(found)
    return times


def _block(
    functions: Mapping[Name, Function], plan: Plan, order: random.Random
) -> dict[Name, list[float]]:
    times: dict[Name, list[float]] = {name: [] for name in functions}
    for _ in range(plan.rounds):
        for name in order.sample(list(functions), len(functions)):
            times[name].append(round(microseconds(functions[name], plan.device), 2))
    return times


def _warm_up(functions: Mapping[Name, Function], device: str, seconds: float) -> None:
    """Some rounds, and on a GPU for so long that its clock has time to rise."""
    begin, rounds = time.monotonic(), 0
    while rounds < WARM_UP or (device == "cuda" and time.monotonic() - begin < seconds):
        for function in functions.values():
            function()
        if device == "cuda":
            torch.cuda.synchronize()
        rounds += 1


def microseconds(function: Function, device: str) -> float:
    """One call, from an idle device to the end of its work."""
    if device == "cpu":
        begin = time.perf_counter()
        function()
        return (time.perf_counter() - begin) * 1e6
    event: Any = torch.cuda.Event
    start, end = event(enable_timing=True), event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    function()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) * 1e3


def captured(function: Callable[[], torch.Tensor]) -> Function:
    """The kernels that a function launches, as one CUDA graph: its launch, without the Python.

    Raises `ValueError` if the graph gives another result than the function. The stream is the same
    afterwards, also if the capture fails.
    """
    with torch.cuda.stream(torch.cuda.current_stream()):
        return _captured(function)


def _captured(function: Callable[[], torch.Tensor]) -> Function:
    stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # as PyTorch asks: what initialises lazily does so here
        for _ in range(3):
            expected = function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function()
    graph.replay()
    torch.cuda.synchronize()
    if not (result - expected).abs().max() <= 1e-2 * expected.abs().max():  # NaN included
        raise ValueError("the CUDA graph gives another result than the code it was made of")

    def replay(keep: Callable[[], torch.Tensor] = function) -> None:
        graph.replay()  # it reads the memory of what the function holds, which is kept for that

    return replay
