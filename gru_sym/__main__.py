"""The command line: `python -m gru_sym list | show | count | effective | code | gpu`."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gru_sym.cli.arguments import (
    CELL_HELP,
    BadInput,
    Once,
    assignment,
    positive,
    read_cell,
    sizes_given,
)
from gru_sym.language.errors import CellError
from gru_sym.layers import Layer
from gru_sym.lookup import UnknownCell, catalogue
from gru_sym.render import Table, cell_text


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0 if done, 2 with one line on standard error for bad input.

    A record that was made and breaks a rule is 1.
    """
    sys.set_int_max_str_digits(0)  # sizes have any length
    try:
        options = _parser().parse_args(arguments)
        answer = options.run(options)
    except Unsound as report:
        _write(sys.stdout, str(report))
        return 1
    except (BadInput, UnknownCell, ValueError, OSError) as error:
        message = error.summary if isinstance(error, CellError) else str(error)
        _write(sys.stderr, f"gru_sym: {' '.join(message.split())}")
        return 2
    try:
        return _write(sys.stdout, answer)
    except OSError as error:
        _write(sys.stderr, f"gru_sym: the answer cannot be written: {error.strerror}")
        return 2


def _write(stream: Any, text: str) -> int:
    """Print whole or not at all; a reader that has gone away is no error of ours."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="gru_sym", description="Count the parameters of a recurrent cell from its equations."
    )
    commands = parser.add_subparsers(
        required=True, metavar="list | show | count | effective | code | gpu", dest="command"
    )

    listing = commands.add_parser("list", help="every cell of the catalogue")
    listing.set_defaults(run=_list)

    show = commands.add_parser("show", help="equations, parameters, shapes, roles, formula, source")
    show.add_argument("cell", metavar="CELL", help=CELL_HELP)
    show.set_defaults(run=_show)

    count = commands.add_parser("count", help="the exact number of parameters")
    _add_sizes(count)
    count.add_argument(
        "--layers",
        action=Once,
        type=positive,
        default=1,
        metavar="L",
        help="number of stacked layers",
    )
    count.add_argument("--bidirectional", action="store_true", help="both directions")
    count.set_defaults(run=_count)

    effective = commands.add_parser("effective", help="how many of them count, with a proof")
    _add_sizes(effective)
    effective.set_defaults(run=_effective)

    code = commands.add_parser("code", help="the cell as a module, to read or to paste")
    code.add_argument("cell", metavar="CELL", help=CELL_HELP)
    code.add_argument(
        "--library", action=Once, choices=("numpy", "torch", "javascript"), default="numpy"
    )
    code.set_defaults(run=_code)

    gpu = commands.add_parser("gpu", help="check and measure on a GPU, and record what it says")
    gpu.add_argument(
        "--record", action=Once, metavar="FILE", required=True, help="the JSON file to write"
    )
    gpu.add_argument(
        "--device",
        action=Once,
        choices=("cuda", "cpu"),
        default="cuda",
        help="cpu: the same but cuDNN",
    )
    gpu.add_argument("--dry", action="store_true", help="in small, to see that it runs")
    gpu.add_argument(
        "--commit", action=Once, metavar="ID", help="of these sources, where git cannot tell"
    )
    gpu.set_defaults(run=_gpu)

    for command in (listing, show, count, effective, code):
        command.add_argument("--json", action="store_true", help="one JSON object on one line")
    return parser


def _add_sizes(command: argparse.ArgumentParser) -> None:
    command.add_argument("cell", metavar="CELL", help=CELL_HELP)
    command.add_argument("-m", action=Once, type=positive, metavar="INPUT", help="input size")
    command.add_argument("-n", action=Once, type=positive, metavar="HIDDEN", help="hidden size")
    command.add_argument(
        "--set", type=assignment, action="append", default=[], metavar="k=4", help="any other size"
    )


def _list(options: argparse.Namespace) -> str:
    cells = catalogue.values()
    if options.json:
        return json.dumps(
            {
                "cells": [
                    {"cell": c.name, "formula": str(c.count()), "title": c.title} for c in cells
                ]
            }
        )
    return str(Table(("cell", "parameters", "what"), [(c.name, c.count(), c.title) for c in cells]))


def _show(options: argparse.Namespace) -> str:
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
            "equations": cell.text,
            "formula": str(cell.count()),
            "sizes": list(cell.size_names),
            "states": list(cell.states),
            "parameters": parameters,
            "latex": cell.latex(),
        }
    )


def _count(options: argparse.Namespace) -> str:
    cell = read_cell(options.cell)
    layer = Layer(cell, options.layers, options.bidirectional)
    sizes = sizes_given(options, layer)
    numbers = {
        name: getattr(layer, name)(**sizes) if sizes or not layer.size_names else None
        for name in ("count", "weights", "biases")
    }
    formula = layer.count()
    if options.json:
        about = {
            "cell": cell.name,
            "formula": str(formula),
            "sizes": sizes,
            "layers": options.layers,
            "bidirectional": options.bidirectional,
        }
        return json.dumps(about | numbers)
    if numbers["count"] is None:
        return str(formula)
    where = ", ".join(f"{name} = {value}" for name, value in sizes.items())
    return "\n".join(
        [
            f"{numbers['count']} parameters in {cell.name}" + (f" with {where}" if where else ""),
            f"= {formula}",
            f"{numbers['weights']} weights, {numbers['biases']} biases",
        ]
    )


def _effective(options: argparse.Namespace) -> str:
    from gru_sym.certificates import effective_count

    cell = read_cell(options.cell)
    sizes = sizes_given(options, cell)
    formula = effective_count(cell)
    count = effective_count(cell, observed="sequence", steps=1, **sizes) if sizes else formula
    if options.json:
        numbers = {
            name: getattr(count, name) if sizes or not cell.size_names else None
            for name in ("stored", "effective", "redundant")
        }
        about = {
            "cell": cell.name,
            "formula": str(formula.stored),
            "effective_formula": str(formula.effective),
            "sizes": sizes,
        }
        return json.dumps(about | numbers | {"certified": count.certified, "scope": count.scope})
    families = [f"{f.count} redundant: {f.sentence}" for f in count.redundancy.families]
    return "\n".join([str(count), *families])


def _code(options: argparse.Namespace) -> str:
    from gru_sym.codegen import source

    cell = read_cell(options.cell)
    try:
        text = source(cell, options.library)
    except CellError as error:
        raise BadInput(f"{cell.name}, {error.summary}") from error
    if options.json:
        return json.dumps({"cell": cell.name, "library": options.library, "source": text})
    return text.rstrip("\n")


class Unsound(Exception):
    """A record was made, and breaks a rule; the message says which."""


def _gpu(options: argparse.Namespace) -> str:
    try:
        from gru_sym.gpu.record import main_record
    except ModuleNotFoundError as error:
        raise BadInput(f"this command needs {error.name}, which is not installed") from error
    name = Path(options.record).name  # where it lies on that machine is nobody's business
    words = ["python", "-m", "gru_sym", "gpu", "--record", name, "--device", options.device]
    words += ["--dry"] * options.dry
    words += ["--commit", options.commit] if options.commit else []
    report = main_record(
        options.record,
        options.device,
        dry=options.dry,
        command=shlex.join(words),
        commit=options.commit,
        progress=lambda line: _write(sys.stderr, line),
    )
    if report.problems:
        raise Unsound(str(report))
    return str(report)


if __name__ == "__main__":
    sys.exit(main())
