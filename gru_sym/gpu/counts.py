"""Parameters on the device: PyTorch's layers counted, and the buffer that their weights lie in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from gru_sym.evidence.bias_modes import BiasMode
from gru_sym.evidence.plan import STACKS, Plan, Row
from gru_sym.gpu.cudnn import CudnnError, CudnnRnn
from gru_sym.libraries.pytorch import cell_of, sizes_of

KINDS: dict[str, Callable[..., nn.RNNBase]] = {"GRU": nn.GRU, "LSTM": nn.LSTM, "RNN": nn.RNN}


def rows(plan: Plan) -> Iterator[Row]:
    """Each layer: what gru_sym derives, what PyTorch allocated, and what cuDNN asks for.

    >>> from gru_sym.evidence.plan import dry_plan
    >>> row = next(rows(dry_plan("cpu")))
    >>> row["kind"], row["formula"], row["derived"], row["numel"]
    ('GRU', '3*m*n + 3*n**2 + 6*n', 12, 12)

    `buffer_bytes` is null where the weights do not lie in one buffer, as on the CPU;
    `weight_space_bytes` is cuDNN's own answer for one layer in one direction, else null.
    """
    for kind, (m, n), (layers, directions) in itertools.product(KINDS, plan.layers, STACKS):
        for bias in (True, False):
            yield _row(plan, kind, m, n, layers, directions, bias)
        if kind == "LSTM" and n > 1:
            yield _row(plan, kind, m, n, layers, directions, True, proj_size=n // 2)


def _row(
    plan: Plan, kind: str, m: int, n: int, layers: int, directions: int, bias: bool, **more: int
) -> Row:
    options: dict[str, Any] = {"bidirectional": directions == 2, "bias": bias, **more}
    module = KINDS[kind](m, n, num_layers=layers, device=plan.device, **options)
    name, layer = cell_of(module)
    numel = sum(parameter.numel() for parameter in module.parameters())
    itemsize = next(module.parameters()).element_size()
    row: Row = {"kind": kind, "cell": name, "m": m, "n": n, "p": more.get("proj_size")}
    row |= {"layers": layers, "directions": directions, "bias": bias}
    row |= {"formula": str(layer.count()), "derived": layer.count(**sizes_of(module))}
    row |= {"numel": numel, "itemsize": itemsize}
    alone = plan.device == "cuda" and (layers, directions) == (1, 1) and not more
    try:
        space = _weight_space(plan, kind, m, n, bias) if alone else None
    except CudnnError:  # told in the section of the bias modes; PyTorch's own counts need no cuDNN
        space = None
    for what, size in (("buffer", _buffer(module)), ("weight_space", space)):
        row[f"{what}_bytes"] = size
        row[f"{what}_padding_bytes"] = None if size is None else size - numel * itemsize
    return row


def _buffer(module: nn.RNNBase) -> int | None:
    """The bytes of the one storage that all parameters are views of; None if there is none."""
    module.flatten_parameters()
    storages = {p.untyped_storage().data_ptr(): p.untyped_storage() for p in module.parameters()}
    return next(iter(storages.values())).nbytes() if len(storages) == 1 else None


def _weight_space(plan: Plan, kind: str, m: int, n: int, bias: bool) -> int:
    mode = BiasMode.DOUBLE if bias else BiasMode.NONE
    sizes: dict[str, Any] = {"input_size": m, "hidden_size": n, "batch": 1, "steps": 1}
    name = "RNN_TANH" if kind == "RNN" else kind
    with CudnnRnn(name, bias=mode, dtype=torch.float32, device=plan.device, **sizes) as layer:
        return layer.weight_space_bytes
