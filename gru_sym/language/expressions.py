"""The right side of an equation, from characters to a syntax tree."""

from __future__ import annotations

import ast
import difflib
import re
from fractions import Fraction
from typing import NoReturn

from gru_sym.functions import FUNCTIONS, MEAN, PAIRWISE, called
from gru_sym.language.errors import Place
from gru_sym.language.source import PRIME, SourceLine
from gru_sym.language.syntax import (
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
)

MAX_DEPTH = 60
MAX_DIGITS = 40
MAX_EXPONENT = 308

GRAMMAR = "an expression has names, numbers, + - * / @ and functions"
OTHER_SPELLINGS = {
    "⊙": "write * for the elementwise product",
    "∘": "write * for the elementwise product",
    "×": "write * for the elementwise product",
    "·": "write @ for a matrix product and * for an elementwise one",
    "−": "write the minus sign as -",
    "^": "powers are not part of the language; write h * h",
    "[": "there is no indexing and no concatenation; write W @ x + U @ h",
    "{": "only round brackets group",
    '"': "text is not part of the language",
}

OTHER_FUNCTIONS = frozenset(
    "elu gelu selu celu prelu relu2 relu6 crelu reglu log_sigmoid logsigmoid tan atan atanh "
    "artanh arctanh exp2 expm1".split()
)
"""Functions of their own whose names are near to one of ours; the other ones are far from all."""

SAME_FUNCTIONS = {"swish": "silu", "logistic": "sigmoid", "sigma": "sigmoid", "σ": "sigmoid"}
SAME_FUNCTIONS |= {"maximum": "max", "minimum": "min", "absolute": "abs", "fabs": "abs"}
"""What a function of the language is called elsewhere."""

_NORM = "write it out, as (a - mu) / sqrt(s) with mu = mean(a) and s = mean((a - mu) * (a - mu))"
_CONVOLUTION = "a convolution is not part of the language, whose input and states are vectors"
_CUMULATIVE = "a sum along a vector, as in a cumulative softmax, is not part of the language"
_MATRIX = "a state that is a matrix is not part of the language, nor is an outer product"
LEFT_OUT = {
    **dict.fromkeys(("layer_norm", "layernorm", "rms_norm", "rmsnorm", "norm"), _NORM),
    **dict.fromkeys(("conv", "conv1d", "conv2d", "convolve"), _CONVOLUTION),
    **dict.fromkeys(("cumsum", "cumprod", "cumax", "cumsoftmax"), _CUMULATIVE),
    **dict.fromkeys(("outer", "einsum", "kron"), _MATRIX),
    "softmax": "a softmax over a vector is not part of the language; mean(exp(a)) is",
    "sum": "a sum over a vector is not part of the language; mean(a) is",
    "batch_norm": "a norm over a batch is not part of the language, which says one step",
    **dict.fromkeys(("pow", "power", "square"), "a power is written as a product: a * a"),
}
"""What the language does not say, or says in other words."""

FOREIGN = re.compile(r"[^\w\s+\-*/@().,]")
WORD = re.compile(r"[^\W\d]\w*")
DIGIT_FIRST = re.compile(r"(?<![\w.])\d+(?:\.\d*)?(?![eE][+-]?\d)[^\W\d]")
NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?([0-9]+))?")


def read_expression(line: SourceLine, start: int) -> Expression:
    """The syntax tree of a line's code from `start` to its end.

    >>> print(read_expression(SourceLine(1, "h' = W @ x"), 4).left)
    W

    Raises `CellError` for whatever is not an expression of the cell language.
    """
    return _Reader(line, start).read()


