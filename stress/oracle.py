"""How many parameters of a cell count at given sizes: the rank of its Jacobian, by numbers alone.

The text is evaluated, with slopes, at random parameters and at more random samples of (x, states)
than there are parameters. The rank of all slopes together is read off the singular values, and
where they show no clear gap, off an elimination in 60 to 120 digits. Nothing of gru_sym is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from stress.dual import Dual, Evaluation
from stress.rank import digits_rank, float_rank
from stress.text import Text, read

Shape = tuple[int, int]
Array = np.ndarray[Any, Any]

PIECEWISE = frozenset({"relu", "hard_sigmoid", "abs", "max", "min"})
DIGITS = (60, 120)


@dataclass(frozen=True)
class Rank:
    """The rank of the Jacobian.

    Attributes
    ----------
    rank : the largest that was found; None where nothing was clear.
    parameters : how many columns there are, the stored count.
    varies : whether draws disagreed, as they may where a function has pieces.
    digits : with how many digits it was decided, 0 for float64.
    """

    rank: int | None
    parameters: int
    varies: bool = False
    digits: int = 0


@dataclass(frozen=True)
class _Draw:
    """Random numbers for everything that is given: parameters, input and states."""

    arrays: dict[str, Array]
    names: tuple[str, ...]


def oracle_rank(
    text: str, shapes: Mapping[str, Shape], *, seed: int = 0, effort: int = 1, digits: int = 0
) -> Rank:
    """The generic rank of the Jacobian of (x, states) -> next states by the parameters.

    >>> oracle_rank("h' = tanh(W @ x + a + b)", {"W": (2, 3), "a": (2, 1), "b": (2, 1),
    ...                                          "x": (3, 1), "h": (2, 1)})
    Rank(rank=8, parameters=10, varies=False, digits=0)

    Parameters
    ----------
    text : a cell text.
    shapes : (rows, columns) of every parameter, of the input and of the states.
    effort : more draws and more samples.
    digits : decide in so many digits at once, instead of in float64.
    """
    read_text = read(text)
    names = tuple(name for name in read_text.given if name != "x")
    parameters = sum(int(np.prod(shapes[name])) for name in names)
    pieces = bool(read_text.functions & PIECEWISE)
    wanted = (6 if pieces else 2) * effort
    random = np.random.default_rng(seed)
    found: list[int] = []
    unclear: list[_Draw] = []
    tries = 0
    while len(found) + len(unclear) < wanted or (pieces and found and _fresh(found, 3 * effort)):
        tries += 1
        samples = effort * (2 * parameters + 40 if pieces else parameters + 8)
        draw = _draw(random, read_text, shapes, samples, wild=pieces, spread=1 / (1 + tries // 4))
        if "hard_sigmoid" in read_text.functions:
            draw = _onto_ramps(random, read_text, draw)
        rank = None if digits else _float(read_text, draw)
        if rank is None:
            unclear.append(draw)
            if len(unclear) >= 3 or digits:
                break
        else:
            found.append(rank)
    settled = len(unclear) < 3 and (len(set(found)) == 1 or pieces)
    if found and settled and not digits:
        return Rank(max(found), parameters, len(set(found)) > 1)
    return _in_digits(read_text, unclear or [draw], parameters, digits, max(found, default=-1))


def _fresh(found: list[int], quiet: int) -> bool:
    """Whether the largest rank is among the last draws, so that a larger one may follow."""
    return max(found) not in found[:-quiet] and len(found) < 40


def _in_digits(text: Text, draws: list[_Draw], parameters: int, digits: int, least: int) -> Rank:
    """The same draws again in many digits."""
    for precision in [digits] if digits else DIGITS:
        with mpmath.workdps(precision + 20):
            ranks = [
                digits_rank(_jacobian_in_digits(text, _thinned(d, 2 * parameters + 20)), precision)
                for d in draws[-2:]
            ]
        known = [rank for rank in ranks if rank is not None]
        if known:
            return Rank(max(*known, least), parameters, len(set(known)) > 1, precision)
    return Rank(None, parameters, False, DIGITS[-1])


def _thinned(draw: _Draw, samples: int) -> _Draw:
    """Fewer of the samples, spread over all of them."""
    there, _ = _extent(draw)
    chosen = np.linspace(0, there - 1, min(samples, there)).astype(int)
    data = {n: a[chosen] for n, a in draw.arrays.items() if n not in draw.names}
    return _Draw(draw.arrays | data, draw.names)


def _draw(
    random: np.random.Generator,
    text: Text,
    shapes: Mapping[str, Shape],
    samples: int,
    *,
    wild: bool,
    spread: float,
) -> _Draw:
    """Parameters of about one; data of one scale, or of many where every piece must be met."""
    names = tuple(name for name in text.given if name != "x")
    arrays = {}
    for name in names:
        arrays[name] = spread * random.normal(size=(1, *shapes[name])) * 0.8
    for name in ("x", *text.states):
        data = random.normal(size=(samples, *shapes[name]))
        if wild:
            data *= np.exp(random.uniform(-1, 2.5, size=(samples, 1, 1)))
        arrays[name] = data
    return _Draw(arrays, names)


def _onto_ramps(random: np.random.Generator, text: Text, draw: _Draw) -> _Draw:
    """Samples on the ramps of hard_sigmoid that random ones miss: between one below and one above.

    The ramp of hard_sigmoid(1000000 * u) is thin; halving the way between two samples finds it.
    """
    data = ("x", *text.states)
    arguments = _arguments(text, draw)
    extra: dict[str, list[Array]] = {name: [] for name in data}
    for place in np.flatnonzero((np.abs(arguments) < 3).mean(0) < 0.05):
        below, above = (np.flatnonzero(s * arguments[:, place] >= 3) for s in (-1, 1))
        if not below.size or not above.size:
            continue
        number = len(arguments) // 2
        low, high = (
            {name: draw.arrays[name][chosen] for name in data}
            for chosen in (random.choice(below, number), random.choice(above, number))
        )
        for _ in range(60):
            middle = {name: (low[name] + high[name]) / 2 for name in data}
            here = _arguments(text, _Draw(draw.arrays | middle, draw.names))[:, place]
            for name in data:
                left, right = (here <= -3)[:, None, None], (here >= 3)[:, None, None]
                low[name] = np.where(left, middle[name], low[name])
                high[name] = np.where(right, middle[name], high[name])
        for name in data:
            extra[name].append(middle[name])
    more = {name: np.concatenate([draw.arrays[name], *extra[name]]) for name in data}
    return _Draw(draw.arrays | more, draw.names)


def _arguments(text: Text, draw: _Draw) -> Array:
    """The arguments of every hard_sigmoid, (samples, places)."""
    known, constant = _given(draw, lambda array: array, track=True, slopes=False)
    evaluation = Evaluation(text, known, constant)
    with np.errstate(all="ignore"):
        evaluation.next_states()
    samples = _extent(draw)[0]
    parts = [
        np.broadcast_to(u, (samples, *u.shape[1:])).reshape(samples, -1) for u in evaluation.ramps
    ]
    return np.concatenate(parts, 1)


def _given(
    draw: _Draw, number: Callable[[Array], Array], track: bool, slopes: bool = True
) -> tuple[dict[str, Dual], Callable[[Fraction], Dual]]:
    """Every array with its slopes, and what makes a number of the text."""
    total = sum(draw.arrays[name].size for name in draw.names)
    known, at = {}, 0
    for name, array in draw.arrays.items():
        value, slope, reach = number(array), None, None
        if name in draw.names and slopes:
            ones = np.zeros((*array.shape, total))
            ones.reshape(array.size, total)[np.arange(array.size), at + np.arange(array.size)] = 1
            at += array.size
            slope, reach = number(ones), ones if track else None
        known[name] = Dual(value, slope, np.abs(array) if track else None, reach)

    def constant(value: Fraction) -> Dual:
        exact = np.array([[[value.numerator]]], dtype=object if not track else float)
        array = number(exact) / value.denominator
        return Dual(array, None, np.abs(array) if track else None, None)

    return known, constant


def _rows(states: list[Dual], samples: int, total: int, which: str) -> Array:
    """The slopes of all states at all samples, one below the other."""
    parts = []
    for state in states:
        slope = getattr(state, which)
        if slope is not None:
            full = np.broadcast_to(slope, (samples, *slope.shape[1:]))
            parts.append(full.reshape(-1, total))
    return np.concatenate(parts) if parts else np.zeros((0, total))


def _float(text: Text, draw: _Draw) -> int | None:
    known, constant = _given(draw, lambda array: array, track=True)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        states = Evaluation(text, known, constant).next_states()
        samples, total = _extent(draw)
        jacobian = _rows(states, samples, total, "slope")
        reach = _rows(states, samples, total, "reach")
        return float_rank(jacobian, reach)


def _extent(draw: _Draw) -> tuple[int, int]:
    samples = max(array.shape[0] for array in draw.arrays.values())
    return samples, sum(draw.arrays[name].size for name in draw.names)


def _jacobian_in_digits(text: Text, draw: _Draw) -> Array:
    to_digits = np.frompyfunc(mpmath.mpf, 1, 1)
    known, constant = _given(draw, to_digits, track=False)
    states = Evaluation(text, known, constant).next_states()
    return _rows(states, *_extent(draw), "slope")
