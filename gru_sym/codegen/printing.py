"""How an expression is written in any language: precedence, brackets, numbers, sums, products."""

from __future__ import annotations

from fractions import Fraction

from gru_sym.codegen.terms import TOO_LARGE
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
    divisor,
)

ANY, SUM, PRODUCT, SIGN, ATOM = range(5)
"""How tightly an expression binds, in Python and in JavaScript."""

Spelled = tuple[str, int]
"""A text, and how tightly it binds."""


class Printer:
    """Writes expressions; a language says how it writes a name, a matrix product and a call."""

    def name(self, name: Name) -> str:
        """A name."""
        raise NotImplementedError

    def transpose(self, operand: Expression) -> Spelled:
        """The transpose of a name."""
        raise NotImplementedError

    def product(self, left: Expression, right: Expression) -> Spelled:
        """A matrix product."""
        raise NotImplementedError

    def called(self, function: str) -> str:
        """What is called for a function of the cell language."""
        raise NotImplementedError

    def extremum(self, expression: Extremum) -> str:
        """The larger or smaller of two."""
        raise NotImplementedError

    def mean(self, operand: Expression) -> str:
        """The mean over the entries of a vector."""
        raise NotImplementedError

    def spell(self, expression: Expression, context: int = ANY) -> str:
        """An expression, in brackets if the context binds more tightly."""
        text, level = self._spell(expression)
        return f"({text})" if level < context else text

    def _spell(self, expression: Expression) -> Spelled:
        match expression:
            case Number(value=value):
                return number(value)
            case Name():
                return self.name(expression), ATOM
            case Minus(operand=operand):
                return "-" + self.spell(operand, SIGN), SIGN
            case Apply(function=function, argument=argument):
                if (under := divisor(expression)) is not None:
                    return f"1 / {self.spell(under, SIGN)}", PRODUCT
                return f"{self.called(function)}({self.spell(argument)})", ATOM
            case Extremum():
                return self.extremum(expression), ATOM
            case Mean(operand=operand):
                return self.mean(operand), ATOM
            case Transpose(operand=operand):
                return self.transpose(operand)
            case MatrixProduct(left=left, right=right):
                return self.product(left, right)
            case Times(factors=factors):
                return self._times(factors), PRODUCT
            case Plus(terms=terms):
                return self.sum(terms)

    def _times(self, factors: tuple[Expression, ...]) -> str:
        """A product; what divides stands behind a slash."""
        first, *rest = factors
        text = self.spell(first, SIGN if divisor(first) is None else PRODUCT)
        for factor in rest:
            under = divisor(factor)
            sign, operand = (" * ", factor) if under is None else (" / ", under)
            text += sign + self.spell(operand, SIGN)
        return text

    def sum(self, terms: tuple[Expression, ...]) -> Spelled:
        """A sum; a minus sign becomes a difference."""
        first, *rest = terms
        text = self.spell(first, PRODUCT)
        for term in rest:
            text += self.added(term)
        return text, SUM

    def added(self, term: Expression) -> str:
        """A term with the sign that joins it to the terms before it."""
        if isinstance(term, Minus):
            return " - " + self.spell(term.operand, PRODUCT)
        return " + " + self.spell(term, PRODUCT)


def number(value: Fraction) -> Spelled:
    """A whole number, a decimal if it is exact, or a fraction."""
    if value.denominator == 1 and abs(value) < 2**53:
        text = str(value)
    else:
        try:
            decimal = float(value)
        except OverflowError:
            raise ValueError(TOO_LARGE) from None
        if Fraction(repr(decimal)) != value and value.denominator < 2**53:
            return f"{value.numerator} / {value.denominator}", PRODUCT
        text = repr(decimal)
    return text, ATOM
