"""Which operations PyTorch starts: a cost without a clock, and who computes a layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

MAKERS = {"_cudnn_rnn": "cuDNN", "mkldnn_rnn_layer": "oneDNN"}
"""The operations that hand a whole layer to another library, as PyTorch 2 names them."""


class _Listener(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what computes; a view of a tensor computes nothing."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.heard: Counter[str] = Counter()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if not function.is_view:
            self.heard[function.overloadpacket.__name__] += 1
        return function(*args, **(kwargs or {}))


def started(function: Callable[[], object]) -> Counter[str]:
    """The operations of PyTorch's core that a call starts, without those that only make views.

    >>> import torch
    >>> x = torch.ones(3, 4)
    >>> sorted(started(lambda: torch.tanh(x.T[0] + 1)).items())
    [('add', 1), ('tanh', 1)]
    """
    listener = _Listener()
    with listener:
        function()
    return listener.heard


def maker(layer: nn.RNNBase, x: Tensor) -> str:
    """Who computes a layer for this input: "cuDNN", "oneDNN", or else "PyTorch".

    >>> import torch
    >>> maker(nn.GRU(8, 16), torch.ones(5, 8))
    'PyTorch'
    """
    names = started(lambda: layer(x))
    return next((library for name, library in MAKERS.items() if name in names), "PyTorch")
