"""What a model or a file holds: its tensors by name, and nothing of their values."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NoReturn

MAX_TENSORS = 50_000
"""The most tensors of one file."""

MAX_JSON = 25_000_000
"""The longest JSON text that is read, in bytes."""

MAX_COMMAS, MAX_BRACKETS, MAX_DIGITS = 500_000, 250_000, 20
"""The most parts of a JSON text, counted before it is read, and the longest number in it."""

MAX_DEPTH = 100
"""How deeply a text may nest: in a browser a parser has no more room than for some hundreds."""

STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
BUT_BRACKETS = bytes({*range(256)} - {*b"()[]{}"})


class FileError(ValueError):
    """A file that cannot be read, explained or written, with one sentence that says why."""


class Shown:
    """What shows itself as a text: printed, and in a notebook."""

    def text(self) -> str:
        """What is shown."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        import html

        return f"<pre>{html.escape(self.text())}</pre>"


@dataclass(frozen=True)
class Tensor:
    """One tensor of a model.

    >>> Tensor("gru.weight_hh_l0", (9, 3), "float32").count
    27

    Attributes
    ----------
    name : as the model has it.
    shape, dtype : as the model says.
    storage : tensors whose storage is equal are one and the same, stored once; None: its own.
    trainable : None where that is not said.
    called : the name by which a layout knows it, if that is another.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = ""
    storage: Hashable = None
    trainable: bool | None = None
    called: str = ""

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def identity(self) -> Hashable:
        """Equal for tensors that are one."""
        return ("name", self.name) if self.storage is None else ("storage", self.storage)


@dataclass(frozen=True)
class Given:
    """A layer that the model itself names: where it is, whose it is, and its options."""

    prefix: str
    library: str
    layer: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Contents:
    """A model, as a reader found it.

    Attributes
    ----------
    kind : what it is, such as "safetensors file".
    tensors : those that count as parameters.
    given : the recurrent layers that it names itself.
    left_out : tensors that are no parameters, each with what it is instead.
    notes : what a reader should know, one sentence each.
    """

    kind: str
    tensors: list[Tensor] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    left_out: list[tuple[Tensor, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def distinct(tensors: Sequence[Tensor]) -> int:
    """How many numbers tensors hold, each of them counted once.

    >>> distinct([Tensor("a", (2, 3), storage=1), Tensor("b", (2, 3), storage=1)])
    6
    """
    return sum({tensor.identity: tensor.count for tensor in tensors}.values())


def trainable(tensors: Sequence[Tensor]) -> int | None:
    """How many of their numbers are trained; None where that is not said of each."""
    if any(tensor.trainable is None for tensor in tensors):
        return None
    return distinct([tensor for tensor in tensors if tensor.trainable])


def checked_shape(shape: Any, what: str) -> tuple[int, ...]:
    """A shape that a file announces: whole numbers, none negative."""
    good = isinstance(shape, (list, tuple)) and len(shape) <= 64
    if not good or any(type(axis) is not int or axis < 0 for axis in shape):
        raise FileError(f"{what} has a shape that is none: {str(shape)[:60]}")
    return tuple(shape)


def strict_json(raw: bytes, what: str) -> Any:
    """The value of a JSON text of bounded size, with every key once.

    >>> strict_json(b'{"a": [1, 2]}', "this")
    {'a': [1, 2]}

    Raises `FileError`.
    """
    if raw.count(b",") > MAX_COMMAS or raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        raise FileError(f"{what} has more parts than the {MAX_COMMAS} that are read")
    check_depth(STRING.sub(b"", raw), what)
    try:
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=lambda pairs: _once(pairs, what),
            parse_constant=lambda word: _refuse(f"{what} is not JSON: it has {word}"),
            parse_int=lambda digits: _number(digits, what),
        )
    except (ValueError, RecursionError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{what} is not JSON that can be read") from error


def check_depth(raw: bytes, what: str) -> None:
    """That a text without its strings nests no deeper than `MAX_DEPTH`.

    >>> check_depth(b"[" * 101, "this")
    Traceback (most recent call last):
    gru_sym.explanation.contents.FileError: this has brackets in more than 100 others
    """
    brackets = raw.translate(None, BUT_BRACKETS)
    if max(accumulate(1 if b in b"([{" else -1 for b in brackets), default=0) > MAX_DEPTH:
        raise FileError(f"{what} has brackets in more than {MAX_DEPTH} others")


def _once(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise FileError(f"{what} has {twice[:60]!r} twice")
    return found


def _number(digits: str, what: str) -> int:
    return int(digits) if len(digits) <= MAX_DIGITS else _refuse(f"{what} has too long a number")


def _refuse(message: str) -> NoReturn:
    raise FileError(message)
