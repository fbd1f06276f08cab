"""What the words of the command line mean: cells, sizes, and options that are given once."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

from gru_sym.cells import Cell
from gru_sym.language.errors import CellError
from gru_sym.language.parser import MAX_TEXT
from gru_sym.layers import Layer
from gru_sym.lookup import catalogue

CELL_HELP = "a catalogue id, a file of equations, or - for standard input"


class BadInput(Exception):
    """What the user gave cannot be used; the message is one line."""


class Once(argparse.Action):
    """An option that is given once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the value, or refuse the second one."""
        seen = f"{self.dest} was given"  # the value does not tell: it may be the default
        if hasattr(namespace, seen):
            parser.error(f"{option_string} is given twice")
        setattr(namespace, seen, True)
        setattr(namespace, self.dest, values)


def sizes_given(options: argparse.Namespace, layer: Layer | Cell) -> dict[str, int]:
    """The sizes given, checked to be all or none of those the count needs."""
    given = [("m", options.m), ("n", options.n), *options.set]
    sizes: dict[str, int] = {}
    for name, value in given:
        if value is None:
            continue
        if name in sizes:
            raise BadInput(f"the size {name} is given twice")
        sizes[name] = value
    missing = [name for name in layer.size_names if name not in sizes]
    if sizes and missing:
        how = ", ".join(
            f"-{name} SIZE" if name in ("m", "n") else f"--set {name}=SIZE" for name in missing
        )
        name = layer.name if isinstance(layer, Cell) else layer.cell.name
        raise BadInput(f"{name} also needs {how}")
    return sizes


def read_cell(argument: str) -> Cell:
    """The cell that an argument of the command line means."""
    if not argument:
        raise BadInput(f"CELL is empty; it is {CELL_HELP}")
    if argument == "-":
        if sys.stdin is None:
            raise BadInput("standard input is closed")
        return Cell(
            _decode(sys.stdin.buffer.read(4 * MAX_TEXT + 1), "standard input"), "standard input"
        )
    if argument in catalogue:
        return catalogue[argument]
    path = Path(argument)
    if not os.path.exists(argument) and not re.search(r"[/\\]|\.(?:cell|txt)$", argument):
        return catalogue[argument]  # which says what the catalogue has
    try:
        with path.open("rb") as file:
            return Cell(_decode(file.read(4 * MAX_TEXT + 1), argument), argument)
    except OSError as error:
        raise BadInput(f"{argument} cannot be read: {error.strerror}") from error
    except CellError as error:
        raise BadInput(f"{argument}, {error.summary}") from error


def _decode(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not text in UTF-8: byte {error.start} cannot be read") from error


def positive(text: str) -> int:
    """A size, of any length."""
    if not re.fullmatch(r"[0-9]+", text) or not text.strip("0"):
        raise argparse.ArgumentTypeError(
            f"a size is a positive whole number, such as 128, not {text!r}"
        )
    return int(text)


def assignment(text: str) -> tuple[str, int]:
    """A size with its name, as in k=4."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"write a size as k=4, not {text!r}")
    return name, positive(value)
