"""Functions applied to polynomials: what of them can be seen in the formula is written out.

Numbers stand in front of relu, the exponential of a sum is the product of those of its terms, of
f(a) and f(-a) one is written through the other, a function that others express is gone. Each rule
is an identity for all real arguments.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import starmap
from math import gcd, lcm, prod

from gru_sym.functions import FUNCTIONS
from gru_sym.normal.polynomials import Factor, Function, Polynomial, Symbol, Term, reciprocal
from gru_sym.normal.ratios import monomial_content

MAX_POWER = 60
"""Up to which power exp(k a) is written as exp(a)**k."""

NONNEGATIVE = frozenset(name for name, f in FUNCTIONS.items() if f.nonnegative)
"""The functions without negative values."""


POSITIVE = "t+"
"""The name of a factor that is positive: relu(t a) = t relu(a). No name of a cell is like it."""


def apply(function: str, argument: Polynomial) -> Polynomial:
    """A function of the language, in normal form.

    >>> a, b = Polynomial.symbol("a"), Polynomial.symbol("b")
    >>> apply("sigmoid", a) + apply("sigmoid", -a) == Polynomial.number(1)
    True
    >>> apply("exp", a + b + b) == apply("exp", a) * apply("exp", b) ** 2
    True
    >>> apply("relu", apply("relu", a + a)) == apply("relu", a).scaled(Fraction(2))
    True
    >>> apply("reciprocal", a * a + a * b) == a**-1 * apply("reciprocal", a + b)
    True

    Raises `ValueError` for a number at which the function is not defined.
    """
    record = FUNCTIONS[function]
    if record.written is not None:
        rewritten: Polynomial = record.written(argument, apply)
        return rewritten
    if (number := argument.constant) is not None:
        if record.undefined(number):
            raise ValueError(f"{function}({number}), which this cell asks for, is not defined")
        if (value := record.value(number)) is not None:
            return Polynomial.number(value)
    if function == "reciprocal":
        return _reciprocal(argument)
    if function == "relu":
        return _relu(argument)
    if function == "exp":
        return prod(starmap(_exp_of_term, argument.terms), start=Polynomial.number(1))
    return _reflected(function, argument)


def _reflected(function: str, argument: Polynomial) -> Polynomial:
    """The function of an argument or, if that has more minus signs, of its negative."""
    record = FUNCTIONS[function]
    if record.reflection is None:
        return Polynomial.term(Function(function, argument))
    # Of a and -a the one with fewer minus signs is kept: sigmoid(b), not 1 - sigmoid(-b).
    base = min(argument, -argument, key=lambda a: (sum(q < 0 for _, q in a.terms), a.key))
    applied = Polynomial.term(Function(function, base))
    reflected: Polynomial = record.reflection(applied, base)
    return applied if base == argument else reflected


def _relu(argument: Polynomial) -> Polynomial:
    """relu(a): numbers stand in front, and it leaves alone what is never negative."""
    if is_nonnegative(argument):
        return argument
    if is_nonnegative(-argument):
        return Polynomial.number(0)
    if positive := _powers_of_positive(argument):
        factor = Polynomial.of(positive)
        return factor * _relu(argument * factor**-1)
    numbers = [number for _, number in argument.terms]
    content = Fraction(gcd(*(q.numerator for q in numbers)), lcm(*(q.denominator for q in numbers)))
    return _reflected("relu", argument.scaled(1 / content)).scaled(content)


def _reciprocal(argument: Polynomial) -> Polynomial:
    """One over a polynomial: what all terms have in common is divided by, and stands in front.

    Quotients are fractions here: `a / a` is 1, also where a is 0. So those with one normal form are
    equal wherever both are defined, and nothing is said of other places.
    """
    common = monomial_content(argument, {f for term, _ in argument.terms for f, _ in term})
    rest = argument * Polynomial.of(reciprocal(common))
    _, number = rest.ordered[0]
    factors = (
        factor.argument**exponent
        if isinstance(factor, Function) and factor.function == "reciprocal" and exponent > 0
        else Polynomial.of(frozenset([(factor, -exponent)]))
        for factor, exponent in common
    )
    result = prod(factors, start=Polynomial.number(1 / number))
    if rest.constant is None:
        rest = rest.scaled(1 / number)
        result = result * Polynomial.term(Function("reciprocal", rest))
    return result


def _powers_of_positive(argument: Polynomial) -> frozenset[tuple[Factor, int]]:
    """The power of the positive factor that all terms of an argument have."""
    powers = {
        frozenset((f, e) for f, e in term if isinstance(f, Symbol) and f.name == POSITIVE)
        for term, _ in argument.terms
    }
    return next(iter(powers)) if len(powers) == 1 else frozenset()


def _exp_of_term(term: Term, number: Fraction) -> Polynomial:
    """exp(number * term): a power of the exponential of the term, or of its share."""
    count = abs(number.numerator)
    if count > MAX_POWER:
        return _reflected("exp", Polynomial.of(term, number))
    match tuple(term):
        case ((Function("softplus", inside), 1),) if number.denominator == 1:
            # exp(softplus(a)) is 1 + exp(a), and its reciprocal sigmoid(-a).
            return (apply("exp", inside) + 1 if number > 0 else apply("sigmoid", -inside)) ** count
    return _reflected("exp", Polynomial.of(term, number / count)) ** count


def is_nonnegative(polynomial: Polynomial) -> bool:
    """Whether each term is seen to be at least 0, whatever its names stand for."""
    return all(
        number > 0
        and all(
            exponent % 2 == 0 or (isinstance(factor, Function) and factor.function in NONNEGATIVE)
            for factor, exponent in term
        )
        for term, number in polynomial.terms
    )
