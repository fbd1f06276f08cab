"""The expressions of a cell as code generation needs them: without places, sums and products flat.

A matrix that changes from step to step never becomes an array of its own. The products are grouped
so that each of them multiplies a vector with a matrix of parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from fractions import Fraction
from math import isfinite, prod
from typing import NoReturn

import sympy as sp

from gru_sym.functions import FUNCTIONS
from gru_sym.language.errors import NOWHERE
from gru_sym.language.scope import Program
from gru_sym.language.shapes import Sizes
from gru_sym.language.syntax import (
    Apply,
    Expression,
    Extremum,
    MatrixProduct,
    Mean,
    Minus,
    Name,
    Number,
    Plus,
    Times,
    Transpose,
    names,
    plain_number,
)
from gru_sym.language.unification import Size

TOO_LARGE = "a number of this cell is too large for floating point"

MOST = 100
"""How often matrices that change from step to step are put in where they are used."""


def name(text: str, primed: bool = False) -> Name:
    """A name."""
    return Name(text, primed, NOWHERE)


def plus(terms: Iterable[Expression]) -> Expression:
    """A sum; sums in it become part of it."""
    flat = [t for term in terms for t in (term.terms if isinstance(term, Plus) else (term,))]
    return flat[0] if len(flat) == 1 else Plus(tuple(flat), NOWHERE)


def times(factors: Iterable[Expression]) -> Expression:
    """An elementwise product; products in it become part of it."""
    flat = [f for fac in factors for f in (fac.factors if isinstance(fac, Times) else (fac,))]
    return flat[0] if len(flat) == 1 else Times(tuple(flat), NOWHERE)


def minus(operand: Expression) -> Expression:
    """A negative; two signs cancel."""
    return operand.operand if isinstance(operand, Minus) else Minus(operand, NOWHERE)


def product(left: Expression, right: Expression) -> Expression:
    """A matrix product; a kernel's sign stands in front of it, where it costs nothing."""
    if isinstance(left, Minus):
        return minus(product(left.operand, right))
    return MatrixProduct(left, right, NOWHERE)


def apply(function: str, argument: Expression) -> Expression:
    """A function of an expression; the identity is not written."""
    return argument if function == "identity" else Apply(function, argument, NOWHERE)


def extremum(function: str, parts: Iterable[Expression]) -> Expression:
    """The larger or smaller of two; a number stands behind an array."""
    ordered = sorted(parts, key=lambda part: plain_number(part) is not None)
    return Extremum(function, tuple(ordered), NOWHERE)


