"""What cuDNN's four bias modes store and compute, asked of cuDNN through its C interface.

The prototypes and numbers were read from cudnn_adv_v9.h, cudnn_graph_v9.h and cudnn_ops_v9.h of
cuDNN 9.28.0; the functions are those of cuDNN 8 and later. On a machine with CUDA, for
T, B, m, n = 10, 4, 8, 16:

    layer = CudnnLayer("GRU", BiasMode.SINGLE_INP, (10, 4, 8, 16), torch.float32)
    sorted(layer.regions())  # b_in, b_ir, b_iz, and the six matrices
"""

from __future__ import annotations

import ctypes
import itertools
import math
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ctypes import byref, c_float, c_int, c_size_t, c_ulonglong, c_void_p
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from gru_sym.lookup import cell
from gru_sym.records import CANDIDATE, KINDS, SIZES, BiasMode, Row
from gru_sym.timing import (
    FORWARD,
    Function,
    Plan,
    Shape,
    generated,
    in_turn,
    inputs_of,
    largest_error,
    sizes_text,
)

DEVICE = "cuda"
DATA_TYPES = {torch.float32: 0, torch.float64: 1}
DEFAULT_MATH, FMA_MATH = 0, 3  # the first may use TF32 for float32, the second may not
ALGO_STANDARD = UNIDIRECTIONAL = LINEAR_INPUT = SEQ_MAJOR_UNPACKED = FORWARD_INFERENCE = 0
PADDED_IO_ENABLED = 1


class CudnnError(OSError):
    """A cuDNN function that did not succeed, with its name; or no cuDNN that could be asked."""


@cache
def load() -> Any:
    """The cuDNN that torch uses. Raises `CudnnError` where it has none, as torch for the CPU."""
    torch.backends.cudnn.version()  # type: ignore[no-untyped-call]  # has torch load it
    for name in ("libcudnn.so.9", "libcudnn.so.8"):  # what is loaded is found by this name
        with suppress(OSError):
            library = ctypes.CDLL(name)
            library.cudnnGetErrorString.restype = ctypes.c_char_p
            return library
    raise CudnnError("no cuDNN was found: torch has loaded none")


def _call(name: str, *arguments: Any) -> None:
    """In the header's order: a Python int is a C int, None a null pointer, a tensor its address."""
    given = [c_void_p(one.data_ptr()) if isinstance(one, Tensor) else one for one in arguments]
    if status := getattr(load(), f"cudnn{name}")(*given):
        raise CudnnError(f"cudnn{name}: {load().cudnnGetErrorString(status).decode()}")


