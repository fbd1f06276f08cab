"""Files of tensors, read and written whole: .safetensors, .npz, .pt, and Keras'.

Nothing in a file is executed. A file is written beside its place and moved there when it is whole.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from gru_sym.explanation import safetensors
from gru_sym.explanation.contents import FileError
from gru_sym.writing import whole_file

TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
    **dict.fromkeys(("F8_E5M2", "F8_E4M3", "F8_E8M0"), "V1"),
}
"""The types of safetensors in NumPy, without bfloat16; V1 is a byte, and no number to NumPy."""

BFLOAT16 = "BF16"


@dataclass
class Tensors:
    """The arrays of a file by name.

    Attributes
    ----------
    arrays : NumPy arrays. NumPy has no bfloat16: such numbers are float32 here, which is exact.
    bfloat16 : the names of those.
    options : of the layer, where a file says what it is: `reset_after=False` in a .keras archive.
    """

    arrays: dict[str, Any] = field(default_factory=dict)
    bfloat16: set[str] = field(default_factory=set)
    options: Mapping[str, Any] = field(default_factory=dict)


def read(path: Path) -> Tensors:
    """The tensors of a file, by the ending of its name.

    Raises `FileError`.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise FileError(f"{path} is no kind of file that is read; there are {', '.join(READERS)}")
    try:
        return reader(path)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise FileError(f"{path} does not fit into the memory there is") from error


def write(path: Path, tensors: Tensors, *, replace: bool = False) -> None:
    """Write a file whole or not at all, by the ending of its name.

    >>> import os, tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "layer.safetensors")
    ...     write(path, Tensors({"b": np.zeros(3)}))
    ...     (os.listdir(folder), read(path).arrays["b"].shape)
    (['layer.safetensors'], (3,))

    Raises `FileError`, and leaves nothing, where it cannot be written, or is there already.
    """
    writer = check_target(path, replace)
    try:
        with whole_file(path) as file:
            writer(file, tensors)
            if path.exists() and not replace:
                raise FileError(f"{path} is there already; --force replaces it")
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror or error}") from error


def check_target(path: Path, replace: bool) -> Callable[[BinaryIO, Tensors], None]:
    """What writes this kind of file, once it is clear that it may."""
    name = path.name.lower()
    if path.suffix.lower() in (".h5", ".hdf5") and not name.endswith(".weights.h5"):
        raise FileError(f"{path}: Keras reads weights from a file that ends in .weights.h5")
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise FileError(
            f"{path} is no kind of file that is written; there are {', '.join(WRITERS)}"
        )
    if path.exists() and not replace:
        raise FileError(f"{path} is there already; --force replaces it")
    return writer


# safetensors


def _read_safetensors(path: Path) -> Tensors:
    import numpy as np

    found = Tensors()
    with path.open("rb") as file:
        try:
            places, _ = safetensors.header(file, path.stat().st_size)
        except FileError as error:
            raise FileError(f"{path} is no safetensors file: {error}") from error
        for tensor, begin, end in sorted(places, key=lambda place: place[1:]):
            name, dtype = tensor.name, tensor.dtype
            if dtype != BFLOAT16 and dtype not in TYPES:
                raise FileError(f"{name} of {path} has a type that NumPy does not have: {dtype}")
            kind = np.dtype("<u2" if dtype == BFLOAT16 else TYPES[dtype])
            array = np.frombuffer(file.read(end - begin), kind).reshape(tensor.shape)
            if dtype == BFLOAT16:
                array = (array.astype("<u4") << 16).view("<f4")
                found.bfloat16.add(name)
            found.arrays[name] = array
    found.arrays = {tensor.name: found.arrays[tensor.name] for tensor, _, _ in places}
    return found


def _write_safetensors(file: BinaryIO, tensors: Tensors) -> None:
    import numpy as np

    names = {np.dtype(kind): name for name, kind in TYPES.items() if kind != "V1"}
    header: dict[str, Any] = {}
    bodies = []
    reached = 0
    for name, array in tensors.arrays.items():
        if name in tensors.bfloat16:
            dtype, body = BFLOAT16, _bfloat16(array)
        else:
            own = array.dtype.newbyteorder("<")
            if own not in names:
                raise FileError(f"{name} holds {array.dtype}, which cannot be written as it is")
            dtype, body = names[own], np.ascontiguousarray(array, own)
        end = reached + body.nbytes
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [reached, end]}
        bodies.append(body)
        reached = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for body in bodies:
        file.write(body.tobytes())


def _bfloat16(array: Any) -> Any:
    """float32 rounded to the nearest bfloat16, to the even one of two, as its upper half."""
    import numpy as np

    bits = np.ascontiguousarray(array, "<f4").view("<u4")
    odd = (bits >> 16) & 1
    return np.asarray((bits + 0x7FFF + odd) >> 16).astype("<u2")


# NumPy


def _read_npz(path: Path) -> Tensors:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            return Tensors({name: archive[name] for name in archive.files})
    except (ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"{path} is no archive of arrays, .npz: {error}") from error


def _write_npz(file: BinaryIO, tensors: Tensors) -> None:
    import numpy as np

    # savez takes the names as arguments, of which one is its own.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in tensors.arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


# PyTorch


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise FileError("a .pt file needs torch, which is not installed here") from error
    return torch


def _read_pt(path: Path) -> Tensors:
    import pickle

    torch = _torch()
    try:
        whole = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise FileError(
            f"{path} holds more than tensors, or is damaged, and is not loaded; save the module's "
            f"state_dict()"
        ) from error
    found = Tensors()
    pending = [("", whole, 0)]
    while pending:
        name, value, depth = pending.pop(0)
        if isinstance(value, torch.Tensor):
            wide = value.detach()
            if value.dtype == torch.bfloat16:
                wide = wide.float()
                found.bfloat16.add(name)
            if not value.is_sparse and not value.is_quantized and value.dtype.itemsize > 1:
                found.arrays[name] = wide.numpy()
        elif isinstance(value, Mapping) and depth < 4:
            pending += [(f"{name}.{k}" if name else str(k), v, depth + 1) for k, v in value.items()]
    return found


def _write_pt(file: BinaryIO, tensors: Tensors) -> None:
    torch = _torch()
    state = {}
    for name, array in tensors.arrays.items():
        tensor = torch.tensor(array)
        state[name] = tensor.to(torch.bfloat16) if name in tensors.bfloat16 else tensor
    torch.save(state, file)


# Keras


def _read_keras(path: Path) -> Tensors:
    from gru_sym.conversion.keras_files import arrays

    return Tensors(arrays(path))


def _write_weights(file: BinaryIO, tensors: Tensors) -> None:
    from gru_sym.conversion.keras_files import write_weights

    write_weights(file, tensors.arrays)


def _write_archive(file: BinaryIO, tensors: Tensors) -> None:
    from gru_sym.conversion.keras_files import write_archive

    write_archive(file, tensors.arrays, tensors.options)


READERS: dict[str, Callable[[Path], Tensors]] = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".pt": _read_pt,
    ".pth": _read_pt,
    ".h5": _read_keras,
    ".keras": _read_keras,
}

WRITERS: dict[str, Callable[[BinaryIO, Tensors], None]] = {
    ".safetensors": _write_safetensors,
    ".npz": _write_npz,
    ".pt": _write_pt,
    ".pth": _write_pt,
    ".h5": _write_weights,
    ".keras": _write_archive,
}
