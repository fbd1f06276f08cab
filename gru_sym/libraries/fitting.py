"""At which sizes arrays have the shapes that they have; nothing here reads SymPy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from gru_sym.formulas import Formula, read_formula

if TYPE_CHECKING:
    from fractions import Fraction

Axis: TypeAlias = "tuple[int | Fraction, tuple[tuple[str, int | Fraction], ...]]"
"""A number, and so many times each size: an axis of 3*n + 1 is (1, (("n", 3),))."""


@lru_cache(maxsize=1024)
def axis_of(axis: str) -> Axis:
    """An axis that is a sum of sizes; a share of one, such as n/H, is a size of its own.

    >>> axis_of("3*n + 1"), axis_of("2"), axis_of("n/4")
    ((1, (('n', 3),)), (2, ()), (0, (('n', Fraction(1, 4)),)))
    """
    terms = dict(read_formula(axis).terms)
    constant = terms.pop((), 0)
    return constant, tuple((str(Formula({powers: 1})), k) for powers, k in terms.items())


def fit(
    wanted: Mapping[str, tuple[Axis, ...]], given: Mapping[str, tuple[int, ...]]
) -> dict[str, int] | None:
    """The sizes at which arrays have these shapes; None if there are none.

    >>> wanted = {"kernel": ((0, (("m", 1),)), (0, (("n", 3),))), "bias": ((0, (("n", 3),)),)}
    >>> fit(wanted, {"kernel": (5, 9), "bias": (9,)})
    {'m': 5, 'n': 3}
    >>> fit(wanted, {"kernel": (5, 9), "bias": (8,)}) is None
    True
    """
    if any(len(wanted[name]) != len(shape) for name, shape in given.items()):
        return None
    sizes: dict[str, int] = {}
    axes = [pair for name, shape in given.items() for pair in zip(wanted[name], shape, strict=True)]
    return sizes if solve(axes, sizes) else None


def solve(todo: list[tuple[Axis, int]], sizes: dict[str, int]) -> bool:
    """Find the sizes, each from an axis where it alone is open; whether every axis is so long."""
    good = True
    while todo:
        left = []
        for (constant, terms), number in todo:
            rest = number - constant - sum(k * sizes[s] for s, k in terms if s in sizes)
            match [(size, times) for size, times in terms if size not in sizes]:
                case []:
                    good = good and not rest
                case [(size, times)]:
                    value, over = divmod(rest, times)
                    if over or value < 1:
                        good = False
                    else:
                        sizes[size] = int(value)
                case _:
                    left.append(((constant, terms), number))
        if len(left) == len(todo):
            return False
        todo = left
    return good