class CudnnLayer:
    """One layer of cuDNN in one direction, for inference.

    `kind` is a key of `KINDS`, `shape` is T, B, m, n, `dtype` is torch.float32 or torch.float64.
    Parameters bear the names of the catalogue cell of that kind. The weights are 0 until `draw`.
    `space.nbytes` is what cuDNN says that it needs for them.
    """

    def __init__(
        self, kind: str, mode: BiasMode, shape: Shape, dtype: torch.dtype, *, tf32: bool = False
    ) -> None:
        """As PyTorch does it: no dropout, padding allowed, projected size = hidden size."""
        self.kind, self.dtype, data_type = KINDS[kind], dtype, DATA_TYPES[dtype]
        steps, batch, m, n = shape
        self._handle, self._layer = self._create(""), self._create("RNNDescriptor")
        self._x, self._y = self._create("RNNDataDescriptor"), self._create("RNNDataDescriptor")
        self._h, dropout = self._create("TensorDescriptor"), self._create("DropoutDescriptor")
        # descriptor, handle, probability, states, bytes, seed
        nothing = (c_float(0.0), None, c_size_t(0), c_ulonglong(0))
        _call("SetDropoutDescriptor", dropout, self._handle, *nothing)
        # descriptor; algorithm, cell, bias, direction, input, data type, precision, math;
        # input size, hidden size, projected size, layers; dropout, flags
        _call(
            "SetRNNDescriptor_v8",
            *(self._layer, ALGO_STANDARD, self.kind.number, int(mode), UNIDIRECTIONAL),
            *(LINEAR_INPUT, data_type, data_type, DEFAULT_MATH if tf32 else FMA_MATH),
            *(m, n, n, 1, dropout, PADDED_IO_ENABLED),
        )
        # descriptor, data type, layout, steps, batch, vector size, lengths, fill of the padding
        lengths = (c_int * batch)(*[steps] * batch)
        for descriptor, size in ((self._x, m), (self._y, n)):
            about = (data_type, SEQ_MAJOR_UNPACKED, steps, batch, size)
            _call("SetRNNDataDescriptor", descriptor, *about, lengths, None)
        # descriptor, data type, dimensions, sizes, strides
        sizes, strides = (c_int * 3)(1, batch, n), (c_int * 3)(batch * n, n, 1)
        _call("SetTensorNdDescriptor", self._h, data_type, 3, sizes, strides)
        # handle, layer, -> bytes; and handle, layer, forward mode, x descriptor, -> bytes twice
        spaces = weights, work, reserve = c_size_t(), c_size_t(), c_size_t()
        _call("GetRNNWeightSpaceSize", self._handle, self._layer, byref(weights))
        asked = (self._handle, self._layer, FORWARD_INFERENCE, self._x)
        _call("GetRNNTempSpaceSizes", *asked, byref(work), byref(reserve))
        self.space, self._work, self._reserve = (
            torch.zeros(size.value, dtype=torch.uint8, device=DEVICE) for size in spaces
        )
        self._lengths = torch.full((batch,), steps, dtype=torch.int32, device=DEVICE)
        self._outputs = torch.empty((steps, batch, n), dtype=dtype, device=DEVICE)

    def _create(self, name: str) -> c_void_p:
        """A new descriptor ("" is a handle), destroyed with the layer, the last one first."""
        made = c_void_p()
        _call(f"Create{name}", byref(made))
        weakref.finalize(self, _call, f"Destroy{name}", made)
        return made

    def regions(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """What is stored, by the cell's names: where in bytes, and its shape."""
        found = {}
        matrix, bias = self._create("TensorDescriptor"), self._create("TensorDescriptor")
        for index in range(2 * len(self.kind.gates)):
            side, gate = divmod(index, len(self.kind.gates))
            places = {"W": (matrix, c_void_p()), "b": (bias, c_void_p())}
            # handle, layer, pseudo-layer, bytes, weight space, linLayerID,
            # matrix descriptor, -> its address, bias descriptor, -> its address
            _call(
                "GetRNNWeightParams",
                *(self._handle, self._layer, 0, c_size_t(self.space.nbytes), self.space, index),
                *(matrix, byref(places["W"][1]), bias, byref(places["b"][1])),
            )
            for letter, (descriptor, place) in places.items():
                if place.value is None:
                    continue
                # descriptor, at most, -> type, dimensions, sizes, strides
                sizes, others = (c_int * 8)(), (byref(c_int()), byref(c_int()))
                _call("GetTensorNdDescriptor", descriptor, 8, *others, sizes, (c_int * 8)())
                shape = sizes[1:3] if letter == "W" else sizes[1:2]  # they are 1, rows, columns
                name = f"{letter}_{'ih'[side]}{self.kind.gates[gate]}"
                found[name] = place.value - self.space.data_ptr(), tuple(shape)
        return found

    def draw(self, limit: float) -> dict[str, Tensor]:
        """Draw each parameter within `limit` of 0, the same at every call, and tell them all."""
        source, found = torch.Generator(DEVICE).manual_seed(0), {}
        for name, (offset, shape) in self.regions().items():
            place = self.space[offset : offset + math.prod(shape) * self.dtype.itemsize]
            drawn = limit * (2 * torch.rand(shape, generator=source, device=DEVICE) - 1)
            found[name] = place.view(self.dtype).view(shape).copy_(drawn)
        return found

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The outputs, T × B × n, for x of T × B × m and h of B × n; an LSTM's c begins with 0.

        x and h are contiguous, of the layer's type: cuDNN sees their addresses only. The outputs
        are the same tensor in every call, and ready when torch's current stream is.
        """
        _call("SetStream", self._handle, c_void_p(torch.cuda.current_stream().cuda_stream))
        # handle, layer, forward mode, lengths; x descriptor, x; y descriptor, y; h descriptor, h0,
        # h_n; c descriptor, c0, c_n; then bytes and address of the weight, work and reserve space
        _call(
            "RNNForward",
            *(self._handle, self._layer, FORWARD_INFERENCE, self._lengths),
            *(self._x, x, self._y, self._outputs, self._h, h, None),
            *(self._h if self.kind.number == KINDS["LSTM"].number else None, None, None),
            *(c_size_t(self.space.nbytes), self.space, c_size_t(self._work.nbytes), self._work),
            *(c_size_t(self._reserve.nbytes), self._reserve),
        )
        return self._outputs


# What is measured


def mode_counts(plan: Plan) -> Iterator[Row]:
    """What cuDNN stores in each mode, and the bytes that it asks for."""
    for kind, (m, n), mode in itertools.product(KINDS, plan.counted, BiasMode):
        layer = CudnnLayer(kind, mode, (1, 1, m, n), torch.float32)
        found = {name: math.prod(shape) for name, (_, shape) in layer.regions().items()}
        biases = sum(size for name, size in found.items() if name.startswith("b"))
        row: Row = {"kind": kind, "mode": mode.name, "m": m, "n": n}
        row |= {"count": sum(found.values()), "biases": biases}
        yield {**row, "bytes": layer.space.nbytes}


def mode_results(plan: Plan) -> Iterator[Row]:
    """What it computes in each, beside the cell in float64 in which the missing biases are 0."""
    every = itertools.product(KINDS, ("float64", "float32"), plan.compared[:3], BiasMode)
    for kind, name, shape, mode in every:
        dtype = getattr(torch, name)
        layer, inputs = CudnnLayer(kind, mode, shape, dtype), inputs_of(kind, shape, DEVICE, dtype)
        weights = layer.draw(shape[3] ** -0.5)
        found = {"outputs": layer.forward(inputs["x"], inputs["h"])}
        about: Row = {"kind": kind, "mode": mode.name, "arithmetic": name, SIZES: sizes_text(shape)}
        double = {key: inputs[key].double() for key in ("x", "cotangent", "h")}
        for reset, numbers in readings(kind, weights).items():
            reference = {"outputs": generated(KINDS[kind].cell, numbers, double).forward()}
            error = largest_error(found, reference, ["outputs"])
            yield {**about, CANDIDATE: reset, "error": error}


def readings(kind: str, weights: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The parameters of the whole cell, in float64, that a layer with these weights may mean.

    A single bias of a GRU's candidate may stand outside the product with the reset gate or inside.
    """
    names = cell(KINDS[kind].cell).program.parameters
    zero = torch.zeros_like(next(t for name, t in weights.items() if name[:3] == "W_h")[:, 0])
    whole = {name: weights.get(name, zero).double() for name in names}
    if kind == "LSTM" or ("b_in" in weights) == ("b_hn" in weights):
        return {"as stored": whole}
    bias, none = whole["b_in"] + whole["b_hn"], zero.double()
    return {
        "outside the reset": {**whole, "b_in": bias, "b_hn": none},
        "inside the reset": {**whole, "b_in": none, "b_hn": bias},
    }


def mode_times(plan: Plan) -> Iterator[Row]:
    """The forward pass in each mode, DOUBLE first, without TF32 and with it."""

    def make(kind: str, tf32: bool, shape: Shape, work: str) -> dict[str, Function]:
        found: dict[str, Function] = {}
        for mode in (BiasMode.DOUBLE, BiasMode.NONE, BiasMode.SINGLE_INP, BiasMode.SINGLE_REC):
            layer = CudnnLayer(kind, mode, shape, torch.float32, tf32=tf32)
            layer.draw(shape[3] ** -0.5)
            inputs = inputs_of(kind, shape, DEVICE, torch.float32)
            found[mode.name] = partial(layer.forward, inputs["x"], inputs["h"])
        return found

    for kind, tf32 in itertools.product(KINDS, (False, True)):
        of = f"cuDNN {kind}" + ", TF32" * tf32
        yield from in_turn(plan, of, partial(make, kind, tf32), [FORWARD])
