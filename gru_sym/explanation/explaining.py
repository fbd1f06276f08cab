"""`explain`: a model in memory or in a file, explained."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from gru_sym.explanation.contents import Contents, FileError
from gru_sym.explanation.explained import Explanation

READERS = {
    ".safetensors": "safetensors.read",
    ".npz": "numpy_files.read_npz",
    ".npy": "numpy_files.read_npy",
    ".pt": "torch_files.read",
    ".pth": "torch_files.read",
    ".h5": "hdf5_files.read_hdf5",
    ".hdf5": "hdf5_files.read_hdf5",
    ".keras": "hdf5_files.read_keras",
    ".onnx": "onnx_files.read",
    ".json": "json_files.read",
    ".nam": "json_files.read_nam",
}
"""By the end of a file's name what reads it, in this room; imported for such a file alone."""


def explain(model: Any) -> Explanation:
    """Which recurrent layers a model has, and how many parameters, to the last one.

    >>> import numpy
    >>> explained = explain({"kernel": numpy.ones((5, 9)), "recurrent_kernel": numpy.ones((3, 9)),
    ...     "bias": numpy.ones((2, 9))})
    >>> explained.total, explained.effective, explained.layers[0].layer
    (90, 84, 'GRU(reset_after=True, use_bias=True)')

    A module, with what is not recurrent:

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Embedding(10, 8), nn.GRU(8, 16), nn.Linear(16, 3))
    >>> print(explain(model))
    PyTorch module: 1,379 parameters, 1,379 trainable, 1,347 effective
    <BLANKLINE>
    1: PyTorch GRU(bias=True)
        m = 8, n = 16
        gate  input kernel  bias  recurrent kernel  all
        r     128           32    256               416
        z     128           32    256               416
        n     128           32    256               416
        3*m*n + 3*n**2 + 6*n = 1,248
        1,248 stored, 1,248 trainable, 1,216 effective (cell by cell)
    <BLANKLINE>
    the rest: 131
        tensor    shape    count
        0.weight  (10, 8)  80
        2.weight  (3, 16)  48
        2.bias    (3,)     3

    Its state dict, in memory or saved, is the same:

    >>> explain(model.state_dict()).total
    1379
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     numpy.savez(f"{folder}/model.npz", **model.state_dict())
    ...     saved = explain(f"{folder}/model.npz")
    >>> [(layer.name, layer.count, layer.sizes) for layer in saved.layers]
    [('1', 1248, {'m': 8, 'n': 16})]

    Parameters
    ----------
    model : a module of PyTorch, a state dict or another mapping of names to arrays, or the path of
        a file, which ends as `READERS` says. Of a file the headers alone are read, nothing
        in it is executed and nothing outside it is opened. A module is left as it was.

    Raises
    ------
    ValueError : for what cannot be explained, with one sentence; of a file it is a `FileError`.
    OSError : for a file that cannot be opened.
    """
    return Explanation(contents_of(model))


def contents_of(model: Any) -> Contents:
    """What a model holds."""
    if isinstance(model, (str, os.PathLike)):
        return _of_file(Path(model))
    from gru_sym.explanation.modules import of_mapping, of_module

    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return of_module(model)
    if isinstance(model, Mapping):
        return of_mapping(model)
    raise ValueError(
        f"a {type(model).__name__} cannot be explained; give a PyTorch module, a state dict or the "
        "path of a file"
    )


def _of_file(path: Path) -> Contents:
    _reader(path.name)
    with path.open("rb") as file:
        return read(file, path.name)


def read(file: BinaryIO, name: str) -> Contents:
    """What an open file holds that is called so; bytes will do.

    >>> import io, json
    >>> header = json.dumps({"b": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}).encode()
    >>> raw = len(header).to_bytes(8, "little") + header + bytes(12)
    >>> Explanation(read(io.BytesIO(raw), "model.safetensors")).total
    3

    Safetensors and NumPy's files take nothing but Python for this: no torch, h5py or onnx, and
    nothing is imported that would be missing in a browser.

    Raises `FileError`.
    """
    reader = _reader(name)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    try:
        return reader(file, size)
    except FileError as error:
        raise FileError(f"{name}: {error}") from error


def _reader(name: str) -> Callable[[BinaryIO, int], Contents]:
    """What reads files whose name ends so."""
    end = Path(name).suffix.lower()
    if end not in READERS:
        raise FileError(f"{name} cannot be read: the files that can end in {', '.join(READERS)}")
    module, _, function = READERS[end].partition(".")
    room = import_module(f"gru_sym.explanation.{module}")
    reader: Callable[[BinaryIO, int], Contents] = getattr(room, function)
    return reader
