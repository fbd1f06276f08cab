"""The data flow of a cell: what every operation of its equations reads, and who reads its result.

An operation is a node. What it takes as it is, parameters and numbers, belongs to it; everything
else comes on an edge. A function stands in one node with the operation whose result it takes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from gru_sym.cells import Cell
from gru_sym.language.printer import print_expression
from gru_sym.language.shapes import Shape
from gru_sym.language.syntax import (
    Apply,
    Equation,
    Expression,
    Extremum,
    MatrixProduct,
    Minus,
    Name,
    Number,
    Plus,
    Times,
    children,
    divisor,
    names,
)

SIGNS = {Plus: "+", Times: "⊙", Minus: "−", MatrixProduct: "@"}
GIVEN, KERNEL, OPERATION, RESULT = "given", "kernel", "operation", "result"


@dataclass(frozen=True)
class Node:
    """One node.

    Attributes
    ----------
    kind : what is GIVEN from outside, a KERNEL's product, another OPERATION, or a RESULT.
    texts : a name; or a sign, and the functions that follow it.
    gate : the name whose equation it stands in; "" for the input and the states.
    shape : rows and columns of what comes out of it.
    taken : the parameters, constants and numbers that it takes as they are, beside a kernel.
    value : the name of what comes out of it, if it has one and others than a RESULT read it.
    """

    kind: str
    texts: tuple[str, ...]
    gate: str
    shape: Shape
    taken: tuple[str, ...] = ()
    value: str = ""


@dataclass
class Graph:
    """Nodes, and edges from one to another by their places in the list."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)


def read(cell: Cell, only: Collection[str] = ()) -> Graph:
    """The data flow of a cell; or of some of its equations, with the values of the others given.

    >>> from gru_sym import cell
    >>> graph = read(cell("rnn.elman"))
    >>> for start, end in graph.edges:
    ...     print(*graph.nodes[start].texts, "->", *graph.nodes[end].texts)
    x -> W
    h -> U
    W -> + tanh
    U -> + tanh
    + tanh -> h'

    Raises `ValueError` for a name in `only` that no equation computes.
    """
    return _Reader(cell, only).graph


class _Reader:
    def __init__(self, cell: Cell, only: Collection[str]) -> None:
        self.cell, self.graph = cell, Graph()
        self.arrays = {*cell.program.parameters, *cell.program.constants}
        self.known: dict[str, int] = {}
        targets = [e.target.name for e in cell.program.equations]
        for name in only:
            if name not in targets:
                raise ValueError(
                    f"{cell.name} has no equation of {name!r}; it computes {', '.join(targets)}"
                )
        chosen = [e for e in cell.program.equations if not only or e.target.name in only]
        self._given(chosen)
        for equation in chosen:
            self._equation(equation)
        read_again = {str(name) for e in chosen for name in names(e.expression)}
        for target in (e.target for e in chosen):
            if target.primed or str(target) not in read_again:
                made = self.known[str(target)]
                if made not in (start for start, _ in self.graph.edges):  # no name twice
                    self.graph.nodes[made] = replace(self.graph.nodes[made], value="")
                end = Node(RESULT, (str(target),), target.name, cell.sizes.shape(target))
                self._add(end, made)

    def _given(self, chosen: list[Equation]) -> None:
        """What comes from outside: the input, the states, and values of equations left out."""
        computed = {str(e.target) for e in chosen} | self.arrays
        for name in (name for e in chosen for name in names(e.expression)):
            if str(name) not in computed and str(name) not in self.known:
                shape = self.cell.sizes.shape(name)
                gate = "" if name.name in self.cell.program.data else name.name
                node = Node(GIVEN, (str(name),), gate, shape, value=str(name))
                self.known[str(name)] = self._add(node)

    def _equation(self, equation: Equation) -> None:
        target = equation.target
        made = self._read(equation.expression, target.name)
        if made is None:  # nothing but a parameter or a number
            made = self._operation(equation.expression, "=", target.name, (equation.expression,))
        node = self.graph.nodes[made]
        if not node.value:
            self.graph.nodes[made] = replace(node, value=str(target))
        self.known[str(target)] = made

    def _add(self, node: Node, *operands: int) -> int:
        self.graph.nodes.append(node)
        place = len(self.graph.nodes) - 1
        self.graph.edges += [(operand, place) for operand in operands]
        return place

    def _read(self, expression: Expression, gate: str) -> int | None:
        """The node of an expression; None for a parameter or a number, which its reader takes."""
        match expression:
            case Number():
                return None
            case Name(name=name):
                return None if name in self.arrays else self.known[str(expression)]
            case MatrixProduct(left=Name(name=kernel), right=right) if kernel in self.arrays:
                return self._operation(expression, kernel, gate, (right,), KERNEL)
            case Apply(function=function, argument=argument):
                inner = self._read(argument, gate)
                node = None if inner is None else self.graph.nodes[inner]
                if inner is None or node is None or node.kind != OPERATION or node.value:
                    return self._operation(expression, function, gate, (argument,), known=inner)
                self.graph.nodes[inner] = replace(node, texts=(*node.texts, function))
                return inner
            case Times(factors=(above, below)) if (under := divisor(below)) is not None:
                return self._operation(expression, "÷", gate, (above, under))
            case Extremum(function=function, parts=parts):
                return self._operation(expression, function, gate, parts)
            case Plus(terms=(Number(value=number), Minus(operand=operand))):  # 1 - z is one step
                return self._operation(expression, f"{number} −", gate, (operand,))
        sign = SIGNS.get(type(expression)) or type(expression).__name__.lower()
        return self._operation(expression, sign, gate, children(expression))

    def _operation(
        self,
        expression: Expression,
        text: str,
        gate: str,
        parts: tuple[Expression, ...],
        kind: str = OPERATION,
        known: int | None = None,
    ) -> int:
        taken, operands = [], []
        for part in parts:
            place = self._read(part, gate) if known is None else known
            if place is not None:
                operands.append(place)
            else:
                taken.append(print_expression(part))
        shape = self.cell.sizes.shape(expression)
        return self._add(Node(kind, (text,), gate, shape, tuple(taken)), *operands)
