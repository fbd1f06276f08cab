"""Proofs, for all sizes, that one cell is another one under a substitution, and refutations."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from gru_sym.cells import Cell
from gru_sym.correspondence import Correspondence
from gru_sym.language.syntax import Equation, Expression
from gru_sym.latex import LatexWriter
from gru_sym.normal.form import NormalForm, normal_form
from gru_sym.normal.identities import Unsettled, vanish
from gru_sym.normal.polynomials import Polynomial, TooManyTerms
from gru_sym.normal.real_values import RealValues
from gru_sym.render import Math, Table

SHOWN_DIGITS = 20

FEW, POINTS = 6, 60
"""At how many points two cells are compared; half of them with every size 1, half with 2."""

SMALL, LARGE = 2, 1000
"""The largest integers at these points; large ones come last, for what small ones do not see."""


@dataclass(frozen=True)
class Step:
    """One line of a proof, in LaTeX: an equation, why it is another one, and that one."""

    before: str
    rule: str
    after: str

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.before} \quad\Longrightarrow\quad {self.after}$"


@dataclass(frozen=True)
class Proof:
    """That cell b, with the substitution put in, has the next states of cell a, at all sizes."""

    a: Cell
    b: Cell
    substitution: Mapping[str, str]
    steps: tuple[Step, ...]

    def __bool__(self) -> bool:
        return True

    @property
    def table(self) -> Table:
        """One row a step: the equation of b, and the one of a that it becomes."""
        rows = [(Math(s.before, s.before), Math(s.after, s.after)) for s in self.steps]
        return Table((self.b.name, self.a.name), rows)

    def latex(self) -> str:
        """The steps as an aligned LaTeX block."""
        rows = [
            rf"{step.before} &\;\Longrightarrow\; {step.after} && \text{{{step.rule}}}"
            for step in self.steps
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"


@dataclass(frozen=True)
class Refutation:
    """A point at which the two cells differ, for certain.

    Attributes
    ----------
    point : the numbers at which both are evaluated, by the names of a, as rows of entries.
    state : the next state of a that differs in its first entry.
    value_a, value_b : these entries, whose error bounds do not overlap, to 20 digits.
    sizes : the sizes at which this happens.
    """

    a: Cell
    b: Cell
    substitution: Mapping[str, str]
    sizes: Mapping[str, int]
    point: Mapping[str, list[list[Fraction]]]
    state: str
    value_a: str
    value_b: str

    def __bool__(self) -> bool:
        return False

    @property
    def table(self) -> Table:
        """What is put in, and the two next states."""
        one = all(len(rows) == len(rows[0]) == 1 for rows in self.point.values())
        point = ", ".join(
            f"{name} = {rows[0][0] if one else [[str(e) for e in row] for row in rows]}"
            for name, rows in self.point.items()
        )
        return Table(
            ("cell", f"{self.state}' at the point"),
            [(self.a.name, self.value_a), (self.b.name, self.value_b), ("the point", point)],
        )


class Undecided(ValueError):
    """Neither a proof nor a counterexample was found; the message says what was tried."""


def equivalent(
    a: Cell, b: Cell, substitution: Mapping[str, str] | None = None
) -> Proof | Refutation:
    """Prove that cell b becomes cell a when the substitution is put into b, or refute it.

    >>> from gru_sym import cell
    >>> merged = {"b_z": "b_zW + b_zU", "b_r": "b_rW + b_rU", "b_h": "b_hW + b_hU"}
    >>> proof = equivalent(cell("gru.answer"), cell("gru.dey_salem"), merged)
    >>> bool(proof), len(proof.steps)
    (True, 4)

    What differs is refuted, by a point at which the two cells have different next states:

    >>> from gru_sym import Cell
    >>> answer = equivalent(Cell("h' = tanh(W @ x + U @ h)"), Cell("h' = W @ x + U @ h"))
    >>> print(answer.table)
    cell       h' at the point
    cell       0.96402758007581690336
    cell       2.0
    the point  x = -1, h = 2, W = -2, U = 0

    Names, and a sign, of another text; and an identity:

    >>> other = Cell("h' = tanh(W @ x - V @ h)")
    >>> bool(equivalent(Cell("h' = tanh(W @ x + U @ h)"), other, {"V": "-U"}))
    True
    >>> bool(equivalent(Cell("h' = sigmoid(-(U @ h))"), Cell("h' = 1 - sigmoid(U @ h)")))
    True

    It holds for every size. Two next states are the same if their normal forms are, or if their
    difference is 0 as a fraction in exponentials, on each piece of relu and hard_sigmoid: so
    `sigmoid(a) * exp(-a)` is `sigmoid(-a)`, and `relu(relu(a) - a)` is `relu(-a)`. Where a text
    divides, or takes a root, the same means the same wherever both sides are defined: `a * a / a`
    is `a`.

    Parameters
    ----------
    a, b : the cells.
    substitution : what stands in a for names of b. For a parameter of b an expression in the
        parameters of a, of its shape (for a vector also one number, for a kernel 0); for a state of
        b a state of a, another one for each. What is not mentioned has the same name in both; x
        is always x.

    Returns
    -------
    A `Proof`, which is true, with steps for symbolic sizes; or a `Refutation`, which is false.

    Raises
    ------
    ValueError : for a substitution that does not fit the cells, or a cell that is too large.
    Undecided : a ValueError. The cells agree at all points tried, and the difference of their next
        states is not seen to be 0: it may be, by an identity that is not known here, or it may be
        different from 0 somewhere else.
    """
    put = Correspondence(a, b, substitution or {})
    form_a, form_b = normal_form(a.program, a.sizes), put.form
    differences = {s: form_a.states[put.state(s)] - form_b.states[s] for s in b.states}
    open_ = {state: rest for state, rest in differences.items() if rest.terms}
    if open_:
        # Most cells that differ do so at the first points; a proof may take longer than those.
        if (refutation := _refute(put, form_a, form_b, FEW, SMALL)) is not None:
            return refutation
        if reason := _unsettled(open_):
            for largest in (SMALL, LARGE):
                if (refutation := _refute(put, form_a, form_b, POINTS, largest)) is not None:
                    return refutation
            states = " and ".join(f"{put.state(state)}'" for state in open_)
            raise Undecided(
                f"neither a proof nor a counterexample was found for {a.name} and {b.name}: "
                f"{states} agree at {2 * POINTS} points, but their difference {reason}"
            )
    return Proof(a, b, put.texts, tuple(_steps(put, form_a, form_b)))


def _unsettled(differences: Mapping[str, Polynomial]) -> str:
    """Why it is not known that all differences are 0; empty if they are."""
    try:
        seen = vanish(differences.values())
    except (Unsettled, TooManyTerms) as error:
        return f"is too large to compare: {error}"
    return "" if seen else "is not seen to be 0 in exponentials and linear pieces"


def _steps(put: Correspondence, form_a: NormalForm, form_b: NormalForm) -> Iterator[Step]:
    """For every equation of b: the equation, with the substitution put in, and that of a."""
    writer_a = LatexWriter(put.a.program, put.a.sizes)
    writer_b = LatexWriter(put.b.program, put.b.sizes)
    for equation in put.b.program.equations:
        target = equation.target
        partner: Equation | None
        before = _equation(writer_b, target.name, equation.expression)
        if target.primed:
            partner, rule = put.a.program.equation_of[put.state(target.name)], "the same next state"
        else:
            partner, rule = _partner(put.a, form_a, form_b.values[target.name], target.name)
        if partner is None:
            after = _equation(writer_a, target.name, put.put_in(equation.expression))
        else:
            after = _equation(writer_a, partner.target.name, partner.expression)
        yield Step(before, rule, after)


def _partner(
    a: Cell, form_a: NormalForm, value: Polynomial, name: str
) -> tuple[Equation | None, str]:
    """The equation of a that computes a value of b, perhaps negated or as 1 minus it, and how."""
    for other, polynomial in form_a.values.items():
        for same, rule in (
            (polynomial, "the two agree"),
            (-polynomial + 1, f"σ(-a) = 1 - σ(a): {name} is 1 - {other}"),
            (-polynomial, f"{name} is -{other}"),
        ):
            if value == same:
                return a.program.equation_of[other], rule
    return None, "put in"


def _equation(writer: LatexWriter, name: str, expression: Expression) -> str:
    return f"{writer.name(name, 't')} = {writer.expression(expression)}"


def _refute(
    put: Correspondence, form_a: NormalForm, form_b: NormalForm, points: int, largest: int
) -> Refutation | None:
    """Look for integers at which the next states differ."""
    generator = random.Random(1)  # noqa: S311 - any numbers do
    for attempt in range(points):
        every = 1 + 2 * attempt // points
        point = _Point(put.a, every, largest, generator)
        values = RealValues(point.entry, point.size)
        for state in put.b.states:
            try:
                one = values.polynomial(form_a.states[put.state(state)], 0)
                other = values.polynomial(form_b.states[state], 0)
            except ArithmeticError:  # not known to be defined here
                continue
            shown = _shown(one), _shown(other)
            apart = one.b < other.a or other.b < one.a
            if apart and shown[0] != shown[1] and _is_known(one) and _is_known(other):
                sizes = {name: point.size(name) for name in put.a.size_names}
                found = put.state(state), *shown
                return Refutation(put.a, put.b, put.texts, sizes, point.arrays, *found)
    return None


class _Point:
    """Random integers for the input, the states and the parameters of a cell."""

    def __init__(self, cell: Cell, every_size: int, largest: int, generator: random.Random) -> None:
        self.every_size = every_size
        self.sizes = cell.sizes.multiplied(dict.fromkeys(cell.size_names, every_size))
        self.arrays: dict[str, list[list[Fraction]]] = {}
        for name in (*cell.program.data, *cell.program.parameters, *cell.constants):
            rows, columns = map(self.size, cell.sizes.shapes[name])
            self.arrays[name] = [
                [Fraction(generator.randint(-largest, largest)) for _ in range(columns)]
                for _ in range(rows)
            ]
            if (blocks := cell.sizes.blocks.get(name)) is not None:
                high, wide = rows // self.size(blocks), columns // self.size(blocks)
                for i, j in product(range(rows), range(columns)):
                    if i // high != j // wide:
                        self.arrays[name][i][j] = Fraction(0)

    def size(self, value: str | int) -> int:
        return self.sizes.get(value, self.every_size) if isinstance(value, str) else value

    def entry(self, name: str, row: int, column: int) -> Fraction:
        return self.arrays[name][row][column]


def _is_known(ball: Any) -> bool:
    """Whether an interval is so narrow that the digits shown, or decimals near 0, are exact."""
    return bool(ball.delta.b * 10 ** (SHOWN_DIGITS + 1) <= max(abs(ball).a, int(0 in ball)))


def _shown(ball: Any) -> str:
    import mpmath

    middle = 0 if 0 in ball else ball.mid.a
    return str(mpmath.nstr(mpmath.mpf(middle), SHOWN_DIGITS))
