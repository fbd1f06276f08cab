"""Times on a device, in microseconds: in turn, so that drift is fair."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import torch

from gru_sym.gpu.plan import Plan

WARM_UP = 5
WARM_UP_SECONDS = 0.3

Function = Callable[[], Any]
Name = TypeVar("Name", bound=Hashable)


def take_turns(functions: Mapping[Name, Function], plan: Plan) -> dict[Name, list[float]]:
    """The times of each function, as many as the plan says, round by round: A B C B C A C A B.

    >>> from gru_sym.gpu.plan import dry_plan
    >>> times = take_turns({"a": lambda: sum(range(99)), "b": lambda: None}, dry_plan("cpu"))
    >>> list(times), len(times["a"])
    (['a', 'b'], 3)
    """
    _warm_up(functions, plan.device)
    times: dict[Name, list[float]] = {name: [] for name in functions}
    names = list(functions)
    for number in range(plan.repetitions):
        # Each round begins with another one, so that none always follows the same.
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(round(microseconds(functions[name], plan.device), 2))
    return times


def _warm_up(functions: Mapping[Name, Function], device: str) -> None:
    """Some rounds, and on a GPU so many that its clock has time to rise."""
    begin, rounds = time.monotonic(), 0
    while rounds < WARM_UP or (device == "cuda" and time.monotonic() - begin < WARM_UP_SECONDS):
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

    Raises `ValueError` if the graph gives another result than the function.
    """
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
    return graph.replay
