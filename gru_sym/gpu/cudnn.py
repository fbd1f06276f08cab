"""What cuDNN's recurrent layers store and compute, asked of cuDNN itself.

cuDNN has four bias modes; a framework chooses one. With input size m and hidden size n:

    from gru_sym.evidence.bias_modes import BiasMode
from gru_sym.gpu.cudnn import CudnnRnn
    sizes = {"input_size": 8, "hidden_size": 16, "batch": 4, "steps": 10, "dtype": torch.float32}
    with CudnnRnn("GRU", bias=BiasMode.SINGLE_INP, **sizes) as layer:
        layer.bias_count  # 48: 3n of the 6n that BiasMode.DOUBLE stores

The numbers behind it are in `gru_sym.gpu.cudnn_api`, read from the headers of cuDNN 9.28.0.
Importing this file imports no torch and loads no library.
"""

from __future__ import annotations

import math as mathematics
from collections.abc import Mapping
from contextlib import ExitStack
from ctypes import byref, c_int, c_size_t, c_void_p
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from gru_sym.evidence.bias_modes import GATES, BiasMode
from gru_sym.gpu import cudnn_api as api
from gru_sym.gpu.cudnn_api import CudnnError, load

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["CudnnError", "CudnnRnn", "Region", "load"]

Key = tuple[int, Literal["matrix", "bias"]]


@dataclass(frozen=True)
class Region:
    """A matrix or a bias in the weight space.

    The linLayerID of gate g is g where it multiplies x and g + gates where it multiplies h.
    """

    lin_layer_id: int
    what: Literal["matrix", "bias"]
    offset_bytes: int
    shape: tuple[int, ...]

    @property
    def key(self) -> Key:
        """What `CudnnRnn.fill` calls it."""
        return self.lin_layer_id, self.what

    @property
    def elements(self) -> int:
        """The number of its elements."""
        return mathematics.prod(self.shape)


