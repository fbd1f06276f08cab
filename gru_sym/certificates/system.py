"""What an exact rank is taken of: next states as polynomials, and the pieces that a sample uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from gru_sym.cells import Cell
from gru_sym.language.shapes import Shape
from gru_sym.language.unification import Size
from gru_sym.normal.exponents import ANGLES, Exponents, functions_of
from gru_sym.normal.field_values import PIECES, Draws, Key
from gru_sym.normal.form import normal_form
from gru_sym.normal.polynomials import Polynomial, Product, Symbol, Term

Entry = tuple[str, int, int]
"""One number of a parameter: its name, row and column."""


class Pieces(Protocol):
    """A choice of pieces, which remembers what it was asked."""

    @property
    def pattern(self) -> frozenset[tuple[object, int]]:
        """All pieces chosen so far."""

    def __call__(self, function: str, key: Key) -> int:
        """The number of the piece."""


class FreePieces:
    """Pieces chosen at random: for every unit, or one for all units, which makes fewer patterns."""

    def __init__(self, draws: Draws, sample: object, one_for_all: bool) -> None:
        self._draws, self._sample, self._one_for_all = draws, sample, one_for_all
        self._known: dict[tuple[object, ...], int] = {}

    @property
    def pattern(self) -> frozenset[tuple[object, int]]:
        """All pieces chosen so far."""
        return frozenset(self._known.items())

    def __call__(self, function: str, key: Key) -> int:
        """The number of the piece."""
        asked = (function, key[0]) if self._one_for_all else (function, *key)
        if asked not in self._known:
            drawn = self._draws(("piece", self._sample, *asked))
            self._known[asked] = drawn % len(PIECES[function])
        return self._known[asked]


@dataclass(frozen=True)
class Factors:
    """The matrices that a matrix is the product of, and their inner size."""

    left: str
    right: str
    inner: str | int


@dataclass(frozen=True)
class System:
    """What is observed, as polynomials in data, parameters and constants, with all shapes.

    `blocks` says of how many blocks on its diagonal a kernel is; off them it is 0.

    A constant is neither: it is the same at each step, and no derivative is taken by it. `factors`
    names matrices whose values are products of two random matrices.
    """

    states: Mapping[str, Polynomial]
    shapes: Mapping[str, Shape]
    data: tuple[str, ...]
    parameters: tuple[str, ...]
    factors: Mapping[str, Factors] = field(default_factory=dict)
    constants: tuple[str, ...] = ()
    blocks: Mapping[str, Size] = field(default_factory=dict)

    @staticmethod
    def of(cell: Cell) -> System:
        """The next states of a cell."""
        states = normal_form(cell.program, cell.sizes).states
        program, sizes = cell.program, cell.sizes
        given = program.data, program.parameters
        return System(states, sizes.shapes, *given, {}, program.constants, sizes.blocks)

    @cached_property
    def exponents(self) -> Exponents:
        """The arguments of its functions, in a basis."""
        return Exponents.of_functions(self.states.values(), self.data)

    @cached_property
    def angles(self) -> Exponents:
        """The arguments of sin and cos, in a basis."""
        return Exponents.of_functions(self.states.values(), self.data, ANGLES)

    @cached_property
    def has_roots(self) -> bool:
        """Whether there is a square root in it."""
        return any(f.function == "sqrt" for f in functions_of(*self.states.values()))

    @cached_property
    def kinks(self) -> frozenset[str]:
        """Its piecewise linear functions."""
        found = {f.function for f in functions_of(*self.states.values())}
        return frozenset(found & PIECES.keys())

    @cached_property
    def kinks_inside(self) -> bool:
        """Whether the argument of a smooth function depends on pieces, so that patterns matter."""
        arguments = (*self.exponents.basis, *self.angles.basis)
        return any(f.function in self.kinks for f in functions_of(*arguments))


def at_work(function: str, key: Key) -> int:
    """The piece on which a function is not constant."""
    return 1


def is_affine(polynomial: Polynomial, data: frozenset[str]) -> bool:
    """Whether data occur once in each term, and in no function."""
    return all(_degree(term, data) <= 1 for term, _ in polynomial.terms)


def _degree(term: Term, data: frozenset[str]) -> int:
    """How many data are multiplied in a term; more than one for any that is no polynomial."""
    degree = 0
    for factor, exponent in term:
        if factor.names & data:
            match factor:
                case Symbol() if exponent > 0:
                    degree += exponent
                case Product(left=left, right=right) if exponent == 1:
                    degree += _degree(left, data) + _degree(right, data)
                case _:
                    return 2
    return degree
