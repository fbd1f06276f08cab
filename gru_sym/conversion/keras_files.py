"""Keras' files of weights, .keras and .h5: arrays by the names of the layouts; needs h5py."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from gru_sym.explanation.contents import FileError
from gru_sym.explanation.keras_names import INSIDE, named

MAX_DATASETS = 50_000


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
