"""A layer of PyTorch beside the code of its equations: outputs, states and gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gru_sym.codegen.stacked import Stack
from gru_sym.libraries.pytorch import named_parameters, stored


@dataclass(frozen=True)
class Comparison:
    """The largest differences, each divided by the largest number of the layer's result, or by 1.

    Attributes
    ----------
    outputs, states : of the output at every step, and of the last states.
    gradients : of the gradient of any parameter, of x and of the first states.
    numbers : how many numbers were compared.

    What is not a number makes the difference NaN, which is below no bound.
    """

    outputs: float
    states: float
    gradients: float
    numbers: int

    @property
    def largest(self) -> float:
        """The largest of the three."""
        return worst(self.outputs, self.states, self.gradients)


def worst(*differences: float) -> float:
    """The largest; NaN if one is NaN, wherever it stands, which Python's max does not promise.

    >>> worst(0.0, float("nan"), 1.0), max(0.0, float("nan"), 1.0)
    (nan, 1.0)
    """
    return math.nan if any(map(math.isnan, differences)) else max(differences)


def compare(
    module: nn.Module,
    x: Tensor,
    states: Sequence[Tensor] = (),
    parameters: Mapping[str, Tensor] | None = None,
) -> Comparison:
    """Run a layer and the code of its equations forward and backward, and compare every number.

    >>> layer = nn.GRU(3, 4, num_layers=2, dtype=torch.float64)
    >>> compare(layer, torch.ones(5, 2, 3, dtype=torch.float64)).largest < 1e-12
    True

    Parameters
    ----------
    module : an `nn.GRU`, `nn.LSTM` or `nn.RNN`.
    x : what the layer takes, (T, B, m), or (B, T, m) if it is `batch_first`.
    states : the first states, h and for an LSTM c, each (L D, B, n); none for zeros.
    parameters : what the generated code is given, by the cell's names; by default the layer's own.

    The gradients are those of the sum of all outputs and last states, each multiplied by a number
    drawn at random: so none of them is zero, or equal to another, for a reason that hides an error.
    The layer itself, its gradients and torch's random state stay as they were.

    Raises `ValueError` for a layer that drops out numbers at random, and for an empty batch.
    """
    if module.training and getattr(module, "dropout", False):
        raise ValueError("dropout is random; compare the layer in eval()")
    own = named_parameters(module) if parameters is None else parameters
    given = {name: tensor.detach().clone().requires_grad_() for name, tensor in own.items()}
    theirs_in = [tensor.detach().clone().requires_grad_() for tensor in (x, *states)]
    ours_in = [tensor.detach().clone().requires_grad_() for tensor in (x, *states)]
    theirs, their_last = module(theirs_in[0], _as_given(theirs_in[1:]))
    if not theirs.numel():
        raise ValueError(f"x has shape {tuple(x.shape)}; there is nothing to compare")
    layout = stored(module)
    stack = Stack(layout.layer, "torch")
    ours, our_last = stack.sequence(given, *ours_in, batch_first=bool(module.batch_first))

    last = list(zip(_as_tuple(our_last), _as_tuple(their_last), strict=True))
    results = [(ours, theirs), *last]
    random = torch.Generator(x.device).manual_seed(0)
    weights = [_normal_like(theirs, random) for _, theirs in results]
    packed = dict(module.named_parameters())
    wanted = [*packed.values(), *theirs_in]
    theirs_out = torch.autograd.grad([theirs for _, theirs in results], wanted, weights)
    ours_out = torch.autograd.grad(
        [ours for ours, _ in results], [*given.values(), *ours_in], weights
    )
    by_name = layout.unpack(dict(zip(packed, theirs_out, strict=False)))
    own_gradients = dict(zip(given, ours_out, strict=False))
    gradients = [(own_gradients[name], tensor) for name, tensor in by_name.items()]
    gradients += zip(ours_out[len(given) :], theirs_out[len(packed) :], strict=True)
    return Comparison(
        outputs=_difference(ours, theirs),
        states=worst(*(_difference(*pair) for pair in last)),
        gradients=worst(*(_difference(*pair) for pair in gradients)),
        numbers=sum(theirs.numel() for _, theirs in [*results, *gradients]),
    )


def _difference(ours: Tensor, theirs: Tensor) -> float:
    if ours.shape != theirs.shape:
        raise ValueError(f"results of shapes {tuple(ours.shape)} and {tuple(theirs.shape)}")
    difference = (ours - theirs).abs().max() / theirs.abs().max().clamp(min=1.0)
    return float(difference.item())


def _normal_like(tensor: Tensor, random: torch.Generator) -> Tensor:
    return torch.randn(tensor.shape, generator=random, dtype=tensor.dtype, device=tensor.device)


def _as_given(states: list[Tensor]) -> Tensor | tuple[Tensor, ...] | None:
    """The first states as a layer takes them."""
    return None if not states else states[0] if len(states) == 1 else tuple(states)


def _as_tuple(states: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return states if isinstance(states, tuple) else (states,)
