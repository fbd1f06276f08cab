"""Generated code beside `torch.nn.GRU` on the CPU, and beside loops written by hand.

Bounds of the project at (T, B, m, n) = (100, 32, 256, 256) in float32, as ratios of medians to
`torch.nn.GRU`: generated NumPy at most 1.8, generated PyTorch, compiled, at most 1.3.

Each contender runs in a process of its own, in turn, with as many threads: in one process the
waiting threads of NumPy's and of PyTorch's pools would steal each other's time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import sympy as sp
import torch

from gru_sym import cell
from gru_sym.codegen import Routine, generate, schedule
from gru_sym.libraries.pytorch import cell_names, named_parameters

T, B, M, N = 100, 32, 256, 256
CALLS, ROUNDS = 15, 5


@cache
def layer() -> tuple[torch.nn.GRU, dict[str, torch.Tensor], torch.Tensor]:
    """The layer, its parameters by the cell's names, and an input."""
    torch.manual_seed(0)
    gru = torch.nn.GRU(M, N)
    return (
        gru,
        cell_names(named_parameters(gru)),
        torch.randn(T, B, M),
    )


def code(library: str) -> Routine:
    """The generated code of the layer's cell."""
    return generate(cell("gru.pytorch"), library)


def in_a_loop(step: Callable[..., torch.Tensor]) -> torch.Tensor:
    """A step function, called for each step."""
    _, _, x = layer()
    h, outputs = x.new_zeros(B, N), []
    for t in range(T):
        h = step(x[t], h)
        outputs.append(h)
    return torch.stack(outputs)


def tutorial(p: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """A GRU as tutorials write it: columns, every product at every step, sigmoid by exp."""

    def sigmoid(u: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-u))

    h, outputs = np.zeros((N, x.shape[1]), x.dtype), []
    for t in range(x.shape[0]):
        v = x[t].T
        r = sigmoid(p["W_ir"] @ v + p["b_ir"][:, None] + p["W_hr"] @ h + p["b_hr"][:, None])
        z = sigmoid(p["W_iz"] @ v + p["b_iz"][:, None] + p["W_hz"] @ h + p["b_hz"][:, None])
        recurrent = p["W_hn"] @ h + p["b_hn"][:, None]
        n = np.tanh(p["W_in"] @ v + p["b_in"][:, None] + r * recurrent)
        h = (1 - z) * n + z * h
        outputs.append(h.T)
    return np.stack(outputs)


def arrays() -> dict[str, np.ndarray]:
    """The layer's parameters in NumPy."""
    _, own, _ = layer()
    return {name: tensor.numpy() for name, tensor in own.items()}


def numpy_sequence() -> Callable[[], object]:
    """The generated sequence in NumPy."""
    return partial(code("numpy").sequence, arrays(), layer()[2].numpy())


def numpy_steps() -> Callable[[], object]:
    """The generated step in NumPy, in a loop."""
    step, own, x = code("numpy").step, arrays(), layer()[2].numpy()

    def run() -> None:
        h = np.zeros((B, N), np.float32)
        for t in range(T):
            h = step(own, x[t], h)

    return run


def torch_sequence() -> Callable[[], object]:
    """The generated sequence in PyTorch."""
    _, own, x = layer()
    return partial(code("torch").sequence, own, x)


def torch_compiled() -> Callable[[], object]:
    """The same, compiled."""
    _, own, x = layer()
    return partial(torch.compile(code("torch").sequence), own, x)


def torch_steps() -> Callable[[], object]:
    """The generated step in PyTorch, in a loop."""
    return partial(in_a_loop, partial(code("torch").step, layer()[1]))


CONTENDERS: dict[str, Callable[[], Callable[[], object]]] = {
    "torch.nn.GRU": lambda: partial(layer()[0], layer()[2]),
    "generated NumPy, sequence": numpy_sequence,
    "generated NumPy, step after step": numpy_steps,
    "NumPy as tutorials write it": lambda: partial(tutorial, arrays(), layer()[2].numpy()),
    "generated PyTorch, sequence": torch_sequence,
    "generated PyTorch, sequence, compiled": torch_compiled,
    "generated PyTorch, step after step": torch_steps,
    "torch.nn.GRUCell in a loop": lambda: partial(in_a_loop, torch.nn.GRUCell(M, N)),
}
"""Name -> what makes the function to time."""

BOUNDS = {"generated NumPy, sequence": 1.8, "generated PyTorch, sequence, compiled": 1.3}
"""The largest ratio to torch.nn.GRU that the project allows itself."""


def time_one(name: str) -> None:
    """Print the median seconds of one contender; the first calls, which compile, do not count."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own, about its cache and its threads
        function = CONTENDERS[name]()
        start = time.perf_counter()
        function()
        first = time.perf_counter() - start
        function()
        seconds = []
        for _ in range(CALLS):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)
    print(statistics.median(seconds), first)


def compare() -> None:
    """Every contender once a round, each in its own process."""
    affinity = getattr(os, "sched_getaffinity", None)  # macOS has none
    threads = str(len(affinity(0)) if affinity else os.cpu_count())
    settings = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    medians: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    first = {}
    for _ in range(ROUNDS):
        for name, each in medians.items():
            ran = subprocess.run(
                [sys.executable, __file__, name],
                env=os.environ | settings,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            median, first_call = map(float, ran.stdout.split())
            each.append(median)
            first[name] = max(first.get(name, 0.0), first_call)
    base = statistics.median(medians["torch.nn.GRU"])
    print(f"(T, B, m, n) = {(T, B, M, N)}, float32, {threads} threads")
    print(f"{'what':<40} {'median ms':>9} {'(min-max)':>13} {'first s':>8}  / torch.nn.GRU")
    for name, each in medians.items():
        median = statistics.median(each)
        span = f"({min(each) * 1e3:.1f}-{max(each) * 1e3:.1f})"
        bound = f" (bound {BOUNDS[name]})" if name in BOUNDS else ""
        print(
            f"{name:<40} {median * 1e3:>9.1f} {span:>13} {first[name]:>8.2f}  "
            f"{median / base:.2f}{bound}"
        )


def steps() -> None:
    """The cost of a step at several lengths, flat if nothing grows with T; and the memory."""
    run = partial(code("numpy").sequence, arrays())
    draw = np.random.default_rng(0)
    lengths = (50, 100, 200, 400)
    inputs = {n: draw.normal(size=(n, B, M)).astype(np.float32) for n in lengths}
    per_step: dict[int, list[float]] = {length: [] for length in lengths}
    for _ in range(CALLS):
        for length in lengths:
            start = time.perf_counter()
            run(inputs[length])
            per_step[length].append((time.perf_counter() - start) / length)
    base = statistics.median(per_step[lengths[0]])
    ratios = {length: f"{statistics.median(s) / base:.2f}" for length, s in per_step.items()}
    print(f"cost of a step at T, / that at T = {lengths[0]}: {ratios}")

    kept = schedule(cell("gru.pytorch")).numbers_per_step.subs({sp.Symbol("n"): N})
    peaks = []
    for length in (100, 200):
        tracemalloc.start()
        run(inputs[length])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    ratio = (peaks[1] - peaks[0]) / (100 * B * 4 * max(2 * kept, kept + 2 * N))
    print(f"memory of 100 steps more, / max(2 kept, kept + 2 n) T B numbers: {ratio:.3f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        time_one(sys.argv[1])
    else:
        compare()
        steps()
