"""The places where parameters enter a cell: what multiplies which data, and what is added.

After multiplying out, everything that is computed is a sum over pieces of data, `1`, `x`, `h`,
`r * h`, ..., each multiplied by something made of parameters alone. Such a coefficient with its
data is a *site*: in `tanh(W @ x + b_1 + b_2)`, `W` at the site of `x` and `b_1 + b_2` at the site
of 1. The cell sees its parameters through the coefficients of its sites and in no other way, so
whatever keeps all coefficients keeps the cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from gru_sym.normal.polynomials import (
    ONE,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    functions_in,
    term_names,
)

HOLE = Symbol("[]")
"""Where the data of a site stand in its coefficient."""


@dataclass(frozen=True, eq=False)
class Site:
    """One coefficient of the cell.

    Attributes
    ----------
    terms : the terms of the cell that share the data of this site, with their numbers.
    coefficient : what parameters do to the data, linear in `HOLE` (for the data 1 there is no
        hole); None where the data stand in more than one place of a term.
    whole : the sum that it is a part of: a next state, or the argument of a function.
    """

    terms: tuple[tuple[Term, Fraction], ...]
    coefficient: Polynomial | None
    whole: Polynomial

    def is_matrix(self) -> bool:
        """Whether the coefficient mixes the entries of the data."""
        return self.coefficient is not None and any(
            isinstance(factor, Product) and HOLE.name in factor.names
            for term, _ in self.coefficient.terms
            for factor, _ in term
        )


def data_sites(states: Iterable[Polynomial], data: frozenset[str]) -> list[Site]:
    """The sites of next states, and of every function argument in them that depends on data."""
    pending, seen, found = list(states), set[Polynomial](), list[Site]()
    while pending:
        polynomial = pending.pop(0)
        if polynomial in seen:
            continue
        seen.add(polynomial)
        found.extend(_sites_of(polynomial, data))
        pending.extend(f.argument for f in _functions(polynomial) if f.names & data)
    return found


def constant_functions(sites: Iterable[Site], data: frozenset[str]) -> Iterator[Function]:
    """The functions in the coefficients that depend on parameters alone."""
    for site in sites:
        for term, _ in site.terms:
            for function in functions_in(term):
                if not function.names & data:
                    yield function


def constant_site(function: Function) -> Site:
    """The argument of a function of parameters, as a site of its own."""
    return Site(tuple(function.argument.ordered), function.argument, function.argument)


def _functions(polynomial: Polynomial) -> Iterator[Function]:
    for term, _ in polynomial.ordered:
        yield from functions_in(term)


def alone(term: Term) -> tuple[str, bool]:
    """The parameter that a term of a coefficient is, if no more, and whether it is a matrix."""
    match tuple(term - {(HOLE, 1)}):
        case ((Symbol(name), 1),):
            return name, False
        case ((Product(left=left, right=right), 1),) if right == {(HOLE, 1)}:
            match tuple(left):
                case ((Symbol(name), 1),):
                    return name, True
    return "", False


def _sites_of(polynomial: Polynomial, data: frozenset[str]) -> Iterator[Site]:
    """The terms of a polynomial, gathered by their data."""
    groups: dict[Hashable, list[tuple[Term, Fraction]]] = {}
    for term, number in polynomial.ordered:
        groups.setdefault(_pattern(term, data), []).append((term, number))
    for terms in groups.values():
        coefficients = [_coefficient(term, data) for term, _ in terms]
        whole = None
        if all(term is not None for term in coefficients):
            pairs = zip(coefficients, terms, strict=True)
            whole = Polynomial.collect((term, q) for term, (_, q) in pairs if term is not None)
        yield Site(tuple(terms), whole, polynomial)


def _split(term: Term, data: frozenset[str]) -> tuple[Term, Term, list[Product]] | None:
    """Parameters, data, and products with data on their right; None if data are elsewhere."""
    parameters = frozenset(pair for pair in term if not pair[0].names & data)
    products: list[Product] = []
    for factor, exponent in term - parameters:
        if isinstance(factor, Product):
            if term_names(factor.left) & data or exponent != 1:
                return None
            products.append(factor)
    plain = frozenset(p for p in term - parameters if not isinstance(p[0], Product))
    return parameters, plain, products


def _pattern(term: Term, data: frozenset[str]) -> Hashable:
    """The data of a term, without its parameters."""
    parts = _split(term, data)
    if parts is None:
        return "alone", term
    _, plain, products = parts
    inside = Counter(_pattern(p.right, data) for p in products)
    if not plain and inside.total() == 1:
        return next(iter(inside))
    return "data", plain, frozenset(inside.items())


def _coefficient(term: Term, data: frozenset[str]) -> Term | None:
    """The term with a hole for its data, or None if they stand in several places."""
    parts = _split(term, data)
    if parts is None or len(parts[2]) > 1:
        return None
    parameters, plain, products = parts
    if not products:
        return parameters | {(HOLE, 1)} if plain else parameters
    inside = _coefficient_inside(products[0].right, data)
    if inside is None:
        return None
    product = Product(products[0].left, inside, products[0].inner, products[0].scalar)
    return parameters | {(product, 1)}


def _coefficient_inside(term: Term, data: frozenset[str]) -> Term | None:
    """The same under a matrix, where data times a matrix product are two places."""
    parts = _split(term, data)
    if parts is not None and parts[1] and parts[2]:
        return None
    return _coefficient(term, data) if term != ONE else ONE
