"""Syntax trees with parts exchanged; what becomes zero or a number is tidied, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

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
    children,
)
from gru_sym.normal.application import apply
from gru_sym.normal.polynomials import Polynomial


def mapped(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The tree with every node changed, leaves first.

    >>> from gru_sym.language.parser import parse
    >>> from gru_sym.language.printer import print_expression
    >>> tree = parse("h' = tanh(a + 2 * b)")[0][0].expression
    >>> double = lambda e: replace(e, name=e.name * 2) if isinstance(e, Name) else e
    >>> print_expression(mapped(tree, double))
    'tanh(aa + 2 * bb)'
    """
    return change(_with(expression, [mapped(child, change) for child in children(expression)]))


def exchanged(
    expression: Expression, other: Callable[[Expression], Expression | None]
) -> Expression:
    """The tree with other expressions for some of its nodes, outermost first; nothing is tidied.

    >>> from gru_sym.language.parser import parse
    >>> from gru_sym.language.printer import print_expression
    >>> tree, zero = (parse(f"h' = {text}")[0][0].expression for text in ("W @ x + b", "0"))
    >>> gone = lambda e: zero if isinstance(e, MatrixProduct) else None
    >>> print_expression(exchanged(tree, gone))
    '0 + b'
    """
    found = other(expression)
    if found is not None:
        return found
    return _with(expression, [exchanged(child, other) for child in children(expression)])


def put_in(expression: Expression, put: Mapping[str, Expression]) -> Expression:
    """The tree with expressions for some of its unprimed names.

    >>> from gru_sym.language.parser import parse
    >>> from gru_sym.language.printer import print_expression
    >>> tree, b, a = (parse(f"h' = {t}")[0][0].expression for t in ("c - 2 * b", "0", "-a / 2"))
    >>> print_expression(put_in(tree, {"b": b})), print_expression(put_in(tree, {"b": a}))
    ('c', 'c + a')
    """
    if isinstance(expression, Name) and not expression.primed:
        return put.get(expression.name, expression)
    before = children(expression)
    after = [put_in(child, put) for child in before]
    if all(one is other for one, other in zip(before, after, strict=True)):
        return expression
    return _tidy(_with(expression, after))


def _with(expression: Expression, parts: list[Expression]) -> Expression:
    """The same node with other parts."""
    match expression:
        case Apply():
            return replace(expression, argument=parts[0])
        case Minus() | Mean() | Transpose():
            return replace(expression, operand=parts[0])
        case Extremum():
            return replace(expression, parts=tuple(parts))
        case MatrixProduct():
            return replace(expression, left=parts[0], right=parts[1])
        case Times():
            return replace(expression, factors=tuple(parts))
        case Plus():
            return replace(expression, terms=tuple(parts))
    return expression


def _tidy(expression: Expression) -> Expression:
    """A node whose parts were changed, without zeros, ones and double signs."""
    match expression:
        case Apply(function=function, argument=Number(value=value), place=place):
            known = apply(function, Polynomial.number(value)).constant
            return expression if known is None else Number(known, place)
        case Minus(operand=Number(value=value), place=place):
            return Number(-value, place)
        case Minus(operand=Minus(operand=inner)):
            return inner
        case Transpose(operand=Number() as zero):
            return zero
        case MatrixProduct(left=left, right=right) if _is_zero(left) or _is_zero(right):
            return Number(Fraction(0), expression.place)
        case Plus():
            return _sum(expression)
        case Times():
            return _product(expression)
    return expression


def _is_zero(expression: Expression) -> bool:
    return isinstance(expression, Number) and expression.value == 0


def _sum(plus: Plus) -> Expression:
    terms = [t for term in plus.terms for t in (term.terms if isinstance(term, Plus) else [term])]
    numbers = [term.value for term in terms if isinstance(term, Number)]
    if len(numbers) > 1 or 0 in numbers:
        total = Number(sum(numbers, Fraction(0)), plus.place)
        others = [term for term in terms if not isinstance(term, Number)]
        terms = [*([] if total.value == 0 and others else [total]), *others]
    return terms[0] if len(terms) == 1 else Plus(tuple(terms), plus.place)


def _product(times: Times) -> Expression:
    number = Fraction(1)
    factors: list[Expression] = []
    for factor in _factors(times):
        if isinstance(factor, Number):
            number *= factor.value
        else:
            factors.append(factor)
    if not factors or number == 0:
        return Number(number, times.place)
    if abs(number) != 1:
        factors = [Number(abs(number), times.place), *factors]
    product = factors[0] if len(factors) == 1 else Times(tuple(factors), times.place)
    return Minus(product, times.place) if number < 0 else product


def _factors(expression: Expression) -> Iterator[Expression]:
    """The factors of a product, those of products in it, and -1 for a sign."""
    match expression:
        case Times(factors=parts):
            for part in parts:
                yield from _factors(part)
        case Minus(operand=operand, place=place):
            yield Number(Fraction(-1), place)
            yield from _factors(operand)
        case _:
            yield expression
