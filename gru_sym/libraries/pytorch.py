"""PyTorch's recurrent layers: which catalogue cell each is, and its tensors by the cell's names.

PyTorch packs the gates of a kernel into one tensor, block below block: r, z, n in a GRU, i, f, g, o
in an LSTM. Source: torch/nn/modules/rnn.py of PyTorch 2.13.0, the docstrings of GRU, LSTM and RNN.
Importing this file imports torch; `import gru_sym` does not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor, nn

from gru_sym.layers import Layer
from gru_sym.lookup import cell as catalogue_cell
from gru_sym.transform import replace, without_biases

Module = TypeVar("Module", bound=nn.Module)

KINDS: tuple[tuple[type[nn.Module], type[nn.Module], str, str], ...] = (
    (nn.GRU, nn.GRUCell, "gru.pytorch", "rzn"),
    (nn.LSTM, nn.LSTMCell, "lstm.pytorch", "ifgo"),
    (nn.RNN, nn.RNNCell, "rnn.pytorch", "h"),
)
"""A layer, its cell, the catalogue id, the gates in the order in which they are packed."""


@dataclass(frozen=True, order=True)
class Block:
    """One of `count` equal blocks of rows of a packed tensor."""

    tensor: str
    index: int
    count: int

    def of(self, tensor: Tensor) -> Tensor:
        """The block, as a view."""
        return tensor.chunk(self.count)[self.index]


def cell_of(module: nn.Module) -> tuple[str, Layer]:
    """The catalogue id of a PyTorch layer or cell, and the `Layer` that it is.

    >>> cell_of(nn.GRU(8, 16, num_layers=2, bidirectional=True))
    ('gru.pytorch', Layer(cell=<Cell gru.pytorch: 3*m*n + 3*n**2 + 6*n parameters>,
    num_layers=2, bidirectional=True, learn_initial_state=False, share_directions=False,
    share_layers=False))
    >>> cell_of(nn.LSTMCell(8, 16, bias=False))[1].count(m=8, n=16)
    1536

    An LSTM with `proj_size` is "lstm.projected". With `bias=False` the id is that of the cell with
    biases and the layer's cell is that cell without them; with `nonlinearity="relu"`, with relu.

    Raises `TypeError` for any other module.
    """
    name, _ = _kind(module)
    relu = getattr(module, "nonlinearity", "tanh") == "relu"
    layers, both = getattr(module, "num_layers", 1), getattr(module, "bidirectional", False)
    return name, _layer(name, relu, bool(module.bias), int(layers), bool(both))


def sizes_of(module: nn.Module) -> dict[str, int]:
    """The sizes of a layer in the cell's symbols: m, n, and p with a projection.

    >>> sizes_of(nn.LSTM(8, 16, proj_size=4))
    {'m': 8, 'n': 16, 'p': 4}
    """
    _kind(module)
    sizes = {"m": int(module.input_size), "n": int(module.hidden_size)}  # type: ignore[arg-type]
    projection = int(getattr(module, "proj_size", 0))
    return {**sizes, "p": projection} if projection else sizes


def blocks(module: nn.Module) -> dict[str, Block]:
    """Where each of the cell's parameters lies, in the order of `Layer.parameters`.

    >>> blocks(nn.GRU(8, 16))["b_hz_l0"]
    Block(tensor='bias_hh_l0', index=1, count=3)

    Raises `TypeError` for a module that is not a recurrent layer of PyTorch.
    """
    _, gates = _kind(module)
    return dict(_blocks(cell_of(module)[1], gates, isinstance(module, nn.RNNCellBase)))


def named_parameters(module: nn.Module) -> dict[str, Tensor]:
    """The parameters by the cell's names: detached views, so that writing one writes the layer.

    >>> list(named_parameters(nn.RNN(8, 16)))
    ['W_ih_l0', 'b_ih_l0', 'W_hh_l0', 'b_hh_l0']
    >>> named_parameters(nn.GRU(8, 16, bidirectional=True))["W_in_l0_reverse"].shape
    torch.Size([16, 8])

    The names are those of `cell_of(module)[1].parameters`; a GRUCell's end in `_l0`, too.
    """
    return _named(module, torch.Tensor.detach)


def named_gradients(module: nn.Module) -> dict[str, Tensor]:
    """The gradients by the cell's names, as views. Raises `ValueError` where there is none yet.

    >>> layer = nn.GRU(8, 16)
    >>> layer(torch.ones(5, 8))[0].sum().backward()
    >>> gradients = named_gradients(layer)
    >>> torch.allclose(gradients["b_ir_l0"], gradients["b_hr_l0"])
    True
    """

    def gradient(parameter: Tensor) -> Tensor:
        if parameter.grad is None:
            raise ValueError("the module has no gradients; call backward() first")
        return parameter.grad

    return _named(module, gradient)


def cell_names(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """By the names of the cell alone, for one layer in one direction.

    >>> list(cell_names(named_parameters(nn.RNN(8, 16))))
    ['W_ih', 'b_ih', 'W_hh', 'b_hh']

    Raises `ValueError` for a name of another layer or direction.
    """
    if other := [name for name in named if not name.endswith("_l0")]:
        raise ValueError(f"{other[0]} is not of the first layer's first direction")
    return {name.removesuffix("_l0"): tensor for name, tensor in named.items()}


def pack(module: nn.Module, named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way back: tensors by the cell's names -> PyTorch's, packed. Gradients flow through.

    >>> layer = nn.LSTM(8, 16)
    >>> packed = pack(layer, named_parameters(layer))
    >>> all(torch.equal(packed[name], tensor) for name, tensor in layer.state_dict().items())
    True

    Raises `ValueError` for a name missing, a name too many, or a tensor of another shape.
    """
    expected = named_parameters(module)
    if wrong := sorted(expected.keys() ^ named.keys()):
        problem = "is missing" if wrong[0] in expected else f"is not one of {', '.join(expected)}"
        raise ValueError(f"{wrong[0]} {problem}")
    rows: dict[str, list[Tensor]] = {}
    for name, block in sorted(blocks(module).items(), key=lambda item: item[1]):
        if named[name].shape != expected[name].shape:
            shape, wanted = tuple(named[name].shape), tuple(expected[name].shape)
            raise ValueError(f"{name} has shape {shape}; it must have {wanted}")
        rows.setdefault(block.tensor, []).append(named[name])
    return {tensor: torch.cat(parts) for tensor, parts in rows.items()}


