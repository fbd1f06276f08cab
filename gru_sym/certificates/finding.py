"""Which parameters of a cell are redundant, and why: the count from above.

The families are found on the normal form of the equations, for symbolic sizes, and not by any
names: `sites` reads what multiplies which data, `absorption` finds parameters that others make up
for, `symmetry` scalings and mixings that cancel. Every family is then proved: the moved parameters,
put into the equations, give back the same normal form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.cells import Cell, SizeValue
from gru_sym.certificates.absorption import Elimination, Pivot, eliminate, with_constants
from gru_sym.certificates.families import FalseFamily, Family, independent_directions
from gru_sym.certificates.moves import (
    Absorption,
    LevelFamily,
    MixingFamily,
    ReflectionFamily,
    ScalingFamily,
    ShiftFamily,
)
from gru_sym.certificates.observed import systems_with_several
from gru_sym.certificates.shifts import shifts
from gru_sym.certificates.sites import alone, data_sites
from gru_sym.certificates.symmetry import HOMOGENEOUS, WHOLE, Mixing, Scaling, symmetries, witnesses
from gru_sym.language.shapes import Sizes
from gru_sym.normal.exponents import functions_of
from gru_sym.normal.form import normal_form
from gru_sym.normal.nesting import products
from gru_sym.normal.polynomials import TRANSPOSED, Polynomial
from gru_sym.render import Table


@dataclass(frozen=True)
class Redundancy:
    """The families of redundant directions of a cell, each proved for all sizes.

    Attributes
    ----------
    cell : the cell.
    families : in order of appearance; all their directions together are independent.
    """

    cell: Cell
    families: tuple[Family, ...]

    def count(self, **sizes: SizeValue) -> SizeValue:
        """How many directions they are together: a SymPy expression, or an int for given sizes."""
        total = sp.expand(sp.Add(*(f.count for f in self.families)))
        if sizes and not all(isinstance(value, sp.Expr) for value in sizes.values()):
            total = self.exact
        return self.cell.evaluate(total, sizes)

    @property
    def exact(self) -> sp.Expr:
        """The number of directions at all sizes, with the case distinctions that this takes."""
        return sp.expand(sp.Add(*(f.exact for f in self.families)))

    def holds(self, **sizes: SizeValue) -> bool:
        """Whether the formula of `count()` holds at these sizes."""
        differences = (f.exact - f.count for f in self.families)
        return all(self.cell.evaluate(each, sizes) == 0 for each in differences)

    @property
    def condition(self) -> str:
        """What the sizes must fulfil for the formula of `count()`; empty if it always holds."""
        mixings = [f for f in self.families if isinstance(f, MixingFamily)]
        return ", ".join(dict.fromkeys(f.condition for f in mixings))

    @property
    def table(self) -> Table:
        """One row a family."""
        rows = [(", ".join(f.parameters), f.count, f.sentence) for f in self.families]
        return Table(("parameters", "redundant", "why"), rows)

    def __str__(self) -> str:
        return str(self.table) if self.families else "no parameter is known to be redundant"


def redundancy(cell: Cell) -> Redundancy:
    """Find and prove the redundant directions of a cell.

    >>> from gru_sym import cell
    >>> found = redundancy(cell("gru.pytorch"))
    >>> print(found)
    parameters  redundant  why
    b_ir, b_hr  n          b_ir and b_hr occur only as their sum
    b_iz, b_hz  n          b_iz and b_hz occur only as their sum
    >>> found.count(), found.count(n=128, m=8)
    (2*n, 256)
    >>> print(redundancy(cell("lstm.keras")))
    no parameter is known to be redundant

    Biases are not the only case:

    >>> from gru_sym import Cell
    >>> print(redundancy(Cell("h' = tanh(W @ x + V @ x + U @ h)")))
    parameters  redundant  why
    W, V        m*n        W and V occur only as their sum in front of the same data
    >>> low_rank = redundancy(Cell("h' = tanh(A @ (B @ x) + U @ h)"))
    >>> [(family.parameters, family.count) for family in low_rank.families]
    [(('A', 'B'), k**2)]

    Raises `ValueError` for a cell with too many terms when multiplied out, or nested too deeply.
    """
    program, sizes = cell.program, cell.sizes
    states = normal_form(program, sizes).states
    turned = {f"{name}{TRANSPOSED}": sizes.shapes[name][::-1] for name in program.transposed}
    sizes = replace(sizes, shapes={**sizes.shapes, **turned})
    free = tuple(name for name in program.parameters if name not in program.rigid)
    proved = list(_proved(cell, free, states, sizes))
    proved += _below_means(free, proved, states, sizes)
    whole = Redundancy(cell, tuple(with_witnesses(proved)))
    for at in map(cell.sizes.multiplied, _sizes_tried(cell.size_names)):
        expected = int(whole.count(**at))
        if whole.holds(**at) and expected != (
            rank := independent_directions(whole.families, sizes.shapes, at)
        ):
            raise FalseFamily(f"{expected} directions were counted at {at}, and {rank} are there")
    return whole


def _proved(
    cell: Cell, free: tuple[str, ...], states: Mapping[str, Polynomial], sizes: Sizes
) -> Iterator[Family]:
    """The families that elimination and cancelling powers find, each proved of the next states."""
    # What leaves a system with observed states as it is leaves the cell as it is.
    seen = next(systems_with_several(cell), None)
    data = frozenset(seen.data if seen else cell.program.data)
    sites = data_sites((seen.states if seen else states).values(), data)
    elimination = eliminate(sites, free, data, sizes)
    held = {*elimination.free, *(pivot.parameter for pivot in elimination.pivots)}
    movable = tuple(name for name in free if name not in held)
    found = [
        *_reflections(elimination, cell.program.parameters),
        *_absorptions(elimination),
        *_shifts(elimination, movable),
        *_symmetries(elimination, (), movable),
    ]
    if any(f.function in HOMOGENEOUS for f in functions_of(*states.values())):
        # What a relu gains in scale changes coefficients: here no pivot may keep them.
        rigid = Elimination((), (), tuple(with_constants(sites, data)), sizes)
        scalings = _symmetries(rigid, states.values(), free)
        found += [f for f in scalings if isinstance(f, ScalingFamily) and f.scaling.positive]
    yield from (family for family in found if family.proves(states))


def _below_means(
    parameters: Iterable[str],
    families: Sequence[Family],
    states: Mapping[str, Polynomial],
    sizes: Sizes,
) -> Iterator[Family]:
    """Parameters of one sum, and levels that a mean takes away, where means hide the sums.

    What another family moves at will is left out. What only makes up for that is not: it stays
    where the other one is at rest.
    """
    if not any(not p.left for state in states.values() for p in products(state)):
        return
    moved = {n for f in families for n in (f.free if isinstance(f, Absorption) else f.parameters)}
    free, rigid = [n for n in parameters if n not in moved], Elimination((), (), (), sizes)
    for number, name in enumerate(free):
        rows, columns = sizes.shapes[name]
        for other in free[:number]:
            if sizes.shapes[other] == (rows, columns):
                count = _count(rigid, name)
                sentence = f"{other} and {name} occur only as their sum"
                multiples = {other: Fraction(-1), name: Fraction(1)}
                shift = ShiftFamily((other, name), count, sentence, rigid, multiples, (name,))
                if shift.proves(states):
                    yield shift
                    break
        else:
            what = "number can be added to all entries"
            if columns != 1:
                what = "row can be added to all rows"
            sentence = f"one {what} of {name}: a mean takes it away again"
            level = LevelFamily((name,), sp.sympify(size_expression(columns)), sentence, rigid)
            if rows != 1 and level.proves(states):
                yield level


def _sizes_tried(names: Sequence[str]) -> Iterator[dict[str, int]]:
    """A few sizes: all 1, all different, and these the other way round."""
    yield dict.fromkeys(names, 1)
    yield {name: 2 + i % 3 for i, name in enumerate(names)}
    yield {name: 2 + i % 3 for i, name in enumerate(reversed(names))}


def with_witnesses(families: Sequence[Family]) -> list[Family]:
    """Those with a parameter that no other one moves, so that no direction is counted twice."""
    kept = list(families)
    for family in reversed(families):
        if not isinstance(family, ScalingFamily | ShiftFamily):
            continue
        others = {name for other in kept if other is not family for name in other.parameters}
        own = tuple(name for name in family.witnesses if name not in others)
        if own:
            kept[kept.index(family)] = replace(family, witnesses=own)
        else:
            kept.remove(family)
    return kept


def _absorptions(elimination: Elimination) -> Iterator[Family]:
    """The free parameters, those of one sum together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in elimination.free:
        pivots = elimination.affected(name)
        other = any(p.parameter in pivots and not _same_kind(p, name) for p in elimination.pivots)
        groups.setdefault((*pivots, *([name] if other or not pivots else [])), []).append(name)
    for free in groups.values():
        pivots = elimination.affected(free[0])
        count = sp.Add(*(_count(elimination, name) for name in free))
        sentence = _absorption_sentence(elimination, tuple(free), pivots)
        members = _in_order(elimination, {*free, *pivots})
        yield Absorption(members, count, sentence, elimination, tuple(free))


