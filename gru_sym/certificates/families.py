"""Families of redundant directions: what they move, how many they are, how to walk along them.

A family is proved for all sizes: the moved parameters have the shapes of the parameters, and put
into the next states they give back the same normal form.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from gru_sym.certificates.absorption import Elimination
from gru_sym.certificates.arrays import recomputed
from gru_sym.certificates.system import Entry
from gru_sym.language.shapes import Shape
from gru_sym.language.unification import Size, number_of
from gru_sym.normal.field_values import Draws
from gru_sym.normal.form import Linear, Substitution, substitute
from gru_sym.normal.polynomials import (
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
)
from gru_sym.normal.prime_field import Echelon

Arrays = Mapping[str, Any]
"""Arrays of NumPy, PyTorch or alike by the names of the cell's parameters."""

DATA = "[]"
"""The name of what a matrix multiplies; no name of a cell is like it."""


@dataclass(frozen=True)
class Family(ABC):
    """Directions along which the parameters may move while the cell stays the same function.

    Attributes
    ----------
    parameters : the names of those that move.
    count : how many independent directions there are, in the sizes of the cell.
    sentence : why they change nothing.
    """

    parameters: tuple[str, ...]
    count: sp.Expr
    sentence: str
    elimination: Elimination

    @property
    def exact(self) -> sp.Expr:
        """The count at all sizes, where `count` holds only for some."""
        return self.count

    def __repr__(self) -> str:
        return f"<{self.count} directions: {self.sentence}>"

    def apply(self, parameters: Arrays, *by: Any) -> dict[str, Any]:
        """Move the parameters and leave the function; the arrays given are not changed.

        >>> from gru_sym import cell
        >>> from gru_sym.certificates.finding import redundancy
        >>> family = redundancy(cell("rnn.pytorch")).families[0]
        >>> import numpy as np
        >>> arrays = {"b_ih": np.array([1., 2.]), "b_hh": np.array([3., 4.])}
        >>> {name: array.tolist() for name, array in family.apply(arrays, -arrays["b_hh"]).items()}
        {'b_ih': [4.0, 6.0], 'b_hh': [0.0, 0.0]}

        Parameters
        ----------
        parameters : NumPy arrays, tensors or alike by name, with the shapes of `cell.parameters`.
        by : how far to move: for parameters that others make up for, what to add to each of those
            in `free`; for a scaling, a vector without zeros (a number for scalars); for a mixing,
            an invertible matrix and its inverse.
        """
        moved = self.move(parameters, *by)
        return recomputed(self.elimination, parameters, {**parameters, **moved}, set(moved))

    @abstractmethod
    def move(self, parameters: Arrays, *by: Any) -> dict[str, Any]:
        """The parameters that move freely, after the move; the pivots follow."""

    @abstractmethod
    def substitution(self) -> Substitution:
        """The same move as polynomials, by symbols."""

    @abstractmethod
    def directions(self, tangent: Tangent) -> Iterator[Mapping[Entry, int]]:
        """A basis of the directions at random parameters, modulo the prime, without the pivots."""

    def proves(self, states: Mapping[str, Polynomial]) -> bool:
        """Whether the moved parameters keep their shapes, and the next states are as they were."""
        try:
            put = self.elimination.compensate(self.substitution())
            return all(self._keeps_shape(name, value) for name, value in put.items()) and all(
                substitute(state, put) == state for state in states.values()
            )
        except ValueError:  # the normal form cannot say the moved cell
            return False

    def _keeps_shape(self, name: str, value: Polynomial | Linear) -> bool:
        rows, columns = self.elimination.sizes.shapes[name]
        known = {**self.symbols, DATA: columns}
        if callable(value):
            value = value(Polynomial.symbol(DATA))
        found = {size for term, _ in value.terms for size in self._row_sizes(term, known)}
        return found - {1} <= ({rows} - {1})

    def _row_sizes(self, term: Term, known: Mapping[str, Size]) -> Iterator[Size]:
        """The numbers of rows of what a term multiplies elementwise."""
        shapes = self.elimination.sizes.shapes
        for factor, _ in term:
            if factor.scalar:
                continue
            match factor:
                case Symbol(name):
                    yield shapes[name][0] if name in shapes else known[name]
                case Function(argument=argument):
                    for inside, _ in argument.terms:
                        yield from self._row_sizes(inside, known)
                case Product(left=left):
                    yield from self._row_sizes(left, known)

    @property
    @abstractmethod
    def symbols(self) -> Mapping[str, Size]:
        """The symbols of the substitution, with their numbers of rows."""


@dataclass(frozen=True)
class Tangent:
    """Random residues for the entries of parameters, at given sizes."""

    shapes: Mapping[str, Shape]
    size: Callable[[Size], int]
    value: Callable[[Entry], int]

    def entries(self, name: str) -> Iterator[Entry]:
        """The entries of a parameter."""
        rows, columns = map(self.size, self.shapes[name])
        return ((name, i, j) for i in range(rows) for j in range(columns))


class FalseFamily(AssertionError):
    """The two sides contradict each other: a rank that is larger than the families allow."""


def independent_directions(
    families: Iterable[Family], shapes: Mapping[str, Shape], sizes: Mapping[str, int]
) -> int:
    """How many independent directions families have together at given sizes: an exact rank."""
    draws = Draws(seed=2)
    tangent = Tangent(shapes, lambda size: number_of(size, sizes), draws)
    space, column = Echelon(), dict[Entry, int]()
    for family in families:
        for direction in family.directions(tangent):
            space.add({column.setdefault(e, len(column)): value for e, value in direction.items()})
    return space.rank
