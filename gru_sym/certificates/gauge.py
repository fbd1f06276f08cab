"""The gauge of a hidden state: other coordinates for it, and parameters that make up for them.

Where a state is not seen from outside, it may be written in other coordinates, s -> E s. If the
parameters can be moved so that the next state is E times what it was and the outputs are what they
were, for all inputs and all states, then a layer that starts at s = 0 (or whose first state moves
along) computes the same sequence. A cell does not have this freedom, since all of its states are
seen. E is diagonal, one factor for each unit, or one number; or, where the state is only ever read
and written by kernels, any invertible matrix: the similarity of a linear state-space model.

Directions of a gauge and the families of the cells are independent, if the states that are reached
span the space. For along the families all states stay as they are, and along a gauge they change by
E s; a sum of both that is 0 has E s = 0 for all of them, so E = 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.cells import Cell
from gru_sym.certificates.symmetry import (
    COLUMNS,
    ROWS,
    WHOLE,
    Meeting,
    Side,
    inner_spaces,
    meetings_of,
    solutions,
    wholes,
)
from gru_sym.language.unification import Size
from gru_sym.normal.exponents import functions_of
from gru_sym.normal.form import Linear, normal_form, substitute
from gru_sym.normal.polynomials import (
    INVERSE,
    Polynomial,
    Term,
    matrix_product,
)
from gru_sym.normal.prime_field import Echelon

READER = "[reader]"
"""A kernel that reads a next state from outside."""


@dataclass(frozen=True)
class Gauge:
    """Other coordinates for hidden states.

    Attributes
    ----------
    states : the hidden states that move together.
    parameters : what moves with them.
    kind : "unit", a factor for each unit; "number", one for all; "similarity", any matrix.
    count : how many directions it has, in the sizes of the cell.
    powers : of E, at the sides of what moves, states among them.
    """

    states: tuple[str, ...]
    parameters: tuple[str, ...]
    kind: str
    count: sp.Expr
    powers: Meeting = ()

    def is_free(self, reached: Mapping[str, list[list[int]]]) -> bool:
        """Whether no E but 0 is 0 at all the states that are reached, given as residues."""
        for state in self.states:
            vectors, space = reached[state], Echelon()
            if self.kind == "similarity":
                for vector in vectors:
                    space.add(dict(enumerate(vector)))
                full = space.rank == len(vectors[0])
            else:
                full = all(any(entries) for entries in zip(*vectors, strict=True))
            if not full:
                return False
        return True


def gauges(cell: Cell, hidden: tuple[str, ...]) -> tuple[Gauge, ...]:
    r"""The gauges of hidden states, each proved by putting it into the equations.

    >>> linear = Cell("s' = A @ s + B @ x\nh' = C @ s'")
    >>> [(g.kind, g.parameters, g.count) for g in gauges(linear, ("s",))]
    [('similarity', ('A', 'B', 'C'), n**2)]

    Parameters
    ----------
    hidden : the states that are not seen; all others are.

    Raises
    ------
    ValueError : for a cell with too many terms.
    """
    search = _Search(cell, hidden)
    found = [gauge for gauge in search.similarities() if search.proves(gauge)]
    for whole in (False, True):
        found.extend(search.scalings(found, whole))
    return tuple(found)


class _Search:
    def __init__(self, cell: Cell, hidden: tuple[str, ...]) -> None:
        self.cell, self.hidden = cell, hidden
        self.shapes = cell.sizes.shapes
        self.forms = normal_form(cell.program, cell.sizes).states
        self.seen = [form for state, form in self.forms.items() if state not in hidden]
        self.parameters = set(cell.program.parameters) - cell.program.rigid
        self.movable = {*self.parameters, *hidden}

    def symbol(self, name: str) -> Polynomial:
        return Polynomial.symbol(name, self.shapes[name] == (1, 1))

    # Scalings

    def scalings(self, known: Iterable[Gauge], whole: bool) -> Iterator[Gauge]:
        """Scalings of hidden states beyond those that are known."""
        scaled = [self.forms[state] * self.symbol(state) ** -1 for state in self.hidden]
        terms = _terms([*self.seen, *scaled])
        meetings = [m for t in terms for m in ([tuple(wholes(t))] if whole else meetings_of(t))]
        done = {state for g in known if g.kind == "similarity" for state in g.states}
        sides = [
            side
            for side in dict.fromkeys(side for meeting in meetings for side, _ in meeting)
            if side[0] in self.movable - done and self._size(side) != 1
        ]
        basis = [self._shadow(gauge.powers) for gauge in known]
        for powers in solutions(meetings, sides):
            shadow = self._shadow(powers)
            if sp.Matrix([*basis, shadow]).rank() == len(basis) + 1:
                gauge = self._gauge(powers, whole)
                if self.proves(gauge):
                    basis.append(shadow)
                    yield gauge

    def _size(self, side: Side) -> Size | None:
        """The size that an axis has; None for a whole."""
        axes = {ROWS: 0, COLUMNS: 1}
        return self.shapes[side.parameter][axes[side.side]] if side.side in axes else None

    def _shadow(self, powers: Meeting) -> list[int]:
        """What a scaling does to the hidden states."""
        moved = {name: power for (name, _), power in powers}
        return [moved.get(state, 0) for state in self.hidden]

    def _gauge(self, powers: Meeting, whole: bool) -> Gauge:
        moved = {name for (name, _), _ in powers}
        states = tuple(state for state in self.hidden if state in moved)
        rows = self.shapes[states[0]][0] if states else 1
        count = sp.Integer(1) if whole else size_expression(rows)
        return self._made(states, moved, "number" if whole else "unit", count, powers)

    def _made(
        self,
        states: tuple[str, ...],
        moved: set[str],
        kind: str,
        count: sp.Expr,
        powers: Meeting,
    ) -> Gauge:
        parameters = tuple(name for name in self.cell.program.parameters if name in moved)
        return Gauge(states, parameters, kind, count, powers)

    # Similarities

    def similarities(self) -> Iterator[Gauge]:
        """The hidden states that are read and written by kernels alone."""
        read = [
            matrix_product(
                Polynomial.symbol(READER + state), self.forms[state], self.shapes[state][0], False
            )
            for state in self.hidden
            if self.shapes[state] != (1, 1)
        ]
        meetings = (m for term in _terms([*self.seen, *read]) for m in meetings_of(term))
        # A hidden state is written and read in one space.
        spaces = (frozenset([Side(s, ROWS), Side(READER + s, COLUMNS)]) for s in self.hidden)
        for group in inner_spaces(meetings, spaces):
            states = tuple(s for s in self.hidden if (s, ROWS) in group)
            readers = {name for name, _ in group if name.startswith(READER)}
            rest = {name for name, _ in group} - readers - set(states)
            if (
                states
                and readers == {READER + state for state in states}
                and rest <= self.parameters
            ):
                powers = tuple(
                    (side, 1 if side[1] == ROWS else -1)
                    for side in sorted(group)
                    if side[0] not in readers
                )
                count = size_expression(self.shapes[states[0]][0]) ** 2
                yield self._made(states, rest, "similarity", count, powers)

    # Proof

    def proves(self, gauge: Gauge) -> bool:
        """Whether the outputs stay and the hidden states become E times what they were."""
        put: dict[str, Polynomial | Linear] = {}
        moved = dict(gauge.powers)
        for name in {name for name, _ in moved}:
            axes = {axis: power for (other, axis), power in moved.items() if other == name}
            put[name] = self._moved(gauge.kind, name, axes)
        try:
            return all(
                substitute(form, put) == self._after(gauge, moved, state, form)
                for state, form in self.forms.items()
            )
        except ValueError:
            return False

    def _after(
        self, gauge: Gauge, moved: Mapping[Side, int], state: str, form: Polynomial
    ) -> Polynomial:
        power = moved.get(Side(state, WHOLE if gauge.kind == "number" else ROWS), 0)
        if state not in self.hidden or not power:
            return form
        return _changed(gauge.kind, form, power, self.shapes[state][0])

    def _moved(self, kind: str, name: str, axes: Mapping[str, int]) -> Polynomial | Linear:
        symbol = self.symbol(name)
        rows, columns = self.shapes[name]
        if WHOLE in axes or columns == 1:
            return _changed(kind, symbol, axes.get(WHOLE, axes.get(ROWS, 0)), rows)

        def kernel(data: Polynomial) -> Polynomial:
            behind = _changed(kind, data, axes.get(COLUMNS, 0), columns)
            product = matrix_product(symbol, behind, columns, rows == 1)
            return _changed(kind, product, axes.get(ROWS, 0), rows)

        return kernel


def _changed(kind: str, vector: Polynomial, power: int, size: Size) -> Polynomial:
    """`E^power @ vector`, with a symbol for E."""
    if not power:
        return vector
    if kind == "similarity":
        return matrix_product(
            Polynomial.symbol("G" if power > 0 else "G" + INVERSE), vector, size, False
        )
    return vector * Polynomial.symbol("t", kind == "number") ** power


def _terms(polynomials: Iterable[Polynomial]) -> list[Term]:
    """The terms of polynomials and of all arguments in them."""
    whole = list(polynomials)
    inside = dict.fromkeys(f.argument for f in functions_of(*whole))
    return [
        term for each in (*whole, *sorted(inside, key=lambda a: a.key)) for term, _ in each.ordered
    ]
