"""What is known of every layer, derived from the layouts and the equations: plain texts.

`known.json` holds it, so that an explanation takes no SymPy; `tools/write_known.py` writes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import sympy as sp

from gru_sym.cells import Cell
from gru_sym.certificates.effective import effective_count
from gru_sym.layers import Layer
from gru_sym.libraries.layout_text import Form
from gru_sym.libraries.naming import SizeOf
from gru_sym.libraries.stored import StoredLayer, stored_layer
from gru_sym.libraries.texts import forms, names, title
from gru_sym.lookup import catalogue

Record = dict[str, Any]
"""What JSON can hold."""

Grown = list[str | None]
"""In the first level; in a level above it, of one direction, and of two: None if there is none."""


def everything(known: Mapping[str, Any] | None = None) -> Record:
    """Every form of every layout, and every cell; what is `known` stays as it is."""
    known = known or {"libraries": {}, "cells": {}}
    layers = {name: Layer(catalogue[name]) for name in catalogue}
    for library in names():
        for form in forms(library):
            layers.setdefault(changed(form), stored_layer(form, 1, False, ()).layer)
    libraries = {name: known["libraries"].get(name) or library_record(name) for name in names()}
    cells = {name: known["cells"].get(name) or cell_record(layers[name]) for name in layers}
    return {"libraries": libraries, "cells": cells}


def library_record(library: str) -> Record:
    """A library's name, the forms of its layers, and how names of their tensors end.

    >>> gru = library_record("pytorch")["forms"][0]
    >>> gru["layer"], gru["cell"], gru["lines"][0]
    ('GRU', 'gru.pytorch', ['weight_ih', False, ['3*n', 'm'], ['3*n', 'n'], ['3*n', '2*n']])
    """
    own = forms(library)
    ends = {end for form in own for line in form.lines for end in form.ends(line.name)}
    records = [form_record(form) for form in own]
    return {"title": title(library), "ends": sorted(ends), "forms": records}


def changed(form: Form) -> str:
    """The cell of a form with its changes, as a layout says it: "gru.keras without biases"."""
    by = "".join(f" with {new} for {old}" for old, new in form.functions)
    states = " with trained initial states" * form.trained_states
    return form.cell_id + by + " without biases" * (not form.biases) + states


def form_record(form: Form) -> Record:
    """A layer with its options, and its tensors with their shapes."""
    return {
        "layer": form.layer,
        "cell": changed(form),
        "options": {
            name: {"size": value.size} if isinstance(value, SizeOf) else value
            for name, value in form.options.items()
        },
        "naming": form.naming,
        "lines": _lines(form),
    }


def cell_record(layer: Layer) -> Record:
    """The sizes of a cell; its parameters by gate and role, and what is redundant, as it grows.

    >>> from gru_sym import cell
    >>> record = cell_record(Layer(cell("rnn.pytorch")))
    >>> record["parts"][1], record["redundant"]
    (['h', 'bias', '2*n', '2*n', '2*n'], ['n', 'n', 'n'])
    """
    counts: dict[tuple[str, str], list[sp.Expr | None]] = {}
    stacks = _stacks(layer)
    for place, (stack, level) in enumerate(stacks):
        for p in stack.parameters if stack else ():
            if (p.level, p.direction) == (level, 0):
                grown = counts.setdefault((p.gate, p.role), [None] * len(stacks))
                grown[place] = (grown[place] or 0) + p.count
    found = effective_count(layer.cell)
    known = found.certified and not found.condition
    redundant = sp.sympify(found.redundant)
    return {
        "sizes": list(layer.cell.size_names),
        "multiples": _multiples(layer.cell),
        "parts": [[*key, *map(_text, grown)] for key, grown in counts.items()],
        "redundant": (known and [
            stack and _text(redundant.subs(stack.input_above() if level else {}, simultaneous=True))
            for stack, level in stacks
        ]) or None,
    }  # fmt: skip


def _multiples(cell: Cell) -> dict[str, int]:
    """The sizes that a number of blocks divides, with that number."""
    found: dict[str, int] = {}
    for name, blocks in cell.sizes.blocks.items():
        for size in cell.sizes.shapes[name]:
            if isinstance(size, str) and isinstance(blocks, int):
                found[size] = math.lcm(found.get(size, 1), blocks)
    return found


def _stacks(layer: Layer) -> list[tuple[Layer | None, int]]:
    """A layer of one level; the second of two levels, in one direction and in both."""
    found: list[tuple[Layer | None, int]] = [(layer, 0)]
    for both in (False, True):
        try:
            two = Layer(layer.cell, 2, both, learn_initial_state=layer.learn_initial_state)
        except ValueError:  # it cannot be stacked so
            found.append((None, 1))
        else:
            found.append((two, 1))
    return found


def _lines(form: Form) -> list[list[Any]]:
    """The tensors of a form: their own names, whether by direction, and the grown shapes."""
    one = stored_layer(form, 1, False, ())
    first, above, above_both = _stacks(one.layer)
    stacks = [first, *[above, above_both] * form.has_levels]
    shapes = [_shapes(form, stack, level) if stack else {} for stack, level in stacks]
    return [
        [line.name, line.by_direction, *(shape.get(line.name) for shape in shapes)]
        for line in form.lines
        if line.name in shapes[0]
    ]


def _shapes(form: Form, stack: Layer, level: int) -> Mapping[str, list[str | None]]:
    """The shape of the first direction's tensors in a level, by their own names."""
    stored = StoredLayer(form, stack, {})
    both = stack.bidirectional
    shapes = {}
    for line in form.lines:
        shape = stored.tensors.get(form.tensor_name(line.name, level, 0, both))
        if shape is not None:
            shapes[line.name] = [_text(size) for size in shape[line.by_direction :]]
    return shapes


def _text(formula: Any) -> str | None:
    return None if formula is None else str(sp.expand(formula))
