"""The size of every name, inferred by unification.

Nobody declares that `W` is n×m: it multiplies `x`, and the product is added to something that in
the end becomes `h'`. Each name has a number of rows and of columns; `x` brings the size m, a state
brings n, a declaration brings what it says; each operator makes two of them equal. What nothing
fixes becomes a size of its own: k, k2, ...
"""

from __future__ import annotations

import builtins
import itertools
import keyword
from dataclasses import dataclass
from typing import NoReturn, cast

import sympy

from gru_sym.language.errors import Place
from gru_sym.language.kernels import check_kernels
from gru_sym.language.scope import Program
from gru_sym.language.shapes import Sizes
from gru_sym.language.syntax import (
    INPUT,
    Apply,
    Declaration,
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
from gru_sym.language.unification import Dimension, Equalities, Size, symbols

INPUT_SIZE, STATE_SIZE, FREE_SIZE = "m", "n", "k"

NO_SIZES = frozenset("self cell layer by parameters steps observed expected seed states".split())
"""Names of other arguments in functions that take sizes by name."""

READ_OTHERWISE = frozenset(sympy.__all__).union(
    keyword.kwlist, (f for f, is_ in vars(builtins).items() if isinstance(is_, type(len)))
)
"""What `sympy.sympify` and Python do not read as a symbol: a printed count is read back by both."""

REGROUP = "; * and @ group from the left, so write r * (W @ h) for r * W @ h"


def infer(program: Program) -> Sizes:
    """Infer the shape of every name of a cell.

    >>> from gru_sym.language.scope import read
    >>> infer(read("h' = tanh(W @ x + b)")).shapes
    {'x': ('m', 1), 'h': ('n', 1), 'W': ('n', 'm'), 'b': ('n', 1)}

    Raises `CellError` where two sizes clash, naming both and where each came from.
    """
    return _Inference(program).run()


@dataclass(frozen=True)
class Reason:
    """Why a name has its number of rows or of columns.

    Attributes
    ----------
    size : the number.
    steps : the expressions, from the name outwards, that made two sizes equal.
    origin : what brought the size in: the input, a state or a declaration.
    """

    size: Size
    steps: tuple[str, ...]
    origin: str

    def __str__(self) -> str:
        return " -> ".join([*self.steps, self.origin])


def explain(program: Program, name: str) -> tuple[Reason, Reason]:
    """Why a name has its shape: the reason for its rows, and that for its columns.

    >>> from gru_sym.language.scope import read
    >>> rows, columns = explain(read("h' = tanh(W @ x)"), "W")
    >>> rows.size, str(rows), columns.size, str(columns)
    ('n', "h' = tanh(W @ x) -> h is a state", 'm', 'W @ x -> x is the input')
    """
    inference = _Inference(program)
    inference.run()
    rows, columns = (inference.reason(dimension) for dimension in inference.shapes[name])
    return rows, columns


@dataclass(frozen=True)
class _Quantity:
    """An expression with its two dimensions."""

    rows: Dimension
    columns: Dimension
    scalar: bool
    place: Place


class _Inference:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.one = Dimension(1, "a vector has one column")
        self.shapes: dict[str, tuple[Dimension, Dimension]] = {}
        self.scalars: set[str] = set()
        self.equalities = Equalities()
        self.further = (*program.inputs[1:], *program.constants)
        declared = [(d.size, d.columns, d.blocks) for d in program.declarations]
        self.taken: set[Size] = {INPUT_SIZE, STATE_SIZE}
        given = (size for sizes in declared for size in sizes if size is not None)
        self.taken |= {each for size in given for each in (size, *symbols(size))}

    def run(self) -> Sizes:
        self._seed()
        for equation in self.program.equations:
            self._equation(equation.target, equation.expression)
        self._add_inferred_scalars()
        free = self._name_free_sizes()
        shapes = {
            name: (_known(rows), _known(columns)) for name, (rows, columns) in self.shapes.items()
        }
        sizes = Sizes(shapes, frozenset(self.scalars), free, self.program.blocks)
        check_kernels(self.program, sizes)
        return sizes

    def _add_inferred_scalars(self) -> None:
        """What turned out to have one row and one column is a scalar without being declared one."""
        sizes = self.taken | {r.root().size for pair in self.shapes.values() for r in pair}
        for name in (*self.program.values, *self.program.parameters, *self.program.constants):
            if {dimension.root().size for dimension in self.shapes[name]} == {1}:
                if name in sizes and name not in self.program.values:
                    place = next(n.place for _, n in self.program.occurrences() if n.name == name)
                    self._refuse_size_name(place, name)
                self.scalars.add(name)

    def _refuse_size_name(self, place: Place, name: str) -> NoReturn:
        self.program.fail(place, f"{name} is the name of a size; choose another for this scalar")

    def _seed(self) -> None:
        """What is known before any equation: the inputs, the states, the declarations."""
        program = self.program
        for declaration in program.declarations:
            self._refuse_reserved(declaration, declaration.blocks)
        declared = {d.name: d for d in program.declarations if d.size is not None}
        for name in (INPUT, *program.states, *program.values, *program.parameters, *self.further):
            if name in declared:
                self.shapes[name] = self._declared(declared[name])
                vector = name == INPUT or name in program.states
                if not vector and all(d.size == 1 for d in self.shapes[name]):
                    self.scalars.add(name)
            elif name == INPUT:
                self.shapes[name] = (Dimension(INPUT_SIZE, f"{name} is the input"), self.one)
            elif name in (*program.inputs, *program.delayed):
                self.shapes[name] = (Dimension(), self.one)
            elif name in program.states:
                self.shapes[name] = (Dimension(STATE_SIZE, f"{name} is a state"), self.one)
            else:
                self.shapes[name] = (Dimension(), Dimension())

    def _declared(self, declaration: Declaration) -> tuple[Dimension, Dimension]:
        """The rows and columns that a declaration says."""
        rows = self._declared_size(declaration, declaration.size)
        if declaration.columns in (None, 1):
            return rows, self.one
        return rows, self._declared_size(declaration, declaration.columns)

    def _declared_size(self, declaration: Declaration, size: Size | None) -> Dimension:
        name = declaration.name
        scalar = size == 1 and name in (*self.program.parameters, *self.further)
        if scalar and declaration.name in self.taken:
            self._refuse_size_name(declaration.place, declaration.name)
        self._refuse_reserved(declaration, size)
        return Dimension(
            size, f"{declaration.name} is declared so in line {declaration.place.line}"
        )

    def _refuse_reserved(self, declaration: Declaration, size: Size | None) -> None:
        for each in symbols(size or 1):
            if each not in READ_OTHERWISE and each not in NO_SIZES:
                continue
            self.program.fail(
                declaration.place,
                f"{each} has a meaning of its own in SymPy, Python or gru_sym; "
                f"choose another name for this size",
            )

    def _equation(self, target: Name, expression: Expression) -> None:
        right = self._visit(expression)
        rows, columns = self.shapes[target.name]
        if right.scalar and target.name not in self.scalars:
            if target.primed or rows.root().size not in (None, 1):
                self.program.fail(
                    right.place, f"{target} is a vector, but its right side is a single number"
                )
            self.scalars.add(target.name)
        scalar = target.name in self.scalars
        left = _Quantity(rows, columns, scalar, target.place)
        self._same_shape(left, right, right.place)

    def _visit(self, expression: Expression) -> _Quantity:
        """The dimensions of an expression; each operator makes some of them equal."""
        place = expression.place
        match expression:
            case Number():
                return _Quantity(self.one, self.one, True, place)
            case Name(name=name):
                rows, columns = self.shapes[name]
                return _Quantity(rows, columns, name in self.scalars, place)
            case Apply(argument=operand) | Minus(operand=operand):
                inner = self._visit(operand)
                return _Quantity(inner.rows, inner.columns, inner.scalar, place)
            case Transpose(operand=operand):
                inner = self._visit(operand)
                return _Quantity(inner.columns, inner.rows, inner.scalar, place)
            case MatrixProduct(left=left, right=right):
                self._refuse_row_vector(left, right, place)
                advice = REGROUP if isinstance(left, Times) else ""
                return self._matrix_product(self._visit(left), self._visit(right), place, advice)
            case Mean(operand=operand):
                return self._mean(self._visit(operand), place)
            case Times(factors=parts) | Plus(terms=parts) | Extremum(parts=parts):
                quantities = [self._visit(part) for part in parts]
                vectors = [q for q in quantities if not q.scalar] or quantities[:1]
                for other in vectors[1:]:
                    self._same_shape(vectors[0], other, place)
                return _Quantity(vectors[0].rows, vectors[0].columns, vectors[0].scalar, place)

    def _mean(self, inner: _Quantity, place: Place) -> _Quantity:
        """One number, of a vector."""
        if inner.scalar:
            self.program.fail(
                place, f"{self._code(inner.place)} is a single number; a mean is that of a vector"
            )
        self._unify(
            inner, _Quantity(self.one, self.one, True, place), inner.columns, self.one, place
        )
        return _Quantity(self.one, self.one, True, place)

    def _refuse_row_vector(self, left: Expression, right: Expression, place: Place) -> None:
        data = self.program.data
        if (
            isinstance(left, Name)
            and left.name in data
            and isinstance(right, Name)
            and right.name not in data
        ):
            message = f"vectors are columns, and stand on the right of @: write {right} @ {left}"
            self.program.fail(place, message)

    def _matrix_product(
        self, left: _Quantity, right: _Quantity, place: Place, advice: str
    ) -> _Quantity:
        for side in (left, right):
            if side.scalar:
                self.program.fail(
                    place,
                    f"{self._code(side.place)} is a single number; write * for "
                    f"the product with a number, @ is the matrix product",
                )
        self._unify(left, right, left.columns, right.rows, place, advice)
        return _Quantity(left.rows, right.columns, False, place)

    def _same_shape(self, first: _Quantity, second: _Quantity, place: Place) -> None:
        self._unify(first, second, first.rows, second.rows, place)
        self._unify(first, second, first.columns, second.columns, place)

    def _unify(
        self,
        first: _Quantity,
        second: _Quantity,
        a: Dimension,
        b: Dimension,
        place: Place,
        advice: str = "",
    ) -> None:
        """Make two dimensions one, or say why they cannot be."""
        if not self.equalities.join(a, b, place):
            one, other = self._explain(first, a), self._explain(second, b)
            clash = f"sizes clash in {self._code(place)}: {one}, but {other}{advice}"
            self.program.fail(place, clash)

    def _explain(self, quantity: _Quantity, dimension: Dimension) -> str:
        """`W` has 3 columns (from ... in line 2; x is the input)."""
        code, size = self._code(quantity.place), dimension.root().size
        if dimension is quantity.columns and dimension is not quantity.rows:
            what = f"{code} has {size} column{'s' * (size != 1)}"
        else:
            what = f"{code} has size {size}"
        return f"{what} ({self._origin(dimension)})"

    def _origin(self, dimension: Dimension) -> str:
        """The nearest equality that fixed a dimension, and what first brought its size."""
        path, origin = self.equalities.path(dimension)
        if not path:
            return origin
        return f"from {self._code(path[0])} in line {path[0].line}, and {origin}"

    def reason(self, dimension: Dimension) -> Reason:
        """The reason for the size of a dimension."""
        places, origin = self.equalities.path(dimension)
        steps = tuple(self._whole_or_part(place) for place in places)
        return Reason(_known(dimension), steps, origin)

    def _whole_or_part(self, place: Place) -> str:
        """The expression at a place; the whole equation if it is a whole right side."""
        for equation in self.program.equations:
            if equation.expression.place == place:
                place = Place(place.line, equation.target.place.column, place.end)
        code = self.program.lines[place.line - 1][place.column - 1 : place.end - 1]
        return " ".join(code.split())

    def _code(self, place: Place) -> str:
        """The text at a place, in backquotes, shortened in the middle if long."""
        code = self.program.lines[place.line - 1][place.column - 1 : place.end - 1]
        return f"`{code}`" if len(code) <= 60 else f"`{code[:40]} ... {code[-15:]}`"

    def _name_free_sizes(self) -> tuple[str, ...]:
        taken = self.taken | self.scalars
        numbered = (f"{FREE_SIZE}{i}" for i in itertools.count(2))
        candidates = (s for s in itertools.chain([FREE_SIZE], numbered) if s not in taken)
        free: list[str] = []
        for rows, columns in self.shapes.values():
            for dimension in (rows.root(), columns.root()):
                if dimension.size is None:
                    dimension.size = next(candidates)
                    free.append(str(dimension.size))
        return tuple(free)


def _known(dimension: Dimension) -> Size:
    """The size of a dimension, once all are named."""
    return cast(Size, dimension.root().size)
