"""How the expressions and lines of a cell are written in Python, with batch axes in front."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from gru_sym.codegen.dialects import Library
from gru_sym.codegen.fusion import Assign, Line, Split, Stack
from gru_sym.codegen.names import Names
from gru_sym.codegen.printing import ATOM, PRODUCT, SUM, Printer, Spelled
from gru_sym.codegen.terms import name, reads_only
from gru_sym.functions import PAIRWISE
from gru_sym.language.shapes import Sizes
from gru_sym.language.syntax import (
    Expression,
    Extremum,
    MatrixProduct,
    Minus,
    Name,
    Transpose,
    plain_number,
)

IN_BLOCKS = "in_blocks"
"""The function of the module that multiplies with a kernel of blocks."""

LONG = 72
"""A longer line that multiplies and cuts becomes two."""


@dataclass(frozen=True)
class Speller(Printer):
    """Writes expressions and lines as Python.

    Attributes
    ----------
    static : names of what depends on parameters alone, and so has no batch axes.
    next_names : state -> the name of its next value.
    whole : names that hold all steps; with `index`, one step of them is read.
    """

    library: Library
    names: Names
    sizes: Sizes
    static: frozenset[str]
    next_names: Mapping[str, str]
    whole: frozenset[str] = frozenset()
    index: str = ""

    def line(self, line: Line | Stack) -> str:
        """One line of code."""
        match line:
            case Assign(target=target, expression=expression):
                return f"{self._target(target)} = {self._whole_expression(target, expression)}"
            case Stack(target=stack, parts=parts):
                text = ", ".join(self.spell(part) for part in parts)
                return f"{stack} = {self.library.concatenate.format(parts=text)}"
            case Split(names=parts):
                targets = ", ".join(map(self.names.__getitem__, parts))
                if len(targets) > LONG:
                    rows = textwrap.wrap(f"{targets},", LONG, break_long_words=False)
                    targets = "(\n    " + "\n    ".join(rows) + "\n)"
                product = self._stacked_product(line)
                short = f"{targets} = {self._cut(line, product)}"
                if len(short) <= LONG:
                    return short
                return f"{line.whole} = {product}\n{targets} = {self._cut(line, line.whole)}"

    def _target(self, target: Name) -> str:
        return self.next_names[target.name] if target.primed else self.names[target.name]

    def _whole_expression(self, target: Name, expression: Expression) -> str:
        if not (target.primed and self._is_static(expression)):
            return self.spell(expression)
        # A state that depends on parameters alone still has the axes of the batch.
        zeros = self.library.zeros_like.format(array=self.names[target.name])
        return f"{zeros} + {self.spell(expression, PRODUCT)}"

    def name(self, name: Name) -> str:
        """A name; one step of what holds all of them."""
        if name.primed:
            return self.next_names[name.name]
        one_step = f"[{self.index}]" if self.index and name.name in self.whole else ""
        return self.names[name.name] + one_step

    def called(self, function: str) -> str:
        """A function of the library, or one defined in the module."""
        return self.library.functions.get(function, function)

    def extremum(self, expression: Extremum) -> str:
        """A call on two arrays; PyTorch has another one for an array and a number."""
        record = PAIRWISE[expression.function]
        function, (a, b) = record.spelling[self.library.name], map(self.spell, expression.parts)
        if plain_number(expression.parts[1]) is None:
            return f"{function}({a}, {b})"
        return self.library.bounded.format(function=function, array=a, number=b, bound=record.bound)

    def mean(self, operand: Expression) -> str:
        """A call that keeps the axes of the batch."""
        return self.library.mean.format(array=self.spell(operand))

    def sum(self, terms: tuple[Expression, ...]) -> Spelled:
        """A sum; a product with a bias after it may be one call."""
        text, rest = "", list(terms)
        while rest:
            term = rest.pop(0)
            if rest and self._has_bias(term, rest[0]):
                assert isinstance(term, MatrixProduct)
                piece = self._linear(term.right, term.left, rest.pop(0))
                text += f" + {piece}" if text else piece
            else:
                text += self.added(term) if text else self.spell(term, PRODUCT)
        return text, SUM

    def _has_bias(self, term: Expression, following: Expression) -> bool:
        """Whether a term of a sum is a product with a vector, and the next one a bias."""
        return (
            isinstance(term, MatrixProduct)
            and not self._is_static(term)
            and self._is_static(following)
            and not isinstance(following, Minus)
            and self.sizes.blocks_of(term.left) is None
            and self.sizes.shape(following)[0] != 1
        )

    def _linear(self, operand: Expression, kernel: Expression, bias: Expression) -> str:
        if self.library.linear:
            x, added = self.spell(operand), self.spell(bias)
            return self.library.linear.format(x=x, kernel=self.spell(kernel, ATOM), bias=added)
        return f"{self._times_kernel(operand, kernel)[0]} + {self.spell(bias, PRODUCT)}"

    def _times_kernel(self, operand: Expression, kernel: Expression) -> Spelled:
        if self.sizes.blocks_of(kernel) is not None:
            return f"{IN_BLOCKS}({self.spell(kernel)}, {self.spell(operand)})", ATOM
        if self.library.long_product and self.whole and not self.index:
            x, text = self.spell(operand), self.spell(kernel, ATOM)
            return self.library.long_product.format(x=x, kernel=text), ATOM
        turned = kernel.operand if isinstance(kernel, Transpose) else None
        text = self.spell(turned) if turned else f"{self.spell(kernel, ATOM)}.T"
        return f"{self._operand(operand)} @ {text}", PRODUCT

    def transpose(self, operand: Expression) -> Spelled:
        """The transpose of a name."""
        return f"{self.spell(operand, ATOM)}.T", ATOM

    def _operand(self, operand: Expression) -> str:
        """What a kernel multiplies, in front of `@`."""
        chained = isinstance(operand, MatrixProduct)
        return self.spell(operand, PRODUCT if chained else ATOM)

    def product(self, left: Expression, right: Expression) -> Spelled:
        """A matrix product: the vector in front, whatever the batch axes are."""
        if not self._is_static(right) or self.sizes.blocks_of(left) is not None:
            return self._times_kernel(right, left)
        rows, columns = self.sizes.shape(left)
        if columns == 1:
            column = self.spell(left, ATOM) + ("[:, None]" if rows != 1 else "")
            return f"{column} * {self.spell(right, ATOM)}", PRODUCT
        return f"{self._operand(left)} @ {self.spell(right, ATOM)}", PRODUCT

    def _stacked_product(self, line: Split) -> str:
        if line.biases is None:
            return self._times_kernel(line.operand, name(line.kernels.target))[0]
        return self._linear(line.operand, name(line.kernels.target), name(line.biases.target))

    def _cut(self, line: Split, array: str) -> str:
        if line.equal:
            return self.library.chunk.format(array=array, count=len(line.names))
        rows = [f"{self.spell(part, ATOM)}.shape[0]" for part in line.kernels.parts]
        return self.library.split.format(
            array=array, all=", ".join(rows), all_but_last=", ".join(rows[:-1])
        )

    def _is_static(self, expression: Expression) -> bool:
        return reads_only(expression, self.static)
