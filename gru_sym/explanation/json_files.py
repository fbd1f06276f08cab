"""Weights as lists of numbers in JSON: RTNeural's models, state dicts, Neural Amp Modeler's .nam.

The formats: jatinchowdhury18/RTNeural, models/ at commit 1fb1f075a5d66e85bfc8f488c3f3626840cb3a1d;
sdatkinson/NeuralAmpModelerCore, NAM/lstm.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, BinaryIO

from gru_sym.explanation.contents import (
    MAX_JSON,
    MAX_TENSORS,
    Contents,
    FileError,
    Given,
    Tensor,
    strict_json,
)
from gru_sym.explanation.keras_names import NAMES


def read(file: BinaryIO, size: int) -> Contents:
    """The arrays of a JSON text: a model of RTNeural, or names with nested lists of numbers.

    >>> import io
    >>> raw = b'{"gru.weight_ih_l0": [[1, 2], [3, 4], [5, 6]], "gru.bias_ih_l0": [1, 2, 3]}'
    >>> [tensor.shape for tensor in read(io.BytesIO(raw), len(raw)).tensors]
    [(3, 2), (3,)]

    Raises `FileError`.
    """
    model = _model(file)
    contents = Contents("JSON file")
    if isinstance(model.get("layers"), list):
        contents.kind = "RTNeural model"
        model = dict(_of_layers(model["layers"]))
    for name, value in model.items():
        if isinstance(value, list):
            contents.tensors.append(Tensor(name, _shape(value, repr(name[:80]))))
        if len(contents.tensors) > MAX_TENSORS:
            raise FileError(f"the file has more than {MAX_TENSORS} arrays")
    if not contents.tensors:
        raise FileError("it has no lists of numbers by their names")
    if others := len(model) - len(contents.tensors):
        contents.notes.append(f"{others} entries of the file are no lists of numbers")
    return contents


def read_nam(file: BinaryIO, size: int) -> Contents:
    """The weights of a .nam file: one flat list, which its configuration divides.

    Raises `FileError`, also where the two do not agree.
    """
    model = _model(file)
    weights, config = model.get("weights"), model.get("config")
    if not isinstance(weights, list) or not isinstance(config, dict):
        raise FileError("it has no weights and config, as a model of Neural Amp Modeler has them")
    (count,) = _shape(weights, "weights") if weights else (0,)
    contents = Contents("Neural Amp Modeler file")
    if model.get("architecture") != "LSTM":
        kind = str(model.get("architecture"))[:40]
        contents.tensors.append(Tensor("weights", (count,)))
        contents.notes.append(f"its architecture is {kind}: there is no recurrent layer in it")
        return contents
    m, n, levels = (
        _size(config, key, count) for key in ("input_size", "hidden_size", "num_layers")
    )
    out = _size({"out_channels": 1} | config, "out_channels", count)
    for level in range(levels):
        wide = n if level else m
        shapes = {"W": (4 * n, wide + n), "b": (4 * n,), "h0": (n,), "c0": (n,)}
        contents.tensors += [Tensor(f"{level}/{name}", shape) for name, shape in shapes.items()]
    contents.tensors += [Tensor("head/weight", (out, n)), Tensor("head/bias", (out,))]
    told = sum(math.prod(tensor.shape) for tensor in contents.tensors)
    if told != count:
        raise FileError(f"its config asks for {told} weights, and it has {count}")
    given = {"input_size": m, "hidden_size": n, "num_layers": levels}
    contents.given.append(Given("", "nam", "LSTM", given))
    return contents


def _size(config: dict[str, Any], name: str, most: int) -> int:
    size = config.get(name)
    if type(size) is not int or not 0 < size <= most:
        raise FileError(f"its config says {name} is {str(size)[:40]}, with {most} weights")
    return size


def _model(file: BinaryIO) -> dict[str, Any]:
    raw = file.read(MAX_JSON + 1)
    if len(raw) > MAX_JSON:
        raise FileError(f"it has more than the {MAX_JSON} bytes that are read")
    model = strict_json(raw, "it")
    if not isinstance(model, dict):
        raise FileError("it is not a JSON object")
    return model


def _of_layers(layers: list[Any]) -> Iterator[tuple[str, Any]]:
    """The arrays of RTNeural's layers, those of recurrent ones by Keras' names."""
    for number, layer in enumerate(layers):
        kind = layer.get("type") if isinstance(layer, dict) else None
        if not isinstance(kind, str) or not isinstance(layer.get("weights"), list):
            raise FileError(f"layer {number} has no type and weights")
        recurrent = kind in ("gru", "lstm") and len(layer["weights"]) <= len(NAMES)
        for place, array in enumerate(layer["weights"]):
            own = f".{NAMES[place]}" if recurrent else f"[{place}]"
            yield f"{number}.{kind[:40]}{own}", array


def _shape(value: list[Any], what: str) -> tuple[int, ...]:
    """The shape of nested lists of numbers."""
    shape: list[int] = []
    level: list[Any] = [value]
    while level and all(isinstance(item, list) for item in level):
        lengths = {len(item) for item in level}
        if len(lengths) > 1:
            raise FileError(f"{what} has rows of different lengths")
        shape += lengths
        level = [number for item in level for number in item]
    if any(type(number) not in (int, float) for number in level):
        raise FileError(f"{what} holds something beside numbers")
    return tuple(shape)
