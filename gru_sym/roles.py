"""What a parameter does and which gate it serves, read off the equations, not off the names."""

from __future__ import annotations

from collections.abc import Iterator

from gru_sym.language.scope import Program
from gru_sym.language.shapes import Sizes
from gru_sym.language.syntax import (
    Apply,
    Expression,
    Extremum,
    MatrixProduct,
    Mean,
    Minus,
    Name,
    Plus,
    Times,
    Transpose,
    applies_function,
    children,
    names,
)

INPUT_KERNEL = "input kernel"
RECURRENT_KERNEL = "recurrent kernel"
PEEPHOLE = "peephole"
PROJECTION = "projection"
SCALE = "scale"
BIAS = "bias"


def output_state(program: Program) -> str:
    """The state that a layer hands on: `h` where there is one, else the last one computed.

    A state that only holds an input of an earlier step is not handed on.
    """
    computed = [state for state in program.states if state not in program.delayed]
    return "h" if "h" in program.states else computed[-1]


def roles(program: Program, sizes: Sizes) -> dict[str, str]:
    """The role of every parameter; a tied one with several roles has them joined by "and".

    * a kernel multiplies (by @) something with a state of the step before: *recurrent kernel*;
      with an input, of this step or an earlier one: *input kernel*; with values of this step
      that depend on both: *projection*;
    * a vector times an input or the output state is a diagonal kernel; times another state, a
      *peephole*; times anything else, a *scale*, like every scalar that multiplies;
    * what is added to something with data in it is a *bias*; but a scalar added to a factor is a
      scale, since it multiplies the other factors: (v + s) * w = v * w + s * w.

    >>> from gru_sym.language.scope import read
    >>> from gru_sym.language.inference import infer
    >>> program = read("h' = tanh(W @ x + u * h + b)")
    >>> roles(program, infer(program))
    {'W': 'input kernel', 'u': 'recurrent kernel', 'b': 'bias'}
    """
    reader = _RoleReader(program, sizes)
    found: dict[str, dict[str, None]] = {name: {} for name in program.parameters}
    for equation in program.equations:
        if equation.target.name not in reader.constants:
            for name, role in reader.visit(equation.expression, BIAS):
                found[name][role] = None
    return {name: " and ".join(each) for name, each in found.items()}


def gates(program: Program) -> dict[str, str]:
    """The gate that every parameter serves; several, joined by commas, for a shared one.

    A gate is a value with a function in its equation, or a state. What stands in a value without
    a function serves the gates that use this value.
    """
    users: dict[str, dict[str, None]] = {equation.target.name: {} for equation in program.equations}
    for equation, name in program.occurrences():
        if name.name in users and not name.primed:
            users[name.name][equation.target.name] = None
    serves: dict[str, tuple[str, ...]] = {}
    for equation in reversed(program.equations):
        target = equation.target.name
        if equation.target.primed or applies_function(equation.expression):
            serves[target] = (target,)
        else:
            serves[target] = tuple(
                dict.fromkeys(gate for user in users[target] for gate in serves[user])
            )
    found: dict[str, dict[str, None]] = {name: {} for name in program.parameters}
    for equation, name in program.occurrences():
        if name.name in found:
            found[name.name].update(dict.fromkeys(serves[equation.target.name]))
    return {name: ", ".join(each) for name, each in found.items()}


class _RoleReader:
    def __init__(self, program: Program, sizes: Sizes) -> None:
        self.program = program
        self.sizes = sizes
        self.parameters = frozenset(program.parameters)
        self.fixed = self.parameters | frozenset(program.constants)
        self.inputs = frozenset([*program.inputs, *program.delayed])
        self.output = output_state(program)
        self.constants: set[str] = set()
        """Values without data: their parameters have the role the value has."""
        for equation in program.equations:
            if not equation.target.primed and self._is_constant(equation.expression):
                self.constants.add(equation.target.name)

    def visit(
        self, expression: Expression, role: str, factor: bool = False
    ) -> Iterator[tuple[str, str]]:
        """Each parameter with its role; `role` is what a bare parameter here would be.

        `factor` tells whether the expression multiplies something else with data.
        """
        match expression:
            case Name(name=name) if name in self.parameters:
                yield name, role
            case Name(name=name, primed=False) if name in self.constants:
                yield from self.visit(self.program.equation_of[name].expression, role)
            case Apply() | Extremum() | Mean() | Transpose():
                for part in children(expression):
                    yield from self.visit(part, role)
            case Minus(operand=operand):
                yield from self.visit(operand, role, factor)
            case Plus(terms=terms):
                # Among parameters alone, as in 1 - a or W + V, nothing is a bias to anything.
                inner = role if self._is_constant(expression) else BIAS
                for term in terms:
                    # (v + s) * w is v * w + s * w: a scalar s multiplies w.
                    scales = inner is BIAS and factor and self.sizes.is_scalar(term)
                    yield from self.visit(term, SCALE if scales else inner, factor)
            case Times(factors=factors):
                data = [factor for factor in factors if not self._is_constant(factor)]
                multiplier = self._multiplier(data, role)
                for part in factors:
                    if not self._is_constant(part):
                        yield from self.visit(part, role, factor or len(data) > 1)
                    elif data and self.sizes.is_scalar(part):
                        yield from self.visit(part, SCALE)
                    else:
                        yield from self.visit(part, multiplier)
            case MatrixProduct(left=left, right=right):
                yield from self.visit(left, self._kernel(right, role))
                yield from self.visit(right, role)

    def _multiplier(self, data: list[Expression], role: str) -> str:
        """The role of a vector that multiplies the other factors, those with data, elementwise."""
        if not data:
            return role
        met = [name for factor in data for name in _outside_matrix_products(factor)]
        states = {name.name for name in met if name.name in self.program.states} - self.inputs
        if states:
            return RECURRENT_KERNEL if self.output in states else PEEPHOLE
        return INPUT_KERNEL if any(name.name in self.inputs for name in met) else SCALE

    def _kernel(self, operand: Expression, role: str) -> str:
        """The role of a matrix that multiplies the operand."""
        if self._is_constant(operand):
            return role
        read = list(names(operand))
        states = {*self.program.states} - self.inputs
        if any(name.name in states and not name.primed for name in read):
            return RECURRENT_KERNEL
        sources = self.inputs & {name.name for name in read} or self._sources(operand)
        if sources and sources <= self.inputs:
            return INPUT_KERNEL
        return PROJECTION if sources & self.inputs else RECURRENT_KERNEL

    def _sources(self, expression: Expression) -> set[str]:
        """The input and the states that an expression depends on, through values as well."""
        found: set[str] = set()
        pending, seen = list(names(expression)), set()
        while pending:
            name = pending.pop()
            if name.name in self.program.data and not name.primed:
                found.add(name.name)
            elif name.name not in self.fixed and str(name) not in seen:
                seen.add(str(name))
                pending.extend(names(self.program.equation_of[name.name].expression))
        return found

    def _is_constant(self, expression: Expression) -> bool:
        """Whether no input and no state is in it."""
        constant = self.fixed | self.constants
        return all(name.name in constant and not name.primed for name in names(expression))


def _outside_matrix_products(expression: Expression) -> Iterator[Name]:
    if isinstance(expression, Name):
        yield expression
    elif not isinstance(expression, MatrixProduct):
        for child in children(expression):
            yield from _outside_matrix_products(child)
