"""The cell and the sizes that the words of a command mean."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from gru_sym.cells import Cell
from gru_sym.cli.arguments import CELL_HELP, BadInput
from gru_sym.cli.streams import printable, tell
from gru_sym.language.errors import CellError
from gru_sym.language.parser import MAX_TEXT
from gru_sym.layers import Layer
from gru_sym.lookup import UnknownCell, catalogue


def read_cell(argument: str) -> Cell:
    """The cell that an argument of the command line means; what its text may not mean is told."""
    cell = _read(argument)
    for note in cell.notes:
        tell(sys.stderr, f"{printable(cell.name)}: {note}")
    return cell


def read_whole(options: argparse.Namespace, argument: str) -> Cell | Layer:
    """The cell that an argument means, or the layer that the options make of it, if they do."""
    cell = read_cell(argument)
    if options.layers is None and not options.bidirectional:
        return cell
    return Layer(cell, options.layers or 1, options.bidirectional)


def _read(argument: str) -> Cell:
    if not argument:
        raise BadInput(f"CELL is empty; it is {CELL_HELP}")
    if argument == "-":
        return Cell(_standard_input(), "standard input")
    if argument in catalogue:
        return catalogue[argument]
    if not os.path.exists(argument) and not re.search(r"[/\\]|\.(?:cell|txt)$", argument):
        try:
            return catalogue[argument]
        except UnknownCell as error:  # which says what the catalogue has
            raise BadInput(str(error)) from error
    try:
        with Path(argument).open("rb") as file:
            return Cell(_decode(file.read(4 * MAX_TEXT + 1), argument), argument)
    except OSError as error:
        raise BadInput(f"{argument} cannot be read: {error.strerror}") from error
    except CellError as error:
        raise BadInput(f"{argument}, {error.summary}") from error


def _standard_input() -> str:
    if sys.stdin is None:
        raise BadInput("standard input is closed")
    try:
        raw = sys.stdin.buffer.read(4 * MAX_TEXT + 1)
    except OSError as error:  # open for writing only
        raise BadInput(f"standard input cannot be read: {error.strerror}") from error
    return _decode(raw, "standard input")


def _decode(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not text in UTF-8: byte {error.start} cannot be read") from error


def sizes_given(options: argparse.Namespace, whole: Layer | Cell) -> dict[str, int]:
    """The sizes given, checked to be all or none of those the count needs, and no others."""
    sizes = some_sizes(options, whole)
    missing = [name for name in whole.size_names if name not in sizes]
    if sizes and missing:
        how = ", ".join(
            f"-{name} SIZE" if name in ("m", "n") else f"--set {name}=SIZE" for name in missing
        )
        raise BadInput(f"{name_of(whole)} also needs {how}")
    return sizes


def some_sizes(options: argparse.Namespace, *wholes: Layer | Cell) -> dict[str, int]:
    """The sizes given, each once, and each one that one of the counts has."""
    given = [("m", options.m), ("n", options.n), *options.set]
    sizes: dict[str, int] = {}
    for name, value in given:
        if value is None:
            continue
        if name in sizes:
            raise BadInput(f"the size {name} is given twice")
        sizes[name] = value
    # Here, and not where the sizes are used: there a name might be that of another argument.
    all_names = dict.fromkeys(name for whole in wholes for name in whole.size_names)
    for name in sizes.keys() - {*all_names}:
        owner = " or ".join(dict.fromkeys(map(name_of, wholes)))
        raise BadInput(
            f"{owner} has no size {name}; its sizes are {', '.join(all_names) or 'fixed'}"
        )
    return sizes


def name_of(whole: Layer | Cell) -> str:
    """What a cell, or the cell of a layer, is called."""
    return whole.name if isinstance(whole, Cell) else whole.cell.name
