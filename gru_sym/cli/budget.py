"""`budget`: the largest hidden size within a number of parameters, or with as many as another."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from gru_sym.cli.arguments import BadInput, Commands, Once, add_whole, number
from gru_sym.cli.cells import about, read_whole, some_sizes

if TYPE_CHECKING:
    from gru_sym.budgets import By


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser(
        "budget", help="the largest hidden size within a number of parameters"
    )
    add_whole(command)
    given = command.add_mutually_exclusive_group(required=True)
    given.add_argument(
        "--parameters",
        action=Once,
        type=number,
        metavar="N",
        help="the most parameters that there may be",
    )
    given.add_argument(
        "--multiply-adds",
        action=Once,
        type=number,
        metavar="N",
        help="the most multiply-adds for one step of one sequence (FLOPs are two of them)",
    )
    given.add_argument(
        "--match",
        action=Once,
        metavar="OTHER",
        help="as many as this cell has with the sizes given, in as many layers and directions",
    )
    command.add_argument(
        "--by",
        action=Once,
        choices=("stored", "effective", "multiply-adds"),
        help="what is counted (stored parameters)",
    )
    command.add_argument("--effective", action="store_true", help="the same as --by effective")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The largest value of n, or of the one size that is not given, and the next one."""
    from gru_sym.budgets import UNITS, budget, match
    from gru_sym.costs import CONVENTION

    by = _by(options)
    whole = read_whole(options, options.cell)
    if options.match is not None:
        other = read_whole(options, options.match)
        sizes = some_sizes(options, whole, other)
        found = match(whole, other, by, **sizes)
    else:
        sizes = some_sizes(options, whole)
        found = budget(whole, options.parameters or options.multiply_adds, by, **sizes)
    if options.json:
        return json.dumps(
            {
                **about(options, whole),
                **({} if options.match is None else {"match": other.name}),
                "parameters": found.parameters,
                "by": by,
                **({"convention": CONVENTION} if by == "multiply-adds" else {}),
                "sizes": sizes,
                "size": found.size,
                "n": found.n,
                "count": found.count,
                "next_n": found.next_n,
                "next_count": found.next_count,
            }
        )
    end = f"\n({CONVENTION})" * (by == "multiply-adds")
    if options.match is None:
        return f"{found}{end}"
    return f"{other.name}: {found.parameters} {UNITS[by]}\n{whole.name}, {found}{end}"


def _by(options: argparse.Namespace) -> By:
    """What is counted; two words for different things are refused."""
    said: set[By] = {"effective"} if options.effective else set()
    said |= {options.by} if options.by else set()
    said |= {"multiply-adds"} if options.multiply_adds else set()
    said |= {"stored"} if options.parameters and options.by == "multiply-adds" else set()
    if len(said) > 1:
        raise BadInput(f"a budget is counted in one way, not in {len(said)}")
    return said.pop() if said else "stored"
