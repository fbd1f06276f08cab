"""Two layers of one function, trained side by side: do they stay the same function?

A layer with two summed biases and the layer with their sum as one bias start as the same function.
`drift` trains both and measures how far apart they come. Importing this file imports torch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gru_sym.experiment.threads import one_thread
from gru_sym.render import Table

Read = Callable[[nn.Module], Mapping[str, Tensor]]
"""What is compared: merged parameters by name, from either layer."""


@dataclass(frozen=True)
class Task:
    """Inputs (T, B, m) and the outputs (T, B, D n) to be learnt, fixed and full-batch.

    >>> task = Task.random(m=3, outputs=4)
    >>> task.x.shape, task.y.shape
    (torch.Size([6, 8, 3]), torch.Size([6, 8, 4]))
    """

    x: Tensor
    y: Tensor

    @classmethod
    def random(cls, m: int, outputs: int, steps: int = 6, batch: int = 8, seed: int = 1) -> Task:
        """Normal inputs, outputs uniform between -1 and 1, in float64."""
        random = torch.Generator().manual_seed(seed)
        x = torch.randn(steps, batch, m, generator=random, dtype=torch.float64)
        y = torch.rand(steps, batch, outputs, generator=random, dtype=torch.float64)
        return cls(x, 2 * y - 1)

    def loss(self, layer: Any) -> Tensor:
        """The sum of squares of a layer's errors, over the number of sequences."""
        total: Tensor = ((layer(self.x)[0] - self.y) ** 2).sum()
        return total / self.x.shape[1]


def gradients(layer: nn.Module, task: Task) -> None:
    """Leave the gradients of the task's loss in the layer, and nothing of earlier ones."""
    layer.zero_grad()
    task.loss(layer).backward()  # type: ignore[no-untyped-call]


def train(
    layer: nn.Module,
    task: Task,
    optimizer: torch.optim.Optimizer,
    read: Read,
    *,
    clip: Callable[[], object] | None = None,
    steps: int = 50,
) -> list[dict[str, Tensor]]:
    """Train a layer in place; what `read` finds before the first step and after each.

    >>> from gru_sym.libraries.pytorch_merging import merge_biases
    >>> layer = seeded(nn.RNN, 3, 4)
    >>> sgd = torch.optim.SGD(layer.parameters(), lr=0.05)
    >>> trace = train(layer, Task.random(3, 4), sgd, merge_biases, steps=5)
    >>> len(trace), trace[-1]["b_h_l0"].shape
    (6, torch.Size([4]))

    `clip` is called after the gradients are there and before they are used.
    """
    trace = [{name: tensor.clone() for name, tensor in read(layer).items()}]
    with one_thread():
        for _ in range(steps):
            gradients(layer, task)
            if clip is not None:
                clip()
            optimizer.step()
            trace.append({name: tensor.clone() for name, tensor in read(layer).items()})
    return trace


def distance(one: list[dict[str, Tensor]], other: list[dict[str, Tensor]]) -> float:
    """The largest difference of two traces, over all steps, parameters and entries.

    >>> distance([{"b": torch.zeros(2)}], [{"b": torch.tensor([1.0, -3.0])}])
    3.0
    """
    pairs = zip(one, other, strict=True)
    return max((a[name] - b[name]).abs().max().item() for a, b in pairs for name in a)


def drift(
    pair: nn.Module,
    merged: Any,
    read: Read,
    task: Task,
    optimizer: Callable[..., torch.optim.Optimizer],
    *,
    lr: float,
    weight_decay: float = 0.0,
    rate: float = 2.0,
    decay: float = 0.5,
    clip: float | None = None,
    count: float = 2.0,
    steps: int = 50,
    **options: Any,
) -> float:
    """Train a copy of each; the largest difference of a merged parameter after any step.

    >>> from gru_sym.libraries.pytorch_merging import MergedLayer, merge_biases
    >>> pair, task = seeded(nn.GRU, 3, 4), Task.random(3, 4)
    >>> twins = pair, MergedLayer(pair), merge_biases, task, torch.optim.SGD
    >>> drift(*twins, lr=0.05) < 1e-10
    True
    >>> drift(*twins, lr=0.05, rate=1.0) > 1e-2
    True

    Parameters
    ----------
    pair, merged : a layer with two summed biases, and a `MergedLayer` of it.
    read : merged parameters of either; `merge_biases`.
    optimizer : a class of torch.optim, with `lr`, `weight_decay` and `options`.
    rate, decay : factors on the learning rate and on the weight decay of the merged biases.
    clip : a global norm to clip at; squares of the merged biases' gradients count `count` times.
    """
    pair, merged = copy.deepcopy(pair), copy.deepcopy(merged)
    one = optimizer(pair.parameters(), lr=lr, weight_decay=weight_decay, **options)
    groups = merged.parameter_groups(lr, weight_decay, rate=rate, decay=decay)
    two = optimizer(groups, **options)
    clips: list[Callable[[], object] | None] = [None, None]
    if clip is not None:
        clips = [
            partial(nn.utils.clip_grad_norm_, list(pair.parameters()), clip),
            partial(merged.clip_gradients, clip, count=count),
        ]
    return distance(
        train(pair, task, one, read, clip=clips[0], steps=steps),
        train(merged, task, two, read, clip=clips[1], steps=steps),
    )


