"""`cost`: multiply-adds, function values and memory of a cell or a stack of them."""

from __future__ import annotations

import argparse
import json
from typing import Any

from gru_sym.cli.arguments import Commands, Once, add_whole, positive
from gru_sym.cli.cells import about, read_whole, sizes_given


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser("cost", help="multiply-adds and memory of a sequence")
    add_whole(command)
    for name, letter, what in (("--steps", "T", "steps"), ("--batch", "B", "sequences")):
        command.add_argument(
            name, action=Once, type=positive, metavar=letter, help=f"number of {what}"
        )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The cost at the sizes given, the rest in symbols."""
    from gru_sym.costs import CONVENTION, Work, cost

    whole = read_whole(options, options.cell)
    sizes = sizes_given(options, whole)
    sizes |= {k: v for k, v in (("T", options.steps), ("B", options.batch)) if v is not None}
    found = cost(whole, **sizes)

    def work(part: Work) -> dict[str, Any]:
        functions = {name: _plain(value) for name, value in part.functions.items()}
        return {
            "multiply_adds": _plain(part.multiply_adds),
            "elementwise": _plain(part.elementwise),
            "functions": functions,
        }

    stages = {"once": found.once, "sequence": found.sequence, "loop": found.loop}
    optimiser = {name: _plain(value) for name, value in found.optimiser.items()}
    if options.json:
        first = {**about(options, whole), "sizes": sizes, "convention": CONVENTION}
        rest = {
            "flops": _plain(found.flops),
            "backward_multiply_adds": _plain(found.backward),
            "read_per_step": _plain(found.read_per_step),
            "kept": _plain(found.kept),
            "parameters": _plain(found.parameters),
            "optimiser": optimiser,
        }
        stage_work = {name: work(part) for name, part in stages.items()}
        return json.dumps(first | work(found.total) | rest | stage_work)
    where = [f"{name} = {value}" for name, value in sizes.items()]
    where += [] if "T" in sizes else ["T steps"]
    where += [] if "B" in sizes else ["B sequences"]
    functions = ", ".join(f"{value} {name}" for name, value in found.total.functions.items())
    lines = [
        f"forward pass of {whole.name}, {', '.join(where)}:",
        f"  {found.total.multiply_adds} multiply-adds of matrix products, {found.flops} FLOPs",
        *(
            f"    {part.multiply_adds} {when}"
            for when, part in zip(
                ("once", "for all steps at once", "in the loop"), stages.values(), strict=True
            )
        ),
        f"  {found.total.elementwise} elementwise operations",
        f"  function values: {functions or 'none'}",
        f"  {found.read_per_step} numbers made of parameters read at each step of the loop",
        f"backward pass: {found.backward} multiply-adds of matrix products",
        f"kept for it: {found.kept} numbers beside parameters and input"
        + ("" if sizes.get("T") else " (T > 1)"),
        f"{found.parameters} parameters; the optimiser keeps "
        + ", ".join(f"{value} ({name})" for name, value in optimiser.items()),
        f"({CONVENTION})",
    ]
    return "\n".join(lines)


def _plain(value: Any) -> int | str:
    return value if isinstance(value, int) else str(value)
