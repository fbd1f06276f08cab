"""Every operation that the generated code does on arrays, forward, in order, with symbolic sizes.

A schedule is run without numbers: an array is known by its size, by the storage that it lies in,
and by whether a gradient flows to it. What a sequence costs and what it keeps for the backward pass
are sums over these operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.cells import Cell
from gru_sym.codegen.fusion import Assign, Line, Stack
from gru_sym.codegen.reading import output_first
from gru_sym.codegen.schedule import schedule
from gru_sym.functions import MEAN
from gru_sym.language.syntax import (
    INPUT,
    RECIPROCAL,
    Apply,
    Expression,
    Extremum,
    MatrixProduct,
    Mean,
    Minus,
    Name,
    Number,
    Plus,
    Times,
    Transpose,
    divisor,
)

ONE = sp.Integer(1)
PRODUCT, ADDITION, MULTIPLICATION, SIGN = "matrix product", "addition", "multiplication", "sign"
DIVISION = "division"


@dataclass(frozen=True, eq=False)
class Array:
    """An array without its numbers.

    Attributes
    ----------
    shape : rows and columns of the features.
    lead : how many such features it holds: 1, B, or T B.
    grad : whether a gradient flows to it.
    given : it is a parameter, the input, or a trained first state, and kept anyway.
    base : the array whose storage it is a view of; None if it has its own.
    blocks : how many blocks on the diagonal it is made of.
    """

    shape: tuple[sp.Expr, sp.Expr]
    lead: sp.Expr = ONE
    grad: bool = False
    given: bool = False
    base: Array | None = None
    blocks: sp.Expr = ONE

    @property
    def numbers(self) -> sp.Expr:
        """How many numbers it holds."""
        return self.lead * self.shape[0] * self.shape[1] / self.blocks

    @property
    def storage(self) -> Array:
        """The array whose storage this one lies in."""
        return self.base.storage if self.base else self

    def view(self, lead: sp.Expr, shape: tuple[sp.Expr, sp.Expr]) -> Array:
        """A part of it, in the same storage."""
        return Array(shape, lead, self.grad, self.given, self)


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation: its kind or the name of its function, its operands, its result.

    `work` is its number of multiply-adds if it is a matrix product, of operands if it is a mean,
    else of results.
    """

    kind: str
    operands: tuple[Array, ...]
    result: Array
    work: sp.Expr


@dataclass(frozen=True)
class Trace:
    """What is done once, for the whole sequence, and at each of the first steps."""

    once: list[Operation]
    sequence: list[Operation]
    steps: list[list[Operation]]


def trace(
    cell: Cell,
    steps: int,
    time: sp.Expr,
    batch: sp.Expr,
    input_grad: bool = False,
    states_grad: bool = False,
) -> Trace:
    """Run the schedule of a cell for a sequence of `time` steps, the first `steps` of the loop.

    >>> from gru_sym import cell
    >>> T, B = sp.symbols("T B")
    >>> [done.kind for done in trace(cell("rnn.elman"), 1, T, B).steps[0]]
    ['matrix product', 'addition', 'tanh']
    """
    return _Run(cell, time, batch, input_grad, states_grad).run(steps)


