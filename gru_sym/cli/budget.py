"""`budget`: the largest hidden size within a number of parameters."""

from __future__ import annotations

import argparse
import json

from gru_sym.cells import Cell
from gru_sym.cli.arguments import (
    Commands,
    Once,
    add_cell,
    add_json,
    add_layers,
    add_sizes,
    positive,
)
from gru_sym.cli.cells import read_cell, some_sizes
from gru_sym.layers import Layer


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser(
        "budget", help="the largest hidden size within a number of parameters"
    )
    add_cell(command)
    command.add_argument(
        "--parameters",
        action=Once,
        type=_number,
        required=True,
        metavar="N",
        help="the most parameters that there may be",
    )
    add_sizes(command)
    add_layers(command, "number of stacked layers", None)
    command.add_argument(
        "--effective", action="store_true", help="count only the parameters that count"
    )
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The largest value of n, or of the one size that is not given, and the next one."""
    from gru_sym.budgets import By, budget

    cell = read_cell(options.cell)
    whole: Cell | Layer = cell
    if options.layers is not None or options.bidirectional:
        whole = Layer(cell, options.layers or 1, options.bidirectional)
    sizes = some_sizes(options, whole)
    by: By = "effective" if options.effective else "stored"
    found = budget(whole, options.parameters, by, **sizes)
    if options.json:
        return json.dumps(
            {
                "cell": cell.name,
                "parameters": found.parameters,
                "by": by,
                "sizes": sizes,
                "layers": options.layers or 1,
                "bidirectional": options.bidirectional,
                "size": found.size,
                "n": found.n,
                "count": found.count,
                "next_n": found.next_n,
                "next_count": found.next_count,
            }
        )
    return str(found)


def _number(text: str) -> int:
    try:
        return positive(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"a number of parameters is a positive whole number, such as 100000, not {text!r}"
        ) from None
