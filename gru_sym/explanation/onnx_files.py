"""ONNX: GRU, LSTM and RNN nodes with their weights, also in the branches of an If.

The format is a protobuf message, onnx/onnx.proto at version 1.23; the few fields that matter are
read here, so that tensors are skipped over, whatever their size, and no other file is ever opened.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeAlias

from gru_sym.explanation.contents import (
    MAX_TENSORS,
    Contents,
    FileError,
    Given,
    Tensor,
    checked_shape,
)

Span: TypeAlias = tuple[int, int]
"""Where a field lies in the file."""

MAX_FIELDS = 1_000_000
"""The most fields of messages that are read."""

MAX_DEPTH = 16
"""How deep graphs in graphs are followed."""

MAX_BIAS = 2**24
"""The longest bias, in bytes, whose halves are looked at."""

WIDTHS = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
NAMES = {1: "float32", 10: "float16", 11: "float64", 16: "bfloat16"}
"""Types of numbers: how many bytes each has, and those that weights have."""

INPUTS = {"W": 1, "R": 2, "B": 3, "P": 7}
"""Which inputs of a recurrent node are weights."""

STATES = (5, 6)

USUAL = {"GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh"), "RNN": ("Tanh",)}
"""The functions of a recurrent node where it names none."""


def read(file: BinaryIO, size: int) -> Contents:
    """The weights of a model in ONNX.

    Raises `FileError`.
    """
    if not size:
        raise FileError("it is empty")
    try:
        raw: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        raw = file.read()
    walk = _Walk(raw)
    graphs = [span for number, span in walk.fields((0, size)) if number == 7]
    if len(graphs) != 1 or isinstance(graphs[0], int):
        raise FileError("it is not a model in ONNX: it has no graph")
    walk.graph(graphs[0], {}, 0)
    return walk.finished()


@dataclass
class _Stored:
    """A tensor of the file."""

    tensor: Tensor
    kind: int
    raw: Span | None
    constant: bool
    used: bool = False


@dataclass
class _Node:
    """An operator."""

    name: str = ""
    kind: str = ""
    domain: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


class _Walk:
    """Through the messages of a file."""

    def __init__(self, raw: Any) -> None:
        self.raw, self.read = raw, 0
        self.contents = Contents("ONNX model")
        self.stored: list[_Stored] = []
        self.kinds: set[str] = set()
        self.elsewhere = 0

    def fields(self, span: Span) -> Iterator[tuple[int, int | Span]]:
        """The fields of a message: a number, or where its bytes lie."""
        at, end = span
        while at < end:
            self.read += 1
            if self.read > MAX_FIELDS:
                raise FileError(f"it has more than the {MAX_FIELDS} fields that are read")
            key, at = self._varint(at, end)
            if key & 7 == 0:
                value, at = self._varint(at, end)
                yield key >> 3, value
                continue
            if key & 7 == 2:
                length, at = self._varint(at, end)
            elif key & 7 in (1, 5):
                length = 8 if key & 7 == 1 else 4
            else:
                raise FileError("it is not a model in ONNX that can be read")
            if key >> 3 == 0 or length > end - at:
                raise FileError("it is not a model in ONNX, or its end is missing")
            yield key >> 3, (at, at + length)
            at += length

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while at < end and shift < 70:
            byte = self.raw[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & (2**64 - 1), at
            shift += 7
        raise FileError("it is not a model in ONNX, or its end is missing")

    def _text(self, field: int | Span) -> str:
        if isinstance(field, int) or field[1] - field[0] > 10_000:
            raise FileError("a name in it is none, or longer than 10000 bytes")
        return bytes(self.raw[field[0] : field[1]]).decode("utf-8", "replace")

    def graph(self, span: Span, outer: dict[str, _Stored], depth: int) -> None:
        """The tensors and the nodes of a graph; `outer` has those of the graphs around it."""
        if depth > MAX_DEPTH:
            raise FileError(f"its graphs are nested more than {MAX_DEPTH} deep")
        known, nodes = dict(outer), []
        for number, field in self.fields(span):
            if number == 5 and not isinstance(field, int):
                self._keep(known, self._tensor(field, constant=False))
            elif number == 1 and not isinstance(field, int):
                nodes.append(field)
        for field in nodes:
            self._node(field, known, depth)

    def _node(self, span: Span, known: dict[str, _Stored], depth: int) -> None:
        node, attributes = _Node(), []
        for number, field in self.fields(span):
            if number in (1, 2):
                own = "inputs" if number == 1 else "outputs"
                setattr(node, own, (*getattr(node, own), self._text(field)))
            elif number in (3, 4, 7):
                setattr(node, {3: "name", 4: "kind", 7: "domain"}[number], self._text(field))
            elif number == 5 and not isinstance(field, int):
                attributes.append(field)
        self.kinds.add(node.kind)
        options: dict[str, Any] = {}
        for attribute in attributes:
            parts = list(self.fields(attribute))
            name = next((self._text(field) for number, field in parts if number == 1), "")
            for number, field in parts:
                if number in (6, 11) and not isinstance(field, int):
                    self.graph(field, known, depth + 1)
                elif number == 5 and node.kind == "Constant" and not isinstance(field, int):
                    one = self._tensor(field, constant=True, name=(*node.outputs, "")[0])
                    self._keep(known, one)
                elif number == 3:
                    options[name] = field
                elif number == 4:
                    options[name] = self._text(field)
                elif number == 9:
                    options[name] = (*options.get(name, ()), self._text(field))
                elif number == 2:
                    options[name] = True  # a number that is not whole, such as clip
        if node.kind in ("GRU", "LSTM", "RNN") and node.domain in ("", "ai.onnx"):
            self._recurrent(node, options, known)

    def _keep(self, known: dict[str, _Stored], one: _Stored) -> None:
        known[one.tensor.name] = one
        self.stored.append(one)
        if len(self.stored) > MAX_TENSORS:
            raise FileError(f"it has more than {MAX_TENSORS} tensors")

    def _tensor(self, span: Span, *, constant: bool, name: str = "") -> _Stored:
        dims: list[int] = []
        kind, raw, outside = 0, None, False
        for number, field in self.fields(span):
            if number == 1 and isinstance(field, int):
                dims.append(field)
            elif number == 1 and not isinstance(field, int):
                at = field[0]
                while at < field[1] and len(dims) <= 64:
                    value, at = self._varint(at, field[1])
                    dims.append(value)
            elif number == 2 and isinstance(field, int):
                kind = field
            elif number == 8:
                name = name or self._text(field)
            elif number == 9 and not isinstance(field, int):
                raw = field
            elif number == 14:
                outside = field == 1
        what = repr(name[:80])
        shape = checked_shape([size - 2**64 * (size >> 63) for size in dims], what)
        tensor = Tensor(name, shape, NAMES.get(kind, str(kind)))
        self.elsewhere += outside
        if raw and not outside and kind in WIDTHS:
            stored = raw[1] - raw[0]
            if stored != tensor.count * WIDTHS[kind]:
                raise FileError(f"{what} has {stored} bytes, which is not its shape {shape}")
        elif not outside and tensor.count > 2 * len(self.raw):
            raise FileError(f"{what} announces shape {shape}, more than there is in the file")
        return _Stored(tensor, kind, None if outside else raw, constant)

    def _recurrent(self, node: _Node, options: dict[str, Any], known: dict[str, _Stored]) -> None:
        prefix = node.name or (*filter(None, node.outputs), node.kind)[0]
        for at in STATES:
            if at < len(node.inputs) and (one := known.get(node.inputs[at])) and not one.used:
                one.used = True
                self.contents.left_out.append((one.tensor, "an initial state, held as a constant"))
        for name, at in INPUTS.items():
            one = known.get(node.inputs[at]) if at < len(node.inputs) else None
            if one is None or one.used:
                continue
            one.used = True
            own = one.tensor
            self.contents.tensors.append(replace(own, called=f"{prefix}.{name}"))
            if name == "B":
                self._tell_zeros(own, one.raw)
        there = {n: any(known.get(i) for i in node.inputs[at : at + 1]) for n, at in INPUTS.items()}
        given = {"hidden_size": options.get("hidden_size", 0), "B": there["B"]}
        if node.kind == "GRU":
            given["linear_before_reset"] = options.get("linear_before_reset", 0)
        if node.kind == "LSTM":
            given["P"] = there["P"]
        given["bidirectional"] = options.get("direction") == "bidirectional"
        self.contents.given.append(Given(prefix, "onnx", node.kind, given))
        self._tell_options(prefix, node, options)

    def _tell_options(self, prefix: str, node: _Node, options: dict[str, Any]) -> None:
        """What changes the function and not the count, and ONNX's own evaluator passes over."""
        told = []
        if options.get("input_forget"):
            told.append("input_forget=1 (its forget gate is 1 - i, the parameters of f are unused)")
        if "clip" in options:
            told.append("clip")
        functions = options.get("activations", ())
        usual = USUAL[node.kind]
        if functions not in ((), usual, usual * 2):
            told.append(f"activations {', '.join(functions)[:80]}")
        if any(node.inputs[4:5]):
            told.append("sequence_lens")
        if told:
            self.contents.notes.append(
                f"{prefix[:80]}: {'; '.join(told)}: the count is the same, the function is not; "
                "ONNX's reference evaluator ignores it without a word, onnxruntime does not"
            )

    def _tell_zeros(self, bias: Tensor, raw: Span | None) -> None:
        """The second bias of a gate is 0 where a library has one bias only."""
        if raw is None or len(bias.shape) != 2 or not 0 < raw[1] - raw[0] <= MAX_BIAS:
            return
        values, row = bytes(self.raw[raw[0] : raw[1]]), (raw[1] - raw[0]) // bias.shape[0]
        rows = [values[at : at + row] for at in range(0, len(values), row)]
        if not any(any(one[row // 2 :]) for one in rows):
            self.contents.notes.append(
                f"{bias.name[:80]}: the recurrent biases, {bias.count // 2:,} of {bias.count:,} "
                f"numbers, are all 0; the model that this was made from may have one bias a gate"
            )

    def finished(self) -> Contents:
        """What was found, with what belongs to no recurrent node."""
        contents = self.contents
        for one in (one for one in self.stored if not one.used):
            if one.kind not in NAMES:
                contents.left_out.append((one.tensor, "whole numbers, such as shapes and indices"))
            elif one.constant and len(one.tensor.shape) < 2:
                contents.left_out.append((one.tensor, "constants of the graph"))
            else:
                contents.tensors.append(one.tensor)
        if not contents.given and {"Sigmoid", "Tanh"} & self.kinds:
            contents.notes.append(
                "it has no GRU, LSTM or RNN node; a layer that was exported as single operators, "
                "MatMul, Sigmoid and Tanh, is among the other tensors"
            )
        if self.elsewhere:
            contents.notes.append(
                f"the numbers of {self.elsewhere} tensors lie in another file, which is not opened"
            )
        names: dict[str, int] = {}
        for position, tensor in enumerate(contents.tensors):  # a branch may repeat a name
            times = names[tensor.name] = names.get(tensor.name, 0) + 1
            if times > 1:
                name = f"{tensor.name}#{times}"
                contents.tensors[position] = replace(tensor, name=name)
        return contents
