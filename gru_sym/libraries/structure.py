"""Where the reset acts, what the update gate keeps, how the gates lie: read off the equations."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from gru_sym.cells import Cell
from gru_sym.language.syntax import (
    Equation,
    Expression,
    MatrixProduct,
    Minus,
    Name,
    Number,
    Plus,
    Times,
    applies_function,
    names,
    walk,
)
from gru_sym.libraries.layout_text import Form
from gru_sym.proved import read_back
from gru_sym.rewriting import mapped, put_in
from gru_sym.roles import INPUT_KERNEL

BEFORE, AFTER = "before", "after"


def reset_side(cell: Cell) -> str:
    """Whether a gate multiplies the state before or after the recurrent kernel does.

    >>> from gru_sym import cell
    >>> [reset_side(cell(i)) for i in ("gru.keras", "gru.keras_reset_before", "lstm.keras")]
    ['after', 'before', '']
    """
    return next((side for side, _ in _resets(cell)), "")


def update_keeps(cell: Cell) -> str:
    """Whether the update gate multiplies the "old" state or the "new" candidate; "" for none.

    >>> from gru_sym import cell
    >>> update_keeps(cell("gru.pytorch")), update_keeps(cell("rnn.elman"))
    ('old', '')
    """
    return _update(cell)[1]


def gate_letters(cell: Cell) -> dict[str, str]:
    """One letter for each gate: r, z and n for a GRU's reset, update and candidate.

    >>> from gru_sym import cell
    >>> gate_letters(cell("gru.keras"))
    {'z': 'z', 'r': 'r', 'h_tilde': 'n'}

    In other cells a gate has the name that it has in the equations.
    """
    gates = dict.fromkeys(p.gate for p in cell.parameters if p.role == INPUT_KERNEL)
    letters = {gate: gate.removesuffix("'") for gate in gates}
    update, reset = _update(cell)[0], next((gate for _, gate in _resets(cell)), "")
    if update and reset:
        letters |= {update: "z", reset: "r"}
        letters |= {gate: "n" for gate in gates if gate not in (update, reset)}
    return letters


def gate_order(form: Form, cell: Cell) -> str:
    """In which order the gates lie in the tensor with the input kernels; "apart" for tensors each.

    >>> from gru_sym.libraries.layout import layout
    >>> keras = layout("keras").layer("GRU")
    >>> gate_order(keras.form, keras.layer.cell)
    'z r n'
    """
    letters = gate_letters(cell)
    gates = {p.name: letters.get(p.gate, p.gate) for p in cell.parameters}
    if len(letters) < 2:
        return ""
    kernels = {p.name for p in cell.parameters if p.role == INPUT_KERNEL}
    blocks = [
        [gates[block.parameter] for block in row]
        for line in form.lines
        for row in line.rows
        if kernels & {block.parameter for block in row}
    ]
    return " ".join(blocks[0]) if len(blocks) == 1 else "apart"


def reset_moved(cell: Cell) -> Cell | None:
    """The cell with its reset on the other side of the recurrent kernel; None without a reset.

    >>> from gru_sym import cell
    >>> from gru_sym.transform import text
    >>> print(text(reset_moved(cell("gru.keras_reset_before"))).splitlines()[2])
    h_tilde = tanh(W_h @ x + r * (U_h @ h) + b_h)
    """
    found = dict(_resets(cell))
    if not found:
        return None

    def moved(expression: Expression) -> Expression:
        match expression:
            case MatrixProduct(left=left, right=Times(factors=factors), place=place) if _reset_in(
                expression, cell
            ):
                state = next(f for f in factors if _is_state(f, cell))
                gates = tuple(f for f in factors if f is not state)
                return Times((*gates, MatrixProduct(left, state, place)), place)
            case Times(factors=(Name() as gate, late), place=place) if _reset_in(expression, cell):
                return mapped(late, lambda e: _gated(e, gate, cell))
        return expression

    program = cell.program
    equations = [Equation(e.target, mapped(e.expression, moved)) for e in program.equations]
    title = f"{cell.name} with its reset on the other side"
    return read_back(title, title, equations, program.declarations)


def _gated(expression: Expression, gate: Name, cell: Cell) -> Expression:
    match expression:
        case MatrixProduct(left=left, right=Name() as state, place=place) if _is_state(state, cell):
            return MatrixProduct(left, Times((gate, state), place), place)
    return expression


def _is_state(expression: Expression, cell: Cell) -> bool:
    return (
        isinstance(expression, Name)
        and not expression.primed
        and expression.name in cell.program.states
    )


def _reset_in(expression: Expression, cell: Cell) -> tuple[str, str] | None:
    """The side and the gate, if this product is one of a gate and a state or its product."""
    gates = {e.target.name for e in cell.program.equations if applies_function(e.expression)}

    def gate(factors: tuple[Expression, ...]) -> str | None:
        return next((f.name for f in factors if isinstance(f, Name) and f.name in gates), None)

    match expression:
        case MatrixProduct(right=Times(factors=factors)) if any(
            _is_state(f, cell) for f in factors
        ):
            found = gate(factors)
            return (BEFORE, found) if found else None
        case Times(factors=factors) if any(_has_recurrence(f, cell) for f in factors):
            found = gate(factors)
            return (AFTER, found) if found else None
    return None


def _has_recurrence(expression: Expression, cell: Cell) -> bool:
    """Whether a matrix multiplies a state in it, outside of any function."""
    match expression:
        case MatrixProduct(right=right):
            return _is_state(right, cell)
        case Plus(terms=parts) | Times(factors=parts):
            return any(_has_recurrence(part, cell) for part in parts)
    return False


def _resets(cell: Cell) -> Iterator[tuple[str, str]]:
    for part in (part for e in cell.program.equations for part in walk(e.expression)):
        if found := _reset_in(part, cell):
            yield found


def _update(cell: Cell) -> tuple[str, str]:
    """The gate that shares out the next state, and whether it multiplies the old one or the new."""
    program, state = cell.program, cell.output
    if len(program.states) > 1:
        return "", ""
    expression = program.equation_of[state].expression
    plain = {e.target.name: e.expression for e in program.equations if not e.target.primed}
    plain = {name: tree for name, tree in plain.items() if not applies_function(tree)}
    try:
        share = sp.expand(sp.diff(_scalar(put_in(expression, plain)), sp.Symbol(state)))
    except ValueError:
        return "", ""
    for name in dict.fromkeys(n.name for n in names(expression) if n.name != state):
        if share == sp.Symbol(name):
            return name, "old"
        if share == 1 - sp.Symbol(name):
            return name, "new"
    return "", ""


def _scalar(expression: Expression) -> sp.Expr:
    """One unit of an elementwise expression; `ValueError` for anything else."""
    match expression:
        case Name(name=name):
            return sp.Symbol(name)
        case Number(value=value):
            return sp.Rational(value)
        case Minus(operand=operand):
            return -_scalar(operand)
        case Plus(terms=terms):
            return sp.Add(*map(_scalar, terms))
        case Times(factors=factors):
            return sp.Mul(*map(_scalar, factors))
    raise ValueError("a matrix or a function is no elementwise sum or product")
