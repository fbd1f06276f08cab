"""`code`: a cell as a module of NumPy, PyTorch or JavaScript."""

from __future__ import annotations

import argparse
import json

from gru_sym.cli.arguments import BadInput, Commands, Once, add_cell, add_json
from gru_sym.cli.cells import read_cell
from gru_sym.language.errors import CellError

LIBRARIES = ("numpy", "torch", "javascript")


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser("code", help="the cell as a module, to read or to paste")
    add_cell(command)
    command.add_argument("--library", action=Once, choices=LIBRARIES, default="numpy")
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The source of the module."""
    from gru_sym.codegen import source

    cell = read_cell(options.cell)
    try:
        text = source(cell, options.library)
    except CellError as error:
        raise BadInput(f"{cell.name}, {error.summary}") from error
    if options.json:
        return json.dumps({"cell": cell.name, "library": options.library, "source": text})
    return text.rstrip("\n")
