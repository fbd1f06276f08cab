"""How many parameters of a layer count: of its cell, over time, with some states hidden.

A layer starts at the state 0 and shows its outputs. What the cell loses, it loses, too, for a
direction that changes no step changes no sequence. It loses no more if the states that it reaches
are generic, and if what is hidden shows in what is seen.

**Theorem (the state is the output).** Let a cell have one state, and let the states that it reaches
from 0 in t steps be generic (`reached`). Then for t + 1 steps and more, the whole output sequence
seen, a direction of the parameters changes nothing in the layer if and only if it changes nothing
in the cell.

*Proof.* Let v be such a direction of the layer, at generic parameters. The outputs do not change
along v, so neither does the state h_t, for any inputs. Hence F(x, h_t), the step with the
parameters moved along v, does not change to first order, for all inputs x and all h_t that are
reached. It is a polynomial in x, h_t and the exponentials of this step. As these are independent,
it is the zero polynomial, so F does not change at any x and h.

**Theorem (hidden states).** Let the states of a cell, seen and hidden ones together, that are
reached from 0 in t steps be generic. Fix the states of the step before, and take them as parameters
(`one_step`). Let the effective count of this map x -> what is seen be that of the map
x -> all next states. Then the conclusion holds for t + 2 steps and more.

*Proof.* Along v the state s_t changes by some w, which depends on the inputs so far but not on the
next one, and what is seen after one more step does not change, whatever the next input x is. So
(v, w) is a null vector of the first map at the states s_t. All null vectors of the second map are
null vectors of the first; both have as many, and where s_t is generic their ranks are the generic
ones. So (v, w) is a null vector of the second map as well: all of s_{t+1} stays, hidden or not. In
the step after this, w is 0, s_{t+1} is generic as well, and so (v, 0) is a null vector: the step
from s_{t+1} does not change with the parameters, for any x. The end is that of the first proof. (A
kernel that only multiplies one state is written as a vector in the two maps. This allows more null
vectors, and the conclusion is the same.)

In both directions the Jacobian has one block for each; with one set of parameters for both, a
direction must change nothing in either. A first state that is trained counts in full if it is seen
(`reached`): once the step does not change with v, the change w of s_0 is a null vector of the
derivatives of the next states, or, where states are hidden, of those of two steps. A stack in one
direction is one cell (`stacked`), whose lower levels are hidden. Where the hypothesis fails, hidden
states may have a `gauge`: the scale of c in `c' = a * c + W @ x; h' = tanh(d * c' + b)`, any basis
in `s' = A @ s + B @ x; h' = C @ s'`. Then the layer loses more than its cell. All else is settled
at given sizes, by the exact rank of the unrolled layer.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.cells import Cell
from gru_sym.certificates.conditions import Condition
from gru_sym.certificates.effective import EffectiveCount, effective_count, found_and_proved
from gru_sym.certificates.families import FalseFamily
from gru_sym.certificates.finding import Redundancy
from gru_sym.certificates.gauge import Gauge, gauges
from gru_sym.certificates.reached import Reached, reached
from gru_sym.certificates.rewritten import Stacked, one_step, stacked
from gru_sym.certificates.units import beyond_full_kernels
from gru_sym.certificates.unrolled import Observed, UnrolledLayer, check_options, parameter_copy
from gru_sym.language.syntax import INPUT
from gru_sym.layers import Layer
from gru_sym.normal.exponents import SMOOTH, functions_of
from gru_sym.normal.field_values import DividedByZero
from gru_sym.normal.form import normal_form

MAX_UNROLLED = 600
"""The most stored parameters for which a layer is unrolled."""
MAX_LEVELS = 3
"""The highest stack that is written as one cell."""
MAX_STATES = 4
"""The most states of a stack for which the theorem is tried."""


def layer_count(
    layer: Layer, steps: int = 4, observed: Observed = "sequence", **sizes: Any
) -> EffectiveCount:
    """The effective count of a layer, for all sizes or at given ones.

    >>> from gru_sym import Layer, cell
    >>> count = layer_count(Layer(cell("gru.pytorch"), bidirectional=True))
    >>> count.effective, count.certified
    (6*m*n + 6*n**2 + 8*n, True)
    >>> layer_count(Layer(cell("lstm.pytorch")), m=512, n=512).effective
    2099200

    Parameters
    ----------
    steps : the length of the sequences.
    observed : "sequence", all outputs, or "last", that of the last step.
    sizes : a number for each size, or nothing for a formula.

    Raises
    ------
    ValueError : for an option or a size that makes no sense.
    """
    check_options(steps, observed)
    stored = layer.count(**sizes)
    layer, sizes = layer.with_height(sizes)
    at_sizes = None
    if isinstance(stored, int) and isinstance(layer.num_layers, int) and stored <= MAX_UNROLLED:
        at_sizes = _unrolled(layer, steps, observed, sizes)
        if at_sizes is not None and at_sizes.certified:
            return at_sizes
    proved = _proved(layer, steps, observed, sizes)
    if isinstance(proved, str):
        return at_sizes or _bound(layer, steps, sizes, proved)
    if at_sizes is not None and at_sizes.lower and at_sizes.lower != proved.lower:
        ranks = f"the rank {at_sizes.lower}, but the theorem says {proved.lower}"
        raise FalseFamily(f"the layer of {layer.cell.name} has {ranks}")
    return proved


@dataclass(frozen=True)
class _Theorem:
    """What the theorems say of a layer.

    Attributes
    ----------
    cell : the cell whose redundancy the layer has: its own, or the stack as one cell.
    steps : from how many steps on.
    known : what is known of the states that are reached.
    reason : the hypothesis that fails, if one does.
    """

    cell: Cell
    steps: int = 0
    known: Reached = field(default_factory=Reached)
    reason: str = ""


@lru_cache(maxsize=64)
def _theorem(layer: Layer) -> _Theorem:
    cell, top, reason = layer.cell, layer.num_layers, beyond_full_kernels(layer.cell)
    if reason:
        return _Theorem(cell, reason=reason)
    hidden = tuple(state for state in cell.states if state != cell.output)
    if top != 1:
        whole = _whole(layer)
        if layer.directions != 1:
            return _Theorem(
                cell, reason="a stack of both directions is settled at given sizes alone"
            )
        if whole is None or len(whole.cell.states) > MAX_STATES:
            return _Theorem(cell, reason="a stack of so many levels is not written as one cell")
        cell, hidden = whole.cell, whole.hidden
    if hidden:
        seen = tuple(state for state in cell.states if state not in hidden)
        maps = one_step(cell, seen), one_step(cell, cell.states)
        if maps[0] is None or maps[1] is None:
            return _Theorem(cell, reason="one step at fixed states cannot be written as a cell")
        counts = [effective_count(each) for each in maps if each is not None]
        if not all(count.certified and not count.condition for count in counts):
            return _Theorem(cell, reason="what one step shows of the hidden states is not known")
        if sp.expand(counts[0].effective - counts[1].effective) != 0:
            return _Theorem(cell, reason="one step does not show the hidden states")
    known = reached(cell, trained=layer.learn_initial_state)
    if not known.steps:
        return _Theorem(cell, reason=known.reason)
    return _Theorem(cell, known.steps + 1 + bool(hidden), known)


def _proved(
    layer: Layer, steps: int, observed: Observed, sizes: dict[str, Any]
) -> EffectiveCount | str:
    """The count by a theorem, or why there is none."""
    if observed != "sequence":
        return "the theorem for all sizes sees the whole sequence"
    theorem = _theorem(layer)
    if theorem.reason:
        return theorem.reason
    if steps < theorem.steps:
        return f"the theorem for all sizes needs {theorem.steps} steps"
    count = effective_count(theorem.cell)
    if not count.certified:
        return count.scope
    bounds = _bounds(theorem.cell, theorem.cell.states[0], theorem.known, steps)
    for bound in bounds:
        if _holds(bound, sizes) is False:
            return f"the theorem for all sizes needs {bound[0]} to be at most {bound[1]}"
    conditions = filter(None, (count.condition, _conditions(bounds, sizes)))
    if sizes:
        count = effective_count(theorem.cell, **sizes)
        if not count.certified:
            return count.scope
    sets = 1 if layer.share_directions else layer.directions
    effective = sp.expand(sets * count.effective + _trained(layer).subs(sizes))
    effective = int(effective) if effective.is_Integer else effective
    scope = f"{count.scope}; a layer loses what its cell loses, from {theorem.steps} steps on"
    stored, found = layer.count(**sizes), found_and_proved(layer.cell)[0]
    condition = "" if isinstance(stored, int) else ", ".join(conditions)
    own = (*count.conditions, *(Condition((bound[::-1],)) for bound in bounds))
    return EffectiveCount(stored, effective, effective, scope, found, condition, own)


def _in_all_copies(layer: Layer, formula: sp.Expr) -> sp.Expr:
    """What a cell has, in all copies of it that have parameters of their own."""
    above = layer._distinct_layers() - 1
    upper = formula.subs(layer.input_above(), simultaneous=True) if above != 0 else formula
    return (1 if layer.share_directions else layer.directions) * (formula + above * upper)


def _trained(layer: Layer) -> sp.Expr:
    """The number of entries of first states that are trained."""
    return sp.sympify(layer.count()) - replace(layer, learn_initial_state=False).count()


def _bound(layer: Layer, steps: int, sizes: dict[str, Any], reason: str) -> EffectiveCount:
    """What the families of the cell and the gauges of hidden states leave."""
    found = found_and_proved(layer.cell)[0]
    stored = layer.count(**sizes)
    lost = _in_all_copies(layer, found.exact)
    bounds: list[Bound] = []
    whole = _whole(layer)
    for gauge in _gauges(layer):
        assert whole is not None
        known = reached(whole.cell, gauge.states)
        alone = layer.directions == 1 or {whole.places[s][0] for s in gauge.states} == {0}
        if known.steps and alone and steps > known.steps:
            needed = _bounds(whole.cell, gauge.states[0], known, steps)
            if all(_holds(bound, sizes) is not False for bound in needed):
                lost += gauge.count
                bounds.extend(needed)
    upper = sp.expand((sp.sympify(layer.count()) - lost).subs(sizes))
    upper = int(upper) if isinstance(stored, int) else upper
    return EffectiveCount(
        stored, 0, upper, f"proved as a bound: {reason}", found, _conditions(bounds, sizes)
    )


Bound = tuple[sp.Expr, sp.Expr]
"""A size or a product of sizes, and what it must be at most."""


def _bounds(cell: Cell, state: str, known: Reached, steps: int) -> list[Bound]:
    """What the sizes must fulfil for the states to be generic before the last step."""
    found = []
    if known.condition:
        small, large = map(size_expression, known.condition)
        found.append((small, large))
    if known.linear:
        rows, columns = (size_expression(cell.sizes.shapes[name][0]) for name in (state, INPUT))
        found.append((rows, (steps - 1) * columns))
    return found


def _holds(bound: Bound, sizes: dict[str, Any]) -> bool | None:
    """Whether a bound holds at these sizes; None if they leave it open."""
    small, large = (each.subs(sizes) for each in bound)
    return None if (large - small).free_symbols else bool(small <= large)


def _conditions(bounds: list[Bound], sizes: dict[str, Any]) -> str:
    """The bounds that are left open, in words."""
    left = (bound for bound in bounds if _holds(bound, sizes) is None)
    return ", ".join(dict.fromkeys(f"{small} is at most {large}" for small, large in left))


def _unrolled(
    layer: Layer, steps: int, observed: Observed, sizes: dict[str, int]
) -> EffectiveCount | None:
    """The families and gauges in every copy of the cell, and the exact rank."""
    forms = normal_form(layer.cell.program, layer.cell.sizes).states.values()
    if layer.cell.sizes.has_windows or any(f.function not in SMOOTH for f in functions_of(*forms)):
        return None
    try:
        return _ranked(layer, steps, observed, sizes)
    except DividedByZero:  # as by a state, which is 0 at first
        return None


def _ranked(layer: Layer, steps: int, seen: Observed, sizes: dict[str, int]) -> EffectiveCount:
    stored, found = int(layer.count(**sizes)), found_and_proved(layer.cell)[0]
    unrolled = UnrolledLayer(layer, steps, seen, sizes)
    touched = Counter((copy, name) for copy, name, _, _ in unrolled.touched)
    upper = len(unrolled.touched)
    for copy, level in _copies(layer).items():
        families = (
            f for f in found.families if all((copy, name) in touched for name in f.parameters)
        )
        lifted = Redundancy(layer.cell, tuple(families))
        upper -= int(lifted.count(**layer.sizes_at(level, sizes)))
    reason = unrolled.dependence()
    if reason:
        return EffectiveCount(stored, 0, upper, reason, found)
    scope = f"at these sizes and this number of steps, {steps}, by exact rank"
    lower = unrolled.rank()
    whole = _whole(layer)
    for gauge in _gauges(layer):
        assert whole is not None
        met = {state: unrolled.reached[whole.places[state]] for state in gauge.states}
        if gauge.is_free(met) and all(_origin(name) in touched for name in gauge.parameters):
            number = whole.cell.evaluate(
                gauge.count, {k: v for k, v in sizes.items() if k in whole.cell.size_names}
            )
            upper -= int(number)
            names = " and ".join(_named(*whole.places[s], layer) for s in gauge.states)
            scope += f"; of the redundant, {number} are other coordinates of the hidden {names}"
    if lower < upper:
        scope = "no family explains the difference"
    return EffectiveCount(stored, lower, upper, scope, found)


@lru_cache(maxsize=64)
def _whole(layer: Layer) -> Stacked | None:
    """The layer as one cell, if it is not too high."""
    if not isinstance(layer.num_layers, int) or layer.num_layers > MAX_LEVELS:
        return None
    whole = stacked(layer, lambda level, direction: parameter_copy(layer, level, direction))
    if whole is None:
        return None
    rest = sp.sympify(layer.count()) - _trained(layer) - whole.cell.count()
    return whole if sp.expand(rest) == 0 else None  # an inner size has another name at each level


@lru_cache(maxsize=64)
def _gauges(layer: Layer) -> tuple[Gauge, ...]:
    """The gauges of all hidden states of a layer."""
    whole = _whole(layer)
    try:
        return gauges(whole.cell, whole.hidden) if whole is not None else ()
    except ValueError:  # too many terms
        return ()


def _origin(name: str) -> tuple[tuple[int, int], str]:
    """The copy and the name of a parameter of a stack."""
    found = re.fullmatch(r"(.*)__(\d+)(\d)[fr]?", name)
    assert found is not None
    return (int(found[2]), int(found[3])), found[1]


def _named(level: int, direction: int, state: str, layer: Layer) -> str:
    """A state, with its level and direction where there are several."""
    where = f" of level {level + 1}" if layer.num_layers != 1 else ""
    return f"{state}{where}" + (", backwards" if direction else "")


def _copies(layer: Layer) -> dict[tuple[int, int], int]:
    """Every set of parameters, with the lowest level that uses it."""
    assert isinstance(layer.num_layers, int)
    copies: dict[tuple[int, int], int] = {}
    for level in range(layer.num_layers):
        for direction in range(layer.directions):
            copies.setdefault(parameter_copy(layer, level, direction), level)
    return copies
