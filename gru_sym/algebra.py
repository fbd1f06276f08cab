"""The equations as SymPy matrix expressions, to go on working with in SymPy."""

from __future__ import annotations

from typing import Any

import sympy as sp

from gru_sym.functions import FUNCTIONS
from gru_sym.language.scope import Program
from gru_sym.language.shapes import Sizes
from gru_sym.language.syntax import (
    Apply,
    Equation,
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
    through_relu,
)
from gru_sym.language.unification import Size


def size_expression(size: Size) -> sp.Expr:
    """A size in SymPy. Symbols have no assumptions, so that `sympy.symbols("m n")` match.

    >>> size_expression("n"), size_expression("n/4"), size_expression("k*m")
    (n, n/4, k*m)

    The second is the share of one block, the third that of a window of inputs.
    """
    if isinstance(size, str) and "*" in size:
        return sp.Mul(*(size_expression(int(e) if e.isdigit() else e) for e in size.split("*")))
    if isinstance(size, str) and "/" in size:
        whole, number = (size_expression(int(e) if e.isdigit() else e) for e in size.split("/"))
        return whole / number
    return sp.Symbol(size) if isinstance(size, str) else sp.Integer(size)


class MeanEntry(sp.Expr):  # type: ignore[misc]  # SymPy ships no types
    """The mean over the entries of a column; `doit` adds them up where their number is known.

    >>> MeanEntry(sp.Matrix([1, 2, 6])).doit()
    3
    """

    is_commutative = True

    def doit(self, **hints: Any) -> sp.Expr:
        """The sum of the entries over their number."""
        vector = self.args[0].doit(**hints)
        rows = vector.shape[0]
        if not sp.sympify(rows).is_Integer:
            return MeanEntry(vector)
        return sp.Add(*(vector[row, 0].doit(**hints) for row in range(rows))) / rows

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{mean}}\left({printer._print(self.args[0])}\right)"


class Algebra:
    """SymPy's view of a cell.

    Vectors are columns: a vector of size n is a `MatrixSymbol` of shape (n, 1), a kernel one of
    shape (n, m), a scalar a `Symbol`. Elementwise products are `HadamardProduct`, functions are
    applied with `applyfunc`, a number that spreads over a vector multiplies a `OneMatrix`.
    """

    def __init__(self, program: Program, sizes: Sizes) -> None:
        self.program = program
        self.sizes = sizes

    def symbol(self, name: str, primed: bool = False) -> sp.MatrixSymbol | sp.Symbol:
        """The symbol of a name; a next state keeps its prime."""
        label = name + "'" if primed else name
        if name in self.sizes.scalars:
            return sp.Symbol(label)
        rows, columns = (size_expression(size) for size in self.sizes.shapes[name])
        return sp.MatrixSymbol(label, rows, columns)

    def equation(self, equation: Equation) -> sp.Eq:
        """One equation, in terms of the names it is written in."""
        target = self.symbol(equation.target.name, equation.target.primed)
        right = self.expression(equation.expression)
        if isinstance(target, sp.Symbol) and isinstance(right, sp.MatrixExpr):
            right = right[0, 0]
        return sp.Eq(target, right, evaluate=False)

    def next_state(self, name: str) -> sp.MatrixExpr:
        """The next value of a state in terms of x, the states and the parameters alone."""
        known: dict[sp.Basic, sp.Expr] = {}
        for equation in self.program.equations:
            one = self.equation(equation)
            known[one.lhs] = one.rhs.xreplace(known)
        return known[self.symbol(name, primed=True)]

    def expression(self, expression: Expression) -> sp.Expr:
        """One expression of the cell."""
        match expression:
            case Number(value=value):
                return sp.Rational(value)
            case Name(name=name, primed=primed):
                return self.symbol(name, primed)
            case Transpose(operand=operand):
                return sp.Transpose(self.expression(operand))
            case Minus(operand=operand):
                return -self.expression(operand)
            case Apply(function=function, argument=argument):
                inner = self.expression(argument)
                if function == "identity":
                    return inner
                apply = FUNCTIONS[function].symbolic
                return inner.applyfunc(apply) if isinstance(inner, sp.MatrixExpr) else apply(inner)
            case Extremum():
                return self.expression(through_relu(expression))
            case Mean(operand=operand):
                return MeanEntry(self.expression(operand))
            case MatrixProduct(left=left, right=right):
                return self.expression(left) * self.expression(right)
            case Times(factors=parts):
                scalars, matrices = self._split(parts)
                product = sp.Mul(*scalars)
                return product * sp.hadamard_product(*matrices) if matrices else product
            case Plus(terms=parts):
                scalars, matrices = self._split(parts)
                total = sp.Add(*scalars)
                if not matrices:
                    return total
                vectors = sp.MatAdd(*matrices).doit() if len(matrices) > 1 else matrices[0]
                return vectors + total * sp.OneMatrix(*matrices[0].shape) if scalars else vectors

    def _split(self, parts: tuple[Expression, ...]) -> tuple[list[sp.Expr], list[sp.MatrixExpr]]:
        """The scalar parts, and the others."""
        converted = [self.expression(part) for part in parts]
        matrices = [part for part in converted if isinstance(part, sp.MatrixExpr)]
        return [part for part in converted if not isinstance(part, sp.MatrixExpr)], matrices
