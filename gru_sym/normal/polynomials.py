"""Polynomials in names, functions and matrix products: the arithmetic of the normal form.

A polynomial is a sum of terms, each a rational number times an elementwise product of factors. A
factor is a name, a function applied to a polynomial, or a matrix product of two terms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import prod

from gru_sym.language.unification import Size

MAX_TERMS = 20_000

TRANSPOSED = "^T"
"""What marks the name of a transposed matrix; no name of a cell contains it."""

MAX_DEPTH = 80
"""How deep functions and matrix products may be nested; the rooms above recurse over them."""


@dataclass(frozen=True)
class Symbol:
    """A parameter, the input, or a state of the step before."""

    name: str
    scalar: bool = False

    @property
    def key(self) -> str:
        """What orders factors, the same in every run."""
        return self.name

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that occurs in the factor; a transpose is that of another name, too."""
        return frozenset([self.name, self.name.removesuffix(TRANSPOSED)])


@dataclass(frozen=True)
class Function:
    """A function of a polynomial, elementwise."""

    function: str
    argument: Polynomial

    def __post_init__(self) -> None:
        _refuse_depth(self.depth)

    @cached_property
    def depth(self) -> int:
        """How deep functions and matrix products are nested in it."""
        return 1 + max((_depth(term) for term, _ in self.argument.terms), default=0)

    @cached_property
    def key(self) -> str:
        """What orders factors, the same in every run."""
        return _digest(self.function, self.argument.key)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that occurs in the factor."""
        return self.argument.names

    @cached_property
    def scalar(self) -> bool:
        """Whether the value is a single number."""
        return all(is_scalar(term) for term, _ in self.argument.terms)


@dataclass(frozen=True)
class Product:
    """The matrix product `left @ right`; `inner` is the size that they share.

    Without a left side it is the mean over the entries of the right one.
    """

    left: Term
    right: Term
    inner: Size
    scalar: bool = False

    def __post_init__(self) -> None:
        _refuse_depth(self.depth)

    @cached_property
    def depth(self) -> int:
        """How deep functions and matrix products are nested in it."""
        return 1 + max(_depth(self.left), _depth(self.right))

    @cached_property
    def key(self) -> str:
        """What orders factors, the same in every run."""
        return _digest("@", term_key(self.left), term_key(self.right))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that occurs in the factor."""
        return term_names(self.left) | term_names(self.right)


Factor = Symbol | Function | Product
Term = frozenset[tuple[Factor, int]]
"""An elementwise product: factors with their exponents. Without factors it is 1."""

ONE: Term = frozenset()


def _depth(term: Term) -> int:
    return max((0 if isinstance(f, Symbol) else f.depth for f, _ in term), default=0)


def term_key(term: Term) -> str:
    """What orders terms, the same in every run."""
    return _digest(*sorted(f"{factor.key}**{exponent}" for factor, exponent in term))


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def term_names(term: Term) -> frozenset[str]:
    """Every name that occurs in a term."""
    return frozenset().union(*(factor.names for factor, _ in term))


def is_scalar(term: Term) -> bool:
    """Whether every factor is a single number."""
    return all(factor.scalar for factor, _ in term)


def scalars_of(term: Term) -> Term:
    """The factors that are single numbers."""
    return frozenset((factor, exponent) for factor, exponent in term if factor.scalar)


def functions_in(term: Term) -> Iterator[Function]:
    """The functions of a term, those inside matrix products too, in an order that is the same."""
    for factor, _ in sorted(term, key=lambda pair: pair[0].key):
        match factor:
            case Function():
                yield factor
            case Product(left=left, right=right):
                yield from functions_in(left)
                yield from functions_in(right)


def times(*terms: Term) -> Term:
    """The elementwise product of terms; equal factors add their exponents."""
    exponents: dict[Factor, int] = {}
    for term in terms:
        for factor, exponent in term:
            exponents[factor] = exponents.get(factor, 0) + exponent
    return frozenset((factor, exponent) for factor, exponent in exponents.items() if exponent)


def reciprocal(term: Term) -> Term:
    """One over a term, elementwise."""
    return frozenset((factor, -exponent) for factor, exponent in term)


class TooManyTerms(ValueError):
    """The normal form has more terms than can be handled."""

    def __init__(self) -> None:
        super().__init__(f"multiplied out, this cell has more than {MAX_TERMS} terms")


class TooDeep(ValueError):
    """The normal form nests functions and matrix products deeper than can be handled."""

    def __init__(self) -> None:
        super().__init__(
            f"in this cell functions and matrix products are nested more than {MAX_DEPTH} deep"
        )


def _refuse_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TooDeep


