"""`budget`: the largest size whose count stays within a number; `match`: as large as another.

A count is a polynomial in the size that is sought, with exact coefficients, so the search halves an
interval of integers of any length and never tries one size after the other.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import sympy as sp

from gru_sym.cells import Cell, evaluate
from gru_sym.certificates.effective import effective_count
from gru_sym.costs import cost
from gru_sym.layers import Layer
from gru_sym.models.model import Model

Whole = Cell | Layer | Model
By = Literal["stored", "effective", "multiply-adds"]
UNITS: dict[By, str] = {
    "stored": "parameters",
    "effective": "effective parameters",
    "multiply-adds": "multiply-adds a step",
}
"""What is counted."""


@dataclass(frozen=True)
class Budget:
    """The largest size that a budget allows, and the next one, which it does not.

    Attributes
    ----------
    size : the name of the size that was sought, mostly "n".
    n, count : its largest value within the budget, and how many there are then.
    next_n, next_count : the next value, and how many there are at it.
    parameters : the budget.
    sizes : the sizes that were given.
    by : what is counted.
    """

    size: str
    n: int
    count: int
    next_n: int
    next_count: int
    parameters: int
    sizes: Mapping[str, int]
    by: By = "stored"

    def __str__(self) -> str:
        unit = UNITS[self.by]
        return (
            f"{self.size} = {self.n}: {self.count} {unit}\n"
            f"{self.size} = {self.next_n}: {self.next_count} {unit}, "
            f"more than {self.parameters}"
        )


def budget(whole: Whole, /, parameters: int, by: By = "stored", **sizes: int) -> Budget:
    r"""The largest hidden size n with at most so many parameters.

    >>> from gru_sym import Layer, cell
    >>> print(budget(cell("gru.pytorch"), parameters=100_000, m=28))
    n = 168: 99792 parameters
    n = 169: 100893 parameters, more than 100000
    >>> budget(Layer(cell("lstm.keras"), "L"), parameters=10**6, m=28, n=100).n  # layers
    12
    >>> budget(Layer(cell("gru.pytorch"), 2), parameters=100_000, m=28).n
    100
    >>> from gru_sym import Model
    >>> print(budget(Model("embedding V x 128; gru.keras n both; dense V"), 10**7, V=10_000))
    n = 377: 9976834 parameters
    n = 378: 10002144 parameters, more than 10000000
    >>> from gru_sym import Cell  # four blocks: n is a multiple of 4
    >>> budget(Cell("U: blocks 4\nh' = tanh(W @ x + U @ h)"), parameters=10_000, m=28).n
    148
    >>> print(budget(cell("gru.pytorch"), parameters=100_000, by="multiply-adds", m=28))
    n = 169: 99879 multiply-adds a step
    n = 170: 100980 multiply-adds a step, more than 100000

    Parameters
    ----------
    whole : a cell, a layer, or a model with a letter for a size.
    parameters : the budget, a positive integer of any length.
    by : "stored", all parameters; "effective", those that count (`effective_count`); or
        "multiply-adds" of the matrix products for one step of one sequence (`cost`), which then are
        the budget.
    sizes : a number for each size but the one sought. This is n; with n given, the one left, which
        may be the number of layers.

    Raises
    ------
    ValueError : if not even the size 1 fits; if more than one size is left, or none; if the count
        does not grow with it; for "effective", if no formula is proved for all sizes.
    """
    if isinstance(parameters, bool) or not hasattr(parameters, "__index__") or parameters < 1:
        raise ValueError(f"parameters must be a positive integer, not {parameters!r}")
    parameters, name = operator.index(parameters), whole.name
    sizes = _numbers(whole, sizes)
    size = _sought(whole, sizes)
    step = _step(whole, size, sizes)
    count = _counting(_formula(whole, sizes, by), size, name, step)
    if count(1) > parameters:
        raise ValueError(
            f"{name} has at least {count(1)} {UNITS[by]}, at {size} = {step}; "
            f"that is more than {parameters}"
        )
    fits, too_large = 1, 2
    while count(too_large) <= parameters:
        fits, too_large = too_large, 2 * too_large
    while too_large - fits > 1:
        middle = (fits + too_large) // 2
        fits, too_large = (middle, too_large) if count(middle) <= parameters else (fits, middle)
    n, next_n = step * fits, step * too_large
    return Budget(size, n, count(fits), next_n, count(too_large), parameters, sizes, by)


def match(whole: Whole, other: Whole, /, by: By = "stored", **sizes: int) -> Budget:
    """The largest n at which one cell has at most as many parameters as another.

    >>> from gru_sym import cell
    >>> gru = match(cell("gru.pytorch"), cell("lstm.pytorch"), m=28, n=128)
    >>> gru.n, gru.count, gru.parameters
    (149, 80013, 80896)
    >>> match(cell("rnn.elman"), cell("gru.pytorch"), m=28, n=128).n
    232
    >>> match(cell("gru.pytorch"), cell("lstm.pytorch"), by="effective", m=28, n=128).count
    79715
    >>> print(match(Layer(cell("gru.pytorch"), 2), Layer(cell("lstm.pytorch"), 2), m=28, n=128))
    n = 148: 211344 parameters
    n = 149: 214113 parameters, more than 212992

    Parameters
    ----------
    whole : the cell or layer whose n is sought.
    other : the one with the number of parameters to reach.
    by : what is counted, as for `budget`, for both.
    sizes : all sizes of the other; those that both have, but n, are the same in both. Sizes that
        only the first has are given beside them.

    Raises `ValueError` as `budget` does.
    """
    theirs = {name: size for name, size in sizes.items() if name in other.size_names}
    ours = {name: size for name, size in sizes.items() if name in whole.size_names and name != "n"}
    for name in sizes.keys() - {*theirs, *ours}:
        raise ValueError(f"neither {whole.name} nor {other.name} has a size {name}")
    for name in other.size_names:
        if name not in theirs:
            raise ValueError(f"{other.name} also needs the size {name}")
    number = _formula(other, _numbers(other, theirs), by)
    return budget(whole, int(number), by, **ours)


def _numbers(whole: Whole, sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes given, each checked to be a size of this one and a positive integer."""
    numbers = {}
    for size, value in sizes.items():
        number = evaluate(sp.Symbol(size), {size: value}, whole.size_names, whole.name)
        if not isinstance(number, int):
            raise ValueError(f"{size} must be a positive integer, not {value!r}")
        numbers[size] = number
    return numbers


