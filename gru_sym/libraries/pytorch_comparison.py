"""A layer of PyTorch beside the code of its equations: outputs, states and gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gru_sym.codegen.stacked import Stack
from gru_sym.libraries.pytorch import cell_of, named_gradients, named_parameters


@dataclass(frozen=True)
class Comparison:
    """The largest differences, each divided by the largest number of the layer's result, or by 1.

    Attributes
    ----------
    outputs, states : of the output at every step, and of the last states.
    gradients : of the gradient of any parameter, of x and of the first states.
    numbers : how many numbers were compared.
    """

    outputs: float
    states: float
    gradients: float
    numbers: int

    @property
    def largest(self) -> float:
        """The largest of the three."""
        return max(self.outputs, self.states, self.gradients)


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
    """
    own = named_parameters(module) if parameters is None else parameters
    given = {name: tensor.detach().clone().requires_grad_() for name, tensor in own.items()}
    theirs_in = [tensor.detach().clone().requires_grad_() for tensor in (x, *states)]
    ours_in = [tensor.detach().clone().requires_grad_() for tensor in (x, *states)]

    module.zero_grad()
    first = theirs_in[1:]
    theirs, their_last = module(theirs_in[0], _as_given(first))
    stack = Stack(cell_of(module)[1], "torch")
    ours, our_last = stack.sequence(given, *ours_in, batch_first=bool(module.batch_first))

    weights = [torch.randn_like(result) for result in (theirs, *_as_tuple(their_last))]
    torch.autograd.backward([theirs, *_as_tuple(their_last)], weights)
    torch.autograd.backward([ours, *_as_tuple(our_last)], weights)
    gradients = [(_gradient(given[name]), g) for name, g in named_gradients(module).items()]
    inputs = zip(ours_in, theirs_in, strict=True)
    gradients += [(_gradient(a), _gradient(b)) for a, b in inputs]
    last = list(zip(_as_tuple(our_last), _as_tuple(their_last), strict=True))
    pairs = [(ours, theirs), *last, *gradients]
    return Comparison(
        outputs=_difference(ours, theirs),
        states=max(_difference(*pair) for pair in last),
        gradients=max(_difference(*pair) for pair in gradients),
        numbers=sum(theirs.numel() for _, theirs in pairs),
    )


def _difference(ours: Tensor, theirs: Tensor) -> float:
    if ours.shape != theirs.shape:
        raise ValueError(f"results of shapes {tuple(ours.shape)} and {tuple(theirs.shape)}")
    scale = max(1.0, theirs.abs().max().item())
    return (ours - theirs).abs().max().item() / scale


def _gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None, "backward() has just run"
    return tensor.grad


def _as_given(states: list[Tensor]) -> Tensor | tuple[Tensor, ...] | None:
    """The first states as a layer takes them."""
    return None if not states else states[0] if len(states) == 1 else tuple(states)


def _as_tuple(states: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return states if isinstance(states, tuple) else (states,)
