"""Random weights through a library's layout: its own layer beside the code of the equations.

For each form of a layout, each way to stack it: the tensors are packed from random parameters and
put into the library's layer, which runs several steps from a random state. The code generated from
the catalogue's equations runs on the same parameters. What is written down is the largest
difference, and by how much the nearest wrong reading of the tensors would have missed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp

from gru_sym.cells import Cell, Parameter
from gru_sym.codegen.stacked import Stack
from gru_sym.layers import Layer
from gru_sym.libraries.atlas import written
from gru_sym.libraries.layout import layout
from gru_sym.libraries.layout_text import Form
from gru_sym.libraries.live import RUNNERS, Answer, Question
from gru_sym.libraries.live.record import Row
from gru_sym.libraries.naming import SizeOf
from gru_sym.libraries.stored import StoredLayer, stored_layer
from gru_sym.libraries.structure import reset_moved
from gru_sym.roles import RECURRENT_KERNEL

STEPS, BATCH = 4, 2
SIZES = {"m": 5, "n": 3, "p": 2}
GRID = [(1, 2), (2, 3), (8, 16), (13, 7)]
"""Input and hidden sizes at which a library's own counts are compared with the formula."""


@dataclass(frozen=True)
class Case:
    """One layer of a library, with some options, stacked in some way."""

    runner: str
    form: Form
    num_layers: int
    bidirectional: bool

    def __str__(self) -> str:
        both = ", bidirectional" * self.bidirectional
        return f"{self.runner} {written(self.form)} x {self.num_layers}{both}"

    @property
    def stored(self) -> StoredLayer:
        """The layer, at no sizes yet."""
        return stored_layer(self.form, self.num_layers, self.bidirectional, ())


def module(runner: str) -> Any:
    """The file that runs a library."""
    return importlib.import_module(f"gru_sym.libraries.live.{runner}")


def version(runner: str) -> str | None:
    """The installed version of the library; None where it is not installed."""
    try:
        return importlib.metadata.version(module(runner).DISTRIBUTION).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def absent() -> list[str]:
    """The runners whose library is not installed here."""
    return [runner for runner in RUNNERS if version(runner) is None]


def cases(runner: str) -> Iterator[Case]:
    """Every form of the library, alone, and as a stack and in both directions where it can be."""
    live = module(runner)
    for form in layout(live.LAYOUT).forms:
        ways = itertools.product((1, 2) if form.has_levels else (1,), _directions(form))
        yield from (Case(runner, form, levels, both) for levels, both in ways)


def _directions(form: Form) -> tuple[bool, ...]:
    return (False, True) if form.has_directions else (False,)


def run(case: Case) -> Row:
    """Run a case, and compare.

    Raises `AssertionError` where the library's tensors or its count are not those of the layout.
    """
    question, parameters = ask(case, SIZES)
    answer = answered(case, question)
    live = module(case.runner)
    precision = live.precision(case.form.layer, dict(case.form.options))
    error = difference(case.stored.layer, parameters, question, answer)
    wrong = [
        difference(layer, changed, question, answer)
        for layer, changed in misread(case.stored.layer, parameters)
    ]
    return Row(
        library=case.runner,
        version=version(case.runner) or "",
        layout=live.LAYOUT,
        layer=written(case.form),
        cell=case.stored.layer.cell.name,
        num_layers=case.num_layers,
        bidirectional=case.bidirectional,
        sizes=", ".join(f"{k} = {v}" for k, v in _sizes(case).items()),
        steps=STEPS,
        batch=BATCH,
        dtype=precision.dtype,
        count=answer.count,
        error=error,
        bound=precision.bound,
        reason=precision.reason,
        next_best=min(wrong),
    )


def _sizes(case: Case) -> dict[str, int]:
    return {name: SIZES[name] for name in case.stored.layer.size_names}


def ask(case: Case, sizes: Mapping[str, int]) -> tuple[Question, dict[str, Any]]:
    """A layer with random weights at some sizes, and the same weights by the cell's names."""
    import numpy as np

    stored = case.stored
    precision = module(case.runner).precision(case.form.layer, dict(case.form.options))
    random = np.random.default_rng(0)

    def draw(shape: tuple[Any, ...]) -> Any:
        at = [int(sp.sympify(axis).subs(dict(sizes))) for axis in shape]
        return random.uniform(-1, 1, at).astype(precision.dtype)

    layer = stored.layer
    parameters = {p.name: draw(p.shape) for p in layer.parameters}
    rows = case.num_layers * layer.directions
    shapes = layer.cell.sizes.shapes
    routine = Stack(layer).routine
    states = tuple(draw((rows, BATCH, str(shapes[state][0]))) for state in routine.states)
    options = {
        name: sizes[value.size] if isinstance(value, SizeOf) else value
        for name, value in case.form.options.items()
    }
    return (
        Question(
            case.form.layer,
            options,
            case.num_layers,
            case.bidirectional,
            precision.dtype,
            {k: np.ascontiguousarray(v) for k, v in stored.pack(parameters).items()},
            draw((STEPS, BATCH, "m")),
            states,
        ),
        parameters,
    )


