"""Keras' files of weights, .weights.h5 and .keras: arrays by the names of the layouts; needs h5py.

The format is that of keras/src/saving/saving_lib.py: a group for each layer, `layers/gru`, with its
weights by their numbers; a .keras archive holds that file and what it takes to build the layers.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from gru_sym.explanation.contents import FileError
from gru_sym.explanation.hdf5_files import beside_weights, stored, weights_inside
from gru_sym.explanation.keras_names import INSIDE, KINDS, NAMES, named
from gru_sym.libraries.layout import layout

MAX_PACKED = 1100
"""How many times longer a dataset may be than the file: no packing of HDF5's makes more of it."""

CLASSES = {"simple_rnn": "SimpleRNN", "gru": "GRU", "lstm": "LSTM"}
OWN = re.compile(r"(?:(\d{1,4})/)?(?:(forward|backward)_\w+/\w+_cell/)?(\w+)")
"""A weight as `convert` calls it: the number of its layer in a stack, its direction, its name."""

Layer = dict[str, dict[str, Any]]
"""The weights of a layer by direction, "" for one alone, and by name."""


def arrays(path: Path) -> dict[str, Any]:
    """Every array of a file, those of optimisers left out.

    Raises `FileError`; data that lie in other files are not read.
    """
    found: dict[str, Any] = {}
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        inside: Any = file
        try:
            if path.suffix.lower() == ".keras":
                inside, size, _ = weights_inside(file, size, size)
            for name, dataset in stored(inside, size, []):
                if dataset.nbytes > MAX_PACKED * size:
                    raise FileError(f"{name[:80]!r} would be longer than the file can hold")
                if not beside_weights(name):
                    found[name] = dataset[()]
        except FileError as error:
            raise FileError(f"{path}: {error}") from error
    return named(found)


def write_weights(file: BinaryIO, arrays: Mapping[str, Any]) -> None:
    """A .weights.h5 file of layers that follow each other, for `model.load_weights`.

    Raises `FileError` for arrays that are not those of Keras' recurrent layers.
    """
    try:
        import h5py
    except ImportError as error:
        raise FileError("writing Keras' files takes h5py: pip install h5py") from error
    raw = io.BytesIO()
    with h5py.File(raw, "w") as root:
        root.create_group("vars").attrs["name"] = "sequential"
        for name, layer in _numbered(_layers(arrays)):
            root.create_group(f"layers/{name}/vars").attrs["name"] = name
            for direction, own in layer.items():
                place = f"layers/{name}/{direction}_layer" if direction else f"layers/{name}"
                kind = _kind(own)
                if direction:
                    root.create_group(f"{place}/vars").attrs["name"] = f"{direction}_{kind}"
                cell = root.create_group(f"{place}/cell/vars")
                cell.attrs["name"] = f"{kind}_cell"
                for number, weight in enumerate(NAMES):
                    if weight in own:
                        cell[str(number)] = own[weight]
    file.write(raw.getvalue())


def write_archive(file: BinaryIO, arrays: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """A .keras archive of layers that follow each other, for `keras.models.load_model`.

    `options` are those that the arrays do not tell, such as `reset_after` without any bias.

    Raises `FileError` for arrays that are not those of Keras' recurrent layers.
    """
    raw = io.BytesIO()
    write_weights(raw, arrays)
    layers = _layers(arrays)
    first = next(iter(layers[0].values()))["kernel"]
    built = [_built("InputLayer", {"batch_shape": [None, None, first.shape[0]]})]
    for name, layer in _numbered(layers):
        weights = next(iter(layer.values()))
        one = _built(CLASSES[_kind(weights)], _options(weights, options))
        if len(layer) > 1:
            one = _built("Bidirectional", {"merge_mode": "concat", "layer": one})
        one["config"]["name"] = name
        built.append(one)
    model = _built("Sequential", {"name": "sequential", "layers": built}, "keras")
    version = layout("keras").title.rpartition(" ")[2]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(model))
        archive.writestr(INSIDE, raw.getvalue())


def _layers(arrays: Mapping[str, Any]) -> list[Layer]:
    """The layers, the lowest first."""
    found: dict[int, Layer] = {}
    for name, array in arrays.items():
        match = OWN.fullmatch(name)
        if match is None or match[3] not in NAMES:
            raise FileError(
                f"{name} is no weight of a recurrent layer in Keras; write another kind"
            )
        found.setdefault(int(match[1] or 0), {}).setdefault(match[2] or "", {})[match[3]] = array
    return [found[number] for number in sorted(found)]


def _numbered(layers: list[Layer]) -> list[tuple[str, Layer]]:
    """The layers with the names that Keras gives them: gru, gru_1, ..."""
    seen: Counter[str] = Counter()
    named_ = []
    for layer in layers:
        name = "bidirectional" if len(layer) > 1 else _kind(next(iter(layer.values())))
        named_.append((f"{name}_{seen[name]}" if seen[name] else name, layer))
        seen[name] += 1
    return named_


def _kind(weights: Mapping[str, Any]) -> str:
    rows, columns = weights["recurrent_kernel"].shape
    return KINDS[columns // rows]


def _options(weights: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's options: those that its weights tell, and the others."""
    kernel, bias = weights["recurrent_kernel"], weights.get("bias")
    told = {"units": kernel.shape[0], "return_sequences": True, "use_bias": bias is not None}
    return {**options, **told, "dtype": str(kernel.dtype)}


def _built(kind: str, config: dict[str, Any], module: str = "keras.layers") -> dict[str, Any]:
    """An object in the words of keras/src/saving/serialization_lib.py."""
    return {"module": module, "class_name": kind, "config": config, "registered_name": None}
