"""The calculator's data: every count as polynomials with integer coefficients, made from the texts.

All is for one layer, `first`, and for one on top of it, `later`, so that L layers have
first + (L - 1) later. A polynomial is written once and named by its place in a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sympy as sp

from gru_sym.certificates import effective_count, redundancy
from gru_sym.certificates.moves import Absorption
from gru_sym.costs import B, T, cost
from gru_sym.language.errors import CellError
from gru_sym.layers import Layer
from gru_sym.roles import BIAS
from gru_sym.web.choices import Choice, choices
from gru_sym.web.code_lines import CODE_LINES

SYMBOLS = sp.symbols("m n p k")
"""The sizes, in the order in which a term has their powers."""


class Polynomials:
    """Polynomials, each once: `[["3", 1, 1, 0, 0], ["6", 0, 1, 0, 0]]` is 3 m n + 6 n.

    >>> table = Polynomials()
    >>> m, n = sp.symbols("m n")
    >>> table(3 * m * n + 6 * n), table(n), table(6 * n + 3 * m * n)
    (0, 1, 0)
    """

    def __init__(self) -> None:
        self.terms: list[list[list[Any]]] = []
        self._places: dict[str, int] = {}

    def __call__(self, formula: Any) -> int:
        """The place of a polynomial in the table."""
        polynomial = sp.Poly(sp.sympify(formula), *SYMBOLS)
        if not all(c.is_Integer for c in polynomial.coeffs()):
            raise ValueError(f"{formula} has coefficients that are no integers")
        terms = [[str(c), *powers] for powers, c in polynomial.terms() if c]
        place = self._places.setdefault(str(terms), len(self.terms))
        if place == len(self.terms):
            self.terms.append(terms)
        return place


def calculator_data() -> dict[str, Any]:
    """Everything that the page's script knows: layers to choose from, and what is in their cells.

    >>> data = calculator_data()
    >>> choice = next(c for c in data["choices"] if c["key"] == "keras/GRU")
    >>> counts = data["cells"][choice["cell"]]["counts"]["1"]
    >>> data["polynomials"][counts["count"][0]]
    [['3', 1, 1, 0, 0], ['3', 0, 2, 0, 0], ['6', 0, 1, 0, 0]]
    """
    table, cells = Polynomials(), dict[Layer, int]()
    known: list[dict[str, Any]] = []
    found = []
    for choice in choices():
        one = choice.stack(1, False)
        if one not in cells:
            cells[one] = len(known)
            known.append(_cell(choice, table))
        found.append(_choice(choice, table) | {"cell": cells[one]})
    return {
        "symbols": [str(symbol) for symbol in SYMBOLS],
        "choices": found,
        "cells": known,
        "code": CODE_LINES,
        "polynomials": table.terms,
    }


def _choice(choice: Choice, table: Polynomials) -> dict[str, Any]:
    """What a library calls a layer, its options and its tensors."""
    return {
        "key": choice.key,
        "label": choice.label,
        "library": choice.library,
        "title": choice.title,
        "layer": choice.layer,
        "id": choice.catalogue_id,
        "family": choice.family,
        "biasOption": choice.bias_option,
        "options": {o: v for o, v in choice.told.items() if isinstance(v, str | int | bool)},
        "sizeOptions": choice.size_options,
        "levels": bool(choice.form and choice.form.has_levels),
        "directions": bool(choice.form is None or choice.form.has_directions),
        "tensors": {str(1 + both): _tensors(choice, both, table) for both in (False, True)},
    }


def _cell(choice: Choice, table: Polynomials) -> dict[str, Any]:
    """What a cell has, whichever library stores it."""
    families = redundancy(choice.cell).families
    hatched = {name for family in families for name in _to_spare(family, choice)}
    lines = [line for line in choice.cell.text.splitlines() if not line.startswith("#")]
    return {
        "text": "\n".join(filter(None, lines)) * (choice.form is not None),  # a light page
        "reset": choice.reset,
        "biases": choice.biases,
        "sizes": list(choice.cell.size_names),
        "counts": {str(1 + both): _counts(choice, both, table) for both in (False, True)},
        "redundant": [
            {"parameters": f.parameters, "count": table(f.count), "why": f.sentence}
            for f in families
        ],
        "parameters": [
            {
                "name": p.name,
                "gate": p.gate,
                "bias": p.role == BIAS,
                "shape": [table(size) for size in p.shape],
                "spare": p.name in hatched,
            }
            for p in choice.cell.parameters
        ],
    }


def _to_spare(family: Any, choice: Choice) -> tuple[str, ...]:
    """Which parameters of a family one could leave out: of biases in one sum all but the first."""
    roles = {p.name: p.role for p in choice.cell.parameters}
    if {roles[name] for name in family.parameters} == {BIAS}:
        return tuple(family.parameters[1:])
    return family.free if isinstance(family, Absorption) else ()


def _counts(choice: Choice, both: bool, table: Polynomials) -> dict[str, Any]:
    """What one layer has, and what each later one has (None if there can be none)."""

    def pair(total: Callable[[Layer], Any]) -> list[int | None]:
        first = sp.sympify(total(choice.stack(1, both)))
        try:
            two = sp.sympify(total(choice.stack(2, both)))
        except ValueError:
            return [table(first), None]
        return [table(first), table(sp.expand(two - first))]

    gates = dict.fromkeys(p.gate for p in choice.stack(1, both).parameters)
    found = effective_count(choice.stack(1, both))
    spare = sp.expand(sp.Add(*(f.count for f in redundancy(choice.cell).families)))

    def of_gate(gate: str) -> Callable[[Layer], Any]:
        return lambda layer: sum(p.count for p in layer.parameters if p.gate == gate)

    def redundant(layer: Layer) -> Any:
        """What the cell loses, in every copy of it."""
        above = {} if layer.num_layers == 1 else layer.input_above()
        copies = [spare, *[spare.subs(above, simultaneous=True)] * (layer.num_layers != 1)]
        return layer.directions * sum(copies)

    return {
        "count": pair(lambda layer: layer.count()),
        "weights": pair(lambda layer: layer.weights()),
        "biases": pair(lambda layer: layer.biases()),
        "redundant": pair(redundant),
        "work": _work(pair),
        "gates": {gate: pair(of_gate(gate)) for gate in gates},
        "effective": table(found.effective),
        "certified": found.certified,
        "condition": found.condition,
    }


def _work(
    pair: Callable[[Callable[[Layer], Any]], list[int | None]],
) -> list[int | None] | None:
    """Multiply-adds of a step of one sequence; None where a matrix is another one at each step."""

    def step(layer: Layer) -> Any:
        found = cost(layer)
        return (found.sequence + found.loop).multiply_adds.subs({T: 1, B: 1})

    try:
        return pair(step)
    except CellError:
        return None


def _tensors(choice: Choice, both: bool, table: Polynomials) -> list[dict[str, Any]]:
    """The tensors of one layer, with their names and shapes in the first and in later ones.

    A later name is that of the second layer; braces mark the number that grows with the layer.
    """
    stored = choice.stored(both) or choice.stored(False)  # a layer of one direction is built twice
    if stored is None:
        shapes = {p.name: p.shape for p in choice.stack(1, both).parameters}
        names = {name: name.replace("_l0", "") for name in shapes}
    else:
        shapes = {name: tuple(map(sp.sympify, shape)) for name, shape in stored.tensors.items()}
        names = {name: name for name in shapes}
    try:
        above = choice.stack(2, both).input_above()
    except ValueError:
        above = None
    later = _later_names(choice, both) or list(names.values())
    return [
        {
            "name": names[name],
            "later": None if above is None else next_name,
            "shape": [table(size) for size in shape],
            "laterShape": []
            if above is None
            else [table(size.subs(above, simultaneous=True)) for size in shape],
        }
        for (name, shape), next_name in zip(shapes.items(), later, strict=True)
    ]


def _later_names(choice: Choice, both: bool) -> list[str]:
    """The names of a second layer's tensors, where the library numbers its layers."""
    stacks = [choice.stored(both, levels) for levels in (1, 2, 3)]
    one, two, three = (list(s.tensors) if s else [] for s in stacks)
    second = [name for name in two if name not in one]
    third = [name for name in three if name not in two]
    return [_numbered(a, b) for a, b in zip(second, third, strict=True)]


def _numbered(second: str, third: str) -> str:
    """The number that tells two names apart, in braces.

    >>> _numbered("weight_ih_l1_reverse", "weight_ih_l2_reverse")
    'weight_ih_l{1}_reverse'
    """
    parts = zip(re.split(r"(\d+)", second), re.split(r"(\d+)", third), strict=True)
    return "".join(a if a == b else f"{{{a}}}" for a, b in parts)
