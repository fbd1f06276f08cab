"""What cuDNN's four bias modes store and compute, asked of cuDNN through its C interface.

The prototypes and numbers were read from cudnn_adv_v9.h, cudnn_graph_v9.h and cudnn_ops_v9.h of
cuDNN 9.28.0; the functions are those of cuDNN 8 and later. On a machine with CUDA, for
T, B, m, n = 10, 4, 8, 16:

    with CudnnLayer("GRU", BiasMode.SINGLE_INP, (10, 4, 8, 16), torch.float32) as layer:
        sorted(layer.regions())  # b_in, b_ir, b_iz, and the six matrices
"""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from ctypes import byref, c_float, c_int, c_size_t, c_uint32, c_ulonglong, c_void_p
from functools import cache, partial
from typing import Any, Self

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

SIGNATURES = {
    "SetStream": "pp",
    "SetTensorNdDescriptor": "piipp",  # descriptor, data type, dimensions, sizes, strides
    "GetTensorNdDescriptor": "pipppp",  # descriptor, at most, -> type, dimensions, sizes, strides
    "SetDropoutDescriptor": "ppfpzq",  # descriptor, handle, probability, states, bytes, seed
    # descriptor; algorithm, cell, bias, direction, input, data type, precision, math;
    # input size, hidden size, projected size, layers; dropout, flags
    "SetRNNDescriptor_v8": "piiiiiiiiiiiipu",
    "GetRNNWeightSpaceSize": "ppp",  # handle, layer, -> bytes
    # handle, layer, pseudo-layer, bytes, weight space, linLayerID,
    # matrix descriptor, -> its address, bias descriptor, -> its address
    "GetRNNWeightParams": "ppizpipppp",
    # descriptor, data type, layout, steps, batch, vector size, lengths, fill of the padding
    "SetRNNDataDescriptor": "piiiiipp",
    # handle, layer, forward mode, x descriptor, -> bytes of workspace, of reserve space
    "GetRNNTempSpaceSizes": "ppippp",
    # handle, layer, forward mode, lengths; x descriptor, x; y descriptor, y; h descriptor, h0, h_n;
    # c descriptor, c0, c_n; then bytes and address of the weight, work and reserve space
    "RNNForward": "ppippppppppppp" + 3 * "zp",
}
"""The arguments in the header's order, by the letters of `TYPES`; any other function has "p".

What is an address in C, or written through one, is a "p". Each returns a status, 0 for success.
"""

TYPES = {"p": c_void_p, "i": c_int, "z": c_size_t, "u": c_uint32, "q": c_ulonglong, "f": c_float}


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
    library = load()
    function = getattr(library, f"cudnn{name}")
    function.argtypes = [TYPES[letter] for letter in SIGNATURES.get(name, "p")]
    if status := function(*arguments):
        raise CudnnError(f"cudnn{name}: {library.cudnnGetErrorString(status).decode()}")


