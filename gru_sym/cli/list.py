"""`list`: every cell of the catalogue."""

from __future__ import annotations

import argparse
import json

from gru_sym.cli.arguments import Commands, add_json
from gru_sym.lookup import catalogue
from gru_sym.render import Table


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser("list", help="every cell of the catalogue")
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """One line a cell: its id, its count, its title."""
    cells = catalogue.values()
    if options.json:
        found = [{"cell": c.name, "formula": str(c.count()), "title": c.title} for c in cells]
        return json.dumps({"cells": found})
    return str(Table(("cell", "parameters", "what"), [(c.name, c.count(), c.title) for c in cells]))
