"""`show`: all that one cell says."""

from __future__ import annotations

import argparse
import json

from gru_sym.cli.arguments import Commands, add_cell, add_json
from gru_sym.cli.cells import read_cell
from gru_sym.render import cell_text, factored, shapes_of


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser(
        "show", help="equations, parameters, shapes, roles, formula, source"
    )
    add_cell(command)
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The equations, a table of the parameters, and their count."""
    cell = read_cell(options.cell)
    if not options.json:
        return cell_text(cell)
    parameters = [
        {
            "name": p.name,
            "shape": [str(size) for size in p.shape],
            "role": p.role,
            "gate": p.gate,
            "count": str(p.count),
        }
        for p in cell.parameters
    ]
    return json.dumps(
        {
            "cell": cell.name,
            "title": cell.title,
            "sources": list(cell.sources),
            "notes": list(cell.notes),
            "equations": cell.text,
            "formula": str(cell.count()),
            "factored": factored(cell.count()),
            "sizes": list(cell.size_names),
            "states": list(cell.states),
            "inputs": shapes_of(cell, cell.inputs),
            "constants": shapes_of(cell, cell.constants),
            "parameters": parameters,
            "latex": cell.latex(),
        }
    )
