"""The equations as a paper prints them: σ, ⊙, subscripts, h_{t-1} and h_t."""

from __future__ import annotations

import re

from gru_sym.functions import LATEX
from gru_sym.scope import Program
from gru_sym.sizes import Sizes
from gru_sym.syntax import (
    INPUT,
    Apply,
    Expression,
    MatrixProduct,
    Minus,
    Name,
    Number,
    Plus,
    Times,
)
from gru_sym.unification import Size

GREEK = frozenset(
    (
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
        "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
    ).split()
)
ACCENTS = {"tilde": r"\tilde", "hat": r"\hat", "bar": r"\bar"}


class LatexWriter:
    """Writes the names, expressions and equations of one cell."""

    def __init__(self, program: Program, sizes: Sizes) -> None:
        self.program = program
        self.sizes = sizes

    def aligned(self) -> str:
        """All equations, aligned at their equals signs, then the shape of everything in them."""
        rows = [
            f"{self.name(e.target.name, 't')} &= {self.expression(e.expression)}"
            for e in self.program.equations
        ]
        shapes = [rf"&{line}" for line in self.shape_lines()]
        return (
            "\\begin{aligned}\n"
            + " \\\\\n".join(rows)
            + " \\\\[1ex]\n"
            + " \\\\\n".join(shapes)
            + "\n\\end{aligned}"
        )

    def shape_lines(self) -> list[str]:
        """The members of each space on one line: x and the states first, then the parameters."""
        vectors = [INPUT] if INPUT in self._read() else []
        groups: dict[str, list[str]] = {
            _space(self.sizes.shapes[name]): [] for name in (*vectors, *self.program.states)
        }
        for name in (*vectors, *self.program.states):
            groups[_space(self.sizes.shapes[name])].append(self.name(name, "t"))
        first = [rf"{', '.join(members)} \in {space}" for space, members in groups.items()]
        kernels: dict[str, list[str]] = {}
        for name in self.program.parameters:
            kernels.setdefault(_space(self.sizes.shapes[name]), []).append(self.name(name))
        rest = [rf"{', '.join(members)} \in {space}" for space, members in kernels.items()]
        return [r",\quad ".join(first), *rest]

    def _read(self) -> set[str]:
        return {name.name for _, name in self.program.occurrences()}

    def name(self, name: str, time: str = "") -> str:
        """A name; `time` is its time index, if it has one."""
        head, *subscripts = [part for part in name.split("_") if part] or [name]
        accent = ""
        if subscripts and subscripts[0] in ACCENTS:
            accent = ACCENTS[subscripts.pop(0)]
        letters, digits = re.fullmatch(r"(.*?)(\d*)", head).groups()  # type: ignore[union-attr]
        if digits and letters:
            subscripts.insert(0, digits)
        else:
            letters = head
        letters = letters.replace("_", r"\_")
        if letters in GREEK:
            letters = "\\" + letters
        elif len(letters) > 1:
            letters = rf"\mathit{{{letters}}}"
        if accent:
            letters = f"{accent}{{{letters}}}"
        index = ", ".join([*subscripts, *([time] if time else [])])
        return f"{letters}_{{{index}}}" if index else letters

    def expression(self, expression: Expression) -> str:
        """An expression, with the brackets that mathematics needs."""
        match expression:
            case Number(value=value):
                if value.denominator == 1:
                    return str(value)
                return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"
            case Name(name=name, primed=primed):
                if name in self.program.parameters:
                    return self.name(name)
                before = name in self.program.states and not primed
                return self.name(name, "t-1" if before else "t")
            case Minus(operand=operand):
                return "-" + self._grouped(operand, Plus, Minus)
            case Apply(function=function, argument=argument):
                return LATEX[function] + _bracket(self.expression(argument))
            case MatrixProduct(left=left, right=right):
                # A product is grouped on the right, where `@` would otherwise regroup it.
                kernel = self._grouped(left, Plus, Times, Minus)
                return f"{kernel} {self._grouped(right, Plus, Times, Minus, MatrixProduct)}"
            case Times(factors=factors):
                return self._times(factors)
            case Plus(terms=terms):
                first, *rest = terms
                return self.expression(first) + "".join(self._term(term) for term in rest)

    def _term(self, term: Expression) -> str:
        if isinstance(term, Minus):
            return " - " + self._grouped(term.operand, Plus, Minus)
        return " + " + self.expression(term)

    def _times(self, factors: tuple[Expression, ...]) -> str:
        """Scalars stand in front, side by side; vectors are joined by ⊙."""
        scalars = [self._grouped(f, Plus, Minus) for f in factors if self.sizes.is_scalar(f)]
        others = [f for f in factors if not self.sizes.is_scalar(f)]
        kinds = (Plus, Minus, MatrixProduct) if len(others) > 1 else (Plus, Minus)
        vectors = [self._grouped(f, *kinds) for f in others]
        return r"\, ".join([*scalars, *([r" \odot ".join(vectors)] if vectors else [])])

    def _grouped(self, expression: Expression, *kinds: type) -> str:
        """The expression, in brackets if it is one of the kinds."""
        text = self.expression(expression)
        return _bracket(text) if isinstance(expression, kinds) else text


def _bracket(text: str) -> str:
    """Round brackets, a little larger around others."""
    return rf"\bigl({text}\bigr)" if "(" in text else f"({text})"


def _space(shape: tuple[Size, Size]) -> str:
    """The space of all vectors, or matrices, of a shape."""
    rows, columns = (size_latex(size) for size in shape)
    if shape[1] != 1:
        return rf"\mathbb{{R}}^{{{rows} \times {columns}}}"
    return r"\mathbb{R}" if shape[0] == 1 else rf"\mathbb{{R}}^{{{rows}}}"


def size_latex(size: Size) -> str:
    """A size; the digits of k2 become a subscript."""
    text = re.sub(r"^([^\W\d]+?)_?(\d+)$", r"\1_{\2}", str(size))
    return "\\" + text if text in GREEK else text
