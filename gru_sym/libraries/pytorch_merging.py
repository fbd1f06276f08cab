"""PyTorch's recurrent layers without their redundant biases: converted, and trained."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from gru_sym.experiment.merging import bias_sums, merge, unmerge
from gru_sym.libraries.pytorch import cell_of, named_parameters, pack, with_parameters
from gru_sym.transform import merge as merged_cell

Module = TypeVar("Module", bound=nn.Module)


def merge_biases(module: nn.Module) -> dict[str, Tensor]:
    """The non-redundant parameters of a layer: each sum of biases as one.

    >>> [name for name in merge_biases(nn.GRU(8, 16)) if name.startswith("b")]
    ['b_r_l0', 'b_z_l0', 'b_in_l0', 'b_hn_l0']
    >>> [name for name in merge_biases(nn.LSTM(8, 16)) if name.startswith("b")]
    ['b_i_l0', 'b_f_l0', 'b_g_l0', 'b_o_l0']
    >>> layer = nn.GRU(8, 16)
    >>> merged = merge_biases(layer)
    >>> sum(p.numel() for p in layer.parameters()), sum(t.numel() for t in merged.values())
    (1248, 1216)
    >>> torch.equal(merged["b_r_l0"], (layer.bias_ih_l0 + layer.bias_hh_l0)[:16])
    True

    The names are those of gru.merged, with the layer's suffix. A GRU's candidate keeps both of its
    biases. `unmerge_biases` gives a layer of the same function; a pre-activation moves by at most
    `rounding_bound` of `gru_sym.experiment.merging`. What is not such a sum is a view, as in
    `named_parameters`.
    """
    if isinstance(module, MergedLayer):
        return {name: tensor.detach() for name, tensor in module.tensors.items()}
    return merge(cell_of(module)[1], named_parameters(module))


def unmerge_biases(module: Module, merged: Mapping[str, Tensor]) -> Module:
    """A copy of the module that holds merged parameters; every redundant bias in it is zero.

    >>> layer = unmerge_biases(nn.GRU(8, 16), merge_biases(nn.GRU(8, 16)))
    >>> [bool(tensor.any()) for tensor in layer.bias_hh_l0.chunk(3)]
    [False, False, True]

    Raises `ValueError` as `pack` does.
    """
    return with_parameters(module, unmerge(cell_of(module)[1], merged))


class MergedLayer(nn.Module):
    """A layer with one bias where PyTorch's has two that are summed: the same function, trainable.

    >>> pair = nn.GRU(8, 16)
    >>> merged = MergedLayer(pair)
    >>> sum(p.numel() for p in pair.parameters()) - sum(p.numel() for p in merged.parameters())
    32
    >>> x = torch.ones(5, 8)
    >>> torch.allclose(merged(x)[0], pair(x)[0])
    True

    PyTorch's own kernels run, with zeros where the redundant biases would be. `tensors` holds the
    parameters under the names of `merge_biases`.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.layer = cell_of(module)[1]
        tensors = {name: nn.Parameter(t.clone()) for name, t in merge_biases(module).items()}
        self.tensors = nn.ParameterDict(tensors)
        # In a tuple, so that its parameters are not counted as this module's.
        self._kernel = (copy.deepcopy(module).requires_grad_(False),)

    def forward(self, *inputs: Any) -> Any:
        """As the module from which this layer was made."""
        (kernel,) = self._kernel
        packed = pack(kernel, unmerge(self.layer, dict(self.tensors.items())))
        return torch.func.functional_call(kernel, packed, inputs)

    def summed(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """The biases that stand for a sum of two, and all other parameters."""
        sums = bias_sums(self.layer.cell)
        merged = replace(self.layer, cell=merged_cell(self.layer.cell))
        summed = {p.name for p in merged.parameters if p.in_cell in sums}
        one = [tensor for name, tensor in self.tensors.items() if name in summed]
        other = [tensor for name, tensor in self.tensors.items() if name not in summed]
        return one, other

    def parameter_groups(
        self, lr: float, weight_decay: float = 0.0, *, rate: float = 2.0, decay: float = 0.5
    ) -> list[dict[str, Any]]:
        """Groups for an optimiser that trains this layer as it would train the one with two biases.

        >>> [group["lr"] for group in MergedLayer(nn.GRU(8, 16)).parameter_groups(lr=0.1)]
        [0.1, 0.2]

        Biases that stand for a sum get `rate` times the learning rate and `decay` times the decay.
        """
        summed, other = self.summed()
        twice = {"lr": rate * lr, "weight_decay": decay * weight_decay}
        groups = [
            {"params": other, "lr": lr, "weight_decay": weight_decay},
            {"params": summed, **twice},
        ]
        return [group for group in groups if group["params"]]

    def clip_gradients(self, max_norm: float, *, count: float = 2.0) -> Tensor:
        """Clip by the global norm of the layer with two biases; the norm before clipping.

        The squares of the summed biases' gradients count `count` times; otherwise as
        `torch.nn.utils.clip_grad_norm_`, which is `count=1`.
        """
        summed, other = self.summed()
        squares = [(w, t.grad) for w, ts in ((count, summed), (1.0, other)) for t in ts]
        norm = torch.stack([w * (g**2).sum() for w, g in squares if g is not None]).sum().sqrt()
        scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        for _, gradient in squares:
            if gradient is not None:
                gradient.mul_(scale)
        return norm