class _Reader:
    def __init__(self, line: SourceLine, start: int) -> None:
        self.line = line
        code = line.code[start:]
        self.offset = start + len(code) - len(code.lstrip())
        self.code = code.strip()
        self.bytes = b""

    def read(self) -> Expression:
        self._check_characters()
        self._check_brackets()
        try:
            tree = ast.parse(self.code, mode="eval")
        except SyntaxError as error:
            last = len(self.code) - 1
            at = self.offset + min(error.offset - 1 if error.offset else last, last)
            message = "the expression cannot be read here; something is missing or too much"
            self.line.fail(message, at, at + 1)
        except (RecursionError, MemoryError):
            self.line.fail("this expression is nested too deeply")
        self.bytes = self.code.encode()
        return self._convert(tree.body, 0)

    def _check_characters(self) -> None:
        for found in FOREIGN.finditer(self.code):
            character = found.group()
            shown = repr(character) if character.isprintable() else f"U+{ord(character):04X}"
            advice = OTHER_SPELLINGS.get(character, GRAMMAR)
            self._fail_at(found, f"the character {shown} does not belong here; {advice}")
        for found in DIGIT_FIRST.finditer(self.code):
            self._fail_at(found, "a name does not begin with a digit; a product is written 2 * h")
        for found in WORD.finditer(self.code):
            self.line.refuse_reserved(found.group(), self.offset + found.start())

    def _check_brackets(self) -> None:
        open_at: list[int] = []
        for at, character in enumerate(self.code, start=self.offset):
            if character == "(":
                open_at.append(at)
            elif character == ")" and not open_at:
                self.line.fail("this bracket closes nothing", at, at + 1)
            elif character == ")":
                open_at.pop()
            if len(open_at) > MAX_DEPTH:
                self.line.fail(f"brackets nest deeper than {MAX_DEPTH} levels", at, at + 1)
        if open_at:
            self.line.fail("this bracket is never closed", open_at[-1], open_at[-1] + 1)

    def _fail_at(self, found: re.Match[str], message: str) -> NoReturn:
        self.line.fail(message, self.offset + found.start(), self.offset + found.end())

    def _fail(self, node: ast.expr, message: str) -> NoReturn:
        self.line.fail(message, *self._span(node))

    def _span(self, node: ast.expr) -> tuple[int, int]:
        """Start and end of a node in the line; `ast` counts in bytes, we in characters."""
        start, end = node.col_offset, node.end_col_offset or node.col_offset
        if not self.code.isascii():
            start, end = (len(self.bytes[:column].decode()) for column in (start, end))
        return self.offset + start, self.offset + end

    def _convert(self, node: ast.expr, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            self._fail(node, f"this expression nests deeper than {MAX_DEPTH} levels")
        place = self.line.place(*self._span(node))
        match node:
            case ast.Name(id=name):
                return self._name(node, name, place)
            case ast.Constant():
                return Number(self._number(node), place)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Minus(self._convert(operand, depth + 1), place)
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                first, second = self._convert(left, depth + 1), self._convert(right, depth + 1)
                return MatrixProduct(first, second, place)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return Plus(self._chain(node, (ast.Add, ast.Sub), depth), place)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return Times(self._chain(node, (ast.Mult, ast.Div), depth), place)
            case ast.Attribute(value=ast.Name(id=name) as inner, attr="T"):
                bare = self._name(inner, name, self.line.place(*self._span(inner)))
                return Transpose(bare, place)
            case ast.Attribute():
                self._fail(node, "not part of the language; a dot is that of W.T, a transpose")
            case ast.Call():
                return self._call(node, place, depth)
            case _:
                self._fail(node, f"this is not part of the language; {GRAMMAR}")

    def _chain(
        self, node: ast.expr, operators: tuple[type, ...], depth: int
    ) -> tuple[Expression, ...]:
        """The parts of `a + b - c` or `a * b / 2`, without recursion on the left."""
        parts: list[Expression] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, operators):
            right = self._convert(node.right, depth + 1)
            if isinstance(node.op, ast.Sub):
                right = Minus(right, right.place)
            elif isinstance(node.op, ast.Div):
                right = self._reciprocal(node.right, right)
            parts.append(right)
            node = node.left
        parts.append(self._convert(node, depth + 1))
        return tuple(reversed(parts))

    def _reciprocal(self, node: ast.expr, divisor: Expression) -> Expression:
        if not isinstance(divisor, Number):
            return Apply(RECIPROCAL, divisor, divisor.place)
        if divisor.value == 0:
            self._fail(node, "this divides by zero")
        return Number(1 / divisor.value, divisor.place)

    def _name(self, node: ast.expr, name: str, place: Place) -> Name:
        bare = name.removesuffix(PRIME)
        if not bare or PRIME in bare:
            self._fail(node, "a name has at most one prime, at its end")
        if bare in FUNCTIONS:
            self._fail(node, f"{bare} is a function; apply it to something: {bare}(...)")
        return Name(bare, name.endswith(PRIME), place)

    def _number(self, node: ast.expr) -> Fraction:
        start, end = self._span(node)
        literal = self.line.code[start:end]
        found = NUMBER.fullmatch(literal)
        if not found or len(literal) > MAX_DIGITS or int(found.group(1) or 0) > MAX_EXPONENT:
            message = (
                f"a number is written like 2, 0.5 or 1e-3, with at most {MAX_DIGITS} characters"
            )
            self._fail(node, message)
        return Fraction(literal)

    def _call(self, node: ast.Call, place: Place, depth: int) -> Expression:
        if not isinstance(node.func, ast.Name):
            self._fail(
                node, "only a function's name stands before a bracket; write * for a product"
            )
        name = node.func.id
        if name not in called():
            self._fail(
                node.func, f"there is no function {name.replace(PRIME, chr(39))}; {_advice(name)}"
            )
        given = len(node.args) + len(node.keywords)
        wanted, words = (2, "two arguments") if name in PAIRWISE else (1, "one argument")
        if given != wanted:
            self._fail(node, f"{name} takes {words}, not {given}")
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            plain = words.replace("one", "a plain").replace("two", "two plain")
            self._fail(node, f"{name} takes {plain}, without * or a name")
        first, *others = (self._convert(argument, depth + 1) for argument in node.args)
        if others:
            return Extremum(name, (first, *others), place)
        return Mean(first, place) if name == MEAN else Apply(name, first, place)


def _advice(name: str) -> str:
    """What to write for a function that there is not: the one meant, if it is only misspelled."""
    if name.lower() in LEFT_OUT:
        return LEFT_OUT[name.lower()]
    if name in SAME_FUNCTIONS:
        return f"{name} is called {SAME_FUNCTIONS[name]} here"
    near = difflib.get_close_matches(name.lower(), called(), n=1, cutoff=0.75)
    if near and name.lower() not in OTHER_FUNCTIONS:
        return f"did you mean {near[0]}?"
    return f"the known ones: {', '.join(called())}"
