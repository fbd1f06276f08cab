"""PyTorch's .pt and .pth files: names, shapes and shared storages, with nothing executed.

The format, since PyTorch 1.6: a zip archive with NAME/data.pkl, a pickle whose tensors point to
storages, and NAME/data/KEY, the storages. See torch/serialization.py and torch/_utils.py.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from gru_sym.explanation.archives import names_once, opened, whole
from gru_sym.explanation.contents import (
    MAX_TENSORS,
    Contents,
    FileError,
    Given,
    Tensor,
    checked_shape,
)
from gru_sym.explanation.pickles import Dictionary, Elsewhere, Made, Named
from gru_sym.explanation.pickles import read as read_pickle

MAX_INDEX = 16_000_000
"""The longest pickle that is read, in bytes."""

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How a file of PyTorch before 1.6 begins."""

BYTES = {
    **dict.fromkeys(("Byte", "Char", "Bool", "QInt8", "QUInt8", "Untyped"), 1),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Float", "Int", "QInt32"), 4),
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    "ComplexDouble": 16,
}
"""How long a number of each kind of storage is."""

TENSOR, PARAMETER = re.compile(r"torch\._utils\._rebuild_(q?)tensor(_v2)?"), "_rebuild_parameter"

LAYER = re.compile(r"torch\.nn\.modules\.rnn\.(GRU|LSTM|RNN|GRUCell|LSTMCell|RNNCell)")

OPTIONS = ("input_size", "hidden_size", "bias", "nonlinearity", "proj_size")

OPTIMISER = re.compile(r"optim", re.IGNORECASE)


def read(file: BinaryIO, size: int) -> Contents:
    """The tensors of a file of PyTorch: a state dict, a checkpoint, a module, a scripted module.

    Raises `FileError`.
    """
    if file.read(len(LEGACY)) == LEGACY:
        raise FileError("it has the form from before PyTorch 1.6; load it and save it again")
    with opened(file, size) as archive:
        members = names_once(archive)
        index = [name for name in members if re.fullmatch(r"[^/]+/data\.pkl", name)]
        if len(index) != 1:
            raise FileError("the archive is not one of PyTorch: it has no NAME/data.pkl")
        folder = index[0].removesuffix("data.pkl")
        whole_object = read_pickle(whole(archive, members[index[0]], MAX_INDEX))
    scripted = any(name.startswith(f"{folder}code/") for name in members)
    walk = _Walk({n.removeprefix(f"{folder}data/"): m for n, m in members.items()}, scripted)
    walk.through(whole_object)
    return walk.contents


class _Walk:
    """Through everything that a file would load as, each thing once."""

    def __init__(self, storages: dict[str, zipfile.ZipInfo], scripted: bool) -> None:
        self.storages = storages
        self.contents = Contents("PyTorch file" + ", a scripted module" * scripted)
        self.names: set[str] = set()

    def through(self, root: Any) -> None:
        """All tensors, by their paths."""
        seen: set[int] = set()
        todo: list[tuple[str, Any]] = [("", root)]
        unread = 0
        while todo:
            path, item = todo.pop()
            if isinstance(item, Made):
                tensor = self._tensor(path, item)
                if tensor is not None:
                    self._keep(tensor)
                    continue
                unread += not item.arguments and item.state is None and "ScriptObject" in item.of
            if isinstance(item, (Dictionary, list, tuple, Made)):
                if id(item) in seen:
                    continue
                seen.add(id(item))
                todo.extend(reversed([(_joined(path, k), v) for k, v in self._parts(path, item)]))
        if not self.names:
            raise FileError(
                "there is no tensor in it"
                + "; quantised layers keep theirs packed: explain the module itself" * bool(unread)
            )

    def _keep(self, tensor: Tensor) -> None:
        if tensor.name in self.names:
            return
        self.names.add(tensor.name)
        if len(self.names) > MAX_TENSORS:
            raise FileError(f"the file has more than {MAX_TENSORS} tensors")
        head = tensor.name.partition(".")[0]
        if OPTIMISER.search(head):
            self.contents.left_out.append((tensor, f"{head}: a copy that the optimiser keeps"))
        elif "._buffers." in f".{tensor.name}":
            self.contents.left_out.append((tensor, "buffer"))
        else:
            self.contents.tensors.append(tensor)

    def _parts(self, path: str, item: Any) -> Iterator[tuple[str, Any]]:
        """What is in something, by name; of a module, what is its own."""
        if isinstance(item, Made):
            state = item.state.named() if isinstance(item.state, Dictionary) else {}
            if {"_parameters", "_modules"} <= state.keys():
                yield from self._module(path, item.of, state)
            else:
                yield "", item.state
                yield "", item.arguments
        elif isinstance(item, Dictionary):
            for key, value in item.pairs:
                yield (str(key) if isinstance(key, (str, int)) else ""), value
        else:
            for position, value in enumerate(item):
                yield str(position), value

    def _module(self, path: str, kind: str, state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        if found := LAYER.fullmatch(kind):
            options = {key: state[key] for key in OPTIONS if key in state}
            options |= {"num_layers": 1, "bidirectional": False} | {
                key: state[key] for key in ("num_layers", "bidirectional") if key in state
            }
            self.contents.given.append(Given(path, "pytorch", found[1], options))
        for name in ("_parameters", "_modules"):
            yield "", state[name]
        yield "_buffers", state.get("_buffers")

    def _tensor(self, path: str, made: Made) -> Tensor | None:
        """The tensor that a call would rebuild; None for any other call."""
        trainable = None
        if made.of.startswith(f"torch._utils.{PARAMETER}") and isinstance(made.arguments, tuple):
            inner, *rest = made.arguments or (None,)
            trainable = rest[0] if rest and isinstance(rest[0], bool) else None
            if not isinstance(inner, Made):
                return None
            made = inner
        if not TENSOR.fullmatch(made.of):
            return None
        what = repr(path[:80])
        match made.arguments:
            case (
                Elsewhere(key=("storage", kind, str(key), _, int(total))),
                offset,
                shape,
                stride,
                *_,
            ):
                pass
            case _:
                raise FileError(f"{what} is a tensor without a storage")
        name = (
            kind.name.rpartition(".")[2].removesuffix("Storage") if isinstance(kind, Named) else ""
        )
        width, member = BYTES.get(name), self.storages.get(key)
        if width is None or member is None:
            raise FileError(f"{what} has a storage that is not in the archive, or of no known kind")
        shape, stride = checked_shape(shape, what), checked_shape(stride, what)
        if len(shape) != len(stride) or type(offset) is not int or offset < 0:
            raise FileError(f"{what} does not say where in its storage it lies")
        last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
        if 0 not in shape and last >= total:
            raise FileError(f"{what} reaches beyond its storage of {total} numbers")
        if member.file_size != total * width:
            raise FileError(
                f"{what} announces a storage of {total * width} bytes; the archive has "
                f"{member.file_size}"
            )
        return Tensor(path, shape, name.lower(), (key, offset, math.prod(shape)), trainable)


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path and key else path or key
