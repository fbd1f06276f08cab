"""Biases that a cell only ever sees as a sum: each sum as one bias, and the way back.

Arrays here are whatever adds: NumPy arrays, torch tensors, lists of SymPy symbols' matrices.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from itertools import takewhile
from operator import add
from typing import Any, TypeVar

from gru_sym.cells import Cell
from gru_sym.language.syntax import Expression, Name, Plus, children
from gru_sym.roles import BIAS

Array = TypeVar("Array", bound=Any)

LAYER = re.compile(r"_l\d+(?:_reverse)?$")
"""What `Layer.parameters` adds to a name."""


def bias_sums(cell: Cell) -> dict[str, tuple[str, ...]]:
    """The biases that occur in one sum and nowhere else: name of the sum -> names of its terms.

    >>> from gru_sym import cell
    >>> bias_sums(cell("gru.pytorch"))
    {'b_r': ('b_ir', 'b_hr'), 'b_z': ('b_iz', 'b_hz')}
    >>> bias_sums(cell("gru.answer"))["b_h"]
    ('b_hW', 'b_hU')

    The candidate's b_in and b_hn are not here: the reset gate multiplies one of them.
    """
    biases = {p.name: p.shape for p in cell.parameters if p.role == BIAS}
    count = dict.fromkeys(biases, 0)
    for _, name in cell.program.occurrences():
        if name.name in count:
            count[name.name] += 1
    groups: dict[str, tuple[str, ...]] = {}
    for equation in cell.program.equations:
        for plus in _sums(equation.expression):
            direct = [term.name for term in plus.terms if isinstance(term, Name)]
            terms = [name for name in direct if count.get(name) == 1]
            terms = [name for name in terms if biases[name] == biases[terms[0]]]
            if len(terms) > 1:
                groups[_common_name(terms, taken={*cell.sizes.shapes, *groups})] = tuple(terms)
    return groups


def merged_cell(cell: Cell) -> Cell:
    """The cell with each sum of biases as one bias.

    >>> from gru_sym import cell
    >>> merged_cell(cell("gru.pytorch")).latex() == cell("gru.merged").latex()
    True
    >>> merged_cell(cell("lstm.pytorch")).count()
    4*m*n + 4*n**2 + 4*n
    """
    text = _equations(cell)
    for merged, terms in bias_sums(cell).items():
        text = re.sub(rf"\b{terms[-1]}\b", merged, drop_terms(text, terms[:-1]))
    return Cell(
        f"# {cell.name} with each sum of biases as one bias\n{text}", f"{cell.name}, merged"
    )


def without_biases(cell: Cell) -> Cell:
    """The cell with every bias left out, as libraries build it for `bias=False`.

    >>> from gru_sym import cell
    >>> without_biases(cell("gru.pytorch")).count()
    3*m*n + 3*n**2
    """
    biases = [p.name for p in cell.parameters if p.role == BIAS]
    text = drop_terms(_equations(cell), biases)
    return Cell(f"# {cell.name} without biases\n{text}", f"{cell.name} without biases")


def merge(cell: Cell, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of `merged_cell(cell)`, from those of the cell or of a `Layer` of it.

    >>> from gru_sym import cell
    >>> merge(cell("rnn.pytorch"), {"W_ih_l0": 1, "b_ih_l0": 2, "W_hh_l0": 3, "b_hh_l0": 5})
    {'W_ih_l0': 1, 'W_hh_l0': 3, 'b_h_l0': 7}

    Raises `KeyError` if a term of a sum is missing.
    """
    sums = bias_sums(cell)
    last = {terms[-1]: merged for merged, terms in sums.items()}
    dropped = {name for terms in sums.values() for name in terms[:-1]}
    result: dict[str, Array] = {}
    for key, array in arrays.items():
        name, layer = _split(key)
        if name in last:
            terms = [arrays[term + layer] for term in sums[last[name]]]
            result[last[name] + layer] = reduce(add, terms)
        elif name not in dropped:
            result[key] = array
    return result


def unmerge(cell: Cell, merged: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of the cell, from those of `merged_cell(cell)`: the first term is the whole sum.

    >>> from gru_sym import cell
    >>> unmerge(cell("rnn.pytorch"), {"W_ih_l0": 1, "W_hh_l0": 3, "b_h_l0": 7})
    {'W_ih_l0': 1, 'W_hh_l0': 3, 'b_ih_l0': 7, 'b_hh_l0': 0}

    `merge(cell, unmerge(cell, merged))` is `merged` to the last bit: adding zero does not round.
    """
    sums = bias_sums(cell)
    result: dict[str, Array] = {}
    for key, array in merged.items():
        name, layer = _split(key)
        for position, term in enumerate(sums.get(name, (name,))):
            # abs: zero times a negative number is -0.0.
            result[term + layer] = array if position == 0 else abs(array * 0)
    return result


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


def drop_terms(text: str, names: Iterable[str]) -> str:
    """The text without these terms of its sums.

    >>> drop_terms("h' = tanh(b + W @ x + c)", ["b", "c"])
    "h' = tanh(W @ x)"
    """
    for name in names:
        text = re.sub(rf"\s*\+\s*\b{name}\b|\b{name}\b\s*\+\s*", "", text, count=1)
    return text


def _sums(expression: Expression) -> Iterator[Plus]:
    if isinstance(expression, Plus):
        yield expression
    for child in children(expression):
        yield from _sums(child)


def _common_name(terms: list[str], taken: set[str]) -> str:
    """b_ir and b_hr -> b_r, b_zW and b_zU -> b_z; the first name if nothing better is free."""
    start = _common_start(terms)
    end = _common_start([term.removeprefix(start)[::-1] for term in terms])[::-1]
    name = (start + end).rstrip("_")
    return name if name.isidentifier() and name not in taken else terms[0]


def _common_start(words: list[str]) -> str:
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*words, strict=False))
    return "".join(letters[0] for letters in same)


def _split(key: str) -> tuple[str, str]:
    """A name and what tells its layer: ("b_ir", "_l0_reverse")."""
    layer = LAYER.search(key)
    return (key[: layer.start()], layer.group()) if layer else (key, "")


def _equations(cell: Cell) -> str:
    """The text without the lines that are only comments: its heading would no longer be true."""
    return "\n".join(line for line in cell.text.splitlines() if not line.lstrip().startswith("#"))
