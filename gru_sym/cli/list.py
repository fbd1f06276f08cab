"""`list`: the cells of the catalogue."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from gru_sym.cells import Cell
from gru_sym.cli.arguments import BadInput, Commands, add_json
from gru_sym.lookup import catalogue
from gru_sym.render import Table


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser("list", help="the cells of the catalogue, or those about WORD")
    command.add_argument(
        "words", nargs="*", metavar="WORD", help="what occurs in a cell's id, title or source"
    )
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """One line a cell: its id, its count, its title."""
    cells = [cell for cell in catalogue.values() if _is_about(cell, options.words)]
    if not cells:
        raise BadInput(
            f"no cell of the catalogue is about {' and '.join(options.words)}: "
            "no id, title or source has the word"
        )
    if options.json:
        found = [{"cell": c.name, "formula": str(c.count()), "title": c.title} for c in cells]
        return json.dumps({"cells": found})
    return str(Table(("cell", "parameters", "what"), [(c.name, c.count(), c.title) for c in cells]))


def _is_about(cell: Cell, words: Sequence[str]) -> bool:
    text = f"{cell.name} {cell.title} {' '.join(cell.sources)}".casefold()
    return all(word.casefold() in text for word in words)
