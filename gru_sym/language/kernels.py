"""Kernels of a form of their own, with blocks on the diagonal or transposed, stand where they may.

Off its blocks such a kernel is 0 and has no numbers. So it is read where it multiplies a vector:
`U @ h`, `-U @ h`, `(2 * U) @ h`, `(U + V) @ h` for two with equally many blocks, and nowhere else.
"""

from __future__ import annotations

from gru_sym.language.scope import Program
from gru_sym.language.shapes import Sizes
from gru_sym.language.syntax import (
    BLOCKS,
    Expression,
    MatrixProduct,
    Minus,
    Name,
    Plus,
    Times,
    Transpose,
    children,
)


def check_kernels(program: Program, sizes: Sizes) -> None:
    r"""Refuse blocks of what is no kernel, or no multiple, and a kernel of blocks elsewhere.

    >>> from gru_sym import Cell
    >>> Cell("U: blocks H\nh' = tanh(W @ x + U @ h)").count()
    m*n + n**2/H

    Raises `CellError`; sizes that are symbols are checked when numbers are put in.
    """
    for declaration in program.declarations:
        name, number = declaration.name, declaration.blocks
        if declaration.kind == BLOCKS:
            for size in sizes.shapes[name]:
                if size == 1:
                    what = f"{name} is a vector, and blocks are those of a kernel"
                    program.fail(declaration.place, what)
                if isinstance(size, int) and isinstance(number, int) and size % number:
                    what = f"{name} has {number} equal blocks, but {size} is no multiple of it"
                    program.fail(declaration.place, what)
    for equation in program.equations:
        _Checker(program, sizes).visit(equation.expression)


class _Checker:
    def __init__(self, program: Program, sizes: Sizes) -> None:
        self.program, self.sizes = program, sizes

    def visit(self, expression: Expression) -> None:
        """Check an expression that is no kernel in front of a vector."""
        match expression:
            case Name(name=name) if name in self.sizes.blocks:
                self.program.fail(
                    expression.place,
                    f"{name} is a kernel of blocks, and such a one stands in front of a vector: "
                    f"{name} @ h",
                )
            case Transpose():
                self._transpose(expression)
            case MatrixProduct(left=left, right=right):
                if self.sizes.blocks_of(left) is None or self.sizes.shape(right)[1] != 1:
                    self.visit(left)
                else:
                    self._kernel(left)
                self.visit(right)
            case _:
                for child in children(expression):
                    self.visit(child)

    def _transpose(self, expression: Transpose) -> None:
        """Check the transpose of a name."""
        match expression.operand:
            case Name(name=name) as operand:
                what = f"{name} is a vector; the transpose is of a matrix"
                if name in self.sizes.blocks:
                    what = f"{name} has blocks; the transpose is of a kernel without"
                if name in self.sizes.blocks or 1 in self.sizes.shapes[name]:
                    self.program.fail(operand.place, what)

    def _kernel(self, expression: Expression) -> None:
        """Check a kernel that has blocks: signs, numbers and sums of such kernels keep them."""
        match expression:
            case Name(name=name) if name in self.sizes.blocks:
                return
            case Minus(operand=operand):
                self._kernel(operand)
            case Transpose():
                self._transpose(expression)
            case Plus(terms=parts) if len(set(map(self.sizes.blocks_of, parts))) == 1:
                for part in parts:
                    self._kernel(part)
            case Times(factors=parts) if sum(not self.sizes.is_scalar(p) for p in parts) == 1:
                for part in parts:
                    if not self.sizes.is_scalar(part):
                        self._kernel(part)
            case _:
                self.program.fail(
                    expression.place,
                    "a kernel of blocks has a sign, a number or a sum with others of equally many "
                    "blocks before it meets a vector, and nothing else; write two products",
                )
