"""`Cell`: what an equation text means. Parameters, shapes, roles, and the exact count."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import sympy as sp

from gru_sym.algebra import Algebra, size_expression
from gru_sym.language.inference import Reason, explain, infer
from gru_sym.language.notes import notes
from gru_sym.language.scope import read
from gru_sym.language.syntax import INPUT
from gru_sym.language.unification import symbols
from gru_sym.latex import LatexWriter
from gru_sym.roles import BIAS, gates, output_state, roles

SizeValue: TypeAlias = int | sp.Expr


@dataclass(frozen=True)
class Parameter:
    """One trainable array of a cell.

    >>> from gru_sym import cell
    >>> cell("gru.dey_salem").parameters[0]
    Parameter(name='W_z', shape=(n, m), role='input kernel', gate='z')

    Attributes
    ----------
    name : as in the equations, or with the layer's ending.
    shape : SymPy sizes: (rows, columns) of a matrix, (rows,) of a vector, () of a scalar, and of a
        kernel with H blocks (H, rows / H, columns / H).
    role : input kernel, recurrent kernel, bias, peephole, projection or scale.
    gate : the gate or state whose equation it stands in.
    in_cell : its name in the equations; of a layer's "W_ir_l1_reverse" it is "W_ir".
    level, direction : of a layer, from 0 on; direction 1 reads the sequence backwards.
    """

    name: str
    shape: tuple[sp.Expr, ...]
    role: str
    gate: str
    in_cell: str = field(default="", repr=False)
    level: int = field(default=0, repr=False)
    direction: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        if not self.in_cell:
            object.__setattr__(self, "in_cell", self.name)

    @property
    def count(self) -> sp.Expr:
        """How many numbers it holds."""
        return sp.Mul(*self.shape)


class Cell:
    r"""A recurrent cell, given as the text of its equations.

    >>> cell = Cell("h' = tanh(W @ x + U @ h + b)")
    >>> cell.count()
    m*n + n**2 + n
    >>> cell.count(m=8, n=16)
    400
    >>> [(p.name, p.shape, p.role) for p in cell.parameters]
    [('W', (n, m), 'input kernel'), ('U', (n, n), 'recurrent kernel'), ('b', (n,), 'bias')]

    A size that is not n is declared; one that nothing fixes has a symbol of its own, here k:

    >>> Cell("c: p\nc' = tanh(W @ x + U @ c)").count()
    m*p + p**2
    >>> Cell("h' = tanh(A @ (B @ x) + U @ h)").size_names
    ('m', 'n', 'k')

    Further inputs and constants are declared; they have shapes and are not counted:

    >>> decayed = Cell("gap: input 1\nA: constant n x n\nh' = exp(-gap) * (A @ h) + W @ x")
    >>> decayed.inputs, decayed.constants, decayed.count()
    (('x', 'gap'), ('A',), m*n)

    A parameter that occurs twice is one:

    >>> Cell("z = sigmoid(W @ x)\nh' = z * tanh(W @ x) + h").count()
    m*n

    Parameters
    ----------
    text : one equation a line; `x` is the input, of size m, a primed name a next state, of size n.
        Comments before the first equation may give a title and, after `source:`, a source.
    name : what to call it in tables and errors.

    Raises
    ------
    CellError : for a text that is not a cell, with line, column and one sentence.
    """

    def __init__(self, text: str, name: str = "cell") -> None:
        if not isinstance(text, str):
            raise TypeError(f"a cell is given as text, not as {type(text).__name__}")
        self.text = text
        self.name = name
        self.program = read(text)
        self.sizes = infer(self.program)

    # What the text says

    @cached_property
    def title(self) -> str:
        """The first comment line before the equations, or the name."""
        lines = _heading(self.text)
        return lines[0] if lines else self.name

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """What the comment lines `# source: ...` before the equations say."""
        marked = [note for note in _heading(self.text) if note.startswith("source:")]
        return tuple(note.removeprefix("source:").strip() for note in marked)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know although it is no mistake, one sentence each; mostly none.

        >>> Cell("h' = tanh(U @ h + b)").notes
        ('x never occurs, so this cell has no input',)
        """
        return notes(self.program, self.sizes)

    @property
    def inputs(self) -> tuple[str, ...]:
        """x, and the further inputs in the order in which they are declared."""
        return self.program.inputs

    @property
    def constants(self) -> tuple[str, ...]:
        """The arrays that are given once and not trained, in the order of their declarations."""
        return self.program.constants

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the states, in the order in which they are computed."""
        return self.program.states

    @property
    def output(self) -> str:
        """The state that a layer hands on: `h` where there is one, else the last one computed."""
        return output_state(self.program)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every trainable array, in order of appearance; one used twice is listed once."""
        role, gate = roles(self.program, self.sizes), gates(self.program)
        return tuple(
            Parameter(
                name,
                tuple(map(size_expression, self.sizes.stored(name))),
                role[name],
                gate[name],
            )
            for name in self.program.parameters
        )

    def why(self, name: str) -> tuple[Reason, Reason]:
        r"""Why a name has its shape: the reason for its rows, and that for its columns.

        >>> rows, columns = Cell("z = sigmoid(W @ x)\nh' = z * h").why("W")
        >>> print(rows)
        z = sigmoid(W @ x) -> h' = z * h -> h is a state
        """
        if name not in self.sizes.shapes:
            raise ValueError(f"{self.name} has no name {name!r}")
        return explain(self.program, name)

    # How many

    @cached_property
    def size_names(self) -> tuple[str, ...]:
        """The symbols that sizes are written in: m and n first, then the others as they appear."""
        program = self.program
        reads_input = any(name.name == INPUT for _, name in program.occurrences())
        further = (*program.inputs[1:], *program.constants)
        names = (*((INPUT,) * reads_input), *self.states, *program.parameters, *further)
        shapes = [*(self.sizes.shapes[name] for name in names), self.sizes.blocks.values()]
        used = dict.fromkeys(each for shape in shapes for size in shape for each in symbols(size))
        return tuple(
            sorted(used, key=lambda size: ("m", "n").index(size) if size in ("m", "n") else 2)
        )

    def count(self, **sizes: SizeValue) -> SizeValue:
        """The number of parameters: a SymPy expression, or an int once every size is given.

        >>> Cell("h' = tanh(A @ (B @ x) + b)").count()
        k*m + k*n + n
        >>> Cell("h' = tanh(A @ (B @ x) + b)").count(m=100, n=100, k=4)
        900

        Raises `ValueError` for a size the cell does not have, or that is not positive.
        """
        return self.evaluate(_total(self.parameters), sizes)

    def weights(self, **sizes: SizeValue) -> SizeValue:
        """How many of them are not biases."""
        return self.evaluate(_total(p for p in self.parameters if p.role != BIAS), sizes)

    def biases(self, **sizes: SizeValue) -> SizeValue:
        """How many of them are biases."""
        return self.evaluate(_total(p for p in self.parameters if p.role == BIAS), sizes)

    def breakdown(self, by: str = "role", **sizes: SizeValue) -> dict[str, SizeValue]:
        """The count, split by "role", by "gate" or by "tensor"; the parts add up to the whole.

        >>> Cell("h' = tanh(W @ x + U @ h + b)").breakdown("role", m=8, n=16)
        {'input kernel': 128, 'recurrent kernel': 256, 'bias': 16}
        """
        field = {"role": "role", "gate": "gate", "tensor": "name"}.get(by)
        if field is None:
            raise ValueError(f'a count is split by "role", "gate" or "tensor", not by {by!r}')
        groups: dict[str, list[Parameter]] = {}
        for parameter in self.parameters:
            groups.setdefault(getattr(parameter, field), []).append(parameter)
        return {key: self.evaluate(_total(members), sizes) for key, members in groups.items()}

    def evaluate(self, formula: sp.Expr, sizes: Mapping[str, SizeValue]) -> SizeValue:
        """Put sizes into a formula in this cell's symbols; an int if none is left."""
        self.check_blocks(sizes)
        return evaluate(formula, sizes, self.size_names, self.name)

    def check_blocks(self, sizes: Mapping[str, SizeValue]) -> None:
        """Raise `ValueError` where the blocks of a kernel cannot be equal at these sizes."""
        for name, blocks in self.sizes.blocks.items():
            number = sizes.get(blocks, blocks) if isinstance(blocks, str) else blocks
            for size in self.sizes.shapes[name]:
                value = sizes.get(size, size) if isinstance(size, str) else size
                known = isinstance(value, int) and isinstance(number, int) and number > 0
                if known and value % number:
                    which = f"{size} = {value}" if isinstance(size, str) else str(size)
                    raise ValueError(
                        f"{name} has {number} equal blocks on its diagonal, and {which} is no "
                        f"multiple of {number}"
                    )

    # As mathematics

    @cached_property
    def equations(self) -> tuple[sp.Eq, ...]:
        """The equations in SymPy, as written: `MatrixSymbol`, `HadamardProduct`, `applyfunc`.

        >>> Cell("h' = tanh(W @ x)").equations[0].lhs.shape
        (n, 1)
        """
        algebra = Algebra(self.program, self.sizes)
        return tuple(algebra.equation(e) for e in self.program.equations)

    def symbol(self, name: str) -> sp.MatrixSymbol | sp.Symbol:
        """The SymPy symbol of a name; "h'" is the next value of h."""
        bare = name.removesuffix("'")
        if bare not in self.sizes.shapes:
            raise ValueError(
                f"{self.name} has no name {name!r}; it has {', '.join(self.sizes.shapes)}"
            )
        return Algebra(self.program, self.sizes).symbol(bare, name.endswith("'"))

    def next_state(self, name: str = "") -> sp.MatrixExpr:
        r"""The next value of a state (by default the output state) in x, states and parameters.

        >>> step = Cell("a = W @ x\nh' = tanh(a + U @ h)").next_state()
        >>> sorted(map(str, step.atoms(sp.MatrixSymbol)))
        ['U', 'W', 'h', 'x']
        """
        state = name.removesuffix("'") or self.output
        if state not in self.states:
            raise ValueError(
                f"{self.name} has no state {state!r}; its states are {', '.join(self.states)}"
            )
        return Algebra(self.program, self.sizes).next_state(state)

    def latex(self) -> str:
        """The equations and all shapes as an aligned LaTeX block, without dollars."""
        return LatexWriter(self.program, self.sizes).aligned()

    # How it looks

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __repr__(self) -> str:
        return f"<Cell {self.name}: {self.count()} parameters>"

    def __str__(self) -> str:
        head = [f"{self.name}: {self.title}" if self.title != self.name else self.name]
        head += [f"source: {source}" for source in self.sources]
        lines = map(self.program.code, range(1, len(self.program.lines) + 1))
        return "\n".join([*head, "", *(f"    {line}" for line in lines if line)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def evaluate(
    formula: sp.Expr, sizes: Mapping[str, SizeValue], known: tuple[str, ...], owner: str
) -> SizeValue:
    """Put sizes, each a positive integer or a SymPy expression, into a formula."""
    values: dict[sp.Symbol, sp.Expr] = {}
    for name, value in sizes.items():
        if name not in known:
            raise ValueError(
                f"{owner} has no size {name}; its sizes are {', '.join(known) or 'fixed'}"
            )
        values[sp.Symbol(name)] = _size_value(name, value)
    result = formula.xreplace(values)
    return int(result) if result.is_Integer else sp.expand(result)


def _size_value(name: str, value: SizeValue) -> sp.Expr:
    if isinstance(value, sp.Expr) and not value.is_number:
        return value
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"{name} must be a positive integer, not {value!r}")
    return sp.Integer(number)


def _total(parameters: Iterable[Parameter]) -> sp.Expr:
    return sp.expand(sp.Add(*(p.count for p in parameters)))


def _heading(text: str) -> list[str]:
    """The comment lines before the first line that is not one, without their signs."""
    notes: list[str] = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        # A comment may hold anything; a title must not reach a terminal's controls.
        note = "".join(c for c in line if c.isprintable()).strip().lstrip("#").strip()
        if note:
            notes.append(note)
    return notes
