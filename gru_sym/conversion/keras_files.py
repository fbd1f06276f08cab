"""Keras' files of weights, .keras and .h5: arrays by the names that Keras' layouts know.

Keras 3 numbers the weights of a layer in its file, `layers/gru/cell/vars/0`. Needs h5py.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gru_sym.conversion.files import FileError

NUMBERED = re.compile(r"(.*?)(?:/(forward|backward)_layer)?/cell/vars/([012])")
NAMES = ("kernel", "recurrent_kernel", "bias")
KINDS = {1: "simple_rnn", 3: "gru", 4: "lstm"}
"""By how many gates lie side by side in the recurrent kernel."""

MAX_DATASETS = 50_000
INSIDE = "model.weights.h5"
"""The file of weights in a .keras archive."""


def arrays(path: Path) -> dict[str, Any]:
    """Every array of a file, those of optimisers left out.

    Raises `FileError`; data that lie in other files are not read.
    """
    try:
        import h5py
    except ImportError as error:
        raise FileError(f"{path} needs h5py, which is not installed here") from error
    file: Any = path
    if path.suffix.lower() == ".keras":
        try:
            with zipfile.ZipFile(path) as archive:
                file = io.BytesIO(archive.read(INSIDE))
        except (zipfile.BadZipFile, KeyError) as error:
            raise FileError(f"{path} is no archive of Keras with {INSIDE} in it") from error
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or "optimizer" in name:
            return
        if item.external or item.is_virtual:
            raise FileError(f"{name} of {path} lies in another file, and is not read")
        if len(found) == MAX_DATASETS:
            raise FileError(f"{path} has more than {MAX_DATASETS} arrays")
        if item.dtype.kind in "fiub":
            found[name] = item[()]

    try:
        with h5py.File(file, "r") as opened:
            opened.visititems(visit)
    except OSError as error:
        raise FileError(f"{path} is no file in HDF5 that can be read") from error
    return named(found)


def named(found: Mapping[str, Any]) -> dict[str, Any]:
    """Keras' numbers in a layer, as the names of its weights.

    >>> import numpy as np
    >>> list(named({"layers/gru/cell/vars/0": np.ones((5, 9)),
    ...     "layers/gru/cell/vars/1": np.ones((3, 9))}))
    ['layers/gru/kernel', 'layers/gru/recurrent_kernel']
    """
    result = {}
    for name, array in found.items():
        match = NUMBERED.fullmatch(name)
        if match is None:
            result[name] = array
            continue
        own = NAMES[int(match[3])]
        if match[2]:
            rows, columns = getattr(found.get(f"{name[:-1]}1"), "shape", (1, 0))
            kind = KINDS.get(columns // rows, "cell")
            own = f"{match[2]}_{kind}/{kind}_cell/{own}"
        result[f"{match[1]}/{own}"] = array
    return result
