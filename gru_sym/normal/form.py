"""The normal form of a cell: every next state as a polynomial, so that equal means equal.

Matrix products are distributed over sums, grouped on the right and freed of numbers and scalars;
values of the step are put in where they are used; `tanh(a)` is `2 sigmoid(2 a) - 1`, and of
`sigmoid(a)` and `sigmoid(-a)` one is written through the other. Each rule is an identity for all
sizes, so two expressions with the same normal form are the same function at every size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod

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
    through_relu,
)
from gru_sym.normal.application import apply
from gru_sym.normal.polynomials import (
    TRANSPOSED,
    Factor,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    matrix_product,
    mean,
)
from gru_sym.normal.transposes import transposed

Linear = Callable[[Polynomial], Polynomial]
"""What a matrix does to a vector."""

Substitution = Mapping[str, Polynomial | Linear]
"""What to put for names: a polynomial, or for a matrix what it does to a vector."""


def substitute(polynomial: Polynomial, put: Substitution) -> Polynomial:
    """Put other things for some of the names of a polynomial.

    >>> a, b = Polynomial.symbol("a"), Polynomial.symbol("b")
    >>> substitute(apply("exp", a) * a, {"a": -b}) == -b * apply("exp", -b)
    True
    """
    if not polynomial.names & put.keys():
        return polynomial
    return Polynomial.collect(
        pair
        for term, coefficient in polynomial.terms
        for pair in substitute_term(term, put).scaled(coefficient).terms
    )


def substitute_term(term: Term, put: Substitution) -> Polynomial:
    """Put other things for some of the names of a term."""
    result = Polynomial.number(1)
    for factor, exponent in term:
        match factor:
            case Function(function="exp", argument=argument) if factor.names & put.keys():
                # exp(a)**-1 is exp(-a), also where exp(a) becomes a sum.
                whole = substitute(argument, put).scaled(Fraction(exponent))
                result = result * apply("exp", whole)
            case _:
                result = result * _substitute_factor(factor, put) ** exponent
    return result


def _substitute_factor(factor: Factor, put: Substitution) -> Polynomial:
    if not factor.names & put.keys():
        return Polynomial.term(factor)
    match factor:
        case Symbol(name=name):
            if name not in put:
                raise ValueError(f"{name.removesuffix(TRANSPOSED)} is also transposed")
            value = put[name]
            if not isinstance(value, Polynomial):
                raise ValueError(f"{name} occurs where it does not multiply a vector")
            return value
        case Function(function=function, argument=argument):
            return apply(function, substitute(argument, put))
        case Product(left=left, right=right):
            vector = substitute_term(right, put)
            match tuple(left):
                case ((Symbol(name), 1),) if callable(move := put.get(name)):
                    return move(vector)
            return matrix_product(substitute_term(left, put), vector, factor.inner, factor.scalar)


@dataclass(frozen=True)
class NormalForm:
    """The next states of a cell as polynomials in x, the states and the parameters."""

    states: Mapping[str, Polynomial]
    values: Mapping[str, Polynomial]


def normal_form(
    program: Program, sizes: Sizes, known: Mapping[str, Polynomial] | None = None
) -> NormalForm:
    """Write a cell in normal form; `known` may say what its names stand for.

    >>> from gru_sym import cell
    >>> one, other = cell("gru.dey_salem"), cell("gru.keras_reset_before")
    >>> normal_form(one.program, one.sizes).values == normal_form(other.program, other.sizes).values
    True
    """
    writer = FormWriter(program, sizes, known)
    for equation in program.equations:
        writer.known[str(equation.target)] = writer.polynomial(equation.expression)
    return NormalForm(
        {state: writer.known[f"{state}'"] for state in program.states},
        {value: writer.known[value] for value in program.values},
    )


class FormWriter:
    """Reads expressions of a cell as polynomials, knowing what its names stand for."""

    def __init__(
        self, program: Program, sizes: Sizes, known: Mapping[str, Polynomial] | None = None
    ) -> None:
        self.sizes = sizes
        self.known = (
            dict(known)
            if known is not None
            else {
                name: Polynomial.symbol(name, sizes.shapes[name] == (1, 1))
                for name in program.given
            }
        )

    def polynomial(self, expression: Expression) -> Polynomial:
        """An expression in normal form."""
        match expression:
            case Number(value=value):
                return Polynomial.number(value)
            case Name():
                return self.known[str(expression)]
            case Transpose(operand=operand):
                return transposed(self.polynomial(operand))
            case Minus(operand=operand):
                return -self.polynomial(operand)
            case Apply(function=function, argument=argument):
                return apply(function, self.polynomial(argument))
            case Extremum():
                return self.polynomial(through_relu(expression))
            case Mean(operand=operand):
                return mean(self.polynomial(operand), self.sizes.shape(operand)[0])
            case MatrixProduct(left=left, right=right):
                inner = self.sizes.shape(left)[1]
                factors = self.polynomial(left), self.polynomial(right)
                rows, columns = self.sizes.shape(expression)
                return matrix_product(*factors, inner, rows == columns == 1, columns == 1)
            case Plus(terms=parts):
                return Polynomial.collect(p for part in parts for p in self.polynomial(part).terms)
            case Times(factors=parts):
                return prod(map(self.polynomial, parts), start=Polynomial.number(1))
