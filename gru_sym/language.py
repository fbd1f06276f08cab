"""The cell language: one equation a line, parsed with `ast`, never evaluated.

    z  = sigmoid(W_z @ x + U_z @ h + b_z)     # a value of this step
    h' = (1 - z) * h + z * c                  # primed: the next value of the state h
    c: n                                      # a declared size

This room knows the form of the text and nothing else: which names are parameters is the business
of `scope`, how large they are that of `sizes`.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
import unicodedata
from fractions import Fraction
from typing import NoReturn

from gru_sym.errors import CellError, Place
from gru_sym.functions import FUNCTIONS
from gru_sym.syntax import (
    Apply,
    Declaration,
    Equation,
    Expression,
    MatrixProduct,
    Minus,
    Name,
    Number,
    Plus,
    Times,
)

MAX_TEXT = 200_000
MAX_LINE = 4_000
MAX_DEPTH = 60
MAX_DIGITS = 40

# A prime is rewritten, character for character, as a letter that Python allows inside a name.
PRIME = "\N{MODIFIER LETTER PRIME}"
PRIMES = {"'": PRIME, "\N{PRIME}": PRIME, "\N{RIGHT SINGLE QUOTATION MARK}": PRIME}

RESERVED = "{} is a reserved word of Python; choose another name"
OTHER_SPELLINGS = {
    "⊙": "write * for the elementwise product",
    "∘": "write * for the elementwise product",
    "×": "write * for the elementwise product",
    "·": "write @ for a matrix product and * for an elementwise one",
    "−": "write the minus sign as -",
    "^": "powers are not part of the language; write h * h",
    "[": "indexing is not part of the language",
    "{": "only round brackets group",
    '"': "text is not part of the language",
}


def parse(text: str) -> tuple[tuple[Equation, ...], tuple[Declaration, ...]]:
    """Read the equations and the declared sizes of a cell text.

    >>> equations, declarations = parse("h' = tanh(W @ x)  # a comment")
    >>> str(equations[0].target), declarations
    ("h'", ())

    Raises `CellError` for anything that is not an equation or a declaration.
    """
    lines = source_lines(text)
    if len(text) > MAX_TEXT:
        message = f"this text has {len(text)} characters; a cell has at most {MAX_TEXT}"
        raise CellError(message, Place(1, 1, 1), lines[0])
    equations: list[Equation] = []
    declarations: list[Declaration] = []
    for number, source in enumerate(lines, start=1):
        line = _Line(number, source)
        if not line.code.strip():
            continue
        if "=" in line.code:
            equations.append(line.equation())
        elif ":" in line.code:
            declarations.append(line.declaration())
        else:
            line.fail("this is not an equation; write name = expression, or name: size")
    if not equations:
        raise CellError("there is no equation; write one a line, such as h' = tanh(W @ x + U @ h)",
                        Place(1, 1, 1), lines[0])  # fmt: skip
    return tuple(equations), tuple(declarations)


def source_lines(text: str) -> list[str]:
    """The lines of a text, whatever their endings; never empty."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


class _Line:
    """One line on its way to an equation or a declaration."""

    def __init__(self, number: int, source: str) -> None:
        self.number = number
        self.source = source
        self.code = source.split("#", 1)[0].translate(str.maketrans(PRIMES))
        if len(self.code) > MAX_LINE:
            self.fail(f"this line has {len(self.code)} characters; a line has at most {MAX_LINE}", 0, 1)

    def place(self, start: int, end: int) -> Place:
        """The place of the characters start to end, counted from 0."""
        return Place(self.number, start + 1, max(end, start + 1) + 1)

    def fail(self, message: str, start: int | None = None, end: int | None = None) -> NoReturn:
        """Raise the error, under the whole line unless told a narrower place."""
        if start is None:
            start = len(self.code) - len(self.code.lstrip())
        end = len(self.code.rstrip()) if end is None else end
        raise CellError(message, self.place(start, end), self.source)

    def declaration(self) -> Declaration:
        """Read `name: size`."""
        left, right = self.code.split(":", 1)
        name = self._name_on_the_left(left)
        size, start = right.strip(), len(left) + 1 + len(right) - len(right.lstrip())
        end = start + len(size)
        if name.primed:
            self.fail(f"declare the state itself: {name.name}: {size or 'n'}", 0, len(left))
        if re.fullmatch(r"[0-9]+", size) and size.strip("0") and len(size) <= MAX_DIGITS:
            return Declaration(name.name, int(size), self.place(start, end))
        if not _is_name(size) or PRIME in size:
            self.fail("a size is one name, such as k, or one positive whole number", start, end)
        return Declaration(name.name, unicodedata.normalize("NFKC", size), self.place(start, end))

    def equation(self) -> Equation:
        """Read `name = expression`."""
        left, right = self.code.split("=", 1)
        target = self._name_on_the_left(left)
        if "=" in right:
            at = len(left) + 1 + right.index("=")
            self.fail("a line has one = sign: name = expression", at, at + 1)
        if not right.strip():
            self.fail(f"nothing stands on the right of {target} =")
        return Equation(target, _ExpressionReader(self, len(left) + 1).read())

    def _name_on_the_left(self, left: str) -> Name:
        text, start = left.strip(), len(left) - len(left.lstrip())
        bare = text.removesuffix(PRIME)
        if not _is_name(bare) or PRIME in bare:
            self.fail("the left side is one name, such as z, or a primed state, such as h'",
                      start, start + len(text))  # fmt: skip
        if keyword.iskeyword(bare):
            self.fail(RESERVED.format(bare), start, start + len(bare))
        place = self.place(start, start + len(text))
        return Name(unicodedata.normalize("NFKC", bare), text.endswith(PRIME), place)