class CudnnLayer:
    """One layer of cuDNN in one direction, for inference: a context manager.

    `kind` is a key of `KINDS`, `shape` is T, B, m, n, `dtype` is torch.float32 or torch.float64.
    Parameters bear the names of the catalogue cell of that kind. The weights are 0 until `fill`.
    `weight_space_bytes` is what cuDNN says that it needs for them.
    """

    def __init__(
        self,
        kind: str,
        mode: BiasMode,
        shape: Shape,
        dtype: torch.dtype,
        *,
        tf32: bool = False,
    ) -> None:
        self.kind, self.mode, self.shape, self.dtype = KINDS[kind], mode, shape, dtype
        self._type = DATA_TYPES[dtype]
        with ExitStack() as stack:
            self._stack = stack
            self._handle = self._create("")
            self._layer, self._dropout = self._create("RNNDescriptor", "DropoutDescriptor")
            self._x, self._y = self._create(*["RNNDataDescriptor"] * 2)
            self._h, self._matrix, self._bias = self._create(*["TensorDescriptor"] * 3)
            self._describe(DEFAULT_MATH if tf32 else FMA_MATH)
            self._allocate()
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def regions(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """What is stored, by the cell's names: where in bytes, and its shape."""
        found = {}
        for index in range(2 * len(self.kind.gates)):
            side, gate = divmod(index, len(self.kind.gates))
            base, matrix, bias = self._weights.data_ptr(), c_void_p(), c_void_p()
            _call(
                "GetRNNWeightParams",
                *(self._handle, self._layer, 0, self.weight_space_bytes, base, index),
                *(self._matrix, byref(matrix), self._bias, byref(bias)),
            )
            name = f"_{'ih'[side]}{self.kind.gates[gate]}"
            if matrix.value is not None:  # the sizes are 1, rows, columns
                found[f"W{name}"] = matrix.value - base, self._sizes(self._matrix)[1:]
            if bias.value is not None:
                found[f"b{name}"] = bias.value - base, self._sizes(self._bias)[1:2]
        return found

    def fill(self, parameters: Mapping[str, Tensor]) -> None:
        """Copy a tensor into each region. Raises `ValueError` for other names or shapes."""
        regions = self.regions()
        wanted = {name: shape for name, (_, shape) in regions.items()}
        if (given := {name: tuple(t.shape) for name, t in parameters.items()}) != wanted:
            raise ValueError(f"the parameters are {given}; they must be {wanted}")
        for name, (offset, shape) in regions.items():
            place = self._weights[offset : offset + math.prod(shape) * self.dtype.itemsize]
            place.view(self.dtype).copy_(parameters[name].reshape(-1))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The outputs, T × B × n, for x of T × B × m and h of B × n; an LSTM's c begins with 0.

        They are the same tensor in every call, and ready when torch's current stream is.
        """
        steps, batch, m, n = self.shape
        for tensor, shape in ((x, (steps, batch, m)), (h, (batch, n))):  # cuDNN sees addresses only
            about = (tuple(tensor.shape), tensor.dtype, tensor.device)
            if about != (shape, self.dtype, self._outputs.device) or not tensor.is_contiguous():
                raise ValueError(f"a tensor is {about}; it must be {shape}, and contiguous")
        _call("SetStream", self._handle, torch.cuda.current_stream().cuda_stream)
        _call(
            "RNNForward",
            *(self._handle, self._layer, FORWARD_INFERENCE, self._lengths.data_ptr()),
            *(self._x, x.data_ptr(), self._y, self._outputs.data_ptr()),
            *(self._h, h.data_ptr(), None),
            *(self._h if self.kind.number == KINDS["LSTM"].number else None, None, None),
            *(self.weight_space_bytes, self._weights.data_ptr()),
            *(self._workspace.nbytes, self._workspace.data_ptr()),
            *(self._reserve.nbytes, self._reserve.data_ptr()),
        )
        return self._outputs

    def _create(self, *names: str) -> Any:
        """New descriptors ("" is a handle), destroyed with the layer."""
        found = []
        for name in names:
            found.append(c_void_p())
            _call(f"Create{name}", byref(found[-1]))
            self._stack.callback(_call, f"Destroy{name}", found[-1])
        return found if len(found) > 1 else found[0]

    def _describe(self, math_type: int) -> None:
        """As PyTorch does it: no dropout, padding allowed, projected size = hidden size."""
        steps, batch, m, n = self.shape
        _call("SetDropoutDescriptor", self._dropout, self._handle, 0.0, None, 0, 0)
        _call(
            "SetRNNDescriptor_v8",
            *(self._layer, ALGO_STANDARD, self.kind.number, int(self.mode), UNIDIRECTIONAL),
            *(LINEAR_INPUT, self._type, self._type, math_type),
            *(m, n, n, 1, self._dropout, PADDED_IO_ENABLED),
        )
        lengths = (c_int * batch)(*[steps] * batch)
        for descriptor, size in ((self._x, m), (self._y, n)):
            layout = (self._type, SEQ_MAJOR_UNPACKED, steps, batch, size)
            _call("SetRNNDataDescriptor", descriptor, *layout, lengths, None)
        sizes, strides = (c_int * 3)(1, batch, n), (c_int * 3)(batch * n, n, 1)
        _call("SetTensorNdDescriptor", self._h, self._type, 3, sizes, strides)

    def _allocate(self) -> None:
        """Ask cuDNN how much it needs, and make every tensor that it reads or writes."""
        weights, work, reserve = c_size_t(), c_size_t(), c_size_t()
        _call("GetRNNWeightSpaceSize", self._handle, self._layer, byref(weights))
        spaces = (FORWARD_INFERENCE, self._x, byref(work), byref(reserve))
        _call("GetRNNTempSpaceSizes", self._handle, self._layer, *spaces)
        self.weight_space_bytes = weights.value
        self._weights, self._workspace, self._reserve = (
            torch.zeros(size.value, dtype=torch.uint8, device=DEVICE)
            for size in (weights, work, reserve)
        )
        steps, batch, _, n = self.shape
        self._lengths = torch.full((batch,), steps, dtype=torch.int32, device=DEVICE)
        self._outputs = torch.empty((steps, batch, n), dtype=self.dtype, device=DEVICE)

    def _sizes(self, descriptor: c_void_p) -> tuple[int, ...]:
        data_type, dimensions, sizes, strides = c_int(), c_int(), (c_int * 8)(), (c_int * 8)()
        outputs = (byref(data_type), byref(dimensions), sizes, strides)
        _call("GetTensorNdDescriptor", descriptor, 8, *outputs)
        return tuple(sizes[: dimensions.value])


def mode_counts(plan: Plan) -> Iterator[Row]:
    """What cuDNN stores in each mode, and the bytes that it asks for."""
    for kind, (m, n), mode in itertools.product(KINDS, plan.counted, BiasMode):
        with CudnnLayer(kind, mode, (1, 1, m, n), torch.float32) as layer:
            found = {name: math.prod(shape) for name, (_, shape) in layer.regions().items()}
            row: Row = {"kind": kind, "mode": mode.name, "m": m, "n": n}
            row["count"] = sum(found.values())
            biases = sum(size for name, size in found.items() if name.startswith("b"))
            yield {**row, "biases": biases, "bytes": layer.weight_space_bytes}


def mode_results(plan: Plan) -> Iterator[Row]:
    """What it computes in each, beside the cell in float64 in which the missing biases are 0."""
    every = itertools.product(KINDS, ("float64", "float32"), plan.compared[:3], BiasMode)
    for kind, name, shape, mode in every:
        with ExitStack() as stack:
            layer, weights, inputs = _filled(stack, kind, mode, shape, getattr(torch, name))
            found = {"outputs": layer.forward(inputs["x"], inputs["h"]).clone()}
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

    def make(
        stack: ExitStack, shape: Shape, work: str, kind: str, tf32: bool
    ) -> dict[str, Function]:
        found: dict[str, Function] = {}
        for mode in (BiasMode.DOUBLE, BiasMode.NONE, BiasMode.SINGLE_INP, BiasMode.SINGLE_REC):
            layer, _, inputs = _filled(stack, kind, mode, shape, torch.float32, tf32=tf32)
            found[mode.name] = partial(layer.forward, inputs["x"], inputs["h"])
        return found

    for kind, tf32 in itertools.product(KINDS, (False, True)):
        of = f"cuDNN {kind}" + ", TF32" * tf32
        yield from in_turn(plan, of, partial(make, kind=kind, tf32=tf32), [FORWARD])


def _filled(
    stack: ExitStack, kind: str, mode: BiasMode, shape: Shape, dtype: torch.dtype, **options: Any
) -> tuple[CudnnLayer, dict[str, Tensor], dict[str, Tensor]]:
    """A layer of cuDNN with weights within 1 / sqrt(n) of 0, these weights, and inputs."""
    layer = stack.enter_context(CudnnLayer(kind, mode, shape, dtype, **options))
    draw, limit = torch.Generator(DEVICE).manual_seed(0), shape[3] ** -0.5
    weights = {
        name: (limit * (2 * torch.rand(size, generator=draw, device=DEVICE) - 1)).to(dtype)
        for name, (_, size) in layer.regions().items()
    }
    layer.fill(weights)
    return layer, weights, inputs_of(kind, shape, DEVICE, dtype)
