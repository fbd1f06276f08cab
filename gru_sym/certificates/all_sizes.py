"""From a few small sizes to all: a dependency at large sizes restricts to one at small sizes.

**Theorem.** Let the functions of a cell be analytic, let the families of `redundancy` that it has
be absorptions and scalings, and let it be *local* in its sizes (below). Let B say for each size
symbol how many times it occurs in the shape of one parameter. If at the sizes B the generic rank of
the Jacobian is the number of stored parameters less the redundant ones, then so it is at all sizes
that are at least B.

*Local*: every matrix product over a size symbol a multiplies something with the input or a state of
size a as a factor, so that it is 0 wherever this input or state is. Or there is a state c such that
F(c) - F(0), the difference of the next state F at c and at c = 0, is so but for terms g (W @ v)
outside all functions, in which g does not depend on c, and v_j depends on c through c_j alone; then
F is observed through this difference, to which the entries j with c_j = 0 contribute nothing.

*Proof.* Take generic parameters at large sizes, a null vector v of the Jacobian, and for each size
symbol a set S of as many places as B says. Let input and states be 0 outside S. As the cell is
local, the entries in S of what is observed are then those of the small cell with the parameters
whose indices lie in S, as functions; so v, restricted to these parameters, is a null vector of the
small cell at generic parameters, hence a combination of its families. Subtract from v the vector of
the absorptions that has the same entries at the free parameters, and that of the scalings with the
same entries at their witnesses (one parameter each, which no other scaling moves); both are
determined place by place, so they restrict to each S alike. What is left is 0 at the free
parameters and the witnesses and, restricted to any S, a combination of families, therefore 0. By
the choice of B each entry of each parameter has its indices in some S. So v is a combination of the
families, the nullity is at most the redundant number, and the families show that it is no less.

Sizes below B are a finite number of values; at each of them the theorem is applied to the other
sizes, with this one held fixed. What it then needs is a grid of exact ranks at sizes 1 and 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import product

from gru_sym.cells import Cell
from gru_sym.certificates.exact_rank import exact_rank
from gru_sym.certificates.families import MixingFamily
from gru_sym.certificates.finding import Redundancy
from gru_sym.language.syntax import INPUT, Apply, Expression, children
from gru_sym.normal.field_values import PIECES
from gru_sym.normal.form import normal_form, substitute
from gru_sym.normal.polynomials import (
    Factor,
    Function,
    Polynomial,
    Product,
    Symbol,
    Term,
    term_names,
)

MAX_GRID = 40


def base_sizes(cell: Cell) -> dict[str, int]:
    """B: how often each size symbol occurs in the shape of one parameter, and at least once.

    >>> from gru_sym import cell
    >>> base_sizes(cell("gru.pytorch"))
    {'m': 1, 'n': 2}
    """
    most = dict.fromkeys(cell.size_names, 1)
    for parameter in cell.parameters:
        for size, times in Counter(map(str, parameter.shape)).items():
            if size in most:
                most[size] = max(most[size], times)
    return most


def proved_for_all_sizes(found: Redundancy) -> str:
    """Why the redundant number is exact at all sizes; empty if this theorem does not show it."""
    cell = found.cell
    base = base_sizes(cell)
    states = local_states(cell)
    grid = [dict(zip(base, sizes, strict=True)) for sizes in _grid(base)]
    mixes = any(isinstance(family, MixingFamily) for family in found.families)
    if states is None or mixes or len(grid) > MAX_GRID or has_pieces(cell):
        return ""
    for sizes in grid:
        expected = int(cell.count(**sizes)) - int(found.count(**sizes))
        rank = exact_rank(cell, target=expected, states=states, **sizes)
        if not rank.proved or rank.rank != expected:
            return ""
    shown = "; ".join(", ".join(f"{name} = {value}" for name, value in s.items()) for s in grid)
    return f"all sizes, from exact ranks at {shown}" if base else "its one size, by exact rank"


def has_pieces(cell: Cell) -> bool:
    """Whether a function of the cell is piecewise linear: ranks then differ between places."""
    return any(_applies(e.expression, PIECES) for e in cell.program.equations)


def _applies(expression: Expression, functions: Collection[str]) -> bool:
    here = isinstance(expression, Apply) and expression.function in functions
    return here or any(_applies(child, functions) for child in children(expression))


def _grid(base: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    return product(*(range(1, most + 1) for most in base.values()))


def local_states(cell: Cell) -> Mapping[str, Polynomial] | None:
    """The next states, or their differences, through which the cell is local; None if it is not."""
    locality = _Locality(cell)
    observed = {}
    for state, polynomial in normal_form(cell.program, cell.sizes).states.items():
        candidates = (locality.observed(polynomial, zero) for zero in (None, *cell.states))
        found = next((each for each in candidates if each is not None), None)
        if found is None:
            return None
        observed[state] = found
    return observed


class _Locality:
    def __init__(self, cell: Cell) -> None:
        self.sizes = {name: cell.sizes.shapes[name][0] for name in (INPUT, *cell.states)}

    def observed(self, polynomial: Polynomial, zero: str | None) -> Polynomial | None:
        """The polynomial less its value where a state is 0, if that is local."""
        for term, _ in polynomial.terms:
            if zero is None and not self.is_local(term):
                return None
            if (
                zero is not None
                and zero in term_names(term)
                and not self.is_local_but_for(term, zero)
            ):
                return None
        if zero is None:
            return polynomial
        return polynomial - substitute(polynomial, {zero: Polynomial.number(0)})

    def is_local(self, term: Term) -> bool:
        """Whether every matrix product in a term multiplies what is 0 where its data are."""
        return all(self._is_local_factor(factor) for factor, _ in term)

    def is_local_but_for(self, term: Term, zero: str) -> bool:
        """The same, but one matrix product outside functions may be over entries of a state."""
        for factor, exponent in term:
            if not self._is_local_factor(factor):
                rest = term - {(factor, exponent)}
                return (
                    isinstance(factor, Product)
                    and self.is_local(factor.right)
                    and self.is_local(rest)
                    and zero not in term_names(rest)
                    and self.sizes[zero] == factor.inner
                    and not any(zero in product.names for product in _products(factor.right))
                )
        return True

    def _is_local_factor(self, factor: Factor) -> bool:
        match factor:
            case Function(argument=argument):
                return all(self.is_local(term) for term, _ in argument.terms)
            case Product(left=left, right=right):
                return (
                    self._is_zero_with_data(factor) and self.is_local(left) and self.is_local(right)
                )
        return True

    def _is_zero_with_data(self, factor: Product) -> bool:
        return isinstance(factor.inner, int) or any(
            isinstance(each, Symbol) and self.sizes.get(each.name) == factor.inner and exponent > 0
            for each, exponent in factor.right
        )


def _products(term: Term) -> Iterator[Product]:
    """Every matrix product in a term, those inside functions too."""
    for factor, _ in term:
        match factor:
            case Function(argument=argument):
                for inside, _ in argument.terms:
                    yield from _products(inside)
            case Product(left=left, right=right):
                yield factor
                yield from _products(left)
                yield from _products(right)
