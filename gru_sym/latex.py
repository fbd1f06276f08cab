"""The equations as a paper prints them: σ, ⊙, subscripts, h_{t-1} and h_t."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from math import prod

from gru_sym.functions import FUNCTIONS, MEAN, PAIRWISE
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
    Number,
    Plus,
    Times,
    Transpose,
    divisor,
    plain_number,
)
from gru_sym.language.unification import Size

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
        functions = {function.latex for function in FUNCTIONS.values()}
        self._plain = alike(
            sizes.shapes, lambda name: {_pretty(name, time) for time in ("", "t", "t-1")}, functions
        )
        known = (size for shape in sizes.shapes.values() for size in shape)
        numbers = {each for size in known for each in str(size).split("*")}
        self._plain_sizes = alike(numbers, lambda size: {size_latex(size)})

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
        """The members of each space on a line: inputs and states, parameters, what is fixed."""
        vectors = [name for name in self.program.inputs if name in self._read()]
        groups: dict[str, list[str]] = {
            self._space(name): [] for name in (*vectors, *self.program.states)
        }
        for name in (*vectors, *self.program.states):
            groups[self._space(name)].append(self.name(name, "t"))
        first = [rf"{', '.join(members)} \in {space}" for space, members in groups.items()]
        kernels: dict[str, list[str]] = {}
        for name in self.program.parameters:
            blocks = self.sizes.blocks.get(name)
            form = "" if blocks is None else rf"\ \text{{in }} {self.size(blocks)} \text{{ blocks}}"
            kernels.setdefault(self._space(name) + form, []).append(self.name(name))
        for name in self.program.constants:
            kernels.setdefault(rf"{self._space(name)}\ \text{{fixed}}", []).append(self.name(name))
        rest = [rf"{', '.join(members)} \in {space}" for space, members in kernels.items()]
        return [r",\quad ".join(first), *rest]

    def _read(self) -> set[str]:
        return {name.name for _, name in self.program.occurrences()}

    def name(self, name: str, time: str = "") -> str:
        """A name; `time` is its time index, if it has one, which then need not be in the name."""
        if name in self._plain:
            return plain_latex(name, time)
        return _pretty(name, time)

    def size(self, size: Size) -> str:
        """A size: k2 is k with a subscript, a word stays a word, n/H a share."""
        if "*" in str(size):
            return " ".join(self.size(int(e) if e.isdigit() else e) for e in str(size).split("*"))
        if "/" in str(size):
            return "/".join(self.size(int(e) if e.isdigit() else e) for e in str(size).split("/"))
        return plain_latex(str(size)) if str(size) in self._plain_sizes else size_latex(size)

    def _space(self, name: str) -> str:
        """The space that a name is in: of all vectors, or matrices, of its shape."""
        rows, columns = map(self.size, self.sizes.shapes[name])
        if columns != "1":
            return rf"\mathbb{{R}}^{{{rows} \times {columns}}}"
        return r"\mathbb{R}" if rows == "1" else rf"\mathbb{{R}}^{{{rows}}}"

    def expression(self, expression: Expression) -> str:
        """An expression, with the brackets that mathematics needs."""
        match expression:
            case Number(value=value):
                return _number(value)
            case Name(name=name, primed=primed):
                if name in (*self.program.parameters, *self.program.constants):
                    return self.name(name)
                before = name in self.program.states and not primed
                return self.name(name, "t-1" if before else "t")
            case Transpose(operand=operand):
                return rf"{self.expression(operand)}^{{\top}}"
            case Minus(operand=operand):
                return "-" + self._grouped(operand, Plus, Minus)
            case Apply(function=function, argument=argument):
                around, inside = FUNCTIONS[function].latex, self.expression(argument)
                return around % inside if "%s" in around else around + _bracket(inside)
            case Extremum(function=function, parts=parts):
                return PAIRWISE[function].latex + _bracket(
                    r",\, ".join(map(self.expression, parts))
                )
            case Mean(operand=operand):
                return rf"\operatorname{{{MEAN}}}" + _bracket(self.expression(operand))
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
        text = self.expression(term)
        return f" - {text[1:]}" if text.startswith("-") else f" + {text}"

    def _times(self, factors: tuple[Expression, ...]) -> str:
        """A number and scalars stand in front, side by side; vectors are joined by ⊙."""
        under = [d for f in factors if (d := divisor(f)) is not None]
        if under:
            above = tuple(f for f in factors if divisor(f) is None)
            fraction = [self._times(parts) for parts in (above, tuple(under))]
            sign = "-" if fraction[0].startswith("-") else ""
            return rf"{sign}\frac{{{fraction[0].removeprefix('-')}}}{{{fraction[1]}}}"
        if len(factors) == 1:
            return self.expression(factors[0])
        constants = [value for f in factors if (value := plain_number(f)) is not None]
        number = prod(constants, start=Fraction(1))
        rest = [f for f in factors if plain_number(f) is None]
        scalars = [self._grouped(f, Plus, Minus) for f in rest if self.sizes.is_scalar(f)]
        others = [f for f in rest if not self.sizes.is_scalar(f)]
        kinds = (Plus, Minus, MatrixProduct) if len(others) > 1 else (Plus, Minus)
        vectors = [self._grouped(f, *kinds) for f in others]
        pieces = [*scalars, *([r" \odot ".join(vectors)] if vectors else [])]
        if abs(number) != 1 or not pieces:
            pieces.insert(0, _number(abs(number)))
        return "-" * (number < 0) + r"\, ".join(pieces)

    def _grouped(self, expression: Expression, *kinds: type) -> str:
        """The expression, in brackets if it is one of the kinds, or begins with a minus sign."""
        text = self.expression(expression)
        return _bracket(text) if isinstance(expression, kinds) or text.startswith("-") else text


def _bracket(text: str) -> str:
    """Round brackets, a little larger around others."""
    return rf"\bigl({text}\bigr)" if "(" in text else f"({text})"


def _number(value: Fraction) -> str:
    """A whole number, a short decimal, or a fraction."""
    if value.denominator == 1:
        return str(value)
    decimal = f"{float(value):g}"
    if value.denominator not in (2, 4) and "e" not in decimal and Fraction(decimal) == value:
        return decimal
    return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"


def alike(
    names: Iterable[str], forms: Callable[[str], set[str]], taken: Iterable[str] = ()
) -> frozenset[str]:
    """The names of which a form is that of another one, or taken; the shortest keeps its forms.

    >>> sorted(alike({"W2", "W_2", "V"}, lambda name: {size_latex(name)}))
    ['W_2']
    """
    used, found = set(taken), set()
    for name in sorted(set(names), key=lambda name: (len(name), name)):
        if used & forms(name):
            found.add(name)
        used |= forms(name)
    return frozenset(found)


def plain_latex(name: str, time: str = "") -> str:
    """A name letter by letter, where a nicer form would be another name's, or a number."""
    letters = name.replace("_", r"\_")
    return rf"\mathit{{{letters}}}" + (f"_{{{time}}}" if time else "")