def seeded(kind: type[nn.Module], m: int, n: int, *, seed: int = 0, **options: Any) -> nn.Module:
    """A float64 layer of PyTorch at its default initialisation, the same at every call.

    >>> seeded(nn.GRU, 3, 4).bias_ih_l0[0] == seeded(nn.GRU, 3, 4).bias_ih_l0[0]
    tensor(True)
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return kind(m, n, dtype=torch.float64, **options)


@dataclass(frozen=True)
class Case:
    """An optimiser, and the one factor that makes two layers of one function train alike.

    Attributes
    ----------
    name : in words.
    optimizer, options : of torch.optim, with what `drift` takes.
    factor : the argument of `drift` without which the trajectories part: rate, decay or count.
    """

    name: str
    optimizer: Callable[..., torch.optim.Optimizer]
    options: Mapping[str, Any] = field(default_factory=dict)
    factor: str = "rate"


CASES = (
    Case("SGD", torch.optim.SGD, {"lr": 0.05}),
    Case("SGD with momentum", torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    Case("Nesterov", torch.optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    Case("Adagrad", torch.optim.Adagrad, {"lr": 0.02}),
    Case("RMSprop", torch.optim.RMSprop, {"lr": 0.02}),
    Case("Adam", torch.optim.Adam, {"lr": 0.02}),
    Case("Adam, eps = 1", torch.optim.Adam, {"lr": 0.2, "eps": 1.0}),
    Case("SGD with L2", torch.optim.SGD, {"lr": 0.05, "weight_decay": 0.1}, "decay"),
    Case("AdamW", torch.optim.AdamW, {"lr": 0.02, "weight_decay": 0.3}, "decay"),
    Case("SGD, clipped", torch.optim.SGD, {"lr": 0.05, "clip": 0.5}, "count"),
    Case("Adam, clipped", torch.optim.Adam, {"lr": 0.02, "clip": 0.5}, "count"),
)
"""The rows of `optimizer_table`."""

FACTORS = {"rate": "learning rate × 2", "decay": "decay × 1/2", "count": "counted twice"}
"""What `MergedLayer` does for the merged biases, by the argument of `drift`."""


def optimizer_table(
    pair: nn.Module, merged: Any, read: Read, task: Task, cases: Sequence[Case] = CASES
) -> Table:
    """How far the two layers come apart under each optimiser, with every factor and without one.

    >>> from gru_sym.libraries.pytorch_merging import MergedLayer, merge_biases
    >>> pair = seeded(nn.RNN, 3, 4)
    >>> print(optimizer_table(pair, MergedLayer(pair), merge_biases, Task.random(3, 4), CASES[:1]))
    optimiser  factor             with it  without it
    SGD        learning rate × 2  < 1e-10  > 1e-3

    Raises `ValueError` for a case of which that is not so.
    """
    rows = []
    for case in cases:
        alike = drift(pair, merged, read, task, case.optimizer, **case.options)
        without = {**case.options, case.factor: 1.0}
        apart = drift(pair, merged, read, task, case.optimizer, **without)
        if not alike < 1e-10 or not apart > 1e-3:
            raise ValueError(f"{case.name}: {alike:.0e} apart with the factor, {apart:.0e} without")
        rows.append((case.name, FACTORS[case.factor], "< 1e-10", "> 1e-3"))
    return Table(("optimiser", "factor", "with it", "without it"), rows)
