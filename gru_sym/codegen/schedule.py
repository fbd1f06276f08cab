"""When each part of a cell can be computed: once, for the whole sequence, or step by step.

What depends on parameters alone is computed once. What depends on x but on no state is computed
for all steps at once, before the loop over time. Only the rest has to wait for the step before.
Sums and products are regrouped for this, so of `W @ x + b + U @ h` only `U @ h` stays in the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.cells import Cell
from gru_sym.codegen.fusion import Assign, Line, Split, Stack, fuse
from gru_sym.codegen.names import Names
from gru_sym.codegen.terms import Reader, name, plus, product, rebuild, times
from gru_sym.language.shapes import Sizes
from gru_sym.language.syntax import (
    INPUT,
    Expression,
    MatrixProduct,
    Minus,
    Name,
    Number,
    Plus,
    Times,
    Transpose,
    names,
    walk,
)


class Stage(IntEnum):
    """When a value is known."""

    ONCE = 0
    SEQUENCE = 1
    STEP = 2


@dataclass(frozen=True)
class Schedule:
    """The lines of a sequence function.

    Attributes
    ----------
    once : lines that read parameters alone.
    sequence : lines that compute a value for every step at once.
    step : the lines of the loop.
    whole : the names that hold a value for every step; the loop reads one step of each.
    static : the names of what depends on parameters alone.
    sizes : the shapes of all names but the stacks, whose rows are no single size; see `shapes`.
    """

    once: tuple[Assign | Stack, ...]
    sequence: tuple[Line, ...]
    step: tuple[Line, ...]
    whole: frozenset[str]
    static: frozenset[str]
    sizes: Sizes

    @property
    def products_per_step(self) -> int:
        """How many matrix products the loop computes at each step."""
        return sum(
            1 + _products(line.operand) if isinstance(line, Split) else _products(line.expression)
            for line in self.step
        )

    @property
    def numbers_per_step(self) -> sp.Expr:
        """How many numbers, for each step and member of the batch, are kept for the loop.

        >>> from gru_sym import cell
        >>> schedule(cell("gru.pytorch")).numbers_per_step
        3*n
        """
        kept = {n for line in self.sequence for n in line.names}
        return sp.Add(*(self.shapes[n][0] for n in kept))

    @cached_property
    def shapes(self) -> Mapping[str, tuple[sp.Expr, sp.Expr]]:
        """Rows and columns of every name in SymPy; a stack has the rows of all of its parts.

        >>> from gru_sym import cell
        >>> schedule(cell("gru.pytorch")).shapes["kernels_h"]
        (3*n, n)
        """
        found = {
            n: (size_expression(rows), size_expression(columns))
            for n, (rows, columns) in self.sizes.shapes.items()
        }
        for line in self.once:
            if isinstance(line, Stack):
                shapes = [self.sizes.shape(part) for part in line.parts]
                rows = sp.Add(*(size_expression(rows) for rows, _ in shapes))
                found[line.target] = (rows, size_expression(shapes[0][1]))
        for split in (*self.sequence, *self.step):
            if isinstance(split, Split):
                found[split.whole] = (found[split.kernels.target][0], sp.Integer(1))
        return found


def schedule(cell: Cell, taken: Names | None = None) -> Schedule:
    """Sort the work of a cell into the three stages, and fuse products with the same operand.

    >>> from gru_sym import cell
    >>> schedule(cell("gru.pytorch")).products_per_step    # reset after the product
    1
    >>> schedule(cell("gru.dey_salem")).products_per_step  # reset before the product
    2
    >>> sorted(schedule(cell("gru.pytorch")).whole - {"x"})
    ['n_x', 'r_x', 'z_x']

    Raises `CellError` for a matrix that is another one at each step.
    """
    return _Scheduler(cell, taken or Names(cell)).run()


@dataclass
class _Scheduler:
    cell: Cell
    fresh: Names
    once: list[Assign] = field(default_factory=list)
    sequence: list[Assign] = field(default_factory=list)
    step: list[Assign] = field(default_factory=list)
    stages: dict[str, Stage] = field(default_factory=dict)
    hoisted: dict[Expression, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        program = self.cell.program
        self.sizes = self.cell.sizes
        self.stages = dict.fromkeys((*program.parameters, *program.constants), Stage.ONCE)
        self.stages |= dict.fromkeys(program.states, Stage.STEP)
        self.stages |= dict.fromkeys(program.inputs, Stage.SEQUENCE)

    def run(self) -> Schedule:
        for target, expression in Reader(self.cell.program, self.sizes).equations():
            self._equation(target, expression)
        static = frozenset(n for n, stage in self.stages.items() if stage is Stage.ONCE)
        sequence = fuse(self.sequence, static, self.sizes, self.fresh)
        step = fuse(self.step, static, self.sizes, self.fresh)
        return Schedule(
            once=(*self.once, *sequence.stacks, *step.stacks),
            sequence=sequence.lines,
            step=step.lines,
            whole=frozenset(self.cell.inputs).union(n for s in sequence.lines for n in s.names),
            static=static,
            sizes=replace(self.sizes, shapes=self.sizes.shapes | sequence.shapes | step.shapes),
        )

    def _equation(self, target: Name, expression: Expression) -> None:
        stage = self._stage(expression)
        if target.primed or stage is Stage.STEP:
            self.step.append(Assign(target, self._in_the_loop(expression, target.name)))
            stage = Stage.STEP
        else:
            (self.once, self.sequence)[stage].append(Assign(target, expression))
        if not target.primed:
            self.stages[target.name] = stage

    def _stage(self, expression: Expression) -> Stage:
        found = (Stage.STEP if n.primed else self.stages[n.name] for n in names(expression))
        return max(found, default=Stage.ONCE)

    def _in_the_loop(self, expression: Expression, target: str) -> Expression:
        """The expression with everything that is known before the loop computed there."""
        if self._stage(expression) is not Stage.STEP:
            return self._hoist(expression, target)
        match expression:
            case MatrixProduct(left=left, right=right):
                return product(self._hoist(left, target), self._in_the_loop(right, target))
            case Plus(terms=parts):
                return self._regroup(plus, parts, target)
            case Times(factors=parts):
                return self._regroup(times, parts, target)
        return rebuild(expression, lambda part: self._in_the_loop(part, target))

    def _regroup(
        self,
        combine: Callable[[Iterable[Expression]], Expression],
        parts: tuple[Expression, ...],
        target: str,
    ) -> Expression:
        """What is known before the loop as one part, in front of the others."""
        known = [p for p in parts if self._stage(p) is not Stage.STEP]
        rest = [self._in_the_loop(p, target) for p in parts if self._stage(p) is Stage.STEP]
        first = [self._hoist(combine(known), target)] if known else []
        return combine([*first, *rest])

    def _hoist(self, expression: Expression, target: str) -> Expression:
        """A name for a value that is known before the loop; names and numbers need none."""
        plain = expression.operand if isinstance(expression, Minus | Transpose) else expression
        if isinstance(plain, (Name, Number)):
            return expression
        if expression not in self.hoisted:
            stage = self._stage(expression)
            suffix = INPUT if stage is Stage.SEQUENCE else "0"
            new = self.fresh(f"{target}_{suffix}")
            self._declare(new, expression)
            self.stages[new] = stage
            self.hoisted[expression] = new
            (self.once, self.sequence)[stage].append(Assign(name(new), expression))
        return name(self.hoisted[expression])

    def _declare(self, new: str, expression: Expression) -> None:
        shapes = {**self.sizes.shapes, new: self.sizes.shape(expression)}
        extra = {new} if self.sizes.is_scalar(expression) else set()
        self.sizes = replace(self.sizes, shapes=shapes, scalars=self.sizes.scalars | extra)


def _products(expression: Expression) -> int:
    return sum(isinstance(part, MatrixProduct) for part in walk(expression))
