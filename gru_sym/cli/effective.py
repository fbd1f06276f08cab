"""`effective`: how many of the parameters count, with a proof."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from gru_sym.cells import Cell
from gru_sym.cli.arguments import CELL_HELP, BadInput, Commands, Unsound, add_whole
from gru_sym.cli.cells import about, read_whole, sizes_given
from gru_sym.layers import Layer
from gru_sym.models.model import Model

if TYPE_CHECKING:
    from gru_sym.certificates.effective import EffectiveCount


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser(
        "effective", help="how many of them count, with a proof, and for which sizes"
    )
    what = "a stack of L layers run from zero over a sequence, in place of one step of the cell"
    add_whole(command, CELL_HELP, what)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The effective count, for which sizes it is proved, and what is redundant."""
    from gru_sym.certificates.families import FalseFamily

    try:
        return _answer(options)
    except FalseFamily as error:
        raise Unsound(f"a fault of gru_sym, please report this cell: {error}") from error


def _answer(options: argparse.Namespace) -> str:
    from gru_sym.certificates.effective import effective_count

    whole = read_whole(options, options.cell)
    if isinstance(whole, Model):
        raise BadInput("effective takes a cell; how many parameters of a model count is not known")
    sizes: dict[str, Any] = sizes_given(options, whole)
    if options.json:
        return _as_json(options, whole, sizes)
    count = effective_count(whole, **sizes)
    where = " in each copy of the cell" if isinstance(whole, Layer) else ""
    families = [f"{f.count} redundant{where}: {f.sentence}" for f in count.redundancy.families]
    return "\n".join([str(count), *families])


def _as_json(options: argparse.Namespace, whole: Cell | Layer, sizes: dict[str, Any]) -> str:
    from gru_sym.certificates.effective import effective_count

    formula = _formula(whole) if sizes else effective_count(whole)
    count = effective_count(whole, **sizes) if sizes or formula is None else formula
    numbers = {
        name: getattr(count, name) if sizes or not whole.size_names else None
        for name in ("stored", "effective", "redundant")
    }
    first = {
        **about(options, whole),
        "layers": options.layers,
        "formula": str(whole.count()),
        "effective_formula": None if formula is None else str(formula.effective),
        "sizes": sizes,
    }
    return json.dumps(first | numbers | {"certified": count.certified, "scope": count.scope})


def _formula(whole: Cell | Layer) -> EffectiveCount | None:
    """The count for all sizes, where there is one: of a stack there may be none."""
    from gru_sym.certificates.effective import effective_count

    try:
        return effective_count(whole)
    except ValueError:
        if isinstance(whole, Cell):
            raise
        return None