class _ExpressionReader:
    """The right side of one line, from characters to a syntax tree."""

    def __init__(self, line: _Line, start: int) -> None:
        self.line = line
        code = line.code[start:]
        self.offset = start + len(code) - len(code.lstrip())
        self.code = code.strip()

    def read(self) -> Expression:
        self._check_characters()
        self._check_words()
        self._check_brackets()
        try:
            tree = ast.parse(self.code, mode="eval")
        except SyntaxError as error:
            at = self.offset + min(max((error.offset or 1) - 1, 0), len(self.code) - 1)
            self.line.fail("the expression cannot be read here; something is missing or too much",
                           at, at + 1)  # fmt: skip
        except (RecursionError, MemoryError):
            self.line.fail("this expression is nested too deeply")
        # One encoding for all nodes: `ast` counts columns in bytes of UTF-8.
        self._bytes = self.code.encode()
        return self._convert(tree.body, 0)

    def _check_characters(self) -> None:
        for found in re.finditer(r"[^\w\s+\-*/@().,]|(?<![\w.])\d+(?:\.\d*)?(?![eE][+-]?\d)[^\W\d]", self.code):
            character = found.group()[-1]
            at = self.offset + found.end() - 1
            if found.group()[0].isdigit():
                self.line.fail("a name does not begin with a digit; write * between a number and a name",
                               self.offset + found.start(), at + 1)  # fmt: skip
            hint = OTHER_SPELLINGS.get(character, "an expression has names, numbers, + - * / @ and brackets")
            shown = repr(character) if character.isprintable() else f"U+{ord(character):04X}"
            self.line.fail(f"the character {shown} does not belong here; {hint}", at, at + 1)

    def _check_words(self) -> None:
        for word in re.finditer(r"[^\W\d]\w*", self.code):
            if keyword.iskeyword(word.group()):
                self.line.fail(RESERVED.format(word.group()), self.offset + word.start(),
                               self.offset + word.end())  # fmt: skip

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

    def _span(self, node: ast.expr) -> tuple[int, int]:
        """Start and end of a node in the line, in characters."""
        start = len(self._bytes[: node.col_offset].decode())
        end = len(self._bytes[: node.end_col_offset].decode())
        return self.offset + start, self.offset + end

    def _fail(self, node: ast.expr, message: str) -> NoReturn:
        self.line.fail(message, *self._span(node))

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
                return MatrixProduct(self._convert(left, depth + 1), self._convert(right, depth + 1), place)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return Plus(self._chain(node, (ast.Add, ast.Sub), depth), place)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return Times(self._chain(node, (ast.Mult, ast.Div), depth), place)
            case ast.Call():
                return self._call(node, place, depth)
        self._fail(node, "this is not part of the language; an expression has names, numbers, + - * / @ "
                         "and functions of one argument")  # fmt: skip

    def _chain(self, node: ast.expr, operators: tuple[type, ...], depth: int) -> tuple[Expression, ...]:
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

    def _reciprocal(self, node: ast.expr, divisor: Expression) -> Number:
        if not isinstance(divisor, Number):
            self._fail(node, "only division by a number is part of the language")
        if divisor.value == 0:
            self._fail(node, "division by zero")
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
        found = re.fullmatch(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?([0-9]+))?", literal)
        if not found or len(literal) > MAX_DIGITS or int(found.group(1) or 0) > 308:
            self._fail(node, f"a number is written like 2, 0.5 or 1e-3, in at most {MAX_DIGITS} characters")
        return Fraction(literal)

    def _call(self, node: ast.Call, place: Place, depth: int) -> Apply:
        if not isinstance(node.func, ast.Name):
            self._fail(node, "only a function's name can stand before a bracket; write * for a product")
        name = node.func.id
        if name not in FUNCTIONS:
            near = difflib.get_close_matches(name.lower(), FUNCTIONS, n=1)
            advice = f"did you mean {near[0]}?" if near else f"the known ones are {', '.join(FUNCTIONS)}"
            self._fail(node.func, f"there is no function {name.replace(PRIME, chr(39))}; {advice}")
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            self._fail(node, f"{name} takes one argument, not {len(node.args) + len(node.keywords)}")
        return Apply(name, self._convert(node.args[0], depth + 1), place)


def _is_name(text: str) -> bool:
    return text.isidentifier() and unicodedata.normalize("NFKC", text).isidentifier()
