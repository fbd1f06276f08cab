"""Models in memory: a module of PyTorch, or any mapping of names to arrays.

The model is looked at and left as it was: no forward pass, no hook, no buffer, no random number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gru_sym.explanation.contents import MAX_TENSORS, Contents, Given, Tensor

LAYERS = ("GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNCell")

OPTIONS = ("input_size", "hidden_size", "bias", "nonlinearity", "proj_size")

MAX_DEPTH = 32
"""How deep mappings in mappings are followed."""


def of_module(module: Any) -> Contents:
    """The tensors of a module of PyTorch: plain, scripted, quantised, on any device.

    >>> from torch import nn
    >>> of_module(nn.GRU(5, 3)).given[0].layer
    'GRU'

    Raises `ValueError` for a parameter that has no shape yet.
    """
    contents = Contents("PyTorch module")
    for name, parameter in module.named_parameters(remove_duplicate=False):
        contents.tensors.append(_tensor(name, parameter, parameter.requires_grad))
    for name, buffer in module.named_buffers(remove_duplicate=False):
        contents.left_out.append((_tensor(name, buffer, False), "buffer, not a parameter"))
    for name, part in module.named_modules():
        kind = getattr(part, "original_name", None) or _kind(type(part))
        if kind in LAYERS:
            contents.given.append(Given(name, "pytorch", kind, _options(part, kind)))
        _add_packed(contents, name, part)
    return contents


def of_mapping(tensors: Mapping[str, Any]) -> Contents:
    """The tensors of a state dict, or of mappings in mappings, by their paths.

    >>> import numpy
    >>> of_mapping({"cell": {"kernel": numpy.ones((5, 9))}}).tensors[0].name
    'cell.kernel'

    Raises `ValueError` for an entry that has no shape.
    """
    contents = Contents("mapping of names to arrays")
    for name, array in _entries(tensors, "", MAX_DEPTH):
        if getattr(array, "shape", None) is None:
            raise ValueError(f"{name!r} is {type(array).__name__}, not an array with a shape")
        contents.tensors.append(_tensor(name, array, None))
        if len(contents.tensors) > MAX_TENSORS:
            raise ValueError(f"the mapping has more than {MAX_TENSORS} arrays")
    return contents


def _entries(tensors: Mapping[Any, Any], path: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, value in tensors.items():
        name = f"{path}.{key}" if path else str(key)
        if not isinstance(value, Mapping):
            yield name, value
        elif depth:
            yield from _entries(value, name, depth - 1)
        else:
            raise ValueError(f"mappings are nested more than {MAX_DEPTH} deep, at {name[:60]!r}")


def _tensor(name: str, array: Any, trainable: bool | None) -> Tensor:
    try:
        shape = tuple(int(axis) for axis in array.shape)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"{name!r} has no shape yet; run the model once, then explain it"
        ) from error
    dtype = str(getattr(array, "dtype", "")).removeprefix("torch.")
    return Tensor(name, shape, dtype, _storage(array), trainable)


def _storage(array: Any) -> Any:
    """Equal for arrays that are the same numbers in memory, also where there is no memory."""
    if hasattr(array, "untyped_storage"):
        try:
            stored = array.untyped_storage()
        except (NotImplementedError, RuntimeError):  # a sparse tensor
            return id(array)
        return stored._cdata, array.storage_offset(), array.numel()
    memory = getattr(array, "__array_interface__", None)
    return id(array) if memory is None else (*memory["data"], array.strides, array.shape)


def _kind(kind: type) -> str | None:
    """Which layer of PyTorch a class is or comes from, plain or dynamically quantised."""
    for ancestor in kind.__mro__:
        if ancestor.__module__.startswith("torch.") and ancestor.__name__ in LAYERS:
            return ancestor.__name__
    return None


def _options(part: Any, kind: str) -> dict[str, Any]:
    """The options of a layer, as its attributes."""
    given = {name: getattr(part, name) for name in OPTIONS if hasattr(part, name)}
    if kind in ("GRU", "LSTM", "RNN"):
        given |= {"num_layers": part.num_layers, "bidirectional": part.bidirectional}
    if kind not in ("RNN", "RNNCell"):
        given.pop("nonlinearity", None)
    if kind != "LSTM":
        given.pop("proj_size", None)
    return given


def _add_packed(contents: Contents, path: str, part: Any) -> None:
    """The tensors of a quantised layer, which keeps them packed and calls none of them its own."""
    if "quantized" not in type(part).__module__:
        return
    packed = {}
    if hasattr(part, "get_weight") and hasattr(part, "get_bias"):
        packed = {**part.get_weight(), **part.get_bias()}
    elif hasattr(part, "_weight_bias"):
        packed = dict(zip(("weight", "bias"), part._weight_bias(), strict=True))
    for name, array in packed.items():
        if array is not None:
            full = f"{path}.{name}" if path else name
            contents.tensors.append(_tensor(full, array, False))
