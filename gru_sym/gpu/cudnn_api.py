"""cuDNN's C functions for one recurrent layer: their prototypes, their numbers, and the library.

The prototypes and numbers were read from cudnn_adv_v9.h, cudnn_graph_v9.h and cudnn_ops_v9.h of
cuDNN 9.28.0. The functions are those of cuDNN 8 and later. Importing this file loads no library.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Iterator
from ctypes import c_float, c_int, c_int32, c_size_t, c_uint32, c_ulonglong, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

CELL_MODES = {"RNN_TANH": 1, "LSTM": 2, "GRU": 3}
"""cudnnRNNMode_t; 0 is a layer with relu."""

DATA_TYPES = {"float32": 0, "float64": 1, "float16": 2}
"""cudnnDataType_t, by the names of torch."""

MATH_TYPES = {"default": 0, "tensor_op": 1, "fma": 3}
"""cudnnMathType_t: "default" may use TF32 for float32, "fma" may not."""

ALGO_STANDARD = 0
UNIDIRECTIONAL = 0
LINEAR_INPUT = 0
PADDED_IO_ENABLED = 1
SEQ_MAJOR_UNPACKED = 0
FORWARD_INFERENCE = 0
MAX_DIMENSIONS = 8

PROTOTYPES: dict[str, tuple[Any, ...]] = {
    "cudnnCreate": (c_void_p,),
    "cudnnDestroy": (c_void_p,),
    "cudnnSetStream": (c_void_p, c_void_p),
    "cudnnCreateTensorDescriptor": (c_void_p,),
    "cudnnDestroyTensorDescriptor": (c_void_p,),
    # descriptor, data type, dimensions, sizes, strides
    "cudnnSetTensorNdDescriptor": (c_void_p, c_int, c_int, c_void_p, c_void_p),
    # descriptor, dimensions wanted, -> data type, dimensions, sizes, strides
    "cudnnGetTensorNdDescriptor": (c_void_p, c_int, *[c_void_p] * 4),
    "cudnnCreateDropoutDescriptor": (c_void_p,),
    "cudnnDestroyDropoutDescriptor": (c_void_p,),
    # descriptor, handle, probability, states, their bytes, seed
    "cudnnSetDropoutDescriptor": (c_void_p, c_void_p, c_float, c_void_p, c_size_t, c_ulonglong),
    "cudnnCreateRNNDescriptor": (c_void_p,),
    "cudnnDestroyRNNDescriptor": (c_void_p,),
    # descriptor; algorithm, cell, bias, direction, input, data type, precision, math;
    # input size, hidden size, projected size, layers; dropout, flags
    "cudnnSetRNNDescriptor_v8": (c_void_p, *[c_int] * 8, *[c_int32] * 4, c_void_p, c_uint32),
    # handle, layer, -> bytes
    "cudnnGetRNNWeightSpaceSize": (c_void_p, c_void_p, c_void_p),
    # handle, layer, pseudo-layer, bytes, weight space, linLayerID,
    # matrix descriptor, -> its address, bias descriptor, -> its address
    "cudnnGetRNNWeightParams": (
        *(c_void_p, c_void_p, c_int32, c_size_t, c_void_p, c_int32),
        *[c_void_p] * 4,
    ),
    "cudnnCreateRNNDataDescriptor": (c_void_p,),
    "cudnnDestroyRNNDataDescriptor": (c_void_p,),
    # descriptor, data type, layout, steps, batch, vector size, lengths, fill of the padding
    "cudnnSetRNNDataDescriptor": (c_void_p, *[c_int] * 5, c_void_p, c_void_p),
    # handle, layer, forward mode, x descriptor, -> bytes of workspace, of reserve space
    "cudnnGetRNNTempSpaceSizes": (c_void_p, c_void_p, c_int, *[c_void_p] * 3),
    # handle, layer, forward mode, lengths; x descriptor, x; y descriptor, y;
    # h descriptor, h0, h_n; c descriptor, c0, c_n; then bytes and address of
    # the weight space, of the workspace, of the reserve space
    "cudnnRNNForward": (
        *(c_void_p, c_void_p, c_int, c_void_p),
        *[c_void_p] * 10,
        *[c_size_t, c_void_p] * 3,
    ),
}
"""The types of the arguments, in the header's order. Each of these returns a status, 0 for success.

Handles, descriptors, arrays and what is written to are all addresses, hence `c_void_p`.
"""


class CudnnError(OSError):
    """A cuDNN function that did not succeed, with its name; or no cuDNN that could be asked."""


@cache
def load() -> ctypes.CDLL:
    """The cuDNN that torch uses, or else the first that is found, with its prototypes.

    Raises `CudnnError` where there is none, as beside the build of torch for the CPU.
    """
    for name in _candidates():
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        return _bind(library)
    raise CudnnError(
        "no cuDNN was found: neither loaded by torch, nor as nvidia-cudnn, nor by name"
    )


def call(library: Any, name: str, *arguments: Any) -> None:
    """Call a function of `PROTOTYPES`. Raises `CudnnError` for a status that is not 0."""
    status = getattr(library, name)(*arguments)
    if status:
        text = library.cudnnGetErrorString(status).decode()
        raise CudnnError(f"{name}: {text}{_detail(library)}")


def _detail(library: Any) -> str:
    """What cuDNN 9 adds about the error, in parentheses; nothing before it."""
    if not hasattr(library, "cudnnGetLastErrorString"):
        return ""
    message = ctypes.create_string_buffer(1024)
    library.cudnnGetLastErrorString(message, len(message))
    text = " ".join(message.value.decode(errors="replace").split())
    return f" ({text})" if text else ""


def _bind(library: ctypes.CDLL) -> ctypes.CDLL:
    for name, types in PROTOTYPES.items():
        if not hasattr(library, name):
            raise CudnnError(f"this cuDNN is too old, it has no {name}; cuDNN 8 has")
        function = getattr(library, name)
        function.argtypes, function.restype = types, c_int
    library.cudnnGetVersion.argtypes, library.cudnnGetVersion.restype = (), c_size_t
    library.cudnnGetErrorString.argtypes = (c_int,)
    library.cudnnGetErrorString.restype = ctypes.c_char_p
    if hasattr(library, "cudnnGetLastErrorString"):
        library.cudnnGetLastErrorString.argtypes = (ctypes.c_char_p, c_size_t)
        library.cudnnGetLastErrorString.restype = None
    return library


def _candidates() -> Iterator[str]:
    """Files and names to try, torch's own first."""
    import torch

    torch.backends.cudnn.version()  # type: ignore[no-untyped-call]  # has torch load it
    yield from _mapped()
    for folder in sys.path:
        yield from map(str, sorted(Path(folder, "nvidia/cudnn/lib").glob("libcudnn.so*")))
    if found := ctypes.util.find_library("cudnn"):
        yield found
    yield from ("libcudnn.so.9", "libcudnn.so.8")


def _mapped(maps: Path = Path("/proc/self/maps")) -> list[str]:
    """The files named libcudnn.so* that this process has loaded."""
    if not maps.exists():
        return []
    fields = (line.split(maxsplit=5) for line in maps.read_text().splitlines())
    files = dict.fromkeys(line[5] for line in fields if len(line) == 6)
    return [file for file in files if Path(file).name.startswith("libcudnn.so")]
