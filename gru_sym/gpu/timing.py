"""Times on a device: in turn, so that drift is fair; medians and quartiles, in microseconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from gru_sym.gpu.plan import Plan, Row

WARM_UP = 5
WARM_UP_SECONDS = 0.3

Function = Callable[[], Any]


def compare(functions: Mapping[str, Function], reference: str, plan: Plan) -> dict[str, Row]:
    """Time each function as often as the plan says, A B C A B C; `ratio` is to the reference.

    >>> from gru_sym.gpu.plan import dry_plan
    >>> rows = compare({"a": lambda: sum(range(99)), "b": lambda: None}, "b", dry_plan("cpu"))
    >>> list(rows["a"])
    ['median_us', 'lower_us', 'upper_us', 'repetitions', 'ratio']
    >>> rows["b"]["ratio"]
    1.0
    """
    _warm_up(functions, plan.device)
    times: dict[str, list[float]] = {name: [] for name in functions}
    names = list(functions)
    for number in range(plan.repetitions):
        # Each round begins with another one, so that none always follows the same.
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(microseconds(functions[name], plan.device))
    rows = {name: spread(values) for name, values in times.items()}
    for row in rows.values():
        row["ratio"] = row["median_us"] / rows[reference]["median_us"]
    return rows


def _warm_up(functions: Mapping[str, Function], device: str) -> None:
    """Some rounds, and on a GPU so many that its clock has time to rise."""
    begin, rounds = time.monotonic(), 0
    while rounds < WARM_UP or (device == "cuda" and time.monotonic() - begin < WARM_UP_SECONDS):
        for function in functions.values():
            function()
        if device == "cuda":
            torch.cuda.synchronize()
        rounds += 1


def spread(times: Sequence[float]) -> Row:
    """Median and quartiles.

    >>> spread([4.0, 1.0, 2.0, 3.0, 5.0])
    {'median_us': 3.0, 'lower_us': 2.0, 'upper_us': 4.0, 'repetitions': 5}
    """
    quartiles = statistics.quantiles(times, n=4, method="inclusive")
    lower, median, upper = (round(quartile, 3) for quartile in quartiles)  # to the nanosecond
    about = {"median_us": median, "lower_us": lower, "upper_us": upper}
    return {**about, "repetitions": len(times)}


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
