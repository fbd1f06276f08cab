"""From a few small sizes to all: parameters that count at small sizes count at large ones.

Let D be some entries of the parameters, given by a rule for all sizes: whole parameters, or the
first column, the first row or the first entry of one. Let B say for each size symbol how many times
it occurs in the shape of one parameter, and one more if the rule names a first index of this size.

**Theorem.** Let a cell be local (`locality`), and let its functions be analytic, or piecewise
linear with every choice of pieces occurring for almost all parameters. Where it is local through
functions, let their arguments be independent at the sizes B, and constant at units whose
parameters, data and exponentials are 0. If at the sizes B the columns of the Jacobian that belong
to the parameters outside D are linearly independent for generic parameters, then so they are at all
sizes that are at least B.

*Proof.* Take generic parameters at large sizes, and a null vector v of the Jacobian that is 0 on
D. For each size symbol let S be a set of as many places as B says, among them the first one if D
names it. Switch off what lies outside S. What is observed at the places in S is then the small
cell, with the parameters whose indices lie in S, and v, restricted to these, is a null vector of
the small cell at generic parameters, and 0 on its D. So it is 0. By the choice of B each entry of
each parameter has its indices in some S. Hence v = 0.

Data may simply be set to 0: the null vector belongs to all data. Exponentials may be set to 0, or a
mean be taken over two values, if they are independent variables at the large sizes, by the theorem
in `independence`. Its hypothesis holds there: in a relation between arguments pick one with a
coefficient that is not 0, and an S that holds its row; set the parameters, the data and the
exponentials outside S to 0. The arguments at rows in S become those of the small cell, the others
constant, and a relation at the sizes B is left, which there is none.

So the rank is at least the number of parameters outside D, and the families of `redundancy`, which
have as many directions as D has entries, show that it is no more. Sizes below B are a finite number
of values; at each of them the theorem is applied to the other sizes, with this one held fixed. What
it then needs is a grid of exact ranks at small sizes. Products of kernels are treated through
`lowrank`: from B on, the small part of a product of rank k is any matrix, if k is large enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from math import prod

from gru_sym.certificates.exact_rank import Search
from gru_sym.certificates.families import FalseFamily
from gru_sym.certificates.finding import Redundancy
from gru_sym.certificates.fixing import Rule, entries, rules
from gru_sym.certificates.locality import locality, rows_vanish, sums_poles
from gru_sym.certificates.lowrank import multiplied_out
from gru_sym.certificates.moves import MixingFamily
from gru_sym.certificates.system import System

MAX_GRID = 40
MAX_CHOICES = 24
"""The most choices of D that are tried."""


@dataclass(frozen=True)
class Verdict:
    """Whether the theorem shows that the redundant number is exact at all sizes.

    Attributes
    ----------
    scope : how it was shown; empty if it was not.
    reason : which hypothesis fails, if one does.
    """

    scope: str = ""
    reason: str = ""


def proved_for_all_sizes(found: Redundancy) -> Verdict:
    """Whether the redundant number of a cell is exact at all sizes, by the theorem.

    >>> from gru_sym import cell
    >>> from gru_sym.certificates.finding import redundancy
    >>> proved_for_all_sizes(redundancy(cell("gru.pytorch"))).scope
    'all sizes, from exact ranks at m = 1, n = 1; m = 1, n = 2'
    """
    system = System.of(found.cell)
    families = [f for f in found.families if not isinstance(f, MixingFamily)]
    mixings = [f for f in found.families if isinstance(f, MixingFamily)]
    if mixings:
        if not all(f.fibre for f in mixings):
            return Verdict(reason="a matrix that mixes an inner space is moved in other ways, too")
        multiplied = multiplied_out(system, [f.mixing for f in mixings])
        if multiplied is None:
            return Verdict(reason="its matrices occur in products of more than two")
        system = multiplied
    if sums_poles(system):
        return Verdict(reason="a mean, or a sum of quotients or roots, runs over all units")
    how = locality(system)
    if not how.local:
        return Verdict(
            reason="a matrix product runs over units that cannot be switched off one by one"
        )
    if how.functions and not rows_vanish(system):
        return Verdict(reason="an argument of a function varies at units without parameters")
    verdict = Verdict()
    for rule in islice(rules(families, system), MAX_CHOICES):
        verdict = _on_grid(system, rule)
        if verdict.scope:
            break
    return verdict


def _on_grid(system: System, rule: Rule) -> Verdict:
    """The theorem with one choice of D: its ranks, from the largest sizes down."""
    base = base_sizes(system, rule)
    if prod(base.values()) > MAX_GRID:
        return Verdict(reason="it has too many sizes")
    grid = [dict(zip(base, sizes, strict=True)) for sizes in _grid(base)]
    for sizes in reversed(grid):
        if reason := failing(system, rule, sizes):
            return Verdict(reason=reason)
    if not base:
        return Verdict("its one size, by exact rank")
    return Verdict(f"all sizes, from exact ranks at {'; '.join(map(_listed, grid))}")


def failing(system: System, rule: Rule, sizes: Mapping[str, int]) -> str:
    """Why parameters outside D are not shown to be independent at these sizes; empty if so."""
    search = Search(system, sizes)
    fixed = frozenset(entries(rule, system.shapes, search.size))
    rank, rest = search.without(fixed)
    free = len(search.columns) - len(fixed)
    if not rank.proved:
        return rank.reason
    if rank.rank > free:
        raise FalseFamily(
            f"an exact rank of {rank.rank} at {dict(sizes)} contradicts the families of redundant "
            f"directions, which leave at most {free}"
        )
    if rest < free:
        return f"no family explains all that is redundant at {_listed(sizes)}"
    if not rank.everywhere:
        return "the pieces of its functions are known at some parameters only"
    return ""


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in sizes.items())


def base_sizes(system: System, rule: Rule = ()) -> dict[str, int]:
    """B: how often each size symbol occurs in the shape of one parameter, and at least once.

    >>> from gru_sym import cell
    >>> base_sizes(System.of(cell("gru.pytorch")))
    {'m': 1, 'n': 2}
    """
    given = (*system.data, *system.parameters, *system.constants)
    used = [size for name in given for size in system.shapes[name]]
    most = dict.fromkeys((size for size in used if isinstance(size, str)), 1)
    for name in system.parameters:
        for size, times in Counter(system.shapes[name]).items():
            if isinstance(size, str):
                most[size] = max(most[size], times)
    for fixed in rule:
        for size in fixed.anchors(system.shapes):
            most[size] += 1
    inner = {f.inner for f in system.factors.values() if isinstance(f.inner, str)}
    return dict(sorted((most | {size: _generic(system, size, most) for size in inner}).items()))


def _generic(system: System, inner: str, most: Mapping[str, int]) -> int:
    """The inner size from which on all small parts of products of kernels are any matrices."""
    rows: dict[str, int] = {}
    columns: dict[str, int] = {}
    for name, factors in system.factors.items():
        if factors.inner == inner:
            above, below = (
                most.get(s, 1) if isinstance(s, str) else s for s in system.shapes[name]
            )
            rows[factors.left], columns[factors.right] = above, below
    return min(sum(rows.values()), sum(columns.values()))


def _grid(base: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    return product(*(range(1, most + 1) for most in base.values()))
