"""Libraries that are run: one small file each, on how its layers are built, filled and read.

Each file has `DISTRIBUTION`, the package whose version counts; `LAYOUT`, the layout that says where
the parameters lie; `precision`, how exactly the library computes a layer, and why not better; and
`run`, which answers a `Question`. All else is in `gru_sym.libraries.live.running`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

Array: TypeAlias = Any
"""A NumPy array."""

RUNNERS = (
    "pytorch keras flax_linen flax_nnx equinox haiku mlx onnx_evaluator onnxruntime openvino"
).split()
"""The files of this folder that run a library."""


@dataclass(frozen=True)
class Question:
    """A layer to build, its tensors by the layout's names, and what to run it on.

    Attributes
    ----------
    layer, options : as the library writes them, sizes included.
    num_layers, bidirectional : of a stack, where one layer of the library can be one.
    tensors : NumPy arrays of `dtype`.
    x : (T, B, m).
    states : h and for an LSTM c, each (L D, B, n).
    """

    layer: str
    options: Mapping[str, Any]
    num_layers: int
    bidirectional: bool
    dtype: str
    tensors: Mapping[str, Array]
    x: Array
    states: tuple[Array, ...]


@dataclass(frozen=True)
class Answer:
    """What the library made of it.

    Attributes
    ----------
    outputs : (T, B, D n).
    states : the last ones, as in the question.
    count : the library's own count of what it stores.
    tensors : read out of the layer after the run, by the layout's names.
    """

    outputs: Array
    states: tuple[Array, ...]
    count: int
    tensors: Mapping[str, Array]


@dataclass(frozen=True)
class Precision:
    """The numbers a layer is given, the largest difference that is rounding, and why not less."""

    dtype: str
    bound: float
    reason: str = ""


EXACT = Precision("float64", 1e-12)


def step_by_step(
    step: Callable[..., Sequence[Array]], x: Array, states: Sequence[Array]
) -> tuple[Array, tuple[Array, ...]]:
    """Run a cell of one step over a sequence: the outputs, and the last states (1, B, n).

    `step` takes the input and the states at one step, and returns the next states, h first.
    """
    import numpy as np

    at, outputs = [state[0] for state in states], []
    for now in x:
        at = [np.asarray(state) for state in step(now, *at)]
        outputs.append(at[0])
    return np.stack(outputs), tuple(state[None] for state in at)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables that a library reads while it is imported, as they were afterwards."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