@dataclass
class _Run:
    cell: Cell
    time: sp.Expr
    batch: sp.Expr
    input_grad: bool
    states_grad: bool
    known: dict[str, Array | None] = field(default_factory=dict)
    shapes: Mapping[str, tuple[sp.Expr, sp.Expr]] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    in_loop: bool = False
    primed: dict[str, Array | None] = field(default_factory=dict)
    done: list[Operation] = field(default_factory=list)

    def run(self, steps: int) -> Trace:
        plan = schedule(self.cell)
        self.shapes = plan.shapes
        self.whole = plan.whole
        states = output_first(self.cell)
        for parameter in self.cell.program.parameters:
            blocks = size_expression(self.cell.sizes.blocks.get(parameter, 1))
            shape = self.shapes[parameter]
            self.known[parameter] = Array(shape, grad=True, given=True, blocks=blocks)
        for constant in self.cell.constants:
            self.known[constant] = Array(self.shapes[constant], given=True)
        given = self.states_grad
        for state in states:
            self.known[state] = Array(self.shapes[state], self.batch, given, given)
        lead = self.time * self.batch
        for vector in self.cell.inputs:  # above the first level x is an output of the one below
            grad = self.input_grad and vector == INPUT
            self.known[vector] = Array(self.shapes[vector], lead, grad, given=True)
        once = self._lines(plan.once)
        sequence = self._lines(plan.sequence)
        self.in_loop = True
        loop = []
        for _ in range(steps):
            loop.append(self._lines(plan.step))
            self.known |= self.primed
        return Trace(once, sequence, loop)

    def _lines(self, lines: tuple[Line | Stack, ...]) -> list[Operation]:
        self.done = []
        for line in lines:
            self._line(line)
        return self.done

    def _line(self, line: Line | Stack) -> None:
        if isinstance(line, Stack):
            for part in line.parts:
                self._value(part)
            self.known[line.target] = Array(self.shapes[line.target], grad=True)
        elif isinstance(line, Assign):
            value = self._value(line.expression)
            if not line.target.primed:
                self.known[line.target.name] = value
                return
            if value is None or value.lead == 1:  # zeros with the axes of the batch, and it
                zeros = Array(self.shapes[line.target.name], self.batch)
                value = self._do(ADDITION, [zeros, *([value] if value else [])])
            self.primed[line.target.name] = value
        else:
            kernels = self._array(line.kernels.target)
            whole = self._product(kernels, self._need(line.operand))
            if line.biases:
                whole = self._do(ADDITION, [whole, self._array(line.biases.target)])
            for name in line.names:
                self.known[name] = whole.view(whole.lead, self.shapes[name])

    def _array(self, name: str) -> Array:
        array = self.known[name]
        assert array is not None
        if self.in_loop and name in self.whole:
            return array.view(self.batch, array.shape)
        return array

    def _need(self, expression: Expression) -> Array:
        value = self._value(expression)
        assert value is not None, "a matrix product has arrays on both sides"
        return value

    def _value(self, expression: Expression) -> Array | None:
        """The array that an expression becomes; None for a number."""
        match expression:
            case Number():
                return None
            case Name(name=name, primed=primed):
                if primed:
                    return self.primed[name]
                return None if self.known[name] is None else self._array(name)
            case Transpose(operand=operand):
                array = self._need(operand)
                return array.view(array.lead, (array.shape[1], array.shape[0]))
            case Minus(operand=operand):
                value = self._value(operand)
                return value and self._do(SIGN, [value])
            case Apply(function=function, argument=argument):
                value = self._do(function, [self._need(argument)])
                # What PyTorch does for 1 / a: a.reciprocal() * 1.
                return self._do(MULTIPLICATION, [value]) if function == RECIPROCAL else value
            case MatrixProduct(left=left, right=right):
                number = self.cell.sizes.blocks_of(left) or 1
                return self._product(self._need(left), self._need(right), size_expression(number))
            case Times(factors=parts):
                return self._times(parts)
            case Extremum(function=function, parts=parts):
                return self._fold(function, parts)
            case Mean(operand=operand):
                return self._mean(self._need(operand))
            case Plus(terms=parts):
                plain = [part.operand if isinstance(part, Minus) else part for part in parts[1:]]
                return self._fold(ADDITION, (parts[0], *plain))  # a minus sign: a subtraction

    def _fold(self, kind: str, parts: tuple[Expression, ...]) -> Array | None:
        first, *rest = map(self._value, parts)
        for part in rest:
            both = [array for array in (first, part) if array is not None]
            first = self._do(kind, both) if both else None
        return first

    def _times(self, parts: tuple[Expression, ...]) -> Array | None:
        """A product; a number over an array is its reciprocal times the number."""
        first, *rest = parts
        value = self._value(first)
        for part in rest:
            under = divisor(part)
            if under is not None and value is None:
                value = self._value(part)
                continue
            other = self._value(part if under is None else under)
            both = [array for array in (value, other) if array is not None]
            kind = MULTIPLICATION if under is None else DIVISION
            value = self._do(kind, both) if both else None
        return value

    def _mean(self, operand: Array) -> Array:
        result = Array((ONE, ONE), operand.lead, operand.grad)
        self.done.append(Operation(MEAN, (operand,), result, operand.numbers))
        return result

    def _product(self, left: Array, right: Array, blocks: sp.Expr = ONE) -> Array:
        shape = (left.shape[0], right.shape[1])
        if right.lead == 1 and left.shape[1] == 1:  # a column and a row: no sum
            return self._do(MULTIPLICATION, [left, right], shape)
        result = Array(shape, right.lead, left.grad or right.grad)
        work = right.lead * shape[0] * left.shape[1] * shape[1] / blocks
        self.done.append(Operation(PRODUCT, (left, right), result, work))
        return result

    def _do(
        self, kind: str, operands: list[Array], shape: tuple[sp.Expr, sp.Expr] | None = None
    ) -> Array:
        shape = shape or next((a.shape for a in operands if a.shape != (1, 1)), operands[0].shape)
        lead = next((a.lead for a in operands if a.lead != 1), ONE)
        result = Array(shape, lead, any(a.grad for a in operands))
        self.done.append(Operation(kind, tuple(operands), result, result.numbers))
        return result
