"""Proofs, for all sizes, that one cell is another one under a substitution, and refutations."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gru_sym.cells import Cell
from gru_sym.language.parser import parse
from gru_sym.language.syntax import (
    INPUT,
    Apply,
    Equation,
    Expression,
    MatrixProduct,
    Minus,
    Name,
    Plus,
    Times,
    names,
)
from gru_sym.latex import LatexWriter
from gru_sym.normal.form import FormWriter, NormalForm, normal_form
from gru_sym.normal.polynomials import (
    Polynomial,
)
from gru_sym.normal.real_values import RealValues
from gru_sym.render import Math, Table

SHOWN_DIGITS = 20


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
    """Neither a proof nor a counterexample was found."""


def equivalent(
    a: Cell, b: Cell, substitution: Mapping[str, str] | None = None
) -> Proof | Refutation:
    """Prove that cell b becomes cell a when the substitution is put into b, or refute it.

    >>> from gru_sym import cell
    >>> merged = {"b_z": "b_zW + b_zU", "b_r": "b_rW + b_rU", "b_h": "b_hW + b_hU"}
    >>> proof = equivalent(cell("gru.answer"), cell("gru.dey_salem"), merged)
    >>> bool(proof), len(proof.steps)
    (True, 4)

    Parameters
    ----------
    a, b : the cells.
    substitution : what stands in a for names of b: an expression in the parameters of a for a
        parameter of b, a name for a state. What is not mentioned has the same name in both.

    Returns
    -------
    A `Proof`, which is true, with steps for symbolic sizes; or a `Refutation`, which is false.

    Raises
    ------
    ValueError : for a substitution that does not fit the cells.
    Undecided : a ValueError, if neither is found.
    """
    put = _Substituted(a, b, substitution or {})
    form_a, form_b = normal_form(a.program, a.sizes), put.form
    if all(form_a.states[put.state(s)] == form_b.states[s] for s in b.states):
        return Proof(a, b, put.texts, tuple(_steps(put, form_a)))
    return _refute(put, form_a)


class _Substituted:
    """Cell b in the parameters of cell a."""

    def __init__(self, a: Cell, b: Cell, texts: Mapping[str, str]) -> None:
        self.a, self.b, self.texts = a, b, dict(texts)
        known = {INPUT, *b.states, *b.program.parameters}
        for name in self.texts:
            if name not in known:
                raise ValueError(f"{b.name} has no parameter or state {name}")
        self.trees = {name: self._tree(name) for name in known}
        if {self.state(s) for s in b.states} != set(a.states):
            raise ValueError(f"the states of {b.name} do not correspond to those of {a.name}")

    def _tree(self, name: str) -> Expression:
        """What stands in a for a name of b, checked to have its shape."""
        text = self.texts.get(name, name)
        tree = parse(f"{name} = {text}")[0][0].expression
        for used in names(tree):
            if used.primed or used.name not in {INPUT, *self.a.states, *self.a.program.parameters}:
                raise ValueError(
                    f"{used} in the substitution for {name} is no parameter of {self.a.name}"
                )
        shape, expected = self.a.sizes.shape(tree), self.b.sizes.shapes[name]
        if shape != expected:
            raise ValueError(f"{name} has shape {expected}, but {text} has shape {shape}")
        return tree

    def state(self, name: str) -> str:
        """The state of a that a state of b stands for."""
        tree = self.trees[name]
        if not isinstance(tree, Name):
            raise ValueError(f"the state {name} can only be renamed")
        return tree.name

    @property
    def form(self) -> NormalForm:
        """The normal form of b after the substitution."""
        reader = FormWriter(self.a.program, self.a.sizes)
        known = {name: reader.polynomial(tree) for name, tree in self.trees.items()}
        return normal_form(self.b.program, self.b.sizes, known)

    def put_in(self, expression: Expression) -> Expression:
        """An expression of b with the substitution put in."""
        match expression:
            case Name(name=name, primed=False) if name in self.trees:
                return self.trees[name]
            case Name(name=name, primed=True):
                return Name(self.state(name), True, expression.place)
            case Apply(function=function, argument=argument, place=place):
                return Apply(function, self.put_in(argument), place)
            case MatrixProduct(left=left, right=right, place=place):
                return MatrixProduct(self.put_in(left), self.put_in(right), place)
            case Times(factors=parts, place=place):
                return Times(tuple(map(self.put_in, parts)), place)
            case Plus(terms=parts, place=place):
                return Plus(tuple(map(self.put_in, parts)), place)
            case Minus(operand=operand, place=place):
                return Minus(self.put_in(operand), place)
        return expression


def _steps(put: _Substituted, form_a: NormalForm) -> Iterator[Step]:
    """For every equation of b: the equation, with the substitution put in, and that of a."""
    writer_a = LatexWriter(put.a.program, put.a.sizes)
    writer_b = LatexWriter(put.b.program, put.b.sizes)
    form_b = put.form
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


def _refute(put: _Substituted, form_a: NormalForm) -> Refutation:
    """Look for small integers at which the next states differ."""
    generator = random.Random(1)  # noqa: S311 - any numbers do
    form_b = put.form
    for attempt in range(60):
        every = 1 + attempt // 30
        point = _Point(put.a, every, generator)
        values = RealValues(point.entry, point.size)
        for state in put.b.states:
            one = values.polynomial(form_a.states[put.state(state)], 0)
            other = values.polynomial(form_b.states[state], 0)
            if one.b < other.a or other.b < one.a:
                sizes = dict.fromkeys(put.a.size_names, every)
                found = (put.state(state), _shown(one), _shown(other))
                return Refutation(put.a, put.b, put.texts, sizes, point.arrays, *found)
    raise Undecided(
        f"neither a proof nor a counterexample was found for {put.a.name} and {put.b.name}"
    )


class _Point:
    """Small random integers for the input, the states and the parameters of a cell."""

    def __init__(self, cell: Cell, every_size: int, generator: random.Random) -> None:
        self.every_size = every_size
        self.arrays: dict[str, list[list[Fraction]]] = {}
        for name in (INPUT, *cell.states, *cell.program.parameters):
            rows, columns = map(self.size, cell.sizes.shapes[name])
            self.arrays[name] = [
                [Fraction(generator.randint(-2, 2)) for _ in range(columns)] for _ in range(rows)
            ]

    def size(self, value: str | int) -> int:
        return self.every_size if isinstance(value, str) else value

    def entry(self, name: str, row: int, column: int) -> Fraction:
        return self.arrays[name][row][column]


def _shown(ball: Any) -> str:
    import mpmath

    return str(mpmath.nstr(mpmath.mpf(ball.mid.a), SHOWN_DIGITS))
