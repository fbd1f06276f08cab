"""HDF5: Keras' .h5, .weights.h5 and .keras. Names and shapes; no value is read, no link followed.

The formats: keras/src/saving/saving_lib.py (Keras 3, `layers/gru/cell/vars/0`) and
keras/src/legacy/saving/legacy_h5_format.py (`model_weights/gru/gru/gru_cell/kernel`).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from gru_sym.explanation.archives import Window, names_once, opened, stored_at, whole
from gru_sym.explanation.contents import (
    MAX_TENSORS,
    Contents,
    FileError,
    Tensor,
    checked_shape,
    strict_json,
)
from gru_sym.explanation.keras_names import INSIDE, named

MAX_DEPTH = 24
"""How deep groups in groups are followed."""

MAX_ITEMS = 20_000
"""The most groups and datasets that are looked at."""

MAX_INSIDE = 2**26
"""The longest file of weights in a .keras archive that is unpacked, in bytes; Keras packs none."""

MAX_CONFIG = 4_000_000
"""The longest config.json that is read, in bytes."""

OPTIMISER = re.compile(r"(?:.*/)?(?:optimizer|optimizer_weights)/")
SEED = re.compile(r"(?:.*/)?seed_generator(?:_\d+)?/.*")
OPTIONS = ("reset_after", "use_bias", "activation", "recurrent_activation", "go_backwards")
LAYERS = ("GRU", "LSTM", "SimpleRNN", "GRUCell", "LSTMCell", "SimpleRNNCell")


def read_hdf5(file: BinaryIO, size: int) -> Contents:
    """The datasets of a file in HDF5, those of optimisers told and not counted.

    Raises `FileError`.
    """
    contents = Contents("HDF5 file")
    found: dict[str, Tensor] = {}
    for name, dataset in stored(file, size, contents.notes):
        shape = checked_shape(tuple(map(int, dataset.shape)), repr(name[:80]))
        tensor = Tensor(name, shape, str(dataset.dtype))
        if what := beside_weights(name):
            contents.left_out.append((tensor, what))
        else:
            found[name] = tensor
    for name, tensor in named(found).items():
        plain = name.removesuffix(":0")
        contents.tensors.append(Tensor(plain, tensor.shape, tensor.dtype))
    return contents


def beside_weights(name: str) -> str:
    """What a dataset is that holds no weight of the model; "" for one that does.

    >>> beside_weights("optimizer/vars/1"), beside_weights("layers/gru/cell/vars/1")
    ('a copy that the optimiser keeps', '')
    """
    if OPTIMISER.match(name):
        return "a copy that the optimiser keeps"
    return "a seed of random numbers" if SEED.match(name) else ""


def stored(file: BinaryIO, size: int, notes: list[str]) -> Iterator[tuple[str, Any]]:
    """Every dataset of numbers by its path, each once; `notes` are told of links not followed.

    Raises `FileError` for what is no file in HDF5, and for data that lie in another file.
    """
    try:
        import h5py
    except ImportError as error:
        raise FileError("reading it takes h5py: pip install h5py") from error
    if not size:
        raise FileError("it is empty")
    found = 0
    try:
        with h5py.File(file, "r") as root:
            for name, dataset in _datasets(root, h5py, notes):
                if dataset.external or dataset.is_virtual:
                    raise FileError(f"{name[:80]!r} lies in another file, which is not opened")
                if dataset.dtype.kind not in "fiub" or dataset.shape is None:
                    continue
                found += 1
                if found > MAX_TENSORS:
                    raise FileError(f"the file has more than {MAX_TENSORS} datasets")
                yield name, dataset
    except FileError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise FileError("it is not a file in HDF5 that can be read") from error


def _datasets(root: Any, h5py: Any, notes: list[str]) -> Iterator[tuple[str, Any]]:
    """Every dataset by its path, each once; links elsewhere are told and not followed."""
    seen: set[Any] = set()
    todo: list[tuple[str, Any, int]] = [("", root, 0)]
    looked = 0
    while todo:
        path, group, depth = todo.pop()
        below = []
        for key in group:
            looked += 1
            if looked > MAX_ITEMS:
                raise FileError(f"the file has more than the {MAX_ITEMS} items that are looked at")
            name = f"{path}/{key}" if path else key
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                notes.append(f"{name[:80]} is a link and was not followed")
                continue
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Dataset):
                yield name, item
            elif isinstance(item, h5py.Group):
                if depth == MAX_DEPTH:
                    raise FileError(f"its groups are nested more than {MAX_DEPTH} deep")
                below.append((name, item, depth + 1))
        todo.extend(reversed(below))


def read_keras(file: BinaryIO, size: int) -> Contents:
    """The weights of a .keras archive, and the options that its configuration names.

    Raises `FileError`.
    """
    inside, length, config = weights_inside(file, size, MAX_INSIDE)
    contents = read_hdf5(inside, length)
    contents.kind = "Keras archive"
    contents.notes += _told(config)
    return contents


def weights_inside(file: BinaryIO, size: int, most: int) -> tuple[Any, int, Any]:
    """The file of weights in a .keras archive, how long it is, and the configuration beside it.

    Of the file at most `most` bytes are read at once. Raises `FileError`.
    """
    with opened(file, size) as archive:
        members = names_once(archive)
        if INSIDE not in members:
            raise FileError(f"the archive is not one of Keras: it has no {INSIDE}")
        config: Any = None
        if "config.json" in members:
            raw = whole(archive, members["config.json"], MAX_CONFIG)
            config = strict_json(raw, "config.json")
        member = members[INSIDE]
        inside: Any
        if member.compress_type == zipfile.ZIP_STORED:
            inside = Window(file, stored_at(file, member), member.file_size, most)
        else:
            inside = io.BytesIO(whole(archive, member, MAX_INSIDE))
    return inside, member.file_size, config


def _told(config: Any) -> list[str]:
    """What a configuration says of its recurrent layers, one sentence each."""
    told: list[str] = []
    todo, looked = [config], 0
    while todo and looked < MAX_ITEMS:
        looked += 1
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(reversed(item))
        elif isinstance(item, dict):
            own = item.get("config")
            if item.get("class_name") in LAYERS and isinstance(own, dict):
                options = [
                    f"{key}={own[key]!r}"
                    for key in OPTIONS
                    if isinstance(own.get(key), (bool, str)) and len(str(own[key])) < 40
                ]
                name = str(own.get("name", ""))[:60]
                told.append(f"config.json: {name!r} is {item['class_name']}({', '.join(options)})")
            todo.extend(reversed(list(item.values())))
    return told