def with_parameters(module: Module, named: Mapping[str, Tensor]) -> Module:
    """A copy of the module that holds these tensors, given by the cell's names.

    >>> layer = nn.RNNCell(8, 16)
    >>> zero = {name: 0 * tensor for name, tensor in named_parameters(layer).items()}
    >>> with_parameters(layer, zero)(torch.ones(8)).abs().max().item()
    0.0

    Raises `ValueError` as `pack` does.
    """
    other = copy.deepcopy(module)
    other.load_state_dict(pack(module, named))
    return other


def _kind(module: nn.Module) -> tuple[str, str]:
    """The catalogue id and the packed gates."""
    for layer, single, name, gates in KINDS:
        if isinstance(module, (layer, single)):
            return ("lstm.projected" if getattr(module, "proj_size", 0) else name), gates
    known = ", ".join(f"{layer.__name__}, {single.__name__}" for layer, single, _, _ in KINDS)
    kind = type(module).__name__
    raise TypeError(f"{kind} is not a recurrent layer of PyTorch that gru_sym reads: {known}")


@lru_cache
def _layer(name: str, relu: bool, bias: bool, layers: int, both: bool) -> Layer:
    cell = catalogue_cell(name)
    if relu:
        cell = replace(cell, "tanh", "relu", name=f"{name} with relu")
    if not bias:
        cell = without_biases(cell)
    return Layer(cell, num_layers=layers, bidirectional=both)


@lru_cache
def _blocks(layer: Layer, gates: str, single: bool) -> tuple[tuple[str, Block], ...]:
    return tuple((p.name, _block(p.name, gates, single)) for p in layer.parameters)


def _named(module: nn.Module, view: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    own = dict(module.named_parameters())
    return {name: block.of(view(own[block.tensor])) for name, block in blocks(module).items()}


def _block(name: str, gates: str, single: bool) -> Block:
    """Of "W_ir_l0": the rows of gate r in weight_ih_l0, or in the weight_ih of a single cell."""
    variable, source, layer = name.split("_", 2)
    suffix = "" if single else f"_{layer}"
    if source == "hr" and "r" not in gates:
        return Block(f"weight_hr{suffix}", 0, 1)
    kind = {"W": "weight", "b": "bias"}[variable]
    return Block(f"{kind}_{source[0]}h{suffix}", gates.index(source[1]), len(gates))
