"""Transposed matrices in polynomials: a symbol of its own, whose entries are those of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gru_sym.normal.polynomials import TRANSPOSED, Polynomial, Symbol, Term, scalars_of, times

Entry = TypeVar("Entry")


def transposed(polynomial: Polynomial) -> Polynomial:
    """The transpose of a sum of matrices, each a name with numbers and scalars.

    >>> W = Polynomial.symbol("W")
    >>> transposed(transposed(W)) == W != transposed(W)
    True

    Raises `ValueError` for anything else.
    """
    return Polynomial.collect((_turned(term), number) for term, number in polynomial.terms)


def entry_of(
    symbol: Symbol, entries: Callable[[str, int, int], Entry], row: int, column: int
) -> Entry:
    """An entry of a symbol, where the entries of all names are known."""
    bare = symbol.name.removesuffix(TRANSPOSED)
    place = (row, column) if bare == symbol.name else (column, row)
    return entries(bare, *place)


def _turned(term: Term) -> Term:
    scalars = scalars_of(term)
    match tuple(term - scalars):
        case ((Symbol(name=name), 1),):
            bare = name.removesuffix(TRANSPOSED)
            new = Symbol(bare if bare != name else name + TRANSPOSED)
            return times(scalars, frozenset([(new, 1)]))
    raise ValueError("only names, and their sums, are transposed")
