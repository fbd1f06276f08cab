"""Many layers of one cell trained at once: their parameters stacked, the generated code under vmap.

Each layer has a seed and a learning rate of its own; none sees another. What is computed for a
layer is what would be computed for it alone, up to rounding. Importing this file imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor
from torch.func import vmap

from gru_sym.cells import Cell
from gru_sym.codegen import generate

READOUT = "readout", "readout_bias"
"""The layer that answers: outputs V h + c. Names that no parameter of a cell here has."""

APART = 1_000_000
"""Between the seeds of parameters and those of data, so that they are not the same draws."""

Stacked: TypeAlias = dict[str, Tensor]
"""Parameters by name, one layer after the other along the first axis."""

Direction = Callable[[Tensor, dict[str, Tensor], int], Tensor]
"""From a gradient, what is remembered of earlier ones, and the step's number: what to go along."""


def initial(cell: Cell, sizes: Mapping[str, int], outputs: int, seeds: Sequence[int]) -> Stacked:
    """A layer and its readout for each seed, uniform within 1 / sqrt(n) of 0, in float64.

    >>> from gru_sym import cell
    >>> stacked = initial(cell("rnn.elman"), {"m": 2, "n": 4}, outputs=3, seeds=[0, 1])
    >>> {name: tuple(tensor.shape) for name, tensor in stacked.items()}["readout"]
    (2, 3, 4)

    That is PyTorch's rule, here the same for every cell.
    """
    shapes = {p.name: [int(sizes[str(size)]) for size in p.shape] for p in cell.parameters}
    shapes |= dict(zip(READOUT, ([outputs, sizes["n"]], [outputs]), strict=True))
    bound = sizes["n"] ** -0.5
    drawn: dict[str, list[Tensor]] = {name: [] for name in shapes}
    for seed in seeds:
        random = torch.Generator().manual_seed(APART + seed)
        for name, shape in shapes.items():
            uniform = torch.rand(shape, generator=random, dtype=torch.float64)
            drawn[name].append(bound * (2 * uniform - 1))
    return {name: torch.stack(layers) for name, layers in drawn.items()}


def answering(cell: Cell, asked: int) -> Callable[[Stacked, Tensor], Tensor]:
    """answers(stacked, x): what each layer says at the last `asked` steps.

    x is (layers, T, N, m), the answers are (layers, asked, N, outputs).
    """
    sequence = generate(cell, "torch").sequence

    def answer(parameters: Stacked, x: Tensor) -> Tensor:
        own = {name: tensor for name, tensor in parameters.items() if name not in READOUT}
        said: Tensor = sequence(own, x)[0][-asked:]
        return said @ parameters[READOUT[0]].T + parameters[READOUT[1]]

    answers: Callable[[Stacked, Tensor], Tensor] = vmap(answer)
    return answers


# How to go down


def sgd(gradient: Tensor, _memory: dict[str, Tensor], _step: int) -> Tensor:
    """The gradient itself."""
    return gradient


def momentum(gradient: Tensor, memory: dict[str, Tensor], _step: int, mu: float = 0.9) -> Tensor:
    """As torch.optim.SGD(momentum=0.9)."""
    velocity = memory.get("velocity")
    memory["velocity"] = gradient if velocity is None else mu * velocity + gradient
    return memory["velocity"]


def adam(gradient: Tensor, memory: dict[str, Tensor], step: int) -> Tensor:
    """As torch.optim.Adam with its defaults; `step` counts from 1."""
    if not memory:
        memory |= {"mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
    memory["mean"].lerp_(gradient, 1 - 0.9)
    memory["square"].mul_(0.999).addcmul_(gradient, gradient, value=1 - 0.999)
    scale = (memory["square"] / (1 - 0.999**step)).sqrt_().add_(1e-8)
    return memory["mean"] / (1 - 0.9**step) / scale


def descent(
    losses: Callable[[Stacked, int], Tensor],
    start: Stacked,
    rates: Tensor,
    updates: int,
    *,
    along: Direction = adam,
    factors: Mapping[str, float] | None = None,
    clip: float | None = 1.0,
) -> Iterator[Stacked]:
    """The stacked layers after each update; each time the same tensors, changed.

    >>> start = {"a": torch.tensor([4.0, 4.0])}
    >>> def squares(stacked, update):
    ...     return stacked["a"] ** 2
    >>> [stacked["a"].tolist() for stacked in descent(
    ...     squares, start, torch.tensor([0.25, 0.5]), updates=2, along=sgd, clip=None)]
    [[2.0, 0.0], [1.0, 0.0]]

    Parameters
    ----------
    losses : losses(stacked, update) -> one loss for each layer; `update` counts from 0.
    start : where to begin; left as it is.
    rates : the learning rate of each layer.
    along : `adam`, `momentum` or `sgd`.
    factors : on the learning rate of single parameters.
    clip : the norm above which a layer's gradients are scaled down, all together.
    """
    factors = factors or {}
    stacked = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
    memory: dict[str, dict[str, Tensor]] = {name: {} for name in stacked}
    for update in range(updates):
        loss = losses(stacked, update).sum()
        gradients = torch.autograd.grad(loss, list(stacked.values()))
        with torch.no_grad():
            scale = _clipping(gradients, clip)
            for (name, tensor), gradient in zip(stacked.items(), gradients, strict=True):
                step = along(_each(scale, gradient) * gradient, memory[name], update + 1)
                tensor -= _each(factors.get(name, 1.0) * rates, step) * step
        yield {name: tensor.detach() for name, tensor in stacked.items()}


def _clipping(gradients: Sequence[Tensor], clip: float | None) -> Tensor:
    """What each layer's gradients are multiplied by, as torch.nn.utils.clip_grad_norm_ does it."""
    squares = torch.stack([g.square().reshape(len(g), -1).sum(1) for g in gradients])
    if clip is None:
        return torch.ones_like(squares[0])
    return (clip / (squares.sum(0).sqrt() + 1e-6)).clamp(max=1.0)


def _each(numbers: Tensor, like: Tensor) -> Tensor:
    """A number for each layer, shaped so that it multiplies the layer's whole tensor."""
    return numbers.view(-1, *[1] * (like.dim() - 1))


def repeated(tensor: Tensor, copies: int) -> Tensor:
    """The whole stack again and again, along its first axis."""
    return tensor.repeat(copies, *[1] * (tensor.dim() - 1))
