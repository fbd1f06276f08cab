"""Functions that are linear on pieces, found in polynomials and replaced by one of their pieces."""

from __future__ import annotations

from fractions import Fraction

from gru_sym.functions import FUNCTIONS
from gru_sym.normal.application import apply
from gru_sym.normal.polynomials import Function, Polynomial, Term, times


def innermost(polynomial: Polynomial) -> Function | None:
    """A function linear on pieces, outside matrix products, with none such in its argument."""
    for term, _ in polynomial.ordered:
        for factor, _ in sorted(term, key=lambda pair: pair[0].key):
            if isinstance(factor, Function):
                if (inside := innermost(factor.argument)) is not None:
                    return inside
                if FUNCTIONS[factor.function].pieces:
                    return factor
    return None


def replaced(polynomial: Polynomial, function: Function, value: Polynomial) -> Polynomial:
    """Put a polynomial for a function, outside matrix products."""
    pairs: list[tuple[Term, Fraction]] = []
    for term, number in polynomial.terms:
        result = Polynomial.of(times(), number)
        for factor, exponent in term:
            match factor:
                case _ if factor == function:
                    result = result * value**exponent
                case Function(function=other, argument=argument):
                    inside = replaced(argument, function, value)
                    if other == "exp":
                        result = result * apply(other, inside.scaled(Fraction(exponent)))
                    else:
                        result = result * apply(other, inside) ** exponent
                case _:
                    part = frozenset([(factor, exponent)])
                    result = result * Polynomial.of(part)
        pairs.extend(result.terms)
    return Polynomial.collect(pairs)
