"""`draw`: the data flow of a cell as a drawing."""

from __future__ import annotations

import argparse

from gru_sym.cli.arguments import Commands, add_cell
from gru_sym.cli.cells import read_cell


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser("draw", help="the cell's data flow as a picture, in SVG")
    add_cell(command)
    command.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="these equations alone"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The SVG file."""
    from gru_sym.figures import flow

    return flow(read_cell(options.cell), options.only).svg
