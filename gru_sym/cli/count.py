"""`count`: the exact number of parameters of a cell, of a stack of them, or of a model."""

from __future__ import annotations

import argparse
import json
from typing import Any

import sympy as sp

from gru_sym.cells import Cell
from gru_sym.cli.arguments import Commands, add_whole
from gru_sym.cli.cells import about, read_whole, sizes_given
from gru_sym.layers import MERGES, Layer
from gru_sym.models.model import Model
from gru_sym.render import factored, shapes_of


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser("count", help="the exact number of parameters")
    add_whole(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The count at the sizes given, or its formula."""
    whole = read_whole(options, options.cell)
    if isinstance(whole, Cell):
        whole = Layer(whole)
    sizes = sizes_given(options, whole)
    numbers = {
        name: _number(whole, name, sizes) if sizes or not whole.size_names else None
        for name in ("count", "weights", "biases")
    }
    formula = whole.count()
    short = factored(formula)
    if options.json:
        first = {
            **about(options, whole),
            "formula": str(formula),
            "factored": short,
            "sizes": sizes,
            **_given(whole),
        }
        return json.dumps(first | numbers | {"parts": _parts(whole, sizes)})
    beside = [f"= {short}"] if short else []
    if isinstance(whole, Model):
        return _of_a_model(whole, sizes, [f"= {formula}", *beside])
    if numbers["count"] is None:
        return "\n".join([str(formula), *beside, *_assumed(whole)])
    return "\n".join(
        [
            f"{numbers['count']} parameters in {whole.name}{_with(sizes)}",
            f"= {formula}",
            *beside,
            f"{numbers['weights']} weights, {numbers['biases']} biases",
            *_assumed(whole),
        ]
    )


def _assumed(layer: Layer) -> list[str]:
    """What the layers above the first read, where that might be something else."""
    if layer.directions == 1 or layer.num_layers == 1:
        return []
    return [
        f"outputs of both directions {MERGES[layer.merge]}: a layer hands on {layer.output_size}"
    ]


def _of_a_model(model: Model, sizes: dict[str, int], formula: list[str]) -> str:
    """A line for each layer, and for the total."""
    heading = [f"{model.name}{_with(sizes)}:"] if sizes else []
    return "\n".join([*heading, str(model.table(**sizes)), *(formula if model.size_names else [])])


def _given(whole: Layer | Model) -> dict[str, Any]:
    """What a cell is given beside its states, with shapes."""
    if isinstance(whole, Model):
        return {}
    cell = whole.cell
    return {
        "inputs": shapes_of(cell, cell.inputs),
        "constants": shapes_of(cell, cell.constants),
    }


def _with(sizes: dict[str, int]) -> str:
    return " with " * bool(sizes) + ", ".join(f"{name} = {value}" for name, value in sizes.items())


def _number(whole: Layer | Model, what: str, sizes: dict[str, int]) -> Any:
    """The count, weights or biases; of a model it may be unknown how many are biases."""
    try:
        return getattr(whole, what)(**sizes)
    except ValueError:
        if what == "count":
            raise
        return None


def _parts(whole: Layer | Model, sizes: dict[str, int]) -> list[dict[str, Any]]:
    """What the total is made of: of a layer its groups of parameters, of a model its layers."""
    given = {sp.Symbol(name): sp.Integer(size) for name, size in sizes.items()}

    def put(formula: Any) -> int | str | None:
        if formula is None:
            return None
        value = sp.expand(sp.sympify(formula).xreplace(given))
        return int(value) if value.is_Integer else str(value)

    def groups(layer: Layer | None, here: Any) -> list[dict[str, Any]]:
        return [
            {
                **vars(group),
                "levels": put(group.levels),
                "formula": str(group.count),
                "count": put(here(group.count)),
            }
            for group in (layer.groups() if layer else ())
        ]

    if isinstance(whole, Layer):
        return groups(whole, lambda formula: formula)
    return [
        {
            "part": part.text,
            "kind": part.kind,
            "reads": put(part.reads),
            "hands_on": put(part.hands_on),
            "formula": str(part.formula),
            "sizes": {name: put(size) for name, size in part.sizes.items()},
            "count": put(part.count),
            "tensors": groups(part.layer, part.here),
        }
        for part in whole.parts
    ]