@dataclass(frozen=True)
class Polynomial:
    """A sum of terms with rational coefficients, none of them zero.

    >>> a = Polynomial.symbol("a")
    >>> (a + 1) * (a - 1) == a * a - 1
    True
    """

    terms: frozenset[tuple[Term, Fraction]]

    @staticmethod
    def collect(pairs: Iterable[tuple[Term, Fraction]]) -> Polynomial:
        """The sum of terms with coefficients; equal terms are joined."""
        total: dict[Term, Fraction] = {}
        for term, coefficient in pairs:
            total[term] = total.get(term, Fraction(0)) + coefficient
        if len(total) > MAX_TERMS:
            raise TooManyTerms
        return Polynomial(frozenset((term, c) for term, c in total.items() if c))

    @staticmethod
    def number(value: int | Fraction) -> Polynomial:
        """A constant."""
        return Polynomial.of(ONE, value)

    @staticmethod
    def of(term: Term, number: Fraction | int = 1) -> Polynomial:
        """One term, with a number in front."""
        return Polynomial.collect([(term, Fraction(number))])

    @staticmethod
    def term(*factors: Factor) -> Polynomial:
        """The product of factors."""
        return Polynomial.of(times(*(frozenset([(f, 1)]) for f in factors)))

    @staticmethod
    def symbol(name: str, scalar: bool = False) -> Polynomial:
        """A name by itself."""
        return Polynomial.term(Symbol(name, scalar))

    @cached_property
    def key(self) -> str:
        """What orders polynomials, the same in every run."""
        return _digest(*sorted(f"{number} {term_key(term)}" for term, number in self.terms))

    @property
    def ordered(self) -> list[tuple[Term, Fraction]]:
        """The terms with their numbers, in an order that is the same in every run."""
        return sorted(self.terms, key=lambda pair: term_key(pair[0]))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that occurs."""
        return frozenset().union(*(term_names(term) for term, _ in self.terms))

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __add__(self, other: Polynomial | int) -> Polynomial:
        right = Polynomial.number(other) if isinstance(other, int) else other
        return Polynomial.collect([*self.terms, *right.terms])

    def __sub__(self, other: Polynomial | int) -> Polynomial:
        return self + (-other)

    def __neg__(self) -> Polynomial:
        return self.scaled(Fraction(-1))

    def __mul__(self, other: Polynomial) -> Polynomial:
        if len(self.terms) * len(other.terms) > MAX_TERMS:
            raise TooManyTerms
        return Polynomial.collect(
            (times(s, t), p * q) for (s, p), (t, q) in product(self.terms, other.terms)
        )

    def __pow__(self, exponent: int) -> Polynomial:
        """A power; a negative one only of a single term."""
        base = self
        if exponent < 0:
            if len(base.terms) != 1:
                raise ValueError("only a single term has a reciprocal in normal form")
            base = Polynomial.collect((reciprocal(term), 1 / c) for term, c in base.terms)
        return prod([base] * abs(exponent), start=Polynomial.number(1))

    def scaled(self, factor: Fraction) -> Polynomial:
        """The polynomial times a number."""
        return Polynomial.collect((term, factor * c) for term, c in self.terms)

    @property
    def constant(self) -> Fraction | None:
        """The value, if it is a number."""
        values = dict(self.terms)
        return values.get(ONE, Fraction(0)) if values.keys() <= {ONE} else None


def matrix_product(
    left: Polynomial, right: Polynomial, inner: Size, scalar: bool, column: bool = False
) -> Polynomial:
    """`left @ right`, distributed over sums, with numbers and scalars in front.

    `inner` is the size that they share, `scalar` whether the product is one number, `column`
    whether it is known to have one column.
    """
    if len(left.terms) * len(right.terms) > MAX_TERMS:
        raise TooManyTerms
    pairs: list[tuple[Term, Fraction]] = []
    for (s, p), (t, q) in product(left.terms, right.terms):
        outside = times(scalars_of(s), scalars_of(t))
        joined = _join(s - scalars_of(s), t - scalars_of(t), inner, scalar, column)
        pairs.append((times(outside, joined), p * q))
    return Polynomial.collect(pairs)


def mean(vector: Polynomial, size: Size) -> Polynomial:
    """The mean over the entries of a vector, distributed over sums; that of a number is itself.

    >>> a = Polynomial.symbol("a")
    >>> mean(a - mean(a, "n"), "n") == Polynomial.number(0)
    True
    """
    return matrix_product(Polynomial.number(1), vector, size, scalar=True, column=True)


def _join(left: Term, right: Term, inner: Size, scalar: bool, column: bool) -> Term:
    """One matrix product, grouped on the right: (A @ B) @ x is A @ (B @ x)."""
    if inner == 1 and column:
        return times(left, right)  # a column times one number
    if not left and not right:
        return ONE  # the mean of a number
    match tuple(left):
        case ((Product(first, second, between), 1),):
            one = between == 1 and column
            return _join(first, _join(second, right, inner, one, column), between, scalar, column)
    if (cancelled := _inverse_pair(left, right)) is not None:
        return cancelled
    return frozenset([(Product(left, right, inner, scalar), 1)])


def _inverse_pair(left: Term, right: Term) -> Term | None:
    """What is left of `G^-1 @ (G @ v)`: v."""
    match tuple(left), tuple(right):
        case ((Symbol(name), 1),), ((Product(second, rest), 1),):
            match tuple(second):
                case ((Symbol(other), 1),) if name in (
                    other + INVERSE,
                    other.removesuffix(INVERSE),
                ):
                    return rest if name != other else None
    return None


INVERSE = "^-1"
"""What marks the name of an inverse matrix; no name of a cell contains it."""
