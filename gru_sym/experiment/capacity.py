"""How many bits a cell can keep: random labels learnt by heart, as Collins et al. (2017) did it.

A layer sees b random sequences, and each has a random label of one bit. If a share p of them is
right after training, the layer holds b (1 - H(p)) bits of the labels, H the entropy in bits. What
is found is what a short training reaches, a lower bound of what the layer could hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sympy import Rational

from gru_sym.experiment.comparing import Units, counts, largest
from gru_sym.experiment.threads import one_thread
from gru_sym.lookup import cell
from gru_sym.records import Row

if TYPE_CHECKING:
    import torch

CELLS = {
    "rnn.pytorch": "Elman",
    "gru.merged": "GRU, 4n biases",
    "gru.pytorch": "GRU, 6n biases",
    "lstm.pytorch": "LSTM",
}
"""The cells by their ids: PyTorch's, whose stored and effective counts differ, and the GRU
merged, which stores what counts."""


def bits(patterns: int, right: float) -> float:
    """What is held of so many labels of one bit, if that share of them is right.

    >>> bits(100, 1.0), bits(100, 0.5), round(bits(100, 0.9), 1)
    (100.0, 0.0, 53.1)

    A share below one half says as much as the share above it.
    """
    entropy = -sum(p * math.log2(p) for p in (right, 1 - right) if p > 0)
    return patterns * (1 - entropy)


@dataclass(frozen=True)
class Capacity:
    """What is learnt by heart, by which layers.

    Attributes
    ----------
    budgets : how many effective parameters of a layer and its readout; each layer is the largest
        within it.
    loads : how many patterns there are for each parameter of the budget.
    cells : catalogue ids.
    seeds, rates, updates : how many, of Adam; each update sees all patterns.
    m, steps : entries of the input, each -1 or 1, and steps of a sequence.
    """

    budgets: tuple[int, ...]
    loads: tuple[int, ...]
    cells: tuple[str, ...] = tuple(CELLS)
    seeds: int = 10
    rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1)
    updates: int = 500
    m: int = 4
    steps: int = 4
    device: str = field(default="cpu", compare=False)

    def units(self) -> Units:
        """One for each cell, budget and load."""
        return {
            f"capacity, {name}, {parameters} parameters, {load} patterns each": partial(
                self.rows, name, parameters, load * parameters
            )
            for parameters in self.budgets
            for load in self.loads
            for name in self.cells
        }

    def rows(self, name: str, parameters: int, patterns: int) -> list[Row]:
        """The bits that each seed keeps, a row for each learning rate."""
        import torch
        from torch.nn.functional import softplus

        from gru_sym.experiment.batched import answering, descent, initial, repeated

        readout = self.m, 1, Rational(1, self.steps)
        n, copies = largest(name, parameters, "effective", *readout), len(self.rates)
        x, y = self.patterns(patterns)
        start = initial(cell(name), {"m": self.m, "n": n}, 1, range(self.seeds))
        x, side = (repeated(array.to(self.device), copies) for array in (x, 2 * y - 1))
        stacked = {
            key: repeated(layers.to(self.device, torch.float32), copies)
            for key, layers in start.items()
        }
        answers = answering(cell(name), 1)

        def margins(layers: dict[str, torch.Tensor]) -> torch.Tensor:
            return side * answers(layers, x)[:, 0, :, 0]

        def losses(layers: dict[str, torch.Tensor], _update: int) -> torch.Tensor:
            return softplus(-margins(layers)).mean(-1)

        rates = torch.tensor(self.rates, device=self.device).repeat_interleave(self.seeds)
        with one_thread():
            for layers in descent(losses, stacked, rates, self.updates):
                stacked = layers
            with torch.no_grad():
                right = (margins(stacked) > 0).double().mean(-1).tolist()
        kept = [round(bits(patterns, share), 3) for share in right]
        about = {"cell": name, "budget": parameters, "n": n, **counts(name, n, *readout)}
        return [
            {"table": "capacity", **about, "patterns": patterns, "rate": rate}
            | {"bits": kept[k * self.seeds : (k + 1) * self.seeds]}
            for k, rate in enumerate(self.rates)
        ]

    def patterns(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs (seeds, T, number, m) of -1 and 1, and labels (seeds, number) of 0 and 1."""
        import torch

        x, y = [], []
        for seed in range(self.seeds):
            random = torch.Generator().manual_seed(seed)
            shape = (self.steps, number, self.m)
            x.append(2.0 * torch.randint(2, shape, generator=random) - 1)
            y.append(torch.randint(2, (number,), generator=random).float())
        return torch.stack(x), torch.stack(y)


FULL = Capacity(budgets=(100, 200), loads=(4,))
MINIATURE = Capacity((60, 120), (2,), ("rnn.pytorch", "gru.pytorch"), seeds=4, updates=200)