def _same_kind(pivot: Pivot, name: str) -> bool:
    """Whether a parameter stands beside the pivot by itself, as in b_1 + b_2."""
    return bool(_number_of(pivot, name)) and not pivot.row and not pivot.column


def _number_of(pivot: Pivot, name: str) -> Fraction:
    """The number with which a parameter is added to the pivot; 0 if it enters otherwise."""
    for term, number in pivot.rest.terms:
        if alone(term) == (name, pivot.matrix):
            return number
    return Fraction(0)


def _absorption_sentence(
    elimination: Elimination, free: tuple[str, ...], pivots: tuple[str, ...]
) -> str:
    if not pivots:
        verb = "changes" if len(free) == 1 else "change"
        return f"{_listed(free)} {verb} nothing that is computed"
    pivot = next(p for p in elimination.pivots if p.parameter == pivots[0])
    if len(pivots) > 1 or not all(_same_kind(pivot, name) for name in free):
        verb = "is" if len(free) == 1 else "are"
        return f"whatever {_listed(free)} {verb}, {_listed(pivots)} can make up for it"
    members = _in_order(elimination, {*free, *pivots})
    numbers = {name: _number_of(pivot, name) for name in free} | {pivot.parameter: pivot.number}
    where = " in front of the same data" if pivot.matrix else ""
    if len(set(numbers.values())) == 1:
        return f"{_listed(members)} occur only as their sum{where}"
    lead = numbers[members[0]]
    combination = sp.Add(
        *(sp.Rational(str(numbers[m] / lead)) * sp.Symbol(m) for m in members), evaluate=False
    )
    return f"{_listed(members)} occur only in the combination {combination}{where}"