def _sought(whole: Whole, sizes: Mapping[str, int]) -> str:
    """The name of the size that is sought: n, or the only one that is not given."""
    name = whole.name
    left = [size for size in whole.size_names if size not in sizes]
    if not left:
        raise ValueError(f"{name} has no size that is left to choose")
    sought = "n" if "n" in left else left[0]
    for size in left:
        if size != sought:
            raise ValueError(f"{name} also needs the size {size}")
    if isinstance(whole, Layer) and whole.share_layers and sought == str(whole.num_layers):
        raise ValueError(f"the count of {sought} layers that share parameters is no one formula")
    return sought


def _formula(whole: Whole, sizes: Mapping[str, int], by: By) -> sp.Expr:
    """The count in the symbols that are left."""
    if isinstance(whole, Layer):
        whole, sizes = whole.with_height(sizes)
    if by == "stored":
        return sp.sympify(whole.count(**sizes))
    if by == "multiply-adds":
        # Known before there are steps is what is done once; it is no work of a step.
        work = cost(whole, **{**sizes, "T": 1, "B": 1})
        return sp.sympify(work.sequence.multiply_adds + work.loop.multiply_adds)
    if by != "effective":
        raise ValueError(f"what is counted is one of {', '.join(UNITS)}, not {by!r}")
    if isinstance(whole, Model):
        raise ValueError(
            f"how many parameters of {whole.name} are effective is not known as a whole"
        )
    found, name = effective_count(whole), whole.name
    if not found.certified or found.condition:
        why = f"its formula has a condition, {found.condition}" if found.certified else found.scope
        raise ValueError(
            f"a budget needs an effective count that is proved for all sizes, and that of {name} "
            f"is not: {why}"
        )
    return sp.sympify(evaluate(sp.sympify(found.effective), sizes, whole.size_names, name))


def _step(whole: Whole, size: str, sizes: Mapping[str, int]) -> int:
    """The least size that divides into equal blocks, of which all others are multiples."""
    cell = whole.cell if isinstance(whole, Layer) else whole
    if isinstance(cell, Model):
        return 1
    cell.check_blocks(sizes)
    return cell.sizes.multiplied({**sizes, size: 1})[size]


def _counting(formula: sp.Expr, size: str, name: str, step: int = 1) -> Callable[[int], int]:
    """A count as a function of one size in steps, which grows from 1 on."""
    symbol = sp.Symbol(size)
    if not formula.is_polynomial(symbol):
        raise ValueError(f"the count of {name} does not grow with {size}")
    polynomial = sp.Poly(formula.subs(symbol, step * symbol), symbol)
    growth = (polynomial.shift(2) - polynomial.shift(1)).all_coeffs()
    if min(growth) < 0 or not any(growth):  # no negative coefficient: positive at 0, 1, 2, ...
        raise ValueError(f"the count of {name} does not grow with {size}")
    return lambda value: int(polynomial.eval(value))
