"""`cost`: the work and the memory of a cell, a layer or a model, from the equations.

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
from gru_sym.models.model import Model
from gru_sym.models.reading import Part
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
    read_per_step : numbers of parameters and constants, and of values computed from them once, that
        each step of the loop reads.
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

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def map(self, change: Any) -> Cost:
        """The cost with every formula changed."""
        return Cost(*(_changed(getattr(self, part.name), change) for part in fields(self)))


def cost(whole: Cell | Layer | Model, /, **sizes: SizeValue) -> Cost:
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
    >>> cost(Model("input 28; gru.keras n; last; dense 10")).total.multiply_adds
    3*B*T*n**2 + 84*B*T*n + 10*B*n

    Parameters
    ----------
    whole : a cell, a layer or a model. A model's dense layers are computed at every step, after
        `last` at one; their activations are in no description, and so in no number. What stands
        below the first layer is taken to be computed from it, also after another `input`.
    sizes : sizes of it, T (steps) and B (sequences in the batch), positive integers.

    Raises
    ------
    ValueError : for a size that it does not have; for a model with a layer whose work is not known.
    CellError : for a matrix that is another one at each step.
    """
    whole = Layer(whole) if isinstance(whole, Cell) else whole
    if taken := {"T", "B"} & {*whole.size_names}:
        raise ValueError(f"{min(taken)} names a size of {whole.name}; here it has another meaning")
    first_steps = 1 if sizes.get("T") == 1 else None
    if isinstance(whole, Layer):
        whole.cell.check_blocks(sizes)
        whole, sizes = whole.with_height(sizes)
        formulas = _layer(whole, first_steps)
    else:
        formulas = _model(whole, first_steps)
    names, name = (*whole.size_names, "T", "B"), whole.name
    return formulas.map(lambda formula: evaluate(sp.expand(formula), sizes, names, name))


def _model(model: Model, first_steps: int | None) -> Cost:
    """The sum over the layers. A gradient flows to what they read, but for the first of them."""
    nothing = Work(sp.Integer(0), sp.Integer(0), {})
    total = Cost(nothing, nothing, nothing, *[sp.Integer(0)] * 4)
    before: Part | None = None
    for part in model.parts:
        if part.kind in ("layernorm", "other"):
            raise ValueError(f"what '{part.text}' costs is not known, so the model's cost is not")
        if taken := {"T", "B"} & {*part.sizes}:
            raise ValueError(f"{min(taken)} names a size of '{part.text}'; here it means another")
        if part.layer:
            total += _layer(part.layer, first_steps, before is not None).map(part.here)
        else:
            total += _plain(part, before)
        before = part
    return total


def _plain(part: Part, before: Part | None) -> Cost:
    """A dense layer, which keeps what it reads if that is computed; or an embedding: a look-up."""
    lead, trained = B if part.once else T * B, int(before is not None)
    reads = part.reads or sp.Integer(0)
    # One step of a sequence is a view of it, which keeps all of it.
    kept = reads * (B if before is not None and before.once else T * B)
    products = lead * reads * part.hands_on
    return Cost(
        once=Work(0, 0, {}),
        sequence=Work(products, lead * part.biases, {}),
        loop=Work(0, 0, {}),
        backward=products * (1 + trained),
        read_per_step=0,
        kept=kept * trained,
        parameters=part.count,
    )


def _layer(layer: Layer, first_steps: int | None, input_grad: bool = False) -> Cost:
    """The sum over levels and directions; above the first level the input is another."""
    cell, D = layer.cell, layer.directions
    starts = layer.learn_initial_state
    total = _cell(cell, input_grad, starts, first_steps).map(lambda formula: D * formula)
    # Inputs turned round are copies; one that is not the model's own is kept as it is, too.
    x, *further = (size_expression(cell.sizes.shapes[name][0]) for name in cell.inputs)
    turned = (D - 1) * T * B * sp.Add(*further)
    total = replace(total, kept=total.kept + (D - 1 + input_grad) * T * B * x + turned)
    if layer.num_layers != 1:
        above = layer.input_above()
        upper = _cell(cell, True, starts, first_steps).map(
            lambda formula: D * sp.sympify(formula).subs(above, simultaneous=True)
        )
        upper = replace(upper, kept=upper.kept + D * T * B * layer.output_size + turned)
        more = sp.sympify(layer.num_layers) - 1
        total += upper.map(lambda formula: more * formula)
    merging = layer.num_layers * T * B * layer.output_size
    work = {"concat": 0, "sum": 1, "mul": 1, "ave": 2}[layer.merge] * merging
    total = replace(total, sequence=total.sequence + Work(0, work, {}))
    if layer.merge == "mul":  # both factors are kept
        total = replace(total, kept=total.kept + 2 * merging)
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