def _pretty(name: str, time: str = "") -> str:
    parts = [part for part in name.split("_") if part]
    if not parts or not parts[0][0].isalpha():
        return plain_latex(name, time)
    if time and len(parts) > 1 and parts[-1] == "t":
        parts.pop()
    return name_latex(parts, time)


def name_latex(parts: list[str], time: str = "") -> str:
    """A name in its parts: the head, an accent or subscripts, and a time index."""
    head, *subscripts = parts
    accent = ACCENTS.get(subscripts[0], "") if subscripts else ""
    if accent:
        subscripts.pop(0)
    letters, digits = re.fullmatch(r"(.*?)(\d*)", head).groups()  # type: ignore[union-attr]
    if digits and letters:
        subscripts.insert(0, digits)
    else:
        letters = head
    if letters in GREEK:
        letters = "\\" + letters
    elif len(letters) > 1:
        letters = rf"\mathit{{{letters}}}"
    if accent:
        letters = f"{accent}{{{letters}}}"
    words = [rf"\mathrm{{{s}}}" if len(s) > 2 and s.isalpha() else s for s in subscripts]
    index = ", ".join([*words, *([time] if time else [])])
    return f"{letters}_{{{index}}}" if index else letters


def size_latex(size: Size) -> str:
    """A size: k2 is k with a subscript, a word stays a word."""
    return str(size) if isinstance(size, int) else _pretty(size)
