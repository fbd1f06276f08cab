"""Families of redundant directions: what they move, how many they are, how to walk along them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from gru_sym.certificates.absorption import Elimination
from gru_sym.certificates.arrays import as_columns, recomputed
from gru_sym.certificates.symmetry import COLUMNS, ROWS, WHOLE, Mixing, Scaling
from gru_sym.language.unification import Size
from gru_sym.normal.form import Linear, Substitution, power, substitute
from gru_sym.normal.polynomials import (
    INVERSE,
    Polynomial,
    matrix_product,
)

Arrays = Mapping[str, Any]
"""Arrays of NumPy, PyTorch or alike by the names of the cell's parameters."""


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

    def proves(self, states: Mapping[str, Polynomial]) -> bool:
        """Whether the next states, with the moved parameters put in, come out as they were."""
        try:
            put = self.elimination.compensate(self.substitution())
            return all(substitute(state, put) == state for state in states.values())
        except ValueError:
            return False


@dataclass(frozen=True, repr=False)
class Absorption(Family):
    """Parameters that may take any value, because others make up for it."""

    free: tuple[str, ...]

    def move(self, parameters: Arrays, *by: Any) -> dict[str, Any]:
        """Add to each free parameter."""
        return {name: parameters[name] + shift for name, shift in zip(self.free, by, strict=True)}

    def substitution(self) -> Substitution:
        """Any other value for each free parameter."""
        scalars = self.elimination.sizes.scalars
        return {name: Polynomial.symbol(f"{name}*", name in scalars) for name in self.free}


@dataclass(frozen=True, repr=False)
class ScalingFamily(Family):
    """Factors that cancel."""

    scaling: Scaling

    def move(self, parameters: Arrays, *by: Any) -> dict[str, Any]:
        """Multiply each side by its power of the vector."""
        (t,) = by
        moved = {name: parameters[name] for name in self.parameters}
        for side, exponent in self.scaling.powers:
            factor = t**exponent
            if side.side == ROWS and moved[side.parameter].ndim == 2:
                factor = as_columns(factor)
            moved[side.parameter] = moved[side.parameter] * factor
        return moved

    def substitution(self) -> Substitution:
        """Multiply each side by its power of a vector t, or of a number t."""
        whole = any(side.side == WHOLE for side, _ in self.scaling.powers)
        t = Polynomial.symbol("t", whole)
        put: dict[str, Polynomial | Linear] = {}
        for name in self.parameters:
            powers = {s.side: p for s, p in self.scaling.powers if s.parameter == name}
            put[name] = self._scaled(name, powers, t)
        return put

    def _scaled(self, name: str, powers: Mapping[str, int], t: Polynomial) -> Polynomial | Linear:
        symbol = Polynomial.symbol(name, name in self.elimination.sizes.scalars)
        columns = self.elimination.sizes.shapes[name][1]
        if WHOLE in powers or columns == 1:
            return symbol * power(t, powers.get(WHOLE, 0) or powers.get(ROWS, 0))
        rows, behind = power(t, powers.get(ROWS, 0)), power(t, powers.get(COLUMNS, 0))
        return lambda data: rows * matrix_product(symbol, behind * data, columns, False)


@dataclass(frozen=True, repr=False)
class MixingFamily(Family):
    """An invertible matrix and its inverse between two kernels."""

    mixing: Mixing
    always: sp.Expr
    condition: str

    @property
    def exact(self) -> sp.Expr:
        """The count at all sizes: the inner one may be larger than those around it."""
        return self.always

    def move(self, parameters: Arrays, *by: Any) -> dict[str, Any]:
        """`A G^-1` for the matrices on the left, `G B` for those on the right."""
        mix, inverse = by
        left = {name: parameters[name] @ inverse for name in self.mixing.left}
        return left | {name: mix @ parameters[name] for name in self.mixing.right}

    def substitution(self) -> Substitution:
        """`A G^-1` and `G B` with a symbol G."""
        sizes = self.elimination.sizes
        inner = sizes.shapes[self.mixing.left[0]][1]
        mix, inverse = Polynomial.symbol("G"), Polynomial.symbol("G" + INVERSE)
        put: dict[str, Polynomial | Linear] = {}
        for name in self.mixing.left:
            put[name] = _behind(Polynomial.symbol(name), inverse, inner)
        for name in self.mixing.right:
            b = Polynomial.symbol(name)
            columns = sizes.shapes[name][1]
            whole = matrix_product(mix, b, inner, False)
            put[name] = whole if columns == 1 else _before(mix, b, inner, columns)
        return put


def _before(mix: Polynomial, matrix: Polynomial, inner: Size, columns: Size) -> Linear:
    """V -> G (B v)."""
    return lambda v: matrix_product(mix, matrix_product(matrix, v, columns, False), inner, False)


def _behind(matrix: Polynomial, inverse: Polynomial, inner: Size) -> Linear:
    """V -> A (G^-1 v)."""
    return lambda v: matrix_product(matrix, matrix_product(inverse, v, inner, False), inner, False)