def rebuild(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The expression with each of its direct parts changed."""
    match expression:
        case Minus(operand=operand):
            return minus(change(operand))
        case Apply(function=function, argument=argument):
            return apply(function, change(argument))
        case Transpose(operand=operand):
            return Transpose(change(operand), NOWHERE)
        case MatrixProduct(left=left, right=right):
            return product(change(left), change(right))
        case Times(factors=parts):
            return times(map(change, parts))
        case Plus(terms=parts):
            return plus(map(change, parts))
        case Extremum(function=function, parts=parts):
            return extremum(function, map(change, parts))
        case Mean(operand=operand):
            return Mean(change(operand), NOWHERE)
    return expression


def reads_only(expression: Expression, known: Collection[str]) -> bool:
    """Whether an expression reads no other names than these, and no next state."""
    return all(not n.primed and n.name in known for n in names(expression))


class Reader:
    """Reads the equations of one cell as such expressions."""

    def __init__(self, program: Program, sizes: Sizes) -> None:
        self.program = program
        self.sizes = sizes
        self._constant = {*program.parameters, *program.constants}
        self._numbers: dict[str, Fraction] = {}
        self._put_in = 0
        for equation in program.equations:
            if not equation.target.primed and not self._changes(equation.expression):
                self._constant.add(equation.target.name)

    def equations(self) -> Iterator[tuple[Name, Expression]]:
        """Every target and its right side, read; a changing matrix is put in where it is used."""
        for equation in self.program.equations:
            target = equation.target
            if target.primed or not self._is_changing_matrix(target.name):
                right = self.read(equation.expression)
                if (number := self._number(right)) is not None:
                    self._numbers[target.name] = number
                yield name(target.name, target.primed), right

    def read(self, expression: Expression) -> Expression:
        """An expression without places, its matrix products grouped around the vectors."""
        match expression:
            case Number(value=value):
                return Number(value, NOWHERE)
            case Name(name=text, primed=primed):
                return name(text, primed)
            case MatrixProduct(left=left, right=right):
                return self._product(left, self.read(right), self.sizes.shape(right)[1])
            case Apply(function=function, argument=argument):
                inner = self.read(argument)
                if (number := self._number(inner)) is not None:
                    return _signed(_value(function, number))
                return apply(function, inner)
            case Extremum(function=function, parts=parts):
                return self._extremum(function, [self.read(part) for part in parts])
        return rebuild(expression, self.read)

    def _extremum(self, function: str, parts: list[Expression]) -> Expression:
        """Of two numbers the one, and a number by itself, not by its name."""
        numbers = [self._number(part) for part in parts]
        known = [number for number in numbers if number is not None]
        if len(known) == len(parts):
            return _signed(max(known) if function == "max" else min(known))
        together = zip(numbers, parts, strict=True)
        return extremum(function, (p if q is None else _signed(q) for q, p in together))

    def _number(self, expression: Expression) -> Fraction | None:
        """What an expression that is read comes to, if that is a number."""
        match expression:
            case Number(value=value):
                return value
            case Name(name=text, primed=False):
                return self._numbers.get(text)
            case Minus(operand=operand):
                inner = self._number(operand)
                return None if inner is None else -inner
            case Times(factors=parts) | Plus(terms=parts):
                numbers = [n for part in parts if (n := self._number(part)) is not None]
                if len(numbers) == len(parts):
                    if isinstance(expression, Plus):
                        return sum(numbers, Fraction(0))
                    return prod(numbers, start=Fraction(1))
        return None

    @property
    def constant(self) -> frozenset[str]:
        """The parameters, what is fixed, and the values that depend on these alone."""
        return frozenset(self._constant)

    def _is_changing_matrix(self, target: str) -> bool:
        return self.sizes.shapes[target][1] != 1 and target not in self._constant

    def _changes(self, expression: Expression) -> bool:
        return not reads_only(expression, self._constant)

    def _product(self, left: Expression, right: Expression, columns: Size) -> Expression:
        """The product with something of so many columns that is already read."""
        if self.sizes.blocks_of(left) is not None and not isinstance(left, Name):
            return self._distributed(left, right, columns)
        if self.sizes.shape(left)[1] == 1 and columns == 1:
            # A column times one number.
            return times([self.read(left), right])
        if not self._changes(left):
            return product(self.read(left), right)
        match left:
            case MatrixProduct(left=outer, right=inner):
                return self._product(outer, self._product(inner, right, columns), columns)
            case Plus() | Minus() | Times():
                return self._distributed(left, right, columns)
            case Name(name=text) if text in self.program.values:
                self._put_in += 1
                if self._put_in > MOST:
                    self.program.fail(
                        left.place,
                        f"matrices that are other ones at each step are put in here more than "
                        f"{MOST} times; write them as products with vectors",
                    )
                meaning = self.program.equation_of[text].expression
                return self._product(meaning, right, columns)
        self._refuse(left)

    def _distributed(self, left: Expression, right: Expression, columns: Size) -> Expression:
        """The product with each part of a sum, behind a sign or scalars."""
        match left:
            case Plus(terms=terms):
                return plus(self._product(term, right, columns) for term in terms)
            case Minus(operand=operand):
                return minus(self._product(operand, right, columns))
            case Times(factors=factors):
                scalars = [f for f in factors if self.sizes.is_scalar(f)]
                matrices = [f for f in factors if not self.sizes.is_scalar(f)]
                if len(matrices) == 1:
                    inside = self._product(matrices[0], right, columns)
                    return times([*map(self.read, scalars), inside])
        self._refuse(left)

    def _refuse(self, left: Expression) -> NoReturn:
        self.program.fail(
            left.place,
            "this matrix is another one at each step, and no code is generated for that; "
            "write it as products with vectors",
        )


def _signed(value: Fraction) -> Expression:
    """A number. None has a sign of its own: two of them mean -- to JavaScript."""
    return minus(Number(-value, NOWHERE)) if value < 0 else Number(value, NOWHERE)


def _value(function: str, number: Fraction) -> Fraction:
    """A function of a number: libraries have functions of arrays. Exact, or the nearest float."""
    record = FUNCTIONS[function]
    if record.undefined(number):
        raise ValueError(f"{function}({number}), which this cell asks for, is not defined")
    exact = record.value(number)
    if exact is not None:
        return exact
    value = float(record.symbolic(sp.Rational(number)).evalf(20))
    if not isfinite(value):
        raise ValueError(TOO_LARGE)
    return Fraction(repr(value))
