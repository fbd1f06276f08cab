"""From a syntax tree back to the cell language: what the parser reads as the same tree."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from gru_sym.functions import MEAN
from gru_sym.language.expressions import MAX_DIGITS, MAX_EXPONENT
from gru_sym.language.parser import MAX_TEXT
from gru_sym.language.source import MAX_LINE
from gru_sym.language.syntax import (
    Apply,
    Declaration,
    Equation,
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

SUM, PRODUCT, SIGN, ATOM = range(4)
"""How tightly an expression holds together."""

EASY = 6
"""Decimals of so many characters are written without an exponent: 0.0001."""


def print_program(equations: Iterable[Equation], declarations: Iterable[Declaration] = ()) -> str:
    r"""A cell text: the declared sizes, then the equations.

    >>> from gru_sym.language.parser import parse
    >>> print(print_program(*parse("z=sigmoid(W@x-(b))\nh' = z*( W @ x )\nz: n")))
    z: n
    z  = sigmoid(W @ x - b)
    h' = z * (W @ x)
    """
    sizes = list(map(str, declarations))
    sides = [(str(e.target), e.expression) for e in equations]
    width = max((len(target) for target, _ in sides), default=0)
    lines = [*sizes, *(f"{target:{width}} = {print_expression(e)}" for target, e in sides)]
    if max(map(len, lines), default=0) <= MAX_LINE and sum(map(len, lines)) + len(lines) < MAX_TEXT:
        return "\n".join(lines)
    # A text that is short enough without spaces alone stays so.
    short = [f"{target}={print_expression(e, clear=False)}" for target, e in sides]
    return "\n".join([*sizes, *(line.replace(" ", "") for line in short)])


def print_expression(expression: Expression, *, clear: bool = True) -> str:
    """One expression; if `clear`, with brackets around a matrix product in an elementwise one.

    >>> from gru_sym.language.parser import parse
    >>> print_expression(parse("h' = -(a+b)*r/3 - W@x*r - U@(r*h)")[0][0].expression)
    '-(a + b) * r / 3 - (W @ x) * r - U @ (r * h)'
    """
    return _Printer(clear).print(expression)


class _Printer:
    def __init__(self, clear: bool) -> None:
        self.apart = ATOM if clear else PRODUCT

    def print(self, expression: Expression, least: int = SUM) -> str:
        """The expression, in brackets if it holds together less tightly than it must."""
        text, holds = self._form(expression)
        return text if holds >= least else f"({text})"

    def _form(self, expression: Expression) -> tuple[str, int]:
        match expression:
            case Number(value=value):
                return _number(value)
            case Name():
                return str(expression), ATOM
            case Apply(function=function, argument=argument):
                return f"{function}({self.print(argument)})", ATOM
            case Extremum(function=function, parts=parts):
                return f"{function}({', '.join(map(self.print, parts))})", ATOM
            case Mean(operand=operand):
                return f"{MEAN}({self.print(operand)})", ATOM
            case Transpose(operand=operand):
                return f"{self.print(operand, ATOM)}.T", ATOM
            case Minus(operand=operand):
                return f"-{self.print(operand, SIGN)}", SIGN
            case MatrixProduct(left=left, right=right):
                first = self.print(left, self.apart if isinstance(left, Times | Minus) else PRODUCT)
                return f"{first} @ {self.print(right, SIGN)}", PRODUCT
            case Times(factors=parts):
                apart = self.apart if isinstance(parts[0], MatrixProduct) else PRODUCT
                return self.print(parts[0], apart) + "".join(map(self._times, parts[1:])), PRODUCT
            case Plus(terms=parts):
                return self.print(parts[0], PRODUCT) + "".join(map(self._plus, parts[1:])), SUM

    def _times(self, factor: Expression) -> str:
        if isinstance(factor, Number) and _literal(factor.value) is None:
            inverse = _literal(1 / factor.value)
            if inverse is not None:
                return f" / {inverse}"
        if (under := divisor(factor)) is not None and not isinstance(under, Number):
            return f" / {self.print(under, SIGN)}"
        return f" * {self.print(factor, SIGN)}"

    def _plus(self, term: Expression) -> str:
        if isinstance(term, Minus):
            return f" - {self.print(term.operand, PRODUCT)}"
        return f" + {self.print(term, PRODUCT)}"


def _number(value: Fraction) -> tuple[str, int]:
    if value < 0:
        text, holds = _number(-value)
        return f"-{text}", min(holds, SIGN)
    if (literal := _literal(value)) is not None:
        return literal, ATOM
    over, under = (_literal(Fraction(part)) for part in (value.numerator, value.denominator))
    return f"{over or value.numerator} / {under or value.denominator}", PRODUCT


def _literal(value: Fraction) -> str | None:
    """The decimal that is exactly this number, as the language reads it; None where there is none.

    >>> [_literal(Fraction(text)) for text in ("0.5", "120", "1e-7", "2.5e300", "1/3")]
    ['0.5', '120', '1e-7', '25e299', None]
    """
    places, rest = 0, value.denominator
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest, power = rest // prime, power + 1
        places = max(places, power)
    if rest != 1 or value < 0:
        return None
    digits, exponent = str(value * 10**places), -places
    if value:
        short = digits.rstrip("0")
        digits, exponent = short, exponent + len(digits) - len(short)
    found = min(_decimals(digits, exponent), key=lambda text: max(len(text), EASY))
    return found if len(found) <= MAX_DIGITS else None


def _decimals(digits: str, exponent: int) -> list[str]:
    """Ways to write digits times a power of ten, the one preferred first."""
    power = max(-MAX_EXPONENT, min(MAX_EXPONENT, exponent))
    return [_point(digits, exponent), f"{_point(digits, exponent - power)}e{power}"]


def _point(digits: str, exponent: int) -> str:
    """Digits times a power of ten, without an exponent."""
    if exponent >= 0:
        return digits + "0" * exponent
    padded = digits.rjust(1 - exponent, "0")
    return f"{padded[:exponent]}.{padded[exponent:]}"