def answered(case: Case, question: Question) -> Answer:
    """The library's answer, after a look at what it stores: every tensor to the last bit."""
    import numpy as np

    answer: Answer = module(case.runner).run(question)
    packed = question.tensors
    assert set(answer.tensors) == set(packed), f"{case}: {sorted(answer.tensors)}"
    for name, tensor in answer.tensors.items():
        same = np.array_equal(np.asarray(tensor), packed[name])
        assert same, f"{case}: {name} does not come back as it was put in"
    stored = sum(tensor.size for tensor in packed.values())
    assert answer.count == stored, f"{case} counts {answer.count}; the layout {stored}"
    return answer


def counted(case: Case, m: int, n: int) -> tuple[int, int]:
    """The library's own count at some sizes, and the formula's."""
    sizes = {"m": m, "n": n, "p": n // 2}
    sizes = {name: sizes[name] for name in case.stored.layer.size_names}
    question, _ = ask(case, sizes)
    return answered(case, question).count, int(case.stored.layer.count(**sizes))


def difference(
    layer: Layer, parameters: Mapping[str, Any], question: Question, answer: Answer
) -> float:
    """How far the library's outputs and last states are from those of a layer's equations.

    The equations are computed in float64, whatever the library computes in.
    """
    import numpy as np

    given = {name: array.astype("float64") for name, array in parameters.items()}
    states = [state.astype("float64") for state in question.states]
    outputs, last = _stack(layer).sequence(given, question.x.astype("float64"), *states)
    ours = (outputs, *(last if isinstance(last, tuple) else (last,)))
    found = 0.0
    for own, theirs in zip(ours, (answer.outputs, *answer.states), strict=True):
        if own.shape != theirs.shape:
            raise ValueError(f"results of shapes {own.shape} and {theirs.shape}")
        gap = np.abs(own - theirs).max() / max(1.0, np.abs(own).max())
        found = max(found, float(gap)) if np.isfinite(gap) else float("inf")
    return found


@lru_cache(maxsize=512)
def _stack(layer: Layer) -> Stack:
    return Stack(layer)


def misread(layer: Layer, parameters: Mapping[str, Any]) -> Iterator[tuple[Layer, dict[str, Any]]]:
    """Wrong readings of the same tensors: each has its layer, and parameters by its names.

    The recurrent kernels transposed; two gates exchanged; one gate's sign the other way (for the
    update gate, which share it keeps); the reset on the other side of the recurrent kernel.
    """
    square = {p.name for p in layer.parameters if p.role == RECURRENT_KERNEL}
    if all(parameters[name].shape[0] == parameters[name].shape[-1] for name in square):
        yield layer, {k: v.T if k in square else v for k, v in parameters.items()}
    by_gate: dict[str, dict[tuple[Any, ...], Parameter]] = {}
    for parameter in layer.cell.parameters:
        own = by_gate.setdefault(parameter.gate, {})
        rank = sum(key[:2] == (parameter.role, parameter.shape) for key in own)
        own[parameter.role, parameter.shape, rank] = parameter
    exchanges = [
        {
            one.name: by_gate[b][key].name
            for a, b in (pair, pair[::-1])
            for key, one in by_gate[a].items()
            if key in by_gate[b]
        }
        for pair in itertools.combinations(by_gate, 2)
    ]
    for exchange in filter(None, exchanges):
        places = {(p.in_cell, p.level, p.direction): p.name for p in layer.parameters}
        yield (
            layer,
            {
                p.name: parameters[places[exchange.get(p.in_cell, p.in_cell), p.level, p.direction]]
                for p in layer.parameters
            },
        )
    if len(by_gate) > 1:
        for own in by_gate.values():
            gone = {parameter.name for parameter in own.values()}
            yield (
                layer,
                {
                    p.name: -parameters[p.name] if p.in_cell in gone else parameters[p.name]
                    for p in layer.parameters
                },
            )
    if other := _moved(layer.cell):
        yield Layer(other, layer.num_layers, layer.bidirectional), dict(parameters)


@lru_cache
def _moved(cell: Cell) -> Cell | None:
    return reset_moved(cell)
