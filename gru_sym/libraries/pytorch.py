"""PyTorch's recurrent layers, live: which cell each is, and its tensors by the cell's names.

Where the parameters lie is in `layouts/pytorch.txt`. Importing this file imports torch; `import
gru_sym` does not.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn

from gru_sym.layers import Layer, suffix
from gru_sym.libraries.layout import layout
from gru_sym.libraries.stored import StoredLayer

Module = TypeVar("Module", bound=nn.Module)

LAYERS = (nn.GRU, nn.GRUCell, nn.LSTM, nn.LSTMCell, nn.RNN, nn.RNNCell)


def stored(module: nn.Module) -> StoredLayer:
    """What a recurrent layer or cell of PyTorch stores, and where.

    >>> stored(nn.LSTM(8, 16, proj_size=4)).tensors["weight_hr_l0"]
    (4, 16)

    Raises `TypeError` for any other module.
    """
    name = next((kind.__name__ for kind in LAYERS if isinstance(module, kind)), None)
    if name is None:
        known = ", ".join(kind.__name__ for kind in LAYERS)
        kind = type(module).__name__
        raise TypeError(f"{kind} is not a recurrent layer of PyTorch that gru_sym reads: {known}")
    library = layout("pytorch")
    return library.layer(
        name,
        num_layers=getattr(module, "num_layers", 1),
        bidirectional=getattr(module, "bidirectional", False),
        **{option: getattr(module, option) for option in library.options(name)},
    )


def cell_of(module: nn.Module) -> tuple[str, Layer]:
    """The catalogue id of a PyTorch layer or cell, and the `Layer` that it is.

    >>> cell_of(nn.GRU(8, 16, num_layers=2, bidirectional=True))
    ('gru.pytorch', Layer(cell=<Cell gru.pytorch: 3*m*n + 3*n**2 + 6*n parameters>,
    num_layers=2, bidirectional=True, learn_initial_state=False, share_directions=False,
    share_layers=False, merge='concat'))
    >>> cell_of(nn.LSTMCell(8, 16, bias=False))[1].count(m=8, n=16)
    1536

    An LSTM with `proj_size` is "lstm.projected". With `bias=False` the id is that of the cell with
    biases and the layer's cell is that cell without them; with `nonlinearity="relu"`, with relu.

    Raises `TypeError` for any other module.
    """
    found = stored(module)
    return found.cell_id, found.layer


def sizes_of(module: nn.Module) -> dict[str, int]:
    """The sizes of a layer in the cell's symbols: m, n, and p with a projection.

    >>> sizes_of(nn.LSTM(8, 16, proj_size=4))
    {'m': 8, 'n': 16, 'p': 4}
    """
    return dict(stored(module).sizes)


def named_parameters(module: nn.Module) -> dict[str, Tensor]:
    """The parameters by the cell's names: detached views, so that writing one writes the layer.

    >>> list(named_parameters(nn.RNN(8, 16)))
    ['W_ih_l0', 'b_ih_l0', 'W_hh_l0', 'b_hh_l0']
    >>> named_parameters(nn.GRU(8, 16, bidirectional=True))["W_in_l0_reverse"].shape
    torch.Size([16, 8])

    The names are those of `cell_of(module)[1].parameters`; a GRUCell's end in `_l0`, too.
    """
    own = {name: tensor.detach() for name, tensor in module.named_parameters()}
    return stored(module).unpack(own)


def named_gradients(module: nn.Module) -> dict[str, Tensor]:
    """The gradients by the cell's names, as views. Raises `ValueError` where there is none yet.

    >>> import torch
    >>> layer = nn.GRU(8, 16)
    >>> layer(torch.ones(5, 8))[0].sum().backward()
    >>> gradients = named_gradients(layer)
    >>> torch.allclose(gradients["b_ir_l0"], gradients["b_hr_l0"])
    True
    """
    gradients = {name: tensor.grad for name, tensor in module.named_parameters()}
    if None in gradients.values():
        raise ValueError("the module has no gradients; call backward() first")
    return stored(module).unpack(gradients)


def cell_names(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """By the names of the cell alone, for one layer in one direction.

    >>> list(cell_names(named_parameters(nn.RNN(8, 16))))
    ['W_ih', 'b_ih', 'W_hh', 'b_hh']

    Raises `ValueError` for a name of another layer or direction.
    """
    first = suffix(level=0, direction=0)
    if other := [name for name in named if not name.endswith(first)]:
        raise ValueError(f"{other[0]} is not of the first layer's first direction")
    return {name.removesuffix(first): tensor for name, tensor in named.items()}


def pack(module: nn.Module, named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way back: tensors by the cell's names -> PyTorch's, packed. Gradients flow through.

    >>> import torch
    >>> layer = nn.LSTM(8, 16)
    >>> packed = pack(layer, named_parameters(layer))
    >>> all(torch.equal(packed[name], tensor) for name, tensor in layer.state_dict().items())
    True

    Raises `ValueError` for a name missing, a name too many, or a tensor of another shape.
    """
    return stored(module).pack(named)


def with_parameters(module: Module, named: Mapping[str, Tensor]) -> Module:
    """A copy of the module that holds these tensors, given by the cell's names.

    >>> import torch
    >>> layer = nn.RNNCell(8, 16)
    >>> zero = {name: 0 * tensor for name, tensor in named_parameters(layer).items()}
    >>> with_parameters(layer, zero)(torch.ones(8)).abs().max().item()
    0.0

    Raises `ValueError` as `pack` does.
    """
    other = copy.deepcopy(module)
    other.load_state_dict(pack(module, named))
    return other
