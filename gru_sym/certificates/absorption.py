"""Parameters that others can make up for: sums, dead parameters, biases inside projections.

A coefficient `q P + rest`, whose parameter P occurs nowhere else, takes every value whatever the
rest does. So this coefficient puts no condition on the rest, and may be struck out together with
P, its *pivot*. Once nothing more can be struck out, the parameters left without any coefficient
are *free*: give them any value, compute each pivot anew, and the cell is the same function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from gru_sym.certificates.sites import HOLE, Site, constant_functions, constant_site
from gru_sym.language.shapes import Sizes
from gru_sym.normal.form import Linear, Substitution, substitute, substitute_term
from gru_sym.normal.polynomials import (
    ONE,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    is_scalar,
)


@dataclass(frozen=True)
class Pivot:
    """A parameter that occurs once, and the coefficient it can set to any value.

    The coefficient is `number * row * parameter + rest`; for a matrix,
    `number * row * (parameter @ (column * data)) + rest`, or `(parameter * beside) @ data` alone.
    """

    parameter: str
    site: Site
    number: Fraction
    row: Term
    column: Term
    rest: Polynomial
    matrix: bool
    beside: Term = ONE

    @property
    def names(self) -> frozenset[str]:
        """Every name in its coefficient."""
        assert self.site.coefficient is not None
        return self.site.coefficient.names

    def recomputed(self, put: Substitution) -> Polynomial | Linear:
        """What the pivot becomes, so that its coefficient stays, once others are put in."""
        if self.beside:
            before = Polynomial.of(self.beside | {(Symbol(self.parameter), 1)})
            return before * substitute_term(self.beside, put) ** -1
        row = substitute_term(self.row, put)
        column = substitute_term(self.column, put)
        assert self.site.coefficient is not None
        before = self.site.coefficient

        def solved(data: Polynomial) -> Polynomial:
            inside = column**-1 * data
            old = substitute(before, {HOLE.name: inside})
            new = substitute(self.rest, {**put, HOLE.name: inside})
            return ((old - new) * row**-1).scaled(1 / self.number)

        return solved if self.matrix else solved(Polynomial.number(1))


@dataclass(frozen=True)
class Elimination:
    """What striking out leaves.

    Attributes
    ----------
    pivots : in the order in which they were struck out.
    free : parameters that no remaining coefficient holds.
    remaining : the sites that are left.
    sizes : the shapes of the cell.
    """

    pivots: tuple[Pivot, ...]
    free: tuple[str, ...]
    remaining: tuple[Site, ...]
    sizes: Sizes

    def compensate(self, put: Substitution) -> Substitution:
        """Add to a change of some parameters what the pivots then have to become."""
        changed = dict(put)
        for pivot in reversed(self.pivots):
            if pivot.names & changed.keys():
                changed[pivot.parameter] = pivot.recomputed(changed)
        return changed

    def affected(self, name: str) -> tuple[str, ...]:
        """The pivots that a change of a parameter changes."""
        changed = {name}
        for pivot in reversed(self.pivots):
            if pivot.names & changed:
                changed.add(pivot.parameter)
        return tuple(p.parameter for p in self.pivots if p.parameter in changed)


def eliminate(
    sites: list[Site], parameters: tuple[str, ...], data: frozenset[str], sizes: Sizes
) -> Elimination:
    """Strike out coefficients with a pivot until none is left that has one."""
    remaining, pivots, struck = list(sites), list[Pivot](), set[Function]()
    known: dict[Function, Site] = {}
    while True:
        live = with_constants(remaining, data, struck, known)
        pivot = next(_pivots(live, frozenset(parameters), sizes.scalars), None)
        if pivot is None:
            break
        pivots.append(pivot)
        remaining = [site for site in remaining if site is not pivot.site]
        struck |= {function for function, site in known.items() if site is pivot.site}
    held = {p.parameter for p in pivots} | occurrences(live).keys()
    free = tuple(name for name in parameters if name not in held)
    return Elimination(tuple(pivots), free, tuple(live), sizes)


def with_constants(
    sites: list[Site],
    data: frozenset[str],
    struck: Collection[Function] = (),
    known: dict[Function, Site] | None = None,
) -> list[Site]:
    """The sites, and those inside the functions of parameters that they use."""
    live, new = list(sites), list(sites)
    seen, known = set(struck), {} if known is None else known
    while new:
        functions = [f for f in dict.fromkeys(constant_functions(new, data)) if f not in seen]
        seen.update(functions)
        new = [known.setdefault(f, constant_site(f)) for f in functions]
        live.extend(new)
    return live


def _pivots(
    live: list[Site], parameters: frozenset[str], scalars: frozenset[str]
) -> Iterator[Pivot]:
    counts = occurrences(live)
    once = {name for name in parameters if counts[name] == 1}
    for site in live:
        if site.coefficient is not None:
            for term, number in site.coefficient.ordered:
                yield from _pivot(site, term, number, once, scalars)


def _pivot(
    site: Site, term: Term, number: Fraction, once: set[str], scalars: frozenset[str]
) -> Iterator[Pivot]:
    """The pivots that one term of a coefficient offers."""
    assert site.coefficient is not None
    rest = site.coefficient - Polynomial.of(term, number)
    bare = term - {(HOLE, 1)}
    if site.is_matrix():
        for factor, exponent in term:
            match factor:
                case Product(left=left, right=right) if exponent == 1 and (HOLE, 1) in right:
                    row, column = term - {(factor, 1)}, right - {(HOLE, 1)}
                    # A row kernel yields one number: it cannot make up for a vector.
                    if factor.scalar and not all(map(is_scalar, (row, *_terms(rest)))):
                        continue
                    match tuple(left):
                        case ((Symbol(name), 1),) if name in once:
                            yield Pivot(name, site, number, row, column, rest, matrix=True)
                    if not (row or column or rest.terms or factor.scalar):
                        for each in sorted(left, key=lambda pair: pair[0].key):
                            match each:
                                case (Symbol(name), 1) if name in once and len(left) > 1:
                                    beside = left - {each}
                                    yield Pivot(name, site, number, row, column, rest, True, beside)
        return
    single = all(is_scalar(t - {(HOLE, 1)}) for t, _ in site.coefficient.terms)
    for factor, exponent in sorted(bare, key=lambda pair: pair[0].key):
        match factor:
            case Symbol(name) if exponent == 1 and name in once and (single or name not in scalars):
                yield Pivot(name, site, number, bare - {(factor, 1)}, ONE, rest, matrix=False)


def _terms(polynomial: Polynomial) -> Iterator[Term]:
    return (term for term, _ in polynomial.terms)


def occurrences(live: Iterable[Site]) -> Counter[str]:
    """How often each name occurs in the terms of the sites."""
    return Counter(name for site in live for term, _ in site.terms for name in _occurrences(term))


def _occurrences(term: Term) -> Iterator[str]:
    """The names of a term, once for each place they stand in."""
    for factor, exponent in term:
        match factor:
            case Symbol(name):
                yield from [name] * abs(exponent)
            case Product(left=left, right=right):
                yield from _occurrences(left)
                yield from _occurrences(right)
            case Function():
                pass  # its argument has sites of its own
