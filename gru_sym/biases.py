"""Biases that a cell only ever sees in one sum, with the numbers that they have in it."""

from __future__ import annotations

import keyword
from collections.abc import Hashable
from fractions import Fraction
from functools import lru_cache
from itertools import takewhile

from gru_sym.cells import Cell
from gru_sym.functions import called
from gru_sym.language.scope import USUAL_STATES, WITH_TIME
from gru_sym.normal.form import normal_form
from gru_sym.normal.polynomials import Function, Polynomial, Product, Symbol, Term
from gru_sym.roles import BIAS


def bias_combinations(cell: Cell) -> dict[str, dict[str, Fraction]]:
    """The sums of biases that a cell sees only as such: name -> biases with their numbers.

    >>> from gru_sym import cell
    >>> {name: list(terms) for name, terms in bias_combinations(cell("gru.pytorch")).items()}
    {'b_r': ['b_ir', 'b_hr'], 'b_z': ['b_iz', 'b_hz']}
    >>> bias_combinations(Cell("h' = tanh(W @ x + 2 * b - d)"))
    {'b': {'b': Fraction(1, 1), 'd': Fraction(-1, 2)}}

    The first number of each is 1. The candidate's b_in and b_hn are not here: the reset gate
    multiplies one of them.
    """
    return {name: dict(terms) for name, terms in _combinations(cell).items()}


@lru_cache
def _combinations(cell: Cell) -> dict[str, dict[str, Fraction]]:
    shapes = cell.sizes.shapes
    reader = _Sightings(cell)
    groups: list[dict[str, Fraction]] = []
    for bias in (p.name for p in cell.parameters if p.role == BIAS):
        seen = reader.seen.get(bias, {})
        if not seen or bias in reader.apart:
            continue
        for group in groups:
            first = next(iter(group))
            ratio = _ratio(reader.seen[first], seen)
            if ratio and shapes[first] == shapes[bias]:
                group[bias] = ratio
                break
        else:
            groups.append({bias: Fraction(1)})
    found: dict[str, dict[str, Fraction]] = {}
    for group in groups:
        if len(group) > 1:
            found[common_name(list(group), {*shapes, *found})] = group
    return found


def _ratio(one: dict[Hashable, Fraction], other: dict[Hashable, Fraction]) -> Fraction | None:
    """The number by which everything in the second is the first; None if there is none."""
    if one.keys() != other.keys():
        return None
    ratios = {other[key] / one[key] for key in one}
    return ratios.pop() if len(ratios) == 1 else None


class _Sightings:
    """What stands beside each name in the normal form, and with which number.

    Two names with the same company, all with one ratio of numbers, are seen only in that
    combination: wherever q a K is a term, so is r q b K, and q a K + r q b K = q (a + r b) K.
    `apart` are the names of which a power stands somewhere, for which this does not hold.
    """

    def __init__(self, cell: Cell) -> None:
        self.seen: dict[str, dict[Hashable, Fraction]] = {}
        self.apart: set[str] = set()
        self._known: set[Polynomial] = set()
        for state, polynomial in normal_form(cell.program, cell.sizes).states.items():
            self._polynomial(polynomial, state)

    def _polynomial(self, polynomial: Polynomial, where: Hashable) -> None:
        for term, number in polynomial.terms:
            self._term(term, where, number, 1)

    def _term(self, term: Term, where: Hashable, number: Fraction, power: int) -> None:
        for factor, exponent in term:
            here = (where, term - {(factor, exponent)})
            match factor:
                case Symbol(name=name):
                    if power * exponent != 1:
                        self.apart.add(name)
                    self.seen.setdefault(name, {})[here] = number
                case Function(argument=argument):
                    if argument not in self._known:
                        self._known.add(argument)
                        self._polynomial(argument, argument)
                case Product(left=left, right=right, inner=inner):
                    self._term(left, (here, "left", right, inner), number, power * exponent)
                    self._term(right, (here, "right", left, inner), number, power * exponent)


def common_name(terms: list[str], taken: set[str]) -> str:
    """What the names of some biases share; the first of them if that is no free name.

    >>> common_name(["b_ir", "b_hr"], set()), common_name(["b_zW", "b_zU"], set())
    ('b_r', 'b_z')
    >>> common_name(["b", "d"], set()), common_name(["h_1", "h_2"], set())
    ('b', 'h_1')
    """
    start = _common_start(terms)
    end = _common_start([term.removeprefix(start)[::-1] for term in terms])[::-1]
    name = (start + end).rstrip("_")
    reserved = name in called() or name in USUAL_STATES or keyword.iskeyword(name)
    if not name.isidentifier() or reserved or WITH_TIME.fullmatch(name) or name in taken:
        return terms[0]
    return name


def _common_start(words: list[str]) -> str:
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*words, strict=False))
    return "".join(letters[0] for letters in same)
