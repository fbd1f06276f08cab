"""The kinds of families: absorptions, shifts, levels, scalings and mixings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from gru_sym.certificates.arrays import as_columns
from gru_sym.certificates.families import Arrays, Family, Tangent
from gru_sym.certificates.symmetry import COLUMNS, ROWS, WHOLE, Mixing, Scaling, Side
from gru_sym.certificates.system import Entry
from gru_sym.language.shapes import Sizes
from gru_sym.language.unification import Size
from gru_sym.normal.application import POSITIVE
from gru_sym.normal.form import Linear, Substitution
from gru_sym.normal.polynomials import INVERSE, TRANSPOSED, Polynomial, matrix_product
from gru_sym.normal.prime_field import residue

# No name of a cell contains these characters.
FACTOR, SHIFT, LEVEL = "t*", "s*", "l*"


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

    @property
    def symbols(self) -> Mapping[str, Size]:
        """One for each free parameter."""
        return {f"{name}*": self.elimination.sizes.shapes[name][0] for name in self.free}

    def directions(self, tangent: Tangent) -> Iterator[Mapping[Entry, int]]:
        """One for each entry of what is free."""
        return ({entry: 1} for name in self.free for entry in tangent.entries(name))


@dataclass(frozen=True, repr=False)
class ShiftFamily(Family):
    """Parameters that only occur in sums, and in these with numbers that depend on each other.

    `witnesses` are those that no other family moves.
    """

    multiples: Mapping[str, Fraction]
    witnesses: tuple[str, ...]

    def move(self, parameters: Arrays, *by: Any) -> dict[str, Any]:
        """Add multiples of one array to all of them."""
        (shift,) = by
        return {name: parameters[name] + float(q) * shift for name, q in self.multiples.items()}

    def substitution(self) -> Substitution:
        """Add multiples of one symbol."""
        put: dict[str, Polynomial | Linear] = {}
        for name, number in self.multiples.items():
            scalar = name in self.elimination.sizes.scalars
            shift = Polynomial.symbol(SHIFT, scalar).scaled(number)
            whole = Polynomial.symbol(name, scalar) + shift
            put[name] = whole
            if (columns := self.elimination.sizes.shapes[name][1]) != 1:
                row = self.elimination.sizes.shapes[name][0] == 1
                put[name] = _linear(whole, columns, row)
        return put

    @property
    def symbols(self) -> Mapping[str, Size]:
        """The shift."""
        return {SHIFT: self.elimination.sizes.shapes[self.parameters[0]][0]}

    def directions(self, tangent: Tangent) -> Iterator[Mapping[Entry, int]]:
        """One for each entry of the shift."""
        for _, i, j in tangent.entries(self.parameters[0]):
            yield {(name, i, j): residue(q) for name, q in self.multiples.items()}


@dataclass(frozen=True, repr=False)
class ReflectionFamily(Family):
    """A symmetric matrix that W may gain in W - W.T; antisymmetric in W + W.T, where `sign` is -1.

    It moves the matrix by S where S.T is `sign` times S.
    """

    sign: int

    def move(self, parameters: Arrays, *by: Any) -> dict[str, Any]:
        """Add the symmetric, or antisymmetric, part of a matrix."""
        (matrix,) = by
        (name,) = self.parameters
        return {name: parameters[name] + (matrix + self.sign * matrix.T) / 2}

    def substitution(self) -> Substitution:
        """Add one symbol to the matrix, and it or its negative to the transpose."""
        (name,) = self.parameters
        size = self.elimination.sizes.shapes[name][0]
        shift = Polynomial.symbol(SHIFT)
        whole, turned = (Polynomial.symbol(each) for each in (name, name + TRANSPOSED))
        moved = {name: whole + shift, name + TRANSPOSED: turned + shift.scaled(Fraction(self.sign))}
        return {each: _linear(matrix, size, False) for each, matrix in moved.items()}

    @property
    def symbols(self) -> Mapping[str, Size]:
        """The matrix added."""
        return {SHIFT: self.elimination.sizes.shapes[self.parameters[0]][0]}

    def directions(self, tangent: Tangent) -> Iterator[Mapping[Entry, int]]:
        """One for each pair of entries that are reflections, and for each on the diagonal."""
        for name, i, j in tangent.entries(self.parameters[0]):
            if i < j:
                yield {(name, i, j): 1, (name, j, i): residue(Fraction(self.sign))}
            elif i == j and self.sign == 1:
                yield {(name, i, i): 1}


@dataclass(frozen=True, repr=False)
class LevelFamily(Family):
    """One parameter, whose level a mean takes away again: that of a vector, or of each column."""

    def move(self, parameters: Arrays, *by: Any) -> dict[str, Any]:
        """Add one number to all entries of a vector, or one row to all rows of a kernel."""
        (name,), (level,) = self.parameters, by
        return {name: parameters[name] + level}

    def substitution(self) -> Substitution:
        """Add one number, or what a row makes of the data."""
        (name,) = self.parameters
        rows, columns = self.elimination.sizes.shapes[name]
        whole, level = Polynomial.symbol(name), Polynomial.symbol(LEVEL, columns == 1)
        if columns == 1:
            return {name: whole + level}
        one_row = rows == 1

        def kernel(data: Polynomial) -> Polynomial:
            row = matrix_product(level, data, columns, scalar=True, column=True)
            return matrix_product(whole, data, columns, one_row) + row

        return {name: kernel}

    @property
    def symbols(self) -> Mapping[str, Size]:
        """The level, one number or one row."""
        return {LEVEL: 1}

    def directions(self, tangent: Tangent) -> Iterator[Mapping[Entry, int]]:
        """One for each column."""
        columns: dict[int, dict[Entry, int]] = {}
        for name, i, j in tangent.entries(self.parameters[0]):
            columns.setdefault(j, {})[name, i, j] = 1
        yield from columns.values()


@dataclass(frozen=True, repr=False)
class ScalingFamily(Family):
    """Factors that cancel; `witnesses` have one side moved, and no other family moves them."""

    scaling: Scaling
    witnesses: tuple[str, ...]

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
        t = Polynomial.symbol(POSITIVE if self.scaling.positive else FACTOR, whole)
        put: dict[str, Polynomial | Linear] = {}
        for name in self.parameters:
            powers = {s.side: p for s, p in self.scaling.powers if s.parameter == name}
            put[name] = self._scaled(name, powers, t)
        return put

    def _scaled(self, name: str, powers: Mapping[str, int], t: Polynomial) -> Polynomial | Linear:
        symbol = Polynomial.symbol(name, name in self.elimination.sizes.scalars)
        columns = self.elimination.sizes.shapes[name][1]
        if WHOLE in powers or columns == 1:
            return symbol * t ** (powers.get(WHOLE, 0) or powers.get(ROWS, 0))
        rows, behind = t ** powers.get(ROWS, 0), t ** powers.get(COLUMNS, 0)
        row = self.elimination.sizes.shapes[name][0] == 1
        return lambda data: rows * matrix_product(symbol, behind * data, columns, row)

    @property
    def symbols(self) -> Mapping[str, Size]:
        """The vector of factors."""
        return dict.fromkeys((FACTOR, POSITIVE), _index(self.scaling, self.elimination.sizes))

    def _keeps_shape(self, name: str, value: Polynomial | Linear) -> bool:
        sizes = self.elimination.sizes
        index = _index(self.scaling, sizes)
        return super()._keeps_shape(name, value) and all(
            side.side == WHOLE or _size_of(side, sizes) == index for side, _ in self.scaling.powers
        )

    def directions(self, tangent: Tangent) -> Iterator[Mapping[Entry, int]]:
        """One for each entry of the vector: what it multiplies, times its power."""
        index = _index(self.scaling, self.elimination.sizes)
        for k in range(tangent.size(index)):
            moved: dict[Entry, int] = {}
            for side, exponent in self.scaling.powers:
                for entry in tangent.entries(side.parameter):
                    if side.side == WHOLE or entry[1 if side.side == ROWS else 2] == k:
                        moved[entry] = moved.get(entry, 0) + exponent * tangent.value(entry)
            yield moved


def _size_of(side: Side, sizes: Sizes) -> Size:
    """How many indices a side has."""
    return sizes.shapes[side.parameter][0 if side.side == ROWS else 1]


def _index(scaling: Scaling, sizes: Sizes) -> Size:
    """The size of the vector of factors; 1 for a number."""
    side = scaling.powers[0][0]
    return 1 if side.side == WHOLE else _size_of(side, sizes)


@dataclass(frozen=True, repr=False)
class MixingFamily(Family):
    """An invertible matrix and its inverse between two kernels."""

    mixing: Mixing
    always: sp.Expr
    condition: str
    fibre: bool

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

    @property
    def symbols(self) -> Mapping[str, Size]:
        """The matrix and its inverse."""
        inner = self.elimination.sizes.shapes[self.mixing.left[0]][1]
        return {"G": inner, "G" + INVERSE: inner}

    def directions(self, tangent: Tangent) -> Iterator[Mapping[Entry, int]]:
        """The pairs (-A G, G B), one for each entry of G.

        Where the inner size is larger than those around it, `exact` counts further ones, which
        keep all products too: matrices of one rank are a manifold of known dimension.
        """
        inner = tangent.size(self.elimination.sizes.shapes[self.mixing.left[0]][1])
        for k in range(inner):
            for j0 in range(inner):  # G is 0 but at (k, j0)
                moved: dict[Entry, int] = {}
                for a in self.mixing.left:
                    for name, i, j in tangent.entries(a):
                        if j == j0:
                            moved[name, i, j] = -tangent.value((name, i, k))
                for b in self.mixing.right:
                    for name, i, j in tangent.entries(b):
                        if i == k:
                            moved[name, i, j] = tangent.value((name, j0, j))
                yield moved


def _linear(matrix: Polynomial, columns: Size, row: bool) -> Linear:
    """V -> M v."""
    return lambda v: matrix_product(matrix, v, columns, row)


def _before(mix: Polynomial, matrix: Polynomial, inner: Size, columns: Size) -> Linear:
    """V -> G (B v)."""
    return lambda v: matrix_product(mix, matrix_product(matrix, v, columns, False), inner, False)


def _behind(matrix: Polynomial, inverse: Polynomial, inner: Size) -> Linear:
    """V -> A (G^-1 v)."""
    return lambda v: matrix_product(matrix, matrix_product(inverse, v, inner, False), inner, False)
