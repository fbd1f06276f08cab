"""From a few small sizes to all: parameters that count at small sizes count at large ones.

Let D be some entries of the parameters, given by a rule for all sizes: whole parameters, or the
first column, the first row, the first entry or a triangle of one. Let B say for each size
symbol how many times it occurs in the shape of one parameter, and one more if the rule names a
first index of this size.

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
Three kernels around an elementwise product are treated through `tensors`, and next states that
others read may be data of their own (`observed`). Constants may be 0, where the rank is at most the
generic one. Where not every choice of pieces occurs, each piece of each function does (`patterns`);
else, where that is at some sizes alone, the theorem is applied from one unit more on, and says so.
Where kernels have H blocks, a place is a block and a place within it. S consists of the same places
in some blocks: the small cell has fewer and smaller blocks, and B says both numbers. Constants are
generic, like the parameters, and have no columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from math import prod

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.certificates.conditions import Condition
from gru_sym.certificates.exact_rank import Search
from gru_sym.certificates.families import FalseFamily
from gru_sym.certificates.finding import Redundancy
from gru_sym.certificates.fixing import Rule, entries, rules
from gru_sym.certificates.locality import locality, rows_vanish, sums_poles
from gru_sym.certificates.lowrank import multiplied_out
from gru_sym.certificates.moves import MixingFamily
from gru_sym.certificates.observed import systems_with_observed, without_constants
from gru_sym.certificates.patterns import OnPatterns
from gru_sym.certificates.small_sizes import (
    base_sizes,
    divided_sizes,
    grid,
    inner_sizes,
    multiplied,
)
from gru_sym.certificates.system import System
from gru_sym.certificates.tensors import Tensor, bilinear, tensors

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
    conditions : what the sizes must fulfil beside, all of them.
    """

    scope: str = ""
    reason: str = ""
    conditions: tuple[Condition, ...] = ()

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether it is shown at these sizes."""
        return bool(self.scope) and all(each.holds(sizes) for each in self.conditions)


def proved_for_all_sizes(found: Redundancy) -> Verdict:
    """Whether the redundant number of a cell is exact at all sizes, by the theorem.

    >>> from gru_sym import cell
    >>> from gru_sym.certificates.finding import redundancy
    >>> proved_for_all_sizes(redundancy(cell("gru.pytorch"))).scope
    'all sizes, from exact ranks at m = 1, n = 1; m = 1, n = 2'
    """
    verdict = _proved(found, whole := System.of(found.cell))
    others = chain(systems_with_observed(found.cell), without_constants(whole))
    for system in others if not verdict.scope else ():
        other = _proved(found, system)
        if other.scope:
            return other
    return verdict


def _proved(found: Redundancy, system: System) -> Verdict:
    """The same of one system that has the null vectors of the cell."""
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
    found_tensors = tensors(system, families)
    conditions = [tensor.conditions(system) for tensor in found_tensors]
    if None in conditions:
        return Verdict(reason="its tensors have sizes for which this theorem has no proof")
    kernels = frozenset().union(*(tensor.kernels for tensor in found_tensors))
    families = [f for f in families if not kernels & {*f.parameters}]
    how = locality(bilinear(system, found_tensors) if found_tensors else system)
    if not how.local or (how.functions and found_tensors):
        return Verdict(
            reason="a matrix product runs over units that cannot be switched off one by one"
        )
    if how.functions and system.has_roots:
        return Verdict(reason="its square roots are not known to be independent at all sizes")
    if how.functions and not rows_vanish(system):
        return Verdict(reason="an argument of a function varies at units without parameters")
    verdict = Verdict()
    for rule in islice(rules(families, system), MAX_CHOICES):
        verdict = _on_grid(system, rule, found_tensors)
        if verdict.scope:
            break
    needed = (*chain.from_iterable(filter(None, conditions)), *verdict.conditions)
    return replace(verdict, conditions=tuple(dict.fromkeys(needed)))


def _on_grid(system: System, rule: Rule, found_tensors: Sequence[Tensor]) -> Verdict:
    """The theorem with one choice of D: its ranks, from the largest sizes down."""
    divided = divided_sizes(system)
    if divided is None:
        return Verdict(reason="its sizes are divided into blocks in more than one way")
    base = base_sizes(system, rule, found_tensors, divided)
    if prod(base.values()) > MAX_GRID:
        return Verdict(reason="it has too many sizes")
    inner = inner_sizes(system, found_tensors, base)
    conditions = [
        Condition(((size_expression(k), sp.Integer(v)),)) for k, v in inner.items() if v > 1
    ]
    tried = []
    for at in reversed([dict(zip(base, each, strict=True)) for each in grid(base)]):
        sizes = multiplied(at, divided)
        reason = failing(system, rule, sizes | inner, found_tensors)
        if reason == PIECES and not divided:  # perhaps not so for one unit more, or nowhere else
            larger = {k: v + (v == base[k]) for k, v in sizes.items()}
            more = [] if larger == sizes else [larger | inner]
            if not any(failing(system, rule, each, found_tensors) for each in more):
                conditions.append(_beyond(sizes))
                tried += more
                continue
        if reason:
            return Verdict(reason=reason)
        tried.append(sizes | inner)
    if not base:
        return Verdict("its one size, by exact rank")
    listed = "; ".join(map(_listed, reversed(tried)))
    return Verdict(f"all sizes, from exact ranks at {listed}", conditions=tuple(conditions))


def _beyond(sizes: Mapping[str, int]) -> Condition:
    """That some size is larger than here."""
    return Condition(tuple((size_expression(k), sp.Integer(v + 1)) for k, v in sizes.items()))


PIECES = "the pieces of its functions are known at some parameters only"


def failing(
    system: System, rule: Rule, sizes: Mapping[str, int], found_tensors: Sequence[Tensor] = ()
) -> str:
    """Why parameters outside D are not shown to be independent at these sizes; empty if so.

    Kernels of a tensor count as the entries of that tensor.
    """
    search = Search(system, sizes)
    fixed = frozenset(entries(rule, system.shapes, search.size))
    rank, rest = search.without(fixed)
    free = len(search.columns) - len(fixed)
    for tensor in found_tensors:
        free -= sum(name in tensor.kernels for name, _, _ in search.columns)
        free += sum(prod(map(search.size, each)) for each in tensor.sides(system))
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
        rank, rest = OnPatterns(system, sizes).without(fixed)
        return "" if rank.proved and rest == free else PIECES
    return ""


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in sizes.items())
