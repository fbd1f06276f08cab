"""Exact certificates, beside a float64 SVD of the full Jacobian in the same run.

Bounds of the project: the rank of a GRU at n = m = 128 in under 2 s, the whole catalogue over
1 <= m, n <= 6 in under 20 s; from n = 32 on the SVD must lose.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch

from gru_sym import catalogue, cell, effective_count
from gru_sym.certificates.effective import proved
from gru_sym.certificates.exact_rank import exact_rank

GRU = "gru.pytorch"
mpl.use("svg")


def seconds(work: Callable[[], object], runs: int = 3) -> float:
    """The median of a few runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[runs // 2]


def effective(n: int) -> int:
    """The rank to be found at m = n."""
    return 6 * n**2 + 4 * n


def svd_rank(n: int) -> int:
    """The usual way: the Jacobian of a real `nn.GRUCell` at enough random inputs, and its SVD."""
    torch.manual_seed(0)
    module = torch.nn.GRUCell(n, n, dtype=torch.float64)
    parameters = {name: p.detach() for name, p in module.named_parameters()}

    def rows(x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        def step(values: dict[str, torch.Tensor]) -> torch.Tensor:
            return torch.func.functional_call(module, values, (x, h))

        return torch.cat([j.flatten(1) for j in torch.func.jacrev(step)(parameters).values()], 1)

    samples = 6 * n + 8
    pairs = torch.randn(samples, 2, n, dtype=torch.float64)
    singular = torch.linalg.svdvals(torch.cat([rows(x, h) for x, h in pairs]))
    return int((singular > 1e-10 * singular[0]).sum())


def large() -> None:
    """One rank at n = m = 128, without use of the theorem for all sizes."""
    spent = seconds(lambda: exact_rank(cell(GRU), expected=effective(128), m=128, n=128))
    print(f"exact rank of {GRU} at m = n = 128 ({effective(128):,}): {spent:.2f} s")


def grid() -> None:
    """The whole catalogue over 1 <= m, n <= 6; other sizes are 2, or 1 where m or n is."""
    proved.cache_clear()
    start = time.perf_counter()
    certified = 0
    for c, m, n in product(catalogue.values(), range(1, 7), range(1, 7)):
        sizes = {"m": m, "n": n, **dict.fromkeys("pkrd", min(m, n, 2))}
        count = effective_count(c, **{name: sizes[name] for name in c.size_names})
        certified += count.certified
    spent = time.perf_counter() - start
    total = 36 * len(catalogue)
    print(f"catalogue over 1 <= m, n <= 6: {certified} of {total} certified in {spent:.2f} s")


def growth() -> dict[str, dict[int, float]]:
    """The exact rank and the SVD, side by side; the ratio is SVD / exact."""
    times: dict[str, dict[int, float]] = {"exact": {}, "SVD": {}}
    print(f"\n{'m = n':>6} {'parameters':>11} {'exact s':>9} {'SVD s':>9} {'ratio':>7}")
    for n in (4, 8, 16, 32, 64, 128):
        runs = 3 if n < 32 else 1
        exact = seconds(lambda n=n: exact_rank(cell(GRU), expected=effective(n), m=n, n=n), runs)
        times["exact"][n] = exact
        line = f"{n:>6} {6 * n**2 + 6 * n:>11,} {exact:>9.3f}"
        if n <= 32:
            svd = seconds(lambda n=n: svd_rank(n), runs)
            times["SVD"][n] = svd
            line += f" {svd:>9.3f} {svd / exact:>7.1f}"
        print(line, flush=True)
    for name, each in times.items():
        (low, fast), (high, slow) = list(each.items())[-2:]
        power = math.log(slow / fast) / math.log(high / low)
        print(f"{name}: time grows like n^{power:.1f} from n = {low} to {high}")
    return times


def plot(times: dict[str, dict[int, float]], path: Path) -> None:
    """Both curves, on logarithmic axes."""
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for name, each in times.items():
        axes.loglog(list(each), list(each.values()), "o-", label=name)
    axes.set(xlabel="m = n", ylabel="seconds", title=f"rank of {GRU}")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    print(f"plotted in {path}")


if __name__ == "__main__":
    large()
    grid()
    plot(growth(), Path("_build/bench/redundancy.svg"))
