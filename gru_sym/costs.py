"""`cost`: the work and the memory of a cell or a layer over a sequence, from its equations.

One multiply-add is one multiplication and one addition: **FLOPs are two a multiply-add**. What is
counted is the generated PyTorch code (`gru_sym.source`), which computes `W @ x` for all steps at
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.cells import Cell, SizeValue, evaluate
from gru_sym.functions import MEAN
from gru_sym.layers import Layer
from gru_sym.operations import (
    ADDITION,
    DIVISION,
    MULTIPLICATION,
    PRODUCT,
    SIGN,
    Array,
    Operation,
    Trace,
    trace,
)

T, B = sp.symbols("T B")
OPTIMISER = {"SGD": 0, "SGD with momentum": 1, "Adam": 2}
"""Numbers that an optimiser keeps for each parameter."""
KEEP_RESULT = ("sigmoid", "tanh", "relu", "exp", "sqrt", "reciprocal")
"""Functions whose derivative PyTorch computes from their value. Of the others it keeps the argument
(derivatives.yaml of PyTorch 2.13), or an array of that size that is made on the way."""
ON_THE_WAY = ("softplus", "hard_sigmoid")
"""Of these the generated code makes one: zeros for a logarithm, u / 6 + 0.5 to cut off."""
ELEMENTWISE = (ADDITION, MULTIPLICATION, DIVISION, SIGN, MEAN)
CONVENTION = "a multiply-add counts as one; FLOPs are two a multiply-add"


@dataclass(frozen=True)
class Work:
    """Multiply-adds of matrix products, elementwise operations, function values by function.

    Elementwise are additions, subtractions, multiplications, divisions and changes of sign: one a
    number; a mean of n numbers is n of them.
    """

    multiply_adds: Any
    elementwise: Any
    functions: Mapping[str, Any]

    def __add__(self, other: Work) -> Work:
        names = [*self.functions, *(f for f in other.functions if f not in self.functions)]
        both = {f: self.functions.get(f, 0) + other.functions.get(f, 0) for f in names}
        multiply_adds = self.multiply_adds + other.multiply_adds
        return Work(multiply_adds, self.elementwise + other.elementwise, both)


@dataclass(frozen=True)
class Cost:
    """What a forward pass over T steps of B sequences costs, and a training step keeps.

    Attributes
    ----------
    once : work on parameters alone, done once.
    sequence : work on the input, done for all steps at once.
    loop : work that waits for the step before, over all steps.
    backward : multiply-adds of the backward pass; its elementwise work is not counted.
    read_per_step : numbers of parameters, and of values computed from them once, that each step of
        the loop reads.
    kept : numbers kept for the backward pass beside parameters and input; from two steps on.
    parameters : the stored count.
    """

    once: Work
    sequence: Work
    loop: Work
    backward: Any
    read_per_step: Any
    kept: Any
    parameters: Any

    @property
    def total(self) -> Work:
        """All work of the forward pass."""
        return self.once + self.sequence + self.loop

    @property
    def flops(self) -> Any:
        """Two a multiply-add, those of the matrix products alone."""
        return 2 * self.total.multiply_adds

    @property
    def optimiser(self) -> dict[str, Any]:
        """Numbers that an optimiser keeps beside the parameters and their gradients."""
        return {name: each * self.parameters for name, each in OPTIMISER.items()}

    def map(self, change: Any) -> Cost:
        """The cost with every formula changed."""
        return Cost(*(_changed(getattr(self, part.name), change) for part in fields(self)))


def cost(whole: Cell | Layer, /, **sizes: SizeValue) -> Cost:
    """Work and memory over T steps of B sequences, in symbols, or in numbers where sizes are given.

    >>> from gru_sym import cell
    >>> cost(cell("gru.pytorch")).total.multiply_adds
    3*B*T*m*n + 3*B*T*n**2
    >>> found = cost(cell("gru.pytorch"), m=128, n=256, T=20, B=2)
    >>> found.total.multiply_adds, found.flops, found.loop.functions
    (11796480, 23592960, {'sigmoid': 20480, 'tanh': 10240})
    >>> found.sequence.multiply_adds, found.loop.multiply_adds  # at once, and step after step
    (3932160, 7864320)
    >>> found.backward, found.kept, found.optimiser["Adam"]  # to train it
    (19267584, 258048, 592896)
    >>> cost(cell("gru.dey_salem")).loop.functions
    {'sigmoid': 2*B*T*n, 'tanh': B*T*n}
    >>> cost(Layer(cell("lstm.keras"), 2, bidirectional=True), m=8, n=16, T=1, B=1).flops
    18432

    Parameters
    ----------
    whole : a cell or a layer.
    sizes : sizes of it, T (steps) and B (sequences in the batch), positive integers.

    Raises
    ------
    ValueError : for a size that it does not have; for layers that share parameters.
    CellError : for a matrix that is another one at each step.
    """
    layer = whole if isinstance(whole, Layer) else Layer(whole)
    cell = layer.cell
    if taken := {"T", "B"} & {*layer.size_names}:
        raise ValueError(f"{min(taken)} names a size of {cell.name}; here it has another meaning")
    if layer.share_directions or layer.share_layers:
        raise ValueError("a cost is known of layers that have parameters of their own")
    layer, sizes = layer.with_height(sizes)
    first_steps = 1 if sizes.get("T") == 1 else None
    formulas = _layer(layer, first_steps)
    names = (*layer.size_names, "T", "B")

    def put(formula: Any) -> Any:
        return evaluate(sp.expand(formula), sizes, names, cell.name)

    return formulas.map(put)


def _layer(layer: Layer, first_steps: int | None) -> Cost:
    """The sum over levels and directions; above the first level the input is another."""
    cell, D = layer.cell, layer.directions
    starts = layer.learn_initial_state
    total = _cell(cell, False, starts, first_steps).map(lambda formula: D * formula)
    if D == 2:  # the inputs turned round are copies
        inputs = sp.Add(*(size_expression(cell.sizes.shapes[name][0]) for name in cell.inputs))
        total = replace(total, kept=total.kept + T * B * inputs)
    if layer.num_layers != 1:
        above = layer.input_above()
        upper = _cell(cell, True, starts, first_steps).map(
            lambda formula: D * sp.sympify(formula).subs(above, simultaneous=True)
        )
        upper = replace(upper, kept=upper.kept + D * T * B * layer.output_size)
        more = sp.sympify(layer.num_layers) - 1
        total = _sum(total, upper.map(lambda formula: more * formula))
    return replace(total, parameters=layer.count())


@cache
def _cell(cell: Cell, input_grad: bool, states_grad: bool, first_steps: int | None) -> Cost:
    """One cell. A gradient reaches its states within as many steps as it has states."""
    settled = first_steps or len(cell.states) + 1
    run = trace(cell, settled + 1, T, B, input_grad, states_grad)
    kept = [_kept(run, steps) for steps in (settled, settled + 1)]
    back = [_backward(run, steps) for steps in (settled, settled + 1)]
    return Cost(
        once=_work(run.once),
        sequence=_work(run.sequence),
        loop=_changed(_work(run.steps[0]), lambda formula: T * formula),
        backward=back[0] + (T - settled) * (back[1] - back[0]),
        read_per_step=_read(run.steps[-1]),
        kept=kept[0] + (T - settled) * (kept[1] - kept[0]),
        parameters=cell.count(),
    )


def _work(operations: Iterable[Operation]) -> Work:
    total = Work(sp.Integer(0), sp.Integer(0), {})
    for done in operations:
        if done.kind == PRODUCT:
            total += Work(done.work, 0, {})
        elif done.kind in ELEMENTWISE:
            total += Work(0, done.work, {})
        else:
            total += Work(0, 0, {done.kind: done.work})
    return total


def _all(run: Trace, steps: int) -> list[Operation]:
    return [*run.once, *run.sequence, *(done for step in run.steps[:steps] for done in step)]


def _kept(run: Trace, steps: int) -> sp.Expr:
    """The numbers in the storages that PyTorch's backward pass reads, each storage once."""
    found: dict[Any, sp.Expr] = {}
    for done in _all(run, steps):
        saved: list[Array] = []
        if done.kind in (PRODUCT, MULTIPLICATION) and len(done.operands) == 2:
            one, other = done.operands
            saved = [one] * other.grad + [other] * one.grad
        elif done.kind == DIVISION:
            one, other = done.operands
            saved = [one] * other.grad + [other] * done.result.grad
        elif done.kind not in (PRODUCT, *ELEMENTWISE) and done.result.grad:
            if done.kind in ON_THE_WAY:
                found[done] = done.work
            if done.kind != "hard_sigmoid":
                saved = [done.result] if done.kind in KEEP_RESULT else list(done.operands)
        found |= {array.storage: array.storage.numbers for array in saved if not array.given}
    return sp.expand(sp.Add(*found.values()))


def _backward(run: Trace, steps: int) -> sp.Expr:
    """One product of the same size for each operand that a gradient flows to."""
    products = [done for done in _all(run, steps) if done.kind == PRODUCT]
    return sp.expand(sp.Add(*(d.work * sum(a.grad for a in d.operands) for d in products)))


def _read(step: list[Operation]) -> sp.Expr:
    made = {done.result for done in step}
    read = {a.storage for done in step for a in done.operands if a.lead == 1 and a not in made}
    return sp.expand(sp.Add(*(array.numbers for array in read)))


def _changed(part: Any, change: Any) -> Any:
    if not isinstance(part, Work):
        return change(part)
    functions = {name: change(value) for name, value in part.functions.items()}
    return Work(change(part.multiply_adds), change(part.elementwise), functions)


def _sum(one: Cost, other: Cost) -> Cost:
    return Cost(*(getattr(one, part.name) + getattr(other, part.name) for part in fields(one)))
