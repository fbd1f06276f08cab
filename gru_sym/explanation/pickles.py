"""Pickles read as data: what they would build, without building any of it.

`pickletools.genops` takes a pickle apart into its operations; a stack of inert objects does the
rest. Nothing is imported and nothing is called, whatever the pickle asks for.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gru_sym.explanation.contents import FileError

MAX_OPERATIONS = 500_000
"""The longest pickle that is read, in operations."""


@dataclass(eq=False)
class Made:
    """What a pickle would have made by calling something.

    Attributes
    ----------
    of : the name of what is called, such as "torch._utils._rebuild_tensor_v2".
    arguments : with what.
    state : what it is given afterwards.
    """

    of: str
    arguments: Any = ()
    state: Any = None


@dataclass(frozen=True)
class Named:
    """Something that a pickle calls by its name."""

    name: str


@dataclass(frozen=True)
class Elsewhere:
    """Something that lies beside the pickle."""

    key: Any


@dataclass(eq=False)
class Dictionary:
    """A dictionary of any keys, as pairs."""

    pairs: list[tuple[Any, Any]] = field(default_factory=list)

    def named(self) -> dict[str, Any]:
        """What it has under names."""
        return {key: value for key, value in self.pairs if isinstance(key, str)}


MARK = object()

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}


def read(raw: bytes) -> Any:
    """What a pickle would load as.

    >>> import pickle
    >>> read(pickle.dumps([1, "two", (3.0, None)]))
    [1, 'two', (3.0, None)]
    >>> read(pickle.dumps(print)).name
    'builtins.print'

    Raises `FileError` for what is no pickle, or one with too many operations.
    """
    machine = _Machine()
    try:
        for number, (operation, argument, _) in enumerate(pickletools.genops(raw)):
            if number > MAX_OPERATIONS:
                raise FileError(f"its pickle has more than {MAX_OPERATIONS} operations")
            machine.do(operation.name, argument)
        return machine.stack[-1]
    except FileError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise FileError("its pickle cannot be read") from error


class _Machine:
    """A stack and a memory, as pickle's documentation describes them."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def do(self, name: str, argument: Any) -> None:
        """One operation."""
        push = self.stack.append
        if name in CONSTANTS:
            push(CONSTANTS[name])
        elif name in ("PROTO", "FRAME"):
            pass
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memory[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memory[len(self.memory)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            push(self.memory[argument])
        elif name == "MARK":
            push(MARK)
        elif name == "POP":
            self.stack.pop()
        elif argument is not None and name not in ("GLOBAL", "INST", "PERSID"):
            push(argument)  # a number or a text
        else:
            getattr(self, f"_{name.lower()}", self._unknown)(argument)

    def _unknown(self, _: Any) -> None:
        raise FileError("its pickle does something unusual")

    def _pop(self) -> Any:
        value = self.stack.pop()
        if value is MARK:
            raise IndexError
        return value

    def _marked(self) -> list[Any]:
        """What lies above the last mark."""
        at = len(self.stack) - 1
        while self.stack[at] is not MARK:
            at -= 1
            if at < 0:
                raise IndexError
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def _stop(self, _: Any) -> None:
        self.stack = [self._pop()]

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _empty_dict(self, _: Any) -> None:
        self.stack.append(Dictionary())

    def _empty_list(self, _: Any) -> None:
        self.stack.append([])

    _empty_set = _empty_list

    def _tuple1(self, _: Any) -> None:
        self.stack.append((self._pop(),))

    def _tuple2(self, _: Any) -> None:
        second, first = self._pop(), self._pop()
        self.stack.append((first, second))

    def _tuple3(self, _: Any) -> None:
        third, second, first = self._pop(), self._pop(), self._pop()
        self.stack.append((first, second, third))

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._marked()))

    _frozenset = _tuple

    def _list(self, _: Any) -> None:
        self.stack.append(self._marked())

    def _dict(self, _: Any) -> None:
        self.stack.append(Dictionary(list(_pairs(self._marked()))))

    def _append(self, _: Any) -> None:
        value = self._pop()
        _add(self.stack[-1], [value])

    def _appends(self, _: Any) -> None:
        values = self._marked()
        _add(self.stack[-1], values)

    _additems = _appends

    def _setitem(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        _set(self.stack[-1], [(key, value)])

    def _setitems(self, _: Any) -> None:
        pairs = list(_pairs(self._marked()))
        _set(self.stack[-1], pairs)

    def _global(self, argument: str) -> None:
        self.stack.append(Named(".".join(argument.split(" "))))

    def _stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        self.stack.append(Named(f"{module:.200}.{name:.200}"))

    def _reduce(self, _: Any) -> None:
        arguments, called = self._pop(), self._pop()
        name = called.name if isinstance(called, Named) else ""
        if name == "collections.OrderedDict" and arguments == ():
            self.stack.append(Dictionary())
        else:
            self.stack.append(Made(name, arguments))

    _newobj = _reduce

    def _newobj_ex(self, _: Any) -> None:
        self._pop()
        self._reduce(None)

    def _build(self, _: Any) -> None:
        state = self._pop()
        if isinstance(self.stack[-1], Made):
            self.stack[-1].state = state

    def _binpersid(self, _: Any) -> None:
        self.stack.append(Elsewhere(self._pop()))


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(items[::2], items[1::2], strict=True)


def _add(to: Any, values: list[Any]) -> None:
    if isinstance(to, list):
        to.extend(values)


def _set(to: Any, pairs: list[tuple[Any, Any]]) -> None:
    if isinstance(to, Dictionary):
        to.pairs.extend(pairs)
