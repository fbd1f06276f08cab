"""Scalings and mixings that cancel: `s * (W @ x)`, `A @ (B @ x)`, `a * (W @ x) * (U @ h)`.

Every parameter has *sides*: a vector its rows, a matrix its rows and its columns. Where sides
meet, in an elementwise or a matrix product, they share one index. Multiply each side by a power of
one vector t: a term stays as it is if at every meeting the powers add up to 0. These are linear
equations for the powers, and each independent solution is a family of as many directions as t has
entries. Where only columns of one matrix ever meet rows of another, any invertible matrix may
stand between them instead of t: k * k directions. Scalars scale whole parameters in the same way.

relu(t a) is t relu(a) for positive t. So the argument of a relu need not stay as it is: all its
terms may gain one power of t, which its value then has as a side of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import NamedTuple

import sympy as sp

from gru_sym.certificates.sites import Site
from gru_sym.functions import FUNCTIONS
from gru_sym.normal.exponents import functions_of
from gru_sym.normal.polynomials import Function, Polynomial, Product, Symbol, Term

ROWS, COLUMNS, WHOLE = "rows", "columns", "whole"

HOMOGENEOUS = frozenset(name for name, f in FUNCTIONS.items() if f.homogeneous)
"""The functions with f(t a) = t f(a) for positive t."""


class Side(NamedTuple):
    """The rows or the columns of a parameter, or the parameter as a whole."""

    parameter: str
    side: str


@dataclass(frozen=True)
class Scaling:
    """Multiply sides by powers of one vector (of one number, if the sides are whole).

    `positive` says that the vector has to be, for the sake of a relu.
    """

    powers: tuple[tuple[Side, int], ...]
    positive: bool = False


@dataclass(frozen=True)
class Mixing:
    """Put `G^-1` behind the matrices `left`, and `G` before the parameters `right`."""

    left: tuple[str, ...]
    right: tuple[str, ...]


Meeting = tuple[tuple[Side, int], ...]
"""The sides that share an index in a term, with exponents."""


def symmetries(
    sites: Iterable[Site], states: Iterable[Polynomial], movable: frozenset[str]
) -> list[Scaling | Mixing]:
    """The mixings and scalings of parameters that leave the next states as they are.

    Of the relus in `states` the arguments may gain in scale; without them none may.
    """
    gains = _gains(states)
    pairs = [(term, gains.get(site.whole, ())) for site in sites for term, _ in site.terms]
    meetings = [
        meeting
        for term, gained in pairs
        for meeting in meetings_of(term, [(Side(g, ROWS), -1) for g in gained[:1]])
    ]
    totals = [
        (*wholes(term), *((Side(g, WHOLE), -1) for g in gained[:1])) for term, gained in pairs
    ]
    for gained in gains.values():  # one argument, several functions: one power
        for other in gained[1:]:
            for side, equations in ((ROWS, meetings), (WHOLE, totals)):
                equations.append(((Side(gained[0], side), 1), (Side(other, side), -1)))
    values = frozenset(name for names in gains.values() for name in names if name != FIXED)
    mixings = [
        Mixing(
            tuple(sorted(s.parameter for s in space if s.side == COLUMNS)),
            tuple(sorted(s.parameter for s in space if s.side == ROWS)),
        )
        for space in inner_spaces(meetings)
        if movable.issuperset(s.parameter for s in space)
    ]
    mixings = [m for m in mixings if not set(m.left) & set(m.right)]
    mixed = {Side(a, COLUMNS) for m in mixings for a in m.left}
    mixed |= {Side(b, ROWS) for m in mixings for b in m.right}
    free_meetings = [tuple((s, e) for s, e in m if s not in mixed) for m in meetings]
    scalings = _solve(free_meetings, movable | values)
    found: list[Scaling | Mixing] = [*mixings, *scalings]
    implied = [_whole_powers(symmetry) for symmetry in found]
    whole = _solve(totals, movable | values, implied)
    parameters = [_of_parameters(s, values) for s in (*scalings, *whole)]
    return _independent([*mixings, *(s for s in parameters if s.powers)])


FIXED = ""
"""The side of what must stay as it is."""


def _gains(states: Iterable[Polynomial]) -> Mapping[Polynomial, tuple[str, ...]]:
    """The arguments that may gain a power of t, with the names of the relus that have them."""
    forms = list(states)
    gains: dict[Polynomial, tuple[str, ...]] = {}
    for function in sorted(functions_of(*forms), key=lambda function: function.key):
        name = function.key if function.function in HOMOGENEOUS else FIXED
        gains[function.argument] = (*gains.get(function.argument, ()), name)
    return {
        argument: names for argument, names in gains.items() if any(names) and argument not in forms
    }


def _of_parameters(scaling: Scaling, values: frozenset[str]) -> Scaling:
    """A scaling without the sides of relus."""
    kept = tuple((side, power) for side, power in scaling.powers if side.parameter not in values)
    return Scaling(kept, positive=len(kept) < len(scaling.powers))


def meetings_of(term: Term, above: Iterable[tuple[Side, int]] = ()) -> Iterator[Meeting]:
    """The sides that meet at the index of a term, then those further inside."""
    here = list(above)
    for factor, exponent in sorted(term, key=lambda pair: pair[0].key):
        match factor:
            case Symbol(name=name, scalar=False):
                here.append((Side(name, ROWS), exponent))
            case Function(function=function) if function in HOMOGENEOUS and not factor.scalar:
                here.append((Side(factor.key, ROWS), exponent))
            case Product(left=left, right=right, scalar=scalar):
                behind: list[tuple[Side, int]] = []
                for matrix, power in sorted(left, key=lambda pair: pair[0].key):
                    if isinstance(matrix, Symbol):
                        # The only row of a row kernel has no index in common with vectors.
                        if not scalar:
                            here.append((Side(matrix.name, ROWS), exponent * power))
                        behind.append((Side(matrix.name, COLUMNS), exponent * power))
                    else:
                        yield from _fixed(matrix.names)
                yield from meetings_of(right, behind)
    yield tuple(here)


def _fixed(names: Iterable[str]) -> Iterator[Meeting]:
    """Meetings that allow no power but 0 of any side of these parameters."""
    return (((Side(name, side), 1),) for name in sorted(names) for side in (ROWS, COLUMNS))


def wholes(term: Term) -> Iterator[tuple[Side, int]]:
    """Every name of a term as a whole, with its exponent."""
    for factor, exponent in sorted(term, key=lambda pair: pair[0].key):
        match factor:
            case Symbol(name):
                yield Side(name, WHOLE), exponent
            case Product(left=left, right=right):
                for side, power in (*wholes(left), *wholes(right)):
                    yield side, power * exponent
            case Function(function=function) if function in HOMOGENEOUS:
                yield Side(factor.key, WHOLE), exponent
            case Function():
                pass


def inner_spaces(
    meetings: Iterable[Meeting], known: Iterable[frozenset[Side]] = ()
) -> list[frozenset[Side]]:
    """The groups of columns and rows that meet each other and nothing else.

    `known` are sides that belong together for another reason.
    """
    groups = {side: group for group in known for side in group}
    spoilt: set[Side] = set()
    for meeting in meetings:
        sides = [side for side, _ in meeting]
        kinds = sorted((side.side, exponent) for side, exponent in meeting)
        if kinds == [(COLUMNS, 1), (ROWS, 1)]:
            joined = frozenset().union(*(groups.get(side, {side}) for side in sides))
            groups.update(dict.fromkeys(sorted(joined), joined))
        else:
            spoilt.update(sides)
    return [group for group in dict.fromkeys(groups.values()) if not group & spoilt]


def solutions(meetings: Iterable[Meeting], sides: Sequence[Side]) -> Iterator[Meeting]:
    """A basis of the powers of sides that add up to 0 at every meeting."""
    if not sides:
        return
    column = {side: number for number, side in enumerate(sides)}
    rows = list(meetings)
    equations = sp.zeros(len(rows), len(sides))
    for row, meeting in enumerate(rows):
        for side, exponent in meeting:
            if side in column:
                equations[row, column[side]] += exponent
    for vector in equations.nullspace():
        scale = lcm(*(int(entry.q) for entry in vector))
        powers = ((side, int(entry * scale)) for side, entry in zip(sides, vector, strict=True))
        yield tuple((side, power) for side, power in powers if power)


def _solve(
    meetings: Iterable[Meeting],
    movable: frozenset[str],
    known: Iterable[dict[Side, int]] = (),
) -> list[Scaling]:
    """A basis of the powers that add up to 0 at every meeting, beyond those already known."""
    meetings = list(meetings)
    sides = list(dict.fromkeys(s for m in meetings for s, _ in m if s.parameter in movable))
    basis = [[powers.get(side, 0) for side in sides] for powers in known]
    found = []
    for powers in solutions(meetings, sides):
        vector = [dict(powers).get(side, 0) for side in sides]
        if sp.Matrix([*basis, vector]).rank() > sp.Matrix(basis).rank():
            basis.append(vector)
            found.append(Scaling(powers))
    return found


def _whole_powers(symmetry: Scaling | Mixing) -> dict[Side, int]:
    """The powers of whole parameters when t is constant, or G a multiple of 1."""
    powers: dict[Side, int] = {}
    pairs: Iterable[tuple[str, int]]
    if isinstance(symmetry, Mixing):
        pairs = [*((name, -1) for name in symmetry.left), *((name, 1) for name in symmetry.right)]
    else:
        pairs = [(side.parameter, power) for side, power in symmetry.powers]
    for name, power in pairs:
        powers[Side(name, WHOLE)] = powers.get(Side(name, WHOLE), 0) + power
    return powers


def _independent(symmetries: list[Scaling | Mixing]) -> list[Scaling | Mixing]:
    """Those with a witness each, so that no direction is counted twice."""
    kept = list(symmetries)
    for symmetry in reversed(symmetries):
        if not witnesses(symmetry, kept):
            kept.remove(symmetry)
    return kept


def witnesses(symmetry: Scaling | Mixing, among: Iterable[Scaling | Mixing]) -> list[str]:
    """The parameters moved on one side by this symmetry, and by no other one."""
    others = [name for other in among if other is not symmetry for name in _moved(other)]
    mine = _moved(symmetry)
    return [name for name in dict.fromkeys(mine) if mine.count(name) == 1 and name not in others]


def _moved(symmetry: Scaling | Mixing) -> list[str]:
    if isinstance(symmetry, Mixing):
        return [*symmetry.left, *symmetry.right]
    return [side.parameter for side, _ in symmetry.powers]
