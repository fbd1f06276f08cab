"""The cell and the sizes that the words of a command mean."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any, TypeAlias

from gru_sym.cells import Cell
from gru_sym.cli.arguments import CELL_HELP, LAYER_OPTIONS, BadInput
from gru_sym.cli.streams import printable, tell
from gru_sym.language.errors import CellError
from gru_sym.language.parser import MAX_TEXT
from gru_sym.layers import Layer
from gru_sym.lookup import UnknownCell, catalogue
from gru_sym.models.model import Model
from gru_sym.transform import without_biases

FILE = r"[/\\]|\.(?:cell|txt)$"
"""What the name of a file of equations looks like."""

Whole: TypeAlias = Cell | Layer | Model


def read_cell(argument: str) -> Cell:
    """The cell that an argument of the command line means; what its text may not mean is told."""
    cell = _read(argument)
    for note in cell.notes:
        tell(sys.stderr, f"{printable(cell.name)}: {note}")
    return cell


def read_whole(options: argparse.Namespace, argument: str) -> Cell | Layer | Model:
    """The cell or model that an argument means, or the layer that the options make of the cell."""
    given = [name for name in LAYER_OPTIONS if getattr(options, name, None)]
    if is_description(argument):
        if given:
            raise BadInput(f"--{_dashed(given[0])} is for a cell; in a model it is said of a layer")
        return _model(_description(argument))
    cell = read_cell(argument)
    if not given:
        return cell
    if options.no_bias:
        cell = without_biases(cell)
        if given == ["no_bias"]:
            return cell
    if getattr(options, "widths", None):
        return _of_widths(options, cell)
    if options.share_layers and options.layers in (None, 1):
        raise BadInput("one layer shares its parameters with no other; --layers says how many")
    return Layer(
        cell,
        options.layers or 1,
        options.bidirectional,
        options.learn_initial_state,
        options.share_directions,
        options.share_layers,
        options.merge or "concat",
    )


def about(options: argparse.Namespace, whole: Whole) -> dict[str, Any]:
    """What an answer is about, for `--json`: the model as described, or the cell in its layer."""
    if is_description(options.cell):
        assert isinstance(whole, Model)
        return {"model": whole.text}
    widths = getattr(options, "widths", None) or []
    return {
        "cell": whole.name if not widths else options.cell,
        "layers": len(widths) or options.layers or 1,
        "bidirectional": options.bidirectional,
        **({"widths": widths} if widths else {}),
        **({"merge": options.merge or "concat"} if options.bidirectional else {}),
        **{name: True for name in LAYER_OPTIONS[4:] if getattr(options, name)},
    }


def _of_widths(options: argparse.Namespace, cell: Cell) -> Model:
    """A layer of its own for each width, described as users describe it."""
    for other, given in (("-n", options.n), ("--layers", options.layers)):
        if given is not None:
            raise BadInput(f"--widths says what {other} says; give one of the two")
    if options.share_layers:
        raise BadInput("layers of several widths share no parameters")
    name = re.sub(r"[\s;#=]", "_", cell.name)
    said = [_dashed(f) for f in ("bidirectional", "learn_initial_state", "share_directions")
            if getattr(options, f)]  # fmt: skip
    said += [f"merge={options.merge}"] if options.merge else []
    said += [f"{size}={size}" for size in cell.size_names if size not in ("m", "n")]
    return Model("; ".join(["input m", " ".join([name, *options.widths, *said])]), {name: cell})


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def is_description(argument: str) -> bool:
    """Whether an argument describes a model: several words, or a file of such lines."""
    if os.path.exists(argument):
        return argument.endswith(".model")
    return len(argument.replace(";", " ; ").split()) > 1 or argument.endswith(".model")


def _description(argument: str) -> str:
    """What describes the model: the argument, or what stands in the file."""
    if not argument.endswith(".model"):
        return argument
    return _text_of_file(argument)


def _model(text: str) -> Model:
    """The model of a description, which may name files of equations."""
    begin = (piece.split("#")[0].split()[:1] for piece in re.split(r"[;\n]", text))
    files = {word for words in begin for word in words if re.search(FILE, word)}
    return Model(text, {file: read_cell(file) for file in sorted(files)})


def _read(argument: str) -> Cell:
    if not argument:
        raise BadInput(f"CELL is empty; it is {CELL_HELP}")
    if is_description(argument):
        raise BadInput("this describes a model, not a cell; count, cost and budget read one")
    if argument == "-":
        return Cell(_standard_input(), "standard input")
    if argument in catalogue:
        return catalogue[argument]
    if not os.path.exists(argument) and not re.search(FILE, argument):
        try:
            return catalogue[argument]
        except UnknownCell as error:  # which says what the catalogue has
            raise BadInput(str(error)) from error
    try:
        return Cell(_text_of_file(argument), argument)
    except CellError as error:
        raise BadInput(f"{argument}, {error.summary}") from error


def _text_of_file(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            return _decode(file.read(4 * MAX_TEXT + 1), name)
    except OSError as error:
        raise BadInput(f"{name} cannot be read: {error.strerror}") from error


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


def sizes_given(options: argparse.Namespace, whole: Whole) -> dict[str, int]:
    """The sizes given, checked to be all or none of those the count needs, and no others."""
    sizes = some_sizes(options, whole)
    missing = [name for name in whole.size_names if name not in sizes]
    if sizes and missing:
        how = ", ".join(
            f"-{name} SIZE" if name in ("m", "n") else f"--set {name}=SIZE" for name in missing
        )
        raise BadInput(f"{whole.name} also needs {how}")
    return sizes


def some_sizes(options: argparse.Namespace, *wholes: Whole) -> dict[str, int]:
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
        owner = " or ".join(dict.fromkeys(whole.name for whole in wholes))
        raise BadInput(
            f"{owner} has no size {name}; its sizes are {', '.join(all_names) or 'fixed'}"
        )
    return sizes
