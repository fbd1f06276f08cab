"""`count`: the exact number of parameters of a cell, or of a stack of them."""

from __future__ import annotations

import argparse
import json

from gru_sym.cli.arguments import (
    Commands,
    add_cell,
    add_json,
    add_layers,
    add_sizes,
)
from gru_sym.cli.cells import read_cell, sizes_given
from gru_sym.layers import Layer
from gru_sym.render import factored, shapes_of


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser("count", help="the exact number of parameters")
    add_cell(command)
    add_sizes(command)
    add_layers(command, "number of stacked layers", 1)
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The count at the sizes given, or its formula."""
    cell = read_cell(options.cell)
    layer = Layer(cell, options.layers, options.bidirectional)
    sizes = sizes_given(options, layer)
    numbers = {
        name: getattr(layer, name)(**sizes) if sizes or not layer.size_names else None
        for name in ("count", "weights", "biases")
    }
    formula = layer.count()
    short = factored(formula)
    if options.json:
        about = {
            "cell": cell.name,
            "formula": str(formula),
            "factored": short,
            "sizes": sizes,
            "layers": options.layers,
            "bidirectional": options.bidirectional,
            "inputs": shapes_of(cell, cell.inputs),
            "constants": shapes_of(cell, cell.constants),
        }
        return json.dumps(about | numbers)
    beside = [f"= {short}"] if short else []
    if numbers["count"] is None:
        return "\n".join([str(formula), *beside])
    where = ", ".join(f"{name} = {value}" for name, value in sizes.items())
    return "\n".join(
        [
            f"{numbers['count']} parameters in {cell.name}" + (f" with {where}" if where else ""),
            f"= {formula}",
            *beside,
            f"{numbers['weights']} weights, {numbers['biases']} biases",
        ]
    )