class CudnnRnn:
    """One recurrent layer of cuDNN: one direction, every sequence of full length, inference.

    A context manager; leaving it frees what cuDNN has created. Its tensors are allocated once, and
    the weights are 0 until `fill`.

    Parameters
    ----------
    kind : "GRU", "LSTM" or "RNN_TANH".
    dtype : torch.float32, torch.float64 or torch.float16; float16 is computed in float32.
    math : "default", where cuDNN may use TF32 for float32; "fma", where it may not; "tensor_op".
    device : where the tensors lie; "cuda" is torch's current device.
    library : the cuDNN to ask; without it, `load()`.

    Attributes
    ----------
    weight_space_bytes : what cuDNN says the weights and biases need together.
    """

    def __init__(
        self,
        kind: str = "GRU",
        *,
        input_size: int,
        hidden_size: int,
        batch: int,
        steps: int,
        dtype: torch.dtype,
        bias: BiasMode = BiasMode.DOUBLE,
        math: str = "default",
        device: str = "cuda",
        library: Any = None,
    ) -> None:
        self.kind, self.bias, self.dtype = kind, BiasMode(bias), dtype
        self.input_size, self.hidden_size = input_size, hidden_size
        self.batch, self.steps = batch, steps
        cell = _number(api.CELL_MODES, "kind", kind)
        self._data_type = _number(api.DATA_TYPES, "dtype", str(dtype).removeprefix("torch."))
        math_type = _number(api.MATH_TYPES, "math", math)
        self._library = load() if library is None else library
        self._closed = False
        with ExitStack() as stack:
            self._handle = self._create(stack, "")
            self._layer = self._create(stack, "RNNDescriptor")
            self._set_layer(self._create(stack, "DropoutDescriptor"), cell, math_type)
            self._x = self._create(stack, "RNNDataDescriptor")
            self._y = self._create(stack, "RNNDataDescriptor")
            self._h = self._create(stack, "TensorDescriptor")
            self._set_data()
            self._allocate(device)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the handle and the descriptors. A second time does nothing."""
        self._closed = True
        self._stack.close()

    @property
    def bias_count(self) -> int:
        """The number of biases that are stored."""
        return sum(region.elements for region in self.regions() if region.what == "bias")

    def regions(self) -> list[Region]:
        """Every matrix and every bias that cuDNN says there is, by linLayerID.

        Padding is what they leave of `weight_space_bytes`.
        """
        self._open()
        with ExitStack() as stack:
            matrix = self._create(stack, "TensorDescriptor")
            bias = self._create(stack, "TensorDescriptor")
            found: list[Region] = []
            for lin_layer_id in range(2 * GATES[self.kind]):
                found += self._regions(lin_layer_id, matrix, bias)
            return found

    def fill(self, weights: Mapping[Key, Tensor]) -> None:
        """Copy a tensor into each region: {(linLayerID, "matrix" or "bias"): tensor}.

        Raises `ValueError` for a region missing, one too many, or a tensor of another shape.
        """
        regions = {region.key: region for region in self.regions()}
        if wrong := sorted(regions.keys() ^ weights.keys()):
            problem = "is missing" if wrong[0] in regions else f"is not stored by {self.bias.name}"
            raise ValueError(f"{wrong[0]} {problem}")
        for key, region in regions.items():
            if tuple(weights[key].shape) != region.shape:
                shape = tuple(weights[key].shape)
                raise ValueError(f"{key} has shape {shape}; it must have {region.shape}")
        for key, region in regions.items():
            end = region.offset_bytes + region.elements * self.dtype.itemsize
            place = self._weights[region.offset_bytes : end].view(self.dtype)
            place.copy_(weights[key].detach().reshape(-1))

    def forward(self, x: Tensor, h0: Tensor, c0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The output y and the last state, for x of steps × batch × m and h0 of 1 × batch × n.

        Both are the same two tensors in every call, overwritten. It runs in torch's current stream
        and returns before it is done, as torch does. An LSTM begins with zero where c0 is None.
        """
        self._open()
        self._check("x", x, (self.steps, self.batch, self.input_size))
        self._check("h0", h0, (1, self.batch, self.hidden_size))
        if c0 is not None:
            if self.kind != "LSTM":
                raise ValueError(f"c0 was given, but {self.kind} has no state c")
            self._check("c0", c0, (1, self.batch, self.hidden_size))
        start = None if c0 is None else c0.data_ptr()
        self._call("cudnnSetStream", self._handle, self._stream())
        self._call(
            "cudnnRNNForward",
            *(self._handle, self._layer, api.FORWARD_INFERENCE, self._lengths.data_ptr()),
            *(self._x, x.data_ptr()),
            *(self._y, self._output.data_ptr()),
            *(self._h, h0.data_ptr(), self._last.data_ptr()),
            *(self._h if self.kind == "LSTM" else None, start, None),
            *(self.weight_space_bytes, self._weights.data_ptr()),
            *(self._workspace.nbytes, self._workspace.data_ptr()),
            *(self._reserve.nbytes, self._reserve.data_ptr()),
        )
        return self._output, self._last

    def _call(self, name: str, *arguments: Any) -> None:
        api.call(self._library, name, *arguments)

    def _open(self) -> None:
        if self._closed:
            raise CudnnError("this CudnnRnn is closed")

    def _create(self, stack: ExitStack, what: str) -> c_void_p:
        """A new handle ("") or descriptor, destroyed when the stack is left."""
        created = c_void_p()
        self._call(f"cudnnCreate{what}", byref(created))
        stack.callback(self._call, f"cudnnDestroy{what}", created)
        return created

    def _set_layer(self, dropout: c_void_p, cell: int, math_type: int) -> None:
        """As PyTorch does it: no dropout, padding allowed, projected size = hidden size."""
        half = self._data_type == api.DATA_TYPES["float16"]
        precision = api.DATA_TYPES["float32"] if half else self._data_type
        self._call("cudnnSetDropoutDescriptor", dropout, self._handle, 0.0, None, 0, 0)
        self._call(
            "cudnnSetRNNDescriptor_v8",
            *(self._layer, api.ALGO_STANDARD, cell, int(self.bias)),
            *(api.UNIDIRECTIONAL, api.LINEAR_INPUT, self._data_type, precision, math_type),
            *(self.input_size, self.hidden_size, self.hidden_size, 1),
            *(dropout, api.PADDED_IO_ENABLED),
        )

    def _set_data(self) -> None:
        """Describe x, y and h."""
        steps, batch, n = self.steps, self.batch, self.hidden_size
        lengths = (c_int * batch)(*[steps] * batch)
        for descriptor, size in ((self._x, self.input_size), (self._y, n)):
            layout = (self._data_type, api.SEQ_MAJOR_UNPACKED, steps, batch, size)
            self._call("cudnnSetRNNDataDescriptor", descriptor, *layout, lengths, None)
        sizes, strides = (c_int * 3)(1, batch, n), (c_int * 3)(batch * n, n, 1)
        self._call("cudnnSetTensorNdDescriptor", self._h, self._data_type, 3, sizes, strides)

    def _allocate(self, device: str) -> None:
        """Ask cuDNN how much it needs, and make every tensor that it reads or writes."""
        import torch

        weights, workspace, reserve = c_size_t(), c_size_t(), c_size_t()
        self._call("cudnnGetRNNWeightSpaceSize", self._handle, self._layer, byref(weights))
        self._call(
            "cudnnGetRNNTempSpaceSizes",
            *(self._handle, self._layer, api.FORWARD_INFERENCE, self._x),
            *(byref(workspace), byref(reserve)),
        )
        self.weight_space_bytes = weights.value
        self._weights = torch.zeros(weights.value, dtype=torch.uint8, device=device)
        self._workspace = torch.empty(workspace.value, dtype=torch.uint8, device=device)
        self._reserve = torch.empty(reserve.value, dtype=torch.uint8, device=device)
        self._lengths = torch.full((self.batch,), self.steps, dtype=torch.int32, device=device)
        shape = (self.steps, self.batch, self.hidden_size)
        self._output = torch.empty(shape, dtype=self.dtype, device=device)
        self._last = torch.empty((1, *shape[1:]), dtype=self.dtype, device=device)

    def _regions(self, lin_layer_id: int, matrix: c_void_p, bias: c_void_p) -> list[Region]:
        """The matrix and the bias of one linLayerID; an address that stays NULL means none."""
        base, addresses = self._weights.data_ptr(), (c_void_p(), c_void_p())
        self._call(
            "cudnnGetRNNWeightParams",
            *(self._handle, self._layer, 0, self.weight_space_bytes, base, lin_layer_id),
            *(matrix, byref(addresses[0]), bias, byref(addresses[1])),
        )
        found: list[Region] = []
        if (address := addresses[0].value) is not None:
            found.append(Region(lin_layer_id, "matrix", address - base, self._sizes(matrix)[1:]))
        if (address := addresses[1].value) is not None:
            found.append(Region(lin_layer_id, "bias", address - base, self._sizes(bias)[1:2]))
        return found

    def _sizes(self, descriptor: c_void_p) -> tuple[int, ...]:
        """Of a tensor descriptor: 1, rows, columns for a matrix, and 1, rows, 1 for a bias."""
        data_type, dimensions = c_int(), c_int()
        sizes, strides = ((c_int * api.MAX_DIMENSIONS)() for _ in range(2))
        self._call(
            "cudnnGetTensorNdDescriptor",
            *(descriptor, api.MAX_DIMENSIONS),
            *(byref(data_type), byref(dimensions), sizes, strides),
        )
        return tuple(sizes[: dimensions.value])

    def _check(self, name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
        """What cuDNN cannot see, since it gets an address only."""
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; it must have {shape}")
        if tensor.dtype != self.dtype or tensor.device != self._output.device:
            wanted = f"{self.dtype} on {self._output.device}"
            raise ValueError(f"{name} is {tensor.dtype} on {tensor.device}; it must be {wanted}")
        if not tensor.is_contiguous():
            raise ValueError(f"{name} must be contiguous")

    def _stream(self) -> int | None:
        """The current stream of torch; None, the default one, for tensors that are not on a GPU."""
        import torch

        device = self._output.device
        return torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else None


def _number(numbers: Mapping[str, int], what: str, name: str) -> int:
    if name not in numbers:
        raise ValueError(f"{what} is {name!r}; it must be one of {', '.join(numbers)}")
    return numbers[name]