def _reflections(elimination: Elimination, parameters: tuple[str, ...]) -> Iterator[Family]:
    """What a kernel may gain that it loses with its transpose: W - W.T, or W + W.T."""
    for name in parameters:
        rows, columns = elimination.sizes.shapes[name]
        if rows == columns and name + TRANSPOSED in elimination.sizes.shapes:
            size = size_expression(rows)
            for sign, kind in ((1, "symmetric"), (-1, "antisymmetric")):
                count = size * (size + sign) / 2
                sentence = f"{name} and its transpose lose what {name} gains if that is {kind}"
                yield ReflectionFamily((name,), sp.expand(count), sentence, elimination, sign)


def _shifts(elimination: Elimination, movable: tuple[str, ...]) -> Iterator[Family]:
    for multiples in shifts(elimination.remaining, movable, elimination.sizes.shapes):
        members = tuple(multiples)
        text = sp.Add(
            *(sp.Rational(str(q)) * sp.Symbol(name) for name, q in multiples.items()),
            evaluate=False,
        )
        sentence = f"{_listed(members)} only occur in sums, which stay when they move along {text}"
        count = _count(elimination, members[0])
        yield ShiftFamily(members, count, sentence, elimination, multiples, members)


def _symmetries(
    elimination: Elimination, states: Iterable[Polynomial], movable: tuple[str, ...]
) -> Iterator[Family]:
    found = symmetries(elimination.remaining, states, frozenset(movable))
    for symmetry in found:
        if isinstance(symmetry, Mixing):
            yield _mixing(elimination, symmetry, witnesses(symmetry, found))
        else:
            yield _scaling(elimination, symmetry, tuple(witnesses(symmetry, found)))


def _scaling(elimination: Elimination, scaling: Scaling, own: tuple[str, ...]) -> Family:
    sides = dict(scaling.powers)
    members = _in_order(elimination, {side.parameter for side in sides})
    side = next(iter(sides))
    shape = elimination.sizes.shapes[side.parameter]
    count = 1 if side.side == WHOLE else size_expression(shape[0 if side.side == "rows" else 1])
    up = _in_order(elimination, {side.parameter for side, power in sides.items() if power > 0})
    down = _in_order(elimination, {side.parameter for side, power in sides.items() if power < 0})
    sentence = f"{_listed(members)} can be scaled together"
    if up and down:
        gain = "gains" if len(up) == 1 else "gain"
        sentence = f"what {_listed(up)} {gain} in scale, {_listed(down)} can lose"
    return ScalingFamily(members, sp.sympify(count), sentence, elimination, scaling, own)


def _mixing(elimination: Elimination, mixing: Mixing, alone: list[str]) -> Family:
    """Invertible matrices between kernels; where those are too narrow, more is redundant."""
    shapes = elimination.sizes.shapes
    inner = size_expression(shapes[mixing.left[0]][1])
    rows = {name: size_expression(shapes[name][0]) for name in mixing.left}
    columns = {name: size_expression(shapes[name][1]) for name in mixing.right}
    above, below = sp.Add(*rows.values()), sp.Add(*columns.values())
    narrowest = sp.Min(inner, above, below)
    # The products are one matrix of this rank, and matrices of a rank form a manifold.
    exact = inner * (above + below) - narrowest * (above + below - narrowest)
    members = (*mixing.left, *mixing.right)
    if set(alone) != set(members):
        exact = inner * sp.Min(inner, sp.Max(*((rows | columns)[name] for name in alone)))
    sentence = (
        f"{_listed(mixing.left)} and {_listed(mixing.right)} occur only in products, and any "
        f"invertible {inner}×{inner} matrix can stand between them with its inverse"
    )
    condition = f"{inner} is at most {sp.Min(above, below)}"
    fibre = set(alone) == set(members)
    return MixingFamily(members, inner**2, sentence, elimination, mixing, exact, condition, fibre)


def _in_order(elimination: Elimination, members: set[str]) -> tuple[str, ...]:
    return tuple(name for name in elimination.sizes.shapes if name in members)


def _count(elimination: Elimination, name: str) -> sp.Expr:
    rows, columns = elimination.sizes.shapes[name]
    return size_expression(rows) * size_expression(columns)


def _listed(names: tuple[str, ...]) -> str:
    """a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
