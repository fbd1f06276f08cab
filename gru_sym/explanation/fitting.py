"""Sizes from shapes: at which sizes the tensors of a layer have the shapes that are there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import sympy as sp

from gru_sym.libraries.stored import StoredLayer

Axis: TypeAlias = tuple[int, tuple[tuple[str, int], ...]]
"""A number, and so many times each size: an axis of 3*n + 1 is (1, (("n", 3),))."""


@lru_cache(maxsize=4096)
def axes_of(stored: StoredLayer) -> dict[str, tuple[Axis, ...]]:
    """The shapes of a layer's tensors, as sums of sizes."""
    return {
        name: tuple(_axis(sp.sympify(axis)) for axis in shape)
        for name, shape in stored.tensors.items()
    }


def _axis(axis: sp.Expr) -> Axis:
    terms = sp.expand(axis).as_coefficients_dict()
    sizes = tuple((str(size), int(times)) for size, times in terms.items() if size != 1)
    return int(terms.get(sp.S.One, 0)), sizes


def fit(
    wanted: Mapping[str, tuple[Axis, ...]], given: Mapping[str, tuple[int, ...]]
) -> dict[str, int] | None:
    """The sizes at which tensors have these shapes; None if there are none.

    >>> from gru_sym.libraries.layout import layout
    >>> wanted = axes_of(layout("keras").layer("GRU"))
    >>> fit(wanted, {"kernel": (5, 9), "bias": (2, 9)})
    {'m': 5, 'n': 3}
    >>> fit(wanted, {"kernel": (5, 9), "bias": (9,)}) is None
    True
    """
    if any(len(wanted[name]) != len(shape) for name, shape in given.items()):
        return None
    todo = [
        (axis, number)
        for name, shape in given.items()
        for axis, number in zip(wanted[name], shape, strict=True)
    ]
    sizes: dict[str, int] = {}
    while todo:
        left = []
        for (constant, terms), number in todo:
            rest = number - constant - sum(k * sizes[s] for s, k in terms if s in sizes)
            match [(size, times) for size, times in terms if size not in sizes]:
                case []:
                    if rest:
                        return None
                case [(size, times)]:
                    value, over = divmod(rest, times)
                    if over or value < 1:
                        return None
                    sizes[size] = value
                case _:
                    left.append(((constant, terms), number))
        if len(left) == len(todo):
            return None
        todo = left
    return sizes
