"""Biases that a cell only ever sees as a sum: each sum as one bias, and the way back, on arrays.

Arrays here are whatever adds: NumPy arrays, torch tensors, lists of SymPy symbols' matrices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, reduce
from operator import add
from typing import Any, TypeVar

from gru_sym.biases import bias_combinations
from gru_sym.cells import Cell, Parameter
from gru_sym.layers import Layer
from gru_sym.transform import merge as merged_cell

Array = TypeVar("Array", bound=Any)

Terms = Mapping[str, Fraction]
"""The names of biases with their numbers in a sum."""


def bias_sums(cell: Cell) -> dict[str, tuple[str, ...]]:
    """The biases that occur in one sum and nowhere else: name of the sum -> names of its terms.

    >>> from gru_sym import cell
    >>> bias_sums(cell("gru.pytorch"))
    {'b_r': ('b_ir', 'b_hr'), 'b_z': ('b_iz', 'b_hz')}
    >>> bias_sums(cell("gru.answer"))["b_h"]
    ('b_hW', 'b_hU')

    The candidate's b_in and b_hn are not here: the reset gate multiplies one of them. Signs and
    numbers, if there are any, are in `gru_sym.biases.bias_combinations`.
    """
    return {name: tuple(terms) for name, terms in bias_combinations(cell).items()}


def merge(layer: Layer | Cell, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of `merged_cell(cell)`, from those of the cell, or of the layer of it.

    >>> from gru_sym import cell
    >>> merge(cell("rnn.pytorch"), {"W_ih": 1, "b_ih": 2, "W_hh": 3, "b_hh": 5})
    {'W_ih': 1, 'W_hh': 3, 'b_h': 7}

    Raises `ValueError` for a name that is missing or unknown.
    """
    whole, parts = _plan(layer)
    _check(parts, arrays)
    return {
        name: reduce(add, (_times(number, arrays[term]) for term, number in terms.items()))
        for name, terms in whole.items()
    }


def unmerge(layer: Layer | Cell, merged: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of the cell, from those of `merged_cell(cell)`: the first term is the whole sum.

    >>> from gru_sym import cell
    >>> unmerge(cell("rnn.pytorch"), {"W_ih": 1, "W_hh": 3, "b_h": 7})
    {'W_ih': 1, 'b_ih': 7, 'W_hh': 3, 'b_hh': 0}

    `merge(cell, unmerge(cell, merged))` is `merged` to the last bit: adding zero does not round.

    Raises `ValueError` for a name that is missing or unknown.
    """
    whole, parts = _plan(layer)
    _check(whole, merged)
    # abs: zero times a negative number is -0.0.
    return {
        name: merged[part] if name == next(iter(whole[part])) else abs(merged[part] * 0)
        for name, part in parts.items()
    }


def rounding_bound(W: Any, x: Any, U: Any, h: Any, b_i: Any, b_h: Any, unit: float) -> Any:
    """How far merging can move a pre-activation `W @ x + b_i + U @ h + b_h`, entry by entry.

    >>> import numpy as np
    >>> one = np.ones((1, 1))
    >>> bound = rounding_bound(one, one, one, one, one, one, unit=2.0**-53)
    >>> float(bound[0, 0]) * 2**53  # 2 (m + n + 2) (1 + 1 + 1 + 1), and a little
    32.000000000000014

    Both forms add the same k = m + n + 2 terms, in two orders and perhaps with fused products. Each
    result is within γ_k (|W||x| + |U||h| + |b_i| + |b_h|) of the exact sum, γ_k = k u / (1 - k u)
    (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1), so the two are
    within twice that. `unit` is u: 2**-53 for float64, 2**-24 for float32. No overflow is assumed.
    """
    k = W.shape[-1] + U.shape[-1] + 2
    gamma = k * unit / (1 - k * unit)
    return 2 * gamma * (abs(W) @ abs(x) + abs(U) @ abs(h) + abs(b_i) + abs(b_h))


@lru_cache
def _plan(layer: Layer | Cell) -> tuple[dict[str, Terms], dict[str, str]]:
    """Each array of the merged layer with its terms, and where each array of the layer goes."""
    cell = layer if isinstance(layer, Cell) else layer.cell
    merged = merged_cell(cell)
    before = layer.parameters
    after = merged.parameters if isinstance(layer, Cell) else replace(layer, cell=merged).parameters
    at = {(p.in_cell, p.level, p.direction): p.name for p in before}
    sums = bias_combinations(cell)

    def terms(parameter: Parameter) -> Terms:
        own = sums.get(parameter.in_cell, {parameter.in_cell: Fraction(1)})
        return {at[name, parameter.level, parameter.direction]: c for name, c in own.items()}

    whole = {parameter.name: terms(parameter) for parameter in after}
    place = {term: name for name, found in whole.items() for term in found}
    return whole, {p.name: place[p.name] for p in before}


def _times(number: Fraction, array: Any) -> Any:
    if number.denominator != 1:
        array = array / number.denominator
    return array if number.numerator == 1 else array * number.numerator


def _check(wanted: Mapping[str, object], given: Mapping[str, object]) -> None:
    for name in sorted(wanted.keys() ^ given.keys()):
        problem = "is missing" if name in wanted else f"is not one of {', '.join(wanted)}"
        raise ValueError(f"{name} {problem}")
